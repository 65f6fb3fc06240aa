/* hub/listing.h: the files that a commit has, with their sizes and digests.
 *
 * It comes from the hub once, page by page, and is kept in the cache as trees/<commit>.json, which
 * the Python client reads and writes too. */
#ifndef HUB_LISTING_H
#define HUB_LISTING_H

#include "base/arena.h"
#include "corbel/corbel.h"
#include "hub/cache.h"
#include "hub/names.h"

struct hub_file {
    const char *path;
    char blob_id[HUB_COMMIT_SIZE]; /* git's id of the file, or of the pointer to a large one */
    char sha256[HUB_ETAG_SIZE];    /* of a large one; else "" */
    char xet_hash[HUB_ETAG_SIZE];  /* not used here, kept for other clients */
    uint64_t size;
};

struct listing {
    struct arena arena;
    struct hub_file *files; /* sorted by path, after listing_sort */
    size_t n_files, capacity;
};

void listing_finish(struct listing *l);
const struct hub_file *listing_find(const struct listing *l, const char *path);
/* The name of the file's blob. */
const char *hub_file_etag(const struct hub_file *f);

/* Adds one page, a JSON array as the hub sends it. Files whose names can't be paths are left out,
 * with a warning. CORBEL_E_NETWORK: this is no such page. */
corbel_status listing_add_page(struct listing *l, const char *json, size_t size, corbel_error *err);
/* After the last page. */
corbel_status listing_sort(struct listing *l, corbel_error *err);

/* False if there is none, or none that can be used. */
bool listing_load(struct listing *l, const struct cache *c, const char *commit);
void listing_save(const struct listing *l, const struct cache *c, const char *commit);

#endif
