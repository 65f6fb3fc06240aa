/* task/features.h: what tasks other than generation have in common: a text is encoded, the model
 * runs once, and a named output is looked at. */
#ifndef TASK_FEATURES_H
#define TASK_FEATURES_H

#include "task/parameters.h"
#include "task/task.h"

/* A text, or two that belong together ({"text": ..., "text_pair": ...}); json-c's memory. */
struct text_input {
    const char *text, *pair; /* pair NULL: none */
    size_t text_size, pair_size;
};

corbel_status text_input_read(struct text_input *input, struct json_object *value,
                              corbel_error *err);

/* The names of the tokenizer's parameters (truncation, max_length, ...). */
#define TOKENIZER_PARAMETERS "add_special_tokens", "truncation", "max_length", "padding"

/* Encodes with the parameters above. `max_length` is the model's if truncation is on without one.
 */
corbel_status text_input_encode(const struct call *call, const struct text_input *input,
                                struct parameters *parameters, corbel_encoding **encoding,
                                corbel_error *err);

/* Runs the model on one text and finds its output `name`, F32, of rank `rank` and with one row.
 * *outputs is destroyed by the caller also after a failure. */
corbel_status features_compute(const struct call *call, struct json_object *input,
                               struct parameters *parameters, const char *name, uint32_t rank,
                               corbel_tensors **outputs, const corbel_tensor **output,
                               corbel_error *err);

/* A float so that it reads back the same, always with a point or an exponent. */
void append_float(struct text *out, float value);

#endif
