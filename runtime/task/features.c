/* task/features.c: see features.h. */
#include "task/features.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static corbel_status read_string(struct json_object *value, const char *what, const char **text,
                                 size_t *size, corbel_error *err)
{
    if (!json_object_is_type(value, json_type_string))
        return error_set(err, CORBEL_E_ARGUMENT, "inputs: expected %s, found %s", what,
                         json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    *text = json_object_get_string(value);
    *size = (size_t)json_object_get_string_len(value);
    return CORBEL_OK;
}

corbel_status text_input_read(struct text_input *input, struct json_object *value,
                              corbel_error *err)
{
    *input = (struct text_input){0};
    if (!json_object_is_type(value, json_type_object))
        return read_string(value, "a string", &input->text, &input->text_size, err);

    struct json_object *text = NULL, *pair = NULL;
    json_object_object_get_ex(value, "text", &text);
    json_object_object_get_ex(value, "text_pair", &pair);
    corbel_status status =
        read_string(text, "a string as \"text\"", &input->text, &input->text_size, err);
    if (status == CORBEL_OK && pair)
        status =
            read_string(pair, "a string as \"text_pair\"", &input->pair, &input->pair_size, err);
    return status;
}

/* truncation: true, false, "longest_first", "only_first", "only_second" or "do_not_truncate". */
static const char *read_truncation(struct parameters *parameters)
{
    struct json_object *value = parameter_find(parameters, "truncation");
    if (!value || json_object_is_type(value, json_type_boolean))
        return parameter_bool(parameters, "truncation", false) ? "longest_first" : NULL;
    const char *name = parameter_string(parameters, "truncation", NULL);
    return name && strcmp(name, "do_not_truncate") == 0 ? NULL : name;
}

corbel_status text_input_encode(const struct call *call, const struct text_input *input,
                                struct parameters *parameters, corbel_encoding **encoding,
                                corbel_error *err)
{
    const corbel_tokenizer *tokenizer = call->pipeline->tokenizer;
    const char *truncation = read_truncation(parameters);
    int64_t max_length = parameter_int(parameters, "max_length", 0, 1, INT32_MAX);
    bool special = parameter_bool(parameters, "add_special_tokens", true);
    if (parameters->status != CORBEL_OK)
        return parameters->status;
    if (max_length == 0)
        max_length = corbel_tokenizer_max_length(tokenizer);

    return corbel_encode(tokenizer, input->text, input->text_size,
                         &CORBEL_ENCODE_PARAMS(.no_special = !special, .pair = input->pair,
                                               .pair_size = input->pair_size,
                                               .truncation = truncation,
                                               .max_length = truncation ? max_length : 0),
                         encoding, err);
}

static corbel_tensor row_of_ids(const char *name, const int32_t *ids, size_t n_ids)
{
    return (corbel_tensor){
        .name = name, .dtype = CORBEL_I32, .rank = 2, .shape = {1, (int64_t)n_ids}, .data = ids};
}

/* token_type_ids are given to models that know them, which their config says. */
static corbel_status forward(const struct call *call, const corbel_encoding *encoding,
                             corbel_tensors **outputs, corbel_error *err)
{
    corbel_model *model = call->pipeline->model;
    const corbel_tensor inputs[] = {
        row_of_ids("input_ids", encoding->ids, encoding->n),
        row_of_ids("token_type_ids", encoding->type_ids, encoding->n),
    };
    size_t n_inputs = corbel_model_config_int(model, "type_vocab_size", 0) > 0 ? 2 : 1;
    return corbel_model_forward(model, inputs, n_inputs, NULL, outputs, err);
}

corbel_status features_compute(const struct call *call, struct json_object *input,
                               struct parameters *parameters, const char *name, uint32_t rank,
                               corbel_tensors **outputs, const corbel_tensor **output,
                               corbel_error *err)
{
    *outputs = NULL;
    *output = NULL;
    struct text_input text;
    corbel_encoding *encoding = NULL;
    corbel_status status = text_input_read(&text, input, err);
    if (status == CORBEL_OK)
        status = text_input_encode(call, &text, parameters, &encoding, err);
    if (status != CORBEL_OK)
        return status;
    if (encoding->n == 0)
        status = error_set(err, CORBEL_E_ARGUMENT, "inputs: the text has no tokens");
    else
        status = forward(call, encoding, outputs, err);
    corbel_encoding_destroy(&encoding);
    if (status != CORBEL_OK)
        return status;

    *output = corbel_tensors_find(*outputs, name);
    if (!*output || (*output)->dtype != CORBEL_F32 || (*output)->rank != rank ||
        (*output)->shape[0] != 1)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%s: the model has no output %s as this task needs it",
                         corbel_model_folder(call->pipeline->model), name);
    return CORBEL_OK;
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
