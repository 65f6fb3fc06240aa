/* device/cpu/op_norm.c: prepares norms and softmax; reductions, with their plain kernels. */
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <math.h>

corbel_status cpu_prepare_norm(struct cpu_context *c, const struct program_op *op,
                               struct cpu_op *out, corbel_error *err)
{
    const struct program_value *x = cpu_value(c, op->in[0]);
    const bool add = op->kind == OP_ADD_RMS_NORM || op->kind == OP_ADD_LAYER_NORM;
    const bool layer = op->kind == OP_LAYER_NORM || op->kind == OP_ADD_LAYER_NORM;
    const uint32_t weight = add ? 2 : 1, bias = weight + 1;
    const cpu_run run = op->kind == OP_SOFTMAX ? c->kernels->softmax
                        : layer                ? c->kernels->layer_norm
                                               : c->kernels->rms_norm;
    struct norm_params *p = cpu_params(c, out, run, sizeof(*p), err);
    corbel_status status;

    if (!p)
        return CORBEL_E_MEMORY;
    p->cols = x->shape[x->rank - 1];
    p->rows = value_count(x) / p->cols;
    p->eps = (float)program_op_float(op, ATTR_EPS, 0.0);
    p->weight_offset = (float)program_op_float(op, ATTR_WEIGHT_OFFSET, 0.0);
    p->sum = add ? c->values[op->out[0]] : NULL;
    p->y = c->values[op->out[add ? 1 : 0]];
    status = cpu_operand_f32(c, op->in[0], &p->x, err);
    if (status == CORBEL_OK && add)
        status = cpu_operand_f32(c, op->in[1], &p->add, err);
    if (status == CORBEL_OK && weight < op->n_in)
        status = cpu_operand_f32(c, op->in[weight], &p->weight, err);
    if (status == CORBEL_OK && layer && bias < op->n_in)
        status = cpu_operand_f32(c, op->in[bias], &p->bias, err);
    return status;
}

/* ---- reductions ------------------------------------------------------------------------------ */

/* x [outer, n, inner] -> y [outer, inner] */
struct reduce_params {
    const void *x;
    void *y;
    int64_t outer, n, inner;
    enum program_op_kind kind;
    bool integer;
};

/* Sums are double: a mean over an image's positions is one long chain. */
static float reduce_float(const struct reduce_params *p, const float *x)
{
    double sum = 0.0;
    float most = x[0];

    if (p->kind == OP_REDUCE_MAX) {
        for (int64_t i = 1; i < p->n; i++)
            if (x[i * p->inner] > most || isnan(x[i * p->inner]))
                most = x[i * p->inner];
        return most;
    }
    for (int64_t i = 0; i < p->n; i++)
        sum += (double)x[i * p->inner];
    return (float)(p->kind == OP_REDUCE_MEAN ? sum / (double)p->n : sum);
}

static int32_t reduce_int(const struct reduce_params *p, const int32_t *x)
{
    uint32_t sum = 0;
    int32_t most = x[0];

    for (int64_t i = 0; i < p->n; i++) {
        sum += (uint32_t)x[i * p->inner];
        most = x[i * p->inner] > most ? x[i * p->inner] : most;
    }
    return p->kind == OP_REDUCE_MAX ? most : (int32_t)sum;
}

/* The first of equals; a NaN is greater than all, as torch has it. */
static int32_t argmax_float(const float *x, int64_t n, int64_t stride)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n && !isnan(x[best * stride]); i++)
        if (x[i * stride] > x[best * stride] || isnan(x[i * stride]))
            best = i;
    return (int32_t)best;
}

static int32_t argmax_int(const int32_t *x, int64_t n, int64_t stride)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        if (x[i * stride] > x[best * stride])
            best = i;
    return (int32_t)best;
}

static void run_reduce(const void *params, struct cpu_worker *w)
{
    const struct reduce_params *p = params;
    const float *xf = p->x;
    const int32_t *xi = p->x;
    float *yf = p->y;
    int32_t *yi = p->y;
    int64_t from, to;

    cpu_share(w, p->outer * p->inner, 16, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const int64_t at = i / p->inner * p->n * p->inner + i % p->inner;
        if (p->kind == OP_ARGMAX)
            yi[i] = p->integer ? argmax_int(xi + at, p->n, p->inner)
                               : argmax_float(xf + at, p->n, p->inner);
        else if (p->integer)
            yi[i] = reduce_int(p, xi + at);
        else
            yf[i] = reduce_float(p, xf + at);
    }
}

corbel_status cpu_prepare_reduce(struct cpu_context *c, const struct program_op *op,
                                 struct cpu_op *out, corbel_error *err)
{
    const struct program_value *x = cpu_value(c, op->in[0]);
    const uint32_t axis = cpu_axis(op, x, -1);
    struct reduce_params *p = cpu_params(c, out, run_reduce, sizeof(*p), err);
    const float *xf;
    corbel_status status = CORBEL_OK;

    if (!p)
        return CORBEL_E_MEMORY;
    p->kind = op->kind;
    p->integer = cpu_dtype(c, op->in[0]) == CORBEL_I32;
    p->x = c->values[op->in[0]];
    if (!p->integer) {
        status = cpu_operand_f32(c, op->in[0], &xf, err);
        p->x = xf;
    }
    p->y = c->values[op->out[0]];
    p->n = x->shape[axis];
    p->outer = p->inner = 1;
    for (uint32_t i = 0; i < x->rank; i++)
        if (i < axis)
            p->outer *= x->shape[i];
        else if (i > axis)
            p->inner *= x->shape[i];
    return status;
}
