/* chat/jinja/to_json.c: the filter tojson, as transformers has it: Python's json.dumps with
 * ensure_ascii off, and no escapes for HTML. */
#include "chat/jinja/characters.h"
#include "chat/jinja/library.h"

#include <math.h>
#include <string.h>

struct json {
    struct machine *m;
    struct builder out;
    bool ensure_ascii, indented, sort_keys;
    struct value indent; /* a string, for each level */
    const struct string *item_separator, *key_separator;
    size_t level;
};

static void build_json(struct json *j, struct value v);

static void build_newline(struct json *j)
{
    build_text(j->m, &j->out, "\n");
    for (size_t i = 0; i < j->level; i++)
        build_bytes(j->m, &j->out, j->indent.string->data, j->indent.string->size);
}

/* ---- strings --------------------------------------------------------------------------------- */

static void build_code_point(struct json *j, uint32_t c)
{
    if (c >= 0x10000) {
        build_format(j->m, &j->out, "\\u%04x", 0xd800 + ((c - 0x10000) >> 10));
        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
    }
    build_format(j->m, &j->out, "\\u%04x", c);
}

static void build_string(struct json *j, const struct string *s)
{
    static const char letters[] = "\"\\\n\r\t\b\f", escapes[] = "\"\\nrtbf";
    size_t begin = 0;
    build_text(j->m, &j->out, "\"");
    for (size_t at = 0, size; at < s->size && !j->m->failed; at += size) {
        const uint32_t c = character_get(s->data + at, &size);
        const char *letter = c && c < 0x80 ? strchr(letters, (int)c) : NULL;
        if (!letter && c >= 0x20 && (c < 0x7f || !j->ensure_ascii || c == 0x7f))
            continue;
        build_bytes(j->m, &j->out, s->data + begin, at - begin);
        begin = at + size;
        if (letter) {
            const char escape[2] = {'\\', escapes[letter - letters]};
            build_bytes(j->m, &j->out, escape, 2);
        } else {
            build_code_point(j, c);
        }
    }
    build_bytes(j->m, &j->out, s->data + begin, s->size - begin);
    build_text(j->m, &j->out, "\"");
    spend_bytes(j->m, s->size);
}

static void build_number(struct json *j, struct value v)
{
    if (v.kind == KIND_FLOAT && isnan(v.f))
        build_text(j->m, &j->out, "NaN");
    else if (v.kind == KIND_FLOAT && isinf(v.f))
        build_text(j->m, &j->out, v.f < 0 ? "-Infinity" : "Infinity");
    else
        build_repr(j->m, &j->out, v);
}

/* ---- containers ------------------------------------------------------------------------------ */

static void build_list(struct json *j, const struct list *list)
{
    if (list->n == 0) {
        build_text(j->m, &j->out, "[]");
        return;
    }
    build_text(j->m, &j->out, "[");
    j->level++;
    for (size_t i = 0; i < list->n && spend(j->m, 1); i++) {
        if (i > 0)
            build_bytes(j->m, &j->out, j->item_separator->data, j->item_separator->size);
        if (j->indented)
            build_newline(j);
        build_json(j, list->items[i]);
    }
    j->level--;
    if (j->indented)
        build_newline(j);
    build_text(j->m, &j->out, "]");
}

/* Keys become strings; of what is no key in JSON, a failure. */
static void build_key(struct json *j, struct value key)
{
    struct builder number = {0}, *out = &j->out;
    if (is_string(key)) {
        build_string(j, key.string);
        return;
    }
    if (key.kind != KIND_NONE && !is_number(key)) {
        fail_type(j->m, "tojson: keys must be strings, numbers or none, found %s", value_type(key));
        return;
    }
    build_text(j->m, out, "\"");
    if (key.kind == KIND_FLOAT)
        build_number(j, key);
    else if (key.kind == KIND_INT)
        build_repr(j->m, &number, key);
    else
        build_text(j->m, out, key.kind == KIND_NONE ? "null" : key.b ? "true" : "false");
    if (number.room)
        build_bytes(j->m, out, number.room->data, number.room->used);
    build_text(j->m, out, "\"");
}

static const struct dict *sorted(struct machine *m, const struct dict *dict)
{
    struct list *items = list_create(m, dict->n), *keys = list_create(m, dict->n);
    struct dict *result = dict_create(m);
    for (size_t i = 0; i < dict->n; i++) {
        list_push(m, keys, dict->entries[i].key);
        list_push(m, items, pair_value(m, dict->entries[i].key, dict->entries[i].value));
    }
    if (m->failed)
        return dict;
    sort_items(m, items, keys, false);
    for (size_t i = 0; i < items->n && !m->failed; i++)
        dict_set(m, result, items->items[i].list->items[0], items->items[i].list->items[1]);
    return m->failed ? dict : result;
}

static void build_dict(struct json *j, const struct dict *dict)
{
    if (dict->n == 0) {
        build_text(j->m, &j->out, "{}");
        return;
    }
    if (j->sort_keys)
        dict = sorted(j->m, dict);
    build_text(j->m, &j->out, "{");
    j->level++;
    for (size_t i = 0; i < dict->n && spend(j->m, 1); i++) {
        if (i > 0)
            build_bytes(j->m, &j->out, j->item_separator->data, j->item_separator->size);
        if (j->indented)
            build_newline(j);
        build_key(j, dict->entries[i].key);
        build_bytes(j->m, &j->out, j->key_separator->data, j->key_separator->size);
        build_json(j, dict->entries[i].value);
    }
    j->level--;
    if (j->indented)
        build_newline(j);
    build_text(j->m, &j->out, "}");
}

static void build_json(struct json *j, struct value v)
{
    if (!enter(j->m))
        return;
    switch (v.kind) {
    case KIND_NONE: build_text(j->m, &j->out, "null"); break;
    case KIND_BOOL: build_text(j->m, &j->out, v.b ? "true" : "false"); break;
    case KIND_INT:
    case KIND_FLOAT: build_number(j, v); break;
    case KIND_STRING: build_string(j, v.string); break;
    case KIND_LIST:
    case KIND_TUPLE: build_list(j, v.list); break;
    case KIND_DICT: build_dict(j, v.dict); break;
    default: fail_type(j->m, "tojson: %s has no form in JSON", value_type(v)); break;
    }
    leave(j->m);
}

/* ---- the filter ------------------------------------------------------------------------------ */

static bool read_indent(struct json *j, struct value indent)
{
    int64_t n;
    struct builder spaces = {0};
    j->indented = is_given(indent) && indent.kind != KIND_NONE;
    if (!j->indented)
        return true;
    j->indent = indent;
    if (is_string(indent))
        return true;
    if (!integer_argument(j->m, "tojson: indent", indent, &n))
        return false;
    if (n > JINJA_MAX_TEXT)
        n = (int64_t)JINJA_MAX_TEXT + 1;
    build_repeated(j->m, &spaces, ' ', n > 0 ? (size_t)n : 0);
    j->indent = builder_string(j->m, &spaces);
    return !j->m->failed;
}

static bool read_separators(struct json *j, struct value separators)
{
    static const struct string comma = {",", 1, 1, NULL}, comma_space = {", ", 2, 2, NULL},
                               colon = {": ", 2, 2, NULL};
    j->item_separator = j->indented ? &comma : &comma_space;
    j->key_separator = &colon;
    if (!is_given(separators) || separators.kind == KIND_NONE)
        return true;
    if ((separators.kind == KIND_TUPLE || separators.kind == KIND_LIST) && separators.list->n == 2)
        return string_argument(j->m, "tojson: separators", separators.list->items[0],
                               &j->item_separator) &&
               string_argument(j->m, "tojson: separators", separators.list->items[1],
                               &j->key_separator);
    fail_type(j->m, "tojson: separators: expected two strings");
    return false;
}

struct value to_json(struct machine *m, struct value self, const struct arguments *a)
{
    struct value out[4];
    struct json j = {.m = m};
    if (!BIND(m, "tojson", a, 0, out, "ensure_ascii", "indent", "separators", "sort_keys") ||
        !read_indent(&j, out[1]) || !read_separators(&j, out[2]))
        return none();
    j.ensure_ascii = is_given(out[0]) && value_truth(m, out[0]);
    j.sort_keys = is_given(out[3]) && value_truth(m, out[3]);
    build_json(&j, self);
    return builder_string(m, &j.out);
}
