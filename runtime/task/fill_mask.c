/* task/fill_mask.c: which tokens could stand where the mask token stands.
 *
 * As transformers' FillMaskPipeline: the probabilities of each mask by itself, the others staying
 * masks; one mask gives a list of answers, several a list of such lists. */
#include "base/error.h"
#include "task/forward.h"
#include "task/labels.h"
#include "task/text_input.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

struct options {
    struct tokenizer_options tokenizer;
    int64_t top_k;
    int32_t *targets; /* ids, each once; NULL: the whole vocabulary. Owned. */
    size_t n_targets;
    int32_t mask, pad; /* ids */
};

/* ---- parameters ------------------------------------------------------------------------------ */

/* The id of a target, else of the first token that it is made of; -1: it has none. */
static corbel_status find_target(const struct call *call, struct json_object *target, int32_t *id,
                                 corbel_error *err)
{
    const corbel_tokenizer *tokenizer = call->pipeline->tokenizer;
    if (!json_object_is_type(target, json_type_string))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "parameters: targets: expected a string or a list of strings, found %s",
                         json_describe(target));
    const char *text = json_object_get_string(target);
    *id = corbel_token_id(tokenizer, text);
    if (*id >= 0)
        return CORBEL_OK;
    corbel_encoding *encoding = NULL;
    corbel_status status =
        corbel_encode(tokenizer, text, (size_t)json_object_get_string_len(target),
                      &CORBEL_ENCODE_PARAMS(.no_special = 1, .max_length = 1), &encoding, err);
    if (status == CORBEL_OK && encoding->n > 0)
        *id = encoding->ids[0];
    corbel_encoding_destroy(&encoding);
    return status;
}

static corbel_status read_targets(struct options *o, const struct call *call,
                                  struct json_object *targets, corbel_error *err)
{
    bool list = json_object_is_type(targets, json_type_array);
    size_t n = list ? json_object_array_length(targets) : 1;
    o->targets = calloc(n + 1, sizeof(*o->targets));
    if (!o->targets)
        return error_memory(err, n * sizeof(*o->targets), "targets");
    for (size_t i = 0; i < n; i++) {
        int32_t id = -1;
        corbel_status status =
            find_target(call, list ? json_object_array_get_idx(targets, i) : targets, &id, err);
        if (status != CORBEL_OK)
            return status;
        bool known = id < 0;
        for (size_t k = 0; k < o->n_targets; k++)
            known = known || o->targets[k] == id;
        if (!known)
            o->targets[o->n_targets++] = id;
    }
    return o->n_targets > 0
               ? CORBEL_OK
               : error_set(err, CORBEL_E_ARGUMENT, "parameters: targets: none of them has a token");
}

/* tokenizer_kwargs: an object of the tokenizer's parameters. */
static void read_tokenizer_options(struct options *o, struct parameters *parameters)
{
    static const char *const names[] = {TOKENIZER_PARAMETERS};
    struct json_object *object = parameter_find(parameters, "tokenizer_kwargs");
    struct parameters own = {.object = object, .err = parameters->err};
    if (object && !json_object_is_type(object, json_type_object)) {
        parameter_fail(parameters, CORBEL_E_ARGUMENT,
                       "parameters: tokenizer_kwargs: expected an object");
        return;
    }
    if (object)
        parameters_check_names(&own, names, sizeof(names) / sizeof(*names));
    tokenizer_options_read(&o->tokenizer, &own);
    if (parameters->status == CORBEL_OK)
        parameters->status = own.status;
}

static void read_options(struct call *call, struct parameters *parameters)
{
    static const char *const names[] = {"top_k", "targets", "tokenizer_kwargs"};
    struct options *o = call->options;
    parameters_check_names(parameters, names, sizeof(names) / sizeof(*names));
    o->top_k = parameter_int(parameters, "top_k", 5, 0, INT32_MAX);
    read_tokenizer_options(o, parameters);
    o->mask = corbel_tokenizer_special(call->pipeline->tokenizer, "mask_token");
    o->pad = corbel_tokenizer_special(call->pipeline->tokenizer, "pad_token");
    if (o->mask < 0)
        parameter_fail(parameters, CORBEL_E_UNSUPPORTED, "%s: the tokenizer has no mask_token",
                       corbel_model_folder(call->pipeline->model));

    struct json_object *targets = parameter_find(parameters, "targets");
    if (targets && parameters->status == CORBEL_OK)
        parameters->status = read_targets(o, call, targets, parameters->err);
}

static void finish_options(void *options)
{
    free(((struct options *)options)->targets);
}

/* ---- the text -------------------------------------------------------------------------------- */

static size_t count_masks(const struct options *o, const corbel_encoding *encoding)
{
    size_t n = 0;
    for (size_t i = 0; i < encoding->n; i++)
        n += encoding->ids[i] == o->mask;
    return n;
}

static corbel_status encode(const struct call *call, struct item *item, corbel_error *err)
{
    const struct options *o = call->options;
    struct text_input text;
    if (!json_object_is_type(item->input, json_type_string))
        return error_set(err, CORBEL_E_ARGUMENT, "inputs: expected a string, found %s",
                         json_describe(item->input));
    corbel_status status = text_input_read(&text, item->input, err);
    if (status == CORBEL_OK)
        status = text_input_encode(call, &text, &o->tokenizer, &item->encoding, err);
    if (status == CORBEL_OK && count_masks(o, item->encoding) == 0)
        status = error_set(err, CORBEL_E_ARGUMENT,
                           "inputs: there is no %s in the text, which stands for what to fill in",
                           tokenizer_piece(call->pipeline->tokenizer, o->mask, NULL));
    return status;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* What an answer is written with. */
struct writer {
    const struct call *call;
    const corbel_encoding *encoding;
    bool single;   /* the text has one mask */
    int32_t *ids;  /* room for the text's tokens */
    float *scores; /* of the whole vocabulary */
    struct score *ranked;
    struct text *out;
    corbel_error *err;
};

static corbel_status append_decoded(const struct writer *w, const int32_t *ids, size_t n,
                                    bool skip_special)
{
    char *text;
    size_t size;
    corbel_status status = corbel_decode_sized(w->call->pipeline->tokenizer, ids, n, skip_special,
                                               &text, &size, w->err);
    if (status != CORBEL_OK)
        return status;
    text_append_json_string(w->out, text, size);
    corbel_free(text);
    return CORBEL_OK;
}

/* Special tokens are left out of the sequence, unless there are other masks that would go too. */
static corbel_status append_proposal(const struct writer *w, size_t at, int32_t token, float score)
{
    const struct options *o = w->call->options;
    size_t n = 0;
    for (size_t i = 0; i < w->encoding->n; i++) {
        int32_t id = i == at ? token : w->encoding->ids[i];
        if (id != o->pad)
            w->ids[n++] = id;
    }
    text_append(w->out, "{\"score\": ");
    append_float(w->out, score);
    text_format(w->out, ", \"token\": %d, \"token_str\": ", token);
    corbel_status status = append_decoded(w, &token, 1, false);
    text_append(w->out, ", \"sequence\": ");
    if (status == CORBEL_OK)
        status = append_decoded(w, w->ids, n, w->single);
    text_append_char(w->out, '}');
    return status;
}

/* The candidates of one mask, best first: label is the token. Returns how many. */
static int64_t rank_candidates(const struct writer *w, const float *logits, int64_t vocabulary)
{
    const struct options *o = w->call->options;
    int64_t n = o->targets ? (int64_t)o->n_targets : vocabulary;
    scores_apply(SCORE_SOFTMAX, logits, vocabulary, w->scores);
    for (int64_t i = 0; i < n; i++) {
        int64_t token = o->targets ? o->targets[i] : i;
        w->ranked[i] = (struct score){w->scores[token], token};
    }
    scores_sort(w->ranked, n);
    return n;
}

static corbel_status append_mask(const struct writer *w, size_t at, const struct window *window)
{
    const struct options *o = w->call->options;
    const float *logits = window->outputs[0] + (int64_t)at * window->width;
    int64_t n = rank_candidates(w, logits, window->width);
    corbel_status status = CORBEL_OK;
    if (!o->targets && o->top_k > n)
        return error_set(w->err, CORBEL_E_ARGUMENT,
                         "parameters: top_k: %lld, but the model has %lld tokens",
                         (long long)o->top_k, (long long)n);
    text_append_char(w->out, '[');
    for (int64_t i = 0; i < n && i < o->top_k && status == CORBEL_OK; i++) {
        text_append(w->out, i ? ", " : "");
        status = append_proposal(w, at, (int32_t)w->ranked[i].label, w->ranked[i].value);
    }
    text_append_char(w->out, ']');
    return status;
}

static corbel_status check_targets(const struct options *o, int64_t vocabulary, corbel_error *err)
{
    for (size_t i = 0; i < o->n_targets; i++)
        if (o->targets[i] >= vocabulary)
            return error_set(err, CORBEL_E_ARGUMENT,
                             "parameters: targets: token %d, but the model has %lld tokens",
                             o->targets[i], (long long)vocabulary);
    return CORBEL_OK;
}

static corbel_status answer(const struct call *call, const struct item *item, struct text *out,
                            corbel_error *err)
{
    const struct options *o = call->options;
    const struct window *window = &item->windows[0];
    const corbel_encoding *encoding = window->encoding;
    size_t vocabulary = (size_t)window->width, n_masks = count_masks(o, encoding), n = 0;
    corbel_status status = check_targets(o, window->width, err);
    if (status != CORBEL_OK)
        return status;
    struct writer w = {.call = call,
                       .encoding = encoding,
                       .single = n_masks == 1,
                       .ids = calloc(encoding->n, sizeof(*w.ids)),
                       .scores = calloc(vocabulary + 1, sizeof(*w.scores)),
                       .ranked = calloc(vocabulary + o->n_targets + 1, sizeof(*w.ranked)),
                       .out = out,
                       .err = err};
    if (!w.ids || !w.scores || !w.ranked)
        status = error_memory(err, vocabulary * sizeof(*w.ranked), "a mask's candidates");
    text_append(out, w.single ? "" : "[");
    for (size_t i = 0; i < encoding->n && status == CORBEL_OK; i++) {
        if (encoding->ids[i] != o->mask)
            continue;
        text_append(out, n++ ? ", " : "");
        status = append_mask(&w, i, window);
    }
    text_append(out, w.single ? "" : "]");
    free(w.ids);
    free(w.scores);
    free(w.ranked);
    return status;
}

static const struct forward_task forward = {
    .outputs = {"logits"},
    .rank = 3,
    .per_token = true,
    .encode = encode,
    .answer = answer,
};

const struct task fill_mask = {
    .name = "fill-mask",
    .unwraps_one = true,
    .options_size = sizeof(struct options),
    .read_options = read_options,
    .finish_options = finish_options,
    .forward = &forward,
};
