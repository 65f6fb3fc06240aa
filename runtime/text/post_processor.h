/* text/post_processor.h: tokenizer.json's `post_processor`: special tokens around the sequences. */
#ifndef TEXT_POST_PROCESSOR_H
#define TEXT_POST_PROCESSOR_H

#include "text/model.h"

#include <json-c/json.h>

struct template_item {
    int sequence; /* 0: the text, 1: its pair, -1: a special token */
    int32_t id;   /* of the special token */
    int32_t type_id;
};

/* What is written around one sequence, or two. A special token of several ids is several items. */
struct template
{
    struct template_item *items;
    size_t n, capacity;
};

/* All processors of a Sequence come down to this: offsets are trimmed first, then a template. */
struct post_processor {
    struct template single, pair;
    bool has_template;
    bool types_always; /* type ids are the template's also where no special tokens are added */
    bool trim_offsets, prefix_space; /* ByteLevel, Roberta */
};

corbel_status post_processor_load(struct post_processor *p, struct json_object *json,
                                  const char *name, corbel_error *err);
void post_processor_finish(struct post_processor *p);

/* bos $A eos, as transformers makes it where tokenizer_config.json has add_bos_token or
 * add_eos_token. -1: no such token. */
corbel_status post_processor_bos_eos(struct post_processor *p, int32_t bos, int32_t eos,
                                     corbel_error *err);

#endif
