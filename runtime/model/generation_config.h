/* model/generation_config.h: how to choose tokens: the caller's word, then generation_config.json,
 * then what old files keep in config.json, then transformers' defaults (specs.md 8). */
#ifndef MODEL_GENERATION_CONFIG_H
#define MODEL_GENERATION_CONFIG_H

#include "model/model.h"

#define GENERATION_MAX_EOS 64

struct token_list {
    const int32_t *ids;
    size_t n;
};

struct generation_config {
    int64_t max_new_tokens, min_new_tokens; /* already less the prompt where given as lengths */
    bool do_sample;
    double temperature, top_p, min_p, repetition_penalty;
    int64_t top_k;                /* 0: off */
    int64_t no_repeat_ngram_size; /* 0: off */
    struct token_list eos, suppress, begin_suppress;
    int32_t pad_token_id;
    uint64_t seed;
};

/* prompt: tokens a row. Lists live in `arena`. Errors name the file and the key. */
corbel_status generation_config_read(struct generation_config *g, const struct corbel_model *model,
                                     const corbel_generate_params *params, int64_t prompt,
                                     struct arena *arena, corbel_error *err);

#endif
