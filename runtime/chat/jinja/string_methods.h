/* chat/jinja/string_methods.h: what the two files of methods of strings share. */
#ifndef CHAT_JINJA_STRING_METHODS_H
#define CHAT_JINJA_STRING_METHODS_H

#include "chat/jinja/machine.h"

#include <string.h>

#define METHOD(name) \
    static struct value name(struct machine *m, struct value self, const struct arguments *a)

/* Methods of markup return markup. */
static inline struct value like(struct value self, struct value result)
{
    return is_string(result) ? with_safety(result, self.safe) : result;
}

static inline const struct list *all_like(struct value self, struct list *list)
{
    for (size_t i = 0; list && self.safe && i < list->n; i++)
        list->items[i] = like(self, list->items[i]);
    return list;
}

/* An optional integer: `fallback` if not given or none. */
static inline bool optional_int(struct machine *m, const char *method, struct value v,
                                int64_t fallback, int64_t *out)
{
    *out = fallback;
    return !is_given(v) || v.kind == KIND_NONE || integer_argument(m, method, v, out);
}

/* An optional separator or set of characters; `none` counts as not given. */
static inline bool optional_string(struct machine *m, const char *method, struct value *v)
{
    const struct string *s;
    if (v->kind == KIND_NONE)
        *v = missing();
    return !is_given(*v) || string_argument(m, method, *v, &s);
}

static inline struct value piece(struct machine *m, const struct string *s, size_t begin,
                                 size_t end)
{
    return string_of(m, s->data + begin, end - begin);
}

/* Is `what` at `at`? A long one that nearly is costs steps, since looking from the right has no
 * better way than to try every place. */
static inline bool is_at(struct machine *m, const char *at, const struct string *what)
{
    return what->size == 0 || (at[0] == what->data[0] && spend_bytes(m, what->size) &&
                               memcmp(at, what->data, what->size) == 0);
}

#endif
