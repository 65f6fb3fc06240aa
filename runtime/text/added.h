/* text/added.h: tokenizer.json's `added_tokens`: found in the text before anything else is done. */
#ifndef TEXT_ADDED_H
#define TEXT_ADDED_H

#include "text/model.h"
#include "text/normalizer.h"
#include "text/work.h"

struct added_token {
    char *content; /* owned */
    char *needle;  /* what is looked for: the content, normalized if `normalized`; owned */
    size_t needle_size;
    int32_t id;
    bool single_word, left_strip, right_strip, normalized, special;
};

/* Tokens by the first byte of their needle, longest first. */
struct added_finder {
    uint32_t *order; /* indices of tokens, grouped */
    uint32_t group[257];
    bool any;
};

struct added_tokens {
    struct added_token *items;
    size_t n, capacity;
    struct added_finder raw, normalized;
};

/* The member `added_tokens` (NULL: none). */
corbel_status added_load(struct added_tokens *list, struct json_object *json, const char *name,
                         corbel_error *err);
/* Adds `content` as a special token unless it is there; `id` -1: the model's, or the next free. */
corbel_status added_special(struct added_tokens *list, const struct model *m, const char *content,
                            int64_t id, corbel_error *err);
/* Normalizes what must be, checks ids against the model's, builds the finders. */
corbel_status added_close(struct added_tokens *list, const struct normalizers *normalizers,
                          const char *name, corbel_error *err);
void added_finish(struct added_tokens *list);

/* Cuts the tokens out of the pieces: those that are not normalized, or those that are. Special ones
 * stay text without `special`. */
void added_split(const struct added_tokens *list, bool normalized, bool special, struct work *w);

const struct added_token *added_by_id(const struct added_tokens *list, int64_t id);
const struct added_token *added_by_content(const struct added_tokens *list, const char *content);

#endif
