/* text/pre_tokenizer.c: how a text is cut into words. */
#include "text/pre_tokenizer.h"

#include "text/normalizer.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

/* ---- splitting a piece by a pattern ---- */

/* Parts of a piece, told one by one, as a behaviour joins them. `held` is the part that may still
 * grow. */
struct cutter {
    struct work *w;
    const struct piece *from;
    enum split_behavior behavior;
    bool held, last_was_match;
    size_t begin, end; /* of what is held */
};

static void release(struct cutter *c)
{
    if (c->held)
        split_text(c->w, c->from, c->begin, c->end);
    c->held = false;
}

static void hold(struct cutter *c, size_t begin, size_t end)
{
    release(c);
    c->held = true;
    c->begin = begin;
    c->end = end;
}

static void part(struct cutter *c, size_t begin, size_t end, bool is_match)
{
    switch (c->behavior) {
    case SPLIT_REMOVED:
        if (!is_match)
            split_text(c->w, c->from, begin, end);
        break;
    case SPLIT_ISOLATED: split_text(c->w, c->from, begin, end); break;
    case SPLIT_MERGED_WITH_PREVIOUS:
        if (is_match && !c->last_was_match && c->held)
            c->end = end;
        else
            hold(c, begin, end);
        break;
    case SPLIT_MERGED_WITH_NEXT:
        /* A match waits for what is no match; of several matches each stands alone but the last. */
        if (!is_match && c->held && c->last_was_match)
            c->end = end;
        else
            hold(c, begin, end);
        break;
    case SPLIT_CONTIGUOUS:
        if (c->held && is_match == c->last_was_match)
            c->end = end;
        else
            hold(c, begin, end);
        break;
    }
    c->last_was_match = is_match;
}

static void split_piece(const struct pattern *pattern, bool invert, struct cutter *c,
                        struct pattern_room *room)
{
    struct work *w = c->w;
    size_t base = c->from->begin, size = c->from->end - base, at = 0, done = 0;
    struct pattern_match match;
    bool found = false;

    while (at <= size && w->status == CORBEL_OK) {
        w->status = pattern_find(pattern, room, w->text + base, size, at, &match, &found, w->err);
        if (!found)
            break;
        if (match.begin > done)
            part(c, base + done, base + match.begin, invert);
        part(c, base + match.begin, base + match.end, !invert);
        done = at = match.end;
        if (match.end == match.begin)
            at += at < size ? utf8_length((unsigned char)w->text[base + at]) : 1;
    }
    if (done < size)
        part(c, base + done, base + size, invert);
    release(c);
}

static void split_all(const struct pattern *pattern, enum split_behavior behavior, bool invert,
                      struct work *w, struct pattern_room *room)
{
    split_begin(w);
    for (size_t i = 0; i < w->n_pieces && w->status == CORBEL_OK; i++) {
        struct cutter c = {.w = w, .from = &w->pieces[i], .behavior = behavior};
        if (w->pieces[i].token != PIECE_TEXT)
            split_keep(w, &w->pieces[i]);
        else
            split_piece(pattern, invert, &c, room);
    }
    split_end(w);
}

/* ---- the kinds ---- */

static void byte_level(const struct pre_tokenizer *p, struct work *w, struct pattern_room *room,
                       bool raw)
{
    if (p->prefix_space)
        normalize_prepend(w, " ", false, true);
    if (p->use_regex)
        split_all(&p->pattern, SPLIT_ISOLATED, false, w, room);
    if (!raw)
        normalize_byte_level(w);
}

/* Every space becomes the sign; text without any is left as it is. */
static void replace_blanks(const struct pre_tokenizer *p, struct work *w)
{
    rewrite_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (w->pieces[i].token != PIECE_TEXT)
            continue;
        size_t at = w->pieces[i].begin, end = w->pieces[i].end;
        rewrite_piece(w, i, 0);
        while (at < end) {
            const char *blank = memchr(w->text + at, ' ', end - at);
            size_t next = blank ? (size_t)(blank - w->text) : end;
            rewrite_copy(w, next - at);
            if (blank)
                rewrite_replace(w, 1, p->replacement, strlen(p->replacement));
            at = next + (blank != NULL);
        }
        rewrite_piece_end(w, i);
    }
    rewrite_end(w);
}

static void metaspace(const struct pre_tokenizer *p, struct work *w, struct pattern_room *room)
{
    replace_blanks(p, w);
    if (p->scheme != PREPEND_NEVER)
        normalize_prepend(w, p->replacement, p->scheme == PREPEND_FIRST, true);
    if (p->split)
        split_all(&p->pattern, SPLIT_MERGED_WITH_NEXT, false, w, room);
}

enum word_class { CLASS_SPACE, CLASS_WORD, CLASS_SIGN };

static enum word_class word_class(uint32_t c)
{
    return unicode_is_whitespace(c) ? CLASS_SPACE : unicode_is_word(c) ? CLASS_WORD : CLASS_SIGN;
}

/* \w+|[^\w\s]+ kept, all else dropped */
static void whitespace(struct work *w)
{
    split_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        const struct piece *p = &w->pieces[i];
        if (p->token != PIECE_TEXT) {
            split_keep(w, p);
            continue;
        }
        for (size_t at = p->begin, next; at < p->end; at = next) {
            enum word_class class = word_class(utf8_get(w->text + at));
            next = at;
            while (next < p->end && word_class(utf8_get(w->text + next)) == class)
                next += utf8_length((unsigned char)w->text[next]);
            if (class != CLASS_SPACE)
                split_text(w, p, at, next);
        }
    }
    split_end(w);
}

/* Words between white space, each punctuation character alone. */
static void bert(struct work *w)
{
    split_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        const struct piece *p = &w->pieces[i];
        size_t word = p->begin;
        if (p->token != PIECE_TEXT) {
            split_keep(w, p);
            continue;
        }
        for (size_t at = p->begin; at < p->end;) {
            uint32_t c = utf8_get(w->text + at);
            size_t next = at + utf8_length((unsigned char)w->text[at]);
            bool space = unicode_is_whitespace(c);
            if (space || unicode_is_punctuation(c)) {
                split_text(w, p, word, at);
                if (!space)
                    split_text(w, p, at, next);
                word = next;
            }
            at = next;
        }
        split_text(w, p, word, p->end);
    }
    split_end(w);
}

static void fixed_length(struct work *w, int64_t length)
{
    split_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        const struct piece *p = &w->pieces[i];
        if (p->token != PIECE_TEXT) {
            split_keep(w, p);
            continue;
        }
        for (size_t at = p->begin, next; at < p->end; at = next) {
            next = at;
            for (int64_t n = 0; n < length && next < p->end; n++)
                next += utf8_length((unsigned char)w->text[next]);
            split_text(w, p, at, next);
        }
    }
    split_end(w);
}

void pre_tokenizers_run(const struct pre_tokenizers *list, struct work *w,
                        struct pattern_room *room)
{
    for (size_t i = 0; i < list->n && w->status == CORBEL_OK; i++) {
        const struct pre_tokenizer *p = &list->items[i];
        switch (p->kind) {
        case PRE_SPLIT: split_all(&p->pattern, p->behavior, p->invert, w, room); break;
        case PRE_BYTE_LEVEL: byte_level(p, w, room, list->raw_bytes && i + 1 == list->n); break;
        case PRE_METASPACE: metaspace(p, w, room); break;
        case PRE_BERT: bert(w); break;
        case PRE_WHITESPACE: whitespace(w); break;
        case PRE_FIXED_LENGTH: fixed_length(w, p->length); break;
        }
    }
}
