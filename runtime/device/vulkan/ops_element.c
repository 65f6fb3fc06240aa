/* device/vulkan/ops_element.c: element by element, norms, softmax and reductions. */
#include "device/vulkan/call.h"

#define GROUP         64 /* invocations of flat kernels */
#define ROW_GROUP     64 /* invocations that share a row */
#define LARGE_GROUP   256
#define LARGE_ROW     8192
#define SHARERS_LIMIT 60000 /* iterations of one invocation: lavapipe stops at 65,535 */

static uint32_t binary_operation(enum program_op_kind kind)
{
    switch (kind) {
    case OP_ADD: return 0;
    case OP_SUB: return 1;
    case OP_MUL: return 2;
    case OP_DIV: return 3;
    case OP_MAXIMUM: return 4;
    default: return 5;
    }
}

/* Axes of y, joined where a and b walk on evenly; strides in elements, 0 where broadcast. */
struct broadcast {
    uint32_t rank;
    int64_t shape[PROGRAM_MAX_RANK], stride[2][PROGRAM_MAX_RANK];
};

static void axis_strides(const struct program_value *v, const struct program_value *y,
                         int64_t *stride)
{
    const uint32_t lead = y->rank - v->rank;
    int64_t size = 1;
    for (uint32_t i = y->rank; i-- > 0;) {
        const int64_t own = i < lead ? 1 : v->shape[i - lead];
        stride[i] = own == 1 ? 0 : size;
        size *= own;
    }
}

static struct broadcast broadcast_of(const struct program_value *a, const struct program_value *b,
                                     const struct program_value *y)
{
    struct broadcast w = {0};
    int64_t stride[2][PROGRAM_MAX_RANK];
    axis_strides(a, y, stride[0]);
    axis_strides(b, y, stride[1]);
    for (uint32_t i = 0; i < y->rank; i++) {
        const uint32_t last = w.rank - 1;
        if (y->shape[i] == 1)
            continue;
        if (w.rank > 0 && w.stride[0][last] == stride[0][i] * y->shape[i] &&
            w.stride[1][last] == stride[1][i] * y->shape[i]) {
            w.shape[last] *= y->shape[i];
            w.stride[0][last] = stride[0][i];
            w.stride[1][last] = stride[1][i];
            continue;
        }
        w.shape[w.rank] = y->shape[i];
        w.stride[0][w.rank] = stride[0][i];
        w.stride[1][w.rank++] = stride[1][i];
    }
    return w;
}

void record_binary(struct recorder *r, const struct program_op *op)
{
    const struct program_value *y = result_value(r, op, 0);
    const struct broadcast w = broadcast_of(input_value(r, op, 0), input_value(r, op, 1), y);
    const int64_t *const arrays[] = {w.shape, w.stride[0], w.stride[1]};
    const uint64_t n = (uint64_t)value_count(y);
    call_begin(r, KERNEL_BINARY);
    call_spec(r, binary_operation(op->kind));
    call_read(r, input(r, op, 0));
    call_read(r, input(r, op, 1));
    call_write(r, result(r, op, 0));
    call_uint(r, n);
    call_uint(r, w.rank);
    for (int a = 0; a < 3; a++)
        for (uint32_t i = 0; i < PROGRAM_MAX_RANK; i++)
            call_uint(r, i < w.rank ? (uint64_t)arrays[a][i] : 1);
    call_work(r, (double)n);
    call_end_flat(r, GROUP, n);
}

void record_unary(struct recorder *r, const struct program_op *op)
{
    const bool affine = op->kind == OP_AFFINE;
    const uint64_t n = (uint64_t)value_count(result_value(r, op, 0));
    const struct operand x = input(r, op, 0);
    call_begin(r, KERNEL_UNARY);
    call_spec(r, op->kind == OP_ACTIVATION ? (uint32_t)program_op_int(op, ATTR_FUNCTION, 0) : 0);
    call_spec(r, (uint32_t)x.dtype);
    call_read(r, x);
    call_write(r, result(r, op, 0));
    call_uint(r, n);
    call_float(r, affine ? program_op_float(op, ATTR_SCALE, 1.0) : 1.0);
    call_float(r, affine ? program_op_float(op, ATTR_SHIFT, 0.0) : 0.0);
    call_work(r, (double)n);
    call_end_flat(r, GROUP, n);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static uint64_t row_size(const struct program_value *v)
{
    return v->rank ? (uint64_t)v->shape[v->rank - 1] : 1;
}

static void end_rows(struct recorder *r, uint64_t rows, uint64_t cols)
{
    const uint64_t x = rows < 32768 ? rows : 32768;
    const uint32_t group = cols > LARGE_ROW ? LARGE_GROUP : ROW_GROUP;
    if (cols / group > SHARERS_LIMIT / 3)
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "shader %s: rows of %llu elements", r->shader->name,
                      (unsigned long long)cols);
    call_work(r, (double)rows * (double)cols * 4);
    call_end(r, group, x, x ? (rows + x - 1) / x : 0, 1);
}

void record_norm(struct recorder *r, const struct program_op *op)
{
    const bool add = op->kind == OP_ADD_RMS_NORM || op->kind == OP_ADD_LAYER_NORM;
    const bool layer = op->kind == OP_LAYER_NORM || op->kind == OP_ADD_LAYER_NORM;
    const uint32_t weight_slot = add ? 2 : 1;
    const struct operand w = input(r, op, weight_slot);
    const struct operand bias = layer ? input(r, op, weight_slot + 1) : (struct operand){0};
    const struct operand none = {0};
    const uint64_t cols = row_size(input_value(r, op, 0));
    const uint64_t rows = (uint64_t)value_count(input_value(r, op, 0)) / cols;
    call_begin(r, KERNEL_NORM);
    call_spec(r, layer);
    call_spec(r, add);
    call_spec(r, (uint32_t)w.dtype);
    call_spec(r, (uint32_t)bias.dtype);
    call_read(r, input(r, op, 0));
    call_read(r, add ? input(r, op, 1) : none);
    call_read(r, w);
    call_read(r, bias);
    call_write(r, result(r, op, add ? 1 : 0));
    if (add)
        call_write(r, result(r, op, 0));
    else
        call_read(r, none);
    call_uint(r, rows);
    call_uint(r, cols);
    call_float(r, program_op_float(op, ATTR_EPS, 0.0));
    call_float(r, program_op_float(op, ATTR_WEIGHT_OFFSET, 0.0));
    end_rows(r, rows, cols);
}

void record_softmax(struct recorder *r, const struct program_op *op)
{
    const uint64_t cols = row_size(input_value(r, op, 0));
    const uint64_t rows = (uint64_t)value_count(input_value(r, op, 0)) / cols;
    call_begin(r, KERNEL_SOFTMAX);
    call_read(r, input(r, op, 0));
    call_write(r, result(r, op, 0));
    call_uint(r, rows);
    call_uint(r, cols);
    end_rows(r, rows, cols);
}

static uint32_t reduce_what(enum program_op_kind kind)
{
    switch (kind) {
    case OP_REDUCE_SUM: return 0;
    case OP_REDUCE_MEAN: return 1;
    case OP_REDUCE_MAX: return 2;
    default: return 3;
    }
}

void record_reduce(struct recorder *r, const struct program_op *op)
{
    const struct program_value *x = input_value(r, op, 0);
    const int64_t axis = program_op_int(op, ATTR_AXIS, 0);
    const uint64_t len = (uint64_t)x->shape[axis];
    const uint64_t n = (uint64_t)value_count(x) / len;
    /* Few results want many invocations each; many short ones none to wait for. */
    const uint32_t group = len > LARGE_ROW ? LARGE_GROUP : ROW_GROUP;
    const uint32_t sharers = len >= ROW_GROUP ? group : 1;
    const uint64_t groups = (n + group / sharers - 1) / (group / sharers);
    const uint64_t across = groups < 32768 ? groups : 32768;
    uint64_t inner = 1;
    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++)
        inner *= (uint64_t)x->shape[i];
    if (len / sharers > SHARERS_LIMIT)
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "%s over %llu elements", program_op_name(op->kind),
                      (unsigned long long)len);
    call_begin(r, KERNEL_REDUCE);
    call_spec(r, reduce_what(op->kind));
    call_spec(r, sharers);
    call_read(r, input(r, op, 0));
    call_write(r, result(r, op, 0));
    call_uint(r, n);
    call_uint(r, len);
    call_uint(r, inner);
    call_work(r, (double)n * (double)len);
    call_end(r, group, across, across ? (groups + across - 1) / across : 0, 1);
}

/* ---- recurrences ----------------------------------------------------------------------------- */

/* Steps [first, first + steps) of every line; what came before is in y, or in `initial`. */
static void scan_steps(struct recorder *r, const struct program_op *op, uint64_t first,
                       uint64_t steps, uint64_t len, uint64_t inner)
{
    const uint64_t lines = (uint64_t)value_count(result_value(r, op, 0)) / len;
    call_begin(r, KERNEL_LINEAR_SCAN);
    call_spec(r, input_value(r, op, 2) != NULL);
    call_read(r, input(r, op, 0));
    call_read(r, input(r, op, 1));
    call_read(r, input(r, op, 2));
    call_write(r, result(r, op, 0));
    call_uint(r, lines);
    call_uint(r, len);
    call_uint(r, inner);
    call_uint(r, first);
    call_uint(r, steps);
    call_work(r, (double)lines * (double)steps);
    call_end_flat(r, GROUP, lines);
}

void record_linear_scan(struct recorder *r, const struct program_op *op)
{
    const struct program_value *x = input_value(r, op, 1);
    const int64_t axis = program_op_int(op, ATTR_AXIS, 0);
    const uint64_t len = (uint64_t)x->shape[axis];
    uint64_t inner = 1;
    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++)
        inner *= (uint64_t)x->shape[i];
    for (uint64_t first = 0; first < len && r->status == CORBEL_OK; first += SHARERS_LIMIT)
        scan_steps(r, op, first, len - first < SHARERS_LIMIT ? len - first : SHARERS_LIMIT, len,
                   inner);
}
