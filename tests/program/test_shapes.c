/* test_shapes.c: every shape rule, on what fits and on what does not. */
#include "sample.h"
#include "test.h"

#include "program/shapes.h"

#include <stdio.h>
#include <string.h>

/* The inputs are sample_value's specs, "-" for none; one cache is there: 2 x 2 heads x 16 tokens,
 * keys of 8, values of 6. `expect`: results, "; " between them; or part of the error's text. */
struct row {
    const char *op, *inputs, *attrs, *expect;
};

static void describe(const struct program *p, const struct program_op *op, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < op->n_out && n < size; i++) {
        const struct program_value *v = &p->values[op->out[i]];
        n += (size_t)snprintf(out + n, size - n, "%s%s %s", i ? "; " : "", dtype_short(v->dtype),
                              shape_text(v).s);
    }
}

static void check_row(const struct row *row)
{
    struct program p;
    struct program_attr attrs[ATTR_COUNT];
    struct program_op op = {.attrs = attrs, .module = "model.layers.3.self_attn"};
    char inputs[256], found[1024];
    corbel_error err = {0};
    uint32_t slot;
    const struct program_cache cache = {
        .batch = 2, .n_heads = 2, .capacity = 16, .head_dim = 8, .value_dim = 6};
    program_init(&p);
    assert_int_equal(program_add_cache(&p, &cache, &slot, &err), CORBEL_OK);
    const int kind = program_op_from_name(row->op);
    assert_true(kind >= 0);
    op.kind = (enum program_op_kind)kind;
    op.custom = op.kind == OP_CUSTOM ? "kernel" : NULL;
    op.n_attrs = sample_attrs(row->attrs, attrs);
    snprintf(inputs, sizeof(inputs), "%s", row->inputs);
    char *rest = NULL;
    for (char *spec = strtok_r(inputs, " ", &rest); spec; spec = strtok_r(NULL, " ", &rest))
        op.in[op.n_in++] = strcmp(spec, "-") == 0 ? 0 : sample_value(&p, NULL, spec);

    if (program_emit(&p, &op, NULL, &err) == CORBEL_OK)
        describe(&p, &p.ops[p.n_ops - 1], found, sizeof(found));
    else
        snprintf(found, sizeof(found), "%s", err.text);
    const bool is_error = strncmp(found, "op ", 3) == 0;
    if (is_error ? !strstr(found, row->expect) || !row->expect[0] : strcmp(found, row->expect) != 0)
        fail_msg("%s(%s; %s): %s, not %s", row->op, row->inputs, row->attrs, found, row->expect);
    program_finish(&p);
}

#define CHECK(rows)                                               \
    for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
    check_row(&(rows)[i])

/* clang-format off */
static void test_layout(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"embedding", "w100x32 i2x7", "", "f32 [2, 7, 32]"},
        {"embedding", "b100x32 i", "", "f32 [32]"},
        {"embedding", "w100x32 f2x7", "", "ids [2, 7] is f32 (expected i32)"},
        {"embedding", "w100 i2", "", "weight [100] has 1 axes (expected 2)"},
        {"embedding", "w100x32 i1x1x1x1x1x1x1x1", "", "has 8 axes (expected 0 to 7)"},
        {"embedding", "w100x32", "", "ids (input 1) is missing"},
        {"embedding", "w100x32 i2", "axis=1", "has no attribute axis"},
        {"reshape", "f2x6", "d0=3 d1=-1", "f32 [3, 4]"},
        {"reshape", "i1", "", "i32 []"},
        {"reshape", "f2x6", "d0=5 d1=-1", "x [2, 6], 12 elements, does not fit [5, -1]"},
        {"reshape", "f2x6", "d0=-1 d1=-1", "size -1 (d1)"},
        {"reshape", "f2x6", "d0=0 d1=12", "size 0 (d0)"},
        {"reshape", "f2x6", "d0=3 d2=4", "attribute d2 without d1"},
        {"reshape", "f2x6", "d0=1099511627776 d1=1099511627776", "more than 2^40"},
        {"reshape", "f2x6", "d0=-2", "d0 is -2"},
        {"permute", "f2x3x4", "d0=2 d1=0 d2=1", "f32 [4, 2, 3]"},
        {"permute", "f2x3x4", "d0=-1 d1=0 d2=1", "f32 [4, 2, 3]"},
        {"permute", "f2x3x4", "d0=0 d1=0 d2=1", "is no order of the axes of x [2, 3, 4]"},
        {"permute", "f2x3x4", "d0=0 d1=1", "an order of 2 axes for x [2, 3, 4]"},
        {"permute", "f2x3x4", "d0=0 d1=1 d2=3", "no order"},
        {"slice", "f2x9", "axis=1 start=2 stop=5", "f32 [2, 3]"},
        {"slice", "f2x9", "axis=-1 start=-4", "f32 [2, 4]"},
        {"slice", "f2x9", "axis=1 stop=-1 step=3", "f32 [2, 3]"},
        {"slice", "i2x9", "axis=1 start=-100 stop=9223372036854775807", "i32 [2, 9]"},
        {"slice", "i2x9", "axis=1 start=-9223372036854775808", "i32 [2, 9]"},
        {"slice", "f2x9", "axis=1 start=5 stop=5", "[5:5] of axis 1 of x [2, 9] is empty"},
        {"slice", "f2x9", "axis=1 start=9", "empty"},
        {"slice", "f2x9", "axis=2", "axis 2 of a value with 2 axes"},
        {"slice", "f2x9", "axis=-3", "axis -3 of a value with 2 axes"},
        {"slice", "f2x9", "axis=1 step=0", "step is 0"},
        {"slice", "f2x9", "start=1", "attribute axis is missing"},
        {"concat", "f2x3 f2x4 f2x5", "axis=1", "f32 [2, 12]"},
        {"concat", "i2x3", "axis=-2", "i32 [2, 3]"},
        {"concat", "f2x3 f3x3", "axis=1", "input 1, [3, 3], does not fit input 0, [2, 3], along axis 1"},
        {"concat", "f2x3 f2", "axis=1", "does not fit"},
        {"concat", "f2x3 i2x3", "axis=1", "input 0 is f32, input 1 is i32"},
        {"concat", "f2x3 - f2x3", "axis=1", "x (input 1) is missing"},
        {"gather", "f2x7x5 i2", "axis=1 batch_dims=1", "f32 [2, 5]"},
        {"gather", "f2x7x5 i3x4", "axis=1", "f32 [2, 3, 4, 5]"},
        {"gather", "i7 i", "axis=0", "i32 []"},
        {"gather", "f2x7x5 i3", "axis=1 batch_dims=1", "the first 1 axes of x [2, 7, 5] and index [3] differ"},
        {"gather", "f2x7x5 i2", "axis=0 batch_dims=1", "batch_dims 1 with axis 0"},
        {"gather", "f2x7x5 f2", "axis=1", "index [2] is f32"},
        {"gather", "f1x1x1x1x1x1x1x1 i1x1", "axis=0", "would have 9 axes"},
        {"expand", "f3x1", "d0=2 d1=3 d2=4", "f32 [2, 3, 4]"},
        {"expand", "f3x1", "d0=-1 d1=4", "f32 [3, 4]"},
        {"expand", "f3x2", "d0=3 d1=4", "x [3, 2] does not broadcast to [3, 4]"},
        {"expand", "f3x2", "d0=2", "does not broadcast"},
        {"expand", "f3x2", "", "does not broadcast"},
        {"expand", "f3", "d0=-1 d1=3", "does not broadcast"},
        {"expand", "f1", "d0=1048576 d1=1048576", "elements below 2^40"},
        {"cast", "i2x3", "dtype=1", "f32 [2, 3]"},
        {"cast", "f2x3", "dtype=4", "i32 [2, 3]"},
        {"cast", "b2x3", "dtype=1", "f32 [2, 3]"},
        {"cast", "f2x3", "dtype=3", "to bf16 (a result is f32 or i32)"},
        {"cast", "f2x3", "", "attribute dtype is missing"},
        {"assign", "s2x3 f2x3", "", ""},
        {"assign", "f2x3 f2x3", "", "to a value that is no state"},
        {"assign", "s2x3 f3x2", "", "f32 [3, 2] to state"},
        {"assign", "s2x3 i2x3", "", "i32 [2, 3] to state"},
        {"custom", "f2x3 i4", "d0=5", "f32 [5]"},
        {"custom", "f2x3 i4", "d0=0", "d0 is 0"},
    };
    CHECK(rows);
}

static void test_products(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"linear", "f1x7x32 w64x32", "", "f32 [1, 7, 64]"},
        {"linear", "f32 b64x32 b64", "", "f32 [64]"},
        {"linear", "f7x32 w32x64 w64", "transposed=1", "f32 [7, 64]"},
        {"linear", "f1x7x32 w64x48", "",
         "op linear in model.layers.3.self_attn: x [1, 7, 32] does not fit weight [64, 48] (expected 48 columns)"},
        {"linear", "f7x32 w48x64", "transposed=1", "does not fit weight [48, 64] (expected 48 rows)"},
        {"linear", "f7x32 w64x32 w32", "", "bias [32] does not fit weight [64, 32] (expected [64])"},
        {"linear", "f7x32 w64x32", "transposed=2", "transposed is 2 (expected 0 to 1)"},
        {"linear", "i7x32 w64x32", "", "x [7, 32] is i32 (expected f32)"},
        {"linear", "f w64x32", "", "x [] has 0 axes"},
        {"linear", "f7x32 w64x32 - f7x64", "", "4 inputs (at most 3)"},
        {"matmul", "f2x3x4 f2x4x5", "", "f32 [2, 3, 5]"},
        {"matmul", "f6x2x3x4 f2x5x4", "transpose_b=1", "f32 [6, 2, 3, 5]"},
        {"matmul", "f3x4 b4x5", "", "f32 [3, 5]"},
        {"matmul", "f3x4 f5x4", "", "x [3, 4] does not fit y [5, 4] (expected 5 columns)"},
        {"matmul", "f2x3x4 f3x4x5", "", "the leading axes of x [2, 3, 4] and y [3, 4, 5]"},
        {"matmul", "f4 f4x5", "", "x [4] has 1 axes"},
        {"linear_fused", "f7x32 b64x32 - f7x64", "function=1", "f32 [7, 64]"},
        {"linear_fused", "f7x32 b32x64 b64 f7x64", "function=0 transposed=1", "f32 [7, 64]"},
        {"linear_fused", "f7x32 b64x32 - f1x64", "function=1", "residual [1, 64] does not fit the result [7, 64]"},
        {"linear_fused", "f7x32 b64x32", "", "attribute function is missing"},
        {"linear_gated", "f7x32 b64x32 b64x32", "function=1", "f32 [7, 64]"},
        {"linear_gated", "f7x32 b64x32 b64x32 b64 b64", "function=1", "f32 [7, 64]"},
        {"linear_gated", "f7x32 b64x32 h64x32", "function=1", "weight_gate bf16 [64, 32] and weight_up f16 [64, 32] differ"},
        {"linear_gated", "f7x32 b64x32 b48x32", "function=1", "differ"},
        {"linear_multi", "f7x32 b64x32 b16x32 b8x32 - - b8", "", "f32 [7, 64]; f32 [7, 16]; f32 [7, 8]"},
        {"linear_multi", "f7x32 b64x32 b16x32", "", "f32 [7, 64]; f32 [7, 16]"},
        {"linear_multi", "f7x32 b64x32 b16x32 - - - b8", "", "bias_3 without weight_3"},
        {"linear_multi", "f7x32 b64x32 b16x33", "", "weight_2 [16, 33]"},
        {"linear_multi", "f7x32 b64x32 w16x32", "", "weight_1 is bf16, weight_2 is f32"},
    };
    CHECK(rows);
}

static void test_arithmetic(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"add", "f2x1x4 f3x1", "", "f32 [2, 3, 4]"},
        {"sub", "i2 i", "", "i32 [2]"},
        {"mul", "f2x3 b3", "", "f32 [2, 3]"},
        {"maximum", "f2 f2", "", "f32 [2]"},
        {"minimum", "i2 i2", "", "i32 [2]"},
        {"add", "f2 i2", "", "x [2] is f32, y [2] is i32 (expected one type)"},
        {"add", "f2x3 f2", "", "x [2, 3] and y [2] do not broadcast"},
        {"div", "i2 i2", "", "x [2] is i32 (expected f32)"},
        {"div", "f2 f1", "", "f32 [2]"},
        {"affine", "f2x3", "scale=2 shift=1", "f32 [2, 3]"},
        {"affine", "f2x3", "scale=nan", "scale is nan"},
        {"affine", "f2x3", "scale=inf", "scale is inf"},
        {"not_equal", "i2x3", "value=-100", "i32 [2, 3]"},
        {"not_equal", "f2x3", "value=0", "is f32 (expected i32)"},
        {"not_equal", "i2x3", "value=4294967296", "value is 4294967296"},
        {"activation", "f2x3", "function=20", "f32 [2, 3]"},
        {"activation", "f2x3", "function=21", "function is 21 (expected 0 to 20)"},
        {"rms_norm", "f2x32 b32", "eps=1e-6 weight_offset=1", "f32 [2, 32]"},
        {"rms_norm", "f2x32", "eps=0", "f32 [2, 32]"},
        {"rms_norm", "f2x32 w31", "eps=1e-6", "x [2, 32] does not fit weight [31] (expected [32])"},
        {"rms_norm", "f2x32 w32", "", "attribute eps is missing"},
        {"rms_norm", "f2x32 w32", "eps=-1", "eps is -1"},
        {"layer_norm", "f2x32 w32 w32", "eps=1e-5", "f32 [2, 32]"},
        {"layer_norm", "f2x32 - w32", "eps=1e-5", "f32 [2, 32]"},
        {"layer_norm", "f2x32 w32 w1", "eps=1e-5", "does not fit bias [1]"},
        {"softmax", "f2x3", "", "f32 [2, 3]"},
        {"softmax", "f", "", "has 0 axes"},
        {"reduce_sum", "i2x3x4", "axis=1", "i32 [2, 4]"},
        {"reduce_max", "f2x3x4", "axis=-1 keep=1", "f32 [2, 3, 1]"},
        {"reduce_mean", "f3", "axis=0", "f32 []"},
        {"reduce_mean", "i3", "axis=0", "is i32"},
        {"reduce_mean", "f3", "axis=1", "axis 1 of a value with 1 axes"},
        {"argmax", "f2x3", "axis=1", "i32 [2]"},
        {"argmax", "i2x3", "axis=0", "i32 [3]"},
        {"add_rms_norm", "f2x32 f2x32 b32", "eps=1e-6", "f32 [2, 32]; f32 [2, 32]"},
        {"add_rms_norm", "f2x32 f1x32 b32", "eps=1e-6", "a [2, 32] and b [1, 32] differ"},
        {"add_layer_norm", "f2x32 f2x32 b32 b32", "eps=1e-6", "f32 [2, 32]; f32 [2, 32]"},
        {"add_layer_norm", "f2x32 f2x32 b32 b31", "eps=1e-6", "does not fit bias [31]"},
    };
    CHECK(rows);
}

static void test_attention(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"rope_table", "i2x7", "rope_type=0 dim=8 theta=10000", "f32 [2, 7, 4, 2]"},
        {"rope_table", "i2x7", "rope_type=0 dim=7 theta=10000", "dim 7 is odd"},
        {"rope_table", "i2x7", "rope_type=0 dim=8 theta=0", "theta is 0"},
        {"rope_table", "i2x7", "rope_type=0 dim=8 theta=1e4 attention_factor=0", "attention_factor is 0"},
        {"rope_table", "i2x7", "rope_type=6 dim=8 theta=1e4", "rope_type is 6"},
        {"rope_table", "i7", "rope_type=0 dim=8 theta=1e4", "positions [7] has 1 axes (expected 2)"},
        {"rope_table", "i2x7", "rope_type=1 dim=8 theta=1e4 factor=0", "factor must be positive"},
        {"rope_table", "i2x7", "rope_type=1 dim=8 theta=1e4 factor=4", "f32 [2, 7, 4, 2]"},
        {"rope_table", "i2x7", "rope_type=2 dim=8 theta=1e4 factor=4", "max_position_embeddings must be positive"},
        {"rope_table", "i2x7", "rope_type=2 dim=2 theta=1e4 factor=4 max_position_embeddings=9", "dim must be above 2"},
        {"rope_table", "i2x7", "rope_type=3 dim=8 theta=1e4 factor=4 low_freq_factor=1 high_freq_factor=1", "are equal"},
        {"rope_table", "i2x7", "rope_type=3 dim=8 theta=1e4 factor=4 low_freq_factor=1 high_freq_factor=4 "
                               "original_max_position_embeddings=8192", "f32 [2, 7, 4, 2]"},
        {"rope_table", "i2x7", "rope_type=4 dim=8 theta=1e4 factor=4 beta_fast=32 beta_slow=1 truncate=1 "
                               "original_max_position_embeddings=8192", "f32 [2, 7, 4, 2]"},
        {"rope_table", "i2x7", "rope_type=4 dim=8 theta=1 factor=4 beta_fast=32 beta_slow=1", "theta must be above 1"},
        {"rope_table", "i2x7 c4 c4", "rope_type=5 dim=8 theta=1e4 original_max_position_embeddings=64", "f32 [2, 7, 4, 2]"},
        {"rope_table", "i2x7 c4 c5", "rope_type=5 dim=8 theta=1e4 original_max_position_embeddings=64", "long factors [5] (expected [4])"},
        {"rope_table", "i2x7", "rope_type=5 dim=8 theta=1e4 original_max_position_embeddings=64", "short factors are missing"},
        {"rope_table", "i2x7 c4", "rope_type=0 dim=8 theta=1e4", "short factors without longrope"},
        {"rope", "f2x7x4x8 f2x7x4x2", "", "f32 [2, 7, 4, 8]"},
        {"rope", "f2x7x4x8 f2x7x2x2", "interleaved=1", "f32 [2, 7, 4, 8]"},
        {"rope", "f2x7x4x8 f2x7x5x2", "", "x [2, 7, 4, 8] does not fit table [2, 7, 5, 2] (expected [2, 7, at most 4, 2])"},
        {"rope", "f2x7x4x8 f1x7x4x2", "", "does not fit table"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6", "", "f32 [2, 7, 4, 6]"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6 i2x7", "softcap=30", "f32 [2, 7, 4, 6]"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6 i2x16", "causal=1 cache=0 window=4", "f32 [2, 7, 4, 6]"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6 i2x7", "causal=1 cache=0", "mask [2, 7] does not fit q [2, 7, 4, 8] (expected [2, 16])"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6 i2x16", "", "(expected [2, 7])"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6", "causal=1", "causal without a cache"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6", "cache=0", "a cache without causal"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6", "window=4", "a window without causal"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6", "causal=1 cache=1", "cache 1 does not exist (there are 1)"},
        {"attention", "f2x17x4x8 f2x17x2x8 f2x17x2x6", "causal=1 cache=0", "do not fit cache 0 (batch 2, 2 heads, 16 tokens, keys of 8, values of 6)"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x8", "causal=1 cache=0", "do not fit cache 0"},
        {"attention", "f2x7x4x8 f2x7x3x8 f2x7x3x8", "", "4 heads of q are no multiple of 3 heads of k"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x1x8", "", "differ in heads"},
        {"attention", "f2x7x4x8 f2x7x2x4 f2x7x2x8", "", "differ in the size of a head"},
        {"attention", "f2x7x4x8 f1x7x2x8 f2x7x2x8", "", "differ in batch"},
        {"attention", "f2x7x4x8 f2x8x2x8 f2x8x2x8", "", "differ in length"},
        {"attention", "f2x7x4x8 f2x7x2x8 f2x7x2x6", "scale=-1", "scale is -1"},
        {"attention_rope", "f2x7x4x8 f2x7x2x8 f2x7x2x6 - f2x7x4x2", "causal=1 cache=0 interleaved=1", "f32 [2, 7, 4, 6]"},
        {"attention_rope", "f2x7x4x8 f2x7x2x8 f2x7x2x6 - f2x7x8x2", "causal=1 cache=0", "does not fit table"},
        {"attention_rope", "f2x7x4x8 f2x7x2x8 f2x7x2x6", "causal=1 cache=0", "table (input 4) is missing"},
    };
    CHECK(rows);
}

static void test_recurrences(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"linear_scan", "f2x7x4 f2x7x4", "axis=1", "f32 [2, 7, 4]"},
        {"linear_scan", "f2x7x4 f2x7x4 f2x4", "axis=-2", "f32 [2, 7, 4]"},
        {"linear_scan", "f7 f7 f", "axis=0", "f32 [7]"},
        {"linear_scan", "f2x7x4 f2x7x4 f2x4x1", "axis=1", "initial [2, 4, 1] does not fit x [2, 7, 4] along axis 1 (expected [2, 4])"},
        {"linear_scan", "f2x7x4 f2x7x4 f7x4", "axis=1", "initial [7, 4] does not fit x"},
        {"linear_scan", "f2x1x4 f2x7x4", "axis=1", "a [2, 1, 4] and x [2, 7, 4] differ in shape"},
        {"linear_scan", "f2x7x4 f2x7x4", "axis=3", "axis 3 of a value with 3 axes"},
        {"linear_scan", "f2x7x4 f2x7x4", "", "attribute axis is missing"},
        {"linear_scan", "f f", "axis=0", "a [] has 0 axes"},
        {"linear_scan", "i7 f7", "axis=0", "a [7] is i32 (expected f32)"},
    };
    CHECK(rows);
}

static void test_images(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"conv", "f2x3x32x32 w16x3x3x3 w16", "stride_h=2 stride_w=2 pad_h=1 pad_w=1", "f32 [2, 16, 16, 16]"},
        {"conv", "f2x3x224x224 h768x3x16x16", "stride_h=16 stride_w=16", "f32 [2, 768, 14, 14]"},
        {"conv", "f2x8x10 w8x1x3", "groups=8 pad_w=2 dilation_w=2", "f32 [2, 8, 10]"},
        {"conv", "f2x8x10 w8x8x3", "pad_w=2 pad_end_w=0", "f32 [2, 8, 10]"},
        {"conv", "f2x8x10 w8x8x3", "pad_h=1", "attribute pad_h, but x [2, 8, 10] has one spatial axis"},
        {"conv", "f2x3x8x8 w16x4x3x3", "", "x [2, 3, 8, 8] does not fit weight [16, 4, 3, 3] in 1 groups"},
        {"conv", "f2x4x8x8 w15x2x3x3", "groups=2", "does not fit"},
        {"conv", "f2x3x8x8 w16x3x3", "", "does not fit"},
        {"conv", "f2x3x8x8 w16x3x3x3 w8", "", "bias [8]"},
        {"conv", "f2x3x2x2 w16x3x3x3", "", "a window of 3 (dilation 1) does not fit size 2 padded to 2"},
        {"conv", "f2x3x8x8 w16x3x3x3", "stride_h=0", "stride_h is 0"},
        {"conv", "f2x3x8x8 w16x3x3x3", "dilation_h=2147483648", "does not fit size 8"},
        {"batch_norm", "f2x3x8x8 w3 w3 w3 w3", "eps=1e-5", "f32 [2, 3, 8, 8]"},
        {"batch_norm", "f2x3x8x8 w3 w3 w4 w3", "eps=1e-5", "does not fit mean [4] (expected [3])"},
        {"batch_norm", "f2x3x8x8 w3 w3 w3", "eps=1e-5", "var (input 4) is missing"},
        {"max_pool", "f2x3x9x9", "kernel_h=3 kernel_w=3 stride_h=2 stride_w=2 pad_h=1 pad_w=1", "f32 [2, 3, 5, 5]"},
        {"max_pool", "f1x1x7x7", "kernel_h=2 kernel_w=2 ceil_mode=1", "f32 [1, 1, 4, 4]"},
        {"max_pool", "f1x1x7x7", "kernel_h=2 kernel_w=2", "f32 [1, 1, 3, 3]"},
        {"avg_pool", "f1x1x1x2", "kernel_h=2 kernel_w=2 ceil_mode=1", "f32 [1, 1, 1, 1]"},
        {"avg_pool", "f1x1x1x2", "kernel_h=2 kernel_w=2", "a window of 2 (dilation 1) does not fit size 1"},
        {"max_pool", "f1x1x9x9", "kernel_h=5 kernel_w=2 stride_h=7 stride_w=4 ceil_mode=1", "f32 [1, 1, 2, 3]"},
        {"max_pool", "f1x1x1x9", "kernel_h=4 kernel_w=2 stride_h=2 stride_w=4 ceil_mode=1", "does not fit size 1"},
        {"max_pool", "f1x1x1x1", "kernel_h=2 kernel_w=2 pad_h=1 pad_w=1 stride_h=2 stride_w=2 ceil_mode=1", "f32 [1, 1, 1, 1]"},
        {"max_pool", "f1x1x7x7", "kernel_h=2 kernel_w=2 pad_h=2", "pad 2 is more than half of the window of 2"},
        {"max_pool", "f1x1x7x7", "kernel_h=2", "attribute kernel_w is missing"},
        {"avg_pool", "f1x1x8", "kernel_w=4 count_include_pad=0", "f32 [1, 1, 2]"},
        {"avg_pool", "f1x1x8", "kernel_w=4 dilation_w=2", "has no attribute dilation_w"},
        {"interpolate", "f1x3x14x14", "height=16 width=20 cubic=1", "f32 [1, 3, 16, 20]"},
        {"interpolate", "f1x3x14x14", "height=0 width=20", "height is 0"},
    };
    CHECK(rows);
}
/* clang-format on */

static void test_attributes_become_canonical(void **state)
{
    (void)state;
    struct program p;
    program_init(&p);
    const uint32_t x = sample_value(&p, NULL, "f2x9");
    sample_emit(&p, NULL, "slice", x, 0, 0, "stop=-2 start=-5 axis=-1");
    const struct program_op *op = &p.ops[0];
    assert_int_equal(program_op_int(op, ATTR_AXIS, 9), 1);
    assert_int_equal(program_op_int(op, ATTR_START, 9), 4);
    assert_int_equal(program_op_int(op, ATTR_STOP, 9), 7);
    assert_true(op->attrs[0].key < op->attrs[1].key && op->attrs[1].key < op->attrs[2].key);
    sample_emit(&p, NULL, "reshape", x, 0, 0, "d0=3 d1=-1");
    assert_int_equal(program_op_int(&p.ops[1], ATTR_D1, 0), 6);
    program_finish(&p);
}

static void test_a_cache_belongs_to_one_attention(void **state)
{
    (void)state;
    struct program p;
    corbel_error err = {0};
    uint32_t slot;
    program_init(&p);
    const struct program_cache cache = {
        .batch = 1, .n_heads = 2, .capacity = 16, .head_dim = 8, .value_dim = 8};
    assert_int_equal(program_add_cache(&p, &cache, &slot, &err), CORBEL_OK);
    const uint32_t q = sample_value(&p, NULL, "f1x3x2x8");
    sample_emit(&p, NULL, "attention", q, q, q, "causal=1 cache=0");
    const struct program_attr attrs[] = {{.key = ATTR_CAUSAL, .i = 1}, {.key = ATTR_CACHE, .i = 0}};
    const struct program_op op = {
        .kind = OP_ATTENTION, .n_in = 3, .in = {q, q, q}, .attrs = attrs, .n_attrs = 2};
    assert_int_equal(program_emit(&p, &op, NULL, &err), CORBEL_E_PROGRAM);
    assert_non_null(strstr(err.text, "cache 0 is in use by operation 0"));
    program_finish(&p);
}

static void test_reduced_weights_are_cast_where_needed(void **state)
{
    (void)state;
    struct program p;
    program_init(&p);
    const uint32_t x = sample_value(&p, NULL, "f2x3"), w = sample_value(&p, "w", "b3");
    sample_emit(&p, "m", "add", x, w, 0, NULL);
    assert_int_equal(p.n_ops, 2);
    assert_int_equal(p.ops[0].kind, OP_CAST);
    assert_int_equal(p.ops[1].in[1], p.ops[0].out[0]);
    sample_emit(&p, "m", "rms_norm", x, w, 0, "eps=0");
    assert_int_equal(p.n_ops, 3);
    program_finish(&p);
}

static void test_values_are_checked(void **state)
{
    (void)state;
    static const int data[2];
    static const struct {
        struct program_value v;
        const char *why;
    } rows[] = {
        {{.kind = VALUE_WEIGHT, .dtype = CORBEL_F32}, "without a sound name"},
        {{.kind = VALUE_WEIGHT, .dtype = CORBEL_F32, .name = "a\nb"}, "without a sound name"},
        {{.kind = VALUE_WEIGHT, .dtype = CORBEL_F32, .name = "\xc3"}, "without a sound name"},
        {{.kind = VALUE_WEIGHT, .dtype = CORBEL_F32, .name = "\xe2\x80\xae"}, "a sound name"},
        {{.kind = VALUE_WEIGHT, .dtype = CORBEL_I32, .name = "w"}, "type 4 (expected f32, f16"},
        {{.kind = VALUE_INPUT, .dtype = CORBEL_BF16, .name = "w"}, "type 3 (expected f32 or i32)"},
        {{.kind = VALUE_INPUT, .dtype = CORBEL_F32, .name = "w", .rank = 9}, "9 axes"},
        {{.kind = VALUE_INPUT, .dtype = CORBEL_F32, .name = "w", .rank = 1}, "shape [0]"},
        {{.kind = VALUE_INPUT, .dtype = CORBEL_F32, .name = "w", .rank = 1, .shape = {-1}},
         "shape [-1]"},
        {{.kind = VALUE_INPUT,
          .dtype = CORBEL_F32,
          .name = "w",
          .rank = 2,
          .shape = {INT64_C(1) << 32, INT64_C(1) << 32}},
         "below 2^40"},
        {{.kind = VALUE_INPUT, .dtype = CORBEL_F32, .name = "w", .data = data}, "data, which only"},
        {{.kind = VALUE_CONSTANT, .dtype = CORBEL_F32}, "without data"},
        {{.kind = VALUE_RESULT, .dtype = CORBEL_F32}, "not declared but computed"},
        {{.kind = (enum value_kind)77, .dtype = CORBEL_F32}, "or does not exist"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct program p;
        corbel_error err = {0};
        uint32_t id;
        program_init(&p);
        assert_int_equal(program_add_value(&p, &rows[i].v, &id, &err), CORBEL_E_PROGRAM);
        if (!strstr(err.text, rows[i].why))
            fail_msg("row %zu: %s, not %s", i, err.text, rows[i].why);
        program_finish(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_recurrences),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_attributes_become_canonical),
        cmocka_unit_test(test_a_cache_belongs_to_one_attention),
        cmocka_unit_test(test_reduced_weights_are_cast_where_needed),
        cmocka_unit_test(test_values_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
