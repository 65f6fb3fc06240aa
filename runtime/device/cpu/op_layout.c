/* device/cpu/op_layout.c: operations that move elements: strided copies, indexed rows, casts. */
#include "base/dtype.h"
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <string.h>

enum { ELEMENT = 4 /* bytes of F32 and I32 */ };

/* ---- strided copies -------------------------------------------------------------------------- */

/* y[i...] = x[i...] with strides in elements on both sides; 0 repeats. */
struct copy {
    const char *x;
    char *y;
    uint32_t rank; /* at least 1 */
    int64_t shape[PROGRAM_MAX_RANK], x_stride[PROGRAM_MAX_RANK], y_stride[PROGRAM_MAX_RANK];
};

struct copies {
    uint32_t n;
    struct copy copy[PROGRAM_MAX_INPUTS];
};

static void copy_run(char *y, int64_t y_stride, const char *x, int64_t x_stride, int64_t n)
{
    if (x_stride == 1 && y_stride == 1) {
        memcpy(y, x, (size_t)n * ELEMENT);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        memcpy(y + i * y_stride * ELEMENT, x + i * x_stride * ELEMENT, ELEMENT);
}

static void run_copy(const struct copy *c, struct cpu_worker *w)
{
    const uint32_t last = c->rank - 1;
    int64_t runs = 1, from, to;

    for (uint32_t i = 0; i < last; i++)
        runs *= c->shape[i];
    cpu_share(w, runs, 1, &from, &to);
    for (int64_t run = from; run < to; run++) {
        int64_t rest = run, x = 0, y = 0;
        for (uint32_t i = last; i-- > 0;) {
            x += rest % c->shape[i] * c->x_stride[i];
            y += rest % c->shape[i] * c->y_stride[i];
            rest /= c->shape[i];
        }
        copy_run(c->y + y * ELEMENT, c->y_stride[last], c->x + x * ELEMENT, c->x_stride[last],
                 c->shape[last]);
    }
}

static void run_copies(const void *params, struct cpu_worker *w)
{
    const struct copies *c = params;

    for (uint32_t i = 0; i < c->n; i++)
        run_copy(&c->copy[i], w);
}

/* Strides of a dense array. */
static void dense(const struct program_value *v, int64_t stride[PROGRAM_MAX_RANK])
{
    int64_t n = 1;

    for (uint32_t i = v->rank; i-- > 0;) {
        stride[i] = n;
        n *= v->shape[i];
    }
}

/* Drops axes of size 1 and joins neighbours that are dense on both sides: long runs, few axes. */
static void simplify(struct copy *c)
{
    uint32_t rank = 0;

    for (uint32_t i = 0; i < c->rank; i++) {
        if (c->shape[i] == 1)
            continue;
        if (rank > 0 && c->x_stride[rank - 1] == c->shape[i] * c->x_stride[i] &&
            c->y_stride[rank - 1] == c->shape[i] * c->y_stride[i]) {
            c->shape[rank - 1] *= c->shape[i];
            c->x_stride[rank - 1] = c->x_stride[i];
            c->y_stride[rank - 1] = c->y_stride[i];
            continue;
        }
        c->shape[rank] = c->shape[i];
        c->x_stride[rank] = c->x_stride[i];
        c->y_stride[rank] = c->y_stride[i];
        rank++;
    }
    if (rank == 0) {
        c->shape[0] = c->x_stride[0] = c->y_stride[0] = 1;
        rank = 1;
    }
    c->rank = rank;
}

/* A copy of `x`'s layout into the dense `shape`; strides and offset are set by the caller. */
static struct copy copy_into(struct cpu_context *c, uint32_t y, const void *x)
{
    const struct program_value *v = cpu_value(c, y);
    struct copy copy = {.x = x, .y = c->values[y], .rank = v->rank};

    memcpy(copy.shape, v->shape, sizeof copy.shape);
    dense(v, copy.y_stride);
    return copy;
}

static struct copy prepare_permute(struct cpu_context *c, const struct program_op *op)
{
    const struct program_value *x = cpu_value(c, op->in[0]);
    struct copy copy = copy_into(c, op->out[0], c->values[op->in[0]]);
    int64_t stride[PROGRAM_MAX_RANK];

    dense(x, stride);
    for (uint32_t i = 0; i < x->rank; i++) {
        const int64_t axis =
            program_op_int(op, (enum program_attr_key)((uint32_t)ATTR_D0 + i), (int64_t)i);
        copy.x_stride[i] = stride[axis < 0 ? axis + x->rank : axis];
    }
    return copy;
}

static struct copy prepare_slice(struct cpu_context *c, const struct program_op *op)
{
    const struct program_value *x = cpu_value(c, op->in[0]);
    const uint32_t axis = cpu_axis(op, x, 0);
    struct copy copy = copy_into(c, op->out[0], c->values[op->in[0]]);
    int64_t start = program_op_int(op, ATTR_START, 0);

    if (start < 0)
        start = start + x->shape[axis] < 0 ? 0 : start + x->shape[axis];
    dense(x, copy.x_stride);
    copy.x += start * copy.x_stride[axis] * ELEMENT;
    copy.x_stride[axis] *= program_op_int(op, ATTR_STEP, 1);
    return copy;
}

static struct copy prepare_expand(struct cpu_context *c, const struct program_op *op)
{
    const struct program_value *x = cpu_value(c, op->in[0]);
    struct copy copy = copy_into(c, op->out[0], c->values[op->in[0]]);
    int64_t stride[PROGRAM_MAX_RANK];

    dense(x, stride);
    for (uint32_t i = 0; i < x->rank; i++)
        copy.x_stride[copy.rank - x->rank + i] = x->shape[i] == 1 ? 0 : stride[i];
    return copy;
}

/* reshape and assign: element by element, in C order. */
static struct copy prepare_whole(struct cpu_context *c, uint32_t y, uint32_t x)
{
    struct copy copy = copy_into(c, y, c->values[x]);

    memcpy(copy.x_stride, copy.y_stride, sizeof copy.x_stride);
    return copy;
}

static uint32_t prepare_concat(struct cpu_context *c, const struct program_op *op,
                               struct copy copy[])
{
    const uint32_t axis = cpu_axis(op, cpu_value(c, op->out[0]), 0);
    int64_t at = 0;

    for (uint32_t i = 0; i < op->n_in; i++) {
        const struct program_value *x = cpu_value(c, op->in[i]);
        copy[i] = copy_into(c, op->out[0], c->values[op->in[i]]);
        memcpy(copy[i].shape, x->shape, sizeof copy[i].shape);
        dense(x, copy[i].x_stride);
        copy[i].y += at * copy[i].y_stride[axis] * ELEMENT;
        at += x->shape[axis];
    }
    return op->n_in;
}

static corbel_status prepare_copies(struct cpu_context *c, const struct program_op *op,
                                    struct cpu_op *out, corbel_error *err)
{
    struct copies *p = cpu_params(c, out, run_copies, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    p->n = 1;
    switch (op->kind) {
    case OP_PERMUTE: p->copy[0] = prepare_permute(c, op); break;
    case OP_SLICE: p->copy[0] = prepare_slice(c, op); break;
    case OP_EXPAND: p->copy[0] = prepare_expand(c, op); break;
    case OP_CONCAT: p->n = prepare_concat(c, op, p->copy); break;
    case OP_ASSIGN: p->copy[0] = prepare_whole(c, op->in[0], op->in[1]); break;
    default: p->copy[0] = prepare_whole(c, op->out[0], op->in[0]); break;
    }
    for (uint32_t i = 0; i < p->n; i++)
        simplify(&p->copy[i]);
    /* A planned view of x itself: nothing to move. */
    if (p->n == 1 && p->copy[0].x == p->copy[0].y)
        p->n = 0;
    return CORBEL_OK;
}

/* ---- rows by index --------------------------------------------------------------------------- */

/* x [batch, mid, rows, inner], index [batch, n] -> y [batch, mid, n, inner] */
struct gather_params {
    const char *x;
    int32_t dtype; /* of x; y is 32-bit */
    const int32_t *index;
    char *y;
    int64_t batch, mid, rows, n, inner;
    bool from_end; /* negative indices count from the end */
};

static void copy_row(const struct gather_params *p, int64_t from, char *y)
{
    if (p->dtype == CORBEL_F32 || p->dtype == CORBEL_I32)
        memcpy(y, p->x + from * ELEMENT, (size_t)p->inner * ELEMENT);
    else
        dtype_convert(CORBEL_F32, y, p->dtype, p->x + from * 2, (size_t)p->inner);
}

static void run_gather(const void *params, struct cpu_worker *w)
{
    const struct gather_params *p = params;
    int64_t from, to;

    cpu_share(w, p->batch * p->mid * p->n, 1, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const int64_t outer = i / p->n, b = outer / p->mid;
        char *y = p->y + i * p->inner * ELEMENT;
        int64_t row = p->index[b * p->n + i % p->n];
        if (row < 0 && p->from_end)
            row += p->rows;
        if (row < 0 || row >= p->rows) {
            atomic_store_explicit(w->fault, CPU_FAULT_INDEX, memory_order_relaxed);
            memset(y, 0, (size_t)p->inner * ELEMENT);
            continue;
        }
        copy_row(p, (outer * p->rows + row) * p->inner, y);
    }
}

static corbel_status prepare_gather(struct cpu_context *c, const struct program_op *op,
                                    struct cpu_op *out, corbel_error *err)
{
    const struct program_value *x = cpu_value(c, op->in[0]), *index = cpu_value(c, op->in[1]);
    const bool embedding = op->kind == OP_EMBEDDING;
    const uint32_t axis = embedding ? 0 : cpu_axis(op, x, 0);
    const uint32_t batch_dims = (uint32_t)program_op_int(op, ATTR_BATCH_DIMS, 0);
    struct gather_params *p = cpu_params(c, out, run_gather, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    p->x = c->values[op->in[0]];
    p->dtype = cpu_dtype(c, op->in[0]);
    p->index = c->values[op->in[1]];
    p->y = c->values[op->out[0]];
    p->rows = x->shape[axis];
    p->from_end = !embedding;
    p->batch = p->mid = p->n = p->inner = 1;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (i < batch_dims)
            p->batch *= x->shape[i];
        else if (i < axis)
            p->mid *= x->shape[i];
        else if (i > axis)
            p->inner *= x->shape[i];
    }
    for (uint32_t i = batch_dims; i < index->rank; i++)
        p->n *= index->shape[i];
    return CORBEL_OK;
}

/* ---- cast ------------------------------------------------------------------------------------ */

struct cast_params {
    const void *x;
    void *y;
    int32_t from, to;
    int64_t n;
};

/* Towards zero, as torch; what does not fit is clamped, NaN is 0. */
static int32_t to_int(float f)
{
    if (!(f > -2147483648.0f))
        return f < 0.0f ? INT32_MIN : 0;
    return f >= 2147483648.0f ? INT32_MAX : (int32_t)f;
}

static void run_cast(const void *params, struct cpu_worker *w)
{
    const struct cast_params *p = params;
    int64_t from, to;

    cpu_share(w, p->n, 1024, &from, &to);
    if (p->from == CORBEL_F16 || p->from == CORBEL_BF16) /* a weight */
        (void)dtype_convert(CORBEL_F32, (float *)p->y + from, p->from,
                            (const char *)p->x + from * 2, (size_t)(to - from));
    else if (p->from == p->to)
        memcpy((char *)p->y + from * ELEMENT, (const char *)p->x + from * ELEMENT,
               (size_t)(to - from) * ELEMENT);
    else
        for (int64_t i = from; i < to; i++)
            if (p->to == CORBEL_F32)
                ((float *)p->y)[i] = (float)((const int32_t *)p->x)[i];
            else
                ((int32_t *)p->y)[i] = to_int(((const float *)p->x)[i]);
}

static corbel_status prepare_cast(struct cpu_context *c, const struct program_op *op,
                                  struct cpu_op *out, corbel_error *err)
{
    struct cast_params *p = cpu_params(c, out, run_cast, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    p->x = c->values[op->in[0]];
    p->y = c->values[op->out[0]];
    p->from = cpu_dtype(c, op->in[0]);
    p->to = cpu_dtype(c, op->out[0]);
    p->n = value_count(cpu_value(c, op->in[0]));
    return CORBEL_OK;
}

corbel_status cpu_prepare_layout(struct cpu_context *c, const struct program_op *op,
                                 struct cpu_op *out, corbel_error *err)
{
    const int32_t dtype = cpu_dtype(c, op->in[0]);

    if (op->kind == OP_EMBEDDING || op->kind == OP_GATHER)
        return prepare_gather(c, op, out, err);
    if (op->kind == OP_CAST)
        return prepare_cast(c, op, out, err);
    if (dtype != CORBEL_F32 && dtype != CORBEL_I32)
        return error_set(err, CORBEL_E_UNSUPPORTED, "cpu: %s of a weight of %s",
                         program_op_name(op->kind), dtype_name(dtype));
    return prepare_copies(c, op, out, err);
}
