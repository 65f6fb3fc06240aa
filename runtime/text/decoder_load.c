/* text/decoder_load.c: reads tokenizer.json's `decoder`. */
#include "text/decoder.h"

#include "text/member.h"
#include "text/pre_tokenizer.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

static corbel_status string_or(struct json_object *json, const char *key, const char *fallback,
                               const char *name, char **copy, corbel_error *err)
{
    const char *value = fallback;
    corbel_status status = json_get_string(json, key, &value, name, err);

    if (status != CORBEL_OK)
        return status;
    *copy = strdup(value);
    return *copy ? CORBEL_OK : error_memory(err, strlen(value), key);
}

static corbel_status load_byte_level(struct decoder *d, struct json_object *json, const char *name,
                                     corbel_error *err)
{
    (void)json;
    (void)name;
    (void)err;
    d->kind = DECODE_BYTE_LEVEL;
    return CORBEL_OK;
}

static corbel_status load_wordpiece(struct decoder *d, struct json_object *json, const char *name,
                                    corbel_error *err)
{
    d->kind = DECODE_WORDPIECE;
    d->cleanup = true;
    corbel_status status = string_or(json, "prefix", "##", name, &d->content, err);
    return status == CORBEL_OK ? json_get_bool(json, "cleanup", &d->cleanup, name, err) : status;
}

static corbel_status load_metaspace(struct decoder *d, struct json_object *json, const char *name,
                                    corbel_error *err)
{
    enum prepend_scheme scheme = PREPEND_ALWAYS;
    corbel_status status = prepend_scheme_load(json, name, &scheme, err);

    d->kind = DECODE_METASPACE;
    d->prefix_space = scheme != PREPEND_NEVER;
    return status == CORBEL_OK ? member_string(json, "replacement", name, &d->content, err)
                               : status;
}

static corbel_status load_bpe(struct decoder *d, struct json_object *json, const char *name,
                              corbel_error *err)
{
    d->kind = DECODE_BPE;
    return string_or(json, "suffix", "</w>", name, &d->content, err);
}

static corbel_status load_ctc(struct decoder *d, struct json_object *json, const char *name,
                              corbel_error *err)
{
    d->kind = DECODE_CTC;
    d->cleanup = true;
    corbel_status status = string_or(json, "pad_token", "<pad>", name, &d->pad, err);
    if (status == CORBEL_OK)
        status = string_or(json, "word_delimiter_token", "|", name, &d->delimiter, err);
    return status == CORBEL_OK ? json_get_bool(json, "cleanup", &d->cleanup, name, err) : status;
}

static corbel_status load_byte_fallback(struct decoder *d, struct json_object *json,
                                        const char *name, corbel_error *err)
{
    (void)json;
    (void)name;
    (void)err;
    d->kind = DECODE_BYTE_FALLBACK;
    return CORBEL_OK;
}

static corbel_status load_fuse(struct decoder *d, struct json_object *json, const char *name,
                               corbel_error *err)
{
    (void)json;
    (void)name;
    (void)err;
    d->kind = DECODE_FUSE;
    return CORBEL_OK;
}

static corbel_status load_strip(struct decoder *d, struct json_object *json, const char *name,
                                corbel_error *err)
{
    corbel_status status;

    d->kind = DECODE_STRIP;
    if ((status = member_string(json, "content", name, &d->content, err)) != CORBEL_OK ||
        (status = json_get_int(json, "start", &d->start, name, err)) != CORBEL_OK ||
        (status = json_get_int(json, "stop", &d->stop, name, err)) != CORBEL_OK)
        return status;
    return utf8_count(d->content, strlen(d->content)) == 1
               ? CORBEL_OK
               : error_set(err, CORBEL_E_FORMAT, "%s: decoder.content: expected one character",
                           name);
}

static corbel_status load_replace(struct decoder *d, struct json_object *json, const char *name,
                                  corbel_error *err)
{
    d->kind = DECODE_REPLACE;
    corbel_status status = member_pattern(json, name, &d->pattern, err);
    return status == CORBEL_OK ? member_string(json, "content", name, &d->content, err) : status;
}

static corbel_status load_one(struct decoder *d, const char *type, struct json_object *json,
                              const char *name, corbel_error *err)
{
    // clang-format off
    static const struct {
        const char *type;
        corbel_status (*load)(struct decoder *, struct json_object *, const char *, corbel_error *);
    } known[] = {
        {"BPEDecoder", load_bpe}, {"ByteFallback", load_byte_fallback},
        {"ByteLevel", load_byte_level}, {"CTC", load_ctc}, {"Fuse", load_fuse},
        {"Metaspace", load_metaspace}, {"Replace", load_replace}, {"Strip", load_strip},
        {"WordPiece", load_wordpiece},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].type, type) == 0)
            return known[i].load(d, json, name, err);
    return member_unknown("decoder", type, name, err);
}

static corbel_status load_nested(struct decoders *list, struct json_object *json, const char *name,
                                 unsigned nesting, corbel_error *err)
{
    struct json_object *members = NULL;
    const char *type;
    corbel_status status = member_type(json, "decoder", name, &type, err);

    if (status != CORBEL_OK)
        return status;
    if (strcmp(type, "Sequence") != 0) {
        struct decoder *d =
            member_append((void **)&list->items, &list->n, &list->capacity, sizeof(*d));
        return d ? load_one(d, type, json, name, err) : error_memory(err, sizeof(*d), "decoder");
    }
    if (nesting == MEMBER_MAX_NESTING)
        return error_set(err, CORBEL_E_FORMAT, "%s: decoder is nested too deep", name);
    status = json_get_member(json, "decoders", json_type_array, &members, name, err);
    for (size_t i = 0; status == CORBEL_OK && members && i < json_object_array_length(members); i++)
        status = load_nested(list, json_object_array_get_idx(members, i), name, nesting + 1, err);
    return status;
}

corbel_status decoders_load(struct decoders *list, struct json_object *json, const char *name,
                            corbel_error *err)
{
    *list = (struct decoders){.none = !json};
    return json ? load_nested(list, json, name, 0, err) : CORBEL_OK;
}

corbel_status decoders_llama(struct decoders *list, bool strip, corbel_error *err)
{
    static const enum decoder_kind kinds[] = {DECODE_REPLACE, DECODE_BYTE_FALLBACK, DECODE_FUSE,
                                              DECODE_STRIP};
    bool clean_up = list->clean_up;
    corbel_status status = CORBEL_OK;

    decoders_finish(list);
    list->clean_up = clean_up;
    for (size_t i = 0; i < (strip ? 4u : 3u) && status == CORBEL_OK; i++) {
        struct decoder *d =
            member_append((void **)&list->items, &list->n, &list->capacity, sizeof(*d));
        if (!d || !(d->content = strdup(" ")))
            return error_memory(err, sizeof(*d), "decoder");
        d->kind = kinds[i];
        d->start = 1;
        if (d->kind == DECODE_REPLACE)
            status = pattern_literal(&d->pattern, "\xE2\x96\x81", err);
    }
    return status;
}

void decoders_finish(struct decoders *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].content);
        free(list->items[i].pad);
        free(list->items[i].delimiter);
        pattern_finish(&list->items[i].pattern);
    }
    free(list->items);
    *list = (struct decoders){0};
}
