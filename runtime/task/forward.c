/* task/forward.c: see forward.h.
 *
 * Rows of a batch are padded on the right, whatever side the tokenizer prefers: then positions are
 * those of the row alone, and so is the answer. */
#include "task/forward.h"

#include "base/error.h"

#include <stdlib.h>

/* ---- items ----------------------------------------------------------------------------------- */

static corbel_status make_windows(struct item *item, corbel_error *err)
{
    size_t n = 0;
    for (const corbel_encoding *e = item->encoding; e; e = e->overflow)
        n++;
    item->windows = calloc(n, sizeof(*item->windows));
    if (!item->windows)
        return error_memory(err, n * sizeof(*item->windows), "windows");
    for (const corbel_encoding *e = item->encoding; e; e = e->overflow) {
        if (e->n == 0)
            return error_set(err, CORBEL_E_ARGUMENT, "inputs: the text has no tokens");
        item->windows[item->n_windows++].encoding = e;
    }
    return CORBEL_OK;
}

static corbel_status make_items(struct forward_group *group, const struct call *call,
                                struct json_object *const *inputs, size_t n_inputs,
                                corbel_error *err)
{
    group->items = calloc(n_inputs, sizeof(*group->items));
    if (!group->items)
        return error_memory(err, n_inputs * sizeof(*group->items), "inputs");
    group->n_items = n_inputs;
    corbel_status status = CORBEL_OK;
    for (size_t i = 0; i < n_inputs && status == CORBEL_OK; i++) {
        struct item *item = &group->items[i];
        item->input = inputs[i];
        status = call->pipeline->task->forward->encode(call, item, err);
        if (status == CORBEL_OK)
            status = make_windows(item, err);
    }
    return status;
}

/* ---- a batch --------------------------------------------------------------------------------- */

struct batch {
    struct window **windows;
    size_t n, longest;
};

/* What stands behind the end of a shorter row; -1: the model is not told what padding is. A decoder
 * that classifies finds a row's last token by it, so it must be the model's own. */
static int32_t padding_id(const struct call *call)
{
    int64_t id = corbel_model_config_int(call->pipeline->model, "pad_token_id", -1);
    return id >= 0 && id <= INT32_MAX ? (int32_t)id : -1;
}

/* How many of n windows make the next batch: one where the model could not tell padding. */
static size_t batch_size(const struct call *call, size_t n)
{
    bool pads = call->pipeline->task->forward->per_token || padding_id(call) >= 0;
    return !pads ? 1 : n < call->batch_size ? n : call->batch_size;
}

/* input_ids, token_type_ids and attention_mask, [n, longest] each, one after the other. */
static int32_t *make_inputs(const struct call *call, const struct batch *b, corbel_error *err)
{
    size_t plane = b->n * b->longest;
    int32_t *data = calloc(plane, 3 * sizeof(*data));
    int32_t pad = padding_id(call);
    if (!data) {
        error_memory(err, 3 * plane * sizeof(*data), "a batch");
        return NULL;
    }
    for (size_t row = 0; row < b->n; row++) {
        const corbel_encoding *e = b->windows[row]->encoding;
        for (size_t i = 0; i < b->longest; i++) {
            int32_t *at = data + row * b->longest + i;
            at[0] = i < e->n ? e->ids[i] : pad < 0 ? 0 : pad;
            at[plane] = i < e->n ? e->type_ids[i] : 0;
            at[2 * plane] = i < e->n;
        }
    }
    return data;
}

static corbel_tensor input_tensor(const struct batch *b, const char *name, const int32_t *data)
{
    return (corbel_tensor){.name = name,
                           .dtype = CORBEL_I32,
                           .rank = 2,
                           .shape = {(int64_t)b->n, (int64_t)b->longest},
                           .data = data};
}

static corbel_status forward(const struct call *call, const struct batch *b, const int32_t *data,
                             corbel_tensors **outputs, corbel_error *err)
{
    size_t plane = b->n * b->longest, n = 0;
    corbel_tensor inputs[3];
    inputs[n++] = input_tensor(b, "input_ids", data);
    if (call->pipeline->gives_type_ids)
        inputs[n++] = input_tensor(b, "token_type_ids", data + plane);
    if (b->n > 1)
        inputs[n++] = input_tensor(b, "attention_mask", data + 2 * plane);
    return corbel_model_forward(call->pipeline->model, inputs, n, NULL, outputs, err);
}

/* Lets the windows point into the output's rows. */
static corbel_status take_output(const struct call *call, const struct batch *b, int which,
                                 const corbel_tensors *outputs, corbel_error *err)
{
    const struct forward_task *task = call->pipeline->task->forward;
    const corbel_tensor *t = corbel_tensors_find(outputs, task->outputs[which]);
    if (!t || t->dtype != CORBEL_F32 || t->rank != task->rank || t->shape[0] != (int64_t)b->n ||
        (task->per_token && t->shape[1] != (int64_t)b->longest))
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%s: the model has no output %s as the task %s needs it",
                         corbel_model_folder(call->pipeline->model), task->outputs[which],
                         call->pipeline->task->name);
    int64_t row = 1;
    for (uint32_t i = 1; i < t->rank; i++)
        row *= t->shape[i];
    for (size_t i = 0; i < b->n; i++) {
        b->windows[i]->outputs[which] = (const float *)t->data + (int64_t)i * row;
        b->windows[i]->width = task->per_token ? row / (int64_t)b->longest : row;
    }
    return CORBEL_OK;
}

static corbel_status batch_run(const struct call *call, const struct batch *b,
                               corbel_tensors **outputs, corbel_error *err)
{
    const struct forward_task *task = call->pipeline->task->forward;
    int32_t *data = make_inputs(call, b, err);
    if (!data)
        return CORBEL_E_MEMORY;
    corbel_status status = forward(call, b, data, outputs, err);
    for (int i = 0; i < MAX_FORWARD_OUTPUTS && task->outputs[i] && status == CORBEL_OK; i++)
        status = take_output(call, b, i, *outputs, err);
    free(data);
    return status;
}

/* ---- a group --------------------------------------------------------------------------------- */

static corbel_status run_windows(struct forward_group *group, const struct call *call,
                                 struct window **windows, size_t n, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    for (size_t at = 0; at < n && status == CORBEL_OK;) {
        struct batch batch = {windows + at, batch_size(call, n - at), 0};
        for (size_t i = 0; i < batch.n; i++)
            if (batch.windows[i]->encoding->n > batch.longest)
                batch.longest = batch.windows[i]->encoding->n;
        status = batch_run(call, &batch, &group->outputs[group->n_outputs++], err);
        at += batch.n;
    }
    return status;
}

corbel_status forward_group_run(struct forward_group *group, const struct call *call,
                                struct json_object *const *inputs, size_t n_inputs,
                                corbel_error *err)
{
    const struct forward_task *task = call->pipeline->task->forward;
    *group = (struct forward_group){0};
    if (task->run_group)
        return task->run_group(group, call, inputs, n_inputs, err);
    corbel_status status = make_items(group, call, inputs, n_inputs, err);
    if (status != CORBEL_OK)
        return status;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < n_inputs; i++)
        n += group->items[i].n_windows;
    struct window **windows = calloc(n, sizeof(*windows));
    group->outputs = calloc(n, sizeof(*group->outputs));
    if (!windows || !group->outputs) {
        free(windows);
        return error_memory(err, n * sizeof(*windows), "windows");
    }
    for (size_t i = 0; i < n_inputs; i++)
        for (size_t w = 0; w < group->items[i].n_windows; w++)
            windows[at++] = &group->items[i].windows[w];
    status = run_windows(group, call, windows, n, err);
    free(windows);
    return status;
}

void forward_group_finish(struct forward_group *group)
{
    for (size_t i = 0; i < group->n_outputs; i++)
        corbel_tensors_destroy(&group->outputs[i]);
    free(group->outputs);
    for (size_t i = 0; i < group->n_items; i++) {
        corbel_encoding_destroy(&group->items[i].encoding);
        free(group->items[i].windows);
    }
    free(group->items);
    *group = (struct forward_group){0};
}
