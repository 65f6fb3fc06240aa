/* task/text_classification.c: labels with scores for a text or a pair of texts.
 *
 * The model's logits go through softmax, or sigmoid, or nothing, as problem_type says; the answer
 * is the best label, or the `top_k` best (null: all), best first. */
#include "base/error.h"
#include "task/features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum function { FUNCTION_NONE, FUNCTION_SIGMOID, FUNCTION_SOFTMAX };

struct score {
    float value;
    int64_t label;
};

/* What transformers applies when it is not told: see TextClassificationPipeline.postprocess. */
static enum function default_function(const char *problem_type, int64_t n_labels)
{
    if (problem_type && strcmp(problem_type, "regression") == 0)
        return FUNCTION_NONE;
    if ((problem_type && strcmp(problem_type, "multi_label_classification") == 0) || n_labels == 1)
        return FUNCTION_SIGMOID;
    return FUNCTION_SOFTMAX;
}

static enum function read_function(const struct call *call, struct parameters *parameters,
                                   int64_t n_labels)
{
    static const char *const names[] = {"none", "sigmoid", "softmax"};
    const char *name = parameter_string(parameters, "function_to_apply", NULL);
    if (!name) {
        const char *problem_type = NULL;
        int found = 0;
        corbel_status status = config_string(&call->pipeline->config, "problem_type", &problem_type,
                                             &found, parameters->err);
        if (status != CORBEL_OK)
            parameters->status = status;
        return default_function(problem_type, n_labels);
    }
    for (int i = 0; i < 3; i++)
        if (strcasecmp(name, names[i]) == 0)
            return (enum function)i;
    parameter_fail(parameters, CORBEL_E_ARGUMENT,
                   "parameters: function_to_apply: expected none, sigmoid or softmax, found %s",
                   name);
    return FUNCTION_NONE;
}

static void apply(enum function function, struct score *scores, const float *logits, int64_t n)
{
    float max = logits[0];
    double sum = 0;
    for (int64_t i = 1; i < n; i++)
        max = logits[i] > max ? logits[i] : max;
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)max);

    for (int64_t i = 0; i < n; i++) {
        double x = (double)logits[i];
        scores[i].label = i;
        scores[i].value = function == FUNCTION_SOFTMAX   ? (float)(exp(x - (double)max) / sum)
                          : function == FUNCTION_SIGMOID ? (float)(1 / (1 + exp(-x)))
                                                         : logits[i];
    }
}

/* Best first; equal ones in the order of their labels. */
static int by_score(const void *a, const void *b)
{
    const struct score *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return x->label < y->label ? -1 : 1;
}

/* config.id2label, else transformers' LABEL_0, LABEL_1, ... */
static void append_label(const struct call *call, int64_t label, struct text *out)
{
    char key[32];
    snprintf(key, sizeof(key), "%lld", (long long)label);
    const char *found;
    struct json_object *labels = config_find(&call->pipeline->config, "id2label", &found);
    struct json_object *name = NULL;
    if (json_object_is_type(labels, json_type_object))
        json_object_object_get_ex(labels, key, &name);
    if (json_object_is_type(name, json_type_string))
        text_append_json_string(out, json_object_get_string(name),
                                (size_t)json_object_get_string_len(name));
    else
        text_format(out, "\"LABEL_%s\"", key);
}

static void append_score(const struct call *call, const struct score *score, struct text *out)
{
    text_append(out, "{\"label\": ");
    append_label(call, score->label, out);
    text_append(out, ", \"score\": ");
    append_float(out, score->value);
    text_append_char(out, '}');
}

/* Without top_k the answer is one object, which a string that came alone gets in a list: a habit
 * of transformers that its users' code relies on. */
static corbel_status answer(const struct call *call, struct json_object *input,
                            struct parameters *parameters, const corbel_tensor *logits,
                            struct text *out)
{
    int64_t n = logits->shape[1];
    enum function function = read_function(call, parameters, n);
    int64_t top_k = parameter_int(parameters, "top_k", n, 0, INT32_MAX);
    bool one = !parameter_given(parameters, "top_k");
    if (parameters->status != CORBEL_OK)
        return parameters->status;

    struct score *scores = calloc((size_t)n, sizeof(*scores));
    if (!scores)
        return error_memory(parameters->err, (size_t)n * sizeof(*scores), "scores");
    apply(function, scores, logits->data, n);
    qsort(scores, (size_t)n, sizeof(*scores), by_score);

    bool list = !one || (!call->in_list && json_object_is_type(input, json_type_string));
    int64_t count = one ? 1 : top_k < n ? top_k : n;
    text_append(out, list ? "[" : "");
    for (int64_t i = 0; i < count; i++) {
        text_append(out, i ? ", " : "");
        append_score(call, &scores[i], out);
    }
    text_append(out, list ? "]" : "");
    free(scores);
    return CORBEL_OK;
}

static corbel_status run(struct call *call, struct json_object *input, struct text *out,
                         corbel_error *err)
{
    static const char *const names[] = {"top_k", "function_to_apply", TOKENIZER_PARAMETERS};
    struct parameters parameters = {.object = call->parameters, .err = err};
    parameters_check_names(&parameters, names, sizeof(names) / sizeof(*names));

    corbel_tensors *outputs = NULL;
    const corbel_tensor *logits;
    corbel_status status =
        features_compute(call, input, &parameters, "logits", 2, &outputs, &logits, err);
    if (status == CORBEL_OK && logits->shape[1] < 1)
        status = error_set(err, CORBEL_E_CONFIG, "%s: the model has no labels",
                           corbel_model_folder(call->pipeline->model));
    if (status == CORBEL_OK)
        status = answer(call, input, &parameters, logits, out);
    corbel_tensors_destroy(&outputs);
    return status;
}

const struct task text_classification = {"text-classification", run};
