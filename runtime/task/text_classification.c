/* task/text_classification.c: labels with scores for a text or a pair of texts.
 *
 * The model's logits go through softmax, or sigmoid, or nothing, as problem_type says; the answer
 * is the best label, or the `top_k` best (null: all), best first. */
#include "base/error.h"
#include "task/forward.h"
#include "task/labels.h"
#include "task/text_input.h"

#include <stdlib.h>

struct options {
    struct tokenizer_options tokenizer;
    enum score_function function;
    int64_t top_k; /* INT32_MAX: all */
    bool legacy;   /* without top_k */
};

static void read_options(struct call *call, struct parameters *parameters)
{
    static const char *const names[] = {"top_k", "function_to_apply", TOKENIZER_PARAMETERS};
    struct options *o = call->options;
    parameters_check_names(parameters, names, sizeof(names) / sizeof(*names));
    tokenizer_options_read(&o->tokenizer, parameters);
    o->function = score_function_read(parameters);
    o->legacy = !parameter_given(parameters, "top_k");
    o->top_k = o->legacy ? 1 : parameter_int(parameters, "top_k", INT32_MAX, 0, INT32_MAX);
}

/* [["a text", "its pair"]]: an old form of a pair that transformers still takes. */
static bool read_old_pair(struct text_input *text, struct json_object *input)
{
    struct json_object *pair = NULL, *parts[2];
    if (json_object_is_type(input, json_type_array) && json_object_array_length(input) == 1)
        pair = json_object_array_get_idx(input, 0);
    if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
        return false;
    for (size_t i = 0; i < 2; i++)
        if (!json_object_is_type(parts[i] = json_object_array_get_idx(pair, i), json_type_string))
            return false;
    *text = (struct text_input){json_object_get_string(parts[0]), json_object_get_string(parts[1]),
                                (size_t)json_object_get_string_len(parts[0]),
                                (size_t)json_object_get_string_len(parts[1])};
    return true;
}

static corbel_status encode(const struct call *call, struct item *item, corbel_error *err)
{
    const struct options *o = call->options;
    struct text_input text;
    if (!read_old_pair(&text, item->input)) {
        corbel_status status = text_input_read(&text, item->input, err);
        if (status != CORBEL_OK)
            return status;
    }
    return text_input_encode(call, &text, &o->tokenizer, &item->encoding, err);
}

/* Without top_k the answer is one object, which a string that came alone gets in a list: a habit
 * of transformers that its users' code relies on. */
static void append_answer(const struct call *call, const struct item *item,
                          const struct score *ranked, int64_t n, struct text *out)
{
    const struct options *o = call->options;
    bool list =
        !o->legacy || (!call->in_list && json_object_is_type(item->input, json_type_string));
    text_append(out, list ? "[" : "");
    for (int64_t i = 0; i < n && i < o->top_k; i++) {
        text_append(out, i ? ", " : "");
        score_append(call, &ranked[i], out);
    }
    text_append(out, list ? "]" : "");
}

static corbel_status answer(const struct call *call, const struct item *item, struct text *out,
                            corbel_error *err)
{
    const struct options *o = call->options;
    const struct window *window = &item->windows[0];
    enum score_function function = o->function;
    size_t n = (size_t)window->width;
    corbel_status status = CORBEL_OK;
    if (n == 0)
        return error_set(err, CORBEL_E_CONFIG, "%s: the model has no labels",
                         corbel_model_folder(call->pipeline->model));
    if (function == SCORE_DEFAULT)
        status = score_function_default(call, window->width, &function, err);
    if (status != CORBEL_OK)
        return status;

    float *scores = calloc(n, sizeof(*scores));
    struct score *ranked = calloc(n, sizeof(*ranked));
    if (scores && ranked) {
        scores_apply(function, window->outputs[0], window->width, scores);
        scores_rank(scores, window->width, ranked);
        append_answer(call, item, ranked, window->width, out);
    } else {
        status = error_memory(err, n * sizeof(*ranked), "scores");
    }
    free(scores);
    free(ranked);
    return status;
}

static const struct forward_task forward = {
    .outputs = {"logits"},
    .rank = 2,
    .encode = encode,
    .answer = answer,
};

const struct task text_classification = {
    .name = "text-classification",
    .options_size = sizeof(struct options),
    .read_options = read_options,
    .forward = &forward,
};
