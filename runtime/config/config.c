/* config/config.c: loading config.json, looking keys up, checking their types. */
#include "config/config.h"

#include "base/dtype.h"
#include "base/error.h"
#include "base/file.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_CONFIG = 4 << 20, LONGEST_KEY = 127 };

/* ---- lookup --------------------------------------------------------------------------------- */

/* The member at the path of `length` bytes, "a.b.c"; NULL if it is absent (*there: no) or null. */
static struct json_object *find_path(struct json_object *o, const char *path, size_t length,
                                     bool *there)
{
    *there = false;
    if (length == 0)
        return NULL;
    while (o && length != 0) {
        const char *dot = memchr(path, '.', length);
        const size_t step = dot ? (size_t)(dot - path) : length;
        char key[LONGEST_KEY + 1];
        if (step > LONGEST_KEY || !json_object_is_type(o, json_type_object))
            return NULL;
        memcpy(key, path, step);
        key[step] = '\0';
        struct json_object *inner = NULL;
        *there = json_object_object_get_ex(o, key, &inner) && step == length;
        o = inner;
        path += step + (dot != NULL);
        length -= step + (dot != NULL);
    }
    return o;
}

struct alias {
    struct json_object *value; /* NULL: none was found */
    const char *name;
    size_t length;
    int number; /* from 1 */
};

static struct alias find_alias(const struct config *c, const char *keys)
{
    struct alias alias = {0};
    bool there;
    for (const char *name = keys;; name += alias.length + 1) {
        alias.name = name;
        alias.length = strcspn(name, "|");
        alias.number++;
        alias.value = find_path(c->root, name, alias.length, &there);
        if (alias.value || name[alias.length] == '\0')
            break;
    }
    if (!alias.value)
        alias.number = 0;
    return alias;
}

struct json_object *config_find(const struct config *c, const char *keys, const char **key)
{
    const struct alias alias = find_alias(c, keys);
    if (!key)
        return alias.value;
    *key = keys;
    if (alias.value && alias.name[alias.length] == '\0') {
        *key = alias.name;
    } else if (alias.value && c->memory) {
        const char *copy = arena_format(c->memory, "%.*s", (int)alias.length, alias.name);
        *key = copy ? copy : keys;
    }
    return alias.value;
}

bool config_is_null(const struct config *c, const char *keys)
{
    bool there;
    for (const char *name = keys;;) {
        const size_t length = strcspn(name, "|");
        if (!find_path(c->root, name, length, &there) && there)
            return true;
        if (name[length] == '\0')
            return false;
        name += length + 1;
    }
}

corbel_status config_refuse(const struct config *c, const char *key, struct json_object *value,
                            const char *expected, corbel_error *err)
{
    return error_set(err, CORBEL_E_CONFIG, "%s: %s: expected %s, found %s", c->path, key, expected,
                     json_describe(value));
}

static corbel_status refuse_alias(const struct config *c, const struct alias *alias,
                                  const char *expected, corbel_error *err)
{
    char key[LONGEST_KEY + 1];
    snprintf(key, sizeof key, "%.*s", (int)alias->length, alias->name);
    return config_refuse(c, key, alias->value, expected, err);
}

/* The value if it is there and `type` says so; CORBEL_OK with *value NULL if it is absent. Integers
 * pass as numbers, what overflowed while being read does not. */
static corbel_status find_typed(const struct config *c, const char *keys, enum json_type type,
                                const char *expected, struct json_object **value, int *found,
                                corbel_error *err)
{
    const struct alias alias = find_alias(c, keys);
    *value = alias.value;
    if (found)
        *found = alias.number;
    if (!alias.value)
        return CORBEL_OK;
    const bool number = json_object_is_type(alias.value, json_type_double) ||
                        json_object_is_type(alias.value, json_type_int);
    if (!json_object_is_type(alias.value, type) && !(type == json_type_double && number))
        return refuse_alias(c, &alias, expected, err);
    if (number && !isfinite(json_object_get_double(alias.value)))
        return refuse_alias(c, &alias, "a number that fits a double", err);
    return CORBEL_OK;
}

corbel_status config_int(const struct config *c, const char *keys, int64_t *out, int *found,
                         corbel_error *err)
{
    struct json_object *value;
    const corbel_status status =
        find_typed(c, keys, json_type_int, "an integer", &value, found, err);
    if (status == CORBEL_OK && value)
        *out = json_object_get_int64(value);
    return status;
}

corbel_status config_double(const struct config *c, const char *keys, double *out, int *found,
                            corbel_error *err)
{
    struct json_object *value;
    const corbel_status status =
        find_typed(c, keys, json_type_double, "a number", &value, found, err);
    if (status == CORBEL_OK && value)
        *out = json_object_get_double(value);
    return status;
}

corbel_status config_bool(const struct config *c, const char *keys, bool *out, int *found,
                          corbel_error *err)
{
    struct json_object *value;
    const corbel_status status =
        find_typed(c, keys, json_type_boolean, "true or false", &value, found, err);
    if (status == CORBEL_OK && value)
        *out = json_object_get_boolean(value);
    return status;
}

corbel_status config_string(const struct config *c, const char *keys, const char **out, int *found,
                            corbel_error *err)
{
    struct json_object *value;
    const corbel_status status =
        find_typed(c, keys, json_type_string, "a string", &value, found, err);
    if (status == CORBEL_OK && value)
        *out = json_object_get_string(value);
    return status;
}

/* ---- the fields that the runtime itself reads --------------------------------------------------
 */

static bool is_word(const char *s, const char *letters, size_t longest)
{
    const size_t length = strlen(s);
    return length >= 1 && length <= longest && strspn(s, letters) == length;
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

corbel_status config_architecture(const struct config *c, const char **name, corbel_error *err)
{
    struct json_object *list;
    *name = NULL;
    const corbel_status status =
        find_typed(c, "architectures", json_type_array, "a list of class names", &list, NULL, err);
    if (status != CORBEL_OK || !list || json_object_array_length(list) == 0)
        return status;

    /* It becomes a key of tables and part of messages, never a path: nothing but letters. */
    struct json_object *first = json_object_array_get_idx(list, 0);
    if (!json_object_is_type(first, json_type_string) ||
        !is_word(json_object_get_string(first), LOWER UPPER DIGITS "_", 128))
        return config_refuse(c, "architectures[0]", first,
                             "a class name of 1 to 128 letters, digits and _", err);
    *name = json_object_get_string(first);
    return CORBEL_OK;
}

corbel_status config_model_type(const struct config *c, const char **name, corbel_error *err)
{
    *name = NULL;
    const corbel_status status = config_string(c, "model_type", name, NULL, err);
    if (status == CORBEL_OK && *name && !is_word(*name, LOWER DIGITS "_-", 64)) {
        *name = NULL;
        return config_refuse(c, "model_type", config_find(c, "model_type", NULL),
                             "1 to 64 lower-case letters, digits, _ and -", err);
    }
    return status;
}

corbel_status config_dtype(const struct config *c, int32_t *dtype, corbel_error *err)
{
    const char *name = NULL, *key;
    *dtype = CORBEL_DTYPE_NONE;
    const corbel_status status = config_string(c, "dtype|torch_dtype", &name, NULL, err);
    if (status != CORBEL_OK || !name)
        return status;
    const int32_t known = dtype_from_name(name);
    if (!dtype_is_float(known)) {
        struct json_object *value = config_find(c, "dtype|torch_dtype", &key);
        return config_refuse(c, key, value, "float32, float16, bfloat16 or float64", err);
    }
    *dtype = known;
    return CORBEL_OK;
}

corbel_status config_check_plain_weights(const struct config *c, corbel_error *err)
{
    if (!config_find(c, "quantization_config", NULL))
        return CORBEL_OK;
    const char *method = "of an unnamed method";
    corbel_status status = config_string(c, "quantization_config.quant_method", &method, NULL, err);
    if (status == CORBEL_OK)
        status = error_set(err, CORBEL_E_UNSUPPORTED,
                           "%s: quantization_config: quantised weights (%s) are not supported",
                           c->path, method);
    return status;
}

/* ---- loading --------------------------------------------------------------------------------- */

corbel_status config_adopt(struct config *c, struct json_object *root, const char *path,
                           corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    *c = (struct config){
        .root = root, .path = strdup(path), .memory = calloc(1, sizeof(*c->memory))};
    if (!c->path || !c->memory)
        status = error_memory(err, strlen(path), path);
    else if (!json_object_is_type(root, json_type_object))
        status = error_set(err, CORBEL_E_CONFIG, "%s: expected an object, found %s", path,
                           json_describe(root));
    if (status != CORBEL_OK)
        config_finish(c);
    return status;
}

corbel_status config_load_file(struct config *c, const char *path, corbel_error *err)
{
    struct json_object *root;
    *c = (struct config){0};
    const corbel_status status = json_load(path, LARGEST_CONFIG, JSON_DATA, &root, err);
    return status != CORBEL_OK ? status : config_adopt(c, root, path, err);
}

corbel_status config_load(struct config *c, const char *dir, corbel_error *err)
{
    char path[PATH_MAX];
    *c = (struct config){0};
    if (!path_join(path, sizeof path, dir, "config.json"))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", dir);
    return config_load_file(c, path, err);
}

void config_finish(struct config *c)
{
    json_object_put(c->root);
    free(c->path);
    if (c->memory)
        arena_finish(c->memory);
    free(c->memory);
    *c = (struct config){0};
}
