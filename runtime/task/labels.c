/* task/labels.c: see labels.h. */
#include "task/labels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum score_function score_function_read(struct parameters *parameters)
{
    static const char *const names[] = {"none", "sigmoid", "softmax"};
    const char *name = parameter_string(parameters, "function_to_apply", NULL);
    for (int i = 0; name && i < 3; i++)
        if (strcasecmp(name, names[i]) == 0)
            return (enum score_function)i;
    if (name)
        parameter_fail(parameters, CORBEL_E_ARGUMENT,
                       "parameters: function_to_apply: expected none, sigmoid or softmax, found %s",
                       name);
    return SCORE_DEFAULT;
}

/* See TextClassificationPipeline.postprocess of transformers. */
corbel_status score_function_default(const struct call *call, int64_t n_labels,
                                     enum score_function *function, corbel_error *err)
{
    const char *type = NULL;
    corbel_status status = config_string(&call->pipeline->config, "problem_type", &type, NULL, err);
    if (type && strcmp(type, "regression") == 0)
        *function = SCORE_NONE;
    else if ((type && strcmp(type, "multi_label_classification") == 0) || n_labels == 1)
        *function = SCORE_SIGMOID;
    else
        *function = SCORE_SOFTMAX;
    return status;
}

void scores_apply(enum score_function function, const float *logits, int64_t n, float *scores)
{
    float max = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        max = logits[i] > max ? logits[i] : max;
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)max);

    for (int64_t i = 0; i < n; i++) {
        double x = (double)logits[i];
        scores[i] = function == SCORE_SOFTMAX   ? (float)(exp(x - (double)max) / sum)
                    : function == SCORE_SIGMOID ? (float)(1 / (1 + exp(-x)))
                                                : logits[i];
    }
}

static int by_score(const void *a, const void *b)
{
    const struct score *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return x->label < y->label ? -1 : 1;
}

void scores_rank(const float *scores, int64_t n, struct score *ranked)
{
    for (int64_t i = 0; i < n; i++)
        ranked[i] = (struct score){scores[i], i};
    scores_sort(ranked, n);
}

void scores_sort(struct score *scores, int64_t n)
{
    qsort(scores, (size_t)n, sizeof(*scores), by_score);
}

void label_name_get(struct label_name *name, const struct call *call, int64_t label)
{
    const char *key = name->made + strlen("LABEL_");
    snprintf(name->made, sizeof(name->made), "LABEL_%lld", (long long)label);
    name->text = name->made;
    name->size = strlen(name->made);

    struct json_object *labels = config_find(&call->pipeline->config, "id2label", NULL);
    struct json_object *known = NULL;
    if (json_object_is_type(labels, json_type_object))
        json_object_object_get_ex(labels, key, &known);
    if (json_object_is_type(known, json_type_string)) {
        name->text = json_object_get_string(known);
        name->size = (size_t)json_object_get_string_len(known);
    }
}

void score_append(const struct call *call, const struct score *score, struct text *out)
{
    struct label_name name;
    label_name_get(&name, call, score->label);
    text_append(out, "{\"label\": ");
    text_append_json_string(out, name.text, name.size);
    text_append(out, ", \"score\": ");
    append_float(out, score->value);
    text_append_char(out, '}');
}

void append_float(struct text *out, float value)
{
    if (!isfinite(value)) { /* as Python's json writes them */
        text_append(out, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    char digits[32];
    snprintf(digits, sizeof(digits), "%.9g", (double)value);
    text_append(out, digits);
    if (!strpbrk(digits, ".e"))
        text_append(out, ".0");
}
