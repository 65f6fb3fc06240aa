/* protocol_answer.c: what a plugin's process says, as bytes, and as what they may mean.
 *
 *     descriptor  text id, text version, u16 minor built, u16 minor needed,
 *                 u32 classes, each: text name, model_type, task, prefix,
 *                     u32 fields, each: text keys, u8 has a default, text default, i32 kind,
 *                                       text name
 *                 u32 kernels, each: text name, entry, u32 buffers, push size, flags,
 *                                    f64 max_rel_err, u32 bytes, SPIR-V
 *     parameters  u32 count, each: text name, text older ("": none), u8 rank, u32 flags,
 *                                    i32 init, f64 init value, i64 init zero row, i64 each size
 *     program     as program/binary.h says
 *     failed      u32 status, text why
 *     log         u32 level, text line */
#include "base/error.h"
#include "base/log.h"
#include "plugin/protocol.h"

#include <string.h>

enum { MAX_SENTENCE = 1000 };

static corbel_status refuse(const char *what, const char *why, corbel_error *err)
{
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "the plugin's process sent a malformed message (%s: %s)", what, why);
}

/* ---- descriptor ----------------------------------------------------------------------------- */

static void put_arch(struct text *out, const corbel_arch *a)
{
    wire_put_text(out, a->name);
    wire_put_text(out, a->model_type);
    wire_put_text(out, a->task);
    wire_put_text(out, a->prefix);
    wire_put(out, a->n_fields, 4);
    for (uint32_t i = 0; i < a->n_fields; i++) {
        const corbel_field *f = &a->fields[i];

        wire_put_text(out, f->keys);
        wire_put(out, f->fallback != NULL, 1);
        wire_put_text(out, f->fallback);
        wire_put(out, (uint32_t)f->kind, 4);
        wire_put_text(out, f->name);
    }
}

static void put_kernel(struct text *out, const corbel_kernel *k)
{
    wire_put_text(out, k->name);
    wire_put_text(out, k->entry);
    wire_put(out, k->n_buffers, 4);
    wire_put(out, k->push_size, 4);
    wire_put(out, k->flags, 4);
    wire_put_double(out, k->max_rel_err);
    wire_put(out, k->spirv_size, 4);
    text_append_bytes(out, k->spirv, k->spirv_size);
}

void answer_put_descriptor(struct text *out, const struct descriptor *descriptor)
{
    const corbel_plugin *p = &descriptor->plugin;

    wire_put_text(out, p->id);
    wire_put_text(out, p->version);
    wire_put(out, p->minor_built, 2);
    wire_put(out, p->minor_needed, 2);
    wire_put(out, p->n_archs, 4);
    for (uint32_t i = 0; i < p->n_archs; i++)
        put_arch(out, &descriptor->archs[i]);
    wire_put(out, p->n_kernels, 4);
    for (uint32_t i = 0; i < p->n_kernels; i++)
        put_kernel(out, &descriptor->kernels[i]);
}

static const char *get_name(struct wire_reader *r)
{
    return wire_get_text(r, DESCRIPTOR_MAX_STRING - 1);
}

static void get_field(struct wire_reader *r, corbel_field *f)
{
    bool has_fallback;

    f->keys = get_name(r);
    has_fallback = wire_get(r, 1) != 0;
    f->fallback = get_name(r);
    if (!has_fallback)
        f->fallback = NULL;
    f->kind = (int32_t)wire_get(r, 4);
    f->name = get_name(r);
}

static void get_arch(struct wire_reader *r, corbel_arch *a)
{
    corbel_field *fields;

    a->struct_size = sizeof(*a);
    a->name = get_name(r);
    a->model_type = get_name(r);
    a->task = get_name(r);
    a->prefix = get_name(r);
    a->n_fields = wire_get_count(r, 17, ARGUMENTS_MAX);
    a->fields = fields = wire_alloc(r, a->n_fields, sizeof(*fields));
    for (uint32_t i = 0; i < a->n_fields && !r->why; i++)
        get_field(r, &fields[i]);
}

static void get_kernel(struct wire_reader *r, corbel_kernel *k)
{
    const uint8_t *bytes;
    uint32_t *spirv;

    k->struct_size = sizeof(*k);
    k->name = get_name(r);
    k->entry = get_name(r);
    k->n_buffers = (uint32_t)wire_get(r, 4);
    k->push_size = (uint32_t)wire_get(r, 4);
    k->flags = (uint32_t)wire_get(r, 4);
    k->max_rel_err = wire_get_double(r);
    k->spirv_size = wire_get_count(r, 1, DESCRIPTOR_MAX_SPIRV);
    bytes = wire_get_bytes(r, k->spirv_size);
    k->spirv = spirv = wire_alloc(r, k->spirv_size, 1);
    if (spirv && k->spirv_size)
        memcpy(spirv, bytes, k->spirv_size);
}

static void get_descriptor(struct wire_reader *r, struct descriptor *d)
{
    corbel_plugin *p = &d->plugin;

    p->struct_size = sizeof(*p);
    p->id = get_name(r);
    p->version = get_name(r);
    p->minor_built = (uint16_t)wire_get(r, 2);
    p->minor_needed = (uint16_t)wire_get(r, 2);
    p->n_archs = wire_get_count(r, 20, DESCRIPTOR_MAX_ARCHS);
    if (p->n_archs == 0)
        wire_fail(r, "it has no architecture");
    d->archs = wire_alloc(r, p->n_archs, sizeof(*d->archs));
    for (uint32_t i = 0; i < p->n_archs && !r->why; i++)
        get_arch(r, &d->archs[i]);
    p->n_kernels = wire_get_count(r, 32, DESCRIPTOR_MAX_KERNELS);
    d->kernels = wire_alloc(r, p->n_kernels, sizeof(*d->kernels));
    for (uint32_t i = 0; i < p->n_kernels && !r->why; i++)
        get_kernel(r, &d->kernels[i]);
    wire_end(r);
}

corbel_status answer_get_descriptor(const uint8_t *body, size_t size, const char *name,
                                    struct descriptor *descriptor, corbel_error *err)
{
    struct wire_reader r = {.data = body, .size = size, .arena = &descriptor->arena};
    corbel_status status;

    *descriptor = (struct descriptor){0};
    arena_init(&descriptor->arena, PROTOCOL_MAX_MESSAGE * (size_t)2);
    get_descriptor(&r, descriptor);
    status = r.why ? refuse("descriptor", r.why, err) : descriptor_check(descriptor, name, err);
    if (status)
        descriptor_finish(descriptor);
    return status;
}

/* ---- parameters ----------------------------------------------------------------------------- */

void answer_put_params(struct text *out, const struct param_list *params)
{
    wire_put(out, params->n, 4);
    for (uint32_t i = 0; i < params->n; i++) {
        const struct plugin_param *p = &params->items[i];

        wire_put_text(out, p->name);
        wire_put_text(out, p->older);
        wire_put(out, p->rank, 1);
        wire_put(out, p->flags, 4);
        wire_put(out, (uint32_t)p->init.kind, 4);
        wire_put_double(out, p->init.value);
        wire_put(out, (uint64_t)p->init.zero_row, 8);
        for (uint32_t j = 0; j < p->rank; j++)
            wire_put(out, (uint64_t)p->shape[j], 8);
    }
}

static bool is_param_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";

    return *name && strspn(name, allowed) == strlen(name);
}

static void get_param(struct wire_reader *r, struct plugin_param *p, int64_t *count)
{
    *count = 0;
    p->name = wire_get_text(r, PROGRAM_MAX_NAME - 1);
    p->older = wire_get_text(r, PROGRAM_MAX_NAME - 1);
    p->rank = (uint32_t)wire_get(r, 1);
    p->flags = (uint32_t)wire_get(r, 4);
    p->init.kind = (int32_t)wire_get(r, 4);
    p->init.value = wire_get_double(r);
    p->init.zero_row = wire_get_i64(r);
    if (r->why)
        return;
    if (!*p->older)
        p->older = NULL;
    if (!is_param_name(p->name) || (p->older && !is_param_name(p->older)))
        wire_fail(r, "a parameter of an impossible name");
    if (p->rank > PROGRAM_MAX_RANK ||
        (p->flags & ~(CORBEL_PARAM_BUFFER | CORBEL_PARAM_HEAD | PLUGIN_PARAM_MOVED)))
        wire_fail(r, "a parameter of more than 8 axes, or with an unknown flag");
    for (uint32_t j = 0; j < p->rank && !r->why; j++)
        p->shape[j] = wire_get_i64(r);
    if (!r->why && !params_shape_count(p->shape, p->rank, count))
        wire_fail(r, "a parameter of an impossible shape");
    if (!r->why && !params_init_sound(&p->init, p->shape, p->rank))
        wire_fail(r, "a parameter with an impossible initialisation");
}

corbel_status answer_get_params(const uint8_t *body, size_t size, const char *arch,
                                struct arena *names, struct param_list *params, corbel_error *err)
{
    struct wire_reader r = {.data = body, .size = size, .arena = names};
    uint32_t n = wire_get_count(&r, 33, PARAMS_MAX);
    corbel_status status = CORBEL_OK;

    for (uint32_t i = 0; i < n && !r.why && !status; i++) {
        struct plugin_param param = {0};
        int64_t count;

        get_param(&r, &param, &count);
        if (!r.why)
            status = params_append(params, &param, count, err);
    }
    wire_end(&r);
    if (!status && r.why)
        status = refuse("parameters", r.why, err);
    return status ? status : params_check_names(params, arch, err);
}

/* ---- program -------------------------------------------------------------------------------- */

static bool same_shape(const struct program_value *v, uint32_t rank, const int64_t *shape)
{
    return v->rank == rank && memcmp(v->shape, shape, rank * sizeof(*shape)) == 0;
}

/* Weights come in the order of the parameters: *next goes on from the one before. */
static const char *check_weight(const struct program_value *v, const struct param_list *params,
                                const int32_t *dtypes, uint32_t *next)
{
    while (*next < params->n && strcmp(params->items[*next].name, v->name) != 0)
        ++*next;
    if (*next == params->n)
        return "a weight that is no parameter, or not in order";
    if (!same_shape(v, params->items[*next].rank, params->items[*next].shape) ||
        v->dtype != (dtypes ? dtypes[*next] : CORBEL_F32))
        return "a weight of another shape or type than the parameter";
    ++*next;
    return NULL;
}

static const char *check_input(const struct program_value *v, const struct trace_options *options)
{
    for (uint32_t i = 0; i < options->n_inputs; i++) {
        const struct trace_input *input = &options->inputs[i];

        if (strcmp(input->name, v->name) == 0)
            return v->dtype == input->dtype && same_shape(v, input->rank, input->shape)
                       ? NULL
                       : "an input of another shape or type than asked for";
    }
    return "an input that was not offered";
}

/* What program_verify can't know: that it is a program for this model and this request. */
static const char *check_program(const struct program *p, const struct param_list *params,
                                 const struct trace_options *options)
{
    const char *why = NULL;
    uint32_t next = 0;

    for (uint32_t id = 1; id <= p->n_values && !why; id++) {
        const struct program_value *v = &p->values[id];

        if (v->kind == VALUE_WEIGHT)
            why = check_weight(v, params, options->param_dtypes, &next);
        else if (v->kind == VALUE_INPUT)
            why = check_input(v, options);
    }
    for (uint32_t i = 0; i < p->n_ops && !why; i++)
        if (p->ops[i].kind == OP_CUSTOM)
            why = "a custom operation that was not decomposed";
    for (uint32_t i = 0; i < p->n_caches && !why; i++)
        if (p->caches[i].capacity != options->capacity)
            why = "a cache of another capacity than asked for";
    for (uint32_t i = 0; i < p->n_outputs && !why; i++)
        if (!options->hidden_states && strncmp(p->outputs[i].name, "hidden_states.", 14) == 0)
            why = "hidden states that were not asked for";
    return why;
}

corbel_status answer_get_program(const uint8_t *body, size_t size, const char *arch,
                                 const struct param_list *params,
                                 const struct trace_options *options, struct program *program,
                                 corbel_error *err)
{
    corbel_status status = program_read(program, body, size, err);
    const char *why;

    if (status == CORBEL_E_MEMORY)
        return status;
    if (status) {
        error_prefix(err, status, "%s: the plugin's process sent a program that is refused", arch);
        return CORBEL_E_UNTRUSTED;
    }
    why = check_program(program, params, options);
    return why ? refuse("program", why, err) : CORBEL_OK;
}

/* ---- failures and log lines ----------------------------------------------------------------- */

/* A plugin's words may be anything; what has no place in a sentence becomes '?'. */
static void put_sentence(struct text *out, const char *s)
{
    size_t size = strnlen(s, MAX_SENTENCE), n;
    char clean[MAX_SENTENCE + 1];
    size_t at = 0;

    for (size_t i = 0; i < size; i += n ? n : 1) {
        n = wire_character(s + i, size - i);
        if (n)
            memcpy(clean + at, s + i, n);
        else
            clean[at] = '?';
        at += n ? n : 1;
    }
    clean[at] = 0;
    wire_put_text(out, clean);
}

void answer_put_failed(struct text *out, corbel_status status, const char *why)
{
    wire_put(out, (uint32_t)status, 4);
    put_sentence(out, why);
}

bool answer_get_failed(const uint8_t *body, size_t size, corbel_error *failure)
{
    struct arena arena = {0};
    struct wire_reader r = {.data = body, .size = size, .arena = &arena};
    uint32_t status = (uint32_t)wire_get(&r, 4);
    const char *why = wire_get_text(&r, MAX_SENTENCE);

    switch (status) {
    case CORBEL_E_MEMORY:
    case CORBEL_E_CONFIG:
    case CORBEL_E_ABI:
    case CORBEL_E_PROGRAM:
    case CORBEL_E_UNSUPPORTED:
    case CORBEL_E_UNTRUSTED:
    case CORBEL_E_INTERNAL: break;
    default: wire_fail(&r, "a status that it can't have");
    }
    wire_end(&r);
    if (!r.why)
        error_set(failure, (corbel_status)status, "%s", why);
    arena_finish(&arena);
    return !r.why;
}

void answer_put_log(struct text *out, corbel_log_level level, const char *line)
{
    wire_put(out, (uint32_t)level, 4);
    put_sentence(out, line);
}

bool answer_get_log(const uint8_t *body, size_t size)
{
    struct arena arena = {0};
    struct wire_reader r = {.data = body, .size = size, .arena = &arena};
    uint32_t level = (uint32_t)wire_get(&r, 4);
    const char *line = wire_get_text(&r, MAX_SENTENCE);

    if (level < CORBEL_LOG_WARN || level > CORBEL_LOG_DEBUG)
        wire_fail(&r, "a level that a plugin does not have");
    wire_end(&r);
    if (!r.why)
        log_line((corbel_log_level)level, "%s", line);
    arena_finish(&arena);
    return !r.why;
}
