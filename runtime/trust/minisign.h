/* trust/minisign.h: keys and signatures in minisign's format, prehashed form only.
 *
 * A public key is base64 of "Ed", key id (8), key (32). A signature file has exactly four lines:
 * an untrusted comment; base64 of "ED", key id (8), signature (64); a trusted comment; base64 of
 * the global signature (64), which covers the signature and the trusted comment. What is signed is
 * the BLAKE2b-512 digest of the file. The readers are strict: LF, canonical base64, nothing after
 * the end; small-order keys, scalars S >= L and the legacy unhashed form are refused. */
#ifndef TRUST_MINISIGN_H
#define TRUST_MINISIGN_H

#include "corbel/corbel.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MINISIGN_MAX_FILE = 16384,
    MINISIGN_MAX_COMMENT = 1024,
    MINISIGN_MAX_TRUSTED_COMMENT = 8192,
    MINISIGN_KEY_TEXT = 57 /* base64 of 42 bytes and the terminating 0 */
};

struct minisign_key {
    uint8_t id[8]; /* a hint: whole keys are compared */
    uint8_t key[32];
};

struct minisign_signature {
    uint8_t key_id[8];
    uint8_t signature[64], global[64];
    char trusted_comment[MINISIGN_MAX_TRUSTED_COMMENT + 1];
};

/* One base64 line, or a .pub file with its comment line. `name` is for messages. */
corbel_status minisign_key_parse(struct minisign_key *key, const char *text, size_t size,
                                 const char *name, corbel_error *err);
void minisign_key_print(const struct minisign_key *key, char out[MINISIGN_KEY_TEXT]);
/* 16 hex digits, as minisign prints it. */
void minisign_key_id(const uint8_t id[8], char out[17]);
bool minisign_key_equal(const struct minisign_key *a, const struct minisign_key *b);

corbel_status minisign_signature_parse(struct minisign_signature *s, const char *text, size_t size,
                                       const char *name, corbel_error *err);

/* CORBEL_E_UNTRUSTED if this key did not sign these bytes with this trusted comment. */
corbel_status minisign_verify(const struct minisign_key *key, const struct minisign_signature *s,
                              const void *data, size_t size, const char *name, corbel_error *err);

#endif
