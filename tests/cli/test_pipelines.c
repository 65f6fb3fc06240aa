/* test_pipelines.c: `corbel run --jsonl` against the answers of transformers' pipelines, call by
 * call: equal text, scores within 1e-5. Also the same answers in the other forms of input. */
#include "shell.h"

#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const devices[] = {"cpu", "vulkan:0"};

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(o, key, &value);
    return value;
}

/* {"inputs", "parameters"} of each call, a line each. */
static char *calls_as_lines(struct json_object *calls)
{
    struct text lines = {0};
    for (size_t i = 0; i < json_object_array_length(calls); i++) {
        struct json_object *call = json_object_array_get_idx(calls, i);
        text_format(&lines, "{\"inputs\": %s, ",
                    json_object_to_json_string(member(call, "inputs")));
        text_format(&lines, "\"parameters\": %s}\n",
                    json_object_to_json_string(member(call, "parameters")));
    }
    return text_take(&lines);
}

static void compare_lines(struct json_object *calls, char *out, const char *what)
{
    char *rest = out;
    for (size_t i = 0; i < json_object_array_length(calls); i++) {
        struct json_object *expected = member(json_object_array_get_idx(calls, i), "output");
        char *line = strtok_r(rest, "\n", &rest);
        if (!line)
            fail_msg("%s: only %zu lines", what, i);
        struct json_object *actual = json_tokener_parse(line);
        if (!json_near(expected, actual, 1e-5))
            fail_msg("%s, call %zu:\n  %s\nexpected\n  %s", what, i, line,
                     json_object_to_json_string(expected));
        json_object_put(actual);
    }
    assert_null(strtok_r(rest, "\n", &rest));
}

/* False if this device is not to be had here. */
static bool run_calls(const char *name, const char *device)
{
    char line[512];
    struct outcome expected_file, outcome;
    snprintf(line, sizeof(line), "cat $F/pipelines/%s/expected.json", name);
    expected_file = shell(NULL, line);
    struct json_object *expected = shell_json(&expected_file);
    char *input = calls_as_lines(member(expected, "calls"));

    snprintf(line, sizeof(line), "corbel run $F/pipelines/%s/model --jsonl --device-map %s", name,
             device);
    outcome = shell(input, line);
    bool absent = outcome.status == 4 && strcmp(device, "cpu") != 0;
    if (!absent && outcome.status != 0)
        fail_msg("%s: status %d: %s", line, outcome.status, outcome.err);
    if (!absent)
        compare_lines(member(expected, "calls"), outcome.out, line);
    free(input);
    json_object_put(expected);
    shell_free(&outcome);
    shell_free(&expected_file);
    return !absent;
}

static void run_pipeline(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "pipelines/%s", name);
    if (!fixture_exists(path)) {
        print_message("%s: no such fixture here\n", path);
        skip();
    }
    for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
        if (!run_calls(name, devices[i]))
            print_message("%s: no %s here\n", name, devices[i]);
}

static void test_text_generation_llama2(void **state)
{
    (void)state;
    run_pipeline("text_generation_llama2");
}

static void test_text_generation_llama3(void **state)
{
    (void)state;
    run_pipeline("text_generation_llama3");
}

static void test_text_classification_llama(void **state)
{
    (void)state;
    run_pipeline("text_classification_llama");
}

#define GENERATE \
    "corbel run $F/pipelines/text_generation_llama3/model --no-sample --max-new-tokens "
#define CLASSIFY "corbel run $F/pipelines/text_classification_llama/model "

static void test_forms_of_input_give_the_same_answer(void **state)
{
    (void)state;
    struct outcome word = shell(NULL, GENERATE "8 --json 'one two'");
    struct outcome line = shell("one two\n", GENERATE "8 --json");
    struct outcome jsonl = shell("\"one two\"\n", GENERATE "8 --jsonl");
    struct outcome words = shell(NULL, GENERATE "8 --json 'one two' three");
    struct json_object *one = shell_json(&word), *list = shell_json(&line);
    struct json_object *same = shell_json(&jsonl), *two = shell_json(&words);
    assert_int_equal(json_object_array_length(list), 1); /* lines are a list, be it of one */
    assert_int_equal(json_object_array_length(two), 2);
    assert_true(json_near(one, json_object_array_get_idx(list, 0), 0));
    assert_true(json_near(one, same, 0));
    assert_true(json_near(one, json_object_array_get_idx(two, 0), 0));
    json_object_put(one);
    json_object_put(list);
    json_object_put(same);
    json_object_put(two);
    shell_free(&word);
    shell_free(&line);
    shell_free(&jsonl);
    shell_free(&words);
}

static const char *generated_text(struct json_object *answer, size_t i)
{
    struct json_object *item = json_object_array_get_idx(answer, i);
    return json_object_get_string(member(item, "generated_text"));
}

/* The streamed text is decoded in the prompt's context, but for these tokens it is the same. */
static void test_streamed_text_is_the_answers_text(void **state)
{
    (void)state;
    struct outcome json = shell(NULL, GENERATE "16 --json 'The result of the expression is'");
    struct outcome text = shell(NULL, GENERATE "16 'The result of the expression is'");
    struct json_object *answer = shell_json(&json);
    const char *expected = generated_text(answer, 0);
    assert_int_equal(text.status, 0);
    assert_memory_equal(text.out, expected, strlen(expected));
    assert_string_equal(text.out + strlen(expected), "\n");
    assert_non_null(strstr(text.err, "16 tokens"));
    json_object_put(answer);
    shell_free(&json);
    shell_free(&text);
}

static void test_a_stop_string_ends_the_text_with_its_token(void **state)
{
    (void)state;
    /* Ends as transformers gives them. Without a stop the text goes on "istable  listDecx": "stab"
     * begins in the prompt and ends inside a token, "tD" spans two. */
    static const struct {
        const char *stop, *end;
    } rows[] = {{"list", " list"}, {"tD", " listD"}, {"stab", "istable"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char line[256];
        snprintf(line, sizeof(line),
                 GENERATE "16 --json --stop %s --stop zzz 'The result of the expression is'",
                 rows[i].stop);
        struct outcome outcome = shell(NULL, line);
        struct json_object *answer = shell_json(&outcome);
        const char *text = generated_text(answer, 0);
        size_t n = strlen(text), m = strlen(rows[i].end);
        if (n < m || strcmp(text + n - m, rows[i].end) != 0)
            fail_msg("--stop %s: \"%s\" does not end in \"%s\"", rows[i].stop, text, rows[i].end);
        json_object_put(answer);
        shell_free(&outcome);
    }
}

static void test_a_seed_decides_the_text(void **state)
{
    (void)state;
#define SAMPLE                                                                         \
    "corbel run $F/pipelines/text_generation_llama3/model --json --max-new-tokens 12 " \
    "--temperature 1.5 'one two' --seed "
    struct outcome first = shell(NULL, SAMPLE "0"), again = shell(NULL, SAMPLE "0"),
                   other = shell(NULL, SAMPLE "1");
    assert_int_equal(first.status, 0);
    assert_string_equal(first.out, again.out);
    assert_string_not_equal(first.out, other.out);
    shell_free(&first);
    shell_free(&again);
    shell_free(&other);
}

static void test_parameters_of_generation(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {GENERATE "2 --set return_full_text=false one", NULL, 0, NULL, "2 tokens"},
        {GENERATE "2 --json --set return_tensors=true one", NULL, 0, "generated_token_ids\": [798",
         ""},
        {"corbel run $F/pipelines/text_generation_llama3/model --max-new-tokens 2 --seed 1 --json "
         "--set num_return_sequences=2 one",
         NULL, 0, "}, {\"generated_text\"", ""},
        {GENERATE "2 --set num_return_sequences=2 one", NULL, 2, NULL, "would be equal"},
        {GENERATE "2 --set num_beams=2 one", NULL, 1, NULL, "beam"},
        {GENERATE "2 --set max_new_tokenz=2 one", NULL, 2, NULL, "did you mean max_new_tokens?"},
        {GENERATE "2 --json ''", NULL, 0, "generated_text", ""},
        {"corbel run $F/pipelines/text_generation_llama3/model --json --no-sample --set "
         "max_length=4 --set return_tensors=true one",
         NULL, 0, "generated_token_ids", ""},
        {"corbel run $F/pipelines/text_generation_llama3/model --set max_length=1 one", NULL, 2,
         NULL, "max_length"},
    };
    shell_table(rows, sizeof(rows) / sizeof(*rows));
}

static void test_bad_lines_are_named(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {GENERATE "2 --jsonl", "\"a\"\n{\"inputs\": 3}\n", 1, "generated_text", "stdin:2"},
        {GENERATE "2 --jsonl", "\"a\n", 1, "", "stdin:1"},
        {GENERATE "2 --jsonl", "{\"inputs\": \"a\", \"parameters\": 3}\n", 1, "", "stdin:1"},
        {GENERATE "2 --jsonl", "{\"inputs\": \"a\", \"parameters\": {\"top_p\": 2}}\n", 1, "",
         "top_p"},
        {GENERATE "2 --jsonl", "\"\\ud800\"\n", 1, "", "stdin:1"},
        {GENERATE "2 --jsonl", "[{\"role\": \"user\", \"content\": \"a\"}]\n", 1, "", "stdin:1"},
        {GENERATE "2 --jsonl", "", 0, "", ""},
        {GENERATE "2 --json", "", 0, "[]", ""},
        {GENERATE "2 --json", "\xff\xfe\n", 2, "", "inputs"},
        {CLASSIFY "--jsonl", "{\"text\": \"a\"}\n", 0, "{\"label\": \"label-", ""},
        {CLASSIFY "--jsonl", "{\"text\": 1}\n", 1, "", "stdin:1"},
    };
    shell_table(rows, sizeof(rows) / sizeof(*rows));
}

static void test_classification_in_other_forms(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {CLASSIFY "'This is a wonderful little library.'", NULL, 0, "0.7905  label-2\n", ""},
        {CLASSIFY "--top-k 2 'I do not like it.'", NULL, 0, "0.5548  label-1\n0.4305  label-2\n",
         ""},
        {CLASSIFY "--json --set function_to_apply='\"none\"' a", NULL, 0, "label", ""},
        {CLASSIFY "--set function_to_apply='\"relu\"' a", NULL, 2, "", "softmax"},
        {CLASSIFY "--temperature 1 a", NULL, 2, "", "temperature: not a parameter"},
        {CLASSIFY "--task question-answering a", NULL, 1, "", NULL},
    };
    shell_table(rows, sizeof(rows) / sizeof(*rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_generation_llama2),
        cmocka_unit_test(test_text_generation_llama3),
        cmocka_unit_test(test_text_classification_llama),
        cmocka_unit_test(test_forms_of_input_give_the_same_answer),
        cmocka_unit_test(test_streamed_text_is_the_answers_text),
        cmocka_unit_test(test_a_stop_string_ends_the_text_with_its_token),
        cmocka_unit_test(test_a_seed_decides_the_text),
        cmocka_unit_test(test_parameters_of_generation),
        cmocka_unit_test(test_bad_lines_are_named),
        cmocka_unit_test(test_classification_in_other_forms),
    };
    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
