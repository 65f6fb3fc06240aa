/* text/normalizer_load.c: reads tokenizer.json's `normalizer`. */
#include "text/normalizer.h"

#include "text/member.h"

#include <stdlib.h>
#include <string.h>

static corbel_status load_bert(struct normalizer *n, struct json_object *json, const char *name,
                               corbel_error *err)
{
    corbel_status status;

    n->clean_text = n->chinese = n->lowercase = true;
    if ((status = json_get_bool(json, "clean_text", &n->clean_text, name, err)) != CORBEL_OK ||
        (status = json_get_bool(json, "handle_chinese_chars", &n->chinese, name, err)) !=
            CORBEL_OK ||
        (status = json_get_bool(json, "lowercase", &n->lowercase, name, err)) != CORBEL_OK)
        return status;
    n->strip_accents = n->lowercase; /* null: as lowercase */
    return json_get_bool(json, "strip_accents", &n->strip_accents, name, err);
}

static corbel_status load_strip(struct normalizer *n, struct json_object *json, const char *name,
                                corbel_error *err)
{
    n->left = n->right = true;
    corbel_status status = json_get_bool(json, "strip_left", &n->left, name, err);
    return status == CORBEL_OK ? json_get_bool(json, "strip_right", &n->right, name, err) : status;
}

static corbel_status load_replace(struct normalizer *n, struct json_object *json, const char *name,
                                  corbel_error *err)
{
    corbel_status status = member_pattern(json, name, &n->pattern, err);
    return status == CORBEL_OK ? member_string(json, "content", name, &n->content, err) : status;
}

static corbel_status load_charsmap(struct normalizer *n, struct json_object *json, const char *name,
                                   corbel_error *err)
{
    const char *base64 = NULL;
    corbel_status status = json_get_string(json, "precompiled_charsmap", &base64, name, err);

    if (status != CORBEL_OK)
        return status;
    return base64 ? charsmap_load(&n->charsmap, base64, name, err)
                  : error_set(err, CORBEL_E_FORMAT,
                              "%s: normalizer.precompiled_charsmap is missing", name);
}

static corbel_status load_one(struct normalizer *n, const char *type, struct json_object *json,
                              const char *name, corbel_error *err)
{
    // clang-format off
    static const struct {
        const char *type;
        enum normalizer_kind kind;
    } known[] = {
        {"BertNormalizer", NORMALIZE_BERT}, {"NFC", NORMALIZE_NFC}, {"NFD", NORMALIZE_NFD},
        {"NFKC", NORMALIZE_NFKC}, {"NFKD", NORMALIZE_NFKD}, {"Lowercase", NORMALIZE_LOWERCASE},
        {"Strip", NORMALIZE_STRIP}, {"StripAccents", NORMALIZE_STRIP_ACCENTS},
        {"Nmt", NORMALIZE_NMT}, {"Prepend", NORMALIZE_PREPEND}, {"Replace", NORMALIZE_REPLACE},
        {"ByteLevel", NORMALIZE_BYTE_LEVEL}, {"Precompiled", NORMALIZE_CHARSMAP},
    };
    // clang-format on
    size_t i = 0;

    while (i < sizeof known / sizeof *known && strcmp(known[i].type, type) != 0)
        i++;
    if (i == sizeof known / sizeof *known)
        return member_unknown("normalizer", type, name, err);
    n->kind = known[i].kind;
    switch (n->kind) {
    case NORMALIZE_BERT: return load_bert(n, json, name, err);
    case NORMALIZE_STRIP: return load_strip(n, json, name, err);
    case NORMALIZE_PREPEND: return member_string(json, "prepend", name, &n->content, err);
    case NORMALIZE_REPLACE: return load_replace(n, json, name, err);
    case NORMALIZE_CHARSMAP: return load_charsmap(n, json, name, err);
    default: return CORBEL_OK;
    }
}

static corbel_status load_nested(struct normalizers *list, struct json_object *json,
                                 const char *name, unsigned nesting, corbel_error *err)
{
    struct json_object *members = NULL;
    const char *type;
    corbel_status status = member_type(json, "normalizer", name, &type, err);

    if (status != CORBEL_OK)
        return status;
    if (strcmp(type, "Sequence") != 0) {
        struct normalizer *n =
            member_append((void **)&list->items, &list->n, &list->capacity, sizeof(*n));
        return n ? load_one(n, type, json, name, err) : error_memory(err, sizeof(*n), "normalizer");
    }
    if (nesting == MEMBER_MAX_NESTING)
        return error_set(err, CORBEL_E_FORMAT, "%s: normalizer is nested too deep", name);
    status = json_get_member(json, "normalizers", json_type_array, &members, name, err);
    for (size_t i = 0; status == CORBEL_OK && members && i < json_object_array_length(members); i++)
        status = load_nested(list, json_object_array_get_idx(members, i), name, nesting + 1, err);
    return status;
}

corbel_status normalizers_load(struct normalizers *list, struct json_object *json, const char *name,
                               corbel_error *err)
{
    *list = (struct normalizers){0};
    return json ? load_nested(list, json, name, 0, err) : CORBEL_OK;
}

void normalizers_finish(struct normalizers *list)
{
    for (size_t i = 0; i < list->n; i++) {
        pattern_finish(&list->items[i].pattern);
        charsmap_finish(&list->items[i].charsmap);
        free(list->items[i].content);
    }
    free(list->items);
    *list = (struct normalizers){0};
}
