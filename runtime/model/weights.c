/* model/weights.c: which tensor of the checkpoint is which parameter.
 *
 * Under which names it may be there is names.c's. A missing parameter of the base model is an
 * error; a missing head is initialised. */
#include "base/dtype.h"
#include "base/error.h"
#include "model/load_report.h"
#include "model/model.h"
#include "model/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct checkpoint_tensor *find_param(const struct checkpoint *c,
                                                  const struct plugin_param *p, const char *prefix)
{
    char names[NAMES_MAX][NAMES_SIZE];
    const struct checkpoint_tensor *t = NULL;
    size_t n = names_of_param(p, prefix, names);
    for (size_t i = 0; i < n && !t; i++)
        t = checkpoint_find(c, names[i]);
    return t;
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
    if (t || (c->n_files == 1 && c->n_elsewhere == 0))
        return c->files[t ? t->file : 0].name;
    return c->pickled ? "pytorch_model.bin.index.json" : "model.safetensors.index.json";
}

static corbel_status check_dtype(const struct corbel_model *model,
                                 const struct checkpoint_tensor *t, corbel_error *err)
{
    if (dtype_has_float(t->dtype))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_FORMAT, "%s/%s: %s: a parameter of dtype %s", model->folder,
                     file_of(model, t), t->name, dtype_name(t->dtype));
}

static bool same_shape(const struct plugin_param *p, const struct checkpoint_tensor *t)
{
    return t->rank == p->rank && memcmp(t->shape, p->shape, p->rank * sizeof(*p->shape)) == 0;
}

static corbel_status note_mismatched(struct corbel_model *model, const struct plugin_param *p,
                                     const struct checkpoint_tensor *t, bool ignore,
                                     corbel_error *err)
{
    char expected[160], found[160], note[400];
    format_shape(expected, sizeof(expected), p->shape, p->rank);
    format_shape(found, sizeof(found), t->shape, t->rank);
    snprintf(note, sizeof(note), "%s due to size mismatch - ckpt: %s vs model: %s",
             ignore ? "newly initialised" : "not loaded", found, expected);
    if (!load_report_add(&model->report.mismatched, &model->arena, p->name, note))
        return error_memory(err, sizeof(note), p->name);
    if (ignore || model->report.mismatched.n > 1)
        return CORBEL_OK;
    error_set(err, CORBEL_E_FORMAT, "%s/%s: %s is %s, %s with this config.json needs %s",
              model->folder, file_of(model, t), t->name, found, model->arch->name, expected);
    return CORBEL_OK; /* it counts when all have been seen */
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
        any = name_has_prefix(plugin_model_param(model->plugin, i)->name, prefix);
    return any && !name_has_prefix(p->name, prefix);
}

static corbel_status note_missing(struct corbel_model *model, const struct plugin_param *p,
                                  corbel_error *err)
{
    if (!is_head(model, p))
        return error_set(err, CORBEL_E_FORMAT, "%s/%s: no tensor for %s, which %s needs",
                         model->folder, file_of(model, NULL), p->name, model->arch->name);
    if (!load_report_add(&model->report.missing, &model->arena, p->name, NULL))
        return error_memory(err, strlen(p->name), p->name);
    return CORBEL_OK;
}

/* What older versions of torch's modules saved beside their parameters: positions, frequencies of
 * rotary embeddings, masks of attention, how many batches a norm has seen. Nobody misses them. */
static bool is_old_buffer(const struct checkpoint_tensor *t)
{
    static const char *const ends[] = {"position_ids", "rotary_emb.inv_freq",
                                       "num_batches_tracked"};
    size_t size = strlen(t->name);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t n = strlen(ends[i]);
        if (size >= n && strcmp(t->name + size - n, ends[i]) == 0 &&
            (size == n || t->name[size - n - 1] == '.'))
            return true;
    }
    return t->rank == 4 && t->shape[0] == 1 && t->shape[1] == 1 && t->shape[2] == t->shape[3];
}

/* A tied weight once more: it is the same memory, or begins and ends like the one that is used. */
static bool is_copy(const struct checkpoint_tensor *a, const struct checkpoint_tensor *b)
{
    enum { SAMPLE = 4096 };
    size_t n = a->size < SAMPLE ? (size_t)a->size : SAMPLE;
    if (a->dtype != b->dtype || a->rank != b->rank || a->size != b->size ||
        memcmp(a->shape, b->shape, a->rank * sizeof(*a->shape)) != 0)
        return false;
    return a->data == b->data || n == 0 ||
           (memcmp(a->data, b->data, n) == 0 &&
            memcmp((const char *)a->data + a->size - n, (const char *)b->data + b->size - n, n) ==
                0);
}

static corbel_status note_unexpected(struct corbel_model *model,
                                     const struct checkpoint_tensor *const *used, uint32_t n,
                                     corbel_error *err)
{
    const struct checkpoint *c = &model->checkpoint;
    bool *is_used = calloc(c->n_tensors + (size_t)1, sizeof(*is_used));
    corbel_status status = CORBEL_OK;
    if (!is_used)
        return error_memory(err, c->n_tensors, "the list of tensors");
    for (uint32_t i = 0; i < n; i++)
        if (used[i])
            is_used[used[i] - c->tensors] = true;
    for (uint32_t i = 0; i < c->n_tensors && status == CORBEL_OK; i++) {
        bool known = is_used[i] || is_old_buffer(&c->tensors[i]);
        for (uint32_t k = 0; k < n && !known; k++)
            known = used[k] && c->tensors[i].rank >= 2 && is_copy(&c->tensors[i], used[k]);
        if (!known &&
            !load_report_add(&model->report.unexpected, &model->arena, c->tensors[i].name, NULL))
            status = error_memory(err, 0, "the list of tensors");
    }
    model->report.n_elsewhere = c->n_elsewhere;
    free(is_used);
    return status;
}

static corbel_status finish_mismatched(const struct corbel_model *model, corbel_error *err)
{
    char first[sizeof(((corbel_error *)0)->text)];
    snprintf(first, sizeof(first), "%s", err ? err->text : "");
    if (model->report.mismatched.n > 1)
        return error_set(err, CORBEL_E_FORMAT,
                         "%.800s (and %u more); ignore_mismatched_sizes makes "
                         "them anew",
                         first, model->report.mismatched.n - 1);
    return error_set(err, CORBEL_E_FORMAT, "%.800s; ignore_mismatched_sizes makes it anew", first);
}

corbel_status weights_match(struct corbel_model *model, const struct checkpoint_tensor **tensors,
                            bool ignore_mismatched, corbel_error *err)
{
    const char *prefix = plugin_model_prefix(model->plugin);
    uint32_t n = plugin_model_param_count(model->plugin);
    corbel_error mismatch = {0};
    for (uint32_t i = 0; i < n; i++)
        tensors[i] = find_param(&model->checkpoint, plugin_model_param(model->plugin, i), prefix);
    corbel_status status = note_unexpected(model, tensors, n, err);
    for (uint32_t i = 0; i < n && !status; i++) {
        const struct plugin_param *p = plugin_model_param(model->plugin, i);
        if (!tensors[i]) {
            status = note_missing(model, p, err);
        } else if (same_shape(p, tensors[i])) {
            status = check_dtype(model, tensors[i], err);
        } else {
            status = note_mismatched(model, p, tensors[i], ignore_mismatched, &mismatch);
            tensors[i] = NULL;
        }
    }
    load_report_log(&model->report, model->arch->name, model->folder, model->seed);
    if (!status && model->report.mismatched.n && !ignore_mismatched) {
        if (err)
            *err = mismatch;
        status = finish_mismatched(model, err);
    }
    return status;
}
