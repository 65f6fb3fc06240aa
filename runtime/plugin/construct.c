/* construct.c: config.json -> the arguments of an ordinary C function. instance.c makes the call.
 */
#include "plugin/construct.h"

#include "base/error.h"
#include "config/rope.h"

#include <stdlib.h>

/* What a value is read for: for messages, and where copies live. */
struct reader {
    const struct config *config;
    struct arena *arena;
    const char *arch, *key;
    corbel_error *err;
};

static const char *kind_text(int32_t kind)
{
    static const char *const texts[] = {
        [CORBEL_KIND_i64] = "an integer",          [CORBEL_KIND_f64] = "a number",
        [CORBEL_KIND_flag] = "true or false",      [CORBEL_KIND_str] = "a string",
        [CORBEL_KIND_i64s] = "a list of integers", [CORBEL_KIND_f64s] = "a list of numbers",
        [CORBEL_KIND_strs] = "a list of strings",  [CORBEL_KIND_json] = "a value",
        [CORBEL_KIND_rope] = "rotary parameters",
    };
    return texts[kind];
}

/* ---- from JSON to an argument --------------------------------------------------------------- */

static corbel_status mistyped(const struct reader *r, int32_t kind, struct json_object *value)
{
    return error_set(r->err, CORBEL_E_CONFIG, "%s: %s: expected %s, found %.60s", r->config->path,
                     r->key, kind_text(kind),
                     json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
}

static corbel_status no_memory(const struct reader *r)
{
    return error_set(r->err, CORBEL_E_MEMORY, "%s: %s: out of memory", r->config->path, r->key);
}

static bool is_number(struct json_object *value)
{
    return json_object_is_type(value, json_type_double) ||
           json_object_is_type(value, json_type_int);
}

static corbel_status read_string(const struct reader *r, int32_t kind, struct json_object *value,
                                 const char **out)
{
    if (!json_object_is_type(value, json_type_string))
        return mistyped(r, kind, value);
    *out = arena_string(r->arena, json_object_get_string(value));
    return *out ? CORBEL_OK : no_memory(r);
}

/* A list of any kind: the header that the plugin sees, and its items, of 8 bytes each. What is
 * written without brackets is a list of one. */
static corbel_status read_list(const struct reader *r, int32_t kind, struct json_object *value,
                               const void **out)
{
    corbel_i64_list *list = arena_alloc(r->arena, sizeof(*list));
    bool is_array = json_object_is_type(value, json_type_array);
    size_t n = is_array ? json_object_array_length(value) : 1;
    union {
        int64_t i;
        double f;
        const char *s;
    } *items = arena_array(r->arena, n ? n : 1, sizeof(*items));

    if (!list || !items)
        return no_memory(r);
    for (size_t i = 0; i < n; i++) {
        struct json_object *item = is_array ? json_object_array_get_idx(value, i) : value;

        if (kind == CORBEL_KIND_i64s && json_object_is_type(item, json_type_int))
            items[i].i = json_object_get_int64(item);
        else if (kind == CORBEL_KIND_f64s && is_number(item))
            items[i].f = json_object_get_double(item);
        else if (kind == CORBEL_KIND_strs && json_object_is_type(item, json_type_string))
            items[i].s = arena_string(r->arena, json_object_get_string(item));
        else
            return mistyped(r, kind, value);
        if (kind == CORBEL_KIND_strs && !items[i].s)
            return no_memory(r);
    }
    list->n = n;
    list->items = &items[0].i;
    *out = list;
    return CORBEL_OK;
}

static corbel_status read_value(const struct reader *r, int32_t kind, struct json_object *value,
                                union argument *out)
{
    switch (kind) {
    case CORBEL_KIND_i64:
        if (!json_object_is_type(value, json_type_int))
            return mistyped(r, kind, value);
        out->i64 = json_object_get_int64(value);
        return CORBEL_OK;
    case CORBEL_KIND_f64:
        if (!is_number(value))
            return mistyped(r, kind, value);
        out->f64 = json_object_get_double(value);
        return CORBEL_OK;
    case CORBEL_KIND_flag:
        if (!json_object_is_type(value, json_type_boolean))
            return mistyped(r, kind, value);
        out->flag = json_object_get_boolean(value) ? 1 : 0;
        return CORBEL_OK;
    case CORBEL_KIND_str: return read_string(r, kind, value, (const char **)&out->pointer);
    case CORBEL_KIND_json:
        out->pointer =
            arena_string(r->arena, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
        return out->pointer ? CORBEL_OK : no_memory(r);
    default: return read_list(r, kind, value, &out->pointer);
    }
}

/* ---- where a field's value comes from ------------------------------------------------------- */

/* The first alias that is there. r->key becomes it; *counted: the number of its entries is meant.
 */
static corbel_status find(struct reader *r, const char *keys, struct json_object **value,
                          bool *counted)
{
    *value = NULL;
    for (const char *start = keys, *end; *start && !*value; start = *end ? end + 1 : end) {
        const char *key;

        end = strchrnul(start, '|');
        *counted = *start == '#';
        start += *counted;
        key = arena_format(r->arena, "%.*s", (int)(end - start), start);
        if (!key)
            return no_memory(r);
        *value = config_find(r->config, key, NULL);
        if (*value)
            r->key = key;
    }
    return CORBEL_OK;
}

static corbel_status count_entries(const struct reader *r, struct json_object *value,
                                   union argument *out)
{
    if (json_object_is_type(value, json_type_object))
        out->i64 = json_object_object_length(value);
    else if (json_object_is_type(value, json_type_array))
        out->i64 = (int64_t)json_object_array_length(value);
    else
        return error_set(r->err, CORBEL_E_CONFIG,
                         "%s: %s: expected an object or a list, found %.60s", r->config->path,
                         r->key, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    return CORBEL_OK;
}

/* "$name": what an earlier field has; the descriptor's check has seen that it is of this kind. */
static union argument earlier(const corbel_arch *arch, uint32_t i, const union argument *arguments)
{
    for (uint32_t j = 0; j < i; j++)
        if (strcmp(arch->fields[j].name, arch->fields[i].fallback + 1) == 0)
            return arguments[j];
    return (union argument){0};
}

/* Where the second of "4096|0" begins; NULL: there is one default. A | in a string is none. */
static const char *second_default(const char *fallback)
{
    bool quoted = false;

    for (const char *c = fallback; *c; c++) {
        if (*c == '"' && (c == fallback || c[-1] != '\\'))
            quoted = !quoted;
        if (*c == '|' && !quoted)
            return c + 1;
    }
    return NULL;
}

static corbel_status read_literal(const struct reader *r, const corbel_field *field,
                                  union argument *out)
{
    const char *second = second_default(field->fallback), *text = field->fallback;
    size_t size = second ? (size_t)(second - text) - 1 : strlen(text);
    struct json_object *value = NULL;
    corbel_status status;
    corbel_error err;

    if (second && config_is_null(r->config, field->keys)) {
        text = second;
        size = strlen(second);
    }
    if (json_parse(text, size, JSON_SECURITY, r->arch, &value, &err))
        return error_set(r->err, CORBEL_E_ABI, "%s: field %s: its default %.60s is no JSON: %s",
                         r->arch, field->keys, field->fallback, err.text);
    if (!value && field->kind >= CORBEL_KIND_str) /* null */
        status = CORBEL_OK;
    else if (read_value(r, field->kind, value, out))
        status = error_set(r->err, CORBEL_E_ABI, "%s: field %s: its default %.60s is not %s",
                           r->arch, field->keys, field->fallback, kind_text(field->kind));
    else
        status = CORBEL_OK;
    json_object_put(value);
    return status;
}

static corbel_status read_rope(const struct reader *r, const corbel_field *field,
                               union argument *out)
{
    const char *text = field->fallback ? field->fallback : "10000";
    char *end;
    double theta = strtod(text, &end);
    const corbel_rope *rope = NULL;
    corbel_status status;

    if (*end || !(theta > 0.0))
        return error_set(r->err, CORBEL_E_ABI, "%s: its default theta %.60s is no number", r->arch,
                         text);
    status = config_rope(r->config, field->keys, theta, r->arena, &rope, r->err);
    out->pointer = rope;
    return status;
}

static corbel_status read_field(struct reader *r, const corbel_arch *arch, uint32_t i,
                                union argument *arguments)
{
    const corbel_field *field = &arch->fields[i];
    union argument *out = &arguments[i];
    struct json_object *value;
    corbel_status status;
    bool counted = false;

    r->key = field->keys;
    if (field->kind == CORBEL_KIND_rope)
        return read_rope(r, field, out);
    status = find(r, field->keys, &value, &counted);
    if (status)
        return status;
    if (value && counted)
        return count_entries(r, value, out);
    if (value)
        return read_value(r, field->kind, value, out);
    if (!field->fallback)
        return error_set(r->err, CORBEL_E_CONFIG, "%s: %s is missing; %s needs %s", r->config->path,
                         field->keys, arch->name, kind_text(field->kind));
    if (field->fallback[0] == '$') {
        *out = earlier(arch, i, arguments);
        return CORBEL_OK;
    }
    return read_literal(r, field, out);
}

/* ---- outside -------------------------------------------------------------------------------- */

corbel_status construct_arguments(const corbel_arch *arch, const struct config *config,
                                  struct arena *arena, union argument arguments[ARGUMENTS_MAX],
                                  corbel_error *err)
{
    struct reader r = {.config = config, .arena = arena, .arch = arch->name, .err = err};
    corbel_status status = CORBEL_OK;

    memset(arguments, 0, ARGUMENTS_MAX * sizeof(*arguments));
    for (uint32_t i = 0; i < arch->n_fields && !status; i++)
        status = read_field(&r, arch, i, arguments);
    return status;
}
