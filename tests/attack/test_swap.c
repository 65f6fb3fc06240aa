/* test_swap.c: rows 6 and 8 of the threat model: a library that is swapped while it is being
 * checked, or overwritten after it was loaded, and numbers of descriptors that are used again. What
 * runs are the bytes that were signed, or nothing. The bytes that are swapped in have a constructor
 * that leaves the file canary-ran. */
#include "base/file.h"
#include "base/scratch.h"
#include "plugin/plugin.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "plugins/llama/lib/x86_64-linux-gnu/llama.so"
#define HOSTILE ATTACK_DIR "/libraries/constructor.so"

static struct scratch *scratch;
static char *good, *evil;
static size_t good_size, evil_size;

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
    char command[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static int start(void **state)
{
    if (scratch_make(state) != 0)
        return -1;
    scratch = *state;
    run("mkdir '%s/plugins' && cp -r '" TEST_BUILD_DIR "/plugins/llama' '%s/plugins/'",
        scratch->dir, scratch->dir);
    if (chdir(scratch->dir) != 0 ||
        file_read(LIBRARY, 1u << 24, &good, &good_size, NULL) != CORBEL_OK ||
        file_read(HOSTILE, 1u << 24, &evil, &evil_size, NULL) != CORBEL_OK)
        return -1;
    return 0;
}

static int end(void **state)
{
    free(good);
    free(evil);
    return chdir("/") == 0 ? scratch_remove(state) : -1;
}

static corbel_status create(struct plugin_registry *registry, struct plugin_model **model,
                            corbel_error *err)
{
    struct config config;
    corbel_status status =
        config_load(&config, TEST_SOURCE_DIR "/tests/fixtures/models/llama_model/model", err);
    if (status == CORBEL_OK)
        status = plugin_model_create(registry, "LlamaModel", &config, model, err);
    config_finish(&config);
    return status;
}

/* The program's bytes: equal for equal code. Freed by the caller. */
static char *trace(struct plugin_model *model, size_t *size)
{
    const struct trace_input inputs[] = {
        {"input_ids", CORBEL_I32, 2, {1, 5}},
        {"attention_mask", CORBEL_I32, 2, {1, 16}},
        {"position_ids", CORBEL_I32, 2, {1, 5}},
    };
    const struct trace_options options = {.inputs = inputs, .n_inputs = 3, .capacity = 16};
    struct program program;
    char *bytes = NULL;
    corbel_error err;
    if (plugin_model_trace(model, &options, &program, &err) != CORBEL_OK ||
        program_write(&program, &bytes, size, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    program_finish(&program);
    return bytes;
}

static char *expected;
static size_t expected_size;

static void check_trace(struct plugin_model *model)
{
    size_t size;
    char *bytes = trace(model, &size);
    if (!expected) {
        expected = bytes;
        expected_size = size;
        return;
    }
    assert_int_equal(size, expected_size);
    assert_memory_equal(bytes, expected, size);
    free(bytes);
}

static void check_canary(void)
{
    if (file_exists("canary-ran"))
        fail_msg("bytes that were never signed have run");
}

/* ---- swapped while it is checked ------------------------------------------------------------- */

static atomic_bool racing;

/* Each file in turn, by a rename and by writing into what is open. */
static void *race(void *unused)
{
    (void)unused;
    for (unsigned i = 0; atomic_load(&racing); i++) {
        const bool swap = i % 2 == 0;
        FILE *file = i % 4 < 2 ? fopen("other", "w") : fopen(LIBRARY, "r+");
        if (!file)
            continue;
        fwrite(swap ? evil : good, 1, swap ? evil_size : good_size, file);
        fclose(file);
        if (i % 4 < 2)
            rename("other", LIBRARY);
    }
    return NULL;
}

static void try_once(enum plugin_isolation isolation, size_t counts[2])
{
    struct plugin_registry *registry = NULL;
    struct plugin_model *model = NULL;
    corbel_error err;
    if (plugin_registry_create("plugins", &registry, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    plugin_registry_isolate(registry, isolation);
    const corbel_status status = create(registry, &model, &err);
    if (status == CORBEL_OK)
        check_trace(model);
    else if (status != CORBEL_E_UNTRUSTED && !strstr(err.text, "became shorter"))
        fail_msg("%s", err.text);
    counts[status == CORBEL_OK]++;
    plugin_model_destroy(&model);
    plugin_registry_destroy(&registry);
    check_canary();
}

static void test_a_swapped_library_is_the_signed_one_or_refused(void **state)
{
    size_t counts[2] = {0};
    pthread_t racer;
    (void)state;
    try_once(PLUGIN_ISOLATION_AUTO, counts);
    assert_int_equal(counts[1], 1);
    atomic_store(&racing, true);
    assert_int_equal(pthread_create(&racer, NULL, race, NULL), 0);
    for (int i = 0; i < 150; i++)
        try_once(i % 3 ? PLUGIN_ISOLATION_AUTO : PLUGIN_ISOLATION_ALWAYS, counts);
    atomic_store(&racing, false);
    pthread_join(racer, NULL);
    print_message("%zu loads of the signed bytes, %zu refused\n", counts[1], counts[0]);
    assert_true(counts[0] > 0); /* the racer did win some */
    assert_int_equal(file_write(LIBRARY, good, good_size, NULL), CORBEL_OK);
}

/* ---- overwritten after it was loaded --------------------------------------------------------- */

static void overwrite(const char *bytes, size_t size)
{
    FILE *file = fopen(LIBRARY, "r+"); /* the same file, which a mapping of it would show */
    assert_non_null(file);
    fwrite(bytes, 1, size, file);
    assert_int_equal(ftruncate(fileno(file), (off_t)size), 0);
    fclose(file);
}

static void test_a_library_that_is_overwritten_later_changes_nothing(void **state)
{
    static const enum plugin_isolation isolations[] = {PLUGIN_ISOLATION_AUTO,
                                                       PLUGIN_ISOLATION_ALWAYS};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct plugin_registry *registry = NULL;
        struct plugin_model *model = NULL, *second = NULL;
        size_t counts[2] = {0};
        corbel_error err;
        assert_int_equal(plugin_registry_create("plugins", &registry, &err), CORBEL_OK);
        plugin_registry_isolate(registry, isolations[i]);
        if (create(registry, &model, &err) != CORBEL_OK)
            fail_msg("%s", err.text);
        overwrite(evil, evil_size);
        check_trace(model);
        assert_int_equal(create(registry, &second, &err), CORBEL_OK); /* of what was sealed */
        check_trace(second);
        try_once(isolations[i], counts); /* who looks now, sees it */
        assert_int_equal(counts[0], 1);
        overwrite(good, good_size);
        plugin_model_destroy(&model);
        plugin_model_destroy(&second);
        plugin_registry_destroy(&registry);
        check_canary();
    }
}

/* ---- numbers of descriptors ------------------------------------------------------------------ */

/* The lowest free number: what the next library's memory file would get. */
static int next_number(void)
{
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
    return fd;
}

/* dlopen knows a library by its path, here /proc/PID/fd/N: were N free again, the next library that
 * gets it would be taken for this one. */
static void test_a_descriptors_number_is_never_used_again(void **state)
{
    static const char *const archs[] = {"BertModel", "GPT2LMHeadModel", "ViTModel", "GemmaModel"};
    struct plugin_registry *registry = NULL;
    corbel_error err;
    int numbers[4];
    (void)state;
    assert_int_equal(plugin_registry_create(TEST_BUILD_DIR "/plugins", &registry, &err), CORBEL_OK);
    for (size_t i = 0; i < 4; i++) {
        struct plugin_model *model = NULL;
        numbers[i] = next_number();
        if (plugin_model_open(registry, archs[i], &model, &err) != CORBEL_OK)
            fail_msg("%s", err.text);
        const corbel_arch *class = plugin_model_class(model);
        assert_string_equal(class->name, archs[i]); /* its own, not the one before's */
        plugin_model_destroy(&model);
        assert_int_not_equal(next_number(), numbers[i]); /* still in use, though nobody has it */
        assert_true(fcntl(numbers[i], F_GETFD) & FD_CLOEXEC);
    }
    plugin_registry_destroy(&registry);
    for (size_t i = 0; i < 4; i++)
        assert_true(fcntl(numbers[i], F_GETFD) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_swapped_library_is_the_signed_one_or_refused),
        cmocka_unit_test(test_a_library_that_is_overwritten_later_changes_nothing),
        cmocka_unit_test(test_a_descriptors_number_is_never_used_again),
    };
    const int failed = cmocka_run_group_tests(tests, start, end);
    free(expected);
    return failed;
}
