/* device/cpu/op_image.c: batch norm, pooling and resizing. Convolutions are products: op_linear.c.
 *
 * One spatial axis is an image of height 1. */
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <math.h>

/* ---- batch norm ------------------------------------------------------------------------------ */

/* x [batch, channels, inner]; the others [channels] */
struct batch_norm_params {
    const float *x, *weight, *bias, *mean, *var;
    float *y;
    int64_t batch, channels, inner;
    double eps;
};

/* Scale and shift are found for every plane, not once: operands may be results of the program. */
static void run_batch_norm(const void *params, struct cpu_worker *w)
{
    const struct batch_norm_params *p = params;
    int64_t from, to;

    cpu_share(w, p->batch * p->channels, 1, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const int64_t c = i % p->channels;
        const double factor = (double)p->weight[c] / sqrt((double)p->var[c] + p->eps);
        const float scale = (float)factor;
        const float shift = (float)((double)p->bias[c] - (double)p->mean[c] * factor);
        const float *x = p->x + i * p->inner;
        float *y = p->y + i * p->inner;
        for (int64_t j = 0; j < p->inner; j++)
            y[j] = x[j] * scale + shift;
    }
}

static corbel_status prepare_batch_norm(struct cpu_context *c, const struct program_op *op,
                                        struct cpu_op *out, corbel_error *err)
{
    const struct program_value *x = cpu_value(c, op->in[0]);
    struct batch_norm_params *p = cpu_params(c, out, run_batch_norm, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    const float **const operands[] = {&p->x, &p->weight, &p->bias, &p->mean, &p->var};
    for (uint32_t i = 0; i < 5; i++) {
        corbel_status status = cpu_operand_f32(c, op->in[i], operands[i], err);
        if (status != CORBEL_OK)
            return status;
    }
    p->y = c->values[op->out[0]];
    p->batch = x->shape[0];
    p->channels = x->shape[1];
    p->inner = value_count(x) / (p->batch * p->channels);
    p->eps = program_op_float(op, ATTR_EPS, 1e-5);
    return CORBEL_OK;
}

/* ---- pools ----------------------------------------------------------------------------------- */

/* x [planes, height, width] -> y [planes, out_h, out_w] */
struct pool_params {
    const float *x;
    float *y;
    int64_t planes, height, width, out_h, out_w;
    int64_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
    bool average, count_pad;
};

/* The window's rows and columns that lie in the image. */
static float pool_at(const struct pool_params *p, const float *x, int64_t oy, int64_t ox)
{
    const int64_t y0 = oy * p->stride_h - p->pad_h, x0 = ox * p->stride_w - p->pad_w;
    double sum = 0.0;
    float most = -INFINITY;
    int64_t n = 0;

    for (int64_t ky = 0; ky < p->kernel_h; ky++) {
        const int64_t row = y0 + ky * p->dilation_h;
        if (row < 0 || row >= p->height)
            continue;
        for (int64_t kx = 0; kx < p->kernel_w; kx++) {
            const int64_t col = x0 + kx * p->dilation_w;
            float v;
            if (col < 0 || col >= p->width)
                continue;
            v = x[row * p->width + col];
            most = v > most || isnan(v) ? v : most;
            sum += (double)v;
            n++;
        }
    }
    if (!p->average)
        return most;
    if (p->count_pad) {
        /* The pad counts, but not what ceil_mode adds beyond it. */
        int64_t y1 = y0 + p->kernel_h, x1 = x0 + p->kernel_w;
        y1 = y1 < p->height + p->pad_h ? y1 : p->height + p->pad_h;
        x1 = x1 < p->width + p->pad_w ? x1 : p->width + p->pad_w;
        n = (y1 - y0) * (x1 - x0);
    }
    return n > 0 ? (float)(sum / (double)n) : 0.0f;
}

static void run_pool(const void *params, struct cpu_worker *w)
{
    const struct pool_params *p = params;
    int64_t from, to;

    cpu_share(w, p->planes * p->out_h, 1, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const float *plane = p->x + i / p->out_h * p->height * p->width;
        for (int64_t ox = 0; ox < p->out_w; ox++)
            p->y[i * p->out_w + ox] = pool_at(p, plane, i % p->out_h, ox);
    }
}

static corbel_status prepare_pool(struct cpu_context *c, const struct program_op *op,
                                  struct cpu_op *out, corbel_error *err)
{
    const struct program_value *x = cpu_value(c, op->in[0]), *y = cpu_value(c, op->out[0]);
    const bool image = x->rank == 4;
    struct pool_params *p = cpu_params(c, out, run_pool, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    p->planes = x->shape[0] * x->shape[1];
    p->height = image ? x->shape[2] : 1;
    p->width = x->shape[x->rank - 1];
    p->out_h = image ? y->shape[2] : 1;
    p->out_w = y->shape[y->rank - 1];
    p->kernel_h = program_op_int(op, ATTR_KERNEL_H, 1);
    p->kernel_w = program_op_int(op, ATTR_KERNEL_W, 1);
    p->stride_h = program_op_int(op, ATTR_STRIDE_H, p->kernel_h);
    p->stride_w = program_op_int(op, ATTR_STRIDE_W, p->kernel_w);
    p->pad_h = program_op_int(op, ATTR_PAD_H, 0);
    p->pad_w = program_op_int(op, ATTR_PAD_W, 0);
    p->dilation_h = program_op_int(op, ATTR_DILATION_H, 1);
    p->dilation_w = program_op_int(op, ATTR_DILATION_W, 1);
    p->average = op->kind == OP_AVG_POOL;
    p->count_pad = program_op_int(op, ATTR_COUNT_PAD, 1);
    p->y = c->values[op->out[0]];
    return cpu_operand_f32(c, op->in[0], &p->x, err);
}

/* ---- resizing -------------------------------------------------------------------------------- */

enum { MOST_TAPS = 4 };

/* An output coordinate is the sum of a few input coordinates. */
struct taps {
    int64_t at[MOST_TAPS];
    float weight[MOST_TAPS];
};

/* torch's interpolate, align_corners false, no antialiasing. */
struct resize_params {
    const float *x;
    float *y;
    int64_t planes, height, width, out_h, out_w;
    uint32_t n; /* taps: 2 or 4 */
    struct taps *rows, *cols;
};

/* The cubic convolution's two pieces, a = -0.75 as torch has it. */
static double cubic_near(double t)
{
    return ((-0.75 + 2.0) * t - (-0.75 + 3.0)) * t * t + 1.0;
}

static double cubic_far(double t)
{
    return ((-0.75 * t + 0.75 * 5.0) * t - 0.75 * 8.0) * t + 0.75 * 4.0;
}

static int64_t clamp(int64_t i, int64_t size)
{
    return i < 0 ? 0 : i >= size ? size - 1 : i;
}

static void cubic_taps(struct taps *t, float source, int64_t size)
{
    const float base = floorf(source);
    const double f = (double)(source - base);
    const double weight[4] = {cubic_far(f + 1.0), cubic_near(f), cubic_near(1.0 - f),
                              cubic_far(2.0 - f)};

    for (int i = 0; i < 4; i++) {
        t->at[i] = clamp((int64_t)base - 1 + i, size);
        t->weight[i] = (float)weight[i];
    }
}

static void linear_taps(struct taps *t, float source, int64_t size)
{
    const float from = source < 0.0f ? 0.0f : source;
    const int64_t base = clamp((int64_t)from, size);

    t->at[0] = base;
    t->at[1] = clamp(base + 1, size);
    t->weight[1] = from - (float)base;
    t->weight[0] = 1.0f - t->weight[1];
}

static struct taps *make_taps(struct cpu_context *c, int64_t size, int64_t out, bool cubic)
{
    struct taps *taps = arena_array(c->arena, (size_t)out, sizeof(*taps));
    const float scale = (float)size / (float)out;

    for (int64_t i = 0; taps && i < out; i++) {
        const float source = scale * ((float)i + 0.5f) - 0.5f;
        if (cubic)
            cubic_taps(&taps[i], source, size);
        else
            linear_taps(&taps[i], source, size);
    }
    return taps;
}

static void run_resize(const void *params, struct cpu_worker *w)
{
    const struct resize_params *p = params;
    int64_t from, to;

    cpu_share(w, p->planes * p->out_h, 1, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const float *plane = p->x + i / p->out_h * p->height * p->width;
        const struct taps *row = &p->rows[i % p->out_h];
        for (int64_t ox = 0; ox < p->out_w; ox++) {
            const struct taps *col = &p->cols[ox];
            float sum = 0.0f;
            for (uint32_t r = 0; r < p->n; r++) {
                const float *line = plane + row->at[r] * p->width;
                float part = 0.0f;
                for (uint32_t k = 0; k < p->n; k++)
                    part += line[col->at[k]] * col->weight[k];
                sum += part * row->weight[r];
            }
            p->y[i * p->out_w + ox] = sum;
        }
    }
}

static corbel_status prepare_resize(struct cpu_context *c, const struct program_op *op,
                                    struct cpu_op *out, corbel_error *err)
{
    const struct program_value *x = cpu_value(c, op->in[0]);
    const bool cubic = program_op_int(op, ATTR_CUBIC, 0);
    struct resize_params *p = cpu_params(c, out, run_resize, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    p->planes = x->shape[0] * x->shape[1];
    p->height = x->shape[2];
    p->width = x->shape[3];
    p->out_h = program_op_int(op, ATTR_HEIGHT, 1);
    p->out_w = program_op_int(op, ATTR_WIDTH, 1);
    p->n = cubic ? 4 : 2;
    p->y = c->values[op->out[0]];
    p->rows = make_taps(c, p->height, p->out_h, cubic);
    p->cols = make_taps(c, p->width, p->out_w, cubic);
    if (!p->rows || !p->cols)
        return error_memory(err, (size_t)(p->out_h + p->out_w) * sizeof(struct taps), "resizing");
    return cpu_operand_f32(c, op->in[0], &p->x, err);
}

corbel_status cpu_prepare_image(struct cpu_context *c, const struct program_op *op,
                                struct cpu_op *out, corbel_error *err)
{
    switch (op->kind) {
    case OP_BATCH_NORM: return prepare_batch_norm(c, op, out, err);
    case OP_INTERPOLATE: return prepare_resize(c, op, out, err);
    default: return prepare_pool(c, op, out, err);
    }
}
