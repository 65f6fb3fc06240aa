/* corbel/dtype.h: the element types that both sides of the plugin ABI and the host API speak of.
 *
 * The numbers are part of the ABI: they are appended to, never changed. The names are those of
 * safetensors (the README of huggingface/safetensors, "Format"). */
#ifndef CORBEL_DTYPE_H
#define CORBEL_DTYPE_H

#include <stdint.h>

/* An element type travels as int32_t; 0 is none. F32, F16, BF16 and I32 occur in programs; the
 * others occur in checkpoints only. */
enum {
    CORBEL_DTYPE_NONE = 0,
    CORBEL_F32 = 1,
    CORBEL_F16 = 2,
    CORBEL_BF16 = 3,
    CORBEL_I32 = 4,
    CORBEL_I64 = 5,
    CORBEL_F64 = 6,
    CORBEL_I16 = 7,
    CORBEL_I8 = 8,
    CORBEL_U8 = 9,
    CORBEL_BOOL = 10,
    CORBEL_U16 = 11,
    CORBEL_U32 = 12,
    CORBEL_U64 = 13,
    CORBEL_C64 = 14,
    CORBEL_F8_E4M3 = 15,
    CORBEL_F8_E5M2 = 16,
    CORBEL_F8_E8M0 = 17,
    CORBEL_F8_E4M3FNUZ = 18,
    CORBEL_F8_E5M2FNUZ = 19,
    CORBEL_F6_E2M3 = 20,
    CORBEL_F6_E3M2 = 21,
    CORBEL_F4 = 22
};

#endif
