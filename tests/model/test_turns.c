/* test_turns.c: generation that goes on from what an earlier one left in the caches: when it does,
 * how much of the prompt it does not run again (the log tells), and that tokens and logits are
 * those of a model that has just been loaded.
 *
 * The recurrent model is that of sdk/examples/mamba, whose plugin is not a part of Corbel: where it
 * is not installed its rows are left out, unless the argument "mamba" asks for it alone. */
#include "corbel/corbel.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODELS TEST_SOURCE_DIR "/tests/fixtures/models/"

enum { FIRST = 9, NEW = 7, KEPT = FIRST + NEW - 1, MOST = 2048 };

static corbel_runtime *runtime;
static long long reused; /* what the log has said since it was last set to 0 */

static void read_log(void *user, corbel_log_level level, const char *line)
{
    long long n, of;
    (void)user;
    (void)level;
    if (sscanf(line, "%lld of the prompt's %lld tokens are in the caches", &n, &of) == 2)
        reused = n;
}

static int setup(void **state)
{
    (void)state;
    corbel_set_log(read_log, NULL, CORBEL_LOG_DEBUG);
    return corbel_runtime_create(&CORBEL_RUNTIME_PARAMS(.threads = 2, .no_pin = 1), &runtime,
                                 NULL) != CORBEL_OK;
}

static int teardown(void **state)
{
    (void)state;
    corbel_runtime_destroy(&runtime);
    return 0;
}

static corbel_model *load(const char *name)
{
    char folder[400];
    corbel_model *model = NULL;
    corbel_error err;
    snprintf(folder, sizeof(folder), MODELS "%s/model", name);
    if (corbel_model_load(runtime, folder, NULL, &model, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return model;
}

/* ---- prompts --------------------------------------------------------------------------------- */

struct prompt {
    int32_t ids[MOST];
    int64_t n;
};

static void append(struct prompt *p, const int32_t *ids, int64_t n)
{
    assert_true(p->n + n <= MOST);
    memcpy(p->ids + p->n, ids, (size_t)n * sizeof(*ids));
    p->n += n;
}

/* Tokens that every model of the fixtures has; other ones for another seed. */
static void append_words(struct prompt *p, int seed, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const int32_t id = (int32_t)(3 + (i * 37 + seed * 11) % 90);
        append(p, &id, 1);
    }
}

/* ---- generation ------------------------------------------------------------------------------ */

static corbel_tensors *generate(corbel_model *model, const struct prompt *p,
                                const corbel_generate_params *params)
{
    const corbel_tensor input = {
        .name = "input_ids", .dtype = CORBEL_I32, .rank = 2, .shape = {1, p->n}, .data = p->ids};
    corbel_tensors *out;
    corbel_error err;
    reused = 0;
    if (corbel_generate(model, &input, 1, params, &out, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return out;
}

static void assert_same(const corbel_tensors *found, const corbel_tensors *expected,
                        const char *what)
{
    const corbel_tensor *a = corbel_tensors_find(found, "tokens"), *x,
                        *b = corbel_tensors_find(expected, "tokens"), *y;
    assert_int_equal(a->shape[1], b->shape[1]);
    if (memcmp(a->data, b->data, (size_t)a->shape[1] * sizeof(int32_t)) != 0)
        fail_msg("%s: other tokens", what);
    x = corbel_tensors_find(found, "logits");
    y = corbel_tensors_find(expected, "logits");
    for (int64_t i = 0; i < y->shape[1] * y->shape[2]; i++) {
        const float p = ((const float *)x->data)[i], q = ((const float *)y->data)[i];
        if (!(fabsf(p - q) <= 5e-5f * fmaxf(1, fabsf(q))))
            fail_msg("%s: logits[%lld] are %g, expected %g", what, (long long)i, (double)p,
                     (double)q);
    }
}

#define GREEDY(n)                                                                          \
    &CORBEL_GENERATE_PARAMS(.max_new_tokens = (uint32_t)(n), .do_sample = -1, .n_eos = -1, \
                            .want_logits = 1)

/* What a model that has done nothing before makes of the prompt is what `model` makes of it, which
 * runs all but `reuses` tokens. */
static void assert_turn(corbel_model *model, const char *name, const struct prompt *p,
                        const corbel_generate_params *params, int64_t reuses, const char *what)
{
    corbel_model *new = load(name);
    corbel_tensors *expected = generate(new, p, params), *found = generate(model, p, params);
    if (reused != reuses)
        fail_msg("%s, %s: %lld tokens are reused, expected %lld", name, what, reused,
                 (long long)reuses);
    assert_same(found, expected, what);
    corbel_tensors_destroy(&expected);
    corbel_tensors_destroy(&found);
    corbel_model_destroy(&new);
}

/* The first turn, and the conversation with its answer. */
static void begin(corbel_model *model, struct prompt *p)
{
    p->n = 0;
    append_words(p, 0, FIRST);
    corbel_tensors *out = generate(model, p, GREEDY(NEW));
    append(p, corbel_tensors_find(out, "tokens")->data, NEW);
    corbel_tensors_destroy(&out);
}

/* ---- two turns ------------------------------------------------------------------------------- */

/* The second prompt: so much of the first one with its answer (KEPT of these tokens are in the
 * caches; the last one was not run), then so many new tokens. */
static const struct {
    const char *what;
    int64_t old, new;
    int64_t reuses, reuses_states; /* with key/value caches, with states */
} turns[] = {
    {"a next turn", FIRST + NEW, 6, KEPT, KEPT},
    {"one token more than there is", KEPT + 1, 0, KEPT, KEPT},
    {"what is there", KEPT, 0, KEPT - 1, 0},
    {"the same prompt", FIRST, 0, FIRST - 1, 0},
    {"a part of the prompt", 4, 0, 3, 0},
    {"one token", 1, 0, 0, 0},
    {"another answer", FIRST + 3, 8, FIRST + 3, 0},
    {"another question", 5, 20, 5, 0},
    {"another prompt", 0, 12, 0, 0},
};

static void check_turns(const char *name, bool has_states)
{
    corbel_model *model = load(name);
    struct prompt p;
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        begin(model, &p);
        p.n = turns[i].old;
        append_words(&p, 5, turns[i].new);
        assert_turn(model, name, &p, GREEDY(NEW),
                    has_states ? turns[i].reuses_states : turns[i].reuses, turns[i].what);
    }
    corbel_model_destroy(&model);
}

static void test_two_turns(void **state)
{
    (void)state;
    check_turns("llama_causal", false);
    check_turns("mistral_bf16_sharded_v4_config", false); /* a window of 5 */
    check_turns("gemma2_causal", false);                  /* layers with and without one of 8 */
    check_turns("gpt2_lm_bin_fp16", false);
}

static void test_two_turns_of_a_recurrent_model(void **state)
{
    corbel_model *model = NULL;
    corbel_error err;
    if (corbel_model_load(runtime, MODELS "mamba_small/model", NULL, &model, &err) != CORBEL_OK) {
        if (*state)
            fail_msg("%s", err.text);
        print_message("skipped: %s\n", err.text);
        skip();
    }
    corbel_model_destroy(&model);
    check_turns("mamba_small", true);
}

/* ---- conversations --------------------------------------------------------------------------- */

/* Each turn runs what is new, but for those where the session had to grow. */
static void test_a_conversation_that_grows(void **state)
{
    corbel_model *model = load("llama_causal");
    struct prompt p = {.n = 0};
    int n_anew = 0;
    (void)state;
    for (int turn = 0; turn < 12; turn++) {
        append_words(&p, turn, 40);
        const int64_t kept = turn == 0 ? 0 : p.n - 40 - 1;
        corbel_tensors *out = generate(model, &p, GREEDY(30));
        assert_true(reused == 0 || reused == kept);
        n_anew += reused == 0;
        append(&p, corbel_tensors_find(out, "tokens")->data, 30);
        corbel_tensors_destroy(&out);
    }
    if (n_anew > 3)
        fail_msg("%d of 12 turns ran the whole conversation", n_anew);
    append_words(&p, 3, 600); /* two chunks */
    assert_turn(model, "llama_causal", &p, GREEDY(3), 0, "a session that is too small");
    append_words(&p, 4, 20);
    assert_turn(model, "llama_causal", &p, GREEDY(3), p.n - 20, "behind two chunks");
    corbel_model_destroy(&model);
}

static void test_sampling_goes_on_as_from_the_start(void **state)
{
    const corbel_generate_params sampled =
        CORBEL_GENERATE_PARAMS(.max_new_tokens = 20, .do_sample = 1, .n_eos = -1, .want_logits = 1,
                               .seed = 7, .temperature = 1.5, .repetition_penalty = 1.3);
    corbel_model *model = load("llama_causal");
    struct prompt p;
    (void)state;
    begin(model, &p);
    append_words(&p, 5, 4);
    assert_turn(model, "llama_causal", &p, &sampled, KEPT, "sampled");
    corbel_model_destroy(&model);
}

/* ---- what makes a model forget --------------------------------------------------------------- */

static void run_forward(corbel_model *model)
{
    static const int32_t ids[FIRST] = {1, 2, 3};
    const corbel_tensor input = {
        .name = "input_ids", .dtype = CORBEL_I32, .rank = 2, .shape = {1, FIRST}, .data = ids};
    corbel_tensors *out;
    assert_int_equal(corbel_model_forward(model, &input, 1, NULL, &out, NULL), CORBEL_OK);
    corbel_tensors_destroy(&out);
}

static corbel_status run_rows(corbel_model *model, int64_t batch, const int32_t *ids,
                              const int32_t *mask)
{
    const corbel_tensor inputs[] = {
        {.name = "input_ids", .dtype = CORBEL_I32, .rank = 2, .shape = {batch, 4}, .data = ids},
        {.name = "attention_mask",
         .dtype = CORBEL_I32,
         .rank = 2,
         .shape = {batch, 4},
         .data = mask}};
    corbel_tensors *out;
    corbel_status status = corbel_generate(model, inputs, 2, GREEDY(3), &out, NULL);
    corbel_tensors_destroy(&out);
    return status;
}

static void run_batch(corbel_model *model)
{
    static const int32_t ids[8] = {3, 40, 77, 24, 3, 40, 77, 24},
                         mask[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(run_rows(model, 2, ids, mask), CORBEL_OK);
}

static void run_padded(corbel_model *model)
{
    static const int32_t ids[4] = {3, 40, 77, 24}, mask[4] = {0, 1, 1, 1};
    assert_int_equal(run_rows(model, 1, ids, mask), CORBEL_OK);
    assert_int_equal(reused, 0);
}

static void run_bad(corbel_model *model)
{
    static const int32_t ids[4] = {3, 40, 77, 9999}, mask[4] = {1, 1, 1, 1};
    assert_int_equal(run_rows(model, 1, ids, mask), CORBEL_E_ARGUMENT);
}

static void run_profile(corbel_model *model)
{
    char *json = NULL;
    assert_int_equal(
        corbel_profile(model, &CORBEL_PROFILE_PARAMS(.prefill = FIRST, .decode = 2, .repeat = 1),
                       &json, NULL, NULL),
        CORBEL_OK);
    corbel_free(json);
}

static void test_what_makes_a_model_forget(void **state)
{
    static const struct {
        const char *what;
        void (*run)(corbel_model *);
    } rows[] = {{"a forward pass", run_forward},
                {"two rows", run_batch},
                {"a padded row", run_padded},
                {"a failure", run_bad},
                {"a profile", run_profile}};
    corbel_model *model = load("llama_causal");
    struct prompt p;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(model, &p);
        append_words(&p, 5, 4);
        reused = 0;
        rows[i].run(model);
        assert_turn(model, "llama_causal", &p, GREEDY(NEW), 0, rows[i].what);
    }
    corbel_model_destroy(&model);
}

static void test_fresh_runs_all(void **state)
{
    corbel_generate_params fresh = *GREEDY(NEW);
    corbel_model *model = load("llama_causal");
    struct prompt p;
    (void)state;
    fresh.fresh = 1;
    begin(model, &p);
    append_words(&p, 5, 4);
    assert_turn(model, "llama_causal", &p, &fresh, 0, "fresh");
    assert_turn(model, "llama_causal", &p, GREEDY(NEW), p.n - 1, "after a fresh one");
    corbel_model_destroy(&model);
}

static int stop_at_three(void *user, size_t row, int32_t token)
{
    (void)row;
    (void)token;
    return ++*(int *)user == 3;
}

/* What was chosen last was not run. */
static void test_a_turn_that_was_stopped(void **state)
{
    int seen = 0;
    corbel_generate_params stopped = *GREEDY(NEW);
    corbel_model *model = load("llama_causal");
    struct prompt p = {.n = 0};
    (void)state;
    append_words(&p, 0, FIRST);
    stopped.on_token = stop_at_three;
    stopped.user = &seen;
    corbel_tensors *out = generate(model, &p, &stopped);
    append(&p, corbel_tensors_find(out, "tokens")->data, 3);
    append_words(&p, 5, 4);
    assert_turn(model, "llama_causal", &p, GREEDY(NEW), FIRST + 2, "stopped");
    corbel_tensors_destroy(&out);
    corbel_model_destroy(&model);
}

int main(int argc, char **argv)
{
    bool must = argc > 1 && strcmp(argv[1], "mamba") == 0;
    const struct CMUnitTest recurrent[] = {
        cmocka_unit_test_prestate(test_two_turns_of_a_recurrent_model, must ? &must : NULL),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_turns),
        cmocka_unit_test(test_a_conversation_that_grows),
        cmocka_unit_test(test_sampling_goes_on_as_from_the_start),
        cmocka_unit_test(test_what_makes_a_model_forget),
        cmocka_unit_test(test_fresh_runs_all),
        cmocka_unit_test(test_a_turn_that_was_stopped),
    };
    const int n_failed = must ? 0 : cmocka_run_group_tests(tests, setup, teardown);
    return n_failed + cmocka_run_group_tests(recurrent, setup, teardown);
}
