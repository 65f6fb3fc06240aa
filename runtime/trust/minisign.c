/* minisign.c: strict readers, and Ed25519 over BLAKE2b-512 through libcrypto. */
#include "trust/minisign.h"

#include "base/error.h"
#include "trust/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

static const char untrusted[] = "untrusted comment: ";
static const char trusted[] = "trusted comment: ";

/* ---- lines ---------------------------------------------------------------------------------- */

struct line {
    const char *data;
    size_t size;
};

/* The next line, without its LF. False: there is none, or it does not end. */
static bool next_line(const char **at, const char *end, struct line *line)
{
    const char *lf = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;

    if (!lf)
        return false;
    *line = (struct line){*at, (size_t)(lf - *at)};
    *at = lf + 1;
    return true;
}

/* A comment line: the prefix, then at most `limit` printable bytes (ASCII or UTF-8). */
static bool is_comment(const struct line *line, const char *prefix, size_t limit)
{
    size_t skip = strlen(prefix);

    if (line->size < skip || line->size - skip > limit || memcmp(line->data, prefix, skip) != 0)
        return false;
    for (size_t i = skip; i < line->size; i++)
        if ((unsigned char)line->data[i] < 0x20 || line->data[i] == 0x7f)
            return false;
    return true;
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* The y coordinates of the points of small order, little-endian: with such a key one signature
 * fits many messages. The last three are the values >= p that mean 0, 1 and -1 again. */
static const uint8_t small_order[][32] = {
    {0},
    {1},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

static bool is_small_order(const uint8_t key[32])
{
    uint8_t y[32];

    memcpy(y, key, sizeof y);
    y[31] &= 0x7f; /* the sign of x */
    for (size_t i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++)
        if (memcmp(y, small_order[i], sizeof y) == 0)
            return true;
    return false;
}

corbel_status minisign_key_parse(struct minisign_key *key, const char *text, size_t size,
                                 const char *name, corbel_error *err)
{
    const char *at = text, *end = text + size;
    struct line line;
    uint8_t raw[42];

    if (size > strlen(untrusted) && memcmp(text, untrusted, strlen(untrusted)) == 0 &&
        (!next_line(&at, end, &line) || !is_comment(&line, untrusted, MINISIGN_MAX_COMMENT)))
        return error_set(err, CORBEL_E_FORMAT, "%s: line 1 is no comment of printable text", name);
    if (next_line(&at, end, &line) ? at != end : at == end)
        return error_set(err, CORBEL_E_FORMAT, "%s: expected one line with a public key", name);
    if (at != end)
        line = (struct line){at, (size_t)(end - at)};
    if (!base64_decode(raw, sizeof raw, line.data, line.size) || memcmp(raw, "Ed", 2) != 0)
        return error_set(err, CORBEL_E_FORMAT, "%s: not a minisign public key", name);
    memcpy(key->id, raw + 2, sizeof key->id);
    memcpy(key->key, raw + 10, sizeof key->key);
    if (is_small_order(key->key))
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: a public key of small order proves nothing",
                         name);
    return CORBEL_OK;
}

void minisign_key_print(const struct minisign_key *key, char out[MINISIGN_KEY_TEXT])
{
    uint8_t raw[42] = {'E', 'd'};

    memcpy(raw + 2, key->id, sizeof key->id);
    memcpy(raw + 10, key->key, sizeof key->key);
    base64_encode(out, raw, sizeof raw);
}

void minisign_key_id(const uint8_t id[8], char out[17])
{
    static const char digits[17] = "0123456789ABCDEF";

    for (int i = 0; i < 8; i++) { /* a little-endian number */
        out[2 * i] = digits[id[7 - i] >> 4];
        out[2 * i + 1] = digits[id[7 - i] & 15];
    }
    out[16] = 0;
}

bool minisign_key_equal(const struct minisign_key *a, const struct minisign_key *b)
{
    return memcmp(a->id, b->id, sizeof a->id) == 0 && memcmp(a->key, b->key, sizeof a->key) == 0;
}

/* ---- signatures ----------------------------------------------------------------------------- */

corbel_status minisign_signature_parse(struct minisign_signature *s, const char *text, size_t size,
                                       const char *name, corbel_error *err)
{
    const char *at = text, *end = text + size;
    struct line lines[4];
    uint8_t raw[74];

    for (int i = 0; i < 4; i++)
        if (!next_line(&at, end, &lines[i]))
            return error_set(err, CORBEL_E_UNTRUSTED, "%s: not a signature: %d lines, expected 4",
                             name, i);
    if (at != end)
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: text after the fourth line", name);
    if (!is_comment(&lines[0], untrusted, MINISIGN_MAX_COMMENT))
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: line 1: expected \"%s\" and printable text",
                         name, untrusted);
    if (!is_comment(&lines[2], trusted, MINISIGN_MAX_TRUSTED_COMMENT))
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: line 3: expected \"%s\" and printable text",
                         name, trusted);
    if (!base64_decode(raw, sizeof raw, lines[1].data, lines[1].size))
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: line 2: expected base64 of 74 bytes", name);
    if (memcmp(raw, "ED", 2) != 0)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "%s: not a prehashed signature (minisign's legacy form is refused)", name);
    if (!base64_decode(s->global, sizeof s->global, lines[3].data, lines[3].size))
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: line 4: expected base64 of 64 bytes", name);
    memcpy(s->key_id, raw + 2, sizeof s->key_id);
    memcpy(s->signature, raw + 10, sizeof s->signature);
    lines[2].data += strlen(trusted);
    lines[2].size -= strlen(trusted);
    memcpy(s->trusted_comment, lines[2].data, lines[2].size);
    s->trusted_comment[lines[2].size] = 0;
    return CORBEL_OK;
}

/* The order of the group, little-endian. A signature's S must be below it: S and S + L would both
 * verify otherwise. */
static bool scalar_is_canonical(const uint8_t s[32])
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};

    for (int i = 31; i >= 0; i--)
        if (s[i] != order[i])
            return s[i] < order[i];
    return false;
}

/* 1 valid, 0 not, -1 libcrypto failed */
static int ed25519_verify(const uint8_t key[32], const uint8_t signature[64], const void *data,
                          size_t size)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int result = -1;

    if (pkey && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1)
        result = scalar_is_canonical(signature + 32) &&
                 EVP_DigestVerify(context, signature, 64, data, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return result;
}

corbel_status minisign_verify(const struct minisign_key *key, const struct minisign_signature *s,
                              const void *data, size_t size, const char *name, corbel_error *err)
{
    uint8_t digest[64], global[64 + MINISIGN_MAX_TRUSTED_COMMENT];
    size_t comment_size = strlen(s->trusted_comment);
    int good, good_global;
    char id[17];

    minisign_key_id(key->id, id);
    if (is_small_order(key->key))
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: key %s is of small order", name, id);
    if (EVP_Digest(data, size, digest, NULL, EVP_blake2b512(), NULL) != 1)
        return error_set(err, CORBEL_E_INTERNAL, "%s: libcrypto has no BLAKE2b-512", name);
    memcpy(global, s->signature, 64);
    memcpy(global + 64, s->trusted_comment, comment_size);
    good = ed25519_verify(key->key, s->signature, digest, sizeof digest);
    good_global = ed25519_verify(key->key, s->global, global, 64 + comment_size);
    if (good < 0 || good_global < 0)
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: libcrypto refuses key %s", name, id);
    if (!good)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "%s: the signature of key %s does not fit the file", name, id);
    if (!good_global)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "%s: the signature of key %s does not fit the trusted comment", name, id);
    return CORBEL_OK;
}
