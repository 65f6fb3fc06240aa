/* test_commands.c: every command on a model, from file to file and from line to line. */
#include "shell.h"

#include "corbel/corbel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define CAUSAL       "$F/models/llama_causal/model"

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(o, key, &value))
        fail_msg("no %s in %s", key, json_object_to_json_string(o));
    return value;
}

static struct json_object *json_of(const char *input, const char *line)
{
    struct outcome outcome = shell(input, line);
    struct json_object *root = shell_json(&outcome);
    shell_free(&outcome);
    return root;
}

/* ---- info, program ----------------------------------------------------------------------------
 */

static void test_info_tells_what_a_model_is(void **state)
{
    (void)state;
    static const char *const keys[] = {"architecture", "model_type",    "plugin", "parameters",
                                       "dtype",        "weights_bytes", "device", "device_map"};
    struct json_object *info = json_of(NULL, "corbel info " CAUSAL " --json");
    for (size_t i = 0; i < COUNT(keys); i++)
        member(info, keys[i]);
    assert_string_equal(json_object_get_string(member(info, "architecture")), "LlamaForCausalLM");
    assert_true(json_object_get_int64(member(info, "parameters")) > 0);
    json_object_put(info);

    static const struct shell_row rows[] = {
        {"corbel info " CAUSAL, NULL, 0, "LlamaForCausalLM", ""},
        {"corbel info " CAUSAL " --class LlamaModel", NULL, 0, "LlamaModel", NULL},
        {"corbel info " CAUSAL " --check --json", NULL, 0, "\"check\"", ""},
        {"corbel info demo/storyteller --check", NULL, 0, "check", ""},
    };
    shell_table(rows, COUNT(rows));
}

static void test_program_in_every_form(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel program " CAUSAL, NULL, 0, "rms_norm", ""},
        {"corbel program " CAUSAL " --planned", NULL, 0, "linear", ""},
        {"corbel program " CAUSAL " --format dot", NULL, 0, "digraph", ""},
        {"corbel program " CAUSAL " --format dot --planned", NULL, 0, "digraph", ""},
        {"corbel program " CAUSAL " --batch 2 --seq 1 --past 7", NULL, 0, "attention", ""},
        {"corbel program " CAUSAL " --format binary --output p.bin && test -s p.bin", NULL, 0, "",
         ""},
        {"corbel program " CAUSAL " --format binary | wc -c", NULL, 0, NULL, ""},
        {"corbel program " CAUSAL " --json --format dot", NULL, 2, "", "exclude"},
        {"corbel program " CAUSAL " --output ./none/p", NULL, 1, "", "none"},
    };
    shell_table(rows, COUNT(rows));
    json_object_put(json_of(NULL, "corbel program " CAUSAL " --json"));
    json_object_put(json_of(NULL, "corbel program " CAUSAL " --format json --planned"));
}

/* ---- forward, generate ------------------------------------------------------------------------
 */

/* The case b1 of the fixture, its inputs and what transformers made of them. */
struct oracle {
    corbel_tensors *expected;
    corbel_tensor inputs[4];
    size_t n_inputs;
};

static void oracle_open(struct oracle *o)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/models/llama_causal/expected.safetensors", getenv("F"));
    corbel_error err;
    *o = (struct oracle){0};
    if (corbel_tensors_load(path, &o->expected, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < corbel_tensors_count(o->expected); i++) {
        const corbel_tensor *t = corbel_tensors_at(o->expected, i);
        if (strncmp(t->name, "b1.in.", 6) != 0)
            continue;
        o->inputs[o->n_inputs] = *t;
        o->inputs[o->n_inputs++].name = t->name + 6;
    }
    assert_int_equal(corbel_tensors_save("in.safetensors", o->inputs, o->n_inputs, &err),
                     CORBEL_OK);
}

static int64_t integer_at(const corbel_tensor *t, size_t i)
{
    return t->dtype == CORBEL_I64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
}

static void test_forward_from_file_to_file(void **state)
{
    (void)state;
    struct oracle oracle;
    corbel_tensors *outputs;
    corbel_error err;
    oracle_open(&oracle);
    static const struct shell_row rows[] = {
        {"corbel forward " CAUSAL " --inputs in.safetensors --output out.safetensors "
         "--hidden-states",
         NULL, 0, "", ""},
        {"corbel forward " CAUSAL " --inputs in.safetensors --output out.safetensors "
         "--hidden-states --json",
         NULL, 0, "\"logits\": {\"dtype\": \"float32\", \"shape\": [1, ", ""},
    };
    shell_table(rows, COUNT(rows));
    assert_int_equal(corbel_tensors_load("out.safetensors", &outputs, &err), CORBEL_OK);
    const corbel_tensor *logits = corbel_tensors_find(outputs, "logits");
    const corbel_tensor *expected = corbel_tensors_find(oracle.expected, "b1.out.logits");
    assert_non_null(logits);
    assert_non_null(expected);
    assert_non_null(corbel_tensors_find(outputs, "hidden_states.0"));
    assert_int_equal(logits->shape[2], expected->shape[2]);
    double difference =
        (double)((const float *)logits->data)[0] - (double)((const float *)expected->data)[0];
    assert_true(difference < 1e-3 && difference > -1e-3);
    corbel_tensors_destroy(&outputs);
    corbel_tensors_destroy(&oracle.expected);
}

/* The prompt as "1,2,3"; of the first row. */
static void write_ids(const struct oracle *o, char *out, size_t size)
{
    const corbel_tensor *ids = NULL;
    for (size_t i = 0; i < o->n_inputs; i++)
        if (strcmp(o->inputs[i].name, "input_ids") == 0)
            ids = &o->inputs[i];
    assert_non_null(ids);
    size_t used = 0;
    for (int64_t i = 0; i < ids->shape[1]; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld", i ? "," : "",
                                 (long long)integer_at(ids, (size_t)i));
}

static void test_generate_gives_the_oracles_tokens(void **state)
{
    (void)state;
    struct oracle oracle;
    char ids[1024], line[1536];
    oracle_open(&oracle);
    write_ids(&oracle, ids, sizeof(ids));
    const corbel_tensor *expected = corbel_tensors_find(oracle.expected, "b1.gen.tokens");
    assert_non_null(expected);
    int n = (int)expected->shape[expected->rank - 1];

    snprintf(line, sizeof(line),
             "corbel generate " CAUSAL " --ids %s --max-new-tokens %d --eos-token-id none --json",
             ids, n);
    struct json_object *root = json_of(NULL, line), *list = member(root, "ids");
    assert_int_equal(json_object_array_length(list), n);
    for (int i = 0; i < n; i++)
        assert_int_equal(json_object_get_int64(json_object_array_get_idx(list, (size_t)i)),
                         integer_at(expected, (size_t)i));
    json_object_put(root);

    snprintf(line, sizeof(line),
             "corbel generate " CAUSAL " --inputs in.safetensors --output new.safetensors --logits "
             "--max-new-tokens %d --eos-token-id none",
             n);
    struct shell_row rows[] = {{line, NULL, 0, "", ""}};
    shell_table(rows, 1);
    corbel_tensors *outputs;
    corbel_error err;
    assert_int_equal(corbel_tensors_load("new.safetensors", &outputs, &err), CORBEL_OK);
    const corbel_tensor *tokens = corbel_tensors_find(outputs, "tokens");
    const corbel_tensor *logits = corbel_tensors_find(outputs, "logits");
    assert_non_null(tokens);
    assert_non_null(logits);
    assert_int_equal(logits->shape[1], n);
    for (int i = 0; i < n; i++)
        assert_int_equal(integer_at(tokens, (size_t)i), integer_at(expected, (size_t)i));
    corbel_tensors_destroy(&outputs);
    corbel_tensors_destroy(&oracle.expected);
}

static void test_bad_tensors_and_ids_are_refused(void **state)
{
    (void)state;
    struct oracle oracle;
    oracle_open(&oracle);
    corbel_tensors_destroy(&oracle.expected);
    static const struct shell_row rows[] = {
        {"corbel forward " CAUSAL " --inputs none.safetensors --output o", NULL, 4, "", "none"},
        {"echo x >bad; corbel forward " CAUSAL " --inputs bad --output o", NULL, 1, "", "bad"},
        {"corbel forward " CAUSAL " --inputs in.safetensors --output ./none/o", NULL, 1, "",
         "none"},
        {"corbel forward " CAUSAL " --inputs " CAUSAL "/model.safetensors --output o", NULL, 1, "",
         NULL},
        {"corbel generate " CAUSAL " --ids 100000000", NULL, 2, "", "100000000"},
        {"corbel generate " CAUSAL " --ids 1 --device-map vulkan:99", NULL, 4, "", "vulkan:99"},
    };
    shell_table(rows, COUNT(rows));
}

/* ---- tokenize, detokenize ---------------------------------------------------------------------
 */

#define TOKENIZER "$F/pipelines/text_generation_llama3/model"

static void test_tokenize_line_by_line(void **state)
{
    (void)state;
    struct json_object *o =
        json_of("{\"text\": \"caf\\u00e9 au lait\"}\n", "corbel tokenize " TOKENIZER " --jsonl");
    size_t n = json_object_array_length(member(o, "ids"));
    assert_true(n > 3);
    assert_int_equal(json_object_array_length(member(o, "tokens")), n);
    assert_int_equal(json_object_array_length(member(o, "offsets")), n);
    assert_int_equal(json_object_array_length(member(o, "type_ids")), n);
    assert_int_equal(json_object_array_length(member(o, "special_tokens_mask")), n);
    assert_int_equal(json_object_object_length(o), 5);
    struct json_object *last = json_object_array_get_idx(member(o, "offsets"), n - 1);
    assert_int_equal(json_object_get_int(json_object_array_get_idx(last, 1)), 12); /* points */
    json_object_put(o);

    static const struct shell_row rows[] = {
        {"corbel tokenize " TOKENIZER, "one two\n", 0, "798 ", ""},
        {"corbel tokenize " TOKENIZER " --json", "a\nb", 0, "[{\"ids\": [798, ", ""},
        {"corbel tokenize " TOKENIZER " --json", "", 0, "[]", ""},
        {"corbel tokenize " TOKENIZER " --jsonl --max-length 3", "\"a b c d e f\"\n", 0,
         "{\"ids\": [798, ", ""},
        {"corbel tokenize " TOKENIZER " --jsonl --max-length 3 --stride 1", "\"a b c d e f\"\n", 0,
         "\"overflow\": [{\"ids\": [798, ", ""},
        {"corbel tokenize " TOKENIZER " --jsonl", "{\"pair\": \"a\"}\n", 1, "", "stdin:1"},
        {"corbel tokenize " TOKENIZER " --jsonl", "\"a\"\n3\n", 1, "\"ids\"", "stdin:2"},
        {"corbel tokenize " TOKENIZER, "\xc3\n", 1, "", "stdin:1"},
        {"corbel tokenize " TOKENIZER " --jsonl --json", "", 2, "", "--jsonl"},
        {"corbel tokenize " TOKENIZER " --max-length 3 --stride 3", "", 2, "", "--stride"},
    };
    shell_table(rows, COUNT(rows));
}

static void test_padding_to_the_longest_line(void **state)
{
    (void)state;
    struct outcome outcome = shell("\"a\"\n\"a longer line of text\"\n",
                                   "corbel tokenize $F/tokenizers/bert_uncased/tokenizer --jsonl "
                                   "--padding");
    assert_int_equal(outcome.status, 0);
    char *rest = outcome.out;
    struct json_object *first = json_tokener_parse(strtok_r(rest, "\n", &rest));
    struct json_object *second = json_tokener_parse(strtok_r(rest, "\n", &rest));
    size_t n = json_object_array_length(member(second, "ids"));
    assert_true(n > 3);
    assert_int_equal(json_object_array_length(member(first, "ids")), n);
    assert_int_equal(json_object_array_length(member(first, "attention_mask")), n);
    json_object_put(first);
    json_object_put(second);
    shell_free(&outcome);

    static const struct shell_row rows[] = {
        {"corbel tokenize $F/tokenizers/bert_uncased/tokenizer --jsonl --padding max_length "
         "--max-length 6",
         "\"a\"\n", 0, "\"attention_mask\": [1, 1, 1, 0, 0, 0]}", ""},
        {"corbel tokenize $F/tokenizers/llama3/tokenizer --padding", "a\na b c\n", 1, "",
         "stdin:1"}, /* it has no pad token */
    };
    shell_table(rows, COUNT(rows));
}

static void test_detokenize_gives_the_text_back(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel tokenize " TOKENIZER " --no-special | corbel detokenize " TOKENIZER,
         "one two\n\nthree\n", 0, "one two\n\nthree\n", ""},
        {"corbel tokenize " TOKENIZER " | corbel detokenize " TOKENIZER " --skip-special",
         "one two\n", 0, "one two\n", ""},
        {"corbel detokenize " TOKENIZER, "798\n", 0, "<|begin_of_text|>\n", ""},
        {"corbel detokenize " TOKENIZER " --jsonl", "[798]\n[]\n", 0,
         "\"<|begin_of_text|>\"\n\"\"\n", ""},
        {"corbel detokenize " TOKENIZER " --json", "798\n798\n", 0,
         "[\"<|begin_of_text|>\", \"<|begin_of_text|>\"]", ""},
        {"corbel tokenize " TOKENIZER " --jsonl", "\"a\\u0000b\"\n", 0, "[798, 64, 188, 65]", ""},
        {"corbel detokenize " TOKENIZER " --jsonl", "[64, 188, 65]\n", 0, "\"a\\u0000b\"\n", ""},
        {"corbel tokenize " TOKENIZER " --jsonl", "\"\\u0000\n", 1, "", "stdin:1"},
        {"corbel detokenize " TOKENIZER " --jsonl", "798\n", 1, "", "stdin:1"},
        {"corbel detokenize " TOKENIZER " --jsonl", "[798, -1]\n", 1, "", "stdin:1"},
        {"corbel detokenize " TOKENIZER " --jsonl", "[798, 1.5]\n", 1, "", "stdin:1"},
        {"corbel detokenize " TOKENIZER, "12 abc\n", 1, "", "stdin:1"},
    };
    shell_table(rows, COUNT(rows));
}

/* ---- bench, run on the demo -------------------------------------------------------------------
 */

static void test_bench_measures_beside_the_limits(void **state)
{
    (void)state;
    static const char *const keys[] = {"load_s",
                                       "first_token_s",
                                       "prefill_tokens_per_s",
                                       "decode_tokens_per_s",
                                       "forward_ms",
                                       "peak_rss_bytes",
                                       "weights_bytes",
                                       "limits",
                                       "threads",
                                       "device",
                                       "dtype"};
    struct json_object *o =
        json_of(NULL, "corbel bench demo/storyteller --prefill 16 --decode 4 --repeat 3 --json");
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_true(json_object_object_get_ex(o, keys[i], NULL));
    assert_true(json_object_get_double(member(o, "decode_tokens_per_s")) > 0);
    assert_true(json_object_get_double(member(o, "first_token_s")) > 0);
    struct json_object *limits = member(o, "limits");
    assert_true(json_object_get_double(member(limits, "read_bytes_per_s")) > 1e8);
    assert_true(json_object_get_double(member(limits, "flops_per_s")) > 1e8);
    json_object_put(o);

    static const struct shell_row rows[] = {
        {"corbel bench $F/models/llama_seqcls/model --prefill 8 --repeat 1 --json", NULL, 0,
         "\"first_token_s\": null", ""},
        {"corbel bench demo/storyteller --prefill 8 --decode 2 --repeat 1 --threads 1", NULL, 0,
         "1 threads", ""},
    };
    shell_table(rows, COUNT(rows));
}

static void test_the_demo_tells_a_story(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel run demo/storyteller 'Once upon a time' --max-new-tokens 24 --seed 1", NULL, 0,
         "Once upon a time", "tokens/s"},
        {"corbel run demo/storyteller --max-new-tokens 2 --seed 1", "Once\nThere\n", 0, "\nThere",
         "2 tokens"},
        {"corbel run demo/storyteller --max-new-tokens 24 a >/dev/full", NULL, 1, "", "stdout"},
    };
    shell_table(rows, COUNT(rows));
}

/* Ctrl-C in the middle of more stories than there is time for: the shell sees the signal. */
static void test_an_interrupt_ends_the_text(void **state)
{
    (void)state;
    struct outcome outcome = shell(NULL, "yes Once | timeout --preserve-status -s INT 2 corbel run "
                                         "demo/storyteller --max-new-tokens 400 2>/dev/null");
    assert_int_equal(outcome.status, 130);
    assert_true(outcome.out_size > 0);
    shell_free(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info_tells_what_a_model_is),
        cmocka_unit_test(test_program_in_every_form),
        cmocka_unit_test(test_forward_from_file_to_file),
        cmocka_unit_test(test_generate_gives_the_oracles_tokens),
        cmocka_unit_test(test_bad_tensors_and_ids_are_refused),
        cmocka_unit_test(test_tokenize_line_by_line),
        cmocka_unit_test(test_padding_to_the_longest_line),
        cmocka_unit_test(test_detokenize_gives_the_text_back),
        cmocka_unit_test(test_bench_measures_beside_the_limits),
        cmocka_unit_test(test_the_demo_tells_a_story),
        cmocka_unit_test(test_an_interrupt_ends_the_text),
    };
    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
