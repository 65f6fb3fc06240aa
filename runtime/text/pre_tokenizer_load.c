/* text/pre_tokenizer_load.c: reads tokenizer.json's `pre_tokenizer`. */
#include "text/pre_tokenizer.h"

#include "text/member.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

#define GPT2_REGEX \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* Serialised in CamelCase; programs also write snake_case. */
static corbel_status load_behavior(struct json_object *json, const char *name,
                                   enum split_behavior *behavior, corbel_error *err)
{
    // clang-format off
    static const struct {
        const char *text, *other;
        enum split_behavior behavior;
    } known[] = {
        {"Removed", "removed", SPLIT_REMOVED}, {"Isolated", "isolated", SPLIT_ISOLATED},
        {"MergedWithPrevious", "merged_with_previous", SPLIT_MERGED_WITH_PREVIOUS},
        {"MergedWithNext", "merged_with_next", SPLIT_MERGED_WITH_NEXT},
        {"Contiguous", "contiguous", SPLIT_CONTIGUOUS},
    };
    // clang-format on
    const char *text = NULL;
    corbel_status status = json_get_string(json, "behavior", &text, name, err);

    if (status != CORBEL_OK || !text)
        return status;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(text, known[i].text) == 0 || strcmp(text, known[i].other) == 0) {
            *behavior = known[i].behavior;
            return CORBEL_OK;
        }
    }
    return error_set(err, CORBEL_E_FORMAT, "%s: pre_tokenizer.behavior: unknown \"%.60s\"", name,
                     text);
}

corbel_status prepend_scheme_load(struct json_object *json, const char *name,
                                  enum prepend_scheme *scheme, corbel_error *err)
{
    const char *text = NULL;
    bool prefix = true;
    corbel_status status = json_get_bool(json, "add_prefix_space", &prefix, name, err);

    if (status == CORBEL_OK)
        status = json_get_string(json, "prepend_scheme", &text, name, err);
    if (status != CORBEL_OK)
        return status;
    *scheme = prefix ? PREPEND_ALWAYS : PREPEND_NEVER;
    if (!text)
        return CORBEL_OK;
    if (strcmp(text, "always") == 0)
        *scheme = PREPEND_ALWAYS;
    else if (strcmp(text, "first") == 0)
        *scheme = PREPEND_FIRST;
    else if (strcmp(text, "never") == 0)
        *scheme = PREPEND_NEVER;
    else
        return error_set(err, CORBEL_E_FORMAT, "%s: prepend_scheme: unknown \"%.60s\"", name, text);
    return CORBEL_OK;
}

static corbel_status load_split(struct pre_tokenizer *p, struct json_object *json, const char *name,
                                corbel_error *err)
{
    corbel_status status;

    p->kind = PRE_SPLIT;
    p->behavior = SPLIT_REMOVED;
    if ((status = member_pattern(json, name, &p->pattern, err)) != CORBEL_OK ||
        (status = load_behavior(json, name, &p->behavior, err)) != CORBEL_OK)
        return status;
    return json_get_bool(json, "invert", &p->invert, name, err);
}

static corbel_status load_byte_level(struct pre_tokenizer *p, struct json_object *json,
                                     const char *name, corbel_error *err)
{
    corbel_status status;

    p->kind = PRE_BYTE_LEVEL;
    p->prefix_space = p->use_regex = true;
    if ((status = json_get_bool(json, "add_prefix_space", &p->prefix_space, name, err)) !=
            CORBEL_OK ||
        (status = json_get_bool(json, "use_regex", &p->use_regex, name, err)) != CORBEL_OK)
        return status;
    return pattern_regex(&p->pattern, GPT2_REGEX, name, err);
}

static corbel_status load_metaspace(struct pre_tokenizer *p, struct json_object *json,
                                    const char *name, corbel_error *err)
{
    corbel_status status;

    p->kind = PRE_METASPACE;
    p->split = true;
    if ((status = member_string(json, "replacement", name, &p->replacement, err)) != CORBEL_OK ||
        (status = prepend_scheme_load(json, name, &p->scheme, err)) != CORBEL_OK ||
        (status = json_get_bool(json, "split", &p->split, name, err)) != CORBEL_OK)
        return status;
    if (utf8_count(p->replacement, strlen(p->replacement)) != 1)
        return error_set(err, CORBEL_E_FORMAT, "%s: replacement: expected one character", name);
    return pattern_literal(&p->pattern, p->replacement, err);
}

static corbel_status load_digits(struct pre_tokenizer *p, struct json_object *json,
                                 const char *name, corbel_error *err)
{
    bool individual = false;

    p->kind = PRE_SPLIT;
    pattern_class(&p->pattern, unicode_is_numeric);
    corbel_status status = json_get_bool(json, "individual_digits", &individual, name, err);
    p->behavior = individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
    return status;
}

static corbel_status load_punctuation(struct pre_tokenizer *p, struct json_object *json,
                                      const char *name, corbel_error *err)
{
    p->kind = PRE_SPLIT;
    p->behavior = SPLIT_ISOLATED;
    pattern_class(&p->pattern, unicode_is_punctuation);
    return load_behavior(json, name, &p->behavior, err);
}

static corbel_status load_whitespace_split(struct pre_tokenizer *p, struct json_object *json,
                                           const char *name, corbel_error *err)
{
    (void)json;
    (void)name;
    (void)err;
    p->kind = PRE_SPLIT;
    p->behavior = SPLIT_REMOVED;
    pattern_class(&p->pattern, unicode_is_whitespace);
    return CORBEL_OK;
}

static corbel_status load_delimiter(struct pre_tokenizer *p, struct json_object *json,
                                    const char *name, corbel_error *err)
{
    const char *delimiter = NULL;
    corbel_status status = json_get_string(json, "delimiter", &delimiter, name, err);

    p->kind = PRE_SPLIT;
    p->behavior = SPLIT_REMOVED;
    if (status != CORBEL_OK)
        return status;
    if (!delimiter || utf8_count(delimiter, strlen(delimiter)) != 1)
        return error_set(err, CORBEL_E_FORMAT, "%s: delimiter: expected one character", name);
    return pattern_literal(&p->pattern, delimiter, err);
}

static corbel_status load_fixed_length(struct pre_tokenizer *p, struct json_object *json,
                                       const char *name, corbel_error *err)
{
    p->kind = PRE_FIXED_LENGTH;
    p->length = 5;
    corbel_status status = json_get_int(json, "length", &p->length, name, err);
    if (status == CORBEL_OK && p->length < 1)
        status = error_set(err, CORBEL_E_FORMAT, "%s: length: expected 1 or more", name);
    return status;
}

static corbel_status load_bert(struct pre_tokenizer *p, struct json_object *json, const char *name,
                               corbel_error *err)
{
    (void)json;
    (void)name;
    (void)err;
    p->kind = PRE_BERT;
    return CORBEL_OK;
}

static corbel_status load_whitespace(struct pre_tokenizer *p, struct json_object *json,
                                     const char *name, corbel_error *err)
{
    (void)json;
    (void)name;
    (void)err;
    p->kind = PRE_WHITESPACE;
    return CORBEL_OK;
}

static corbel_status load_one(struct pre_tokenizer *p, const char *type, struct json_object *json,
                              const char *name, corbel_error *err)
{
    // clang-format off
    static const struct {
        const char *type;
        corbel_status (*load)(struct pre_tokenizer *, struct json_object *, const char *,
                              corbel_error *);
    } known[] = {
        {"BertPreTokenizer", load_bert}, {"ByteLevel", load_byte_level},
        {"CharDelimiterSplit", load_delimiter}, {"Digits", load_digits},
        {"FixedLength", load_fixed_length}, {"Metaspace", load_metaspace},
        {"Punctuation", load_punctuation}, {"Split", load_split},
        {"Whitespace", load_whitespace}, {"WhitespaceSplit", load_whitespace_split},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].type, type) == 0)
            return known[i].load(p, json, name, err);
    return member_unknown("pre_tokenizer", type, name, err);
}

static corbel_status load_nested(struct pre_tokenizers *list, struct json_object *json,
                                 const char *name, unsigned nesting, corbel_error *err)
{
    struct json_object *members = NULL;
    const char *type;
    corbel_status status = member_type(json, "pre_tokenizer", name, &type, err);

    if (status != CORBEL_OK)
        return status;
    if (strcmp(type, "Sequence") != 0) {
        struct pre_tokenizer *p =
            member_append((void **)&list->items, &list->n, &list->capacity, sizeof(*p));
        return p ? load_one(p, type, json, name, err)
                 : error_memory(err, sizeof(*p), "pre_tokenizer");
    }
    if (nesting == MEMBER_MAX_NESTING)
        return error_set(err, CORBEL_E_FORMAT, "%s: pre_tokenizer is nested too deep", name);
    status = json_get_member(json, "pretokenizers", json_type_array, &members, name, err);
    for (size_t i = 0; status == CORBEL_OK && members && i < json_object_array_length(members); i++)
        status = load_nested(list, json_object_array_get_idx(members, i), name, nesting + 1, err);
    return status;
}

corbel_status pre_tokenizers_load(struct pre_tokenizers *list, struct json_object *json,
                                  const char *name, corbel_error *err)
{
    *list = (struct pre_tokenizers){0};
    return json ? load_nested(list, json, name, 0, err) : CORBEL_OK;
}

corbel_status pre_tokenizers_metaspace(struct pre_tokenizers *list, enum prepend_scheme scheme,
                                       bool split, corbel_error *err)
{
    static const char sign[] = "\xE2\x96\x81";
    struct pre_tokenizer *p =
        member_append((void **)&list->items, &list->n, &list->capacity, sizeof(*p));

    if (!p || !(p->replacement = strdup(sign)))
        return error_memory(err, sizeof(*p), "pre_tokenizer");
    p->kind = PRE_METASPACE;
    p->split = split;
    p->scheme = scheme;
    return pattern_literal(&p->pattern, sign, err);
}

void pre_tokenizers_finish(struct pre_tokenizers *list)
{
    for (size_t i = 0; i < list->n; i++) {
        pattern_finish(&list->items[i].pattern);
        free(list->items[i].replacement);
    }
    free(list->items);
    *list = (struct pre_tokenizers){0};
}
