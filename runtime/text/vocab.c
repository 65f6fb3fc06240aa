/* text/vocab.c: pieces and their ids, both ways: an open hash table over one block of bytes. */
#include "text/vocab.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

__extension__ typedef unsigned __int128 wide;

static uint64_t mix(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_bytes(const char *data, size_t size, uint64_t seed)
{
    uint64_t h = seed ^ size * 0x9E3779B97F4A7C15u, last = 0;

    while (size > 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        h = mix(h ^ word, 0xD6E8FEB86659FD93u);
        data += 8;
        size -= 8;
    }
    memcpy(&last, data, size);
    h = mix(h ^ last, 0xA0761D6478BD642Fu);
    return mix(h ^ seed, 0xE7037ED1A0B428DBu);
}

uint64_t hash_random_seed(void)
{
    uint64_t seed = 0;

    /* Where the system has no randomness yet the clock must do: this only spoils collisions that
     * somebody has worked out beforehand. */
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        seed = (uint64_t)now.tv_nsec * 0x9E3779B97F4A7C15u;
    }
    return seed | 1;
}

void vocab_init(struct vocab *v)
{
    *v = (struct vocab){.seed = hash_random_seed()};
}

void vocab_finish(struct vocab *v)
{
    free(v->bytes);
    free(v->pieces);
    free(v->slots);
    free(v->of_id);
    *v = (struct vocab){0};
}

static bool same_piece(const struct vocab *v, uint32_t index, const char *piece, size_t size)
{
    const struct vocab_piece *p = &v->pieces[index];
    return p->size == size && memcmp(v->bytes + p->offset, piece, size) == 0;
}

/* The slot that holds the piece, or the empty one where it belongs. */
static size_t find_slot(const struct vocab *v, uint32_t hash, const char *piece, size_t size)
{
    size_t mask = v->n_slots - 1, i = hash & mask;

    while (v->slots[i].index != 0) {
        if (v->slots[i].hash == hash && same_piece(v, v->slots[i].index - 1, piece, size))
            break;
        i = (i + 1) & mask;
    }
    return i;
}

static bool grow_slots(struct vocab *v)
{
    size_t n = v->n_slots ? v->n_slots * 4 : 1024;
    struct vocab_slot *slots = calloc(n, sizeof(*slots));

    if (!slots)
        return false;
    for (size_t i = 0; i < v->n_slots; i++) {
        if (v->slots[i].index == 0)
            continue;
        size_t at = v->slots[i].hash & (n - 1);
        while (slots[at].index != 0)
            at = (at + 1) & (n - 1);
        slots[at] = v->slots[i];
    }
    free(v->slots);
    v->slots = slots;
    v->n_slots = n;
    return true;
}

static bool reserve(struct vocab *v, size_t size)
{
    if (v->n_pieces * 2 >= v->n_slots && !grow_slots(v))
        return false;
    if (v->n_pieces == v->pieces_capacity) {
        size_t n = v->pieces_capacity ? v->pieces_capacity * 2 : 512;
        struct vocab_piece *pieces = reallocarray(v->pieces, n, sizeof(*pieces));
        if (!pieces)
            return false;
        v->pieces = pieces;
        v->pieces_capacity = n;
    }
    if (v->bytes_capacity - v->bytes_size < size + 1) {
        size_t n = (v->bytes_capacity + size + 1) * 2;
        char *bytes = n > UINT32_MAX ? NULL : realloc(v->bytes, n);
        if (!bytes)
            return false;
        v->bytes = bytes;
        v->bytes_capacity = n;
    }
    return true;
}

corbel_status vocab_add(struct vocab *v, const char *piece, size_t size, int64_t id,
                        const char *name, corbel_error *err)
{
    if (id < 0 || id > INT32_MAX)
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: piece \"%.*s\" has id %lld, expected 0 to 2^31 - 1", name,
                         (int)(size < 60 ? size : 60), piece, (long long)id);
    if (!reserve(v, size))
        return error_memory(err, size, "the vocabulary");

    uint32_t hash = (uint32_t)(hash_bytes(piece, size, v->seed) >> 32);
    size_t slot = find_slot(v, hash, piece, size);
    if (v->slots[slot].index != 0)
        return error_set(err, CORBEL_E_FORMAT, "%s: piece \"%.*s\" occurs twice in the vocabulary",
                         name, (int)(size < 60 ? size : 60), piece);

    v->pieces[v->n_pieces] = (struct vocab_piece){
        .offset = (uint32_t)v->bytes_size, .size = (uint32_t)size, .id = (int32_t)id};
    v->slots[slot] = (struct vocab_slot){.hash = hash, .index = (uint32_t)++v->n_pieces};
    memcpy(v->bytes + v->bytes_size, piece, size);
    v->bytes[v->bytes_size + size] = 0;
    v->bytes_size += size + 1;
    if (size > v->longest)
        v->longest = size;
    return CORBEL_OK;
}

corbel_status vocab_close(struct vocab *v, const char *name, corbel_error *err)
{
    size_t n = 0;

    for (size_t i = 0; i < v->n_pieces; i++)
        if ((size_t)v->pieces[i].id >= n)
            n = (size_t)v->pieces[i].id + 1;
    /* A table by id is only as large as the file deserves. */
    if (n > v->n_pieces * 16 + (1u << 20))
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: id %zu is far beyond a vocabulary of %zu pieces", name, n - 1,
                         v->n_pieces);

    free(v->of_id);
    v->of_id = malloc((n ? n : 1) * sizeof(*v->of_id));
    if (!v->of_id)
        return error_memory(err, n * sizeof(*v->of_id), "the vocabulary");
    v->n_ids = n;
    memset(v->of_id, 0xFF, n * sizeof(*v->of_id));
    for (size_t i = 0; i < v->n_pieces; i++) {
        int32_t *index = &v->of_id[v->pieces[i].id];
        if (*index >= 0)
            return error_set(err, CORBEL_E_FORMAT,
                             "%s: pieces \"%.60s\" and \"%.60s\" both have id %d", name,
                             v->bytes + v->pieces[*index].offset, v->bytes + v->pieces[i].offset,
                             (int)v->pieces[i].id);
        *index = (int32_t)i;
    }
    return CORBEL_OK;
}

int32_t vocab_id(const struct vocab *v, const char *piece, size_t size)
{
    if (v->n_slots == 0 || size > v->longest)
        return -1;
    uint32_t hash = (uint32_t)(hash_bytes(piece, size, v->seed) >> 32);
    const struct vocab_slot *slot = &v->slots[find_slot(v, hash, piece, size)];
    return slot->index ? v->pieces[slot->index - 1].id : -1;
}

/* What a first look at a key's slot shows; NULL: nothing there, or another. */
static const struct vocab_piece *likely_piece(const struct vocab *v, const struct vocab_key *key)
{
    const struct vocab_slot *slot = &v->slots[key->hash & (v->n_slots - 1)];
    return slot->index && slot->hash == key->hash ? &v->pieces[slot->index - 1] : NULL;
}

void vocab_find_many(const struct vocab *v, struct vocab_key *keys, size_t n)
{
    for (size_t i = 0; i < n && v->n_slots > 0; i++) {
        keys[i].hash = (uint32_t)(hash_bytes(keys[i].piece, keys[i].size, v->seed) >> 32);
        __builtin_prefetch(&v->slots[keys[i].hash & (v->n_slots - 1)]);
    }
    for (size_t i = 0; i < n && v->n_slots > 0; i++)
        __builtin_prefetch(likely_piece(v, &keys[i]));
    for (size_t i = 0; i < n && v->n_slots > 0; i++) {
        const struct vocab_piece *p = likely_piece(v, &keys[i]);
        if (p)
            __builtin_prefetch(v->bytes + p->offset);
    }
    for (size_t i = 0; i < n; i++) {
        const struct vocab_slot *slot =
            v->n_slots ? &v->slots[find_slot(v, keys[i].hash, keys[i].piece, keys[i].size)] : NULL;
        keys[i].id = slot && slot->index ? v->pieces[slot->index - 1].id : -1;
    }
}

const char *vocab_piece(const struct vocab *v, int64_t id, size_t *size)
{
    if (id < 0 || (uint64_t)id >= v->n_ids || v->of_id[id] < 0)
        return NULL;
    const struct vocab_piece *p = &v->pieces[v->of_id[id]];
    if (size)
        *size = p->size;
    return v->bytes + p->offset;
}
