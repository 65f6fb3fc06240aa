/* configs.c: config.json of the plugins in sdk/examples with one field missing, mistyped, zero,
 * negative or huge: an error that names the key, or the class's default.
 *
 *     test_example_configs FOLDER
 *
 * FOLDER/mamba and FOLDER/resnet50d hold a sound config.json; CORBEL_HOME may run the plugins. */
#include "corbel/corbel.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { SIZE, OPTIONAL_SIZE, RANK, EPS, FLAG, ACTIVATION, BLOCK, STEM, LAYERS, CLASSES };

#define NOT_A_SIZE "\"x\"", "0", "-1", "9223372036854775807", "4294967296", "1.5", "[]", "true"
#define END        NULL

/* What is refused; then, after an END, what is accepted. NULL_JSON: null. */
static const char *const values[][16] = {
    [SIZE] = {NOT_A_SIZE, END, "8", END},
    [OPTIONAL_SIZE] = {NOT_A_SIZE, END, "8", END},
    [RANK] = {"\"x\"", "0", "-1", "9223372036854775807", "18446744073709551617", "1.5", "[]",
              "true", "{}", "\"\"", END, "3", "\"auto\"", END},
    [EPS] = {"\"x\"", "-1", "[]", "{}", "true", END, "0", "1e-3", END},
    [FLAG] = {"\"x\"", "1", "0", "[]", "{}", END, "true", "false", END},
    [ACTIVATION] = {"7", "\"sine\"", "\"\"", "[\"gelu\"]", "true", END, "\"gelu\"", END},
    [BLOCK] = {"7", "\"wide\"", "\"\"", "[]", "true", END, "\"bottleneck\"", END},
    [STEM] = {"7", "\"deeper\"", "\"tiered\"", "[]", "true", END, "\"\"", "\"deep\"", END},
    [LAYERS] = {"\"x\"", "7", "[]", "[1, 1, 1]", "[1, 1, 1, 1, 1]", "[1, -1, 1, 1]",
                "[1, 1, 1, 4097]", "[1, 1, 1, 0]", "[1, 1, 1, \"1\"]", "{}", END, "[1, 0, 0, 1]",
                END},
    [CLASSES] = {"\"x\"", "-1", "9223372036854775807", "4294967296", "1.5", "[]", "true", END, "0",
                 "1", END},
};

struct field {
    const char *key;
    enum kind kind;
    bool is_required; /* an error, too, if it is missing or null */
};

static const struct field mamba[] = {
    {"vocab_size", SIZE, true},        {"hidden_size", SIZE, true},
    {"num_hidden_layers", SIZE, true}, {"state_size", SIZE, false},
    {"conv_kernel", SIZE, false},      {"intermediate_size", OPTIONAL_SIZE, false},
    {"time_step_rank", RANK, false},   {"layer_norm_epsilon", EPS, false},
    {"use_bias", FLAG, false},         {"use_conv_bias", FLAG, false},
    {"hidden_act", ACTIVATION, false}, {"tie_word_embeddings", FLAG, false},
};

static const struct field resnet[] = {
    {"block_type", BLOCK, false},    {"layers", LAYERS, false},    {"num_classes", CLASSES, false},
    {"input_channels", SIZE, false}, {"cardinality", SIZE, false}, {"base_width", SIZE, false},
    {"stem_width", SIZE, false},     {"stem_type", STEM, false},   {"avg_down", FLAG, false},
};

/* What goes together, and what doesn't. */
static const struct pair {
    const char *example, *key, *json, *other_key, *other_json, *names; /* names NULL: accepted */
} pairs[] = {
    {"mamba", "intermediate_size", "null", "expand", "0", "expand"},
    {"mamba", "intermediate_size", "null", "expand", "2147483647", "expand"},
    {"mamba", "intermediate_size", "null", "expand", "3", NULL},
    {"resnet50d", "block_type", "\"basic\"", "cardinality", "2", "cardinality"},
    {"resnet50d", "block_type", "\"basic\"", "cardinality", "1", "base_width"},
    {"resnet50d", "stem_type", "\"deep-tiered\"", "stem_width", "3", "stem_width"},
    {"resnet50d", "stem_type", "\"deep-tiered\"", "stem_width", "4", NULL},
    {"resnet50d", "base_width", "1048576", "cardinality", "1048576", "parameter"},
};

static corbel_runtime *runtime;
static const char *root;
static size_t n_rows, n_failed;

/* ---- one row --------------------------------------------------------------------------------- */

static struct json_object *sound_config(const char *example)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s/config.json", root, example);
    return json_object_from_file(path);
}

/* Loads `config`; what of it is a refusal of the config is put into err. */
static corbel_status load(struct json_object *config, corbel_error *err)
{
    char folder[4096], path[4200];
    corbel_model *model = NULL;

    snprintf(folder, sizeof folder, "%s/changed", root);
    snprintf(path, sizeof path, "%s/config.json", folder);
    json_object_to_file(path, config);
    corbel_status status =
        corbel_model_load(runtime, folder, &CORBEL_LOAD_PARAMS(.device_map = "cpu"), &model, err);
    corbel_model_destroy(&model);
    return status;
}

/* names: what the refusal must say; NULL: the config is sound. There are no weights, so that no
 * load succeeds; but only a config is refused as one. */
static void check(const char *example, const char *key, const char *json, const char *other_key,
                  const char *other_json, const char *names)
{
    struct json_object *config = sound_config(example);
    corbel_error err = {0};

    if (!json)
        json_object_object_del(config, key);
    else
        json_object_object_add(config, key, json_tokener_parse(json));
    if (other_key)
        json_object_object_add(config, other_key, json_tokener_parse(other_json));
    corbel_status status = load(config, &err);
    json_object_put(config);
    n_rows++;
    if (names ? status == CORBEL_E_CONFIG && strstr(err.text, names) : status != CORBEL_E_CONFIG)
        return;
    n_failed++;
    printf("FAILED %s: %s = %s: status %d, %s\n", example, key, json ? json : "(absent)",
           (int)status, err.text);
}

static void check_field(const char *example, const struct field *f)
{
    const char *const *v = values[f->kind];
    const char *const missing = f->is_required ? f->key : NULL;

    for (; *v; v++)
        check(example, f->key, *v, NULL, NULL, f->key);
    for (v++; *v; v++)
        check(example, f->key, *v, NULL, NULL, NULL);
    check(example, f->key, NULL, NULL, NULL, missing);
    check(example, f->key, "null", NULL, NULL, missing);
}

int main(int argc, char **argv)
{
    corbel_error err = {0};

    if (argc != 2 || corbel_runtime_create(NULL, &runtime, &err) != CORBEL_OK) {
        fprintf(stderr, "test_example_configs FOLDER %s\n", err.text);
        return 2;
    }
    root = argv[1];
    for (size_t i = 0; i < sizeof(mamba) / sizeof(mamba[0]); i++)
        check_field("mamba", &mamba[i]);
    for (size_t i = 0; i < sizeof(resnet) / sizeof(resnet[0]); i++)
        check_field("resnet50d", &resnet[i]);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        check(pairs[i].example, pairs[i].key, pairs[i].json, pairs[i].other_key,
              pairs[i].other_json, pairs[i].names);
    corbel_runtime_destroy(&runtime);
    printf("%zu configs, %zu failed\n", n_rows, n_failed);
    return n_failed != 0;
}
