/* text/normalizer.h: tokenizer.json's `normalizer`: what is done to the characters first. */
#ifndef TEXT_NORMALIZER_H
#define TEXT_NORMALIZER_H

#include "text/charsmap.h"
#include "text/pattern.h"
#include "text/work.h"

#include <json-c/json.h>

enum normalizer_kind {
    NORMALIZE_BERT,
    NORMALIZE_NFC,
    NORMALIZE_NFD,
    NORMALIZE_NFKC,
    NORMALIZE_NFKD,
    NORMALIZE_LOWERCASE,
    NORMALIZE_STRIP,
    NORMALIZE_STRIP_ACCENTS,
    NORMALIZE_NMT,
    NORMALIZE_PREPEND,
    NORMALIZE_REPLACE,
    NORMALIZE_BYTE_LEVEL,
    NORMALIZE_CHARSMAP, /* "Precompiled" */
};

struct normalizer {
    enum normalizer_kind kind;
    struct pattern pattern; /* replace */
    char *content;          /* replace, prepend; owned */
    struct charsmap charsmap;
    bool clean_text, chinese, strip_accents, lowercase; /* BERT */
    bool left, right;                                   /* strip */
};

/* A Sequence, however nested, is a plain list. A zeroed struct is an empty one. */
struct normalizers {
    struct normalizer *items;
    size_t n, capacity;
};

/* `json`: the member of tokenizer.json (NULL: none). `name`: the file, for messages. */
corbel_status normalizers_load(struct normalizers *list, struct json_object *json, const char *name,
                               corbel_error *err);
void normalizers_finish(struct normalizers *list);

/* Rewrites every piece of `w` that is no token. Errors stick in `w`. */
void normalizers_run(const struct normalizers *list, struct work *w, struct pattern_room *room);

/* Two that pre-tokenizers share: a text in front of each piece (of those at the text's beginning
 * only, if `first`), unless it begins with it; and bytes as ByteLevel writes them. */
void normalize_prepend(struct work *w, const char *content, bool first, bool unless_there);
void normalize_byte_level(struct work *w);

/* The character that ByteLevel writes for a byte, and back (-1: it writes none such). */
uint32_t byte_level_char(unsigned char byte);
int byte_level_byte(uint32_t c);

#endif
