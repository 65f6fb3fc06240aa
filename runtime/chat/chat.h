/* chat/chat.h: a model's chat templates, and a conversation on its way through one.
 *
 * templates.c finds and parses them, conversation.c makes what a template sees, control_tokens.c
 * keeps what users write from becoming control tokens, chat.c is the public functions. */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include "base/text.h"
#include "chat/jinja/jinja.h"
#include "corbel/chat.h"

struct named_template {
    char *name; /* owned */
    struct jinja_template *template;
};

struct corbel_chat {
    struct named_template *templates; /* [n] */
    size_t n;
    const corbel_tokenizer *tokenizer;  /* the caller's */
    struct json_object *special_tokens; /* {"bos_token": "<s>", ...} */
    struct json_object *control_tokens; /* chat_control_tokens of the config; NULL: not said */
    char *folder;
};

/* ---- templates.c ---- */
/* Those of a model's folder; none are CORBEL_E_NOT_FOUND. */
corbel_status templates_load(corbel_chat *chat, corbel_error *err);
/* One under the name "default". */
corbel_status templates_add(corbel_chat *chat, const char *name, const char *source, size_t size,
                            const char *place, corbel_error *err);
/* The template for a call. */
corbel_status templates_choose(const corbel_chat *chat, const char *name, bool has_tools,
                               const struct jinja_template **t, corbel_error *err);

/* ---- conversation.c ---- */
struct conversation {
    const struct jinja_template *template;
    struct json_object *variables; /* all that the template sees; a reference */
    struct text final; /* the text to go on with, where the final message is continued */
    bool continues;
};

/* Checks the call's JSON and makes the variables. The caller finishes `c` also after a failure. */
corbel_status conversation_init(struct conversation *c, const corbel_chat *chat,
                                const char *messages_json, const corbel_chat_render_params *params,
                                corbel_error *err);
void conversation_finish(struct conversation *c);
/* *text is malloc'ed. */
corbel_status conversation_render(const struct conversation *c, const int64_t *clock, char **text,
                                  size_t *size, corbel_error *err);

/* ---- control_tokens.c ---- */
/* Puts markers around the control tokens in the strings of a JSON value; the new value in place. */
corbel_status control_tokens_mark(const corbel_chat *chat, const struct jinja_template *t,
                                  struct json_object **value, corbel_error *err);
/* Encodes a text with such markers: what is between them as text only. */
corbel_status control_tokens_encode(const corbel_chat *chat, const char *text, size_t size,
                                    int32_t **ids, size_t *n_ids, corbel_error *err);

#endif
