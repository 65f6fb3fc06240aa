/* text/encoding.c: the arrays that a caller gets. */
#include "text/parts.h"

#include <stdlib.h>

/* One array of the block: aligned to 16, so that any type may follow. */
static size_t array_size(size_t n, size_t item)
{
    return (n * item + 15) & ~(size_t)15;
}

corbel_encoding *encoding_create(size_t n)
{
    size_t head = array_size(1, sizeof(corbel_encoding));
    size_t size = head + array_size(n, sizeof(char *)) + array_size(n, 2 * sizeof(int64_t)) +
                  4 * array_size(n, sizeof(int32_t)) + 2 * array_size(n, 1);
    char *at = n > SIZE_MAX / 128 ? NULL : calloc(1, size);
    corbel_encoding *e = (corbel_encoding *)(void *)at;

    if (!e)
        return NULL;
    e->n = n;
    e->tokens = (const char **)(void *)(at += head);
    e->offsets = (int64_t(*)[2])(void *)(at += array_size(n, sizeof(char *)));
    e->ids = (int32_t *)(void *)(at += array_size(n, 2 * sizeof(int64_t)));
    e->type_ids = (int32_t *)(void *)(at += array_size(n, sizeof(int32_t)));
    e->sequence_ids = (int32_t *)(void *)(at += array_size(n, sizeof(int32_t)));
    e->word_ids = (int32_t *)(void *)(at += array_size(n, sizeof(int32_t)));
    e->special_tokens_mask = (uint8_t *)(at += array_size(n, sizeof(int32_t)));
    e->attention_mask = (uint8_t *)(at + array_size(n, 1));
    return e;
}

void encoding_set(corbel_encoding *e, size_t i, const struct encoding_item *item)
{
    e->ids[i] = item->id;
    e->tokens[i] = item->token;
    e->offsets[i][0] = item->begin;
    e->offsets[i][1] = item->end;
    e->type_ids[i] = item->type_id;
    e->sequence_ids[i] = item->sequence;
    e->word_ids[i] = item->word;
    e->special_tokens_mask[i] = item->special;
    e->attention_mask[i] = !item->padding;
}

void corbel_encoding_destroy(corbel_encoding **encoding)
{
    corbel_encoding *e = encoding ? *encoding : NULL;

    while (e) {
        corbel_encoding *next = e->overflow;
        free(e);
        e = next;
    }
    if (encoding)
        *encoding = NULL;
}
