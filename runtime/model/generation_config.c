/* model/generation_config.c: generation_config.json and its precedence. */
#include "model/generation_config.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <limits.h>
#include <string.h>
#include <sys/random.h>

#define GENERATION_CONFIG_LIMIT (4u << 20)

/* The two files in which a key may stand, in order. Either may be NULL. */
struct sources {
    struct json_object *roots[2];
    const char *names[2];
};

static struct json_object *find_key(const struct sources *s, const char *key, const char **name)
{
    for (int i = 0; i < 2; i++) {
        struct json_object *v = s->roots[i] ? json_object_object_get(s->roots[i], key) : NULL;
        if (v) {
            *name = s->names[i];
            return v;
        }
    }
    return NULL;
}

static corbel_status read_int(const struct sources *s, const char *key, int64_t least, int64_t *out,
                              corbel_error *err)
{
    const char *name;
    struct json_object *v = find_key(s, key, &name);
    if (!v)
        return CORBEL_OK;
    if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < least)
        return error_set(err, CORBEL_E_CONFIG, "%s: %s: expected an integer of at least %lld", name,
                         key, (long long)least);
    *out = json_object_get_int64(v);
    return CORBEL_OK;
}

static corbel_status read_double(const struct sources *s, const char *key, double least,
                                 double most, double *out, corbel_error *err)
{
    const char *name;
    struct json_object *v = find_key(s, key, &name);
    if (!v)
        return CORBEL_OK;
    double d = json_object_get_double(v);
    if ((!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int)) ||
        !(d >= least && d <= most))
        return error_set(err, CORBEL_E_CONFIG, "%s: %s: expected a number from %g to %g", name, key,
                         least, most);
    *out = d;
    return CORBEL_OK;
}

static corbel_status read_flag(const struct sources *s, const char *key, bool *out,
                               corbel_error *err)
{
    const char *name;
    struct json_object *v = find_key(s, key, &name);
    if (!v)
        return CORBEL_OK;
    if (!json_object_is_type(v, json_type_boolean))
        return error_set(err, CORBEL_E_CONFIG, "%s: %s: expected true or false", name, key);
    *out = json_object_get_boolean(v);
    return CORBEL_OK;
}

static bool token_from_json(struct json_object *v, int32_t *out)
{
    int64_t id = v && json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : -1;
    *out = (int32_t)id;
    return id >= 0 && id <= INT32_MAX;
}

/* One id or a list of ids. */
static corbel_status read_tokens(const struct sources *s, const char *key, struct arena *arena,
                                 struct token_list *out, corbel_error *err)
{
    const char *name;
    struct json_object *v = find_key(s, key, &name);
    if (!v)
        return CORBEL_OK;
    bool list = json_object_is_type(v, json_type_array);
    size_t n = list ? json_object_array_length(v) : 1;
    int32_t *ids = arena_array(arena, n ? n : 1, sizeof(*ids));
    if (!ids)
        return error_memory(err, n * sizeof(*ids), key);
    for (size_t i = 0; i < n; i++)
        if (!token_from_json(list ? json_object_array_get_idx(v, i) : v, &ids[i]))
            return error_set(err, CORBEL_E_CONFIG, "%s: %s: expected a token id or a list of them",
                             name, key);
    *out = (struct token_list){.ids = ids, .n = n};
    return CORBEL_OK;
}

/* max_new_tokens wins over max_length, which counts the prompt too; likewise the least. */
static corbel_status read_lengths(struct generation_config *g, const struct sources *s,
                                  int64_t prompt, corbel_error *err)
{
    int64_t max_length = 0, min_length = 0, max_new = 0, min_new = 0;
    corbel_status status = read_int(s, "max_length", 1, &max_length, err);
    if (!status)
        status = read_int(s, "max_new_tokens", 1, &max_new, err);
    if (!status)
        status = read_int(s, "min_length", 0, &min_length, err);
    if (!status)
        status = read_int(s, "min_new_tokens", 0, &min_new, err);
    if (max_new > 0)
        g->max_new_tokens = max_new;
    else if (max_length > 0 && max_length != 20) /* 20, the default, means 20 new tokens */
        g->max_new_tokens = max_length > prompt ? max_length - prompt : 1;
    if (min_new > 0)
        g->min_new_tokens = min_new;
    else if (min_length > prompt)
        g->min_new_tokens = min_length - prompt;
    return status;
}

static corbel_status read_sampling(struct generation_config *g, const struct sources *s,
                                   corbel_error *err)
{
    corbel_status status = read_flag(s, "do_sample", &g->do_sample, err);
    if (!status)
        status = read_double(s, "temperature", 0, 1e6, &g->temperature, err);
    if (!status)
        status = read_double(s, "top_p", 0, 1, &g->top_p, err);
    if (!status)
        status = read_double(s, "min_p", 0, 1, &g->min_p, err);
    if (!status)
        status = read_double(s, "repetition_penalty", 1e-6, 1e6, &g->repetition_penalty, err);
    if (!status)
        status = read_int(s, "top_k", 0, &g->top_k, err);
    if (!status)
        status = read_int(s, "no_repeat_ngram_size", 0, &g->no_repeat_ngram_size, err);
    return status;
}

static corbel_status read_token_ids(struct generation_config *g, const struct sources *s,
                                    struct arena *arena, corbel_error *err)
{
    struct token_list pad = {0};
    corbel_status status = read_tokens(s, "eos_token_id", arena, &g->eos, err);
    if (!status)
        status = read_tokens(s, "pad_token_id", arena, &pad, err);
    if (!status)
        status = read_tokens(s, "suppress_tokens", arena, &g->suppress, err);
    if (!status)
        status = read_tokens(s, "begin_suppress_tokens", arena, &g->begin_suppress, err);
    g->pad_token_id = pad.n == 1 ? pad.ids[0] : -1;
    return status;
}

static void warn_unsupported(const struct sources *s)
{
    static const struct {
        const char *key;
        double neutral;
    } keys[] = {{"num_beams", 1}, {"typical_p", 1}, {"penalty_alpha", 0}, {"epsilon_cutoff", 0}};
    const char *name;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct json_object *v = find_key(s, keys[i].key, &name);
        if (v && json_object_get_double(v) != keys[i].neutral)
            log_line(CORBEL_LOG_WARN, "%s: %s is not supported and is ignored", name, keys[i].key);
    }
}

static corbel_status take_params(struct generation_config *g, const corbel_generate_params *p,
                                 struct arena *arena, corbel_error *err)
{
    if (p->max_new_tokens)
        g->max_new_tokens = p->max_new_tokens;
    if (p->min_new_tokens)
        g->min_new_tokens = p->min_new_tokens;
    if (p->do_sample)
        g->do_sample = p->do_sample > 0;
    if (p->temperature != 0)
        g->temperature = p->temperature;
    if (p->top_p != 0)
        g->top_p = p->top_p;
    if (p->min_p != 0)
        g->min_p = p->min_p > 0 ? p->min_p : 0;
    if (p->repetition_penalty != 0)
        g->repetition_penalty = p->repetition_penalty;
    if (p->top_k)
        g->top_k = p->top_k > 0 ? p->top_k : 0;
    if (p->n_eos)
        g->eos = (struct token_list){0};
    if (p->n_eos > 0) {
        g->eos.n = (size_t)p->n_eos;
        g->eos.ids = arena_copy(arena, p->eos_token_id, g->eos.n * sizeof(*g->eos.ids));
        if (!g->eos.ids)
            return error_memory(err, g->eos.n * sizeof(*g->eos.ids), "end tokens");
    }
    if (p->pad_token_id)
        g->pad_token_id = *p->pad_token_id;
    g->seed = p->seed;
    return CORBEL_OK;
}

static corbel_status check(const struct generation_config *g, corbel_error *err)
{
    const struct {
        const char *name;
        double value, least, most;
    } rows[] = {{"temperature", g->temperature, 0, 1e6},
                {"top_p", g->top_p, 0, 1},
                {"min_p", g->min_p, 0, 1},
                {"repetition_penalty", g->repetition_penalty, 1e-6, 1e6}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!(rows[i].value >= rows[i].least && rows[i].value <= rows[i].most))
            return error_set(err, CORBEL_E_ARGUMENT, "%s is %g, expected %g to %g", rows[i].name,
                             rows[i].value, rows[i].least, rows[i].most);
    if (g->eos.n > GENERATION_MAX_EOS)
        return error_set(err, CORBEL_E_ARGUMENT, "eos_token_id: %zu ids, at most %d", g->eos.n,
                         GENERATION_MAX_EOS);
    return CORBEL_OK;
}

static corbel_status read_all(struct generation_config *g, const struct sources *s, int64_t prompt,
                              struct arena *arena, corbel_error *err)
{
    corbel_status status = read_lengths(g, s, prompt, err);
    if (!status)
        status = read_sampling(g, s, err);
    if (!status)
        status = read_token_ids(g, s, arena, err);
    if (!status)
        warn_unsupported(s);
    return status;
}

/* Temperature 0 means greedy; a seed of 0 asks the system for one. */
static void settle(struct generation_config *g)
{
    if (g->temperature == 0)
        g->do_sample = false;
    if (g->pad_token_id < 0)
        g->pad_token_id = g->eos.n ? g->eos.ids[0] : 0;
    if (g->seed == 0 && getrandom(&g->seed, sizeof(g->seed), 0) != (ssize_t)sizeof(g->seed))
        g->seed = 1;
}

corbel_status generation_config_read(struct generation_config *g, const struct corbel_model *model,
                                     const corbel_generate_params *params, int64_t prompt,
                                     struct arena *arena, corbel_error *err)
{
    char path[PATH_MAX];
    struct json_object *root = NULL;
    corbel_status status = CORBEL_OK;
    *g = (struct generation_config){
        .max_new_tokens = 20, .temperature = 1, .top_p = 1, .repetition_penalty = 1, .top_k = 50};
    if (!path_join(path, sizeof(path), model->folder, "generation_config.json"))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", model->folder);
    if (file_exists(path))
        status = json_load(path, GENERATION_CONFIG_LIMIT, JSON_DATA, &root, err);
    if (!status && root && !json_object_is_type(root, json_type_object))
        status = error_set(err, CORBEL_E_CONFIG, "%s: expected an object", path);
    struct sources s = {.roots = {root, model->config.root}, .names = {path, model->config.path}};
    if (!status)
        status = read_all(g, &s, prompt, arena, err);
    if (!status)
        status = take_params(g, params, arena, err);
    if (!status)
        status = check(g, err);
    if (!status)
        settle(g);
    json_object_put(root);
    return status;
}
