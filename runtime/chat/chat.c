/* chat/chat.c: corbel_chat_*. */
#include "chat/chat.h"
#include "base/error.h"
#include "base/file.h"
#include "hub/resolve.h"
#include "text/parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A caller's struct, as far as it goes, in one of our size. */
static void copy_struct(void *to, size_t size, const void *from)
{
    uint32_t given;
    memcpy(&given, from, sizeof(given));
    memcpy(to, from, given < size ? given : size);
}

/* ---- loading --------------------------------------------------------------------------------- */

static corbel_status read_special_tokens(corbel_chat *chat, corbel_error *err)
{
    chat->special_tokens = json_object_new_object();
    for (int i = 0; i < N_ROLES && chat->special_tokens; i++) {
        size_t size;
        const int32_t id = corbel_tokenizer_special(chat->tokenizer, role_names[i]);
        const char *piece = id < 0 ? NULL : tokenizer_piece(chat->tokenizer, id, &size);
        if (piece)
            json_object_object_add(chat->special_tokens, role_names[i],
                                   json_object_new_string_len(piece, (int)size));
    }
    return chat->special_tokens ? CORBEL_OK : error_memory(err, 64, "special tokens");
}

static corbel_status add_given_template(corbel_chat *chat, const corbel_chat_params *params,
                                        corbel_error *err)
{
    char *source;
    size_t size;
    if (params->template_text) {
        size = params->template_size ? params->template_size : strlen(params->template_text);
        return templates_add(chat, "default", params->template_text, size, "chat template", err);
    }
    corbel_status status = file_read(params->template_path, JINJA_MAX_SOURCE, &source, &size, err);
    if (status != CORBEL_OK)
        return status;
    status = templates_add(chat, "default", source, size, params->template_path, err);
    free(source);
    return status;
}

corbel_status corbel_chat_load(const char *name, const corbel_tokenizer *tokenizer,
                               const corbel_chat_params *params, corbel_chat **chat,
                               corbel_error *err)
{
    char folder[PATH_MAX];
    corbel_chat_params own = CORBEL_CHAT_PARAMS(0);
    *chat = NULL;
    if (params)
        copy_struct(&own, sizeof(own), params);
    if (!tokenizer)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: a chat needs the model's tokenizer", name);
    corbel_status status = hub_resolve_parts(name, CORBEL_PULL_CONFIG | CORBEL_PULL_TOKENIZER,
                                             folder, sizeof(folder), err);
    if (status != CORBEL_OK)
        return status;
    corbel_chat *made = calloc(1, sizeof(*made));
    if (!made || !(made->folder = strdup(folder))) {
        free(made);
        return error_memory(err, sizeof(*made), "a chat");
    }
    made->tokenizer = tokenizer;
    status = read_special_tokens(made, err);
    if (status == CORBEL_OK)
        status = own.template_text || own.template_path ? add_given_template(made, &own, err)
                                                        : templates_load(made, err);
    if (status != CORBEL_OK) {
        corbel_chat_destroy(&made);
        return status;
    }
    *chat = made;
    return CORBEL_OK;
}

void corbel_chat_destroy(corbel_chat **chat)
{
    corbel_chat *c = *chat;
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->templates[i].name);
        jinja_destroy(&c->templates[i].template);
    }
    free(c->templates);
    json_object_put(c->special_tokens);
    json_object_put(c->control_tokens);
    free(c->folder);
    free(c);
    *chat = NULL;
}

const char *corbel_chat_template_name(const corbel_chat *chat, size_t i)
{
    return i < chat->n ? chat->templates[i].name : NULL;
}

/* ---- rendering ------------------------------------------------------------------------------- */

static corbel_status render(const corbel_chat *chat, const char *messages_json,
                            const corbel_chat_render_params *params, char **text, size_t *size,
                            corbel_error *err)
{
    struct conversation c;
    corbel_status status = conversation_init(&c, chat, messages_json, params, err);
    if (status == CORBEL_OK)
        status = conversation_render(&c, params->clock, text, size, err);
    conversation_finish(&c);
    return status;
}

corbel_status corbel_chat_render(const corbel_chat *chat, const char *messages_json,
                                 const corbel_chat_render_params *params, char **text, size_t *size,
                                 corbel_error *err)
{
    corbel_chat_render_params own = CORBEL_CHAT_RENDER_PARAMS(0);
    size_t n = 0;
    *text = NULL;
    if (params)
        copy_struct(&own, sizeof(own), params);
    own.sanitize_control_tokens = 0; /* its marks mean nothing in a text */
    corbel_status status = render(chat, messages_json, &own, text, &n, err);
    if (size)
        *size = n;
    return status;
}

static corbel_status encode_plainly(const corbel_chat *chat, const char *text, size_t size,
                                    int32_t **ids, size_t *n_ids, corbel_error *err)
{
    corbel_encoding *encoding = NULL;
    corbel_status status = corbel_encode(chat->tokenizer, text, size,
                                         &CORBEL_ENCODE_PARAMS(.no_special = 1), &encoding, err);
    if (status != CORBEL_OK)
        return status;
    *ids = calloc(encoding->n + 1, sizeof(**ids));
    *n_ids = encoding->n;
    if (!*ids)
        status = error_memory(err, encoding->n * sizeof(**ids), "token ids");
    else if (encoding->n > 0)
        memcpy(*ids, encoding->ids, encoding->n * sizeof(**ids));
    corbel_encoding_destroy(&encoding);
    return status;
}

corbel_status corbel_chat_encode(const corbel_chat *chat, const char *messages_json,
                                 const corbel_chat_render_params *params, int32_t **ids,
                                 size_t *n_ids, corbel_error *err)
{
    corbel_chat_render_params own = CORBEL_CHAT_RENDER_PARAMS(0);
    char *text = NULL;
    size_t size = 0;
    *ids = NULL;
    *n_ids = 0;
    if (params)
        copy_struct(&own, sizeof(own), params);
    corbel_status status = render(chat, messages_json, &own, &text, &size, err);
    if (status == CORBEL_OK)
        status = own.sanitize_control_tokens
                     ? control_tokens_encode(chat, text, size, ids, n_ids, err)
                     : encode_plainly(chat, text, size, ids, n_ids, err);
    free(text);
    return status;
}
