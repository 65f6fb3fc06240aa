/* text/parts.h: what a corbel_tokenizer is made of; for the files of this folder only. */
#ifndef TEXT_PARTS_H
#define TEXT_PARTS_H

#include "text/added.h"
#include "text/decoder.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

#include <pthread.h>

/* The roles that tokenizer_config.json gives to tokens. */
enum role { ROLE_BOS, ROLE_EOS, ROLE_UNK, ROLE_SEP, ROLE_PAD, ROLE_CLS, ROLE_MASK, N_ROLES };
extern const char *const role_names[N_ROLES];

/* tokenizer_config.json and its fallbacks, before they are applied. */
struct settings {
    char *roles[N_ROLES]; /* owned; NULL: none */
    bool left_padding, left_truncation;
    bool has_add_bos, add_bos, has_add_eos, add_eos;
    bool clean_up;
    bool llama_class; /* to be read as LlamaTokenizer reads it, not as the file says */
    bool llama_prefix, llama_legacy;
    bool bert_class;
    int bert_lowercase, bert_accents, bert_chinese; /* -1: not said */
    struct json_object *config;                     /* tokenizer_config.json; NULL: none */
};

/* A token of a text, on its way into encodings. */
struct found {
    int32_t id;
    uint32_t begin, end; /* of the original: bytes, at last code points */
    uint32_t word;
};

/* What one call needs to work in. Calls borrow one from the tokenizer, so that several threads may
 * use it, and so that nothing is allocated when it is warm. */
struct workshop {
    struct workshop *next;
    struct work work;
    struct pattern_room patterns;
    struct model_room model;
    uint32_t *characters; /* byte of the original to code point */
    size_t characters_capacity;
    struct found *found[2]; /* tokens of text and pair */
    size_t n_found[2], found_capacity[2];
};

struct corbel_tokenizer {
    struct added_tokens added;
    struct normalizers normalizers;
    struct pre_tokenizers pre_tokenizers;
    struct model model;
    struct post_processor post_processor;
    struct decoders decoders;
    int32_t roles[N_ROLES]; /* ids; -1: none */
    bool left_padding, left_truncation;
    int64_t max_length;   /* tokens; 0: unlimited */
    pthread_mutex_t lock; /* of `idle` */
    struct workshop *idle;
};

/* ---- loading, one file each ---- */
corbel_status settings_load(struct settings *s, const char *dir, corbel_error *err);
void settings_finish(struct settings *s);
/* tokenizer.json; vocab.txt, or vocab.json and merges.txt, where there is none. */
corbel_status load_tokenizer_json(corbel_tokenizer *t, const char *path, corbel_error *err);
corbel_status load_vocab_txt(corbel_tokenizer *t, const char *path, corbel_error *err);
corbel_status load_vocab_and_merges(corbel_tokenizer *t, const char *vocab_path,
                                    const char *merges_path, corbel_error *err);
/* The members of tokenizer.json but vocab and merges. `root` as in the file. */
corbel_status load_components(corbel_tokenizer *t, struct json_object *root, const char *name,
                              corbel_error *err);

/* ---- encodings ---- */
struct encoding_item {
    int32_t id;
    const char *token;
    int64_t begin, end;
    int32_t type_id, sequence, word;
    bool special, padding;
};

/* An encoding of n tokens in one block of memory; NULL when there is none. */
corbel_encoding *encoding_create(size_t n);
void encoding_set(corbel_encoding *e, size_t i, const struct encoding_item *item);

#endif
