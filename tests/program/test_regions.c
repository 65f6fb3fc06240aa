/* Regions: what a plugin's process may say of kernels, and what becomes of them. */
#include "program/plan.h"
#include "test.h"

#include <string.h>

/* y = softmax(x * w + x), s := y * w; operations 0 to 3 and 4, the assignment. */
struct sample {
    struct program p;
    uint32_t x, w, s, product, sum, y, z;
};

static uint32_t declare(struct program *p, enum value_kind kind, int32_t dtype, const char *name)
{
    const struct program_value v = {
        .kind = kind, .dtype = dtype, .rank = 2, .shape = {2, 4}, .name = name};
    corbel_error err;
    uint32_t id = 0;

    if (program_add_value(p, &v, &id, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return id;
}

static uint32_t emit(struct program *p, enum program_op_kind kind, uint32_t a, uint32_t b)
{
    const struct program_op op = {.kind = kind, .n_in = b ? 2 : 1, .in = {a, b}, .module = "m"};
    uint32_t out[PROGRAM_MAX_OUTPUTS] = {0};
    corbel_error err;

    if (program_emit(p, &op, out, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return out[0];
}

static void sample_init(struct sample *s)
{
    corbel_error err;

    program_init(&s->p);
    s->w = declare(&s->p, VALUE_WEIGHT, CORBEL_F32, "w");
    s->x = declare(&s->p, VALUE_INPUT, CORBEL_F32, "x");
    s->s = declare(&s->p, VALUE_STATE, CORBEL_F32, "s");
    s->product = emit(&s->p, OP_MUL, s->x, s->w);
    s->sum = emit(&s->p, OP_ADD, s->product, s->x);
    s->y = emit(&s->p, OP_SOFTMAX, s->sum, 0);
    s->z = emit(&s->p, OP_MUL, s->y, s->w);
    emit(&s->p, OP_ASSIGN, s->s, s->z);
    assert_int_equal(program_add_output(&s->p, "y", s->y, &err), CORBEL_OK);
}

/* The kernel k in place of [begin, end), which makes `out` of x and w. */
static struct program_region region_of(const struct sample *s, uint32_t begin, uint32_t end,
                                       uint32_t out)
{
    return (struct program_region){.kernel = "k",
                                   .begin = begin,
                                   .end = end,
                                   .n_in = 2,
                                   .in = {s->x, s->w},
                                   .out = out,
                                   .launch = {{1, 1, 1}, 0, {{0, false}}}};
}

/* ---- refused -------------------------------------------------------------------------------- */

/* Values are named by what they are: x, w, (p)roduct, (+) sum, y, z; others by number. */
static uint32_t value_of(const struct sample *s, char name)
{
    switch (name) {
    case 'x': return s->x;
    case 'w': return s->w;
    case 's': return s->s;
    case 'p': return s->product;
    case '+': return s->sum;
    case 'y': return s->y;
    case 'z': return s->z;
    case '!': return 4000000000u;
    default: return 0;
    }
}

static void test_regions_that_make_no_sense(void **state)
{
    static const struct {
        uint32_t begin, end;
        char in, out;
        const char *says; /* NULL: sound */
    } rows[] = {
        {0, 3, 'x', 'y', NULL},
        {0, 2, 'w', '+', NULL},
        {0, 3, '-', 'y', NULL}, /* an absent input */
        {1, 3, 'p', 'y', NULL},
        {0, 1, 's', 'p', NULL},
        {0, 0, 'x', 'y', "none, or some that there are not"},
        {2, 1, 'x', 'y', "none, or some that there are not"},
        {0, 9, 'x', 'y', "none, or some that there are not"},
        {0, 4000000000u, 'x', 'y', "none, or some that there are not"},
        {4000000000u, 3, 'x', 'y', "none, or some that there are not"},
        {0, 3, '!', 'y', "which does not exist"},
        {0, 3, 'p', 'y', "is computed only by operation 0"},
        {0, 3, 'z', 'y', "is computed only by operation 3"},
        {1, 3, '+', 'y', "is computed only by operation 1"},
        {0, 3, 'x', 'x', "is not made by them"},
        {0, 3, 'x', '-', "is not made by them"},
        {0, 3, 'x', '!', "is not made by them"},
        {0, 3, 'x', 'z', "is not made by them"},
        {1, 3, 'x', 'p', "is not made by them"},
        {0, 3, 'x', '+', "is used outside"}, /* y is an output */
        {0, 4, 'x', 'z', "is used outside"},
        {3, 5, 'y', 'z', "changes a state"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        corbel_error err = {0};
        corbel_status status;
        struct sample s;

        sample_init(&s);
        struct program_region r =
            region_of(&s, rows[i].begin, rows[i].end, value_of(&s, rows[i].out));
        r.in[0] = value_of(&s, rows[i].in);
        status = program_add_region(&s.p, &r, &err);
        if (status == CORBEL_OK)
            status = program_verify(&s.p, false, &err);
        if (status != (rows[i].says ? CORBEL_E_PROGRAM : CORBEL_OK) ||
            (rows[i].says && !strstr(err.text, rows[i].says)))
            fail_msg("row %zu: %s, not %s", i, err.text, rows[i].says ? rows[i].says : "sound");
        program_finish(&s.p);
    }
}

static void test_launches_that_no_device_has(void **state)
{
    static const struct {
        struct program_launch launch;
        uint32_t n_in;
        const char *says;
    } rows[] = {
        {{{0, 1, 1}, 0, {{0, false}}}, 2, "a grid of 0 x 1 x 1"},
        {{{1, 65536, 1}, 0, {{0, false}}}, 2, "a grid of 1 x 65536"},
        {{{1, 1, UINT32_MAX}, 0, {{0, false}}}, 2, "a grid of"},
        {{{1, 1, 1}, 33, {{0, false}}}, 2, "33 push constants"},
        {{{1, 1, 1}, 0, {{0, false}}}, 8, "8 inputs"},
        {{{1, 1, 1}, 0, {{0, false}}}, UINT32_MAX, "inputs"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        corbel_error err = {0};
        struct sample s;

        sample_init(&s);
        struct program_region r = region_of(&s, 0, 3, s.y);
        r.launch = rows[i].launch;
        r.n_in = rows[i].n_in;
        if (program_add_region(&s.p, &r, &err) != CORBEL_E_PROGRAM ||
            !strstr(err.text, rows[i].says))
            fail_msg("row %zu: %s", i, err.text);
        program_finish(&s.p);
    }
}

/* Side by side or within each other, the inner one first. */
static void test_regions_among_each_other(void **state)
{
    static const struct {
        uint32_t n, ranges[9][2];
        const char *says;
    } rows[] = {
        {2, {{0, 2}, {0, 3}}, NULL},
        {2, {{0, 2}, {2, 3}}, NULL},
        {3, {{0, 2}, {2, 3}, {0, 3}}, NULL},
        {2, {{0, 3}, {0, 3}}, NULL},
        {2, {{0, 3}, {0, 2}}, "ends later, comes first"},
        {2, {{0, 2}, {1, 3}}, "some of which are those of kernel"},
        {3, {{1, 2}, {0, 2}, {1, 3}}, "some of which are those of kernel"},
        {9,
         {{0, 3}, {0, 3}, {0, 3}, {0, 3}, {0, 3}, {0, 3}, {0, 3}, {0, 3}, {0, 3}},
         "more than 8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        corbel_status status = CORBEL_OK;
        corbel_error err = {0};
        struct sample s;

        sample_init(&s);
        const uint32_t made[] = {0, s.product, s.sum, s.y};
        for (uint32_t j = 0; j < rows[i].n && status == CORBEL_OK; j++) {
            const uint32_t *range = rows[i].ranges[j];
            struct program_region r = region_of(&s, range[0], range[1], made[range[1]]);
            r.n_in = 0;
            status = program_add_region(&s.p, &r, &err);
        }
        if (status == CORBEL_OK)
            status = program_verify(&s.p, false, &err);
        if ((status == CORBEL_OK) != !rows[i].says ||
            (rows[i].says && !strstr(err.text, rows[i].says)))
            fail_msg("row %zu: %s", i, err.text);
        program_finish(&s.p);
    }
}

static void test_regions_fit_their_kernels(void **state)
{
    static const struct {
        struct program_kernel kernel;
        const char *says;
    } rows[] = {
        {{.name = "k", .n_buffers = 3}, NULL},
        {{.name = "other", .n_buffers = 3}, "no kernel of that name"},
        {{.name = "k", .n_buffers = 2}, "it has 2 buffers"},
        {{.name = "k", .n_buffers = 3, .push_size = 4}, "takes 4 bytes"},
    };
    struct sample s;

    (void)state;
    sample_init(&s);
    struct program_region r = region_of(&s, 0, 3, s.y);
    corbel_error err = {0};
    assert_int_equal(program_add_region(&s.p, &r, &err), CORBEL_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const corbel_status status = program_set_kernels(&s.p, &rows[i].kernel, 1, &err);
        if ((status == CORBEL_OK) != !rows[i].says ||
            (rows[i].says && !strstr(err.text, rows[i].says)))
            fail_msg("row %zu: %s", i, err.text);
    }
    program_finish(&s.p);
}

/* ---- kept ----------------------------------------------------------------------------------- */

/* Of what nothing needs, the region goes too; the inputs that only a kernel reads stay. */
static void test_pruning_keeps_regions_in_place(void **state)
{
    struct sample s;
    corbel_error err;

    (void)state;
    program_init(&s.p);
    const uint32_t w = declare(&s.p, VALUE_WEIGHT, CORBEL_F32, "w");
    const uint32_t only = declare(&s.p, VALUE_WEIGHT, CORBEL_F32, "only_the_kernel's");
    const uint32_t x = declare(&s.p, VALUE_INPUT, CORBEL_F32, "x");
    emit(&s.p, OP_SOFTMAX, x, 0); /* 0: for nothing */
    const uint32_t dead = emit(&s.p, OP_MUL, x, w);
    emit(&s.p, OP_MAXIMUM, x, w); /* 2: within a region, for nothing */
    const uint32_t y = emit(&s.p, OP_ADD, x, w);
    struct program_region r = {.kernel = "dead", .begin = 1, .end = 2, .out = dead};
    r.launch.grid[0] = r.launch.grid[1] = r.launch.grid[2] = 1;
    assert_int_equal(program_add_region(&s.p, &r, &err), CORBEL_OK);
    r.kernel = "alive";
    r.begin = 2;
    r.end = 4;
    r.out = y;
    r.n_in = 2;
    r.in[0] = only;
    assert_int_equal(program_add_region(&s.p, &r, &err), CORBEL_OK);
    assert_int_equal(program_add_output(&s.p, "y", y, &err), CORBEL_OK);
    assert_int_equal(program_prune(&s.p, &err), CORBEL_OK);
    assert_int_equal(program_verify(&s.p, false, &err), CORBEL_OK);
    assert_int_equal(s.p.n_ops, 1);
    assert_int_equal(s.p.n_regions, 1);
    assert_string_equal(s.p.regions[0].kernel, "alive");
    assert_int_equal(s.p.regions[0].begin, 0);
    assert_int_equal(s.p.regions[0].end, 1);
    assert_string_equal(s.p.values[s.p.regions[0].in[0]].name, "only_the_kernel's");
    assert_int_equal(s.p.regions[0].in[1], 0);
    program_finish(&s.p);
}

static void test_all_forms_show_regions(void **state)
{
    struct text text = {0};
    corbel_error err;
    struct sample s;

    (void)state;
    sample_init(&s);
    struct program_region r = region_of(&s, 0, 3, s.y);
    r.launch.n_push = 2;
    r.launch.push[0].word = 7;
    r.launch.push[1] = (struct program_push){0x3f000000, true};
    assert_int_equal(program_add_region(&s.p, &r, &err), CORBEL_OK);
    program_print_text(&s.p, &text);
    assert_non_null(strstr(text_cstr(&text), "is kernel k(x f32 [2, 4], w f32 [2, 4]), grid 1 x 1 "
                                             "x 1, push 7 0.5; or 3 operations:"));
    text_clear(&text);
    program_print_dot(&s.p, &text);
    assert_non_null(strstr(text_cstr(&text), "for kernel k"));
    text_clear(&text);
    program_print_json(&s.p, &text);
    assert_non_null(strstr(text_cstr(&text), "\"kernel\": \"k\", \"begin\": 0, \"end\": 3"));
    assert_non_null(strstr(text_cstr(&text), "\"push\": [7, 0.5]"));
    text_finish(&text);
    program_finish(&s.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions_that_make_no_sense),
        cmocka_unit_test(test_launches_that_no_device_has),
        cmocka_unit_test(test_regions_among_each_other),
        cmocka_unit_test(test_regions_fit_their_kernels),
        cmocka_unit_test(test_pruning_keeps_regions_in_place),
        cmocka_unit_test(test_all_forms_show_regions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
