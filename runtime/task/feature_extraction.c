/* task/feature_extraction.c: a text's hidden states, [1, tokens, hidden] as nested lists; or, with
 * `pooling`, one vector, as sentence-transformers' encode gives it. */
#include "base/error.h"
#include "task/forward.h"
#include "task/labels.h"
#include "task/pooling.h"
#include "task/text_input.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct options {
    struct tokenizer_options tokenizer;
    bool pools;
    struct pooling pooling;
};

/* tokenize_kwargs is an object of the tokenizer's parameters, which may also stand beside it. */
static void read_tokenizer_options(struct options *o, struct parameters *parameters)
{
    static const char *const names[] = {TOKENIZER_PARAMETERS};
    struct json_object *object = parameter_find(parameters, "tokenize_kwargs");
    if (!object) {
        tokenizer_options_read(&o->tokenizer, parameters);
        return;
    }
    struct parameters own = {.object = object, .err = parameters->err};
    if (!json_object_is_type(object, json_type_object)) {
        parameter_fail(parameters, CORBEL_E_ARGUMENT,
                       "parameters: tokenize_kwargs: expected an object");
        return;
    }
    parameters_check_names(&own, names, sizeof(names) / sizeof(*names));
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (parameter_given(parameters, names[i]))
            parameter_fail(parameters, CORBEL_E_ARGUMENT,
                           "parameters: %s: with tokenize_kwargs it belongs in there", names[i]);
    tokenizer_options_read(&o->tokenizer, &own);
    if (parameters->status == CORBEL_OK)
        parameters->status = own.status;
}

/* pooling: "none", "auto" (what the model's files say), or one of the modes. */
static void read_pooling(struct options *o, const struct call *call, struct parameters *parameters)
{
    const char *name = parameter_string(parameters, "pooling", "none");
    bool found = strcmp(name, "auto") == 0;
    o->pools = strcmp(name, "none") != 0;
    if (o->pools && parameters->status == CORBEL_OK)
        parameters->status = pooling_load(&o->pooling, corbel_model_folder(call->pipeline->model),
                                          found, parameters->err);
    for (int i = 0; i < N_POOLING_MODES && !found && o->pools; i++)
        found = o->pooling.modes[i] = strcmp(name, pooling_mode_names[i]) == 0;
    if (o->pools && !found)
        parameter_fail(parameters, CORBEL_E_ARGUMENT,
                       "parameters: pooling: expected none, auto, cls, max, mean, mean_sqrt_len, "
                       "weightedmean or lasttoken, found \"%s\"",
                       name);
    if (!o->pools && parameter_bool(parameters, "normalize", false))
        parameter_fail(parameters, CORBEL_E_ARGUMENT, "parameters: normalize: only with pooling");
    o->pooling.normalize = parameter_bool(parameters, "normalize", o->pooling.normalize);
}

/* sentence-transformers always cuts texts to what the model can take. */
static void set_pooling_length(struct options *o, const struct call *call)
{
    if (o->tokenizer.truncation || o->tokenizer.max_length > 0)
        return;
    int64_t limit = o->pooling.max_length;
    if (limit == 0) {
        int64_t positions =
            corbel_model_config_int(call->pipeline->model, "max_position_embeddings", 0);
        limit = corbel_tokenizer_max_length(call->pipeline->tokenizer);
        if (positions > 0 && (limit == 0 || positions < limit))
            limit = positions;
    }
    if (limit > 0) {
        o->tokenizer.truncation = "longest_first";
        o->tokenizer.max_length = limit;
    }
}

static void read_options(struct call *call, struct parameters *parameters)
{
    static const char *const names[] = {"tokenize_kwargs", "return_tensors", "pooling", "normalize",
                                        TOKENIZER_PARAMETERS};
    struct options *o = call->options;
    parameters_check_names(parameters, names, sizeof(names) / sizeof(*names));
    parameter_bool(parameters, "return_tensors", false); /* JSON has lists only */
    read_tokenizer_options(o, parameters);
    read_pooling(o, call, parameters);
    if (o->pools)
        set_pooling_length(o, call);
}

/* White space at both ends goes, as in sentence-transformers. */
static void strip(struct text_input *text)
{
    while (text->text_size > 0 && unicode_is_whitespace(utf8_get(text->text))) {
        size_t n = utf8_length((unsigned char)*text->text);
        text->text += n;
        text->text_size -= n;
    }
    while (text->text_size > 0) {
        size_t last = text->text_size - 1;
        while (last > 0 && utf8_is_continuation(text->text[last]))
            last--;
        if (!unicode_is_whitespace(utf8_get(text->text + last)))
            return;
        text->text_size = last;
    }
}

static corbel_status encode(const struct call *call, struct item *item, corbel_error *err)
{
    const struct options *o = call->options;
    struct text_input text;
    if (!json_object_is_type(item->input, json_type_string))
        return error_set(err, CORBEL_E_ARGUMENT, "inputs: expected a string, found %s",
                         json_describe(item->input));
    corbel_status status = text_input_read(&text, item->input, err);
    if (status == CORBEL_OK && o->pools)
        strip(&text);
    return status == CORBEL_OK ? text_input_encode(call, &text, &o->tokenizer, &item->encoding, err)
                               : status;
}

static void append_row(struct text *out, const float *row, int64_t n)
{
    text_append_char(out, '[');
    for (int64_t i = 0; i < n; i++) {
        text_append(out, i ? ", " : "");
        append_float(out, row[i]);
    }
    text_append_char(out, ']');
}

static corbel_status append_pooled(const struct options *o, const struct window *window,
                                   struct text *out, corbel_error *err)
{
    int64_t width = pooling_width(&o->pooling, window->width);
    float *vector = calloc((size_t)width + 1, sizeof(*vector));
    if (!vector)
        return error_memory(err, (size_t)width * sizeof(*vector), "a sentence's vector");
    pooling_apply(&o->pooling, window->outputs[0], (int64_t)window->encoding->n, window->width,
                  vector);
    append_row(out, vector, width);
    free(vector);
    return CORBEL_OK;
}

static corbel_status answer(const struct call *call, const struct item *item, struct text *out,
                            corbel_error *err)
{
    const struct options *o = call->options;
    const struct window *window = &item->windows[0];
    if (o->pools)
        return append_pooled(o, window, out, err);
    text_append(out, "[[");
    for (size_t t = 0; t < window->encoding->n; t++) {
        text_append(out, t ? ", " : "");
        append_row(out, window->outputs[0] + (int64_t)t * window->width, window->width);
    }
    text_append(out, "]]");
    return CORBEL_OK;
}

static const struct forward_task forward = {
    .outputs = {"last_hidden_state"},
    .rank = 3,
    .per_token = true,
    .encode = encode,
    .answer = answer,
};

const struct task feature_extraction = {
    .name = "feature-extraction",
    .options_size = sizeof(struct options),
    .read_options = read_options,
    .forward = &forward,
};
