/* protocol_request.c: what the host asks of a plugin's process, as bytes.
 *
 *     construct  text class, u32 arguments, each: u32 kind, value
 *     value      i64, f64: 8 bytes      flag: u8      str, json: u8 present, text
 *                i64s, f64s, strs: u8 present, u32 count, items
 *                rope: i32 type, ten f64 and i64 in the order of corbel_rope, two lists of f64
 *     trace      u32 inputs, each: text name, u8 dtype, u8 rank, i64 each size
 *                u32 options, each: text name, i64 value
 *                i64 capacity, u8 hidden_states, u32 dtypes (0, or one a parameter), u8 each */
#include "base/error.h"
#include "plugin/protocol.h"

#include <string.h>

/* ---- messages ------------------------------------------------------------------------------- */

void message_begin(struct text *out, enum message_kind kind, uint32_t sequence)
{
    text_clear(out);
    wire_put(out, 0, 4);
    wire_put(out, kind, 4);
    wire_put(out, sequence, 4);
}

corbel_status message_end(struct text *out, corbel_error *err)
{
    size_t size;

    if (out->failed)
        return error_memory(err, out->size, "a message");
    size = out->size - MESSAGE_HEADER_SIZE;
    if (size > PROTOCOL_MAX_MESSAGE)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%zu bytes between host and plugin: at most %u in one message", size,
                         PROTOCOL_MAX_MESSAGE);
    for (size_t i = 0; i < 4; i++)
        out->data[i] = (char)(uint8_t)(size >> 8 * i);
    return CORBEL_OK;
}

struct message_header message_read_header(const uint8_t bytes[MESSAGE_HEADER_SIZE])
{
    struct wire_reader r = {.data = bytes, .size = MESSAGE_HEADER_SIZE};
    struct message_header h = {.size = (uint32_t)wire_get(&r, 4)};

    h.kind = (uint32_t)wire_get(&r, 4);
    h.sequence = (uint32_t)wire_get(&r, 4);
    return h;
}

/* ---- arguments ------------------------------------------------------------------------------ */

static void put_list(struct text *out, int32_t kind, const void *pointer)
{
    const corbel_i64_list *i64s = pointer;
    const corbel_f64_list *f64s = pointer;
    const corbel_str_list *strs = pointer;

    wire_put(out, pointer != NULL, 1);
    if (!pointer)
        return;
    wire_put(out, i64s->n, 4); /* the three kinds have the same layout */
    for (uint64_t i = 0; i < i64s->n; i++) {
        if (kind == CORBEL_KIND_i64s)
            wire_put(out, (uint64_t)i64s->items[i], 8);
        else if (kind == CORBEL_KIND_f64s)
            wire_put_double(out, f64s->items[i]);
        else
            wire_put_text(out, strs->items[i]);
    }
}

static void put_rope(struct text *out, const corbel_rope *rope)
{
    const double numbers[] = {
        rope->theta,           rope->factor,           rope->partial_rotary_factor,
        rope->low_freq_factor, rope->high_freq_factor, rope->attention_factor,
        rope->beta_fast,       rope->beta_slow};

    wire_put(out, (uint32_t)rope->type, 4);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        wire_put_double(out, numbers[i]);
    wire_put(out, (uint64_t)rope->original_max_position_embeddings, 8);
    wire_put(out, (uint64_t)rope->max_position_embeddings, 8);
    wire_put(out, (uint64_t)rope->truncate, 8);
    put_list(out, CORBEL_KIND_f64s, &rope->short_factor);
    put_list(out, CORBEL_KIND_f64s, &rope->long_factor);
}

static void put_argument(struct text *out, int32_t kind, const union argument *a)
{
    wire_put(out, (uint32_t)kind, 4);
    switch (kind) {
    case CORBEL_KIND_i64: wire_put(out, (uint64_t)a->i64, 8); break;
    case CORBEL_KIND_f64: wire_put_double(out, a->f64); break;
    case CORBEL_KIND_flag: wire_put(out, a->flag != 0, 1); break;
    case CORBEL_KIND_str:
    case CORBEL_KIND_json:
        wire_put(out, a->pointer != NULL, 1);
        wire_put_text(out, a->pointer);
        break;
    case CORBEL_KIND_rope: put_rope(out, a->pointer); break;
    default: put_list(out, kind, a->pointer); break;
    }
}

static const void *get_string(struct wire_reader *r)
{
    bool present = wire_get(r, 1) != 0;
    const char *s = wire_get_string(r, PROTOCOL_MAX_MESSAGE);

    return present ? s : NULL;
}

static const void *get_list(struct wire_reader *r, int32_t kind)
{
    bool present = wire_get(r, 1) != 0;
    uint32_t n = present ? wire_get_count(r, kind == CORBEL_KIND_strs ? 4 : 8, UINT32_MAX) : 0;
    corbel_i64_list *list = wire_alloc(r, 1, sizeof(*list));
    union {
        int64_t i;
        double f;
        const char *s;
    } *items = wire_alloc(r, n, sizeof(*items));

    if (r->why)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (kind == CORBEL_KIND_i64s)
            items[i].i = wire_get_i64(r);
        else if (kind == CORBEL_KIND_f64s)
            items[i].f = wire_get_double(r);
        else
            items[i].s = wire_get_string(r, PROTOCOL_MAX_MESSAGE);
    }
    list->n = n;
    list->items = &items[0].i;
    return present && !r->why ? list : NULL;
}

static const void *get_rope(struct wire_reader *r)
{
    corbel_rope *rope = wire_alloc(r, 1, sizeof(*rope));
    const corbel_f64_list *list;

    if (!rope)
        return NULL;
    rope->struct_size = sizeof(*rope);
    rope->type = (int32_t)wire_get(r, 4);
    rope->theta = wire_get_double(r);
    rope->factor = wire_get_double(r);
    rope->partial_rotary_factor = wire_get_double(r);
    rope->low_freq_factor = wire_get_double(r);
    rope->high_freq_factor = wire_get_double(r);
    rope->attention_factor = wire_get_double(r);
    rope->beta_fast = wire_get_double(r);
    rope->beta_slow = wire_get_double(r);
    rope->original_max_position_embeddings = wire_get_i64(r);
    rope->max_position_embeddings = wire_get_i64(r);
    rope->truncate = wire_get_i64(r);
    list = get_list(r, CORBEL_KIND_f64s);
    if (list)
        rope->short_factor = *list;
    list = get_list(r, CORBEL_KIND_f64s);
    if (list)
        rope->long_factor = *list;
    return rope;
}

static void get_argument(struct wire_reader *r, int32_t kind, union argument *out)
{
    if ((int32_t)wire_get(r, 4) != kind)
        wire_fail(r, "an argument of another kind than the field's");
    switch (kind) {
    case CORBEL_KIND_i64: out->i64 = wire_get_i64(r); break;
    case CORBEL_KIND_f64: out->f64 = wire_get_double(r); break;
    case CORBEL_KIND_flag: out->flag = wire_get(r, 1) != 0; break;
    case CORBEL_KIND_str:
    case CORBEL_KIND_json: out->pointer = get_string(r); break;
    case CORBEL_KIND_rope: out->pointer = get_rope(r); break;
    default: out->pointer = get_list(r, kind); break;
    }
}

/* ---- construct ------------------------------------------------------------------------------ */

void request_put_construct(struct text *out, const corbel_arch *arch,
                           const union argument *arguments)
{
    wire_put_text(out, arch->name);
    wire_put(out, arch->n_fields, 4);
    for (uint32_t i = 0; i < arch->n_fields; i++)
        put_argument(out, arch->fields[i].kind, &arguments[i]);
}

bool request_get_construct(struct wire_reader *r, const struct descriptor *descriptor,
                           const corbel_arch **arch, union argument arguments[ARGUMENTS_MAX])
{
    const char *name = wire_get_string(r, DESCRIPTOR_MAX_STRING);
    uint32_t n = wire_get_count(r, 5, ARGUMENTS_MAX);

    *arch = name ? descriptor_arch(descriptor, name) : NULL;
    if (!*arch || (*arch)->n_fields != n)
        wire_fail(r, "a class that this plugin does not have");
    for (uint32_t i = 0; i < n && !r->why; i++)
        get_argument(r, (*arch)->fields[i].kind, &arguments[i]);
    wire_end(r);
    return !r->why;
}

/* ---- trace ---------------------------------------------------------------------------------- */

void request_put_trace(struct text *out, const struct trace_options *options, uint32_t n_params)
{
    uint32_t n_dtypes = options->param_dtypes ? n_params : 0;

    wire_put(out, options->n_inputs, 4);
    for (uint32_t i = 0; i < options->n_inputs; i++) {
        const struct trace_input *input = &options->inputs[i];

        wire_put_text(out, input->name);
        wire_put(out, (uint64_t)input->dtype, 1);
        wire_put(out, input->rank, 1);
        for (uint32_t j = 0; j < input->rank; j++)
            wire_put(out, (uint64_t)input->shape[j], 8);
    }
    wire_put(out, options->n_options, 4);
    for (uint32_t i = 0; i < options->n_options; i++) {
        wire_put_text(out, options->options[i].name);
        wire_put(out, (uint64_t)options->options[i].value, 8);
    }
    wire_put(out, (uint64_t)options->capacity, 8);
    wire_put(out, options->hidden_states, 1);
    wire_put(out, n_dtypes, 4);
    for (uint32_t i = 0; i < n_dtypes; i++)
        wire_put(out, (uint64_t)options->param_dtypes[i], 1);
}

static void get_input(struct wire_reader *r, struct trace_input *input)
{
    input->name = wire_get_string(r, PROGRAM_MAX_NAME);
    input->dtype = (int32_t)wire_get(r, 1);
    input->rank = (uint32_t)wire_get(r, 1);
    if (input->rank > PROGRAM_MAX_RANK) {
        wire_fail(r, "an input of more than 8 axes");
        return;
    }
    for (uint32_t j = 0; j < input->rank; j++)
        input->shape[j] = wire_get_i64(r);
}

bool request_get_trace(struct wire_reader *r, uint32_t n_params, struct trace_options *options)
{
    uint32_t n_inputs = wire_get_count(r, 6, PROTOCOL_MAX_INPUTS), n_options, n_dtypes;
    struct trace_input *inputs = wire_alloc(r, n_inputs, sizeof(*inputs));
    struct trace_option *settings;
    int32_t *dtypes;

    for (uint32_t i = 0; i < n_inputs && !r->why; i++)
        get_input(r, &inputs[i]);
    n_options = wire_get_count(r, 12, PROTOCOL_MAX_OPTIONS);
    settings = wire_alloc(r, n_options, sizeof(*settings));
    for (uint32_t i = 0; i < n_options && !r->why; i++) {
        settings[i].name = wire_get_string(r, PROGRAM_MAX_NAME);
        settings[i].value = wire_get_i64(r);
    }
    *options = (struct trace_options){.inputs = inputs,
                                      .n_inputs = n_inputs,
                                      .options = settings,
                                      .n_options = n_options,
                                      .capacity = wire_get_i64(r)};
    options->hidden_states = wire_get(r, 1) != 0;
    n_dtypes = wire_get_count(r, 1, n_params);
    dtypes = wire_alloc(r, n_dtypes, sizeof(*dtypes));
    if (n_dtypes != 0 && n_dtypes != n_params)
        wire_fail(r, "a number of dtypes other than of parameters");
    for (uint32_t i = 0; i < n_dtypes && !r->why; i++)
        dtypes[i] = (int32_t)wire_get(r, 1);
    if (n_dtypes)
        options->param_dtypes = dtypes;
    wire_end(r);
    return !r->why;
}
