/* test_configs.c: each plugin's config.json with one field missing, mistyped, zero, negative or
 * huge: an error that names the key, before anything of that size is allocated. */
#include "models.h"

/* What a field may hold; for each, values that are refused. */
enum kind { SIZE, OPTIONAL_SIZE, EPS, NUMBER, SOFTCAP, ACTIVATION, FLAG, TOKEN, SIDES, COUNT };

static const char *const refused[COUNT][8] = {
    [SIZE] = {"\"x\"", "0", "-1", "9223372036854775807", "4294967296", "1.5", "[]", "true"},
    [OPTIONAL_SIZE] = {"\"x\"", "0", "-1", "9223372036854775807", "4294967296", "1.5", "[]"},
    [EPS] = {"\"x\"", "-1", "-1e-30", "[]", "{}", "true"},
    [NUMBER] = {"\"x\"", "0", "-1", "[]", "{}", "false"},
    [SOFTCAP] = {"\"x\"", "0", "-1", "0.0", "[]", "{}", "false"},
    [ACTIVATION] = {"7", "\"sine\"", "\"\"", "[\"gelu\"]", "true"},
    [FLAG] = {"\"x\"", "1", "0", "[]", "{}"},
    [TOKEN] = {"\"x\"", "1.5", "9223372036854775807", "-9223372036854775808", "[1]", "true"},
    [SIDES] = {"\"x\"", "0", "-1", "9223372036854775807", "[]", "[30, 0]", "[30, 30, 30]", "1.5"},
};

/* Required: an error, too, if the field is missing or null. */
#define REQUIRED true
#define OPTIONAL false

struct field {
    const char *key;
    enum kind kind;
    bool required;
};

static const struct {
    const char *arch, *config;
    struct field fields[20];
} models[] = {
    /* clang-format off */
    {"LlamaForSequenceClassification", "llama_seqcls",
     {{"vocab_size", SIZE, REQUIRED}, {"hidden_size", SIZE, REQUIRED},
      {"intermediate_size", SIZE, REQUIRED}, {"num_hidden_layers", SIZE, REQUIRED},
      {"num_attention_heads", SIZE, REQUIRED}, {"num_key_value_heads", SIZE, OPTIONAL},
      {"head_dim", OPTIONAL_SIZE, OPTIONAL}, {"hidden_act", ACTIVATION, OPTIONAL},
      {"rms_norm_eps", EPS, OPTIONAL}, {"attention_bias", FLAG, OPTIONAL},
      {"mlp_bias", FLAG, OPTIONAL}, {"tie_word_embeddings", FLAG, OPTIONAL},
      {"pad_token_id", TOKEN, OPTIONAL}}},
    {"MistralForCausalLM", "mistral_bf16_sharded_v4_config",
     {{"vocab_size", SIZE, REQUIRED}, {"hidden_size", SIZE, REQUIRED},
      {"intermediate_size", SIZE, REQUIRED}, {"num_hidden_layers", SIZE, REQUIRED},
      {"num_attention_heads", SIZE, REQUIRED}, {"num_key_value_heads", SIZE, REQUIRED},
      {"head_dim", OPTIONAL_SIZE, OPTIONAL}, {"hidden_act", ACTIVATION, OPTIONAL},
      {"rms_norm_eps", EPS, OPTIONAL}, {"rope_theta", NUMBER, OPTIONAL},
      {"sliding_window", OPTIONAL_SIZE, OPTIONAL}, {"tie_word_embeddings", FLAG, OPTIONAL},
      {"pad_token_id", TOKEN, OPTIONAL}, {"num_labels", SIZE, OPTIONAL}}},
    {"GemmaForCausalLM", "gemma_seqcls",
     {{"vocab_size", SIZE, REQUIRED}, {"hidden_size", SIZE, REQUIRED},
      {"intermediate_size", SIZE, REQUIRED}, {"num_hidden_layers", SIZE, REQUIRED},
      {"num_attention_heads", SIZE, REQUIRED}, {"num_key_value_heads", SIZE, REQUIRED},
      {"head_dim", SIZE, OPTIONAL}, {"hidden_act", ACTIVATION, OPTIONAL},
      {"rms_norm_eps", EPS, OPTIONAL}, {"attention_bias", FLAG, OPTIONAL},
      {"tie_word_embeddings", FLAG, OPTIONAL}, {"use_bidirectional_attention", FLAG, OPTIONAL},
      {"pad_token_id", TOKEN, OPTIONAL}}},
    {"Gemma2ForCausalLM", "gemma2_causal",
     {{"vocab_size", SIZE, REQUIRED}, {"hidden_size", SIZE, REQUIRED},
      {"intermediate_size", SIZE, REQUIRED}, {"num_hidden_layers", SIZE, REQUIRED},
      {"num_attention_heads", SIZE, REQUIRED}, {"num_key_value_heads", SIZE, OPTIONAL},
      {"head_dim", SIZE, OPTIONAL}, {"hidden_activation", ACTIVATION, OPTIONAL},
      {"rms_norm_eps", EPS, OPTIONAL}, {"attention_bias", FLAG, OPTIONAL},
      {"query_pre_attn_scalar", NUMBER, OPTIONAL}, {"attn_logit_softcapping", SOFTCAP, OPTIONAL},
      {"final_logit_softcapping", SOFTCAP, OPTIONAL}, {"sliding_window", OPTIONAL_SIZE, OPTIONAL},
      {"tie_word_embeddings", FLAG, OPTIONAL}, {"use_bidirectional_attention", FLAG, OPTIONAL},
      {"pad_token_id", TOKEN, OPTIONAL}}},
    {"BertForTokenClassification", "bert_tokencls_fp16",
     {{"vocab_size", SIZE, REQUIRED}, {"hidden_size", SIZE, REQUIRED},
      {"num_hidden_layers", SIZE, REQUIRED}, {"num_attention_heads", SIZE, REQUIRED},
      {"intermediate_size", SIZE, REQUIRED}, {"hidden_act", ACTIVATION, OPTIONAL},
      {"max_position_embeddings", SIZE, OPTIONAL}, {"type_vocab_size", SIZE, OPTIONAL},
      {"layer_norm_eps", EPS, OPTIONAL}, {"is_decoder", FLAG, OPTIONAL},
      {"add_cross_attention", FLAG, OPTIONAL}, {"tie_word_embeddings", FLAG, OPTIONAL}}},
    {"DistilBertForMaskedLM", "distilbert_seqcls_bf16",
     {{"vocab_size", SIZE, REQUIRED}, {"max_position_embeddings", SIZE, OPTIONAL},
      {"n_layers", SIZE, REQUIRED}, {"n_heads", SIZE, REQUIRED}, {"dim", SIZE, REQUIRED},
      {"hidden_dim", SIZE, REQUIRED}, {"activation", ACTIVATION, OPTIONAL},
      {"tie_word_embeddings", FLAG, OPTIONAL}}},
    {"GPT2LMHeadModel", "gpt2_lm_bin_fp16",
     {{"vocab_size", SIZE, REQUIRED}, {"n_positions", SIZE, REQUIRED}, {"n_embd", SIZE, REQUIRED},
      {"n_layer", SIZE, REQUIRED}, {"n_head", SIZE, REQUIRED}, {"n_inner", OPTIONAL_SIZE, OPTIONAL},
      {"activation_function", ACTIVATION, OPTIONAL}, {"layer_norm_epsilon", EPS, OPTIONAL},
      {"scale_attn_weights", FLAG, OPTIONAL}, {"scale_attn_by_inverse_layer_idx", FLAG, OPTIONAL},
      {"add_cross_attention", FLAG, OPTIONAL}, {"tie_word_embeddings", FLAG, OPTIONAL},
      {"pad_token_id", TOKEN, OPTIONAL}}},
    {"ViTModel", "vit_model",
     {{"hidden_size", SIZE, REQUIRED}, {"num_hidden_layers", SIZE, REQUIRED},
      {"num_attention_heads", SIZE, REQUIRED}, {"intermediate_size", SIZE, REQUIRED},
      {"hidden_act", ACTIVATION, OPTIONAL}, {"layer_norm_eps", EPS, OPTIONAL},
      {"image_size", SIDES, OPTIONAL}, {"patch_size", SIDES, OPTIONAL},
      {"num_channels", SIZE, OPTIONAL}, {"qkv_bias", FLAG, OPTIONAL},
      {"pooler_output_size", OPTIONAL_SIZE, OPTIONAL}, {"pooler_act", ACTIVATION, OPTIONAL}}},
    /* clang-format on */
};

#define N_MODELS (sizeof(models) / sizeof(models[0]))

static void assert_refused(size_t i, const char *key, const char *json)
{
    struct plugin_model *model;
    corbel_error err = {0};

    if (create_model(models[i].arch, models[i].config, key, json, &model, &err) != CORBEL_E_CONFIG)
        fail_msg("%s: %s = %s was not refused: %s", models[i].arch, key, json ? json : "(absent)",
                 err.text);
    assert_null(model);
    assert_says(err, key);
    assert_says(err, "config.json");
}

static void test_bad_values_name_the_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++)
        for (const struct field *f = models[i].fields; f->key; f++)
            for (size_t j = 0; j < 8 && refused[f->kind][j]; j++)
                assert_refused(i, f->key, refused[f->kind][j]);
}

static void test_missing_fields_name_the_key_or_have_the_default(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        for (const struct field *f = models[i].fields; f->key; f++) {
            static const char *const missing[] = {NULL, "null"};

            for (size_t j = 0; j < 2; j++) {
                struct plugin_model *model;
                corbel_error err = {0};

                if (f->required) {
                    assert_refused(i, f->key, missing[j]);
                    continue;
                }
                assert_ok(create_model(models[i].arch, models[i].config, f->key, missing[j], &model,
                                       &err),
                          err);
                plugin_model_destroy(&model);
            }
        }
    }
}

/* What is not supported, or can't be, is said at load. */
static void test_what_is_not_supported_is_said(void **state)
{
    static const struct {
        const char *arch, *config, *key, *json, *says;
    } cases[] = {
        {"BertModel", "bert_tokencls_fp16", "position_embedding_type", "\"relative_key\"",
         "position_embedding_type: expected \"absolute\""},
        {"BertModel", "bert_tokencls_fp16", "add_cross_attention", "true", "cross-attention"},
        {"BertLMHeadModel", "bert_tokencls_fp16", "is_decoder", "false",
         "is_decoder: expected true"},
        {"BertForQuestionAnswering", "bert_tokencls_fp16", "hidden_act", "\"gelu\"",
         "num_labels: expected 2"},
        {"BertModel", "bert_tokencls_fp16", "num_attention_heads", "5",
         "hidden_size: expected a multiple of num_attention_heads"},
        {"GPT2Model", "gpt2_lm_bin_fp16", "add_cross_attention", "true", "cross-attention"},
        {"GPT2Model", "gpt2_lm_bin_fp16", "n_head", "7", "n_embd: expected a multiple of n_head"},
        {"GemmaModel", "gemma_seqcls", "use_bidirectional_attention", "true",
         "use_bidirectional_attention: expected false"},
        {"GemmaModel", "gemma_seqcls", "head_dim", "7", "head_dim: expected a positive even"},
        {"Gemma2Model", "gemma2_causal", "layer_types", "[\"sliding_attention\"]",
         "layer_types: expected one for each"},
        {"Gemma2Model", "gemma2_causal", "layer_types",
         "[\"full_attention\", \"full_attention\", \"chunked_attention\"]",
         "layer_types: expected sliding_attention or full_attention"},
        {"Gemma2Model", "gemma2_causal", "layer_types", "7", "layer_types: expected a list"},
        {"ViTModel", "vit_model", "patch_size", "31", "image_size: expected at least patch_size"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct plugin_model *model;
        corbel_error err = {0};

        assert_int_equal(
            create_model(cases[i].arch, cases[i].config, cases[i].key, cases[i].json, &model, &err),
            CORBEL_E_CONFIG);
        assert_null(model);
        assert_says(err, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_values_name_the_key),
        cmocka_unit_test(test_missing_fields_name_the_key_or_have_the_default),
        cmocka_unit_test(test_what_is_not_supported_is_said),
    };
    return cmocka_run_group_tests(tests, open_registry, close_registry);
}
