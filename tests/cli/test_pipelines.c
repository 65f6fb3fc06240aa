/* test_pipelines.c: `corbel run --jsonl` against the answers of transformers' pipelines, call by
 * call: equal text, scores within 1e-5. Also the same answers in the other forms of input. */
#include "shell.h"

#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ways[] = {"cpu", "cpu --batch-size 3", "vulkan:0"};

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

/* False if this device is not to be had here. `way` may go on with other options. */
static bool run_calls(const char *name, const char *way)
{
    char line[512];
    struct outcome expected_file, outcome;
    snprintf(line, sizeof(line), "cat $F/pipelines/%s/expected.json", name);
    expected_file = shell(NULL, line);
    struct json_object *expected = shell_json(&expected_file);
    char *input = calls_as_lines(member(expected, "calls"));

    snprintf(line, sizeof(line),
             "corbel run $F/pipelines/%s/model --task %s --jsonl --device-map %s", name,
             json_object_get_string(member(expected, "task")), way);
    outcome = shell(input, line);
    bool absent = outcome.status == 4 && strncmp(way, "cpu", 3) != 0;
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

static void test_pipeline(void **state)
{
    const char *name = *state;
    char path[128];
    snprintf(path, sizeof(path), "pipelines/%s", name);
    if (!fixture_exists(path)) {
        print_message("%s: no such fixture here\n", path);
        skip();
    }
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        if (!run_calls(name, ways[i]))
            print_message("%s: no %s here\n", name, ways[i]);
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
        {GENERATE "2 --jsonl", "[{\"role\": \"user\", \"content\": \"a\"}]\n", 4, "",
         "no chat template"},
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
        {CLASSIFY "--pair b a", NULL, 0, "label-", ""},
        {CLASSIFY "--jsonl", "[[[\"a\", \"b\"]]]\n", 0, "[{\"label\"", ""},
        {CLASSIFY "--jsonl", "[[\"a\", \"b\"]]\n", 1, "", "stdin:1"},
    };
    shell_table(rows, sizeof(rows) / sizeof(*rows));
}

#define ASK   "corbel run $F/pipelines/question_answering_distilbert/model "
#define TAG   "corbel run $F/pipelines/token_classification_distilbert/model "
#define FILL  "corbel run $F/pipelines/fill_mask_distilbert/model "
#define EMBED "corbel run $F/pipelines/feature_extraction_bert/model "

static void test_questions_in_other_forms(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {ASK "--context 'Guido made Python.' 'Who?' 'What?'", NULL, 0, "[", ""},
        {ASK "--context 'Guido made Python.'", "Who?\nWhat?\n", 0, "]\n0.", ""},
        {ASK "--question 'Who?' --json", "Guido made Python.\n", 0, "{\"score\": ", ""},
        {ASK "--question 'Who?' --context 'Guido made Python.' --json --top-k 2", NULL, 0,
         "[{\"score\": ", ""},
        {ASK, "{\"question\": \"Who?\", \"context\": \"Guido.\"}\n", 0, "uido", ""},
        {ASK "--question a --context b c", NULL, 2, "", "one too many"},
        {ASK "Who?", NULL, 2, "", "--question TEXT --context TEXT"},
        {ASK "--jsonl", "{\"question\": \"Who?\"}\n", 1, "", "stdin:1: inputs: context"},
        {ASK "--jsonl", "{\"question\": \"\", \"context\": \"a\"}\n", 1, "",
         "question: it must not"},
        {ASK "--jsonl", "{\"question\": [\"a\"], \"context\": [\"a\", \"b\"]}\n", 1, "",
         "question"},
        {ASK "--context a b --set doc_stride=99 --set max_seq_len=50", NULL, 2, "", "doc_stride"},
        {ASK "--context a b --set max_seq_len=4", NULL, 2, "", "would have to go"},
        {ASK "--context a b --set top_k=0", NULL, 2, "", "top_k"},
        {CLASSIFY "--question a --context b", NULL, 2, "", "question-answering"},
    };
    shell_table(rows, sizeof(rows) / sizeof(*rows));
}

static void test_tokens_and_masks_in_other_forms(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {TAG "--aggregation max 'Guido works in Paris'", NULL, 0, "[0:", ""},
        {TAG "'' --json", NULL, 0, "[]", ""},
        {TAG "--aggregation best a", NULL, 2, "", "average"},
        {TAG "--set aggregation_strategy='\"best\"' a", NULL, 2, "", "average"},
        {TAG "--set stride=5 --aggregation none a", NULL, 2, "", "stride"},
        {TAG "--jsonl --set is_split_into_words=true", "[\"a\", \"b\"]\n", 0, "[[", ""},
        {TAG "--jsonl --set is_split_into_words=true", "\"a\"\n", 1, "", "list of words"},
        {TAG "--jsonl", "[[\"a\"]]\n", 1, "", "expected a string"},
        {TAG "--set ignore_labels='\"O\"' a", NULL, 2, "", "list of strings"},
        {FILL "--top-k 1 'a [MASK] b'", NULL, 0, "0.0", ""},
        {FILL "--target the --target function --json 'a [MASK] b'", NULL, 0, "\"the\"", ""},
        {FILL "'no mask'", NULL, 2, "", "[MASK]"},
        {FILL "--top-k 2000000 'a [MASK]'", NULL, 2, "", "top_k"},
        {FILL "--set targets='[3]' 'a [MASK]'", NULL, 2, "", "targets"},
        {FILL "--set tokenizer_kwargs='{\"truncate\": 1}' 'a [MASK]'", NULL, 2, "",
         "did you mean truncation?"},
    };
    shell_table(rows, sizeof(rows) / sizeof(*rows));
}

static void test_embeddings_in_other_forms(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {EMBED "a", NULL, 0, "[[[", ""}, /* the task of a model without a head */
        {EMBED "--pooling mean --normalize a --json", NULL, 0, "[", ""},
        {EMBED "--pooling a", NULL, 1, "", "modules.json"},
        {EMBED "--normalize a", NULL, 2, "", "only with pooling"},
        {EMBED "--set pooling='\"median\"' a", NULL, 2, "", "weightedmean"},
    };
    shell_table(rows, sizeof(rows) / sizeof(*rows));
}

static void test_a_bad_line_does_not_take_its_batch_along(void **state)
{
    (void)state;
    struct outcome outcome = shell("\"a\"\n\"b\"\n3\n\"c\"\n", CLASSIFY "--jsonl --batch-size 8");
    size_t n_lines = 0;
    for (const char *at = outcome.out; (at = strchr(at, '\n')); at++)
        n_lines++;
    assert_int_equal(outcome.status, 1);
    assert_int_equal(n_lines, 2);
    assert_non_null(strstr(outcome.err, "stdin:3"));
    shell_free(&outcome);
}

#define PIPELINE(name)                                           \
    {                                                            \
        name, test_pipeline, NULL, NULL, (void *)(uintptr_t)name \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIPELINE("text_generation_gemma"),
        PIPELINE("text_generation_gpt2"),
        PIPELINE("text_generation_llama2"),
        PIPELINE("text_generation_llama3"),
        PIPELINE("text_generation_mistral"),
        PIPELINE("text_classification_bert"),
        PIPELINE("text_classification_distilbert_multilabel"),
        PIPELINE("text_classification_gpt2"),
        PIPELINE("text_classification_llama"),
        PIPELINE("token_classification_bert"),
        PIPELINE("token_classification_distilbert"),
        PIPELINE("question_answering_bert"),
        PIPELINE("question_answering_distilbert"),
        PIPELINE("fill_mask_bert"),
        PIPELINE("fill_mask_distilbert"),
        PIPELINE("feature_extraction_bert"),
        PIPELINE("feature_extraction_gpt2"),
        cmocka_unit_test(test_forms_of_input_give_the_same_answer),
        cmocka_unit_test(test_streamed_text_is_the_answers_text),
        cmocka_unit_test(test_a_stop_string_ends_the_text_with_its_token),
        cmocka_unit_test(test_a_seed_decides_the_text),
        cmocka_unit_test(test_parameters_of_generation),
        cmocka_unit_test(test_bad_lines_are_named),
        cmocka_unit_test(test_classification_in_other_forms),
        cmocka_unit_test(test_questions_in_other_forms),
        cmocka_unit_test(test_tokens_and_masks_in_other_forms),
        cmocka_unit_test(test_embeddings_in_other_forms),
        cmocka_unit_test(test_a_bad_line_does_not_take_its_batch_along),
    };
    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
