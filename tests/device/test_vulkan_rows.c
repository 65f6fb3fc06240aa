/* Norms, softmax, reductions and elementwise operations on Vulkan against the CPU's. */
#include "vulkan_case.h"

#include <stdio.h>

/* Around the sizes of a workgroup, 64 and 256. */
static const int widths[] = {1, 2, 63, 64, 65, 255, 256, 257, 576, 9001};

static char *shape(char *out, char type, int a, int b)
{
    snprintf(out, 32, "%c%dx%d", type, a, b);
    return out;
}

static void test_norms_of_all_widths_and_types(void **state)
{
    static const char types[] = {'w', 'h', 'b'};
    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        for (int layer = 0; layer < 2; layer++)
            for (int add = 0; add < 2; add++) {
                struct vulkan_case c;
                char s[32], what[64];
                case_init(&c);
                uint32_t x = case_value(&c, shape(s, 'w', 3, widths[i]));
                if (add)
                    x = CASE_OP(&c, OP_ADD, "", x, case_value(&c, s));
                snprintf(s, sizeof s, "%c%d", types[i % 3], widths[i]);
                const uint32_t w = case_value(&c, s), b = layer ? case_value(&c, s) : 0;
                const uint32_t y = layer
                                       ? CASE_OP(&c, OP_LAYER_NORM, "eps=1e-5", x, w, b)
                                       : CASE_OP(&c, OP_RMS_NORM, "eps=1e-6 weight_offset=1", x, w);
                c.expect = layer ? OP_ADD_LAYER_NORM : OP_ADD_RMS_NORM;
                c.fused = add;
                c.tolerance = 2e-5;
                snprintf(what, sizeof what, "%s norm of %d", layer ? "layer" : "rms", widths[i]);
                /* Both results of the fused norm are needed. */
                case_check(&c, add ? CASE_OP(&c, OP_MUL, "", x, y) : y, what);
            }
}

static void test_norms_without_weights(void **state)
{
    struct vulkan_case c;
    (void)state;
    case_init(&c);
    case_check(&c, CASE_OP(&c, OP_RMS_NORM, "eps=1e-6", case_value(&c, "w4x33")), "rms, bare");
    case_init(&c);
    case_check(&c, CASE_OP(&c, OP_LAYER_NORM, "eps=1e-6", case_value(&c, "w4x33")), "layer, bare");
}

static void test_softmax_of_all_widths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct vulkan_case c;
        char s[32];
        case_init(&c);
        const uint32_t x = case_value(&c, shape(s, 'w', 5, widths[i]));
        const uint32_t y = CASE_OP(&c, OP_AFFINE, "scale=50 shift=-3", x);
        case_check(&c, CASE_OP(&c, OP_SOFTMAX, "", y), s);
    }
}

static void test_reductions_over_every_axis(void **state)
{
    static const enum program_op_kind kinds[] = {OP_REDUCE_SUM, OP_REDUCE_MEAN, OP_REDUCE_MAX,
                                                 OP_ARGMAX};
    static const char *const shapes[] = {"w3x5x7", "w1x64x1", "w2x65x3", "w4x1x300", "w257x2x2"};
    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (size_t s = 0; s < 5; s++)
            for (int axis = 0; axis < 3; axis++) {
                struct vulkan_case c;
                char attrs[32], what[64];
                case_init(&c);
                const uint32_t x = case_value(&c, shapes[s]);
                snprintf(attrs, sizeof attrs, "axis=%d%s", axis,
                         k < 3 && axis == 1 ? " keep=1" : "");
                snprintf(what, sizeof what, "%s of %s, %s", program_op_name(kinds[k]), shapes[s],
                         attrs);
                case_check(&c, CASE_OP(&c, kinds[k], attrs, x), what);
            }
}

/* A vocabulary's argmax, and more than lavapipe's 65,535 iterations for one invocation. */
static void test_reductions_over_more_than_65536(void **state)
{
    static const enum program_op_kind kinds[] = {OP_ARGMAX, OP_REDUCE_MAX, OP_REDUCE_SUM};
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct vulkan_case c;
        case_init(&c);
        const uint32_t x = case_value(&c, "w2x128256");
        ((float *)c.data[x])[128000] = 3.0f; /* and its equal behind it */
        ((float *)c.data[x])[128001] = 3.0f;
        ((float *)c.data[x])[128256 + 128255] = 2.0f;
        c.tolerance = 1e-4;
        case_check(&c, CASE_OP(&c, kinds[k], "axis=1", x), program_op_name(kinds[k]));
    }
    struct vulkan_case c;
    case_init(&c);
    case_check(&c, CASE_OP(&c, OP_SOFTMAX, "", case_value(&c, "w1x200003")), "long softmax");
}

static void test_linear_scans_along_every_axis(void **state)
{
    static const char *const shapes[] = {"w3x5x7", "w1x64x1", "w2x65x3", "w4x1x300"};
    static const char *const initials[4][3] = {{"w5x7", "w3x7", "w3x5"},
                                               {"w64x1", "w1x1", "w1x64"},
                                               {"w65x3", "w2x3", "w2x65"},
                                               {"w1x300", "w4x300", "w4x1"}};
    (void)state;
    for (size_t i = 0; i < 4 * 3 * 2; i++) {
        const size_t s = i / 6, axis = i / 2 % 3;
        struct vulkan_case c;
        char attrs[16], what[64];
        case_init(&c);
        snprintf(attrs, sizeof attrs, "axis=%zu", axis);
        snprintf(what, sizeof what, "linear scan of %s, %s", shapes[s], attrs);
        const uint32_t a = case_value(&c, shapes[s]), x = case_value(&c, shapes[s]);
        const uint32_t initial = i % 2 ? case_value(&c, initials[s][axis]) : 0;
        case_check(&c, CASE_OP(&c, OP_LINEAR_SCAN, attrs, a, x, initial), what);
    }
}

/* More steps than lavapipe's 65,535 iterations: several dispatches. */
static void test_linear_scan_of_more_than_65536(void **state)
{
    struct vulkan_case c;
    (void)state;
    case_init(&c);
    const uint32_t a = case_value(&c, "p3x130001"), x = case_value(&c, "w3x130001");
    for (int i = 0; i < 3 * 130001; i++) /* long memory: the last dispatch depends on the first */
        ((float *)c.data[a])[i] = 0.99999f;
    c.tolerance = 1e-4;
    case_check(&c, CASE_OP(&c, OP_LINEAR_SCAN, "axis=1", a, x, case_value(&c, "w3")), "long scan");
}

static void test_argmax_takes_the_first_of_equals(void **state)
{
    struct vulkan_case c;
    (void)state;
    case_init(&c);
    const uint32_t x = case_value(&c, "w3x400");
    for (int i = 0; i < 1200; i++)
        ((float *)c.data[x])[i] = i % 100 == 37 ? 1.0f : -1.0f;
    case_check(&c, CASE_OP(&c, OP_ARGMAX, "axis=1", x), "argmax of equals");
}

static void test_elementwise_broadcasts(void **state)
{
    static const enum program_op_kind kinds[] = {OP_ADD, OP_SUB,     OP_MUL,
                                                 OP_DIV, OP_MAXIMUM, OP_MINIMUM};
    static const char *const pairs[][2] = {
        {"w3x65", "p3x65"},         {"w3x65", "p65"}, {"w4x1x7", "p5x1"}, {"w2x3x4x5", "p3x1x5"},
        {"w2x1x3x1x2", "p4x1x5x1"}, {"w1", "p300"},   {"w129", "p1"},
    };
    (void)state;
    for (size_t k = 0; k < 6; k++)
        for (size_t i = 0; i < 7; i++) {
            struct vulkan_case c;
            char what[64];
            case_init(&c);
            const uint32_t a = case_value(&c, pairs[i][0]), b = case_value(&c, pairs[i][1]);
            snprintf(what, sizeof what, "%s of %s and %s", program_op_name(kinds[k]), pairs[i][0],
                     pairs[i][1]);
            case_check(&c, CASE_OP(&c, kinds[k], "", a, b), what);
        }
}

static void test_functions(void **state)
{
    static const float special[] = {0.0f,   -0.0f, 1e-6f,  -1e-4f, 0.04f, -0.06f, 20.5f,
                                    -19.0f, 80.0f, -90.0f, 1e4f,   -1e4f, 3e-39f};
    (void)state;
    for (int f = FUNCTION_NONE; f < FUNCTION_COUNT; f++) {
        const bool positive = f == FUNCTION_LOG || f == FUNCTION_SQRT || f == FUNCTION_RSQRT;
        const bool bounded = f == FUNCTION_SIN || f == FUNCTION_COS || f == FUNCTION_EXP;
        struct vulkan_case c;
        char attrs[32];
        case_init(&c);
        const uint32_t x = case_value(&c, positive ? "p700" : "w700");
        float *data = c.data[x];
        for (int i = 0; i < 700; i++)
            data[i] *= bounded ? 3.0f : 10.0f;
        for (size_t i = 0; !positive && !bounded && i < sizeof special / sizeof special[0]; i++)
            data[i] = special[i];
        snprintf(attrs, sizeof attrs, "function=%d", f);
        /* GPUs: sin and cos are within 2^-11 only; angles of positions come from the host. */
        c.tolerance = f == FUNCTION_SIN || f == FUNCTION_COS ? 1e-3 : 2e-5;
        case_check(&c, CASE_OP(&c, OP_ACTIVATION, attrs, x),
                   program_function_name((enum program_function)f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norms_of_all_widths_and_types),
        cmocka_unit_test(test_norms_without_weights),
        cmocka_unit_test(test_softmax_of_all_widths),
        cmocka_unit_test(test_reductions_over_every_axis),
        cmocka_unit_test(test_reductions_over_more_than_65536),
        cmocka_unit_test(test_argmax_takes_the_first_of_equals),
        cmocka_unit_test(test_elementwise_broadcasts),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_linear_scans_along_every_axis),
        cmocka_unit_test(test_linear_scan_of_more_than_65536),
    };
    case_open_devices();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close_devices();
    return failed;
}
