/* test_plugins.c: every class of every first-party plugin gives its outputs in the shapes that
 * transformers gives them; its parameters are the tensors of checkpoints. */
#include "models.h"

#include <dirent.h>

#include "base/file.h"
#include "base/json.h"

/* Fixtures whose config.json serves every class of a family. */
#define MISTRAL "mistral_bf16_sharded_v4_config"
#define GEMMA   "gemma_seqcls"
#define GEMMA2  "gemma2_causal"
#define BERT    "bert_tokencls_fp16"
#define BERT2   "bert_model_old_names_bin" /* of 2 labels */
#define DISTIL  "distilbert_seqcls_bf16"
#define GPT2    "gpt2_lm_bin_fp16"
#define VIT     "vit_model"

/* ---- every class ---------------------------------------------------------------------------- */

/* For 2 rows of 5 tokens, or 2 pictures of 30 by 30. config: of which fixture. */
static const struct {
    const char *arch, *config, *task, *output;
    uint32_t rank;
    int64_t shape[3];
} rows[] = {
    /* clang-format off */
    {"LlamaModel", "llama_seqcls", "", "last_hidden_state", 3, {2, 5, 32}},
    {"MistralModel", MISTRAL, "", "last_hidden_state", 3, {2, 5, 32}},
    {"MistralForCausalLM", MISTRAL, "text-generation", "logits", 3, {2, 5, 160}},
    {"MistralForSequenceClassification", MISTRAL, "text-classification", "logits", 2, {2, 2}},
    {"MistralForTokenClassification", MISTRAL, "token-classification", "logits", 3, {2, 5, 2}},
    {"MistralForQuestionAnswering", MISTRAL, "question-answering", "end_logits", 2, {2, 5}},
    {"GemmaModel", GEMMA, "", "last_hidden_state", 3, {2, 5, 32}},
    {"GemmaForCausalLM", GEMMA, "text-generation", "logits", 3, {2, 5, 160}},
    {"GemmaForSequenceClassification", GEMMA, "text-classification", "logits", 2, {2, 3}},
    {"GemmaForTokenClassification", GEMMA, "token-classification", "logits", 3, {2, 5, 3}},
    {"Gemma2Model", GEMMA2, "", "last_hidden_state", 3, {2, 5, 32}},
    {"Gemma2ForCausalLM", GEMMA2, "text-generation", "logits", 3, {2, 5, 160}},
    {"Gemma2ForSequenceClassification", GEMMA2, "text-classification", "logits", 2, {2, 2}},
    {"Gemma2ForTokenClassification", GEMMA2, "token-classification", "logits", 3, {2, 5, 2}},
    {"BertModel", BERT, "", "last_hidden_state", 3, {2, 5, 32}},
    {"BertModel", BERT, "", "pooler_output", 2, {2, 32}},
    {"BertForMaskedLM", BERT, "fill-mask", "logits", 3, {2, 5, 160}},
    {"BertForSequenceClassification", BERT, "text-classification", "logits", 2, {2, 5}},
    {"BertForTokenClassification", BERT, "token-classification", "logits", 3, {2, 5, 5}},
    {"BertForQuestionAnswering", BERT2, "question-answering", "start_logits", 2, {2, 5}},
    {"DistilBertModel", DISTIL, "", "last_hidden_state", 3, {2, 5, 32}},
    {"DistilBertForMaskedLM", DISTIL, "fill-mask", "logits", 3, {2, 5, 160}},
    {"DistilBertForSequenceClassification", DISTIL, "text-classification", "logits", 2, {2, 2}},
    {"DistilBertForTokenClassification", DISTIL, "token-classification", "logits", 3, {2, 5, 2}},
    {"DistilBertForQuestionAnswering", DISTIL, "question-answering", "end_logits", 2, {2, 5}},
    {"GPT2Model", GPT2, "", "last_hidden_state", 3, {2, 5, 32}},
    {"GPT2LMHeadModel", GPT2, "text-generation", "logits", 3, {2, 5, 160}},
    {"GPT2ForSequenceClassification", GPT2, "text-classification", "logits", 2, {2, 2}},
    {"GPT2ForTokenClassification", GPT2, "token-classification", "logits", 3, {2, 5, 2}},
    {"GPT2ForQuestionAnswering", GPT2, "question-answering", "start_logits", 2, {2, 5}},
    {"ViTModel", VIT, "", "last_hidden_state", 3, {2, 26, 32}},
    {"ViTModel", VIT, "", "pooler_output", 2, {2, 32}},
    {"ViTForImageClassification", VIT, "image-classification", "logits", 2, {2, 2}},
    /* clang-format on */
};

static const struct trace_input inputs[] = {{"input_ids", CORBEL_I32, 2, {2, 5}},
                                            {"attention_mask", CORBEL_I32, 2, {2, 5}},
                                            {"position_ids", CORBEL_I32, 2, {2, 5}},
                                            {"token_type_ids", CORBEL_I32, 2, {2, 5}},
                                            {"pixel_values", CORBEL_F32, 4, {2, 3, 30, 30}}};

static const struct program_value *output(const struct program *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_outputs; i++)
        if (strcmp(p->outputs[i].name, name) == 0)
            return &p->values[p->outputs[i].value];
    return NULL;
}

static void test_every_class_gives_its_outputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct trace_options options = {
            .inputs = inputs, .n_inputs = 5, .capacity = 5, .hidden_states = true};
        const struct plugin_arch_info *info = plugin_registry_find(registry, rows[i].arch);
        struct plugin_model *model;
        struct program program;
        corbel_error err = {0};

        if (!info || strcmp(info->task, rows[i].task) != 0)
            fail_msg("%s is there for %s", rows[i].arch, info ? info->task : "nothing");
        assert_ok(create_model(rows[i].arch, rows[i].config, NULL, NULL, &model, &err), err);
        assert_ok(plugin_model_trace(model, &options, &program, &err), err);
        const struct program_value *value = output(&program, rows[i].output);
        if (!value || value->rank != rows[i].rank ||
            memcmp(value->shape, rows[i].shape, value->rank * sizeof(int64_t)) != 0)
            fail_msg("%s: no %s of the expected shape", rows[i].arch, rows[i].output);
        assert_non_null(output(&program, "hidden_states.0"));
        assert_non_null(output(&program, "hidden_states.2"));
        program_finish(&program);
        plugin_model_destroy(&model);
    }
}

/* What keeps keys in a cache, and whether its layers have a window. */
static void test_decoders_cache_and_slide(void **state)
{
    static const struct {
        const char *arch, *config, *key, *json;
        uint32_t n_caches;
        int64_t windows[3];
    } cases[] = {
        {"MistralModel", MISTRAL, NULL, NULL, 2, {5, 5}},
        {"MistralModel", MISTRAL, "sliding_window", "null", 2, {0, 0}},
        {"MistralModel", MISTRAL, "sliding_window", NULL, 2, {4096, 4096}},
        {"Gemma2Model", GEMMA2, NULL, NULL, 3, {8, 0, 8}},
        {"Gemma2Model", GEMMA2, "layer_types", NULL, 3, {8, 0, 8}},
        {"Gemma2Model", GEMMA2, "sliding_window", "null", 3, {0, 0, 0}},
        {"GemmaModel", GEMMA, NULL, NULL, 2, {0, 0}},
        {"GPT2Model", GPT2, NULL, NULL, 2, {0, 0}},
        {"BertLMHeadModel", BERT, "is_decoder", "true", 2, {0, 0}},
        {"BertModel", BERT, NULL, NULL, 0, {0, 0}},
        {"ViTModel", VIT, NULL, NULL, 0, {0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct trace_options options = {.inputs = inputs, .n_inputs = 5, .capacity = 5};
        struct plugin_model *model;
        struct program program;
        corbel_error err = {0};
        size_t n = 0;

        assert_ok(
            create_model(cases[i].arch, cases[i].config, cases[i].key, cases[i].json, &model, &err),
            err);
        assert_ok(plugin_model_trace(model, &options, &program, &err), err);
        assert_int_equal(program.n_caches, cases[i].n_caches);
        for (uint32_t j = 0; j < program.n_ops; j++)
            if (program.ops[j].kind == OP_ATTENTION && program.n_caches)
                assert_int_equal(program_op_int(&program.ops[j], ATTR_WINDOW, 0),
                                 cases[i].windows[n++]);
        program_finish(&program);
        plugin_model_destroy(&model);
    }
}

static void test_pictures_of_another_size_are_refused_or_stretched(void **state)
{
    static const struct {
        int64_t height, interpolate, tokens;
    } cases[] = {{30, 0, 26}, {30, 1, 26}, {42, 0, 0}, {42, 1, 36}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct trace_input pixels = {
            "pixel_values", CORBEL_F32, 4, {1, 3, cases[i].height, 30}};
        const struct trace_option option = {"interpolate_pos_encoding", cases[i].interpolate};
        const struct trace_options options = {
            .inputs = &pixels, .n_inputs = 1, .options = &option, .n_options = 1, .capacity = 1};
        struct plugin_model *model;
        struct program program;
        corbel_error err = {0};

        assert_ok(create_model("ViTModel", VIT, NULL, NULL, &model, &err), err);
        if (plugin_model_trace(model, &options, &program, &err) == CORBEL_OK)
            assert_int_equal(output(&program, "last_hidden_state")->shape[1], cases[i].tokens);
        else
            assert_says(err, "interpolate_pos_encoding=true");
        assert_true((err.text[0] == 0) == (cases[i].tokens > 0));
        program_finish(&program);
        plugin_model_destroy(&model);
    }
}

/* ---- parameters ----------------------------------------------------------------------------- */

/* The header of a safetensors file: name -> {dtype, shape, data_offsets}; NULL: there is none. */
static struct json_object *tensors_of(const char *name)
{
    struct json_object *root = NULL;
    char path[256], *data;
    corbel_error err;
    uint64_t n;
    size_t size;

    snprintf(path, sizeof path, "models/%s/model/model.safetensors", name);
    if (file_read(fixture(path), 64 << 20, &data, &size, &err))
        return NULL;
    memcpy(&n, data, 8);
    assert_ok(json_parse(data + 8, n, JSON_SECURITY, path, &root, &err), err);
    free(data);
    json_object_object_del(root, "__metadata__");
    return root;
}

/* Takes the tensor out under the name, with or without the base model's prefix. */
static bool take(struct json_object *tensors, const char *prefix, const char *name, int64_t *shape,
                 uint32_t rank)
{
    char prefixed[256];
    struct json_object *tensor;
    size_t n = strlen(prefix);

    snprintf(prefixed, sizeof prefixed, "%s.%s", prefix, name);
    if (!json_object_object_get_ex(tensors, name, &tensor) && strncmp(name, prefix, n) == 0)
        name += n + 1;
    if (!json_object_object_get_ex(tensors, name, &tensor))
        name = prefixed;
    if (!json_object_object_get_ex(tensors, name, &tensor))
        return false;
    tensor = json_object_object_get(tensor, "shape");
    assert_int_equal(json_object_array_length(tensor), rank);
    for (uint32_t i = 0; i < rank; i++)
        assert_int_equal(json_object_get_int64(json_object_array_get_idx(tensor, i)), shape[i]);
    json_object_object_del(tensors, name);
    return true;
}

static bool is_buffer(const char *name)
{
    return strstr(name, ".attn.bias") || strstr(name, "masked_bias") || strstr(name, "inv_freq");
}

static void check_parameters(const char *name, struct json_object *tensors)
{
    struct plugin_model *model;
    struct config config;
    char folder[256];
    const char *arch = NULL;
    corbel_error err = {0};

    snprintf(folder, sizeof folder, "models/%s/model", name);
    assert_ok(config_load(&config, fixture(folder), &err), err);
    assert_ok(config_architecture(&config, &arch, &err), err);
    if (!plugin_registry_find(registry, arch)) { /* another's plugin serves it */
        config_finish(&config);
        return;
    }
    assert_ok(plugin_model_create(registry, arch, &config, &model, &err), err);
    for (uint32_t i = 0; i < plugin_model_param_count(model); i++) {
        const struct plugin_param *p = plugin_model_param(model, i);
        const char *prefix = plugin_model_prefix(model);
        int64_t shape[PROGRAM_MAX_RANK];

        memcpy(shape, p->shape, sizeof shape);
        if (!take(tensors, prefix, p->name, shape, p->rank) &&
            !(p->older && take(tensors, prefix, p->older, shape, p->rank)))
            fail_msg("%s: the checkpoint has no %s (older: %s)", name, p->name,
                     p->older ? p->older : "none");
    }
    struct json_object_iter left;
    json_object_object_foreachC(tensors, left)
    {
        if (!is_buffer(left.key))
            fail_msg("%s: %s has no parameter %s", name, arch, left.key);
    }
    plugin_model_destroy(&model);
    config_finish(&config);
}

/* Every model of the fixtures that is one safetensors file. */
static void test_parameters_are_the_tensors_of_the_checkpoint(void **state)
{
    DIR *folder = opendir(fixture("models"));
    struct dirent *entry;
    int n = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        struct json_object *tensors = entry->d_name[0] == '.' ? NULL : tensors_of(entry->d_name);
        if (!tensors)
            continue;
        check_parameters(entry->d_name, tensors);
        json_object_put(tensors);
        n++;
    }
    closedir(folder);
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_class_gives_its_outputs),
        cmocka_unit_test(test_decoders_cache_and_slide),
        cmocka_unit_test(test_pictures_of_another_size_are_refused_or_stretched),
        cmocka_unit_test(test_parameters_are_the_tensors_of_the_checkpoint),
    };
    return cmocka_run_group_tests(tests, open_registry, close_registry);
}
