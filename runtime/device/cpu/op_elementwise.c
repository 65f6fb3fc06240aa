/* device/cpu/op_elementwise.c: prepares functions of one argument and broadcast arithmetic. */
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <string.h>

/* ---- functions of one argument --------------------------------------------------------------- */

struct not_equal_params {
    const int32_t *x;
    int32_t *y;
    int64_t n;
    int32_t value;
};

static void run_not_equal(const void *params, struct cpu_worker *w)
{
    const struct not_equal_params *p = params;
    int64_t from, to;

    cpu_share(w, p->n, 1024, &from, &to);
    for (int64_t i = from; i < to; i++)
        p->y[i] = p->x[i] != p->value;
}

static corbel_status prepare_not_equal(struct cpu_context *c, const struct program_op *op,
                                       struct cpu_op *out, corbel_error *err)
{
    struct not_equal_params *p = cpu_params(c, out, run_not_equal, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    p->x = c->values[op->in[0]];
    p->y = c->values[op->out[0]];
    p->n = value_count(cpu_value(c, op->in[0]));
    p->value = (int32_t)program_op_int(op, ATTR_VALUE, 0);
    return CORBEL_OK;
}

static corbel_status prepare_map(struct cpu_context *c, const struct program_op *op,
                                 struct cpu_op *out, corbel_error *err)
{
    const cpu_run run = op->kind == OP_AFFINE ? c->kernels->affine : c->kernels->map;
    struct map_params *p = cpu_params(c, out, run, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    p->y = c->values[op->out[0]];
    p->n = value_count(cpu_value(c, op->in[0]));
    p->function = (enum program_function)program_op_int(op, ATTR_FUNCTION, FUNCTION_NONE);
    p->scale = (float)program_op_float(op, ATTR_SCALE, 1.0);
    p->shift = (float)program_op_float(op, ATTR_SHIFT, 0.0);
    return cpu_operand_f32(c, op->in[0], &p->x, err);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* Strides of v along the axes of the result; 0 where it repeats. */
static void broadcast_strides(const struct program_value *v, uint32_t rank, int64_t stride[8])
{
    int64_t n = 1;

    for (uint32_t i = 0; i < rank; i++) {
        const int64_t size = i < v->rank ? v->shape[v->rank - 1 - i] : 1;
        stride[rank - 1 - i] = size == 1 ? 0 : n;
        n *= size;
    }
}

/* Joins neighbouring axes along which both operands go on alike. */
static void join_axes(struct binary_params *p)
{
    uint32_t rank = 0;

    for (uint32_t i = 0; i < p->rank; i++) {
        if (p->shape[i] == 1)
            continue;
        if (rank > 0 && p->a_stride[rank - 1] == p->shape[i] * p->a_stride[i] &&
            p->b_stride[rank - 1] == p->shape[i] * p->b_stride[i]) {
            p->shape[rank - 1] *= p->shape[i];
            p->a_stride[rank - 1] = p->a_stride[i];
            p->b_stride[rank - 1] = p->b_stride[i];
            continue;
        }
        p->shape[rank] = p->shape[i];
        p->a_stride[rank] = p->a_stride[i];
        p->b_stride[rank] = p->b_stride[i];
        rank++;
    }
    if (rank == 0) {
        p->shape[0] = 1;
        p->a_stride[0] = p->b_stride[0] = 0;
        rank = 1;
    }
    p->rank = rank;
}

static corbel_status prepare_binary(struct cpu_context *c, const struct program_op *op,
                                    struct cpu_op *out, corbel_error *err)
{
    const struct program_value *y = cpu_value(c, op->out[0]);
    struct binary_params *p = cpu_params(c, out, c->kernels->binary, sizeof(*p), err);
    const float *a, *b;
    corbel_status status;

    if (!p)
        return CORBEL_E_MEMORY;
    p->kind = op->kind;
    p->integer = cpu_dtype(c, op->out[0]) == CORBEL_I32;
    p->y = c->values[op->out[0]];
    p->rank = y->rank;
    memcpy(p->shape, y->shape, sizeof p->shape);
    broadcast_strides(cpu_value(c, op->in[0]), y->rank, p->a_stride);
    broadcast_strides(cpu_value(c, op->in[1]), y->rank, p->b_stride);
    join_axes(p);
    p->a = c->values[op->in[0]];
    p->b = c->values[op->in[1]];
    if (p->integer)
        return CORBEL_OK;
    status = cpu_operand_f32(c, op->in[0], &a, err);
    if (status == CORBEL_OK)
        status = cpu_operand_f32(c, op->in[1], &b, err);
    if (status != CORBEL_OK)
        return status;
    p->a = a;
    p->b = b;
    return CORBEL_OK;
}

corbel_status cpu_prepare_elementwise(struct cpu_context *c, const struct program_op *op,
                                      struct cpu_op *out, corbel_error *err)
{
    switch (op->kind) {
    case OP_NOT_EQUAL: return prepare_not_equal(c, op, out, err);
    case OP_AFFINE:
    case OP_ACTIVATION: return prepare_map(c, op, out, err);
    default: return prepare_binary(c, op, out, err);
    }
}
