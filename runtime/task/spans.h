/* task/spans.h: the likeliest spans of tokens, from logits of where they begin and end. */
#ifndef TASK_SPANS_H
#define TASK_SPANS_H

#include "corbel/corbel.h"

struct span {
    size_t begin, end; /* tokens, both of them in the span */
    double score;      /* probability of its beginning times that of its end */
};

/* At most `most` spans of at most `max_length` tokens that begin and end at allowed tokens, the
 * likeliest first, of equal ones the first; *spans is freed by the caller. Only allowed tokens take
 * part in the probabilities. Token 0 begins and ends nothing: what would have been its probability
 * is *null_score, "there is no answer". */
corbel_status spans_find(const float *begins, const float *ends, const bool *allowed,
                         size_t n_tokens, size_t max_length, size_t most, struct span **spans,
                         size_t *n_spans, double *null_score, corbel_error *err);

#endif
