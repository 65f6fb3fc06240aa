/* test_dtype.c: names, sizes, and every rounding of every 16-bit float. */
#include "test.h"

#include "base/dtype.h"

#include <math.h>
#include <string.h>

static void test_names_and_sizes(void **state)
{
    (void)state;
    static const struct {
        int32_t dtype;
        const char *name, *safetensors;
        unsigned bits;
    } rows[] = {
        {CORBEL_F32, "float32", "F32", 32},    {CORBEL_BF16, "bfloat16", "BF16", 16},
        {CORBEL_F64, "float64", "F64", 64},    {CORBEL_BOOL, "bool", "BOOL", 8},
        {CORBEL_F4, "float4_e2m1fn", "F4", 4}, {CORBEL_F6_E2M3, "float6_e2m3fn", "F6_E2M3", 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(dtype_name(rows[i].dtype), rows[i].name);
        assert_string_equal(dtype_safetensors(rows[i].dtype), rows[i].safetensors);
        assert_int_equal(dtype_bits(rows[i].dtype), rows[i].bits);
        assert_int_equal(dtype_size(rows[i].dtype), rows[i].bits / 8);
        assert_int_equal(dtype_from_name(rows[i].name), rows[i].dtype);
        assert_int_equal(dtype_from_safetensors(rows[i].safetensors), rows[i].dtype);
    }
    assert_int_equal(dtype_from_name("torch.float16"), CORBEL_F16);
    static const int32_t none[] = {0, -1, CORBEL_F4 + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(dtype_bits(none[i]), 0);
        assert_non_null(dtype_name(none[i]));
    }
    assert_int_equal(dtype_from_name("float31"), CORBEL_DTYPE_NONE);
    assert_int_equal(dtype_from_safetensors("f32"), CORBEL_DTYPE_NONE);
}

/* The value of a 16-bit float by its definition. */
static double value(uint16_t h, int mantissa_bits, int bias)
{
    const int exponent_mask = (1 << (15 - mantissa_bits)) - 1;
    const int exponent = h >> mantissa_bits & exponent_mask;
    const int mantissa = h & ((1 << mantissa_bits) - 1);
    const double sign = h & 0x8000 ? -1 : 1;
    if (exponent == exponent_mask)
        return mantissa ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0)
        return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

static void test_every_half_and_every_rounding_to_one(void **state)
{
    static const struct {
        int mantissa_bits, bias;
        float (*widen)(uint16_t h);
        uint16_t (*narrow)(float f);
    } kinds[] = {{10, 15, f16_to_f32, f32_to_f16}, {7, 127, bf16_to_f32, f32_to_bf16}};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const uint16_t infinity = (uint16_t)(0x7fff & ~((1 << kinds[k].mantissa_bits) - 1));
        for (uint32_t i = 0; i < 0x8000; i++) {
            const uint16_t h = (uint16_t)i;
            const float f = kinds[k].widen(h), g = kinds[k].widen((uint16_t)(h | 0x8000));
            if (h > infinity) {
                assert_true(isnan(f) && isnan(kinds[k].widen(kinds[k].narrow(f))));
                continue;
            }
            assert_true((double)f == value(h, kinds[k].mantissa_bits, kinds[k].bias));
            assert_true(g == -f && signbit(g));
            assert_int_equal(kinds[k].narrow(f), h);
            assert_int_equal(kinds[k].narrow(-f), h | 0x8000);
            if (h >= infinity - 1)
                continue;
            /* The middle between two neighbours goes to the even one, all else to the nearer. */
            const float middle =
                (float)(((double)f + (double)kinds[k].widen((uint16_t)(h + 1))) / 2);
            assert_int_equal(kinds[k].narrow(middle), h + (h & 1));
            assert_int_equal(kinds[k].narrow(nextafterf(middle, 0)), h);
            assert_int_equal(kinds[k].narrow(nextafterf(middle, INFINITY)), h + 1);
        }
        assert_int_equal(kinds[k].narrow(INFINITY), infinity);
        assert_int_equal(kinds[k].narrow(3.4028235e38f), infinity);
    }
    assert_int_equal(f32_to_f16(65519.996f), 0x7bff);
    assert_int_equal(f32_to_f16(65520.0f), 0x7c00);
}

/* Any pair of floats, at odd addresses, more than one chunk. */
static void test_arrays_are_converted_wherever_they_lie(void **state)
{
    (void)state;
    enum { N = 1000 };
    static const int32_t floats[] = {CORBEL_F32, CORBEL_F16, CORBEL_BF16, CORBEL_F64};
    static unsigned char in[N * 8 + 1], out[N * 8 + 1], back[N * 8 + 1];
    float values[N];
    for (int i = 0; i < N; i++)
        values[i] = (float)(i % 128 - 64) * 0.5f; /* exact in each of them */
    for (size_t a = 0; a < 4; a++) {
        for (size_t b = 0; b < 4; b++) {
            float result[N];
            assert_true(dtype_convert(floats[a], in + 1, CORBEL_F32, values, N));
            assert_true(dtype_convert(floats[b], out + 1, floats[a], in + 1, N));
            assert_true(dtype_convert(CORBEL_F32, back + 1, floats[b], out + 1, N));
            memcpy(result, back + 1, sizeof result);
            assert_memory_equal(result, values, sizeof values);
        }
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const int64_t in[] = {0, 1, -1, 300, -129, 70000, INT64_MIN};
    enum { N = sizeof in / sizeof in[0] };
    static const int32_t as_i32[] = {0, 1, -1, 300, -129, 70000, 0};
    static const int16_t as_i16[] = {0, 1, -1, 300, -129, 4464, 0};
    static const uint8_t as_u8[] = {0, 1, 255, 44, 127, 112, 0}, as_bool[] = {0, 1, 1, 1, 1, 1, 1};
    int64_t out[N];
    assert_true(dtype_convert(CORBEL_I32, out, CORBEL_I64, in, N));
    assert_memory_equal(out, as_i32, sizeof as_i32);
    assert_true(dtype_convert(CORBEL_I16, out, CORBEL_I64, in, N));
    assert_memory_equal(out, as_i16, sizeof as_i16);
    assert_true(dtype_convert(CORBEL_U8, out, CORBEL_I64, in, N));
    assert_memory_equal(out, as_u8, sizeof as_u8);
    assert_true(dtype_convert(CORBEL_BOOL, out, CORBEL_I64, in, N));
    assert_memory_equal(out, as_bool, sizeof as_bool);
    static const int8_t i8[] = {-128, 127};
    assert_true(dtype_convert(CORBEL_I64, out, CORBEL_I8, i8, 2));
    assert_true(out[0] == -128 && out[1] == 127);

    static const float floats[] = {1.9f, -1.9f, 1e30f, -1e30f, NAN};
    static const int32_t whole[] = {1, -1, INT32_MAX, INT32_MIN, 0};
    int32_t i32[5];
    assert_true(dtype_convert(CORBEL_I32, i32, CORBEL_F32, floats, 5));
    assert_memory_equal(i32, whole, sizeof whole);
    float f32[5];
    assert_true(dtype_convert(CORBEL_F32, f32, CORBEL_I32, whole, 2));
    assert_true(f32[0] == 1.0f && f32[1] == -1.0f);
}

/* Values of torch.float8_e4m3fn and float8_e5m2. */
static void test_small_floats_and_integers_become_floats(void **state)
{
    (void)state;
    static const struct {
        int32_t from;
        uint8_t byte;
        float value;
    } rows[] = {
        {CORBEL_F8_E4M3, 0x00, 0.0f},     {CORBEL_F8_E4M3, 0x38, 1.0f},
        {CORBEL_F8_E4M3, 0xc4, -3.0f},    {CORBEL_F8_E4M3, 0x7e, 448.0f},
        {CORBEL_F8_E4M3, 0x01, 0x1p-9f},  {CORBEL_F8_E4M3, 0x87, -7 * 0x1p-9f},
        {CORBEL_F8_E4M3, 0x08, 0x1p-6f},  {CORBEL_F8_E5M2, 0x3c, 1.0f},
        {CORBEL_F8_E5M2, 0x7b, 57344.0f}, {CORBEL_F8_E5M2, 0xfc, -INFINITY},
        {CORBEL_F8_E5M2, 0x01, 0x1p-16f}, {CORBEL_I8, 0x80, -128.0f},
        {CORBEL_U8, 0xff, 255.0f},        {CORBEL_BOOL, 0x01, 1.0f},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float f;
        assert_true(dtype_convert(CORBEL_F32, &f, rows[i].from, &rows[i].byte, 1));
        if (f != rows[i].value)
            fail_msg("%s 0x%02x is %g", dtype_name(rows[i].from), rows[i].byte, (double)f);
    }
    const uint8_t nan = 0x7f;
    const int64_t large = INT64_C(-3000000000);
    float f;
    uint16_t h;
    assert_true(dtype_convert(CORBEL_F32, &f, CORBEL_F8_E4M3, &nan, 1) && isnan(f));
    assert_true(dtype_convert(CORBEL_F32, &f, CORBEL_I64, &large, 1) && f == -3e9f);
    assert_true(dtype_convert(CORBEL_BF16, &h, CORBEL_I8, "\x02", 1) && h == 0x4000);
}

static void test_pairs_that_are_not_converted(void **state)
{
    (void)state;
    char x[8] = {0}, y[8];
    assert_false(dtype_convert(CORBEL_F32, y, CORBEL_U64, x, 1));
    assert_false(dtype_convert(CORBEL_I64, y, CORBEL_F64, x, 1));
    assert_false(dtype_convert(CORBEL_F32, y, CORBEL_F8_E8M0, x, 1));
    assert_false(dtype_convert(CORBEL_F8_E4M3, y, CORBEL_F32, x, 1));
    assert_false(dtype_convert(CORBEL_F4, y, CORBEL_F4, x, 2));
    assert_false(dtype_convert(0, y, 0, x, 1));
    assert_true(dtype_convert(CORBEL_U64, y, CORBEL_U64, x, 1));
    assert_true(dtype_convert(CORBEL_F32, NULL, CORBEL_F32, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_sizes),
        cmocka_unit_test(test_every_half_and_every_rounding_to_one),
        cmocka_unit_test(test_arrays_are_converted_wherever_they_lie),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_small_floats_and_integers_become_floats),
        cmocka_unit_test(test_pairs_that_are_not_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
