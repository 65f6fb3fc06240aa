/* test_program.c: verifying, pruning, the binary form and the readable forms of programs. */
#include "sample.h"
#include "simulate.h"
#include "test.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void output(struct program *p, const char *name, uint32_t value)
{
    corbel_error err = {0};
    assert_int_equal(program_add_output(p, name, value, &err), CORBEL_OK);
}

/* One of every kind of value, floats and integers among the attributes, a cache, a state. */
static void build_mixture(struct program *p)
{
    sample_llama(p, (struct sample_llama){
                        .layers = 1, .batch = 2, .tokens = 3, .capacity = 8, .bias = true});
    const uint32_t state = sample_value(p, "conv_state", "s2x3x128");
    const uint32_t logits = p->outputs[0].value;
    const uint32_t sum = sample_emit(p, "tail", "add", logits, state, 0, NULL);
    const uint32_t half = sample_value(p, NULL, "c128");
    output(p, "y", sample_emit(p, "tail", "mul", sum, half, 0, NULL));
    sample_emit(p, "tail", "assign", state, sum, 0, NULL);
    const struct program_attr size = {.key = ATTR_D0, .i = 5};
    const struct program_op custom = {.kind = OP_CUSTOM,
                                      .n_in = 2,
                                      .in = {sum, logits},
                                      .attrs = &size,
                                      .n_attrs = 1,
                                      .module = "tail",
                                      .custom = "my_kernel"};
    uint32_t out[PROGRAM_MAX_OUTPUTS];
    corbel_error err = {0};
    assert_int_equal(program_emit(p, &custom, out, &err), CORBEL_OK);
    output(p, "custom", out[0]);
}

static void write_or_fail(const struct program *p, char **data, size_t *size)
{
    corbel_error err = {0};
    if (program_write(p, data, size, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
}

/* ---- binary -------------------------------------------------------------------------------------
 */

static void test_bytes_give_the_program_back(void **state)
{
    (void)state;
    struct program p, q;
    struct text before = {0}, after = {0};
    char *data, *again;
    size_t size, size_again;
    corbel_error err = {0};
    program_init(&p);
    build_mixture(&p);
    write_or_fail(&p, &data, &size);
    assert_int_equal(program_read(&q, data, size, &err), CORBEL_OK);
    program_print_json(&p, &before);
    program_print_json(&q, &after);
    assert_string_equal(text_cstr(&before), text_cstr(&after));
    write_or_fail(&q, &again, &size_again);
    assert_int_equal(size, size_again);
    assert_memory_equal(data, again, size);
    uint64_t hashes[2][8];
    simulate_program(&p, hashes[0]);
    simulate_program(&q, hashes[1]);
    assert_memory_equal(hashes[0], hashes[1], p.n_outputs * sizeof(hashes[0][0]));

    text_finish(&before);
    text_finish(&after);
    free(data);
    free(again);
    program_finish(&q);
    program_finish(&p);
}

static void test_a_cut_program_is_refused(void **state)
{
    (void)state;
    struct program p, q;
    char *data;
    size_t size;
    program_init(&p);
    build_mixture(&p);
    write_or_fail(&p, &data, &size);
    for (size_t cut = 0; cut < size; cut++) {
        corbel_error err = {0};
        char *exact = malloc(cut + 1); /* so that a sanitizer sees the end */
        memcpy(exact, data, cut);
        if (program_read(&q, exact, cut, &err) == CORBEL_OK)
            fail_msg("accepted at %zu bytes of %zu", cut, size);
        assert_true(err.text[0] != 0);
        free(exact);
    }
    free(data);
    program_finish(&p);
}

/* Whatever comes out is a sound program, or an error. */
static void test_flipped_bytes_do_no_harm(void **state)
{
    (void)state;
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    struct program p, q;
    char *data;
    size_t size;
    program_init(&p);
    build_mixture(&p);
    write_or_fail(&p, &data, &size);
    for (size_t at = 0; at < size; at++) {
        for (size_t i = 0; i < sizeof(masks); i++) {
            corbel_error err = {0};
            data[at] = (char)(data[at] ^ masks[i]);
            if (program_read(&q, data, size, &err) == CORBEL_OK) {
                assert_int_equal(program_verify(&q, false, &err), CORBEL_OK);
                program_finish(&q);
            }
            data[at] = (char)(data[at] ^ masks[i]);
        }
    }
    free(data);
    program_finish(&p);
}

static void put(unsigned char *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

/* input x [2], then softmax of it, then output y: each row overwrites some bytes. */
static void test_hostile_bytes_are_named(void **state)
{
    (void)state;
    enum { HEADER = 32, VALUE = 15, OP = 13 };
    static const struct {
        const char *name;
        size_t at, size;
        uint64_t value;
        const char *why;
    } rows[] = {
        {"magic", 0, 1, 'X', "no program"},
        {"version", 8, 4, 1, "another version"},
        {"vocabulary", 12, 4, 0, "another version"},
        {"caches", 16, 4, UINT32_MAX, "more caches than fit"},
        {"steps", 20, 4, UINT32_MAX, "more steps than fit"},
        {"outputs", 24, 4, UINT32_MAX, "more outputs than fit"},
        {"kernels", 28, 4, UINT32_MAX, "more kernels than fit"},
        {"step", HEADER, 1, 7, "neither a value nor an operation"},
        {"kind", HEADER + 1, 1, VALUE_RESULT, "not declared but computed"},
        {"dtype", HEADER + 2, 1, CORBEL_F64, "expected f32 or i32"},
        {"rank", HEADER + 3, 1, 200, "more than 8 axes"},
        {"negative size", HEADER + 4, 8, UINT64_MAX, "shape [-1]"},
        {"huge size", HEADER + 4, 8, UINT64_C(1) << 40, "below 2^40"},
        {"long name", HEADER + 12, 2, 0xffff, "a name that is too long"},
        {"control character", HEADER + 14, 1, 0x1b, "sound name"},
        {"zero in a name", HEADER + 14, 1, 0, "holds a 0"},
        {"bad UTF-8", HEADER + 14, 1, 0xff, "sound name"},
        {"operation", HEADER + VALUE + 1, 2, 9999, "operation number 9999 does not exist"},
        {"planner's", HEADER + VALUE + 1, 2, OP_LINEAR_FUSED, "is missing"},
        {"inputs", HEADER + VALUE + 3, 1, 17, "too many inputs"},
        {"attributes", HEADER + VALUE + 4, 1, 255, "too many inputs or attributes"},
        {"itself", HEADER + VALUE + 5, 4, 2, "value 2, which does not exist"},
        {"none", HEADER + VALUE + 5, 4, 0, "x (input 0) is missing"},
        {"output", HEADER + VALUE + OP + 3, 4, 3, "value 3, which does not exist"},
        {"nameless output", HEADER + VALUE + OP, 2, 0, "ends early|sound name|after the end"},
    };
    struct program p, q;
    char *data;
    size_t size;
    program_init(&p);
    const uint32_t x = sample_value(&p, "x", "f2");
    output(&p, "y", sample_emit(&p, NULL, "softmax", x, 0, 0, NULL));
    write_or_fail(&p, &data, &size);
    assert_int_equal(size, HEADER + VALUE + OP + 7);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        corbel_error err = {0};
        unsigned char *copy = malloc(size);
        memcpy(copy, data, size);
        put(copy + rows[i].at, rows[i].value, rows[i].size);
        if (program_read(&q, copy, size, &err) == CORBEL_OK)
            fail_msg("%s: accepted", rows[i].name);
        if (!strchr(rows[i].why, '|') && !strstr(err.text, rows[i].why))
            fail_msg("%s: %s, not %s", rows[i].name, err.text, rows[i].why);
        free(copy);
    }
    free(data);
    program_finish(&p);
}

static void test_planned_bytes_are_refused(void **state)
{
    (void)state;
    struct program p, q;
    struct plan plan;
    char *data;
    size_t size;
    corbel_error err = {0};
    const struct plan_options options = sample_options();
    program_init(&p);
    sample_llama(&p, (struct sample_llama){.layers = 1, .batch = 1, .tokens = 3, .capacity = 8});
    assert_int_equal(plan_create(&plan, &p, &options, &err), CORBEL_OK);
    write_or_fail(&plan.program, &data, &size);
    assert_int_equal(program_read(&q, data, size, &err), CORBEL_E_PROGRAM);
    assert_non_null(strstr(err.text, "made by the planner only"));
    free(data);
    plan_finish(&plan);
    program_finish(&p);
}

/* ---- verifying ----------------------------------------------------------------------------------
 */

static void swap_operations(struct program *p)
{
    const struct program_op first = p->ops[0];
    p->ops[0] = p->ops[1];
    p->ops[1] = first;
    p->values[p->ops[0].out[0]].producer = 0;
    p->values[p->ops[1].out[0]].producer = 1;
}
static void lie_about_shape(struct program *p)
{
    p->values[p->ops[0].out[0]].shape[0] = 3;
}
static void lie_about_dtype(struct program *p)
{
    p->values[p->ops[0].out[0]].dtype = CORBEL_I32;
}
static void result_of_another(struct program *p)
{
    p->ops[1].out[0] = p->ops[0].out[0];
}
static void result_is_a_weight(struct program *p)
{
    p->ops[0].out[0] = 1;
}
static void no_output(struct program *p)
{
    p->n_outputs = 0;
}
static void output_of_nothing(struct program *p)
{
    p->outputs[0].value = 99;
}
static void two_outputs_of_one_name(struct program *p)
{
    output(p, "y", 1);
}
static void two_weights_of_one_name(struct program *p)
{
    sample_value(p, "w", "w8");
}
static void orphan(struct program *p)
{
    p->n_ops = 1;
}
static void too_many_results(struct program *p)
{
    p->ops[0].n_out = 2;
}

static void test_verify_finds_what_was_tampered_with(void **state)
{
    (void)state;
    static const struct {
        void (*tamper)(struct program *p);
        const char *why;
    } rows[] = {
        {swap_operations, "computed only later, by operation 1"},
        {lie_about_shape, "said to be f32 [3, 8], but is f32 [4, 8]"},
        {lie_about_dtype, "said to be i32 [4, 8]"},
        {result_of_another, "result 0 is not a value of its own"},
        {result_is_a_weight, "result 0 is not a value of its own"},
        {no_output, "no output"},
        {output_of_nothing, "output y is no value"},
        {two_outputs_of_one_name, "two outputs are called y"},
        {two_weights_of_one_name, "two weights are called w"},
        {orphan, "value 4 is made by 0 operations"},
        {too_many_results, "2 results (expected 1)"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct program p;
        corbel_error err = {0};
        program_init(&p);
        const uint32_t x = sample_value(&p, "x", "f4x8"), w = sample_value(&p, "w", "w8");
        const uint32_t y = sample_emit(&p, NULL, "rms_norm", x, w, 0, "eps=0");
        output(&p, "y", sample_emit(&p, NULL, "softmax", y, 0, 0, NULL));
        assert_int_equal(program_verify(&p, false, &err), CORBEL_OK);
        rows[i].tamper(&p);
        assert_int_equal(program_verify(&p, false, &err), CORBEL_E_PROGRAM);
        if (!strstr(err.text, rows[i].why))
            fail_msg("%s, not %s", err.text, rows[i].why);
        program_finish(&p);
    }
}

/* ---- pruning ------------------------------------------------------------------------------------
 */

static void test_pruning_drops_what_nothing_needs(void **state)
{
    (void)state;
    struct program p;
    corbel_error err = {0};
    program_init(&p);
    const uint32_t x = sample_value(&p, "x", "f4x8"), unused = sample_value(&p, "unused", "f4x8");
    const uint32_t w = sample_value(&p, "w", "w8"), v = sample_value(&p, "v", "w8");
    const uint32_t kept_state = sample_value(&p, "s", "s4x8");
    sample_value(&p, "t", "s4x8");
    sample_emit(&p, NULL, "rms_norm", unused, v, 0, "eps=0");
    const uint32_t y = sample_emit(&p, NULL, "rms_norm", x, w, 0, "eps=0");
    sample_emit(&p, NULL, "assign", kept_state, sample_emit(&p, NULL, "softmax", y, 0, 0, NULL), 0,
                NULL);
    output(&p, "y", y);
    assert_int_equal(program_prune(&p, &err), CORBEL_OK);
    assert_int_equal(program_verify(&p, false, &err), CORBEL_OK);
    assert_int_equal(p.n_ops, 3);
    assert_int_equal(p.n_values, 5); /* x, w, s, and two results */
    assert_string_equal(p.values[1].name, "x");
    assert_string_equal(p.values[2].name, "w");
    assert_string_equal(p.values[3].name, "s");
    program_finish(&p);
}

static void test_an_output_may_be_an_input(void **state)
{
    (void)state;
    struct program p;
    struct plan plan;
    corbel_error err = {0};
    const struct plan_options options = sample_options();
    program_init(&p);
    output(&p, "y", sample_value(&p, "x", "f4x8"));
    assert_int_equal(program_prune(&p, &err), CORBEL_OK);
    assert_int_equal(plan_create(&plan, &p, &options, &err), CORBEL_OK);
    assert_int_equal(plan.storage[1].kind, STORAGE_BOUND);
    assert_int_equal(plan.arena_size, 0);
    plan_finish(&plan);
    program_finish(&p);
}

/* ---- readable forms -----------------------------------------------------------------------------
 */

static void test_text(void **state)
{
    (void)state;
    static const char *const expect =
        "program of 4 operations on 1 weight\n"
        "input   x f32 [1, 4, 8]\n"
        "state   kept f32 [1, 4, 6]\n"
        "output  y = %6\n"
        "\n"
        "model.layers.0.mlp\n"
        "    %4 f32 [1, 4, 6] = linear(x f32 [1, 4, 8], .up_proj.weight bf16 [6, 8])\n"
        "    %5 f32 [1, 4, 6] = activation(%4, function=gelu_tanh)\n"
        "    assign(kept f32 [1, 4, 6], %5)\n"
        "\n"
        "(no module)\n"
        "    %6 f32 [4, 1, 6] = permute(%5, d0=1, d1=0, d2=2)\n";
    struct program p;
    struct text text = {0};
    const char *mlp = "model.layers.0.mlp";
    program_init(&p);
    const uint32_t x = sample_value(&p, "x", "f1x4x8");
    const uint32_t w = sample_value(&p, "model.layers.0.mlp.up_proj.weight", "b6x8");
    const uint32_t kept = sample_value(&p, "kept", "s1x4x6");
    const uint32_t y = sample_emit(&p, mlp, "linear", x, w, 0, NULL);
    const uint32_t z = sample_emit(&p, mlp, "activation", y, 0, 0, "function=3");
    sample_emit(&p, mlp, "assign", kept, z, 0, NULL);
    output(&p, "y", sample_emit(&p, NULL, "permute", z, 0, 0, "d0=1 d1=0 d2=-1"));
    program_print_text(&p, &text);
    assert_string_equal(text_cstr(&text), expect);
    text_finish(&text);
    program_finish(&p);
}

static size_t count(const char *text, char c)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

static void test_dot_and_json_are_balanced(void **state)
{
    (void)state;
    struct program p;
    struct text dot = {0}, json = {0};
    program_init(&p);
    build_mixture(&p);
    sample_value(&p, "a \"quoted\" \\name", "f1");
    sample_emit(&p, ".odd..path.", "softmax", p.n_values, 0, 0, NULL);
    program_print_dot(&p, &dot);
    program_print_json(&p, &json);
    assert_int_equal(count(text_cstr(&dot), '{'), count(text_cstr(&dot), '}'));
    assert_non_null(strstr(text_cstr(&dot), "a \\\"quoted\\\" \\\\name"));
    assert_non_null(strstr(text_cstr(&dot), "subgraph \"cluster_model.layers.0.self_attn\""));
    assert_int_equal(count(text_cstr(&json), '{'), count(text_cstr(&json), '}'));
    assert_int_equal(count(text_cstr(&json), '['), count(text_cstr(&json), ']'));
    assert_non_null(strstr(text_cstr(&json), "\"kernel\": \"my_kernel\""));
    text_finish(&dot);
    text_finish(&json);
    program_finish(&p);
}

static void test_every_name_is_found(void **state)
{
    (void)state;
    for (int i = 0; i < OP_COUNT; i++)
        assert_int_equal(program_op_from_name(program_op_name((enum program_op_kind)i)), i);
    for (int i = 0; i < ATTR_COUNT; i++)
        assert_int_equal(program_attr_from_name(program_attr_name((enum program_attr_key)i)), i);
    assert_int_equal(program_op_from_name("no_such_operation"), -1);
    assert_int_equal(program_attr_from_name(""), -1);
    assert_true(program_op_is_fused(OP_LINEAR_GATED));
    assert_false(program_op_is_fused(OP_CUSTOM));
    assert_true(program_attr_is_float(ATTR_EPS));
    assert_string_equal(program_function_name(FUNCTION_MISH), "mish");
}

static void test_every_operation_is_documented(void **state)
{
    (void)state;
    char *manual, quoted[64];
    size_t size;
    corbel_error err = {0};
    if (file_read(TEST_SOURCE_DIR "/docs/operations.md", 1 << 20, &manual, &size, &err) !=
        CORBEL_OK)
        fail_msg("%s", err.text);
    for (int i = 0; i < OP_COUNT; i++) {
        (void)snprintf(quoted, sizeof(quoted), "`%s`", program_op_name((enum program_op_kind)i));
        if (!strstr(manual, quoted))
            fail_msg("docs/operations.md says nothing about %s", quoted);
    }
    free(manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_give_the_program_back),
        cmocka_unit_test(test_a_cut_program_is_refused),
        cmocka_unit_test(test_flipped_bytes_do_no_harm),
        cmocka_unit_test(test_hostile_bytes_are_named),
        cmocka_unit_test(test_planned_bytes_are_refused),
        cmocka_unit_test(test_verify_finds_what_was_tampered_with),
        cmocka_unit_test(test_pruning_drops_what_nothing_needs),
        cmocka_unit_test(test_an_output_may_be_an_input),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_dot_and_json_are_balanced),
        cmocka_unit_test(test_every_name_is_found),
        cmocka_unit_test(test_every_operation_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
