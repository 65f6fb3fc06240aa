/* task/spans.c: see spans.h.
 *
 * As decode_spans of transformers' question-answering: all pairs of tokens are candidates, in the
 * order of a square matrix, and those that make no span, or begin or end where they must not, have
 * a score of 0. They are left out only at the end, so where there are fewer spans than asked for,
 * fewer come back. */
#include "task/spans.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

/* Probabilities of the allowed tokens; those of others are 0. */
static void normalize(const float *logits, const bool *allowed, size_t n, float *probabilities)
{
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        if (allowed[i] && (double)logits[i] > max)
            max = (double)logits[i];
    for (size_t i = 0; i < n; i++)
        sum += allowed[i] ? exp((double)logits[i] - max) : 0;
    for (size_t i = 0; i < n; i++)
        probabilities[i] = allowed[i] ? (float)(exp((double)logits[i] - max) / sum) : 0;
}

/* The best spans so far, the worst of them at the top. */
struct heap {
    struct span *items;
    size_t n, capacity;
};

/* Of equal scores the later one is worse. */
static bool is_worse(const struct span *a, const struct span *b)
{
    if (a->score != b->score)
        return a->score < b->score;
    return a->begin != b->begin ? a->begin > b->begin : a->end > b->end;
}

static void swap(struct span *a, struct span *b)
{
    struct span kept = *a;
    *a = *b;
    *b = kept;
}

static void sink(struct heap *h)
{
    for (size_t at = 0, child; (child = 2 * at + 1) < h->n; at = child) {
        if (child + 1 < h->n && is_worse(&h->items[child + 1], &h->items[child]))
            child++;
        if (!is_worse(&h->items[child], &h->items[at]))
            return;
        swap(&h->items[child], &h->items[at]);
    }
}

static void offer(struct heap *h, struct span span)
{
    if (h->n == h->capacity) {
        if (!is_worse(&h->items[0], &span))
            return;
        h->items[0] = span;
        sink(h);
        return;
    }
    size_t at = h->n++;
    h->items[at] = span;
    for (; at > 0 && is_worse(&h->items[at], &h->items[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&h->items[at], &h->items[(at - 1) / 2]);
}

static int best_first(const void *a, const void *b)
{
    return is_worse(a, b) ? 1 : is_worse(b, a) ? -1 : 0;
}

static void offer_all(struct heap *h, const float *p, const float *q, size_t n, size_t max_length)
{
    for (size_t begin = 0; begin < n; begin++) {
        for (size_t end = 0; end < n; end++) {
            bool is_span = begin <= end && end - begin < max_length;
            offer(h, (struct span){begin, end, is_span ? (double)(p[begin] * q[end]) : 0});
        }
    }
}

corbel_status spans_find(const float *begins, const float *ends, const bool *allowed,
                         size_t n_tokens, size_t max_length, size_t most, struct span **spans,
                         size_t *n_spans, double *null_score, corbel_error *err)
{
    size_t all = n_tokens * n_tokens;
    struct heap heap = {.capacity = most < all ? most : all};
    float *p = calloc(n_tokens, 2 * sizeof(*p)), *q = p + n_tokens;
    heap.items = calloc(heap.capacity + 1, sizeof(*heap.items));
    *spans = heap.items;
    *n_spans = 0;
    if (!p || !heap.items) {
        free(p);
        return error_memory(err, heap.capacity * sizeof(*heap.items), "spans");
    }
    normalize(begins, allowed, n_tokens, p);
    normalize(ends, allowed, n_tokens, q);
    *null_score = (double)(p[0] * q[0]);
    p[0] = q[0] = 0;
    offer_all(&heap, p, q, n_tokens, max_length);
    free(p);

    qsort(heap.items, heap.n, sizeof(*heap.items), best_first);
    for (size_t i = 0; i < heap.n; i++)
        if (allowed[heap.items[i].begin] && allowed[heap.items[i].end])
            heap.items[(*n_spans)++] = heap.items[i];
    return CORBEL_OK;
}
