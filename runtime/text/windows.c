/* text/windows.c: tokens cut to length, with special tokens around them.
 *
 * A sequence that is too long becomes several windows that overlap by `stride`. The first windows
 * of both sequences make the encoding; all other combinations follow as overflow, in the order of
 * the `tokenizers` library: for each further window of the text, all of the pair; then the text's
 * first window with each further one of the pair. */
#include "text/windows.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct window {
    size_t begin, end; /* tokens */
};

struct cut {
    struct window *windows;
    size_t n;
};

/* ---- cutting ---- */

static void cut_finish(struct cut *c)
{
    free(c->windows);
    *c = (struct cut){0};
}

/* Windows of at most `most` tokens out of `n`. */
static corbel_status cut_sequence(struct cut *c, size_t n, size_t most, size_t stride, bool left,
                                  corbel_error *err)
{
    size_t step = most, count = 1;

    if (most < n && most > 0) {
        if (stride >= most)
            return error_set(
                err, CORBEL_E_ARGUMENT,
                "stride %zu must be less than the %zu tokens that a window has room for", stride,
                most);
        step = most - stride;
        count = (n - most + step - 1) / step + 1;
    } else if (most == 0 && n > 0) {
        count = 2; /* nothing, and all of it as overflow */
    }
    c->windows = calloc(count, sizeof(*c->windows));
    if (!c->windows)
        return error_memory(err, count * sizeof(*c->windows), "windows");
    c->n = count;
    if (most >= n) {
        c->windows[0] = (struct window){0, n};
        return CORBEL_OK;
    }
    if (most == 0) {
        c->windows[1] = (struct window){0, n};
        return CORBEL_OK;
    }
    for (size_t i = 0; i < count; i++) {
        size_t begin = i * step, end = begin + most < n ? begin + most : n;
        c->windows[i] = left ? (struct window){n - end, n - begin} : (struct window){begin, end};
    }
    return CORBEL_OK;
}

/* How many tokens of each sequence are kept, so that `room` is enough for both. */
static corbel_status share_room(size_t n[2], bool has_pair, size_t room, const char *strategy,
                                corbel_error *err)
{
    size_t total = n[0] + n[1];
    int which;

    if (total <= room)
        return CORBEL_OK;
    if (strcmp(strategy, "longest_first") == 0) {
        if (!has_pair) {
            n[0] = room;
            return CORBEL_OK;
        }
        /* The shorter one stays whole if half the room is enough for it. */
        int shorter = n[0] > n[1];
        size_t least = n[shorter], other = least > room ? least : room - least;
        if (other < least)
            other = least;
        if (least + other > room) {
            least = room / 2;
            other = least + room % 2;
        }
        n[shorter] = least;
        n[!shorter] = other;
        return CORBEL_OK;
    }
    if (strcmp(strategy, "only_first") == 0)
        which = 0;
    else if (strcmp(strategy, "only_second") == 0)
        which = 1;
    else
        return error_set(err, CORBEL_E_ARGUMENT,
                         "truncation \"%.40s\": expected longest_first, only_first or only_second",
                         strategy);
    if (which == 1 && !has_pair)
        return error_set(err, CORBEL_E_ARGUMENT, "truncation only_second needs a pair");
    if (n[which] <= total - room)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%s: the %s sequence has %zu tokens, %zu would have to go", strategy,
                         which ? "second" : "first", n[which], total - room);
    n[which] -= total - room;
    return CORBEL_OK;
}

/* ---- special tokens around the windows ---- */

struct maker {
    const corbel_tokenizer *t;
    const struct workshop *shop;
    const corbel_encode_params *p;
    const struct template *template; /* NULL: one sequence after the other */
    bool has_pair, add_special;
    bool left_padding, left_truncation;
    size_t n_special;
    size_t pad_to;
    corbel_encoding **tail;
};

static size_t count_special(const struct template *t)
{
    size_t n = 0;
    for (size_t i = 0; t && i < t->n; i++)
        n += t->items[i].sequence < 0;
    return n;
}

/* "left", "right", or NULL for the tokenizer's own side. */
static corbel_status read_side(const char *side, const char *what, bool own, bool *left,
                               corbel_error *err)
{
    *left = side ? strcmp(side, "left") == 0 : own;
    if (side && !*left && strcmp(side, "right") != 0)
        return error_set(err, CORBEL_E_ARGUMENT, "%s \"%.40s\": expected left or right", what,
                         side);
    return CORBEL_OK;
}

static void maker_init(struct maker *m, const corbel_tokenizer *t, const struct workshop *shop,
                       const corbel_encode_params *p, corbel_encoding **encoding)
{
    const struct post_processor *post = &t->post_processor;

    *m =
        (struct maker){.t = t, .shop = shop, .p = p, .has_pair = p->pair != NULL, .tail = encoding};
    m->add_special = !p->no_special && post->has_template;
    if (post->has_template && (m->add_special || post->types_always))
        m->template = m->has_pair ? &post->pair : &post->single;
    m->n_special = m->add_special ? count_special(m->template) : 0;
    m->pad_to = (size_t)p->pad_to;
}

static size_t put_window(const struct maker *m, corbel_encoding *e, size_t at, int which,
                         int32_t type_id, struct window window)
{
    for (size_t i = window.begin; i < window.end; i++) {
        const struct found *token = &m->shop->found[which][i];
        encoding_set(e, at++,
                     &(struct encoding_item){.id = token->id,
                                             .token = tokenizer_piece(m->t, token->id, NULL),
                                             .begin = token->begin,
                                             .end = token->end,
                                             .type_id = type_id,
                                             .sequence = which,
                                             .word = (int32_t)token->word});
    }
    return at;
}

static size_t put_special(const struct maker *m, corbel_encoding *e, size_t at, int32_t id,
                          int32_t type_id)
{
    const char *token = tokenizer_piece(m->t, id, NULL);

    encoding_set(e, at,
                 &(struct encoding_item){.id = id,
                                         .token = token ? token : "",
                                         .type_id = type_id,
                                         .sequence = -1,
                                         .word = -1,
                                         .special = true});
    return at + 1;
}

static size_t put_padding(const struct maker *m, corbel_encoding *e, size_t at, size_t n)
{
    int32_t pad = m->t->roles[ROLE_PAD];

    for (; n > 0; n--, at++)
        encoding_set(e, at,
                     &(struct encoding_item){.id = pad,
                                             .token = tokenizer_piece(m->t, pad, NULL),
                                             .sequence = -1,
                                             .word = -1,
                                             .special = true,
                                             .padding = true});
    return at;
}

static size_t template_uses(const struct template *t, int sequence)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->items[i].sequence == sequence;
    return n;
}

static size_t put_template(const struct maker *m, corbel_encoding *e, size_t at,
                           const struct window windows[2])
{
    for (size_t i = 0; i < m->template->n; i++) {
        const struct template_item *item = &m->template->items[i];
        if (item->sequence >= 0)
            at = put_window(m, e, at, item->sequence, item->type_id, windows[item->sequence]);
        else if (m->add_special)
            at = put_special(m, e, at, item->id, item->type_id);
    }
    return at;
}

static corbel_status put_encoding(struct maker *m, struct window first, struct window second,
                                  corbel_error *err)
{
    const struct window windows[2] = {first, second};
    size_t n = m->n_special, pad = 0, at = 0;

    for (int i = 0; i < 2; i++)
        n +=
            (windows[i].end - windows[i].begin) * (m->template ? template_uses(m->template, i) : 1);
    if (n < m->pad_to)
        pad = m->pad_to - n;
    if (pad > 0 && m->t->roles[ROLE_PAD] < 0)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "padding needs a pad_token, and this tokenizer has none");

    corbel_encoding *e = encoding_create(n + pad);
    if (!e)
        return error_memory(err, n + pad, "an encoding");
    if (m->left_padding)
        at = put_padding(m, e, at, pad);
    if (m->template) {
        at = put_template(m, e, at, windows);
    } else {
        at = put_window(m, e, at, 0, 0, first);
        at = put_window(m, e, at, 1, 1, second);
    }
    if (!m->left_padding)
        put_padding(m, e, at, pad);
    *m->tail = e;
    m->tail = &e->overflow;
    return CORBEL_OK;
}

static corbel_status put_all(struct maker *m, const struct cut *a, const struct cut *b,
                             corbel_error *err)
{
    corbel_status status = put_encoding(m, a->windows[0], b->windows[0], err);

    for (size_t i = 1; i < a->n && status == CORBEL_OK; i++)
        for (size_t k = 0; k < b->n && status == CORBEL_OK; k++)
            status = put_encoding(m, a->windows[i], b->windows[k], err);
    for (size_t k = 1; k < b->n && status == CORBEL_OK; k++)
        status = put_encoding(m, a->windows[0], b->windows[k], err);
    return status;
}

corbel_status windows_make(const corbel_tokenizer *t, const struct workshop *shop,
                           const corbel_encode_params *p, corbel_encoding **encoding,
                           corbel_error *err)
{
    struct maker m;
    struct cut cuts[2] = {{0}, {0}};
    size_t found[2] = {shop->n_found[0], p->pair ? shop->n_found[1] : 0};
    size_t kept[2] = {found[0], found[1]};
    corbel_status status = CORBEL_OK;

    maker_init(&m, t, shop, p, encoding);
    status = read_side(p->padding_side, "padding_side", t->left_padding, &m.left_padding, err);
    if (status == CORBEL_OK)
        status = read_side(p->truncation_side, "truncation_side", t->left_truncation,
                           &m.left_truncation, err);
    if (status == CORBEL_OK && p->max_length > 0) {
        if ((size_t)p->max_length < m.n_special)
            return error_set(err, CORBEL_E_ARGUMENT,
                             "max_length %lld is less than the %zu special tokens",
                             (long long)p->max_length, m.n_special);
        status = share_room(kept, m.has_pair, (size_t)p->max_length - m.n_special,
                            p->truncation ? p->truncation : "longest_first", err);
    }
    for (int i = 0; i < 2 && status == CORBEL_OK; i++)
        status =
            cut_sequence(&cuts[i], found[i], kept[i], (size_t)p->stride, m.left_truncation, err);
    if (status == CORBEL_OK)
        status = put_all(&m, &cuts[0], &cuts[1], err);
    cut_finish(&cuts[0]);
    cut_finish(&cuts[1]);
    return status;
}
