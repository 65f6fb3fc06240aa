/* canonical.c: see canonical.h. */
#include "trust/canonical.h"

#include "base/error.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static void print_value(struct json_object *value, int depth, struct text *out);

static void print_break(int depth, struct text *out)
{
    text_append_char(out, '\n');
    for (int i = 0; i < depth; i++)
        text_append_char(out, ' ');
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_object(struct json_object *object, int depth, struct text *out)
{
    size_t n = (size_t)json_object_object_length(object), i = 0;
    const char **keys = malloc((n ? n : 1) * sizeof(*keys));
    struct json_object_iter member;

    if (!keys) {
        out->failed = true;
        return;
    }
    json_object_object_foreachC(object, member)
    {
        keys[i++] = member.key;
    }
    qsort(keys, n, sizeof(*keys), compare_keys);
    text_append_char(out, '{');
    for (i = 0; i < n; i++) {
        if (i)
            text_append_char(out, ',');
        print_break(depth + 1, out);
        text_append_json_string(out, keys[i], strlen(keys[i]));
        text_append(out, ": ");
        print_value(json_object_object_get(object, keys[i]), depth + 1, out);
    }
    if (n)
        print_break(depth, out);
    text_append_char(out, '}');
    free(keys);
}

static void print_array(struct json_object *array, int depth, struct text *out)
{
    size_t n = json_object_array_length(array);

    text_append_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            text_append_char(out, ',');
        print_break(depth + 1, out);
        print_value(json_object_array_get_idx(array, i), depth + 1, out);
    }
    if (n)
        print_break(depth, out);
    text_append_char(out, ']');
}

static void print_value(struct json_object *value, int depth, struct text *out)
{
    switch (json_object_get_type(value)) {
    case json_type_object: print_object(value, depth, out); break;
    case json_type_array: print_array(value, depth, out); break;
    case json_type_string:
        text_append_json_string(out, json_object_get_string(value),
                                (size_t)json_object_get_string_len(value));
        break;
    case json_type_int: text_format(out, "%lld", (long long)json_object_get_int64(value)); break;
    case json_type_boolean:
        text_append(out, json_object_get_boolean(value) ? "true" : "false");
        break;
    case json_type_double: /* canonical_parse refuses what differs from this text */
    case json_type_null: text_append(out, "null"); break;
    }
}

/* A float or null anywhere; which is never canonical. */
static bool has_float_or_null(struct json_object *value)
{
    struct json_object_iter member;

    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreachC(value, member)
        {
            if (has_float_or_null(member.val))
                return true;
        }
        return false;
    }
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            if (has_float_or_null(json_object_array_get_idx(value, i)))
                return true;
        return false;
    }
    return json_object_is_type(value, json_type_double) ||
           json_object_is_type(value, json_type_null);
}

void canonical_put_string(struct json_object *object, const char *key, const char *value)
{
    json_object_object_add(object, key, json_object_new_string(value ? value : ""));
}

void canonical_put_int(struct json_object *object, const char *key, int64_t value)
{
    json_object_object_add(object, key, json_object_new_int64(value));
}

struct json_object *canonical_put_array(struct json_object *object, const char *key)
{
    struct json_object *array = json_object_new_array();

    json_object_object_add(object, key, array);
    return array;
}

struct json_object *canonical_put_object(struct json_object *object, const char *key)
{
    struct json_object *child = json_object_new_object();

    json_object_object_add(object, key, child);
    return child;
}

struct json_object *canonical_append(struct json_object *array)
{
    struct json_object *child = json_object_new_object();

    json_object_array_add(array, child);
    return child;
}

void canonical_put_strings(struct json_object *object, const char *key, const struct strings *list)
{
    struct json_object *array = canonical_put_array(object, key);

    for (size_t i = 0; i < list->n; i++)
        json_object_array_add(array, json_object_new_string(list->items[i]));
}

void canonical_print(struct json_object *value, struct text *out)
{
    print_value(value, 0, out);
    text_append_char(out, '\n');
}

corbel_status canonical_parse(const char *data, size_t size, const char *name,
                              struct json_object **root, corbel_error *err)
{
    struct text text = {0};
    corbel_status status;

    status = json_parse(data, size, JSON_SECURITY, name, root, err);
    if (status)
        return status;
    if (!json_object_is_type(*root, json_type_object) || has_float_or_null(*root)) {
        status = error_set(err, CORBEL_E_FORMAT, "%s: expected an object without floats and nulls",
                           name);
        goto fail;
    }
    canonical_print(*root, &text);
    if (text.failed) {
        status = error_memory(err, size, name);
        goto fail;
    }
    if (text.size != size || memcmp(text.data, data, size) != 0) {
        status = error_set(err, CORBEL_E_FORMAT,
                           "%s: not in canonical form (keys sorted, indented by one space, one "
                           "newline at the end)",
                           name);
        goto fail;
    }
    text_finish(&text);
    return CORBEL_OK;
fail:
    text_finish(&text);
    json_object_put(*root);
    *root = NULL;
    return status;
}
