/* models.c: every case of the models in tests/fixtures/models, against what transformers computed.
 *
 *     test_oracle_models DEVICE PREFIX [isolated]
 *
 * DEVICE may be anything that a device_map is, so that models are also run in several places.
 * Each model whose name begins with PREFIX is loaded twice, in its stored dtype and as float32, and
 * runs through the public API only: forward with and without hidden states, greedy generation with
 * logits, generation with an end token. Prints a line a model; exit 77 (skipped) without DEVICE. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INPUTS 8
#define SKIPPED    77

struct oracle {
    corbel_runtime *runtime;
    const char *device;
    size_t n_failed, n_models, n_skipped;
};

/* One case of one model that is loaded. */
struct oracle_case {
    corbel_model *model;
    const char *name;
    struct json_object *json; /* of expected.json */
    const corbel_tensors *expected;
    corbel_tensor inputs[MAX_INPUTS];
    size_t n_inputs;
    const corbel_tensor *mask;
    struct tally *tally;
};

/* The rest of a name "CASE.kind.REST", or NULL. */
static const char *name_after(const char *name, const char *case_name, const char *kind)
{
    char prefix[128];
    int n = snprintf(prefix, sizeof(prefix), "%s.%s.", case_name, kind);
    return strncmp(name, prefix, (size_t)n) == 0 ? name + n : NULL;
}

static const corbel_tensor *expected_tensor(const struct oracle_case *c, const char *rest)
{
    char name[160];
    snprintf(name, sizeof(name), "%s.%s", c->name, rest);
    return corbel_tensors_find(c->expected, name);
}

static void case_open(struct oracle_case *c)
{
    for (size_t i = 0; i < corbel_tensors_count(c->expected); i++) {
        const corbel_tensor *t = corbel_tensors_at(c->expected, i);
        const char *name = name_after(t->name, c->name, "in");
        if (!name || c->n_inputs == MAX_INPUTS)
            continue;
        c->inputs[c->n_inputs] = *t;
        c->inputs[c->n_inputs++].name = name;
    }
    c->mask = expected_tensor(c, "in.attention_mask");
}

static void case_failed(struct oracle_case *c, const char *what, const corbel_error *err)
{
    printf("FAILED %s: %s: %s\n", c->name, what, err->text);
    c->tally->n_failures++;
}

/* ---- forward --------------------------------------------------------------------------------- */

static void check_forward(struct oracle_case *c, bool hidden_states)
{
    corbel_error err = {0};
    corbel_tensors *outputs = NULL;
    const char *options =
        strncmp(c->name, "interpolate_", 12) == 0 ? "{\"interpolate_pos_encoding\": true}" : NULL;
    if (corbel_model_forward(
            c->model, c->inputs, c->n_inputs,
            &CORBEL_FORWARD_PARAMS(.hidden_states = hidden_states, .options_json = options),
            &outputs, &err) != CORBEL_OK) {
        case_failed(c, "forward", &err);
        return;
    }
    for (size_t i = 0; i < corbel_tensors_count(c->expected); i++) {
        const corbel_tensor *t = corbel_tensors_at(c->expected, i);
        const char *name = name_after(t->name, c->name, "out");
        if (name && (hidden_states || strncmp(name, "hidden_states.", 14) != 0))
            tally_compare(c->tally, t->name, corbel_tensors_find(outputs, name), t, c->mask);
    }
    corbel_tensors_destroy(&outputs);
}

/* ---- generation ------------------------------------------------------------------------------ */

/* Positions in generation are counted from the mask, so position_ids are left out. */
static size_t generation_inputs(const struct oracle_case *c, corbel_tensor *inputs)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_inputs; i++)
        if (strcmp(c->inputs[i].name, "position_ids") != 0)
            inputs[n++] = c->inputs[i];
    return n;
}

static corbel_tensors *generate(struct oracle_case *c, const corbel_generate_params *params)
{
    corbel_error err = {0};
    corbel_tensor inputs[MAX_INPUTS];
    corbel_tensors *outputs = NULL;
    size_t n_inputs = generation_inputs(c, inputs);
    if (corbel_generate(c->model, inputs, n_inputs, params, &outputs, &err) != CORBEL_OK)
        case_failed(c, "generate", &err);
    return outputs;
}

static void check_greedy(struct oracle_case *c, const corbel_tensor *tokens)
{
    corbel_tensors *outputs =
        generate(c, &CORBEL_GENERATE_PARAMS(.max_new_tokens = (uint32_t)tokens->shape[1],
                                            .do_sample = -1, .n_eos = -1, .want_logits = 1));
    if (!outputs)
        return;
    const corbel_tensor *logits = expected_tensor(c, "gen.logits");
    tally_compare(c->tally, tokens->name, corbel_tensors_find(outputs, "tokens"), tokens, NULL);
    if (logits)
        tally_compare(c->tally, logits->name, corbel_tensors_find(outputs, "logits"), logits, NULL);
    corbel_tensors_destroy(&outputs);
}

static void check_end_token(struct oracle_case *c, const corbel_tensor *greedy,
                            const corbel_tensor *tokens)
{
    struct json_object *asked, *with_eos, *eos, *pad;
    if (!json_object_object_get_ex(c->json, "generate", &asked) ||
        !json_object_object_get_ex(asked, "with_eos", &with_eos) ||
        !json_object_object_get_ex(with_eos, "eos_token_id", &eos) ||
        !json_object_object_get_ex(with_eos, "pad_token_id", &pad)) {
        printf("FAILED %s: expected.json names no end token\n", tokens->name);
        c->tally->n_failures++;
        return;
    }
    int32_t eos_token_id = json_object_get_int(eos), pad_token_id = json_object_get_int(pad);
    corbel_generate_params params =
        CORBEL_GENERATE_PARAMS(.max_new_tokens = (uint32_t)greedy->shape[1], .do_sample = -1,
                               .n_eos = 1, .eos_token_id = &eos_token_id,
                               .pad_token_id = &pad_token_id);
    corbel_tensors *outputs = generate(c, &params);
    if (!outputs)
        return;
    tally_compare(c->tally, tokens->name, corbel_tensors_find(outputs, "tokens"), tokens, NULL);
    corbel_tensors_destroy(&outputs);
}

static void check_case(struct oracle_case *c)
{
    case_open(c);
    check_forward(c, true);
    check_forward(c, false);
    const corbel_tensor *tokens = expected_tensor(c, "gen.tokens");
    const corbel_tensor *ended = expected_tensor(c, "gen.tokens_with_eos");
    if (tokens)
        check_greedy(c, tokens);
    if (tokens && ended)
        check_end_token(c, tokens, ended);
}

/* ---- models ---------------------------------------------------------------------------------- */

static void check_cases(corbel_model *model, const char *folder, struct tally *tally)
{
    char path[4096], name[256];
    struct json_object *cases = NULL;
    snprintf(name, sizeof(name), "%s/expected.safetensors", folder);
    fixture_path(path, sizeof(path), "models", name);
    corbel_tensors *expected = fixture_tensors(path);
    snprintf(name, sizeof(name), "%s/expected.json", folder);
    fixture_path(path, sizeof(path), "models", name);
    struct json_object *json = fixture_json(path);

    if (json_object_object_get_ex(json, "cases", &cases)) {
        struct json_object_iterator end = json_object_iter_end(cases);
        for (struct json_object_iterator i = json_object_iter_begin(cases);
             !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
            struct oracle_case c = {.model = model,
                                    .name = json_object_iter_peek_name(&i),
                                    .json = json_object_iter_peek_value(&i),
                                    .expected = expected,
                                    .tally = tally};
            check_case(&c);
        }
    }
    json_object_put(json);
    corbel_tensors_destroy(&expected);
}

/* False: a checkpoint that this version says it does not read. */
static bool check_model(struct oracle *o, const char *folder, int32_t dtype)
{
    static const char *const dtype_names[] = {"as stored", "float32"};
    const char *as = dtype_names[dtype == CORBEL_F32];
    char path[4096], name[256];
    corbel_error err = {0};
    corbel_model *model = NULL;
    struct tally tally = {0};

    snprintf(name, sizeof(name), "%s/model", folder);
    fixture_path(path, sizeof(path), "models", name);
    corbel_status status = corbel_model_load(
        o->runtime, path, &CORBEL_LOAD_PARAMS(.dtype = dtype, .device_map = o->device), &model,
        &err);
    if (status == CORBEL_E_UNSUPPORTED && strstr(err.text, "pytorch_model")) {
        printf("skipped %-32s %s\n", folder, err.text);
        o->n_skipped++;
        return false;
    }
    if (status == CORBEL_OK) {
        check_cases(model, folder, &tally);
    } else {
        printf("FAILED %s: %s\n", folder, err.text);
        tally.n_failures++;
    }
    corbel_model_destroy(&model);

    printf("%-8s%-32s %-10s %3zu tensors, worst %.4f of what is allowed (%s)\n",
           tally.n_failures ? "FAILED" : "ok", folder, as, tally.n_tensors, tally.worst,
           tally.where);
    fflush(stdout);
    o->n_models++;
    o->n_failed += tally.n_failures > 0;
    return true;
}

static void print_log(void *user, corbel_log_level level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "log: %s\n", line);
}

/* Whether this machine has the GPUs that the map speaks of, from the runtime's own list. */
static bool has_devices(corbel_runtime *runtime, const char *map)
{
    static const char *const gpus[] = {"vulkan:0", "vulkan:1", "vulkan:2"};
    char *json = NULL;
    corbel_error err = {0};
    if (corbel_devices_json(runtime, &json, &err) != CORBEL_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    bool found = true;
    for (size_t i = 0; i < sizeof(gpus) / sizeof(gpus[0]); i++)
        found = found && (!strstr(map, gpus[i]) || strstr(json, gpus[i]));
    corbel_free(json);
    return found;
}

int main(int argc, char **argv)
{
    bool isolated = argc == 4 && strcmp(argv[3], "isolated") == 0;
    if (argc != 3 && !isolated) {
        fprintf(stderr, "usage: %s DEVICE PREFIX [isolated]\n", argv[0]);
        return 2;
    }
    corbel_error err = {0};
    struct oracle o = {.device = argv[1]};
    corbel_set_log(print_log, NULL, CORBEL_LOG_WARN);
    corbel_runtime_params params =
        CORBEL_RUNTIME_PARAMS(.validation = strstr(o.device, "vulkan") != NULL,
                              .isolation = isolated ? CORBEL_ISOLATION_ALWAYS : 0);
    if (corbel_runtime_create(&params, &o.runtime, &err) != CORBEL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    if (!has_devices(o.runtime, o.device)) {
        printf("skipped: there is no device %s here\n", o.device);
        corbel_runtime_destroy(&o.runtime);
        return SKIPPED;
    }

    char **folders;
    size_t n_folders = fixture_list("models", argv[2], &folders);
    for (size_t i = 0; i < n_folders; i++) {
        if (check_model(&o, folders[i], CORBEL_DTYPE_NONE))
            check_model(&o, folders[i], CORBEL_F32);
        free(folders[i]);
    }
    free(folders);
    corbel_runtime_destroy(&o.runtime);
    printf("%zu loads on %s, %zu failed, %zu skipped\n", o.n_models, o.device, o.n_failed,
           o.n_skipped);
    return o.n_failed > 0 || o.n_models == 0;
}
