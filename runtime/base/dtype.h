/* base/dtype.h: element types: names, sizes, conversion. */
#ifndef BASE_DTYPE_H
#define BASE_DTYPE_H

#include "corbel/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

unsigned dtype_bits(int32_t dtype);           /* 0: no such type */
size_t dtype_size(int32_t dtype);             /* bytes; 0: no such type or less than a byte */
const char *dtype_name(int32_t dtype);        /* "float32", "bfloat16", ...: torch's names */
const char *dtype_safetensors(int32_t dtype); /* "F32", "BF16", ... */
int32_t dtype_from_name(const char *name);    /* with or without "torch."; 0: unknown */
int32_t dtype_from_safetensors(const char *name);
bool dtype_is_float(int32_t dtype); /* F32, F16, BF16, F64 */

/* Can its elements be converted to floats? Beside floats also F8_E4M3, F8_E5M2 and integers. */
bool dtype_has_float(int32_t dtype);

/* Converts `count` elements to F32, F16, BF16 or F64 (round to nearest even) from those, integers,
 * F8_E4M3 or F8_E5M2; between I64, I32, I16, I8, U8 and BOOL; and from F32 to I32. False if the
 * pair is not supported. Neither side need be aligned. */
bool dtype_convert(int32_t to, void *out, int32_t from, const void *in, size_t count);

static inline float bf16_to_f32(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

uint16_t f32_to_bf16(float f); /* nearest even; NaN stays NaN */
float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);

#endif
