/* config/rope.c: rotary parameters, from whatever a config.json of any year calls them.
 *
 * Mirrors RotaryEmbeddingConfigMixin and the _compute_*_parameters of transformers 5
 * (modeling_rope_utils.py): what is derived there from the configuration alone is derived here;
 * what depends on head size and positions is left to the operation rope_table. */
#include "config/rope.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where values are read from. */
struct source {
    const struct config *config;
    const char *layer_type;
    const char
        *prefix; /* "rope_scaling", "rope_parameters.full_attention", or NULL: no such object */
    bool scaled; /* the type in that object holds for this kind of layer */
    corbel_error *err;
};

/* ---- which object -----------------------------------------------------------------------------
 */

static bool is_by_layer_type(struct json_object *parameters)
{
    struct json_object_iter member;
    json_object_object_foreachC(parameters, member)
    {
        if (json_object_is_type(member.val, json_type_object))
            return true;
    }
    return false;
}

/* A non-empty object, or nothing. */
static corbel_status find_object(const struct config *c, const char *key, struct json_object **out,
                                 corbel_error *err)
{
    *out = config_find(c, key, NULL);
    if (*out && !json_object_is_type(*out, json_type_object))
        return config_refuse(c, key, *out, "an object or null", err);
    if (*out && json_object_object_length(*out) == 0)
        *out = NULL;
    return CORBEL_OK;
}

/* rope_scaling replaces rope_parameters where both are given, as in transformers. A scaling that is
 * not by layer type never holds for sliding layers: it lengthens the context, and they don't see
 * it. (A version of transformers did apply it, and gave wrong outputs for Olmo 3 without a word.)
 */
static corbel_status choose_source(struct source *s, struct arena *arena)
{
    const struct config *c = s->config;
    const bool sliding = strcmp(s->layer_type, "sliding_attention") == 0;
    struct json_object *scaling, *parameters, *inner;
    corbel_status status = find_object(c, "rope_scaling", &scaling, s->err);
    if (status == CORBEL_OK)
        status = find_object(c, "rope_parameters", &parameters, s->err);
    if (status != CORBEL_OK)
        return status;

    const bool by_layer = parameters && is_by_layer_type(parameters);
    if (by_layer && s->layer_type[0] == '\0')
        return config_refuse(c, "rope_parameters", parameters,
                             "one set of parameters for all layers", s->err);
    if (scaling && !(by_layer && sliding)) {
        s->prefix = "rope_scaling";
        s->scaled = !sliding;
    } else if (parameters && !by_layer) {
        s->prefix = "rope_parameters";
        s->scaled = !sliding;
    } else if (by_layer) {
        char *prefix = arena_format(arena, "rope_parameters.%s", s->layer_type);
        if (!prefix)
            return error_memory(s->err, strlen(s->layer_type), "rope_parameters");
        status = find_object(c, prefix, &inner, s->err);
        s->prefix = inner ? prefix : NULL;
        s->scaled = true;
    }
    return status;
}

/* ---- one value ------------------------------------------------------------------------------- */

enum { KEY_SIZE = 192 };

/* "PREFIX.name", to which the caller's aliases may be appended; "" if there is no object. */
static const char *inner_key(const struct source *s, const char *name, char key[KEY_SIZE])
{
    key[0] = '\0';
    if (s->prefix)
        snprintf(key, KEY_SIZE, "%s.%s", s->prefix, name);
    return key;
}

/* A number greater than 0 at the first of `keys`; *out stays as it is if there is none. */
static corbel_status read_positive(const struct source *s, const char *keys, double *out)
{
    double number = 0;
    int found = 0;
    const char *key;
    const corbel_status status = config_double(s->config, keys, &number, &found, s->err);
    if (status != CORBEL_OK || !found)
        return status;
    if (number <= 0) {
        struct json_object *value = config_find(s->config, keys, &key);
        return config_refuse(s->config, key, value, "a number greater than 0", s->err);
    }
    *out = number;
    return CORBEL_OK;
}

static corbel_status read_inner(const struct source *s, const char *name, double *out)
{
    char key[KEY_SIZE];
    return s->prefix ? read_positive(s, inner_key(s, name, key), out) : CORBEL_OK;
}

/* For optional ones where transformers writes `get(name) or default`: 0 means absent, too. */
static corbel_status read_or(const struct source *s, const char *name, double *out)
{
    char key[KEY_SIZE];
    double number = 0;
    const corbel_status status =
        config_double(s->config, inner_key(s, name, key), &number, NULL, s->err);
    if (status != CORBEL_OK || number == 0)
        return status;
    return read_positive(s, key, out);
}

static corbel_status read_positions(const struct source *s, const char *keys, int64_t *out)
{
    int64_t number = 0;
    int found = 0;
    const char *key;
    const corbel_status status = config_int(s->config, keys, &number, &found, s->err);
    if (status != CORBEL_OK || !found)
        return status;
    if (number < 1 || number > INT32_MAX) {
        struct json_object *value = config_find(s->config, keys, &key);
        return config_refuse(s->config, key, value, "an integer from 1 to 2^31 - 1", s->err);
    }
    *out = number;
    return CORBEL_OK;
}

static corbel_status require(const struct source *s, const char *name, bool there)
{
    char key[KEY_SIZE];
    if (there)
        return CORBEL_OK;
    return error_set(s->err, CORBEL_E_CONFIG, "%s: %s is missing, which this rope_type needs",
                     s->config->path, inner_key(s, name, key));
}

static corbel_status read_list(const struct source *s, const char *name, struct arena *arena,
                               corbel_f64_list *out)
{
    char key[KEY_SIZE];
    struct json_object *list = config_find(s->config, inner_key(s, name, key), NULL);
    const corbel_status status = require(s, name, list != NULL);
    if (status != CORBEL_OK)
        return status;

    const size_t n =
        json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    if (n < 1 || n > 65536)
        return config_refuse(s->config, key, list, "a list of 1 to 65536 numbers", s->err);
    double *items = arena_array(arena, n, sizeof(*items));
    if (!items)
        return error_memory(s->err, n * sizeof(*items), key);
    for (size_t i = 0; i < n; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        const bool number =
            json_object_is_type(item, json_type_int) || json_object_is_type(item, json_type_double);
        items[i] = number ? json_object_get_double(item) : 0;
        if (!isfinite(items[i]) || items[i] <= 0)
            return config_refuse(s->config, key, item, "only numbers greater than 0", s->err);
    }
    *out = (corbel_f64_list){.n = n, .items = items};
    return CORBEL_OK;
}

/* ---- one type -------------------------------------------------------------------------------- */

static corbel_status read_type(const struct source *s, int32_t *type)
{
    static const struct {
        const char *name;
        int32_t type;
    } types[] = {
        /* clang-format off */
        {"default",  CORBEL_ROPE_DEFAULT},
        {"mrope",    CORBEL_ROPE_DEFAULT}, /* its sections matter to images only */
        {"linear",   CORBEL_ROPE_LINEAR},
        {"dynamic",  CORBEL_ROPE_DYNAMIC},
        {"llama3",   CORBEL_ROPE_LLAMA3},
        {"yarn",     CORBEL_ROPE_YARN},
        {"longrope", CORBEL_ROPE_LONGROPE},
        {"su",       CORBEL_ROPE_LONGROPE},
        /* clang-format on */
    };
    *type = CORBEL_ROPE_DEFAULT;
    if (!s->prefix || !s->scaled)
        return CORBEL_OK;

    char keys[2 * KEY_SIZE];
    const char *name = "default", *key;
    snprintf(keys, sizeof keys, "%s.rope_type|%s.type", s->prefix, s->prefix);
    const corbel_status status = config_string(s->config, keys, &name, NULL, s->err);
    if (status != CORBEL_OK)
        return status;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(name, types[i].name) == 0) {
            *type = types[i].type;
            return CORBEL_OK;
        }
    }
    struct json_object *value = config_find(s->config, keys, &key);
    return config_refuse(s->config, key, value,
                         "default, linear, dynamic, llama3, yarn or longrope", s->err);
}

/* What every type has. The theta inside the object wins over the one beside it. */
static corbel_status read_common(const struct source *s, double default_theta, corbel_rope *r)
{
    static const char *const outer = "rope_theta|global_rope_theta|rotary_emb_base";
    static const char *const local = "rope_local_base_freq|local_rope_theta|rope_theta";
    const bool sliding = strcmp(s->layer_type, "sliding_attention") == 0;
    r->theta = default_theta;
    r->partial_rotary_factor = 1;
    r->attention_factor = 1;

    corbel_status status = read_positive(s, sliding ? local : outer, &r->theta);
    if (status == CORBEL_OK)
        status = read_inner(s, "rope_theta", &r->theta);
    if (status == CORBEL_OK)
        status = read_positive(s, "partial_rotary_factor|rotary_pct", &r->partial_rotary_factor);
    if (status == CORBEL_OK)
        status = read_inner(s, "partial_rotary_factor", &r->partial_rotary_factor);
    if (status != CORBEL_OK)
        return status;
    if (r->partial_rotary_factor > 1)
        return error_set(s->err, CORBEL_E_CONFIG,
                         "%s: partial_rotary_factor: expected at most 1, found %g", s->config->path,
                         r->partial_rotary_factor);
    return CORBEL_OK;
}

/* The length of context before scaling. Beside the object (Phi-3) it wins over inside; where it is
 * given nowhere, it is what the model has now. */
static corbel_status read_original(const struct source *s, int64_t max_positions, corbel_rope *r)
{
    char key[KEY_SIZE];
    int64_t *original = &r->original_max_position_embeddings;
    *original = max_positions;
    corbel_status status =
        read_positions(s, inner_key(s, "original_max_position_embeddings", key), original);
    if (status == CORBEL_OK && s->layer_type[0] == '\0')
        status = read_positions(s, "original_max_position_embeddings", original);
    if (status == CORBEL_OK)
        status = require(s, "original_max_position_embeddings", *original != 0);
    return status;
}

/* `factor`, or the ratio of the lengths of context. */
static corbel_status read_factor_or_ratio(const struct source *s, int64_t max_positions,
                                          corbel_rope *r)
{
    corbel_status status = read_inner(s, "factor", &r->factor);
    if (status == CORBEL_OK && r->factor == 0) {
        status = require(s, "factor", max_positions != 0);
        r->factor = (double)max_positions / (double)r->original_max_position_embeddings;
    }
    return status;
}

static corbel_status read_llama3(const struct source *s, int64_t max_positions, corbel_rope *r)
{
    corbel_status status = read_original(s, max_positions, r);
    if (status == CORBEL_OK)
        status = read_inner(s, "factor", &r->factor);
    if (status == CORBEL_OK)
        status = require(s, "factor", r->factor != 0);
    if (status == CORBEL_OK)
        status = read_inner(s, "low_freq_factor", &r->low_freq_factor);
    if (status == CORBEL_OK)
        status = require(s, "low_freq_factor", r->low_freq_factor != 0);
    if (status == CORBEL_OK)
        status = read_inner(s, "high_freq_factor", &r->high_freq_factor);
    if (status == CORBEL_OK)
        status = require(s, "high_freq_factor", r->high_freq_factor != 0);
    if (status == CORBEL_OK && r->high_freq_factor <= r->low_freq_factor)
        return error_set(s->err, CORBEL_E_CONFIG,
                         "%s: %s.high_freq_factor: expected more than low_freq_factor (%g), "
                         "found %g",
                         s->config->path, s->prefix, r->low_freq_factor, r->high_freq_factor);
    return status;
}

/* get_mscale of the paper's authors. */
static double yarn_mscale(double factor, double mscale)
{
    return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

static corbel_status read_yarn(const struct source *s, int64_t max_positions, corbel_rope *r)
{
    char key[KEY_SIZE];
    double mscale = 0, mscale_all_dim = 0, attention_factor = 0;
    bool truncate = true;
    r->beta_fast = 32;
    r->beta_slow = 1;
    corbel_status status = read_original(s, max_positions, r);
    if (status == CORBEL_OK)
        status = read_factor_or_ratio(s, max_positions, r);
    if (status == CORBEL_OK)
        status = read_or(s, "beta_fast", &r->beta_fast);
    if (status == CORBEL_OK)
        status = read_or(s, "beta_slow", &r->beta_slow);
    if (status == CORBEL_OK)
        status = read_or(s, "mscale", &mscale);
    if (status == CORBEL_OK)
        status = read_or(s, "mscale_all_dim", &mscale_all_dim);
    if (status == CORBEL_OK)
        status = read_inner(s, "attention_factor", &attention_factor);
    if (status == CORBEL_OK)
        status = config_bool(s->config, inner_key(s, "truncate", key), &truncate, NULL, s->err);
    if (status != CORBEL_OK)
        return status;
    if (r->theta <= 1)
        return error_set(s->err, CORBEL_E_CONFIG,
                         "%s: rope_theta: expected more than 1 for yarn, found %g", s->config->path,
                         r->theta);

    r->truncate = truncate;
    if (attention_factor != 0)
        r->attention_factor = attention_factor;
    else if (mscale != 0 && mscale_all_dim != 0)
        r->attention_factor =
            yarn_mscale(r->factor, mscale) / yarn_mscale(r->factor, mscale_all_dim);
    else
        r->attention_factor = yarn_mscale(r->factor, 1);
    if (!isfinite(r->attention_factor))
        return error_set(s->err, CORBEL_E_CONFIG,
                         "%s: %s: mscale and mscale_all_dim make an attention factor of %g",
                         s->config->path, s->prefix, r->attention_factor);
    return CORBEL_OK;
}

/* One factor for each frequency, where the file tells how many there are. */
static corbel_status check_lengths(const struct source *s, const corbel_rope *r)
{
    int64_t head_dim = 0, hidden = 0, heads = 0;
    corbel_status status = config_int(s->config, "head_dim", &head_dim, NULL, s->err);
    if (status == CORBEL_OK)
        status = config_int(s->config, "hidden_size", &hidden, NULL, s->err);
    if (status == CORBEL_OK)
        status = config_int(s->config, "num_attention_heads", &heads, NULL, s->err);
    if (status != CORBEL_OK)
        return status;

    if (head_dim == 0 && heads > 0)
        head_dim = hidden / heads;
    const double rotated = trunc((double)head_dim * r->partial_rotary_factor);
    const double expected = head_dim > 0 ? ceil(rotated / 2) : (double)r->short_factor.n;
    if ((double)r->short_factor.n != expected || (double)r->long_factor.n != expected)
        return error_set(s->err, CORBEL_E_CONFIG,
                         "%s: %s: expected %.0f numbers in short_factor and in long_factor, "
                         "found %llu and %llu",
                         s->config->path, s->prefix, expected,
                         (unsigned long long)r->short_factor.n,
                         (unsigned long long)r->long_factor.n);
    return CORBEL_OK;
}

static corbel_status read_longrope(const struct source *s, int64_t max_positions,
                                   struct arena *arena, corbel_rope *r)
{
    double attention_factor = 0;
    corbel_status status = read_original(s, max_positions, r);
    if (status == CORBEL_OK)
        status = read_factor_or_ratio(s, max_positions, r);
    if (status == CORBEL_OK)
        status = read_inner(s, "attention_factor", &attention_factor);
    if (status == CORBEL_OK)
        status = read_list(s, "short_factor", arena, &r->short_factor);
    if (status == CORBEL_OK)
        status = read_list(s, "long_factor", arena, &r->long_factor);
    if (status == CORBEL_OK)
        status = check_lengths(s, r);
    if (status != CORBEL_OK)
        return status;
    if (r->original_max_position_embeddings < 2)
        return error_set(s->err, CORBEL_E_CONFIG,
                         "%s: original_max_position_embeddings: expected at least 2 for longrope",
                         s->config->path);

    if (attention_factor != 0)
        r->attention_factor = attention_factor;
    else if (r->factor > 1)
        r->attention_factor =
            sqrt(1 + log(r->factor) / log((double)r->original_max_position_embeddings));
    return CORBEL_OK;
}

static corbel_status read_scaling(const struct source *s, struct arena *arena, corbel_rope *r)
{
    int64_t max_positions = 0; /* 0: not given */
    corbel_status status = read_positions(s, "max_position_embeddings", &max_positions);
    if (status != CORBEL_OK)
        return status;
    switch (r->type) {
    case CORBEL_ROPE_LLAMA3: return read_llama3(s, max_positions, r);
    case CORBEL_ROPE_YARN: return read_yarn(s, max_positions, r);
    case CORBEL_ROPE_LONGROPE: return read_longrope(s, max_positions, arena, r);
    case CORBEL_ROPE_DYNAMIC:
        r->max_position_embeddings = max_positions;
        if (max_positions == 0)
            return error_set(s->err, CORBEL_E_CONFIG,
                             "%s: max_position_embeddings is missing, which dynamic rope needs",
                             s->config->path);
        break;
    case CORBEL_ROPE_LINEAR: break;
    default: return CORBEL_OK;
    }
    status = read_inner(s, "factor", &r->factor);
    return status == CORBEL_OK ? require(s, "factor", r->factor != 0) : status;
}

corbel_status config_rope(const struct config *c, const char *layer_type, double default_theta,
                          struct arena *arena, const corbel_rope **rope, corbel_error *err)
{
    struct source s = {.config = c, .layer_type = layer_type, .err = err};
    corbel_rope *r = arena_alloc(arena, sizeof(*r));
    *rope = NULL;
    if (!r)
        return error_memory(err, sizeof(*r), "rotary parameters");
    r->struct_size = sizeof(*r);

    corbel_status status = choose_source(&s, arena);
    if (status == CORBEL_OK)
        status = read_type(&s, &r->type);
    if (status == CORBEL_OK)
        status = read_common(&s, default_theta, r);
    if (status == CORBEL_OK)
        status = read_scaling(&s, arena, r);
    if (status == CORBEL_OK)
        *rope = r;
    return status;
}
