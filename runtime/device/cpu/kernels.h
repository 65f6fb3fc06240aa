/* device/cpu/kernels.h: the line between preparing an operation and running it.
 *
 * Params structs are filled by op_*.c and read by kernels/. The kernels are compiled once a tier;
 * each tier exports one table. Pointers to weights may be unaligned: safetensors aligns to the
 * element at best. */
#ifndef CPU_KERNELS_H
#define CPU_KERNELS_H

#include "program/operations.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu_pool;

/* One thread of a running job. */
struct cpu_worker {
    struct cpu_pool *pool; /* NULL: a lone worker */
    uint32_t index, count;
    int64_t past;         /* step parameter */
    void *shared, *local; /* scratch: seen by all, its own */
    atomic_int *fault;    /* set to a cpu_fault by an operation whose data makes no sense */
    uint32_t ticket;      /* a lone worker's */
};

enum cpu_fault { CPU_FAULT_NONE, CPU_FAULT_INDEX };

typedef void (*cpu_run)(const void *params, struct cpu_worker *w);

/* Waits for all workers. Also puts the tickets back to 0. */
void cpu_barrier(struct cpu_worker *w);
/* 0, 1, 2, ... each handed out once between two barriers: work is taken, not dealt. */
uint32_t cpu_ticket(struct cpu_worker *w);

/* The worker's contiguous share of n items, in multiples of grain. */
static inline void cpu_share(const struct cpu_worker *w, int64_t n, int64_t grain, int64_t *from,
                             int64_t *to)
{
    const int64_t units = (n + grain - 1) / grain;

    *from = units * w->index / w->count * grain;
    *to = units * (w->index + 1) / w->count * grain;
    if (*from > n)
        *from = n;
    if (*to > n)
        *to = n;
}

/* ---- products -------------------------------------------------------------------------------- */

/* w[n, k] at data[n * row_stride + k * col_stride], in elements of dtype. */
struct cpu_weight {
    const void *data;
    int32_t dtype; /* F32, F16, BF16 */
    int64_t rows, cols, row_stride, col_stride;
    const float *bias; /* [rows] or NULL */
};

enum { LINEAR_MAX_PARTS = 3 };

/* The patches of an image as rows of K = channels * kernel, for a convolution as a product. */
struct cpu_patches {
    int64_t channels, height, width; /* of the input; one group's channels */
    int64_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
    int64_t out_h, out_w;
};

/* y_i[m, n] = f(sum_k x[m, k] * w_i[n, k] + b_i[n]) + residual[m, n].
 * gated: one result, f(w_0 ...) * (w_1 ...). */
struct linear_params {
    const float *x;
    int64_t m, k, x_stride;
    const struct cpu_patches *patches; /* x is one image; m its output positions */
    uint32_t n_weights;
    bool gated;
    bool channels_first; /* y[n, m] instead of y[m, n]; no residual */
    struct cpu_weight weight[LINEAR_MAX_PARTS];
    float *y[LINEAR_MAX_PARTS]; /* y_i is [m, rows_i] */
    const float *residual;      /* of y_0 */
    enum program_function function;
    uint32_t x_terms;         /* matrix units: bfloat16 terms that an activation is */
    int64_t m_block, n_block; /* tokens packed at a time; rows of a work item */
    size_t pack_size;         /* shared scratch */
};

/* The same product n times, at other places. */
struct batch_params {
    struct linear_params linear;
    int64_t n;
    const struct batch_offset {
        int64_t x, w, bias, y; /* elements from where `linear` points */
    } * offset;
};

/* ---- attention ------------------------------------------------------------------------------- */

/* q [B,S,H,D], k [B,S,KV,D], v [B,S,KV,E], mask [B,T] or NULL, y [B,S,H,E]. With a cache, keys and
 * values are first stored at [past, past + S) of keys [B,KV,T,D] and values [B,KV,T,E]. */
struct attention_params {
    const float *q, *k, *v;
    const int32_t *mask;
    const float *table; /* rope: [B,S,R/2,2] cos, sin; NULL: none */
    float *y;
    float *keys, *values;
    int64_t batch, tokens, heads, kv_heads, dim, value_dim, capacity, window;
    int64_t rope_dim, table_batch; /* table_batch: stride, 0 if all batches share a table */
    bool cached, causal, interleaved;
    float scale, softcap;
};

/* ---- rows and elements ----------------------------------------------------------------------- */

struct norm_params {
    const float *x, *add; /* add: NULL or summed to x first */
    const float *weight, *bias;
    float *sum, *y; /* sum: where x + add goes */
    int64_t rows, cols;
    float eps, weight_offset;
};

struct map_params {
    const float *x;
    float *y;
    int64_t n;
    enum program_function function;
    float scale, shift;
};

/* Broadcast arithmetic: axes merged where they can be; strides 0 where broadcast. */
struct binary_params {
    const void *a, *b;
    void *y;
    enum program_op_kind kind;
    bool integer;
    uint32_t rank;
    int64_t shape[8], a_stride[8], b_stride[8];
};

/* ---- the table of a tier --------------------------------------------------------------------- */

enum cpu_tier { CPU_PORTABLE, CPU_AVX2, CPU_AVX512, CPU_AMX, CPU_TIER_COUNT };

struct cpu_kernels {
    cpu_run linear, batch, attention;
    cpu_run rms_norm, layer_norm, softmax;
    cpu_run map, affine, binary;
    /* Sizes that decide about scratch. */
    uint32_t lanes;     /* floats of a vector */
    uint32_t row_grain; /* rows of weights that a tile of products has */
    bool matrix_units;
};

extern const struct cpu_kernels cpu_kernels_portable, cpu_kernels_avx2, cpu_kernels_avx512,
    cpu_kernels_amx;

#endif
