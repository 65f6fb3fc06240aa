/* The plugin ABI: plugins of other versions, and defective ones. tests/plugin/fixture.c makes them.
 */
#include <stdio.h>

#include "base/digest.h"
#include "base/file.h"
#include "config/config.h"
#include "helpers.h"
#include "plugin/abi.h"
#include "plugin/construct.h"
#include "plugin/instance.h"
#include "plugin/loader.h"

/* ---- the layout of ABI 1.0 ------------------------------------------------------------------ */

#define OFFSET(type, field, at) assert_int_equal(offsetof(type, field), at)

static void test_offsets_of_1_0_are_pinned(void **state)
{
    (void)state;
    OFFSET(corbel_attr, key, 0);
    OFFSET(corbel_attr, kind, 8);
    OFFSET(corbel_attr, reserved, 12);
    OFFSET(corbel_attr, i, 16);
    OFFSET(corbel_attr, f, 24);
    assert_int_equal(sizeof(corbel_attr), 32); /* frozen */
    OFFSET(corbel_op, n_in, 4);
    OFFSET(corbel_op, n_attrs, 8);
    OFFSET(corbel_op, reserved, 12);
    OFFSET(corbel_op, name, 16);
    OFFSET(corbel_op, in, 24);
    OFFSET(corbel_op, attrs, 32);
    assert_true(sizeof(corbel_op) >= ABI_1_0_OP);
    OFFSET(corbel_param, rank, 4);
    OFFSET(corbel_param, name, 8);
    OFFSET(corbel_param, shape, 16);
    OFFSET(corbel_param, dtype, 24);
    OFFSET(corbel_param, flags, 28);
    OFFSET(corbel_param, init, 32); /* since 1.1 */
    OFFSET(corbel_param, init_value, 40);
    OFFSET(corbel_param, init_zero_row, 48);
    assert_true(sizeof(corbel_param) >= ABI_1_0_PARAM);
    OFFSET(corbel_host, abi_major, 4);
    OFFSET(corbel_host, abi_minor, 6);
    OFFSET(corbel_host, alloc, 8);
    OFFSET(corbel_host, fail, 16);
    OFFSET(corbel_host, log, 24);
    OFFSET(corbel_host, enter, 32);
    OFFSET(corbel_host, leave, 40);
    OFFSET(corbel_host, param, 48);
    OFFSET(corbel_host, input, 56);
    OFFSET(corbel_host, state, 64);
    OFFSET(corbel_host, constant, 72);
    OFFSET(corbel_host, emit, 80);
    OFFSET(corbel_host, output, 88);
    OFFSET(corbel_host, dim, 96);
    OFFSET(corbel_host, option, 104);
    OFFSET(corbel_host, extension, 112);
    OFFSET(corbel_field, keys, 0);
    OFFSET(corbel_field, fallback, 8);
    OFFSET(corbel_field, kind, 16);
    OFFSET(corbel_field, reserved, 20);
    OFFSET(corbel_field, name, 24);
    assert_int_equal(sizeof(corbel_field), 32); /* frozen */
    OFFSET(corbel_arch, n_fields, 4);
    OFFSET(corbel_arch, name, 8);
    OFFSET(corbel_arch, model_type, 16);
    OFFSET(corbel_arch, task, 24);
    OFFSET(corbel_arch, prefix, 32);
    OFFSET(corbel_arch, fields, 40);
    OFFSET(corbel_arch, create, 48);
    OFFSET(corbel_arch, forward, 56);
    assert_true(sizeof(corbel_arch) >= ABI_1_0_ARCH);
    OFFSET(corbel_kernel, spirv_size, 4);
    OFFSET(corbel_kernel, name, 8);
    OFFSET(corbel_kernel, entry, 16);
    OFFSET(corbel_kernel, spirv, 24);
    OFFSET(corbel_kernel, n_buffers, 32);
    OFFSET(corbel_kernel, push_size, 36);
    OFFSET(corbel_kernel, flags, 40);
    OFFSET(corbel_kernel, reserved, 44);
    OFFSET(corbel_kernel, decompose, 48);
    OFFSET(corbel_kernel, max_rel_err, 56);
    assert_true(sizeof(corbel_kernel) >= ABI_1_0_KERNEL);
    OFFSET(corbel_kernel, launch, 64); /* 1.1 */
    OFFSET(corbel_launch, n_push, 4);
    OFFSET(corbel_launch, n_elements, 8);
    OFFSET(corbel_launch, grid, 16);
    OFFSET(corbel_launch, push, 40);
    OFFSET(corbel_push, word, 4);
    assert_int_equal(sizeof(corbel_push), 8); /* frozen */
    OFFSET(corbel_plugin, minor_built, 4);
    OFFSET(corbel_plugin, minor_needed, 6);
    OFFSET(corbel_plugin, id, 8);
    OFFSET(corbel_plugin, version, 16);
    OFFSET(corbel_plugin, archs, 24);
    OFFSET(corbel_plugin, kernels, 32);
    OFFSET(corbel_plugin, n_archs, 40);
    OFFSET(corbel_plugin, n_kernels, 44);
    assert_true(sizeof(corbel_plugin) >= ABI_1_0_PLUGIN);
    OFFSET(corbel_rope, type, 4);
    OFFSET(corbel_rope, theta, 8);
    OFFSET(corbel_rope, factor, 16);
    OFFSET(corbel_rope, partial_rotary_factor, 24);
    OFFSET(corbel_rope, low_freq_factor, 32);
    OFFSET(corbel_rope, high_freq_factor, 40);
    OFFSET(corbel_rope, attention_factor, 48);
    OFFSET(corbel_rope, beta_fast, 56);
    OFFSET(corbel_rope, beta_slow, 64);
    OFFSET(corbel_rope, original_max_position_embeddings, 72);
    OFFSET(corbel_rope, max_position_embeddings, 80);
    OFFSET(corbel_rope, truncate, 88);
    OFFSET(corbel_rope, short_factor, 96);
    OFFSET(corbel_rope, long_factor, 112);
}

/* ---- loading -------------------------------------------------------------------------------- */

static corbel_status load(const char *name, const struct plugin **plugin, corbel_error *err)
{
    char path[512], sha256[DIGEST_HEX_SIZE], *data;
    struct library library = {.name = name};
    corbel_status status;

    snprintf(path, sizeof path, "%s/tests/plugin/%s.so", TEST_BUILD_DIR, name);
    assert_ok(file_read(path, 1 << 20, &data, &library.size, err), *err);
    digest_sha256_hex(data, library.size, sha256);
    library.data = data;
    library.sha256 = sha256;
    status = plugin_load(&library, plugin, err);
    free(data);
    return status;
}

static void test_descriptors(void **state)
{
    static const struct {
        const char *plugin, *says;
        corbel_status expect;
    } rows[] = {
        {"fixture_built_for_1_0", "", CORBEL_OK},
        {"fixture_today", "", CORBEL_OK},
        {"fixture_longer", "", CORBEL_OK},
        {"fixture_longer_arch", "", CORBEL_OK},
        {"fixture_needs_1_9", "test/fixture needs plugin ABI 1.9, this runtime has 1.1",
         CORBEL_E_ABI},
        {"fixture_short", "16 bytes", CORBEL_E_ABI},
        {"fixture_other_size", "claims 40 bytes, but has 48", CORBEL_E_ABI},
        {"fixture_short_arch", "corbel_arch of 56 bytes", CORBEL_E_ABI},
        {"fixture_missing", "corbel_plugin_v7", CORBEL_E_UNTRUSTED},
        {"fixture_wrong_kind", "kind 77", CORBEL_E_ABI},
        {"fixture_reserved", "reserved", CORBEL_E_ABI},
        {"fixture_null_name", "name: is NULL", CORBEL_E_ABI},
        {"fixture_no_earlier", "$later", CORBEL_E_ABI},
        {"fixture_fields_65", "65 fields", CORBEL_E_ABI},
        {"fixture_outside", "corbel_arch.name", CORBEL_E_ABI},
        {"fixture_misaligned", "not aligned", CORBEL_E_ABI},
        {"fixture_data_as_code", "corbel_arch.create", CORBEL_E_ABI},
        {"fixture_no_archs", "0 architectures", CORBEL_E_ABI},
        {"fixture_two_of_one_name", "two architectures", CORBEL_E_ABI},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct plugin *plugin = NULL;
        corbel_error err = {0};
        corbel_status status = load(rows[i].plugin, &plugin, &err);

        if (status != rows[i].expect)
            fail_msg("%s: %s %s", rows[i].plugin, corbel_status_name(status), err.text);
        if (status)
            assert_says(err, rows[i].says);
        else
            assert_non_null(descriptor_arch(plugin_descriptor(plugin), "Fixture"));
    }
}

static void test_the_same_bytes_are_loaded_once(void **state)
{
    const struct plugin *first, *second;
    corbel_error err;

    (void)state;
    assert_ok(load("fixture_today", &first, &err), err);
    assert_ok(load("fixture_today", &second, &err), err);
    assert_ptr_equal(first, second);
}

/* ---- constructing and tracing --------------------------------------------------------------- */

struct outcome {
    corbel_status status;
    corbel_error err;
    uint32_t n_params, n_outputs;
};

static struct outcome run(const char *name, const char *json)
{
    const struct trace_input input = {"x", CORBEL_F32, 2, {2, 4}};
    const struct trace_options options = {.inputs = &input, .n_inputs = 1, .capacity = 4};
    struct config config = {.root = json_tokener_parse(json),
                            .path = (char *)(uintptr_t) "config.json"};
    union argument arguments[ARGUMENTS_MAX];
    const struct plugin *plugin;
    const corbel_arch *arch;
    struct arena arena = {0};
    struct instance instance;
    struct outcome o = {0};

    assert_ok(load(name, &plugin, &o.err), o.err);
    arch = descriptor_arch(plugin_descriptor(plugin), "Fixture");
    o.status = construct_arguments(arch, &config, &arena, arguments, &o.err);
    if (!o.status)
        o.status = instance_create(&instance, plugin_descriptor(plugin), arch, arguments, &o.err);
    if (!o.status) {
        struct program program;

        o.status = instance_trace(&instance, &options, &program, &o.err);
        o.n_params = instance.params.n;
        o.n_outputs = program.n_outputs;
        program_finish(&program);
        instance_finish(&instance);
    }
    arena_finish(&arena);
    json_object_put(config.root);
    return o;
}

static void test_calls_of_a_plugin(void **state)
{
    static const struct {
        const char *plugin, *says;
        corbel_status expect;
    } rows[] = {
        {"fixture_today", "", CORBEL_OK},
        {"fixture_built_for_1_0", "", CORBEL_OK},
        {"fixture_longer_arch", "", CORBEL_OK},
        {"fixture_no_extension", "", CORBEL_OK},
        {"fixture_unknown_operation", "operation teleport: this runtime, Corbel", CORBEL_E_PROGRAM},
        {"fixture_fused_operation", "operation add_rms_norm", CORBEL_E_PROGRAM},
        {"fixture_unknown_attribute", "attribute colour", CORBEL_E_PROGRAM},
        {"fixture_wrong_attribute", "CORBEL_ATTR_INT", CORBEL_E_PROGRAM},
        {"fixture_reserved_attribute", "reserved", CORBEL_E_PROGRAM},
        {"fixture_wrong_handle", "value 4000000000", CORBEL_E_PROGRAM},
        {"fixture_param_in_forward", "belongs in the constructor", CORBEL_E_PROGRAM},
        {"fixture_emit_in_constructor", "belongs in forward", CORBEL_E_PROGRAM},
        {"fixture_unbalanced", "corbel_leave is missing", CORBEL_E_PROGRAM},
        {"fixture_recurses", "nested more than 64 deep", CORBEL_E_PROGRAM},
        {"fixture_returns_null", "returned nothing", CORBEL_E_CONFIG},
        {"fixture_custom_loop", "decomposes into itself", CORBEL_E_PROGRAM},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct outcome o = run(rows[i].plugin, "{}");

        if (o.status != rows[i].expect)
            fail_msg("%s: %s %s", rows[i].plugin, corbel_status_name(o.status), o.err.text);
        if (o.status)
            assert_says(o.err, rows[i].says);
        else
            assert_int_equal(o.n_outputs, 1);
    }
}

static void test_fields_are_typed(void **state)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"{\"size\": \"4\"}", "size: expected an integer, found \"4\""},
        {"{\"scale\": []}", "scale: expected a number"},
        {"{\"flag\": 1}", "flag: expected true or false"},
        {"{\"text\": 5}", "text: expected a string"},
        {"{\"sizes\": [1, 2.5]}", "sizes: expected a list of integers"},
        {"{\"sizes\": {}}", "sizes: expected a list of integers"},
        {"{\"scales\": [null]}", "scales: expected a list of numbers"},
        {"{\"names\": [1]}", "names: expected a list of strings"},
        {"{\"size\": 0}", "each size is at least 1"},
        {"{\"scale\": 0.25}", "a field has another value"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct outcome o = run("fixture_today", rows[i].json);

        assert_int_equal(o.status, CORBEL_E_CONFIG);
        assert_says(o.err, rows[i].says);
    }
    assert_int_equal(run("fixture_today", "{\"size\": null}").status, CORBEL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_of_1_0_are_pinned),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_the_same_bytes_are_loaded_once),
        cmocka_unit_test(test_calls_of_a_plugin),
        cmocka_unit_test(test_fields_are_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
