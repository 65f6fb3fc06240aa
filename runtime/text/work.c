/* text/work.c: a text on its way from characters to tokens. */
#include "text/work.h"

#include "base/error.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

static void out_of_memory(struct work *w, size_t size)
{
    if (w->status == CORBEL_OK)
        w->status = error_memory(w->err, size, "a text being tokenized");
}

void work_begin(struct work *w, const char *text, size_t size, corbel_error *err)
{
    w->original = w->text = text;
    w->original_size = size;
    w->spans = NULL;
    w->n_pieces = w->n_next = 0;
    w->status = CORBEL_OK;
    w->err = err;

    struct piece whole = {
        .end = (uint32_t)size, .original = {0, (uint32_t)size}, .token = PIECE_TEXT};
    split_begin(w);
    split_text(w, &whole, 0, size);
    split_end(w);
}

void work_finish(struct work *w)
{
    free(w->front.bytes);
    free(w->front.spans);
    free(w->back.bytes);
    free(w->back.spans);
    free(w->pieces);
    free(w->next);
    *w = (struct work){0};
}

/* The character of the original around byte `at`. */
static struct span character_at(const struct work *w, size_t at)
{
    size_t begin = at;

    while (begin > 0 && utf8_is_continuation(w->original[begin]))
        begin--;
    return (struct span){(uint32_t)begin,
                         (uint32_t)(begin + utf8_length((unsigned char)w->original[begin]))};
}

static struct span span_at(const struct work *w, size_t at)
{
    return w->spans ? w->spans[at] : character_at(w, at);
}

struct span work_original(const struct work *w, const struct piece *from, size_t begin, size_t end)
{
    if (begin >= end) { /* as the library has it: an empty range is left unmapped */
        uint32_t at = from->original.begin + (uint32_t)(begin - from->begin);
        return (struct span){at, at};
    }
    return (struct span){span_at(w, begin).begin, span_at(w, end - 1).end};
}

/* ---- splitting ---- */

void split_begin(struct work *w)
{
    w->n_next = 0;
}

static void push(struct work *w, struct piece piece)
{
    if (w->status != CORBEL_OK)
        return;
    if (w->n_next == w->next_capacity) {
        size_t n = w->next_capacity ? w->next_capacity * 2 : 256;
        struct piece *grown = reallocarray(w->next, n, sizeof(*grown));
        if (!grown) {
            out_of_memory(w, n * sizeof(*grown));
            return;
        }
        w->next = grown;
        w->next_capacity = n;
    }
    w->next[w->n_next++] = piece;
}

void split_text(struct work *w, const struct piece *from, size_t begin, size_t end)
{
    if (begin >= end)
        return;
    push(w, (struct piece){.begin = (uint32_t)begin,
                           .end = (uint32_t)end,
                           .original = work_original(w, from, begin, end),
                           .token = PIECE_TEXT});
}

void split_token(struct work *w, const struct piece *from, size_t begin, size_t end, int32_t token)
{
    push(w, (struct piece){.begin = (uint32_t)begin,
                           .end = (uint32_t)end,
                           .original = work_original(w, from, begin, end),
                           .token = token});
}

void split_keep(struct work *w, const struct piece *piece)
{
    if (piece->token != PIECE_TEXT || piece->begin < piece->end)
        push(w, *piece);
}

void split_end(struct work *w)
{
    struct piece *pieces = w->pieces;
    size_t capacity = w->pieces_capacity;

    w->pieces = w->next;
    w->n_pieces = w->n_next;
    w->pieces_capacity = w->next_capacity;
    w->next = pieces;
    w->next_capacity = capacity;
    w->n_next = 0;
}

/* ---- rewriting ---- */

void rewrite_begin(struct work *w)
{
    w->back.size = 0;
}

static bool reserve(struct work *w, size_t more)
{
    struct buffer *b = &w->back;

    if (w->status != CORBEL_OK)
        return false;
    if (b->capacity - b->size >= more)
        return true;

    size_t n = (b->size + more) * 2 + 1024;
    char *bytes = n > UINT32_MAX ? NULL : realloc(b->bytes, n);
    if (bytes)
        b->bytes = bytes;
    struct span *spans = bytes ? reallocarray(b->spans, n, sizeof(*spans)) : NULL;
    if (!spans) {
        out_of_memory(w, n);
        return false;
    }
    b->spans = spans;
    b->capacity = n;
    return true;
}

void rewrite_piece(struct work *w, size_t i, size_t skip_chars)
{
    w->reading = &w->pieces[i];
    w->at = w->read_begin = w->reading->begin;
    for (; skip_chars > 0 && w->at < w->reading->end; skip_chars--)
        w->at += utf8_length((unsigned char)w->text[w->at]);
    /* The piece's new beginning; its end is known when it is done. */
    w->pieces[i].begin = (uint32_t)w->back.size;
}

static void append(struct work *w, const char *bytes, size_t size, struct span span)
{
    if (size == 0 || !reserve(w, size))
        return;
    memcpy(w->back.bytes + w->back.size, bytes, size);
    for (size_t i = 0; i < size; i++)
        w->back.spans[w->back.size + i] = span;
    w->back.size += size;
}

static struct span span_before(const struct work *w)
{
    return w->at > w->read_begin
               ? span_at(w, w->at - 1)
               : (struct span){w->reading->original.begin, w->reading->original.begin};
}

void rewrite_put(struct work *w, uint32_t c, int change)
{
    char bytes[4];
    size_t size = utf8_put(bytes, c);

    if (change > 0) {
        append(w, bytes, size, span_before(w));
        return;
    }
    if (w->at >= w->reading->end) { /* more characters than there are to replace */
        append(w, bytes, size, span_before(w));
        return;
    }
    append(w, bytes, size, span_at(w, w->at));
    for (int n = change; n <= 0 && w->at < w->reading->end; n++)
        w->at += utf8_length((unsigned char)w->text[w->at]);
}

void rewrite_copy(struct work *w, size_t size)
{
    if (size == 0 || !reserve(w, size))
        return;
    memcpy(w->back.bytes + w->back.size, w->text + w->at, size);
    struct span *out = w->back.spans + w->back.size;
    if (w->spans) {
        memcpy(out, w->spans + w->at, size * sizeof(*out));
    } else {
        for (size_t i = 0; i < size;) {
            size_t n = utf8_length((unsigned char)w->text[w->at + i]);
            struct span span = {(uint32_t)(w->at + i), (uint32_t)(w->at + i + n)};
            for (; n > 0 && i < size; n--)
                out[i++] = span;
        }
    }
    w->back.size += size;
    w->at += size;
}

void rewrite_replace(struct work *w, size_t replaced, const char *text, size_t size)
{
    w->at += replaced;
    append(w, text, size, span_before(w));
}

void rewrite_piece_end(struct work *w, size_t i)
{
    w->pieces[i].end = (uint32_t)w->back.size;
}

void rewrite_end(struct work *w)
{
    struct buffer front = w->front;

    if (w->status != CORBEL_OK)
        return;
    w->front = w->back;
    w->back = front;
    w->text = w->front.bytes;
    w->spans = w->front.spans;
    /* What has become empty is a piece no more. */
    size_t n = 0;
    for (size_t i = 0; i < w->n_pieces; i++)
        if (w->pieces[i].token != PIECE_TEXT || w->pieces[i].begin < w->pieces[i].end)
            w->pieces[n++] = w->pieces[i];
    w->n_pieces = n;
}
