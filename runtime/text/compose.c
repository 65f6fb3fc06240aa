/* text/compose.c: Unicode normalization forms that keep alignments.
 *
 * The standard's algorithm (decompose, order by combining class, compose), where each character
 * carries how many characters of the input it stands for, less one: 0 for the first of a
 * decomposition, 1 for those that it added. A composite adds these up. */
#include "text/compose.h"

#include "text/unicode.h"

#include <string.h>

struct unit {
    uint32_t c;
    int change;
    unsigned class;
};

/* Characters whose order is open: a starter and what follows it. A run of marks that is longer than
 * this is cut (the standard's stream-safe form allows 30). */
#define RUN_MAX 256

struct run {
    struct unit units[RUN_MAX];
    size_t n;
    bool compose;
};

static void sort_marks(struct run *r, size_t from)
{
    for (size_t i = from + 1; i < r->n; i++) {
        struct unit u = r->units[i];
        size_t at = i;
        for (; at > from && r->units[at - 1].class > u.class; at--)
            r->units[at] = r->units[at - 1];
        r->units[at] = u;
    }
}

/* Composes what follows the starter units[0] into it. Units between that stay block those behind of
 * the same or a lower class. */
static void compose_units(struct run *r)
{
    size_t kept = 1;
    unsigned last_class = 0;

    for (size_t i = 1; i < r->n; i++) {
        struct unit u = r->units[i];
        uint32_t composite = 0;
        if (kept == 1 || last_class < u.class)
            composite = unicode_compose(r->units[0].c, u.c);
        if (composite) {
            r->units[0].c = composite;
            r->units[0].change += u.change - 1;
            continue;
        }
        last_class = u.class;
        r->units[kept++] = u;
    }
    r->n = kept;
}

static void flush(struct run *r, struct work *w)
{
    for (size_t i = 0; i < r->n; i++)
        rewrite_put(w, r->units[i].c, r->units[i].change);
    r->n = 0;
}

/* A run is whole when the next starter is known. It may compose with it (Hangul), if nothing is in
 * between. */
static void close_run(struct run *r, struct work *w, const struct unit *next)
{
    bool starter = r->n > 0 && r->units[0].class == 0;

    sort_marks(r, starter ? 1 : 0);
    if (r->compose && starter)
        compose_units(r);
    if (next && r->compose && starter && r->n == 1) {
        uint32_t composite = unicode_compose(r->units[0].c, next->c);
        if (composite) {
            r->units[0].c = composite;
            r->units[0].change += next->change - 1;
            return;
        }
    }
    flush(r, w);
    if (next)
        r->units[r->n++] = *next;
}

static void add(struct run *r, struct work *w, uint32_t c, int change)
{
    struct unit u = {c, change, unicode_combining_class(c)};

    if (u.class == 0) {
        close_run(r, w, &u);
        return;
    }
    if (r->n == RUN_MAX)
        close_run(r, w, NULL);
    r->units[r->n++] = u;
}

static void piece(struct work *w, size_t i, bool compatible, bool compose)
{
    struct run r;
    size_t at = w->pieces[i].begin, end = w->pieces[i].end;

    r.n = 0;
    r.compose = compose;
    rewrite_piece(w, i, 0);
    while (at < end) {
        uint32_t c = utf8_get(w->text + at), parts[32];
        size_t n = unicode_decompose(c, compatible, parts);
        for (size_t k = 0; k < n; k++)
            add(&r, w, parts[k], k > 0);
        at += utf8_length((unsigned char)w->text[at]);
    }
    close_run(&r, w, NULL);
    rewrite_piece_end(w, i);
}

/* No form changes text below a code point: U+0300 for NFC (nothing there composes with what is also
 * below), U+00C0 for NFD, U+0080 else. Their UTF-8 begins with bytes below `lead`. */
static bool is_plain(const struct work *w, unsigned char lead)
{
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (w->pieces[i].token != PIECE_TEXT)
            continue;
        for (size_t at = w->pieces[i].begin; at < w->pieces[i].end; at++)
            if ((unsigned char)w->text[at] >= lead)
                return false;
    }
    return true;
}

void compose_run(struct work *w, enum compose_form form)
{
    bool compatible = form == COMPOSE_NFKC || form == COMPOSE_NFKD;
    bool compose = form == COMPOSE_NFC || form == COMPOSE_NFKC;

    if (is_plain(w, form == COMPOSE_NFC ? 0xCC : form == COMPOSE_NFD ? 0xC3 : 0x80))
        return;
    rewrite_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++)
        if (w->pieces[i].token == PIECE_TEXT)
            piece(w, i, compatible, compose);
    rewrite_end(w);
}
