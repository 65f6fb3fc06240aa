/* chat/jinja/library.c: finding functions by name; methods of lists, dicts and ranges. */
#include "chat/jinja/library.h"

#include <string.h>

#define METHOD(name) \
    static struct value name(struct machine *m, struct value self, const struct arguments *a)

const struct function *find_function(const struct function *table, const char *name, size_t size)
{
    for (; table->name; table++)
        if (strlen(table->name) == size && memcmp(table->name, name, size) == 0)
            return table;
    return NULL;
}

const struct function *find_filter(const char *name, size_t size)
{
    static const struct function *const tables[] = {text_filters, sequence_filters, sorting_filters,
                                                    selection_filters, number_filters};
    const struct function *f = NULL;
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables) && !f; i++)
        f = find_function(tables[i], name, size);
    return f;
}

/* ---- dicts ----------------------------------------------------------------------------------- */

static struct value view_of(struct machine *m, struct value self, const struct arguments *a,
                            const char *name, enum view_of of)
{
    struct view *view = bind_nothing(m, name, a) ? take_memory(m, 1, sizeof(*view)) : NULL;
    if (!view)
        return none();
    *view = (struct view){self.dict, of};
    return (struct value){.kind = KIND_VIEW, .view = view};
}

METHOD(dict_keys)
{
    return view_of(m, self, a, "keys", VIEW_KEYS);
}
METHOD(dict_values)
{
    return view_of(m, self, a, "values", VIEW_VALUES);
}
METHOD(dict_items)
{
    return view_of(m, self, a, "items", VIEW_ITEMS);
}

METHOD(dict_get_method)
{
    struct value out[2];
    if (a->n_keywords > 0)
        return fail_type(m, "get() takes no keyword arguments");
    if (!BIND(m, "get", a, 1, out, "key", "default"))
        return none();
    const struct value found = dict_get(m, self.dict, out[0]);
    return is_given(found) ? found : is_given(out[1]) ? out[1] : none();
}

METHOD(copy_of)
{
    return bind_nothing(m, "copy", a) ? self : none(); /* nothing can change it */
}

static const struct function dict_methods[] = {
    {"get", dict_get_method}, {"keys", dict_keys}, {"values", dict_values},
    {"items", dict_items},    {"copy", copy_of},   {NULL, NULL},
};

/* ---- lists ----------------------------------------------------------------------------------- */

METHOD(list_index)
{
    struct value out[3];
    const int64_t n = value_length(self);
    int64_t begin = 0, end = n, i = 0;
    if (!BIND(m, "index", a, 1, out, "value", "start", "stop") ||
        (is_given(out[1]) && !integer_argument(m, "index", out[1], &begin)) ||
        (is_given(out[2]) && !integer_argument(m, "index", out[2], &end)))
        return none();
    begin = begin < 0 ? begin + n : begin;
    end = end < 0 ? end + n : end;
    struct walk walk = walk_begin(m, self);
    for (struct value item; walk_next(m, &walk, &item); i++)
        if (i >= begin && i < end && value_equal(m, item, out[0]))
            return integer(i);
    return fail_type(m, "index(): the value is not in the %s", value_type(self));
}

METHOD(list_count)
{
    struct value what, item;
    int64_t n = 0;
    if (!BIND(m, "count", a, 1, &what, "value"))
        return none();
    struct walk walk = walk_begin(m, self);
    while (walk_next(m, &walk, &item))
        n += value_equal(m, item, what);
    return integer(n);
}

static const struct function tuple_methods[] = {
    {"index", list_index}, {"count", list_count}, {NULL, NULL}};
static const struct function list_methods[] = {
    {"index", list_index}, {"count", list_count}, {"copy", copy_of}, {NULL, NULL}};

static const struct function *find_string_method(const char *name, size_t size)
{
    const struct function *f = find_function(string_methods, name, size);
    return f ? f : find_function(string_searches, name, size);
}

const struct function *find_method(struct value of, const char *name, size_t size)
{
    switch (of.kind) {
    case KIND_STRING: return find_string_method(name, size);
    case KIND_DICT: return find_function(dict_methods, name, size);
    case KIND_LIST: return find_function(list_methods, name, size);
    case KIND_TUPLE:
    case KIND_RANGE: return find_function(tuple_methods, name, size);
    default: return NULL;
    }
}
