/* task/labels.h: a classification's logits as labels with scores, best first. */
#ifndef TASK_LABELS_H
#define TASK_LABELS_H

#include "task/parameters.h"
#include "task/task.h"

enum score_function { SCORE_NONE, SCORE_SIGMOID, SCORE_SOFTMAX, SCORE_DEFAULT };

struct score {
    float value;
    int64_t label;
};

/* The parameter function_to_apply; SCORE_DEFAULT without it. */
enum score_function score_function_read(struct parameters *parameters);
/* What SCORE_DEFAULT is for a model with so many labels: its problem_type says so. */
corbel_status score_function_default(const struct call *call, int64_t n_labels,
                                     enum score_function *function, corbel_error *err);

/* The scores of n logits, in the order of the labels; not with SCORE_DEFAULT. */
void scores_apply(enum score_function function, const float *logits, int64_t n, float *scores);
/* The labels of n scores, best first; equal ones in the order of their labels. */
void scores_rank(const float *scores, int64_t n, struct score *ranked);
void scores_sort(struct score *scores, int64_t n);

/* config.id2label, else transformers' LABEL_0, LABEL_1, ...; lives as long as the pipeline. */
struct label_name {
    const char *text; /* config.json's, or `made` */
    size_t size;
    char made[32];
};
void label_name_get(struct label_name *name, const struct call *call, int64_t label);

/* {"label": ..., "score": ...} */
void score_append(const struct call *call, const struct score *score, struct text *out);

/* A float so that it reads back the same, always with a point or an exponent. */
void append_float(struct text *out, float value);

#endif
