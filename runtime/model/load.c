/* model/load.c: from a name to a model whose weights lie where they will be used. */
#include "base/dtype.h"
#include "base/error.h"
#include "base/log.h"
#include "model/model.h"
#include "model/session.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- which class ----------------------------------------------------------------------------- */

/* The class of the same model_type that does `task` ("feature-extraction": the base model). */
static const struct plugin_arch_info *find_task(const struct plugin_registry *registry,
                                                const char *model_type, const char *task)
{
    const char *wanted = strcmp(task, "feature-extraction") == 0 ? "" : task;
    for (size_t i = 0; model_type && i < plugin_registry_count(registry); i++) {
        const struct plugin_arch_info *info = plugin_registry_at(registry, i);
        if (strcmp(info->model_type, model_type) == 0 && strcmp(info->task, wanted) == 0)
            return info;
    }
    return NULL;
}

static corbel_status class_unknown(const struct corbel_model *model, const char *name,
                                   corbel_error *err)
{
    struct text known = {0};
    corbel_status status =
        plugin_policy_explain(&model->runtime->policy, model->runtime->registry, name, err);
    if (status)
        return status;
    for (size_t i = 0; i < plugin_registry_count(model->runtime->registry); i++) {
        text_append(&known, i ? ", " : "");
        text_append(&known, plugin_registry_at(model->runtime->registry, i)->name);
    }
    status = error_set(err, CORBEL_E_UNSUPPORTED,
                       "%s: no plugin serves the architecture %.64s (there are: %s)",
                       model->config.path, name, text_cstr(&known));
    text_finish(&known);
    return status;
}

static corbel_status class_by_task(struct corbel_model *model, const char *task, corbel_error *err)
{
    const char *model_type = NULL;
    corbel_status status = config_model_type(&model->config, &model_type, err);
    if (status)
        return status;
    model->arch = find_task(model->runtime->registry, model_type, task);
    model->class_reason = "--task";
    if (model->arch)
        status = plugin_registry_ambiguous(model->runtime->registry, model->arch->name, err);
    if (status)
        return status;
    if (model->arch)
        model->arch = plugin_registry_find(model->runtime->registry, model->arch->name);
    if (model->arch)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNSUPPORTED, "%s: no class of model_type %s does %s",
                     model->config.path, model_type ? model_type : "(none)", task);
}

static corbel_status class_by_config(struct corbel_model *model, corbel_error *err)
{
    const char *name = NULL;
    corbel_status status = config_architecture(&model->config, &name, err);
    if (status)
        return status;
    if (!name)
        return error_set(err, CORBEL_E_CONFIG,
                         "%s: no architectures: name the class (--class) or the task (--task)",
                         model->config.path);
    model->arch = plugin_registry_find(model->runtime->registry, name);
    model->class_reason = "config.architectures";
    return model->arch ? CORBEL_OK : class_unknown(model, name, err);
}

static corbel_status choose_class(struct corbel_model *model, const corbel_load_params *params,
                                  corbel_error *err)
{
    for (uint32_t i = 0; i < params->n_class_names; i++) {
        model->arch = plugin_registry_find(model->runtime->registry, params->class_names[i]);
        model->class_reason = "--class";
        if (model->arch)
            return CORBEL_OK;
        corbel_status status =
            plugin_registry_ambiguous(model->runtime->registry, params->class_names[i], err);
        if (status)
            return status;
        log_line(CORBEL_LOG_INFO, "no plugin serves the class %s", params->class_names[i]);
    }
    if (params->task && params->task[0])
        return class_by_task(model, params->task, err);
    return class_by_config(model, err);
}

/* ---- which device ---------------------------------------------------------------------------- */

/* "auto" is the CPU: a GPU is used when it is named, until placement over devices is here. */
static corbel_status choose_device(struct corbel_model *model, const char *device_map,
                                   corbel_error *err)
{
    const char *name = device_map && device_map[0] ? device_map : "auto";
    if (strcmp(name, "auto") == 0)
        name = "cpu";
    if (strcmp(name, "vulkan") == 0)
        name = "vulkan:0";
    return runtime_device(model->runtime, name, &model->device, err);
}

/* ---- weights --------------------------------------------------------------------------------- */

static corbel_status open_checkpoint(struct corbel_model *model, bool required, corbel_error *err)
{
    corbel_error ignored;
    corbel_status status =
        checkpoint_open(&model->checkpoint, model->folder, required ? err : &ignored);
    model->has_checkpoint = status == CORBEL_OK;
    return required || status != CORBEL_E_NOT_FOUND ? status : CORBEL_OK;
}

static corbel_status load_weights(struct corbel_model *model, const corbel_load_params *params,
                                  corbel_error *err)
{
    uint32_t n = plugin_model_param_count(model->plugin);
    model->weights = arena_array(&model->arena, n ? n : 1, sizeof(*model->weights));
    model->param_dtypes = arena_array(&model->arena, n ? n : 1, sizeof(*model->param_dtypes));
    const struct checkpoint_tensor **tensors =
        arena_array(&model->arena, n ? n : 1, sizeof(*tensors));
    if (!model->weights || !model->param_dtypes || !tensors)
        return error_memory(err, n * sizeof(*model->weights), "the list of weights");
    corbel_status status = open_checkpoint(model, !params->skip_weights, err);
    if (!status && model->has_checkpoint)
        status = weights_match(model, tensors, err);
    if (status)
        return status;
    for (uint32_t i = 0; i < n; i++) {
        model->param_dtypes[i] = CORBEL_F32;
        model->weights[i].stored = tensors[i] ? tensors[i]->dtype : CORBEL_DTYPE_NONE;
        model->weights[i].dtype = CORBEL_F32;
    }
    if (params->skip_weights)
        return CORBEL_OK;
    return weights_bind(model, tensors, params->dtype, params->seed, err);
}

/* Products in reduced precision only where the caller asked for that dtype by name. */
static corbel_status choose_precision(struct corbel_model *model, int32_t dtype, corbel_error *err)
{
    if (dtype != CORBEL_DTYPE_NONE && dtype != CORBEL_F32 && dtype != CORBEL_F16 &&
        dtype != CORBEL_BF16)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "dtype %s: expected auto, float32, float16 or bfloat16",
                         dtype_name(dtype) ? dtype_name(dtype) : "unknown");
    model->precision = dtype == CORBEL_BF16 ? PRECISION_REDUCED : PRECISION_EXACT;
    return CORBEL_OK;
}

/* With the tokenizer's files, so that one commit serves both. */
static corbel_status pull(const char *name, const corbel_load_params *params, corbel_pulled *pulled,
                          corbel_error *err)
{
    const uint32_t skeleton = CORBEL_PULL_CONFIG | CORBEL_PULL_TOKENIZER;
    return corbel_pull(name,
                       &CORBEL_PULL_PARAMS(.revision = params->revision, .offline = params->offline,
                                           .parts = params->skip_weights ? skeleton : 0,
                                           .on_progress = params->on_progress,
                                           .user = params->user),
                       pulled, err);
}

static corbel_status load(struct corbel_model *model, const char *name,
                          const corbel_load_params *params, corbel_error *err)
{
    corbel_pulled pulled;
    corbel_status status = choose_precision(model, params->dtype, err);
    if (!status)
        status = pull(name, params, &pulled, err);
    if (status)
        return status;
    model->folder = arena_string(&model->arena, pulled.folder);
    if (!model->folder)
        return error_memory(err, strlen(pulled.folder), "a path");
    if (model->runtime->policy.has_lock)
        status = lockfile_check_model(&model->runtime->policy.lock, name, model->folder, err);
    if (!status)
        status = config_load(&model->config, model->folder, err);
    if (!status)
        status = config_check_plain_weights(&model->config, err);
    if (!status)
        status = choose_class(model, params, err);
    if (!status)
        status = plugin_policy_check(&model->runtime->policy, model->runtime->registry, model->arch,
                                     err);
    if (!status)
        status = choose_device(model, params->device_map, err);
    if (!status)
        status = plugin_model_create(model->runtime->registry, model->arch->name, &model->config,
                                     &model->plugin, err);
    if (!status)
        status = load_weights(model, params, err);
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
    if (params)
        memcpy(&p, params, params->struct_size < sizeof(p) ? params->struct_size : sizeof(p));
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
    session_destroy(&m->session);
    uint32_t n = m->plugin && m->weights ? plugin_model_param_count(m->plugin) : 0;
    for (uint32_t i = 0; i < n; i++)
        buffer_destroy(&m->weights[i].buffer);
    plugin_model_destroy(&m->plugin);
    checkpoint_close(&m->checkpoint);
    config_finish(&m->config);
    arena_finish(&m->arena);
    free(m);
    *model = NULL;
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
