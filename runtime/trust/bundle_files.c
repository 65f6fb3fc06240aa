/* bundle_files.c: reading and listing what is in a bundle's folder, without following any link. */
#include "base/error.h"
#include "base/file.h"
#include "trust/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 8 };

/* ---- a snapshot of the hub's cache ---------------------------------------------------------- */

static bool is_hex(const char *s, size_t n)
{
    return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

bool bundle_is_snapshot(const char *folder)
{
    static const char above[] = "/snapshots";
    const char *commit = strrchr(folder, '/');
    size_t n = commit ? (size_t)(commit - folder) : 0;

    return commit && is_hex(commit + 1, 40) && n > sizeof above - 1 &&
           memcmp(folder + n - (sizeof above - 1), above, sizeof above - 1) == 0 &&
           strstr(folder, "/models--") != NULL;
}

/* What is behind the ../ of the link at `path`, one for each folder in it and two more, if that is
 * blobs/DIGEST; NULL otherwise. */
static const char *blob_of_link(const char *link, const char *path)
{
    size_t n_up = 2;

    for (const char *c = path; *c; c++)
        n_up += *c == '/';
    for (; n_up > 0; n_up--, link += 3)
        if (strncmp(link, "../", 3) != 0)
            return NULL;
    if (strncmp(link, "blobs/", 6) != 0 || (!is_hex(link + 6, 40) && !is_hex(link + 6, 64)))
        return NULL;
    return link;
}

/* Opens the blob that a file of a snapshot is a link to. -1 and errno. */
static int open_blob(const char *folder, const char *path, int flags)
{
    char link[PATH_MAX], place[PATH_MAX];
    const char *blob;
    ssize_t size;
    int n;

    errno = ENAMETOOLONG;
    if (!path_join(place, sizeof place, folder, path))
        return -1;
    size = readlink(place, link, sizeof link - 1);
    if (size < 0)
        return -1;
    link[size] = 0;
    blob = blob_of_link(link, path);
    errno = ELOOP;
    if (!blob)
        return -1;
    n = snprintf(place, sizeof place, "%s/../../%s", folder, blob);
    errno = ENAMETOOLONG;
    if (n < 0 || (size_t)n >= sizeof place)
        return -1;
    return open(place, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* ---- files inside a folder ------------------------------------------------------------------ */

/* Opens folder/path one name at a time, so that no part of it can be a link. -1 and errno. */
static int open_beneath(const char *folder, const char *path, int flags)
{
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[256];

    while (at >= 0) {
        size_t n = strcspn(path, "/");
        bool last = path[n] == 0;
        int next, saved;

        if (n >= sizeof name) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, n);
        name[n] = 0;
        next =
            openat(at, name,
                   (last ? flags : O_RDONLY | O_DIRECTORY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        saved = errno;
        close(at);
        errno = saved;
        if (last)
            return next;
        at = next;
        path += n + 1;
    }
    return -1;
}

static corbel_status open_failed(const char *folder, const char *path, corbel_error *err)
{
    if (errno == ENOENT)
        return error_set(err, CORBEL_E_NOT_FOUND, "%s/%s: no such file", folder, path);
    if (errno == ELOOP || errno == ENOTDIR)
        return error_set(err, CORBEL_E_UNTRUSTED, "%s/%s: a link, where a file is expected", folder,
                         path);
    return error_set(err, CORBEL_E_IO, "%s/%s: %s", folder, path, strerror(errno));
}

corbel_status bundle_read_file(const char *folder, const char *path, size_t limit, char **data,
                               size_t *size, corbel_error *err)
{
    int fd = open_beneath(folder, path, O_RDONLY);
    corbel_status status;
    struct stat st;

    if (fd < 0 && errno == ELOOP && bundle_is_snapshot(folder))
        fd = open_blob(folder, path, O_RDONLY);
    *data = NULL;
    *size = 0;
    if (fd < 0)
        return open_failed(folder, path, err);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        status = error_set(err, CORBEL_E_UNTRUSTED, "%s/%s: not a regular file", folder, path);
        goto fail;
    }
    if (st.st_size < 0 || (uint64_t)st.st_size > limit) {
        status =
            error_set(err, CORBEL_E_FORMAT, "%s/%s: larger than %zu bytes", folder, path, limit);
        goto fail;
    }
    *data = malloc((size_t)st.st_size + 1);
    if (!*data) {
        status = error_memory(err, (size_t)st.st_size, path);
        goto fail;
    }
    while (*size < (size_t)st.st_size) {
        ssize_t n = read(fd, *data + *size, (size_t)st.st_size - *size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            status = error_set(err, CORBEL_E_IO, "%s/%s: %s", folder, path,
                               n < 0 ? strerror(errno) : "became shorter while it was read");
            goto fail;
        }
        *size += (size_t)n;
    }
    (*data)[*size] = 0;
    close(fd);
    return CORBEL_OK;
fail:
    close(fd);
    free(*data);
    *data = NULL;
    return status;
}

/* ---- the listing ---------------------------------------------------------------------------- */

struct listing {
    const char *folder;
    struct arena *arena;
    const char **paths;
    size_t n, capacity;
    corbel_error *err;
};

static corbel_status listing_add(struct listing *l, const char *path)
{
    if (l->n == MANIFEST_MAX_ITEMS)
        return error_set(l->err, CORBEL_E_UNTRUSTED, "%s: more than %d files", l->folder,
                         MANIFEST_MAX_ITEMS);
    if (l->n == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 32;
        const char **paths = arena_array(l->arena, capacity, sizeof(*paths));

        if (!paths)
            return error_memory(l->err, capacity * sizeof(*paths), l->folder);
        if (l->n)
            memcpy(paths, l->paths, l->n * sizeof(*paths));
        l->paths = paths;
        l->capacity = capacity;
    }
    l->paths[l->n++] = path;
    return CORBEL_OK;
}

static corbel_status list_folder(struct listing *l, int fd, const char *prefix, int depth);

static corbel_status list_entry(struct listing *l, int folder, const char *prefix, const char *name,
                                int depth)
{
    const char *path = arena_format(l->arena, "%s%s", prefix, name);
    struct stat st;

    if (!path)
        return error_memory(l->err, strlen(name), l->folder);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set(l->err, CORBEL_E_IO, "%s/%s: %s", l->folder, path, strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        path = arena_format(l->arena, "%s/", path);
        if (fd < 0 || !path || depth == MAX_DEPTH) {
            if (fd >= 0)
                close(fd);
            return error_set(l->err, CORBEL_E_UNTRUSTED, "%s/%s%s: a folder that can't be read",
                             l->folder, prefix, name);
        }
        return list_folder(l, fd, path, depth + 1);
    }
    if (!S_ISREG(st.st_mode))
        return error_set(l->err, CORBEL_E_UNTRUSTED, "%s/%s: neither a file nor a folder",
                         l->folder, path);
    if (strcmp(path, MANIFEST_NAME) == 0 || strcmp(path, MANIFEST_SIGNATURE_NAME) == 0)
        return CORBEL_OK;
    return listing_add(l, path);
}

/* Takes fd. */
static corbel_status list_folder(struct listing *l, int fd, const char *prefix, int depth)
{
    DIR *dir = fdopendir(fd);
    corbel_status status = CORBEL_OK;
    struct dirent *e;

    if (!dir) {
        close(fd);
        return error_set(l->err, CORBEL_E_IO, "%s/%s: %s", l->folder, prefix, strerror(errno));
    }
    while (!status && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            status = list_entry(l, dirfd(dir), prefix, e->d_name, depth);
    closedir(dir);
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

corbel_status bundle_list(const char *folder, struct arena *arena, const char ***paths, size_t *n,
                          corbel_error *err)
{
    struct listing l = {.folder = folder, .arena = arena, .err = err};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    corbel_status status;

    if (fd < 0)
        return error_set(err, CORBEL_E_NOT_FOUND, "%s: %s", folder, strerror(errno));
    status = list_folder(&l, fd, "", 0);
    if (!status && l.n)
        qsort(l.paths, l.n, sizeof(*l.paths), compare_paths);
    *paths = l.paths;
    *n = l.n;
    return status;
}
