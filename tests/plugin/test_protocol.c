/* What a plugin's process sends is refused unless it means what was asked for; what is sound comes
 * through unchanged. */
#include "base/error.h"
#include "helpers.h"
#include "plugin/protocol.h"

static int64_t four = 4;
static struct plugin_param weight = {.name = "model.weight", .rank = 1, .shape = {4}};
static struct param_list params = {.items = &weight, .n = 1, .elements = 4};
static const struct trace_input input = {"x", CORBEL_F32, 2, {2, 4}};
static const struct trace_options options = {.inputs = &input, .n_inputs = 1, .capacity = 16};

/* ---- programs ------------------------------------------------------------------------------- */

/* What differs from the sound program. */
struct change {
    const char *weight, *input, *output;
    int64_t weight_size, input_rows, capacity;
};

static uint32_t add(struct program *p, enum value_kind kind, const char *name, int32_t dtype,
                    uint32_t rank, int64_t first, int64_t second)
{
    struct program_value v = {
        .kind = kind, .dtype = dtype, .rank = rank, .shape = {first, second}, .name = name};
    corbel_error err;
    uint32_t id;

    assert_ok(program_add_value(p, &v, &id, &err), err);
    return id;
}

static void write_program(const struct change *c, char **bytes, size_t *size)
{
    struct program p;
    struct program_op op = {.kind = OP_MUL, .n_in = 2};
    struct program_cache cache = {1, 1, c->capacity ? c->capacity : 16, 4, 4, 0};
    corbel_error err;
    uint32_t out[PROGRAM_MAX_OUTPUTS], slot;

    program_init(&p);
    op.in[1] = add(&p, VALUE_WEIGHT, c->weight ? c->weight : "model.weight", CORBEL_F32, 1,
                   c->weight_size ? c->weight_size : 4, 0);
    op.in[0] = add(&p, VALUE_INPUT, c->input ? c->input : "x", CORBEL_F32, 2,
                   c->input_rows ? c->input_rows : 2, c->weight_size ? c->weight_size : 4);
    assert_ok(program_add_cache(&p, &cache, &slot, &err), err);
    assert_ok(program_emit(&p, &op, out, &err), err);
    assert_ok(program_add_output(&p, c->output ? c->output : "y", p.n_values, &err), err);
    assert_ok(program_write(&p, bytes, size, &err), err);
    program_finish(&p);
}

static corbel_status read_program(const char *bytes, size_t size, corbel_error *err)
{
    struct program p;
    corbel_status status =
        answer_get_program((const uint8_t *)bytes, size, "Fixture", &params, &options, &p, err);

    program_finish(&p);
    return status;
}

static void test_a_program_for_something_else_is_refused(void **state)
{
    static const struct {
        struct change change;
        const char *says; /* NULL: sound */
    } rows[] = {
        {{0}, NULL},
        {{.weight = "model.bias"}, "no parameter"},
        {{.weight_size = 8}, "weight of another shape"},
        {{.input = "y"}, "an input that was not offered"},
        {{.input_rows = 3}, "an input of another shape"},
        {{.capacity = 1 << 20}, "a cache of another capacity"},
        {{.output = "hidden_states.0"}, "hidden states that were not asked for"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        corbel_error err = {0};
        corbel_status status;
        char *bytes;
        size_t size;

        write_program(&rows[i].change, &bytes, &size);
        status = read_program(bytes, size, &err);
        if (status != (rows[i].says ? CORBEL_E_UNTRUSTED : CORBEL_OK) ||
            (rows[i].says && !strstr(err.text, rows[i].says)))
            fail_msg("row %zu: %s: %s", i, corbel_status_name(status), err.text);
        free(bytes);
    }
}

/* Ids that point nowhere or forwards, counts, shapes: every byte of a sound program, in turn. */
static void test_every_changed_byte_of_a_program_is_refused_or_sound(void **state)
{
    static const unsigned char values[] = {0, 1, 2, 3, 0x7f, 0x80, 0xff};
    const struct change none = {0};
    corbel_error err;
    size_t size;
    char *bytes;

    (void)state;
    write_program(&none, &bytes, &size);
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < sizeof values; j++) {
            char before = bytes[i];

            bytes[i] = (char)values[j];
            read_program(bytes, size, &err);
            bytes[i] = before;
        }
    for (size_t n = 0; n < size; n++) /* and cut off anywhere */
        assert_int_equal(read_program(bytes, n, &err), CORBEL_E_UNTRUSTED);
    free(bytes);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static const corbel_field fields[] = {{"size|n", "4", CORBEL_KIND_i64, 0, "size"},
                                      {"", NULL, CORBEL_KIND_rope, 0, "rope"}};
static corbel_arch archs[] = {{.struct_size = sizeof(corbel_arch),
                               .n_fields = 2,
                               .name = "Fixture",
                               .model_type = "fixture",
                               .task = "",
                               .prefix = "model",
                               .fields = fields}};
static const uint32_t spirv[] =
#include "blend.comp.inc"
    ;
static corbel_kernel kernels[] = {{.struct_size = sizeof(corbel_kernel),
                                   .spirv_size = sizeof spirv,
                                   .name = "scale",
                                   .entry = "main",
                                   .spirv = spirv,
                                   .n_buffers = 3,
                                   .push_size = 8,
                                   .max_rel_err = 1e-5}};
static struct descriptor descriptor = {
    .plugin = {.id = "test/fixture", .version = "1.0.0", .n_archs = 1, .n_kernels = 1},
    .archs = archs,
    .kernels = kernels};

static corbel_status pass_descriptor(struct descriptor *read, corbel_error *err)
{
    struct text out = {0};
    corbel_status status;

    answer_put_descriptor(&out, &descriptor);
    status = answer_get_descriptor((const uint8_t *)out.data, out.size, "fixture.so", read, err);
    text_finish(&out);
    return status;
}

static void test_a_descriptor_comes_through(void **state)
{
    struct descriptor d;
    corbel_error err;

    (void)state;
    assert_ok(pass_descriptor(&d, &err), err);
    assert_string_equal(d.plugin.id, "test/fixture");
    assert_string_equal(d.archs[0].fields[0].keys, "size|n");
    assert_string_equal(d.archs[0].fields[0].fallback, "4");
    assert_null(d.archs[0].fields[1].fallback);
    assert_null(d.archs[0].create);
    assert_memory_equal(d.kernels[0].spirv, spirv, sizeof spirv);
    assert_int_equal(d.kernels[0].push_size, 8);
    descriptor_finish(&d);
}

static void test_a_descriptor_is_checked_as_one_in_memory_is(void **state)
{
    struct descriptor d;
    corbel_error err;

    (void)state;
    kernels[0].n_buffers = 99;
    assert_int_equal(pass_descriptor(&d, &err), CORBEL_E_ABI);
    assert_says(err, "99 buffers");
    kernels[0].n_buffers = 2;
    assert_int_equal(pass_descriptor(&d, &err), CORBEL_E_UNTRUSTED);
    assert_says(err, "kernel scale: word");
    kernels[0].n_buffers = 3;
    archs[0].name = "../../x";
    assert_int_equal(pass_descriptor(&d, &err), CORBEL_E_ABI);
    assert_says(err, "is no class name");
    archs[0].name = "Fixture";
    descriptor.plugin.id = "test/\x1b[31m";
    assert_int_equal(pass_descriptor(&d, &err), CORBEL_E_UNTRUSTED);
    descriptor.plugin.id = "test/\xe2\x80\xae"; /* turns the line around */
    assert_int_equal(pass_descriptor(&d, &err), CORBEL_E_UNTRUSTED);
    descriptor.plugin.id = "test/fixture";
    descriptor.plugin.n_archs = 0;
    assert_int_equal(pass_descriptor(&d, &err), CORBEL_E_UNTRUSTED);
    descriptor.plugin.n_archs = 1;
}

/* ---- requests ------------------------------------------------------------------------------- */

static void test_arguments_come_through(void **state)
{
    static const corbel_field all[] = {
        {"a", NULL, CORBEL_KIND_i64, 0, "a"},  {"b", NULL, CORBEL_KIND_f64, 0, "b"},
        {"c", NULL, CORBEL_KIND_flag, 0, "c"}, {"d", NULL, CORBEL_KIND_str, 0, "d"},
        {"e", NULL, CORBEL_KIND_i64s, 0, "e"}, {"f", NULL, CORBEL_KIND_f64s, 0, "f"},
        {"g", NULL, CORBEL_KIND_strs, 0, "g"}, {"h", NULL, CORBEL_KIND_json, 0, "h"},
        {"", NULL, CORBEL_KIND_rope, 0, "i"},  {"j", NULL, CORBEL_KIND_str, 0, "j"},
        {"k", NULL, CORBEL_KIND_i64s, 0, "k"},
    };
    static const double halves[] = {0.5, -1.5};
    static const char *const words[] = {"one", "two\n"};
    const corbel_i64_list integers = {1, &four};
    const corbel_f64_list numbers = {2, halves};
    const corbel_str_list strings = {2, words};
    const corbel_rope rope = {.struct_size = sizeof rope,
                              .type = CORBEL_ROPE_LONGROPE,
                              .theta = 1e4,
                              .beta_slow = 3.0,
                              .truncate = 1,
                              .short_factor = numbers};
    const union argument given[ARGUMENTS_MAX] = {
        {.i64 = INT64_MIN},    {.f64 = 1e-6},          {.flag = 1},
        {.pointer = "text"},   {.pointer = &integers}, {.pointer = &numbers},
        {.pointer = &strings}, {.pointer = "{}"},      {.pointer = &rope}};
    union argument got[ARGUMENTS_MAX] = {{0}};
    const corbel_arch *arch;
    struct arena arena = {0};
    struct text out = {0};
    struct wire_reader r = {.arena = &arena};

    (void)state;
    archs[0].fields = all;
    archs[0].n_fields = 11;
    request_put_construct(&out, &archs[0], given);
    r.data = (const uint8_t *)out.data;
    r.size = out.size;
    if (!request_get_construct(&r, &descriptor, &arch, got))
        fail_msg("%s", r.why);
    assert_ptr_equal(arch, &archs[0]);
    assert_true(got[0].i64 == INT64_MIN && got[1].f64 == 1e-6 && got[2].flag == 1);
    assert_string_equal(got[3].pointer, "text");
    assert_int_equal(((const corbel_i64_list *)got[4].pointer)->items[0], 4);
    assert_true(((const corbel_f64_list *)got[5].pointer)->items[1] == -1.5);
    assert_string_equal(((const corbel_str_list *)got[6].pointer)->items[1], "two\n");
    assert_string_equal(got[7].pointer, "{}");
    {
        const corbel_rope *same = got[8].pointer;

        assert_true(same->theta == 1e4 && same->beta_slow == 3.0 && same->truncate == 1);
        assert_int_equal(same->short_factor.n, 2);
        assert_int_equal(same->long_factor.n, 0);
    }
    assert_null(got[9].pointer);
    assert_null(got[10].pointer);
    archs[0].fields = fields;
    archs[0].n_fields = 2;
    text_finish(&out);
    arena_finish(&arena);
}

/* ---- sentences ------------------------------------------------------------------------------ */

static void test_a_sentence_of_a_plugin_is_made_readable(void **state)
{
    struct text out = {0};
    corbel_error err;

    (void)state;
    answer_put_failed(&out, CORBEL_E_CONFIG, "a\x1b[2J\xff\xe2\x80\xae \xc3\xa9");
    assert_true(answer_get_failed((const uint8_t *)out.data, out.size, &err));
    assert_string_equal(err.text, "a?[2J???? \xc3\xa9");
    out.data[0] = CORBEL_E_CANCELLED;
    assert_false(answer_get_failed((const uint8_t *)out.data, out.size, &err));
    out.data[0] = CORBEL_OK;
    assert_false(answer_get_failed((const uint8_t *)out.data, out.size, &err));
    text_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_program_for_something_else_is_refused),
        cmocka_unit_test(test_every_changed_byte_of_a_program_is_refused_or_sound),
        cmocka_unit_test(test_a_descriptor_comes_through),
        cmocka_unit_test(test_a_descriptor_is_checked_as_one_in_memory_is),
        cmocka_unit_test(test_arguments_come_through),
        cmocka_unit_test(test_a_sentence_of_a_plugin_is_made_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
