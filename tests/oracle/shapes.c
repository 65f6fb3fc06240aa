/* shapes.c: image-classification from picture to answer, against what transformers answers.
 *
 *     test_oracle_shapes DEVICE
 *
 * demo/shapes on its examples (demo/expected_shapes.json), and the pipelines of the fixtures whose
 * names begin with image_classification. Each picture comes alone and then all of them in batches;
 * labels must be equal, scores within 1e-5. */
#include "fixture.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-5

struct check {
    corbel_runtime *runtime;
    const char *device;
    size_t n_checked, n_failed;
    double worst;
};

static struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(object, key, &value)) {
        fprintf(stderr, "expected.json: %s is missing\n", key);
        exit(1);
    }
    return value;
}

static bool same_label(struct json_object *a, struct json_object *b)
{
    return strcmp(json_object_get_string(member(a, "label")),
                  json_object_get_string(member(b, "label"))) == 0;
}

/* [{"label", "score"}, ...] twice. */
static void compare(struct check *c, const char *what, struct json_object *actual,
                    struct json_object *expected)
{
    size_t n = json_object_array_length(expected);
    bool equal = json_object_array_length(actual) == n;
    for (size_t i = 0; i < n && equal; i++) {
        struct json_object *a = json_object_array_get_idx(actual, i);
        struct json_object *b = json_object_array_get_idx(expected, i);
        double distance = fabs(json_object_get_double(member(a, "score")) -
                               json_object_get_double(member(b, "score")));
        equal = same_label(a, b) && distance <= TOLERANCE;
        c->worst = distance > c->worst ? distance : c->worst;
    }
    c->n_checked++;
    if (!equal) {
        c->n_failed++;
        printf("FAILED %s: %s, expected %s\n", what, json_object_to_json_string(actual),
               json_object_to_json_string(expected));
    }
}

static struct json_object *run(struct check *c, corbel_pipeline *pipeline, const char *inputs,
                               const char *parameters)
{
    char *json = NULL;
    corbel_error err = {0};
    struct json_object *answer = NULL;
    if (corbel_pipeline_run(pipeline, inputs,
                            &CORBEL_PIPELINE_PARAMS(.parameters_json = parameters), &json,
                            &err) != CORBEL_OK) {
        printf("FAILED %s: %s\n", inputs, err.text);
        c->n_failed++;
    } else {
        answer = json_tokener_parse(json);
    }
    corbel_free(json);
    return answer;
}

/* The calls one by one, and then all pictures with top_k 3 as one list in batches of 4. */
static void check_calls(struct check *c, corbel_pipeline *pipeline, struct json_object *calls,
                        const char *pictures)
{
    size_t n = json_object_array_length(calls);
    struct text all = {0};
    for (size_t i = 0; i < n; i++) {
        struct json_object *call = json_object_array_get_idx(calls, i);
        struct text input = {0};
        text_format(&input, "\"%s/%s\"", pictures, json_object_get_string(member(call, "inputs")));
        struct json_object *answer = run(c, pipeline, text_cstr(&input), "{\"top_k\": 3}");
        if (answer)
            compare(c, text_cstr(&input), answer, member(call, "output"));
        text_format(&all, "%s%s", i ? ", " : "[", text_cstr(&input));
        json_object_put(answer);
        text_finish(&input);
    }
    text_append_char(&all, ']');
    struct json_object *answers =
        run(c, pipeline, text_cstr(&all), "{\"top_k\": 3, \"batch_size\": 4}");
    for (size_t i = 0; answers && i < n; i++)
        compare(c, "a batch", json_object_array_get_idx(answers, i),
                member(json_object_array_get_idx(calls, i), "output"));
    json_object_put(answers);
    text_finish(&all);
}

static void check_model(struct check *c, const char *model_name, const char *expected_path,
                        const char *pictures)
{
    corbel_model *model = NULL;
    corbel_pipeline *pipeline = NULL;
    corbel_error err = {0};
    corbel_status status = corbel_model_load(
        c->runtime, model_name, &CORBEL_LOAD_PARAMS(.device_map = c->device, .dtype = CORBEL_F32),
        &model, &err);
    if (status == CORBEL_OK)
        status = corbel_pipeline_create(model, NULL, NULL, &pipeline, &err);
    if (status == CORBEL_OK) {
        struct json_object *expected = fixture_json(expected_path);
        check_calls(c, pipeline, member(expected, "calls"), pictures);
        json_object_put(expected);
    } else {
        printf("FAILED %s: %s\n", model_name, err.text);
        c->n_failed++;
    }
    corbel_pipeline_destroy(&pipeline);
    corbel_model_destroy(&model);
}

static void check_fixture(struct check *c, const char *name)
{
    char part[512], model[4096], expected[4096], pictures[4096];
    snprintf(part, sizeof(part), "%s/model", name);
    fixture_path(model, sizeof(model), "pipelines", part);
    snprintf(part, sizeof(part), "%s/expected.json", name);
    fixture_path(expected, sizeof(expected), "pipelines", part);
    fixture_path(pictures, sizeof(pictures), "images", "");
    check_model(c, model, expected, pictures);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    struct check c = {.device = argv[1]};
    corbel_error err = {0};
    if (corbel_runtime_create(NULL, &c.runtime, &err) != CORBEL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    check_model(&c, "demo/shapes", TEST_SOURCE_DIR "/demo/expected_shapes.json",
                TEST_SOURCE_DIR "/demo/shapes");
    char **names;
    size_t n = fixture_list("pipelines", "image_classification", &names);
    for (size_t i = 0; i < n; i++) {
        check_fixture(&c, names[i]);
        free(names[i]);
    }
    free(names);
    printf("%zu answers, %zu failures, scores within %g\n", c.n_checked, c.n_failed, c.worst);
    corbel_runtime_destroy(&c.runtime);
    return c.n_failed > 0 || c.n_checked == 0;
}
