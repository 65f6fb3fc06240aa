/* model/saving/init.c: corbel_model_init: a model with new weights, from a config alone. */
#include "base/error.h"
#include "base/file.h"
#include "base/struct_copy.h"
#include "model/fetch.h"
#include "model/saving/save.h"

#include <stdlib.h>
#include <string.h>

/* A folder of a model, or of a config and nothing else, needs no weights; nor does a repo. */
static corbel_status find_config(struct corbel_model *model, const char *name,
                                 const corbel_init_params *p, corbel_error *err)
{
    struct plugin_policy *policy = &model->runtime->policy;
    struct fetch fetch = {0};
    corbel_pull_params how = CORBEL_PULL_PARAMS(.offline = p->offline || model->runtime->offline,
                                                .on_progress = p->on_progress, .user = p->user);
    policy->pull = how; /* for a plugin that the model suggests */
    if (file_exists(name) && !file_is_folder(name))
        return policy->has_lock ? error_set(err, CORBEL_E_UNTRUSTED,
                                            "%s: the lock names models, not files", name)
                                : config_load_file(&model->config, name, err);
    how.revision = p->revision;
    how.parts = CORBEL_PULL_CONFIG | CORBEL_PULL_TOKENIZER;
    corbel_status status =
        fetch_open(&fetch, name, &how, policy->has_lock ? &policy->lock : NULL, err);
    if (!status) {
        model->folder = arena_string(&model->arena, fetch.pulled.folder);
        status = model->folder ? config_load(&model->config, model->folder, err)
                               : error_memory(err, strlen(fetch.pulled.folder), "a path");
    }
    fetch_close(&fetch);
    return status;
}

static corbel_status make_skeleton(struct corbel_model *model, const char *name,
                                   const corbel_init_params *p, corbel_error *err)
{
    const corbel_load_params how =
        CORBEL_LOAD_PARAMS(.task = p->task, .class_names = p->class_names,
                           .n_class_names = p->n_class_names);
    corbel_status status = find_config(model, name, p, err);
    if (!status)
        status = model_construct(model, &how, err);
    if (status)
        return status;
    uint32_t n = plugin_model_param_count(model->plugin);
    model->seed = p->seed;
    model->tensors = arena_array(&model->arena, n ? n : 1, sizeof(*model->tensors));
    return model->tensors ? CORBEL_OK
                          : error_memory(err, n * sizeof(void *), "the list of weights");
}

corbel_status corbel_model_init(corbel_runtime *runtime, const char *config, const char *dir,
                                const corbel_init_params *params, corbel_saved *saved,
                                corbel_error *err)
{
    corbel_init_params p = CORBEL_INIT_PARAMS(.dtype = CORBEL_DTYPE_NONE);
    if (!runtime || !config || !config[0] || !dir || !dir[0])
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_model_init: no runtime, config or folder");
    STRUCT_COPY(&p, params);
    struct corbel_model *model = calloc(1, sizeof(*model));
    if (!model)
        return error_memory(err, sizeof(*model), "a model");
    model->runtime = runtime;
    struct save_options options = {.dtype = p.dtype,
                                   .max_shard_size = p.max_shard_size,
                                   .on_progress = p.on_progress,
                                   .user = p.user};
    corbel_status status = make_skeleton(model, config, &p, err);
    if (!status && !options.dtype)
        status = config_dtype(&model->config, &options.dtype, err);
    if (!status)
        status = save_model(model, dir, &options, saved, err);
    corbel_model_destroy(&model);
    return status;
}
