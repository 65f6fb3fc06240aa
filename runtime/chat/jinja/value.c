/* chat/jinja/value.c: making values, and going through them. See value.h. */
#include "chat/jinja/value.h"

#include "chat/jinja/characters.h"
#include "chat/jinja/loop.h"
#include "chat/jinja/machine.h"

#include <stdio.h>
#include <string.h>

/* ---- making ---------------------------------------------------------------------------------- */

struct value undefined_value(struct machine *m, const char *format, ...)
{
    char why[256];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    const size_t size = n < 0 ? 0 : (size_t)n < sizeof(why) ? (size_t)n : sizeof(why) - 1;

    struct undefined *u = take_memory(m, 1, sizeof(*u));
    char *copy = take_memory(m, size + 1, 1);
    if (!u || !copy)
        return (struct value){.kind = KIND_UNDEFINED};
    memcpy(copy, why, size);
    u->why = copy;
    return (struct value){.kind = KIND_UNDEFINED, .undefined = u};
}

struct value with_safety(struct value string, bool safe)
{
    string.safe = safe;
    return string;
}

struct list *list_create(struct machine *m, size_t capacity)
{
    struct list *list = take_memory(m, 1, sizeof(*list));
    if (!list)
        return NULL;
    *list = (struct list){.capacity = capacity};
    list->items = take_memory(m, capacity, sizeof(*list->items));
    return list->items ? list : NULL;
}

static bool list_grow(struct machine *m, struct list *list)
{
    size_t capacity = list->capacity < 4 ? 8 : 2 * list->capacity;
    struct value *items = take_memory(m, capacity, sizeof(*items));
    if (!items)
        return false;
    memcpy(items, list->items, list->n * sizeof(*items));
    list->items = items;
    list->capacity = capacity;
    return true;
}

void list_push(struct machine *m, struct list *list, struct value value)
{
    if (!list || !spend(m, 1))
        return;
    if (list->n >= JINJA_MAX_ITEMS)
        fail(m, CORBEL_E_FORMAT, "the template makes a list of more than %d items",
             JINJA_MAX_ITEMS);
    else if (list->n < list->capacity || list_grow(m, list))
        list->items[list->n++] = value;
}

struct value list_value(const struct list *list)
{
    return list ? (struct value){.kind = KIND_LIST, .list = list} : none();
}

struct value tuple_value(const struct list *list)
{
    return list ? (struct value){.kind = KIND_TUPLE, .list = list} : none();
}

struct value pair_value(struct machine *m, struct value a, struct value b)
{
    struct list *pair = list_create(m, 2);
    list_push(m, pair, a);
    list_push(m, pair, b);
    return tuple_value(pair);
}

struct value iterator_value(struct machine *m, const struct list *items)
{
    struct iterator *iterator = take_memory(m, 1, sizeof(*iterator));
    if (!iterator || !items)
        return none();
    iterator->items = items;
    return (struct value){.kind = KIND_ITERATOR, .iterator = iterator};
}

/* ---- looking --------------------------------------------------------------------------------- */

bool is_word(struct value v, const char *word)
{
    return is_string(v) && v.string->size == strlen(word) &&
           memcmp(v.string->data, word, v.string->size) == 0;
}

const char *value_type(struct value v)
{
    switch (v.kind) {
    case KIND_MISSING:
    case KIND_UNDEFINED: return "undefined";
    case KIND_NONE: return "none";
    case KIND_BOOL: return "bool";
    case KIND_INT: return "int";
    case KIND_FLOAT: return "float";
    case KIND_STRING: return "str";
    case KIND_LIST: return "list";
    case KIND_TUPLE: return "tuple";
    case KIND_DICT: return "dict";
    case KIND_RANGE: return "range";
    case KIND_VIEW:
        return v.view->of == VIEW_KEYS     ? "dict_keys"
               : v.view->of == VIEW_VALUES ? "dict_values"
                                           : "dict_items";
    case KIND_ITERATOR: return "generator";
    case KIND_NAMESPACE: return "namespace";
    case KIND_MACRO: return "macro";
    case KIND_METHOD:
    case KIND_FUNCTION: return "function";
    case KIND_LOOP: return "loop";
    }
    return "value";
}

int64_t value_length(struct value v)
{
    switch (v.kind) {
    case KIND_UNDEFINED: return 0;
    case KIND_STRING: return (int64_t)v.string->n_characters;
    case KIND_LIST:
    case KIND_TUPLE: return (int64_t)v.list->n;
    case KIND_DICT: return (int64_t)v.dict->n;
    case KIND_RANGE: return v.range->n;
    case KIND_VIEW: return (int64_t)v.view->dict->n;
    default: return -1;
    }
}

bool value_truth(struct machine *m, struct value v)
{
    switch (v.kind) {
    case KIND_MISSING:
    case KIND_NONE: return false;
    case KIND_BOOL: return v.b;
    case KIND_INT: return v.i != 0;
    case KIND_FLOAT: return v.f != 0;
    case KIND_LOOP: return loop_length(m, v.loop) != 0;
    default: return value_length(v) != 0;
    }
}

/* ---- going through --------------------------------------------------------------------------- */

bool is_iterable(struct value v)
{
    return value_length(v) >= 0 || v.kind == KIND_ITERATOR || v.kind == KIND_LOOP;
}

struct walk walk_begin(struct machine *m, struct value v)
{
    if (!m->failed && !is_iterable(v))
        fail_type(m, "%s can't be iterated over", value_type(v));
    return (struct walk){.of = v};
}

static struct value next_character(struct machine *m, struct walk *walk)
{
    const struct string *s = walk->of.string;
    size_t size;
    character_get(s->data + walk->at, &size);
    struct value c = string_of(m, s->data + walk->at, size);
    walk->at += size;
    return c;
}

static struct value entry_of(struct machine *m, enum view_of of, const struct entry *e)
{
    return of == VIEW_KEYS     ? e->key
           : of == VIEW_VALUES ? e->value
                               : pair_value(m, e->key, e->value);
}

static bool walk_loop(struct machine *m, struct walk *walk, struct value *item)
{
    struct value self = walk->of, next;
    if (!loop_next(m, self.loop, &next))
        return false;
    *item = pair_value(m, next, self); /* as Jinja's own LoopContext yields it */
    return !m->failed;
}

bool walk_next(struct machine *m, struct walk *walk, struct value *item)
{
    const struct value of = walk->of;
    if (m->failed || !spend(m, 1))
        return false;
    switch (of.kind) {
    case KIND_STRING:
        if (walk->at >= of.string->size)
            return false;
        *item = next_character(m, walk);
        return !m->failed;
    case KIND_LIST:
    case KIND_TUPLE:
        if (walk->at >= of.list->n)
            return false;
        *item = of.list->items[walk->at++];
        return true;
    case KIND_DICT:
        if (walk->at >= of.dict->n)
            return false;
        *item = of.dict->entries[walk->at++].key;
        return true;
    case KIND_VIEW:
        if (walk->at >= of.view->dict->n)
            return false;
        *item = entry_of(m, of.view->of, &of.view->dict->entries[walk->at++]);
        return !m->failed;
    case KIND_RANGE:
        if ((int64_t)walk->at >= of.range->n)
            return false;
        *item = integer(of.range->start + (int64_t)walk->at++ * of.range->step);
        return true;
    case KIND_ITERATOR:
        if (of.iterator->at >= of.iterator->items->n)
            return false;
        *item = of.iterator->items->items[of.iterator->at++];
        return true;
    case KIND_LOOP: return walk_loop(m, walk, item);
    default: return false;
    }
}

const struct list *list_from(struct machine *m, struct value v)
{
    if (v.kind == KIND_LIST || v.kind == KIND_TUPLE)
        return v.list;
    struct walk walk = walk_begin(m, v);
    struct list *list = list_create(m, value_length(v) > 0 ? (size_t)value_length(v) : 4);
    struct value item;
    while (list && walk_next(m, &walk, &item))
        list_push(m, list, item);
    return m->failed ? NULL : list;
}
