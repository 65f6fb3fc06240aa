/* sign.c: see sign.h. The layout of a secret key file is minisign's, measured with version 0.11. */
#include "trust/sign.h"

#include "base/error.h"
#include "trust/base64.h"
#include "trust/blake2b.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* The 158 bytes of a secret key: what is encrypted is its last part. */
struct secret {
    uint8_t algorithm[2];          /* "Ed" */
    uint8_t kdf[2];                /* "Sc", or 0: not encrypted */
    uint8_t checksum_algorithm[2]; /* "B2" */
    uint8_t salt[32];
    uint8_t opslimit[8], memlimit[8]; /* little-endian */
    struct {
        uint8_t id[8], seed[32], public[32], checksum[32];
    } body;
};
_Static_assert(sizeof(struct secret) == 158, "minisign's secret key has 158 bytes");

enum { SECRET_TEXT = 212 }; /* base64 of it */
#define DEFAULT_OPSLIMIT UINT64_C(33554432)
#define DEFAULT_MEMLIMIT UINT64_C(1073741824)

static uint64_t load64(const uint8_t p[8])
{
    uint64_t x = 0;

    for (int i = 7; i >= 0; i--)
        x = x << 8 | p[i];
    return x;
}

static void store64(uint8_t p[8], uint64_t x)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(x >> (8 * i));
}

/* ---- Ed25519 -------------------------------------------------------------------------------- */

static bool public_of_seed(const uint8_t seed[32], uint8_t public[32])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    size_t size = 32;
    bool ok = pkey && EVP_PKEY_get_raw_public_key(pkey, public, &size) == 1 && size == 32;

    EVP_PKEY_free(pkey);
    return ok;
}

static bool ed25519_sign(const uint8_t seed[32], const void *data, size_t size, uint8_t out[64])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t out_size = 64;
    bool ok = pkey && context && EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestSign(context, out, &out_size, data, size) == 1 && out_size == 64;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return ok;
}

/* ---- secret keys ---------------------------------------------------------------------------- */

/* libsodium's choice of scrypt's N, r = 8 and p for its two limits, on which the format rests. */
static bool scrypt_stream(const struct secret *s, const char *passphrase, uint8_t *out, size_t size)
{
    uint64_t ops = load64(s->opslimit), memory = load64(s->memlimit), log_n = 1, max_n, p = 1;

    if (ops < 32768)
        ops = 32768;
    max_n = ops < memory / 32 ? ops / 32 : memory / 1024;
    while (log_n < 63 && (UINT64_C(1) << log_n) <= max_n / 2)
        log_n++;
    if (ops >= memory / 32) {
        p = (ops / 4) >> log_n;
        p = (p > 0x3fffffff ? 0x3fffffff : p) / 8;
    }
    return log_n <= 24 &&
           EVP_PBE_scrypt(passphrase, strlen(passphrase), s->salt, sizeof s->salt,
                          UINT64_C(1) << log_n, 8, p, UINT64_C(3) << 30, out, size) == 1;
}

/* Encrypting and decrypting are the same. */
static bool apply_passphrase(struct secret *s, const char *passphrase)
{
    uint8_t stream[sizeof s->body];
    uint8_t *body = (uint8_t *)&s->body;
    bool ok = scrypt_stream(s, passphrase, stream, sizeof stream);

    for (size_t i = 0; ok && i < sizeof stream; i++)
        body[i] ^= stream[i];
    OPENSSL_cleanse(stream, sizeof stream);
    return ok;
}

static void checksum(const struct secret *s, uint8_t out[32])
{
    uint8_t data[2 + 8 + 64];

    memcpy(data, s->algorithm, 2);
    memcpy(data + 2, s->body.id, 8);
    memcpy(data + 10, s->body.seed, 32);
    memcpy(data + 42, s->body.public, 32);
    blake2b(out, 32, data, sizeof data);
    OPENSSL_cleanse(data, sizeof data);
}

corbel_status sign_key_create(struct sign_key *key, corbel_error *err)
{
    if (RAND_priv_bytes(key->seed, sizeof key->seed) != 1 ||
        RAND_bytes(key->public.id, sizeof key->public.id) != 1 ||
        !public_of_seed(key->seed, key->public.key))
        return error_set(err, CORBEL_E_INTERNAL, "libcrypto made no key");
    return CORBEL_OK;
}

void sign_key_finish(struct sign_key *key)
{
    OPENSSL_cleanse(key, sizeof(*key));
}

corbel_status sign_key_print(const struct sign_key *key, const char *passphrase, uint64_t opslimit,
                             uint64_t memlimit, struct text *out, corbel_error *err)
{
    struct secret s = {.algorithm = "Ed", .checksum_algorithm = "B2"};
    char text[SECRET_TEXT + 1];
    bool ok = true;

    memcpy(s.body.id, key->public.id, sizeof s.body.id);
    memcpy(s.body.seed, key->seed, sizeof s.body.seed);
    memcpy(s.body.public, key->public.key, sizeof s.body.public);
    checksum(&s, s.body.checksum);
    if (passphrase) {
        memcpy(s.kdf, "Sc", 2);
        store64(s.opslimit, opslimit ? opslimit : DEFAULT_OPSLIMIT);
        store64(s.memlimit, memlimit ? memlimit : DEFAULT_MEMLIMIT);
        ok = RAND_bytes(s.salt, sizeof s.salt) == 1 && apply_passphrase(&s, passphrase);
    }
    if (ok) {
        base64_encode(text, (const uint8_t *)&s, sizeof s);
        text_format(out, "untrusted comment: minisign %s secret key\n%s\n",
                    passphrase ? "encrypted" : "unencrypted", text);
    }
    OPENSSL_cleanse(&s, sizeof s);
    OPENSSL_cleanse(text, sizeof text);
    if (!ok)
        return error_set(err, CORBEL_E_MEMORY, "the secret key can't be encrypted (scrypt)");
    return out->failed ? error_memory(err, SECRET_TEXT, "a key") : CORBEL_OK;
}

static corbel_status open_secret(struct secret *s, const char *passphrase, const char *name,
                                 corbel_error *err)
{
    static const uint8_t none[32] = {0}; /* minisign -W writes no checksum */
    uint8_t expected[32], public[32];
    bool encrypted = memcmp(s->kdf, "Sc", 2) == 0;

    if (memcmp(s->algorithm, "Ed", 2) != 0 || memcmp(s->checksum_algorithm, "B2", 2) != 0 ||
        (!encrypted && memcmp(s->kdf, "\0\0", 2) != 0))
        return error_set(err, CORBEL_E_FORMAT, "%s: a secret key of an unknown form", name);
    if (encrypted && !passphrase)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the secret key needs a passphrase", name);
    if (encrypted && !apply_passphrase(s, passphrase))
        return error_set(err, CORBEL_E_MEMORY, "%s: the secret key can't be decrypted (scrypt)",
                         name);
    checksum(s, expected);
    if ((CRYPTO_memcmp(expected, s->body.checksum, sizeof expected) != 0 &&
         (encrypted || memcmp(none, s->body.checksum, sizeof none) != 0)) ||
        !public_of_seed(s->body.seed, public) || memcmp(public, s->body.public, sizeof public) != 0)
        return error_set(err, CORBEL_E_FORMAT, "%s: %s", name,
                         encrypted ? "wrong passphrase" : "a damaged secret key");
    return CORBEL_OK;
}

corbel_status sign_key_parse(struct sign_key *key, const char *text, size_t size,
                             const char *passphrase, const char *name, corbel_error *err)
{
    static const char prefix[] = "untrusted comment: ";
    const char *lf = memchr(text, '\n', size);
    struct secret s;
    corbel_status status;

    if (!lf || size < sizeof prefix || memcmp(text, prefix, sizeof prefix - 1) != 0 ||
        (size_t)(text + size - lf) != SECRET_TEXT + 2 || text[size - 1] != '\n' ||
        !base64_decode((uint8_t *)&s, sizeof s, lf + 1, SECRET_TEXT))
        return error_set(err, CORBEL_E_FORMAT, "%s: not a minisign secret key", name);
    status = open_secret(&s, passphrase, name, err);
    if (!status) {
        memcpy(key->public.id, s.body.id, sizeof s.body.id);
        memcpy(key->public.key, s.body.public, sizeof s.body.public);
        memcpy(key->seed, s.body.seed, sizeof s.body.seed);
    }
    OPENSSL_cleanse(&s, sizeof s);
    return status;
}

void sign_public_print(const struct minisign_key *key, struct text *out)
{
    char text[MINISIGN_KEY_TEXT], id[17];

    minisign_key_print(key, text);
    minisign_key_id(key->id, id);
    text_format(out, "untrusted comment: minisign public key %s\n%s\n", id, text);
}

/* ---- signatures ----------------------------------------------------------------------------- */

corbel_status sign_data(const struct sign_key *key, const void *data, size_t size,
                        const char *trusted_comment, struct text *out, corbel_error *err)
{
    uint8_t digest[64], raw[74] = "ED", global[64];
    size_t comment_size = strlen(trusted_comment);
    uint8_t covered[64 + MINISIGN_MAX_TRUSTED_COMMENT];
    char signature[101], global_text[89];

    if (comment_size > MINISIGN_MAX_TRUSTED_COMMENT || strpbrk(trusted_comment, "\r\n"))
        return error_set(err, CORBEL_E_ARGUMENT, "a trusted comment is one line of %d bytes",
                         MINISIGN_MAX_TRUSTED_COMMENT);
    memcpy(raw + 2, key->public.id, 8);
    if (EVP_Digest(data, size, digest, NULL, EVP_blake2b512(), NULL) != 1 ||
        !ed25519_sign(key->seed, digest, sizeof digest, raw + 10))
        return error_set(err, CORBEL_E_INTERNAL, "libcrypto made no signature");
    memcpy(covered, raw + 10, 64);
    memcpy(covered + 64, trusted_comment, comment_size);
    if (!ed25519_sign(key->seed, covered, 64 + comment_size, global))
        return error_set(err, CORBEL_E_INTERNAL, "libcrypto made no signature");
    base64_encode(signature, raw, sizeof raw);
    base64_encode(global_text, global, sizeof global);
    text_format(out,
                "untrusted comment: signature of a Corbel plugin\n%s\ntrusted comment: %s\n%s\n",
                signature, trusted_comment, global_text);
    return out->failed ? error_memory(err, sizeof raw, "a signature") : CORBEL_OK;
}

corbel_status sign_manifest(const struct sign_key *key, const char *data, size_t size,
                            const char *name, struct text *out, corbel_error *err)
{
    struct text comment = {0};
    struct manifest m;
    corbel_status status = manifest_read(&m, data, size, name, err);

    if (status)
        return status;
    manifest_comment(&m, &comment);
    status = comment.failed ? error_memory(err, comment.size, "a comment")
                            : sign_data(key, data, size, comment.data, out, err);
    text_finish(&comment);
    manifest_finish(&m);
    return status;
}
