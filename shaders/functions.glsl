// The functions of one argument: enum program_function of runtime/program/operations.h.
//
// Numerics  exp and division are within a few units in the last place; powers are products; tanh
//           and sigmoid never overflow; erf is Abramowitz and Stegun 7.1.26, within 1.5e-7.

const uint FN_NONE = 0u, FN_SILU = 1u, FN_GELU = 2u, FN_GELU_TANH = 3u, FN_RELU = 4u, FN_TANH = 5u,
           FN_SIGMOID = 6u, FN_EXP = 7u, FN_LOG = 8u, FN_SQRT = 9u, FN_RSQRT = 10u, FN_NEG = 11u,
           FN_ABS = 12u, FN_SOFTPLUS = 13u, FN_SQUARE = 14u, FN_QUICK_GELU = 15u, FN_RELU2 = 16u,
           FN_SIN = 17u, FN_COS = 18u, FN_LEAKY_RELU = 19u, FN_MISH = 20u;

float sigmoid_of(float x)
{
    const float e = exp(-abs(x)); // at most 1
    return x >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

float tanh_of(float x)
{
    const float a = abs(x);
    if (a < 0.05) // where the difference below would cancel
        return x * (1.0 - x * x * (1.0 / 3.0 - x * x * (2.0 / 15.0)));
    const float e = exp(-2.0 * a);
    return sign(x) * (1.0 - e) / (1.0 + e);
}

float erf_of(float x)
{
    const float a = abs(x), t = 1.0 / (1.0 + 0.3275911 * a);
    const float sum =
        t * (0.254829592 +
             t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return sign(x) * (1.0 - sum * exp(-a * a));
}

// log(1 + e) for e in [0, 1]: 2 atanh(e / (2 + e)). A device's log may be wrong by 2^-21 near 1.
float log1p_of(float e)
{
    const float t = e / (2.0 + e), s = t * t;
    const float tail = 1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0 + s * (1.0 / 13.0)));
    return 2.0 * t * (1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * tail)));
}

float softplus_of(float x)
{
    return max(x, 0.0) + log1p_of(exp(-abs(x)));
}

float apply(uint function, float x)
{
    switch (function) {
    case FN_SILU: return x * sigmoid_of(x);
    case FN_GELU: return 0.5 * x * (1.0 + erf_of(x * 0.70710678118654752));
    case FN_GELU_TANH:
        return 0.5 * x * (1.0 + tanh_of(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    case FN_RELU: return max(x, 0.0);
    case FN_TANH: return tanh_of(x);
    case FN_SIGMOID: return sigmoid_of(x);
    case FN_EXP: return exp(x);
    case FN_LOG: return log(x);
    case FN_SQRT: return sqrt(x);
    case FN_RSQRT: return 1.0 / sqrt(x);
    case FN_NEG: return -x;
    case FN_ABS: return abs(x);
    case FN_SOFTPLUS: return x > 20.0 ? x : softplus_of(x); // torch's threshold
    case FN_SQUARE: return x * x;
    case FN_QUICK_GELU: return x * sigmoid_of(1.702 * x);
    case FN_RELU2: return max(x, 0.0) * max(x, 0.0);
    case FN_SIN: return sin(x);
    case FN_COS: return cos(x);
    case FN_LEAKY_RELU: return x >= 0.0 ? x : 0.01 * x;
    case FN_MISH: return x * tanh_of(softplus_of(x));
    default: return x;
    }
}
