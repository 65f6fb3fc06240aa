/* kernels/simd.h: vectors of the tier that a file is compiled for.
 *
 * GCC's vector extensions (clang has them too) give arithmetic and shuffles on any width; only what
 * they lack is written with intrinsics. LANES floats are a vector. */
#ifndef KERNELS_SIMD_H
#define KERNELS_SIMD_H

#include "base/dtype.h"
#include "device/cpu/kernels.h"

#include <math.h>
#include <string.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif

/* What a file of a tier exports carries the tier's name. */
#define TIER_PASTE_(name, tier) name##_##tier
#define TIER_PASTE(name, tier)  TIER_PASTE_(name, tier)
#define TIER(name)              TIER_PASTE(name, CPU_TIER)

/* Without it GCC keeps arrays of vectors in memory instead of in registers. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));
typedef uint16_t hvec __attribute__((vector_size(2 * LANES)));

ALWAYS_INLINE vec splat(float x)
{
    return x - (vec){0}; /* minus keeps -0 */
}

ALWAYS_INLINE ivec isplat(int32_t x)
{
    return x + (ivec){0};
}

ALWAYS_INLINE vec load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

ALWAYS_INLINE void store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

/* The first n lanes; the others are 0. */
ALWAYS_INLINE vec load_first(const float *p, int64_t n)
{
    vec v = {0};
    if (n >= LANES)
        return load(p);
    memcpy(&v, p, (size_t)n * sizeof(float));
    return v;
}

ALWAYS_INLINE void store_first(float *p, vec v, int64_t n)
{
    if (n >= LANES)
        store(p, v);
    else
        memcpy(p, &v, (size_t)n * sizeof(float));
}

ALWAYS_INLINE vec as_vec(ivec v)
{
    vec out;
    memcpy(&out, &v, sizeof out);
    return out;
}

ALWAYS_INLINE ivec as_ivec(vec v)
{
    ivec out;
    memcpy(&out, &v, sizeof out);
    return out;
}

/* mask lanes are all ones or all zeros, as comparisons make them */
ALWAYS_INLINE vec blend(ivec mask, vec yes, vec no)
{
    return as_vec((mask & as_ivec(yes)) | (~mask & as_ivec(no)));
}

ALWAYS_INLINE vec vmax(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return blend(a > b, a, b);
#endif
}

ALWAYS_INLINE vec vmin(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vec)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return blend(a < b, a, b);
#endif
}

ALWAYS_INLINE vec vabs(vec a)
{
    return as_vec(as_ivec(a) & isplat(0x7fffffff));
}

ALWAYS_INLINE vec vsqrt(vec a)
{
#if defined(__AVX512F__)
    return (vec)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX2__)
    return (vec)_mm256_sqrt_ps((__m256)a);
#else
    for (int i = 0; i < LANES; i++)
        a[i] = sqrtf(a[i]);
    return a;
#endif
}

ALWAYS_INLINE float sum_lanes(vec v)
{
    float s[LANES];
    memcpy(s, &v, sizeof s);
    for (int n = LANES / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            s[i] += s[i + n];
    return s[0];
}

ALWAYS_INLINE float max_lanes(vec v)
{
    float s[LANES];
    memcpy(s, &v, sizeof s);
    for (int n = LANES / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            s[i] = s[i] > s[i + n] ? s[i] : s[i + n];
    return s[0];
}

/* ---- 16-bit weights -------------------------------------------------------------------------- */

ALWAYS_INLINE vec load_bf16(const uint16_t *p)
{
    hvec h;
    uvec u;
    vec v;
    memcpy(&h, p, sizeof h);
    u = __builtin_convertvector(h, uvec) << 16;
    memcpy(&v, &u, sizeof v);
    return v;
}

ALWAYS_INLINE vec load_f16(const uint16_t *p)
{
#if defined(__AVX512F__)
    return (vec)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
#elif defined(__AVX2__)
    return (vec)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
#else
    /* The exponent is rebased by a multiplication, which also normalises subnormals; infinities
     * and NaN need their exponent put back. */
    hvec h;
    uvec u, sign;
    ivec special;
    vec v;
    memcpy(&h, p, sizeof h);
    u = __builtin_convertvector(h, uvec);
    sign = (u & 0x8000u) << 16;
    u = (u & 0x7fffu) << 13;
    special = (ivec)(u >= (0x7c00u << 13));
    v = as_vec((ivec)u) * splat(0x1p112f);
    v = as_vec(as_ivec(v) | (special & isplat(0x7f800000)));
    return as_vec(as_ivec(v) | (ivec)sign);
#endif
}

/* A weight element by its type; 16-bit and unaligned floats are read through memcpy. */
ALWAYS_INLINE float weight_at(const void *data, int32_t dtype, int64_t i)
{
    uint16_t h;
    float f;
    if (dtype == CORBEL_F32) {
        memcpy(&f, (const char *)data + i * 4, sizeof f);
        return f;
    }
    memcpy(&h, (const char *)data + i * 2, sizeof h);
    return dtype == CORBEL_BF16 ? bf16_to_f32(h) : f16_to_f32(h);
}

ALWAYS_INLINE vec weight_vec(const void *data, int32_t dtype, int64_t i)
{
    const char *bytes = data;
    if (dtype == CORBEL_F32)
        return load((const float *)(const void *)(bytes + i * 4));
    if (dtype == CORBEL_BF16)
        return load_bf16((const uint16_t *)(const void *)(bytes + i * 2));
    return load_f16((const uint16_t *)(const void *)(bytes + i * 2));
}

/* ---- transposition --------------------------------------------------------------------------- */

#if LANES == 16
#define ZIP_LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define ZIP_HIGH(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif LANES == 8
#define ZIP_LOW(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define ZIP_LOW(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

/* A LANES x LANES block in place: log2(LANES) perfect shuffles of its rows. */
ALWAYS_INLINE void transpose(vec r[LANES])
{
    UNROLL
    for (int round = 1; round < LANES; round *= 2) {
        vec t[LANES];
        UNROLL
        for (int i = 0; i < LANES / 2; i++) {
            t[2 * i] = ZIP_LOW(r[i], r[i + LANES / 2]);
            t[2 * i + 1] = ZIP_HIGH(r[i], r[i + LANES / 2]);
        }
        UNROLL
        for (int i = 0; i < LANES; i++)
            r[i] = t[i];
    }
}

#endif
