/* kernels/table.c: what this tier exports. */
#include "device/cpu/kernels/tier.h"

const struct cpu_kernels TIER(cpu_kernels) = {
    .linear = TIER(cpu_linear),
    .batch = TIER(cpu_batch),
    .attention = TIER(cpu_attention),
    .rms_norm = TIER(cpu_rms_norm),
    .layer_norm = TIER(cpu_layer_norm),
    .softmax = TIER(cpu_softmax),
    .map = TIER(cpu_map),
    .affine = TIER(cpu_affine),
    .binary = TIER(cpu_binary),
    .lanes = LANES,
#ifdef __AMX_BF16__
    .matrix_units = true,
    .row_grain = 16,
#elif LANES == 16
    .row_grain = 12,
#else
    .row_grain = 6,
#endif
};
