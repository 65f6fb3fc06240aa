/* device/vulkan/ops_layout.c: operations that only move elements. */
#include "device/vulkan/call.h"

#define GROUP 64 /* invocations of flat kernels */

/* A walk over a shape: where each index lies in x and in y, in elements. */
struct walk {
    uint32_t rank;
    int64_t shape[PROGRAM_MAX_RANK], x_stride[PROGRAM_MAX_RANK], y_stride[PROGRAM_MAX_RANK];
    int64_t x_first, y_first;
};

static void contiguous_strides(uint32_t rank, const int64_t *shape, int64_t *stride)
{
    int64_t size = 1;
    for (uint32_t i = rank; i-- > 0;) {
        stride[i] = size;
        size *= shape[i];
    }
}

static void add_axis(struct walk *w, int64_t size, int64_t x_stride, int64_t y_stride)
{
    const uint32_t last = w->rank - 1;
    if (size == 1)
        return;
    /* Joined to the axis before if one walk serves both. */
    if (w->rank > 0 && w->x_stride[last] == x_stride * size &&
        w->y_stride[last] == y_stride * size) {
        w->shape[last] *= size;
        w->x_stride[last] = x_stride;
        w->y_stride[last] = y_stride;
        return;
    }
    w->shape[w->rank] = size;
    w->x_stride[w->rank] = x_stride;
    w->y_stride[w->rank++] = y_stride;
}

static void call_walk(struct recorder *r, const struct walk *w, struct operand x, struct operand y)
{
    const int64_t *const arrays[] = {w->shape, w->x_stride, w->y_stride};
    int64_t n = 1;
    for (uint32_t i = 0; i < w->rank; i++)
        n *= w->shape[i];
    call_begin(r, KERNEL_COPY);
    call_read(r, x);
    call_write(r, y);
    call_uint(r, (uint64_t)n);
    call_uint(r, w->rank);
    call_uint(r, (uint64_t)w->x_first);
    call_uint(r, (uint64_t)w->y_first);
    for (int a = 0; a < 3; a++)
        for (uint32_t i = 0; i < PROGRAM_MAX_RANK; i++)
            call_uint(r, i < w->rank ? (uint64_t)arrays[a][i] : 1);
    call_work(r, (double)n);
    call_end_flat(r, GROUP, (uint64_t)n);
}

static void walk_contiguous(struct recorder *r, int64_t n, struct operand x, struct operand y)
{
    struct walk w = {0};
    add_axis(&w, n, 1, 1);
    call_walk(r, &w, x, y);
}

static void concat(struct recorder *r, const struct program_op *op)
{
    const struct program_value *y = result_value(r, op, 0);
    const int64_t axis = program_op_int(op, ATTR_AXIS, 0);
    int64_t y_stride[PROGRAM_MAX_RANK], first = 0;
    contiguous_strides(y->rank, y->shape, y_stride);
    for (uint32_t slot = 0; slot < op->n_in; slot++) {
        const struct program_value *x = input_value(r, op, slot);
        int64_t x_stride[PROGRAM_MAX_RANK];
        struct walk w = {.y_first = first * y_stride[axis]};
        contiguous_strides(x->rank, x->shape, x_stride);
        for (uint32_t i = 0; i < x->rank; i++)
            add_axis(&w, x->shape[i], x_stride[i], y_stride[i]);
        call_walk(r, &w, input(r, op, slot), result(r, op, 0));
        first += x->shape[axis];
    }
}

/* Fills in, for each axis of the result, how far a step along it goes in x. */
static void source_strides(const struct recorder *r, const struct program_op *op, int64_t *source,
                           int64_t *first)
{
    const struct program_value *x = input_value(r, op, 0), *y = result_value(r, op, 0);
    const uint32_t lead = y->rank - x->rank; /* expand may add axes in front */
    int64_t stride[PROGRAM_MAX_RANK] = {0};
    contiguous_strides(x->rank, x->shape, stride);
    *first = 0;
    for (uint32_t i = 0; i < y->rank; i++) {
        if (op->kind == OP_PERMUTE)
            source[i] = stride[program_op_int(op, (enum program_attr_key)(ATTR_D0 + i), i)];
        else if (op->kind == OP_EXPAND)
            source[i] = i < lead || x->shape[i - lead] == 1 ? 0 : stride[i - lead];
        else
            source[i] = stride[i];
    }
    if (op->kind == OP_SLICE) {
        const int64_t axis = program_op_int(op, ATTR_AXIS, 0);
        *first = program_op_int(op, ATTR_START, 0) * stride[axis];
        source[axis] *= program_op_int(op, ATTR_STEP, 1);
    }
}

void record_copy(struct recorder *r, const struct program_op *op)
{
    const struct program_value *y = result_value(r, op, 0);
    int64_t source[PROGRAM_MAX_RANK], stride[PROGRAM_MAX_RANK];
    struct walk w = {0};
    if (op->kind == OP_CONCAT) {
        concat(r, op);
        return;
    }
    if (op->kind == OP_RESHAPE) {
        walk_contiguous(r, value_count(y), input(r, op, 0), result(r, op, 0));
        return;
    }
    source_strides(r, op, source, &w.x_first);
    contiguous_strides(y->rank, y->shape, stride);
    for (uint32_t i = 0; i < y->rank; i++)
        add_axis(&w, y->shape[i], source[i], stride[i]);
    call_walk(r, &w, input(r, op, 0), result(r, op, 0));
}

void record_assign(struct recorder *r, const struct program_op *op)
{
    walk_contiguous(r, value_count(input_value(r, op, 0)), input(r, op, 1), input(r, op, 0));
}

static uint64_t product(const struct program_value *v, uint32_t from, uint32_t to)
{
    uint64_t n = 1;
    for (uint32_t i = from; i < to; i++)
        n *= (uint64_t)v->shape[i];
    return n;
}

void record_gather(struct recorder *r, const struct program_op *op)
{
    const struct program_value *x = input_value(r, op, 0), *index = input_value(r, op, 1);
    const uint32_t axis = (uint32_t)program_op_int(op, ATTR_AXIS, 0);
    const uint32_t batch_dims = (uint32_t)program_op_int(op, ATTR_BATCH_DIMS, 0);
    const uint64_t n = (uint64_t)value_count(result_value(r, op, 0));
    call_begin(r, KERNEL_GATHER);
    call_read(r, input(r, op, 0));
    call_read(r, input(r, op, 1));
    call_write(r, result(r, op, 0));
    call_uint(r, n);
    call_uint(r, product(x, batch_dims, axis));
    call_uint(r, (uint64_t)x->shape[axis]);
    call_uint(r, product(x, axis + 1, x->rank));
    call_uint(r, product(index, batch_dims, index->rank));
    call_work(r, (double)n);
    call_end_flat(r, GROUP, n);
}

void record_embedding(struct recorder *r, const struct program_op *op)
{
    const struct program_value *weight = input_value(r, op, 0);
    const struct operand w = input(r, op, 0);
    const uint64_t rows = (uint64_t)weight->shape[0], cols = (uint64_t)weight->shape[1];
    const uint64_t n = (uint64_t)value_count(result_value(r, op, 0));
    const uint64_t fit = operand_rows_that_fit(r, w, cols);
    for (uint64_t first = 0; first < rows; first += fit) {
        const uint64_t here = rows - first < fit ? rows - first : fit;
        call_begin(r, KERNEL_EMBEDDING);
        call_spec(r, (uint32_t)w.dtype);
        call_read(r, operand_part(w, first * cols, here * cols));
        call_read(r, input(r, op, 1));
        call_write(r, result(r, op, 0));
        call_uint(r, n);
        call_uint(r, cols);
        call_uint(r, first);
        call_uint(r, here);
        call_uint(r, rows);
        call_work(r, (double)n);
        call_end_flat(r, GROUP, n);
    }
}
