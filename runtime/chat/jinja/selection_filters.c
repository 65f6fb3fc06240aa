/* chat/jinja/selection_filters.c: map, select, reject and their like: filters that take the name of
 * a filter or a test. Their results can be gone through once, as in Jinja. */
#include "chat/jinja/library.h"

#include <string.h>

#define FILTER(name) \
    static struct value name(struct machine *m, struct value self, const struct arguments *a)

/* The arguments behind the first `n`. */
static struct arguments rest_of(const struct arguments *a, size_t n)
{
    struct arguments rest = *a;
    rest.values += n;
    rest.n -= n;
    return rest;
}

static const struct function *named(struct machine *m, struct value name, bool is_filter)
{
    const struct string *s;
    if (!string_argument(m, is_filter ? "map" : "select", name, &s))
        return NULL;
    const struct function *f =
        is_filter ? find_filter(s->data, s->size) : find_test(s->data, s->size);
    if (!f)
        fail_type(m, "there is no %s \"%.*s\"", is_filter ? "filter" : "test", (int)s->size,
                  s->data);
    return f;
}

/* ---- map ------------------------------------------------------------------------------------- */

static bool keyword_is(const struct keyword *k, const char *name)
{
    return k->name->size == strlen(name) && memcmp(k->name->data, name, k->name->size) == 0;
}

/* map(attribute=..., default=...) */
static struct value map_attribute(struct machine *m, struct value self, const struct arguments *a)
{
    struct value attribute = missing(), fallback = missing(), item;
    for (size_t i = 0; i < a->n_keywords; i++) {
        if (keyword_is(&a->keywords[i], "attribute"))
            attribute = a->keywords[i].value;
        else if (keyword_is(&a->keywords[i], "default"))
            fallback = a->keywords[i].value;
        else
            return fail_type(m, "map: unexpected keyword argument '%.*s'",
                             (int)a->keywords[i].name->size, a->keywords[i].name->data);
    }
    if (fallback.kind == KIND_NONE)
        fallback = missing();
    struct list *items = list_create(m, 8);
    struct walk walk = walk_begin(m, self);
    while (walk_next(m, &walk, &item))
        list_push(m, items, get_path_or(m, item, attribute, fallback));
    return iterator_value(m, items);
}

static struct value map_filter(struct machine *m, struct value self, const struct arguments *a)
{
    struct value item;
    if (a->n == 0)
        return fail_type(m, "map requires a filter argument");
    const struct function *filter = named(m, a->values[0], true);
    const struct arguments rest = rest_of(a, 1);
    struct list *items = list_create(m, 8);
    struct walk walk = walk_begin(m, self);
    while (filter && walk_next(m, &walk, &item) && enter(m)) {
        list_push(m, items, filter->call(m, item, &rest));
        leave(m);
    }
    return iterator_value(m, items);
}

FILTER(filter_map)
{
    bool by_attribute = false;
    for (size_t i = 0; i < a->n_keywords; i++)
        by_attribute |= keyword_is(&a->keywords[i], "attribute");
    if (!value_truth(m, self)) /* nothing is looked at then, not even what can't be gone through */
        return iterator_value(m, list_create(m, 0));
    return a->n == 0 && by_attribute ? map_attribute(m, self, a) : map_filter(m, self, a);
}

/* ---- select, reject -------------------------------------------------------------------------- */

static struct value choose(struct machine *m, struct value self, const struct arguments *a,
                           bool keep, bool by_attribute)
{
    struct value item;
    struct list *items = list_create(m, 8);
    if (!value_truth(m, self))
        return iterator_value(m, items);
    if (by_attribute && a->n == 0)
        return fail_type(m, "Missing parameter for attribute name");
    const size_t off = by_attribute;
    const bool has_test = a->n > off;
    const struct function *test = has_test ? named(m, a->values[off], false) : NULL;
    const struct arguments rest = has_test ? rest_of(a, off + 1) : (struct arguments){0};
    struct walk walk = walk_begin(m, self);
    while (walk_next(m, &walk, &item) && enter(m)) {
        const struct value looked_at = by_attribute ? get_path(m, item, a->values[0]) : item;
        const bool holds =
            value_truth(m, test && !m->failed ? test->call(m, looked_at, &rest) : looked_at);
        if (holds == keep)
            list_push(m, items, item);
        leave(m);
    }
    return iterator_value(m, items);
}

FILTER(filter_select)
{
    return choose(m, self, a, true, false);
}
FILTER(filter_reject)
{
    return choose(m, self, a, false, false);
}
FILTER(filter_selectattr)
{
    return choose(m, self, a, true, true);
}
FILTER(filter_rejectattr)
{
    return choose(m, self, a, false, true);
}

const struct function selection_filters[] = {
    {"map", filter_map},
    {"select", filter_select},
    {"reject", filter_reject},
    {"selectattr", filter_selectattr},
    {"rejectattr", filter_rejectattr},
    {NULL, NULL},
};
