/* reader.c: see reader.h. */
#include "trust/reader.h"

#include "base/error.h"

#include <stdarg.h>
#include <string.h>

void reader_fail(struct reader *r, const char *format, ...)
{
    va_list args;

    if (r->status)
        return;
    va_start(args, format);
    r->status = error_set_v(r->err, CORBEL_E_FORMAT, format, args);
    va_end(args);
    error_prefix(r->err, r->status, "%s", r->name);
}

/* ---- typed members -------------------------------------------------------------------------- */

struct json_object *reader_get(struct reader *r, struct json_object *object, const char *key,
                               enum json_type type)
{
    struct json_object *value = NULL;

    if (r->status)
        return NULL;
    if (!json_object_object_get_ex(object, key, &value))
        reader_fail(r, "%s is missing", key);
    else if (!json_object_is_type(value, type))
        reader_fail(r, "%s: expected %s, found %s", key, json_type_to_name(type),
                    json_type_to_name(json_object_get_type(value)));
    return r->status ? NULL : value;
}

const char *reader_copy(struct reader *r, struct json_object *string)
{
    const char *s = arena_string(r->arena, json_object_get_string(string));

    if (!s && !r->status)
        r->status = error_memory(r->err, 0, r->name);
    return s ? s : "";
}

const char *reader_string(struct reader *r, struct json_object *object, const char *key)
{
    struct json_object *value = reader_get(r, object, key, json_type_string);

    if (value && json_object_get_string_len(value) > 256)
        reader_fail(r, "%s: longer than 256 bytes", key);
    return r->status ? "" : reader_copy(r, value);
}

int64_t reader_int(struct reader *r, struct json_object *object, const char *key, int64_t lo,
                   int64_t hi)
{
    struct json_object *value = reader_get(r, object, key, json_type_int);
    int64_t i = value ? json_object_get_int64(value) : lo;

    if (i < lo || i > hi)
        reader_fail(r, "%s: expected %lld to %lld, found %lld", key, (long long)lo, (long long)hi,
                    (long long)i);
    return i;
}

size_t reader_array(struct reader *r, struct json_object *object, const char *key,
                    struct json_object **array, void **items, size_t size)
{
    size_t n;

    *array = reader_get(r, object, key, json_type_array);
    n = *array ? json_object_array_length(*array) : 0;
    if (n > READER_MAX_ITEMS)
        reader_fail(r, "%s: more than %d entries", key, READER_MAX_ITEMS);
    *items = r->status ? NULL : arena_array(r->arena, n ? n : 1, size);
    if (!*items && !r->status)
        r->status = error_memory(r->err, n * size, r->name);
    return *items ? n : 0;
}

struct strings reader_strings(struct reader *r, struct json_object *object, const char *key)
{
    struct strings list;
    struct json_object *array;
    void *items;

    list.n = reader_array(r, object, key, &array, &items, sizeof(*list.items));
    list.items = items;
    for (size_t i = 0; i < list.n; i++) {
        struct json_object *item = json_object_array_get_idx(array, i);

        if (!json_object_is_type(item, json_type_string))
            reader_fail(r, "%s: expected a list of strings", key);
        list.items[i] = r->status ? "" : reader_copy(r, item);
        if (i > 0 && strcmp(list.items[i - 1], list.items[i]) >= 0)
            reader_fail(r, "%s: not sorted, or twice the same", key);
    }
    return list;
}

struct json_object *reader_entry(struct reader *r, struct json_object *array, size_t i,
                                 const char *key)
{
    struct json_object *value = json_object_array_get_idx(array, i);

    if (!json_object_is_type(value, json_type_object))
        reader_fail(r, "%s: expected a list of objects", key);
    return r->status ? NULL : value;
}

void reader_keys(struct reader *r, struct json_object *object, const char *const *known)
{
    struct json_object_iter member;

    if (r->status)
        return;
    json_object_object_foreachC(object, member)
    {
        const char *const *k = known;

        while (*k && strcmp(*k, member.key) != 0)
            k++;
        if (!*k && strncmp(member.key, "x-", 2) != 0)
            reader_fail(r, "unknown key %.64s", member.key);
    }
}

void reader_expect(struct reader *r, const char *key, const char *s, const char *allowed)
{
    const char *signs = strpbrk(allowed, "_-.+/");

    if (!r->status && (!*s || strspn(s, allowed) != strlen(s)))
        reader_fail(r, "%s: %.64s: expected letters, digits and signs of %s", key, s,
                    signs ? signs : "(none)");
}

bool reader_is_sha256(const char *s)
{
    return strlen(s) == 64 && strspn(s, READER_DIGITS "abcdef") == 64;
}
