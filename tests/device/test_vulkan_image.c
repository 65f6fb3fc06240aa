/* Convolution, batch norm, pooling and resizing on Vulkan against the CPU's. */
#include "vulkan_case.h"

static void test_convolutions(void **state)
{
    static const char *const rows[][4] = {
        {"w2x3x9x8", "w8x3x3x3", "w8", "stride_h=1 stride_w=1 pad_h=1 pad_w=1"},
        {"w1x3x32x32", "h16x3x16x16", "h16", "stride_h=16 stride_w=16"},
        {"w1x4x7x65", "b6x2x3x1", "", "groups=2 stride_h=2 pad_h=2"},
        {"w1x8x6x6", "w8x1x3x3", "", "groups=8 pad_h=1 pad_w=1"},
        {"w2x5x1x1", "w4x5x1x1", "w4", ""},
        {"w1x2x11x12", "w3x2x3x2", "b3",
         "dilation_h=2 dilation_w=3 pad_h=1 pad_end_h=3 pad_end_w=1"},
        {"w2x6x40", "w4x6x5", "w4", "stride_w=2 pad_w=2"},
        {"w1x6x21", "w6x1x4", "", "groups=6 dilation_w=2 pad_w=6"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        const uint32_t x = case_value(&c, rows[i][0]), w = case_value(&c, rows[i][1]);
        const uint32_t b = rows[i][2][0] ? case_value(&c, rows[i][2]) : 0;
        c.tolerance = 5e-4; /* the CPU's matrix units, sums of up to 768 terms */
        case_check(&c, CASE_OP(&c, OP_CONV, rows[i][3], x, w, b), rows[i][1]);
    }
}

static void test_batch_norm(void **state)
{
    static const char *const shapes[] = {"w2x5x3x7", "w3x5", "w1x5x65"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct vulkan_case c;
        case_init(&c);
        const uint32_t x = case_value(&c, shapes[i]), w = case_value(&c, i == 1 ? "h5" : "w5");
        const uint32_t b = case_value(&c, i == 2 ? "b5" : "w5"), mean = case_value(&c, "w5");
        const uint32_t var = case_value(&c, "p5");
        c.tolerance = 2e-5;
        case_check(&c, CASE_OP(&c, OP_BATCH_NORM, "eps=1e-5", x, w, b, mean, var), shapes[i]);
    }
}

static void test_pools(void **state)
{
    static const struct {
        enum program_op_kind kind;
        const char *x, *attrs;
    } rows[] = {
        {OP_MAX_POOL, "w2x3x9x8", "kernel_h=3 kernel_w=3 stride_h=2 stride_w=2 pad_h=1 pad_w=1"},
        {OP_MAX_POOL, "w1x2x7x7", "kernel_h=2 kernel_w=3 ceil_mode=1 stride_w=2 dilation_w=2"},
        {OP_MAX_POOL, "w1x2x70", "kernel_w=3 stride_w=2"},
        {OP_AVG_POOL, "w2x3x9x8", "kernel_h=3 kernel_w=3 stride_h=2 stride_w=2 pad_h=1 pad_w=1"},
        {OP_AVG_POOL, "w2x3x9x8",
         "kernel_h=3 kernel_w=3 stride_h=2 stride_w=2 pad_h=1 pad_w=1 count_include_pad=0"},
        {OP_AVG_POOL, "w1x2x7x7", "kernel_h=2 kernel_w=2 ceil_mode=1"},
        {OP_AVG_POOL, "w1x2x7x7",
         "kernel_h=3 kernel_w=3 pad_h=1 pad_w=1 stride_h=3 stride_w=3 "
         "ceil_mode=1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        case_check(&c, CASE_OP(&c, rows[i].kind, rows[i].attrs, case_value(&c, rows[i].x)),
                   rows[i].attrs);
    }
}

static void test_resizing(void **state)
{
    static const char *const rows[][2] = {
        {"w1x2x4x5", "height=8 width=10"},         {"w1x2x9x7", "height=4 width=5"},
        {"w2x1x4x5", "height=9 width=13 cubic=1"}, {"w1x3x14x14", "height=7 width=30 cubic=1"},
        {"w1x1x1x1", "height=3 width=2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        c.tolerance = 3e-5;
        case_check(&c, CASE_OP(&c, OP_INTERPOLATE, rows[i][1], case_value(&c, rows[i][0])),
                   rows[i][1]);
    }
}

/* Not known before the program runs, as weights are. */
static void test_batch_norm_of_computed_operands(void **state)
{
    struct vulkan_case c;
    (void)state;
    case_init(&c);
    const uint32_t x = case_value(&c, "w2x3x5x7"), p = case_value(&c, "p3");
    const uint32_t computed = CASE_OP(&c, OP_AFFINE, "scale=2 shift=1", p);
    case_check(&c,
               CASE_OP(&c, OP_BATCH_NORM, "eps=1e-5", x, computed, computed, computed, computed),
               "batch norm of computed operands");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_resizing),
        cmocka_unit_test(test_batch_norm_of_computed_operands),
    };
    case_open_devices();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close_devices();
    return failed;
}
