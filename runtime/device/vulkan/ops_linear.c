/* device/vulkan/ops_linear.c: products of activations with weights, and of activations. */
#include "device/vulkan/call.h"

#include "base/dtype.h"

#define OUTS        4 /* columns an invocation does: linear.glsl */
#define GROUP       64
#define MOST_ROWS   8
#define K_LIMIT     200000 /* of linear_any and matmul: four a loop */
#define LOADS_LIMIT 50000  /* 16-byte loads of one invocation */

enum residual { RESIDUAL_NONE, RESIDUAL_ADD, RESIDUAL_MULTIPLY };

/* One product: y = f(x w + bias) {+, *} residual. */
struct linear {
    struct operand x, w, bias, residual, y;
    uint64_t rows, k, n;
    uint32_t function;
    enum residual how;
    bool transposed;
};

static uint32_t rows_a_call(uint64_t rows)
{
    return rows >= 8 ? MOST_ROWS : rows > 2 ? 4 : (uint32_t)rows;
}

/* Rows of 16 bytes' multiples at 16 bytes' multiples. */
static bool loads_wide(const struct linear *l)
{
    const uint64_t per_load = 16 / dtype_size(l->w.dtype);
    return !l->transposed && l->k % per_load == 0 && l->k % 4 == 0 && l->x.offset % 16 == 0 &&
           l->w.offset % 16 == 0;
}

static bool texel_fits(const struct recorder *r, const struct linear *l, uint64_t w_size)
{
    const uint64_t most = r->device->properties.limits.maxTexelBufferElements;
    return r->device->software && (l->x.size + 256) / 16 < most && (w_size + 256) / 16 < most;
}

/* Invocations that share a row of w. Lanes of a processor share nothing, so that they need not
 * wait; those of a graphics chip read next to each other. */
static uint32_t sharers(const struct recorder *r, uint64_t rows, uint64_t loads)
{
    uint32_t n = r->device->software ? 1 : rows >= MOST_ROWS ? 8 : 32;
    while (loads / n > LOADS_LIMIT && n < GROUP)
        n *= 2;
    return n;
}

static void begin_linear(struct recorder *r, const struct linear *l, enum vulkan_kernel kernel,
                         uint32_t share)
{
    call_begin(r, kernel);
    call_spec(r, (uint32_t)l->w.dtype);
    call_spec(r, rows_a_call(l->rows));
    if (kernel != KERNEL_LINEAR_ANY)
        call_spec(r, share);
    call_spec(r, l->function);
    call_spec(r, l->how);
    call_spec(r, (uint32_t)l->bias.dtype);
}

static void bind_linear(struct recorder *r, const struct linear *l, uint64_t first, uint64_t n)
{
    call_read(r, l->x);
    call_read(r, l->transposed ? l->w : operand_part(l->w, first * l->k, n * l->k));
    call_read(r, l->bias.dtype ? operand_part(l->bias, first, n) : l->bias);
    call_read(r, l->residual);
    call_write(r, l->y);
    call_uint(r, l->rows);
    call_uint(r, l->k);
    call_uint(r, n);
    call_uint(r, l->n);
    call_uint(r, first);
    call_work(r, (double)l->rows * (double)l->k * (double)n);
}

/* Columns [first, first + n) of the result: what one binding of w holds. */
static void call_piece(struct recorder *r, const struct linear *l, uint64_t first, uint64_t n)
{
    const uint32_t rows = rows_a_call(l->rows);
    const uint64_t row_groups = (l->rows + rows - 1) / rows;
    const uint64_t loads = l->k * dtype_size(l->w.dtype) / 16;
    if (loads_wide(l)) {
        const uint32_t share = sharers(r, l->rows, loads);
        const uint64_t columns = (uint64_t)GROUP / share * OUTS;
        const bool texel = texel_fits(r, l, n * l->k * dtype_size(l->w.dtype));
        if (loads / share > LOADS_LIMIT)
            recorder_fail(r, CORBEL_E_UNSUPPORTED, "a product over %llu elements",
                          (unsigned long long)l->k);
        begin_linear(r, l, texel ? KERNEL_LINEAR_TEXEL : KERNEL_LINEAR, share);
        bind_linear(r, l, first, n);
        call_end(r, GROUP, (n + columns - 1) / columns, row_groups, 1);
        return;
    }
    if (l->k > K_LIMIT)
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "a product over %llu elements",
                      (unsigned long long)l->k);
    begin_linear(r, l, KERNEL_LINEAR_ANY, 1);
    bind_linear(r, l, first, n);
    call_uint(r, l->transposed ? 1 : l->k);
    call_uint(r, l->transposed ? l->n : 1);
    call_end(r, GROUP, (n + GROUP - 1) / GROUP, row_groups, 1);
}

static void call_linear(struct recorder *r, const struct linear *l)
{
    const uint64_t fit = l->transposed ? l->n : operand_rows_that_fit(r, l->w, l->k);
    for (uint64_t first = 0; first < l->n; first += fit)
        call_piece(r, l, first, l->n - first < fit ? l->n - first : fit);
}

static struct linear linear_of(const struct recorder *r, const struct program_op *op,
                               uint32_t weight_slot, uint32_t bias_slot, uint32_t out)
{
    const struct program_value *x = input_value(r, op, 0), *w = input_value(r, op, weight_slot);
    const bool transposed = program_op_int(op, ATTR_TRANSPOSED, 0) != 0;
    const uint64_t k = (uint64_t)x->shape[x->rank - 1];
    return (struct linear){.x = input(r, op, 0),
                           .w = input(r, op, weight_slot),
                           .bias = input(r, op, bias_slot),
                           .y = result(r, op, out),
                           .rows = (uint64_t)value_count(x) / k,
                           .k = k,
                           .n = (uint64_t)w->shape[transposed ? 1 : 0],
                           .transposed = transposed};
}

void record_linear(struct recorder *r, const struct program_op *op)
{
    struct linear l = linear_of(r, op, 1, 2, 0);
    if (op->kind == OP_LINEAR_FUSED) {
        l.function = (uint32_t)program_op_int(op, ATTR_FUNCTION, 0);
        l.residual = input(r, op, 3);
        l.how = l.residual.buffer ? RESIDUAL_ADD : RESIDUAL_NONE;
    }
    call_linear(r, &l);
}

/* f(x gate) first; then x up, multiplied with it in place. */
void record_linear_gated(struct recorder *r, const struct program_op *op)
{
    struct linear gate = linear_of(r, op, 1, 3, 0), up = linear_of(r, op, 2, 4, 0);
    gate.function = (uint32_t)program_op_int(op, ATTR_FUNCTION, 0);
    up.residual = gate.y;
    up.how = RESIDUAL_MULTIPLY;
    call_linear(r, &gate);
    call_linear(r, &up);
}

void record_linear_multi(struct recorder *r, const struct program_op *op)
{
    for (uint32_t i = 0; i < op->n_out; i++) {
        const struct linear l = linear_of(r, op, 1 + i, 4 + i, i);
        call_linear(r, &l);
    }
}

/* ---- matmul ---------------------------------------------------------------------------------- */

#define BATCH_AXES 6

static void batch_strides(const struct program_value *v, uint32_t batch_rank, int64_t *stride)
{
    const uint32_t own = v->rank - 2, lead = batch_rank - own;
    int64_t size = v->shape[v->rank - 1] * v->shape[v->rank - 2];
    for (uint32_t i = batch_rank; i-- > 0;) {
        const int64_t n = i < lead ? 1 : v->shape[i - lead];
        stride[i] = n == 1 ? 0 : size;
        size *= n;
    }
}

void record_matmul(struct recorder *r, const struct program_op *op)
{
    const struct program_value *a = input_value(r, op, 0), *b = input_value(r, op, 1);
    const struct program_value *y = result_value(r, op, 0);
    const uint32_t rank = y->rank - 2;
    const uint64_t m = (uint64_t)y->shape[rank], n = (uint64_t)y->shape[rank + 1];
    const uint64_t k = (uint64_t)a->shape[a->rank - 1];
    const bool transposed = program_op_int(op, ATTR_TRANSPOSE_B, 0) != 0;
    const uint32_t rows = rows_a_call(m);
    int64_t stride[2][PROGRAM_MAX_RANK];
    uint64_t batches = 1;
    batch_strides(a, rank, stride[0]);
    batch_strides(b, rank, stride[1]);
    for (uint32_t i = 0; i < rank; i++)
        batches *= (uint64_t)y->shape[i];
    if (k > K_LIMIT)
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "a product over %llu elements",
                      (unsigned long long)k);
    call_begin(r, KERNEL_MATMUL);
    call_spec(r, (uint32_t)a->dtype);
    call_spec(r, (uint32_t)b->dtype);
    call_spec(r, rows);
    call_read(r, input(r, op, 0));
    call_read(r, input(r, op, 1));
    call_write(r, result(r, op, 0));
    call_uint(r, m);
    call_uint(r, k);
    call_uint(r, n);
    call_uint(r, transposed ? 1 : n);
    call_uint(r, transposed ? k : 1);
    call_uint(r, rank);
    for (uint32_t i = 0; i < BATCH_AXES; i++)
        call_uint(r, i < rank ? (uint64_t)y->shape[i] : 1);
    for (int which = 0; which < 2; which++)
        for (uint32_t i = 0; i < BATCH_AXES; i++)
            call_uint(r, i < rank ? (uint64_t)stride[which][i] : 0);
    call_work(r, (double)batches * (double)m * (double)n * (double)k);
    call_end(r, GROUP, (n + GROUP - 1) / GROUP, (m + rows - 1) / rows, batches);
}
