/* test_saving.c: `corbel save`, `corbel init`, `corbel profile`, and what a load says of keys that
 * do not match. What transformers makes of it is tests/interop/test_save.py's. */
#include "shell.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define CAUSAL       "$F/models/llama_causal/model"
#define DEMO         "demo/storyteller"

/* The weights' own bytes, whatever the files are called. */
#define SUMS(dir) "(cd " dir " && sha256sum *.safetensors | cut -d' ' -f1)"

/* ---- save ------------------------------------------------------------------------------------ */

static void test_a_saved_model_is_the_same_model(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel save " DEMO " whole && ls whole", NULL, 0, "config.json", NULL},
        {"ls whole", NULL, 0, "tokenizer.json", NULL},
        {"corbel run " DEMO " Once --max-new-tokens 12 --no-sample > a; "
         "corbel run ./whole Once --max-new-tokens 12 --no-sample > b; cmp a b",
         NULL, 0, NULL, NULL},
        {"corbel save " DEMO " parts --max-shard-size 200KB && ls parts", NULL, 0,
         "model.safetensors.index.json", NULL},
        {"ls parts | grep -c 'model-[0-9]*-of-[0-9]*.safetensors'", NULL, 0, NULL, NULL},
        {"corbel run ./parts Once --max-new-tokens 12 --no-sample | cmp - a", NULL, 0, NULL, NULL},
        {"corbel save ./parts again && cmp whole/model.safetensors again/model.safetensors", NULL,
         0, NULL, NULL},
        {"corbel save ./whole bf16 --dtype bfloat16 --json", NULL, 0, "\"dtype\": \"bfloat16\"",
         NULL},
        {"grep -c '\"dtype\": \"bfloat16\"' bf16/config.json", NULL, 0, "1", NULL},
        {"corbel save ./whole whole && corbel run ./whole Once --max-new-tokens 12 --no-sample | "
         "cmp - a",
         NULL, 0, NULL, NULL},
    };
    shell_table(rows, COUNT(rows));
}

static void test_other_files_stay_and_old_weights_go(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"mkdir kept && echo mine > kept/notes.txt && corbel save " DEMO
         " kept --max-shard-size 100KB && ls kept",
         NULL, 0, "notes.txt", NULL},
        {"corbel save " DEMO " kept && ls -a kept | grep -c -e '-of-' -e index -e corbel-save",
         NULL, 1, "0", NULL},
        {"corbel save " DEMO " kept --max-shard-size 100KB && ls kept/model.safetensors", NULL, 2,
         NULL, "No such file"},
        {"cat kept/notes.txt", NULL, 0, "mine", NULL},
    };
    shell_table(rows, COUNT(rows));
}

/* The limit on a file's size stands for a full disk; without the trap it kills the process. */
static void test_a_save_that_fails_changes_nothing(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel save " DEMO " before && " SUMS("before") " > sums", NULL, 0, NULL, NULL},
        {"(trap '' XFSZ; ulimit -f 1000; corbel save " DEMO " before --dtype float32)", NULL, 1, "",
         "File too large"},
        {"ls -A before | grep corbel-save", NULL, 1, NULL, NULL},
        {SUMS("before") " | cmp - sums", NULL, 0, NULL, NULL},
        {"(ulimit -c 0; ulimit -f 1000; corbel save " DEMO " before --dtype float32)", NULL, 153,
         NULL, NULL},
        {SUMS("before") " | cmp - sums && ls -A before | grep -c corbel-save", NULL, 0, "1", NULL},
        {"corbel save " DEMO " before && ls -A before | grep corbel-save", NULL, 1, NULL, NULL},
        {"(trap '' XFSZ; ulimit -f 1000; corbel save " DEMO " fresh --dtype float32)", NULL, 1, "",
         NULL},
        {"ls fresh", NULL, 2, NULL, "No such file"},
        {"touch file && corbel save " DEMO " file", NULL, 1, "", "is a file, expected a folder"},
        {"corbel save " DEMO " file/below", NULL, 1, "", "can't make this folder"},
        {"corbel save " DEMO " /proc/none", NULL, 1, "", "/proc/none"},
    };
    shell_table(rows, COUNT(rows));
}

static void test_saving_checks_its_command_line(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel save " DEMO, NULL, 2, "", NULL},
        {"corbel save " DEMO " a b", NULL, 2, "", "one too many"},
        {"corbel save " DEMO " small --max-shard-size 5", NULL, 0, NULL, NULL},
        {"corbel save " DEMO " a --max-shard-size 5XB", NULL, 2, "", "such as 5GB"},
        {"corbel save " DEMO " a --max-shard-size -5GB", NULL, 2, "", "such as 5GB"},
        {"corbel save " DEMO " a --max-shard-size 0KB", NULL, 2, "", "such as 5GB"},
        {"corbel save " DEMO " a --max-shard-size nanGB", NULL, 2, "", "such as 5GB"},
        {"corbel save " DEMO " small --max-shard-size '1.5 gib'", NULL, 0, NULL, NULL},
        {"corbel save " DEMO " a --dtype int8", NULL, 2, "", "--dtype"},
        {"corbel save " DEMO " a --dtype float8_e5m2", NULL, 2, "", "is saved in float64"},
        {"corbel save ./none a", NULL, 4, "", NULL},
        {"corbel save --help", NULL, 0, "--max-shard-size", NULL},
        {"corbel init --help", NULL, 0, "--seed", NULL},
    };
    shell_table(rows, COUNT(rows));
}

/* ---- init ------------------------------------------------------------------------------------ */

static void test_a_new_model_runs_and_depends_on_its_seed(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel init " CAUSAL " one --seed 1 && corbel init " CAUSAL "/config.json two --seed 1 "
         "--threads 1 && cmp one/model.safetensors two/model.safetensors",
         NULL, 0, NULL, NULL},
        {"corbel init " CAUSAL " other --seed 2 && cmp one/model.safetensors "
         "other/model.safetensors",
         NULL, 1, NULL, NULL},
        {"corbel generate ./one --ids 1,2,3 --max-new-tokens 4", NULL, 0, NULL, NULL},
        {"corbel init " CAUSAL " seq --class LlamaForSequenceClassification --json", NULL, 0,
         "\"weight_files\": 1", NULL},
        {"grep -c LlamaForSequenceClassification seq/config.json", NULL, 0, "1", NULL},
        {"corbel info ./seq --json", NULL, 0, "\"missing\":0,", NULL},
        {"corbel init " DEMO " demo --dtype bfloat16 --max-shard-size 100KB && corbel run ./demo "
         "Once --max-new-tokens 3",
         NULL, 0, "", NULL},
        {"corbel info ./demo --json", NULL, 0, "\"dtype\":\"bfloat16\"", NULL},
        {"corbel init ./nothing x", NULL, 4, "", NULL},
        {"echo '{}' > c.json; corbel init c.json x", NULL, 1, "", "no architectures"},
        {"echo '[' > c.json; corbel init c.json x", NULL, 1, "", "c.json"},
        {"ls x", NULL, 2, NULL, NULL},
    };
    shell_table(rows, COUNT(rows));
}

/* ---- which class ----------------------------------------------------------------------------- */

static void test_classes_are_tried_in_order_with_every_reason(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel info " CAUSAL " --class Nope --class LlamaModel --json", NULL, 0,
         "\"architecture\":\"LlamaModel\"", "Nope can't be loaded"},
        {"corbel info " CAUSAL " --class Nope --json", NULL, 0,
         "\"chosen_by\":\"config.architectures\"", "LlamaForCausalLM is tried: Nope"},
        {"corbel info " CAUSAL " --class BertLMHeadModel --class LlamaModel --json", NULL, 0,
         "\"architecture\":\"LlamaModel\"", "BertLMHeadModel can't be loaded"},
        {"mkdir odd && sed 's/LlamaForCausalLM/Odd/' " CAUSAL "/config.json > odd/config.json; "
         "corbel info ./odd --class Nope --class BertLMHeadModel",
         NULL, 1, "", "Nope (--class): no plugin serves"},
        {"corbel info ./odd --class Nope --class BertLMHeadModel", NULL, 1, "",
         "BertLMHeadModel (--class): "},
        {"corbel info ./odd --class Nope --class BertLMHeadModel", NULL, 1, "",
         "Odd (config.architectures): no plugin serves"},
        {"corbel info ./odd", NULL, 1, "", "no plugin serves the architecture Odd (there are:"},
        {"corbel info " CAUSAL " --task text-classification --json", NULL, 0,
         "\"architecture\":\"LlamaForSequenceClassification\"", NULL},
        {"corbel info " CAUSAL " --task image-classification", NULL, 1, "",
         "no class of model_type llama does image-classification"},
    };
    shell_table(rows, COUNT(rows));
}

/* ---- keys and dtypes ------------------------------------------------------------------------- */

static void test_keys_that_do_not_match_are_reported(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel info " CAUSAL " --check --class LlamaForSequenceClassification", NULL, 0, NULL,
         "LlamaForSequenceClassification LOAD REPORT from: "},
        {"corbel info " CAUSAL " --check --class LlamaForSequenceClassification", NULL, 0, NULL,
         "score.weight | MISSING | not in the checkpoint; newly initialised from seed 0"},
        {"corbel info " CAUSAL " --check --class LlamaForSequenceClassification", NULL, 0, NULL,
         "lm_head.weight | UNEXPECTED"},
        {"corbel info " CAUSAL " --check --json", NULL, 0, "\"missing_keys\":[]", ""},
        {"mkdir wide && cp " CAUSAL "/* wide && chmod u+w wide/* && "
         "sed -i 's/\"intermediate_size\": [0-9]*/\"intermediate_size\": 48/' wide/config.json; "
         "corbel info ./wide --check",
         NULL, 1, "", "with this config.json needs [48, "},
        {"corbel info ./wide --check", NULL, 1, "",
         "model.layers.{0, 1}.mlp.down_proj.weight | MISMATCH | not loaded due to size mismatch"},
        {"corbel info ./wide --check", NULL, 1, "", "more); ignore_mismatched_sizes makes them"},
        {"corbel info ./wide --check --ignore-mismatched-sizes", NULL, 0, NULL,
         "MISMATCH | newly initialised due to size mismatch - ckpt: ["},
        {"corbel save ./wide fitted --ignore-mismatched-sizes && corbel info ./fitted --check",
         NULL, 0, NULL, ""},
        {"corbel generate ./fitted --ids 1,2 --max-new-tokens 2", NULL, 0, NULL, NULL},
        {"mkdir deep && cp wide/* deep && cp " CAUSAL "/config.json deep/config.json && "
         "sed -i 's/\"num_hidden_layers\": [0-9]*/\"num_hidden_layers\": 9/' deep/config.json; "
         "corbel info ./deep --check",
         NULL, 1, "", "no tensor for model.layers."},
    };
    shell_table(rows, COUNT(rows));
}

static void test_dtypes_that_nothing_computes_in_become_float32(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel generate " CAUSAL " --ids 1,2,3 --max-new-tokens 4 --dtype float64", NULL, 0, NULL,
         "dtype float64: no device computes in it; float32 is used"},
        {"corbel generate " CAUSAL " --ids 1,2,3 --max-new-tokens 4 --dtype float8_e4m3fn", NULL, 0,
         NULL, "dtype float8_e4m3fn"},
        {"corbel generate " CAUSAL " --ids 1,2,3 --max-new-tokens 8 > plain; corbel save " CAUSAL
         " double --dtype float64 && corbel generate ./double --ids 1,2,3 --max-new-tokens 8 | cmp "
         "- plain",
         NULL, 0, NULL, NULL},
    };
    shell_table(rows, COUNT(rows));
}

/* ---- profile --------------------------------------------------------------------------------- */

static void test_a_profile_is_a_table_and_a_trace(void **state)
{
    (void)state;
    static const struct shell_row rows[] = {
        {"corbel profile " DEMO " --prefill 16 --decode 4 --repeat 2 --output trace.json", NULL, 0,
         "prefill: 16 tokens", NULL},
        {"corbel profile " DEMO " --prefill 16 --decode 4 --repeat 1", NULL, 0,
         "decode: 1 token in ", NULL},
        {"corbel profile " DEMO " --prefill 16 --decode 4 --repeat 1", NULL, 0,
         "model.layers.*.self_attn", NULL},
        {"head -c 60 trace.json", NULL, 0, "\"traceEvents\":[", NULL},
        {"corbel profile $F/models/vit_model/model --repeat 1", NULL, 0, "forward: ", NULL},
        {"corbel profile " DEMO " --output /none/trace.json --prefill 4 --decode 2", NULL, 4, "",
         "/none/trace.json"},
        {"corbel profile " DEMO " --prefill 0", NULL, 2, "", "--prefill"},
        {"corbel profile --help", NULL, 0, "perfetto", NULL},
    };
    shell_table(rows, COUNT(rows));
}

/* Begin and end of a module come in pairs, and an operation lies within the step that it is in. */
static void test_the_trace_nests(void **state)
{
    (void)state;
    struct outcome o = shell(NULL, "corbel profile " DEMO " --prefill 8 --decode 2 --repeat 1 "
                                   "--output t.json > /dev/null; cat t.json");
    struct json_object *root = shell_json(&o), *events = NULL;
    int open = 0;
    double end = 0;
    assert_true(json_object_object_get_ex(root, "traceEvents", &events));
    assert_true(json_object_array_length(events) > 20);
    for (size_t i = 0; i < json_object_array_length(events); i++) {
        struct json_object *e = json_object_array_get_idx(events, i);
        const char *type = json_object_get_string(json_object_object_get(e, "ph"));
        const char *category = json_object_get_string(json_object_object_get(e, "cat"));
        double at = json_object_get_double(json_object_object_get(e, "ts"));
        double lasts = json_object_get_double(json_object_object_get(e, "dur"));
        open += strcmp(type, "B") == 0;
        open -= strcmp(type, "E") == 0;
        assert_true(open >= 0);
        if (category && strcmp(category, "step") == 0) {
            assert_int_equal(open, 0);
            end = at + lasts;
        } else if (strcmp(type, "X") == 0) {
            assert_true(at + lasts <= end + 0.01);
        }
    }
    assert_int_equal(open, 0);
    json_object_put(root);
    shell_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_saved_model_is_the_same_model),
        cmocka_unit_test(test_other_files_stay_and_old_weights_go),
        cmocka_unit_test(test_a_save_that_fails_changes_nothing),
        cmocka_unit_test(test_saving_checks_its_command_line),
        cmocka_unit_test(test_a_new_model_runs_and_depends_on_its_seed),
        cmocka_unit_test(test_classes_are_tried_in_order_with_every_reason),
        cmocka_unit_test(test_keys_that_do_not_match_are_reported),
        cmocka_unit_test(test_dtypes_that_nothing_computes_in_become_float32),
        cmocka_unit_test(test_a_profile_is_a_table_and_a_trace),
        cmocka_unit_test(test_the_trace_nests),
    };
    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
