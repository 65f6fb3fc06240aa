/* task/forward.h: tasks other than generation: texts are encoded, the model runs over them in
 * batches, and its outputs are looked at. */
#ifndef TASK_FORWARD_H
#define TASK_FORWARD_H

#include "task/task.h"

enum { MAX_FORWARD_OUTPUTS = 2 };

/* What goes through the model as one row. */
struct window {
    const corbel_encoding *encoding;
    /* Of each of the task's outputs this row: [tokens, width], or [width] if not per_token. */
    const float *outputs[MAX_FORWARD_OUTPUTS];
    int64_t width;
};

/* One input; a long one may be several windows. */
struct item {
    struct json_object *input;
    corbel_encoding *encoding; /* a chain, by `overflow` */
    struct window *windows;
    size_t n_windows;
};

struct forward_group;

struct forward_task {
    const char *outputs[MAX_FORWARD_OUTPUTS]; /* their names */
    uint32_t rank;                            /* with the rows */
    bool per_token;                           /* [rows, tokens, ...], not [rows, ...] */
    /* In place of all that forward.c does with texts: fills the group's items (a window each, with
     * its outputs) and outputs. NULL: texts. */
    corbel_status (*run_group)(struct forward_group *group, const struct call *call,
                               struct json_object *const *inputs, size_t n_inputs,
                               corbel_error *err);
    /* Makes item->encoding. */
    corbel_status (*encode)(const struct call *call, struct item *item, corbel_error *err);
    /* Appends the answer to an item whose windows have their outputs. */
    corbel_status (*answer)(const struct call *call, const struct item *item, struct text *out,
                            corbel_error *err);
};

/* Items whose windows run through the model, call->batch_size of them at a time. */
struct forward_group {
    struct item *items;
    size_t n_items;
    corbel_tensors **outputs; /* one a batch; the windows point into them */
    size_t n_outputs;
};

corbel_status forward_group_run(struct forward_group *group, const struct call *call,
                                struct json_object *const *inputs, size_t n_inputs,
                                corbel_error *err);
void forward_group_finish(struct forward_group *group);

#endif
