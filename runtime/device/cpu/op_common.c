/* device/cpu/op_common.c: which family prepares an operation, and what the families share. */
#include "base/dtype.h"
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <string.h>

const struct program_value *cpu_value(const struct cpu_context *c, uint32_t id)
{
    return &c->program->values[id];
}

int32_t cpu_dtype(const struct cpu_context *c, uint32_t id)
{
    return c->dtypes ? c->dtypes[id] : c->program->values[id].dtype;
}

corbel_status cpu_operand_f32(struct cpu_context *c, uint32_t id, const float **out,
                              corbel_error *err)
{
    const int32_t dtype = id ? cpu_dtype(c, id) : CORBEL_F32;
    size_t count;
    float *copy;

    *out = id ? c->values[id] : NULL;
    /* A mapped float32 may be unaligned; kernels read activations as aligned floats. */
    if (id == 0 || (dtype == CORBEL_F32 && (uintptr_t)*out % sizeof(float) == 0))
        return CORBEL_OK;
    count = (size_t)value_count(cpu_value(c, id));
    copy = arena_array(c->arena, count, sizeof(*copy));
    if (!copy)
        return error_memory(err, count * sizeof(*copy), "an operand");
    if (!dtype_convert(CORBEL_F32, copy, dtype, c->values[id], count))
        return error_set(err, CORBEL_E_UNSUPPORTED, "cpu: an operand of %s", dtype_name(dtype));
    *out = copy;
    return CORBEL_OK;
}

void *cpu_params(struct cpu_context *c, struct cpu_op *op, cpu_run run, size_t size,
                 corbel_error *err)
{
    void *params = arena_alloc(c->arena, size);

    op->run = run;
    op->params = params;
    if (!params)
        error_memory(err, size, "an operation");
    return params;
}

void cpu_need(struct cpu_context *c, size_t shared, size_t local)
{
    if (shared > c->shared)
        c->shared = shared;
    if (local > c->local)
        c->local = local;
}

uint32_t cpu_axis(const struct program_op *op, const struct program_value *v, int64_t fallback)
{
    const int64_t axis = program_op_int(op, ATTR_AXIS, fallback);

    return (uint32_t)(axis < 0 ? axis + v->rank : axis);
}

static corbel_status prepare_custom(struct cpu_context *c, const struct program_op *op,
                                    struct cpu_op *out, corbel_error *err)
{
    (void)c;
    (void)out;
    return error_set(err, CORBEL_E_UNSUPPORTED,
                     "cpu: %s: the plugin's kernel %s runs on GPUs only (its decomposition is "
                     "traced for the CPU)",
                     op->module ? op->module : "", op->custom ? op->custom : "");
}

static const cpu_prepare families[OP_COUNT] = {
    [OP_EMBEDDING] = cpu_prepare_layout,
    [OP_RESHAPE] = cpu_prepare_layout,
    [OP_PERMUTE] = cpu_prepare_layout,
    [OP_SLICE] = cpu_prepare_layout,
    [OP_CONCAT] = cpu_prepare_layout,
    [OP_GATHER] = cpu_prepare_layout,
    [OP_EXPAND] = cpu_prepare_layout,
    [OP_CAST] = cpu_prepare_layout,
    [OP_ASSIGN] = cpu_prepare_layout,
    [OP_LINEAR] = cpu_prepare_linear,
    [OP_LINEAR_FUSED] = cpu_prepare_linear,
    [OP_LINEAR_GATED] = cpu_prepare_linear,
    [OP_LINEAR_MULTI] = cpu_prepare_linear,
    [OP_MATMUL] = cpu_prepare_matmul,
    [OP_ADD] = cpu_prepare_elementwise,
    [OP_SUB] = cpu_prepare_elementwise,
    [OP_MUL] = cpu_prepare_elementwise,
    [OP_DIV] = cpu_prepare_elementwise,
    [OP_MAXIMUM] = cpu_prepare_elementwise,
    [OP_MINIMUM] = cpu_prepare_elementwise,
    [OP_AFFINE] = cpu_prepare_elementwise,
    [OP_NOT_EQUAL] = cpu_prepare_elementwise,
    [OP_ACTIVATION] = cpu_prepare_elementwise,
    [OP_RMS_NORM] = cpu_prepare_norm,
    [OP_LAYER_NORM] = cpu_prepare_norm,
    [OP_SOFTMAX] = cpu_prepare_norm,
    [OP_ADD_RMS_NORM] = cpu_prepare_norm,
    [OP_ADD_LAYER_NORM] = cpu_prepare_norm,
    [OP_REDUCE_SUM] = cpu_prepare_reduce,
    [OP_REDUCE_MEAN] = cpu_prepare_reduce,
    [OP_REDUCE_MAX] = cpu_prepare_reduce,
    [OP_ARGMAX] = cpu_prepare_reduce,
    [OP_LINEAR_SCAN] = cpu_prepare_scan,
    [OP_ROPE_TABLE] = cpu_prepare_rope,
    [OP_ROPE] = cpu_prepare_rope,
    [OP_ATTENTION] = cpu_prepare_attention,
    [OP_ATTENTION_ROPE] = cpu_prepare_attention,
    [OP_CONV] = cpu_prepare_conv,
    [OP_BATCH_NORM] = cpu_prepare_image,
    [OP_MAX_POOL] = cpu_prepare_image,
    [OP_AVG_POOL] = cpu_prepare_image,
    [OP_INTERPOLATE] = cpu_prepare_image,
    [OP_CUSTOM] = prepare_custom,
};

corbel_status cpu_op_prepare(struct cpu_context *c, const struct program_op *op, struct cpu_op *out,
                             corbel_error *err)
{
    if ((unsigned)op->kind >= OP_COUNT || !families[op->kind])
        return error_set(err, CORBEL_E_INTERNAL, "cpu: operation %d", (int)op->kind);
    return families[op->kind](c, op, out, err);
}
