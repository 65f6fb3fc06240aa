/* program/program.h: what a plugin emits: a flat list of operations on numbered values.
 *
 * Value ids count from 1; 0 is none. A value is a weight, constant, input or state, or a result of
 * exactly one operation. Shapes are concrete: a program is traced for one batch size, one number
 * of new tokens S, and one cache capacity T. What changes from step to step (position, length of
 * the cache, tokens) are inputs and step parameters, so one program serves a whole generation.
 *
 * Step parameter `past`: how many cache entries are valid before the step. Attention with
 * cache >= 0 first writes its S new keys and values at [past, past + S) of that cache, then
 * query s attends to entries j <= past + s (j > past + s - window if windowed) whose
 * mask[b, j] is not 0. mask is [B, T] i32 over the whole cache. Attention without a cache (-1,
 * not causal) attends to its own k and v, mask [B, S].
 *
 * A program is built through program_builder (sticky on failure), or read from bytes. Both ways
 * every shape is derived by program/shapes.c; nothing that it cannot derive gets in. */
#ifndef PROGRAM_PROGRAM_H
#define PROGRAM_PROGRAM_H

#include "base/arena.h"
#include "base/text.h"
#include "corbel/corbel.h"
#include "program/operations.h"

#define PROGRAM_MAX_RANK     8
#define PROGRAM_MAX_INPUTS   16
#define PROGRAM_MAX_OUTPUTS  3
#define PROGRAM_MAX_VALUES   (1u << 20)
#define PROGRAM_MAX_OPS      (1u << 17)
#define PROGRAM_MAX_ELEMENTS (INT64_C(1) << 40) /* of one value; every size is at least 1 */
#define PROGRAM_MAX_NAME     512                /* bytes of a name or module path */
#define PROGRAM_MAX_PUSH     32                 /* words: the 128 bytes that every device has */
#define PROGRAM_MAX_GRID     65535              /* workgroups on one axis, as every device has */
#define PROGRAM_MAX_BUFFERS  8                  /* of a kernel: its inputs and its result */
#define PROGRAM_MAX_NESTED   8                  /* regions within each other */

enum value_kind {
    VALUE_WEIGHT,   /* name: as in the checkpoint; dtype: F32 until a model binds a stored one */
    VALUE_CONSTANT, /* data: in the program */
    VALUE_INPUT,    /* name: input_ids, attention_mask, position_ids, pixel_values */
    VALUE_STATE,    /* name: kept by the runtime from step to step, zero at first */
    VALUE_RESULT
};

struct program_value {
    enum value_kind kind;
    int32_t dtype; /* results: F32 or I32; weights: F32, F16, BF16 */
    uint32_t rank;
    int64_t shape[PROGRAM_MAX_RANK];
    const char *name;  /* NULL for results */
    const void *data;  /* constants: n elements of dtype */
    uint32_t producer; /* results: index of the operation */
};

struct program_attr {
    enum program_attr_key key;
    int64_t i;
    double f;
};

/* How a kernel is dispatched: workgroups on each axis, and its push constants. */
struct program_launch {
    uint32_t grid[3], n_push;
    struct program_push {
        uint32_t word;
        bool is_float; /* how it reads: for people only */
    } push[PROGRAM_MAX_PUSH];
};

struct program_op {
    enum program_op_kind kind;
    uint32_t n_in, n_out, n_attrs;
    uint32_t in[PROGRAM_MAX_INPUTS];
    uint32_t out[PROGRAM_MAX_OUTPUTS];
    const struct program_attr *attrs;    /* sorted by key, each once */
    const char *module;                  /* "model.layers.3.self_attn" */
    const char *custom;                  /* OP_CUSTOM: the kernel's name */
    const struct program_launch *launch; /* OP_CUSTOM; NULL: not said */
};

struct program_output {
    const char *name; /* logits, last_hidden_state, hidden_states.0 ... */
    uint32_t value;
};

/* One key/value cache; K and V are each [batch, n_heads, capacity, head_dim] F32. */
struct program_cache {
    int64_t batch, n_heads, capacity, head_dim, value_dim;
    uint32_t used_by; /* the attention that uses it: index of the operation + 1; 0: none yet.
                         program_emit sets it */
};

/* Operations that a kernel of the plugin may replace. They are part of the program like any other:
 * shapes come from them, and a device that does not run the kernel computes them instead. Regions
 * lie side by side or within each other, and are ordered by their ends, the inner one first. */
struct program_region {
    const char *kernel;
    uint32_t begin, end; /* operations [begin, end) */
    uint32_t n_in;
    uint32_t in[PROGRAM_MAX_INPUTS]; /* the kernel's first buffers; values from before the region */
    uint32_t out;                    /* its last buffer; all that is used of the region, f32 */
    struct program_launch launch;
};

/* What a kernel may ask of a device beyond the least, in order of its bits. */
enum program_feature {
    FEATURE_INT64,
    FEATURE_INT16,
    FEATURE_INT8,
    FEATURE_FLOAT64,
    FEATURE_FLOAT16,
    FEATURE_SUBGROUP_BASIC,
    FEATURE_SUBGROUP_VOTE,
    FEATURE_SUBGROUP_ARITHMETIC,
    FEATURE_SUBGROUP_BALLOT,
    FEATURE_SUBGROUP_SHUFFLE,
    FEATURE_SUBGROUP_SHUFFLE_RELATIVE,
    FEATURE_SUBGROUP_CLUSTERED,
    FEATURE_COUNT
};

/* A kernel: a compute shader that came with the plugin, checked (plugin/spirv.h). */
struct program_kernel {
    const char *name, *entry;
    const uint32_t *spirv;
    uint32_t spirv_size;                 /* bytes */
    uint32_t n_buffers, push_size;       /* push_size: bytes */
    uint32_t features;                   /* 1 << enum program_feature: what a device must have */
    uint32_t local_size[3], shared_size; /* invocations of a workgroup; bytes that they share */
};

struct program {
    struct arena arena;           /* owns all that follows, but not the kernels */
    struct program_value *values; /* [n_values + 1]; values[0] is unused */
    struct program_op *ops;
    struct program_output *outputs;
    struct program_cache *caches;
    struct program_region *regions;
    const struct program_kernel *kernels; /* of the plugin; outlive the program. NULL: not known */
    uint32_t n_values, n_ops, n_outputs, n_caches, n_regions, n_kernels;
    uint32_t values_capacity, ops_capacity, outputs_capacity, caches_capacity, regions_capacity;
};

void program_init(struct program *p);
void program_finish(struct program *p);

/* Declaring and emitting. Each checks its arguments, derives shapes, and fails with the operation,
 * the shapes and the module path in the message. *id is the new value. */
corbel_status program_add_value(struct program *p, const struct program_value *value, uint32_t *id,
                                corbel_error *err);
/* Appends a copy of `op`; out[] (room for PROGRAM_MAX_OUTPUTS, or NULL) gets the results' ids. For
 * a causal attention without ATTR_CACHE the caller's builder has assigned one.
 *
 * The copy is canonical: attributes sorted, an axis counted from the front, sizes of reshape and
 * expand and the ends of a slice written out. A weight stored in reduced precision is cast to F32
 * first where the operation takes no such weight, which makes one operation more. */
corbel_status program_emit(struct program *p, const struct program_op *op, uint32_t out[],
                           corbel_error *err);
corbel_status program_add_output(struct program *p, const char *name, uint32_t value,
                                 corbel_error *err);
corbel_status program_add_cache(struct program *p, const struct program_cache *cache,
                                uint32_t *slot, corbel_error *err);

/* Marks operations that have been emitted, the last one included; regions within it are marked
 * already. Checks what program_verify checks of it, but for uses that come later. */
corbel_status program_add_region(struct program *p, const struct program_region *region,
                                 corbel_error *err);
/* Gives the program the kernels that its regions speak of; each must exist, with as many buffers
 * and push constants. */
corbel_status program_set_kernels(struct program *p, const struct program_kernel *kernels,
                                  uint32_t n_kernels, corbel_error *err);
/* NULL: the program has no kernel of that name. */
const struct program_kernel *program_kernel(const struct program *p, const char *name);
/* Region i alone, as a program of its own: its inputs are inputs called in.0, in.1 and so on
 * (weights as F32), what it reads besides is a constant, and its one output is called out. For
 * tests of a kernel against its decomposition. CORBEL_E_UNSUPPORTED: it reads a weight, state or
 * input that is none of the kernel's buffers. */
corbel_status program_extract_region(const struct program *p, uint32_t i, struct program *alone,
                                     corbel_error *err);

/* Room for one more than `count` items in an array of the program's; false: no memory. */
bool program_grow(struct program *p, void **items, uint32_t *capacity, uint32_t count, size_t size);

/* Derives the shapes and dtypes of op's results (program/shapes.c). */
corbel_status program_infer(const struct program *p, const struct program_op *op,
                            struct program_value out[PROGRAM_MAX_OUTPUTS], corbel_error *err);
/* Checks all of a program, as if emitted anew. `fused`: also operations of the planner. */
corbel_status program_verify(const struct program *p, bool fused, corbel_error *err);

/* Drops operations and values that no output and no assignment needs, and numbers the values anew.
 * Caches stay, so that programs of one model agree about their slots. */
corbel_status program_prune(struct program *p, corbel_error *err);

/* Binary form: little-endian, versioned, self-contained. Reading treats the bytes as hostile and
 * verifies. *data is the caller's (free). */
corbel_status program_write(const struct program *p, char **data, size_t *size, corbel_error *err);
corbel_status program_read(struct program *p, const void *data, size_t size, corbel_error *err);

/* Readable forms. */
void program_print_text(const struct program *p, struct text *out);
void program_print_dot(const struct program *p, struct text *out);
void program_print_json(const struct program *p, struct text *out);

/* Helpers for executors and rules. */
int64_t program_op_int(const struct program_op *op, enum program_attr_key key, int64_t fallback);
double program_op_float(const struct program_op *op, enum program_attr_key key, double fallback);
int64_t value_count(const struct program_value *v); /* elements; product of the shape */
uint64_t value_bytes(const struct program_value *v);
const char *program_op_name(enum program_op_kind kind);
const char *program_attr_name(enum program_attr_key key);
bool program_op_is_fused(enum program_op_kind kind); /* made by the planner only */
/* -1: no such name. */
int program_op_from_name(const char *name);
int program_attr_from_name(const char *name);
bool program_attr_is_float(enum program_attr_key key);
const char *program_function_name(enum program_function f);

#endif
