/* demo.c: the demo model from text to text, against demo/expected.json.
 *
 *     test_oracle_demo DEVICE
 *
 * Each prompt is encoded, continued greedily to the end of the story and decoded; ids, tokens and
 * text must be those of transformers. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NEW_TOKENS 400 /* as in demo/train_storyteller.py */

struct demo {
    corbel_model *model;
    corbel_tokenizer *tokenizer;
    size_t n_failed;
};

static struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(object, key, &value)) {
        fprintf(stderr, "demo/expected.json: %s is missing\n", key);
        exit(1);
    }
    return value;
}

static void fail(struct demo *d, const char *prompt, const char *what, const char *found)
{
    printf("FAILED \"%s\": %s%s%s\n", prompt, what, *found ? ": " : "", found);
    d->n_failed++;
}

static bool equals_list(const int32_t *ids, size_t n, struct json_object *list)
{
    if (n != json_object_array_length(list))
        return false;
    for (size_t i = 0; i < n; i++)
        if (ids[i] != json_object_get_int(json_object_array_get_idx(list, i)))
            return false;
    return true;
}

/* The prompt's tokens continued; NULL after a failure that was printed. */
static corbel_tensors *continue_prompt(struct demo *d, struct json_object *row, const char *prompt)
{
    corbel_error err = {0};
    corbel_encoding *encoding = NULL;
    corbel_tensors *outputs = NULL;
    if (corbel_encode(d->tokenizer, prompt, (size_t)-1, NULL, &encoding, &err) != CORBEL_OK) {
        fail(d, prompt, "can't be encoded", err.text);
        return NULL;
    }
    if (!equals_list(encoding->ids, encoding->n, member(row, "ids")))
        fail(d, prompt, "is encoded differently", "");
    corbel_tensor ids = {.name = "input_ids",
                         .dtype = CORBEL_I32,
                         .rank = 2,
                         .shape = {1, (int64_t)encoding->n},
                         .data = encoding->ids};
    if (corbel_generate(d->model, &ids, 1,
                        &CORBEL_GENERATE_PARAMS(.max_new_tokens = MAX_NEW_TOKENS, .do_sample = -1),
                        &outputs, &err) != CORBEL_OK)
        fail(d, prompt, "can't be continued", err.text);
    corbel_encoding_destroy(&encoding);
    return outputs;
}

static void check_row(struct demo *d, struct json_object *row)
{
    const char *prompt = json_object_get_string(member(row, "prompt"));
    corbel_tensors *outputs = continue_prompt(d, row, prompt);
    if (!outputs)
        return;
    const corbel_tensor *tokens = corbel_tensors_find(outputs, "tokens");
    size_t n = tensor_elements(tokens);
    corbel_error err = {0};
    char *text = NULL;
    if (!equals_list(tokens->data, n, member(row, "tokens")))
        fail(d, prompt, "is continued differently", "");
    if (corbel_decode(d->tokenizer, tokens->data, n, true, &text, &err) != CORBEL_OK)
        fail(d, prompt, "its story can't be decoded", err.text);
    else if (strcmp(text, json_object_get_string(member(row, "text"))) != 0)
        fail(d, prompt, "its story reads", text);
    corbel_free(text);
    corbel_tensors_destroy(&outputs);
}

int main(int argc, char **argv)
{
    struct demo d = {0};
    corbel_runtime *runtime = NULL;
    corbel_error err = {0};
    if (argc != 2)
        return 2;
    corbel_status status = corbel_runtime_create(NULL, &runtime, &err);
    if (status == CORBEL_OK)
        status = corbel_model_load(runtime, "demo/storyteller",
                                   &CORBEL_LOAD_PARAMS(.device_map = argv[1]), &d.model, &err);
    if (status == CORBEL_OK)
        status = corbel_tokenizer_load("demo/storyteller", &d.tokenizer, &err);
    if (status != CORBEL_OK) {
        fprintf(stderr, "%s\n", err.text);
    } else {
        struct json_object *expected = fixture_json(TEST_SOURCE_DIR "/demo/expected.json");
        struct json_object *cases = member(expected, "cases");
        for (size_t i = 0; i < json_object_array_length(cases); i++)
            check_row(&d, json_object_array_get_idx(cases, i));
        printf("%zu prompts, %zu failures\n", json_object_array_length(cases), d.n_failed);
        json_object_put(expected);
    }
    corbel_tokenizer_destroy(&d.tokenizer);
    corbel_model_destroy(&d.model);
    corbel_runtime_destroy(&runtime);
    return status != CORBEL_OK || d.n_failed > 0;
}
