/* chat/jinja/render.c: a rendering from its input to its text. */
#include "chat/jinja/evaluate.h"
#include "chat/jinja/library.h"

#include <stdlib.h>
#include <string.h>

/* ---- JSON to values -------------------------------------------------------------------------- */

static struct value value_of_json(struct machine *m, struct json_object *json);

static struct value list_of_json(struct machine *m, struct json_object *json)
{
    const size_t n = json_object_array_length(json);
    struct list *list = list_create(m, n);
    for (size_t i = 0; i < n && !m->failed; i++)
        list_push(m, list, value_of_json(m, json_object_array_get_idx(json, i)));
    return list_value(list);
}

static struct value dict_of_json(struct machine *m, struct json_object *json)
{
    struct dict *dict = dict_create(m);
    struct json_object_iter member;
    json_object_object_foreachC(json, member)
    {
        const struct value key = string_copy(m, member.key, strlen(member.key));
        const struct value value = value_of_json(m, member.val);
        dict_set(m, dict, key, value);
    }
    return dict ? (struct value){.kind = KIND_DICT, .dict = dict} : none();
}

static struct value value_of_json(struct machine *m, struct json_object *json)
{
    if (!enter(m))
        return none();
    struct value value = none();
    switch (json_object_get_type(json)) {
    case json_type_null: break;
    case json_type_boolean: value = boolean(json_object_get_boolean(json)); break;
    case json_type_int: value = integer(json_object_get_int64(json)); break;
    case json_type_double: value = real(json_object_get_double(json)); break;
    case json_type_string: /* json-c's memory outlives the rendering */
        value =
            string_of(m, json_object_get_string(json), (size_t)json_object_get_string_len(json));
        break;
    case json_type_array: value = list_of_json(m, json); break;
    case json_type_object: value = dict_of_json(m, json); break;
    }
    leave(m);
    return value;
}

/* ---- a rendering ----------------------------------------------------------------------------- */

/* Each name's value where the template has not set it: the input's, or a global function. */
static void find_globals(struct machine *m, struct json_object *variables)
{
    const size_t n = m->template->n_symbols;
    struct value *globals = take_memory(m, n, sizeof(*globals));
    for (size_t i = 0; globals && i < n; i++) {
        const struct string *name = m->template->symbols[i];
        struct json_object *json = NULL;
        const struct function *function = find_global(name->data, name->size);
        globals[i] =
            function ? (struct value){.kind = KIND_FUNCTION, .function = function} : missing();
        if (json_object_object_get_ex(variables, name->data, &json))
            globals[i] = value_of_json(m, json);
    }
    m->globals = globals;
}

static corbel_status hand_over(struct machine *m, const struct builder *out, char **text,
                               size_t *size)
{
    *size = builder_size(out);
    *text = malloc(*size + 1);
    if (!*text)
        return error_memory(m->err, *size, "the rendered chat");
    if (*size > 0)
        memcpy(*text, out->room->data, *size);
    (*text)[*size] = '\0';
    return CORBEL_OK;
}

corbel_status jinja_render(const struct jinja_template *t, const struct jinja_input *input,
                           char **text, size_t *size, corbel_error *err)
{
    struct builder out = {0};
    struct machine m = {.template = t, .err = err, .out = &out, .clock = input->clock};
    *text = NULL;
    *size = 0;
    arena_init(&m.arena, (size_t)JINJA_MAX_MEMORY);
    find_globals(&m, input->variables);
    m.scope = scope_create(&m, NULL);
    if (!m.failed)
        run_body(&m, &t->body);
    const corbel_status status = m.failed ? m.status : hand_over(&m, &out, text, size);
    arena_finish(&m.arena);
    return status;
}
