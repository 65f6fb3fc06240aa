/* model/kept.c: see kept.h. */
#include "model/kept.h"

#include <stdlib.h>
#include <string.h>

int64_t kept_prefix(const struct kept *kept, const int32_t *prompt, int64_t n, bool whole)
{
    const int64_t most = kept->n < n - 1 ? kept->n : n - 1;
    int64_t i = 0;
    while (i < most && kept->tokens[i] == prompt[i])
        i++;
    return whole && i < kept->n ? 0 : i;
}

void kept_set(struct kept *kept, const int32_t *tokens, int64_t n)
{
    kept_forget(kept);
    if (n > kept->capacity) {
        int32_t *more = reallocarray(kept->tokens, (size_t)n, sizeof(*more));
        if (!more)
            return;
        kept->tokens = more;
        kept->capacity = n;
    }
    memcpy(kept->tokens, tokens, (size_t)n * sizeof(*tokens));
    kept->n = n;
}

void kept_forget(struct kept *kept)
{
    kept->n = 0;
}

void kept_finish(struct kept *kept)
{
    free(kept->tokens);
    *kept = (struct kept){0};
}
