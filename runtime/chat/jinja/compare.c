/* chat/jinja/compare.c: equality, order and membership, as Python has them. */
#include "chat/jinja/machine.h"

#include <string.h>

/* ---- equality -------------------------------------------------------------------------------- */

static bool strings_equal(struct machine *m, const struct string *a, const struct string *b)
{
    return a->size == b->size && (a->data == b->data || spend_bytes(m, a->size)) &&
           memcmp(a->data, b->data, a->size) == 0;
}

static bool lists_equal(struct machine *m, const struct list *a, const struct list *b)
{
    if (a->n != b->n)
        return false;
    if (a == b)
        return true;
    for (size_t i = 0; i < a->n; i++)
        if (!spend(m, 1) || !value_equal(m, a->items[i], b->items[i]))
            return false;
    return true;
}

static bool dicts_equal(struct machine *m, const struct dict *a, const struct dict *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct value other = dict_get(m, b, a->entries[i].key);
        if (m->failed || !is_given(other) || !value_equal(m, a->entries[i].value, other))
            return false;
    }
    return true;
}

static bool ranges_equal(const struct range *a, const struct range *b)
{
    return a->n == b->n &&
           (a->n == 0 || (a->start == b->start && (a->n == 1 || a->step == b->step)));
}

/* Keys and items are sets of a kind. */
static bool views_equal(struct machine *m, struct value a, struct value b)
{
    if (a.view->of == VIEW_VALUES || b.view->of != a.view->of)
        return a.view == b.view;
    if (a.view->dict->n != b.view->dict->n)
        return false;
    struct walk walk = walk_begin(m, a);
    struct value item;
    while (walk_next(m, &walk, &item))
        if (!value_contains(m, b, item))
            return false;
    return !m->failed;
}

/* An int and a double, exactly: 2**53 + 1 is not 2.0**53. */
static bool numbers_equal(struct value a, struct value b)
{
    if (a.kind != KIND_FLOAT && b.kind != KIND_FLOAT)
        return as_int(a) == as_int(b);
    if (a.kind == KIND_FLOAT && b.kind == KIND_FLOAT)
        return a.f == b.f;
    const double f = a.kind == KIND_FLOAT ? a.f : b.f;
    const int64_t i = a.kind == KIND_FLOAT ? as_int(b) : as_int(a);
    return f >= -0x1p63 && f < 0x1p63 && (double)(int64_t)f == f && (int64_t)f == i;
}

static bool same_kind_equal(struct machine *m, struct value a, struct value b)
{
    switch (a.kind) {
    case KIND_MISSING:
    case KIND_UNDEFINED:
    case KIND_NONE: return true;
    case KIND_STRING: return strings_equal(m, a.string, b.string);
    case KIND_LIST:
    case KIND_TUPLE: return lists_equal(m, a.list, b.list);
    case KIND_DICT: return dicts_equal(m, a.dict, b.dict);
    case KIND_RANGE: return ranges_equal(a.range, b.range);
    case KIND_VIEW: return views_equal(m, a, b);
    case KIND_ITERATOR: return a.iterator == b.iterator;
    case KIND_NAMESPACE: return a.names == b.names;
    case KIND_MACRO: return a.macro == b.macro;
    case KIND_FUNCTION: return a.function == b.function;
    case KIND_LOOP: return a.loop == b.loop;
    default: return false;
    }
}

bool value_equal(struct machine *m, struct value a, struct value b)
{
    if (is_number(a) && is_number(b))
        return numbers_equal(a, b);
    if (a.kind != b.kind || !enter(m))
        return false;
    const bool equal = same_kind_equal(m, a, b) && !m->failed;
    leave(m);
    return equal;
}

/* ---- order ----------------------------------------------------------------------------------- */

static bool strings_less(struct machine *m, const struct string *a, const struct string *b)
{
    const size_t n = a->size < b->size ? a->size : b->size;
    if (!spend_bytes(m, n))
        return false;
    const int order = memcmp(a->data, b->data, n); /* UTF-8 keeps the order of code points */
    return order < 0 || (order == 0 && a->size < b->size);
}

static bool numbers_less(struct value a, struct value b)
{
    if (a.kind != KIND_FLOAT && b.kind != KIND_FLOAT)
        return as_int(a) < as_int(b);
    return as_real(a) < as_real(b);
}

static bool lists_less(struct machine *m, const struct list *a, const struct list *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        if (!spend(m, 1))
            return false;
        if (!value_equal(m, a->items[i], b->items[i]))
            return value_less(m, a->items[i], b->items[i]);
    }
    return a->n < b->n;
}

bool value_less(struct machine *m, struct value a, struct value b)
{
    if (m->failed)
        return false;
    if (is_number(a) && is_number(b))
        return numbers_less(a, b);
    if (is_string(a) && is_string(b))
        return strings_less(m, a.string, b.string);
    if (a.kind == b.kind && (a.kind == KIND_LIST || a.kind == KIND_TUPLE) && enter(m)) {
        const bool less = lists_less(m, a.list, b.list);
        leave(m);
        return less;
    }
    fail_type(m, "'<' not supported between %s and %s", value_type(a), value_type(b));
    return false;
}

/* ---- membership ------------------------------------------------------------------------------ */

static bool string_contains(struct machine *m, const struct string *s, struct value item)
{
    if (!is_string(item)) {
        fail_type(m, "'in' of a string needs a string on its left, found %s", value_type(item));
        return false;
    }
    return spend_bytes(m, s->size) &&
           (item.string->size == 0 ||
            memmem(s->data, s->size, item.string->data, item.string->size) != NULL);
}

static bool range_contains(const struct range *r, struct value item)
{
    if (!is_number(item) || r->n == 0)
        return false;
    if (item.kind == KIND_FLOAT &&
        !(item.f > -0x1p62 && item.f < 0x1p62 && item.f == (double)(int64_t)item.f))
        return false;
    const int64_t i = item.kind == KIND_FLOAT ? (int64_t)item.f : as_int(item);
    const int64_t last = r->start + (r->n - 1) * r->step;
    const int64_t low = r->step > 0 ? r->start : last, high = r->step > 0 ? last : r->start;
    return i >= low && i <= high && (i - r->start) % r->step == 0;
}

/* An item of a dict's items() is a pair. */
static bool items_contain(struct machine *m, const struct dict *dict, struct value item)
{
    if (item.kind != KIND_TUPLE || item.list->n != 2)
        return false;
    const struct value value = dict_get(m, dict, item.list->items[0]);
    return is_given(value) && value_equal(m, value, item.list->items[1]);
}

bool value_contains(struct machine *m, struct value container, struct value item)
{
    if (m->failed)
        return false;
    if (is_string(container))
        return string_contains(m, container.string, item);
    if (container.kind == KIND_DICT)
        return is_given(dict_get(m, container.dict, item));
    if (container.kind == KIND_RANGE)
        return range_contains(container.range, item);
    if (container.kind == KIND_VIEW && container.view->of == VIEW_KEYS)
        return is_given(dict_get(m, container.view->dict, item));
    if (container.kind == KIND_VIEW && container.view->of == VIEW_ITEMS)
        return items_contain(m, container.view->dict, item);

    struct walk walk = walk_begin(m, container);
    struct value found;
    while (walk_next(m, &walk, &found))
        if (value_equal(m, found, item))
            return true;
    return false;
}
