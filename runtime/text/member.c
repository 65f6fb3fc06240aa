/* text/member.c: what the readers of tokenizer.json's parts share. */
#include "text/member.h"

#include <stdlib.h>
#include <string.h>

corbel_status member_type(struct json_object *json, const char *part, const char *name,
                          const char **type, corbel_error *err)
{
    *type = NULL;
    if (!json_object_is_type(json, json_type_object))
        return error_set(err, CORBEL_E_FORMAT, "%s: %s: expected an object", name, part);
    corbel_status status = json_get_string(json, "type", type, name, err);
    if (status == CORBEL_OK && !*type)
        status = error_set(err, CORBEL_E_FORMAT, "%s: %s has no type", name, part);
    return status;
}

corbel_status member_unknown(const char *part, const char *type, const char *name,
                             corbel_error *err)
{
    return error_set(err, CORBEL_E_UNSUPPORTED, "%s: %s.type: \"%.100s\" is not known here", name,
                     part, type);
}

corbel_status member_string(struct json_object *json, const char *key, const char *name,
                            char **copy, corbel_error *err)
{
    const char *value = NULL;
    corbel_status status = json_get_string(json, key, &value, name, err);

    if (status != CORBEL_OK)
        return status;
    if (!value)
        return error_set(err, CORBEL_E_FORMAT, "%s: %s is missing, expected a string", name, key);
    *copy = strdup(value);
    return *copy ? CORBEL_OK : error_memory(err, strlen(value), key);
}

corbel_status member_pattern(struct json_object *json, const char *name, struct pattern *pattern,
                             corbel_error *err)
{
    struct json_object *member = NULL;
    const char *literal = NULL, *regex = NULL;
    corbel_status status = json_get_member(json, "pattern", json_type_object, &member, name, err);

    if (status == CORBEL_OK && member)
        status = json_get_string(member, "String", &literal, name, err);
    if (status == CORBEL_OK && member)
        status = json_get_string(member, "Regex", &regex, name, err);
    if (status != CORBEL_OK)
        return status;
    if (literal)
        return pattern_literal(pattern, literal, err);
    if (regex)
        return pattern_regex(pattern, regex, name, err);
    return error_set(err, CORBEL_E_FORMAT,
                     "%s: pattern: expected {\"Regex\": ...} or {\"String\": ...}", name);
}

void *member_append(void **items, size_t *n, size_t *capacity, size_t item_size)
{
    if (*n == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 4;
        void *moved = reallocarray(*items, grown, item_size);
        if (!moved)
            return NULL;
        *items = moved;
        *capacity = grown;
    }
    void *item = (char *)*items + *n * item_size;
    memset(item, 0, item_size);
    ++*n;
    return item;
}
