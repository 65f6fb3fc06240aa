/* hub/download.h: several files of one commit, fetched into the cache at the same time. */
#ifndef HUB_DOWNLOAD_H
#define HUB_DOWNLOAD_H

#include "hub/cache.h"
#include "hub/http.h"
#include "hub/listing.h"

struct download_set {
    struct http *http;
    const struct hub_settings *settings;
    const struct hub_name *name;
    const struct cache *cache;
    const char *commit;
    const struct hub_file *const *files; /* [n_files] */
    size_t n_files;
    uint32_t connections;
    corbel_progress_callback on_progress; /* or NULL */
    void *user;
    uint64_t fetched;   /* bytes that came; also those that were no good */
    uint64_t n_fetched; /* files that were not in the cache under another name or commit */
};

/* After CORBEL_OK all of them are in the cache, every digest right, and linked into the snapshot.
 * After a failure what has come stays for the next time. */
corbel_status download_all(struct download_set *set, corbel_error *err);

#endif
