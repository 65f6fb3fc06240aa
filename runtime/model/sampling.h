/* model/sampling.h: from a row of logits to a token.
 *
 * The order is transformers' (generation/utils.py, _get_logits_processor): repetition penalty,
 * n-grams, least length, suppressed tokens; then temperature, top-k, top-p, min-p; then the
 * greatest, or a draw. */
#ifndef MODEL_SAMPLING_H
#define MODEL_SAMPLING_H

#include "model/generation_config.h"

struct candidate {
    float logit;
    int32_t id;
};

/* Scratch for one vocabulary size, used row by row. */
struct sampler {
    const struct generation_config *config;
    int64_t vocab;
    float *scores;                /* [vocab] */
    uint8_t *seen;                /* [vocab] */
    struct candidate *candidates; /* [vocab] */
};

corbel_status sampler_init(struct sampler *s, const struct generation_config *config, int64_t vocab,
                           corbel_error *err);
void sampler_finish(struct sampler *s);

/* A row's tokens so far: `n_padding` that are padding come first, the last `n_new` are new. */
struct sampler_row {
    const int32_t *tokens;
    int64_t n, n_new, n_padding;
};

/* logits [vocab]; `random` is the row's own state. */
int32_t sampler_choose(struct sampler *s, const float *logits, const struct sampler_row *row,
                       uint64_t *random);

#endif
