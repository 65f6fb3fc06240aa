/* device/cpu/op_linear.c: prepares products: linear in its forms, matmul, convolution. */
#include "base/dtype.h"
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <string.h>

enum {
    TOKEN_GRAIN = 32,
    MOST_TOKENS = 512,            /* packed at a time */
    PACK_SIZE = 12 << 20,         /* bytes that packed activations may take, if one grain fits */
    ROWS_OF_ITEM = 192,           /* of weights; their sums and panel fit the second-level cache */
    K_STEP = 512,                 /* k of a panel of weights, at most (kernels/gemm*.c) */
    PANEL_ELEMENT = 6,            /* bytes: a float, or three bfloat16 terms */
    C_PAD = 16,                   /* kernels/linear.c */
    GEMV_LOCAL = 2 * 8 * 4096 * 4 /* kernels/gemv.c: sums of 8 tokens, two weights */
};

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static size_t local_size(const struct linear_params *p)
{
    const int64_t rows = p->n_block + 16, sums = rows * (p->m_block + C_PAD);
    const int64_t panel = round_up(rows, TOKEN_GRAIN) * K_STEP;
    const size_t gemm = (size_t)(sums * (p->gated ? 2 : 1) * 4 + panel * PANEL_ELEMENT);

    return gemm > GEMV_LOCAL ? gemm : GEMV_LOCAL;
}

/* Divides the rows so that every worker gets about the same: a multiple of the kernels' grain. */
static int64_t choose_rows(const struct cpu_context *c, const struct linear_params *p)
{
    const int64_t grain = c->kernels->row_grain, threads = c->threads;
    const int64_t most = p->gated ? ROWS_OF_ITEM / 2 : ROWS_OF_ITEM;
    int64_t total = 0, rounds;

    for (uint32_t i = 0; i < (p->gated ? 1 : p->n_weights); i++)
        total += p->weight[i].rows;
    rounds = (total + most * threads - 1) / (most * threads);
    total = (total + rounds * threads - 1) / (rounds * threads);
    return round_up(total, grain) > most ? most / grain * grain : round_up(total, grain);
}

/* What is derived from x, weights and form. */
static void settle(struct cpu_context *c, struct linear_params *p)
{
    const int64_t token_size = round_up(p->k, 32) * PANEL_ELEMENT;
    int64_t tokens = PACK_SIZE / token_size / TOKEN_GRAIN * TOKEN_GRAIN;

    tokens = tokens < TOKEN_GRAIN ? TOKEN_GRAIN : tokens > MOST_TOKENS ? MOST_TOKENS : tokens;
    if (tokens > round_up(p->m, TOKEN_GRAIN))
        tokens = round_up(p->m, TOKEN_GRAIN);
    p->m_block = tokens;
    p->n_block = choose_rows(c, p);
    p->x_terms = 3;
    if (c->precision == PRECISION_REDUCED && p->weight[0].dtype == CORBEL_BF16)
        p->x_terms = 1;
    cpu_need(c, (size_t)(tokens * token_size), local_size(p));
}

/* ---- linear ---------------------------------------------------------------------------------- */

/* Weight [N,K], or [K,N] if transposed. */
static corbel_status bind_weight(struct cpu_context *c, struct cpu_weight *w, uint32_t id,
                                 uint32_t bias, bool transposed, corbel_error *err)
{
    const struct program_value *v = cpu_value(c, id);

    w->data = c->values[id];
    w->dtype = cpu_dtype(c, id);
    w->rows = v->shape[transposed ? 1 : 0];
    w->cols = v->shape[transposed ? 0 : 1];
    w->row_stride = transposed ? 1 : w->cols;
    w->col_stride = transposed ? w->rows : 1;
    return cpu_operand_f32(c, bias, &w->bias, err);
}

/* Where an operation has its weights, biases and the rest. */
struct slots {
    uint32_t n_weights, weight[LINEAR_MAX_PARTS], bias[LINEAR_MAX_PARTS], residual;
};

static struct slots find_slots(const struct program_op *op)
{
    switch (op->kind) {
    case OP_LINEAR_GATED:
        return (struct slots){2, {op->in[1], op->in[2]}, {op->in[3], op->in[4]}, 0};
    case OP_LINEAR_MULTI:
        return (struct slots){op->in[3] ? 3 : 2,
                              {op->in[1], op->in[2], op->in[3]},
                              {op->in[4], op->in[5], op->in[6]},
                              0};
    case OP_LINEAR_FUSED: return (struct slots){1, {op->in[1]}, {op->in[2]}, op->in[3]};
    default: return (struct slots){1, {op->in[1]}, {op->n_in > 2 ? op->in[2] : 0}, 0};
    }
}

corbel_status cpu_prepare_linear(struct cpu_context *c, const struct program_op *op,
                                 struct cpu_op *out, corbel_error *err)
{
    const struct slots s = find_slots(op);
    const struct program_value *x = cpu_value(c, op->in[0]);
    const bool transposed = program_op_int(op, ATTR_TRANSPOSED, 0);
    struct linear_params *p = cpu_params(c, out, c->kernels->linear, sizeof(*p), err);
    corbel_status status = CORBEL_OK;

    if (!p)
        return CORBEL_E_MEMORY;
    p->k = p->x_stride = x->shape[x->rank - 1];
    p->m = value_count(x) / p->k;
    p->n_weights = s.n_weights;
    p->gated = op->kind == OP_LINEAR_GATED;
    p->function = (enum program_function)program_op_int(op, ATTR_FUNCTION, FUNCTION_NONE);
    for (uint32_t i = 0; i < s.n_weights && status == CORBEL_OK; i++)
        status = bind_weight(c, &p->weight[i], s.weight[i], s.bias[i], transposed, err);
    for (uint32_t i = 0; i < op->n_out; i++)
        p->y[i] = c->values[op->out[i]];
    if (status == CORBEL_OK)
        status = cpu_operand_f32(c, op->in[0], &p->x, err);
    if (status == CORBEL_OK)
        status = cpu_operand_f32(c, s.residual, &p->residual, err);
    settle(c, p);
    return status;
}

/* ---- matmul ---------------------------------------------------------------------------------- */

/* The offset of batch i of a value whose leading axes broadcast to those of the result. */
static int64_t batch_at(const struct program_value *v, const struct program_value *result,
                        int64_t i)
{
    int64_t at = 0, stride = v->shape[v->rank - 1] * v->shape[v->rank - 2];

    for (uint32_t axis = 2; axis < result->rank; axis++) {
        const int64_t size = result->shape[result->rank - 1 - axis];
        const int64_t own = axis < v->rank ? v->shape[v->rank - 1 - axis] : 1;
        if (own > 1)
            at += i % size * stride;
        stride *= own;
        i /= size;
    }
    return at;
}

corbel_status cpu_prepare_matmul(struct cpu_context *c, const struct program_op *op,
                                 struct cpu_op *out, corbel_error *err)
{
    const struct program_value *a = cpu_value(c, op->in[0]), *b = cpu_value(c, op->in[1]);
    const struct program_value *y = cpu_value(c, op->out[0]);
    const bool transpose_b = program_op_int(op, ATTR_TRANSPOSE_B, 0);
    struct batch_params *p = cpu_params(c, out, c->kernels->batch, sizeof(*p), err);
    struct cpu_weight *w;
    struct batch_offset *offset;

    if (!p)
        return CORBEL_E_MEMORY;
    w = &p->linear.weight[0];
    p->linear.k = p->linear.x_stride = a->shape[a->rank - 1];
    p->linear.m = a->shape[a->rank - 2];
    p->linear.n_weights = 1;
    w->data = c->values[op->in[1]];
    w->dtype = cpu_dtype(c, op->in[1]);
    w->rows = y->shape[y->rank - 1];
    w->cols = p->linear.k;
    w->row_stride = transpose_b ? w->cols : 1;
    w->col_stride = transpose_b ? 1 : w->rows;
    p->linear.y[0] = c->values[op->out[0]];
    p->n = value_count(y) / (p->linear.m * w->rows);
    p->offset = offset = arena_array(c->arena, (size_t)p->n, sizeof(*offset));
    if (!offset)
        return error_memory(err, (size_t)p->n * sizeof(*offset), "a batch of products");
    for (int64_t i = 0; i < p->n; i++)
        offset[i] = (struct batch_offset){
            .x = batch_at(a, y, i), .w = batch_at(b, y, i), .y = i * p->linear.m * w->rows};
    (void)b;
    settle(c, &p->linear);
    return cpu_operand_f32(c, op->in[0], &p->linear.x, err);
}

/* ---- convolution ----------------------------------------------------------------------------- */

static struct cpu_patches find_patches(const struct program_op *op, const struct program_value *x,
                                       const struct program_value *w, const struct program_value *y)
{
    const uint32_t last = x->rank - 1;
    const bool image = x->rank == 4;

    return (struct cpu_patches){
        .channels = w->shape[1],
        .height = image ? x->shape[2] : 1,
        .width = x->shape[last],
        .kernel_h = image ? w->shape[2] : 1,
        .kernel_w = w->shape[last],
        .stride_h = program_op_int(op, ATTR_STRIDE_H, 1),
        .stride_w = program_op_int(op, ATTR_STRIDE_W, 1),
        .pad_h = program_op_int(op, ATTR_PAD_H, 0),
        .pad_w = program_op_int(op, ATTR_PAD_W, 0),
        .dilation_h = program_op_int(op, ATTR_DILATION_H, 1),
        .dilation_w = program_op_int(op, ATTR_DILATION_W, 1),
        .out_h = image ? y->shape[2] : 1,
        .out_w = y->shape[last],
    };
}

/* One product for each image and group: x and y are channels first. */
corbel_status cpu_prepare_conv(struct cpu_context *c, const struct program_op *op,
                               struct cpu_op *out, corbel_error *err)
{
    const struct program_value *x = cpu_value(c, op->in[0]), *w = cpu_value(c, op->in[1]);
    const struct program_value *y = cpu_value(c, op->out[0]);
    const int64_t groups = program_op_int(op, ATTR_GROUPS, 1), images = x->shape[0];
    const int64_t rows = w->shape[0] / groups;
    struct batch_params *p = cpu_params(c, out, c->kernels->batch, sizeof(*p), err);
    struct cpu_patches *patches = arena_alloc(c->arena, sizeof(*patches));
    struct batch_offset *offset = arena_array(c->arena, (size_t)(images * groups), sizeof(*offset));
    struct linear_params *l;
    int64_t image_size;
    corbel_status status;

    if (!p || !patches || !offset)
        return error_memory(err, (size_t)(images * groups) * sizeof(*offset), "a convolution");
    *patches = find_patches(op, x, w, y);
    l = &p->linear;
    l->patches = patches;
    l->channels_first = true;
    l->k = patches->channels * patches->kernel_h * patches->kernel_w;
    l->m = patches->out_h * patches->out_w;
    l->n_weights = 1;
    l->y[0] = c->values[op->out[0]];
    l->weight[0] = (struct cpu_weight){.data = c->values[op->in[1]],
                                       .dtype = cpu_dtype(c, op->in[1]),
                                       .rows = rows,
                                       .cols = l->k,
                                       .row_stride = l->k,
                                       .col_stride = 1};
    image_size = patches->height * patches->width * patches->channels;
    for (int64_t i = 0; i < images * groups; i++)
        offset[i] = (struct batch_offset){.x = i * image_size,
                                          .w = i % groups * rows * l->k,
                                          .bias = i % groups * rows,
                                          .y = i * rows * l->m};
    p->n = images * groups;
    p->offset = offset;
    settle(c, l);
    status = cpu_operand_f32(c, op->n_in > 2 ? op->in[2] : 0, &l->weight[0].bias, err);
    return status == CORBEL_OK ? cpu_operand_f32(c, op->in[0], &l->x, err) : status;
}
