/* conformance/outputs.c: a model of random weights, run in all the ways that must agree. */
#include "conformance/conformance.h"
#include "conformance/made_model.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of max(1, the largest of what is expected). Random weights amplify what rounding does differently
 * on another device or in another order, some of them much; a mistake is larger still. */
static const double tolerance = 1e-3;

enum { BATCH = 3, TOKENS = 9, PADDED = 4, PROMPT = 5, NEW_TOKENS = 6 };

/* The model under test, on one device. */
struct bench {
    struct conformance *c;
    const struct subject *s;
    char folder[PATH_MAX];
    corbel_model *model; /* on the CPU */
};

/* ---- comparing ------------------------------------------------------------------------------- */

static const float *row_of(const corbel_tensor *t, int64_t row, int64_t *n)
{
    *n = 1;
    for (uint32_t d = 1; d < t->rank; d++)
        *n *= t->shape[d];
    return (const float *)t->data + row * *n;
}

/* Compares the first n numbers; what: "logits of row 2 in a batch". */
static void compare(struct conformance *c, const float *got, const float *want, int64_t n,
                    const char *name, const char *what)
{
    double largest = 1.0, worst = 0.0;

    for (int64_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)want[i]));
        worst = fmax(worst, isnan(got[i]) ? (double)INFINITY : fabs((double)(got[i] - want[i])));
    }
    check_try(&c->checks);
    if (!(worst <= tolerance * largest))
        check_found(&c->checks, "%s: %s differs by %.3g, where at most %.3g may be", what, name,
                    worst, tolerance * largest);
}

/* One row of some outputs with a row of others, `tokens` of it where there is an axis of tokens (of
 * `padded` in the first). */
static void compare_rows(struct conformance *c, const corbel_tensors *got, int64_t got_row,
                         const corbel_tensors *want, int64_t want_row, int64_t padded,
                         int64_t tokens, const char *what)
{
    for (size_t i = 0; i < corbel_tensors_count(want); i++) {
        const corbel_tensor *w = corbel_tensors_at(want, i), *g = corbel_tensors_find(got, w->name);
        int64_t n, m;

        if (!g) {
            check_found(&c->checks, "%s: %s is missing", what, w->name);
            continue;
        }
        const float *a = row_of(g, got_row, &m), *b = row_of(w, want_row, &n);
        if (m != n && !(w->rank >= 2 && g->shape[1] == padded && w->shape[1] == tokens))
            check_found(&c->checks, "%s: %s has another shape", what, w->name);
        else
            compare(c, a, b, n, w->name, what);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

static corbel_status load(const struct bench *b, const char *device, corbel_model **model,
                          corbel_error *err)
{
    return corbel_model_load(b->c->runtime, b->folder,
                             &CORBEL_LOAD_PARAMS(.device_map = device,
                                                 .class_names = &b->s->arch->name,
                                                 .n_class_names = 1),
                             model, err);
}

/* NULL: it failed, which is reported. */
static corbel_tensors *forward(struct bench *b, corbel_model *model, const struct made_inputs *in,
                               const char *what)
{
    corbel_tensors *out = NULL;
    corbel_error err = {0};

    if (corbel_model_forward(model, in->tensors, in->n, &CORBEL_FORWARD_PARAMS(.hidden_states = 1),
                             &out, &err))
        check_found(&b->c->checks, "%s: %s", what, err.text);
    return out;
}

/* ---- the checks ------------------------------------------------------------------------------ */

static void check_finite(struct bench *b, const struct made_inputs *in)
{
    corbel_tensors *out;

    check_begin(&b->c->checks, "outputs: finite on the CPU", b->s->arch->name);
    out = forward(b, b->model, in, "cpu");
    for (size_t i = 0; out && i < corbel_tensors_count(out); i++) {
        const corbel_tensor *t = corbel_tensors_at(out, i);
        int64_t n, finite = 0;

        check_try(&b->c->checks);
        (void)row_of(t, 0, &n);
        n *= t->rank ? t->shape[0] : 1;
        for (int64_t j = 0; j < n; j++)
            finite += isfinite(((const float *)t->data)[j]) != 0;
        if (finite != n)
            check_found(&b->c->checks, "%s: %lld of %lld numbers are not finite", t->name,
                        (long long)(n - finite), (long long)n);
    }
    check_end(&b->c->checks);
    corbel_tensors_destroy(&out);
}

static void compare_device(struct bench *b, const char *device, const struct made_inputs *in,
                           const corbel_tensors *want)
{
    corbel_model *model = NULL;
    corbel_error err = {0};
    corbel_tensors *got;

    if (load(b, device, &model, &err)) {
        check_found(&b->c->checks, "%s: %s", device, err.text);
        return;
    }
    got = forward(b, model, in, device);
    for (int64_t row = 0; got && row < in->batch; row++)
        compare_rows(b->c, got, row, want, row, in->tokens, in->tokens, device);
    corbel_tensors_destroy(&got);
    corbel_model_destroy(&model);
}

static void check_devices(struct bench *b, const struct made_inputs *in)
{
    corbel_tensors *want;

    check_begin(&b->c->checks, "outputs: equal on every device", b->s->arch->name);
    want = forward(b, b->model, in, "cpu");
    if (b->c->n_devices == 0)
        check_skip(&b->c->checks, "there is no Vulkan device here");
    for (uint32_t i = 0; want && i < b->c->n_devices; i++)
        compare_device(b, b->c->devices[i], in, want);
    check_end(&b->c->checks);
    corbel_tensors_destroy(&want);
}

/* Each row of a batch gives what it gives alone; also a shorter one, padded at its end. */
static void check_rows(struct bench *b, struct made_inputs *in)
{
    const bool can_pad = in->tokens > PADDED;
    corbel_tensors *batch;

    check_begin(&b->c->checks, "outputs: a batch, and its rows alone", b->s->arch->name);
    if (can_pad)
        made_inputs_pad(in, b->s, 1, PADDED);
    batch = forward(b, b->model, in, "a batch");
    for (int64_t row = 0; batch && row < in->batch; row++) {
        const int64_t tokens = in->tokens - (can_pad && row == 1 ? PADDED : 0);
        struct made_inputs alone;
        corbel_tensors *want = NULL;
        corbel_error err = {0};
        char what[64];

        snprintf(what, sizeof what, "row %d of a batch%s", (int)row,
                 tokens == in->tokens ? "" : ", padded");
        if (made_inputs_row(in, row, tokens, &alone, &err))
            check_found(&b->c->checks, "%s", err.text);
        else
            want = forward(b, b->model, &alone, what);
        if (want)
            compare_rows(b->c, batch, row, want, 0, in->tokens, tokens, what);
        corbel_tensors_destroy(&want);
        made_inputs_finish(&alone);
    }
    check_end(&b->c->checks);
    corbel_tensors_destroy(&batch);
}

/* The prompt and what was generated, as one input. */
static corbel_status append_tokens(const struct made_inputs *prompt, const corbel_tensor *tokens,
                                   struct conformance *c, const struct subject *s,
                                   struct made_inputs *all, corbel_error *err)
{
    const int64_t n = tokens->shape[1];
    corbel_status status = made_inputs_create(c, s, prompt->batch, prompt->tokens + n, all, err);

    for (int64_t row = 0; !status && row < prompt->batch; row++) {
        int32_t *ids = (int32_t *)all->data[0] + row * all->tokens;
        memcpy(ids, (const int32_t *)prompt->data[0] + row * prompt->tokens,
               (size_t)prompt->tokens * sizeof(*ids));
        memcpy(ids + prompt->tokens, (const int32_t *)tokens->data + row * n,
               (size_t)n * sizeof(*ids));
    }
    return status;
}

/* The logits of each step of a generation are those of one pass over all of its tokens. */
static void compare_steps(struct bench *b, const struct made_inputs *prompt,
                          const corbel_tensors *made)
{
    const corbel_tensor *tokens = corbel_tensors_find(made, "tokens"),
                        *steps = corbel_tensors_find(made, "logits"), *logits;
    struct made_inputs all;
    corbel_tensors *once;
    corbel_error err = {0};

    if (append_tokens(prompt, tokens, b->c, b->s, &all, &err)) {
        check_found(&b->c->checks, "%s", err.text);
        made_inputs_finish(&all);
        return;
    }
    once = forward(b, b->model, &all, "all at once");
    logits = once ? corbel_tensors_find(once, "logits") : NULL;
    for (int64_t row = 0; logits && row < prompt->batch; row++) {
        const int64_t vocab = logits->shape[2], n = steps->shape[1];
        const float *want =
            (const float *)logits->data + (row * all.tokens + prompt->tokens - 1) * vocab;

        compare(b->c, (const float *)steps->data + row * n * vocab, want, n * vocab, "logits",
                "step by step");
    }
    if (once && !logits)
        check_found(&b->c->checks, "there is no output logits");
    corbel_tensors_destroy(&once);
    made_inputs_finish(&all);
}

static void check_steps(struct bench *b)
{
    struct made_inputs prompt = {.n = 0};
    corbel_tensors *made = NULL;
    corbel_error err = {0};

    check_begin(&b->c->checks, "outputs: all tokens at once, and step by step", b->s->arch->name);
    if (strcmp(b->s->arch->task, "text-generation") != 0)
        check_skip(&b->c->checks, "the class does not generate text");
    else if (made_inputs_create(b->c, b->s, 2, PROMPT, &prompt, &err) ||
             corbel_generate(b->model, prompt.tensors, prompt.n,
                             &CORBEL_GENERATE_PARAMS(.max_new_tokens = NEW_TOKENS, .do_sample = -1,
                                                     .n_eos = -1, .want_logits = 1),
                             &made, &err))
        check_found(&b->c->checks, "generating: %s", err.text);
    else
        compare_steps(b, &prompt, made);
    check_end(&b->c->checks);
    corbel_tensors_destroy(&made);
    made_inputs_finish(&prompt);
}

static void run_checks(struct bench *b)
{
    struct made_inputs in = {.n = 0};
    corbel_error err = {0};

    if (made_inputs_create(b->c, b->s, BATCH, TOKENS, &in, &err)) {
        check_begin(&b->c->checks, "outputs", b->s->arch->name);
        check_found(&b->c->checks, "%s", err.text);
        check_end(&b->c->checks);
    } else {
        check_finite(b, &in);
        check_devices(b, &in);
        check_rows(b, &in);
        check_steps(b);
    }
    made_inputs_finish(&in);
}

/* ---- outside --------------------------------------------------------------------------------- */

void check_outputs(struct conformance *c, const struct subject *s)
{
    struct bench b = {.c = c, .s = s};
    corbel_error err = {0};
    corbel_status status = CORBEL_OK;

    if (!path_join(b.folder, sizeof b.folder, c->scratch, s->arch->name) ||
        mkdir(b.folder, 0700) != 0)
        status = error_set(&err, CORBEL_E_IO, "%s: %s", c->scratch, strerror(errno));
    if (!status)
        status = made_model_write(c, s, b.folder, &err);
    if (!status)
        status = load(&b, "cpu", &b.model, &err);
    if (status) {
        check_begin(&c->checks, "outputs: the model loads", s->arch->name);
        check_found(&c->checks, "%s", err.text);
        check_end(&c->checks);
    } else {
        run_checks(&b);
    }
    corbel_model_destroy(&b.model);
}
