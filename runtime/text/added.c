/* text/added.c: tokens found in the text before anything else is done. */
#include "text/added.h"

#include "text/member.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static corbel_status load_token(struct added_token *t, struct json_object *json, const char *name,
                                corbel_error *err)
{
    int64_t id = -1;
    corbel_status status;

    t->normalized = true;
    if ((status = member_string(json, "content", name, &t->content, err)) != CORBEL_OK ||
        (status = json_get_int(json, "id", &id, name, err)) != CORBEL_OK ||
        (status = json_get_bool(json, "single_word", &t->single_word, name, err)) != CORBEL_OK ||
        (status = json_get_bool(json, "lstrip", &t->left_strip, name, err)) != CORBEL_OK ||
        (status = json_get_bool(json, "rstrip", &t->right_strip, name, err)) != CORBEL_OK ||
        (status = json_get_bool(json, "special", &t->special, name, err)) != CORBEL_OK)
        return status;
    t->normalized = !t->special;
    status = json_get_bool(json, "normalized", &t->normalized, name, err);
    if (status == CORBEL_OK && (id < 0 || id > INT32_MAX))
        status = error_set(err, CORBEL_E_FORMAT,
                           "%s: added token \"%.60s\" has id %lld, expected 0 to 2^31 - 1", name,
                           t->content, (long long)id);
    t->id = (int32_t)id;
    return status;
}

static struct added_token *append(struct added_tokens *list)
{
    return member_append((void **)&list->items, &list->n, &list->capacity, sizeof(*list->items));
}

corbel_status added_load(struct added_tokens *list, struct json_object *json, const char *name,
                         corbel_error *err)
{
    *list = (struct added_tokens){0};
    if (json && !json_object_is_type(json, json_type_array))
        return error_set(err, CORBEL_E_FORMAT, "%s: added_tokens: expected a list", name);
    for (size_t i = 0; json && i < json_object_array_length(json); i++) {
        struct json_object *item = json_object_array_get_idx(json, i);
        struct added_token *t = append(list);
        if (!t)
            return error_memory(err, sizeof(*t), "added_tokens");
        if (!json_object_is_type(item, json_type_object))
            return error_set(err, CORBEL_E_FORMAT, "%s: added_tokens: expected objects", name);
        corbel_status status = load_token(t, item, name, err);
        if (status != CORBEL_OK)
            return status;
        if (t->content[0] == 0) { /* as the library: it can't be found anyway */
            free(t->content);
            list->n--;
        }
    }
    return CORBEL_OK;
}

static int64_t next_id(const struct added_tokens *list, const struct model *m)
{
    int64_t next = (int64_t)m->vocab.n_pieces;

    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].id >= next)
            next = (int64_t)list->items[i].id + 1;
    return next;
}

corbel_status added_special(struct added_tokens *list, const struct model *m, const char *content,
                            int64_t id, corbel_error *err)
{
    if (!*content || added_by_content(list, content))
        return CORBEL_OK;
    int32_t known = vocab_id(&m->vocab, content, strlen(content));
    if (known >= 0)
        id = known;
    else if (id < 0 || vocab_piece(&m->vocab, id, NULL) || added_by_id(list, id))
        id = next_id(list, m);
    struct added_token *t = id > INT32_MAX ? NULL : append(list);
    if (!t || !(t->content = strdup(content)))
        return error_memory(err, strlen(content), "added_tokens");
    t->id = (int32_t)id;
    t->special = true;
    return CORBEL_OK;
}

/* ---- building the finders ---- */

static int by_id(const void *a, const void *b)
{
    const struct added_token *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static corbel_status check_unique(struct added_tokens *list, const char *name, corbel_error *err)
{
    struct vocab seen;
    corbel_status status = CORBEL_OK;

    vocab_init(&seen);
    for (size_t i = 0; i < list->n && status == CORBEL_OK; i++) {
        const struct added_token *t = &list->items[i];
        if (i > 0 && t[-1].id == t->id)
            status = error_set(err, CORBEL_E_FORMAT,
                               "%s: added tokens \"%.60s\" and \"%.60s\" both have id %d", name,
                               t[-1].content, t->content, (int)t->id);
        else
            status = vocab_add(&seen, t->content, strlen(t->content), t->id, name, err);
    }
    vocab_finish(&seen);
    return status;
}

static corbel_status make_needle(struct added_token *t, const struct normalizers *normalizers,
                                 corbel_error *err)
{
    struct work w = {0};
    struct pattern_room room;
    corbel_status status = pattern_room_init(&room, err);

    if (status != CORBEL_OK)
        return status;
    work_begin(&w, t->content, strlen(t->content), err);
    if (t->normalized)
        normalizers_run(normalizers, &w, &room);
    status = w.status;
    if (status == CORBEL_OK) {
        t->needle_size = w.n_pieces > 0 ? w.pieces[0].end - w.pieces[0].begin : 0;
        t->needle = malloc(t->needle_size + 1);
        if (!t->needle)
            status = error_memory(err, t->needle_size, "added_tokens");
        else if (t->needle_size > 0)
            memcpy(t->needle, w.text + w.pieces[0].begin, t->needle_size);
    }
    work_finish(&w);
    pattern_room_finish(&room);
    return status;
}

struct order_entry {
    uint32_t index;
    unsigned char byte;
    size_t size;
};

static int by_byte_then_longest(const void *a, const void *b)
{
    const struct order_entry *x = a, *y = b;
    if (x->byte != y->byte)
        return x->byte < y->byte ? -1 : 1;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static corbel_status build_finder(struct added_finder *f, const struct added_tokens *list,
                                  bool normalized, corbel_error *err)
{
    struct order_entry *entries = calloc(list->n + 1, sizeof(*entries));
    size_t n = 0;

    f->order = calloc(list->n + 1, sizeof(*f->order));
    if (!entries || !f->order) {
        free(entries);
        return error_memory(err, list->n * sizeof(*entries), "added_tokens");
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct added_token *t = &list->items[i];
        if (t->normalized == normalized && t->needle_size > 0)
            entries[n++] =
                (struct order_entry){(uint32_t)i, (unsigned char)t->needle[0], t->needle_size};
    }
    qsort(entries, n, sizeof(*entries), by_byte_then_longest);
    for (size_t i = 0; i < n; i++) {
        f->order[i] = entries[i].index;
        f->group[entries[i].byte + 1] = (uint32_t)i + 1;
    }
    for (size_t b = 1; b < 257; b++)
        if (f->group[b] < f->group[b - 1])
            f->group[b] = f->group[b - 1];
    f->any = n > 0;
    free(entries);
    return CORBEL_OK;
}

corbel_status added_close(struct added_tokens *list, const struct normalizers *normalizers,
                          const char *name, corbel_error *err)
{
    if (list->n > 0)
        qsort(list->items, list->n, sizeof(*list->items), by_id);
    corbel_status status = check_unique(list, name, err);

    for (size_t i = 0; i < list->n && status == CORBEL_OK; i++)
        status = make_needle(&list->items[i], normalizers, err);
    if (status == CORBEL_OK)
        status = build_finder(&list->raw, list, false, err);
    if (status == CORBEL_OK)
        status = build_finder(&list->normalized, list, true, err);
    return status;
}

void added_finish(struct added_tokens *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].content);
        free(list->items[i].needle);
    }
    free(list->items);
    free(list->raw.order);
    free(list->normalized.order);
    *list = (struct added_tokens){0};
}

/* ---- finding ---- */

static size_t char_before(const char *text, size_t at)
{
    do
        at--;
    while (utf8_is_continuation(text[at]));
    return at;
}

static bool inside_word(const char *text, size_t begin, size_t end, size_t from, size_t to)
{
    return (begin > from && unicode_is_word(utf8_get(text + char_before(text, begin)))) ||
           (end < to && unicode_is_word(utf8_get(text + end)));
}

/* The longest token whose needle is at `at`. */
static const struct added_token *token_at(const struct added_tokens *list,
                                          const struct added_finder *f, const char *text, size_t at,
                                          size_t to)
{
    unsigned char byte = (unsigned char)text[at];

    for (uint32_t i = f->group[byte]; i < f->group[byte + 1]; i++) {
        const struct added_token *t = &list->items[f->order[i]];
        if (t->needle_size <= to - at && memcmp(text + at, t->needle, t->needle_size) == 0)
            return t;
    }
    return NULL;
}

static void split_piece(const struct added_tokens *list, const struct added_finder *f, bool special,
                        struct work *w, const struct piece *p)
{
    const char *text = w->text;
    size_t done = p->begin;

    for (size_t at = p->begin; at < p->end;) {
        const struct added_token *t = token_at(list, f, text, at, p->end);
        if (!t) {
            at++;
            continue;
        }
        size_t begin = at, end = at + t->needle_size;
        at = end; /* also past one that does not count after all */
        if ((t->special && !special) ||
            (t->single_word && inside_word(text, begin, end, p->begin, p->end)) || begin < done)
            continue;
        while (t->left_strip && begin > done) {
            size_t before = char_before(text, begin);
            if (!unicode_is_whitespace(utf8_get(text + before)))
                break;
            begin = before;
        }
        while (t->right_strip && end < p->end && unicode_is_whitespace(utf8_get(text + end)))
            end += utf8_length((unsigned char)text[end]);
        split_text(w, p, done, begin);
        split_token(w, p, begin, end, t->id);
        done = end;
    }
    split_text(w, p, done, p->end);
}

void added_split(const struct added_tokens *list, bool normalized, bool special, struct work *w)
{
    const struct added_finder *f = normalized ? &list->normalized : &list->raw;

    if (!f->any || w->status != CORBEL_OK)
        return;
    split_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (w->pieces[i].token != PIECE_TEXT)
            split_keep(w, &w->pieces[i]);
        else
            split_piece(list, f, special, w, &w->pieces[i]);
    }
    split_end(w);
}

const struct added_token *added_by_id(const struct added_tokens *list, int64_t id)
{
    if (list->raw.order && id >= 0 && id <= INT32_MAX) { /* closed: sorted by id */
        struct added_token key = {.id = (int32_t)id};
        return list->n > 0 ? bsearch(&key, list->items, list->n, sizeof(key), by_id) : NULL;
    }
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].id == id)
            return &list->items[i];
    return NULL;
}

const struct added_token *added_by_content(const struct added_tokens *list, const char *content)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].content, content) == 0)
            return &list->items[i];
    return NULL;
}
