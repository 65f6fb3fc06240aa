/* task/pipeline.c: corbel_pipeline_*: the list of tasks, and what happens around each.
 *
 * Inputs and parameters come as JSON and are checked as strictly as a file; a list of inputs gives
 * a list of answers. What runs through the model together is the parameter batch_size, 1 by
 * default as in transformers, and changes no answer. */
#include "base/error.h"
#include "base/file.h"
#include "base/struct_copy.h"
#include "task/chat.h"
#include "task/forward.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array)   (sizeof(array) / sizeof(*(array)))
#define MAX_BATCH_SIZE 65536

/* The names once more, in the form that corbel_pipeline_tasks hands out. */
static const struct task *const tasks[] = {
    &text_generation, &text_classification, &token_classification, &question_answering,
    &fill_mask,       &feature_extraction,  &image_classification,
};
static const char *const task_names[] = {
    "text-generation", "text-classification", "token-classification", "question-answering",
    "fill-mask",       "feature-extraction",  "image-classification",
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

/* What turns the inputs into tensors: the caller's tokenizer, or the model's image processor. */
static corbel_status load_processor(struct corbel_pipeline *p, corbel_error *err)
{
    if (p->task->takes_pictures)
        return corbel_image_processor_load(corbel_model_folder(p->model), &p->processor, err);
    if (!p->tokenizer)
        return error_set(err, CORBEL_E_ARGUMENT, "the task %s needs a tokenizer", p->task->name);
    return CORBEL_OK;
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

/* A model that knows token types gets them, unless its tokenizer_config.json lists the inputs
 * without them. */
static corbel_status load_model_inputs(struct corbel_pipeline *p, corbel_error *err)
{
    char path[4096];
    struct json_object *root = NULL, *names = NULL;
    p->gives_type_ids = corbel_model_config_int(p->model, "type_vocab_size", 0) > 0;
    if (!path_join(path, sizeof(path), corbel_model_folder(p->model), "tokenizer_config.json") ||
        !file_exists(path))
        return CORBEL_OK;
    corbel_status status = json_load(path, 64u << 20, JSON_DATA, &root, err);
    if (status == CORBEL_OK && json_object_object_get_ex(root, "model_input_names", &names) &&
        json_object_is_type(names, json_type_array)) {
        bool listed = false;
        for (size_t i = 0; i < json_object_array_length(names); i++) {
            const char *name = json_object_get_string(json_object_array_get_idx(names, i));
            listed = listed || (name && strcmp(name, "token_type_ids") == 0);
        }
        p->gives_type_ids = p->gives_type_ids && listed;
    }
    json_object_put(root);
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

/* One input of one call, in the order of the answers. */
struct unit {
    struct json_object *input; /* NULL: there is none, the call's list is empty */
    bool in_list;              /* of its call's inputs */
    bool opens, closes;        /* it is its call's first, last */
    bool bracketed;            /* the answers are a list */
};

struct units {
    struct unit *items;
    size_t n, capacity;
    struct json_object **lists; /* of the calls; NULL: one input. References. */
    size_t n_calls;
};

static void units_finish(struct units *u)
{
    for (size_t i = 0; i < u->n_calls; i++)
        json_object_put(u->lists[i]);
    free(u->lists);
    free(u->items);
}

static bool units_put(struct units *u, struct unit unit)
{
    if (u->n == u->capacity) {
        size_t capacity = u->capacity ? 2 * u->capacity : 16;
        struct unit *items = reallocarray(u->items, capacity, sizeof(*items));
        if (!items)
            return false;
        u->items = items;
        u->capacity = capacity;
    }
    u->items[u->n++] = unit;
    return true;
}

static bool units_put_call(struct units *u, const struct call *call, struct json_object *inputs)
{
    const struct task *task = call->pipeline->task;
    struct json_object *list = task->arrange ? task->arrange(call, inputs)
                               : json_object_is_type(inputs, json_type_array)
                                   ? json_object_get(inputs)
                                   : NULL;
    u->lists[u->n_calls++] = list;
    if (!list)
        return units_put(u, (struct unit){.input = inputs, .opens = true, .closes = true});
    size_t n = json_object_array_length(list);
    bool bracketed = n != 1 || !task->unwraps_one;
    if (n == 0)
        return units_put(u, (struct unit){.opens = true, .closes = true, .bracketed = true});
    for (size_t i = 0; i < n; i++)
        if (!units_put(u, (struct unit){.input = json_object_array_get_idx(list, i),
                                        .in_list = true,
                                        .opens = i == 0,
                                        .closes = i + 1 == n,
                                        .bracketed = bracketed}))
            return false;
    return true;
}

/* The inputs of one call, or of one call each if they are answered one by one. */
static corbel_status units_make(struct units *u, const struct call *call,
                                struct json_object *inputs, corbel_error *err)
{
    bool each = call->params->on_answer != NULL;
    if (each && !json_object_is_type(inputs, json_type_array))
        return error_set(err, CORBEL_E_ARGUMENT, "inputs: expected a list, found %s",
                         json_describe(inputs));
    size_t n = each ? json_object_array_length(inputs) : 1;
    u->lists = calloc(n + 1, sizeof(*u->lists));
    bool done = u->lists != NULL;
    for (size_t i = 0; i < n && done; i++)
        done = units_put_call(u, call, each ? json_object_array_get_idx(inputs, i) : inputs);
    return done ? CORBEL_OK : error_memory(err, n * sizeof(*u->items), "inputs");
}

/* Behind an answer: the end of its call's list, and of the call. */
static void end_answer(struct call *call, const struct unit *unit, size_t n_calls_before,
                       struct text *out)
{
    bool closes = unit->closes || call->stopped;
    text_append(out, !closes ? ", " : unit->bracketed ? "]" : "");
    if (!closes || !call->params->on_answer || out->failed)
        return;
    if (call->params->on_answer(call->params->user, n_calls_before, text_cstr(out), out->size) != 0)
        call->stopped = true;
    text_clear(out);
}

static corbel_status run_group(struct call *call, const struct units *u, size_t at, size_t n,
                               size_t *n_calls, struct text *out, corbel_error *err)
{
    const struct task *task = call->pipeline->task;
    struct forward_group group = {0};
    corbel_status status = CORBEL_OK;
    if (task->forward) {
        struct json_object **inputs = calloc(n, sizeof(*inputs));
        if (!inputs)
            return error_memory(err, n * sizeof(*inputs), "inputs");
        for (size_t i = 0; i < n; i++)
            inputs[i] = u->items[at + i].input;
        status = forward_group_run(&group, call, inputs, n, err);
        free(inputs);
    }
    for (size_t i = 0; i < n && status == CORBEL_OK && !call->stopped; i++) {
        const struct unit *unit = &u->items[at + i];
        call->input = at + i;
        call->in_list = unit->in_list;
        text_append(out, unit->opens && unit->bracketed ? "[" : "");
        status = task->forward ? task->forward->answer(call, &group.items[i], out, err)
                               : task->run(call, unit->input, out, err);
        if (status == CORBEL_OK)
            end_answer(call, unit, *n_calls, out);
        *n_calls += unit->closes;
    }
    forward_group_finish(&group);
    return status;
}

static corbel_status run_units(struct call *call, const struct units *u, struct text *out,
                               corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    size_t n_calls = 0, n;
    for (size_t at = 0; at < u->n && status == CORBEL_OK && !call->stopped; at += n) {
        n = 0;
        while (n < call->batch_size && at + n < u->n && u->items[at + n].input)
            n++;
        if (n > 0) {
            status = run_group(call, u, at, n, &n_calls, out, err);
            continue;
        }
        n = 1;
        text_append_char(out, '[');
        end_answer(call, &u->items[at], n_calls++, out);
    }
    return status;
}

/* The caller's struct, as far as it goes, in one of our size. */
static corbel_pipeline_params copy_params(const corbel_pipeline_params *params)
{
    corbel_pipeline_params copy = CORBEL_PIPELINE_PARAMS(0);
    STRUCT_COPY(&copy, params);
    return copy;
}

/* batch_size is a parameter of every task; what is left are the task's own. */
static corbel_status read_options(struct call *call, corbel_error *err)
{
    const struct task *task = call->pipeline->task;
    struct parameters parameters = {.object = call->parameters, .err = err};
    call->batch_size = (size_t)parameter_int(&parameters, "batch_size", 1, 1, MAX_BATCH_SIZE);
    json_object_object_del(call->parameters, "batch_size");
    if (task->options_size > 0) {
        call->options = calloc(1, task->options_size);
        if (!call->options)
            return error_memory(err, task->options_size, "a call");
    }
    if (task->read_options)
        task->read_options(call, &parameters);
    return parameters.status;
}

static void finish_options(struct call *call)
{
    if (call->options && call->pipeline->task->finish_options)
        call->pipeline->task->finish_options(call->options);
    free(call->options);
}

corbel_status corbel_pipeline_run(corbel_pipeline *pipeline, const char *inputs_json,
                                  const corbel_pipeline_params *params, char **json,
                                  corbel_error *err)
{
    corbel_pipeline_params own = copy_params(params);
    struct call call = {.pipeline = pipeline, .params = &own};
    struct json_object *inputs = NULL;
    struct units units = {0};
    struct text out = {0};
    if (json)
        *json = NULL;
    if (!json && !own.on_answer)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "corbel_pipeline_run needs a place for its answer");

    corbel_status status = parse_argument(inputs_json, "inputs", &inputs, err);
    if (status == CORBEL_OK)
        status = parse_parameters(own.parameters_json, &call.parameters, err);
    if (status == CORBEL_OK)
        status = read_options(&call, err);
    if (status == CORBEL_OK)
        status = units_make(&units, &call, inputs, err);
    if (status == CORBEL_OK)
        status = run_units(&call, &units, &out, err);
    if (status == CORBEL_OK && out.failed)
        status = error_memory(err, out.size, "the answer");
    if (status == CORBEL_OK && !own.on_answer) {
        size_t size = out.size;
        *json = text_take(&out);
        if (!*json)
            status = error_memory(err, size, "the answer");
    }
    text_finish(&out);
    units_finish(&units);
    finish_options(&call);
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

bool corbel_task_takes_pictures(const char *task)
{
    const struct task *found = find_task(task);
    return found && found->takes_pictures;
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
    if (!task && !*name) /* a model without a head has only its hidden states to show */
        name = "feature-extraction";
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
    if (status == CORBEL_OK)
        status = load_model_inputs(p, err);
    if (status == CORBEL_OK)
        status = load_processor(p, err);
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
    corbel_image_processor_destroy(&(*pipeline)->processor);
    chat_templates_destroy(&(*pipeline)->chat);
    json_object_put((*pipeline)->generation);
    config_finish(&(*pipeline)->config);
    free(*pipeline);
    *pipeline = NULL;
}
