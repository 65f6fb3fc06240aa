/* sentiment.c: demo/sentiment from text to labels, against demo/expected_sentiment.json.
 *
 *     test_oracle_sentiment DEVICE
 *
 * Ids must be those of transformers, logits within the tolerance of a float32 model, and the
 * pipeline's answer the better label. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct demo {
    corbel_model *model;
    corbel_tokenizer *tokenizer;
    corbel_pipeline *pipeline;
    size_t n_failed;
};

static struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(object, key, &value)) {
        fprintf(stderr, "demo/expected_sentiment.json: %s is missing\n", key);
        exit(1);
    }
    return value;
}

static void fail(struct demo *d, const char *text, const char *what, const char *found)
{
    printf("FAILED \"%s\": %s%s%s\n", text, what, *found ? ": " : "", found);
    d->n_failed++;
}

static void check_ids(struct demo *d, const char *text, const corbel_encoding *encoding,
                      struct json_object *ids)
{
    bool equal = encoding->n == json_object_array_length(ids);
    for (size_t i = 0; i < encoding->n && equal; i++)
        equal = encoding->ids[i] == json_object_get_int(json_object_array_get_idx(ids, i));
    if (!equal)
        fail(d, text, "is encoded differently", "");
}

static void check_logits(struct demo *d, const char *text, const corbel_encoding *encoding,
                         struct json_object *expected)
{
    corbel_error err = {0};
    corbel_tensors *outputs = NULL;
    corbel_tensor ids = {.name = "input_ids",
                         .dtype = CORBEL_I32,
                         .rank = 2,
                         .shape = {1, (int64_t)encoding->n},
                         .data = encoding->ids};
    if (corbel_model_forward(d->model, &ids, 1, NULL, &outputs, &err) != CORBEL_OK) {
        fail(d, text, "can't be classified", err.text);
        return;
    }
    const corbel_tensor *logits = corbel_tensors_find(outputs, "logits");
    for (size_t i = 0; i < 2; i++) {
        double wanted = json_object_get_double(json_object_array_get_idx(expected, i));
        double difference = fabs((double)((const float *)logits->data)[i] - wanted);
        if (!(difference <= 5e-5 * fmax(1, fabs(wanted))))
            fail(d, text, "has other logits", "");
    }
    corbel_tensors_destroy(&outputs);
}

static void check_answer(struct demo *d, const char *text, struct json_object *logits)
{
    corbel_error err = {0};
    char *answer = NULL;
    struct json_object *input = json_object_new_string(text);
    double negative = json_object_get_double(json_object_array_get_idx(logits, 0));
    double positive = json_object_get_double(json_object_array_get_idx(logits, 1));
    const char *label = positive > negative ? "POSITIVE" : "NEGATIVE";
    if (corbel_pipeline_run(d->pipeline, json_object_to_json_string(input), NULL, &answer, &err) !=
        CORBEL_OK)
        fail(d, text, "has no answer", err.text);
    else if (!strstr(answer, label))
        fail(d, text, label, answer);
    corbel_free(answer);
    json_object_put(input);
}

static void check_row(struct demo *d, struct json_object *row)
{
    const char *text = json_object_get_string(member(row, "text"));
    corbel_error err = {0};
    corbel_encoding *encoding = NULL;
    if (corbel_encode(d->tokenizer, text, (size_t)-1, NULL, &encoding, &err) != CORBEL_OK) {
        fail(d, text, "can't be encoded", err.text);
        return;
    }
    check_ids(d, text, encoding, member(row, "ids"));
    check_logits(d, text, encoding, member(row, "logits"));
    check_answer(d, text, member(row, "logits"));
    corbel_encoding_destroy(&encoding);
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
        status = corbel_model_load(runtime, "demo/sentiment",
                                   &CORBEL_LOAD_PARAMS(.device_map = argv[1]), &d.model, &err);
    if (status == CORBEL_OK)
        status = corbel_tokenizer_load("demo/sentiment", &d.tokenizer, &err);
    if (status == CORBEL_OK)
        status = corbel_pipeline_create(d.model, d.tokenizer, NULL, &d.pipeline, &err);
    if (status != CORBEL_OK) {
        fprintf(stderr, "%s\n", err.text);
    } else {
        struct json_object *expected =
            fixture_json(TEST_SOURCE_DIR "/demo/expected_sentiment.json");
        struct json_object *cases = member(expected, "cases");
        for (size_t i = 0; i < json_object_array_length(cases); i++)
            check_row(&d, json_object_array_get_idx(cases, i));
        printf("%zu texts, %zu failures\n", json_object_array_length(cases), d.n_failed);
        json_object_put(expected);
    }
    corbel_pipeline_destroy(&d.pipeline);
    corbel_tokenizer_destroy(&d.tokenizer);
    corbel_model_destroy(&d.model);
    corbel_runtime_destroy(&runtime);
    return status != CORBEL_OK || d.n_failed > 0;
}
