/* hub/blob.c: see blob.h. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the functions that can't fail; see base/digest.c */

#include "hub/blob.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_SIZE = 1 << 18 };

static corbel_status system_error(corbel_error *err, const char *path)
{
    return error_set(err, CORBEL_E_IO, "%s: %s", path, strerror(errno));
}

/* ---- digests: SHA-256 of the content, or the id that git gives a file of that content ---------
 */

static bool is_sha256(const struct blob *b)
{
    return strlen(b->etag) == 64;
}

static void digest_start(struct blob *b)
{
    char head[32];
    b->at = 0;
    if (is_sha256(b)) {
        SHA256_Init(&b->digest.sha256);
        return;
    }
    const int n = snprintf(head, sizeof(head), "blob %llu", (unsigned long long)b->size);
    SHA1_Init(&b->digest.sha1);
    SHA1_Update(&b->digest.sha1, head, (size_t)n + 1); /* with its 0 */
}

static void digest_add(struct blob *b, const void *data, size_t size)
{
    if (is_sha256(b))
        SHA256_Update(&b->digest.sha256, data, size);
    else
        SHA1_Update(&b->digest.sha1, data, size);
    b->at += size;
}

static bool digest_holds(struct blob *b)
{
    unsigned char bytes[32];
    char hex[HUB_ETAG_SIZE];
    const size_t n = is_sha256(b) ? 32 : 20;
    if (is_sha256(b))
        SHA256_Final(bytes, &b->digest.sha256);
    else
        SHA1_Final(bytes, &b->digest.sha1);
    for (size_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return b->at == b->size && strcmp(hex, b->etag) == 0;
}

/* Digests what the file holds, up to b->size. */
static corbel_status digest_file(struct blob *b, int fd, const char *path, corbel_error *err)
{
    char *buffer = malloc(COPY_SIZE);
    if (!buffer)
        return error_memory(err, COPY_SIZE, path);
    corbel_status status = CORBEL_OK;
    digest_start(b);
    while (b->at < b->size) {
        const uint64_t left = b->size - b->at;
        const ssize_t n =
            pread(fd, buffer, left < COPY_SIZE ? (size_t)left : COPY_SIZE, (off_t)b->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = system_error(err, path);
        if (n <= 0)
            break;
        digest_add(b, buffer, (size_t)n);
    }
    free(buffer);
    return status;
}

corbel_status blob_verify(const char *path, const char *etag, uint64_t size, corbel_error *err)
{
    struct blob b = {.etag = etag, .size = size};
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return system_error(err, path);
    corbel_status status = digest_file(&b, fd, path, err);
    if (status == CORBEL_OK &&
        (fstat(fd, &st) != 0 || (uint64_t)st.st_size != size || !digest_holds(&b)))
        status = error_set(err, CORBEL_E_UNTRUSTED,
                           "%s: not what the hub has: its digest is not %s; remove it and pull "
                           "again",
                           path, etag);
    close(fd);
    return status;
}

/* ---- the lock -------------------------------------------------------------------------------- */

/* Does this file system keep a second one from a lock that is held? */
static bool locks_hold(const char *path)
{
    const int other = open(path, O_RDWR | O_CLOEXEC);
    if (other < 0)
        return false;
    const bool granted = flock(other, LOCK_EX | LOCK_NB) == 0;
    close(other);
    return !granted;
}

static corbel_status take_lock(struct blob *b, bool *busy, corbel_error *err)
{
    char path[PATH_MAX];
    *busy = false;
    if ((size_t)snprintf(path, sizeof(path), "%s/%s.lock", b->cache->locks, b->etag) >=
        sizeof(path))
        return error_set(err, CORBEL_E_ARGUMENT, "%.200s...: the path is too long", path);
    b->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0664);
    if (b->lock < 0)
        return system_error(err, path);
    b->opened = true;
    if (flock(b->lock, LOCK_EX | LOCK_NB) == 0) {
        b->shared = locks_hold(path);
        return CORBEL_OK;
    }
    *busy = errno == EWOULDBLOCK || errno == EINTR;
    return CORBEL_OK; /* no locks here at all: go on without */
}

/* ---- the partial file ------------------------------------------------------------------------ */

/* Of a regular file of this user with one name only: what another left there is not written to. */
static bool is_ours(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid();
}

static corbel_status open_shared(struct blob *b, corbel_error *err)
{
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    for (int tries = 0; tries < 2; tries++) {
        b->fd = open(b->partial, flags, 0600);
        if (b->fd >= 0 && is_ours(b->fd))
            return CORBEL_OK;
        if (b->fd >= 0)
            close(b->fd);
        b->fd = -1;
        if (unlink(b->partial) != 0)
            break;
    }
    return system_error(err, b->partial);
}

static corbel_status open_partial(struct blob *b, corbel_error *err)
{
    char hex[9];
    struct stat st;
    if (b->shared) {
        snprintf(b->partial, sizeof(b->partial), "%s.corbel.incomplete", b->path);
        corbel_status status = open_shared(b, err);
        if (status != CORBEL_OK)
            return status;
        if (fstat(b->fd, &st) != 0)
            return system_error(err, b->partial);
        if ((uint64_t)st.st_size > b->size)
            return blob_restart(b, err);
        return digest_file(b, b->fd, b->partial, err);
    }
    cache_random_hex(hex);
    snprintf(b->partial, sizeof(b->partial), "%s.%s.incomplete", b->path, hex);
    b->fd = open(b->partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (b->fd < 0)
        return system_error(err, b->partial);
    digest_start(b);
    return CORBEL_OK;
}

static bool is_there(const struct blob *b)
{
    struct stat st;
    return stat(b->path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == b->size;
}

corbel_status blob_open(struct blob *b, const struct cache *c, const char *etag, uint64_t size,
                        enum blob_state *state, corbel_error *err)
{
    bool busy;
    *b = (struct blob){.cache = c, .etag = etag, .size = size, .lock = -1, .fd = -1};
    if (strlen(c->repo) + HUB_ETAG_SIZE + 64 > sizeof(b->path))
        return error_set(err, CORBEL_E_ARGUMENT, "%.200s...: the path is too long", c->repo);
    snprintf(b->path, sizeof(b->path), "%s/blobs/%s", c->repo, etag);
    if (is_there(b)) {
        *state = BLOB_THERE;
        return CORBEL_OK;
    }
    corbel_status status = take_lock(b, &busy, err);
    if (status == CORBEL_OK && !busy && !is_there(b)) {
        *state = BLOB_OPEN;
        status = open_partial(b, err);
        if (status == CORBEL_OK)
            return CORBEL_OK;
    } else if (status == CORBEL_OK) {
        *state = busy ? BLOB_BUSY : BLOB_THERE;
    }
    blob_close(b);
    return status;
}

corbel_status blob_append(struct blob *b, const void *data, size_t size, corbel_error *err)
{
    const char *bytes = data;
    while (size > 0) {
        const ssize_t n = pwrite(b->fd, bytes, size, (off_t)b->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_error(err, b->partial);
        digest_add(b, bytes, (size_t)n);
        bytes += n;
        size -= (size_t)n;
    }
    return CORBEL_OK;
}

corbel_status blob_restart(struct blob *b, corbel_error *err)
{
    if (ftruncate(b->fd, 0) != 0)
        return system_error(err, b->partial);
    digest_start(b);
    return CORBEL_OK;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* What open would have given the file; the umask can't be asked for without setting it for all
 * threads, but the kernel says it here. */
static mode_t usual_mode(void)
{
    char *text = NULL;
    unsigned mask = 022;
    FILE *status = fopen("/proc/self/status", "re");
    size_t capacity = 0;
    while (status && getline(&text, &capacity, status) > 0)
        if (sscanf(text, "Umask: %o", &mask) == 1)
            break;
    free(text);
    if (status)
        fclose(status);
    return (mode_t)(0666 & ~mask);
}

static void sync_folder(const struct blob *b)
{
    char folder[PATH_MAX + 8];
    snprintf(folder, sizeof(folder), "%s/blobs", b->cache->repo);
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

corbel_status blob_publish(struct blob *b, corbel_error *err)
{
    if (!digest_holds(b)) {
        const corbel_status status =
            error_set(err, CORBEL_E_UNTRUSTED,
                      "the hub sent other bytes than it promised: their digest is not %s", b->etag);
        const corbel_status dropped = blob_restart(b, NULL);
        return dropped == CORBEL_OK ? status : blob_restart(b, err);
    }
    if (fchmod(b->fd, usual_mode()) != 0 || fsync(b->fd) != 0)
        return system_error(err, b->partial);
    if (rename(b->partial, b->path) != 0)
        return system_error(err, b->path);
    b->partial[0] = '\0';
    sync_folder(b);
    return CORBEL_OK;
}

void blob_close(struct blob *b)
{
    if (!b->opened)
        return;
    /* Only a file that none takes up again, or an empty one, is removed. */
    if (b->fd >= 0 && b->partial[0] && (!b->shared || b->at == 0))
        unlink(b->partial);
    if (b->fd >= 0)
        close(b->fd);
    if (b->lock >= 0)
        close(b->lock);
    *b = (struct blob){.lock = -1, .fd = -1};
}
