/* hub/cache.h: the cache folder, in Hugging Face's own layout, shared with its other clients.
 *
 *     models--org--name/refs/<revision>            a commit
 *     models--org--name/snapshots/<commit>/<path>  a link to ../../blobs/<etag>
 *     models--org--name/blobs/<etag>               the bytes; etag is their digest
 *     models--org--name/trees/<commit>.json        what files the commit has (listing.h)
 *     models--org--name/.no_exist/<commit>/<path>  the hub has no such file
 *     .locks/models--org--name/<etag>.lock
 *
 * What is read here others may have written. A cache that can't be written to is fine as long as
 * nothing has to be fetched. */
#ifndef HUB_CACHE_H
#define HUB_CACHE_H

#include "corbel/corbel.h"
#include "hub/names.h"
#include "hub/settings.h"

#include <limits.h>

struct cache {
    char root[PATH_MAX], repo[PATH_MAX], locks[PATH_MAX];
    bool symlinks;
};

/* Makes the paths; nothing need be there. */
corbel_status cache_open(struct cache *c, const struct hub_settings *settings, const char *repo,
                         corbel_error *err);
/* Makes the folders that a download needs. */
corbel_status cache_prepare(const struct cache *c, corbel_error *err);

/* A revision as the cache knows it: a commit, a ref, or the beginning of exactly one commit.
 * CORBEL_E_NOT_FOUND. */
corbel_status cache_find_commit(const struct cache *c, const char *revision,
                                char commit[HUB_COMMIT_SIZE], corbel_error *err);
/* Both say nothing if the cache can't be written to: they only save work later. */
void cache_write_ref(const struct cache *c, const char *revision, const char *commit);
void cache_write_absent(const struct cache *c, const char *commit, const char *path);

/* "repo/snapshots/commit", "repo/snapshots/commit/path". */
corbel_status cache_snapshot(const struct cache *c, const char *commit, char *out, size_t size,
                             corbel_error *err);
corbel_status cache_path(const struct cache *c, const char *commit, const char *path, char *out,
                         size_t size, corbel_error *err);

/* Is this file of the snapshot there, whole? By its size and, if it is a link, by its target. */
bool cache_has(const struct cache *c, const char *commit, const char *path, const char *etag,
               uint64_t size);
/* Lets the snapshot's file be the blob, which is there. */
corbel_status cache_link(const struct cache *c, const char *commit, const char *path,
                         const char *etag, corbel_error *err);

/* Makes a folder and those above it. */
corbel_status cache_make_folders(const char *path, corbel_error *err);
/* 8 random hex digits, for names of temporary files. */
void cache_random_hex(char out[9]);

#endif
