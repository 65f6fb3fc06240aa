/* test_sampling.c: tokens are drawn with the probabilities that transformers gives them. */
#include "model/sampling.h"
#include "test.h"

#include <math.h>
#include <string.h>

#define VOCAB 12
#define DRAWS 40000

static const float logits[VOCAB] = {2.5f, -1.0f, 0.25f, 3.0f,  1.75f, -2.5f,
                                    0.0f, 1.0f,  2.25f, -0.5f, 0.75f, 1.5f};
static const int32_t sequence[] = {3, 1, 8, 3, 1};
#define ROW(SIZE, NEW)                                  \
    (const struct sampler_row)                          \
    {                                                   \
        .tokens = sequence, .n = (SIZE), .n_new = (NEW) \
    }

static const struct {
    double temperature;
    int64_t top_k;
    double top_p, min_p, repetition_penalty;
    int64_t no_repeat_ngram_size;
    float expected[VOCAB];
} rows[] = {
#include "sampling_reference.inc"
};

static struct generation_config config_of(size_t row)
{
    return (struct generation_config){.do_sample = true,
                                      .temperature = rows[row].temperature,
                                      .top_k = rows[row].top_k,
                                      .top_p = rows[row].top_p,
                                      .min_p = rows[row].min_p,
                                      .repetition_penalty = rows[row].repetition_penalty,
                                      .no_repeat_ngram_size = rows[row].no_repeat_ngram_size};
}

static void test_draws_have_transformers_probabilities(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        struct generation_config config = config_of(r);
        struct sampler s;
        uint64_t random = 7 + r;
        int counts[VOCAB] = {0};
        assert_int_equal(sampler_init(&s, &config, VOCAB, NULL), CORBEL_OK);
        for (int i = 0; i < DRAWS; i++)
            counts[sampler_choose(&s, logits, &ROW(5, 2), &random)]++;
        for (int i = 0; i < VOCAB; i++) {
            double p = (double)rows[r].expected[i], seen = (double)counts[i] / DRAWS;
            double bound = 5 * sqrt(p * (1 - p) / DRAWS) + 1e-6;
            if (fabs(seen - p) > bound)
                fail_msg("row %zu, token %d: drawn %f of the time, expected %f", r, i, seen, p);
        }
        sampler_finish(&s);
    }
}

static void test_greedy_takes_the_first_of_equals(void **state)
{
    (void)state;
    static const float equal[4] = {1, 3, 3, 2};
    struct generation_config config = {.repetition_penalty = 1};
    struct sampler s;
    uint64_t random = 1;
    assert_int_equal(sampler_init(&s, &config, 4, NULL), CORBEL_OK);
    assert_int_equal(sampler_choose(&s, equal, &ROW(0, 0), &random), 1);
    sampler_finish(&s);
}

static void test_padding_is_no_repetition(void **state)
{
    (void)state;
    struct generation_config config = {.repetition_penalty = 1.5};
    struct sampler_row row = ROW(5, 0);
    struct sampler s;
    uint64_t random = 1;
    assert_int_equal(sampler_init(&s, &config, VOCAB, NULL), CORBEL_OK);
    assert_int_equal(sampler_choose(&s, logits, &row, &random), 0); /* 3 and 8 occur */
    row.n = 4, row.n_padding = 4;
    assert_int_equal(sampler_choose(&s, logits, &row, &random), 3);
    sampler_finish(&s);
}

static void test_end_tokens_wait_for_the_least_length(void **state)
{
    (void)state;
    static const int32_t eos[] = {3};
    struct generation_config config = {
        .repetition_penalty = 1, .min_new_tokens = 2, .eos = {.ids = eos, .n = 1}};
    struct sampler s;
    uint64_t random = 1;
    assert_int_equal(sampler_init(&s, &config, VOCAB, NULL), CORBEL_OK);
    assert_int_equal(sampler_choose(&s, logits, &ROW(5, 1), &random), 0);
    assert_int_equal(sampler_choose(&s, logits, &ROW(5, 2), &random), 3);
    sampler_finish(&s);
}

static void test_nothing_but_nan_does_not_hang(void **state)
{
    (void)state;
    float nans[4] = {NAN, NAN, NAN, NAN};
    struct generation_config config = {
        .do_sample = true, .temperature = 1, .top_p = 1, .top_k = 2, .repetition_penalty = 1};
    struct sampler s;
    uint64_t random = 1;
    assert_int_equal(sampler_init(&s, &config, 4, NULL), CORBEL_OK);
    assert_in_range(sampler_choose(&s, nans, &ROW(0, 0), &random), 0, 3);
    sampler_finish(&s);
}

static void test_equal_seeds_draw_equal_tokens(void **state)
{
    (void)state;
    struct generation_config config = config_of(0);
    struct sampler s;
    uint64_t a = 42, b = 42;
    assert_int_equal(sampler_init(&s, &config, VOCAB, NULL), CORBEL_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(sampler_choose(&s, logits, &ROW(5, 0), &a),
                         sampler_choose(&s, logits, &ROW(5, 0), &b));
    sampler_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws_have_transformers_probabilities),
        cmocka_unit_test(test_greedy_takes_the_first_of_equals),
        cmocka_unit_test(test_padding_is_no_repetition),
        cmocka_unit_test(test_end_tokens_wait_for_the_least_length),
        cmocka_unit_test(test_nothing_but_nan_does_not_hang),
        cmocka_unit_test(test_equal_seeds_draw_equal_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
