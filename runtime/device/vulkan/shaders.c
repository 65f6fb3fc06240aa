/* device/vulkan/shaders.c: the standard library's SPIR-V, compiled from shaders/ at build time.
 *
 * Offsets of a kernel's buffers come first in its push constants, one word each. */
#include "device/vulkan/vulkan.h"

/* clang-format off */
static const uint32_t copy_spirv[] =
#include "copy.comp.inc"
;
static const uint32_t gather_spirv[] =
#include "gather.comp.inc"
;
static const uint32_t embedding_spirv[] =
#include "embedding.comp.inc"
;
static const uint32_t binary_spirv[] =
#include "binary.comp.inc"
;
static const uint32_t unary_spirv[] =
#include "unary.comp.inc"
;
static const uint32_t norm_spirv[] =
#include "norm.comp.inc"
;
static const uint32_t softmax_spirv[] =
#include "softmax.comp.inc"
;
static const uint32_t reduce_spirv[] =
#include "reduce.comp.inc"
;
static const uint32_t linear_scan_spirv[] =
#include "linear_scan.comp.inc"
;
static const uint32_t linear_spirv[] =
#include "linear.comp.inc"
;
static const uint32_t linear_texel_spirv[] =
#include "linear_texel.comp.inc"
;
static const uint32_t linear_any_spirv[] =
#include "linear_any.comp.inc"
;
static const uint32_t matmul_spirv[] =
#include "matmul.comp.inc"
;
static const uint32_t rope_spirv[] =
#include "rope.comp.inc"
;
static const uint32_t attention_prepare_spirv[] =
#include "attention_prepare.comp.inc"
;
static const uint32_t attention_query_spirv[] =
#include "attention_query.comp.inc"
;
static const uint32_t attention_rows_spirv[] =
#include "attention_rows.comp.inc"
;
static const uint32_t attention_combine_spirv[] =
#include "attention_combine.comp.inc"
;
static const uint32_t conv_spirv[] =
#include "conv.comp.inc"
;
static const uint32_t batch_norm_spirv[] =
#include "batch_norm.comp.inc"
;
static const uint32_t pool_spirv[] =
#include "pool.comp.inc"
;
static const uint32_t interpolate_spirv[] =
#include "interpolate.comp.inc"
;
/* clang-format on */

/* All of the 128 bytes that every device has. */
#define PUSH_SIZE 128

static const struct vulkan_shader shaders[KERNEL_COUNT] = {
#define X(NAME, file, buffers, texel) \
    {#file, "main", file##_spirv, sizeof(file##_spirv), buffers, texel, PUSH_SIZE, false},
    VULKAN_KERNELS(X)
#undef X
};

const struct vulkan_shader *kernel_shader(enum vulkan_kernel kernel)
{
    return &shaders[kernel];
}
