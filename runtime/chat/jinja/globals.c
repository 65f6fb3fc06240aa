/* chat/jinja/globals.c: the functions that every template finds. */
#include "chat/jinja/library.h"

#include <locale.h>
#include <string.h>
#include <time.h>

#define GLOBAL(name) \
    static struct value name(struct machine *m, struct value self, const struct arguments *a)

/* ---- range ----------------------------------------------------------------------------------- */

GLOBAL(global_range)
{
    struct value out[3];
    int64_t start = 0, stop, step = 1;
    (void)self;
    if (a->n_keywords > 0)
        return fail_type(m, "range() takes no keyword arguments");
    if (!BIND(m, "range", a, 1, out, "start", "stop", "step") ||
        !integer_argument(m, "range", is_given(out[1]) ? out[1] : out[0], &stop) ||
        (is_given(out[1]) && !integer_argument(m, "range", out[0], &start)) ||
        (is_given(out[2]) && !integer_argument(m, "range", out[2], &step)))
        return none();
    if (step == 0)
        return fail_type(m, "range(): the step must not be zero");
    const bool empty = step > 0 ? start >= stop : start <= stop;
    const uint64_t distance =
        step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    const uint64_t n = empty ? 0 : (distance - 1) / stride + 1;
    if (n > JINJA_MAX_RANGE)
        return fail(m, CORBEL_E_FORMAT, "Range too big: more than %d numbers", JINJA_MAX_RANGE);
    struct range *range = take_memory(m, 1, sizeof(*range));
    if (!range)
        return none();
    *range = (struct range){start, stop, step, (int64_t)n};
    return (struct value){.kind = KIND_RANGE, .range = range};
}

/* ---- dict, namespace ------------------------------------------------------------------------- */

static void add_pairs(struct machine *m, struct dict *dict, struct value pairs)
{
    struct walk walk = walk_begin(m, pairs);
    struct value item;
    while (walk_next(m, &walk, &item)) {
        const struct list *pair = list_from(m, item);
        if (!m->failed && pair->n != 2)
            fail_type(m, "dict() needs pairs, found %zu items", pair->n);
        if (!m->failed)
            dict_set(m, dict, pair->items[0], pair->items[1]);
    }
}

/* dict(mapping or pairs, name=value, ...) */
static struct dict *new_dict(struct machine *m, const struct arguments *a)
{
    struct dict *dict = dict_create(m);
    if (a->n > 1)
        fail_type(m, "dict() takes one positional argument, found %zu", a->n);
    if (m->failed)
        return NULL;
    if (a->n == 1 && a->values[0].kind == KIND_DICT)
        for (size_t i = 0; i < a->values[0].dict->n; i++)
            dict_set(m, dict, a->values[0].dict->entries[i].key,
                     a->values[0].dict->entries[i].value);
    else if (a->n == 1)
        add_pairs(m, dict, a->values[0]);
    for (size_t i = 0; i < a->n_keywords && !m->failed; i++)
        dict_set(m, dict, (struct value){.kind = KIND_STRING, .string = a->keywords[i].name},
                 a->keywords[i].value);
    return m->failed ? NULL : dict;
}

GLOBAL(global_dict)
{
    struct dict *dict = new_dict(m, a);
    (void)self;
    return dict ? (struct value){.kind = KIND_DICT, .dict = dict} : none();
}

GLOBAL(global_namespace)
{
    struct dict *names = new_dict(m, a);
    (void)self;
    for (size_t i = 0; names && i < names->n; i++) {
        const struct value key = names->entries[i].key;
        if (is_string(key) && key.string->size > 0 && key.string->data[0] == '_')
            return fail_type(m,
                             "a namespace can't hold '%.*s': names with '_' in front are refused",
                             (int)key.string->size, key.string->data);
    }
    return names ? (struct value){.kind = KIND_NAMESPACE, .names = names} : none();
}

/* ---- raise_exception, strftime_now ----------------------------------------------------------- */

GLOBAL(global_raise_exception)
{
    struct value message;
    (void)self;
    if (!BIND(m, "raise_exception", a, 1, &message, "message"))
        return none();
    const struct value text = value_text(m, message);
    if (m->failed)
        return none();
    return fail_type(m, "the template says: %.*s", (int)text.string->size, text.string->data);
}

enum { MAX_TIME_FORMAT = 4096, MAX_TIME_TEXT = 1 << 16 };

/* Python fills these in itself: a time of its own has microseconds, and no zone. */
static void build_directives(struct machine *m, struct builder *b, const struct string *format,
                             long microseconds)
{
    for (size_t i = 0; i < format->size && !m->failed; i++) {
        const char next = i + 1 < format->size ? format->data[i + 1] : '\0';
        if (format->data[i] != '%' || !next) {
            build_bytes(m, b, format->data + i, 1);
            continue;
        }
        if (next == 'f')
            build_format(m, b, "%06ld", microseconds);
        else if (next != 'z' && next != 'Z')
            build_bytes(m, b, format->data + i, 2);
        i++;
    }
    build_bytes(m, b, "", 1); /* its terminator */
}

GLOBAL(global_strftime_now)
{
    struct value given;
    const struct string *format;
    struct timespec now = {0};
    struct tm local;
    (void)self;
    if (!BIND(m, "strftime_now", a, 1, &given, "format") ||
        !string_argument(m, "strftime_now", given, &format))
        return none();
    if (format->size > MAX_TIME_FORMAT || memchr(format->data, '\0', format->size))
        return fail_type(m, "strftime_now: a format of %zu bytes, or with a zero byte in it",
                         format->size);
    clock_gettime(CLOCK_REALTIME, &now);
    if (m->clock)
        now = (struct timespec){.tv_sec = (time_t)*m->clock};
    if (!localtime_r(&now.tv_sec, &local))
        return fail_type(m, "strftime_now: the clock can't be read");

    struct builder directives = {0};
    build_directives(m, &directives, format, now.tv_nsec / 1000);
    char *text = take_memory(m, MAX_TIME_TEXT, 1);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!text || !plain || m->failed) {
        if (plain)
            freelocale(plain);
        return m->failed ? none() : fail(m, CORBEL_E_MEMORY, "strftime_now: out of memory");
    }
    /* One byte more, so that an empty result is not taken for one that does not fit. */
    build_bytes(m, &directives, "", 1);
    directives.room->data[directives.room->used - 2] = '.';
    const size_t size = strftime_l(text, MAX_TIME_TEXT, directives.room->data, &local, plain);
    freelocale(plain);
    return size == 0 ? fail_type(m, "strftime_now: the text is longer than %d bytes", MAX_TIME_TEXT)
                     : string_of(m, text, size - 1);
}

const struct function *find_global(const char *name, size_t size)
{
    static const struct function globals[] = {
        {"range", global_range},
        {"dict", global_dict},
        {"namespace", global_namespace},
        {"raise_exception", global_raise_exception},
        {"strftime_now", global_strftime_now},
        {NULL, NULL},
    };
    return find_function(globals, name, size);
}
