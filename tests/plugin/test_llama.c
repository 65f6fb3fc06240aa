/* plugins/llama: config.json -> parameters -> programs, for every fixture of the family. With
 * "isolated" as argument the plugin runs in a process of its own: nothing else may differ. */
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "helpers.h"
#include "plugin/plugin.h"

static struct plugin_registry *registry;
static bool isolated;

static int open_registry(void **state)
{
    corbel_error err;

    (void)state;
    if (plugin_registry_create(TEST_BUILD_DIR "/plugins", &registry, &err)) {
        print_error("%s\n", err.text);
        return 1;
    }
    plugin_registry_isolate(registry, isolated ? PLUGIN_ISOLATION_ALWAYS : PLUGIN_ISOLATION_AUTO);
    return 0;
}

static int close_registry(void **state)
{
    (void)state;
    plugin_registry_destroy(&registry);
    return 0;
}

static corbel_status create(const char *folder, struct plugin_model **model, corbel_error *err)
{
    struct config config;
    const char *arch;
    corbel_status status = config_load(&config, fixture(folder), err);

    *model = NULL;
    if (status)
        return status;
    status = config_architecture(&config, &arch, err);
    if (!status && !arch)
        status = CORBEL_E_CONFIG;
    if (!status)
        status = plugin_model_create(registry, arch, &config, model, err);
    config_finish(&config);
    return status;
}

/* A program for `batch` rows of 5 tokens. */
static corbel_status trace(struct plugin_model *model, int64_t batch, int64_t keep,
                           bool hidden_states, struct program *program, corbel_error *err)
{
    const struct trace_input inputs[] = {
        {"input_ids", CORBEL_I32, 2, {batch, 5}},
        {"attention_mask", CORBEL_I32, 2, {batch, 16}},
        {"position_ids", CORBEL_I32, 2, {batch, 5}},
    };
    const struct trace_option option = {"logits_to_keep", keep};
    const struct trace_options options = {
        .inputs = inputs,
        .n_inputs = 3,
        .options = &option,
        .n_options = 1,
        .capacity = 16,
        .hidden_states = hidden_states,
    };
    return plugin_model_trace(model, &options, program, err);
}

static const struct program_value *output(const struct program *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_outputs; i++)
        if (strcmp(p->outputs[i].name, name) == 0)
            return &p->values[p->outputs[i].value];
    return NULL;
}

/* ---- every class ---------------------------------------------------------------------------- */

static const struct {
    const char *fixture, *output;
    uint32_t rank;
    int64_t shape[3]; /* of the output, batch 2 */
    const char *prefix;
} rows[] = {
    {"llama_model", "last_hidden_state", 3, {2, 5, 32}, "model"},
    {"llama_causal", "logits", 3, {2, 5, 160}, "model"},
    {"llama_causal_tied_biases", "logits", 3, {2, 5, 160}, "model"},
    {"llama_seqcls", "logits", 2, {2, 4}, "model"},
    {"llama_tokencls", "logits", 3, {2, 5, 5}, "model"},
    {"llama_qa", "start_logits", 2, {2, 5}, "transformer"},
    {"llama_qa", "end_logits", 2, {2, 5}, "transformer"},
    {"llama_bf16", "logits", 3, {2, 5, 160}, "model"},
    {"llama_fp16", "logits", 3, {2, 5, 160}, "model"},
    {"llama_rope_linear", "logits", 3, {2, 5, 160}, "model"},
    {"llama_rope_linear_v4_config", "logits", 3, {2, 5, 160}, "model"},
    {"llama_rope_llama3", "logits", 3, {2, 5, 160}, "model"},
    {"llama_rope_llama3_v4_config", "logits", 3, {2, 5, 160}, "model"},
    {"llama_sharded", "logits", 3, {2, 5, 160}, "model"},
};

static void test_every_class_gives_its_outputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plugin_model *model;
        const struct program_value *value;
        struct program program;
        char folder[256];
        corbel_error err;

        snprintf(folder, sizeof folder, "models/%s/model", rows[i].fixture);
        assert_ok(create(folder, &model, &err), err);
        assert_string_equal(plugin_model_prefix(model), rows[i].prefix);
        assert_ok(trace(model, 2, 0, false, &program, &err), err);
        value = output(&program, rows[i].output);
        if (!value || value->rank != rows[i].rank ||
            memcmp(value->shape, rows[i].shape, value->rank * sizeof(int64_t)) != 0)
            fail_msg("%s: no %s of the expected shape", rows[i].fixture, rows[i].output);
        assert_null(output(&program, "hidden_states.0"));
        assert_int_equal(program.n_caches, 2);
        assert_int_equal(program.caches[1].n_heads, 2);
        assert_int_equal(program.caches[1].capacity, 16);
        program_finish(&program);
        plugin_model_destroy(&model);
    }
}

/* ---- parameters ----------------------------------------------------------------------------- */

/* The header of a safetensors file: name -> {dtype, shape, data_offsets}. */
static struct json_object *tensors_of(const char *path)
{
    struct json_object *root = NULL;
    corbel_error err;
    char *data;
    uint64_t n;
    size_t size;

    assert_ok(file_read(path, 64 << 20, &data, &size, &err), err);
    memcpy(&n, data, 8);
    assert_ok(json_parse(data + 8, n, JSON_SECURITY, path, &root, &err), err);
    free(data);
    return root;
}

static void test_parameters_are_the_tensors_of_the_checkpoint(void **state)
{
    static const char *const names[] = {
        "llama_model",  "llama_causal",   "llama_causal_tied_biases",
        "llama_seqcls", "llama_tokencls", "llama_qa"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct plugin_model *model;
        struct json_object *tensors;
        char path[256];
        corbel_error err;

        snprintf(path, sizeof path, "models/%s/model", names[i]);
        assert_ok(create(path, &model, &err), err);
        snprintf(path, sizeof path, "models/%s/model/model.safetensors", names[i]);
        tensors = tensors_of(fixture(path));
        json_object_object_del(tensors, "__metadata__");
        assert_int_equal(plugin_model_param_count(model), json_object_object_length(tensors));
        for (uint32_t j = 0; j < plugin_model_param_count(model); j++) {
            const struct plugin_param *param = plugin_model_param(model, j);
            struct json_object *tensor = json_object_object_get(tensors, param->name);
            struct json_object *shape = json_object_object_get(tensor, "shape");

            if (!tensor)
                fail_msg("%s: the checkpoint has no %s", names[i], param->name);
            assert_int_equal(json_object_array_length(shape), param->rank);
            for (uint32_t k = 0; k < param->rank; k++)
                assert_int_equal(json_object_get_int64(json_object_array_get_idx(shape, k)),
                                 param->shape[k]);
        }
        json_object_put(tensors);
        plugin_model_destroy(&model);
    }
}

/* ---- options -------------------------------------------------------------------------------- */

static void test_logits_to_keep_and_hidden_states(void **state)
{
    const struct program_value *value;
    struct plugin_model *model;
    struct program program;
    corbel_error err;

    (void)state;
    assert_ok(create("models/llama_causal/model", &model, &err), err);
    assert_ok(trace(model, 3, 1, true, &program, &err), err);
    value = output(&program, "logits");
    assert_non_null(value);
    assert_int_equal(value->shape[1], 1);
    assert_non_null(output(&program, "hidden_states.0"));
    assert_non_null(output(&program, "hidden_states.2"));
    assert_null(output(&program, "hidden_states.3"));
    program_finish(&program);
    plugin_model_destroy(&model);
}

static void test_a_missing_input_is_named(void **state)
{
    const struct trace_input ids = {"input_ids", CORBEL_I32, 2, {1, 5}};
    const struct trace_options options = {.inputs = &ids, .n_inputs = 1, .capacity = 5};
    struct plugin_model *model;
    struct program program;
    corbel_error err;

    (void)state;
    assert_ok(create("models/llama_causal/model", &model, &err), err);
    assert_int_equal(plugin_model_trace(model, &options, &program, &err), CORBEL_E_PROGRAM);
    assert_says(err, "attention_mask");
    program_finish(&program);
    plugin_model_destroy(&model);
}

/* ---- configurations that are refused -------------------------------------------------------- */

/* llama_causal's config.json with one key changed; NULL: removed. */
static corbel_status create_with(const char *key, const char *json, struct plugin_model **model,
                                 corbel_error *err)
{
    struct config config;
    corbel_status status;

    assert_ok(config_load(&config, fixture("models/llama_causal/model"), err), *err);
    json_object_object_del(config.root, key);
    if (json)
        json_object_object_add(config.root, key, json_tokener_parse(json));
    status = plugin_model_create(registry, "LlamaForCausalLM", &config, model, err);
    config_finish(&config);
    return status;
}

static void test_bad_configurations_name_the_key(void **state)
{
    static const struct {
        const char *key, *value, *says;
    } bad[] = {
        {"hidden_size", NULL, "hidden_size is missing"},
        {"hidden_size", "null", "hidden_size is missing"},
        {"hidden_size", "\"sixteen\"", "hidden_size: expected an integer, found \"sixteen\""},
        {"hidden_size", "32.0", "hidden_size: expected an integer"},
        {"hidden_size", "-16", "hidden_size: expected a positive integer"},
        {"hidden_size", "1099511627776", "hidden_size: expected a positive integer below 2^31"},
        {"num_attention_heads", "0", "num_attention_heads: expected a positive integer"},
        {"num_key_value_heads", "3", "num_key_value_heads"},
        {"num_key_value_heads", "0", "num_key_value_heads"},
        {"num_hidden_layers", "0", "num_hidden_layers"},
        {"num_hidden_layers", "1000000000", "num_hidden_layers: expected 1 to 4096 layers"},
        {"num_hidden_layers", "9223372036854775807", "num_hidden_layers: expected 1 to 4096"},
        {"head_dim", "-8", "head_dim"},
        {"head_dim", "9223372036854775807", "head_dim"},
        {"vocab_size", "[]", "vocab_size: expected an integer"},
        {"intermediate_size", "0", "intermediate_size"},
        {"hidden_act", "\"sine\"", "hidden_act"},
        {"hidden_act", "7", "hidden_act: expected a string, found 7"},
        {"mlp_bias", "1", "mlp_bias: expected true or false"},
        {"rms_norm_eps", "\"1e-5\"", "rms_norm_eps: expected a number"},
        {"pad_token_id", "1e3", "pad_token_id: expected an integer"},
        {"pad_token_id", "8589934592", "pad_token_id"},
        {"id2label", "{}", "num_labels"},
        {"id2label", "5", "id2label: expected an object or a list"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct plugin_model *model;
        corbel_error err = {0};

        if (create_with(bad[i].key, bad[i].value, &model, &err) != CORBEL_E_CONFIG)
            fail_msg("%s = %s was not refused: %s", bad[i].key,
                     bad[i].value ? bad[i].value : "(absent)", err.text);
        assert_null(model);
        assert_says(err, bad[i].says);
        assert_says(err, "config.json");
    }
}

static void test_hostile_configurations_are_refused(void **state)
{
    static const char *const names[] = {
        "cfg_architecture_unknown",
        "cfg_heads_do_not_divide",
        "cfg_huge_hidden",
        "cfg_huge_layers",
        "cfg_kv_heads_do_not_divide",
        "cfg_negative_size",
        "cfg_string_for_number",
        "cfg_zero_heads",
        "cfg_architecture_is_a_path",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct plugin_model *model;
        char folder[256];
        corbel_error err;

        snprintf(folder, sizeof folder, "hostile/%s/model", names[i]);
        if (create(folder, &model, &err) == CORBEL_OK)
            fail_msg("%s was not refused", names[i]);
        assert_null(model);
    }
}

static void test_defaults_of_the_architecture_hold(void **state)
{
    static const char *const optional[] = {
        "num_key_value_heads", "head_dim", "hidden_act",          "rms_norm_eps", "rope_parameters",
        "attention_bias",      "mlp_bias", "tie_word_embeddings", "pad_token_id"};

    (void)state;
    for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
        struct plugin_model *model;
        corbel_error err;

        assert_ok(create_with(optional[i], NULL, &model, &err), err);
        plugin_model_destroy(&model);
    }
}

static void test_a_batch_without_pad_token_is_refused(void **state)
{
    struct plugin_model *model;
    struct config config;
    struct program program;
    corbel_error err;

    (void)state;
    assert_ok(config_load(&config, fixture("models/llama_seqcls/model"), &err), err);
    json_object_object_del(config.root, "pad_token_id");
    assert_ok(
        plugin_model_create(registry, "LlamaForSequenceClassification", &config, &model, &err),
        err);
    assert_int_equal(trace(model, 2, 0, false, &program, &err), CORBEL_E_PROGRAM);
    assert_says(err, "pad_token_id");
    program_finish(&program);
    assert_ok(trace(model, 1, 0, false, &program, &err), err);
    program_finish(&program);
    plugin_model_destroy(&model);
    config_finish(&config);
}

static void test_an_unknown_architecture_is_not_found(void **state)
{
    struct plugin_model *model;
    struct config config;
    corbel_error err;

    (void)state;
    assert_ok(config_load(&config, fixture("models/llama_causal/model"), &err), err);
    assert_int_equal(plugin_model_create(registry, "../../x", &config, &model, &err),
                     CORBEL_E_NOT_FOUND);
    assert_null(plugin_registry_find(registry, "../../x"));
    assert_non_null(plugin_registry_find(registry, "LlamaForQuestionAnswering"));
    config_finish(&config);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_class_gives_its_outputs),
        cmocka_unit_test(test_parameters_are_the_tensors_of_the_checkpoint),
        cmocka_unit_test(test_logits_to_keep_and_hidden_states),
        cmocka_unit_test(test_a_missing_input_is_named),
        cmocka_unit_test(test_bad_configurations_name_the_key),
        cmocka_unit_test(test_hostile_configurations_are_refused),
        cmocka_unit_test(test_defaults_of_the_architecture_hold),
        cmocka_unit_test(test_a_batch_without_pad_token_is_refused),
        cmocka_unit_test(test_an_unknown_architecture_is_not_found),
    };
    isolated = argc > 1 && strcmp(argv[1], "isolated") == 0;
    return cmocka_run_group_tests(tests, open_registry, close_registry);
}
