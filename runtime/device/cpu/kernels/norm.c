/* kernels/norm.c: normalisation and softmax over the last axis, row by row. */
#include "device/cpu/kernels/tier.h"
#include "device/cpu/kernels/vmath.h"

/* The row's address in x, after adding if asked. */
static const float *row_sum(const struct norm_params *p, int64_t row)
{
    const float *x = p->x + row * p->cols;
    const float *a;
    float *sum;

    if (!p->add)
        return x;
    a = p->add + row * p->cols;
    sum = p->sum + row * p->cols;
    for (int64_t i = 0; i < p->cols; i += LANES) {
        const int64_t n = p->cols - i;
        store_first(sum + i, load_first(x + i, n) + load_first(a + i, n), n);
    }
    return sum;
}

/* Four sums side by side: shorter chains, and smaller rounding errors than one. */
static float sum_of_squares(const float *x, float mean, int64_t n)
{
    vec s[4] = {{0}, {0}, {0}, {0}};
    const vec m = splat(mean);
    int64_t i = 0;
    float tail = 0.0f;

    for (; i + 4 * LANES <= n; i += 4 * LANES)
        for (int j = 0; j < 4; j++) {
            vec v = load(x + i + j * LANES) - m;
            s[j] += v * v;
        }
    for (; i + LANES <= n; i += LANES) {
        vec v = load(x + i) - m;
        s[0] += v * v;
    }
    for (; i < n; i++)
        tail += (x[i] - mean) * (x[i] - mean);
    return sum_lanes((s[0] + s[1]) + (s[2] + s[3])) + tail;
}

static float sum(const float *x, int64_t n)
{
    vec s[4] = {{0}, {0}, {0}, {0}};
    int64_t i = 0;
    float tail = 0.0f;

    for (; i + 4 * LANES <= n; i += 4 * LANES)
        for (int j = 0; j < 4; j++)
            s[j] += load(x + i + j * LANES);
    for (; i < n; i++)
        tail += x[i];
    return sum_lanes((s[0] + s[1]) + (s[2] + s[3])) + tail;
}

void TIER(cpu_rms_norm)(const void *params, struct cpu_worker *w)
{
    const struct norm_params *p = params;
    const vec offset = splat(p->weight_offset);
    int64_t from, to;

    cpu_share(w, p->rows, 1, &from, &to);
    for (int64_t row = from; row < to; row++) {
        const float *x = row_sum(p, row);
        float *y = p->y + row * p->cols;
        const float mean = sum_of_squares(x, 0.0f, p->cols) / (float)p->cols;
        const vec scale = splat(1.0f / sqrtf(mean + p->eps));
        for (int64_t i = 0; i < p->cols; i += LANES) {
            const int64_t n = p->cols - i;
            vec v = load_first(x + i, n) * scale;
            if (p->weight)
                v *= load_first(p->weight + i, n) + offset;
            store_first(y + i, v, n);
        }
    }
}

void TIER(cpu_layer_norm)(const void *params, struct cpu_worker *w)
{
    const struct norm_params *p = params;
    int64_t from, to;

    cpu_share(w, p->rows, 1, &from, &to);
    for (int64_t row = from; row < to; row++) {
        const float *x = row_sum(p, row);
        float *y = p->y + row * p->cols;
        const float mean = sum(x, p->cols) / (float)p->cols;
        const float variance = sum_of_squares(x, mean, p->cols) / (float)p->cols;
        const vec m = splat(mean), scale = splat(1.0f / sqrtf(variance + p->eps));
        for (int64_t i = 0; i < p->cols; i += LANES) {
            const int64_t n = p->cols - i;
            vec v = (load_first(x + i, n) - m) * scale;
            if (p->weight)
                v *= load_first(p->weight + i, n);
            if (p->bias)
                v += load_first(p->bias + i, n);
            store_first(y + i, v, n);
        }
    }
}

void TIER(cpu_softmax)(const void *params, struct cpu_worker *w)
{
    const struct norm_params *p = params;
    int64_t from, to;

    cpu_share(w, p->rows, 1, &from, &to);
    for (int64_t row = from; row < to; row++) {
        const float *x = p->x + row * p->cols;
        float *y = p->y + row * p->cols;
        float most = -INFINITY;
        vec scale;

        for (int64_t i = 0; i < p->cols; i++)
            most = x[i] > most ? x[i] : most;
        for (int64_t i = 0; i < p->cols; i += LANES) {
            const int64_t n = p->cols - i;
            store_first(y + i, vexp(load_first(x + i, n) - splat(most)), n);
        }
        scale = splat(1.0f / sum(y, p->cols));
        for (int64_t i = 0; i < p->cols; i += LANES) {
            const int64_t n = p->cols - i;
            store_first(y + i, load_first(y + i, n) * scale, n);
        }
    }
}
