/* test_placed.c: a model that lies in several places gives what it gives in one: random maps over
 * the CPU and the disk, long prompts, batches, repeated calls; what the API tells about it; and
 * files that change while they are in use. (Maps with GPUs: tests/oracle.) */
#include "corbel/corbel.h"
#include "test.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODELS TEST_SOURCE_DIR "/tests/fixtures/models/"
#define LLAMA  MODELS "llama_causal/model"

static corbel_runtime *runtime;

static int setup(void **state)
{
    (void)state;
    return corbel_runtime_create(&CORBEL_RUNTIME_PARAMS(.threads = 2, .no_pin = 1), &runtime,
                                 NULL) != CORBEL_OK;
}

static int teardown(void **state)
{
    (void)state;
    corbel_runtime_destroy(&runtime);
    return 0;
}

static corbel_model *load(const char *folder, const corbel_load_params *params)
{
    corbel_model *model = NULL;
    corbel_error err;
    if (corbel_model_load(runtime, folder, params, &model, &err) != CORBEL_OK)
        fail_msg("%s: %s", params->device_map, err.text);
    return model;
}

/* Logits of a greedy generation for two rows, one of them padded; the caller destroys them. */
static corbel_tensors *generate(corbel_model *model, int64_t length, uint32_t max_new)
{
    int32_t *ids = malloc((size_t)length * 2 * sizeof(*ids));
    int32_t *mask = malloc((size_t)length * 2 * sizeof(*mask));
    assert_true(ids && mask);
    for (int64_t i = 0; i < 2 * length; i++) {
        ids[i] = (int32_t)((i * 37 + 11) % 160);
        mask[i] = i >= 3;
    }
    const corbel_tensor inputs[] = {
        {.name = "input_ids", .dtype = CORBEL_I32, .rank = 2, .shape = {2, length}, .data = ids},
        {.name = "attention_mask",
         .dtype = CORBEL_I32,
         .rank = 2,
         .shape = {2, length},
         .data = mask},
    };
    corbel_tensors *out;
    corbel_error err;
    if (corbel_generate(model, inputs, 2,
                        &CORBEL_GENERATE_PARAMS(.max_new_tokens = max_new, .do_sample = -1,
                                                .n_eos = -1, .want_logits = 1),
                        &out, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    free(ids);
    free(mask);
    return out;
}

static corbel_tensors *forward(corbel_model *model)
{
    static const int32_t ids[] = {5, 6, 7, 8, 9, 10, 11};
    const corbel_tensor input = {
        .name = "input_ids", .dtype = CORBEL_I32, .rank = 2, .shape = {1, 7}, .data = ids};
    corbel_tensors *out;
    corbel_error err;
    if (corbel_model_forward(model, &input, 1, &CORBEL_FORWARD_PARAMS(.hidden_states = 1), &out,
                             &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return out;
}

static void assert_same(const corbel_tensors *a, const corbel_tensors *b, const char *what)
{
    assert_int_equal(corbel_tensors_count(a), corbel_tensors_count(b));
    for (size_t i = 0; i < corbel_tensors_count(a); i++) {
        const corbel_tensor *x = corbel_tensors_at(a, i), *y = corbel_tensors_find(b, x->name);
        int64_t n = 1;
        assert_non_null(y);
        for (uint32_t d = 0; d < x->rank; d++)
            n *= x->shape[d];
        for (int64_t k = 0; k < n; k++) {
            const float p = x->dtype == CORBEL_F32 ? ((const float *)x->data)[k]
                                                   : (float)((const int32_t *)x->data)[k];
            const float q = x->dtype == CORBEL_F32 ? ((const float *)y->data)[k]
                                                   : (float)((const int32_t *)y->data)[k];
            if (!(fabsf(p - q) <= 5e-5f * fmaxf(1, fabsf(p))))
                fail_msg("%s: %s[%lld]: %g, expected %g", what, x->name, (long long)k, (double)q,
                         (double)p);
        }
    }
}

/* ---- equal results --------------------------------------------------------------------------- */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

/* A map of random modules and parameters to the CPU and the disk. */
static void random_map(uint32_t seed, char *out, size_t size)
{
    static const char *const prefixes[] = {
        "model",
        "model.embed_tokens",
        "model.layers",
        "model.layers.0",
        "model.layers.0.self_attn",
        "model.layers.0.self_attn.k_proj",
        "model.layers.0.self_attn.o_proj.weight",
        "model.layers.0.mlp",
        "model.layers.0.mlp.up_proj",
        "model.layers.0.input_layernorm",
        "model.layers.1",
        "model.layers.1.self_attn",
        "model.layers.1.mlp.down_proj",
        "model.norm",
        "lm_head",
    };
    size_t used = (size_t)snprintf(out, size, "{");
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (next_random(&seed) % 2)
            used += (size_t)snprintf(out + used, size - used, "\"%s\": \"%s\", ", prefixes[i],
                                     next_random(&seed) % 2 ? "cpu" : "disk");
    snprintf(out + used, size - used, "\"\": \"%s\"}", next_random(&seed) % 2 ? "cpu" : "disk");
}

static void test_random_maps_change_nothing(void **state)
{
    static const int32_t dtypes[] = {CORBEL_DTYPE_NONE, CORBEL_F16};
    (void)state;
    for (size_t d = 0; d < 2; d++) {
        corbel_model *plain =
            load(LLAMA, &CORBEL_LOAD_PARAMS(.dtype = dtypes[d], .device_map = "cpu"));
        corbel_tensors *tokens = generate(plain, 9, 5), *states = forward(plain);
        for (uint32_t seed = 0; seed < 20; seed++) {
            char map[2000];
            random_map(seed, map, sizeof(map));
            corbel_model *model =
                load(LLAMA, &CORBEL_LOAD_PARAMS(.dtype = dtypes[d], .device_map = map));
            corbel_tensors *x = generate(model, 9, 5), *y = forward(model),
                           *z = generate(model, 9, 5);
            assert_same(tokens, x, map);
            assert_same(states, y, map);
            assert_same(tokens, z, map);
            corbel_tensors_destroy(&x);
            corbel_tensors_destroy(&y);
            corbel_tensors_destroy(&z);
            corbel_model_destroy(&model);
        }
        corbel_tensors_destroy(&tokens);
        corbel_tensors_destroy(&states);
        corbel_model_destroy(&plain);
    }
}

static void test_chunks_of_a_long_prompt(void **state)
{
    static const char *const maps[] = {"disk", "{\"model.layers.0\": \"disk\", \"\": \"cpu\"}"};
    (void)state;
    corbel_model *plain = load(LLAMA, &CORBEL_LOAD_PARAMS(.device_map = "cpu"));
    corbel_tensors *expected = generate(plain, 700, 3);
    for (size_t i = 0; i < 2; i++) {
        corbel_model *model =
            load(LLAMA, &CORBEL_LOAD_PARAMS(.dtype = CORBEL_F32, .device_map = maps[i]));
        corbel_tensors *found = generate(model, 700, 3);
        assert_same(expected, found, maps[i]);
        corbel_tensors_destroy(&found);
        corbel_model_destroy(&model);
    }
    corbel_tensors_destroy(&expected);
    corbel_model_destroy(&plain);
}

/* A budget so small that one layer has to stream in several pieces. */
static void test_a_tiny_budget(void **state)
{
    static const char *const budgets[] = {"{\"cpu\": 0}", "{\"cpu\": \"9KB\"}",
                                          "{\"cpu\": \"60KB\"}"};
    static const int32_t dtypes[] = {CORBEL_DTYPE_NONE, CORBEL_BF16};
    (void)state;
    for (size_t d = 0; d < 2; d++) {
        corbel_model *plain =
            load(LLAMA, &CORBEL_LOAD_PARAMS(.dtype = dtypes[d], .device_map = "cpu"));
        corbel_tensors *expected = generate(plain, 5, 4);
        for (size_t i = 0; i < 3; i++) {
            corbel_model *model =
                load(LLAMA, &CORBEL_LOAD_PARAMS(.dtype = dtypes[d], .device_map = "auto",
                                                .max_memory = budgets[i]));
            corbel_tensors *found = generate(model, 5, 4);
            assert_same(expected, found, budgets[i]);
            corbel_tensors_destroy(&found);
            corbel_model_destroy(&model);
        }
        corbel_tensors_destroy(&expected);
        corbel_model_destroy(&plain);
    }
}

/* ---- what is told ---------------------------------------------------------------------------- */

static char *info(corbel_model *model)
{
    char *json;
    corbel_error err;
    if (corbel_model_info_json(model, &json, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return json;
}

static void test_the_map_is_known_before_and_after(void **state)
{
    static const char *const expected[] = {
        "\"device_map\":{\"model.embed_tokens\":\"cpu\",\"model.layers.0\":\"cpu\",",
        "\"model.layers.1\":\"disk\",\"model.norm\":\"disk\",\"lm_head\":\"disk\"}",
        "{\"module\":\"model.layers.0\",\"device\":\"cpu\",\"bytes\":34048,\"why\":\"fits\"}",
        "\"why\":\"cpu is full\"",
        "\"memory\":{\"cpu\":{\"bytes\":54528,\"limit\":90000},\"disk\":{\"bytes\":54656}}",
    };
    (void)state;
    for (uint32_t skeleton = 0; skeleton < 2; skeleton++) {
        corbel_model *model = load(
            LLAMA, &CORBEL_LOAD_PARAMS(.max_memory = "{\"cpu\": 90000}", .skip_weights = skeleton));
        char *json = info(model);
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
            if (!strstr(json, expected[i]))
                fail_msg("no %s in %s", expected[i], json);
        corbel_free(json);
        corbel_model_destroy(&model);
    }
}

static void test_plans_tell_what_crosses(void **state)
{
    static const struct {
        corbel_program_format format;
        const char *says[3];
    } rows[] = {
        {CORBEL_PROGRAM_TEXT, {"part 3 of 3, in cpu", "receives seam.", "read from the disk"}},
        {CORBEL_PROGRAM_JSON,
         {"\"transfers\": [", "\"from\": 0, \"to\": 1}", "\"place\": \"disk\""}},
        {CORBEL_PROGRAM_DOT, {"digraph", "", ""}},
    };
    (void)state;
    corbel_model *model = load(
        LLAMA, &CORBEL_LOAD_PARAMS(.device_map = "{\"model.layers.1\": \"disk\", \"\": \"cpu\"}"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *data;
        size_t size;
        corbel_program_params params =
            CORBEL_PROGRAM_PARAMS(.format = rows[i].format, .planned = 1);
        assert_int_equal(corbel_program(model, &params, &data, &size, NULL), CORBEL_OK);
        for (size_t k = 0; k < 3; k++)
            if (!strstr(data, rows[i].says[k]))
                fail_msg("no %s in %s", rows[i].says[k], data);
        corbel_free(data);
    }
    corbel_model_destroy(&model);
}

static void test_maps_are_refused_before_anything_is_loaded(void **state)
{
    static const struct {
        const char *map, *memory, *says;
    } rows[] = {
        {"{\"model.layers.9\": \"cpu\", \"\": \"cpu\"}", NULL, "no module or parameter"},
        {"{\"model\": \"cpu\"}", NULL, "no entry covers lm_head.weight"},
        {"{\"\": \"moon\"}", NULL, "found \"moon\""},
        {"cpu", "{\"cpu\": \"1KB\"}", "max_memory allows 1000"},
        {"{\"a\": {\"b\": {}}}", NULL, "device_map"},
        {"{\"\\ud800\": \"cpu\"}", NULL, "device_map"},
        {"auto", "{\"cpu\": \"99999999999999999999GB\"}", "max_memory"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        corbel_model *model;
        corbel_error err = {0};
        corbel_status status = corbel_model_load(
            runtime, LLAMA,
            &CORBEL_LOAD_PARAMS(.device_map = rows[i].map, .max_memory = rows[i].memory), &model,
            &err);
        assert_null(model);
        if (status != CORBEL_E_ARGUMENT || !strstr(err.text, rows[i].says))
            fail_msg("row %zu: %d %s", i, (int)status, err.text);
    }
}

/* ---- files in use ---------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    char buffer[4096];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t n;
    assert_true(in && out);
    while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
        assert_int_equal(fwrite(buffer, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void test_a_file_cut_short_is_an_error(void **state)
{
    static const char *const maps[] = {"cpu", "disk"};
    static const int32_t ids[] = {5, 6, 7};
    const corbel_tensor input = {
        .name = "input_ids", .dtype = CORBEL_I32, .rank = 2, .shape = {1, 3}, .data = ids};
    char folder[] = TEST_BUILD_DIR "/cut-XXXXXX", config[400], weights[400];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(config, sizeof(config), "%s/config.json", folder);
    snprintf(weights, sizeof(weights), "%s/model.safetensors", folder);
    copy_file(LLAMA "/config.json", config);
    for (size_t i = 0; i < 2; i++) {
        corbel_tensors *out;
        corbel_error err = {0};
        copy_file(LLAMA "/model.safetensors", weights);
        corbel_model *model = load(folder, &CORBEL_LOAD_PARAMS(.device_map = maps[i]));
        assert_int_equal(corbel_model_forward(model, &input, 1, NULL, &out, NULL), CORBEL_OK);
        corbel_tensors_destroy(&out);
        assert_int_equal(truncate(weights, 5000), 0);
        assert_int_equal(corbel_model_forward(model, &input, 1, NULL, &out, &err), CORBEL_E_IO);
        assert_non_null(strstr(err.text, "model.safetensors"));
        assert_non_null(strstr(err.text, "cut short while in use"));
        corbel_model_destroy(&model);
    }
    unlink(weights);
    unlink(config);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_maps_change_nothing),
        cmocka_unit_test(test_chunks_of_a_long_prompt),
        cmocka_unit_test(test_a_tiny_budget),
        cmocka_unit_test(test_the_map_is_known_before_and_after),
        cmocka_unit_test(test_plans_tell_what_crosses),
        cmocka_unit_test(test_maps_are_refused_before_anything_is_loaded),
        cmocka_unit_test(test_a_file_cut_short_is_an_error),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
