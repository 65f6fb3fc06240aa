/* text/cache.c: words seen before and their tokens, so that a language's few hundred common words
 * are tokenized once. A table of fixed entries, each overwritten by the next word that falls on it.
 */
#include "text/model.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_ENTRIES    16384
#define CACHE_MAX_SIZE   38
#define CACHE_MAX_TOKENS 8

struct cached_word {
    uint32_t tag; /* of the hash; 0: empty */
    uint8_t size, n_tokens;
    char word[CACHE_MAX_SIZE];
    int32_t ids[CACHE_MAX_TOKENS];
    uint8_t begins[CACHE_MAX_TOKENS], ends[CACHE_MAX_TOKENS];
};

struct word_cache {
    struct cached_word entries[CACHE_ENTRIES];
};

static struct cached_word *entry_of(struct word_cache *cache, uint64_t hash)
{
    return &cache->entries[hash % CACHE_ENTRIES];
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

bool cache_find(struct model_room *room, uint64_t hash, const char *word, size_t size)
{
    if (size > CACHE_MAX_SIZE || !room->cache)
        return false;
    const struct cached_word *e = entry_of(room->cache, hash);
    if (e->tag != tag_of(hash) || e->size != size || memcmp(e->word, word, size) != 0)
        return false;
    for (size_t i = 0; i < e->n_tokens; i++)
        model_put(room, e->ids[i], e->begins[i], e->ends[i]);
    return true;
}

void cache_keep(struct model_room *room, uint64_t hash, const char *word, size_t size, size_t first)
{
    size_t n = room->n_tokens - first;

    if (size > CACHE_MAX_SIZE || n > CACHE_MAX_TOKENS || room->failed)
        return;
    if (!room->cache && !(room->cache = calloc(1, sizeof(*room->cache))))
        return; /* it works without */

    struct cached_word *e = entry_of(room->cache, hash);
    e->tag = tag_of(hash);
    e->size = (uint8_t)size;
    e->n_tokens = (uint8_t)n;
    memcpy(e->word, word, size);
    for (size_t i = 0; i < n; i++) {
        e->ids[i] = room->tokens[first + i].id;
        e->begins[i] = (uint8_t)room->tokens[first + i].begin;
        e->ends[i] = (uint8_t)room->tokens[first + i].end;
    }
}
