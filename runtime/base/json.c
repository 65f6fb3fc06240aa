/* base/json.c: checked text to a json-c tree, and typed members of it. */
#include "base/json.h"

#include "base/error.h"
#include "base/file.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

corbel_status json_parse(const char *data, size_t size, enum json_level level, const char *name,
                         struct json_object **root, corbel_error *err)
{
    *root = NULL;
    const corbel_status status = json_check(data, size, level, name, err);
    if (status != CORBEL_OK)
        return status;
    if (size > INT_MAX)
        return error_set(err, CORBEL_E_FORMAT, "%s: %zu bytes of JSON, at most %d are read", name,
                         size, INT_MAX);

    /* json-c counts depth differently; json_check has decided that already. */
    struct json_tokener *tokener = json_tokener_new_ex(128);
    if (!tokener)
        return error_memory(err, size, name);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *value = json_tokener_parse_ex(tokener, data, (int)size);
    enum json_tokener_error failure = json_tokener_get_error(tokener);
    if (failure == json_tokener_continue) {
        /* A number or word at the very end: only the terminating 0 tells that it is over. */
        value = json_tokener_parse_ex(tokener, "", 1);
        failure = json_tokener_get_error(tokener);
    }
    json_tokener_free(tokener);
    if (failure != json_tokener_success) {
        json_object_put(value);
        return error_set(err, CORBEL_E_FORMAT, "%s: %s", name, json_tokener_error_desc(failure));
    }
    *root = value;
    return CORBEL_OK;
}

corbel_status json_load(const char *path, size_t limit, enum json_level level,
                        struct json_object **root, corbel_error *err)
{
    char *data;
    size_t size;
    *root = NULL;
    corbel_status status = file_read(path, limit, &data, &size, err);
    if (status == CORBEL_OK)
        status = json_parse(data, size, level, path, root, err);
    free(data);
    return status;
}

/* ---- typed members ----------------------------------------------------------------------------
 */

const char *json_describe(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_object: return "an object";
    case json_type_array: return "a list";
    case json_type_string:
        return json_object_get_string_len(value) <= 60
                   ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE)
                   : "a long string";
    default: return json_object_to_json_string(value);
    }
}

static corbel_status refuse(struct json_object *value, const char *key, const char *expected,
                            const char *name, corbel_error *err)
{
    return error_set(err, CORBEL_E_FORMAT, "%s: %s: expected %s, found %s", name, key, expected,
                     json_describe(value));
}

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(o, key, &value);
    return value;
}

corbel_status json_get_int(struct json_object *o, const char *key, int64_t *out, const char *name,
                           corbel_error *err)
{
    struct json_object *value = member(o, key);
    if (!value)
        return CORBEL_OK;
    if (!json_object_is_type(value, json_type_int))
        return refuse(value, key, "an integer", name, err);
    *out = json_object_get_int64(value);
    return CORBEL_OK;
}

corbel_status json_get_double(struct json_object *o, const char *key, double *out, const char *name,
                              corbel_error *err)
{
    struct json_object *value = member(o, key);
    if (!value)
        return CORBEL_OK;
    if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
        return refuse(value, key, "a number", name, err);
    const double number = json_object_get_double(value);
    if (!isfinite(number))
        return refuse(value, key, "a number that fits a double", name, err);
    *out = number;
    return CORBEL_OK;
}

corbel_status json_get_bool(struct json_object *o, const char *key, bool *out, const char *name,
                            corbel_error *err)
{
    struct json_object *value = member(o, key);
    if (!value)
        return CORBEL_OK;
    if (!json_object_is_type(value, json_type_boolean))
        return refuse(value, key, "true or false", name, err);
    *out = json_object_get_boolean(value);
    return CORBEL_OK;
}

corbel_status json_get_string(struct json_object *o, const char *key, const char **out,
                              const char *name, corbel_error *err)
{
    struct json_object *value = member(o, key);
    if (!value)
        return CORBEL_OK;
    if (!json_object_is_type(value, json_type_string))
        return refuse(value, key, "a string", name, err);
    *out = json_object_get_string(value);
    return CORBEL_OK;
}

corbel_status json_get_member(struct json_object *o, const char *key, enum json_type type,
                              struct json_object **out, const char *name, corbel_error *err)
{
    struct json_object *value = member(o, key);
    if (!value)
        return CORBEL_OK;
    if (!json_object_is_type(value, type))
        return refuse(value, key, type == json_type_array ? "a list" : "an object", name, err);
    *out = value;
    return CORBEL_OK;
}
