/* chat/jinja/value.h: what expressions are made of.
 *
 * Values have Python's types as far as templates meet them. They live in the machine's arena, are
 * passed by value and never change, but for namespaces and iterators. */
#ifndef CHAT_JINJA_VALUE_H
#define CHAT_JINJA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;
struct arguments;

enum kind {
    KIND_MISSING, /* no value at all: an argument that was not given */
    KIND_UNDEFINED,
    KIND_NONE,
    KIND_BOOL,
    KIND_INT,
    KIND_FLOAT,
    KIND_STRING,
    KIND_LIST,
    KIND_TUPLE,
    KIND_DICT,
    KIND_RANGE,
    KIND_VIEW,     /* what dict.keys(), values() and items() return */
    KIND_ITERATOR, /* what a generator returns: can be gone through once */
    KIND_NAMESPACE,
    KIND_MACRO,
    KIND_METHOD,   /* a method of a value: "abc".upper */
    KIND_FUNCTION, /* a global: range, raise_exception, ... */
    KIND_LOOP,
};

struct value {
    enum kind kind;
    bool safe; /* of a string: markup, which escapes what is joined to it */
    union {
        bool b;
        int64_t i;
        double f;
        const struct string *string;
        const struct list *list; /* also of a tuple */
        const struct dict *dict;
        const struct range *range;
        const struct view *view;
        struct iterator *iterator;
        struct dict *names; /* of a namespace */
        const struct macro *macro;
        const struct method *method;
        const struct function *function;
        struct loop *loop;
        const struct undefined *undefined;
    };
};

/* Room behind a string that one more string may be written to: `a + b` in a loop copies `a` only
 * when the room is used up. */
struct room {
    char *data;
    size_t used, capacity;
};

struct string {
    const char *data; /* UTF-8, not terminated */
    size_t size;
    size_t n_characters; /* code points */
    struct room *room;   /* it ends at room->used, or did once; NULL: none */
};

struct list {
    struct value *items;
    size_t n, capacity;
    bool is_group; /* a tuple of groupby: .grouper and .list */
};

struct entry {
    struct value key, value;
    uint64_t hash;
};

struct dict {
    struct entry *entries; /* in the order in which they came */
    size_t n, capacity;
    uint32_t *slots; /* [n_slots]: 1 + an index of entries, 0: empty */
    size_t n_slots;  /* a power of two */
};

struct range {
    int64_t start, stop, step, n;
};

enum view_of { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS };
struct view {
    const struct dict *dict;
    enum view_of of;
};

struct iterator {
    const struct list *items;
    size_t at;
};

/* Why something has no value, for the error of whoever uses it. */
struct undefined {
    const char *why;
};

typedef struct value function_call(struct machine *m, struct value self,
                                   const struct arguments *arguments);

struct function {
    const char *name;
    function_call *call;
};

struct method {
    const struct function *function;
    struct value self;
};

/* ---- making them ----------------------------------------------------------------------------- */

static inline struct value none(void)
{
    return (struct value){.kind = KIND_NONE};
}
static inline struct value missing(void)
{
    return (struct value){.kind = KIND_MISSING};
}
static inline struct value boolean(bool b)
{
    return (struct value){.kind = KIND_BOOL, .b = b};
}
static inline struct value integer(int64_t i)
{
    return (struct value){.kind = KIND_INT, .i = i};
}
static inline struct value real(double f)
{
    return (struct value){.kind = KIND_FLOAT, .f = f};
}
struct value undefined_value(struct machine *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* `data` is not copied; it must live as long as the machine. */
struct value string_of(struct machine *m, const char *data, size_t size);
struct value string_copy(struct machine *m, const char *data, size_t size);
struct value string_constant(struct machine *m, const char *s); /* not copied */
struct value with_safety(struct value string, bool safe);

struct list *list_create(struct machine *m, size_t capacity);
void list_push(struct machine *m, struct list *list, struct value value);
struct value list_value(const struct list *list);
struct value tuple_value(const struct list *list);
struct value pair_value(struct machine *m, struct value a, struct value b);
/* A generator's: can be gone through once. */
struct value iterator_value(struct machine *m, const struct list *items);

struct dict *dict_create(struct machine *m);
void dict_set(struct machine *m, struct dict *dict, struct value key, struct value value);
void dict_set_name(struct machine *m, struct dict *dict, const char *key, struct value value);
/* KIND_MISSING: not there. Fails for a key that has no hash. */
struct value dict_get(struct machine *m, const struct dict *dict, struct value key);
/* As dict_get, for a key of a string's bytes. */
struct value dict_find(const struct dict *dict, const char *key, size_t size);

/* ---- looking at them ------------------------------------------------------------------------- */

static inline bool is_string(struct value v)
{
    return v.kind == KIND_STRING;
}
static inline bool is_undefined(struct value v)
{
    return v.kind == KIND_UNDEFINED;
}
static inline bool is_given(struct value v)
{
    return v.kind != KIND_MISSING;
}
static inline bool is_integral(struct value v) /* an int, or a bool, which is one in Python */
{
    return v.kind == KIND_INT || v.kind == KIND_BOOL;
}
static inline bool is_number(struct value v)
{
    return is_integral(v) || v.kind == KIND_FLOAT;
}
static inline int64_t as_int(struct value v)
{
    return v.kind == KIND_BOOL ? v.b : v.i;
}
static inline double as_real(struct value v)
{
    return v.kind == KIND_FLOAT ? v.f : (double)as_int(v);
}
bool is_word(struct value v, const char *word); /* a string that is `word` */
bool value_truth(struct machine *m, struct value v);
/* "str", "dict", "int", ...: Python's name for its type. */
const char *value_type(struct value v);
bool value_equal(struct machine *m, struct value a, struct value b);
/* a < b, as sorting needs it; fails where Python has no order. */
bool value_less(struct machine *m, struct value a, struct value b);
bool value_contains(struct machine *m, struct value container, struct value item);
/* len(); -1: has none. */
int64_t value_length(struct value v);
/* A hash that equal values share; false, and a failure: it has none. */
bool value_hash(struct machine *m, struct value v, uint64_t *hash);

/* ---- going through them ---------------------------------------------------------------------- */

struct walk {
    struct value of;
    size_t at; /* bytes of a string, else items */
};

/* Fails if `v` can't be iterated over. */
struct walk walk_begin(struct machine *m, struct value v);
bool walk_next(struct machine *m, struct walk *walk, struct value *item);
bool is_iterable(struct value v);
/* All items as a list; that of a list itself. */
const struct list *list_from(struct machine *m, struct value v);

#endif
