/* The Vulkan device itself: buffers, several runs, states, refusals, profile. */
#include "vulkan_case.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void test_there_is_no_device_99(void **state)
{
    struct device *d = NULL;
    corbel_error err = {0};
    (void)state;
    assert_int_equal(device_create("vulkan:99", NULL, &d, &err), CORBEL_E_NOT_FOUND);
    assert_null(d);
    assert_non_null(strstr(err.text, "vulkan:99"));
}

static void test_the_list_is_json_with_names(void **state)
{
    struct text out = {0};
    corbel_error err = {0};
    (void)state;
    assert_int_equal(device_list_json(&out, &err), CORBEL_OK);
    assert_non_null(strstr(text_cstr(&out), "\"vulkan:0\""));
    text_finish(&out);
}

static void test_buffers_begin_as_zeros_and_keep_what_is_written(void **state)
{
    static const uint64_t sizes[] = {1, 3, 64, 4097, 5u << 20, 40u << 20};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const uint64_t n = sizes[i];
        unsigned char *a = malloc(n), *b = malloc(n);
        struct buffer *buffer = NULL;
        corbel_error err = {0};
        assert_true(a && b);
        assert_int_equal(buffer_create(case_vulkan(), n, &buffer, &err), CORBEL_OK);
        assert_int_equal(buffer_read(buffer, 0, b, n, &err), CORBEL_OK);
        for (uint64_t j = 0; j < n; j++)
            assert_int_equal(b[j], 0);
        for (uint64_t j = 0; j < n; j++)
            a[j] = (unsigned char)(j * 31 + 7);
        assert_int_equal(buffer_write(buffer, 0, a, n, &err), CORBEL_OK);
        assert_int_equal(buffer_read(buffer, n / 2, b, n - n / 2, &err), CORBEL_OK);
        assert_memory_equal(b, a + n / 2, n - n / 2);
        assert_int_equal(buffer_read(buffer, n, b, 1, &err), CORBEL_E_ARGUMENT);
        assert_true(buffer_bytes(buffer) >= n);
        buffer_destroy(&buffer);
        free(a);
        free(b);
    }
}

static void test_weights_are_converted(void **state)
{
    static const float numbers[] = {1.0f, -2.5f, 0.0f, 65504.0f, 3.0f};
    static const uint16_t bf16[] = {0x3f80, 0xc020, 0x0000, 0x4780, 0x4040};
    uint16_t got[5];
    struct buffer *b = NULL;
    corbel_error err = {0};
    (void)state;
    assert_int_equal(
        buffer_create_weight(case_vulkan(), numbers, CORBEL_F32, 5, CORBEL_BF16, &b, &err),
        CORBEL_OK);
    assert_int_equal(b->dtype, CORBEL_BF16);
    assert_int_equal(b->size, 10);
    assert_int_equal(buffer_read(b, 0, got, sizeof got, &err), CORBEL_OK);
    assert_memory_equal(got, bf16, sizeof bf16);
    buffer_destroy(&b);
    assert_int_equal(
        buffer_create_weight(case_vulkan(), numbers, CORBEL_C64, 1, CORBEL_F32, &b, &err),
        CORBEL_E_UNSUPPORTED);
}

static void test_a_misaligned_weight_is_copied(void **state)
{
    char *memory = aligned_alloc(4096, 8192);
    float got[3];
    (void)state;
    assert_non_null(memory);
    for (int shift = 0; shift < 20; shift += 4) {
        const float numbers[] = {1.5f, 2.5f, 3.5f};
        struct buffer *b = NULL;
        corbel_error err = {0};
        memcpy(memory + 4096 + shift, numbers, sizeof numbers);
        assert_int_equal(buffer_create_weight(case_vulkan(), memory + 4096 + shift, CORBEL_F32, 3,
                                              CORBEL_F32, &b, &err),
                         CORBEL_OK);
        assert_int_equal(buffer_read(b, 0, got, sizeof got, &err), CORBEL_OK);
        assert_memory_equal(got, numbers, sizeof numbers);
        buffer_destroy(&b);
    }
    free(memory);
}

/* state = state + 1 every step; the step's output is the state before. */
static void test_a_state_lives_from_step_to_step(void **state)
{
    struct vulkan_case c;
    struct device *d = case_vulkan();
    struct plan plan;
    struct plan_options options = device_plan_options(d);
    struct buffer *values[CASE_VALUES] = {0};
    struct executable *e = NULL;
    corbel_error err = {0};
    (void)state;
    case_init(&c);
    const uint32_t s = case_value(&c, "s7");
    const uint32_t next = CASE_OP(&c, OP_AFFINE, "scale=1 shift=1", s);
    CASE_OP(&c, OP_ASSIGN, "", s, next);
    assert_int_equal(program_add_output(&c.program, "y", next, &err), CORBEL_OK);
    assert_int_equal(plan_create(&plan, &c.program, &options, &err), CORBEL_OK);
    for (uint32_t id = 1; id <= plan.program.n_values; id++)
        if (plan.program.values[id].kind == VALUE_STATE)
            assert_int_equal(buffer_create(d, 28, &values[id], &err), CORBEL_OK);
    const struct executable_bindings bindings = {.values = values};
    if (executable_create(d, &plan, &bindings, &e, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    executable_set_profile(e, true);
    for (int step = 1; step <= 3; step++) {
        assert_int_equal(executable_run(e, 0, &err), CORBEL_OK);
        assert_true(((const float *)executable_output(e, 0))[6] == (float)step);
    }
    assert_null(executable_input(e, "input_ids"));
    assert_int_equal(executable_run(e, -1, &err), CORBEL_E_ARGUMENT);
    executable_destroy(&e);
    for (uint32_t id = 0; id < CASE_VALUES; id++)
        buffer_destroy(&values[id]);
    plan_finish(&plan);
    case_finish(&c);
}

static void test_integers_computed_from_floats_are_refused(void **state)
{
    struct vulkan_case c;
    (void)state;
    case_init(&c);
    const uint32_t a = CASE_OP(&c, OP_ARGMAX, "axis=1", case_value(&c, "w3x9"));
    const uint32_t b = CASE_OP(&c, OP_ADD, "", a, a);
    case_check_refused(&c, b, CORBEL_E_UNSUPPORTED, "integers");
}

static void test_an_unbound_weight_is_refused(void **state)
{
    struct vulkan_case c;
    struct device *d = case_vulkan();
    struct plan plan;
    struct plan_options options = device_plan_options(d);
    struct buffer *values[CASE_VALUES] = {0};
    struct executable *e = NULL;
    corbel_error err = {0};
    (void)state;
    case_init(&c);
    const uint32_t y = CASE_OP(&c, OP_AFFINE, "scale=2", case_value(&c, "w5"));
    assert_int_equal(program_add_output(&c.program, "y", y, &err), CORBEL_OK);
    assert_int_equal(plan_create(&plan, &c.program, &options, &err), CORBEL_OK);
    const struct executable_bindings bindings = {.values = values};
    assert_int_equal(executable_create(d, &plan, &bindings, &e, &err), CORBEL_E_ARGUMENT);
    assert_null(e);
    assert_non_null(strstr(err.text, "value0"));
    plan_finish(&plan);
    case_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_is_no_device_99),
        cmocka_unit_test(test_the_list_is_json_with_names),
        cmocka_unit_test(test_buffers_begin_as_zeros_and_keep_what_is_written),
        cmocka_unit_test(test_weights_are_converted),
        cmocka_unit_test(test_a_misaligned_weight_is_copied),
        cmocka_unit_test(test_a_state_lives_from_step_to_step),
        cmocka_unit_test(test_integers_computed_from_floats_are_refused),
        cmocka_unit_test(test_an_unbound_weight_is_refused),
    };
    case_open_devices();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close_devices();
    return failed;
}
