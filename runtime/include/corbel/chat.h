/* corbel/chat.h: conversations as a model's chat template writes them.
 *
 * A chat model is trained on texts in which turns are marked in a way of its own. It brings a
 * template for that, in Jinja's language, which Corbel renders with an interpreter of its own: the
 * text is that of transformers' apply_chat_template, byte for byte. Templates come from strangers:
 * they reach nothing but their input, and a rendering is bounded (2 million steps, 16 MiB of text,
 * 64 macros within each other). What holds for corbel/corbel.h holds here too.
 *
 * A corbel_chat may be used by several threads at once. */
#ifndef CORBEL_CHAT_H
#define CORBEL_CHAT_H

#include "corbel/corbel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The chat templates of a model, parsed. */
typedef struct corbel_chat corbel_chat;

typedef struct corbel_chat_params {
    uint32_t struct_size;
    uint32_t template_size;    /* bytes of template_text; 0: strlen */
    const char *template_path; /* a template's file, in place of the model's own; NULL: those */
    const char *template_text; /* the same as text; goes before template_path */
} corbel_chat_params;
#define CORBEL_CHAT_PARAMS(...)                                \
    (corbel_chat_params)                                       \
    {                                                          \
        .struct_size = sizeof(corbel_chat_params), __VA_ARGS__ \
    }

/* Loads the templates of a model (its name or folder, see corbel_pull): chat_template.jinja and
 * additional_chat_templates/NAME.jinja, else chat_template of tokenizer_config.json (a text, or a
 * list of {"name", "template"}), else chat_template.json. All are parsed at once. The tokenizer is
 * the model's and must outlive *chat, which the caller destroys.
 * CORBEL_E_NOT_FOUND: the model has no template. CORBEL_E_FORMAT: a template has a fault, or uses
 * what is not supported; the text says file, line and column. */
CORBEL_API corbel_status corbel_chat_load(const char *name, const corbel_tokenizer *tokenizer,
                                          const corbel_chat_params *params, corbel_chat **chat,
                                          corbel_error *err);
CORBEL_API void corbel_chat_destroy(corbel_chat **chat);

/* The templates' names ("default", "tool_use", ...), i from 0 on; NULL after the last. */
CORBEL_API const char *corbel_chat_template_name(const corbel_chat *chat, size_t i);

typedef struct corbel_chat_render_params {
    uint32_t struct_size;
    uint32_t add_generation_prompt;  /* 1: the header of the assistant's next turn at the end */
    uint32_t continue_final_message; /* 1: the text ends with the last message, open to go on */
    /* corbel_chat_encode only. 1: what reads like a control token in messages, tools, documents or
     * variables is encoded as text; only the template's own text makes control tokens. 0, as it is
     * transformers' default (sanitize_control_tokens): whoever writes a message can write any
     * token. */
    uint32_t sanitize_control_tokens;
    const char *template_name;  /* NULL: "tool_use" if there are tools and it, else "default" */
    const char *tools_json;     /* a list of JSON schemas; NULL: none */
    const char *documents_json; /* a list of objects; NULL: none */
    const char *variables_json; /* an object of further variables; NULL: none */
    const int64_t *clock; /* what strftime_now takes for now: seconds since 1970, shown in local
                             time; NULL: the system's clock */
} corbel_chat_render_params;
#define CORBEL_CHAT_RENDER_PARAMS(...)                                \
    (corbel_chat_render_params)                                       \
    {                                                                 \
        .struct_size = sizeof(corbel_chat_render_params), __VA_ARGS__ \
    }

/* Renders a conversation: a list of objects with "role" and "content" ("tool_calls", ...), none of
 * which is empty. The template sees messages, tools, documents, add_generation_prompt, the
 * tokenizer's special tokens by their names (bos_token, ...), and the variables. *text is freed
 * with corbel_free; `size` may be NULL. CORBEL_E_ARGUMENT: the conversation is none, or the
 * template refuses it; CORBEL_E_FORMAT: the template goes beyond a limit. */
CORBEL_API corbel_status corbel_chat_render(const corbel_chat *chat, const char *messages_json,
                                            const corbel_chat_render_params *params, char **text,
                                            size_t *size, corbel_error *err);

/* The same as token ids [n_ids], freed with corbel_free: the text encoded without adding special
 * tokens, since the template writes them. */
CORBEL_API corbel_status corbel_chat_encode(const corbel_chat *chat, const char *messages_json,
                                            const corbel_chat_render_params *params, int32_t **ids,
                                            size_t *n_ids, corbel_error *err);

#ifdef __cplusplus
}
#endif

#endif
