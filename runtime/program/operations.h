/* program/operations.h: the one list of operations and of their attributes.
 *
 * X(NAME, "name", n_in_min, n_in_max, n_out, kind). The names are the field's; a plugin emits
 * operations by name, so a new one never changes the ABI. Operations of kind FUSED are made by the
 * planner only and refused in what comes from a plugin. Input slots that are not given are 0.
 *
 * The meaning of each (shapes, attributes, formula) is said in docs/operations.md and in
 * sdk/include/corbel/plugin.h; its shape rule is in program/shapes.c. */
#ifndef PROGRAM_OPERATIONS_H
#define PROGRAM_OPERATIONS_H

/* clang-format off */
#define PROGRAM_OPERATIONS(X)                                                                      \
    /* indexing and layout */                                                                      \
    X(EMBEDDING,     "embedding",       2, 2, 1, STANDARD) /* weight [V,H], ids [...] */           \
    X(RESHAPE,       "reshape",         1, 1, 1, STANDARD) /* attrs d0.. */                        \
    X(PERMUTE,       "permute",         1, 1, 1, STANDARD) /* attrs d0..: axis order */            \
    X(SLICE,         "slice",           1, 1, 1, STANDARD) /* axis, start, stop, step */           \
    X(CONCAT,        "concat",          1, 16, 1, STANDARD) /* axis */                             \
    X(GATHER,        "gather",          2, 2, 1, STANDARD) /* x, index; axis, batch_dims */        \
    X(EXPAND,        "expand",          1, 1, 1, STANDARD) /* broadcast to attrs d0.. */           \
    X(CAST,          "cast",            1, 1, 1, STANDARD) /* dtype */                             \
    /* products */                                                                                 \
    X(LINEAR,        "linear",          2, 3, 1, STANDARD) /* x [...,K], w [N,K], b [N]; transposed: w [K,N] */ \
    X(MATMUL,        "matmul",          2, 2, 1, STANDARD) /* [...,M,K] [...,K,N]; transpose_b */  \
    /* element by element, broadcast as numpy */                                                   \
    X(ADD,           "add",             2, 2, 1, STANDARD)                                         \
    X(SUB,           "sub",             2, 2, 1, STANDARD)                                         \
    X(MUL,           "mul",             2, 2, 1, STANDARD)                                         \
    X(DIV,           "div",             2, 2, 1, STANDARD)                                         \
    X(MAXIMUM,       "maximum",         2, 2, 1, STANDARD)                                         \
    X(MINIMUM,       "minimum",         2, 2, 1, STANDARD)                                         \
    X(AFFINE,        "affine",          1, 1, 1, STANDARD) /* x * scale + shift */                 \
    X(NOT_EQUAL,     "not_equal",       1, 1, 1, STANDARD) /* i32: x != value, as 0 or 1 */        \
    X(ACTIVATION,    "activation",      1, 1, 1, STANDARD) /* function: enum program_function */   \
    /* normalisation and softmax, over the last axis */                                            \
    X(RMS_NORM,      "rms_norm",        1, 2, 1, STANDARD) /* x, w; eps, weight_offset */          \
    X(LAYER_NORM,    "layer_norm",      1, 3, 1, STANDARD) /* x, w, b; eps */                      \
    X(SOFTMAX,       "softmax",         1, 1, 1, STANDARD)                                         \
    /* reductions over one axis */                                                                 \
    X(REDUCE_SUM,    "reduce_sum",      1, 1, 1, STANDARD) /* axis, keep */                        \
    X(REDUCE_MEAN,   "reduce_mean",     1, 1, 1, STANDARD)                                         \
    X(REDUCE_MAX,    "reduce_max",      1, 1, 1, STANDARD)                                         \
    X(ARGMAX,        "argmax",          1, 1, 1, STANDARD) /* axis; i32, first of equals */        \
    /* recurrences along one axis */                                                               \
    X(LINEAR_SCAN,   "linear_scan",     2, 3, 1, STANDARD) /* a, x, initial; axis: y = a * before + x */ \
    /* attention */                                                                                \
    X(ROPE_TABLE,    "rope_table",      1, 3, 1, STANDARD) /* positions, short, long -> [...,D/2,2] */ \
    X(ROPE,          "rope",            2, 2, 1, STANDARD) /* x [B,S,H,D], table [B,S,R/2,2]; interleaved */ \
    X(ATTENTION,     "attention",       3, 4, 1, STANDARD) /* q k v mask */                        \
    /* images */                                                                                   \
    X(CONV,          "conv",            2, 3, 1, STANDARD) /* x [B,C,...], w [O,C/g,...], b */     \
    X(BATCH_NORM,    "batch_norm",      5, 5, 1, STANDARD) /* x, w, b, mean, var; eps */           \
    X(MAX_POOL,      "max_pool",        1, 1, 1, STANDARD)                                         \
    X(AVG_POOL,      "avg_pool",        1, 1, 1, STANDARD)                                         \
    X(INTERPOLATE,   "interpolate",     1, 1, 1, STANDARD) /* bicubic or bilinear, last two axes */ \
    /* state */                                                                                    \
    X(ASSIGN,        "assign",          2, 2, 0, STANDARD) /* state, value */                      \
    X(CUSTOM,        "custom",          0, 16, 1, STANDARD) /* a plugin's kernel, by name */       \
    /* made by the planner */                                                                      \
    X(ADD_RMS_NORM,  "add_rms_norm",    3, 3, 2, FUSED) /* a, b, w -> a + b, rms_norm(a + b) */    \
    X(ADD_LAYER_NORM, "add_layer_norm", 4, 4, 2, FUSED) /* a, b, w, bias */                        \
    X(LINEAR_FUSED,  "linear_fused",    4, 4, 1, FUSED) /* x, w, b|0, residual|0; function */      \
    X(LINEAR_GATED,  "linear_gated",    5, 5, 1, FUSED) /* x, w_gate, w_up, b_gate|0, b_up|0 -> f(gate) * up */ \
    X(LINEAR_MULTI,  "linear_multi",    3, 7, 3, FUSED) /* x, w1, w2, w3|0, b1|0, b2|0, b3|0 -> 2 or 3 results */ \
    X(ATTENTION_ROPE, "attention_rope", 5, 5, 1, FUSED) /* q, k, v, mask|0, table: rope on q and k */

/* Attribute keys. Values are i (int64) or f (double); a key has one kind only. */
#define PROGRAM_ATTRIBUTES(X)                                                                      \
    X(D0, "d0", INT) X(D1, "d1", INT) X(D2, "d2", INT) X(D3, "d3", INT)                            \
    X(D4, "d4", INT) X(D5, "d5", INT) X(D6, "d6", INT) X(D7, "d7", INT)                            \
    X(AXIS, "axis", INT) X(START, "start", INT) X(STOP, "stop", INT) X(STEP, "step", INT)          \
    X(BATCH_DIMS, "batch_dims", INT) X(DTYPE, "dtype", INT) X(TRANSPOSED, "transposed", INT)       \
    X(TRANSPOSE_B, "transpose_b", INT) X(SCALE, "scale", FLOAT) X(SHIFT, "shift", FLOAT)           \
    X(VALUE, "value", INT) X(FUNCTION, "function", INT) X(EPS, "eps", FLOAT)                       \
    X(WEIGHT_OFFSET, "weight_offset", FLOAT) X(KEEP, "keep", INT)                                  \
    /* rope_table: specs.md 7.1; corbel_rope in corbel/plugin.h */                                 \
    X(ROPE_TYPE, "rope_type", INT) X(DIM, "dim", INT) X(THETA, "theta", FLOAT)                     \
    X(FACTOR, "factor", FLOAT) X(LOW_FREQ_FACTOR, "low_freq_factor", FLOAT)                        \
    X(HIGH_FREQ_FACTOR, "high_freq_factor", FLOAT)                                                 \
    X(ORIGINAL_MAX, "original_max_position_embeddings", INT)                                       \
    X(MAX_POSITIONS, "max_position_embeddings", INT)                                               \
    X(ATTENTION_FACTOR, "attention_factor", FLOAT) X(BETA_FAST, "beta_fast", FLOAT)                \
    X(BETA_SLOW, "beta_slow", FLOAT) X(TRUNCATE, "truncate", INT)                                  \
    X(INTERLEAVED, "interleaved", INT)                                                             \
    /* attention: [B,S,H,D] x [B,T,KV,D]; cache: which of the runtime's caches, -1 none */         \
    X(CAUSAL, "causal", INT) X(WINDOW, "window", INT) X(SOFTCAP, "softcap", FLOAT)                 \
    X(CACHE, "cache", INT)                                                                         \
    /* conv and pools: up to two spatial axes */                                                   \
    X(STRIDE_H, "stride_h", INT) X(STRIDE_W, "stride_w", INT) X(PAD_H, "pad_h", INT)               \
    X(PAD_W, "pad_w", INT) X(GROUPS, "groups", INT) X(KERNEL_H, "kernel_h", INT)                   \
    X(KERNEL_W, "kernel_w", INT) X(DILATION_H, "dilation_h", INT) X(DILATION_W, "dilation_w", INT) \
    X(CEIL_MODE, "ceil_mode", INT) X(COUNT_PAD, "count_include_pad", INT)                          \
    X(HEIGHT, "height", INT) X(WIDTH, "width", INT) X(CUBIC, "cubic", INT)                         \
    X(PAD_END_H, "pad_end_h", INT) X(PAD_END_W, "pad_end_w", INT)

/* The functions of ACTIVATION and of fused operations; torch's names. */
#define PROGRAM_FUNCTIONS(X)                                                                       \
    X(NONE, "none") X(SILU, "silu") X(GELU, "gelu") X(GELU_TANH, "gelu_tanh") X(RELU, "relu")      \
    X(TANH, "tanh") X(SIGMOID, "sigmoid") X(EXP, "exp") X(LOG, "log") X(SQRT, "sqrt")              \
    X(RSQRT, "rsqrt") X(NEG, "neg") X(ABS, "abs") X(SOFTPLUS, "softplus") X(SQUARE, "square")      \
    X(QUICK_GELU, "quick_gelu") X(RELU2, "relu2") X(SIN, "sin") X(COS, "cos")                      \
    X(LEAKY_RELU, "leaky_relu") X(MISH, "mish")
/* clang-format on */

enum program_op_kind {
#define X(NAME, name, lo, hi, out, kind) OP_##NAME,
    PROGRAM_OPERATIONS(X)
#undef X
        OP_COUNT
};

enum program_attr_key {
#define X(NAME, name, kind) ATTR_##NAME,
    PROGRAM_ATTRIBUTES(X)
#undef X
        ATTR_COUNT
};

enum program_function {
#define X(NAME, name) FUNCTION_##NAME,
    PROGRAM_FUNCTIONS(X)
#undef X
        FUNCTION_COUNT
};

/* corbel_rope.type */
enum program_rope_type {
    ROPE_TYPE_DEFAULT,
    ROPE_TYPE_LINEAR,
    ROPE_TYPE_DYNAMIC,
    ROPE_TYPE_LLAMA3,
    ROPE_TYPE_YARN,
    ROPE_TYPE_LONGROPE
};

#endif
