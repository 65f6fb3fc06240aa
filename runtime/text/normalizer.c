/* text/normalizer.c: the rewriting steps. Each goes over all pieces that are no token. */
#include "text/normalizer.h"

#include "text/compose.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

/* ---- bytes as printable characters ---- */

uint32_t byte_level_char(unsigned char byte)
{
    if ((byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD))
        return byte;
    if (byte <= ' ')
        return 256u + byte;
    return byte == 0xAD ? 323u : 289u + (byte - 127u);
}

int byte_level_byte(uint32_t c)
{
    if ((c >= '!' && c <= '~') || (c >= 0xA1 && c <= 0xFF && c != 0xAD))
        return (int)c;
    if (c >= 256 && c <= 288)
        return (int)c - 256;
    if (c >= 289 && c < 323)
        return (int)c - 289 + 127;
    return c == 323 ? 0xAD : -1;
}

/* ---- a step over all characters ---- */

/* Puts what becomes of one character; the next one is given for those that drop what follows. */
typedef void (*put_char)(struct work *w, uint32_t c);

static void each_char(struct work *w, put_char put)
{
    rewrite_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (w->pieces[i].token != PIECE_TEXT)
            continue;
        size_t at = w->pieces[i].begin, end = w->pieces[i].end;
        rewrite_piece(w, i, 0);
        for (; at < end; at += utf8_length((unsigned char)w->text[at]))
            put(w, utf8_get(w->text + at));
        rewrite_piece_end(w, i);
    }
    rewrite_end(w);
}

/* Removes characters: each goes with the one kept before it, those in front with none. */
static void filter(struct work *w, bool (*drops)(uint32_t))
{
    rewrite_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (w->pieces[i].token != PIECE_TEXT)
            continue;
        size_t at = w->pieces[i].begin, end = w->pieces[i].end, skip = 0;
        while (at < end && drops(utf8_get(w->text + at))) {
            at += utf8_length((unsigned char)w->text[at]);
            skip++;
        }
        rewrite_piece(w, i, skip);
        while (at < end) {
            uint32_t kept = utf8_get(w->text + at);
            int dropped = 0;
            at += utf8_length((unsigned char)w->text[at]);
            for (; at < end && drops(utf8_get(w->text + at)); dropped++)
                at += utf8_length((unsigned char)w->text[at]);
            rewrite_put(w, kept, -dropped);
        }
        rewrite_piece_end(w, i);
    }
    rewrite_end(w);
}

static bool any_char(const struct work *w, bool (*test)(uint32_t))
{
    for (size_t i = 0; i < w->n_pieces; i++) {
        const struct piece *p = &w->pieces[i];
        if (p->token != PIECE_TEXT)
            continue;
        for (size_t at = p->begin; at < p->end; at += utf8_length((unsigned char)w->text[at]))
            if (test(utf8_get(w->text + at)))
                return true;
    }
    return false;
}

static void filter_if_needed(struct work *w, bool (*drops)(uint32_t))
{
    if (any_char(w, drops))
        filter(w, drops);
}

/* ---- the steps ---- */

static void put_byte_level(struct work *w, uint32_t c)
{
    char bytes[4];
    size_t n = utf8_put(bytes, c);

    for (size_t i = 0; i < n; i++)
        rewrite_put(w, byte_level_char((unsigned char)bytes[i]), i > 0);
}

void normalize_byte_level(struct work *w)
{
    each_char(w, put_byte_level);
}

static void put_lowercase(struct work *w, uint32_t c)
{
    uint32_t lower[3];
    size_t n = unicode_lowercase(c, lower);

    for (size_t i = 0; i < n; i++)
        rewrite_put(w, lower[i], i > 0);
}

static bool has_lowercase(uint32_t c)
{
    uint32_t lower[3];
    return unicode_lowercase(c, lower) != 1 || lower[0] != c;
}

static void put_spaced_chinese(struct work *w, uint32_t c)
{
    if (!unicode_is_chinese(c)) {
        rewrite_put(w, c, 0);
        return;
    }
    rewrite_put(w, ' ', 0);
    rewrite_put(w, c, 1);
    rewrite_put(w, ' ', 1);
}

static bool bert_drops(uint32_t c)
{
    if (c == '\t' || c == '\n' || c == '\r')
        return false;
    return c == 0xFFFD || unicode_is_other(c);
}

static bool is_other_space(uint32_t c)
{
    return c != ' ' && unicode_is_whitespace(c);
}

static void put_plain_space(struct work *w, uint32_t c)
{
    rewrite_put(w, unicode_is_whitespace(c) ? ' ' : c, 0);
}

static void bert(const struct normalizer *n, struct work *w)
{
    if (n->clean_text) {
        filter_if_needed(w, bert_drops);
        if (any_char(w, is_other_space))
            each_char(w, put_plain_space);
    }
    if (n->chinese && any_char(w, unicode_is_chinese))
        each_char(w, put_spaced_chinese);
    if (n->strip_accents) {
        compose_run(w, COMPOSE_NFD);
        filter_if_needed(w, unicode_is_nonspacing);
    }
    if (n->lowercase && any_char(w, has_lowercase))
        each_char(w, put_lowercase);
}

static bool nmt_drops(uint32_t c)
{
    return (c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
           c == 0x9F;
}

static bool is_nmt_space(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xFEFF || c == 0xFFFD;
}

static void put_nmt(struct work *w, uint32_t c)
{
    rewrite_put(w, is_nmt_space(c) ? ' ' : c, 0);
}

void normalize_prepend(struct work *w, const char *content, bool first, bool unless_there)
{
    size_t size = strlen(content);

    if (size == 0)
        return;
    rewrite_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        const struct piece *p = &w->pieces[i];
        if (p->token != PIECE_TEXT)
            continue;
        size_t begin = p->begin, length = p->end - p->begin;
        bool there = length >= size && memcmp(w->text + begin, content, size) == 0;
        rewrite_piece(w, i, 0);
        if (length > 0 && !(unless_there && there) && !(first && p->original.begin != 0)) {
            uint32_t next = utf8_get(w->text + begin);
            for (size_t at = 0; at < size; at += utf8_length((unsigned char)content[at]))
                rewrite_put(w, utf8_get(content + at), at > 0);
            rewrite_put(w, next, 1);
            length -= utf8_length((unsigned char)w->text[begin]);
        }
        rewrite_copy(w, length);
        rewrite_piece_end(w, i);
    }
    rewrite_end(w);
}

/* White space off the ends; what is cut at the end belongs to the last character. */
static void strip(struct work *w, bool left, bool right)
{
    rewrite_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (w->pieces[i].token != PIECE_TEXT)
            continue;
        size_t at = w->pieces[i].begin, end = w->pieces[i].end, skip = 0;
        while (left && at < end && unicode_is_whitespace(utf8_get(w->text + at))) {
            at += utf8_length((unsigned char)w->text[at]);
            skip++;
        }
        while (right && end > at) {
            size_t last = end - 1;
            while (utf8_is_continuation(w->text[last]))
                last--;
            if (!unicode_is_whitespace(utf8_get(w->text + last)))
                break;
            end = last;
        }
        rewrite_piece(w, i, skip);
        rewrite_copy(w, end - at);
        rewrite_piece_end(w, i);
    }
    rewrite_end(w);
}

static void replace_in_piece(const struct normalizer *n, struct work *w, size_t i,
                             struct pattern_room *room)
{
    const char *text = w->text + w->pieces[i].begin;
    size_t size = w->pieces[i].end - w->pieces[i].begin, at = 0, done = 0;
    struct pattern_match match;
    bool found = false;

    rewrite_piece(w, i, 0);
    while (at <= size && w->status == CORBEL_OK) {
        w->status = pattern_find(&n->pattern, room, text, size, at, &match, &found, w->err);
        if (!found)
            break;
        rewrite_copy(w, match.begin - done);
        rewrite_replace(w, match.end - match.begin, n->content, strlen(n->content));
        done = at = match.end;
        if (match.end == match.begin)
            at += at < size ? utf8_length((unsigned char)text[at]) : 1;
    }
    rewrite_copy(w, size - done);
    rewrite_piece_end(w, i);
}

static void replace(const struct normalizer *n, struct work *w, struct pattern_room *room)
{
    rewrite_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++)
        if (w->pieces[i].token == PIECE_TEXT)
            replace_in_piece(n, w, i, room);
    rewrite_end(w);
}

static void run_one(const struct normalizer *n, struct work *w, struct pattern_room *room)
{
    switch (n->kind) {
    case NORMALIZE_BERT: bert(n, w); break;
    case NORMALIZE_NFC: compose_run(w, COMPOSE_NFC); break;
    case NORMALIZE_NFD: compose_run(w, COMPOSE_NFD); break;
    case NORMALIZE_NFKC: compose_run(w, COMPOSE_NFKC); break;
    case NORMALIZE_NFKD: compose_run(w, COMPOSE_NFKD); break;
    case NORMALIZE_LOWERCASE:
        if (any_char(w, has_lowercase))
            each_char(w, put_lowercase);
        break;
    case NORMALIZE_STRIP: strip(w, n->left, n->right); break;
    case NORMALIZE_STRIP_ACCENTS: filter_if_needed(w, unicode_is_accent); break;
    case NORMALIZE_NMT:
        filter_if_needed(w, nmt_drops);
        if (any_char(w, is_nmt_space))
            each_char(w, put_nmt);
        break;
    case NORMALIZE_PREPEND: normalize_prepend(w, n->content, false, false); break;
    case NORMALIZE_REPLACE: replace(n, w, room); break;
    case NORMALIZE_BYTE_LEVEL: normalize_byte_level(w); break;
    case NORMALIZE_CHARSMAP: charsmap_run(&n->charsmap, w); break;
    }
}

void normalizers_run(const struct normalizers *list, struct work *w, struct pattern_room *room)
{
    for (size_t i = 0; i < list->n && w->status == CORBEL_OK; i++)
        run_one(&list->items[i], w, room);
}
