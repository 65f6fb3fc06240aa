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
#include "corbel/image.h"
#include "task/parameters.h"

struct task;
struct chat_templates;

struct corbel_pipeline {
    corbel_model *model;               /* the caller's */
    const corbel_tokenizer *tokenizer; /* the caller's; NULL: the task takes pictures */
    corbel_image_processor *processor; /* NULL: it takes texts */
    const struct task *task;
    struct config config;           /* labels, problem_type */
    struct json_object *generation; /* generation_config.json, or NULL */
    struct chat_templates *chat;    /* what the last chat was written with (chat.c), or NULL */
    bool gives_type_ids;            /* token_type_ids are among the model's inputs */
};

/* One call of a pipeline; the tasks see its inputs one at a time. */
struct call {
    struct corbel_pipeline *pipeline;
    struct json_object *parameters; /* an object */
    const corbel_pipeline_params *params;
    void *options; /* what the task has read of the parameters */
    size_t batch_size;
    size_t input; /* index of the input at hand */
    bool in_list; /* it came in a list of inputs */
    bool stopped; /* the caller's callback asked to stop */
};

struct task {
    const char *name;
    bool takes_pictures; /* its inputs are paths */
    /* A list of one input gives that input's answer, not a list of it. */
    bool unwraps_one;
    /* Reads the call's parameters into call->options, which is that large and zeroed. What is wrong
     * stays in the parameters' status. Both may be NULL. */
    size_t options_size;
    void (*read_options)(struct call *call, struct parameters *parameters);
    void (*finish_options)(void *options);
    /* What one call's inputs stand for: a list (a new reference), or NULL if they are one input.
     * NULL: a JSON list is a list. */
    struct json_object *(*arrange)(const struct call *call, struct json_object *inputs);
    /* Appends the answer to one input ... */
    corbel_status (*run)(struct call *call, struct json_object *input, struct text *out,
                         corbel_error *err);
    /* ... or does it in steps with a forward pass between them. */
    const struct forward_task *forward;
};

extern const struct task text_generation, text_classification, token_classification,
    question_answering, fill_mask, feature_extraction, image_classification;

#endif
