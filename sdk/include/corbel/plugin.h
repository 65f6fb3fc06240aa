/* corbel/plugin.h: the plugin ABI, version 1.1: all that an architecture plugin includes.
 *
 * A plugin never touches a tensor. It exports one symbol, constant data: `corbel_plugin_v1`, made
 * by CORBEL_PLUGIN. Its constructor declares parameters; its forward emits operations; the runtime
 * checks, plans and executes them, on any device.
 *
 * Rules of the line between plugin and runtime
 * - Structs begin with their size and grow at the end; only the host reconciles sizes. Structs
 *   marked "frozen" lie in arrays and never grow. Fields called reserved are 0.
 * - The table of host functions hangs off the build handle; a plugin has no globals, no init.
 * - Handles are numbers; 0 is none. A zeroed corbel_value as an optional argument means "none",
 *   as the result of a call it means that the build has failed.
 * - Failure is sticky: after the first one every call does nothing and returns 0, so model code
 *   needs no checks. The runtime reports the first reason with operation, shapes, module path.
 *   What a plugin allocates may be NULL after a failure: check that, or return early.
 * - Memory comes from the host, zeroed. What the constructor allocates lives as long as the model,
 *   what forward allocates until it returns. There is no destroy.
 * - The constructor declares parameters (corbel_param_...) and nothing else; their handles are good
 *   in every forward. Inputs, states, constants, operations and outputs belong to forward, which
 *   runs once for each shape; shapes are then concrete and corbel_dim reads them.
 * - Everything runs on one thread. Strings passed in are copied by the host.
 * Compiles as C11 and as C++17. */
#ifndef CORBEL_PLUGIN_H
#define CORBEL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "corbel/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CORBEL_ABI_MAJOR 1
#define CORBEL_ABI_MINOR 1

/* The minor that a plugin says it needs. Define it as 1 before this header if the plugin has names
 * with a | in them, a second default ("4096|0") or CORBEL_PARAM_HEAD: runtimes of ABI 1.0 don't
 * know these, and this one refuses to find them in a plugin that claims to need less. Kernels need
 * no more than 0: a runtime of 1.0 computes their decompositions. */
#ifndef CORBEL_MINOR_NEEDED
#define CORBEL_MINOR_NEEDED 0
#endif

/* ---- what crosses the line ------------------------------------------------------------------- */

typedef struct corbel_value { /* frozen */
    uint32_t id;              /* 0: none, or the build has failed */
} corbel_value;

struct corbel_host;
typedef struct corbel_build { /* the host's; more follows that is none of a plugin's business */
    const struct corbel_host *host;
} corbel_build;

enum { CORBEL_ATTR_INT = 1, CORBEL_ATTR_FLOAT = 2 };
typedef struct corbel_attr { /* frozen */
    const char *key;
    int32_t kind, reserved;
    int64_t i;
    double f;
} corbel_attr;

typedef struct corbel_op {
    uint32_t struct_size, n_in, n_attrs, reserved;
    const char *name;       /* "rms_norm"; "custom:NAME" dispatches the plugin's kernel NAME */
    const corbel_value *in; /* [n_in]; id 0 where an optional input is absent */
    const corbel_attr *attrs;
} corbel_op;

enum {
    CORBEL_PARAM_BUFFER = 1, /* a buffer of the module (running_mean), no parameter */
    CORBEL_PARAM_HEAD = 2 /* a checkpoint may lack it: it is then initialised, and that is said */
};
/* A parameter, state or constant. Shapes are outermost first, as in the checkpoint. */
typedef struct corbel_param {
    uint32_t struct_size, rank;
    const char *name;     /* within the current module; "weight"; "weight|gamma": gamma in older
                             checkpoints, beside what the modules' older names are */
    const int64_t *shape; /* [rank] */
    int32_t dtype;        /* 0: F32 (a parameter is then stored as the user asks) */
    uint32_t flags;
    /* since ABI 1.1: what a parameter that no checkpoint holds begins as */
    int32_t init; /* CORBEL_INIT_...; 0: by its name and rank */
    uint32_t reserved;
    double init_value;     /* see CORBEL_INIT_... */
    int64_t init_zero_row; /* 1 + the index of a row of zeros along the first axis; 0: none */
} corbel_param;

/* How a new parameter is filled: of a model made from its config alone, or of a head that a
 * checkpoint lacks. By default as transformers' PreTrainedModel._init_weights does: what has two
 * axes or more NORMAL, a "weight" of one axis (a norm's) and "running_var" 1, all else 0. A plugin
 * needs to speak only where the class that it mirrors does otherwise. */
enum {
    CORBEL_INIT_DEFAULT = 0,
    CORBEL_INIT_NORMAL = 1, /* init_value: standard deviation; 0: config.json's initializer_range */
    CORBEL_INIT_TRUNC_NORMAL = 2, /* the same, cut at -2 and 2 */
    CORBEL_INIT_UNIFORM = 3,      /* from -init_value to init_value */
    CORBEL_INIT_CONSTANT = 4,     /* init_value */
    CORBEL_INIT_SINUSOIDAL = 5    /* [positions, n]: column 2i is sin, 2i + 1 cos, of
                                     position / 10000^(2i / n) */
};

enum { CORBEL_LOG_LEVEL_WARN = 1, CORBEL_LOG_LEVEL_INFO = 2, CORBEL_LOG_LEVEL_DEBUG = 3 };

/* The host's functions; appended to within major version 1. A plugin calls them through the
 * inline functions below. */
typedef struct corbel_host {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor;
    void *(*alloc)(corbel_build *b, size_t size);   /* zeroed; NULL: failed */
    void (*fail)(corbel_build *b, const char *why); /* the first one is reported */
    void (*log)(corbel_build *b, int32_t level, const char *line);
    void (*enter)(corbel_build *b, const char *module, int64_t index); /* index < 0: none */
    void (*leave)(corbel_build *b);
    corbel_value (*param)(corbel_build *b, const corbel_param *p);
    corbel_value (*input)(corbel_build *b, const char *name);
    corbel_value (*state)(corbel_build *b, const corbel_param *p);
    corbel_value (*constant)(corbel_build *b, const corbel_param *p, const void *data);
    corbel_value (*emit)(corbel_build *b, const corbel_op *op);
    void (*output)(corbel_build *b, const char *name, int64_t index, corbel_value v);
    int64_t (*dim)(corbel_build *b, corbel_value v, int32_t axis); /* axis < 0: from the end */
    int64_t (*option)(corbel_build *b, const char *name, int64_t fallback);
    const void *(*extension)(corbel_build *b, const char *id); /* NULL: this host lacks it */
} corbel_host;

/* Kinds of config fields: what a constructor's parameter is. */
enum {
    CORBEL_KIND_i64 = 1,  /* int64_t */
    CORBEL_KIND_f64 = 2,  /* double */
    CORBEL_KIND_flag = 3, /* int32_t, 0 or 1 */
    CORBEL_KIND_str = 4,  /* const char * */
    CORBEL_KIND_i64s = 5, /* const corbel_i64_list * */
    CORBEL_KIND_f64s = 6, /* const corbel_f64_list * */
    CORBEL_KIND_strs = 7, /* const corbel_str_list * */
    CORBEL_KIND_json = 8, /* const char *: the raw JSON text of a nested value */
    CORBEL_KIND_rope = 9 /* const corbel_rope *: rotary parameters in whatever spelling; keys is the
                            layer type ("" for one kind of layer), fallback the default theta */
};
typedef struct corbel_i64_list { /* frozen */
    uint64_t n;
    const int64_t *items;
} corbel_i64_list;
typedef struct corbel_f64_list { /* frozen */
    uint64_t n;
    const double *items;
} corbel_f64_list;
typedef struct corbel_str_list { /* frozen */
    uint64_t n;
    const char *const *items;
} corbel_str_list;

enum {
    CORBEL_ROPE_DEFAULT = 0,
    CORBEL_ROPE_LINEAR = 1,
    CORBEL_ROPE_DYNAMIC = 2,
    CORBEL_ROPE_LLAMA3 = 3,
    CORBEL_ROPE_YARN = 4,
    CORBEL_ROPE_LONGROPE = 5
};
/* Rotary parameters, normalised by the runtime from any spelling of config.json (transformers'
 * modeling_rope_utils.py has the formulas). What a type does not use is 0. */
typedef struct corbel_rope {
    uint32_t struct_size;
    int32_t type;
    double theta, factor, partial_rotary_factor; /* partial: 1 when absent */
    double low_freq_factor, high_freq_factor;    /* llama3 */
    double attention_factor;                     /* what cos and sin are multiplied with; never 0 */
    double beta_fast, beta_slow;                 /* yarn */
    int64_t original_max_position_embeddings, max_position_embeddings;
    int64_t truncate;                          /* yarn: 0 or 1 */
    corbel_f64_list short_factor, long_factor; /* longrope */
} corbel_rope;

/* One parameter of a constructor. */
typedef struct corbel_field { /* frozen */
    const char *keys;     /* "rope_theta|rope_parameters.rope_theta": first that is there, and is
                             not null, wins; "#id2label" is the number of its entries (i64) */
    const char *fallback; /* NULL: required; a JSON literal, null only where the parameter is a
                             pointer; "4096|0": 4096 where the key is absent, 0 where it is null;
                             "$name": an earlier field's value */
    int32_t kind, reserved;
    const char *name; /* of the C parameter; what "$name" refers to */
} corbel_field;

/* One class of transformers. */
typedef struct corbel_arch {
    uint32_t struct_size, n_fields;
    const char *name;       /* an entry of config.architectures: "LlamaForCausalLM" */
    const char *model_type; /* "llama" */
    const char *task;       /* "text-generation"; "" for a base model */
    const char *prefix;     /* base_model_prefix: "model" */
    const corbel_field *fields;
    void (*create)(void); /* void *(corbel_build *, one argument a field) */
    void (*forward)(corbel_build *b, const void *model);
} corbel_arch;

enum {
    CORBEL_KERNEL_OVERRIDE = 1
}; /* `name` is a standard operation, for this plugin's programs */
enum { CORBEL_MAX_PUSH = 32, CORBEL_MAX_BUFFERS = 8, CORBEL_MAX_GRID = 65535 };

typedef struct corbel_push { /* frozen */
    int32_t kind;            /* CORBEL_ATTR_INT, CORBEL_ATTR_FLOAT: how its bits read */
    uint32_t word;
} corbel_push;

/* How a kernel is dispatched in one place. Comes zeroed but for struct_size and n_elements; a grid
 * that stays zero says that the shader is not for these shapes: the decomposition is computed. */
typedef struct corbel_launch {
    uint32_t struct_size, n_push;
    int64_t n_elements; /* of the result */
    int64_t grid[3];    /* workgroups, each 1 to CORBEL_MAX_GRID */
    corbel_push push[CORBEL_MAX_PUSH];
} corbel_launch;

/* A compute shader. An operation "custom:NAME" is what the kernel's decomposition emits, standard
 * operations (or other kernels): shapes, the CPU's results and what tests compare with come from
 * there. A device that runs shaders may dispatch the shader instead.
 *
 * Buffers: set 0, bindings 0 to n_buffers - 1, storage buffers, each exactly as large as its value:
 * the operation's inputs in their order, then the one result. A buffer holds 32-bit elements in C
 * order: float (weights in reduced precision are cast first) or, for i32 values, int; the result is
 * float. Inputs may only be read. An absent input is bound to a few bytes that mean nothing.
 * Push constants: one block of push_size bytes, the words that `launch` has pushed, in their order.
 * The code: SPIR-V 1.0 to 1.3 (Vulkan 1.1) of one entry point; docs/writing-a-plugin.md has what it
 * may use. A workgroup has at most 1024 invocations (64 in z) and 32 KiB of shared memory; beyond
 * 128 invocations or 16 KiB there are devices that compute the decomposition instead. An invocation
 * should take fewer than 60,000 turns in loops.
 *
 * With CORBEL_KERNEL_OVERRIDE `name` is a standard operation and every one that this plugin emits
 * may be dispatched; it is its own decomposition, `decompose` is NULL. Where it has another number
 * of inputs than the shader the operation is computed as ever. */
typedef struct corbel_kernel {
    uint32_t struct_size, spirv_size; /* bytes */
    const char *name, *entry;
    const uint32_t *spirv;
    uint32_t n_buffers, push_size; /* push_size: bytes */
    uint32_t flags, reserved;
    /* emits what the kernel computes; its last operation makes *out, which is all that it leaves */
    void (*decompose)(corbel_build *b, const corbel_op *op, corbel_value *out);
    double max_rel_err; /* by how much the result may differ from the decomposition's, relative to
                           the largest magnitude in it */
    /* since ABI 1.1; NULL: the shader is never dispatched. Reads shapes with corbel_dim; emits
     * nothing. */
    void (*launch)(corbel_build *b, const corbel_op *op, corbel_value out, corbel_launch *launch);
} corbel_kernel;

typedef struct corbel_plugin {
    uint32_t struct_size;
    uint16_t minor_built, minor_needed;
    const char *id, *version; /* "corbel/llama", "1.0.0" */
    const corbel_arch *const *archs;
    const corbel_kernel *const *kernels;
    uint32_t n_archs, n_kernels;
} corbel_plugin;

/* ---- declaring a plugin ---------------------------------------------------------------------- */

typedef void (*corbel_create_fn)(void);

#define CORBEL_C_i64  int64_t
#define CORBEL_C_f64  double
#define CORBEL_C_flag int32_t
#define CORBEL_C_str  const char *
#define CORBEL_C_i64s const corbel_i64_list *
#define CORBEL_C_f64s const corbel_f64_list *
#define CORBEL_C_strs const corbel_str_list *
#define CORBEL_C_json const char *
#define CORBEL_C_rope const corbel_rope *

#define CORBEL_ARG(kind, name, keys, fallback) , CORBEL_C_##kind name
#define CORBEL_ROW(kind, name, keys, fallback) {keys, fallback, CORBEL_KIND_##kind, 0, #name},

/* One list makes the constructor's prototype and the table of its fields, so that they can't
 * disagree. LIST(F) names F(kind, parameter, keys, fallback) for each. */
#define CORBEL_CONSTRUCTOR(fn, LIST)                   \
    static void *fn(corbel_build *b LIST(CORBEL_ARG)); \
    static const corbel_field fn##_fields[] = {LIST(CORBEL_ROW)}

#define CORBEL_COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* static const corbel_arch NAME = CORBEL_ARCH(...): `create` is a CORBEL_CONSTRUCTOR. */
#define CORBEL_ARCH(name_, model_type_, task_, prefix_, create_, forward_)                       \
    {                                                                                            \
        sizeof(corbel_arch), CORBEL_COUNT(create_##_fields), name_, model_type_, task_, prefix_, \
            create_##_fields, (corbel_create_fn)create_, forward_                                \
    }

/* The class NAME: its functions are create_NAME and forward_NAME. */
#define CORBEL_CLASS(NAME, model_type_, task_, prefix_) \
    CORBEL_ARCH(#NAME, model_type_, task_, prefix_, create_##NAME, forward_##NAME)

#if defined(__GNUC__)
#define CORBEL_EXPORT __attribute__((visibility("default")))
#else
#define CORBEL_EXPORT
#endif

/* The one exported symbol. ARCHS and KERNELS are arrays of pointers. In C++: in extern "C" { }. */
#define CORBEL_PLUGIN(id_, version_, archs_)                       \
    extern CORBEL_EXPORT const corbel_plugin corbel_plugin_v1;     \
    const corbel_plugin corbel_plugin_v1 = {sizeof(corbel_plugin), \
                                            CORBEL_ABI_MINOR,      \
                                            CORBEL_MINOR_NEEDED,   \
                                            id_,                   \
                                            version_,              \
                                            archs_,                \
                                            NULL,                  \
                                            CORBEL_COUNT(archs_),  \
                                            0}
#define CORBEL_PLUGIN_WITH_KERNELS(id_, version_, archs_, kernels_) \
    extern CORBEL_EXPORT const corbel_plugin corbel_plugin_v1;      \
    const corbel_plugin corbel_plugin_v1 = {sizeof(corbel_plugin),  \
                                            CORBEL_ABI_MINOR,       \
                                            CORBEL_MINOR_NEEDED,    \
                                            id_,                    \
                                            version_,               \
                                            archs_,                 \
                                            kernels_,               \
                                            CORBEL_COUNT(archs_),   \
                                            CORBEL_COUNT(kernels_)}

/* static const corbel_kernel NAME = CORBEL_KERNEL(...). `spirv_` is an array: the compiler's output
 * (corbel_add_plugin(... SHADERS x.comp)), included as its initialiser. */
#define CORBEL_KERNEL(name_, spirv_, n_buffers_, push_size_, decompose_, launch_, max_rel_err_)  \
    {                                                                                            \
        sizeof(corbel_kernel), sizeof(spirv_), name_, "main", spirv_, n_buffers_, push_size_, 0, \
            0, decompose_, max_rel_err_, launch_                                                 \
    }
/* The shader in place of the standard operation `operation_`. */
#define CORBEL_OVERRIDE(operation_, spirv_, n_buffers_, push_size_, launch_, max_rel_err_)         \
    {                                                                                              \
        sizeof(corbel_kernel), sizeof(spirv_), operation_, "main", spirv_, n_buffers_, push_size_, \
            CORBEL_KERNEL_OVERRIDE, 0, NULL, max_rel_err_, launch_                                 \
    }

/* ---- building -------------------------------------------------------------------------------- */

static inline void *corbel_alloc(corbel_build *b, size_t size)
{
    return b->host->alloc(b, size);
}

static inline void *corbel_fail(corbel_build *b, const char *why)
{
    (b->host->fail)(b, why); /* in brackets: some test libraries have a macro of that name */
    return NULL;
}

/* NULL, and the build has failed, if n is negative or n * size overflows. */
static inline void *corbel_alloc_array(corbel_build *b, int64_t n, size_t size)
{
    if (n < 0 || (size != 0 && (uint64_t)n > SIZE_MAX / size))
        return corbel_fail(b, "an array of a negative or impossible size");
    return b->host->alloc(b, (size_t)n * size);
}

/* x * y for sizes that are not negative; 0, and the build has failed, if it overflows. */
static inline int64_t corbel_mul(corbel_build *b, int64_t x, int64_t y)
{
    if (x >= 0 && y >= 0 && (y == 0 || x <= INT64_MAX / y))
        return x * y;
    corbel_fail(b, "a product of two sizes of config.json is impossible");
    return 0;
}

/* Module path: parameters declared and operations emitted until corbel_leave belong to it.
 * "layers|encoder.layer": encoder.layer in older checkpoints, which have all the older names. */
static inline void corbel_enter(corbel_build *b, const char *module)
{
    b->host->enter(b, module, -1);
}
static inline void corbel_enter_index(corbel_build *b, const char *module, int64_t index)
{
    b->host->enter(b, module, index);
}
static inline void corbel_leave(corbel_build *b)
{
    b->host->leave(b);
}

static inline corbel_value corbel_param_nd(corbel_build *b, const char *name, const int64_t *shape,
                                           uint32_t rank, uint32_t flags)
{
    corbel_param p;
    memset(&p, 0, sizeof p);
    p.struct_size = sizeof p;
    p.rank = rank;
    p.name = name;
    p.shape = shape;
    p.flags = flags;
    return b->host->param(b, &p);
}
/* With its own start: init and value are corbel_param's init and init_value. */
static inline corbel_value corbel_param_init(corbel_build *b, const char *name,
                                             const int64_t *shape, uint32_t rank, int32_t init,
                                             double value)
{
    corbel_param p;
    memset(&p, 0, sizeof p);
    p.struct_size = sizeof p;
    p.rank = rank;
    p.name = name;
    p.shape = shape;
    p.init = init;
    p.init_value = value;
    return b->host->param(b, &p);
}
static inline corbel_value corbel_param_1d(corbel_build *b, const char *name, int64_t n)
{
    return corbel_param_nd(b, name, &n, 1, 0);
}
static inline corbel_value corbel_param_2d(corbel_build *b, const char *name, int64_t rows,
                                           int64_t cols)
{
    int64_t shape[2];
    shape[0] = rows;
    shape[1] = cols;
    return corbel_param_nd(b, name, shape, 2, 0);
}

/* torch.nn.Linear: weight [out, in], bias [out] or none. */
typedef struct corbel_linear {
    corbel_value weight, bias;
} corbel_linear;
static inline corbel_linear corbel_param_linear(corbel_build *b, const char *module, int64_t out,
                                                int64_t in, int has_bias)
{
    corbel_linear l;
    corbel_enter(b, module);
    l.weight = corbel_param_2d(b, "weight", out, in);
    l.bias.id = 0;
    if (has_bias)
        l.bias = corbel_param_1d(b, "bias", out);
    corbel_leave(b);
    return l;
}

/* The weight of a norm or embedding module: MODULE.weight. */
static inline corbel_value corbel_param_weight_1d(corbel_build *b, const char *module, int64_t n)
{
    corbel_value v;
    corbel_enter(b, module);
    v = corbel_param_1d(b, "weight", n);
    corbel_leave(b);
    return v;
}
static inline corbel_value corbel_param_weight_2d(corbel_build *b, const char *module, int64_t rows,
                                                  int64_t cols)
{
    corbel_value v;
    corbel_enter(b, module);
    v = corbel_param_2d(b, "weight", rows, cols);
    corbel_leave(b);
    return v;
}

/* What the caller of the model passes: input_ids [B,S] i32, attention_mask [B,T] i32 (T: the
 * cache's capacity, or S without one), position_ids [B,S] i32, token_type_ids, pixel_values.
 * token_mask [B,S] i32 is what attention_mask says of this step's own tokens: for recurrent models,
 * which do not look back at columns. */
static inline corbel_value corbel_input(corbel_build *b, const char *name)
{
    return b->host->input(b, name);
}
static inline void corbel_output(corbel_build *b, const char *name, corbel_value v)
{
    b->host->output(b, name, -1, v);
}
/* NAME.INDEX: hidden_states.3 */
static inline void corbel_output_index(corbel_build *b, const char *name, int64_t index,
                                       corbel_value v)
{
    b->host->output(b, name, index, v);
}
static inline int64_t corbel_dim(corbel_build *b, corbel_value v, int32_t axis)
{
    return b->host->dim(b, v, axis);
}
/* An argument of the call that is no tensor: "logits_to_keep", "interpolate_pos_encoding"; or
 * "has_token_type_ids", 1: the caller passes them. Where he does not, that input is 0. */
static inline int64_t corbel_option(corbel_build *b, const char *name, int64_t fallback)
{
    return b->host->option(b, name, fallback);
}
/* Constant data that is part of the program; `data` is copied. dtype: CORBEL_F32 or CORBEL_I32. */
static inline corbel_value corbel_constant(corbel_build *b, int32_t dtype, const int64_t *shape,
                                           uint32_t rank, const void *data)
{
    corbel_param p;
    memset(&p, 0, sizeof p);
    p.struct_size = sizeof p;
    p.rank = rank;
    p.name = "";
    p.shape = shape;
    p.dtype = dtype;
    return b->host->constant(b, &p, data);
}
/* Kept from step to step, zero at first. Read it by using it, write it with op_assign. */
static inline corbel_value corbel_state(corbel_build *b, const char *name, const int64_t *shape,
                                        uint32_t rank)
{
    corbel_param p;
    memset(&p, 0, sizeof p);
    p.struct_size = sizeof p;
    p.rank = rank;
    p.name = name;
    p.shape = shape;
    p.dtype = CORBEL_F32;
    return b->host->state(b, &p);
}

/* ---- launching kernels ------------------------------------------------------------------------
 */

/* The next 32 bits of the push constants; an int from -2^31 to 2^32 - 1, which the shader reads as
 * int or uint. */
static inline void corbel_push_int(corbel_build *b, corbel_launch *l, int64_t value)
{
    if (value < INT32_MIN || value > (int64_t)UINT32_MAX || l->n_push >= CORBEL_MAX_PUSH) {
        corbel_fail(b, "a push constant that is no 32-bit integer, or too many of them");
        return;
    }
    l->push[l->n_push].kind = CORBEL_ATTR_INT;
    l->push[l->n_push++].word = (uint32_t)(uint64_t)value;
}
static inline void corbel_push_float(corbel_build *b, corbel_launch *l, double value)
{
    float f = (float)value;
    if (l->n_push >= CORBEL_MAX_PUSH) {
        corbel_fail(b, "too many push constants");
        return;
    }
    l->push[l->n_push].kind = CORBEL_ATTR_FLOAT;
    memcpy(&l->push[l->n_push++].word, &f, sizeof f);
}
/* `groups` workgroups, as a grid of one or two axes: the shader's group is
 * gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x, and may be `groups` or more. More than
 * 65535 * 65535: the grid stays zero. */
static inline void corbel_launch_groups(corbel_launch *l, int64_t groups)
{
    int64_t most = CORBEL_MAX_GRID, x = groups < most ? groups : most;
    if (groups < 1 || (groups + x - 1) / x > CORBEL_MAX_GRID)
        return;
    l->grid[0] = x;
    l->grid[1] = (groups + x - 1) / x;
    l->grid[2] = 1;
}
/* An invocation for each element of the result, `invocations` in a workgroup. */
static inline void corbel_launch_flat(corbel_launch *l, int64_t invocations)
{
    corbel_launch_groups(l, (l->n_elements + invocations - 1) / invocations);
}

/* ---- operations ------------------------------------------------------------------------------
 * All arithmetic is float32; shapes broadcast as numpy's; axis < 0 counts from the end. */

static inline corbel_attr corbel_attr_int(const char *key, int64_t i)
{
    corbel_attr a;
    memset(&a, 0, sizeof a);
    a.key = key;
    a.kind = CORBEL_ATTR_INT;
    a.i = i;
    return a;
}
static inline corbel_attr corbel_attr_float(const char *key, double f)
{
    corbel_attr a;
    memset(&a, 0, sizeof a);
    a.key = key;
    a.kind = CORBEL_ATTR_FLOAT;
    a.f = f;
    return a;
}
static inline corbel_value corbel_emit(corbel_build *b, const char *name, const corbel_value *in,
                                       uint32_t n_in, const corbel_attr *attrs, uint32_t n_attrs)
{
    corbel_op op;
    memset(&op, 0, sizeof op);
    op.struct_size = sizeof op;
    op.n_in = n_in;
    op.n_attrs = n_attrs;
    op.name = name;
    op.in = in;
    op.attrs = attrs;
    return b->host->emit(b, &op);
}
static inline corbel_value corbel_emit1(corbel_build *b, const char *name, corbel_value x,
                                        const corbel_attr *attrs, uint32_t n_attrs)
{
    return corbel_emit(b, name, &x, 1, attrs, n_attrs);
}
static inline corbel_value corbel_emit2(corbel_build *b, const char *name, corbel_value x,
                                        corbel_value y, const corbel_attr *attrs, uint32_t n_attrs)
{
    corbel_value in[2];
    in[0] = x;
    in[1] = y;
    return corbel_emit(b, name, in, 2, attrs, n_attrs);
}
static inline corbel_value corbel_emit3(corbel_build *b, const char *name, corbel_value x,
                                        corbel_value y, corbel_value z, const corbel_attr *attrs,
                                        uint32_t n_attrs)
{
    corbel_value in[3];
    in[0] = x;
    in[1] = y;
    in[2] = z;
    return corbel_emit(b, name, in, 3, attrs, n_attrs);
}

/* weight [V,H], ids [...] -> [...,H] */
static inline corbel_value op_embedding(corbel_build *b, corbel_value weight, corbel_value ids)
{
    return corbel_emit2(b, "embedding", weight, ids, NULL, 0);
}
/* x [...,K] -> [...,N]: x @ weight.T + bias */
static inline corbel_value op_linear(corbel_build *b, corbel_value x, corbel_linear l)
{
    return corbel_emit3(b, "linear", x, l.weight, l.bias, NULL, 0);
}
/* GPT-2's Conv1D: weight [K,N]: x @ weight + bias */
static inline corbel_value op_linear_transposed(corbel_build *b, corbel_value x, corbel_linear l)
{
    corbel_attr a = corbel_attr_int("transposed", 1);
    return corbel_emit3(b, "linear", x, l.weight, l.bias, &a, 1);
}
/* a [...,M,K] @ b [...,K,N]; transpose_b: b is [...,N,K] */
static inline corbel_value op_matmul(corbel_build *b, corbel_value x, corbel_value y,
                                     int transpose_b)
{
    corbel_attr a = corbel_attr_int("transpose_b", transpose_b);
    return corbel_emit2(b, "matmul", x, y, &a, 1);
}
static inline corbel_value op_add(corbel_build *b, corbel_value x, corbel_value y)
{
    return corbel_emit2(b, "add", x, y, NULL, 0);
}
static inline corbel_value op_sub(corbel_build *b, corbel_value x, corbel_value y)
{
    return corbel_emit2(b, "sub", x, y, NULL, 0);
}
static inline corbel_value op_mul(corbel_build *b, corbel_value x, corbel_value y)
{
    return corbel_emit2(b, "mul", x, y, NULL, 0);
}
static inline corbel_value op_div(corbel_build *b, corbel_value x, corbel_value y)
{
    return corbel_emit2(b, "div", x, y, NULL, 0);
}
/* x * scale + shift */
static inline corbel_value op_affine(corbel_build *b, corbel_value x, double scale, double shift)
{
    corbel_attr a[2];
    a[0] = corbel_attr_float("scale", scale);
    a[1] = corbel_attr_float("shift", shift);
    return corbel_emit1(b, "affine", x, a, 2);
}
/* i32: 1 where x differs from value, else 0 */
static inline corbel_value op_not_equal(corbel_build *b, corbel_value x, int64_t value)
{
    corbel_attr a = corbel_attr_int("value", value);
    return corbel_emit1(b, "not_equal", x, &a, 1);
}

/* torch's functions of one argument; the numbers are part of the ABI. */
enum {
    CORBEL_FN_NONE,
    CORBEL_FN_SILU,
    CORBEL_FN_GELU,      /* exact: x * Phi(x) */
    CORBEL_FN_GELU_TANH, /* gelu(approximate="tanh") */
    CORBEL_FN_RELU,
    CORBEL_FN_TANH,
    CORBEL_FN_SIGMOID,
    CORBEL_FN_EXP,
    CORBEL_FN_LOG,
    CORBEL_FN_SQRT,
    CORBEL_FN_RSQRT,
    CORBEL_FN_NEG,
    CORBEL_FN_ABS,
    CORBEL_FN_SOFTPLUS,
    CORBEL_FN_SQUARE,
    CORBEL_FN_QUICK_GELU, /* x * sigmoid(1.702 x) */
    CORBEL_FN_RELU2,
    CORBEL_FN_SIN,
    CORBEL_FN_COS,
    CORBEL_FN_LEAKY_RELU, /* slope 0.01 */
    CORBEL_FN_MISH,
    CORBEL_FN_COUNT
};
/* ACT2FN of transformers' activations.py; -1: a name that it does not have, or that is not here. */
static inline int64_t corbel_find_activation(const char *name)
{
    static const struct {
        char name[20];
        int64_t fn;
    } table[] = {
        {"silu", CORBEL_FN_SILU},
        {"swish", CORBEL_FN_SILU},
        {"gelu", CORBEL_FN_GELU},
        {"gelu_python", CORBEL_FN_GELU},
        {"gelu_new", CORBEL_FN_GELU_TANH},
        {"gelu_fast", CORBEL_FN_GELU_TANH},
        {"gelu_accurate", CORBEL_FN_GELU_TANH},
        {"gelu_pytorch_tanh", CORBEL_FN_GELU_TANH},
        {"gelu_python_tanh", CORBEL_FN_GELU_TANH},
        {"quick_gelu", CORBEL_FN_QUICK_GELU},
        {"relu", CORBEL_FN_RELU},
        {"relu2", CORBEL_FN_RELU2},
        {"tanh", CORBEL_FN_TANH},
        {"sigmoid", CORBEL_FN_SIGMOID},
        {"leaky_relu", CORBEL_FN_LEAKY_RELU},
        {"mish", CORBEL_FN_MISH},
        {"linear", CORBEL_FN_NONE},
    };
    size_t i;
    for (i = 0; name && i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(name, table[i].name) == 0)
            return table[i].fn;
    return -1;
}
/* The value of hidden_act; the build fails on a name that it does not know. */
static inline int64_t corbel_activation(corbel_build *b, const char *name)
{
    int64_t fn = corbel_find_activation(name);
    if (fn >= 0)
        return fn;
    corbel_fail(b, "hidden_act: an activation that this plugin does not know");
    return CORBEL_FN_NONE;
}
static inline corbel_value op_activation(corbel_build *b, corbel_value x, int64_t function)
{
    corbel_attr a = corbel_attr_int("function", function);
    return corbel_emit1(b, "activation", x, &a, 1);
}

/* Over the last axis: x * (weight + weight_offset) / sqrt(mean(x^2) + eps) */
static inline corbel_value op_rms_norm_offset(corbel_build *b, corbel_value x, corbel_value weight,
                                              double eps, double weight_offset)
{
    corbel_attr a[2];
    a[0] = corbel_attr_float("eps", eps);
    a[1] = corbel_attr_float("weight_offset", weight_offset);
    return corbel_emit2(b, "rms_norm", x, weight, a, 2);
}
static inline corbel_value op_rms_norm(corbel_build *b, corbel_value x, corbel_value weight,
                                       double eps)
{
    return op_rms_norm_offset(b, x, weight, eps, 0.0);
}
static inline corbel_value op_layer_norm(corbel_build *b, corbel_value x, corbel_linear norm,
                                         double eps)
{
    corbel_attr a = corbel_attr_float("eps", eps);
    return corbel_emit3(b, "layer_norm", x, norm.weight, norm.bias, &a, 1);
}
/* Over the last axis. */
static inline corbel_value op_softmax(corbel_build *b, corbel_value x)
{
    return corbel_emit1(b, "softmax", x, NULL, 0);
}

static inline corbel_value corbel_emit_shape(corbel_build *b, const char *name, corbel_value x,
                                             const int64_t *shape, uint32_t rank)
{
    static const char keys[8][3] = {"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"};
    corbel_attr a[8];
    uint32_t i;
    if (rank > 8) {
        corbel_fail(b, "a shape of more than 8 axes");
        rank = 0;
    }
    for (i = 0; i < rank; i++)
        a[i] = corbel_attr_int(keys[i], shape[i]);
    return corbel_emit1(b, name, x, a, rank);
}
/* One size may be -1: what is left. */
static inline corbel_value op_reshape(corbel_build *b, corbel_value x, const int64_t *shape,
                                      uint32_t rank)
{
    return corbel_emit_shape(b, "reshape", x, shape, rank);
}
static inline corbel_value op_reshape3(corbel_build *b, corbel_value x, int64_t d0, int64_t d1,
                                       int64_t d2)
{
    int64_t shape[3];
    shape[0] = d0;
    shape[1] = d1;
    shape[2] = d2;
    return op_reshape(b, x, shape, 3);
}
static inline corbel_value op_reshape4(corbel_build *b, corbel_value x, int64_t d0, int64_t d1,
                                       int64_t d2, int64_t d3)
{
    int64_t shape[4];
    shape[0] = d0;
    shape[1] = d1;
    shape[2] = d2;
    shape[3] = d3;
    return op_reshape(b, x, shape, 4);
}
static inline corbel_value op_permute(corbel_build *b, corbel_value x, const int64_t *order,
                                      uint32_t rank)
{
    return corbel_emit_shape(b, "permute", x, order, rank);
}
/* dtype: CORBEL_F32 or CORBEL_I32 */
static inline corbel_value op_cast(corbel_build *b, corbel_value x, int32_t dtype)
{
    corbel_attr a = corbel_attr_int("dtype", dtype);
    return corbel_emit1(b, "cast", x, &a, 1);
}
static inline corbel_value op_expand(corbel_build *b, corbel_value x, const int64_t *shape,
                                     uint32_t rank)
{
    return corbel_emit_shape(b, "expand", x, shape, rank);
}
/* x[start:stop] along axis; negative start and stop count from the end; stop INT64_MAX: to the
 * end. */
static inline corbel_value op_slice(corbel_build *b, corbel_value x, int64_t axis, int64_t start,
                                    int64_t stop)
{
    corbel_attr a[3];
    a[0] = corbel_attr_int("axis", axis);
    a[1] = corbel_attr_int("start", start);
    a[2] = corbel_attr_int("stop", stop);
    return corbel_emit1(b, "slice", x, a, 3);
}
static inline corbel_value op_concat(corbel_build *b, const corbel_value *x, uint32_t n,
                                     int64_t axis)
{
    corbel_attr a = corbel_attr_int("axis", axis);
    return corbel_emit(b, "concat", x, n, &a, 1);
}
/* numpy's take along `axis`, the first batch_dims axes of x and index going together:
 * x [B,S,L], index [B], axis 1, batch_dims 1 -> [B,L]. */
static inline corbel_value op_gather(corbel_build *b, corbel_value x, corbel_value index,
                                     int64_t axis, int64_t batch_dims)
{
    corbel_attr a[2];
    a[0] = corbel_attr_int("axis", axis);
    a[1] = corbel_attr_int("batch_dims", batch_dims);
    return corbel_emit2(b, "gather", x, index, a, 2);
}
/* i32 index of the greatest along axis, the first of equals; the axis goes away. */
static inline corbel_value op_argmax(corbel_build *b, corbel_value x, int64_t axis)
{
    corbel_attr a = corbel_attr_int("axis", axis);
    return corbel_emit1(b, "argmax", x, &a, 1);
}
/* ids [B,S] -> [B]: where the last id of each row is that is not pad; 0 if there is none. */
static inline corbel_value op_last_token(corbel_build *b, corbel_value ids, int64_t pad)
{
    int64_t tokens = corbel_dim(b, ids, 1), i;
    corbel_value not_pad = op_cast(b, op_not_equal(b, ids, pad), CORBEL_F32);
    float *index = (float *)corbel_alloc_array(b, tokens, sizeof(*index));
    if (!index)
        return not_pad;
    for (i = 0; i < tokens; i++)
        index[i] = (float)i;
    return op_argmax(b, op_mul(b, not_pad, corbel_constant(b, CORBEL_F32, &tokens, 1, index)), 1);
}
/* name: "reduce_sum", "reduce_mean", "reduce_max"; keep: the axis stays, with size 1 */
static inline corbel_value op_reduce(corbel_build *b, const char *name, corbel_value x,
                                     int64_t axis, int keep)
{
    corbel_attr a[2];
    a[0] = corbel_attr_int("axis", axis);
    a[1] = corbel_attr_int("keep", keep);
    return corbel_emit1(b, name, x, a, 2);
}
/* y[t] = a[t] * y[t - 1] + x[t] along `axis`; a and x of one shape, which y has too. initial, of
 * that shape without the axis: what comes before the first; or none: 0. */
static inline corbel_value op_linear_scan(corbel_build *b, corbel_value a, corbel_value x,
                                          corbel_value initial, int64_t axis)
{
    corbel_attr along = corbel_attr_int("axis", axis);
    return corbel_emit3(b, "linear_scan", a, x, initial, &along, 1);
}
static inline corbel_value op_assign(corbel_build *b, corbel_value state, corbel_value value)
{
    return corbel_emit2(b, "assign", state, value, NULL, 0);
}

/* cos and sin of positions [B,S] for heads of head_dim: [B,S,R/2,2], R = head_dim *
 * partial_rotary_factor; every rope type (specs of transformers' modeling_rope_utils.py). */
static inline corbel_value op_rope_table(corbel_build *b, corbel_value positions,
                                         const corbel_rope *r, int64_t head_dim)
{
    corbel_value in[3];
    corbel_attr a[13];
    uint32_t i;
    memset(in, 0, sizeof in);
    in[0] = positions;
    if (!r) {
        corbel_fail(b, "rope_table without rotary parameters");
        return in[1];
    }
    for (i = 1; i < 3; i++) {
        const corbel_f64_list *list = i == 1 ? &r->short_factor : &r->long_factor;
        int64_t n = (int64_t)list->n;
        float *f;
        int64_t j;
        if (n == 0)
            continue;
        f = (float *)corbel_alloc_array(b, n, sizeof(*f));
        if (!f)
            return in[2];
        for (j = 0; j < n; j++)
            f[j] = (float)list->items[j];
        in[i] = corbel_constant(b, CORBEL_F32, &n, 1, f);
    }
    a[0] = corbel_attr_int("rope_type", r->type);
    a[1] = corbel_attr_int("dim", (int64_t)((double)head_dim * r->partial_rotary_factor));
    a[2] = corbel_attr_float("theta", r->theta);
    a[3] = corbel_attr_float("factor", r->factor);
    a[4] = corbel_attr_float("low_freq_factor", r->low_freq_factor);
    a[5] = corbel_attr_float("high_freq_factor", r->high_freq_factor);
    a[6] = corbel_attr_int("original_max_position_embeddings", r->original_max_position_embeddings);
    a[7] = corbel_attr_int("max_position_embeddings", r->max_position_embeddings);
    a[8] = corbel_attr_float("attention_factor", r->attention_factor);
    a[9] = corbel_attr_float("beta_fast", r->beta_fast);
    a[10] = corbel_attr_float("beta_slow", r->beta_slow);
    a[11] = corbel_attr_int("truncate", r->truncate);
    return corbel_emit(b, "rope_table", in, 3, a, 12);
}
/* x [B,S,H,D]: the first R of D are rotated, as halves (transformers' rotate_half). */
static inline corbel_value op_rope(corbel_build *b, corbel_value x, corbel_value table)
{
    return corbel_emit2(b, "rope", x, table, NULL, 0);
}

/* How queries attend. Zeroed: every query sees every key that the mask lets through. */
typedef struct corbel_attention {
    double scale;   /* 0: 1 / sqrt(head_dim) */
    double softcap; /* 0: none; else softcap * tanh(score / softcap) */
    int64_t window; /* 0: none; else only the last `window` keys, the query's own included */
    int32_t causal; /* 1: keys up to the query's own; the runtime then keeps them in a cache */
    int32_t reserved;
} corbel_attention;
/* q [B,S,H,D], k and v [B,S,KV,D] (H a multiple of KV), mask [B,T] i32 or none -> [B,S,H,D] */
static inline corbel_value op_attention(corbel_build *b, corbel_value q, corbel_value k,
                                        corbel_value v, corbel_value mask, corbel_attention how)
{
    corbel_value in[4];
    corbel_attr a[4];
    in[0] = q;
    in[1] = k;
    in[2] = v;
    in[3] = mask;
    a[0] = corbel_attr_int("causal", how.causal);
    a[1] = corbel_attr_float("scale", how.scale);
    a[2] = corbel_attr_int("window", how.window);
    a[3] = corbel_attr_float("softcap", how.softcap);
    return corbel_emit(b, "attention", in, 4, a, 4);
}

/* x [B,C,H,W], weight [O,C/groups,KH,KW], bias [O] or none; torch.nn.Conv2d. */
typedef struct corbel_conv {
    int64_t stride, padding, groups; /* 0: 1, 0, 1 */
    int64_t stride_w;                /* 0: stride, on both axes */
} corbel_conv;
static inline corbel_value op_conv2d(corbel_build *b, corbel_value x, corbel_linear l,
                                     corbel_conv how)
{
    corbel_attr a[5];
    a[0] = corbel_attr_int("stride_h", how.stride ? how.stride : 1);
    a[1] = how.stride_w ? corbel_attr_int("stride_w", how.stride_w)
                        : corbel_attr_int("stride_w", how.stride ? how.stride : 1);
    a[2] = corbel_attr_int("pad_h", how.padding);
    a[3] = corbel_attr_int("pad_w", how.padding);
    a[4] = corbel_attr_int("groups", how.groups ? how.groups : 1);
    return corbel_emit3(b, "conv", x, l.weight, l.bias, a, 5);
}
/* torch.nn.functional.interpolate of x [B,C,H,W], bilinear or bicubic, align_corners off. */
static inline corbel_value op_interpolate(corbel_build *b, corbel_value x, int64_t height,
                                          int64_t width, int cubic)
{
    corbel_attr a[3];
    a[0] = corbel_attr_int("height", height);
    a[1] = corbel_attr_int("width", width);
    a[2] = corbel_attr_int("cubic", cubic);
    return corbel_emit1(b, "interpolate", x, a, 3);
}

#ifdef __cplusplus
}
#endif

#endif
