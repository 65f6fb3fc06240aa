/* model/kept.h: the tokens whose keys, values and states a session still has from a generation, so
 * that a prompt that begins with them need not be run from its start. */
#ifndef MODEL_KEPT_H
#define MODEL_KEPT_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: nothing is kept. */
struct kept {
    int32_t *tokens; /* [n]: token i stands in column i of the caches; malloc'ed */
    int64_t n, capacity;
};

/* How many of the first tokens of prompt [n] are kept ones and need not be run. The last token of
 * a prompt always is: it makes the logits. `whole`: what is kept can't be set back, so that it is
 * of use from its end only. */
int64_t kept_prefix(const struct kept *kept, const int32_t *prompt, int64_t n, bool whole);

/* From now on `tokens` are kept; or none, if there is no memory to note them. */
void kept_set(struct kept *kept, const int32_t *tokens, int64_t n);
void kept_forget(struct kept *kept);
void kept_finish(struct kept *kept);

#endif
