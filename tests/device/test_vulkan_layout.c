/* Operations that only move elements, on Vulkan against the CPU's. */
#include "vulkan_case.h"

#include <stdio.h>

static void test_permute(void **state)
{
    static const char *const rows[][2] = {
        {"w3x65", "d0=1 d1=0"},
        {"w2x3x5x7", "d0=0 d1=2 d2=1 d3=3"},
        {"w2x3x5x7", "d0=3 d1=1 d2=0 d3=2"},
        {"w2x1x3x2x2x1x3x2", "d0=7 d1=6 d2=5 d3=4 d4=3 d5=2 d6=1 d7=0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        case_check(&c, CASE_OP(&c, OP_PERMUTE, rows[i][1], case_value(&c, rows[i][0])), rows[i][1]);
    }
}

static void test_slice(void **state)
{
    static const char *const rows[][2] = {
        {"w3x65", "axis=1 start=64"},          {"w7x5x3", "axis=0 start=1 stop=6 step=2"},
        {"w7x5x3", "axis=2 start=-2 stop=-1"}, {"w4x130x2", "axis=1 start=1 stop=130 step=3"},
        {"w9x17", "axis=0 start=3 stop=4"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        case_check(&c, CASE_OP(&c, OP_SLICE, rows[i][1], case_value(&c, rows[i][0])), rows[i][1]);
    }
}

static void test_concat(void **state)
{
    static const char *const rows[][4] = {
        {"w3x2x5", "w3x7x5", "w3x1x5", "axis=1"},
        {"w65", "w1", "w63", "axis=0"},
        {"w2x3x1", "w2x3x64", "w2x3x3", "axis=2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        uint32_t in[3];
        case_init(&c);
        for (int j = 0; j < 3; j++)
            in[j] = case_value(&c, rows[i][j]);
        case_check(&c, case_op(&c, OP_CONCAT, in, 3, rows[i][3]), rows[i][3]);
    }
}

static void test_expand(void **state)
{
    static const char *const rows[][2] = {
        {"w1x5", "d0=7 d1=5"}, {"w3x1", "d0=2 d1=3 d2=65"}, {"w1", "d0=129"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        case_check(&c, CASE_OP(&c, OP_EXPAND, rows[i][1], case_value(&c, rows[i][0])), rows[i][1]);
    }
}

static void test_reshape_of_a_result(void **state)
{
    struct vulkan_case c;
    (void)state;
    case_init(&c);
    const uint32_t x = CASE_OP(&c, OP_AFFINE, "scale=2", case_value(&c, "w6x11"));
    const uint32_t y = CASE_OP(&c, OP_RESHAPE, "d0=11 d1=-1", x);
    case_check(&c, CASE_OP(&c, OP_PERMUTE, "d0=1 d1=0", y), "reshape");
}

static void test_gather(void **state)
{
    static const int32_t two[] = {4, 0}, six[] = {0, 2, -1, 1, 1, 0}, one[] = {3};
    struct vulkan_case c;
    (void)state;
    case_init(&c);
    uint32_t x = case_value(&c, "w2x5x65");
    case_check(&c, CASE_OP(&c, OP_GATHER, "axis=1 batch_dims=1", x, case_ints(&c, "i2", two, 2)),
               "gather of a batch");
    case_init(&c);
    x = case_value(&c, "w4x3x5");
    case_check(&c, CASE_OP(&c, OP_GATHER, "axis=1", x, case_ints(&c, "i2x3", six, 6)), "gather");
    case_init(&c);
    x = case_value(&c, "w7x6");
    case_check(&c, CASE_OP(&c, OP_GATHER, "axis=0", x, case_ints(&c, "i", one, 1)),
               "gather of one");
}

static void test_embedding(void **state)
{
    static const char *const weights[] = {"w11x65", "h11x64", "b11x7", "h70003x3"};
    static const int32_t ids[] = {10, 0, 3, 3, 7, 1};
    (void)state;
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        const uint32_t w = case_value(&c, weights[i]);
        case_check(&c, CASE_OP(&c, OP_EMBEDDING, "", w, case_ints(&c, "i2x3", ids, 6)), weights[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permute),   cmocka_unit_test(test_slice),
        cmocka_unit_test(test_concat),    cmocka_unit_test(test_expand),
        cmocka_unit_test(test_gather),    cmocka_unit_test(test_reshape_of_a_result),
        cmocka_unit_test(test_embedding),
    };
    case_open_devices();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close_devices();
    return failed;
}
