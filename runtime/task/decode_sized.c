/* task/decode_sized.c: corbel_decode for a text that may hold U+0000. */
#include "base/error.h"
#include "task/task.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

corbel_status corbel_decode_sized(const corbel_tokenizer *tokenizer, const int32_t *ids,
                                  size_t n_ids, bool skip_special, char **text, size_t *size,
                                  corbel_error *err)
{
    struct text out = {0};
    *text = NULL;
    *size = 0;
    corbel_status status = tokenizer_decode(tokenizer, ids, n_ids, skip_special, &out, err);
    if (status == CORBEL_OK) {
        *size = out.size;
        *text = out.data ? text_take(&out) : strdup("");
        if (!*text)
            status = error_memory(err, *size, "a text");
    }
    text_finish(&out);
    return status;
}
