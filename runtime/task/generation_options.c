/* task/generation_options.c: see generation_options.h. */
#include "task/generation_options.h"

#include "base/error.h"
#include "task/chat.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Set by the model's own files: generation_config.json, or the old generation keys of config.json.
 */
static bool model_sets(const struct call *call, const char *name)
{
    struct json_object *from = call->pipeline->generation;
    if (!from)
        from = call->pipeline->config.root;
    struct json_object *value = NULL;
    return json_object_object_get_ex(from, name, &value) && value;
}

static bool unset(const struct call *call, const struct parameters *p, const char *name)
{
    return !parameter_find(p, name) && !model_sets(call, name);
}

/* A string or a list of strings. */
static void read_stop_strings(struct generation_options *o, struct parameters *p, const char *name)
{
    struct json_object *value = parameter_find(p, name);
    bool list = json_object_is_type(value, json_type_array);
    size_t n = !value ? 0 : list ? json_object_array_length(value) : 1;

    for (size_t i = 0; i < n; i++) {
        struct json_object *s = list ? json_object_array_get_idx(value, i) : value;
        if (!json_object_is_type(s, json_type_string) || json_object_get_string_len(s) == 0) {
            parameter_fail(p, CORBEL_E_ARGUMENT,
                           "parameters: %s: expected a string or a list of strings", name);
            return;
        }
        if (o->n_stop_strings == MAX_STOP_STRINGS) {
            parameter_fail(p, CORBEL_E_ARGUMENT, "parameters: %s: more than %d strings", name,
                           MAX_STOP_STRINGS);
            return;
        }
        o->stop_strings[o->n_stop_strings++] = json_object_get_string(s);
    }
}

/* An id or a list of ids; -1: none, as many a Python script says it. */
static void read_end_tokens(struct generation_options *o, struct parameters *p)
{
    struct json_object *value = parameter_find(p, "eos_token_id");
    if (!json_object_is_type(value, json_type_array)) {
        int64_t id = parameter_int(p, "eos_token_id", 0, -1, INT32_MAX);
        o->end_tokens[0] = (int32_t)id;
        o->params.n_eos = !value ? 0 : id < 0 ? -1 : 1;
        o->params.eos_token_id = o->end_tokens;
        return;
    }
    size_t n = json_object_array_length(value);
    if (n == 0 || n > MAX_END_TOKENS) {
        parameter_fail(p, CORBEL_E_ARGUMENT, "parameters: eos_token_id: expected 1 to %d ids",
                       MAX_END_TOKENS);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct json_object *id = json_object_array_get_idx(value, i);
        if (!json_object_is_type(id, json_type_int) || json_object_get_int64(id) < 0 ||
            json_object_get_int64(id) > INT32_MAX) {
            parameter_fail(p, CORBEL_E_ARGUMENT, "parameters: eos_token_id: expected token ids");
            return;
        }
        o->end_tokens[i] = json_object_get_int(id);
    }
    o->params.n_eos = (int32_t)n;
    o->params.eos_token_id = o->end_tokens;
}

static void read_sampling(struct generation_options *o, const struct call *call,
                          struct parameters *p)
{
    corbel_generate_params *params = &o->params;
    if (unset(call, p, "do_sample"))
        params->do_sample = 1;
    else if (parameter_find(p, "do_sample"))
        params->do_sample = parameter_bool(p, "do_sample", true) ? 1 : -1;

    params->temperature =
        parameter_double(p, "temperature", unset(call, p, "temperature") ? 0.7 : 0, 0, 1e6);
    if (parameter_find(p, "temperature") && params->temperature == 0)
        params->do_sample = -1;
    params->top_p = parameter_double(p, "top_p", 0, 1e-9, 1);
    params->min_p = parameter_double(p, "min_p", 0, 0, 1);
    if (parameter_find(p, "min_p") && params->min_p == 0)
        params->min_p = -1;
    params->repetition_penalty = parameter_double(p, "repetition_penalty", 0, 1e-6, 1e6);
    int64_t top_k = parameter_int(p, "top_k", -1, 0, INT32_MAX);
    params->top_k = !parameter_find(p, "top_k") ? 0 : top_k == 0 ? -1 : (int32_t)top_k;

    /* Here 0 is a seed like any other, for corbel_generate it is "none given". */
    if (parameter_find(p, "seed")) {
        uint64_t seed = (uint64_t)parameter_int(p, "seed", 0, 0, INT64_MAX);
        params->seed = seed ? seed : UINT64_MAX;
    }
}

static void read_lengths(struct generation_options *o, const struct call *call,
                         struct parameters *p)
{
    bool named = parameter_find(p, "max_new_tokens") || parameter_find(p, "max_length");
    o->default_length =
        !named && !model_sets(call, "max_new_tokens") && !model_sets(call, "max_length");
    o->params.max_new_tokens =
        (uint32_t)parameter_int(p, "max_new_tokens", o->default_length ? 256 : 0, 1, UINT32_MAX);
    o->params.min_new_tokens = (uint32_t)parameter_int(p, "min_new_tokens", 0, 0, UINT32_MAX);
    o->min_length = parameter_int(p, "min_length", 0, 0, INT32_MAX);
    o->max_length = parameter_int(p, "max_length", 0, 1, INT32_MAX);
    o->n_sequences = (size_t)parameter_int(p, "num_return_sequences", 1, 1, 1024);
}

static void refuse_both(struct parameters *p, const char *a, const char *b)
{
    if (parameter_find(p, a) && parameter_find(p, b))
        parameter_fail(p, CORBEL_E_ARGUMENT, "parameters: %s: not together with %s", a, b);
}

static void read_answer(struct generation_options *o, struct parameters *p)
{
    refuse_both(p, "return_full_text", "return_text");
    refuse_both(p, "return_full_text", "return_tensors");
    refuse_both(p, "return_tensors", "return_text");
    o->prompt_in_answer = parameter_bool(p, "return_full_text", true);
    o->ids_in_answer = parameter_bool(p, "return_tensors", false);
    o->skip_special = parameter_bool(p, "skip_special_tokens", true);
    parameter_bool(p, "return_text", true); /* what is returned anyhow */
}

/* How the prompt is encoded: tokenizer_encode_kwargs, or some of its members beside it. */
static void read_tokenizer_options(struct generation_options *o, struct parameters *p)
{
    static const char *const names[] = {TOKENIZER_PARAMETERS};
    struct json_object *object = parameter_find(p, "tokenizer_encode_kwargs");
    struct parameters own = {.object = object, .err = p->err};
    if (object && !json_object_is_type(object, json_type_object))
        parameter_fail(p, CORBEL_E_ARGUMENT,
                       "parameters: tokenizer_encode_kwargs: expected an object");
    if (p->status != CORBEL_OK)
        return;
    if (object)
        parameters_check_names(&own, names, COUNT(names));
    tokenizer_options_read(&o->tokenizer, object ? &own : p);
    p->status = p->status == CORBEL_OK ? own.status : p->status;
}

static void refuse_what_is_not_done(struct parameters *p)
{
    static const char *const searches[] = {"num_beams", "num_beam_groups"};
    for (size_t i = 0; i < COUNT(searches); i++)
        if (parameter_int(p, searches[i], 1, 1, INT32_MAX) != 1)
            parameter_fail(p, CORBEL_E_UNSUPPORTED, "parameters: %s: there is no beam search",
                           searches[i]);
    parameter_bool(p, "use_cache", true);                     /* the answer is the same */
    parameter_bool(p, "clean_up_tokenization_spaces", false); /* transformers: not for BPE */
}

corbel_status generation_options_read(struct generation_options *o, const struct call *call,
                                      bool is_chat, corbel_error *err)
{
    static const char *const names[] = {
        "max_new_tokens",
        "min_new_tokens",
        "max_length",
        "min_length",
        "prefix",
        "padding",
        "truncation",
        CHAT_PARAMETERS,
        "clean_up_tokenization_spaces",
        "do_sample",
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "seed",
        "repetition_penalty",
        "eos_token_id",
        "pad_token_id",
        "stop_strings",
        "stop_sequence",
        "num_return_sequences",
        "return_full_text",
        "return_tensors",
        "return_text",
        "add_special_tokens",
        "skip_special_tokens",
        "num_beams",
        "num_beam_groups",
        "use_cache",
    };
    struct parameters p = {.object = call->parameters, .err = err};
    *o = (struct generation_options){.params = CORBEL_GENERATE_PARAMS(.do_sample = 0)};

    parameters_check_names(&p, names, COUNT(names));
    read_lengths(o, call, &p);
    read_sampling(o, call, &p);
    read_end_tokens(o, &p);
    int32_t pad = corbel_tokenizer_special(call->pipeline->tokenizer, "pad_token");
    o->pad_token = (int32_t)parameter_int(&p, "pad_token_id", pad, -1, INT32_MAX);
    o->params.pad_token_id = o->pad_token >= 0 ? &o->pad_token : NULL;
    read_stop_strings(o, &p, "stop_strings");
    read_stop_strings(o, &p, "stop_sequence");
    read_answer(o, &p);
    if (!is_chat)
        read_tokenizer_options(o, &p);
    o->prefix = parameter_string(&p, "prefix", "");
    refuse_what_is_not_done(&p);

    if (o->n_sequences > 1 && o->params.do_sample < 0)
        parameter_fail(&p, CORBEL_E_ARGUMENT,
                       "parameters: num_return_sequences: without sampling they would be equal");
    return p.status;
}

/* max_length and min_length do not count the prefix. */
static corbel_status add_prefix_length(struct generation_options *o, const struct call *call,
                                       corbel_error *err)
{
    corbel_encoding *prefix = NULL;
    if (!*o->prefix || (o->max_length == 0 && o->min_length == 0))
        return CORBEL_OK;
    bool special = json_object_object_get_ex(call->parameters, "add_special_tokens", NULL) &&
                   !o->tokenizer.no_special;
    corbel_status status =
        corbel_encode(call->pipeline->tokenizer, o->prefix, (size_t)-1,
                      &CORBEL_ENCODE_PARAMS(.no_special = !special), &prefix, err);
    if (status == CORBEL_OK) {
        o->max_length += o->max_length > 0 ? (int64_t)prefix->n : 0;
        o->min_length += o->min_length > 0 ? (int64_t)prefix->n : 0;
    }
    corbel_encoding_destroy(&prefix);
    return status;
}

corbel_status generation_options_fit(struct generation_options *o, const struct call *call,
                                     size_t prompt_tokens, corbel_error *err)
{
    int64_t prompt = (int64_t)prompt_tokens;
    corbel_status status = add_prefix_length(o, call, err);
    if (status != CORBEL_OK)
        return status;
    if (o->default_length) { /* nobody asked for 256: what there is room for will do */
        int64_t limit =
            corbel_model_config_int(call->pipeline->model, "max_position_embeddings", INT32_MAX);
        int64_t room = limit > prompt ? limit - prompt : 1;
        if (room < o->params.max_new_tokens)
            o->params.max_new_tokens = (uint32_t)room;
    } else if (o->max_length > 0 && o->params.max_new_tokens == 0) {
        if (o->max_length <= prompt)
            return error_set(err, CORBEL_E_ARGUMENT,
                             "parameters: max_length: %lld, but the prompt has %lld tokens already",
                             (long long)o->max_length, (long long)prompt);
        o->params.max_new_tokens = (uint32_t)(o->max_length - prompt);
    }
    if (o->min_length > prompt && o->params.min_new_tokens == 0)
        o->params.min_new_tokens = (uint32_t)(o->min_length - prompt);
    return CORBEL_OK;
}
