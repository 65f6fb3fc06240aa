/* trust/sign.h: making keys and signatures, in minisign's formats. */
#ifndef TRUST_SIGN_H
#define TRUST_SIGN_H

#include "base/text.h"
#include "trust/manifest.h"
#include "trust/minisign.h"

struct sign_key {
    struct minisign_key public;
    uint8_t seed[32];
};

corbel_status sign_key_create(struct sign_key *key, corbel_error *err);

/* The text of a secret key file, without a passphrase or encrypted with one (NULL: without).
 * minisign reads it, and we read minisign's. Encrypting takes 1 GiB and some seconds, by design of
 * the format; opslimit and memlimit say how much, 0: minisign's defaults. */
corbel_status sign_key_print(const struct sign_key *key, const char *passphrase, uint64_t opslimit,
                             uint64_t memlimit, struct text *out, corbel_error *err);
corbel_status sign_key_parse(struct sign_key *key, const char *text, size_t size,
                             const char *passphrase, const char *name, corbel_error *err);
/* The two lines of a .pub file. */
void sign_public_print(const struct minisign_key *key, struct text *out);

/* Appends the four lines of a signature of `data`. The comment is printable, without newlines. */
corbel_status sign_data(const struct sign_key *key, const void *data, size_t size,
                        const char *trusted_comment, struct text *out, corbel_error *err);
/* Of a manifest's text, with the trusted comment that bundle_open expects. */
corbel_status sign_manifest(const struct sign_key *key, const char *data, size_t size,
                            const char *name, struct text *out, corbel_error *err);

/* Overwrites the secret. */
void sign_key_finish(struct sign_key *key);

#endif
