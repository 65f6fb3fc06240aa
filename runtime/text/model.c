/* text/model.c: what the models share. */
#include "text/model.h"

#include "text/member.h"
#include "text/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static corbel_status optional_string(struct json_object *json, const char *key, const char *name,
                                     char **copy, corbel_error *err)
{
    const char *value = NULL;
    corbel_status status = json_get_string(json, key, &value, name, err);

    if (status != CORBEL_OK || !value)
        return status;
    *copy = strdup(value);
    return *copy ? CORBEL_OK : error_memory(err, strlen(value), key);
}

/* Files older than `type` tell by their members what they are. */
static const char *guess_type(struct json_object *json)
{
    struct json_object *vocab = json_object_object_get(json, "vocab");

    if (json_object_object_get(json, "merges"))
        return "BPE";
    if (json_object_object_get(json, "unk_id") || json_object_is_type(vocab, json_type_array))
        return "Unigram";
    if (json_object_object_get(json, "max_input_chars_per_word"))
        return "WordPiece";
    return "WordLevel";
}

static corbel_status load_kind(struct model *m, struct json_object *json, const char *name,
                               corbel_error *err)
{
    static const char *const names[] = {"BPE", "WordPiece", "WordLevel", "Unigram"};
    const char *type = NULL;
    corbel_status status = json_get_string(json, "type", &type, name, err);

    if (status != CORBEL_OK)
        return status;
    if (!type)
        type = guess_type(json);
    for (int i = 0; i < 4; i++) {
        if (strcmp(type, names[i]) == 0) {
            m->kind = (enum model_kind)i;
            return CORBEL_OK;
        }
    }
    return member_unknown("model", type, name, err);
}

static corbel_status load_unk_id(struct model *m, struct json_object *json, const char *name,
                                 corbel_error *err)
{
    int64_t unk = -1;
    corbel_status status = json_get_int(json, "unk_id", &unk, name, err);

    if (status == CORBEL_OK && (unk < -1 || unk > INT32_MAX))
        return error_set(err, CORBEL_E_FORMAT, "%s: model.unk_id is out of range", name);
    m->unk = (int32_t)unk;
    return status;
}

corbel_status model_load(struct model *m, struct json_object *json, const char *name,
                         corbel_error *err)
{
    double dropout = 0;
    corbel_status status;

    m->unk = -1;
    m->max_chars = 100;
    if ((status = load_kind(m, json, name, err)) != CORBEL_OK ||
        (status = optional_string(json, "unk_token", name, &m->unk_token, err)) != CORBEL_OK ||
        (status = optional_string(json, "continuing_subword_prefix", name, &m->prefix, err)) !=
            CORBEL_OK ||
        (status = optional_string(json, "end_of_word_suffix", name, &m->suffix, err)) !=
            CORBEL_OK ||
        (status = json_get_bool(json, "fuse_unk", &m->fuse_unk, name, err)) != CORBEL_OK ||
        (status = json_get_bool(json, "byte_fallback", &m->byte_fallback, name, err)) !=
            CORBEL_OK ||
        (status = json_get_bool(json, "ignore_merges", &m->ignore_merges, name, err)) !=
            CORBEL_OK ||
        (status = json_get_int(json, "max_input_chars_per_word", &m->max_chars, name, err)) !=
            CORBEL_OK ||
        (status = json_get_double(json, "dropout", &dropout, name, err)) != CORBEL_OK ||
        (status = load_unk_id(m, json, name, err)) != CORBEL_OK)
        return status;
    if (dropout != 0)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%s: model.dropout is %g; only null and 0 give the same tokens each time",
                         name, dropout);
    return CORBEL_OK;
}

static void find_byte_ids(struct model *m)
{
    m->has_all_bytes = m->byte_fallback;
    for (int i = 0; i < 256; i++) {
        char piece[8];
        int n = snprintf(piece, sizeof piece, "<0x%02X>", (unsigned)i);
        m->byte_ids[i] = m->byte_fallback ? vocab_id(&m->vocab, piece, (size_t)n) : -1;
        m->has_all_bytes = m->has_all_bytes && m->byte_ids[i] >= 0;
    }
}

corbel_status model_close(struct model *m, const char *name, corbel_error *err)
{
    corbel_status status = vocab_close(&m->vocab, name, err);

    if (status != CORBEL_OK)
        return status;
    find_byte_ids(m);
    if (m->kind == MODEL_UNIGRAM) {
        if (m->unk >= 0 && (size_t)m->unk >= m->vocab.n_pieces)
            return error_set(err, CORBEL_E_FORMAT,
                             "%s: model.unk_id is %d, but there are %zu pieces", name, (int)m->unk,
                             m->vocab.n_pieces);
        return unigram_close(m, err);
    }
    if (m->kind != MODEL_BPE && !m->unk_token) { /* the library's defaults */
        m->unk_token = strdup(m->kind == MODEL_WORDPIECE ? "[UNK]" : "<unk>");
        if (!m->unk_token)
            return error_memory(err, 8, "unk_token");
    }
    if (m->unk_token)
        m->unk = vocab_id(&m->vocab, m->unk_token, strlen(m->unk_token));
    return m->kind == MODEL_BPE ? bpe_close(m, name, err) : CORBEL_OK;
}

void model_finish(struct model *m)
{
    vocab_finish(&m->vocab);
    free(m->unk_token);
    free(m->merges.slots);
    free(m->prefix);
    free(m->suffix);
    free(m->scores);
    free(m->trie.slots);
    free(m->trie.piece);
    *m = (struct model){0};
}

/* ---- room ---- */

bool model_reserve(struct model_room *room, void **items, size_t *capacity, size_t count,
                   size_t size)
{
    if (count <= *capacity)
        return true;
    size_t n = count * 2 + 64;
    void *moved = reallocarray(*items, n, size);
    if (!moved) {
        room->failed = true;
        return false;
    }
    *items = moved;
    *capacity = n;
    return true;
}

void model_put(struct model_room *room, int32_t id, size_t begin, size_t end)
{
    if (model_reserve(room, (void **)&room->tokens, &room->tokens_capacity, room->n_tokens + 1,
                      sizeof(*room->tokens)))
        room->tokens[room->n_tokens++] = (struct token){id, (uint32_t)begin, (uint32_t)end};
}

void model_room_finish(struct model_room *room)
{
    free(room->tokens);
    free(room->symbols);
    free(room->heap);
    free(room->nodes);
    free(room->bytes);
    free(room->cache);
    *room = (struct model_room){0};
}

/* ---- words ---- */

static corbel_status wordlevel_encode(const struct model *m, struct model_room *room,
                                      const char *word, size_t size, corbel_error *err)
{
    int32_t id = vocab_id(&m->vocab, word, size);

    if (id < 0)
        id = m->unk;
    if (id < 0)
        return error_set(err, CORBEL_E_FORMAT,
                         "the vocabulary holds neither \"%.*s\" nor the unknown token \"%.60s\"",
                         (int)(size < 60 ? size : 60), word, m->unk_token);
    model_put(room, id, 0, size);
    return CORBEL_OK;
}

static corbel_status encode_unseen(const struct model *m, struct model_room *room, const char *word,
                                   size_t size, corbel_error *err)
{
    switch (m->kind) {
    case MODEL_BPE:
        bpe_encode(m, room, word, size);
        return m->unk_token && m->unk < 0 && !m->has_all_bytes
                   ? error_set(err, CORBEL_E_FORMAT,
                               "the unknown token \"%.60s\" is not in the vocabulary", m->unk_token)
                   : CORBEL_OK;
    case MODEL_WORDPIECE:
        wordpiece_encode(m, room, word, size);
        return m->unk < 0
                   ? error_set(err, CORBEL_E_FORMAT,
                               "the unknown token \"%.60s\" is not in the vocabulary", m->unk_token)
                   : CORBEL_OK;
    case MODEL_WORDLEVEL: return wordlevel_encode(m, room, word, size, err);
    case MODEL_UNIGRAM: return unigram_encode(m, room, word, size, err);
    }
    return CORBEL_OK;
}

corbel_status model_encode(const struct model *m, struct model_room *room, const char *word,
                           size_t size, corbel_error *err)
{
    uint64_t hash = hash_bytes(word, size < 64 ? size : 64, m->vocab.seed);
    size_t first = room->n_tokens;

    if (size == 0 || cache_find(room, hash, word, size))
        return room->failed ? error_memory(err, 0, "tokens") : CORBEL_OK;

    corbel_status status = encode_unseen(m, room, word, size, err);
    if (status == CORBEL_OK && room->failed)
        status = error_memory(err, size, "tokens");
    if (status == CORBEL_OK)
        cache_keep(room, hash, word, size, first);
    return status;
}
