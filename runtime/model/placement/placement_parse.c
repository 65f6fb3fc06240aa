/* model/placement/placement_parse.c: device_map and max_memory as people write them. */
#include "model/placement/placement.h"

#include "base/error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool placement_parse_place(const char *text, char name[32])
{
    static const char gpu[] = "vulkan";
    const char *number = text;
    if (strcmp(text, "cpu") == 0 || strcmp(text, "disk") == 0) {
        snprintf(name, 32, "%s", text);
        return true;
    }
    if (strcmp(text, gpu) == 0)
        number = "0";
    else if (strncmp(text, gpu, sizeof gpu - 1) == 0 && text[sizeof gpu - 1] == ':')
        number = text + sizeof gpu;
    const size_t digits = strspn(number, "0123456789");
    if (digits == 0 || digits > 2 || number[digits] || (digits > 1 && number[0] == '0'))
        return false;
    snprintf(name, 32, "vulkan:%.2s", number);
    return true;
}

static corbel_status read_place(const char *what, const char *key, struct json_object *value,
                                char name[32], corbel_error *err)
{
    const char *text =
        json_object_is_type(value, json_type_string) || json_object_is_type(value, json_type_int)
            ? json_object_get_string(value)
            : NULL;
    if (text && placement_parse_place(text, name))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_ARGUMENT,
                     "%s: \"%.200s\": expected \"cpu\", \"vulkan:N\" or \"disk\", found %.100s",
                     what, key, json_describe(value));
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* 0: no such unit. */
static uint64_t unit_size(const char *unit)
{
    static const struct {
        const char *name;
        uint64_t size;
    } rows[] = {
        {"", 1},
        {"B", 1},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", UINT64_C(1000000000000)},
        {"KIB", UINT64_C(1) << 10},
        {"MIB", UINT64_C(1) << 20},
        {"GIB", UINT64_C(1) << 30},
        {"TIB", UINT64_C(1) << 40},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcasecmp(unit, rows[i].name) == 0)
            return rows[i].size;
    return 0;
}

bool placement_parse_size(const char *text, uint64_t *bytes)
{
    uint64_t whole = 0, part = 0, scale = 1;
    const char *c = text;
    while (*c == ' ')
        c++;
    if (!isdigit((unsigned char)*c))
        return false;
    for (; isdigit((unsigned char)*c); c++)
        if (__builtin_mul_overflow(whole, 10u, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*c - '0'), &whole))
            return false;
    if (*c == '.')
        for (c++; isdigit((unsigned char)*c); c++)
            if (scale < 1000000) { /* further digits are less than a byte's worth of anything */
                part = part * 10 + (uint64_t)(*c - '0');
                scale *= 10;
            }
    while (*c == ' ')
        c++;
    const uint64_t unit = unit_size(c);
    if (unit == 0 || __builtin_mul_overflow(whole, unit, bytes))
        return false;
    return !__builtin_add_overflow(*bytes, unit / scale * part + unit % scale * part / scale,
                                   bytes);
}

static corbel_status read_size(const char *key, struct json_object *value, uint64_t *bytes,
                               corbel_error *err)
{
    if (json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0) {
        *bytes = (uint64_t)json_object_get_int64(value);
        return CORBEL_OK;
    }
    if (json_object_is_type(value, json_type_string) &&
        placement_parse_size(json_object_get_string(value), bytes))
        return CORBEL_OK;
    return error_set(
        err, CORBEL_E_ARGUMENT,
        "max_memory: \"%.64s\": expected bytes or a size such as \"6GiB\" or \"12GB\", "
        "found %.100s",
        key, json_describe(value));
}

/* ---- objects --------------------------------------------------------------------------------- */

static corbel_status parse_object(const char *text, const char *what, struct json_object **root,
                                  corbel_error *err)
{
    corbel_status status = json_parse(text, strlen(text), JSON_SECURITY, what, root, err);
    if (status == CORBEL_E_FORMAT) { /* the sentence is right, but it is no file that is wrong */
        status = CORBEL_E_ARGUMENT;
        if (err)
            err->status = status;
    }
    if (status == CORBEL_OK && !json_object_is_type(*root, json_type_object))
        status = error_set(err, CORBEL_E_ARGUMENT, "%s: expected a JSON object, found %.100s", what,
                           json_describe(*root));
    return status;
}

static bool is_object(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '{';
}

static corbel_status read_entries(struct json_object *root, struct arena *arena,
                                  struct placement_entry **entries, uint32_t *n, corbel_error *err)
{
    struct json_object_iterator i = json_object_iter_begin(root), end = json_object_iter_end(root);
    const size_t most = (size_t)json_object_object_length(root);
    *entries = arena_array(arena, most + 1, sizeof(**entries));
    if (!*entries)
        return error_memory(err, most * sizeof(**entries), "device_map");
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        struct placement_entry *e = &(*entries)[(*n)++];
        const char *prefix = json_object_iter_peek_name(&i);
        e->prefix = arena_string(arena, prefix);
        if (!e->prefix)
            return error_memory(err, strlen(prefix), "device_map");
        corbel_status status =
            read_place("device_map", prefix, json_object_iter_peek_value(&i), e->place, err);
        if (status != CORBEL_OK)
            return status;
    }
    return CORBEL_OK;
}

corbel_status placement_parse_map(const char *text, struct arena *arena, bool *is_auto,
                                  struct placement_entry **entries, uint32_t *n, corbel_error *err)
{
    struct json_object *root = NULL;
    *n = 0;
    *is_auto = !text || !text[0] || strcmp(text, "auto") == 0;
    if (*is_auto)
        return CORBEL_OK;
    if (is_object(text)) {
        corbel_status status = parse_object(text, "device_map", &root, err);
        if (status == CORBEL_OK)
            status = read_entries(root, arena, entries, n, err);
        json_object_put(root);
        return status;
    }
    *entries = arena_array(arena, 1, sizeof(**entries));
    if (!*entries)
        return error_memory(err, sizeof(**entries), "device_map");
    (*entries)->prefix = "";
    *n = 1;
    if (placement_parse_place(text, (*entries)->place))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_NOT_FOUND,
                     "device \"%.200s\": expected \"auto\", \"cpu\", \"vulkan:N\", \"disk\" or a "
                     "JSON object of module prefixes to those (corbel devices lists them)",
                     text);
}

corbel_status placement_parse_limits(const char *text, struct arena *arena,
                                     struct placement_limit **limits, uint32_t *n,
                                     corbel_error *err)
{
    struct json_object *root = NULL;
    *n = 0;
    if (!text || !text[0])
        return CORBEL_OK;
    corbel_status status = parse_object(text, "max_memory", &root, err);
    const size_t most = status == CORBEL_OK ? (size_t)json_object_object_length(root) : 0;
    *limits = arena_array(arena, most + 1, sizeof(**limits));
    if (status == CORBEL_OK && !*limits)
        status = error_memory(err, most * sizeof(**limits), "max_memory");
    if (status == CORBEL_OK) {
        struct json_object_iterator i = json_object_iter_begin(root),
                                    end = json_object_iter_end(root);
        for (; status == CORBEL_OK && !json_object_iter_equal(&i, &end);
             json_object_iter_next(&i)) {
            struct placement_limit *l = &(*limits)[(*n)++];
            const char *key = json_object_iter_peek_name(&i);
            if (!placement_parse_place(key, l->place))
                status = error_set(err, CORBEL_E_ARGUMENT,
                                   "max_memory: \"%.64s\": expected \"cpu\" or \"vulkan:N\"", key);
            else
                status = read_size(key, json_object_iter_peek_value(&i), &l->bytes, err);
            for (uint32_t k = 0; status == CORBEL_OK && k + 1 < *n; k++)
                if (strcmp((*limits)[k].place, l->place) == 0)
                    status = error_set(err, CORBEL_E_ARGUMENT, "max_memory: %s is there twice",
                                       l->place);
        }
    }
    json_object_put(root);
    return status;
}
