/* trust/keyring.h: which keys are trusted and what for, and what is revoked.
 *
 * Both are canonical JSON in CORBEL_HOME, so one state has one text. A second list of what is
 * revoked comes with Corbel; the two are joined, and win over everything. */
#ifndef TRUST_KEYRING_H
#define TRUST_KEYRING_H

#include "base/arena.h"
#include "trust/home.h"
#include "trust/minisign.h"
#include "trust/strings.h"

#define KEYRING_SCHEMA "corbel.keyring/1"
#define REVOKED_SCHEMA "corbel.revoked/1"

/* A key, and what for. */
struct trust_key {
    struct minisign_key key;
    const char *label;                /* "this build"; what a user calls it */
    bool is_build;                    /* made for this build, and compiled in */
    const char *const *plugins;       /* globs of plugin names, ends with NULL; NULL: all */
    const char *const *architectures; /* globs of architecture names; NULL: all */
};

struct keyring {
    struct arena arena;
    struct trust_key *keys; /* in the order of their printed form */
    size_t n_keys;
    struct strings revoked_keys; /* as minisign_key_print writes them; sorted */
    struct strings revoked_pins;
};

/* CORBEL_HOME's, which may be empty. On failure *k is finished. */
corbel_status keyring_load(struct keyring *k, const struct home *home, corbel_error *err);
/* The text of one of the two, into a keyring that is zeroed or has read the other; `path` is for
 * messages. The caller finishes it also after a failure. */
enum keyring_file { KEYRING_TRUSTED, KEYRING_REVOKED };
corbel_status keyring_parse(struct keyring *k, enum keyring_file file, const char *data,
                            size_t size, const char *path, corbel_error *err);
void keyring_finish(struct keyring *k);

/* In Corbel's own list, or the user's; a key under whatever id. */
bool keyring_key_revoked(const struct keyring *k, const struct minisign_key *key);
bool keyring_pin_revoked(const struct keyring *k, const char *pin);

/* A scope is a glob of plugin names ("acme" and a slash in it) or of architecture names. Adds
 * them to a key that is there already. */
corbel_status keyring_trust(const struct home *home, const struct minisign_key *key,
                            const char *label, const char *const *scopes, size_t n_scopes,
                            corbel_error *err);
/* A key (leaves the keyring too) or a pin; the other is NULL. */
corbel_status keyring_revoke(const struct home *home, const struct minisign_key *key,
                             const char *pin, corbel_error *err);

#endif
