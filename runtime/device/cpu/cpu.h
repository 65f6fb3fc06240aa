/* device/cpu/cpu.h: what the files of the CPU device share.
 *
 * An executable is a list of cpu_op. All threads walk the list together, each doing its share of
 * every operation, with a barrier after each: one wake-up a step, and no queue. An operation is
 * prepared once (pointers resolved, sizes derived) by a prepare function of its family, and run by
 * a function that only reads what was prepared. */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include "base/arena.h"
#include "device/cpu/kernels.h"
#include "device/device.h"

#include <stdatomic.h>

/* ---- threads (pool.c) ------------------------------------------------------------------------ */

/* Memory of the worker's own, and memory that all workers of the pool see. */
struct cpu_scratch {
    void *data;
    size_t size;
};

typedef void (*cpu_job)(void *arg, struct cpu_worker *w);

struct cpu_pool *cpu_pool_create(uint32_t threads, bool pin);
void cpu_pool_destroy(struct cpu_pool *pool);
uint32_t cpu_pool_threads(const struct cpu_pool *pool);
/* Grows the scratch memory; false: out of memory. Not while a job runs. */
bool cpu_pool_reserve(struct cpu_pool *pool, size_t shared, size_t local);
/* Runs job on every thread, the caller's included, and waits for all of them. */
void cpu_pool_run(struct cpu_pool *pool, cpu_job job, void *arg);

/* ---- tiers of instructions (tier.c) ---------------------------------------------------------- */

/* The kernels of a tier; NULL if this processor or this build lacks it. */
const struct cpu_kernels *cpu_kernels_get(enum cpu_tier tier);
/* The best there is, or the one that CORBEL_CPU_TIER names if it is there. */
enum cpu_tier cpu_tier_default(void);
const char *cpu_tier_name(enum cpu_tier tier);

/* ---- preparing operations (op_*.c) ----------------------------------------------------------- */

/* Where the values of a program are while its operations are prepared. */
struct cpu_context {
    const struct program *program;
    void *const *values;     /* [n_values + 1] host pointers; weights in their own dtype */
    const int32_t *dtypes;   /* [n_values + 1] what lies there, or NULL: as the program says */
    void *const *key_caches; /* [n_caches] */
    void *const *value_caches;
    const struct cpu_kernels *kernels;
    enum device_precision precision;
    uint32_t threads;
    struct arena *arena;  /* of the executable */
    size_t shared, local; /* scratch needed, raised by prepare functions */
};

struct cpu_op {
    cpu_run run;
    const void *params;
};

typedef corbel_status (*cpu_prepare)(struct cpu_context *c, const struct program_op *op,
                                     struct cpu_op *out, corbel_error *err);

corbel_status cpu_op_prepare(struct cpu_context *c, const struct program_op *op, struct cpu_op *out,
                             corbel_error *err);

corbel_status cpu_prepare_linear(struct cpu_context *c, const struct program_op *op,
                                 struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_matmul(struct cpu_context *c, const struct program_op *op,
                                 struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_conv(struct cpu_context *c, const struct program_op *op,
                               struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_attention(struct cpu_context *c, const struct program_op *op,
                                    struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_norm(struct cpu_context *c, const struct program_op *op,
                               struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_elementwise(struct cpu_context *c, const struct program_op *op,
                                      struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_layout(struct cpu_context *c, const struct program_op *op,
                                 struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_reduce(struct cpu_context *c, const struct program_op *op,
                                 struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_scan(struct cpu_context *c, const struct program_op *op,
                               struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_rope(struct cpu_context *c, const struct program_op *op,
                               struct cpu_op *out, corbel_error *err);
corbel_status cpu_prepare_image(struct cpu_context *c, const struct program_op *op,
                                struct cpu_op *out, corbel_error *err);

/* Helpers of the prepare functions. */
const struct program_value *cpu_value(const struct cpu_context *c, uint32_t id);
int32_t cpu_dtype(const struct cpu_context *c, uint32_t id);
/* Value `id` as float32; 16-bit weights are converted once, into the arena. NULL for id 0. */
corbel_status cpu_operand_f32(struct cpu_context *c, uint32_t id, const float **out,
                              corbel_error *err);
/* A zeroed params struct in the arena; sets op->run and op->params. NULL: out of memory, err set.
 */
void *cpu_params(struct cpu_context *c, struct cpu_op *op, cpu_run run, size_t size,
                 corbel_error *err);
void cpu_need(struct cpu_context *c, size_t shared, size_t local);
/* Resolves a negative axis. */
uint32_t cpu_axis(const struct program_op *op, const struct program_value *v, int64_t fallback);

/* ---- the device (device.c, executable.c) ----------------------------------------------------- */

struct cpu_device {
    struct device base;
    struct cpu_pool *pool;
    enum cpu_tier tier;
};

struct cpu_buffer {
    struct buffer base;
    void *data;
    bool mapped; /* data is the caller's */
};

/* For tests: executables made from now on use this tier. False: not on this processor. */
bool cpu_device_set_tier(struct device *device, enum cpu_tier tier);

corbel_status cpu_executable_create(struct device *device, const struct plan *plan,
                                    const struct executable_bindings *bindings,
                                    struct executable **executable, corbel_error *err);
void cpu_executable_destroy(struct executable *executable);
void *cpu_executable_input(struct executable *executable, const char *name);
corbel_status cpu_executable_run(struct executable *executable, int64_t past, corbel_error *err);
const void *cpu_executable_output(struct executable *executable, uint32_t i);
void cpu_executable_set_profile(struct executable *executable, bool on);
const uint64_t *cpu_executable_profile(struct executable *executable);

/* limits.c */
corbel_status cpu_measure_limits(struct device *device, int32_t dtype, double *read_bytes_per_s,
                                 double *flops_per_s, corbel_error *err);

#endif
