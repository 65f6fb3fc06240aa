/* test_init.c: what corbel_model_init draws, for each kind of start that a plugin can ask for, and
 * models that are handed on as instances. Against transformers: tests/interop/test_save.py. */
#include "corbel/corbel.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODELS TEST_SOURCE_DIR "/tests/fixtures/models/"

static corbel_runtime *runtime;
static char folder[512], config[600], made[600];

static int setup(void **state)
{
    corbel_runtime_params params = CORBEL_RUNTIME_PARAMS(.threads = 2, .no_pin = 1);
    (void)state;
    snprintf(folder, sizeof(folder), "%s/init-XXXXXX", TEST_BUILD_DIR);
    if (!mkdtemp(folder) || corbel_runtime_create(&params, &runtime, NULL) != CORBEL_OK)
        return -1;
    snprintf(config, sizeof(config), "%s/config.json", folder);
    snprintf(made, sizeof(made), "%s/made", folder);
    return 0;
}

static int teardown(void **state)
{
    char command[600];
    (void)state;
    corbel_runtime_destroy(&runtime);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command) == 0 ? 0 : -1;
}

/* The weights of a new model; the caller destroys them. */
static corbel_tensors *make(const char *json, const corbel_init_params *params)
{
    corbel_tensors *weights = NULL;
    corbel_error err;
    char path[640];
    FILE *f = fopen(config, "w");
    assert_non_null(f);
    fputs(json, f);
    fclose(f);
    if (corbel_model_init(runtime, config, made, params, NULL, &err) != CORBEL_OK)
        fail_msg("%s: %s", json, err.text);
    snprintf(path, sizeof(path), "%s/model.safetensors", made);
    if (corbel_tensors_load(path, &weights, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return weights;
}

struct moments {
    double mean, std, largest;
    size_t n, zero_rows, first_zero_row;
};

static struct moments moments_of(const corbel_tensor *t)
{
    const float *x = t->data;
    struct moments m = {.n = 1};
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < t->rank; i++)
        m.n *= (size_t)t->shape[i];
    for (size_t i = 0; i < m.n; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
        m.largest = fmax(m.largest, fabs((double)x[i]));
    }
    size_t row = m.n / (size_t)t->shape[0];
    for (size_t i = 0; i < m.n; i += row) {
        size_t k = 0;
        while (k < row && x[i + k] == 0.0f)
            k++;
        if (k == row && m.zero_rows++ == 0)
            m.first_zero_row = i / row;
    }
    double counted = (double)(m.n - m.zero_rows * row);
    m.mean = sum / (double)m.n;
    m.std = counted > 0 ? sqrt(squares / counted) : 0; /* about 0 */
    return m;
}

#define SIZES                                                                                 \
    "\"vocab_size\": 500, \"hidden_size\": 64, \"intermediate_size\": 96, "                   \
    "\"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"max_position_embeddings\": 64, " \
    "\"rms_norm_eps\": 1e-6"

static void test_each_start_has_its_distribution(void **state)
{
    (void)state;
    static const struct {
        const char *config, *name;
        double std;   /* of the rows that are not 0; 0: a constant */
        double value; /* of a constant */
        int zero_row; /* -1: none */
        double bound; /* 0: any */
    } rows[] = {
        {"\"LlamaForCausalLM\"], \"model_type\": \"llama\", " SIZES, "lm_head.weight", 0.02, 0, -1,
         0},
        {"\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"pad_token_id\": 7, " SIZES,
         "model.embed_tokens.weight", 0.02, 0, 7, 0},
        {"\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"pad_token_id\": -1, "
         "\"initializer_range\": 0.5, " SIZES,
         "model.embed_tokens.weight", 0.5, 0, 499, 0},
        {"\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"initializer_range\": 0.0, " SIZES,
         "model.layers.1.mlp.up_proj.weight", 0.02, 0, -1, 0},
        {"\"LlamaForCausalLM\"], \"model_type\": \"llama\", " SIZES, "model.norm.weight", 0, 1, -1,
         0},
        {"\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"attention_bias\": true, " SIZES,
         "model.layers.0.self_attn.q_proj.bias", 0, 0, -1, 0},
        {"\"GemmaModel\"], \"model_type\": \"gemma\", \"num_key_value_heads\": 2, \"head_dim\": "
         "16, " SIZES,
         "norm.weight", 0, 0, -1, 0},
        {"\"GPT2Model\"], \"model_type\": \"gpt2\", \"n_positions\": 64, \"initializer_range\": "
         "0.1, " SIZES,
         "h.0.attn.c_attn.weight", 0.1, 0, -1, 0},
        {"\"GPT2Model\"], \"model_type\": \"gpt2\", \"n_positions\": 64, \"initializer_range\": "
         "0.1, " SIZES,
         "h.1.mlp.c_proj.weight", 0.05, 0, -1, 0},
        {"\"ViTModel\"], \"model_type\": \"vit\", \"image_size\": 64, \"patch_size\": 8, "
         "\"initializer_range\": 0.03, " SIZES,
         "embeddings.position_embeddings", 0.03, 0, -1, 0},
        {"\"ViTModel\"], \"model_type\": \"vit\", \"image_size\": 64, \"patch_size\": 8, "
         "\"initializer_range\": 1.5, " SIZES,
         "embeddings.position_embeddings", 1.016, 0, -1, 2.0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char json[1024];
        snprintf(json, sizeof(json), "{\"architectures\": [%s}", rows[i].config);
        corbel_tensors *weights = make(json, &CORBEL_INIT_PARAMS(.seed = i));
        const corbel_tensor *t = corbel_tensors_find(weights, rows[i].name);
        assert_non_null(t);
        struct moments m = moments_of(t);
        double error = 5 / sqrt((double)m.n);
        bool sound = rows[i].std > 0 ? fabs(m.std / rows[i].std - 1) < error &&
                                           fabs(m.mean) < error * rows[i].std
                                     : m.mean == rows[i].value && m.largest == fabs(rows[i].value);
        if (rows[i].std > 0)
            sound = sound && m.zero_rows == (rows[i].zero_row >= 0) &&
                    (rows[i].zero_row < 0 || m.first_zero_row == (size_t)rows[i].zero_row);
        sound = sound && (rows[i].bound == 0 ||
                          (m.largest <= rows[i].bound && m.largest > 0.99 * rows[i].bound));
        if (!sound)
            fail_msg("row %zu, %s: mean %g, std %g, largest %g, %zu rows of zeros", i, rows[i].name,
                     m.mean, m.std, m.largest, m.zero_rows);
        corbel_tensors_destroy(&weights);
    }
}

static void test_sines_of_distilbert(void **state)
{
    (void)state;
    corbel_tensors *weights = make(
        "{\"architectures\": [\"DistilBertModel\"], \"model_type\": \"distilbert\", \"dim\": 8, "
        "\"n_layers\": 1, \"n_heads\": 2, \"hidden_dim\": 8, \"vocab_size\": 9, "
        "\"max_position_embeddings\": 16, \"sinusoidal_pos_embds\": true}",
        NULL);
    const corbel_tensor *t = corbel_tensors_find(weights, "embeddings.position_embeddings.weight");
    assert_non_null(t);
    for (int i = 0; i < 16 * 8; i++) {
        double angle = i / 8 / pow(10000, (i % 8 - i % 2) / 8.0);
        assert_true(fabs((double)((const float *)t->data)[i] - (i % 2 ? cos(angle) : sin(angle))) <
                    1e-6);
    }
    corbel_tensors_destroy(&weights);
}

/* A head that a checkpoint lacks starts as that of a new model of the same seed does. */
static void test_a_missing_head_is_made_as_a_new_one(void **state)
{
    (void)state;
    const char *class_name = "LlamaForSequenceClassification";
    corbel_tensors *weights[2] = {NULL};
    corbel_model *model = NULL;
    char path[640];
    assert_int_equal(corbel_model_load(runtime, MODELS "llama_causal/model",
                                       &CORBEL_LOAD_PARAMS(.class_names = &class_name,
                                                           .n_class_names = 1, .seed = 5),
                                       &model, NULL),
                     CORBEL_OK);
    assert_int_equal(corbel_model_save(model, made, NULL, NULL, NULL), CORBEL_OK);
    snprintf(path, sizeof(path), "%s/model.safetensors", made);
    assert_int_equal(corbel_tensors_load(path, &weights[0], NULL), CORBEL_OK);
    assert_int_equal(corbel_model_init(runtime, MODELS "llama_causal/model", made,
                                       &CORBEL_INIT_PARAMS(.class_names = &class_name,
                                                           .n_class_names = 1, .seed = 5),
                                       NULL, NULL),
                     CORBEL_OK);
    assert_int_equal(corbel_tensors_load(path, &weights[1], NULL), CORBEL_OK);
    const corbel_tensor *a = corbel_tensors_find(weights[0], "score.weight");
    const corbel_tensor *b = corbel_tensors_find(weights[1], "score.weight");
    assert_non_null(a);
    assert_non_null(b);
    assert_memory_equal(a->data, b->data, (size_t)(a->shape[0] * a->shape[1]) * sizeof(float));
    corbel_tensors_destroy(&weights[0]);
    corbel_tensors_destroy(&weights[1]);
    corbel_model_destroy(&model);
}

static int stop(void *user, const corbel_progress *progress)
{
    uint64_t *last = user;
    assert_true(progress->bytes <= progress->size && progress->file_bytes <= progress->file_size);
    assert_true(progress->bytes >= *last && progress->file < progress->n_files);
    *last = progress->bytes;
    return progress->bytes > progress->size / 2;
}

static void test_progress_can_stop_a_save(void **state)
{
    (void)state;
    char none[600];
    uint64_t last = 0;
    corbel_error err;
    snprintf(none, sizeof(none), "%s/none", folder);
    assert_int_equal(corbel_model_init(runtime, MODELS "llama_causal/model", none,
                                       &CORBEL_INIT_PARAMS(.max_shard_size = 10000,
                                                           .on_progress = stop, .user = &last),
                                       NULL, &err),
                     CORBEL_E_CANCELLED);
    assert_true(last > 0);
    assert_int_equal(access(none, F_OK), -1);
}

static void test_an_instance_is_used_as_it_is(void **state)
{
    (void)state;
    corbel_model *model = NULL, *again = NULL;
    assert_int_equal(corbel_model_load(runtime, MODELS "llama_causal/model", NULL, &model, NULL),
                     CORBEL_OK);
    assert_int_equal(
        corbel_model_load(runtime, NULL,
                          &CORBEL_LOAD_PARAMS(.instance = model, .task = "text-classification"),
                          &again, NULL),
        CORBEL_OK);
    assert_ptr_equal(model, again);
    corbel_model_destroy(&model);
    assert_null(model);
    assert_string_equal(corbel_model_task(again), "text-generation");
    corbel_model_destroy(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_start_has_its_distribution),
        cmocka_unit_test(test_sines_of_distilbert),
        cmocka_unit_test(test_a_missing_head_is_made_as_a_new_one),
        cmocka_unit_test(test_progress_can_stop_a_save),
        cmocka_unit_test(test_an_instance_is_used_as_it_is),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
