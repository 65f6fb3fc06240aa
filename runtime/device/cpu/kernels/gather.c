/* kernels/gather.c: blocks of activations and weights as vectors, whatever their layout. */
#include "device/cpu/kernels/tier.h"

/* One element of the patch matrix; 0 in the padding. */
static float patch_at(const struct cpu_patches *g, const float *x, int64_t m, int64_t k)
{
    const int64_t kernel = g->kernel_h * g->kernel_w;
    const int64_t c = k / kernel, ky = k % kernel / g->kernel_w, kx = k % g->kernel_w;
    const int64_t row = m / g->out_w * g->stride_h - g->pad_h + ky * g->dilation_h;
    const int64_t col = m % g->out_w * g->stride_w - g->pad_w + kx * g->dilation_w;

    if (row < 0 || row >= g->height || col < 0 || col >= g->width)
        return 0.0f;
    return x[(c * g->height + row) * g->width + col];
}

/* LANES neighbouring output positions of one kernel element. */
static vec patch_vector(const struct cpu_patches *g, const float *x, int64_t m, int64_t m_end,
                        int64_t k)
{
    const int64_t kernel = g->kernel_h * g->kernel_w;
    const int64_t c = k / kernel, ky = k % kernel / g->kernel_w, kx = k % g->kernel_w;
    const int64_t out_row = m / g->out_w, out_col = m % g->out_w;
    const int64_t row = out_row * g->stride_h - g->pad_h + ky * g->dilation_h;
    const int64_t col = out_col * g->stride_w - g->pad_w + kx * g->dilation_w;
    const int64_t last = col + (LANES - 1) * g->stride_w;
    float lanes[LANES] = {0};
    vec v;

    /* All in one output row, and none in the padding: no element needs a question. */
    if (m + LANES <= m_end && out_col + LANES <= g->out_w && row >= 0 && row < g->height &&
        col >= 0 && last < g->width) {
        const float *p = x + (c * g->height + row) * g->width + col;
        if (g->stride_w == 1)
            return load(p);
        for (int i = 0; i < LANES; i++)
            lanes[i] = p[i * g->stride_w];
    } else {
        for (int i = 0; i < LANES && m + i < m_end; i++)
            lanes[i] = patch_at(g, x, m + i, k);
    }
    memcpy(&v, lanes, sizeof v);
    return v;
}

void TIER(gemm_columns)(const struct linear_params *p, int64_t m, int64_t m_end, int64_t k,
                        vec out[LANES])
{
    if (p->patches) {
        for (int i = 0; i < LANES; i++)
            out[i] = k + i < p->k ? patch_vector(p->patches, p->x, m, m_end, k + i) : splat(0.0f);
        return;
    }
    for (int i = 0; i < LANES; i++)
        out[i] = m + i < m_end && k < p->k ? load_first(p->x + (m + i) * p->x_stride + k, p->k - k)
                                           : splat(0.0f);
    transpose(out);
}

/* n weights from element i on; the others are 0. */
static vec weights_first(const struct cpu_weight *w, int64_t i, int64_t n)
{
    float lanes[LANES] = {0};
    vec v;

    if (n >= LANES)
        return weight_vec(w->data, w->dtype, i);
    for (int64_t j = 0; j < n; j++)
        lanes[j] = weight_at(w->data, w->dtype, i + j);
    memcpy(&v, lanes, sizeof v);
    return v;
}

void TIER(gemm_weights)(const struct cpu_weight *w, int64_t n, int64_t n_end, int64_t k,
                        vec out[LANES])
{
    if (w->col_stride == 1) {
        for (int i = 0; i < LANES; i++)
            out[i] = n + i < n_end ? weights_first(w, (n + i) * w->row_stride + k, w->cols - k)
                                   : splat(0.0f);
        return;
    }
    for (int i = 0; i < LANES; i++)
        out[i] = k + i < w->cols ? weights_first(w, (k + i) * w->col_stride + n, n_end - n)
                                 : splat(0.0f);
    transpose(out);
}
