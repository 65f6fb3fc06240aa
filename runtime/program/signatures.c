/* program/signatures.c: what every operation takes, as one table: inputs with their types and
 * ranks, attributes with their kinds and ranges. docs/operations.md is this table with formulas. */
#include "program/shapes.h"

#include <float.h>

/* clang-format off */
#define ANY            0, PROGRAM_MAX_RANK
#define SOME           1, PROGRAM_MAX_RANK
#define FLOATS(n, ...)  {n, ARGUMENT_FLOAT, __VA_ARGS__, false}
#define NUMBERS(n, ...) {n, ARGUMENT_NUMBER, __VA_ARGS__, false}
#define INTS(n, ...)    {n, ARGUMENT_INT, __VA_ARGS__, false}
#define WEIGHT(n, ...)  {n, ARGUMENT_WEIGHT, __VA_ARGS__, false}
#define MAYBE_FLOATS(n, ...) {n, ARGUMENT_FLOAT, __VA_ARGS__, true}
#define MAYBE_NUMBERS(n, ...) {n, ARGUMENT_NUMBER, __VA_ARGS__, true}
#define MAYBE_INTS(n, ...)   {n, ARGUMENT_INT, __VA_ARGS__, true}
#define MAYBE_WEIGHT(n, ...) {n, ARGUMENT_WEIGHT, __VA_ARGS__, true}

#define INT(key, lo, hi)        {true, false, ATTR_##key, lo, hi, 0, 0}
#define NEED_INT(key, lo, hi)   {true, true, ATTR_##key, lo, hi, 0, 0}
#define FLOAT(key, lo, hi)      {true, false, ATTR_##key, 0, 0, lo, hi}
#define NEED_FLOAT(key, lo, hi) {true, true, ATTR_##key, 0, 0, lo, hi}
#define FLAG(key)               INT(key, 0, 1)
#define AXIS                    NEED_INT(AXIS, -PROGRAM_MAX_RANK, PROGRAM_MAX_RANK - 1)
#define FUNCTION                NEED_INT(FUNCTION, 0, FUNCTION_COUNT - 1)
#define EPS                     NEED_FLOAT(EPS, 0.0, 1.0)
#define LARGE                   (INT64_C(1) << 31)
#define SIZES(lo) INT(D0, lo, PROGRAM_MAX_ELEMENTS), INT(D1, lo, PROGRAM_MAX_ELEMENTS),            \
                  INT(D2, lo, PROGRAM_MAX_ELEMENTS), INT(D3, lo, PROGRAM_MAX_ELEMENTS),            \
                  INT(D4, lo, PROGRAM_MAX_ELEMENTS), INT(D5, lo, PROGRAM_MAX_ELEMENTS),            \
                  INT(D6, lo, PROGRAM_MAX_ELEMENTS), INT(D7, lo, PROGRAM_MAX_ELEMENTS)
#define ATTENTION_HOW FLAG(CAUSAL), INT(CACHE, -1, LARGE), INT(WINDOW, 0, LARGE),                  \
                      FLOAT(SCALE, 0.0, FLT_MAX), FLOAT(SOFTCAP, 0.0, FLT_MAX)
#define PIXELS(key, lo) INT(key##_H, lo, LARGE), INT(key##_W, lo, LARGE)
#define POOL  PIXELS(KERNEL, 1), PIXELS(STRIDE, 1), PIXELS(PAD, 0), FLAG(CEIL_MODE)

#define TWO_NUMBERS  NUMBERS("x", ANY), NUMBERS("y", ANY)
#define NORMED       FLOATS("x", SOME), MAYBE_WEIGHT("weight", 1, 1)
#define PROJECTED    FLOATS("x", SOME), WEIGHT("weight", 2, 2)
#define ATTENDED     FLOATS("q", 4, 4), FLOATS("k", 4, 4), FLOATS("v", 4, 4), MAYBE_INTS("mask", 2, 2)

/* The rule, then the inputs, then the attributes. */
#define RULES(X)                                                                                   \
X(EMBEDDING,   infer_embedding,   A(WEIGHT("weight", 2, 2), INTS("ids", 0, PROGRAM_MAX_RANK - 1)), A({0})) \
X(RESHAPE,     infer_reshape,     A(NUMBERS("x", ANY)), A(SIZES(-1)))                              \
X(PERMUTE,     infer_permute,     A(NUMBERS("x", SOME)), A(SIZES(-PROGRAM_MAX_RANK)))              \
X(SLICE,       infer_slice,       A(NUMBERS("x", SOME)),                                           \
    A(AXIS, INT(START, INT64_MIN, INT64_MAX), INT(STOP, INT64_MIN, INT64_MAX), INT(STEP, 1, LARGE))) \
X(CONCAT,      infer_concat,      A(NUMBERS("x", SOME)), A(AXIS))                                  \
X(GATHER,      infer_gather,      A(NUMBERS("x", SOME), INTS("index", ANY)),                       \
    A(AXIS, INT(BATCH_DIMS, 0, PROGRAM_MAX_RANK - 1)))                                             \
X(EXPAND,      infer_expand,      A(NUMBERS("x", ANY)), A(SIZES(-1)))                              \
X(CAST,        infer_cast,        A(NUMBERS("x", ANY)), A(NEED_INT(DTYPE, 1, CORBEL_I32)))         \
X(LINEAR,      infer_linear,      A(PROJECTED, MAYBE_WEIGHT("bias", 1, 1)), A(FLAG(TRANSPOSED)))   \
X(MATMUL,      infer_matmul,      A(WEIGHT("x", 2, PROGRAM_MAX_RANK), WEIGHT("y", 2, PROGRAM_MAX_RANK)), \
    A(FLAG(TRANSPOSE_B)))                                                                          \
X(ADD,         infer_broadcast,   A(TWO_NUMBERS), A({0}))                                          \
X(SUB,         infer_broadcast,   A(TWO_NUMBERS), A({0}))                                          \
X(MUL,         infer_broadcast,   A(TWO_NUMBERS), A({0}))                                          \
X(DIV,         infer_broadcast,   A(FLOATS("x", ANY), FLOATS("y", ANY)), A({0}))                   \
X(MAXIMUM,     infer_broadcast,   A(TWO_NUMBERS), A({0}))                                          \
X(MINIMUM,     infer_broadcast,   A(TWO_NUMBERS), A({0}))                                          \
X(AFFINE,      infer_same_shape,  A(FLOATS("x", ANY)),                                             \
    A(FLOAT(SCALE, -FLT_MAX, FLT_MAX), FLOAT(SHIFT, -FLT_MAX, FLT_MAX)))                           \
X(NOT_EQUAL,   infer_not_equal,   A(INTS("x", ANY)), A(NEED_INT(VALUE, INT32_MIN, INT32_MAX)))     \
X(ACTIVATION,  infer_same_shape,  A(FLOATS("x", ANY)), A(FUNCTION))                                \
X(RMS_NORM,    infer_norm,        A(NORMED), A(EPS, FLOAT(WEIGHT_OFFSET, -FLT_MAX, FLT_MAX)))      \
X(LAYER_NORM,  infer_norm,        A(NORMED, MAYBE_WEIGHT("bias", 1, 1)), A(EPS))                   \
X(SOFTMAX,     infer_same_shape,  A(FLOATS("x", SOME)), A({0}))                                    \
X(REDUCE_SUM,  infer_reduce,      A(NUMBERS("x", SOME)), A(AXIS, FLAG(KEEP)))                      \
X(REDUCE_MEAN, infer_reduce,      A(FLOATS("x", SOME)), A(AXIS, FLAG(KEEP)))                       \
X(REDUCE_MAX,  infer_reduce,      A(NUMBERS("x", SOME)), A(AXIS, FLAG(KEEP)))                      \
X(ARGMAX,      infer_argmax,      A(NUMBERS("x", SOME)), A(AXIS))                                  \
X(LINEAR_SCAN, infer_linear_scan,                                                                  \
    A(FLOATS("a", SOME), FLOATS("x", SOME), MAYBE_FLOATS("initial", ANY)), A(AXIS))                \
X(ROPE_TABLE,  infer_rope_table,                                                                   \
    A(INTS("positions", 2, 2), MAYBE_FLOATS("short", 1, 1), MAYBE_FLOATS("long", 1, 1)),           \
    A(NEED_INT(ROPE_TYPE, 0, ROPE_TYPE_LONGROPE), NEED_INT(DIM, 2, 1 << 20),                       \
      NEED_FLOAT(THETA, DBL_MIN, FLT_MAX), FLOAT(FACTOR, 0.0, FLT_MAX),                            \
      FLOAT(LOW_FREQ_FACTOR, 0.0, FLT_MAX), FLOAT(HIGH_FREQ_FACTOR, 0.0, FLT_MAX),                 \
      INT(ORIGINAL_MAX, 0, LARGE), INT(MAX_POSITIONS, 0, LARGE),                                   \
      FLOAT(ATTENTION_FACTOR, -FLT_MAX, FLT_MAX), FLOAT(BETA_FAST, 0.0, FLT_MAX),                  \
      FLOAT(BETA_SLOW, 0.0, FLT_MAX), FLAG(TRUNCATE)))                                             \
X(ROPE,        infer_rope,        A(FLOATS("x", 4, 4), FLOATS("table", 4, 4)), A(FLAG(INTERLEAVED))) \
X(ATTENTION,   infer_attention,   A(ATTENDED), A(ATTENTION_HOW))                                   \
X(CONV,        infer_conv,                                                                         \
    A(FLOATS("x", 3, 4), WEIGHT("weight", 3, 4), MAYBE_WEIGHT("bias", 1, 1)),                      \
    A(PIXELS(STRIDE, 1), PIXELS(PAD, 0), PIXELS(PAD_END, 0), PIXELS(DILATION, 1),                  \
      INT(GROUPS, 1, LARGE)))                                                                      \
X(BATCH_NORM,  infer_batch_norm,                                                                   \
    A(FLOATS("x", 2, PROGRAM_MAX_RANK), WEIGHT("weight", 1, 1), WEIGHT("bias", 1, 1),              \
      WEIGHT("mean", 1, 1), WEIGHT("var", 1, 1)), A(EPS))                                          \
X(MAX_POOL,    infer_pool,        A(FLOATS("x", 3, 4)), A(POOL, PIXELS(DILATION, 1)))              \
X(AVG_POOL,    infer_pool,        A(FLOATS("x", 3, 4)), A(POOL, FLAG(COUNT_PAD)))                  \
X(INTERPOLATE, infer_interpolate, A(FLOATS("x", 4, 4)),                                            \
    A(NEED_INT(HEIGHT, 1, LARGE), NEED_INT(WIDTH, 1, LARGE), FLAG(CUBIC)))                         \
X(ASSIGN,      infer_assign,      A(NUMBERS("state", ANY), NUMBERS("value", ANY)), A({0}))         \
X(CUSTOM,      infer_custom,      A(MAYBE_NUMBERS("input", ANY)), A(SIZES(1)))                           \
X(ADD_RMS_NORM, infer_add_norm,                                                                    \
    A(FLOATS("a", SOME), FLOATS("b", SOME), WEIGHT("weight", 1, 1)),                               \
    A(EPS, FLOAT(WEIGHT_OFFSET, -FLT_MAX, FLT_MAX)))                                               \
X(ADD_LAYER_NORM, infer_add_norm,                                                                  \
    A(FLOATS("a", SOME), FLOATS("b", SOME), WEIGHT("weight", 1, 1), WEIGHT("bias", 1, 1)), A(EPS)) \
X(LINEAR_FUSED, infer_linear_fused,                                                                \
    A(PROJECTED, MAYBE_WEIGHT("bias", 1, 1), MAYBE_FLOATS("residual", ANY)),                       \
    A(FLAG(TRANSPOSED), FUNCTION))                                                                 \
X(LINEAR_GATED, infer_linear_gated,                                                                \
    A(FLOATS("x", SOME), WEIGHT("weight_gate", 2, 2), WEIGHT("weight_up", 2, 2),                   \
      MAYBE_WEIGHT("bias_gate", 1, 1), MAYBE_WEIGHT("bias_up", 1, 1)), A(FUNCTION))                \
X(LINEAR_MULTI, infer_linear_multi,                                                                \
    A(FLOATS("x", SOME), WEIGHT("weight_1", 2, 2), WEIGHT("weight_2", 2, 2),                       \
      MAYBE_WEIGHT("weight_3", 2, 2), MAYBE_WEIGHT("bias_1", 1, 1), MAYBE_WEIGHT("bias_2", 1, 1),  \
      MAYBE_WEIGHT("bias_3", 1, 1)), A({0}))                                                       \
X(ATTENTION_ROPE, infer_attention_rope, A(ATTENDED, FLOATS("table", 4, 4)),                        \
    A(ATTENTION_HOW, FLAG(INTERLEAVED)))

#define A(...) {__VA_ARGS__}
static const struct signature rules[OP_COUNT] = {
#define X(NAME, function, arguments, attributes)                                                   \
    [OP_##NAME] = {.infer = function, .args = arguments, .attrs = attributes},
    RULES(X)
#undef X
};
/* clang-format on */

static const struct signature_counts counts[OP_COUNT] = {
#define X(NAME, name, lo, hi, out, kind) {lo, hi, out},
    PROGRAM_OPERATIONS(X)
#undef X
};

const struct signature *signature_of(enum program_op_kind kind)
{
    return &rules[kind];
}

const struct signature_counts *signature_counts_of(enum program_op_kind kind)
{
    return &counts[kind];
}

const struct argument *signature_argument(enum program_op_kind kind, uint32_t slot)
{
    const bool variadic = counts[kind].n_in_max == PROGRAM_MAX_INPUTS;
    return &rules[kind].args[variadic ? 0 : slot];
}
