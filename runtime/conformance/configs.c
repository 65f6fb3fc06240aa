/* conformance/configs.c: see configs.h. */
#include "conformance/configs.h"

#include "model/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_DEFAULT = 64 }; /* a default above this would make a test's model large */

/* ---- paths ----------------------------------------------------------------------------------- */

bool config_is_count(const corbel_field *field)
{
    return field->keys[0] == '#';
}

void config_key(const corbel_field *field, char key[128])
{
    const char *keys = field->keys + config_is_count(field);

    if (field->kind == CORBEL_KIND_rope) /* its keys are a layer type */
        keys = "rope_parameters";
    snprintf(key, 128, "%.*s", (int)strcspn(keys, "|"), keys);
}

/* The object that holds the last step of `path`, made if need be; *last is that step. */
static struct json_object *enter_path(struct json_object *o, const char *path, bool make,
                                      const char **last)
{
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        char step[128];
        struct json_object *inner = NULL;

        snprintf(step, sizeof step, "%.*s", (int)(dot - path), path);
        json_object_object_get_ex(o, step, &inner);
        if (!json_object_is_type(inner, json_type_object)) {
            if (!make)
                return NULL;
            inner = json_object_new_object();
            json_object_object_add(o, step, inner);
        }
        o = inner;
    }
    *last = path;
    return o;
}

static void set_path(struct json_object *o, const char *path, struct json_object *value)
{
    const char *last;

    o = enter_path(o, path, true, &last);
    json_object_object_add(o, last, value);
}

static void remove_path(struct json_object *o, const char *path)
{
    const char *last;

    o = enter_path(o, path, false, &last);
    if (o)
        json_object_object_del(o, last);
}

static void remove_keys(struct json_object *config, const corbel_field *field)
{
    static const char *const rope[] = {"rope_parameters", "rope_scaling", "rope_theta"};

    for (size_t i = 0; field->kind == CORBEL_KIND_rope && i < 3; i++)
        remove_path(config, rope[i]);
    for (const char *key = field->keys; *key;) {
        const size_t size = strcspn(key, "|");
        char path[128];

        snprintf(path, sizeof path, "%.*s", (int)size, key);
        remove_path(config, path[0] == '#' ? path + 1 : path);
        key += size + (key[size] == '|');
    }
}

static struct json_object *copy_of(struct json_object *config)
{
    struct json_object *copy = NULL;

    if (json_object_deep_copy(config, &copy, NULL) != 0)
        return json_object_new_object();
    return copy;
}

/* ---- guesses --------------------------------------------------------------------------------- */

/* What integers with such names are, in a small model. The first that fits counts. */
static const struct {
    const char *part;
    int64_t value;
} likely[] = {
    {"vocab", 61},    {"intermediate", 48}, {"ffn", 48},      {"inner", 48},      {"kv_heads", 2},
    {"key_value", 2}, {"heads", 4},         {"n_head", 4},    {"head_dim", 8},    {"layers", 2},
    {"n_layer", 2},   {"depth", 2},         {"position", 64}, {"image_size", 32}, {"patch", 8},
    {"channels", 3},  {"type_vocab", 2},    {"labels", 3},    {"kernel", 4},      {"state", 8},
    {"rank", 4},      {"group", 2},         {"window", 5},    {"token_id", 0},    {"_id", 0},
    {"hidden", 32},   {"embd", 32},         {"model", 32},    {"dim", 32},        {"width", 32},
    {"size", 32},
};

static int64_t likely_integer(const char *key)
{
    for (size_t i = 0; i < sizeof(likely) / sizeof(likely[0]); i++)
        if (strstr(key, likely[i].part))
            return likely[i].value;
    return 4;
}

static int64_t random_integer(uint64_t *random)
{
    static const int64_t values[] = {1, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 8, 12, 16, 24, 32, 48, 64};
    return values[random_next(random) % (sizeof(values) / sizeof(values[0]))];
}

static struct json_object *count_of(int64_t n)
{
    struct json_object *o = json_object_new_object();

    for (int64_t i = 0; i < n; i++) {
        char key[24], label[32];

        snprintf(key, sizeof key, "%d", (int)i);
        snprintf(label, sizeof label, "LABEL_%d", (int)i);
        json_object_object_add(o, key, json_object_new_string(label));
    }
    return o;
}

static struct json_object *guess_list(const corbel_field *field, int64_t n)
{
    struct json_object *list = json_object_new_array();

    for (int i = 0; i < 2; i++)
        json_object_array_add(list, field->kind == CORBEL_KIND_i64s ? json_object_new_int64(n)
                                    : field->kind == CORBEL_KIND_f64s
                                        ? json_object_new_double(1.0)
                                        : json_object_new_string("full_attention"));
    return list;
}

static struct json_object *guess_string(const char *key)
{
    return json_object_new_string(strstr(key, "act") ? "silu" : "");
}

static struct json_object *guess_value(const corbel_field *field, const char *key, int64_t n)
{
    switch (field->kind) {
    case CORBEL_KIND_i64: return config_is_count(field) ? count_of(n) : json_object_new_int64(n);
    case CORBEL_KIND_f64: return json_object_new_double(1e-5);
    case CORBEL_KIND_flag: return json_object_new_boolean(0);
    case CORBEL_KIND_str: return guess_string(key);
    case CORBEL_KIND_json: return json_object_new_object();
    case CORBEL_KIND_i64s: /* what is written without brackets is a list of one */
        return strstr(key, "size") ? json_object_new_int64(n) : guess_list(field, n);
    default: return guess_list(field, n);
    }
}

/* What inputs are made by (trial.c, made_model.c), and so has to be written down. */
static bool is_about_inputs(const char *key)
{
    static const char *const keys[] = {"vocab_size", "pad_token_id", "image_size", "num_channels",
                                       "max_position_embeddings"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

/* Whether the field's own default will do: there is one, and it is no large number. */
static bool default_will_do(const corbel_field *field, const char *key)
{
    char *end;

    if (field->kind == CORBEL_KIND_rope)
        return true;
    if (!field->fallback || is_about_inputs(key))
        return false;
    if (field->kind != CORBEL_KIND_i64 || config_is_count(field))
        return true;
    const long long value = strtoll(field->fallback, &end, 10);
    return end == field->fallback || value <= LARGEST_DEFAULT;
}

static struct json_object *named_config(const corbel_arch *arch)
{
    struct json_object *config = json_object_new_object(), *names = json_object_new_array();

    json_object_array_add(names, json_object_new_string(arch->name));
    json_object_object_add(config, "architectures", names);
    json_object_object_add(config, "model_type", json_object_new_string(arch->model_type));
    return config;
}

struct json_object *config_guess(const corbel_arch *arch, uint64_t *random)
{
    struct json_object *config = named_config(arch);

    for (uint32_t i = 0; i < arch->n_fields; i++) {
        const corbel_field *field = &arch->fields[i];
        char key[128];

        config_key(field, key);
        if (random && field->kind == CORBEL_KIND_flag)
            set_path(config, key, json_object_new_boolean(random_next(random) % 2 == 0));
        if (default_will_do(field, key))
            continue;
        set_path(config, key,
                 guess_value(field, key,
                             random && !is_about_inputs(key) && random_next(random) % 2
                                 ? random_integer(random)
                                 : likely_integer(key)));
    }
    return config;
}

/* ---- variations ------------------------------------------------------------------------------ */

/* Another integer in the place of `now`: near it, in proportion, or any small one. */
static int64_t other_integer(int64_t now, uint64_t *random)
{
    switch (random_next(random) % 4) {
    case 0: return now > 0 && now <= 1024 ? now * 2 : now;
    case 1: return now > 1 ? now / 2 : 1;
    case 2: return now + 1;
    default: return random_integer(random);
    }
}

static bool has_integer(struct json_object *config, const char *key)
{
    const char *last;
    struct json_object *value = NULL, *o = enter_path(config, key, false, &last);

    return o && json_object_object_get_ex(o, last, &value) &&
           json_object_is_type(value, json_type_int);
}

struct json_object *config_vary(const corbel_arch *arch, struct json_object *base, uint64_t *random)
{
    struct json_object *config = copy_of(base);

    for (uint32_t i = 0; i < arch->n_fields; i++) {
        const corbel_field *field = &arch->fields[i];
        char key[128];

        config_key(field, key);
        if (field->kind == CORBEL_KIND_flag && random_next(random) % 4 == 0)
            set_path(config, key, json_object_new_boolean(random_next(random) % 2 == 0));
        if (field->kind != CORBEL_KIND_i64 || random_next(random) % 3 != 0)
            continue;
        if (config_is_count(field))
            set_path(config, key, count_of(1 + (int64_t)(random_next(random) % 6)));
        else if (has_integer(config, key))
            set_path(config, key,
                     json_object_new_int64(other_integer(config_integer(config, key, 1), random)));
    }
    return config;
}

struct json_object *config_with(struct json_object *base, const corbel_field *field,
                                struct json_object *value)
{
    struct json_object *config = config_without(base, field);
    char key[128];

    config_key(field, key);
    set_path(config, key, value);
    return config;
}

struct json_object *config_without(struct json_object *base, const corbel_field *field)
{
    struct json_object *config = copy_of(base);

    remove_keys(config, field);
    return config;
}

int64_t config_integer(struct json_object *config, const char *key, int64_t fallback)
{
    const char *last;
    struct json_object *value = NULL, *o = enter_path(config, key, false, &last);

    if (!o || !json_object_object_get_ex(o, last, &value) ||
        !json_object_is_type(value, json_type_int))
        return fallback;
    return json_object_get_int64(value);
}
