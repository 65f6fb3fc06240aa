/* hub/blob.h: one file of the cache while it is fetched.
 *
 * Bytes go to blobs/<etag>.corbel.incomplete, which only the holder of the blob's lock touches: a
 * killed download is taken up where it ended. The digest is computed as the bytes come, and only
 * when it is the one that the name promises does the file get its name. Where locks don't hold
 * (some network file systems grant them to everybody) the bytes go to a file of this process's own,
 * and nothing is taken up. */
#ifndef HUB_BLOB_H
#define HUB_BLOB_H

#include "corbel/corbel.h"
#include "hub/cache.h"

#include <openssl/sha.h>

enum blob_state {
    BLOB_BUSY,  /* another has the lock: try again later */
    BLOB_THERE, /* complete: nothing to do */
    BLOB_OPEN,  /* ours to fill, from b->at on */
};

struct blob {
    const struct cache *cache;
    const char *etag;
    uint64_t size, at; /* at: bytes that are there and digested */
    int lock, fd;
    bool opened, shared; /* shared: the partial file outlives this process */
    char path[PATH_MAX], partial[PATH_MAX + 64];
    union {
        SHA_CTX sha1;
        SHA256_CTX sha256;
    } digest;
};

/* A zeroed struct is a closed one. `etag` must outlive it. */
corbel_status blob_open(struct blob *b, const struct cache *c, const char *etag, uint64_t size,
                        enum blob_state *state, corbel_error *err);
/* At most up to size. */
corbel_status blob_append(struct blob *b, const void *data, size_t size, corbel_error *err);
/* Drops the bytes that are there. */
corbel_status blob_restart(struct blob *b, corbel_error *err);
/* CORBEL_E_UNTRUSTED: these are not the bytes that were promised. */
corbel_status blob_publish(struct blob *b, corbel_error *err);
void blob_close(struct blob *b);

/* Reads the file at `path` and compares. CORBEL_E_UNTRUSTED. */
corbel_status blob_verify(const char *path, const char *etag, uint64_t size, corbel_error *err);

#endif
