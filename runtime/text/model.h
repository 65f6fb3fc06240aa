/* text/model.h: tokenizer.json's `model`: how a word becomes tokens. */
#ifndef TEXT_MODEL_H
#define TEXT_MODEL_H

#include "text/vocab.h"

#include <json-c/json.h>

enum model_kind { MODEL_BPE, MODEL_WORDPIECE, MODEL_WORDLEVEL, MODEL_UNIGRAM };

struct merge_slot {
    uint32_t left, right; /* ids */
    uint32_t rank;        /* plus 1; 0: an empty slot */
    uint32_t merged;      /* id */
};

struct merges {
    struct merge_slot *slots;
    size_t n, n_slots; /* n_slots: a power of two */
    uint64_t seed;
    int32_t last_merged; /* id; the next merge mostly makes the same piece or the next one */
};

/* A tree of the pieces' bytes, as a hash table of its branches. */
struct branch {
    uint32_t parent; /* node */
    uint32_t byte;
    uint32_t child; /* node; 0: an empty slot */
};

struct trie {
    struct branch *slots;
    size_t n_slots;
    int32_t *piece; /* [n_nodes]: index of the piece that ends here, or -1 */
    size_t n_nodes, nodes_capacity;
};

struct model {
    enum model_kind kind;
    struct vocab vocab;
    int32_t unk;           /* id; -1: none */
    char *unk_token;       /* owned; NULL: none */
    int32_t byte_ids[256]; /* "<0x00>" ...: ids, or -1; all -1 without byte_fallback */
    bool byte_fallback;
    bool has_all_bytes;

    /* BPE */
    struct merges merges;
    char *prefix, *suffix; /* continuing_subword_prefix (also WordPiece), end_of_word_suffix */
    bool fuse_unk, ignore_merges;
    bool raw_bytes;       /* words come as raw bytes; pieces are spelled as ByteLevel does */
    int32_t raw_ids[256]; /* ids of the pieces for single bytes */
    bool splits_at_sign;  /* no merge joins anything to a U+2581 behind it: see bpe.c */

    int64_t max_chars; /* WordPiece: a longer word is unknown */

    /* Unigram */
    double *scores; /* by index of piece */
    double unk_score;
    struct trie trie;
};

struct token {
    int32_t id;
    uint32_t begin, end; /* bytes of the word */
};

struct symbol {
    int32_t id;
    uint32_t size;         /* bytes; 0: merged away */
    int32_t before, after; /* -1: none */
    uint32_t rank;         /* of the pair with the one after it; UINT32_MAX: no merge */
    uint32_t merged;       /* what the pair becomes */
};

struct candidate { /* in the heap of a long word */
    uint32_t rank, at, merged;
};

struct unigram_node {
    double score;
    int32_t piece; /* index; -1: unknown; -2: not reached */
    uint32_t begin;
};

struct word_cache;

/* What a model needs while it works; one a thread. */
struct model_room {
    struct token *tokens;
    size_t n_tokens, tokens_capacity;
    struct symbol *symbols;
    size_t symbols_capacity;
    struct candidate *heap;
    size_t n_heap, heap_capacity;
    struct unigram_node *nodes;
    size_t nodes_capacity;
    char *bytes; /* a spelled-out word */
    size_t bytes_capacity;
    struct word_cache *cache;
    bool failed; /* out of memory */
};

/* What tokenizer.json says of its model, less the members that scan.h reads. */
corbel_status model_load(struct model *m, struct json_object *json, const char *name,
                         corbel_error *err);
/* After vocab and merges are there: ids of bytes, tables, what can be known beforehand. */
corbel_status model_close(struct model *m, const char *name, corbel_error *err);
void model_finish(struct model *m);
void model_room_finish(struct model_room *room);

/* Room for `count` items of `size` bytes; false and room->failed when there is none. */
bool model_reserve(struct model_room *room, void **items, size_t *capacity, size_t count,
                   size_t size);
void model_put(struct model_room *room, int32_t id, size_t begin, size_t end);

/* Appends the tokens of a word to room->tokens, offsets relative to the word. CORBEL_E_FORMAT: the
 * vocabulary has no token for it and none for the unknown. */
corbel_status model_encode(const struct model *m, struct model_room *room, const char *word,
                           size_t size, corbel_error *err);

/* ---- one file each ---- */

corbel_status merges_add(struct merges *table, int32_t left, int32_t right, int32_t merged,
                         corbel_error *err);
void bpe_encode(const struct model *m, struct model_room *room, const char *word, size_t size);
corbel_status bpe_close(struct model *m, const char *name, corbel_error *err);
/* Adds merges of two pieces each (keys[0] and keys[1], keys[2] and keys[3], ...), ranked after
 * those before them. n: keys. */
corbel_status bpe_merges(struct model *m, struct vocab_key *keys, size_t n, const char *name,
                         corbel_error *err);

corbel_status unigram_close(struct model *m, corbel_error *err);
corbel_status unigram_encode(const struct model *m, struct model_room *room, const char *word,
                             size_t size, corbel_error *err);
void wordpiece_encode(const struct model *m, struct model_room *room, const char *word,
                      size_t size);

/* The cache of short words (cache.c). `find` appends the tokens and is true on a hit; `keep` keeps
 * those from `first` on. */
bool cache_find(struct model_room *room, uint64_t hash, const char *word, size_t size);
void cache_keep(struct model_room *room, uint64_t hash, const char *word, size_t size,
                size_t first);

#endif
