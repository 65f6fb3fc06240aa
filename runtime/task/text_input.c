/* task/text_input.c: see text_input.h. */
#include "task/text_input.h"

#include "base/error.h"

#include <string.h>

static corbel_status read_string(struct json_object *value, const char *what, const char **text,
                                 size_t *size, corbel_error *err)
{
    if (!json_object_is_type(value, json_type_string))
        return error_set(err, CORBEL_E_ARGUMENT, "inputs: expected %s, found %s", what,
                         json_describe(value));
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

/* ---- the tokenizer's parameters -------------------------------------------------------------- */

static bool is_boolean(struct parameters *parameters, const char *name)
{
    struct json_object *value = parameter_find(parameters, name);
    return !value || json_object_is_type(value, json_type_boolean);
}

static const char *read_choice(struct parameters *parameters, const char *name,
                               const char *const *choices, const char *expected)
{
    const char *value = parameter_string(parameters, name, NULL);
    for (const char *const *c = choices; value && *c; c++)
        if (strcmp(*c, value) == 0)
            return value;
    if (value)
        parameter_fail(parameters, CORBEL_E_ARGUMENT, "parameters: %s: expected %s, found \"%s\"",
                       name, expected, value);
    return NULL;
}

static const char *read_truncation(struct parameters *parameters)
{
    static const char *const choices[] = {"longest_first", "only_first", "only_second",
                                          "do_not_truncate", NULL};
    if (is_boolean(parameters, "truncation"))
        return parameter_bool(parameters, "truncation", false) ? "longest_first" : NULL;
    const char *name =
        read_choice(parameters, "truncation", choices,
                    "true, false, longest_first, only_first, only_second or do_not_truncate");
    return name && strcmp(name, "do_not_truncate") == 0 ? NULL : name;
}

void tokenizer_options_read(struct tokenizer_options *o, struct parameters *parameters)
{
    static const char *const sides[] = {"left", "right", NULL};
    static const char *const paddings[] = {"longest", "max_length", "do_not_pad", NULL};
    *o = (struct tokenizer_options){
        .no_special = !parameter_bool(parameters, "add_special_tokens", true),
        .split_special = parameter_bool(parameters, "split_special_tokens", false),
        .truncation = read_truncation(parameters),
        .max_length = parameter_int(parameters, "max_length", 0, 1, INT32_MAX),
        .truncation_side = read_choice(parameters, "truncation_side", sides, "left or right"),
    };
    read_choice(parameters, "padding_side", sides, "left or right");
    if (is_boolean(parameters, "padding"))
        parameter_bool(parameters, "padding", false);
    else
        read_choice(parameters, "padding", paddings,
                    "true, false, longest, max_length or do_not_pad");
}

corbel_encode_params tokenizer_options_params(const struct tokenizer_options *o,
                                              const struct call *call)
{
    int64_t max_length =
        o->max_length > 0 ? o->max_length : corbel_tokenizer_max_length(call->pipeline->tokenizer);
    return CORBEL_ENCODE_PARAMS(.no_special = o->no_special, .truncation = o->truncation,
                                .max_length = o->truncation ? max_length : 0,
                                .truncation_side = o->truncation_side,
                                .split_special_tokens = o->split_special);
}

corbel_status text_input_encode(const struct call *call, const struct text_input *input,
                                const struct tokenizer_options *o, corbel_encoding **encoding,
                                corbel_error *err)
{
    corbel_encode_params params = tokenizer_options_params(o, call);
    params.pair = input->pair;
    params.pair_size = input->pair_size;
    return corbel_encode(call->pipeline->tokenizer, input->text, input->text_size, &params,
                         encoding, err);
}
