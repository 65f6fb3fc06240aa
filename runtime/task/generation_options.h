/* task/generation_options.h: the parameters of text-generation, and what holds when they are
 * absent: generation_config.json, then the pipeline's own defaults (transformers'
 * TextGenerationPipeline: 256 new tokens, sampled at temperature 0.7), then those of
 * corbel_generate. */
#ifndef TASK_GENERATION_OPTIONS_H
#define TASK_GENERATION_OPTIONS_H

#include "task/parameters.h"
#include "task/task.h"
#include "task/text_input.h"

enum { MAX_STOP_STRINGS = 64, MAX_END_TOKENS = 64 };

struct generation_options {
    corbel_generate_params params; /* without callback; its token ids point into this struct */
    int32_t end_tokens[MAX_END_TOKENS], pad_token;
    const char *stop_strings[MAX_STOP_STRINGS]; /* json-c's memory */
    size_t n_stop_strings;
    size_t n_sequences;
    int64_t max_length; /* prompt and answer together; 0: not given */
    int64_t min_length;
    const char *prefix; /* in front of every prompt, and in no answer */
    struct tokenizer_options tokenizer;
    bool default_length; /* max_new_tokens is the pipeline's own default */
    bool prompt_in_answer, ids_in_answer;
    bool skip_special;
};

/* `o` must stay where it is while its params are used. Of a chat, tokenizer_encode_kwargs are
 * arguments of its template (chat.h). */
corbel_status generation_options_read(struct generation_options *o, const struct call *call,
                                      bool is_chat, corbel_error *err);

/* Settles max_new_tokens for a prompt of so many tokens. */
corbel_status generation_options_fit(struct generation_options *o, const struct call *call,
                                     size_t prompt_tokens, corbel_error *err);

#endif
