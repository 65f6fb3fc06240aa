/* build_forward.c: the host functions that emit a program. */
#include "base/dtype.h"
#include "plugin/abi.h"
#include "plugin/build.h"
#include "plugin/build_kernel.h"

static const corbel_value no_value = {0};

/* Operations that only the planner makes. */
static const bool op_is_fused[OP_COUNT] = {
#define STANDARD                         false
#define FUSED                            true
#define X(NAME, name, lo, hi, out, kind) [OP_##NAME] = kind,
    PROGRAM_OPERATIONS(X)
#undef X
#undef STANDARD
#undef FUSED
};

static struct build *build_of(corbel_build *base)
{
    return (struct build *)(void *)base;
}

/* A failure of program/ comes with its own sentence, which names the module. */
static bool program_ok(struct build *b, corbel_status status, const corbel_error *err)
{
    if (status && !b->status) {
        b->module.size = 0;
        build_fail(b, status, "%s", err->text);
    }
    return status == CORBEL_OK;
}

static corbel_value add_value(struct build *b, const struct program_value *value)
{
    corbel_error err;
    uint32_t id = 0;

    if (!program_ok(b, program_add_value(b->program, value, &id, &err), &err))
        return no_value;
    return (corbel_value){id};
}

static uint32_t find_value(const struct program *p, enum value_kind kind, const char *name)
{
    for (uint32_t id = 1; id <= p->n_values; id++)
        if (p->values[id].kind == kind && p->values[id].name &&
            strcmp(p->values[id].name, name) == 0)
            return id;
    return 0;
}

corbel_value build_input(corbel_build *base, const char *name)
{
    struct build *b = build_of(base);
    struct program_value value = {.kind = VALUE_INPUT, .name = name};
    const struct trace_input *input = NULL;
    uint32_t known;

    if (!build_in_forward(b, "an input") || !build_check_name(b, "an input", name))
        return no_value;
    known = find_value(b->program, VALUE_INPUT, name);
    if (known)
        return (corbel_value){known};
    for (uint32_t i = 0; i < b->options->n_inputs; i++)
        if (strcmp(b->options->inputs[i].name, name) == 0)
            input = &b->options->inputs[i];
    if (!input) {
        build_fail(b, CORBEL_E_PROGRAM, "the model wants the input %s, which was not given", name);
        return no_value;
    }
    value.dtype = input->dtype;
    value.rank = input->rank;
    memcpy(value.shape, input->shape, sizeof value.shape);
    return add_value(b, &value);
}

corbel_value build_state(corbel_build *base, const corbel_param *theirs)
{
    struct build *b = build_of(base);
    struct program_value value = {.kind = VALUE_STATE};
    struct text name = {0};
    corbel_value result;
    corbel_param p;
    int64_t count;

    if (!build_in_forward(b, "a state") ||
        !build_read_param(b, "state", theirs, &p, value.shape, &count) ||
        !build_check_name(b, "a state", p.name))
        return no_value;
    text_format(&name, "%s%s%s", text_cstr(&b->module), b->module.size ? "." : "", p.name);
    value.name = text_cstr(&name);
    value.dtype = p.dtype ? p.dtype : CORBEL_F32;
    value.rank = p.rank;
    if (find_value(b->program, VALUE_STATE, value.name))
        build_fail(b, CORBEL_E_PROGRAM, "state %s is declared twice", value.name);
    result = b->status || name.failed ? no_value : add_value(b, &value);
    text_finish(&name);
    return result;
}

corbel_value build_constant(corbel_build *base, const corbel_param *theirs, const void *data)
{
    struct build *b = build_of(base);
    struct program_value value = {.kind = VALUE_CONSTANT, .data = data};
    corbel_param p;
    int64_t count;

    if (!build_in_forward(b, "a constant") ||
        !build_read_param(b, "constant", theirs, &p, value.shape, &count))
        return no_value;
    value.dtype = p.dtype ? p.dtype : CORBEL_F32;
    value.rank = p.rank;
    if ((value.dtype != CORBEL_F32 && value.dtype != CORBEL_I32) || !data ||
        (uint64_t)count > BUILD_MAX_MEMORY / 4) {
        build_fail(b, CORBEL_E_PROGRAM,
                   "a constant of %lld elements of %s: expected float32 or int32, at most %zu MiB",
                   (long long)count, dtype_name(value.dtype), BUILD_MAX_MEMORY >> 20);
        return no_value;
    }
    return add_value(b, &value);
}

/* ---- operations ----------------------------------------------------------------------------- */

/* Their attributes as ours, sorted by key. */
static bool read_attrs(struct build *b, const corbel_op *op, struct program_attr attrs[ATTR_COUNT])
{
    if (op->n_attrs > ATTR_COUNT || (op->n_attrs && !op->attrs)) {
        build_fail(b, CORBEL_E_PROGRAM, "%s: %u attributes", op->name, op->n_attrs);
        return false;
    }
    for (uint32_t i = 0, j; i < op->n_attrs; i++) {
        const corbel_attr *a = &op->attrs[i];
        int key = a->key ? program_attr_from_name(a->key) : -1;
        bool is_float = key >= 0 && program_attr_is_float((enum program_attr_key)key);

        if (key < 0) {
            build_fail(b, CORBEL_E_PROGRAM, "%s: Corbel %s knows no attribute %.64s", op->name,
                       CORBEL_VERSION, a->key ? a->key : "without a name");
            return false;
        }
        if (a->kind != (is_float ? CORBEL_ATTR_FLOAT : CORBEL_ATTR_INT) || a->reserved) {
            build_fail(b, CORBEL_E_PROGRAM, "%s: attribute %s is %s", op->name, a->key,
                       a->reserved ? "of a later ABI: reserved is not 0"
                       : is_float  ? "a number, CORBEL_ATTR_FLOAT"
                                   : "an integer, CORBEL_ATTR_INT");
            return false;
        }
        for (j = i; j > 0 && attrs[j - 1].key > (enum program_attr_key)key; j--)
            attrs[j] = attrs[j - 1];
        attrs[j] = (struct program_attr){.key = (enum program_attr_key)key, .i = a->i, .f = a->f};
        if (is_float)
            attrs[j].i = 0;
        else
            attrs[j].f = 0.0;
        if (j > 0 && attrs[j - 1].key == attrs[j].key) {
            build_fail(b, CORBEL_E_PROGRAM, "%s: attribute %s is given twice", op->name, a->key);
            return false;
        }
    }
    return true;
}

static bool read_inputs(struct build *b, const corbel_op *op, uint32_t in[PROGRAM_MAX_INPUTS])
{
    if (op->n_in > PROGRAM_MAX_INPUTS || (op->n_in && !op->in)) {
        build_fail(b, CORBEL_E_PROGRAM, "%s: %u inputs; at most %d", op->name, op->n_in,
                   PROGRAM_MAX_INPUTS);
        return false;
    }
    for (uint32_t i = 0; i < op->n_in; i++) {
        in[i] = op->in[i].id;
        if (in[i] > b->program->n_values) {
            build_fail(b, CORBEL_E_PROGRAM, "%s: input %u is value %u, which there is not",
                       op->name, i, in[i]);
            return false;
        }
    }
    return true;
}

/* The runtime keeps what causal attention has seen: a cache for the keys [B,S,heads,D] and
 * values. Shapes that make no sense are left to the shape rule, which explains them. */
static bool assign_cache(struct build *b, struct program_op *op, struct program_attr *attrs)
{
    const struct program_value *k, *v;
    struct program_cache cache;
    corbel_error err;
    uint32_t slot;

    for (uint32_t i = 0; i < op->n_attrs; i++)
        if (attrs[i].key == ATTR_CACHE) {
            build_fail(b, CORBEL_E_PROGRAM, "attention: the attribute cache is the runtime's");
            return false;
        }
    if (op->n_in < 3 || !program_op_int(op, ATTR_CAUSAL, 0))
        return true;
    k = &b->program->values[op->in[1]];
    v = &b->program->values[op->in[2]];
    if (!op->in[1] || !op->in[2] || k->rank != 4 || v->rank != 4)
        return true;
    cache = (struct program_cache){.batch = k->shape[0],
                                   .n_heads = k->shape[2],
                                   .capacity = b->options->capacity,
                                   .head_dim = k->shape[3],
                                   .value_dim = v->shape[3]};
    if (!program_ok(b, program_add_cache(b->program, &cache, &slot, &err), &err))
        return false;
    attrs[op->n_attrs++] = (struct program_attr){.key = ATTR_CACHE, .i = slot};
    for (uint32_t i = op->n_attrs - 1; i > 0 && attrs[i - 1].key > attrs[i].key; i--) {
        struct program_attr swap = attrs[i];
        attrs[i] = attrs[i - 1];
        attrs[i - 1] = swap;
    }
    return true;
}

/* "custom:NAME": a kernel of the plugin: its decomposition into standard operations, which a device
 * may replace by the kernel. */
static corbel_value emit_custom(struct build *b, const corbel_op *op)
{
    const corbel_kernel *kernel = descriptor_kernel(b->plugin, op->name + strlen("custom:"));
    uint32_t begin = b->program->n_ops, in[PROGRAM_MAX_INPUTS];
    corbel_value out = no_value;

    if (!kernel || !kernel->decompose) {
        build_fail(b, CORBEL_E_PROGRAM, "%s: the plugin has no kernel of that name", op->name);
        return no_value;
    }
    if (b->decompositions == BUILD_MAX_DECOMPOSITIONS) {
        build_fail(b, CORBEL_E_PROGRAM, "%s: decomposes into itself", op->name);
        return no_value;
    }
    if (!read_inputs(b, op, in))
        return no_value;
    b->decompositions++;
    kernel->decompose(&b->base, op, &out);
    b->decompositions--;
    if (!b->status && (out.id == 0 || out.id > b->program->n_values))
        build_fail(b, CORBEL_E_PROGRAM, "%s: its decomposition has no result", op->name);
    build_launch(b, kernel, op, begin, out);
    return b->status ? no_value : out;
}

static corbel_value emit_standard(struct build *b, const corbel_op *theirs)
{
    struct program_attr attrs[ATTR_COUNT + 1];
    struct program_op op = {.n_in = theirs->n_in, .n_attrs = theirs->n_attrs, .attrs = attrs};
    int kind = program_op_from_name(theirs->name);
    uint32_t out[PROGRAM_MAX_OUTPUTS] = {0};
    uint32_t begin = b->program->n_ops;
    corbel_error err;

    if (kind < 0 || op_is_fused[kind] || kind == OP_CUSTOM) {
        build_fail(b, CORBEL_E_PROGRAM,
                   "operation %s: this runtime, Corbel %s with plugin ABI %d.%d, does not have it",
                   theirs->name, CORBEL_VERSION, CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR);
        return no_value;
    }
    op.kind = (enum program_op_kind)kind;
    op.module = text_cstr(&b->module);
    if (!read_inputs(b, theirs, op.in) || !read_attrs(b, theirs, attrs))
        return no_value;
    if (kind == OP_ATTENTION && !assign_cache(b, &op, attrs))
        return no_value;
    if (!program_ok(b, program_emit(b->program, &op, out, &err), &err))
        return no_value;
    build_launch_override(b, theirs, begin, (corbel_value){out[0]});
    return (corbel_value){out[0]};
}

corbel_value build_emit(corbel_build *base, const corbel_op *theirs)
{
    struct build *b = build_of(base);
    corbel_op op;

    if (!build_in_forward(b, "an operation"))
        return no_value;
    if (!theirs || !abi_copy(&op, sizeof op, ABI_1_0_OP, theirs) || op.reserved) {
        build_fail(b, CORBEL_E_ABI, "a corbel_op of an impossible size, or of a later ABI");
        return no_value;
    }
    if (!build_check_name(b, "an operation", op.name))
        return no_value;
    if (strncmp(op.name, "custom:", strlen("custom:")) == 0)
        return emit_custom(b, &op);
    return emit_standard(b, &op);
}

void build_output(corbel_build *base, const char *name, int64_t index, corbel_value v)
{
    struct build *b = build_of(base);
    struct text full = {0};
    corbel_error err;

    if (!build_in_forward(b, "an output") || !build_check_name(b, "an output", name))
        return;
    text_append(&full, name);
    if (index >= 0)
        text_format(&full, ".%lld", (long long)index);
    if (v.id == 0 || v.id > b->program->n_values)
        build_fail(b, CORBEL_E_PROGRAM, "output %s is value %u, which there is not",
                   text_cstr(&full), v.id);
    else if (full.failed)
        build_fail(b, CORBEL_E_MEMORY, "out of memory");
    else if (b->options->hidden_states || strncmp(full.data, "hidden_states.", 14) != 0)
        program_ok(b, program_add_output(b->program, full.data, v.id, &err), &err);
    text_finish(&full);
}

int64_t build_option(corbel_build *base, const char *name, int64_t fallback)
{
    struct build *b = build_of(base);

    if (!build_in_forward(b, "an option") || !build_check_name(b, "an option", name))
        return fallback;
    for (uint32_t i = 0; i < b->options->n_options; i++)
        if (strcmp(b->options->options[i].name, name) == 0)
            return b->options->options[i].value;
    return fallback;
}
