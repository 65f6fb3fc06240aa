/* base/dtype.c: the table of element types, and conversion between them. */
#include "base/dtype.h"

#include <math.h>

static const struct dtype_info {
    const char *name, *safetensors;
    unsigned bits;
} dtypes[] = {
    /* clang-format off */
    [CORBEL_F32]         = {"float32",         "F32",         32},
    [CORBEL_F16]         = {"float16",         "F16",         16},
    [CORBEL_BF16]        = {"bfloat16",        "BF16",        16},
    [CORBEL_I32]         = {"int32",           "I32",         32},
    [CORBEL_I64]         = {"int64",           "I64",         64},
    [CORBEL_F64]         = {"float64",         "F64",         64},
    [CORBEL_I16]         = {"int16",           "I16",         16},
    [CORBEL_I8]          = {"int8",            "I8",           8},
    [CORBEL_U8]          = {"uint8",           "U8",           8},
    [CORBEL_BOOL]        = {"bool",            "BOOL",         8},
    [CORBEL_U16]         = {"uint16",          "U16",         16},
    [CORBEL_U32]         = {"uint32",          "U32",         32},
    [CORBEL_U64]         = {"uint64",          "U64",         64},
    [CORBEL_C64]         = {"complex64",       "C64",         64},
    [CORBEL_F8_E4M3]     = {"float8_e4m3fn",   "F8_E4M3",      8},
    [CORBEL_F8_E5M2]     = {"float8_e5m2",     "F8_E5M2",      8},
    [CORBEL_F8_E8M0]     = {"float8_e8m0fnu",  "F8_E8M0",      8},
    [CORBEL_F8_E4M3FNUZ] = {"float8_e4m3fnuz", "F8_E4M3FNUZ",  8},
    [CORBEL_F8_E5M2FNUZ] = {"float8_e5m2fnuz", "F8_E5M2FNUZ",  8},
    [CORBEL_F6_E2M3]     = {"float6_e2m3fn",   "F6_E2M3",      6},
    [CORBEL_F6_E3M2]     = {"float6_e3m2fn",   "F6_E3M2",      6},
    [CORBEL_F4]          = {"float4_e2m1fn",   "F4",           4},
    /* clang-format on */
};
enum { N_DTYPES = sizeof dtypes / sizeof dtypes[0] };

static const struct dtype_info *info(int32_t dtype)
{
    static const struct dtype_info none = {"none", "none", 0};
    return dtype > 0 && dtype < N_DTYPES ? &dtypes[dtype] : &none;
}

unsigned dtype_bits(int32_t dtype)
{
    return info(dtype)->bits;
}

size_t dtype_size(int32_t dtype)
{
    return info(dtype)->bits / 8;
}

const char *dtype_name(int32_t dtype)
{
    return info(dtype)->name;
}

const char *dtype_safetensors(int32_t dtype)
{
    return info(dtype)->safetensors;
}

int32_t dtype_from_name(const char *name)
{
    if (strncmp(name, "torch.", 6) == 0)
        name += 6;
    for (int32_t i = 1; i < N_DTYPES; i++)
        if (strcmp(name, dtypes[i].name) == 0)
            return i;
    return CORBEL_DTYPE_NONE;
}

int32_t dtype_from_safetensors(const char *name)
{
    for (int32_t i = 1; i < N_DTYPES; i++)
        if (strcmp(name, dtypes[i].safetensors) == 0)
            return i;
    return CORBEL_DTYPE_NONE;
}

bool dtype_is_float(int32_t dtype)
{
    return dtype == CORBEL_F32 || dtype == CORBEL_F16 || dtype == CORBEL_BF16 ||
           dtype == CORBEL_F64;
}

/* ---- one element ---------------------------------------------------------------------------- */

static uint32_t float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float float_of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

uint16_t f32_to_bf16(float f)
{
    const uint32_t u = float_bits(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)((u >> 16) | 0x40); /* a NaN whose payload is cut off must not be Inf */
    return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

float f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t exponent = (h >> 10) & 31, mantissa = h & 0x3ff;
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000 | mantissa << 13);
    if (exponent == 0) { /* zero and subnormals: mantissa * 2^-24, exact in float */
        const float f = (float)mantissa * 0x1p-24f;
        return float_of_bits(sign | float_bits(f));
    }
    return float_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t f32_to_f16(float f)
{
    const uint32_t u = float_bits(f), sign = (u >> 16) & 0x8000, absolute = u & 0x7fffffff;
    if (absolute > 0x7f800000) /* NaN */
        return (uint16_t)(sign | 0x7e00 | (absolute >> 13 & 0x3ff));
    if (absolute >= 0x477ff000) /* 65520 and more round to Inf */
        return (uint16_t)(sign | 0x7c00);
    if (absolute < 0x38800000) {
        /* Subnormal: adding 0.5 lets the float unit round to a multiple of 2^-24, which then is
         * the lowest bits of the sum. */
        const float sum = float_of_bits(absolute) + 0.5f;
        return (uint16_t)(sign | (float_bits(sum) - 0x3f000000));
    }
    const uint32_t rounded = absolute + 0xfff + ((absolute >> 13) & 1);
    return (uint16_t)(sign | ((rounded - 0x38000000) >> 13));
}

/* ---- arrays: through a chunk of float or int64, as torch goes through float -------------------
 */

enum { CHUNK = 256 };

static bool is_integer(int32_t dtype)
{
    return dtype == CORBEL_I64 || dtype == CORBEL_I32 || dtype == CORBEL_I16 ||
           dtype == CORBEL_I8 || dtype == CORBEL_U8 || dtype == CORBEL_BOOL;
}

static int64_t integer_load(int32_t from, const uint8_t *in, size_t i)
{
    int64_t i64;
    int32_t i32;
    int16_t i16;
    switch (from) {
    case CORBEL_I64: memcpy(&i64, in + 8 * i, 8); return i64;
    case CORBEL_I32: memcpy(&i32, in + 4 * i, 4); return i32;
    case CORBEL_I16: memcpy(&i16, in + 2 * i, 2); return i16;
    case CORBEL_I8: return (int8_t)in[i];
    case CORBEL_BOOL: return in[i] != 0;
    default: return in[i];
    }
}

/* OCP 8-bit floats: E5M2 is the upper half of a float16; E4M3 has no infinities. */
static float f8_to_f32(int32_t from, uint8_t b)
{
    if (from == CORBEL_F8_E5M2)
        return f16_to_f32((uint16_t)(b << 8));
    const int exponent = b >> 3 & 0xf, fraction = b & 7;
    float f = exponent ? ldexpf((float)(8 + fraction), exponent - 10) : ldexpf((float)fraction, -9);
    if ((b & 0x7f) == 0x7f)
        f = NAN;
    return b & 0x80 ? -f : f;
}

static bool is_f8(int32_t dtype)
{
    return dtype == CORBEL_F8_E4M3 || dtype == CORBEL_F8_E5M2;
}

static void floats_load(float *out, int32_t from, const uint8_t *in, size_t n)
{
    uint16_t h;
    double d;
    if (from == CORBEL_F32)
        memcpy(out, in, n * sizeof(*out));
    else if (from == CORBEL_BF16)
        for (size_t i = 0; i < n; i++)
            memcpy(&h, in + 2 * i, 2), out[i] = bf16_to_f32(h);
    else if (from == CORBEL_F16)
        for (size_t i = 0; i < n; i++)
            memcpy(&h, in + 2 * i, 2), out[i] = f16_to_f32(h);
    else if (is_f8(from))
        for (size_t i = 0; i < n; i++)
            out[i] = f8_to_f32(from, in[i]);
    else if (is_integer(from))
        for (size_t i = 0; i < n; i++)
            out[i] = (float)integer_load(from, in, i);
    else
        for (size_t i = 0; i < n; i++)
            memcpy(&d, in + 8 * i, 8), out[i] = (float)d;
}

static void floats_store(int32_t to, uint8_t *out, const float *in, size_t n)
{
    uint16_t h;
    double d;
    if (to == CORBEL_F32)
        memcpy(out, in, n * sizeof(*in));
    else if (to == CORBEL_BF16)
        for (size_t i = 0; i < n; i++)
            h = f32_to_bf16(in[i]), memcpy(out + 2 * i, &h, 2);
    else if (to == CORBEL_F16)
        for (size_t i = 0; i < n; i++)
            h = f32_to_f16(in[i]), memcpy(out + 2 * i, &h, 2);
    else
        for (size_t i = 0; i < n; i++)
            d = (double)in[i], memcpy(out + 8 * i, &d, 8);
}

/* What does not fit keeps its low bits, as in C and in torch. */
static void integer_store(int32_t to, uint8_t *out, size_t i, int64_t value)
{
    const int32_t i32 = (int32_t)value;
    const int16_t i16 = (int16_t)value;
    switch (to) {
    case CORBEL_I64: memcpy(out + 8 * i, &value, 8); break;
    case CORBEL_I32: memcpy(out + 4 * i, &i32, 4); break;
    case CORBEL_I16: memcpy(out + 2 * i, &i16, 2); break;
    case CORBEL_BOOL: out[i] = value != 0; break;
    default: out[i] = (uint8_t)value; break;
    }
}

/* Towards zero; what does not fit becomes the nearest end of the range, NaN becomes 0. */
static int32_t integer_of_float(float f)
{
    if (isnan(f))
        return 0;
    if (f >= 0x1p31f)
        return INT32_MAX;
    if (f < -0x1p31f)
        return INT32_MIN;
    return (int32_t)f;
}

static void convert_floats(int32_t to, uint8_t *out, int32_t from, const uint8_t *in, size_t count)
{
    float chunk[CHUNK];
    for (size_t i = 0; i < count; i += CHUNK) {
        const size_t n = count - i < CHUNK ? count - i : CHUNK;
        floats_load(chunk, from, in + i * dtype_size(from), n);
        floats_store(to, out + i * dtype_size(to), chunk, n);
    }
}

static void convert_integers(int32_t to, uint8_t *out, int32_t from, const uint8_t *in,
                             size_t count)
{
    for (size_t i = 0; i < count; i++)
        integer_store(to, out, i, integer_load(from, in, i));
}

static void floats_to_integers(uint8_t *out, const uint8_t *in, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float f;
        memcpy(&f, in + 4 * i, 4);
        integer_store(CORBEL_I32, out, i, integer_of_float(f));
    }
}

bool dtype_has_float(int32_t dtype)
{
    return dtype_is_float(dtype) || is_f8(dtype) || is_integer(dtype);
}

bool dtype_convert(int32_t to, void *out, int32_t from, const void *in, size_t count)
{
    if (to == from && dtype_size(to) != 0) {
        if (count != 0)
            memcpy(out, in, count * dtype_size(to));
    } else if (dtype_is_float(to) && dtype_has_float(from))
        convert_floats(to, out, from, in, count);
    else if (is_integer(to) && is_integer(from))
        convert_integers(to, out, from, in, count);
    else if (to == CORBEL_I32 && from == CORBEL_F32)
        floats_to_integers(out, in, count);
    else
        return false;
    return true;
}
