/* text/vocab.h: pieces and their ids, both ways. */
#ifndef TEXT_VOCAB_H
#define TEXT_VOCAB_H

#include "corbel/corbel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vocab_slot {
    uint32_t hash, index; /* index of the piece, plus 1; 0: empty */
};

struct vocab_piece {
    uint32_t offset, size; /* in `bytes`; a 0 follows that is not counted */
    int32_t id;
};

/* A zeroed struct is an empty vocabulary. */
struct vocab {
    char *bytes;
    size_t bytes_size, bytes_capacity;
    struct vocab_piece *pieces; /* in the order they were added */
    size_t n_pieces, pieces_capacity;
    struct vocab_slot *slots;
    size_t n_slots; /* a power of two */
    uint64_t seed;  /* of the hash, so that a file can't be made of collisions */
    int32_t *of_id; /* [n_ids]: index of the piece, or -1; made by vocab_close */
    size_t n_ids;
    size_t longest; /* bytes */
};

/* A good 64-bit mix of the bytes; `seed` from vocab_random_seed. */
uint64_t hash_bytes(const char *data, size_t size, uint64_t seed);
uint64_t hash_random_seed(void);

void vocab_init(struct vocab *v);
void vocab_finish(struct vocab *v);

/* CORBEL_E_FORMAT: the piece is there already, or the id is out of range. `name` is the file. */
corbel_status vocab_add(struct vocab *v, const char *piece, size_t size, int64_t id,
                        const char *name, corbel_error *err);
/* Builds the way from id to piece. CORBEL_E_FORMAT: two pieces have one id. */
corbel_status vocab_close(struct vocab *v, const char *name, corbel_error *err);

struct vocab_key {
    const char *piece;
    size_t size;
    uint32_t hash; /* room for vocab_find_many */
    int32_t id;    /* the answer; -1: none */
};

/* Looks up many at once: in a large vocabulary each alone would wait for memory. */
void vocab_find_many(const struct vocab *v, struct vocab_key *keys, size_t n);

int32_t vocab_id(const struct vocab *v, const char *piece, size_t size); /* -1: none */
/* The piece, ended by 0; NULL if no piece has this id. `size` may be NULL. */
const char *vocab_piece(const struct vocab *v, int64_t id, size_t *size);

#endif
