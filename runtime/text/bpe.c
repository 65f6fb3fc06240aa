/* text/bpe.c: byte-pair encoding: a word's characters, of which the pair of the best rank is merged
 * until none is left. */
#include "text/model.h"

#include "base/error.h"
#include "text/normalizer.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

/* Above this many symbols the best pair comes from a heap instead of a look at all. */
#define BPE_SHORT_WORD 48
#define NO_MERGE       UINT32_MAX

static const char sign[] = "\xE2\x96\x81"; /* U+2581, which stands for a space */
#define SIGN_SIZE 3

/* ---- the table of merges ---- */

static size_t merge_hash(const struct merges *t, uint32_t left, uint32_t right)
{
    uint64_t key = ((uint64_t)left << 32 | right) ^ t->seed;
    key *= 0x9E3779B97F4A7C15u;
    key = (key ^ key >> 32) * 0xD6E8FEB86659FD93u;
    return (size_t)(key ^ key >> 32);
}

static struct merge_slot *merge_find(const struct merges *t, uint32_t left, uint32_t right)
{
    size_t mask = t->n_slots - 1, i = merge_hash(t, left, right) & mask;

    while (t->slots[i].rank != 0 && (t->slots[i].left != left || t->slots[i].right != right))
        i = (i + 1) & mask;
    return &t->slots[i];
}

static bool grow(struct merges *t)
{
    struct merges larger = *t;

    larger.n_slots = t->n_slots ? t->n_slots * 4 : 1024;
    if (t->n_slots == 0)
        larger.seed = hash_random_seed();
    larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < t->n_slots; i++)
        if (t->slots[i].rank != 0)
            *merge_find(&larger, t->slots[i].left, t->slots[i].right) = t->slots[i];
    free(t->slots);
    *t = larger;
    return true;
}

corbel_status merges_add(struct merges *table, int32_t left, int32_t right, int32_t merged,
                         corbel_error *err)
{
    if (table->n * 3 >= table->n_slots * 2 && !grow(table))
        return error_memory(err, table->n_slots * sizeof(*table->slots), "merges");
    /* A pair listed twice has its last rank, as in the library. */
    *merge_find(table, (uint32_t)left, (uint32_t)right) = (struct merge_slot){
        (uint32_t)left, (uint32_t)right, (uint32_t)++table->n, (uint32_t)merged};
    return CORBEL_OK;
}

static bool is_piece(const struct vocab *v, int32_t index, const char *piece, size_t size)
{
    if (index < 0 || (size_t)index >= v->n_pieces)
        return false;
    const struct vocab_piece *p = &v->pieces[index];
    return p->size == size && memcmp(v->bytes + p->offset, piece, size) == 0;
}

/* The piece that a merge makes. Files list merges mostly in the order of what they make, so a look
 * at the neighbours comes first. */
static int32_t merged_id(struct model *m, const char *joined, size_t size)
{
    int32_t *last = &m->merges.last_merged;

    for (int32_t i = *last; i <= *last + 1; i++) {
        if (is_piece(&m->vocab, i, joined, size)) {
            *last = i;
            return m->vocab.pieces[i].id;
        }
    }
    int32_t id = vocab_id(&m->vocab, joined, size);
    *last = id >= 0 && is_piece(&m->vocab, id, joined, size) ? id : *last;
    return id;
}

static corbel_status add_merge(struct model *m, const struct vocab_key *left,
                               const struct vocab_key *right, const char *name, corbel_error *err)
{
    char buffer[512], *joined = buffer;
    const struct vocab_key *missing = left->id < 0 ? left : right->id < 0 ? right : NULL;
    size_t cut = m->prefix ? strlen(m->prefix) : 0;

    if (missing)
        return error_set(
            err, CORBEL_E_FORMAT, "%s: merge %zu: piece \"%.*s\" is not in the vocabulary", name,
            m->merges.n, (int)(missing->size < 120 ? missing->size : 120), missing->piece);
    if (cut > right->size)
        cut = right->size;
    size_t size = left->size + right->size - cut;
    if (size > sizeof buffer && !(joined = malloc(size)))
        return error_memory(err, size, "a merge");
    memcpy(joined, left->piece, left->size);
    memcpy(joined + left->size, right->piece + cut, right->size - cut);
    int32_t merged = merged_id(m, joined, size);
    corbel_status status =
        merged >= 0 ? merges_add(&m->merges, left->id, right->id, merged, err)
                    : error_set(err, CORBEL_E_FORMAT,
                                "%s: merge %zu makes \"%.*s\", which is not in the vocabulary",
                                name, m->merges.n, (int)(size < 120 ? size : 120), joined);
    if (joined != buffer)
        free(joined);
    return status;
}

corbel_status bpe_merges(struct model *m, struct vocab_key *keys, size_t n, const char *name,
                         corbel_error *err)
{
    corbel_status status = CORBEL_OK;

    vocab_find_many(&m->vocab, keys, n);
    for (size_t i = 0; i + 1 < n && status == CORBEL_OK; i += 2)
        status = add_merge(m, &keys[i], &keys[i + 1], name, err);
    return status;
}

/* ---- what can be known beforehand ---- */

/* Where the whole text is one word (Llama 2), words must be found again for the cache to help:
 * if no merge joins something to a sign behind it, no token reaches across the place in front of
 * a sign that follows another character, and both sides can be encoded alone. */
static bool can_split_at_sign(const struct model *m)
{
    if (m->raw_bytes || m->prefix || m->suffix || m->ignore_merges || m->merges.n_slots == 0 ||
        vocab_id(&m->vocab, sign, SIGN_SIZE) < 0)
        return false;
    for (size_t i = 0; i < m->merges.n_slots; i++) {
        const struct merge_slot *s = &m->merges.slots[i];
        if (s->rank == 0)
            continue;
        size_t left_size, right_size;
        const char *left = vocab_piece(&m->vocab, s->left, &left_size);
        const char *right = vocab_piece(&m->vocab, s->right, &right_size);
        bool left_ends =
            left_size >= SIGN_SIZE && memcmp(left + left_size - SIGN_SIZE, sign, SIGN_SIZE) == 0;
        bool right_begins = right_size >= SIGN_SIZE && memcmp(right, sign, SIGN_SIZE) == 0;
        if (right_begins && !left_ends)
            return false;
    }
    return true;
}

static void drop_if_empty(char **text)
{
    if (*text && !**text) {
        free(*text);
        *text = NULL;
    }
}

corbel_status bpe_close(struct model *m, const char *name, corbel_error *err)
{
    (void)name;
    (void)err;
    drop_if_empty(&m->prefix);
    drop_if_empty(&m->suffix);
    for (unsigned i = 0; i < 256; i++) {
        char spelled[4];
        size_t n = utf8_put(spelled, byte_level_char((unsigned char)i));
        m->raw_ids[i] = vocab_id(&m->vocab, spelled, n);
    }
    m->splits_at_sign = can_split_at_sign(m);
    return CORBEL_OK;
}

/* ---- a word's first symbols ---- */

struct word {
    const struct model *m;
    struct model_room *room;
    size_t n;
    uint32_t unk_size; /* bytes of unknown characters that are not yet a symbol */
};

static void add_symbol(struct word *w, int32_t id, size_t size)
{
    w->room->symbols[w->n] = (struct symbol){.id = id, .size = (uint32_t)size};
    w->n++;
}

static void flush_unknown(struct word *w)
{
    if (w->unk_size > 0)
        add_symbol(w, w->m->unk, w->unk_size);
    w->unk_size = 0;
}

static void add_unknown(struct word *w, size_t size)
{
    if (!w->m->unk_token || w->m->unk < 0)
        return; /* dropped without a trace, as in the library */
    if (!w->m->fuse_unk)
        flush_unknown(w);
    w->unk_size += (uint32_t)size;
}

/* Bytes in place of an unknown character; false if the vocabulary lacks one of them. */
static bool add_bytes(struct word *w, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (w->m->byte_ids[(unsigned char)text[i]] < 0)
            return false;
    for (size_t i = 0; i < size; i++)
        add_symbol(w, w->m->byte_ids[(unsigned char)text[i]], 1);
    return true;
}

/* A character as it is spelled inside a word: with prefix and suffix. */
static int32_t spelled_id(const struct model *m, const char *text, size_t size, bool is_first,
                          bool is_last)
{
    char spelled[256];
    size_t n = 0;

    if (!(m->prefix && !is_first) && !(m->suffix && is_last))
        return vocab_id(&m->vocab, text, size);
    size_t prefix = m->prefix && !is_first ? strlen(m->prefix) : 0;
    size_t suffix = m->suffix && is_last ? strlen(m->suffix) : 0;
    if (prefix > 120 || suffix > 120)
        return -1;
    if (prefix)
        memcpy(spelled, m->prefix, n = prefix);
    memcpy(spelled + n, text, size);
    n += size;
    if (suffix)
        memcpy(spelled + n, m->suffix, suffix);
    return vocab_id(&m->vocab, spelled, n + suffix);
}

static void add_characters(struct word *w, const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t n = utf8_length((unsigned char)text[at]);
        int32_t id = spelled_id(w->m, text + at, n, at == 0, at + n == size);
        if (id >= 0) {
            flush_unknown(w);
            add_symbol(w, id, n);
        } else if (!w->m->byte_fallback || !add_bytes(w, text + at, n)) {
            add_unknown(w, n);
        }
        at += n;
    }
    flush_unknown(w);
}

static void add_raw_bytes(struct word *w, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int32_t id = w->m->raw_ids[(unsigned char)text[i]];
        if (id >= 0) {
            flush_unknown(w);
            add_symbol(w, id, 1);
        } else {
            add_unknown(w, 1);
        }
    }
    flush_unknown(w);
}

/* ---- merging ---- */

static void rank_pair(const struct model *m, struct symbol *s, int32_t after_id)
{
    const struct merge_slot *slot = merge_find(&m->merges, (uint32_t)s->id, (uint32_t)after_id);
    s->rank = slot->rank ? slot->rank : NO_MERGE;
    s->merged = slot->merged;
}

static void link_symbols(const struct model *m, struct symbol *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s[i].before = (int32_t)i - 1;
        s[i].after = i + 1 < n ? (int32_t)i + 1 : -1;
        s[i].rank = NO_MERGE;
        if (i + 1 < n)
            rank_pair(m, &s[i], s[i + 1].id);
    }
}

/* s[at] takes in the one after it; ranks of the two new pairs are looked up. */
static void merge_at(const struct model *m, struct symbol *s, int32_t at)
{
    struct symbol *left = &s[at], *right = &s[left->after];

    left->id = (int32_t)left->merged;
    left->size += right->size;
    left->after = right->after;
    right->size = 0;
    left->rank = NO_MERGE;
    if (left->after >= 0) {
        s[left->after].before = at;
        rank_pair(m, left, s[left->after].id);
    }
    if (left->before >= 0)
        rank_pair(m, &s[left->before], left->id);
}

static void merge_short(const struct model *m, struct symbol *s)
{
    for (;;) {
        uint32_t best = NO_MERGE;
        int32_t at = -1;
        for (int32_t i = 0; i >= 0; i = s[i].after) {
            if (s[i].rank < best) {
                best = s[i].rank;
                at = i;
            }
        }
        if (at < 0)
            return;
        merge_at(m, s, at);
    }
}

static bool is_before(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(struct model_room *room, const struct symbol *s, int32_t at)
{
    struct candidate c = {s[at].rank, (uint32_t)at, s[at].merged};

    if (c.rank == NO_MERGE || !model_reserve(room, (void **)&room->heap, &room->heap_capacity,
                                             room->n_heap + 1, sizeof(*room->heap)))
        return;
    size_t i = room->n_heap++;
    for (; i > 0 && is_before(&c, &room->heap[(i - 1) / 2]); i = (i - 1) / 2)
        room->heap[i] = room->heap[(i - 1) / 2];
    room->heap[i] = c;
}

static struct candidate heap_pop(struct model_room *room)
{
    struct candidate top = room->heap[0], last = room->heap[--room->n_heap];
    size_t i = 0, n = room->n_heap;

    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(&room->heap[child + 1], &room->heap[child]))
            child++;
        if (!is_before(&room->heap[child], &last))
            break;
        room->heap[i] = room->heap[child];
    }
    room->heap[i] = last;
    return top;
}

static void merge_long(const struct model *m, struct model_room *room, size_t n)
{
    struct symbol *s = room->symbols;

    room->n_heap = 0;
    for (size_t i = 0; i + 1 < n; i++)
        heap_push(room, s, (int32_t)i);
    while (room->n_heap > 0 && !room->failed) {
        struct candidate c = heap_pop(room);
        /* Stale: merged away, or its pair is another by now. */
        if (s[c.at].size == 0 || s[c.at].rank != c.rank || s[c.at].merged != c.merged)
            continue;
        merge_at(m, s, (int32_t)c.at);
        heap_push(room, s, (int32_t)c.at);
        if (s[c.at].before >= 0)
            heap_push(room, s, s[c.at].before);
    }
}

/* ---- a word ---- */

/* The piece that a raw word is, spelled as ByteLevel does; -1: none. */
static int32_t raw_word_id(const struct model *m, struct model_room *room, const char *word,
                           size_t size)
{
    size_t n = 0;

    if (size > m->vocab.longest ||
        !model_reserve(room, (void **)&room->bytes, &room->bytes_capacity, size * 2 + 4, 1))
        return -1;
    for (size_t i = 0; i < size; i++)
        n += utf8_put(room->bytes + n, byte_level_char((unsigned char)word[i]));
    return vocab_id(&m->vocab, room->bytes, n);
}

static void encode_word(const struct model *m, struct model_room *room, const char *word,
                        size_t size)
{
    struct word w = {.m = m, .room = room};
    size_t at = 0;

    if (m->ignore_merges) {
        int32_t id =
            m->raw_bytes ? raw_word_id(m, room, word, size) : vocab_id(&m->vocab, word, size);
        if (id >= 0) {
            model_put(room, id, 0, size);
            return;
        }
    }
    if (!model_reserve(room, (void **)&room->symbols, &room->symbols_capacity, size + 1,
                       sizeof(*room->symbols)))
        return;
    if (m->raw_bytes)
        add_raw_bytes(&w, word, size);
    else
        add_characters(&w, word, size);
    if (w.n > 1 && m->merges.n_slots > 0) {
        link_symbols(m, room->symbols, w.n);
        if (w.n <= BPE_SHORT_WORD)
            merge_short(m, room->symbols);
        else
            merge_long(m, room, w.n);
    }
    for (size_t i = 0; i < w.n; i++) {
        if (room->symbols[i].size == 0)
            continue;
        model_put(room, room->symbols[i].id, at, at + room->symbols[i].size);
        at += room->symbols[i].size;
    }
}

/* The next place in front of a sign that does not follow a sign; `size` if there is none. */
static size_t next_sign(const char *word, size_t at, size_t size)
{
    while (at < size) {
        const char *hit = memmem(word + at, size - at, sign, SIGN_SIZE);
        if (!hit)
            return size;
        at = (size_t)(hit - word);
        if (at >= SIGN_SIZE && memcmp(hit - SIGN_SIZE, sign, SIGN_SIZE) != 0)
            return at;
        if (at > 0 && at < SIGN_SIZE)
            return at;
        at += SIGN_SIZE;
    }
    return size;
}

void bpe_encode(const struct model *m, struct model_room *room, const char *word, size_t size)
{
    if (!m->splits_at_sign) {
        encode_word(m, room, word, size);
        return;
    }
    for (size_t at = 0, next; at < size && !room->failed; at = next) {
        uint64_t hash;
        size_t first = room->n_tokens;
        next = next_sign(word, at + 1, size);
        hash = hash_bytes(word + at, next - at < 64 ? next - at : 64, m->vocab.seed);
        if (!cache_find(room, hash, word + at, next - at)) {
            encode_word(m, room, word + at, next - at);
            cache_keep(room, hash, word + at, next - at, first);
        }
        for (size_t i = first; i < room->n_tokens; i++) {
            room->tokens[i].begin += (uint32_t)at;
            room->tokens[i].end += (uint32_t)at;
        }
    }
}
