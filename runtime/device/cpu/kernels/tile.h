/* kernels/tile.h: the innermost product of everything in float32: a tile held in registers. */
#ifndef KERNELS_TILE_H
#define KERNELS_TILE_H

#include "device/cpu/kernels/simd.h"

/* c[r, lane] (+)= sum_i w[r * row_stride + i * col_stride] * x[i * x_stride + lane], for `rows`
 * rows and `vectors` vectors of lanes, both constants where it is called. */
ALWAYS_INLINE void tile(const int rows, const int vectors, const float *x, int64_t x_stride,
                        const float *w, int64_t row_stride, int64_t col_stride, int64_t depth,
                        float *c, int64_t c_stride, bool accumulate)
{
    vec sum[12][2];

    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vectors; v++)
        sum[r][v] = accumulate ? load(c + r * c_stride + v * LANES) : splat(0.0f);
    for (int64_t i = 0; i < depth; i++) {
        vec xv[2];
        UNROLL
        for (int v = 0; v < vectors; v++)
            xv[v] = load(x + i * x_stride + v * LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            const vec weight = splat(w[r * row_stride + i * col_stride]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] += weight * xv[v];
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vectors; v++)
        store(c + r * c_stride + v * LANES, sum[r][v]);
}

#endif
