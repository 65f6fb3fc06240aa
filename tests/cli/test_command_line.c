/* test_command_line.c: what every command line meets before any model is loaded: help, mistakes
 * and what is said about them, exit statuses, a stdout that can't be written. */
#include "shell.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const names[] = {"run",        "forward", "generate",  "tokenize",
                                    "detokenize", "info",    "program",   "bench",
                                    "devices",    "pull",    "preprocess"};

static void test_every_command_has_help_with_examples(void **state)
{
    (void)state;
    struct outcome all = shell(NULL, "corbel help");
    assert_int_equal(all.status, 0);
    for (size_t i = 0; i < COUNT(names); i++) {
        char line[64], example[64];
        snprintf(line, sizeof(line), "corbel %s --help", names[i]);
        snprintf(example, sizeof(example), "  corbel %s ", names[i]);
        struct outcome one = shell(NULL, line);
        assert_int_equal(one.status, 0);
        assert_non_null(strstr(all.out, names[i]));
        assert_non_null(strstr(one.out, "Examples"));
        assert_non_null(strstr(one.out, "--json"));
        assert_true(strstr(one.out, names[i]) && one.err[0] == 0);
        shell_free(&one);
    }
    shell_free(&all);
}

static void test_mistakes_are_named_and_the_nearest_is_suggested(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel", NULL, 2, "", "Commands"},
        {"corbel rnu x", NULL, 2, "", "did you mean run?"},
        {"corbel tokenise x", NULL, 2, "", "did you mean tokenize?"},
        {"corbel frobnicate", NULL, 2, "", "no command \"frobnicate\""},
        {"corbel help rnu", NULL, 2, "", "did you mean run?"},
        {"corbel run x --tempreature 1", NULL, 2, "", "did you mean --temperature?"},
        {"corbel devices --temperature 1", NULL, 2, "", "no option --temperature"},
        {"corbel run x --task text-genration", NULL, 2, "", "did you mean text-generation?"},
        {"corbel run x --dtype int8", NULL, 2, "", "--dtype"},
        {"corbel run x --device-map cup", NULL, 2, "", "did you mean cpu?"},
        {"corbel run x --device-map vulcan:0", NULL, 2, "", "did you mean vulkan:0?"},
        {"corbel program x --format dto", NULL, 2, "", "did you mean dot?"},
        {"corbel tokenize x --padding maxlength", NULL, 2, "", "is one too many"},
        {"corbel tokenize x --padding=maxlength", NULL, 2, "", "did you mean max_length?"},
    };
    shell_table(rows, COUNT(rows));
}

static void test_values_are_checked(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel run x --temperature warm", NULL, 2, "", "expected a number"},
        {"corbel run x --temperature -1", NULL, 2, "", "expected a number from 0"},
        {"corbel run x --temperature=", NULL, 2, "", "expected a number"},
        {"corbel run x --temperature nan", NULL, 2, "", "expected a number"},
        {"corbel run x --top-p 1.5", NULL, 2, "", "from 0 to 1"},
        {"corbel run x --max-new-tokens 0", NULL, 2, "", "from 1"},
        {"corbel run x --max-new-tokens 1e3", NULL, 2, "", "expected an integer"},
        {"corbel run x --max-new-tokens 99999999999999999999", NULL, 2, "", "expected an integer"},
        {"corbel run x --max-new-tokens", NULL, 2, "", "N is missing"},
        {"corbel run x --json=yes", NULL, 2, "", "takes no value"},
        {"corbel run x -j", NULL, 2, "", "no option -j"},
        {"corbel run x --set top_k", NULL, 2, "", "expected NAME=JSON"},
        {"corbel run x --set top_k=[", NULL, 2, "", "--set"},
        {"corbel run x --top-k 1 --set top_k=2", NULL, 2, "", "top_k"},
        {"corbel run x y --jsonl", NULL, 2, "", "--jsonl reads stdin"},
        {"corbel run", NULL, 2, "", "MODEL is missing"},
        {"corbel info", NULL, 2, "", "MODEL is missing"},
        {"corbel info a b", NULL, 2, "", "\"b\" is one too many"},
        {"corbel devices x", NULL, 2, "", "\"x\" is one too many"},
        {"corbel forward x", NULL, 2, "", "--inputs FILE is missing"},
        {"corbel forward x --inputs y", NULL, 2, "", "--output FILE is missing"},
        {"corbel generate x", NULL, 2, "", "--ids LIST"},
        {"corbel generate x --ids 1 --inputs y", NULL, 2, "", "--ids LIST"},
        {"corbel generate x --ids 1,,2", NULL, 2, "", "separated by commas"},
        {"corbel generate x --ids 1,2,", NULL, 2, "", "separated by commas"},
        {"corbel generate x --ids ''", NULL, 2, "", "separated by commas"},
        {"corbel generate x --ids 1,-2", NULL, 2, "", "separated by commas"},
        {"corbel generate x --ids 1,4294967296", NULL, 2, "", "separated by commas"},
        {"corbel generate x --ids 1 --logits", NULL, 2, "", "--output"},
        {"corbel generate x --ids 1 --eos-token-id never", NULL, 2, "", "--eos-token-id"},
        {"corbel run x --max-memory 1GB", NULL, 2, "", "--max-memory"},
        {"corbel run x --isolation perhaps", NULL, 2, "", "--isolation"},
    };
    shell_table(rows, COUNT(rows));
}

static void test_a_model_that_is_not_there(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel run ./nothing hello", NULL, 4, "", "nothing"},
        {"corbel info demo/nothing", NULL, 4, "", "nothing"},
        {"corbel info demo/storytellr", NULL, 4, "", "did you mean demo/storyteller?"},
        {"corbel info nothing", NULL, 4, "", "nothing"},
        {"corbel tokenize ./nothing", NULL, 4, "", "nothing"},
        {"corbel forward ./nothing --inputs none.safetensors --output o", NULL, 4, "", "none"},
    };
    shell_table(rows, COUNT(rows));
}

static void test_an_unwritable_stdout_is_a_failure(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel help >/dev/full", NULL, 1, "", "stdout: No space left on device"},
        {"corbel --version >/dev/full", NULL, 1, "", "stdout"},
        {"corbel run --help >/dev/full", NULL, 1, "", "stdout"},
        {"corbel devices --json >/dev/full", NULL, 1, "", "stdout"},
        /* the reader has gone: exit 1 and no signal */
        {"{ sleep 0.2; corbel help; echo $? >status; } | true; sleep 1; cat status", NULL, 0, "1",
         NULL},
    };
    shell_table(rows, COUNT(rows));
}

static void test_version(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel --version", NULL, 0, "corbel 0.", ""},
        {"corbel version", NULL, 0, "corbel 0.", ""},
    };
    shell_table(rows, COUNT(rows));
}

static void test_devices(void **state)
{
    (void)state;
    struct outcome outcome = shell(NULL, "corbel devices --json");
    struct json_object *devices = shell_json(&outcome), *first, *name;
    assert_true(json_object_array_length(devices) >= 1);
    first = json_object_array_get_idx(devices, 0);
    assert_true(json_object_object_get_ex(first, "name", &name));
    assert_string_equal(json_object_get_string(name), "cpu");
    json_object_put(devices);
    shell_free(&outcome);

    static const struct shell_row rows[] = {{"corbel devices", NULL, 0, "cpu", NULL}};
    shell_table(rows, COUNT(rows));
}

static void test_completion_knows_commands_and_options(void **state)
{
    (void)state;
#define COMPLETE(words, n)                                                           \
    "bash -c '. " TEST_SOURCE_DIR "/runtime/cli/completion.bash; COMP_WORDS=(" words \
    "); COMP_CWORD=" n "; _corbel_complete; echo ${COMPREPLY[*]}'"
    static const struct shell_row rows[] = {
        {COMPLETE("corbel to", "1"), NULL, 0, "tokenize\n", ""},
        {COMPLETE("corbel run --top", "2"), NULL, 0, "--top-k --top-p\n", ""},
        {COMPLETE("corbel run x --device-map c", "4"), NULL, 0, "cpu\n", ""},
    };
    shell_table(rows, COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_has_help_with_examples),
        cmocka_unit_test(test_mistakes_are_named_and_the_nearest_is_suggested),
        cmocka_unit_test(test_values_are_checked),
        cmocka_unit_test(test_a_model_that_is_not_there),
        cmocka_unit_test(test_an_unwritable_stdout_is_a_failure),
        cmocka_unit_test(test_completion_knows_commands_and_options),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_devices),
    };
    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
