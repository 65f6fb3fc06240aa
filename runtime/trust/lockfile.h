/* trust/lockfile.h: corbel.lock: exactly which models, files, plugins and keys may be used.
 *
 * Canonical JSON. A model is its id, where it came from, and every file of it that Corbel may read,
 * with size and sha256; an architecture is the plugin that serves it, down to the hash of its
 * library. With a lock any difference is refused, and the text names the field. */
#ifndef TRUST_LOCKFILE_H
#define TRUST_LOCKFILE_H

#include "trust/bundle.h"

#define LOCK_SCHEMA "corbel.lock/1"

#define LOCK_BUILD_KEY "build" /* in a lock: the key of whichever build reads it */

struct lock_model {
    const char *id;                           /* as the user wrote it */
    const char *endpoint, *revision, *commit; /* "" for a local folder */
    struct manifest_file *files;              /* sorted by path */
    size_t n_files;
};
struct lock_arch {
    const char *name, *plugin, *repo, *commit, *pin;
    const char *key;              /* the signer's, as minisign_key_print writes it, or
                                     LOCK_BUILD_KEY */
    const char *target, *library; /* its tag, and the sha256 of its library */
    int64_t release;
};
struct lockfile {
    struct arena arena;
    const char *path;
    const char **pins;         /* of all architectures, ends with NULL */
    struct lock_model *models; /* sorted by id */
    struct lock_arch *archs;   /* sorted by name */
    size_t n_models, n_archs;
    int64_t abi_major, abi_minor;
};

/* CORBEL_E_NOT_FOUND; CORBEL_E_FORMAT. On failure *lock is finished. `abi_major`, `abi_minor`: this
 * runtime's, which must be the lock's (CORBEL_E_UNTRUSTED). */
corbel_status lockfile_load(struct lockfile *lock, const char *path, int64_t abi_major,
                            int64_t abi_minor, corbel_error *err);
/* The text of one, whatever ABI it is for. `path` is for messages. */
corbel_status lockfile_parse(struct lockfile *lock, const char *data, size_t size, const char *path,
                             corbel_error *err);
void lockfile_finish(struct lockfile *lock);

/* The lock's entry for a model: of the repo "org/name" of the hub at `revision`, or in a folder of
 * this machine. CORBEL_E_UNTRUSTED: there is none, or it is about another revision, or about a repo
 * and this is a folder. */
corbel_status lockfile_find_repo(const struct lockfile *lock, const char *repo,
                                 const char *revision, const struct lock_model **model,
                                 corbel_error *err);
corbel_status lockfile_find_folder(const struct lockfile *lock, const char *id, const char *folder,
                                   const struct lock_model **model, corbel_error *err);

/* Is this file of a repo the one that the lock names? `sha256` is "" if it is not known yet. */
corbel_status lockfile_check_file(const struct lockfile *lock, const struct lock_model *model,
                                  const char *path, uint64_t size, const char *sha256,
                                  corbel_error *err);

/* The folder holds what the lock says, byte by byte, and nothing else that would be read. Weights
 * may be missing in a snapshot of a repo: not every class needs every shard. */
enum lock_files { LOCK_ALL, LOCK_ALL_BUT_WEIGHTS, LOCK_WEIGHTS };
corbel_status lockfile_check_model(const struct lockfile *lock, const struct lock_model *model,
                                   const char *folder, enum lock_files which, corbel_error *err);
corbel_status lockfile_check_plugin(const struct lockfile *lock, const char *arch,
                                    const struct bundle *bundle, corbel_error *err);

/* For making one: `lock` is zeroed by the caller, who sets the ABI. Adding the same again replaces
 * nothing and is fine. `from` says where the files came from (its texts are "" for a folder). */
struct lock_origin {
    const char *endpoint, *revision, *commit;
};
corbel_status lockfile_add_model(struct lockfile *lock, const char *id, const char *folder,
                                 const struct lock_origin *from, corbel_error *err);
corbel_status lockfile_add_plugin(struct lockfile *lock, const struct bundle *bundle,
                                  corbel_error *err);
corbel_status lockfile_write(struct lockfile *lock, const char *path, corbel_error *err);

/* "lock: PATH: WHERE: FIELD: locked ..., found ...": CORBEL_E_UNTRUSTED. */
corbel_status lockfile_differs(const char *path, const char *where, const char *field,
                               const char *locked, const char *found, corbel_error *err);

/* What a bundle is, in the lock's terms; the strings are the bundle's, and `key`. */
corbel_status lockfile_describe(const struct bundle *bundle, struct lock_arch *arch,
                                char key[MINISIGN_KEY_TEXT], corbel_error *err);

/* The files of a model folder that Corbel would read, sorted, hashed; in `arena`. */
corbel_status lockfile_list(const char *folder, enum lock_files which, struct arena *arena,
                            struct manifest_file **files, size_t *n_files, corbel_error *err);

#endif
