/* Products on Vulkan against the CPU's: every type of weight, odd sizes, bias, function, residual,
 * gates, several at once, long sums. */
#include "vulkan_case.h"

#include <math.h>
#include <stdio.h>

/* The CPU's own bound for products (its matrix units split float32 into bfloat16 terms). */
#define PRODUCT 5e-5

static const char types[] = {'w', 'h', 'b'};
static const char *spec(char *out, char type, int a, int b)
{
    if (b)
        snprintf(out, 32, "%c%dx%d", type, a, b);
    else
        snprintf(out, 32, "%c%d", type, a);
    return out;
}

static const struct {
    int m, k, n;
} sizes[] = {
    {1, 1, 1},    {1, 7, 3},     {1, 64, 257}, {1, 576, 255}, {2, 33, 5},
    {3, 100, 31}, {4, 128, 50},  {5, 31, 33},  {7, 16, 16},   {8, 256, 63},
    {9, 40, 65},  {17, 96, 193}, {31, 512, 9}, {64, 64, 64},  {65, 520, 70},
};

static void test_linear_of_all_sizes_and_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int t = 0; t < 3; t++)
            for (int transposed = 0; transposed < 2; transposed++) {
                struct vulkan_case c;
                char what[80], s[32];
                const int m = sizes[i].m, k = sizes[i].k, n = sizes[i].n;
                case_init(&c);
                const uint32_t x = case_value(&c, spec(s, 'w', m, k));
                const uint32_t w =
                    case_value(&c, spec(s, types[t], transposed ? k : n, transposed ? n : k));
                const uint32_t b = i % 2 ? case_value(&c, spec(s, types[t], n, 0)) : 0;
                const uint32_t y =
                    CASE_OP(&c, OP_LINEAR, transposed ? "transposed=1" : "", x, w, b);
                snprintf(what, sizeof what, "linear %d x %d x %d of %c%s", m, k, n, types[t],
                         transposed ? ", transposed" : "");
                c.tolerance = PRODUCT * fmax(1.0, sqrt(k) / 3.0);
                case_check(&c, y, what);
            }
}

static void test_linear_takes_function_and_residual(void **state)
{
    static const struct {
        int function;
        bool residual;
    } rows[] = {{FUNCTION_GELU, false}, {FUNCTION_NONE, true}, {FUNCTION_SILU, true}};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int t = 0; t < 3; t++) {
            struct vulkan_case c;
            char attrs[32], s[32];
            case_init(&c);
            const uint32_t x = case_value(&c, "w3x40"), r = case_value(&c, "w3x21");
            const uint32_t w = case_value(&c, spec(s, types[t], 21, 40));
            const uint32_t b = case_value(&c, spec(s, types[t], 21, 0));
            uint32_t y = CASE_OP(&c, OP_LINEAR, "", x, w, b);
            snprintf(attrs, sizeof attrs, "function=%d", rows[i].function);
            if (rows[i].function)
                y = CASE_OP(&c, OP_ACTIVATION, attrs, y);
            if (rows[i].residual)
                y = CASE_OP(&c, OP_ADD, "", r, y);
            c.expect = OP_LINEAR_FUSED;
            c.fused = true;
            c.tolerance = PRODUCT;
            case_check(&c, y, "fused linear");
        }
}

static void test_gated_linear(void **state)
{
    static const int shapes[][3] = {{1, 64, 100}, {9, 24, 7}, {2, 13, 5}};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int t = 0; t < 3; t++) {
            struct vulkan_case c;
            char s[32];
            case_init(&c);
            const uint32_t x = case_value(&c, spec(s, 'w', shapes[i][0], shapes[i][1]));
            const uint32_t gate = case_value(&c, spec(s, types[t], shapes[i][2], shapes[i][1]));
            const uint32_t up = case_value(&c, spec(s, types[t], shapes[i][2], shapes[i][1]));
            const uint32_t g = CASE_OP(&c, OP_LINEAR, "", x, gate, 0);
            const uint32_t f = CASE_OP(&c, OP_ACTIVATION, "function=1", g);
            const uint32_t u = CASE_OP(&c, OP_LINEAR, "", x, up, 0);
            c.expect = OP_LINEAR_GATED;
            c.fused = true;
            c.tolerance = PRODUCT;
            case_check(&c, CASE_OP(&c, OP_MUL, "", f, u), "gated linear");
        }
}

static void test_several_linears_of_one_x(void **state)
{
    (void)state;
    for (int n = 2; n <= 3; n++) {
        struct vulkan_case c;
        uint32_t y[3];
        case_init(&c);
        const uint32_t x = case_value(&c, "w5x48");
        for (int i = 0; i < n; i++)
            y[i] = CASE_OP(&c, OP_LINEAR, "", x, case_value(&c, i ? "b16x48" : "b32x48"),
                           i == 1 ? case_value(&c, "b16") : 0);
        c.expect = OP_LINEAR_MULTI;
        c.fused = true;
        c.tolerance = PRODUCT;
        case_check(&c, case_op(&c, OP_CONCAT, y, (uint32_t)n, "axis=1"), "linears of one x");
    }
}

/* An invocation of lavapipe stops silently after 65,535 iterations. */
static void test_sums_of_more_than_65536_terms(void **state)
{
    static const char *const weights[] = {"w3x70001", "h5x70008", "b3x131080"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct vulkan_case c;
        char x[32];
        case_init(&c);
        const uint32_t w = case_value(&c, weights[i]);
        snprintf(x, sizeof x, "w2x%d", (int)c.program.values[w].shape[1]);
        c.tolerance = 2e-3; /* float32 sums of 10^5 terms in two orders */
        case_check(&c, CASE_OP(&c, OP_LINEAR, "", case_value(&c, x), w, 0), weights[i]);
    }
}

static void test_more_than_65536_columns(void **state)
{
    struct vulkan_case c;
    (void)state;
    case_init(&c);
    const uint32_t x = case_value(&c, "w1x16"), w = case_value(&c, "b70003x16");
    c.tolerance = PRODUCT;
    case_check(&c, CASE_OP(&c, OP_LINEAR, "", x, w, 0), "70003 columns");
}

/* Lavapipe binds 128 MiB at most, as the least that Vulkan promises: larger weights go in pieces.
 */
static void test_weights_larger_than_a_binding(void **state)
{
    static const int32_t ids[] = {0, 69999, 65535, 40000, 5};
    struct vulkan_case c;
    (void)state;
    case_init(&c);
    uint32_t w = case_value(&c, "h70001x1024");
    const uint32_t x = CASE_OP(&c, OP_EMBEDDING, "", w, case_ints(&c, "i5", ids, 5));
    c.tolerance = 1e-3;
    case_check(&c, CASE_OP(&c, OP_LINEAR, "", x, w, 0), "70001 x 1024 of float16");
}

static void test_matmul_broadcasts_batches(void **state)
{
    static const struct {
        const char *a, *b;
        bool transpose;
    } rows[] = {
        {"w5x7", "w7x9", false},          {"w2x3x5x7", "w2x3x7x9", false},
        {"w2x3x5x7", "w3x9x7", true},     {"w4x1x5x8", "w3x8x65", false},
        {"w1x300", "w300x1", false},      {"b9x40", "h40x66", false},
        {"w2x1x1x64", "w1x3x2x64", true}, {"w3x17x70001", "w3x70001x2", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        const uint32_t a = case_value(&c, rows[i].a), b = case_value(&c, rows[i].b);
        c.tolerance = i == 7 ? 2e-3 : PRODUCT;
        case_check(&c, CASE_OP(&c, OP_MATMUL, rows[i].transpose ? "transpose_b=1" : "", a, b),
                   rows[i].a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_of_all_sizes_and_types),
        cmocka_unit_test(test_linear_takes_function_and_residual),
        cmocka_unit_test(test_gated_linear),
        cmocka_unit_test(test_several_linears_of_one_x),
        cmocka_unit_test(test_sums_of_more_than_65536_terms),
        cmocka_unit_test(test_more_than_65536_columns),
        cmocka_unit_test(test_weights_larger_than_a_binding),
        cmocka_unit_test(test_matmul_broadcasts_batches),
    };
    case_open_devices();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close_devices();
    return failed;
}
