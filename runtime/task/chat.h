/* task/chat.h: text-generation on conversations, as transformers' pipeline takes them: a list of
 * {"role", "content"}; the answer is that list with the assistant's message behind it. */
#ifndef TASK_CHAT_H
#define TASK_CHAT_H

#include "corbel/chat.h"
#include "task/task.h"

/* What a call says about its conversations. */
struct chat_options {
    struct json_object *tools, *documents; /* json-c's memory; NULL: none */
    struct json_object *encode;            /* tokenizer_encode_kwargs: template, variables */
    int continue_final; /* 1: go on with the final message, 0: not, -1: if it is the assistant's */
};

#define CHAT_PARAMETERS "tools", "documents", "continue_final_message", "tokenizer_encode_kwargs"

void chat_options_read(struct chat_options *o, struct parameters *parameters);

/* A list of messages (the first of which is an object)? */
bool chat_is_one(struct json_object *input);
/* The task's `arrange`: a list of messages is one input. */
struct json_object *chat_arrange(const struct call *call, struct json_object *inputs);

/* The conversation as the model's template writes it, encoded; *ids is freed with corbel_free. The
 * template is parsed once and stays with the pipeline until another one is asked for. */
corbel_status chat_encode(const struct call *call, const struct chat_options *o,
                          struct json_object *messages, int32_t **ids, size_t *n_ids,
                          corbel_error *err);
void chat_templates_destroy(struct chat_templates **templates);
/* Appends the messages with what was generated: as a message of its own, or behind the final one.
 */
corbel_status chat_append_answer(const struct chat_options *o, struct json_object *messages,
                                 const char *text, size_t size, struct text *out,
                                 corbel_error *err);

#endif
