/* Kernels of a plugin (kernels/plugin.c): what its shaders compute on Vulkan is what their
 * decompositions compute on the CPU, whether the plugin runs here or in a process of its own. */
#include "base/digest.h"
#include "base/file.h"
#include "helpers.h"
#include "plugin/construct.h"
#include "plugin/instance.h"
#include "plugin/isolated.h"
#include "plugin/loader.h"
#include "vulkan_case.h"

#include <unistd.h>

static struct library library = {.name = "kernels.so"};
static char sha256[DIGEST_HEX_SIZE];

static void read_library(void)
{
    char *data;
    corbel_error err;

    if (file_read(TEST_BUILD_DIR "/tests/plugin/kernels.so", 1 << 20, &data, &library.size, &err))
        exit(1);
    digest_sha256_hex(data, library.size, sha256);
    library.data = data;
    library.sha256 = sha256;
}

/* ---- tracing -------------------------------------------------------------------------------- */

struct traced {
    struct instance instance;  /* here */
    struct isolated *isolated; /* or there */
    struct arena arena;
    struct program program;
    corbel_status status;
    corbel_error err;
};

static corbel_status construct_and_trace(struct traced *t, const struct descriptor *d,
                                         const struct config *config,
                                         const struct trace_options *options)
{
    const corbel_arch *arch = descriptor_arch(d, "Kernels");
    union argument arguments[ARGUMENTS_MAX];
    corbel_status status = construct_arguments(arch, config, &t->arena, arguments, &t->err);

    if (!status)
        status = t->isolated ? isolated_construct(t->isolated, arch, arguments, &t->err)
                             : instance_create(&t->instance, d, arch, arguments, &t->err);
    if (status)
        return status;
    if (t->isolated)
        return isolated_trace(t->isolated, options, &t->program, &t->err);
    status = instance_trace(&t->instance, options, &t->program, &t->err);
    return status ? status : program_verify(&t->program, false, &t->err);
}

static const struct descriptor *open_plugin(struct traced *t, bool isolate)
{
    const struct plugin *plugin;
    int fd;

    if (!isolate) {
        assert_ok(plugin_load(&library, &plugin, &t->err), t->err);
        return plugin_descriptor(plugin);
    }
    assert_ok(plugin_seal(&library, &fd, &t->err), t->err);
    assert_ok(isolated_create("kernels.so", fd, ELF_STRICT, NULL, &t->isolated, &t->err), t->err);
    close(fd);
    return isolated_descriptor(t->isolated);
}

/* With x [rows, size], and the norm's weight of `dtype`. */
static void trace(struct traced *t, bool isolate, const char *json, int64_t rows, int64_t size,
                  int32_t dtype)
{
    struct config config = {.root = json_tokener_parse(json),
                            .path = (char *)(uintptr_t) "config.json"};
    const struct trace_input input = {"x", CORBEL_F32, 2, {rows, size}};
    const int32_t dtypes[] = {dtype, CORBEL_F32};
    const struct trace_options options = {
        .inputs = &input, .n_inputs = 1, .capacity = 4, .param_dtypes = dtypes};

    memset(t, 0, sizeof *t);
    t->status = construct_and_trace(t, open_plugin(t, isolate), &config, &options);
    json_object_put(config.root);
}

/* The program goes to a case, which finishes it. */
static void finish(struct traced *t)
{
    isolated_destroy(&t->isolated);
    instance_finish(&t->instance);
    arena_finish(&t->arena);
}

/* ---- results -------------------------------------------------------------------------------- */

static void check_results(bool isolate, const char *config, int64_t rows, int64_t size,
                          int32_t dtype)
{
    char json[128], what[200];
    struct vulkan_case c;
    struct traced t;

    snprintf(json, sizeof json, "{%s\"size\": %lld}", config, (long long)size);
    snprintf(what, sizeof what, "%lld rows, %s%s", (long long)rows, json,
             isolate ? ", isolated" : "");
    trace(&t, isolate, json, rows, size, dtype);
    assert_ok(t.status, t.err);
    assert_int_equal(t.program.n_regions, strstr(config, "offset") ? 4 : 5);
    case_take(&c, &t.program);
    c.expect = OP_CUSTOM;
    c.fused = true;
    case_check(&c, c.program.outputs[0].value, what);
    finish(&t);
}

static void test_shaders_compute_what_their_decompositions_do(void **state)
{
    static const struct {
        int64_t rows, size;
        int32_t dtype;
        const char *config;
    } rows[] = {
        {1, 1, CORBEL_F32, ""},
        {3, 63, CORBEL_F32, ""},
        {2, 64, CORBEL_F32, ""},
        {5, 65, CORBEL_BF16, ""},
        {7, 96, CORBEL_F16, ""},
        {1000, 96, CORBEL_F32, ""},
        {2, 96, CORBEL_F32, "\"t\": -3, "},
        {2, 70, CORBEL_F32, "\"offset\": 1, "}, /* which the shader declines */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_results(false, rows[i].config, rows[i].rows, rows[i].size, rows[i].dtype);
        check_results(true, rows[i].config, rows[i].rows, rows[i].size, rows[i].dtype);
    }
}

/* An index beyond workgroup's or invocation's memory would reach the host's on a software device.
 */
static void test_indices_are_held_within_their_arrays(void **state)
{
    struct vulkan_case c;
    struct traced t;

    (void)state;
    trace(&t, false, "{\"size\": 70, \"wrong\": 100}", 3, 70, CORBEL_F32);
    assert_ok(t.status, t.err);
    case_take(&c, &t.program);
    c.expect = OP_CUSTOM;
    c.fused = true;
    case_check(&c, c.program.outputs[0].value, "reach");
    finish(&t);
}

/* ---- a shader that does not end ------------------------------------------------------------- */

/* In a process of its own (test_a_shader_that_does_not_end): what is lost is lost. 0: an error was
 * reported, or the driver ended it by itself, and another model runs on the CPU. */
static int hang(void)
{
    struct device *device, *cpu;
    struct plan_options options;
    struct buffer *values[CASE_VALUES] = {0};
    const struct executable_bindings bindings = {.values = values};
    struct executable *executable;
    corbel_status status;
    corbel_error err;
    struct traced t;
    struct plan plan;

    if (device_create("vulkan:0", NULL, &device, &err) || device_create("cpu", NULL, &cpu, &err))
        return 1;
    trace(&t, false, "{\"size\": 70, \"wrong\": 101}", 3, 70, CORBEL_F32);
    options = device_plan_options(device);
    if (t.status || plan_create(&plan, &t.program, &options, &err) ||
        executable_create(device, &plan, &bindings, &executable, &err))
        return 1;
    status = executable_run(executable, 0, &err);
    if (status != CORBEL_OK && (status != CORBEL_E_DEVICE || !strstr(err.text, "vulkan:0")))
        return 1;
    fprintf(stderr, "%s\n", status ? err.text : "the driver ended it");
    executable_destroy(&executable);
    plan_finish(&plan);
    device_destroy(&device);
    options = device_plan_options(cpu);
    if (plan_create(&plan, &t.program, &options, &err) ||
        executable_create(cpu, &plan, &bindings, &executable, &err) ||
        executable_run(executable, 0, &err))
        return 1;
    executable_destroy(&executable);
    plan_finish(&plan);
    device_destroy(&cpu);
    program_finish(&t.program);
    finish(&t);
    return 0;
}

static void test_a_shader_that_does_not_end(void **state)
{
    (void)state;
    /* What the device may still use is left to it, and is no leak. */
    assert_int_equal(
        system("ASAN_OPTIONS=detect_leaks=0 CORBEL_VULKAN_TIMEOUT=1 timeout 20 '" TEST_BUILD_DIR
               "/bin/test_plugin_kernels' hang"),
        0);
}

/* ---- plans ---------------------------------------------------------------------------------- */

static uint32_t count(const struct plan *plan, enum program_op_kind kind)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < plan->program.n_ops; i++)
        n += plan->program.ops[i].kind == kind;
    return n;
}

static void test_plans_say_what_runs_where(void **state)
{
    struct plan_options options = device_plan_options(case_vulkan());
    const struct plan_options none = {.fuse_linear = true, .fuse_norm = true, .fuse_rope = true};
    corbel_error err;
    struct traced t;
    struct plan plan;

    (void)state;
    trace(&t, false, "{\"size\": 96}", 3, 96, CORBEL_F32);
    assert_ok(t.status, t.err);
    assert_ok(plan_create(&plan, &t.program, &options, &err), err);
    assert_int_equal(count(&plan, OP_CUSTOM), 5);
    assert_int_equal(count(&plan, OP_RMS_NORM), 0);
    assert_int_equal(plan.n_kernels, 2);
    plan_finish(&plan);
    assert_ok(plan_create(&plan, &t.program, &none, &err), err);
    assert_int_equal(count(&plan, OP_CUSTOM), 0);
    assert_int_equal(count(&plan, OP_RMS_NORM), 1);
    assert_int_equal(plan.kernels[0].n_run, 0);
    plan_finish(&plan);
    program_finish(&t.program);
    finish(&t);
}

/* A region by itself computes on both devices what it computes within its program. */
static void test_a_region_stands_alone(void **state)
{
    struct traced t;

    (void)state;
    trace(&t, false, "{\"size\": 70}", 3, 70, CORBEL_BF16);
    assert_ok(t.status, t.err);
    for (uint32_t i = 0; i < t.program.n_regions; i++) {
        struct program alone;
        struct vulkan_case c;
        corbel_error err;

        assert_ok(program_extract_region(&t.program, i, &alone, &err), err);
        case_take(&c, &alone);
        c.expect = OP_CUSTOM;
        c.fused = true;
        case_check(&c, c.program.outputs[0].value, t.program.regions[i].kernel);
    }
    program_finish(&t.program);
    finish(&t);
}

/* ---- what may go wrong ---------------------------------------------------------------------- */

static void check_wrong(bool isolate, int wrong, const char *says)
{
    char json[64];
    struct traced t;

    snprintf(json, sizeof json, "{\"size\": 96, \"wrong\": %d}", wrong);
    trace(&t, isolate, json, 2, 96, CORBEL_F32);
    if (t.status != (says ? CORBEL_E_PROGRAM : CORBEL_OK))
        fail_msg("%d: %s %s", wrong, corbel_status_name(t.status), t.err.text);
    if (says)
        assert_says(t.err, says);
    else
        assert_int_equal(t.program.n_regions, 4);
    program_finish(&t.program);
    finish(&t);
}

static void test_kernels_that_say_something_wrong(void **state)
{
    static const struct {
        int wrong;
        const char *says; /* NULL: no region is made, and that is all */
    } rows[] = {
        {1, "a grid of"},
        {2, "x 0 workgroups"},
        {3, "33 push constants"},
        {4, "3 push constants of 4 bytes; its shader takes 8"},
        {5, "push constant 0 of kind 7"},
        {6, "an operation in the launch of kernel wrong"},
        {7, "not today"},
        {8, NULL},
        {9, "is not made by them"},
        {10, "only its result"},
        {11, "changes a state"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_wrong(false, rows[i].wrong, rows[i].says);
        check_wrong(true, rows[i].wrong, rows[i].says);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shaders_compute_what_their_decompositions_do),
        cmocka_unit_test(test_indices_are_held_within_their_arrays),
        cmocka_unit_test(test_a_shader_that_does_not_end),
        cmocka_unit_test(test_plans_say_what_runs_where),
        cmocka_unit_test(test_a_region_stands_alone),
        cmocka_unit_test(test_kernels_that_say_something_wrong),
    };
    int failed;

    read_library();
    if (argc > 1 && strcmp(argv[1], "hang") == 0)
        return hang();
    case_open_devices();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close_devices();
    free((void *)(uintptr_t)library.data);
    return failed;
}
