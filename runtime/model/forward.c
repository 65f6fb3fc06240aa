/* model/forward.c: one forward pass on raw tensors. */
#include "base/error.h"
#include "base/json.h"
#include "base/struct_copy.h"
#include "model/inputs.h"

#include <string.h>

/* Clamped, so that an id beyond int32 is refused by the check on indices and not wrapped. */
static int32_t to_i32(int64_t v)
{
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int32_t)v;
}

static void fill(const struct step *step, const char *name, const corbel_tensor *t,
                 const struct inputs *in, int64_t fallback, int64_t fallback_step)
{
    int32_t *to = parts_input(&step->parts, name);
    for (int64_t row = 0; to && row < in->batch; row++)
        for (int64_t i = 0; i < in->sequence; i++)
            *to++ = to_i32(t ? inputs_at(t, row, i) : fallback + i * fallback_step);
}

static corbel_status fill_inputs(const struct inputs *in, const struct step *step,
                                 corbel_error *err)
{
    if (in->ids) {
        fill(step, "input_ids", in->ids, in, 0, 0);
        fill(step, "attention_mask", in->mask, in, 1, 0);
        fill(step, "token_mask", in->mask, in, 1, 0);
        fill(step, "position_ids", in->positions, in, 0, 1);
        fill(step, "token_type_ids", in->types, in, 0, 0);
    }
    corbel_status status = inputs_fill_others(in, step, err);
    return status ? status : inputs_check_indices(step, err);
}

/* {"interpolate_pos_encoding": true, "logits_to_keep": 1}: flags and integers. The names belong to
 * `root`. */
static corbel_status read_options(struct json_object *root, struct trace_option options[8],
                                  uint32_t *n, corbel_error *err)
{
    struct json_object_iterator i = json_object_iter_begin(root), end = json_object_iter_end(root);
    for (*n = 0; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        struct json_object *value = json_object_iter_peek_value(&i);
        const char *name = json_object_iter_peek_name(&i);
        if (!json_object_is_type(value, json_type_boolean) &&
            !json_object_is_type(value, json_type_int))
            return error_set(err, CORBEL_E_ARGUMENT, "%s: expected true, false or an integer",
                             name);
        if (*n == 8)
            return error_set(err, CORBEL_E_ARGUMENT, "%s: more than 8 arguments", name);
        options[(*n)++] = (struct trace_option){
            .name = name,
            .value = json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
                                                                   : json_object_get_int64(value)};
    }
    return CORBEL_OK;
}

static corbel_status collect_outputs(const struct step *step, corbel_tensors *outputs,
                                     corbel_error *err)
{
    for (uint32_t i = 0; i < step->parts.n_outputs; i++) {
        const struct program_value *v = step->parts.outputs[i].value;
        const char *name = step->parts.outputs[i].name;
        void *data;
        corbel_status status = tensors_add(outputs, name, v->dtype, v->rank, v->shape, &data, err);
        if (status)
            return status;
        memcpy(data, parts_output(&step->parts, i), value_bytes(v));
    }
    return CORBEL_OK;
}

static corbel_status run(struct corbel_model *model, const struct inputs *in,
                         const struct step_key *key, corbel_tensors *outputs, corbel_error *err)
{
    struct session *session;
    struct step *step;
    corbel_status status = session_get(model, in->batch, in->sequence, &session, err);
    if (!status)
        status = session_begin(session, err);
    if (!status)
        status = session_step(session, key, &step, err);
    if (!status)
        status = fill_inputs(in, step, err);
    if (!status)
        status = parts_run(&step->parts, 0, err);
    if (!status)
        status = collect_outputs(step, outputs, err);
    return status;
}

static corbel_status forward(struct corbel_model *model, const corbel_tensor *tensors, size_t n,
                             bool hidden_states, struct json_object *options_json,
                             corbel_tensors *outputs, corbel_error *err)
{
    struct inputs in;
    struct trace_input others[INPUTS_MAX];
    struct trace_option options[8 + 1];
    uint32_t n_options = 0;
    corbel_status status = inputs_read(&in, tensors, n, err);
    if (!status && options_json)
        status = read_options(options_json, options, &n_options, err);
    if (status)
        return status;
    if (in.types)
        options[n_options++] = (struct trace_option){"has_token_type_ids", 1};
    if (!in.ids) /* the batch is that of what there is */
        in.batch = in.others[0]->shape[0];
    struct step_key key = {.inputs = others,
                           .n_inputs = inputs_trace(&in, others),
                           .options = options,
                           .n_options = n_options,
                           .batch = in.batch,
                           .sequence = in.sequence,
                           .has_ids = in.ids != NULL,
                           .hidden_states = hidden_states};
    return run(model, &in, &key, outputs, err);
}

corbel_status corbel_model_forward(corbel_model *model, const corbel_tensor *inputs,
                                   size_t n_inputs, const corbel_forward_params *params,
                                   corbel_tensors **outputs, corbel_error *err)
{
    corbel_forward_params p = CORBEL_FORWARD_PARAMS(.hidden_states = 0);
    struct json_object *options = NULL;
    *outputs = NULL;
    STRUCT_COPY(&p, params);
    corbel_status status = CORBEL_OK;
    if (p.options_json)
        status = json_parse(p.options_json, strlen(p.options_json), JSON_DATA, "arguments",
                            &options, err);
    if (!status && options && !json_object_is_type(options, json_type_object))
        status = error_set(err, CORBEL_E_ARGUMENT, "arguments: expected a JSON object");
    if (!status)
        status = tensors_create(outputs, err);
    if (!status)
        status = forward(model, inputs, n_inputs, p.hidden_states != 0, options, *outputs, err);
    if (status)
        corbel_tensors_destroy(outputs);
    json_object_put(options);
    return status;
}
