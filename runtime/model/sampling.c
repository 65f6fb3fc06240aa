/* model/sampling.c: logits processors and warpers, with transformers' formulas. */
#include "model/sampling.h"

#include "base/error.h"
#include "model/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- processors: always ---------------------------------------------------------------------- */

/* RepetitionPenaltyLogitsProcessor: each token that occurs behind the padding, once. */
static void penalise_repetition(struct sampler *s, const struct sampler_row *row)
{
    float penalty = (float)s->config->repetition_penalty;
    if (penalty == 1.0f)
        return;
    memset(s->seen, 0, (size_t)s->vocab);
    for (int64_t i = row->n_padding; i < row->n; i++) {
        int32_t id = row->tokens[i];
        if (id < 0 || id >= s->vocab || s->seen[id])
            continue;
        s->seen[id] = 1;
        s->scores[id] = s->scores[id] < 0 ? s->scores[id] * penalty : s->scores[id] / penalty;
    }
}

/* NoRepeatNGramLogitsProcessor: what followed the last n-1 tokens before may not follow again. */
static void forbid_ngrams(struct sampler *s, const int32_t *sequence, int64_t n)
{
    int64_t size = s->config->no_repeat_ngram_size, prefix = size - 1;
    if (size == 0 || n < size)
        return;
    const int32_t *last = sequence + n - prefix;
    for (int64_t i = 0; i + prefix < n; i++) {
        int32_t next = sequence[i + prefix];
        if (memcmp(sequence + i, last, (size_t)prefix * sizeof(*last)) == 0 && next >= 0 &&
            next < s->vocab)
            s->scores[next] = -INFINITY;
    }
}

static void forbid(struct sampler *s, struct token_list tokens)
{
    for (size_t i = 0; i < tokens.n; i++)
        if (tokens.ids[i] < s->vocab)
            s->scores[tokens.ids[i]] = -INFINITY;
}

/* ---- warpers: when sampling ------------------------------------------------------------------ */

static int by_logit(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void swap(struct candidate *a, struct candidate *b)
{
    struct candidate t = *a;
    *a = *b;
    *b = t;
}

/* Quickselect: afterwards the k greatest stand first, in any order. */
static void select_top(struct candidate *c, int64_t n, int64_t k)
{
    int64_t lo = 0, hi = n - 1;
    while (lo < hi) {
        float pivot = c[lo + (hi - lo) / 2].logit;
        int64_t i = lo, j = hi;
        while (i <= j) {
            while (c[i].logit > pivot)
                i++;
            while (c[j].logit < pivot)
                j--;
            if (i <= j)
                swap(&c[i++], &c[j--]);
        }
        if (k - 1 <= j)
            hi = j;
        else if (k - 1 >= i)
            lo = i;
        else
            break;
    }
}

/* Tokens that are possible at all, with the temperature; returns how many. */
static int64_t gather_candidates(struct sampler *s)
{
    float temperature = (float)s->config->temperature;
    int64_t n = 0;
    for (int64_t i = 0; i < s->vocab; i++)
        if (s->scores[i] > -INFINITY) /* false for NaN too */
            s->candidates[n++] =
                (struct candidate){.logit = s->scores[i] / temperature, .id = (int32_t)i};
    return n;
}

/* Candidates are sorted; probabilities are relative to the first one's. */
static double weight(const struct sampler *s, int64_t i)
{
    return exp((double)s->candidates[i].logit - (double)s->candidates[0].logit);
}

/* TopPLogitsWarper: the fewest whose probabilities reach top_p. */
static int64_t cut_top_p(const struct sampler *s, int64_t n)
{
    double total = 0, sum = 0;
    int64_t i;
    if (s->config->top_p >= 1)
        return n;
    for (i = 0; i < n; i++)
        total += weight(s, i);
    for (i = 0; i < n && (i == 0 || sum < s->config->top_p * total); i++)
        sum += weight(s, i);
    return i;
}

/* MinPLogitsWarper: those at least min_p as probable as the first. */
static int64_t cut_min_p(const struct sampler *s, int64_t n)
{
    int64_t i = 1;
    if (s->config->min_p <= 0)
        return n;
    while (i < n && weight(s, i) >= s->config->min_p)
        i++;
    return i;
}

static int32_t draw(struct sampler *s, uint64_t *random)
{
    int64_t n = gather_candidates(s), k = s->config->top_k;
    if (n == 0)
        return 0;
    if (k > 0 && k < n) {
        select_top(s->candidates, n, k);
        n = k;
    }
    qsort(s->candidates, (size_t)n, sizeof(*s->candidates), by_logit);
    n = cut_min_p(s, cut_top_p(s, n));
    double total = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        total += weight(s, i);
    double at = random_uniform(random) * total;
    for (int64_t i = 0; i < n; i++) {
        sum += weight(s, i);
        if (at < sum)
            return s->candidates[i].id;
    }
    return s->candidates[n - 1].id;
}

static int32_t greatest(const float *scores, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (scores[i] > scores[best])
            best = i;
    return (int32_t)best;
}

int32_t sampler_choose(struct sampler *s, const float *logits, const struct sampler_row *row,
                       uint64_t *random)
{
    const struct generation_config *c = s->config;
    memcpy(s->scores, logits, (size_t)s->vocab * sizeof(*logits));
    penalise_repetition(s, row);
    forbid_ngrams(s, row->tokens, row->n);
    if (row->n_new < c->min_new_tokens)
        forbid(s, c->eos);
    forbid(s, c->suppress);
    if (row->n_new == 0)
        forbid(s, c->begin_suppress);
    return c->do_sample ? draw(s, random) : greatest(s->scores, s->vocab);
}

corbel_status sampler_init(struct sampler *s, const struct generation_config *config, int64_t vocab,
                           corbel_error *err)
{
    *s = (struct sampler){.config = config, .vocab = vocab};
    s->scores = malloc((size_t)vocab * sizeof(*s->scores));
    s->seen = malloc((size_t)vocab);
    if (config->do_sample)
        s->candidates = malloc((size_t)vocab * sizeof(*s->candidates));
    if (!s->scores || !s->seen || (config->do_sample && !s->candidates)) {
        sampler_finish(s);
        return error_memory(err, (size_t)vocab * sizeof(*s->candidates), "sampling");
    }
    return CORBEL_OK;
}

void sampler_finish(struct sampler *s)
{
    free(s->scores);
    free(s->seen);
    free(s->candidates);
    *s = (struct sampler){0};
}
