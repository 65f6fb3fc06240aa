/* text/decoder.c: how tokens become text again. */
#include "text/decoder.h"

#include "base/error.h"
#include "text/normalizer.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

static const char replacement_char[] = "\xEF\xBF\xBD";

void pieces_finish(struct pieces *p)
{
    text_finish(&p->bytes);
    free(p->ends);
    *p = (struct pieces){0};
}

/* Ends the piece that has been appended to p->bytes. */
static void close_piece(struct pieces *p)
{
    if (p->n == p->capacity) {
        size_t n = p->capacity ? p->capacity * 2 : 64;
        size_t *ends = reallocarray(p->ends, n, sizeof(*ends));
        if (!ends) {
            p->failed = true;
            return;
        }
        p->ends = ends;
        p->capacity = n;
    }
    p->ends[p->n++] = p->bytes.size;
}

void pieces_put(struct pieces *p, const char *bytes, size_t size)
{
    text_append_bytes(&p->bytes, bytes, size);
    close_piece(p);
}

static const char *piece_at(const struct pieces *p, size_t i, size_t *size)
{
    size_t begin = i > 0 ? p->ends[i - 1] : 0;
    *size = p->ends[i] - begin;
    return text_cstr(&p->bytes) + begin;
}

/* ---- replacing in a text ---- */

static void append_replaced(struct text *out, const char *text, size_t size, const char *what,
                            const char *with)
{
    size_t length = strlen(what);

    while (length > 0 && size > 0) {
        const char *hit = memmem(text, size, what, length);
        if (!hit)
            break;
        text_append_bytes(out, text, (size_t)(hit - text));
        text_append(out, with);
        size -= (size_t)(hit - text) + length;
        text = hit + length;
    }
    text_append_bytes(out, text, size);
}

void clean_up_spaces(struct text *text, bool wordpiece)
{
    // clang-format off
    static const struct {
        const char *what, *with;
        bool wordpiece_only;
    } rules[] = {
        {" .", ".", false}, {" ?", "?", false}, {" !", "!", false}, {" ,", ",", false},
        {" ' ", "'", false}, {" n't", "n't", false}, {" 'm", "'m", false},
        {" do not", " don't", true}, {" 's", "'s", false}, {" 've", "'ve", false},
        {" 're", "'re", false},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct text next = {0};
        if (text->size == 0 || (rules[i].wordpiece_only && !wordpiece) ||
            !memmem(text->data, text->size, rules[i].what, strlen(rules[i].what)))
            continue;
        append_replaced(&next, text->data, text->size, rules[i].what, rules[i].with);
        next.failed = next.failed || text->failed;
        text_finish(text);
        *text = next;
    }
}

/* ---- the kinds: each reads all of `in` and fills `out` ---- */

/* The bytes that a piece's characters stand for, or the piece as it is. */
static void put_raw_bytes(struct text *out, const char *piece, size_t size)
{
    for (size_t at = 0; at < size; at += utf8_length((unsigned char)piece[at])) {
        if (byte_level_byte(utf8_get(piece + at)) < 0) {
            text_append_bytes(out, piece, size);
            return;
        }
    }
    for (size_t at = 0; at < size; at += utf8_length((unsigned char)piece[at]))
        text_append_char(out, (char)byte_level_byte(utf8_get(piece + at)));
}

/* Bytes as text; what is no UTF-8 becomes U+FFFD. */
static void put_lossy(struct text *out, const char *bytes, size_t size)
{
    while (size > 0) {
        size_t good = utf8_validate(bytes, size);
        text_append_bytes(out, bytes, good);
        bytes += good;
        size -= good;
        if (size > 0) {
            size_t bad = utf8_invalid_length(bytes, size);
            text_append(out, replacement_char);
            bytes += bad;
            size -= bad;
        }
    }
}

static void byte_level(const struct pieces *in, struct pieces *out)
{
    struct text raw = {0};
    size_t size;

    for (size_t i = 0; i < in->n; i++) {
        const char *piece = piece_at(in, i, &size);
        put_raw_bytes(&raw, piece, size);
    }
    put_lossy(&out->bytes, text_cstr(&raw), raw.size);
    close_piece(out);
    out->failed = out->failed || raw.failed;
    text_finish(&raw);
}

static void put_cleaned(struct text *piece, bool cleanup, struct pieces *out)
{
    if (cleanup)
        clean_up_spaces(piece, true);
    pieces_put(out, text_cstr(piece), piece->size);
    out->failed = out->failed || piece->failed;
    text_finish(piece);
}

static void wordpiece(const struct decoder *d, const struct pieces *in, struct pieces *out)
{
    size_t prefix = strlen(d->content), size;

    for (size_t i = 0; i < in->n; i++) {
        struct text piece = {0};
        const char *from = piece_at(in, i, &size);
        bool goes_on = i > 0 && size >= prefix && memcmp(from, d->content, prefix) == 0;
        if (i > 0 && !goes_on)
            text_append_char(&piece, ' ');
        text_append_bytes(&piece, from + (goes_on ? prefix : 0), size - (goes_on ? prefix : 0));
        put_cleaned(&piece, d->cleanup, out);
    }
}

static void metaspace(const struct decoder *d, const struct pieces *in, struct pieces *out)
{
    size_t size;

    for (size_t i = 0; i < in->n; i++) {
        const char *from = piece_at(in, i, &size);
        append_replaced(&out->bytes, from, size, d->content, i == 0 && d->prefix_space ? "" : " ");
        close_piece(out);
    }
}

static void bpe(const struct decoder *d, const struct pieces *in, struct pieces *out)
{
    size_t size;

    for (size_t i = 0; i < in->n; i++) {
        const char *from = piece_at(in, i, &size);
        append_replaced(&out->bytes, from, size, d->content, i + 1 < in->n ? " " : "");
        close_piece(out);
    }
}

static void ctc(const struct decoder *d, const struct pieces *in, struct pieces *out)
{
    size_t size, last_size = 0;
    const char *last = NULL;

    for (size_t i = 0; i < in->n; i++) {
        struct text piece = {0}, spaced = {0};
        const char *from = piece_at(in, i, &size);
        bool again = last && size == last_size && memcmp(from, last, size) == 0;
        last = from;
        last_size = size;
        if (again)
            continue;
        append_replaced(&piece, from, size, d->pad, "");
        if (d->cleanup) {
            clean_up_spaces(&piece, true);
            append_replaced(&spaced, text_cstr(&piece), piece.size, d->delimiter, " ");
            text_finish(&piece);
            piece = spaced;
        }
        if (piece.size > 0)
            pieces_put(out, text_cstr(&piece), piece.size);
        out->failed = out->failed || piece.failed;
        text_finish(&piece);
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

bool is_byte_piece(const char *piece, size_t size, unsigned char *byte)
{
    if (size != 6 || memcmp(piece, "<0x", 3) != 0 || piece[5] != '>' || hex_digit(piece[3]) < 0 ||
        hex_digit(piece[4]) < 0)
        return false;
    *byte = (unsigned char)(hex_digit(piece[3]) << 4 | hex_digit(piece[4]));
    return true;
}

/* A run of bytes is text, or as many U+FFFD as it has bytes. */
static void put_run(struct text *run, struct pieces *out)
{
    if (run->size == 0)
        return;
    if (utf8_validate(run->data, run->size) == run->size)
        pieces_put(out, run->data, run->size);
    else
        for (size_t i = 0; i < run->size; i++)
            pieces_put(out, replacement_char, 3);
    out->failed = out->failed || run->failed;
    text_clear(run);
}

static void byte_fallback(const struct pieces *in, struct pieces *out)
{
    struct text run = {0};
    unsigned char byte;
    size_t size;

    for (size_t i = 0; i < in->n; i++) {
        const char *piece = piece_at(in, i, &size);
        if (is_byte_piece(piece, size, &byte)) {
            text_append_char(&run, (char)byte);
            continue;
        }
        put_run(&run, out);
        pieces_put(out, piece, size);
    }
    put_run(&run, out);
    text_finish(&run);
}

static void fuse(const struct pieces *in, struct pieces *out)
{
    pieces_put(out, text_cstr(&in->bytes), in->bytes.size);
}

static void strip(const struct decoder *d, const struct pieces *in, struct pieces *out)
{
    size_t length = strlen(d->content), size;

    for (size_t i = 0; i < in->n; i++) {
        const char *piece = piece_at(in, i, &size);
        for (int64_t n = 0; n < d->start && size >= length; n++) {
            if (memcmp(piece, d->content, length) != 0)
                break;
            piece += length;
            size -= length;
        }
        for (int64_t n = 0; n < d->stop && size >= length; n++) {
            if (memcmp(piece + size - length, d->content, length) != 0)
                break;
            size -= length;
        }
        pieces_put(out, piece, size);
    }
}

static corbel_status replace(const struct decoder *d, const struct pieces *in, struct pieces *out,
                             struct pattern_room *room, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    size_t size;

    for (size_t i = 0; i < in->n && status == CORBEL_OK; i++) {
        const char *piece = piece_at(in, i, &size);
        struct pattern_match match;
        bool found = false;
        size_t done = 0;
        for (size_t at = 0; at <= size && status == CORBEL_OK;) {
            status = pattern_find(&d->pattern, room, piece, size, at, &match, &found, err);
            if (!found)
                break;
            text_append_bytes(&out->bytes, piece + done, match.begin - done);
            text_append(&out->bytes, d->content);
            done = at = match.end;
            if (match.end == match.begin)
                at += at < size ? utf8_length((unsigned char)piece[at]) : 1;
        }
        text_append_bytes(&out->bytes, piece + done, size - done);
        close_piece(out);
    }
    return status;
}

static corbel_status run_one(const struct decoder *d, const struct pieces *in, struct pieces *out,
                             corbel_error *err)
{
    struct pattern_room room;
    corbel_status status = CORBEL_OK;

    switch (d->kind) {
    case DECODE_BYTE_LEVEL: byte_level(in, out); break;
    case DECODE_WORDPIECE: wordpiece(d, in, out); break;
    case DECODE_METASPACE: metaspace(d, in, out); break;
    case DECODE_BPE: bpe(d, in, out); break;
    case DECODE_CTC: ctc(d, in, out); break;
    case DECODE_BYTE_FALLBACK: byte_fallback(in, out); break;
    case DECODE_FUSE: fuse(in, out); break;
    case DECODE_STRIP: strip(d, in, out); break;
    case DECODE_REPLACE:
        status = pattern_room_init(&room, err);
        if (status == CORBEL_OK)
            status = replace(d, in, out, &room, err);
        if (room.match)
            pattern_room_finish(&room);
        break;
    }
    return status;
}

static void join_with_spaces(const struct pieces *in, struct text *out)
{
    size_t size;

    for (size_t i = 0; i < in->n; i++) {
        const char *piece = piece_at(in, i, &size);
        if (i > 0)
            text_append_char(out, ' ');
        text_append_bytes(out, piece, size);
    }
}

corbel_status decoders_run(const struct decoders *list, struct pieces *from, struct text *out,
                           corbel_error *err)
{
    corbel_status status = CORBEL_OK;

    for (size_t i = 0; i < list->n && status == CORBEL_OK; i++) {
        struct pieces next = {0};
        status = run_one(&list->items[i], from, &next, err);
        next.failed = next.failed || from->failed || from->bytes.failed;
        pieces_finish(from);
        *from = next;
    }
    if (list->none)
        join_with_spaces(from, out);
    else if (from->bytes.size > 0)
        text_append_bytes(out, from->bytes.data, from->bytes.size);
    if (status == CORBEL_OK && (from->failed || from->bytes.failed || out->failed))
        status = error_memory(err, out->size, "a text");
    return status;
}
