/* kernels/vmath.h: exp, tanh, erf and what is made of them, on vectors.
 *
 * Within 2 ulp of the true value (tests/device/test_cpu_math.c), as torch's own. The polynomials
 * are minimax fits on the intervals that the comments give. */
#ifndef KERNELS_VMATH_H
#define KERNELS_VMATH_H

#include "device/cpu/kernels/simd.h"

/* x = n ln2 + r, |r| <= ln2 / 2; exp(r) = 1 + r + r^2 q(r). Overflows to inf, underflows to 0
 * through the subnormals: 2^n is applied in two halves, each of which is a normal number. */
ALWAYS_INLINE vec vexp(vec x)
{
    const vec rounder = splat(0x1.8p23f); /* adding it leaves an integer in the low bits */
    vec clamped = vmin(vmax(x, splat(-110.0f)), splat(100.0f));
    vec shifted = clamped * splat(1.44269504f) + rounder;
    ivec n = as_ivec(shifted) - as_ivec(rounder);
    vec nf = shifted - rounder;
    vec r = clamped - nf * splat(0.693359375f) + nf * splat(2.12194440e-4f);
    vec q = splat(0.00139421609f);
    ivec half = n >> 1;

    q = q * r + splat(0.00836377591f);
    q = q * r + splat(0.0416663624f);
    q = q * r + splat(0.166665733f);
    q = q * r + splat(0.5f);
    q = q * r * r + r + splat(1.0f);
    q = q * as_vec((half + 127) << 23) * as_vec((n - half + 127) << 23);
    return blend(x == x, q, x); /* NaN stays */
}

ALWAYS_INLINE vec vsigmoid(vec x)
{
    /* exp of what is not positive never overflows; the other side is its mirror image. */
    vec e = vexp(-vabs(x));
    vec s = splat(1.0f) / (splat(1.0f) + e);
    return blend(x < splat(0.0f), e * s, s);
}

/* |x| <= 0.625: x + x^3 p(x^2); beyond, by exp. */
ALWAYS_INLINE vec vtanh(vec x)
{
    vec a = vabs(x), u = x * x;
    vec p = splat(0.00227591093f), small, large;

    p = p * u + splat(-0.00832960848f);
    p = p * u + splat(0.0217647552f);
    p = p * u + splat(-0.0539587848f);
    p = p * u + splat(0.133333012f);
    p = p * u + splat(-0.333333343f);
    small = x + x * u * p;
    large = splat(1.0f) - splat(2.0f) / (vexp(a + a) + splat(1.0f));
    large = blend(x < splat(0.0f), -large, large);
    return blend(a < splat(0.625f), small, large);
}

/* |x| < 1: x p(x^2); beyond, 1 - exp(-x^2) q(1 / (1 + x / 2)). exp(-x^2) needs the rounding error
 * of x^2 too, or far out it has no correct digits; here the whole term is below 0.16, so that the
 * error of 1 - ... stays below an ulp without it. */
ALWAYS_INLINE vec verf(vec x)
{
    vec a = vabs(x), u = x * x, t = splat(1.0f) / (splat(1.0f) + splat(0.5f) * a);
    vec p = splat(-9.64151513e-06f), q = splat(0.117676497f), small, large;

    p = p * u + splat(0.000112569476f);
    p = p * u + splat(-0.000848282885f);
    p = p * u + splat(0.00522094546f);
    p = p * u + splat(-0.0268654004f);
    p = p * u + splat(0.112837821f);
    p = p * u + splat(-0.376126379f);
    p = p * u + splat(1.12837923f);
    small = x * p;
    q = q * t + splat(-0.465469003f);
    q = q * t + splat(0.554920018f);
    q = q * t + splat(-0.0969090983f);
    q = q * t + splat(0.344599575f);
    q = q * t + splat(0.260599107f);
    q = q * t + splat(0.284769535f);
    q = q * t + splat(-0.000144642108f);
    large = splat(1.0f) - vexp(-vmin(u, splat(100.0f))) * q;
    large = vmin(large, splat(1.0f));
    large = blend(x < splat(0.0f), -large, large);
    small = blend(a < splat(1.0f), small, large);
    return blend(x == x, small, x);
}

/* What has no vector form here is rare in models: libm, lane by lane. */
ALWAYS_INLINE vec each_lane(float (*f)(float), vec x)
{
    for (int i = 0; i < LANES; i++)
        x[i] = f(x[i]);
    return x;
}

static inline float softplus_scalar(float x)
{
    return x > 20.0f ? x : log1pf(expf(x)); /* torch's threshold */
}

ALWAYS_INLINE vec vfunction(enum program_function f, vec x)
{
    const vec zero = splat(0.0f), one = splat(1.0f), half = splat(0.5f);

    switch (f) {
    case FUNCTION_SILU: return x * vsigmoid(x);
    case FUNCTION_GELU: return half * x * (one + verf(x * splat(0.707106781f)));
    case FUNCTION_GELU_TANH:
        return half * x * (one + vtanh(splat(0.797884561f) * (x + splat(0.044715f) * (x * x * x))));
    case FUNCTION_RELU: return blend(x < zero, zero, x);
    case FUNCTION_TANH: return vtanh(x);
    case FUNCTION_SIGMOID: return vsigmoid(x);
    case FUNCTION_EXP: return vexp(x);
    case FUNCTION_LOG: return each_lane(logf, x);
    case FUNCTION_SQRT: return vsqrt(x);
    case FUNCTION_RSQRT: return one / vsqrt(x);
    case FUNCTION_NEG: return -x;
    case FUNCTION_ABS: return vabs(x);
    case FUNCTION_SOFTPLUS: return each_lane(softplus_scalar, x);
    case FUNCTION_SQUARE: return x * x;
    case FUNCTION_QUICK_GELU: return x * vsigmoid(splat(1.702f) * x);
    case FUNCTION_RELU2: {
        vec r = blend(x < zero, zero, x);
        return r * r;
    }
    case FUNCTION_SIN: return each_lane(sinf, x);
    case FUNCTION_COS: return each_lane(cosf, x);
    case FUNCTION_LEAKY_RELU: return blend(x < zero, x * splat(0.01f), x);
    case FUNCTION_MISH: return x * vtanh(each_lane(softplus_scalar, x));
    case FUNCTION_NONE:
    case FUNCTION_COUNT: break;
    }
    return x;
}

#endif
