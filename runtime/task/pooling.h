/* task/pooling.h: one vector for a text, as the sentence-transformers library makes it.
 *
 * A model made for that says how in modules.json (its steps), 1_Pooling/config.json (which way of
 * pooling) and sentence_bert_config.json (how many tokens at most). */
#ifndef TASK_POOLING_H
#define TASK_POOLING_H

#include "corbel/corbel.h"

/* In the order in which the results of several are put behind each other. */
enum pooling_mode {
    POOL_CLS,
    POOL_MAX,
    POOL_MEAN,
    POOL_MEAN_SQRT_LEN,
    POOL_WEIGHTED_MEAN,
    POOL_LAST,
    N_POOLING_MODES
};
/* "cls", "max", "mean", ... */
extern const char *const pooling_mode_names[N_POOLING_MODES];

struct pooling {
    bool modes[N_POOLING_MODES];
    bool normalize;
    int64_t max_length; /* tokens of a text; 0: not said */
};

/* What the files of a model's folder say; modes and normalize only if `modules`.
 * CORBEL_E_UNSUPPORTED for steps other than Transformer, Pooling and Normalize, and if `modules`
 * but there is no modules.json. */
corbel_status pooling_load(struct pooling *p, const char *folder, bool modules, corbel_error *err);

/* Elements of a vector made of hidden states of `width`. */
int64_t pooling_width(const struct pooling *p, int64_t width);
/* hidden: [n_tokens, width]; n_tokens > 0. */
void pooling_apply(const struct pooling *p, const float *hidden, int64_t n_tokens, int64_t width,
                   float *vector);

#endif
