/* task/token_classification.c: a label for each token, or for groups of them.
 *
 * As transformers' TokenClassificationPipeline: each token has the scores of all labels; strategies
 * other than "none" put tokens into words (first, average, max) and words into entities by the B-
 * and I- of their labels. A long text is several windows if there is a `stride`, and where two
 * entities of different windows overlap the longer one is kept. */
#include "base/error.h"
#include "task/entities.h"
#include "task/labels.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const strategy_names[N_AGGREGATIONS] = {"none", "simple", "first", "average",
                                                           "max"};

struct options {
    enum aggregation strategy;
    struct json_object *ignored; /* strings; NULL: "O" */
    int64_t stride;              /* -1: what is too long is cut off */
    bool in_words;
    const char *delimiter;
};

/* ---- parameters ------------------------------------------------------------------------------ */

static enum aggregation read_strategy(struct parameters *parameters)
{
    const char *name = parameter_string(parameters, "aggregation_strategy", "none");
    for (int i = 0; i < N_AGGREGATIONS; i++)
        if (strcasecmp(name, strategy_names[i]) == 0)
            return (enum aggregation)i;
    parameter_fail(parameters, CORBEL_E_ARGUMENT,
                   "parameters: aggregation_strategy: expected none, simple, first, average or "
                   "max, found %s",
                   name);
    return AGGREGATE_NONE;
}

static struct json_object *read_ignored(struct parameters *parameters)
{
    struct json_object *list = parameter_find(parameters, "ignore_labels");
    bool sound = !list || json_object_is_type(list, json_type_array);
    for (size_t i = 0; list && sound && i < json_object_array_length(list); i++)
        sound = json_object_is_type(json_object_array_get_idx(list, i), json_type_string);
    if (!sound)
        parameter_fail(parameters, CORBEL_E_ARGUMENT,
                       "parameters: ignore_labels: expected a list of strings");
    return list;
}

static void read_stride(struct options *o, const struct call *call, struct parameters *parameters)
{
    int64_t max_length = corbel_tokenizer_max_length(call->pipeline->tokenizer);
    o->stride = parameter_int(parameters, "stride", -1, 0, INT32_MAX);
    if (o->stride < 0)
        return;
    if (o->strategy == AGGREGATE_NONE && parameter_find(parameters, "aggregation_strategy"))
        parameter_fail(parameters, CORBEL_E_ARGUMENT,
                       "parameters: stride: not with aggregation_strategy none");
    if (max_length > 0 && o->stride >= max_length)
        parameter_fail(parameters, CORBEL_E_ARGUMENT,
                       "parameters: stride: %lld, expected less than the tokenizer's "
                       "model_max_length %lld",
                       (long long)o->stride, (long long)max_length);
}

static void read_options(struct call *call, struct parameters *parameters)
{
    static const char *const names[] = {"aggregation_strategy", "ignore_labels", "stride",
                                        "is_split_into_words", "delimiter"};
    struct options *o = call->options;
    parameters_check_names(parameters, names, sizeof(names) / sizeof(*names));
    o->strategy = read_strategy(parameters);
    o->ignored = read_ignored(parameters);
    read_stride(o, call, parameters);
    o->in_words = parameter_bool(parameters, "is_split_into_words", false);
    o->delimiter = parameter_string(parameters, "delimiter", " ");
}

/* With is_split_into_words a list of strings is one input. */
static struct json_object *arrange(const struct call *call, struct json_object *inputs)
{
    const struct options *o = call->options;
    if (!json_object_is_type(inputs, json_type_array))
        return NULL;
    bool lists = true;
    for (size_t i = 0; i < json_object_array_length(inputs); i++)
        lists = lists && json_object_is_type(json_object_array_get_idx(inputs, i), json_type_array);
    if (!o->in_words || lists)
        return json_object_get(inputs);
    struct json_object *list = json_object_new_array();
    if (list && json_object_array_add(list, json_object_get(inputs)) != 0) {
        json_object_put(inputs);
        json_object_put(list);
        return NULL;
    }
    return list;
}

/* ---- encoding -------------------------------------------------------------------------------- */

static corbel_encode_params encode_params(const struct call *call)
{
    const struct options *o = call->options;
    return CORBEL_ENCODE_PARAMS(.max_length =
                                    corbel_tokenizer_max_length(call->pipeline->tokenizer),
                                .stride = o->stride > 0 ? o->stride : 0);
}

/* What was cut off is not looked at unless there is a stride. */
static void drop_overflow(const struct options *o, struct item *item)
{
    if (o->stride < 0 && item->encoding)
        corbel_encoding_destroy(&item->encoding->overflow);
}

static corbel_status encode_words(const struct call *call, struct item *item, corbel_error *err)
{
    size_t n = json_object_is_type(item->input, json_type_array)
                   ? json_object_array_length(item->input)
                   : 0;
    if (!json_object_is_type(item->input, json_type_array))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "inputs: with is_split_into_words expected a list of words, found %s",
                         json_describe(item->input));
    const char **words = calloc(n + 1, sizeof(*words));
    if (!words)
        return error_memory(err, n * sizeof(*words), "words");
    corbel_status status = CORBEL_OK;
    for (size_t i = 0; i < n && status == CORBEL_OK; i++) {
        struct json_object *word = json_object_array_get_idx(item->input, i);
        if (!json_object_is_type(word, json_type_string))
            status = error_set(err, CORBEL_E_ARGUMENT, "inputs: expected words, found %s",
                               json_describe(word));
        else
            words[i] = json_object_get_string(word);
    }
    if (status == CORBEL_OK) {
        corbel_encode_params params = encode_params(call);
        params.words = words;
        params.n_words = n;
        status = corbel_encode(call->pipeline->tokenizer, NULL, 0, &params, &item->encoding, err);
    }
    free(words);
    return status;
}

static corbel_status encode(const struct call *call, struct item *item, corbel_error *err)
{
    const struct options *o = call->options;
    corbel_status status;
    if (o->in_words) {
        status = encode_words(call, item, err);
    } else if (!json_object_is_type(item->input, json_type_string)) {
        return error_set(err, CORBEL_E_ARGUMENT, "inputs: expected a string, found %s",
                         json_describe(item->input));
    } else {
        corbel_encode_params params = encode_params(call);
        status = corbel_encode(call->pipeline->tokenizer, json_object_get_string(item->input),
                               (size_t)json_object_get_string_len(item->input), &params,
                               &item->encoding, err);
    }
    drop_overflow(o, item);
    return status;
}

/* ---- the answer ------------------------------------------------------------------------------ */

struct answer_maker {
    struct entity_maker entities;
    struct json_object *ignored;
    struct entities kept; /* of all windows */
};

static bool equal(struct piece_text a, struct piece_text b)
{
    return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

/* What the entity is called: the label, or for a group what follows its first "-". */
static struct piece_text name_of(const struct answer_maker *m, const struct label_name *label)
{
    const char *dash = memchr(label->text, '-', label->size);
    if (m->entities.strategy == AGGREGATE_NONE || !dash)
        return (struct piece_text){label->text, label->size};
    return (struct piece_text){dash + 1, label->size - (size_t)(dash + 1 - label->text)};
}

static bool is_ignored(const struct answer_maker *m, const struct entity *e)
{
    struct label_name label;
    label_name_get(&label, m->entities.call, e->label);
    struct piece_text name = name_of(m, &label);
    if (!m->ignored)
        return equal(name, (struct piece_text){"O", 1});
    for (size_t i = 0; i < json_object_array_length(m->ignored); i++) {
        struct json_object *s = json_object_array_get_idx(m->ignored, i);
        if (equal(name, (struct piece_text){json_object_get_string(s),
                                            (size_t)json_object_get_string_len(s)}))
            return true;
    }
    return false;
}

/* The entity moves, with its text. */
static bool keep(struct answer_maker *m, struct entity *e)
{
    struct entity *kept = entities_add(&m->kept);
    if (!kept)
        return false;
    *kept = *e;
    e->owns_piece = false;
    return true;
}

static void append_entity(const struct answer_maker *m, const struct entity *e, struct text *out)
{
    struct label_name label;
    label_name_get(&label, m->entities.call, e->label);
    struct piece_text name = name_of(m, &label);
    bool none = m->entities.strategy == AGGREGATE_NONE;
    text_format(out, "{\"%s\": ", none ? "entity" : "entity_group");
    text_append_json_string(out, name.bytes, name.size);
    text_append(out, ", \"score\": ");
    append_float(out, e->score);
    if (none)
        text_format(out, ", \"index\": %lld", (long long)e->index);
    text_append(out, ", \"word\": ");
    text_append_json_string(out, e->piece.bytes, e->piece.size);
    text_format(out, ", \"start\": %lld, \"end\": %lld}", (long long)e->begin, (long long)e->end);
}

static corbel_status add_window(struct answer_maker *m, const struct window *window)
{
    struct entities *made = NULL;
    corbel_status status = entities_make(&m->entities, window, &made);
    for (size_t i = 0; status == CORBEL_OK && i < made->n; i++)
        if (!is_ignored(m, &made->items[i]) && !keep(m, &made->items[i]))
            status = error_memory(m->entities.err, sizeof(struct entity), "entities");
    return status;
}

static corbel_status answer(const struct call *call, const struct item *item, struct text *out,
                            corbel_error *err)
{
    const struct options *o = call->options;
    struct sentence sentence;
    struct answer_maker m = {
        .entities = {.call = call, .strategy = o->strategy, .sentence = &sentence, .err = err},
        .ignored = o->ignored};
    corbel_status status = CORBEL_OK;
    if (item->windows[0].width < 1)
        return error_set(err, CORBEL_E_CONFIG, "%s: the model has no labels",
                         corbel_model_folder(call->pipeline->model));
    if (!sentence_init(&sentence, item->input, o->delimiter))
        status = error_memory(err, sentence.text.size, "a sentence");
    for (size_t i = 0; i < item->n_windows && status == CORBEL_OK; i++)
        status = add_window(&m, &item->windows[i]);
    size_t n = item->n_windows > 1 ? entities_drop_overlapping(&m.kept) : m.kept.n;
    text_append_char(out, '[');
    for (size_t i = 0; i < n && status == CORBEL_OK; i++) {
        text_append(out, i ? ", " : "");
        append_entity(&m, &m.kept.items[i], out);
    }
    text_append_char(out, ']');
    entities_finish(&m.kept);
    entity_maker_finish(&m.entities);
    sentence_finish(&sentence);
    return status;
}

static const struct forward_task forward = {
    .outputs = {"logits"},
    .rank = 3,
    .per_token = true,
    .encode = encode,
    .answer = answer,
};

const struct task token_classification = {
    .name = "token-classification",
    .options_size = sizeof(struct options),
    .read_options = read_options,
    .arrange = arrange,
    .forward = &forward,
};
