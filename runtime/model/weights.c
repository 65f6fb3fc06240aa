/* model/weights.c: which tensor of the checkpoint is which parameter, and its way to the device.
 *
 * Names are matched as transformers does (modeling_utils.py, from_pretrained): exactly; with the
 * base model's prefix added or taken away, so that a base model loads from a checkpoint with a head
 * and the reverse; and under the older name that a plugin gives. A missing parameter of the base
 * model is an error; a missing head is initialised. */
#include "base/dtype.h"
#include "base/error.h"
#include "base/log.h"
#include "model/model.h"
#include "model/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_prefix(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return n > 0 && strncmp(name, prefix, n) == 0 && name[n] == '.';
}

static const struct checkpoint_tensor *find_name(const struct checkpoint *c, const char *name,
                                                 const char *prefix)
{
    char other[1024];
    const struct checkpoint_tensor *t = checkpoint_find(c, name);
    if (t || !prefix[0])
        return t;
    if (has_prefix(name, prefix))
        return checkpoint_find(c, name + strlen(prefix) + 1);
    int n = snprintf(other, sizeof(other), "%s.%s", prefix, name);
    return n >= 0 && (size_t)n < sizeof(other) ? checkpoint_find(c, other) : NULL;
}

static const struct checkpoint_tensor *find_param(const struct checkpoint *c,
                                                  const struct plugin_param *p, const char *prefix)
{
    const struct checkpoint_tensor *t = find_name(c, p->name, prefix);
    return t || !p->older ? t : find_name(c, p->older, prefix);
}

static void format_shape(char *out, size_t size, const int64_t *shape, uint32_t rank)
{
    size_t used = (size_t)snprintf(out, size, "[");
    for (uint32_t i = 0; i < rank && used < size; i++)
        used +=
            (size_t)snprintf(out + used, size - used, "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (used < size)
        snprintf(out + used, size - used, "]");
}

/* The file that holds `t`; for what is in none, the file that would list it. */
static const char *file_of(const struct corbel_model *model, const struct checkpoint_tensor *t)
{
    const struct checkpoint *c = &model->checkpoint;
    if (t || c->n_files == 1)
        return c->files[t ? t->file : 0].name;
    return c->pickled ? "pytorch_model.bin.index.json" : "model.safetensors.index.json";
}

static corbel_status check_shape(const struct corbel_model *model, const struct plugin_param *p,
                                 const struct checkpoint_tensor *t, corbel_error *err)
{
    char expected[160], found[160];
    if (t->rank == p->rank && memcmp(t->shape, p->shape, p->rank * sizeof(*p->shape)) == 0) {
        if (dtype_is_float(t->dtype))
            return CORBEL_OK;
        return error_set(err, CORBEL_E_FORMAT, "%s/%s: %s: a parameter of dtype %s", model->folder,
                         file_of(model, t), t->name, dtype_name(t->dtype));
    }
    format_shape(expected, sizeof(expected), p->shape, p->rank);
    format_shape(found, sizeof(found), t->shape, t->rank);
    return error_set(err, CORBEL_E_FORMAT, "%s/%s: %s is %s, %s with this config.json needs %s",
                     model->folder, file_of(model, t), t->name, found, model->arch->name, expected);
}

/* A head is what does not belong to the base model, or what the plugin calls so (a pooler). */
static bool is_head(const struct corbel_model *model, const struct plugin_param *p)
{
    const char *prefix = plugin_model_prefix(model->plugin);
    bool any = false;
    if (p->flags & CORBEL_PARAM_HEAD)
        return true;
    uint32_t n = plugin_model_param_count(model->plugin);
    for (uint32_t i = 0; i < n && !any; i++)
        any = has_prefix(plugin_model_param(model->plugin, i)->name, prefix);
    return any && !has_prefix(p->name, prefix);
}

static corbel_status report_missing(struct corbel_model *model, const struct plugin_param *p,
                                    corbel_error *err)
{
    if (!is_head(model, p))
        return error_set(err, CORBEL_E_FORMAT, "%s/%s: no tensor for %s, which %s needs",
                         model->folder, file_of(model, NULL), p->name, model->arch->name);
    log_line(CORBEL_LOG_WARN, "%s: %s is not in the checkpoint and is newly initialised",
             model->folder, p->name);
    model->n_missing++;
    return CORBEL_OK;
}

corbel_status weights_match(struct corbel_model *model, const struct checkpoint_tensor **tensors,
                            corbel_error *err)
{
    const char *prefix = plugin_model_prefix(model->plugin);
    uint32_t n = plugin_model_param_count(model->plugin), found = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct plugin_param *p = plugin_model_param(model->plugin, i);
        tensors[i] = find_param(&model->checkpoint, p, prefix);
        corbel_status status =
            tensors[i] ? check_shape(model, p, tensors[i], err) : report_missing(model, p, err);
        if (status)
            return status;
        found += tensors[i] != NULL;
    }
    model->n_unexpected =
        model->checkpoint.n_tensors > found ? model->checkpoint.n_tensors - found : 0;
    if (model->n_unexpected)
        log_line(CORBEL_LOG_INFO, "%s: %u tensors of the checkpoint are not used by %s",
                 model->folder, model->n_unexpected, model->arch->name);
    return CORBEL_OK;
}

/* ---- initialising a head --------------------------------------------------------------------- */

/* Box-Muller. */
static float next_normal(uint64_t *state)
{
    double u = random_uniform(state) + 0x1p-53;
    double v = random_uniform(state);
    return (float)(sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v));
}

/* As transformers' _init_weights: matrices normal with initializer_range, vectors zero. */
static void init_param(const struct corbel_model *model, const struct plugin_param *p,
                       uint64_t seed, float *out, uint64_t count)
{
    double std = 0.02;
    uint64_t state = seed * RANDOM_STEP;
    int found = 0;
    if (config_double(&model->config, "initializer_range", &std, &found, NULL) != CORBEL_OK)
        std = 0.02;
    for (const char *c = p->name; *c; c++)
        state = (state ^ (uint64_t)(unsigned char)*c) * 0x100000001b3u;
    for (uint64_t i = 0; i < count; i++)
        out[i] = p->rank >= 2 ? (float)std * next_normal(&state) : 0.0f;
}

/* ---- binding --------------------------------------------------------------------------------- */

static bool is_reduced(int32_t dtype)
{
    return dtype == CORBEL_F16 || dtype == CORBEL_BF16;
}

/* What a stored matrix becomes. float32 asked of a reduced checkpoint keeps the stored bits: each
 * of them is a float32 already and products are computed in float32, so that the results are the
 * same for half the memory (docs/decisions/0003-float32-of-reduced-checkpoints.md). */
static int32_t device_dtype(int32_t stored, int32_t asked)
{
    if (asked == CORBEL_DTYPE_NONE || (asked == CORBEL_F32 && is_reduced(stored)))
        return is_reduced(stored) ? stored : CORBEL_F32;
    return asked;
}

/* Vectors (norms, biases) live as float32: they are small, and every kernel wants them so. They are
 * first rounded to the dtype asked for, as a model of that dtype would have them. */
static corbel_status bind_vector(struct corbel_model *model, const struct checkpoint_tensor *t,
                                 uint64_t count, int32_t asked, struct buffer **buffer,
                                 corbel_error *err)
{
    float *rounded = arena_array(&model->arena, count ? count : 1, sizeof(*rounded));
    uint16_t *reduced =
        is_reduced(asked) ? arena_array(&model->arena, count ? count : 1, sizeof(*reduced)) : NULL;
    if (!rounded || (is_reduced(asked) && !reduced))
        return error_memory(err, count * sizeof(*rounded), t->name);
    bool sound = true;
    if (reduced)
        sound = dtype_convert(asked, reduced, t->dtype, t->data, count) &&
                dtype_convert(CORBEL_F32, rounded, asked, reduced, count);
    else
        sound = dtype_convert(CORBEL_F32, rounded, t->dtype, t->data, count);
    if (!sound)
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s: %s: can't convert %s", model->folder,
                         t->name, dtype_name(t->dtype));
    return buffer_create_weight(model->device, rounded, CORBEL_F32, count, CORBEL_F32, buffer, err);
}

static corbel_status bind_missing(struct corbel_model *model, const struct plugin_param *p,
                                  uint64_t count, uint64_t seed, struct buffer **buffer,
                                  corbel_error *err)
{
    float *data = arena_array(&model->arena, count ? count : 1, sizeof(*data));
    if (!data)
        return error_memory(err, count * sizeof(*data), p->name);
    init_param(model, p, seed, data, count);
    return buffer_create_weight(model->device, data, CORBEL_F32, count, CORBEL_F32, buffer, err);
}

static corbel_status bind_one(struct corbel_model *model, uint32_t i,
                              const struct checkpoint_tensor *t, int32_t asked, uint64_t seed,
                              corbel_error *err)
{
    const struct plugin_param *p = plugin_model_param(model->plugin, i);
    struct model_weight *w = &model->weights[i];
    uint64_t count = 1;
    for (uint32_t d = 0; d < p->rank; d++)
        count *= (uint64_t)p->shape[d]; /* equal to the checkpoint's, which was checked */
    w->stored = t ? t->dtype : CORBEL_DTYPE_NONE;
    w->dtype = t && p->rank >= 2 ? device_dtype(t->dtype, asked) : CORBEL_F32;
    model->param_dtypes[i] = w->dtype;
    if (!t)
        return bind_missing(model, p, count, seed, &w->buffer, err);
    if (p->rank < 2)
        return bind_vector(model, t, count, asked, &w->buffer, err);
    return buffer_create_weight(model->device, t->data, t->dtype, count, w->dtype, &w->buffer, err);
}

corbel_status weights_bind(struct corbel_model *model,
                           const struct checkpoint_tensor *const *tensors, int32_t dtype,
                           uint64_t seed, corbel_error *err)
{
    uint32_t n = plugin_model_param_count(model->plugin);
    for (uint32_t i = 0; i < n; i++) {
        corbel_status status = bind_one(model, i, tensors[i], dtype, seed, err);
        if (status)
            return status;
    }
    return CORBEL_OK;
}
