/* task/question_answering.c: the part of a context that answers a question.
 *
 * As the QuestionAnsweringPipeline of transformers 4 (its version 5 has none): question and context
 * are one pair; a long context is several windows that overlap by doc_stride. In each window the
 * likeliest spans are found, from the probabilities of where an answer begins and ends; spans are
 * widened to whole words, spans of the same text (in any window) add up, and the best `top_k` are
 * the answer. */
#include "base/error.h"
#include "task/forward.h"
#include "task/labels.h"
#include "task/spans.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

struct options {
    int64_t top_k, max_answer_len, max_question_len;
    int64_t doc_stride, max_seq_len; /* 0: by default */
    bool impossible;                 /* "no answer" is an answer too */
    bool align_to_words;
};

static void read_options(struct call *call, struct parameters *parameters)
{
    static const char *const names[] = {
        "top_k",      "topk",    "max_answer_len",           "max_question_len", "max_seq_len",
        "doc_stride", "padding", "handle_impossible_answer", "align_to_words",
    };
    struct options *o = call->options;
    parameters_check_names(parameters, names, sizeof(names) / sizeof(*names));
    o->top_k = parameter_int(parameters, parameter_find(parameters, "top_k") ? "top_k" : "topk", 1,
                             1, 1000000);
    o->max_answer_len = parameter_int(parameters, "max_answer_len", 15, 1, INT32_MAX);
    o->max_question_len = parameter_int(parameters, "max_question_len", 64, 1, INT32_MAX);
    o->max_seq_len = parameter_int(parameters, "max_seq_len", 0, 1, INT32_MAX);
    o->doc_stride = parameter_int(parameters, "doc_stride", -1, 0, INT32_MAX);
    o->impossible = parameter_bool(parameters, "handle_impossible_answer", false);
    o->align_to_words = parameter_bool(parameters, "align_to_words", true);

    int64_t limit = corbel_tokenizer_max_length(call->pipeline->tokenizer);
    if (o->max_seq_len == 0)
        o->max_seq_len = limit > 0 && limit < 384 ? limit : 384;
    if (o->doc_stride < 0)
        o->doc_stride = o->max_seq_len / 2 < 128 ? o->max_seq_len / 2 : 128;
    if (o->doc_stride > o->max_seq_len)
        parameter_fail(parameters, CORBEL_E_ARGUMENT,
                       "parameters: doc_stride: %lld is more than max_seq_len %lld",
                       (long long)o->doc_stride, (long long)o->max_seq_len);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, key, &value);
    return value;
}

/* {"question": [...], "context": ...} is a list of as many, with a context each or the same one.
 * One whose lengths differ stays as it is, and is refused when it is read. */
static struct json_object *arrange(const struct call *call, struct json_object *inputs)
{
    (void)call;
    struct json_object *questions = get(inputs, "question"), *contexts = get(inputs, "context");
    bool each = json_object_is_type(contexts, json_type_array);
    if (json_object_is_type(inputs, json_type_array))
        return json_object_get(inputs);
    if (!json_object_is_type(questions, json_type_array))
        return NULL;
    size_t n = json_object_array_length(questions);
    if (each && json_object_array_length(contexts) != n)
        return NULL;
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < n && list; i++) {
        struct json_object *one = json_object_new_object();
        struct json_object *context = each ? json_object_array_get_idx(contexts, i) : contexts;
        json_object_object_add(one, "question",
                               json_object_get(json_object_array_get_idx(questions, i)));
        json_object_object_add(one, "context", json_object_get(context));
        json_object_array_add(list, one);
    }
    return list;
}

static corbel_status read_text(struct json_object *input, const char *key, const char **text,
                               size_t *size, corbel_error *err)
{
    struct json_object *value = get(input, key);
    if (!json_object_is_type(input, json_type_object))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "inputs: expected {\"question\": ..., \"context\": ...}, found %s",
                         json_describe(input));
    if (!json_object_is_type(value, json_type_string))
        return error_set(err, CORBEL_E_ARGUMENT, "inputs: %s: expected a string, found %s", key,
                         value ? json_describe(value) : "nothing");
    *text = json_object_get_string(value);
    *size = (size_t)json_object_get_string_len(value);
    return *size > 0 ? CORBEL_OK
                     : error_set(err, CORBEL_E_ARGUMENT, "inputs: %s: it must not be empty", key);
}

/* The context comes second, where the tokenizer pads on the right, else first. */
static bool context_is_second(const struct call *call)
{
    return !tokenizer_pads_left(call->pipeline->tokenizer);
}

static corbel_status encode(const struct call *call, struct item *item, corbel_error *err)
{
    const struct options *o = call->options;
    const char *question = NULL, *context = NULL;
    size_t question_size = 0, context_size = 0;
    bool second = context_is_second(call);
    corbel_status status = read_text(item->input, "question", &question, &question_size, err);
    if (status == CORBEL_OK)
        status = read_text(item->input, "context", &context, &context_size, err);
    if (status != CORBEL_OK)
        return status;
    corbel_encode_params params =
        CORBEL_ENCODE_PARAMS(.pair = second ? context : question,
                             .pair_size = second ? context_size : question_size,
                             .truncation = second ? "only_second" : "only_first",
                             .max_length = o->max_seq_len, .stride = o->doc_stride);
    return corbel_encode(call->pipeline->tokenizer, second ? question : context,
                         second ? question_size : context_size, &params, &item->encoding, err);
}

/* ---- one window ------------------------------------------------------------------------------ */

/* Which tokens an answer may begin and end with: the context's, and the CLS token, which stands for
 * "no answer". With a tokenizer that pads on the left transformers lets all of them. */
static void mark_allowed(const struct call *call, const corbel_encoding *e, bool *allowed)
{
    int32_t cls = corbel_tokenizer_special(call->pipeline->tokenizer, "cls_token");
    for (size_t i = 0; i < e->n; i++)
        allowed[i] =
            !context_is_second(call) || e->sequence_ids[i] == 1 || (cls >= 0 && e->ids[i] == cls);
}

/* The characters of the word that a token is of; false where there is no such word. */
static bool word_characters(const corbel_encoding *e, int32_t word, int32_t sequence,
                            int64_t characters[2])
{
    bool found = false;
    for (size_t i = 0; i < e->n && word >= 0; i++) {
        if (e->sequence_ids[i] != sequence || e->word_ids[i] != word)
            continue;
        if (!found)
            characters[0] = e->offsets[i][0];
        characters[1] = e->offsets[i][1];
        found = true;
    }
    return found;
}

static void locate(const struct call *call, const corbel_encoding *e, const struct span *span,
                   int64_t *begin, int64_t *end)
{
    const struct options *o = call->options;
    int32_t sequence = context_is_second(call) ? 1 : 0;
    int64_t first[2] = {0}, last[2] = {0};
    *begin = e->offsets[span->begin][0];
    *end = e->offsets[span->end][1];
    if (o->align_to_words && word_characters(e, e->word_ids[span->begin], sequence, first) &&
        word_characters(e, e->word_ids[span->end], sequence, last)) {
        *begin = first[0];
        *end = last[1];
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

struct candidate {
    double score;
    int64_t begin, end; /* characters */
    const char *text;   /* in the context */
    size_t size;
    size_t order; /* as they came */
};

struct candidates {
    const char *context;
    size_t *at; /* byte of each character, [n_characters + 1] */
    int64_t n_characters;
    struct candidate *items;
    size_t n, capacity;
};

static void candidates_finish(struct candidates *c)
{
    free(c->at);
    free(c->items);
}

static bool candidates_init(struct candidates *c, const char *context, size_t size)
{
    *c = (struct candidates){.context = context, .at = calloc(size + 1, sizeof(*c->at))};
    if (!c->at)
        return false;
    for (size_t i = 0; i < size; i++)
        if (!utf8_is_continuation(context[i]))
            c->at[c->n_characters++] = i;
    c->at[c->n_characters] = size;
    return true;
}

/* Equal but for upper and lower case. */
static bool same_text(const struct candidate *a, const struct candidate *b)
{
    size_t i = 0, k = 0, n = 0, m = 0; /* n, m: what is left of a character's lower case */
    uint32_t x[3], y[3];
    if (a->size == b->size && memcmp(a->text, b->text, a->size) == 0)
        return true;
    for (size_t p = 0, q = 0;; p++, q++) {
        if (p == n) {
            if (i == a->size)
                return q == m && k == b->size;
            n = unicode_lowercase(utf8_get(a->text + i), x);
            i += utf8_length((unsigned char)a->text[i]);
            p = 0;
        }
        if (q == m) {
            if (k == b->size)
                return false;
            m = unicode_lowercase(utf8_get(b->text + k), y);
            k += utf8_length((unsigned char)b->text[k]);
            q = 0;
        }
        if (x[p] != y[q])
            return false;
    }
}

static bool candidates_put(struct candidates *c, struct candidate candidate)
{
    if (c->n == c->capacity) {
        size_t capacity = c->capacity ? 2 * c->capacity : 64;
        struct candidate *items = reallocarray(c->items, capacity, sizeof(*items));
        if (!items)
            return false;
        c->items = items;
        c->capacity = capacity;
    }
    candidate.order = c->n;
    c->items[c->n++] = candidate;
    return true;
}

/* A new answer, or more for one that is there. */
static bool candidates_add(struct candidates *c, double score, int64_t begin, int64_t end)
{
    int64_t last = end < c->n_characters ? end : c->n_characters;
    int64_t first = begin < last ? begin : last;
    struct candidate added = {.score = score,
                              .begin = begin,
                              .end = end,
                              .text = c->context + c->at[first],
                              .size = c->at[last] - c->at[first]};
    for (size_t i = 0; i < c->n; i++) {
        if (same_text(&c->items[i], &added)) {
            c->items[i].score += score;
            return true;
        }
    }
    return candidates_put(c, added);
}

static corbel_status add_window(struct candidates *c, const struct call *call,
                                const struct window *window, double *null_score, corbel_error *err)
{
    const struct options *o = call->options;
    const corbel_encoding *e = window->encoding;
    size_t most = (size_t)(o->align_to_words ? 2 * o->top_k + 10 : o->top_k), n;
    struct span *spans = NULL;
    bool *allowed = calloc(e->n, sizeof(*allowed));
    if (!allowed)
        return error_memory(err, e->n * sizeof(*allowed), "a window");
    mark_allowed(call, e, allowed);
    double null_here = *null_score;
    corbel_status status = spans_find(window->outputs[0], window->outputs[1], allowed, e->n,
                                      (size_t)o->max_answer_len, most, &spans, &n, &null_here, err);
    for (size_t i = 0; i < n && status == CORBEL_OK; i++) {
        int64_t begin, end;
        locate(call, e, &spans[i], &begin, &end);
        if (!candidates_add(c, spans[i].score, begin, end))
            status = error_memory(err, c->n * sizeof(*c->items), "answers");
    }
    if (null_here < *null_score)
        *null_score = null_here;
    free(spans);
    free(allowed);
    return status;
}

static int by_score(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void append_candidates(struct candidates *c, size_t n, struct text *out)
{
    text_append(out, n == 1 ? "" : "[");
    for (size_t i = 0; i < n; i++) {
        const struct candidate *a = &c->items[i];
        text_append(out, i ? ", {\"score\": " : "{\"score\": ");
        append_float(out, (float)a->score);
        text_format(out, ", \"start\": %lld, \"end\": %lld, \"answer\": ", (long long)a->begin,
                    (long long)a->end);
        text_append_json_string(out, a->text, a->size);
        text_append_char(out, '}');
    }
    text_append(out, n == 1 ? "" : "]");
}

static corbel_status answer(const struct call *call, const struct item *item, struct text *out,
                            corbel_error *err)
{
    const struct options *o = call->options;
    const char *context = NULL;
    size_t size = 0;
    double null_score = 1000000;
    struct candidates c = {0};
    corbel_status status = read_text(item->input, "context", &context, &size, err);
    if (status == CORBEL_OK && !candidates_init(&c, context, size))
        status = error_memory(err, size, "a context");
    for (size_t i = 0; i < item->n_windows && status == CORBEL_OK; i++)
        status = add_window(&c, call, &item->windows[i], &null_score, err);
    if (status == CORBEL_OK && o->impossible &&
        !candidates_put(&c, (struct candidate){.score = null_score, .text = context}))
        status = error_memory(err, c.n * sizeof(*c.items), "answers");
    if (status == CORBEL_OK) {
        if (c.n > 0)
            qsort(c.items, c.n, sizeof(*c.items), by_score);
        append_candidates(&c, c.n < (size_t)o->top_k ? c.n : (size_t)o->top_k, out);
    }
    candidates_finish(&c);
    return status;
}

static const struct forward_task forward = {
    .outputs = {"start_logits", "end_logits"},
    .rank = 2,
    .per_token = true,
    .encode = encode,
    .answer = answer,
};

const struct task question_answering = {
    .name = "question-answering",
    .unwraps_one = true,
    .options_size = sizeof(struct options),
    .read_options = read_options,
    .arrange = arrange,
    .forward = &forward,
};
