/* test_conformance.c: a conformance run passes what is right and names what is not. */
#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "corbel/trust.h"

static bool have_vulkan; /* once the first test has run */

/* The checks that failed, as "config: fields extreme; outputs: ...". */
struct run {
    char failed[1024], details[8192];
    unsigned passed, skipped;
};

static void note(void *user, const corbel_plugin_check *check)
{
    struct run *run = user;

    run->passed += check->verdict == CORBEL_CHECK_PASSED;
    run->skipped += check->verdict == CORBEL_CHECK_SKIPPED;
    if (check->verdict != CORBEL_CHECK_FAILED)
        return;
    strncat(run->failed, check->name, sizeof run->failed - strlen(run->failed) - 1);
    strncat(run->failed, "; ", sizeof run->failed - strlen(run->failed) - 1);
    strncat(run->details, check->detail, sizeof run->details - strlen(run->details) - 1);
    strncat(run->details, "\n", sizeof run->details - strlen(run->details) - 1);
}

static void test_plugin(const char *folder, uint32_t n_configs, struct run *run, char **json)
{
    size_t n_failed;
    corbel_error err = {0};

    *run = (struct run){.passed = 0};
    if (corbel_plugin_test(folder,
                           &CORBEL_PLUGIN_TEST_PARAMS(.n_configs = n_configs, .in_process = 1,
                                                      .threads = 1, .on_check = note, .user = run),
                           json, &n_failed, &err))
        fail_msg("%s: %s", folder, err.text);
}

static void test_trial(const char *fault, struct run *run, char **json)
{
    char folder[4096];

    snprintf(folder, sizeof folder, "%s/trial_%s/bundle", CONFORMANCE_DIR, fault);
    test_plugin(folder, 16, run, json);
}

static void test_what_is_right_passes(void **state)
{
    struct run run;
    char *json;

    (void)state;
    test_trial("sound", &run, &json);
    if (run.failed[0])
        fail_msg("failed: %s\n%s", run.failed, run.details);
    have_vulkan = strstr(json, "there is no Vulkan device") == NULL;
    assert_true(run.passed >= (have_vulkan ? 13 : 11));
    assert_non_null(strstr(json, "\"failed\":0"));
    assert_non_null(strstr(json, "\"plugin\":\"tests/trial\""));
    corbel_free(json);
}

static void test_each_fault_is_named(void **state)
{
    static const struct {
        const char *plugin, *check, *says;
    } rows[] = {
        {"divides", "config: fields extreme", "num_attention_heads"},
        {"mixes_rows", "outputs: a batch, and its rows alone", "row 0 of a batch"},
        {"loses_past", "outputs: all tokens at once, and step by step", "logits differs"},
        {"makes_nan", "outputs: finite on the CPU", "not finite"},
        {"loses_rows", "programs: shapes over random configs", "logits has"},
        {"half", "programs: shapes over random configs", "forward refuses"},
        {"hangs", "config: fields extreme", "vocab_size|65537"},
        {"forgets", "shaders: against their decompositions", "double on vulkan:0"},
        {"ignores_mask", "outputs: a batch, and its rows alone", "padded"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run run;
        char *json, says[64];
        const char *second;

        snprintf(says, sizeof says, "%s", rows[i].says);
        if (strncmp(rows[i].check, "shaders", 7) == 0 && !have_vulkan)
            continue;
        second = strchr(says, '|');
        says[strcspn(says, "|")] = '\0';
        test_trial(rows[i].plugin, &run, &json);
        if (!strstr(run.failed, rows[i].check) || !strstr(run.details, says) ||
            (second && !strstr(run.details, second + 1)))
            fail_msg("%s: expected \"%s\" to fail with \"%s\", found %s\n%s", rows[i].plugin,
                     rows[i].check, rows[i].says, run.failed, run.details);
        corbel_free(json);
    }
}

static void test_our_own_plugins_conform(void **state)
{
    static const char *const plugins[] = {"llama", "mistral",    "gemma", "gemma2",
                                          "bert",  "distilbert", "gpt2",  "vit"};

    (void)state;
    for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++) {
        char folder[4096], *json;
        struct run run;

        snprintf(folder, sizeof folder, "%s/plugins/%s", TEST_BUILD_DIR, plugins[i]);
        test_plugin(folder, 2, &run, &json);
        if (run.failed[0])
            fail_msg("%s: failed: %s\n%s", plugins[i], run.failed, run.details);
        corbel_free(json);
    }
}

static void test_a_foreign_bundle_stays_in_the_sandbox(void **state)
{
    char folder[4096], *json;
    struct run run = {.passed = 0};
    size_t n_failed;
    corbel_error err = {0};

    (void)state;
    snprintf(folder, sizeof folder, "%s/trial_sound/bundle", CONFORMANCE_DIR);
    assert_int_equal(corbel_plugin_test(
                         folder,
                         &CORBEL_PLUGIN_TEST_PARAMS(.n_configs = 1, .on_check = note, .user = &run),
                         &json, &n_failed, &err),
                     CORBEL_OK);
    assert_non_null(strstr(json, "outside of the sandbox"));
    corbel_free(json);
}

static void test_a_folder_without_plugin(void **state)
{
    char *json;
    size_t n_failed;
    corbel_error err = {0};

    (void)state;
    assert_int_equal(corbel_plugin_test(TEST_SOURCE_DIR, NULL, &json, &n_failed, &err),
                     CORBEL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "corbel plugin build"));
    assert_null(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_right_passes),
        cmocka_unit_test(test_each_fault_is_named),
        cmocka_unit_test(test_our_own_plugins_conform),
        cmocka_unit_test(test_a_foreign_bundle_stays_in_the_sandbox),
        cmocka_unit_test(test_a_folder_without_plugin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
