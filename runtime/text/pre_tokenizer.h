/* text/pre_tokenizer.h: tokenizer.json's `pre_tokenizer`: how a text is cut into words. */
#ifndef TEXT_PRE_TOKENIZER_H
#define TEXT_PRE_TOKENIZER_H

#include "text/pattern.h"
#include "text/work.h"

#include <json-c/json.h>

enum split_behavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS,
};

enum pre_tokenizer_kind {
    PRE_SPLIT,      /* by a pattern: Split, Whitespace, Punctuation, Digits, ... */
    PRE_BYTE_LEVEL, /* writes bytes as characters, after a prefix space and GPT-2's split */
    PRE_METASPACE,
    PRE_BERT,
    PRE_WHITESPACE, /* \w+|[^\w\s]+ */
    PRE_FIXED_LENGTH,
};

enum prepend_scheme { PREPEND_NEVER, PREPEND_FIRST, PREPEND_ALWAYS };

struct pre_tokenizer {
    enum pre_tokenizer_kind kind;
    struct pattern pattern; /* of a split; ByteLevel: of GPT-2; Metaspace: its sign */
    enum split_behavior behavior;
    bool invert;
    bool prefix_space, use_regex; /* ByteLevel */
    bool split;                   /* Metaspace */
    enum prepend_scheme scheme;   /* Metaspace */
    char *replacement;            /* Metaspace; owned */
    int64_t length;               /* FixedLength: characters */
};

struct pre_tokenizers {
    struct pre_tokenizer *items;
    size_t n, capacity;
    /* The last item is ByteLevel and only its writing as characters is left out: the model takes
     * the raw bytes (model.h). */
    bool raw_bytes;
};

corbel_status pre_tokenizers_load(struct pre_tokenizers *list, struct json_object *json,
                                  const char *name, corbel_error *err);
void pre_tokenizers_finish(struct pre_tokenizers *list);
void pre_tokenizers_run(const struct pre_tokenizers *list, struct work *w,
                        struct pattern_room *room);

/* Metaspace, as LlamaTokenizer makes its own. */
corbel_status pre_tokenizers_metaspace(struct pre_tokenizers *list, enum prepend_scheme scheme,
                                       bool split, corbel_error *err);

/* `prepend_scheme`, or the older `add_prefix_space`; decoders have the same members. */
corbel_status prepend_scheme_load(struct json_object *json, const char *name,
                                  enum prepend_scheme *scheme, corbel_error *err);

#endif
