/* text/charsmap.c: SentencePiece's precompiled table of replacements.
 *
 * The table: 4 bytes little-endian with the size of a trie; the trie, a double array of 32-bit
 * units as Darts makes it; texts ended by 0. The trie's values are offsets among the texts. The
 * `tokenizers` library asks it for grapheme clusters of less than 6 bytes, then for characters, and
 * takes the shortest entry that begins them, which is followed here. */
#include "text/charsmap.h"

#include "base/error.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Bytes written, or -1. */
static long base64_decode(const char *text, size_t size, uint8_t *out)
{
    uint32_t bits = 0;
    size_t n = 0;
    unsigned n_bits = 0;

    while (size > 0 && text[size - 1] == '=')
        size--;
    for (size_t i = 0; i < size; i++) {
        int value = base64_value(text[i]);
        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    return (long)n;
}

corbel_status charsmap_load(struct charsmap *map, const char *base64, const char *name,
                            corbel_error *err)
{
    size_t size = strlen(base64);
    uint32_t trie_size = 0;

    *map = (struct charsmap){.bytes = malloc(size + 1)};
    if (!map->bytes)
        return error_memory(err, size, "a precompiled charsmap");
    long n = base64_decode(base64, size, map->bytes);
    if (n >= 4)
        memcpy(&trie_size, map->bytes, 4);
    if (n < 4 || trie_size % 4 != 0 || trie_size < 4 || trie_size > (size_t)n - 4) {
        charsmap_finish(map);
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: normalizer.precompiled_charsmap is no base64 of a table", name);
    }
    map->trie = (const uint32_t *)(const void *)(map->bytes + 4);
    map->n_trie = trie_size / 4;
    map->texts = (const char *)map->bytes + 4 + trie_size;
    map->texts_size = (size_t)n - 4 - trie_size;
    if (utf8_validate(map->texts, map->texts_size) != map->texts_size) {
        charsmap_finish(map);
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: normalizer.precompiled_charsmap holds invalid UTF-8", name);
    }
    return CORBEL_OK;
}

void charsmap_finish(struct charsmap *map)
{
    free(map->bytes);
    *map = (struct charsmap){0};
}

static uint32_t unit_offset(uint32_t unit)
{
    return unit >> 10 << ((unit & 1u << 9) >> 6);
}

/* The value of the shortest entry that begins `key`; false: none. */
static bool trie_find(const struct charsmap *map, const char *key, size_t size, uint32_t *value)
{
    uint32_t at = unit_offset(map->trie[0]);

    for (size_t i = 0; i < size; i++) {
        uint32_t c = (unsigned char)key[i];
        at ^= c;
        if (c == 0 || at >= map->n_trie || (map->trie[at] & (0x80000000u | 0xFF)) != c)
            return false;
        bool leaf = map->trie[at] >> 8 & 1;
        at ^= unit_offset(map->trie[at]);
        if (leaf) {
            if (at >= map->n_trie)
                return false;
            *value = map->trie[at] & 0x7FFFFFFF;
            return true;
        }
    }
    return false;
}

static const char *find(const struct charsmap *map, const char *key, size_t size, size_t *found)
{
    uint32_t offset;

    if (!trie_find(map, key, size, &offset) || offset > map->texts_size)
        return NULL;
    const char *text = map->texts + offset;
    if (offset < map->texts_size && utf8_is_continuation(*text))
        return NULL; /* an offset into the middle of a character */
    *found = strnlen(text, map->texts_size - offset);
    return text;
}

/* Puts `text` in the place of `n_old` characters. Extra ones are insertions, missing ones belong to
 * the last character put, which therefore is held back until it is known what follows. */
struct pending {
    bool held;
    uint32_t c;
    int change;
};

static void put(struct work *w, struct pending *p, uint32_t c, int change)
{
    if (p->held)
        rewrite_put(w, p->c, p->change);
    *p = (struct pending){true, c, change};
}

static void put_text(struct work *w, struct pending *p, const char *text, size_t size, size_t n_old)
{
    size_t n_new = utf8_count(text, size), i = 0;

    for (size_t at = 0; at < size; at += utf8_length((unsigned char)text[at]), i++)
        put(w, p, utf8_get(text + at), i >= n_old ? 1 : 0);
    if (n_new < n_old && p->held)
        p->change -= (int)(n_old - n_new);
}

static void put_cluster(const struct charsmap *map, struct work *w, struct pending *p,
                        const char *cluster, size_t size)
{
    size_t found;
    const char *text = size < 6 ? find(map, cluster, size, &found) : NULL;

    if (text) {
        put_text(w, p, text, found, utf8_count(cluster, size));
        return;
    }
    for (size_t at = 0; at < size;) {
        size_t n = utf8_length((unsigned char)cluster[at]);
        text = find(map, cluster + at, n, &found);
        if (text)
            put_text(w, p, text, found, 1);
        else
            put(w, p, utf8_get(cluster + at), 0);
        at += n;
    }
}

/* Bytes of the grapheme cluster at `text`. */
static size_t cluster_length(const char *text, size_t size)
{
    utf8proc_int32_t state = 0;
    size_t at = utf8_length((unsigned char)text[0]);
    uint32_t before = utf8_get(text);

    while (at < size) {
        uint32_t c = utf8_get(text + at);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)c, &state))
            break;
        before = c;
        at += utf8_length((unsigned char)text[at]);
    }
    return at;
}

void charsmap_run(const struct charsmap *map, struct work *w)
{
    rewrite_begin(w);
    for (size_t i = 0; i < w->n_pieces; i++) {
        if (w->pieces[i].token != PIECE_TEXT)
            continue;
        struct pending pending = {0};
        size_t begin = w->pieces[i].begin, end = w->pieces[i].end;
        rewrite_piece(w, i, 0);
        while (begin < end) {
            size_t n = cluster_length(w->text + begin, end - begin);
            put_cluster(map, w, &pending, w->text + begin, n);
            begin += n;
        }
        if (pending.held)
            rewrite_put(w, pending.c, pending.change);
        rewrite_piece_end(w, i);
    }
    rewrite_end(w);
}
