/* text/post_processor.c: reads tokenizer.json's `post_processor`. */
#include "text/post_processor.h"

#include "text/member.h"

#include <stdlib.h>
#include <string.h>

static corbel_status add_item(struct template *t, struct template_item item, corbel_error *err)
{
    struct template_item *room =
        member_append((void **)&t->items, &t->n, &t->capacity, sizeof(*room));

    if (!room)
        return error_memory(err, sizeof(*room), "post_processor");
    *room = item;
    return CORBEL_OK;
}

/* ---- TemplateProcessing ---- */

static corbel_status add_special(struct template *t, struct json_object *specials, const char *id,
                                 int32_t type_id, const char *name, corbel_error *err)
{
    struct json_object *token = NULL, *ids = NULL;
    corbel_status status;

    if (specials)
        token = json_object_object_get(specials, id);
    if (!json_object_is_type(token, json_type_object))
        return error_set(err, CORBEL_E_FORMAT, "%s: post_processor.special_tokens lacks \"%.60s\"",
                         name, id);
    status = json_get_member(token, "ids", json_type_array, &ids, name, err);
    for (size_t i = 0; status == CORBEL_OK && ids && i < json_object_array_length(ids); i++) {
        struct json_object *value = json_object_array_get_idx(ids, i);
        int64_t token_id = json_object_get_int64(value);
        if (!json_object_is_type(value, json_type_int) || token_id < 0 || token_id > INT32_MAX)
            return error_set(err, CORBEL_E_FORMAT,
                             "%s: post_processor.special_tokens: \"%.60s\" has a bad id", name, id);
        status = add_item(t, (struct template_item){-1, (int32_t)token_id, type_id}, err);
    }
    return status;
}

static corbel_status load_template_item(struct template *t, struct json_object *item,
                                        struct json_object *specials, const char *name,
                                        corbel_error *err)
{
    struct json_object *what = NULL;
    const char *id = NULL;
    int64_t type_id = 0;
    bool special = false;
    corbel_status status;

    if (!json_object_is_type(item, json_type_object))
        return error_set(err, CORBEL_E_FORMAT, "%s: post_processor: expected objects", name);
    if (json_object_object_get_ex(item, "SpecialToken", &what))
        special = true;
    else
        json_object_object_get_ex(item, "Sequence", &what);
    if (!json_object_is_type(what, json_type_object))
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: post_processor: expected Sequence or SpecialToken", name);
    if ((status = json_get_string(what, "id", &id, name, err)) != CORBEL_OK ||
        (status = json_get_int(what, "type_id", &type_id, name, err)) != CORBEL_OK)
        return status;
    if (!id || type_id < 0 || type_id > INT32_MAX)
        return error_set(err, CORBEL_E_FORMAT, "%s: post_processor: a bad id or type_id", name);
    if (special)
        return add_special(t, specials, id, (int32_t)type_id, name, err);
    if (strcmp(id, "A") != 0 && strcmp(id, "B") != 0)
        return error_set(err, CORBEL_E_FORMAT, "%s: post_processor: sequence \"%.20s\"", name, id);
    return add_item(t, (struct template_item){*id == 'B', -1, (int32_t)type_id}, err);
}

static corbel_status load_one_template(struct template *t, struct json_object *json,
                                       const char *key, const char *name, corbel_error *err)
{
    struct json_object *items = NULL, *specials = NULL;
    corbel_status status;

    if ((status = json_get_member(json, key, json_type_array, &items, name, err)) != CORBEL_OK ||
        (status = json_get_member(json, "special_tokens", json_type_object, &specials, name,
                                  err)) != CORBEL_OK)
        return status;
    if (!items)
        return error_set(err, CORBEL_E_FORMAT, "%s: post_processor.%s is missing", name, key);
    for (size_t i = 0; status == CORBEL_OK && i < json_object_array_length(items); i++)
        status = load_template_item(t, json_object_array_get_idx(items, i), specials, name, err);
    return status;
}

static corbel_status load_template(struct post_processor *p, struct json_object *json,
                                   const char *name, corbel_error *err)
{
    p->has_template = p->types_always = true;
    corbel_status status = load_one_template(&p->single, json, "single", name, err);
    return status == CORBEL_OK ? load_one_template(&p->pair, json, "pair", name, err) : status;
}

/* ---- BertProcessing, RobertaProcessing: ["[SEP]", 102] and the like ---- */

static corbel_status load_token_pair(struct json_object *json, const char *key, const char *name,
                                     int32_t *id, corbel_error *err)
{
    struct json_object *pair = NULL, *value = NULL;
    corbel_status status = json_get_member(json, key, json_type_array, &pair, name, err);

    if (status != CORBEL_OK)
        return status;
    if (pair && json_object_array_length(pair) == 2)
        value = json_object_array_get_idx(pair, 1);
    int64_t number = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
    if (number < 0 || number > INT32_MAX)
        return error_set(err, CORBEL_E_FORMAT, "%s: post_processor.%s: expected [token, id]", name,
                         key);
    *id = (int32_t)number;
    return CORBEL_OK;
}

static corbel_status fill_fixed(struct post_processor *p, int32_t cls, int32_t sep, bool roberta,
                                corbel_error *err)
{
    const struct template_item one[] = {{-1, cls, 0}, {0, -1, 0}, {-1, sep, 0}};
    const struct template_item bert[] = {{1, -1, 1}, {-1, sep, 1}};
    const struct template_item pair[] = {{-1, sep, 0}, {1, -1, 0}, {-1, sep, 0}};
    corbel_status status = CORBEL_OK;

    for (size_t i = 0; i < 3 && status == CORBEL_OK; i++) {
        status = add_item(&p->single, one[i], err);
        if (status == CORBEL_OK)
            status = add_item(&p->pair, one[i], err);
    }
    for (size_t i = 0; i < (roberta ? 3u : 2u) && status == CORBEL_OK; i++)
        status = add_item(&p->pair, roberta ? pair[i] : bert[i], err);
    p->has_template = true;
    p->types_always = roberta;
    return status;
}

static corbel_status load_bert(struct post_processor *p, struct json_object *json, const char *name,
                               corbel_error *err)
{
    int32_t sep, cls;
    corbel_status status = load_token_pair(json, "sep", name, &sep, err);

    if (status == CORBEL_OK)
        status = load_token_pair(json, "cls", name, &cls, err);
    return status == CORBEL_OK ? fill_fixed(p, cls, sep, false, err) : status;
}

static corbel_status load_trim(struct post_processor *p, struct json_object *json, const char *name,
                               corbel_error *err)
{
    bool trim = true, prefix = true;
    corbel_status status = json_get_bool(json, "trim_offsets", &trim, name, err);

    if (status == CORBEL_OK)
        status = json_get_bool(json, "add_prefix_space", &prefix, name, err);
    if (trim) {
        p->trim_offsets = true;
        p->prefix_space = prefix;
    }
    return status;
}

static corbel_status load_roberta(struct post_processor *p, struct json_object *json,
                                  const char *name, corbel_error *err)
{
    int32_t sep, cls;
    corbel_status status = load_token_pair(json, "sep", name, &sep, err);

    if (status == CORBEL_OK)
        status = load_token_pair(json, "cls", name, &cls, err);
    if (status == CORBEL_OK)
        status = load_trim(p, json, name, err);
    return status == CORBEL_OK ? fill_fixed(p, cls, sep, true, err) : status;
}

/* ---- all ---- */

static corbel_status load_one(struct post_processor *p, const char *type, struct json_object *json,
                              const char *name, corbel_error *err)
{
    bool has_template = p->has_template;

    if (strcmp(type, "ByteLevel") == 0)
        return load_trim(p, json, name, err);
    if (has_template)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%s: post_processor: two processors of one Sequence add special tokens",
                         name);
    if (strcmp(type, "TemplateProcessing") == 0)
        return load_template(p, json, name, err);
    if (strcmp(type, "BertProcessing") == 0)
        return load_bert(p, json, name, err);
    if (strcmp(type, "RobertaProcessing") == 0)
        return load_roberta(p, json, name, err);
    return member_unknown("post_processor", type, name, err);
}

static corbel_status load_nested(struct post_processor *p, struct json_object *json,
                                 const char *name, unsigned nesting, corbel_error *err)
{
    struct json_object *members = NULL;
    const char *type;
    corbel_status status = member_type(json, "post_processor", name, &type, err);

    if (status != CORBEL_OK)
        return status;
    if (strcmp(type, "Sequence") != 0)
        return load_one(p, type, json, name, err);
    if (nesting == MEMBER_MAX_NESTING)
        return error_set(err, CORBEL_E_FORMAT, "%s: post_processor is nested too deep", name);
    status = json_get_member(json, "processors", json_type_array, &members, name, err);
    for (size_t i = 0; status == CORBEL_OK && members && i < json_object_array_length(members); i++)
        status = load_nested(p, json_object_array_get_idx(members, i), name, nesting + 1, err);
    return status;
}

corbel_status post_processor_load(struct post_processor *p, struct json_object *json,
                                  const char *name, corbel_error *err)
{
    *p = (struct post_processor){0};
    return json ? load_nested(p, json, name, 0, err) : CORBEL_OK;
}

corbel_status post_processor_bos_eos(struct post_processor *p, int32_t bos, int32_t eos,
                                     corbel_error *err)
{
    corbel_status status = CORBEL_OK;

    post_processor_finish(p);
    p->has_template = p->types_always = true;
    for (int sequence = 0; sequence < 2 && status == CORBEL_OK; sequence++) {
        const struct template_item items[] = {
            {-1, bos, sequence}, {sequence, -1, sequence}, {-1, eos, sequence}};
        for (int i = 0; i < 3 && status == CORBEL_OK; i++) {
            if (items[i].sequence < 0 && items[i].id < 0)
                continue;
            status = add_item(&p->pair, items[i], err);
            if (status == CORBEL_OK && sequence == 0)
                status = add_item(&p->single, items[i], err);
        }
    }
    return status;
}

void post_processor_finish(struct post_processor *p)
{
    free(p->single.items);
    free(p->pair.items);
    *p = (struct post_processor){0};
}
