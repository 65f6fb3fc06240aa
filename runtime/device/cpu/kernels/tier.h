/* kernels/tier.h: what the files of one tier export to each other and to the table. */
#ifndef KERNELS_TIER_H
#define KERNELS_TIER_H

#include "device/cpu/kernels/simd.h"

void TIER(cpu_linear)(const void *params, struct cpu_worker *w);
void TIER(cpu_batch)(const void *params, struct cpu_worker *w);
void TIER(cpu_attention)(const void *params, struct cpu_worker *w);
void TIER(cpu_rms_norm)(const void *params, struct cpu_worker *w);
void TIER(cpu_layer_norm)(const void *params, struct cpu_worker *w);
void TIER(cpu_softmax)(const void *params, struct cpu_worker *w);
void TIER(cpu_map)(const void *params, struct cpu_worker *w);
void TIER(cpu_affine)(const void *params, struct cpu_worker *w);
void TIER(cpu_binary)(const void *params, struct cpu_worker *w);

/* ---- products of few tokens (gemv.c) --------------------------------------------------------- */

enum { GEMV_TOKENS = 8 };
void TIER(gemv)(const struct linear_params *p, struct cpu_worker *w);

/* ---- products of many tokens (gemm.c, gemm_amx.c) --------------------------------------------
 * Both compute c[n, m] with tokens in the lanes: weights are then needed one element at a time, as
 * they lie, and only activations have to be rearranged. */

/* Rearranges tokens [m0, m0 + tokens) into the shared scratch; every worker does its share. */
void TIER(gemm_pack)(const struct linear_params *p, int64_t m0, int64_t tokens,
                     struct cpu_worker *w);
/* c[r, m] = sum_k weight[n0 + r, k] * x[m0 + m, k] for the tokens packed last; c has room for
 * rows rounded up to 16. panel: scratch for weights. */
void TIER(gemm_block)(const struct linear_params *p, const struct cpu_weight *weight, int64_t n0,
                      int64_t rows, int64_t tokens, const void *packed, float *c, int64_t c_stride,
                      void *panel);

/* x[m + lane, k + i] as out[i][lane]; 0 beyond the tokens and beyond k. */
void TIER(gemm_columns)(const struct linear_params *p, int64_t m, int64_t m_end, int64_t k,
                        vec out[LANES]);
/* weight[n + i, k + lane] as out[i][lane]; 0 outside. */
void TIER(gemm_weights)(const struct cpu_weight *w, int64_t n, int64_t n_end, int64_t k,
                        vec out[LANES]);

#endif
