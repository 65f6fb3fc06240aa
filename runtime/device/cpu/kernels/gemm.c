/* kernels/gemm.c: products of many tokens in float32.
 *
 * Packed activations  [block of TOKENS][k][TOKENS]
 * Packed weights      [group of ROWS][k][ROWS], K_BLOCK of k at a time
 * The tile in registers is ROWS x TOKENS; per k it takes TOKENS / LANES loads and ROWS broadcasts.
 */
#include "device/cpu/kernels/tier.h"
#include "device/cpu/kernels/tile.h"

enum {
    TOKENS = 2 * LANES,
#if LANES == 16
    ROWS = 12, /* 24 of 32 registers */
#else
    ROWS = 6, /* 12 of 16 */
#endif
    K_BLOCK = 256 /* TOKENS * K_BLOCK floats stay in the first-level cache */
};

void TIER(gemm_pack)(const struct linear_params *p, int64_t m0, int64_t tokens,
                     struct cpu_worker *w)
{
    const int64_t k_groups = (p->k + LANES - 1) / LANES, halves = 2;
    const int64_t blocks = (tokens + TOKENS - 1) / TOKENS;
    float *packed = w->shared;
    int64_t from, to;

    cpu_share(w, blocks * halves * k_groups, 1, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const int64_t block = i / (halves * k_groups), half = i / k_groups % halves;
        const int64_t k = i % k_groups * LANES, m = block * TOKENS + half * LANES;
        float *out = packed + (block * p->k + k) * TOKENS + half * LANES;
        vec v[LANES];
        TIER(gemm_columns)(p, m0 + m, m0 + tokens, k, v);
        for (int64_t j = 0; j < LANES && k + j < p->k; j++)
            store(out + j * TOKENS, v[j]);
    }
}

/* Rows [n, n + ROWS) and k in [k0, k0 + depth) as [k][ROWS]. */
static void pack_weights(const struct cpu_weight *w, int64_t n, int64_t n_end, int64_t k0,
                         int64_t depth, float *panel)
{
    const int64_t end = n + ROWS < n_end ? n + ROWS : n_end;

    for (int64_t k = 0; k < depth; k += LANES) {
        vec v[2][LANES];
        const int64_t count = depth - k < LANES ? depth - k : LANES;
        for (int64_t part = 0; part * LANES < ROWS; part++) {
            TIER(gemm_weights)(w, n + part * LANES, end, k0 + k, v[part]);
            transpose(v[part]);
        }
        for (int64_t j = 0; j < count; j++)
            for (int64_t part = 0; part * LANES < ROWS; part++)
                store_first(panel + (k + j) * ROWS + part * LANES, v[part][j], ROWS - part * LANES);
    }
}

void TIER(gemm_block)(const struct linear_params *p, const struct cpu_weight *weight, int64_t n0,
                      int64_t rows, int64_t tokens, const void *packed, float *c, int64_t c_stride,
                      void *panel)
{
    const int64_t groups = (rows + ROWS - 1) / ROWS;
    const float *x = packed;

    for (int64_t k0 = 0; k0 < p->k; k0 += K_BLOCK) {
        const int64_t depth = p->k - k0 < K_BLOCK ? p->k - k0 : K_BLOCK;
        float *w = panel;
        for (int64_t g = 0; g < groups; g++)
            pack_weights(weight, n0 + g * ROWS, n0 + rows, k0, depth, w + g * depth * ROWS);
        for (int64_t m = 0; m < tokens; m += TOKENS)
            for (int64_t g = 0; g < groups; g++) {
                const float *xb = x + (m / TOKENS * p->k + k0) * TOKENS;
                const float *wb = w + g * depth * ROWS;
                float *out = c + g * ROWS * c_stride + m;
                if (tokens - m > LANES)
                    tile(ROWS, 2, xb, TOKENS, wb, 1, ROWS, depth, out, c_stride, k0 > 0);
                else
                    tile(ROWS, 1, xb, TOKENS, wb, 1, ROWS, depth, out, c_stride, k0 > 0);
            }
    }
}
