/* kernels/rope.h: rotation of one head's row by one position's row of the table. */
#ifndef KERNELS_ROPE_H
#define KERNELS_ROPE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* y = x rotated; table: [rope_dim / 2][cos, sin]; what is beyond rope_dim stays. x may be y if
 * they are equal. Halves (transformers' rotate_half), or neighbours if interleaved. */
static inline void rope_row(const float *x, float *y, int64_t dim, int64_t rope_dim,
                            const float *table, bool interleaved)
{
    const int64_t half = rope_dim / 2;
    const int64_t step = interleaved ? 2 : 1, other = interleaved ? 1 : half;

    for (int64_t i = 0; i < half; i++) {
        const float c = table[2 * i], s = table[2 * i + 1];
        const float a = x[i * step], b = x[i * step + other];
        y[i * step] = a * c - b * s;
        y[i * step + other] = b * c + a * s;
    }
    if (y != x && dim > rope_dim)
        memcpy(y + rope_dim, x + rope_dim, (size_t)(dim - rope_dim) * sizeof(float));
}

#endif
