/* task/pooling.c: see pooling.h. */
#include "task/pooling.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "hub/model_files.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#define SETTINGS_MAX_SIZE (4u << 20)

const char *const pooling_mode_names[N_POOLING_MODES] = {
    "cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken"};

/* ---- files ----------------------------------------------------------------------------------- */

/* A JSON file of the folder; *root stays NULL if there is none. */
static corbel_status load_file(const char *folder, const char *name, enum json_type type,
                               char path[PATH_MAX], struct json_object **root, corbel_error *err)
{
    *root = NULL;
    if (!path_join(path, PATH_MAX, folder, name))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", folder);
    if (!file_exists(path))
        return CORBEL_OK;
    corbel_status status = json_load(path, SETTINGS_MAX_SIZE, JSON_DATA, root, err);
    if (status == CORBEL_OK && !json_object_is_type(*root, type))
        status = error_set(err, CORBEL_E_FORMAT, "%s: expected %s", path,
                           type == json_type_array ? "a list" : "an object");
    return status;
}

static corbel_status load_max_length(struct pooling *p, const char *folder, corbel_error *err)
{
    char path[PATH_MAX];
    struct json_object *root;
    bool lowercase = false;
    int64_t max_length = 0;
    corbel_status status =
        load_file(folder, "sentence_bert_config.json", json_type_object, path, &root, err);
    if (status == CORBEL_OK && root)
        status = json_get_int(root, "max_seq_length", &max_length, path, err);
    if (status == CORBEL_OK && root)
        status = json_get_bool(root, "do_lower_case", &lowercase, path, err);
    if (status == CORBEL_OK && (max_length < 0 || max_length > INT32_MAX))
        status = error_set(err, CORBEL_E_CONFIG, "%s: max_seq_length: expected tokens, found %lld",
                           path, (long long)max_length);
    if (status == CORBEL_OK && lowercase)
        status = error_set(err, CORBEL_E_UNSUPPORTED,
                           "%s: do_lower_case: texts are not made lower-case before the tokenizer",
                           path);
    p->max_length = max_length;
    json_object_put(root);
    return status;
}

static corbel_status load_modes(struct pooling *p, const char *folder, const char *name,
                                corbel_error *err)
{
    /* clang-format off */
    static const char *const keys[N_POOLING_MODES] = {
        "pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_mean_tokens",
        "pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens",
        "pooling_mode_lasttoken"};
    /* clang-format on */
    char path[PATH_MAX], inner[PATH_MAX];
    struct json_object *root = NULL;
    if (strcmp(name, MODEL_POOLING_FOLDER) != 0 || !path_join(inner, sizeof(inner), folder, name))
        return error_set(err, CORBEL_E_FORMAT,
                         "%s/modules.json: path: expected " MODEL_POOLING_FOLDER
                         ", found \"%.80s\"",
                         folder, name);
    p->modes[POOL_MEAN] = true; /* the library's default */
    corbel_status status = load_file(inner, "config.json", json_type_object, path, &root, err);
    if (status == CORBEL_OK && !root)
        status = error_set(err, CORBEL_E_NOT_FOUND, "%s: it is missing", path);
    bool any = false;
    for (int i = 0; i < N_POOLING_MODES && status == CORBEL_OK; i++) {
        status = json_get_bool(root, keys[i], &p->modes[i], path, err);
        any = any || p->modes[i];
    }
    if (status == CORBEL_OK && !any)
        status = error_set(err, CORBEL_E_CONFIG, "%s: no way of pooling is chosen", path);
    json_object_put(root);
    return status;
}

static corbel_status load_module(struct pooling *p, const char *folder, struct json_object *module,
                                 const char *path, corbel_error *err)
{
    const char *type = "", *name = "";
    corbel_status status;
    if (!json_object_is_type(module, json_type_object))
        return error_set(err, CORBEL_E_FORMAT, "%s: expected a list of objects", path);
    if ((status = json_get_string(module, "type", &type, path, err)) != CORBEL_OK ||
        (status = json_get_string(module, "path", &name, path, err)) != CORBEL_OK)
        return status;
    const char *dot = strrchr(type, '.');
    const char *class = dot ? dot + 1 : type;
    if (strcmp(class, "Pooling") == 0)
        return load_modes(p, folder, name, err);
    if (strcmp(class, "Normalize") == 0)
        p->normalize = true;
    else if (strcmp(class, "Transformer") != 0)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%s: type: \"%.80s\"; Transformer, Pooling and Normalize are what can be "
                         "done here",
                         path, type);
    return CORBEL_OK;
}

corbel_status pooling_load(struct pooling *p, const char *folder, bool modules, corbel_error *err)
{
    char path[PATH_MAX];
    struct json_object *root = NULL;
    *p = (struct pooling){0};
    corbel_status status = load_max_length(p, folder, err);
    if (status != CORBEL_OK || !modules)
        return status;
    status = load_file(folder, "modules.json", json_type_array, path, &root, err);
    if (status == CORBEL_OK && !root)
        status = error_set(err, CORBEL_E_UNSUPPORTED,
                           "%s: it is missing, so the way of pooling must be named: mean, cls, max",
                           path);
    for (size_t i = 0; root && i < json_object_array_length(root) && status == CORBEL_OK; i++)
        status = load_module(p, folder, json_object_array_get_idx(root, i), path, err);
    json_object_put(root);
    return status;
}

/* ---- vectors --------------------------------------------------------------------------------- */

int64_t pooling_width(const struct pooling *p, int64_t width)
{
    int64_t n = 0;
    for (int i = 0; i < N_POOLING_MODES; i++)
        n += p->modes[i];
    return n * width;
}

static void pool_max(const float *hidden, int64_t n, int64_t width, float *vector)
{
    memcpy(vector, hidden, (size_t)width * sizeof(*vector));
    for (int64_t t = 1; t < n; t++)
        for (int64_t i = 0; i < width; i++)
            if (hidden[t * width + i] > vector[i])
                vector[i] = hidden[t * width + i];
}

/* Sum of the tokens, the t-th (from 0) taken 1 + t * growth times, divided by `divisor`. */
static void pool_sum(const float *hidden, int64_t n, int64_t width, double growth, double divisor,
                     float *vector)
{
    for (int64_t i = 0; i < width; i++) {
        double sum = 0;
        for (int64_t t = 0; t < n; t++)
            sum += (double)hidden[t * width + i] * (1 + (double)t * growth);
        vector[i] = (float)(sum / divisor);
    }
}

static void normalize(float *vector, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)vector[i] * (double)vector[i];
    double length = sqrt(sum) > 1e-12 ? sqrt(sum) : 1e-12;
    for (int64_t i = 0; i < n; i++)
        vector[i] = (float)((double)vector[i] / length);
}

void pooling_apply(const struct pooling *p, const float *hidden, int64_t n_tokens, int64_t width,
                   float *vector)
{
    float *at = vector;
    double n = (double)n_tokens;
    for (int mode = 0; mode < N_POOLING_MODES; mode++) {
        if (!p->modes[mode])
            continue;
        switch ((enum pooling_mode)mode) {
        case POOL_CLS: memcpy(at, hidden, (size_t)width * sizeof(*at)); break;
        case POOL_MAX: pool_max(hidden, n_tokens, width, at); break;
        case POOL_MEAN: pool_sum(hidden, n_tokens, width, 0, n, at); break;
        case POOL_MEAN_SQRT_LEN: pool_sum(hidden, n_tokens, width, 0, sqrt(n), at); break;
        case POOL_WEIGHTED_MEAN: pool_sum(hidden, n_tokens, width, 1, n * (n + 1) / 2, at); break;
        case POOL_LAST:
            memcpy(at, hidden + (n_tokens - 1) * width, (size_t)width * sizeof(*at));
            break;
        case N_POOLING_MODES: break;
        }
        at += width;
    }
    if (p->normalize)
        normalize(vector, at - vector);
}
