/* chat/conversation.c: what a template sees of a call, as transformers prepares it.
 *
 * Members of a message that are null are left out; the reasoning of a message is there under each
 * of its names; a final message to be continued is marked, rendered, and cut off behind the mark.
 */
#include "base/error.h"
#include "base/json.h"
#include "chat/chat.h"
#include "chat/jinja/characters.h"

#include <stdlib.h>
#include <string.h>

static const char mark[] = "CONTINUE_FINAL_MESSAGE_TAG ";

/* ---- reading --------------------------------------------------------------------------------- */

/* JSON of the caller: whatever is wrong with it is his argument. *value NULL: there is none. */
static corbel_status read_json(const char *json, const char *name, enum json_type type,
                               struct json_object **value, corbel_error *err)
{
    *value = NULL;
    if (!json)
        return CORBEL_OK;
    corbel_status status = json_parse(json, strlen(json), JSON_SECURITY, name, value, err);
    if (status == CORBEL_OK && *value && !json_object_is_type(*value, type))
        status = error_set(err, CORBEL_E_ARGUMENT, "%s: expected %s, found %s", name,
                           type == json_type_array ? "a list" : "an object", json_describe(*value));
    if (status == CORBEL_E_FORMAT) {
        status = CORBEL_E_ARGUMENT;
        if (err)
            err->status = status;
    }
    return status;
}

static corbel_status expect_objects(struct json_object *list, const char *name, corbel_error *err)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (!json_object_is_type(item, json_type_object))
            return error_set(err, CORBEL_E_ARGUMENT, "%s: %zu: expected an object, found %s", name,
                             i, json_describe(item));
    }
    return CORBEL_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Many templates print "None" for a null, and do well without the member. */
static void drop_nulls(struct json_object *message)
{
    struct json_object_iter member;
    for (bool found = true; found;) {
        found = false;
        json_object_object_foreachC(message, member)
        {
            if (!member.val) {
                found = true;
                break;
            }
        }
        if (found) {
            char *key = strdup(member.key); /* the object frees its own */
            if (!key)
                return;
            json_object_object_del(message, key);
            free(key);
        }
    }
}

static const char *const reasoning_fields[] = {"reasoning_content", "thinking", "reasoning"};
enum { N_REASONING_FIELDS = 3 };

/* The i-th message with its reasoning under "thinking" (in front, where transformers puts it) and
 * "reasoning_content" too, if it has any under one of the names. */
static corbel_status alias_reasoning(struct json_object *messages, size_t i, corbel_error *err)
{
    struct json_object *message = json_object_array_get_idx(messages, i), *reasoning = NULL;
    for (int k = 0; k < N_REASONING_FIELDS && !reasoning; k++)
        json_object_object_get_ex(message, reasoning_fields[k], &reasoning);
    if (!reasoning)
        return CORBEL_OK;
    struct json_object *aliased = json_object_new_object();
    if (!aliased)
        return error_memory(err, 64, "a message");
    struct json_object_iter member;
    json_object_object_add(aliased, "thinking", json_object_get(reasoning));
    json_object_object_foreachC(message, member)
    {
        json_object_object_add(aliased, member.key, json_object_get(member.val));
    }
    json_object_object_add(aliased, "reasoning_content", json_object_get(reasoning));
    json_object_array_put_idx(messages, i, aliased); /* puts the old one */
    return CORBEL_OK;
}

static corbel_status prepare_messages(struct json_object *messages, corbel_error *err)
{
    corbel_status status = expect_objects(messages, "messages", err);
    if (status != CORBEL_OK)
        return status;
    if (json_object_array_length(messages) == 0)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "messages: the conversation is empty; provide at least one message");
    for (size_t i = 0; i < json_object_array_length(messages) && status == CORBEL_OK; i++) {
        drop_nulls(json_object_array_get_idx(messages, i));
        status = alias_reasoning(messages, i, err);
    }
    return status;
}

/* ---- continuing the final message ------------------------------------------------------------ */

/* The message's text with the mark behind it; the text itself is kept in c->final. */
static struct json_object *marked(struct conversation *c, struct json_object *text)
{
    struct text with_mark = {0};
    text_append_bytes(&c->final, json_object_get_string(text),
                      (size_t)json_object_get_string_len(text));
    text_append_bytes(&with_mark, text_cstr(&c->final), c->final.size);
    text_append(&with_mark, mark);
    struct json_object *value =
        with_mark.failed ? NULL : json_object_new_string_len(with_mark.data, (int)with_mark.size);
    text_finish(&with_mark);
    return value;
}

/* The last block of a message in blocks that has text. */
static struct json_object *last_text_block(struct json_object *blocks)
{
    for (size_t i = json_object_array_length(blocks); i-- > 0;) {
        struct json_object *block = json_object_array_get_idx(blocks, i), *text = NULL;
        if (json_object_object_get_ex(block, "text", &text) &&
            json_object_is_type(text, json_type_string))
            return block;
    }
    return NULL;
}

static corbel_status mark_final_message(struct conversation *c, struct json_object *messages,
                                        corbel_error *err)
{
    struct json_object *message = json_object_array_get_idx(messages,
                                                            json_object_array_length(messages) - 1),
                       *content = NULL, *owner = message, *text;
    const char *key = "content";
    if (!json_object_object_get_ex(message, "content", &content))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "messages: the final message has no \"content\" to continue");
    if (!jinja_source_contains(c->template, "content"))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "messages: the final message can't be continued: the chat template does "
                         "not print \"content\"");
    if (json_object_is_type(content, json_type_array)) {
        owner = last_text_block(content);
        key = "text";
        if (owner)
            json_object_object_get_ex(owner, "text", &content);
    }
    if (!owner || !json_object_is_type(content, json_type_string))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "messages: the final message has no text to continue");
    c->continues = true;
    text = marked(c, content);
    if (!text || json_object_object_add(owner, key, text) != 0)
        return error_memory(err, c->final.size, "the final message");
    return CORBEL_OK;
}

/* What is left of [begin, end) without white space at its ends. */
static void trim(const char *s, size_t *begin, size_t *end)
{
    size_t size;
    while (*begin < *end && character_is_space(character_get(s + *begin, &size)))
        *begin += size;
    while (*end > *begin) {
        const size_t before = character_before(s, *end);
        if (!character_is_space(character_get(s + before, &size)))
            break;
        *end = before;
    }
}

/* The last place of the mark, without its space: templates may trim that. */
static const char *find_mark(const char *text, size_t size)
{
    const size_t n = strlen(mark) - 1;
    const char *last = NULL, *found = text;
    while ((found = memmem(found, size - (size_t)(found - text), mark, n)))
        last = found++;
    return last;
}

/* Cuts the rendered text off where the final message ends. */
static corbel_status cut_at_mark(const struct conversation *c, char *text, size_t *size,
                                 corbel_error *err)
{
    size_t begin = 0, end = c->final.size, zero = 0;
    trim(text_cstr(&c->final), &begin, &end);
    const char *at = find_mark(text, *size);
    if (!at || !memmem(text, *size, text_cstr(&c->final) + begin, end - begin))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "messages: the final message can't be continued: the chat template does "
                         "not print it as it is");
    const size_t rest = *size - (size_t)(at - text);
    const bool has_space = rest >= strlen(mark) && at[strlen(mark) - 1] == ' ';
    *size = (size_t)(at - text);
    if (!has_space) /* the template has trimmed the message, and what is left of it must be too */
        while (*size > 0) {
            const size_t before = character_before(text, *size);
            if (!character_is_space(character_get(text + before, &zero)))
                break;
            *size = before;
        }
    text[*size] = '\0';
    return CORBEL_OK;
}

/* ---- variables ------------------------------------------------------------------------------- */

static corbel_status add_variables(struct json_object *all, struct json_object *from,
                                   corbel_error *err)
{
    static const char *const taken[] = {
        "messages", "tools", "documents", "add_generation_prompt", "conversation", "chat_template"};
    struct json_object_iter member;
    if (!from)
        return CORBEL_OK;
    json_object_object_foreachC(from, member)
    {
        for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
            if (strcmp(member.key, taken[i]) == 0)
                return error_set(err, CORBEL_E_ARGUMENT,
                                 "variables: \"%s\" has a meaning of its own", member.key);
        json_object_object_add(all, member.key, json_object_get(member.val));
    }
    return CORBEL_OK;
}

/* What the caller has said, one JSON value each. */
struct given {
    struct json_object *messages, *tools, *documents, *variables;
};

static corbel_status read_given(struct given *g, const char *messages_json,
                                const corbel_chat_render_params *params, corbel_error *err)
{
    corbel_status status;
    if (!messages_json)
        return error_set(err, CORBEL_E_ARGUMENT, "messages: there are none");
    if ((status = read_json(messages_json, "messages", json_type_array, &g->messages, err)) !=
            CORBEL_OK ||
        (status = read_json(params->tools_json, "tools", json_type_array, &g->tools, err)) !=
            CORBEL_OK ||
        (status = expect_objects(g->tools, "tools", err)) != CORBEL_OK ||
        (status = read_json(params->documents_json, "documents", json_type_array, &g->documents,
                            err)) != CORBEL_OK ||
        (status = expect_objects(g->documents, "documents", err)) != CORBEL_OK)
        return status;
    if (!g->messages)
        return error_set(err, CORBEL_E_ARGUMENT, "messages: expected a list, found null");
    return read_json(params->variables_json, "variables", json_type_object, &g->variables, err);
}

static corbel_status mark_given(struct given *g, const corbel_chat *chat,
                                const struct jinja_template *t, corbel_error *err)
{
    struct json_object **values[] = {&g->messages, &g->tools, &g->documents, &g->variables};
    corbel_status status = CORBEL_OK;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values) && status == CORBEL_OK; i++)
        status = control_tokens_mark(chat, t, values[i], err);
    return status;
}

static corbel_status make_variables(struct conversation *c, const corbel_chat *chat,
                                    const struct given *g, bool add_generation_prompt,
                                    corbel_error *err)
{
    c->variables = json_object_new_object();
    if (!c->variables)
        return error_memory(err, 64, "the variables of a chat template");
    corbel_status status = add_variables(c->variables, chat->special_tokens, err);
    if (status == CORBEL_OK)
        status = add_variables(c->variables, g->variables, err);
    json_object_object_add(c->variables, "messages", json_object_get(g->messages));
    json_object_object_add(c->variables, "tools", json_object_get(g->tools));
    json_object_object_add(c->variables, "documents", json_object_get(g->documents));
    json_object_object_add(c->variables, "add_generation_prompt",
                           json_object_new_boolean(add_generation_prompt));
    return status;
}

corbel_status conversation_init(struct conversation *c, const corbel_chat *chat,
                                const char *messages_json, const corbel_chat_render_params *params,
                                corbel_error *err)
{
    struct given g = {0};
    *c = (struct conversation){0};
    if (params->continue_final_message && params->add_generation_prompt)
        return error_set(
            err, CORBEL_E_ARGUMENT,
            "params: continue_final_message and add_generation_prompt exclude each other");
    corbel_status status = read_given(&g, messages_json, params, err);
    if (status == CORBEL_OK)
        status = templates_choose(chat, params->template_name, g.tools, &c->template, err);
    if (status == CORBEL_OK)
        status = prepare_messages(g.messages, err);
    if (status == CORBEL_OK && params->sanitize_control_tokens)
        status = mark_given(&g, chat, c->template, err);
    if (status == CORBEL_OK && params->continue_final_message)
        status = mark_final_message(c, g.messages, err);
    if (status == CORBEL_OK)
        status = make_variables(c, chat, &g, params->add_generation_prompt, err);
    json_object_put(g.messages);
    json_object_put(g.tools);
    json_object_put(g.documents);
    json_object_put(g.variables);
    return status;
}

void conversation_finish(struct conversation *c)
{
    json_object_put(c->variables);
    text_finish(&c->final);
}

corbel_status conversation_render(const struct conversation *c, const int64_t *clock, char **text,
                                  size_t *size, corbel_error *err)
{
    const struct jinja_input input = {c->variables, clock};
    corbel_status status = jinja_render(c->template, &input, text, size, err);
    if (status == CORBEL_OK && c->continues)
        status = cut_at_mark(c, *text, size, err);
    if (status != CORBEL_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}
