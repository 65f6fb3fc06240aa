/* chat/jinja/sequence_filters.c: filters for lists, dicts and whatever can be gone through. */
#include "chat/jinja/evaluate.h"
#include "chat/jinja/library.h"

#include <string.h>

#define FILTER(name) \
    static struct value name(struct machine *m, struct value self, const struct arguments *a)

/* ---- one out of many ------------------------------------------------------------------------- */

FILTER(filter_first)
{
    struct value item;
    if (!bind_nothing(m, "first", a))
        return none();
    struct walk walk = walk_begin(m, self);
    return walk_next(m, &walk, &item) ? item
                                      : undefined_value(m, "No first item, sequence was empty.");
}

FILTER(filter_last)
{
    if (!bind_nothing(m, "last", a))
        return none();
    if (!m->failed && value_length(self) < 0)
        return fail_type(m, "last: %s can't be gone through backwards", value_type(self));
    const int64_t n = value_length(self);
    if (n == 0)
        return undefined_value(m, "No last item, sequence was empty.");
    if (is_string(self))
        return substring(m, self, (size_t)n - 1, (size_t)n);
    const struct list *items = list_from(m, self);
    return m->failed ? none() : items->items[n - 1];
}

static struct value extreme(struct machine *m, struct value self, const struct arguments *a,
                            const char *name, bool largest)
{
    struct value out[2], item, best = missing(), best_key = missing();
    if (!BIND(m, name, a, 0, out, "case_sensitive", "attribute"))
        return none();
    const bool case_sensitive = flag_argument(m, out[0]);
    struct walk walk = walk_begin(m, self);
    while (walk_next(m, &walk, &item)) {
        const struct value key = filter_key(m, item, out[1], case_sensitive);
        if (is_given(best) &&
            !(largest ? value_less(m, best_key, key) : value_less(m, key, best_key)))
            continue;
        best = item;
        best_key = key;
    }
    return is_given(best) ? best : undefined_value(m, "No aggregated item, sequence was empty.");
}

FILTER(filter_min)
{
    return extreme(m, self, a, "min", false);
}
FILTER(filter_max)
{
    return extreme(m, self, a, "max", true);
}

FILTER(filter_sum)
{
    struct value out[2], item;
    if (!BIND(m, "sum", a, 0, out, "attribute", "start"))
        return none();
    struct value sum = is_given(out[1]) ? out[1] : integer(0);
    if (is_string(sum))
        return fail_type(m, "sum: strings can't be summed up, use join");
    struct walk walk = walk_begin(m, self);
    while (walk_next(m, &walk, &item)) {
        if (is_given(out[0]) && out[0].kind != KIND_NONE)
            item = get_path(m, item, out[0]);
        sum = operate(m, OPERATOR_ADD, sum, item);
    }
    return sum;
}

/* ---- other forms of the same ----------------------------------------------------------------- */

FILTER(filter_length)
{
    const int64_t n = self.kind == KIND_LOOP ? -1 : value_length(self);
    if (!bind_nothing(m, "length", a))
        return none();
    return n < 0 ? fail_type(m, "%s has no length", value_type(self)) : integer(n);
}

FILTER(filter_list)
{
    return bind_nothing(m, "list", a) ? list_value(list_collect(m, self)) : none();
}

FILTER(filter_items)
{
    if (!bind_nothing(m, "items", a))
        return none();
    if (!is_undefined(self) && self.kind != KIND_DICT)
        return fail_type(m, "items: can only get item pairs from a mapping");
    struct list *pairs = list_create(m, 8);
    for (size_t i = 0; self.kind == KIND_DICT && i < self.dict->n && !m->failed; i++)
        list_push(m, pairs, pair_value(m, self.dict->entries[i].key, self.dict->entries[i].value));
    return iterator_value(m, pairs);
}

static struct value reversed_string(struct machine *m, struct value string)
{
    return take_slice(m, string, missing(), missing(), integer(-1));
}

/* A list of what was gone through only, else an iterator. */
FILTER(filter_reverse)
{
    if (!bind_nothing(m, "reverse", a))
        return none();
    if (is_string(self))
        return reversed_string(m, self);
    const struct list *items = list_from(m, self);
    struct list *reversed = list_create(m, items ? items->n : 0);
    for (size_t i = items ? items->n : 0; i-- > 0 && !m->failed;)
        list_push(m, reversed, items->items[i]);
    return value_length(self) < 0 ? list_value(reversed) : iterator_value(m, reversed);
}

FILTER(filter_unique)
{
    struct value out[2], item;
    if (!BIND(m, "unique", a, 0, out, "case_sensitive", "attribute"))
        return none();
    struct dict *seen = dict_create(m);
    struct list *items = list_create(m, 8);
    struct walk walk = walk_begin(m, self);
    while (seen && walk_next(m, &walk, &item)) {
        const struct value key = filter_key(m, item, out[1], flag_argument(m, out[0]));
        if (is_given(dict_get(m, seen, key)))
            continue;
        dict_set(m, seen, key, none());
        list_push(m, items, item);
    }
    return iterator_value(m, items);
}

FILTER(filter_batch)
{
    struct value out[2], item;
    int64_t size;
    if (!BIND(m, "batch", a, 1, out, "linecount", "fill_with") ||
        !integer_argument(m, "batch", out[0], &size))
        return none();
    struct list *batches = list_create(m, 8), *batch = list_create(m, 4);
    struct walk walk = walk_begin(m, self);
    while (batch && walk_next(m, &walk, &item)) {
        if ((int64_t)batch->n == size) {
            list_push(m, batches, list_value(batch));
            batch = list_create(m, 4);
        }
        list_push(m, batch, item);
    }
    if (batch && batch->n > 0) {
        while (is_given(out[1]) && out[1].kind != KIND_NONE && (int64_t)batch->n < size &&
               !m->failed)
            list_push(m, batch, out[1]);
        list_push(m, batches, list_value(batch));
    }
    return iterator_value(m, batches);
}

FILTER(filter_slice)
{
    struct value out[2];
    int64_t slices;
    if (!BIND(m, "slice", a, 1, out, "slices", "fill_with") ||
        !integer_argument(m, "slice", out[0], &slices))
        return none();
    if (slices == 0)
        return fail_type(m, "slice: division by zero");
    const struct list *items = list_from(m, self);
    struct list *result = list_create(m, 8);
    const int64_t n = items ? (int64_t)items->n : 0, each = slices > 0 ? n / slices : 0;
    const int64_t longer = slices > 0 ? n % slices : 0;
    for (int64_t i = 0, at = 0; i < slices && !m->failed; i++) {
        struct list *slice = list_create(m, 4);
        for (int64_t j = 0; j < each + (i < longer) && !m->failed; j++)
            list_push(m, slice, items->items[at++]);
        if (i >= longer && is_given(out[1]) && out[1].kind != KIND_NONE)
            list_push(m, slice, out[1]);
        list_push(m, result, list_value(slice));
    }
    return iterator_value(m, result);
}

FILTER(filter_default)
{
    struct value out[2];
    if (!BIND(m, "default", a, 0, out, "default_value", "boolean"))
        return none();
    if (is_undefined(self) || (flag_argument(m, out[1]) && !value_truth(m, self)))
        return is_given(out[0]) ? out[0] : string_of(m, "", 0);
    return self;
}

/* Attributes only: what obj.name finds before it looks for an item. */
FILTER(filter_attr)
{
    struct value name;
    const struct string *s;
    if (!BIND(m, "attr", a, 1, &name, "name") || !string_argument(m, "attr", name, &s))
        return none();
    if (self.kind == KIND_DICT && !find_method(self, s->data, s->size))
        return undefined_value(m, "'dict' has no attribute '%.*s'", (int)s->size, s->data);
    return get_attribute(m, self, s);
}

const struct function sequence_filters[] = {

    {"first", filter_first},
    {"last", filter_last},
    {"min", filter_min},
    {"max", filter_max},
    {"sum", filter_sum},
    {"length", filter_length},
    {"count", filter_length},
    {"list", filter_list},
    {"items", filter_items},
    {"reverse", filter_reverse},
    {"unique", filter_unique},
    {"batch", filter_batch},
    {"slice", filter_slice},
    {"default", filter_default},
    {"d", filter_default},
    {"attr", filter_attr},
    {NULL, NULL},
};
