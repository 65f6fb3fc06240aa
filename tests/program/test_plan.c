/* test_plan.c: what the planner fuses, moves to the host, and where it puts results. */
#include "sample.h"
#include "simulate.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void plan_or_fail(struct plan *plan, const struct program *p, struct plan_options options)
{
    corbel_error err = {0};
    if (plan_create(plan, p, &options, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
}

/* The plan computes what the program says, under every combination of options. */
static void check_all_options(const struct program *p)
{
    uint64_t expected[64], found[64];
    assert_true(p->n_outputs <= 64);
    simulate_program(p, expected);
    for (unsigned bits = 0; bits < 32; bits++) {
        const struct plan_options options = {.fuse_linear = bits & 1,
                                             .fuse_norm = bits & 2,
                                             .fuse_rope = bits & 4,
                                             .host_prologue = bits & 8,
                                             .alignment = bits & 16 ? 256 : 16};
        struct plan plan;
        plan_or_fail(&plan, p, options);
        simulate_plan(&plan, options.alignment, found);
        for (uint32_t i = 0; i < p->n_outputs; i++)
            if (found[i] != expected[i])
                fail_msg("options %u: output %s is not what the program says", bits,
                         p->outputs[i].name);
        plan_finish(&plan);
    }
}

static void check_counts(const struct program *p, const char *expected)
{
    char found[512];
    size_t n = 0;
    for (int kind = 0; kind < OP_COUNT; kind++) {
        const uint32_t count = sample_count(p, (enum program_op_kind)kind);
        if (count > 0)
            n += (size_t)snprintf(found + n, sizeof(found) - n, "%s%u %s", n ? ", " : "", count,
                                  program_op_name((enum program_op_kind)kind));
    }
    assert_string_equal(found, expected);
}

static void test_llama_is_seven_operations_a_layer(void **state)
{
    (void)state;
    struct program p;
    struct plan plan;
    program_init(&p);
    sample_llama(&p, (struct sample_llama){.layers = 3, .batch = 2, .tokens = 5, .capacity = 16});
    check_all_options(&p);
    plan_or_fail(&plan, &p, sample_options());
    /* a layer: norm, q k v, attention, o_proj + x, norm, gated, down_proj + x; 4 reshapes are views
     */
    check_counts(&plan.program,
                 "1 embedding, 12 reshape, 1 linear, 7 rms_norm, 1 rope_table, 6 linear_fused, "
                 "3 linear_gated, 3 linear_multi, 3 attention_rope");
    uint32_t n_views = 0;
    for (uint32_t id = 1; id <= plan.program.n_values; id++)
        n_views += plan.storage[id].kind == STORAGE_VIEW;
    assert_int_equal(n_views, 12);
    assert_int_equal(plan.n_host_ops, 1);
    assert_int_equal(plan.program.ops[0].kind, OP_ROPE_TABLE);
    assert_int_equal(plan.n_fused, p.n_ops - plan.program.n_ops);
    assert_true(plan.arena_size * 4 < plan.naive_size);
    plan_finish(&plan);
    program_finish(&p);
}

static void test_hidden_states_stay(void **state)
{
    (void)state;
    struct program p;
    program_init(&p);
    sample_llama(&p, (struct sample_llama){.layers = 3,
                                           .batch = 1,
                                           .tokens = 4,
                                           .capacity = 8,
                                           .bias = true,
                                           .hidden_states = true});
    check_all_options(&p);
    program_finish(&p);
}

static void test_gpt2(void **state)
{
    (void)state;
    struct program p;
    struct plan plan;
    program_init(&p);
    sample_gpt2(&p, 2);
    check_all_options(&p);
    plan_or_fail(&plan, &p, sample_options());
    check_counts(&plan.program,
                 "2 embedding, 8 reshape, 6 slice, 2 linear, 4 layer_norm, 2 attention, "
                 "1 add_layer_norm, 6 linear_fused");
    for (uint32_t i = 0; i < plan.program.n_ops; i++)
        if (plan.program.ops[i].kind == OP_LINEAR_FUSED)
            assert_int_equal(program_op_int(&plan.program.ops[i], ATTR_TRANSPOSED, 0), 1);
    plan_finish(&plan);
    program_finish(&p);
}

static void test_bert(void **state)
{
    (void)state;
    struct program p;
    struct plan plan;
    program_init(&p);
    sample_bert(&p, 2);
    check_all_options(&p);
    plan_or_fail(&plan, &p, sample_options());
    check_counts(&plan.program, "2 embedding, 8 reshape, 4 layer_norm, 2 attention, "
                                "1 add_layer_norm, 6 linear_fused, 2 linear_multi");
    plan_finish(&plan);
    program_finish(&p);
}

static void test_without_fused_products_norms_take_the_sums(void **state)
{
    (void)state;
    struct program p;
    struct plan plan;
    struct plan_options options = sample_options();
    options.fuse_linear = false;
    program_init(&p);
    sample_llama(&p, (struct sample_llama){.layers = 2, .batch = 1, .tokens = 1, .capacity = 8});
    plan_or_fail(&plan, &p, options);
    assert_int_equal(sample_count(&plan.program, OP_ADD_RMS_NORM), 4);
    assert_int_equal(sample_count(&plan.program, OP_ADD), 0);
    plan_finish(&plan);
    program_finish(&p);
}

/* ---- what must not be fused ---------------------------------------------------------------------
 */

struct obstacle {
    const char *name;
    void (*build)(struct program *p);
    enum program_op_kind never;
};

static void output(struct program *p, const char *name, uint32_t value)
{
    corbel_error err = {0};
    assert_int_equal(program_add_output(p, name, value, &err), CORBEL_OK);
}

static void activation_is_output(struct program *p)
{
    const uint32_t x = sample_value(p, "x", "w4x8"), w = sample_value(p, "w", "w8x8");
    const uint32_t y = sample_emit(p, NULL, "linear", x, w, 0, NULL);
    output(p, "y", y);
    output(p, "z", sample_emit(p, NULL, "activation", y, 0, 0, "function=1"));
}

static void residual_broadcasts(struct program *p)
{
    const uint32_t x = sample_value(p, "x", "w4x8"), w = sample_value(p, "w", "w8x8");
    const uint32_t y = sample_emit(p, NULL, "linear", x, w, 0, NULL);
    output(p, "z", sample_emit(p, NULL, "add", y, sample_value(p, "b", "w8"), 0, NULL));
}

static void added_to_itself(struct program *p)
{
    const uint32_t x = sample_value(p, "x", "w4x8"), w = sample_value(p, "w", "w8x8");
    const uint32_t y = sample_emit(p, NULL, "linear", x, w, 0, NULL);
    output(p, "z", sample_emit(p, NULL, "add", y, y, 0, NULL));
}

static void gate_and_up_of_two_x(struct program *p)
{
    const uint32_t x = sample_value(p, "x", "w4x8"), y = sample_value(p, "y", "w4x8");
    const uint32_t w = sample_value(p, "w", "w8x8"), u = sample_value(p, "u", "w8x8");
    const uint32_t gate = sample_emit(p, NULL, "linear", x, w, 0, NULL);
    const uint32_t up = sample_emit(p, NULL, "linear", y, u, 0, NULL);
    const uint32_t silu = sample_emit(p, NULL, "activation", gate, 0, 0, "function=1");
    output(p, "z", sample_emit(p, NULL, "mul", silu, up, 0, NULL));
}

static void transposed_products(struct program *p)
{
    const uint32_t x = sample_value(p, "x", "w4x8");
    const uint32_t w = sample_value(p, "w", "w8x8"), u = sample_value(p, "u", "w8x8");
    output(p, "y", sample_emit(p, NULL, "linear", x, w, 0, "transposed=1"));
    output(p, "z", sample_emit(p, NULL, "linear", x, u, 0, "transposed=1"));
}

/* The second product's weight is computed after the first product. */
static void computed_weight(struct program *p)
{
    const uint32_t x = sample_value(p, "x", "w4x8"), w = sample_value(p, "w", "w8x8");
    const uint32_t y = sample_emit(p, NULL, "linear", x, w, 0, NULL);
    const uint32_t u = sample_emit(p, NULL, "concat", y, y, 0, "axis=0");
    output(p, "z", sample_emit(p, NULL, "linear", x, u, 0, NULL));
}

static void ropes_of_two_tables(struct program *p)
{
    const uint32_t q = sample_value(p, "q", "w1x3x2x8"), v = sample_value(p, "v", "w1x3x2x8");
    const uint32_t t = sample_value(p, "t", "w1x3x4x2"), u = sample_value(p, "u", "w1x3x4x2");
    const uint32_t a = sample_emit(p, NULL, "rope", q, t, 0, NULL);
    const uint32_t b = sample_emit(p, NULL, "rope", q, u, 0, NULL);
    output(p, "y", sample_emit(p, NULL, "attention", a, b, v, NULL));
}

static void rope_read_twice(struct program *p)
{
    const uint32_t q = sample_value(p, "q", "w1x3x2x8"), v = sample_value(p, "v", "w1x3x2x8");
    const uint32_t t = sample_value(p, "t", "w1x3x4x2");
    const uint32_t a = sample_emit(p, NULL, "rope", q, t, 0, NULL);
    const uint32_t b = sample_emit(p, NULL, "rope", q, t, 0, NULL);
    output(p, "y", sample_emit(p, NULL, "attention", a, b, v, NULL));
    output(p, "z", sample_emit(p, NULL, "softmax", b, 0, 0, NULL));
}

/* The product reads the state before it changes; fused, it would stand after that. */
static void state_changes_in_between(struct program *p)
{
    const uint32_t s = sample_value(p, "s", "s4x8"), w = sample_value(p, "w", "w8x8");
    const uint32_t y = sample_emit(p, NULL, "linear", s, w, 0, NULL);
    const uint32_t seen = sample_emit(p, NULL, "reshape", s, 0, 0, "d0=32");
    sample_emit(p, NULL, "assign", s, sample_value(p, "n", "w4x8"), 0, NULL);
    output(p, "z", sample_emit(p, NULL, "activation", y, 0, 0, "function=1"));
    output(p, "seen", sample_emit(p, NULL, "activation", seen, 0, 0, "function=1"));
}

static void test_what_must_not_be_fused(void **state)
{
    (void)state;
    static const struct obstacle rows[] = {
        {"an intermediate result is an output", activation_is_output, OP_LINEAR_FUSED},
        {"the residual broadcasts", residual_broadcasts, OP_LINEAR_FUSED},
        {"a product is added to itself", added_to_itself, OP_LINEAR_FUSED},
        {"gate and up read different values", gate_and_up_of_two_x, OP_LINEAR_GATED},
        {"products are transposed", transposed_products, OP_LINEAR_MULTI},
        {"a weight is computed in between", computed_weight, OP_LINEAR_MULTI},
        {"q and k have different tables", ropes_of_two_tables, OP_ATTENTION_ROPE},
        {"a rotated k is read elsewhere", rope_read_twice, OP_ATTENTION_ROPE},
        {"a state changes in between", state_changes_in_between, OP_LINEAR_FUSED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct program p;
        struct plan plan;
        program_init(&p);
        rows[i].build(&p);
        check_all_options(&p);
        plan_or_fail(&plan, &p, sample_options());
        if (sample_count(&plan.program, rows[i].never) != 0)
            fail_msg("fused, although %s", rows[i].name);
        plan_finish(&plan);
        program_finish(&p);
    }
}

static void test_gate_on_either_side(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct program p;
        struct plan plan;
        program_init(&p);
        const uint32_t x = sample_value(&p, "x", "w4x8");
        const uint32_t w = sample_value(&p, "w", "h8x8"), u = sample_value(&p, "u", "h8x8");
        const uint32_t gate = sample_emit(&p, NULL, "linear", x, w, 0, NULL);
        const uint32_t up = sample_emit(&p, NULL, "linear", x, u, 0, NULL);
        const uint32_t silu = sample_emit(&p, NULL, "activation", gate, 0, 0, "function=1");
        output(&p, "z", sample_emit(&p, NULL, "mul", side ? up : silu, side ? silu : up, 0, NULL));
        check_all_options(&p);
        plan_or_fail(&plan, &p, sample_options());
        assert_int_equal(plan.program.n_ops, 1);
        assert_string_equal(plan.program.values[plan.program.ops[0].in[1]].name, "w");
        plan_finish(&plan);
        program_finish(&p);
    }
}

static void test_the_last_token_is_a_view(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        enum storage_kind expect;
    } rows[] = {{"w1x7x32", STORAGE_VIEW}, {"w2x7x32", STORAGE_ARENA}, {"w1x7x4", STORAGE_ARENA}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct program p;
        struct plan plan;
        program_init(&p);
        const uint32_t x =
            sample_emit(&p, NULL, "softmax", sample_value(&p, "x", rows[i].shape), 0, 0, NULL);
        output(&p, "y", sample_emit(&p, NULL, "slice", x, 0, 0, "axis=1 start=-1"));
        plan_or_fail(&plan, &p, sample_options());
        const struct plan_storage *s = &plan.storage[plan.program.outputs[0].value];
        assert_int_equal(s->kind, rows[i].expect); /* the third: not aligned */
        if (s->kind == STORAGE_VIEW)
            assert_int_equal(s->offset, 6 * 32 * 4);
        plan_finish(&plan);
        program_finish(&p);
    }
}

static void test_the_host_computes_what_needs_no_weight(void **state)
{
    (void)state;
    struct program p;
    struct plan plan;
    program_init(&p);
    const uint32_t ids = sample_value(&p, "ids", "i2x5"), w = sample_value(&p, "w", "w9x8");
    const uint32_t x = sample_emit(&p, NULL, "embedding", w, ids, 0, NULL);
    const uint32_t real = sample_emit(&p, NULL, "not_equal", ids, 0, 0, "value=0");
    const uint32_t last = sample_emit(&p, NULL, "argmax", real, 0, 0, "axis=1");
    output(&p, "y", sample_emit(&p, NULL, "gather", x, last, 0, "axis=1 batch_dims=1"));
    check_all_options(&p);
    plan_or_fail(&plan, &p, sample_options());
    assert_int_equal(plan.n_host_ops, 2);
    assert_int_equal(plan.program.ops[0].kind, OP_NOT_EQUAL);
    assert_int_equal(plan.program.ops[1].kind, OP_ARGMAX);
    assert_int_equal(plan.storage[plan.program.ops[1].out[0]].kind, STORAGE_HOST);
    plan_finish(&plan);
    program_finish(&p);
}

/* ---- random programs ----------------------------------------------------------------------------
 */

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

/* One more operation on values that are all 4 x 16, so that anything goes with anything. */
static uint32_t random_op(struct program *p, const uint32_t *values, uint32_t n, uint32_t state)
{
    const uint32_t a = values[random_below(2) ? n - 1 : random_below(n)];
    const uint32_t b = values[random_below(n)];
    const uint32_t w = sample_value(p, NULL, random_below(2) ? "w16x16" : "b16x16");
    switch (random_below(13)) {
    case 0:
    case 1: return sample_emit(p, NULL, "linear", a, w, 0, NULL);
    case 2:
        return sample_emit(p, NULL, "linear", a, w, sample_value(p, NULL, "w16"), "transposed=1");
    case 3:
    case 4: return sample_emit(p, NULL, "add", a, b, 0, NULL);
    case 5: return sample_emit(p, NULL, "mul", a, b, 0, NULL);
    case 6: return sample_emit(p, NULL, "activation", a, 0, 0, "function=2");
    case 7: return sample_emit(p, NULL, "rms_norm", a, sample_value(p, NULL, "b16"), 0, "eps=1e-5");
    case 8:
        return sample_emit(p, NULL, "layer_norm", a, sample_value(p, NULL, "w16"),
                           sample_value(p, NULL, "w16"), "eps=1e-5");
    case 9: {
        const uint32_t flat = sample_emit(p, NULL, "reshape", a, 0, 0, "d0=1 d1=64");
        const uint32_t half = sample_emit(p, NULL, "slice", flat, 0, 0, "axis=1 start=32");
        const uint32_t both = sample_emit(p, NULL, "concat", half, half, 0, "axis=0");
        return sample_emit(p, NULL, "reshape", both, 0, 0, "d0=4 d1=16");
    }
    case 10: {
        const uint32_t wide = sample_emit(p, NULL, "concat", a, b, 0, "axis=0");
        return sample_emit(p, NULL, "slice", wide, 0, 0, "axis=0 start=4");
    }
    case 11: {
        const uint32_t gate = sample_emit(p, NULL, "linear", a, w, 0, NULL);
        const uint32_t up = sample_emit(p, NULL, "linear", random_below(4) ? a : b, w, 0, NULL);
        return sample_emit(p, NULL, "mul", up,
                           sample_emit(p, NULL, "activation", gate, 0, 0, "function=1"), 0, NULL);
    }
    default: sample_emit(p, NULL, "assign", state, a, 0, NULL); return a;
    }
}

static void random_program(struct program *p)
{
    uint32_t values[64], n = 0;
    char name[16];
    values[n++] = sample_value(p, "x", "f4x16");
    values[n++] = sample_value(p, "w", "w4x16");
    const uint32_t state = values[n++] = sample_value(p, "s", "s4x16");
    const uint32_t n_ops = 2 + random_below(40);
    for (uint32_t i = 0; i < n_ops; i++) {
        /* mostly recent values: then patterns come up */
        const uint32_t from = random_below(3) && n > 5 ? n - 5 : 0;
        values[n] = random_op(p, values + from, n - from, state);
        n++;
    }
    for (uint32_t i = 0; i < 1 + n_ops / 8; i++) {
        (void)snprintf(name, sizeof(name), "y%u", i);
        output(p, name, values[i == 0 ? n - 1 : random_below(n)]);
    }
}

static void test_random_programs_keep_their_meaning_and_memory(void **state)
{
    (void)state;
    uint32_t n_fused = 0;
    for (uint32_t seed = 1; seed <= 600; seed++) {
        struct program p;
        struct plan plan;
        corbel_error err = {0};
        random_state = seed;
        program_init(&p);
        random_program(&p);
        check_all_options(&p);
        uint64_t before[16], after[16];
        simulate_program(&p, before);
        assert_int_equal(program_prune(&p, &err), CORBEL_OK);
        assert_int_equal(program_verify(&p, false, &err), CORBEL_OK);
        simulate_program(&p, after);
        assert_memory_equal(before, after, p.n_outputs * sizeof(*before));
        plan_or_fail(&plan, &p, sample_options());
        n_fused += plan.n_fused;
        assert_true(plan.arena_size <= plan.naive_size);
        plan_finish(&plan);
        program_finish(&p);
    }
    assert_true(n_fused > 1000); /* the programs are worth testing */
}

static void test_alignment_is_checked(void **state)
{
    (void)state;
    struct program p;
    struct plan plan;
    corbel_error err = {0};
    program_init(&p);
    output(&p, "y", sample_emit(&p, NULL, "softmax", sample_value(&p, "x", "f4"), 0, 0, NULL));
    const struct plan_options options = {.alignment = 48};
    assert_int_equal(plan_create(&plan, &p, &options, &err), CORBEL_E_ARGUMENT);
    plan_finish(&plan);
    program_finish(&p);
}

static void test_plans_are_printed(void **state)
{
    (void)state;
    static const struct {
        corbel_program_format format;
        const char *expect;
    } rows[] = {
        {CORBEL_PROGRAM_TEXT,
         "plan for cpu: 15 operations, 1 of them on the host; fusion took 9 away\n"},
        {CORBEL_PROGRAM_TEXT,
         "linear_gated(%28, .gate_proj.weight bf16 [56, 32], .up_proj.weight bf16 [56, 32], "
         "function=silu)"},
        {CORBEL_PROGRAM_TEXT, "the arena over time"},
        {CORBEL_PROGRAM_DOT, "digraph program {"},
        {CORBEL_PROGRAM_JSON, "\"kind\": \"view\""},
    };
    struct program p;
    struct plan plan;
    program_init(&p);
    sample_llama(&p, (struct sample_llama){.layers = 1, .batch = 1, .tokens = 4, .capacity = 8});
    plan_or_fail(&plan, &p, sample_options());
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text text = {0};
        plan_print(&plan, rows[i].format, "cpu", &text);
        if (!strstr(text_cstr(&text), rows[i].expect))
            fail_msg("no %s in\n%s", rows[i].expect, text_cstr(&text));
        text_finish(&text);
    }
    plan_finish(&plan);
    program_finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_llama_is_seven_operations_a_layer),
        cmocka_unit_test(test_hidden_states_stay),
        cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_bert),
        cmocka_unit_test(test_without_fused_products_norms_take_the_sums),
        cmocka_unit_test(test_what_must_not_be_fused),
        cmocka_unit_test(test_gate_on_either_side),
        cmocka_unit_test(test_the_last_token_is_a_view),
        cmocka_unit_test(test_the_host_computes_what_needs_no_weight),
        cmocka_unit_test(test_random_programs_keep_their_meaning_and_memory),
        cmocka_unit_test(test_alignment_is_checked),
        cmocka_unit_test(test_plans_are_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
