/* task/chat.c: see chat.h. */
#include "task/chat.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* ---- parameters ------------------------------------------------------------------------------ */

static struct json_object *member_of_type(struct parameters *p, const char *name,
                                          enum json_type type)
{
    struct json_object *value = parameter_find(p, name);
    if (value && !json_object_is_type(value, type)) {
        parameter_fail(p, CORBEL_E_ARGUMENT, "parameters: %s: expected %s, found %s", name,
                       type == json_type_array ? "a list" : "an object", json_describe(value));
        return NULL;
    }
    return value;
}

void chat_options_read(struct chat_options *o, struct parameters *p)
{
    o->tools = member_of_type(p, "tools", json_type_array);
    o->documents = member_of_type(p, "documents", json_type_array);
    o->encode = member_of_type(p, "tokenizer_encode_kwargs", json_type_object);
    o->continue_final = !parameter_find(p, "continue_final_message")
                            ? -1
                            : parameter_bool(p, "continue_final_message", false);
}

/* ---- what is a conversation ------------------------------------------------------------------ */

bool chat_is_one(struct json_object *input)
{
    return json_object_is_type(input, json_type_array) && json_object_array_length(input) > 0 &&
           json_object_is_type(json_object_array_get_idx(input, 0), json_type_object);
}

struct json_object *chat_arrange(const struct call *call, struct json_object *inputs)
{
    (void)call;
    if (!json_object_is_type(inputs, json_type_array) || chat_is_one(inputs))
        return NULL;
    return json_object_get(inputs);
}

static corbel_status check_messages(struct json_object *messages, corbel_error *err)
{
    for (size_t i = 0; i < json_object_array_length(messages); i++) {
        struct json_object *message = json_object_array_get_idx(messages, i);
        if (!json_object_object_get_ex(message, "role", NULL) ||
            !json_object_object_get_ex(message, "content", NULL))
            return error_set(
                err, CORBEL_E_ARGUMENT,
                "inputs: message %zu: expected an object with \"role\" and \"content\"", i);
    }
    return CORBEL_OK;
}

/* A conversation that ends with the assistant's words is one to go on with: few models know two
 * messages of the assistant in a row. */
static bool continues(const struct chat_options *o, struct json_object *messages)
{
    struct json_object *role = NULL;
    if (o->continue_final >= 0)
        return o->continue_final == 1;
    json_object_object_get_ex(
        json_object_array_get_idx(messages, json_object_array_length(messages) - 1), "role", &role);
    return json_object_is_type(role, json_type_string) &&
           strcmp(json_object_get_string(role), "assistant") == 0;
}

/* ---- arguments of the template --------------------------------------------------------------- */

/* tokenizer_encode_kwargs: arguments of apply_chat_template; what is none of these is a variable.
 */
struct kwargs {
    const char *chat_template; /* a text, or the name of one of the model's; NULL: the model's */
    bool sanitize;
    struct json_object *variables; /* a reference */
};

static corbel_status read_kwargs(struct kwargs *k, struct json_object *from, corbel_error *err)
{
    static const char place[] = "parameters: tokenizer_encode_kwargs";
    corbel_status status;
    *k = (struct kwargs){0};
    if (!from)
        return CORBEL_OK;
    if ((status = json_get_string(from, "chat_template", &k->chat_template, place, err)) !=
            CORBEL_OK ||
        (status = json_get_bool(from, "sanitize_control_tokens", &k->sanitize, place, err)) !=
            CORBEL_OK)
        return CORBEL_E_ARGUMENT;
    if (json_object_deep_copy(from, &k->variables, NULL) != 0)
        return error_memory(err, 64, "variables of a chat template");
    json_object_object_del(k->variables, "chat_template");
    json_object_object_del(k->variables, "sanitize_control_tokens");
    return CORBEL_OK;
}

static const char *compact(struct json_object *value)
{
    return value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE)
                 : NULL;
}

/* ---- templates ------------------------------------------------------------------------------- */

struct chat_templates {
    corbel_chat *chat;
    char *text; /* what was parsed; NULL: the model's own */
};

void chat_templates_destroy(struct chat_templates **templates)
{
    if (!*templates)
        return;
    corbel_chat_destroy(&(*templates)->chat);
    free((*templates)->text);
    free(*templates);
    *templates = NULL;
}

/* `text` NULL: the model's own. */
static corbel_status parse_templates(const struct call *call, const char *text,
                                     struct chat_templates **templates, corbel_error *err)
{
    const struct corbel_pipeline *p = call->pipeline;
    struct chat_templates *t = calloc(1, sizeof(*t));
    *templates = t;
    if (t && text)
        t->text = strdup(text);
    if (!t || (text && !t->text))
        return error_memory(err, sizeof(*t), "a chat template");
    return corbel_chat_load(corbel_model_folder(p->model), p->tokenizer,
                            &CORBEL_CHAT_PARAMS(.template_text = text), &t->chat, err);
}

static bool is_of(const struct chat_templates *t, const char *text)
{
    return text && t->text ? strcmp(text, t->text) == 0 : !text && !t->text;
}

/* The model's own templates, or the text that was given; a text that is a name of the model's
 * templates chooses that. The pipeline has *chat. */
static corbel_status find_chat(const struct call *call, const struct kwargs *k,
                               const corbel_chat **chat, const char **name, corbel_error *err)
{
    struct chat_templates **kept = &call->pipeline->chat;
    const bool is_text = k->chat_template && strpbrk(k->chat_template, "{\n");
    const char *text = is_text ? k->chat_template : NULL;
    corbel_status status = CORBEL_OK;
    *name = is_text ? NULL : k->chat_template;
    if (*kept && !is_of(*kept, text))
        chat_templates_destroy(kept);
    if (!*kept)
        status = parse_templates(call, text, kept, err);
    if (status != CORBEL_OK)
        chat_templates_destroy(kept);
    else
        *chat = (*kept)->chat;
    return status;
}

/* ---- a prompt -------------------------------------------------------------------------------- */

corbel_status chat_encode(const struct call *call, const struct chat_options *o,
                          struct json_object *messages, int32_t **ids, size_t *n_ids,
                          corbel_error *err)
{
    struct kwargs k;
    const corbel_chat *chat;
    const char *name;
    *ids = NULL;
    corbel_status status = check_messages(messages, err);
    if (status != CORBEL_OK)
        return status;
    status = read_kwargs(&k, o->encode, err);
    if (status == CORBEL_OK)
        status = find_chat(call, &k, &chat, &name, err);
    if (status == CORBEL_OK) {
        const bool final = continues(o, messages);
        status = corbel_chat_encode(
            chat, compact(messages),
            &CORBEL_CHAT_RENDER_PARAMS(.add_generation_prompt = !final,
                                       .continue_final_message = final,
                                       .sanitize_control_tokens = k.sanitize, .template_name = name,
                                       .tools_json = compact(o->tools),
                                       .documents_json = compact(o->documents),
                                       .variables_json = compact(k.variables)),
            ids, n_ids, err);
    }
    if (status == CORBEL_OK && *n_ids == 0)
        status = error_set(err, CORBEL_E_ARGUMENT, "inputs: the chat template makes no text of it");
    json_object_put(k.variables);
    return status;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void append_json(struct text *out, struct json_object *value)
{
    text_append(out, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                               JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* The final message with the text behind its content. */
static corbel_status append_continued(struct json_object *message, const char *text, size_t size,
                                      struct text *out, corbel_error *err)
{
    struct json_object *content = NULL, *role = NULL;
    struct text whole = {0};
    json_object_object_get_ex(message, "content", &content);
    json_object_object_get_ex(message, "role", &role);
    if (!json_object_is_type(content, json_type_string))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "inputs: only a final message that is a text can be continued");
    text_append_bytes(&whole, json_object_get_string(content),
                      (size_t)json_object_get_string_len(content));
    text_append_bytes(&whole, text, size);
    /* A new message of role and content, whatever else the old one had: as transformers does. */
    text_append(out, "{\"role\": ");
    append_json(out, role);
    text_append(out, ", \"content\": ");
    text_append_json_string(out, text_cstr(&whole), whole.size);
    text_append(out, "}");
    out->failed |= whole.failed;
    text_finish(&whole);
    return CORBEL_OK;
}

corbel_status chat_append_answer(const struct chat_options *o, struct json_object *messages,
                                 const char *text, size_t size, struct text *out, corbel_error *err)
{
    const size_t n = json_object_array_length(messages);
    const bool final = continues(o, messages);
    corbel_status status = CORBEL_OK;
    text_append(out, "[");
    for (size_t i = 0; i + final < n; i++) {
        text_append(out, i > 0 ? ", " : "");
        append_json(out, json_object_array_get_idx(messages, i));
    }
    text_append(out, n > (size_t) final ? ", " : "");
    if (final) {
        status = append_continued(json_object_array_get_idx(messages, n - 1), text, size, out, err);
    } else {
        text_append(out, "{\"role\": \"assistant\", \"content\": ");
        text_append_json_string(out, text, size);
        text_append(out, "}");
    }
    text_append(out, "]");
    return status;
}
