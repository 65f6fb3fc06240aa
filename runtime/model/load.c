/* model/load.c: from a name to a model whose weights lie where they will be used. */
#include "base/dtype.h"
#include "base/error.h"
#include "base/log.h"
#include "base/struct_copy.h"
#include "model/fetch.h"
#include "model/model.h"
#include "model/session.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- weights --------------------------------------------------------------------------------- */

static corbel_status open_checkpoint(struct corbel_model *model, struct fetch *fetch, bool required,
                                     corbel_error *err)
{
    corbel_error ignored;
    corbel_status status =
        checkpoint_open_some(&model->checkpoint, model->folder, required ? fetch_keeps : fetch_has,
                             fetch, required ? err : &ignored);
    model->has_checkpoint = status == CORBEL_OK;
    return required || status != CORBEL_E_NOT_FOUND ? status : CORBEL_OK;
}

static corbel_status load_weights(struct corbel_model *model, struct fetch *fetch,
                                  const corbel_load_params *params, corbel_error *err)
{
    uint32_t n = plugin_model_param_count(model->plugin);
    model->weights = arena_array(&model->arena, n ? n : 1, sizeof(*model->weights));
    model->param_dtypes = arena_array(&model->arena, n ? n : 1, sizeof(*model->param_dtypes));
    const struct checkpoint_tensor **tensors =
        arena_array(&model->arena, n ? n : 1, sizeof(*tensors));
    model->tensors = tensors;
    model->asked_dtype = params->dtype;
    model->seed = params->seed;
    if (!model->weights || !model->param_dtypes || !tensors)
        return error_memory(err, n * sizeof(*model->weights), "the list of weights");
    corbel_status status =
        params->skip_weights ? CORBEL_OK : fetch_weights(fetch, model->plugin, err);
    if (!status)
        status = open_checkpoint(model, fetch, !params->skip_weights, err);
    if (!status && model->has_checkpoint)
        status = weights_match(model, tensors, params->ignore_mismatched_sizes != 0, err);
    if (status)
        return status;
    for (uint32_t i = 0; i < n; i++) {
        model->param_dtypes[i] = CORBEL_F32;
        model->weights[i].stored = tensors[i] ? tensors[i]->dtype : CORBEL_DTYPE_NONE;
        model->weights[i].dtype = CORBEL_F32;
    }
    status = model_place(model, params, err);
    if (status || params->skip_weights)
        return status;
    return weights_bind(model, err);
}

/* Products in reduced precision only where the caller asked for that dtype by name. What nothing
 * here computes in becomes float32. */
static corbel_status choose_precision(struct corbel_model *model, corbel_load_params *params,
                                      corbel_error *err)
{
    const int32_t dtype = params->dtype;
    if (dtype != CORBEL_DTYPE_NONE && !dtype_name(dtype))
        return error_set(err, CORBEL_E_ARGUMENT, "dtype %d: there is none of that number", dtype);
    if (dtype != CORBEL_DTYPE_NONE && dtype != CORBEL_F32 && dtype != CORBEL_F16 &&
        dtype != CORBEL_BF16) {
        log_line(CORBEL_LOG_WARN, "dtype %s: no device computes in it; float32 is used",
                 dtype_name(dtype));
        params->dtype = CORBEL_F32;
    }
    model->precision = dtype == CORBEL_BF16 ? PRECISION_REDUCED : PRECISION_EXACT;
    return CORBEL_OK;
}

/* With the tokenizer's files, so that one commit serves both. */
static corbel_status fetch_first(struct corbel_model *model, struct fetch *fetch, const char *name,
                                 const corbel_load_params *params, corbel_error *err)
{
    struct plugin_policy *policy = &model->runtime->policy;
    corbel_pull_params p =
        CORBEL_PULL_PARAMS(.offline = params->offline || model->runtime->offline,
                           .on_progress = params->on_progress, .user = params->user);
    policy->pull = p; /* for a plugin that the model suggests */
    p.revision = params->revision;
    p.parts =
        CORBEL_PULL_CONFIG | CORBEL_PULL_TOKENIZER | (params->skip_weights ? 0 : SELECT_INDEX);
    corbel_status status =
        fetch_open(fetch, name, &p, policy->has_lock ? &policy->lock : NULL, err);
    if (status)
        return status;
    model->folder = arena_string(&model->arena, fetch->pulled.folder);
    return model->folder ? CORBEL_OK : error_memory(err, strlen(fetch->pulled.folder), "a path");
}

static corbel_status load_fetched(struct corbel_model *model, struct fetch *fetch, const char *name,
                                  const corbel_load_params *params, corbel_error *err)
{
    corbel_status status = fetch_first(model, fetch, name, params, err);
    if (!status)
        status = config_load(&model->config, model->folder, err);
    if (!status)
        status = config_check_plain_weights(&model->config, err);
    if (!status)
        status = model_construct(model, params, err);
    if (!status)
        status = load_weights(model, fetch, params, err);
    return status;
}

static corbel_status load(struct corbel_model *model, const char *name,
                          const corbel_load_params *params, corbel_error *err)
{
    struct fetch fetch = {0};
    corbel_load_params p = *params;
    corbel_status status = choose_precision(model, &p, err);
    if (!status)
        status = load_fetched(model, &fetch, name, &p, err);
    fetch_close(&fetch);
    return status;
}

corbel_status corbel_model_load(corbel_runtime *runtime, const char *name,
                                const corbel_load_params *params, corbel_model **model,
                                corbel_error *err)
{
    corbel_load_params p = CORBEL_LOAD_PARAMS(.dtype = CORBEL_DTYPE_NONE);
    if (!runtime || !model)
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_model_load: no runtime or no place");
    *model = NULL;
    STRUCT_COPY(&p, params);
    if (p.instance) {
        p.instance->n_more_handles++;
        *model = p.instance;
        return CORBEL_OK;
    }
    struct corbel_model *m = calloc(1, sizeof(*m));
    if (!m)
        return error_memory(err, sizeof(*m), "a model");
    m->runtime = runtime;
    corbel_status status = load(m, name, &p, err);
    if (status) {
        corbel_model_destroy(&m);
        return status;
    }
    *model = m;
    return CORBEL_OK;
}

void corbel_model_destroy(corbel_model **model)
{
    if (!model || !*model)
        return;
    struct corbel_model *m = *model;
    *model = NULL;
    if (m->n_more_handles > 0) {
        m->n_more_handles--;
        return;
    }
    session_destroy(&m->session);
    weights_release(m);
    placement_finish(&m->placement);
    plugin_model_destroy(&m->plugin);
    checkpoint_close(&m->checkpoint);
    config_finish(&m->config);
    load_report_finish(&m->report);
    arena_finish(&m->arena);
    free(m);
}

/* ---- questions about a model ----------------------------------------------------------------- */

int64_t corbel_model_config_int(const corbel_model *model, const char *key, int64_t fallback)
{
    int64_t value = fallback;
    int found = 0;
    if (config_int(&model->config, key, &value, &found, NULL) != CORBEL_OK || !found)
        return fallback;
    return value;
}

const char *corbel_model_task(const corbel_model *model)
{
    return model->arch->task;
}

const char *corbel_model_folder(const corbel_model *model)
{
    return model->folder;
}
