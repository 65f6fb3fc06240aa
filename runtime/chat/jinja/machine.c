/* chat/jinja/machine.c: limits, memory, texts in the making, arguments. See machine.h. */
#include "chat/jinja/machine.h"

#include "chat/jinja/characters.h"
#include "chat/jinja/tree.h"

#include <stdio.h>
#include <string.h>

/* ---- failure and limits ---------------------------------------------------------------------- */

struct value fail(struct machine *m, corbel_status status, const char *format, ...)
{
    if (!m->failed) {
        m->failed = true;
        m->status = status;
        va_list args;
        va_start(args, format);
        error_set_v(m->err, status, format, args);
        va_end(args);
        if (m->at)
            error_prefix(m->err, status, "%s:%u:%u", m->template->name, m->at->line, m->at->column);
    }
    return (struct value){.kind = KIND_UNDEFINED};
}

bool spend(struct machine *m, size_t n)
{
    if (m->failed)
        return false;
    if (n > JINJA_MAX_STEPS - m->steps) {
        m->steps = JINJA_MAX_STEPS;
        fail(m, CORBEL_E_FORMAT, "the template takes more than %d steps", JINJA_MAX_STEPS);
        return false;
    }
    m->steps += n;
    return true;
}

bool spend_bytes(struct machine *m, size_t n)
{
    return spend(m, n / 256);
}

bool enter(struct machine *m)
{
    if (m->failed)
        return false;
    if (m->depth >= MAX_EVALUATION_DEPTH) {
        fail(m, CORBEL_E_FORMAT, "the template goes deeper than %d levels", MAX_EVALUATION_DEPTH);
        return false;
    }
    m->depth++;
    return true;
}

void leave(struct machine *m)
{
    m->depth--;
}

void *take_memory(struct machine *m, size_t count, size_t size)
{
    if (m->failed)
        return NULL;
    void *memory = arena_array(&m->arena, count, size);
    if (!memory)
        fail(m, CORBEL_E_FORMAT, "the template needs more than %d MiB of memory",
             JINJA_MAX_MEMORY >> 20);
    return memory;
}

/* ---- builders -------------------------------------------------------------------------------- */

/* Sees to `more` bytes of room behind what is used. */
static bool reserve(struct machine *m, struct builder *b, size_t more)
{
    const size_t used = b->room ? b->room->used : 0;
    if (m->failed)
        return false;
    if (more > JINJA_MAX_TEXT - used) {
        fail(m, CORBEL_E_FORMAT, "the template makes a text of more than %d MiB",
             JINJA_MAX_TEXT >> 20);
        return false;
    }
    if (b->room && more <= b->room->capacity - used)
        return true;
    size_t capacity = 2 * (used + more);
    if (capacity < 32)
        capacity = 32;
    struct room *room = take_memory(m, 1, sizeof(*room));
    char *data = take_memory(m, capacity, 1);
    if (!room || !data)
        return false;
    if (used > 0)
        memcpy(data, b->room->data, used);
    *room = (struct room){.data = data, .used = used, .capacity = capacity};
    b->room = room;
    return true;
}

void build_bytes(struct machine *m, struct builder *b, const char *data, size_t size)
{
    if (size == 0 || !reserve(m, b, size) || !spend_bytes(m, size))
        return;
    memcpy(b->room->data + b->room->used, data, size);
    b->room->used += size;
}

void build_text(struct machine *m, struct builder *b, const char *s)
{
    build_bytes(m, b, s, strlen(s));
}

void build_repeated(struct machine *m, struct builder *b, char c, size_t n)
{
    if (n == 0 || !reserve(m, b, n))
        return;
    memset(b->room->data + b->room->used, c, n);
    b->room->used += n;
}

void build_character(struct machine *m, struct builder *b, uint32_t c)
{
    char utf8[4];
    build_bytes(m, b, utf8, character_put(utf8, c));
}

void build_format(struct machine *m, struct builder *b, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > 0)
        build_bytes(m, b, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

size_t builder_size(const struct builder *b)
{
    return b->room ? b->room->used : 0;
}

static struct string *new_string(struct machine *m, const char *data, size_t size,
                                 struct room *room)
{
    struct string *s = take_memory(m, 1, sizeof(*s));
    if (s)
        *s = (struct string){data, size, characters_count(data, size), room};
    return s;
}

static struct value string_in_room(struct machine *m, const char *data, size_t size,
                                   struct room *room)
{
    struct string *s = new_string(m, data, size, room);
    return s ? (struct value){.kind = KIND_STRING, .string = s} : none();
}

struct value builder_string(struct machine *m, struct builder *b)
{
    if (!b->room)
        return string_of(m, "", 0);
    return string_in_room(m, b->room->data, b->room->used, b->room);
}

struct value strings_joined(struct machine *m, struct value a, struct value b)
{
    const struct string *left = a.string, *right = b.string;
    if (m->failed || right->size == 0)
        return a;
    if (left->size == 0)
        return b;
    struct builder builder = {0};
    if (left->room && left->data + left->size == left->room->data + left->room->used)
        builder.room = left->room;
    else
        build_bytes(m, &builder, left->data, left->size);
    /* Where the room does not start with `left` (a slice of it), the result must all the same. */
    const size_t before =
        builder.room && builder.room == left->room ? (size_t)(left->data - left->room->data) : 0;
    build_bytes(m, &builder, right->data, right->size);
    if (m->failed)
        return a;
    struct room *room = builder.room;
    struct string *s = take_memory(m, 1, sizeof(*s));
    if (!s)
        return a;
    *s = (struct string){room->data + before, room->used - before,
                         left->n_characters + right->n_characters, room};
    return (struct value){.kind = KIND_STRING, .string = s};
}

struct value string_of(struct machine *m, const char *data, size_t size)
{
    return string_in_room(m, data, size, NULL);
}

struct value string_constant(struct machine *m, const char *s)
{
    return string_of(m, s, strlen(s));
}

struct value string_copy(struct machine *m, const char *data, size_t size)
{
    char *copy = take_memory(m, size + 1, 1);
    if (!copy)
        return none();
    if (size > 0)
        memcpy(copy, data, size);
    return string_of(m, copy, size);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool bind_keyword(struct machine *m, const char *function, const struct keyword *k,
                         const char *const *names, size_t n_names, struct value *out)
{
    for (size_t i = 0; i < n_names; i++) {
        if (strlen(names[i]) != k->name->size ||
            memcmp(names[i], k->name->data, k->name->size) != 0)
            continue;
        if (is_given(out[i])) {
            fail_type(m, "%s() got two values for argument %s", function, names[i]);
            return false;
        }
        out[i] = k->value;
        return true;
    }
    fail_type(m, "%s() has no argument %.*s", function, (int)k->name->size, k->name->data);
    return false;
}

bool bind(struct machine *m, const char *function, const struct arguments *a,
          const char *const *names, size_t n_names, size_t n_required, struct value *out)
{
    for (size_t i = 0; i < n_names; i++)
        out[i] = i < a->n ? a->values[i] : missing();
    if (m->failed)
        return false;
    if (a->n > n_names) {
        fail_type(m, "%s() takes %zu arguments, found %zu", function, n_names, a->n);
        return false;
    }
    for (size_t i = 0; i < a->n_keywords; i++)
        if (!bind_keyword(m, function, &a->keywords[i], names, n_names, out))
            return false;
    for (size_t i = 0; i < n_required; i++)
        if (!is_given(out[i])) {
            fail_type(m, "%s() needs the argument %s", function, names[i]);
            return false;
        }
    return true;
}

bool bind_nothing(struct machine *m, const char *function, const struct arguments *a)
{
    if (!m->failed && (a->n > 0 || a->n_keywords > 0))
        fail_type(m, "%s() takes no arguments", function);
    return !m->failed;
}

bool integer_argument(struct machine *m, const char *function, struct value v, int64_t *out)
{
    if (is_integral(v))
        *out = as_int(v);
    else if (is_undefined(v))
        fail_type(m, "%s", v.undefined ? v.undefined->why : "a value is undefined");
    else
        fail_type(m, "%s: expected an integer, found %s", function, value_type(v));
    return !m->failed;
}

bool string_argument(struct machine *m, const char *function, struct value v,
                     const struct string **out)
{
    if (is_string(v))
        *out = v.string;
    else if (is_undefined(v))
        fail_type(m, "%s", v.undefined ? v.undefined->why : "a value is undefined");
    else
        fail_type(m, "%s: expected a string, found %s", function, value_type(v));
    return !m->failed;
}
