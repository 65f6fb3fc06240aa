/* conformance/made_model.h: a model of random weights in a folder, and inputs for it. */
#ifndef CONFORMANCE_MADE_MODEL_H
#define CONFORMANCE_MADE_MODEL_H

#include "conformance/conformance.h"

/* Writes config.json and model.safetensors for the class into `folder`, which exists. Weights are
 * such that values neither vanish nor grow from layer to layer; none is 0 or 1 throughout, so that
 * one that is forgotten shows. */
corbel_status made_model_write(struct conformance *c, const struct subject *s, const char *folder,
                               corbel_error *err);

/* What goes into one forward pass: rows of tokens, or pictures. */
struct made_inputs {
    corbel_tensor tensors[2]; /* input_ids and attention_mask, or pixel_values */
    size_t n;
    int64_t batch, tokens;
    void *data[2]; /* owned */
};

/* Random ones, all of them real. */
corbel_status made_inputs_create(struct conformance *c, const struct subject *s, int64_t batch,
                                 int64_t tokens, struct made_inputs *in, corbel_error *err);
/* One row of them, `tokens` of it from the left. */
corbel_status made_inputs_row(const struct made_inputs *in, int64_t row, int64_t tokens,
                              struct made_inputs *out, corbel_error *err);
/* The last `n` tokens of a row become padding. */
void made_inputs_pad(struct made_inputs *in, const struct subject *s, int64_t row, int64_t n);
void made_inputs_finish(struct made_inputs *in);

#endif
