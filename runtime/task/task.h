/* task/task.h: what the pipelines share.
 *
 * A pipeline turns an input of its task (text) into an answer (text, labels), as transformers'
 * pipeline of the same name does: encode, run the model through the public API, and say in JSON
 * what came out. One file a task; pipeline.c holds the list of them. */
#ifndef TASK_TASK_H
#define TASK_TASK_H

#include "base/text.h"
#include "config/config.h"
#include "corbel/corbel.h"

struct task;

struct corbel_pipeline {
    corbel_model *model;               /* the caller's */
    const corbel_tokenizer *tokenizer; /* the caller's */
    const struct task *task;
    struct config config;           /* labels, problem_type */
    struct json_object *generation; /* generation_config.json, or NULL */
};

/* One call of a pipeline; the tasks see its inputs one at a time. */
struct call {
    const struct corbel_pipeline *pipeline;
    struct json_object *parameters; /* an object */
    const corbel_pipeline_params *params;
    size_t input; /* index of the input at hand */
    bool in_list; /* it came in a list of inputs */
    bool stopped; /* the caller's callback asked to stop */
};

struct task {
    const char *name;
    /* Appends the answer to one input. */
    corbel_status (*run)(struct call *call, struct json_object *input, struct text *out,
                         corbel_error *err);
};

extern const struct task text_generation, text_classification, feature_extraction;

#endif
