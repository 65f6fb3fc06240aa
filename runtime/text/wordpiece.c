/* text/wordpiece.c: the longest piece that fits, again and again; BERT's model. */
#include "text/model.h"

#include "text/unicode.h"

#include <string.h>

/* Id of the longest piece that begins at `begin`, and where it ends; -1: none. What continues a
 * word has the prefix in front, which is why it is copied to `spelled`. */
static int32_t longest_piece(const struct model *m, char *spelled, size_t prefix_size,
                             const char *word, size_t begin, size_t size, size_t *end)
{
    size_t front = begin > 0 ? prefix_size : 0;
    size_t most = m->vocab.longest > front ? m->vocab.longest - front : 0;

    *end = size - begin > most ? begin + most : size;
    while (*end > begin && *end < size && utf8_is_continuation(word[*end]))
        --*end;
    memcpy(spelled + prefix_size, word + begin, *end - begin);
    const char *piece = spelled + prefix_size - front;
    while (*end > begin) {
        int32_t id = vocab_id(&m->vocab, piece, front + *end - begin);
        if (id >= 0)
            return id;
        do
            --*end;
        while (*end > begin && utf8_is_continuation(word[*end]));
    }
    return -1;
}

void wordpiece_encode(const struct model *m, struct model_room *room, const char *word, size_t size)
{
    const char *prefix = m->prefix ? m->prefix : "##";
    size_t prefix_size = strlen(prefix), first = room->n_tokens, begin = 0, end;

    if (!model_reserve(room, (void **)&room->bytes, &room->bytes_capacity,
                       prefix_size + m->vocab.longest + 4, 1))
        return;
    memcpy(room->bytes, prefix, prefix_size);
    if ((int64_t)utf8_count(word, size) > m->max_chars) {
        model_put(room, m->unk, 0, size);
        return;
    }
    while (begin < size) {
        int32_t id = longest_piece(m, room->bytes, prefix_size, word, begin, size, &end);
        if (id < 0) { /* one part unknown: all of it is */
            room->n_tokens = first;
            model_put(room, m->unk, 0, size);
            return;
        }
        model_put(room, id, begin, end);
        begin = end;
    }
}
