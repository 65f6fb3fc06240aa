/* chat/jinja/sorting.c: the attributes that filters are told to look at, and the filters that sort
 * by them. */
#include "chat/jinja/evaluate.h"
#include "chat/jinja/library.h"

#include <string.h>

#define FILTER(name) \
    static struct value name(struct machine *m, struct value self, const struct arguments *a)

/* ---- paths ----------------------------------------------------------------------------------- */

static struct value path_part(struct machine *m, const char *s, size_t size)
{
    int64_t number = 0;
    bool digits = size > 0 && size < 18;
    for (size_t i = 0; i < size && digits; i++) {
        digits = s[i] >= '0' && s[i] <= '9';
        number = digits ? number * 10 + (s[i] - '0') : 0;
    }
    return digits ? integer(number) : string_of(m, s, size);
}

struct value get_path_or(struct machine *m, struct value of, struct value path,
                         struct value fallback)
{
    if (!is_string(path)) {
        if (path.kind != KIND_NONE)
            of = get_item(m, of, path);
        return is_undefined(of) && is_given(fallback) ? fallback : of;
    }
    const char *s = path.string->data;
    const size_t size = path.string->size;
    for (size_t at = 0; at <= size && spend(m, 1);) {
        const char *dot = memchr(s + at, '.', size - at);
        const size_t end = dot ? (size_t)(dot - s) : size;
        of = get_item(m, of, path_part(m, s + at, end - at));
        if (is_undefined(of) && is_given(fallback))
            of = fallback;
        at = end + 1;
    }
    return of;
}

struct value get_path(struct machine *m, struct value of, struct value path)
{
    return get_path_or(m, of, path, missing());
}

/* Strings without their case, unless asked for. */
static struct value comparable(struct machine *m, struct value v, bool case_sensitive)
{
    return is_string(v) && !case_sensitive ? change_case(m, v, CASE_LOWER) : v;
}

struct value filter_key(struct machine *m, struct value item, struct value attribute,
                        bool case_sensitive)
{
    if (is_given(attribute) && attribute.kind != KIND_NONE)
        item = get_path(m, item, attribute);
    return comparable(m, item, case_sensitive);
}

bool flag_argument(struct machine *m, struct value v)
{
    return is_given(v) && value_truth(m, v);
}

/* ---- sorting --------------------------------------------------------------------------------- */

struct sorting {
    struct machine *m;
    const struct value *keys;
    size_t *order, *room;
    bool reverse;
};

/* Merges the sorted halves; the left one goes first where neither is less. */
static void merge(struct sorting *s, size_t begin, size_t middle, size_t end)
{
    size_t left = begin, right = middle, n = begin;
    while (left < middle && right < end && spend(s->m, 1)) {
        const struct value l = s->keys[s->order[left]], r = s->keys[s->order[right]];
        const bool take_right = s->reverse ? value_less(s->m, l, r) : value_less(s->m, r, l);
        s->room[n++] = s->order[take_right ? right++ : left++];
    }
    while (left < middle)
        s->room[n++] = s->order[left++];
    while (right < end)
        s->room[n++] = s->order[right++];
    memcpy(s->order + begin, s->room + begin, (end - begin) * sizeof(*s->order));
}

static void sort_between(struct sorting *s, size_t begin, size_t end)
{
    if (end - begin < 2 || s->m->failed)
        return;
    const size_t middle = begin + (end - begin) / 2;
    sort_between(s, begin, middle);
    sort_between(s, middle, end);
    if (!s->m->failed)
        merge(s, begin, middle, end);
}

void sort_items(struct machine *m, struct list *items, struct list *keys, bool reverse)
{
    if (m->failed || !items || !keys)
        return;
    const size_t n = items->n;
    struct sorting s = {.m = m, .keys = keys->items, .reverse = reverse};
    s.order = take_memory(m, n, sizeof(*s.order));
    s.room = take_memory(m, n, sizeof(*s.room));
    struct value *sorted = take_memory(m, n, sizeof(*sorted));
    struct value *sorted_keys = take_memory(m, n, sizeof(*sorted_keys));
    if (m->failed)
        return;
    for (size_t i = 0; i < n; i++)
        s.order[i] = i;
    sort_between(&s, 0, n);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = items->items[s.order[i]];
        sorted_keys[i] = keys->items[s.order[i]];
    }
    memcpy(items->items, sorted, n * sizeof(*sorted));
    memcpy(keys->items, sorted_keys, n * sizeof(*sorted_keys));
}

/* "a,b.c": a list of what each path leads to. */
static struct value sort_key(struct machine *m, struct value item, struct value attribute,
                             bool case_sensitive)
{
    struct list *key = list_create(m, 1);
    if (!is_string(attribute)) {
        list_push(m, key, filter_key(m, item, attribute, case_sensitive));
        return list_value(key);
    }
    const char *s = attribute.string->data;
    const size_t size = attribute.string->size;
    for (size_t at = 0; at <= size && !m->failed;) {
        const char *comma = memchr(s + at, ',', size - at);
        const size_t end = comma ? (size_t)(comma - s) : size;
        list_push(m, key, filter_key(m, item, string_of(m, s + at, end - at), case_sensitive));
        at = end + 1;
    }
    return list_value(key);
}

struct list *list_collect(struct machine *m, struct value from)
{
    struct list *items = list_create(m, 8);
    struct walk walk = walk_begin(m, from);
    struct value item;
    while (walk_next(m, &walk, &item))
        list_push(m, items, item);
    return items;
}

FILTER(filter_sort)
{
    struct value out[3];
    if (!BIND(m, "sort", a, 0, out, "reverse", "case_sensitive", "attribute"))
        return none();
    struct list *items = list_collect(m, self), *keys = list_create(m, 8);
    for (size_t i = 0; items && i < items->n && !m->failed; i++)
        list_push(m, keys, sort_key(m, items->items[i], out[2], flag_argument(m, out[1])));
    sort_items(m, items, keys, flag_argument(m, out[0]));
    return list_value(items);
}

FILTER(filter_dictsort)
{
    struct value out[3];
    if (!BIND(m, "dictsort", a, 0, out, "case_sensitive", "by", "reverse"))
        return none();
    const bool by_value = is_given(out[1]) && is_word(out[1], "value");
    if (is_given(out[1]) && !by_value && !is_word(out[1], "key"))
        return fail_type(m, "dictsort: by must be \"key\" or \"value\"");
    if (is_undefined(self))
        return fail_undefined(m, self);
    if (self.kind != KIND_DICT)
        return fail_type(m, "dictsort: expected a dict, found %s", value_type(self));
    struct list *items = list_create(m, 8), *keys = list_create(m, 8);
    for (size_t i = 0; i < self.dict->n && !m->failed; i++) {
        const struct entry *e = &self.dict->entries[i];
        list_push(m, items, pair_value(m, e->key, e->value));
        list_push(m, keys, comparable(m, by_value ? e->value : e->key, flag_argument(m, out[0])));
    }
    sort_items(m, items, keys, flag_argument(m, out[2]));
    return list_value(items);
}

FILTER(filter_groupby)
{
    struct value out[3];
    if (!BIND(m, "groupby", a, 1, out, "attribute", "default", "case_sensitive"))
        return none();
    const struct value fallback = is_given(out[1]) && out[1].kind != KIND_NONE ? out[1] : missing();
    struct list *items = list_collect(m, self), *keys = list_create(m, 8);
    struct list *groups = list_create(m, 8), *members = NULL;
    for (size_t i = 0; items && i < items->n && !m->failed; i++)
        list_push(m, keys,
                  comparable(m, get_path_or(m, items->items[i], out[0], fallback),
                             flag_argument(m, out[2])));
    sort_items(m, items, keys, false);
    for (size_t i = 0; items && i < items->n && !m->failed; i++) {
        if (i == 0 || !value_equal(m, keys->items[i], keys->items[i - 1])) {
            struct list *group = list_create(m, 2);
            members = list_create(m, 4);
            list_push(m, group, get_path_or(m, items->items[i], out[0], fallback));
            list_push(m, group, list_value(members));
            if (group)
                group->is_group = true;
            list_push(m, groups, tuple_value(group));
        }
        list_push(m, members, items->items[i]);
    }
    return list_value(groups);
}

const struct function sorting_filters[] = {
    {"sort", filter_sort},
    {"dictsort", filter_dictsort},
    {"groupby", filter_groupby},
    {NULL, NULL},
};
