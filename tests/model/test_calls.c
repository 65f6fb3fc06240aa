/* test_calls.c: calls on a loaded model: what is refused and how, and what must not matter (the
 * length of a prompt's chunks, who shares a batch, what ran before). */
#include "corbel/corbel.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODELS TEST_SOURCE_DIR "/tests/fixtures/models/"

static corbel_runtime *runtime;
static corbel_model *model;

static corbel_model *load(const char *folder, const corbel_load_params *params)
{
    corbel_model *m = NULL;
    corbel_error err;
    if (corbel_model_load(runtime, folder, params, &m, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return m;
}

static int setup(void **state)
{
    corbel_runtime_params params = CORBEL_RUNTIME_PARAMS(.threads = 2, .no_pin = 1);
    (void)state;
    if (corbel_runtime_create(&params, &runtime, NULL) != CORBEL_OK)
        return -1;
    model = load(MODELS "llama_causal/model", NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    corbel_model_destroy(&model);
    corbel_runtime_destroy(&runtime);
    return 0;
}

static corbel_tensor ids_of(const int32_t *ids, int64_t batch, int64_t n)
{
    return (corbel_tensor){
        .name = "input_ids", .dtype = CORBEL_I32, .rank = 2, .shape = {batch, n}, .data = ids};
}

static corbel_tensors *generate(const corbel_tensor *inputs, size_t n, uint32_t max_new)
{
    corbel_generate_params params =
        CORBEL_GENERATE_PARAMS(.max_new_tokens = max_new, .do_sample = -1, .n_eos = -1,
                               .want_logits = 1);
    corbel_tensors *out;
    corbel_error err;
    if (corbel_generate(model, inputs, n, &params, &out, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return out;
}

static const float *logits_of(const corbel_tensors *t, int64_t *n)
{
    const corbel_tensor *logits = corbel_tensors_find(t, "logits");
    *n = 1;
    for (uint32_t i = 0; i < logits->rank; i++)
        *n *= logits->shape[i];
    return logits->data;
}

static void assert_near(const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= 5e-5f * fmaxf(1, fabsf(b[i]))))
            fail_msg("element %lld: %g, expected %g", (long long)i, (double)a[i], (double)b[i]);
}

static void test_bad_inputs_are_named(void **state)
{
    static const int32_t good[4] = {1, 2, 3, 4}, far[4] = {1, 2, 160, 4}, below[4] = {1, -1, 3, 4};
    static const float floats[4] = {1, 2, 3, 4};
    const corbel_tensor ids = ids_of(good, 1, 4);
    const corbel_tensor mask = {
        .name = "attention_mask", .dtype = CORBEL_I32, .rank = 2, .shape = {2, 2}, .data = good};
    const corbel_tensor fractions = {
        .name = "input_ids", .dtype = CORBEL_F32, .rank = 2, .shape = {1, 4}, .data = floats};
    const corbel_tensor flat = {
        .name = "input_ids", .dtype = CORBEL_I32, .rank = 1, .shape = {4}, .data = good};
    const struct {
        corbel_tensor inputs[2];
        size_t n;
        const char *says;
    } rows[] = {
        {{ids_of(far, 1, 4)}, 1, "input_ids[0, 2] is 160"},
        {{ids_of(below, 1, 4)}, 1, "input_ids[0, 1] is -1"},
        {{ids, ids}, 2, "input_ids: given twice"},
        {{ids, mask}, 2, "attention_mask: [2, 2], but input_ids is [1, 4]"},
        {{mask}, 1, "input_ids is missing"},
        {{fractions}, 1, "input_ids: dtype float32"},
        {{flat}, 1, "input_ids: rank 1"},
        {{ids_of(good, 0, 4)}, 1, "input_ids: [0, 4]"},
        {{ids}, 0, "no inputs"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        corbel_tensors *out;
        corbel_error err = {0};
        corbel_status status =
            corbel_model_forward(model, rows[i].inputs, rows[i].n, NULL, &out, &err);
        assert_null(out);
        if (status != CORBEL_E_ARGUMENT || !strstr(err.text, rows[i].says))
            fail_msg("row %zu: %s", i, err.text);
    }
}

static void test_a_prompt_longer_than_a_chunk(void **state)
{
    int32_t *ids = malloc(700 * sizeof(*ids));
    (void)state;
    assert_non_null(ids);
    for (int i = 0; i < 700; i++)
        ids[i] = (i * 37 + 11) % 160;
    corbel_tensor inputs = ids_of(ids, 1, 700);
    corbel_tensors *whole, *chunks = generate(&inputs, 1, 1);
    assert_int_equal(corbel_model_forward(model, &inputs, 1, NULL, &whole, NULL), CORBEL_OK);
    int64_t n_whole, n;
    const float *all = logits_of(whole, &n_whole), *last = logits_of(chunks, &n);
    assert_near(last, all + n_whole - n, n);
    corbel_tensors_destroy(&whole);
    corbel_tensors_destroy(&chunks);
    free(ids);
}

static void test_a_row_does_not_depend_on_its_batch(void **state)
{
    static const int32_t ids[] = {0, 0, 5, 6, 7, 9, 8, 7, 6, 5}, alone[] = {5, 6, 7};
    static const int32_t mask[] = {0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
    const corbel_tensor pair[] = {
        ids_of(ids, 2, 5),
        {.name = "attention_mask", .rank = 2, .dtype = CORBEL_I32, .shape = {2, 5}, .data = mask}};
    const corbel_tensor single = ids_of(alone, 1, 3);
    (void)state;
    corbel_tensors *both = generate(pair, 2, 6), *one = generate(&single, 1, 6);
    int64_t n_both, n_one;
    const float *a = logits_of(both, &n_both), *b = logits_of(one, &n_one);
    assert_near(a, b, n_one);
    assert_memory_equal(corbel_tensors_find(both, "tokens")->data,
                        corbel_tensors_find(one, "tokens")->data, 6 * sizeof(int32_t));
    corbel_tensors_destroy(&both);
    corbel_tensors_destroy(&one);
}

static void test_what_ran_before_does_not_matter(void **state)
{
    static const int32_t first[] = {1, 2, 3, 4}, other[] = {90, 80, 70, 60, 50, 40};
    const corbel_tensor a = ids_of(first, 1, 4), b = ids_of(other, 1, 6);
    (void)state;
    corbel_tensors *before = generate(&a, 1, 8), *between = generate(&b, 1, 8),
                   *after = generate(&a, 1, 8);
    int64_t n, m;
    const float *x = logits_of(before, &n), *y = logits_of(after, &m);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, (size_t)n * sizeof(*x));
    corbel_tensors_destroy(&before);
    corbel_tensors_destroy(&between);
    corbel_tensors_destroy(&after);
}

static int stop_at_three(void *user, size_t row, int32_t token)
{
    (void)row;
    (void)token;
    return ++*(int *)user == 3;
}

static void test_the_callback_stops_generation(void **state)
{
    static const int32_t ids[] = {1, 2, 3};
    const corbel_tensor inputs = ids_of(ids, 1, 3);
    int seen = 0;
    corbel_generate_params params =
        CORBEL_GENERATE_PARAMS(.max_new_tokens = 10, .do_sample = -1, .n_eos = -1,
                               .on_token = stop_at_three, .user = &seen);
    corbel_tensors *out;
    (void)state;
    assert_int_equal(corbel_generate(model, &inputs, 1, &params, &out, NULL), CORBEL_OK);
    assert_int_equal(corbel_tensors_find(out, "tokens")->shape[1], 3);
    corbel_tensors_destroy(&out);
}

static void test_what_a_model_can_not_do_is_said(void **state)
{
    static const int32_t ids[] = {1, 2, 3};
    const corbel_tensor inputs = ids_of(ids, 1, 3);
    corbel_model *base = load(MODELS "llama_model/model", NULL);
    corbel_model *skeleton =
        load(MODELS "llama_causal/model", &CORBEL_LOAD_PARAMS(.skip_weights = 1));
    corbel_tensors *out;
    corbel_error err;
    (void)state;
    assert_int_equal(corbel_generate(base, &inputs, 1, NULL, &out, &err), CORBEL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "LlamaModel gives no logits"));
    assert_int_equal(corbel_model_forward(skeleton, &inputs, 1, NULL, &out, &err),
                     CORBEL_E_ARGUMENT);
    assert_non_null(strstr(err.text, "loaded without weights"));
    corbel_model_destroy(&base);
    corbel_model_destroy(&skeleton);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_inputs_are_named),
        cmocka_unit_test(test_a_prompt_longer_than_a_chunk),
        cmocka_unit_test(test_a_row_does_not_depend_on_its_batch),
        cmocka_unit_test(test_what_ran_before_does_not_matter),
        cmocka_unit_test(test_the_callback_stops_generation),
        cmocka_unit_test(test_what_a_model_can_not_do_is_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
