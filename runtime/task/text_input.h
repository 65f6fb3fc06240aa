/* task/text_input.h: texts as inputs, and what a call says about encoding them. */
#ifndef TASK_TEXT_INPUT_H
#define TASK_TEXT_INPUT_H

#include "task/task.h"

/* A text, or two that belong together ({"text": ..., "text_pair": ...}); json-c's memory. */
struct text_input {
    const char *text, *pair; /* pair NULL: none */
    size_t text_size, pair_size;
};

corbel_status text_input_read(struct text_input *input, struct json_object *value,
                              corbel_error *err);

/* The names of the parameters that a transformers tokenizer takes, as far as they make sense here:
 * one text is one row, so `padding` changes nothing and is only checked. */
#define TOKENIZER_PARAMETERS                                                     \
    "add_special_tokens", "truncation", "max_length", "padding", "padding_side", \
        "truncation_side", "split_special_tokens"

struct tokenizer_options {
    bool no_special, split_special;
    const char *truncation; /* NULL: none */
    int64_t max_length;     /* 0: the tokenizer's */
    const char *truncation_side;
};

void tokenizer_options_read(struct tokenizer_options *o, struct parameters *parameters);

/* The encoding parameters for these options; the caller adds the text's own. */
corbel_encode_params tokenizer_options_params(const struct tokenizer_options *o,
                                              const struct call *call);

corbel_status text_input_encode(const struct call *call, const struct text_input *input,
                                const struct tokenizer_options *o, corbel_encoding **encoding,
                                corbel_error *err);

#endif
