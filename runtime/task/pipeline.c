/* task/pipeline.c: corbel_pipeline_*: the list of tasks, and what happens around each.
 *
 * Inputs and parameters come as JSON and are checked as strictly as a file; a list of inputs gives
 * a list of answers, one at a time, as transformers does with its default batch size of 1. */
#include "base/error.h"
#include "base/file.h"
#include "task/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The names once more, in the form that corbel_pipeline_tasks hands out. */
static const struct task *const tasks[] = {
    &text_generation,
    &text_classification,
    &feature_extraction,
};
static const char *const task_names[] = {
    "text-generation",
    "text-classification",
    "feature-extraction",
};
static_assert(COUNT(tasks) == COUNT(task_names), "a task is missing in one of the lists");

static const struct task *find_task(const char *name)
{
    for (size_t i = 0; i < COUNT(tasks); i++)
        if (strcmp(tasks[i]->name, name) == 0)
            return tasks[i];
    return NULL;
}

static corbel_status no_such_task(const corbel_model *model, const char *name, corbel_error *err)
{
    struct text known = {0};
    for (size_t i = 0; i < COUNT(task_names); i++)
        text_format(&known, "%s%s", i ? ", " : "", task_names[i]);
    corbel_status status =
        error_set(err, CORBEL_E_UNSUPPORTED, "%s: no pipeline for the task \"%s\"; there are: %s",
                  corbel_model_folder(model), name, text_cstr(&known));
    text_finish(&known);
    return status;
}

/* generation_config.json is optional. */
static corbel_status load_generation_config(struct corbel_pipeline *p, corbel_error *err)
{
    char path[4096];
    if (!path_join(path, sizeof(path), corbel_model_folder(p->model), "generation_config.json") ||
        !file_exists(path))
        return CORBEL_OK;
    corbel_status status = json_load(path, 4u << 20, JSON_DATA, &p->generation, err);
    if (status == CORBEL_OK && !json_object_is_type(p->generation, json_type_object))
        status = error_set(err, CORBEL_E_FORMAT, "%s: expected an object", path);
    return status;
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* As json_parse, for what a caller handed over: whatever is wrong with it is his argument. */
static corbel_status parse_argument(const char *json, const char *name, struct json_object **root,
                                    corbel_error *err)
{
    corbel_status status = json_parse(json, strlen(json), JSON_DATA, name, root, err);
    if (status != CORBEL_E_FORMAT)
        return status;
    if (err)
        err->status = CORBEL_E_ARGUMENT;
    return CORBEL_E_ARGUMENT;
}

static corbel_status parse_parameters(const char *json, struct json_object **root,
                                      corbel_error *err)
{
    corbel_status status = parse_argument(json ? json : "{}", "parameters", root, err);
    if (status == CORBEL_OK && !json_object_is_type(*root, json_type_object))
        status = error_set(err, CORBEL_E_ARGUMENT, "parameters: expected an object");
    return status;
}

static corbel_status run_inputs(struct call *call, struct json_object *inputs, struct text *out,
                                corbel_error *err)
{
    const struct task *task = call->pipeline->task;
    if (!json_object_is_type(inputs, json_type_array))
        return task->run(call, inputs, out, err);

    call->in_list = true;
    size_t n = json_object_array_length(inputs);
    corbel_status status = CORBEL_OK;
    text_append_char(out, '[');
    for (size_t i = 0; i < n && status == CORBEL_OK && !call->stopped; i++) {
        call->input = i;
        text_append(out, i ? ", " : "");
        status = task->run(call, json_object_array_get_idx(inputs, i), out, err);
    }
    text_append_char(out, ']');
    return status;
}

/* The caller's struct, as far as it goes, in one of our size. */
static corbel_pipeline_params copy_params(const corbel_pipeline_params *params)
{
    corbel_pipeline_params copy = CORBEL_PIPELINE_PARAMS(0);
    if (params) {
        size_t size = params->struct_size < sizeof(copy) ? params->struct_size : sizeof(copy);
        memcpy(&copy, params, size);
    }
    return copy;
}

corbel_status corbel_pipeline_run(corbel_pipeline *pipeline, const char *inputs_json,
                                  const corbel_pipeline_params *params, char **json,
                                  corbel_error *err)
{
    corbel_pipeline_params own = copy_params(params);
    struct call call = {.pipeline = pipeline, .params = &own};
    struct json_object *inputs = NULL;
    struct text out = {0};
    *json = NULL;

    corbel_status status = parse_argument(inputs_json, "inputs", &inputs, err);
    if (status == CORBEL_OK)
        status = parse_parameters(own.parameters_json, &call.parameters, err);
    if (status == CORBEL_OK)
        status = run_inputs(&call, inputs, &out, err);
    if (status == CORBEL_OK) {
        size_t size = out.size;
        *json = text_take(&out);
        if (!*json)
            status = error_memory(err, size, "the answer");
    }
    text_finish(&out);
    json_object_put(inputs);
    json_object_put(call.parameters);
    return status;
}

/* ---- a pipeline ------------------------------------------------------------------------------ */

const char *const *corbel_pipeline_tasks(size_t *n_tasks)
{
    *n_tasks = COUNT(task_names);
    return task_names;
}

const char *corbel_pipeline_task(const corbel_pipeline *pipeline)
{
    return pipeline->task->name;
}

corbel_status corbel_pipeline_create(corbel_model *model, const corbel_tokenizer *tokenizer,
                                     const char *task, corbel_pipeline **pipeline,
                                     corbel_error *err)
{
    *pipeline = NULL;
    const char *name = task ? task : corbel_model_task(model);
    const struct task *found = find_task(name);
    if (!found)
        return no_such_task(model, name, err);
    struct corbel_pipeline *p = calloc(1, sizeof(*p));
    if (!p)
        return error_memory(err, sizeof(*p), "a pipeline");
    p->model = model;
    p->tokenizer = tokenizer;
    p->task = found;
    corbel_status status = config_load(&p->config, corbel_model_folder(model), err);
    if (status == CORBEL_OK)
        status = load_generation_config(p, err);
    if (status != CORBEL_OK) {
        corbel_pipeline_destroy(&p);
        return status;
    }
    *pipeline = p;
    return CORBEL_OK;
}

void corbel_pipeline_destroy(corbel_pipeline **pipeline)
{
    if (!*pipeline)
        return;
    json_object_put((*pipeline)->generation);
    config_finish(&(*pipeline)->config);
    free(*pipeline);
    *pipeline = NULL;
}
