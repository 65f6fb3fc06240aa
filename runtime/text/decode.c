/* text/decode.c: tokens to text, at once or as they come: corbel_decode and its stream. */
#include "base/error.h"
#include "text/parts.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

/* The piece that is decoded for an id; NULL: it is left out. */
static const char *spoken_piece(const corbel_tokenizer *t, int32_t id, bool skip_special,
                                size_t *size)
{
    const struct added_token *added = added_by_id(&t->added, id);

    if (added && added->special && skip_special)
        return NULL;
    return tokenizer_piece(t, id, size);
}

static corbel_status decode_ids(const corbel_tokenizer *t, const int32_t *ids, size_t n,
                                bool skip_special, struct text *out, corbel_error *err)
{
    struct pieces pieces = {0};
    size_t size;

    for (size_t i = 0; i < n; i++) {
        const char *piece = spoken_piece(t, ids[i], skip_special, &size);
        if (piece)
            pieces_put(&pieces, piece, size);
    }
    corbel_status status = decoders_run(&t->decoders, &pieces, out, err);
    pieces_finish(&pieces);
    return status;
}

corbel_status tokenizer_decode(const corbel_tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                               bool skip_special, struct text *out, corbel_error *err)
{
    struct text decoded = {0};
    corbel_status status = decode_ids(tokenizer, ids, n_ids, skip_special, &decoded, err);

    if (status == CORBEL_OK && tokenizer->decoders.clean_up)
        clean_up_spaces(&decoded, false);
    text_append_bytes(out, text_cstr(&decoded), decoded.size);
    if (status == CORBEL_OK && (decoded.failed || out->failed))
        status = error_memory(err, decoded.size, "a text");
    text_finish(&decoded);
    return status;
}

corbel_status tokenizer_join(const corbel_tokenizer *tokenizer, const struct piece_text *pieces,
                             size_t n, struct text *out, corbel_error *err)
{
    struct pieces list = {0};

    for (size_t i = 0; i < n; i++)
        pieces_put(&list, pieces[i].bytes, pieces[i].size);
    corbel_status status = decoders_run(&tokenizer->decoders, &list, out, err);
    pieces_finish(&list);
    return status;
}

corbel_status corbel_decode_sized(const corbel_tokenizer *tokenizer, const int32_t *ids,
                                  size_t n_ids, bool skip_special, char **text, size_t *size,
                                  corbel_error *err)
{
    struct text out = {0};

    if (!tokenizer || !text || (!ids && n_ids > 0))
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_decode needs a tokenizer and ids");
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

corbel_status corbel_decode(const corbel_tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                            bool skip_special, char **text, corbel_error *err)
{
    size_t size;

    return corbel_decode_sized(tokenizer, ids, n_ids, skip_special, text, &size, err);
}

/* ---- streams ----
 *
 * The stream keeps a window of ids: `n_said` that are said already and give the context, and those
 * whose text is not certain yet. What is new is the window's text less the context's text. Where
 * the text at the window's end may still change (a character that is not complete, a run of byte
 * tokens, which is text only as a whole) it waits. */

enum stream_mode {
    STREAM_PLAIN, /* a token never changes what is before it */
    STREAM_BYTES, /* the last character may be incomplete */
    STREAM_RUNS,  /* byte tokens count only as a whole run */
    STREAM_LATE,  /* anything may change anything: all is said at the end */
};

struct corbel_decode_stream {
    const corbel_tokenizer *tokenizer;
    bool skip_special;
    enum stream_mode mode;
    int32_t *ids;
    size_t n, n_said, capacity;
    struct text raw;  /* text not yet cleaned up, where it is to be */
    struct text text; /* what the last call returned */
    size_t said;      /* bytes of it */
};

static enum stream_mode mode_of(const struct decoders *list)
{
    enum stream_mode mode = STREAM_PLAIN;
    bool fused = false;

    for (size_t i = 0; i < list->n; i++) {
        const struct decoder *d = &list->items[i];
        if ((d->kind == DECODE_REPLACE && fused) || (d->kind == DECODE_STRIP && d->stop > 0))
            return STREAM_LATE;
        if (d->kind == DECODE_BYTE_LEVEL)
            mode = STREAM_BYTES;
        if (d->kind == DECODE_BYTE_FALLBACK)
            mode = STREAM_RUNS;
        fused = fused || d->kind == DECODE_FUSE || d->kind == DECODE_BYTE_LEVEL;
    }
    return mode;
}

corbel_status corbel_decode_stream_create(const corbel_tokenizer *tokenizer, bool skip_special,
                                          corbel_decode_stream **stream, corbel_error *err)
{
    if (!tokenizer || !stream)
        return error_set(err, CORBEL_E_ARGUMENT, "a decode stream needs a tokenizer");
    *stream = calloc(1, sizeof(**stream));
    if (!*stream)
        return error_memory(err, sizeof(**stream), "a decode stream");
    **stream = (corbel_decode_stream){.tokenizer = tokenizer,
                                      .skip_special = skip_special,
                                      .mode = mode_of(&tokenizer->decoders)};
    return CORBEL_OK;
}

void corbel_decode_stream_destroy(corbel_decode_stream **stream)
{
    if (!stream || !*stream)
        return;
    free((*stream)->ids);
    text_finish(&(*stream)->raw);
    text_finish(&(*stream)->text);
    free(*stream);
    *stream = NULL;
}

/* Bytes of the window's pieces, to see whether the last character is complete. */
static bool ends_inside_character(const corbel_decode_stream *s)
{
    struct text raw = {0};
    size_t size = 0;

    for (size_t i = 0; i < s->n; i++) {
        const char *piece = tokenizer_piece(s->tokenizer, s->ids[i], &size);
        bool mapped = true;
        size_t from = raw.size;
        for (size_t at = 0; at < size && mapped; at += utf8_length((unsigned char)piece[at])) {
            int byte = byte_level_byte(utf8_get(piece + at));
            mapped = byte >= 0;
            text_append_char(&raw, (char)byte);
        }
        if (!mapped && !raw.failed) {
            raw.size = from;
            text_append_bytes(&raw, piece, size);
        }
    }
    bool inside = raw.size > 0 && utf8_incomplete_tail(raw.data, raw.size) > 0;
    text_finish(&raw);
    return inside;
}

static bool is_certain(const corbel_decode_stream *s)
{
    unsigned char byte;
    size_t size = 0;

    switch (s->mode) {
    case STREAM_PLAIN: return true;
    case STREAM_LATE: return false;
    case STREAM_BYTES: return !ends_inside_character(s);
    case STREAM_RUNS: {
        const char *piece = tokenizer_piece(s->tokenizer, s->ids[s->n - 1], &size);
        return !piece || !is_byte_piece(piece, size, &byte);
    }
    }
    return true;
}

/* The context shrinks to the fewest last tokens that are text: rules for a text's beginning (a
 * space that is stripped) have then done what they do before what is new. */
static corbel_status shrink(corbel_decode_stream *s, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    size_t keep = 1;

    for (; keep < s->n && status == CORBEL_OK; keep++) {
        struct text tail = {0};
        status = decode_ids(s->tokenizer, s->ids + s->n - keep, keep, s->skip_special, &tail, err);
        bool is_text = tail.size > 0;
        text_finish(&tail);
        if (is_text)
            break;
    }
    if (status == CORBEL_OK && keep < s->n) {
        memmove(s->ids, s->ids + s->n - keep, keep * sizeof(*s->ids));
        s->n = keep;
    }
    s->n_said = s->n;
    return status;
}

/* Where cleaned text can be cut: in front of a space that no rule could have reached from before
 * it (the only rule with a space at its end is " ' "). */
static size_t clean_cut(const struct text *raw)
{
    for (size_t i = raw->size; i-- > 1;)
        if (raw->data[i] == ' ' && raw->data[i - 1] != ' ' && raw->data[i - 1] != '\'')
            return i;
    return 0;
}

static corbel_status say(corbel_decode_stream *s, const char *more, size_t size, bool last,
                         const char **text, corbel_error *err)
{
    text_clear(&s->text);
    if (!s->tokenizer->decoders.clean_up) {
        text_append_bytes(&s->text, more, size);
    } else {
        text_append_bytes(&s->raw, more, size);
        size_t cut = last ? s->raw.size : clean_cut(&s->raw);
        if (cut > 0 && !s->raw.failed) {
            text_append_bytes(&s->text, s->raw.data, cut);
            memmove(s->raw.data, s->raw.data + cut, s->raw.size - cut);
            s->raw.size -= cut;
            clean_up_spaces(&s->text, false);
        }
    }
    *text = text_cstr(&s->text);
    s->said = s->text.size;
    return s->text.failed || s->raw.failed ? error_memory(err, size, "a text") : CORBEL_OK;
}

/* Says what the window holds beyond what is said. */
static corbel_status say_window(corbel_decode_stream *s, bool last, const char **text,
                                corbel_error *err)
{
    struct text before = {0}, all = {0};
    corbel_status status =
        decode_ids(s->tokenizer, s->ids, s->n_said, s->skip_special, &before, err);

    if (status == CORBEL_OK)
        status = decode_ids(s->tokenizer, s->ids, s->n, s->skip_special, &all, err);
    if (status == CORBEL_OK) {
        size_t said = before.size < all.size ? before.size : all.size;
        status = say(s, text_cstr(&all) + said, all.size - said, last, text, err);
    }
    text_finish(&before);
    text_finish(&all);
    return status == CORBEL_OK ? shrink(s, err) : status;
}

corbel_status corbel_decode_stream_push(corbel_decode_stream *stream, int32_t id, const char **text,
                                        corbel_error *err)
{
    size_t size;

    if (!stream || !text)
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_decode_stream_push needs a stream");
    *text = "";
    stream->said = 0;
    if (!spoken_piece(stream->tokenizer, id, stream->skip_special, &size))
        return CORBEL_OK;
    if (stream->n == stream->capacity) {
        size_t n = stream->capacity ? stream->capacity * 2 : 16;
        int32_t *ids = reallocarray(stream->ids, n, sizeof(*ids));
        if (!ids)
            return error_memory(err, n * sizeof(*ids), "a decode stream");
        stream->ids = ids;
        stream->capacity = n;
    }
    stream->ids[stream->n++] = id;
    return is_certain(stream) ? say_window(stream, false, text, err) : CORBEL_OK;
}

corbel_status corbel_decode_stream_end(corbel_decode_stream *stream, const char **text,
                                       corbel_error *err)
{
    if (!stream || !text)
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_decode_stream_end needs a stream");
    corbel_status status = say_window(stream, true, text, err);
    stream->n = stream->n_said = 0; /* what follows is a text of its own */
    return status;
}

size_t tokenizer_stream_size(const corbel_decode_stream *stream)
{
    return stream->said;
}
