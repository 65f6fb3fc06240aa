/* text/unigram.c: the segmentation of a word whose pieces' scores add up to the most. */
#include "text/model.h"

#include "base/error.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

/* SentencePiece's penalty for a character that no piece covers. */
#define UNKNOWN_PENALTY 10.0

#define NOT_REACHED (-2)
#define UNKNOWN     (-1)

/* ---- the tree of pieces ---- */

static size_t branch_hash(uint32_t node, unsigned char byte)
{
    uint64_t key = ((uint64_t)node << 8 | byte) * 0x9E3779B97F4A7C15u;
    return (size_t)(key ^ key >> 32);
}

static struct branch *branch_find(const struct trie *t, uint32_t node, unsigned char byte)
{
    size_t mask = t->n_slots - 1, i = branch_hash(node, byte) & mask;

    while (t->slots[i].child != 0 && (t->slots[i].parent != node || t->slots[i].byte != byte))
        i = (i + 1) & mask;
    return &t->slots[i];
}

static bool trie_grow(struct trie *t)
{
    struct trie larger = *t;

    larger.n_slots = t->n_slots ? t->n_slots * 4 : 4096;
    larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < t->n_slots; i++)
        if (t->slots[i].child != 0)
            *branch_find(&larger, t->slots[i].parent, (unsigned char)t->slots[i].byte) =
                t->slots[i];
    free(t->slots);
    *t = larger;
    return true;
}

/* A new node's number, or 0 when there is no memory; the root is node 0. */
static uint32_t new_node(struct trie *t)
{
    if (t->n_nodes == t->nodes_capacity) {
        size_t n = t->nodes_capacity ? t->nodes_capacity * 2 : 1024;
        int32_t *piece = n > UINT32_MAX ? NULL : reallocarray(t->piece, n, sizeof(*piece));
        if (!piece)
            return 0;
        t->piece = piece;
        t->nodes_capacity = n;
    }
    t->piece[t->n_nodes] = -1;
    return (uint32_t)t->n_nodes++;
}

static bool trie_add(struct trie *t, const char *piece, size_t size, int32_t index)
{
    uint32_t node = 0;

    for (size_t i = 0; i < size; i++) {
        if (t->n_nodes * 2 >= t->n_slots && !trie_grow(t))
            return false;
        struct branch *b = branch_find(t, node, (unsigned char)piece[i]);
        if (b->child == 0) {
            uint32_t child = new_node(t);
            if (child == 0)
                return false;
            *b = (struct branch){.parent = node, .byte = (unsigned char)piece[i], .child = child};
        }
        node = b->child;
    }
    t->piece[node] = index;
    return true;
}

corbel_status unigram_close(struct model *m, corbel_error *err)
{
    double least = 0;

    new_node(&m->trie); /* the root */
    if (m->trie.n_nodes == 0 || !trie_grow(&m->trie))
        return error_memory(err, 0, "the vocabulary's tree");
    for (size_t i = 0; i < m->vocab.n_pieces; i++) {
        const struct vocab_piece *p = &m->vocab.pieces[i];
        if (i == 0 || m->scores[i] < least)
            least = m->scores[i];
        if (p->size > 0 && !trie_add(&m->trie, m->vocab.bytes + p->offset, p->size, (int32_t)i))
            return error_memory(err, p->size, "the vocabulary's tree");
    }
    m->unk_score = least - UNKNOWN_PENALTY;
    return CORBEL_OK;
}

/* ---- the best path ---- */

static void offer(struct unigram_node *to, double score, int32_t piece, size_t begin)
{
    if (to->piece == NOT_REACHED || score > to->score)
        *to = (struct unigram_node){score, piece, (uint32_t)begin};
}

/* Offers all pieces that begin at `at`, and the unknown if none of them is just one character. */
static void offer_pieces(const struct model *m, struct unigram_node *nodes, const char *word,
                         size_t at, size_t size)
{
    size_t one = utf8_length((unsigned char)word[at]);
    double here = nodes[at].score;
    uint32_t node = 0;
    bool has_one = false;

    for (size_t end = at; end < size;) {
        node = branch_find(&m->trie, node, (unsigned char)word[end++])->child;
        if (node == 0)
            break;
        if (m->trie.piece[node] < 0)
            continue;
        offer(&nodes[end], m->scores[m->trie.piece[node]] + here, m->trie.piece[node], at);
        has_one = has_one || end - at == one;
    }
    if (!has_one)
        offer(&nodes[at + one], m->unk_score + here, UNKNOWN, at);
}

/* Turns the path around: node.begin of each part becomes where the part begins, in order. Returns
 * the number of parts, which lie in nodes[size + 1 ...]. */
static size_t parts_of(struct unigram_node *nodes, size_t size)
{
    struct unigram_node *parts = nodes + size + 1;
    size_t n = 0;

    for (size_t end = size; end > 0; end = nodes[end].begin)
        parts[n++] = nodes[end];
    for (size_t i = 0; i < n / 2; i++) {
        struct unigram_node swap = parts[i];
        parts[i] = parts[n - 1 - i];
        parts[n - 1 - i] = swap;
    }
    return n;
}

/* Unknown characters in a row are one unknown: a known piece after all, bytes, or unk. */
static corbel_status put_unknown(const struct model *m, struct model_room *room, const char *word,
                                 size_t begin, size_t end, corbel_error *err)
{
    int32_t id = vocab_id(&m->vocab, word + begin, end - begin);
    bool has_bytes = m->byte_fallback;

    for (size_t i = begin; i < end && has_bytes; i++)
        has_bytes = m->byte_ids[(unsigned char)word[i]] >= 0;
    if (id < 0 && has_bytes) {
        for (size_t i = begin; i < end; i++)
            model_put(room, m->byte_ids[(unsigned char)word[i]], begin, end);
        return CORBEL_OK;
    }
    if (id < 0)
        id = m->unk;
    if (id < 0)
        return error_set(err, CORBEL_E_FORMAT,
                         "the vocabulary has no piece for \"%.*s\" and no unk_id",
                         (int)(end - begin < 60 ? end - begin : 60), word + begin);
    model_put(room, id, begin, end);
    return CORBEL_OK;
}

corbel_status unigram_encode(const struct model *m, struct model_room *room, const char *word,
                             size_t size, corbel_error *err)
{
    corbel_status status = CORBEL_OK;

    if (!model_reserve(room, (void **)&room->nodes, &room->nodes_capacity, 2 * size + 2,
                       sizeof(*room->nodes)))
        return CORBEL_OK; /* room->failed says it */

    struct unigram_node *nodes = room->nodes;
    for (size_t i = 0; i <= size; i++)
        nodes[i] = (struct unigram_node){.piece = NOT_REACHED};
    for (size_t at = 0; at < size; at += utf8_length((unsigned char)word[at]))
        offer_pieces(m, nodes, word, at, size);

    size_t n = parts_of(nodes, size);
    const struct unigram_node *parts = nodes + size + 1;
    for (size_t i = 0; i < n && status == CORBEL_OK;) {
        size_t next = i + 1, end;
        bool unknown = parts[i].piece == UNKNOWN || (m->unk >= 0 && parts[i].piece == m->unk);
        while (unknown && m->unk >= 0 && next < n &&
               (parts[next].piece == UNKNOWN || parts[next].piece == m->unk))
            next++;
        end = next < n ? parts[next].begin : size;
        if (unknown)
            status = put_unknown(m, room, word, parts[i].begin, end, err);
        else
            model_put(room, m->vocab.pieces[parts[i].piece].id, parts[i].begin, end);
        i = next;
    }
    return status;
}
