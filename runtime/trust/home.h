/* trust/home.h: CORBEL_HOME, where one user's keys, trust and plugins lie.
 *
 *   keyring.json       which keys are trusted, and what for      revoked.json    what never is
 * again releases.json      the highest release seen of each plugin   keys/           one's own keys
 *   plugins/PIN/       the store: one read-only folder a bundle
 *
 * It is $CORBEL_HOME, else $XDG_DATA_HOME/corbel, else ~/.local/share/corbel. Folder and files
 * belong to the user alone: what others may read, write or own is refused, not repaired. */
#ifndef TRUST_HOME_H
#define TRUST_HOME_H

#include "corbel/corbel.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define HOME_KEYRING  "keyring.json"
#define HOME_REVOKED  "revoked.json"
#define HOME_RELEASES "releases.json"
#define HOME_KEYS     "keys"
#define HOME_PLUGINS  "plugins"

struct home {
    char path[PATH_MAX / 2];
    bool exists; /* false: nothing of ours is there, which means no trusted keys and no plugins */
};

/* CORBEL_E_UNTRUSTED: others have access; the text names the path, its mode and the remedy. */
corbel_status home_open(struct home *home, corbel_error *err);
/* The same, and makes what is missing. */
corbel_status home_create(struct home *home, corbel_error *err);

/* PATH/name. False: too long. */
bool home_path(const struct home *home, const char *name, char out[PATH_MAX]);

/* A file of the user's alone. *data is the caller's (free); NULL and CORBEL_OK: it is not there. */
corbel_status home_read(const struct home *home, const char *name, char **data, size_t *size,
                        corbel_error *err);
/* Replaces it as a whole, readable by its owner alone. */
corbel_status home_write(const struct home *home, const char *name, const void *data, size_t size,
                         corbel_error *err);

/* One process at a time changes what is here: between read and write. -1: it can't be locked. */
int home_lock(const struct home *home);
void home_unlock(int lock);

/* CORBEL_E_UNTRUSTED if `path` is a link, not the user's, or has any of the mode bits `forbidden`
 * (077: owner-only). CORBEL_E_NOT_FOUND. */
corbel_status home_check(const char *path, mode_t forbidden, corbel_error *err);

#endif
