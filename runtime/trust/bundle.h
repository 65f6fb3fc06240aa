/* trust/bundle.h: a folder with a signed manifest: may it run, and are its files what was signed?
 *
 * The order is: signature over the manifest's raw bytes, strict parse, policy, and when the bundle
 * is used, every file. Nothing follows a link out of the folder; what is read is a regular file.
 * In a snapshot of the hub's cache a file may be the cache's own kind of link, to one of its blobs.
 */
#ifndef TRUST_BUNDLE_H
#define TRUST_BUNDLE_H

#include "trust/keyring.h"
#include "trust/manifest.h"
#include "trust/minisign.h"
#include "trust/releases.h"

/* Whose bundles may run, and which of them. NULL: no such condition. */
struct trust_policy {
    const struct trust_key *keys;
    size_t n_keys;
    const struct keyring *keyring;   /* what is revoked */
    const struct releases *releases; /* what was seen */
    const char *const *locked; /* pins, ends with NULL: these may be older than what was seen */
};

/* For programs and for audit: where a refusal happened, and the way out. */
struct trust_verdict {
    const char *step; /* "signature", "manifest", "revocation", "release", "scope", "files" */
    char file[PATH_MAX];
    char key[17];    /* the id; "": none */
    char allow[512]; /* the command that would allow it; "": none would */
};

struct bundle {
    char *folder;
    struct manifest manifest;
    const struct trust_key *signer;       /* of the policy */
    bool is_old;                          /* a higher release was seen, but this pin is locked */
    char *manifest_text, *signature_text; /* as they were read, once */
    size_t manifest_size, signature_size;
};

/* Signature, manifest, policy; no other file is touched. CORBEL_E_UNTRUSTED (also
 * what is malformed), CORBEL_E_NOT_FOUND (there is no manifest). On failure *bundle is closed, and
 * *verdict, if not NULL, says more; the text of the error names the step, the file, the key and the
 * way out. */
corbel_status bundle_open(struct bundle *bundle, const char *folder,
                          const struct trust_policy *policy, corbel_error *err);
corbel_status bundle_judge(struct bundle *bundle, const char *folder,
                           const struct trust_policy *policy, struct trust_verdict *verdict,
                           corbel_error *err);
/* One's own build: nobody needs to have signed it. Its signer is `bundle_nobody`. */
corbel_status bundle_open_unsigned(struct bundle *bundle, const char *folder, corbel_error *err);
extern const struct trust_key bundle_nobody;
void bundle_close(struct bundle *bundle);

/* The folder holds exactly the files of the manifest, each with its size and sha256. A snapshot of
 * the hub's cache (models--.../snapshots/COMMIT) may hold others; they are never looked at. */
corbel_status bundle_check_files(const struct bundle *bundle, corbel_error *err);

/* Reads one listed file into memory, once, and checks that buffer. *data is the caller's (free). */
corbel_status bundle_read(const struct bundle *bundle, const char *path, void **data, size_t *size,
                          corbel_error *err);

/* A regular file of at most `limit` bytes, read once; the data ends with a 0 that is not counted.
 * No part of `path` may be a link, but for those of a snapshot. */
corbel_status bundle_read_file(const char *folder, const char *path, size_t limit, char **data,
                               size_t *size, corbel_error *err);

/* Is it .../models--ORG--NAME/snapshots/COMMIT? */
bool bundle_is_snapshot(const char *folder);

/* A listed file's facts, or all of a folder's (bundle_list), for those who make manifests. The
 * names are sorted and live in `arena`; the manifest and its signature are left out. */
corbel_status bundle_list(const char *folder, struct arena *arena, const char ***paths, size_t *n,
                          corbel_error *err);

#endif
