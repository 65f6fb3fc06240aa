/* kernels/linear.c: y = f(x w^T + b) + residual in all its forms, from few tokens to many.
 *
 * Few tokens are bound by memory: gemv.c. Many are computed in work items of n_block rows of the
 * weights for m_block tokens; an item's sums c[n, m] stay in the second-level cache and are
 * finished (bias, function, residual) while they are turned round into y[m, n]. */
#include "device/cpu/kernels/tier.h"
#include "device/cpu/kernels/vmath.h"

enum { C_PAD = 16 }; /* keeps rows of c off strides of 4 KiB */

/* ---- finishing ------------------------------------------------------------------------------- */

/* Where a block of results goes. */
struct target {
    const struct linear_params *p;
    const float *bias, *up_bias; /* of the block's first row, or NULL */
    float *y;                    /* y[m, n] of the block's first row and token */
    const float *residual;
    int64_t y_stride;
};

static inline vec with_bias(vec v, const float *bias, int64_t i, int64_t n)
{
    return bias ? v + load_first(bias + i, n) : v;
}

/* LANES tokens by LANES rows from c (and up, if gated). */
ALWAYS_INLINE void finish_tile(const struct target *t, const float *c, const float *up,
                               int64_t c_stride, int64_t row, int64_t rows, int64_t token,
                               int64_t tokens, enum program_function f)
{
    vec v[LANES], u[LANES];
    const int64_t n = rows - row, m = tokens - token < LANES ? tokens - token : LANES;

    for (int i = 0; i < LANES; i++) {
        v[i] = load(c + (row + i) * c_stride + token);
        if (up)
            u[i] = load(up + (row + i) * c_stride + token);
    }
    transpose(v);
    if (up)
        transpose(u);
    for (int64_t i = 0; i < m; i++) {
        const int64_t at = (token + i) * t->y_stride + row;
        vec y = vfunction(f, with_bias(v[i], t->bias, row, n));
        if (up)
            y *= with_bias(u[i], t->up_bias, row, n);
        if (t->residual)
            y += load_first(t->residual + at, n);
        store_first(t->y + at, y, n);
    }
}

ALWAYS_INLINE void finish_tiles(const struct target *t, const float *c, const float *up,
                                int64_t c_stride, int64_t rows, int64_t tokens,
                                enum program_function f)
{
    for (int64_t token = 0; token < tokens; token += LANES) {
        /* The lines of the next tokens are far apart, and come from far: ask for them now. */
        for (int64_t i = token + LANES; i < token + 2 * LANES && i < tokens; i++)
            for (int64_t row = 0; row < rows; row += 16)
                __builtin_prefetch(t->y + i * t->y_stride + row, 1, 2);
        for (int64_t row = 0; row < rows; row += LANES)
            finish_tile(t, c, up, c_stride, row, rows, token, tokens, f);
    }
}

static void finish_rows(const struct target *t, const float *c, const float *up, int64_t c_stride,
                        int64_t rows, int64_t tokens)
{
    switch (t->p->function) {
    case FUNCTION_NONE: finish_tiles(t, c, up, c_stride, rows, tokens, FUNCTION_NONE); break;
    case FUNCTION_SILU: finish_tiles(t, c, up, c_stride, rows, tokens, FUNCTION_SILU); break;
    case FUNCTION_GELU: finish_tiles(t, c, up, c_stride, rows, tokens, FUNCTION_GELU); break;
    case FUNCTION_GELU_TANH:
        finish_tiles(t, c, up, c_stride, rows, tokens, FUNCTION_GELU_TANH);
        break;
    default: finish_tiles(t, c, up, c_stride, rows, tokens, t->p->function); break;
    }
}

/* y[n, m]: the sums lie that way already. */
static void finish_channels(const struct target *t, const float *c, int64_t c_stride, int64_t rows,
                            int64_t tokens)
{
    for (int64_t row = 0; row < rows; row++) {
        const vec bias = splat(t->bias ? t->bias[row] : 0.0f);
        const float *from = c + row * c_stride;
        float *to = t->y + row * t->y_stride;
        for (int64_t m = 0; m < tokens; m += LANES)
            store_first(to + m, vfunction(t->p->function, load_first(from + m, tokens - m) + bias),
                        tokens - m);
    }
}

/* ---- work items ------------------------------------------------------------------------------ */

static void run_item(const struct linear_params *p, uint32_t i, int64_t n0, int64_t m0,
                     int64_t tokens, struct cpu_worker *w)
{
    const struct cpu_weight *weight = &p->weight[i];
    const int64_t rows = weight->rows - n0 < p->n_block ? weight->rows - n0 : p->n_block;
    const int64_t c_stride = p->m_block + C_PAD, c_rows = p->n_block + 16;
    const int64_t y_stride = p->channels_first ? p->m : weight->rows;
    const int64_t at = p->channels_first ? n0 * y_stride + m0 : m0 * y_stride + n0;
    float *c = w->local, *up = p->gated ? c + c_rows * c_stride : NULL;
    float *panel = c + c_rows * c_stride * (p->gated ? 2 : 1);
    const struct target t = {
        .p = p,
        .bias = weight->bias ? weight->bias + n0 : NULL,
        .up_bias = p->gated && p->weight[1].bias ? p->weight[1].bias + n0 : NULL,
        .y = p->y[i] + at,
        .residual = p->residual ? p->residual + at : NULL,
        .y_stride = y_stride,
    };

    TIER(gemm_block)(p, weight, n0, rows, tokens, w->shared, c, c_stride, panel);
    if (p->gated)
        TIER(gemm_block)(p, &p->weight[1], n0, rows, tokens, w->shared, up, c_stride, panel);
    if (p->channels_first)
        finish_channels(&t, c, c_stride, rows, tokens);
    else
        finish_rows(&t, c, up, c_stride, rows, tokens);
}

/* All of the weights' rows for tokens [m0, m0 + tokens), which are packed. */
static void run_items(const struct linear_params *p, int64_t m0, int64_t tokens,
                      struct cpu_worker *w)
{
    const uint32_t n_results = p->gated ? 1 : p->n_weights;

    for (int64_t item = cpu_ticket(w);; item = cpu_ticket(w)) {
        int64_t block = item;
        uint32_t i = 0;
        for (; i < n_results; i++) {
            const int64_t blocks = (p->weight[i].rows + p->n_block - 1) / p->n_block;
            if (block < blocks)
                break;
            block -= blocks;
        }
        if (i == n_results)
            return;
        run_item(p, i, block * p->n_block, m0, tokens, w);
    }
}

static void run_gemm(const struct linear_params *p, struct cpu_worker *w)
{
    for (int64_t m0 = 0; m0 < p->m; m0 += p->m_block) {
        const int64_t tokens = p->m - m0 < p->m_block ? p->m - m0 : p->m_block;
        if (m0 > 0)
            cpu_barrier(w); /* the packed tokens are still in use */
        TIER(gemm_pack)(p, m0, tokens, w);
        cpu_barrier(w);
        run_items(p, m0, tokens, w);
    }
}

void TIER(cpu_linear)(const void *params, struct cpu_worker *w)
{
    const struct linear_params *p = params;

    if (p->m <= GEMV_TOKENS && !p->patches && !p->channels_first)
        TIER(gemv)(p, w);
    else
        run_gemm(p, w);
}

void TIER(cpu_batch)(const void *params, struct cpu_worker *w)
{
    const struct batch_params *b = params;
    const size_t element = b->linear.weight[0].dtype == CORBEL_F32 ? 4 : 2;
    struct linear_params p = b->linear;
    const char *weights = b->linear.weight[0].data;

    for (int64_t i = 0; i < b->n; i++) {
        p.x = b->linear.x + b->offset[i].x;
        p.weight[0].data = weights + (size_t)b->offset[i].w * element;
        if (b->linear.weight[0].bias)
            p.weight[0].bias = b->linear.weight[0].bias + b->offset[i].bias;
        p.y[0] = b->linear.y[0] + b->offset[i].y;
        if (i > 0)
            cpu_barrier(w);
        TIER(cpu_linear)(&p, w);
    }
}
