/* device/vulkan/ops.c: which recorder an operation has. */
#include "device/vulkan/call.h"

static void (*const recorders[OP_COUNT])(struct recorder *, const struct program_op *) = {
    [OP_EMBEDDING] = record_embedding,
    [OP_RESHAPE] = record_copy,
    [OP_PERMUTE] = record_copy,
    [OP_SLICE] = record_copy,
    [OP_CONCAT] = record_copy,
    [OP_EXPAND] = record_copy,
    [OP_CAST] = record_unary,
    [OP_GATHER] = record_gather,
    [OP_LINEAR] = record_linear,
    [OP_MATMUL] = record_matmul,
    [OP_ADD] = record_binary,
    [OP_SUB] = record_binary,
    [OP_MUL] = record_binary,
    [OP_DIV] = record_binary,
    [OP_MAXIMUM] = record_binary,
    [OP_MINIMUM] = record_binary,
    [OP_AFFINE] = record_unary,
    [OP_ACTIVATION] = record_unary,
    [OP_RMS_NORM] = record_norm,
    [OP_LAYER_NORM] = record_norm,
    [OP_SOFTMAX] = record_softmax,
    [OP_REDUCE_SUM] = record_reduce,
    [OP_REDUCE_MEAN] = record_reduce,
    [OP_REDUCE_MAX] = record_reduce,
    [OP_ARGMAX] = record_reduce,
    [OP_LINEAR_SCAN] = record_linear_scan,
    [OP_ROPE] = record_rope,
    [OP_ATTENTION] = record_attention,
    [OP_CONV] = record_conv,
    [OP_BATCH_NORM] = record_batch_norm,
    [OP_MAX_POOL] = record_pool,
    [OP_AVG_POOL] = record_pool,
    [OP_INTERPOLATE] = record_interpolate,
    [OP_ASSIGN] = record_assign,
    [OP_CUSTOM] = record_custom,
    [OP_ADD_RMS_NORM] = record_norm,
    [OP_ADD_LAYER_NORM] = record_norm,
    [OP_LINEAR_FUSED] = record_linear,
    [OP_LINEAR_GATED] = record_linear_gated,
    [OP_LINEAR_MULTI] = record_linear_multi,
    [OP_ATTENTION_ROPE] = record_attention,
};

/* Integers are the host's: a device only moves them, looks things up by them, and finds the
 * greatest of floats. */
static bool computes_integers(const struct recorder *r, const struct program_op *op)
{
    switch (op->kind) {
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_MAXIMUM:
    case OP_MINIMUM:
    case OP_REDUCE_SUM:
    case OP_REDUCE_MAX: return result_value(r, op, 0)->dtype == CORBEL_I32;
    case OP_ARGMAX: return input_value(r, op, 0)->dtype == CORBEL_I32;
    case OP_CAST:
        return result_value(r, op, 0)->dtype == CORBEL_I32 ||
               input_value(r, op, 0)->dtype == CORBEL_I32;
    default: return false;
    }
}

void record_op(struct recorder *r, const struct program_op *op)
{
    const char *name = program_op_name(op->kind), *module = op->module ? op->module : "";
    if (!recorders[op->kind])
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "%s: %s at %s: Vulkan has no shader for it here",
                      r->device->base.name, name, module);
    else if (computes_integers(r, op))
        recorder_fail(r, CORBEL_E_UNSUPPORTED,
                      "%s: %s at %s: integers that depend on computed values have no shader",
                      r->device->base.name, name, module);
    else
        recorders[op->kind](r, op);
}
