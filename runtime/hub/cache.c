/* hub/cache.c: see cache.h. */
#include "hub/cache.h"

#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static corbel_status too_long(const char *path, corbel_error *err)
{
    return error_set(err, CORBEL_E_ARGUMENT, "%.200s...: the path is too long", path);
}

/* snprintf into a path; false if it does not fit. */
#define MAKE_PATH(out, size, ...) \
    ((size_t)snprintf((out), (size), __VA_ARGS__) < (size)) /* negative: very large */

void cache_random_hex(char out[9])
{
    uint32_t bits = 0;
    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        bits = (uint32_t)getpid(); /* O_EXCL still keeps it from being another's */
    snprintf(out, 9, "%08x", bits);
}

/* ---- folders --------------------------------------------------------------------------------- */

corbel_status cache_make_folders(const char *path, corbel_error *err)
{
    char part[PATH_MAX];
    if (!MAKE_PATH(part, sizeof(part), "%s", path))
        return too_long(path, err);
    for (char *c = part + 1;; c++) {
        if (*c != '/' && *c != '\0')
            continue;
        const char end = *c;
        *c = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return error_set(err, CORBEL_E_IO, "%s: %s", part, strerror(errno));
        *c = end;
        if (end == '\0')
            return CORBEL_OK;
    }
}

static corbel_status make_folder_of(const char *path, corbel_error *err)
{
    char folder[PATH_MAX];
    if (!MAKE_PATH(folder, sizeof(folder), "%s", path))
        return too_long(path, err);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder)
        *slash = '\0';
    return cache_make_folders(folder, err);
}

corbel_status cache_open(struct cache *c, const struct hub_settings *settings, const char *repo,
                         corbel_error *err)
{
    char folder[HUB_REPO_SIZE + 16];
    const char *slash = strchr(repo, '/');
    *c = (struct cache){.symlinks = settings->symlinks};
    snprintf(folder, sizeof(folder), "models--%.*s%s%s", slash ? (int)(slash - repo) : 0, repo,
             slash ? "--" : "", slash ? slash + 1 : repo);
    if (!MAKE_PATH(c->root, sizeof(c->root), "%s", settings->cache) ||
        !MAKE_PATH(c->repo, sizeof(c->repo), "%s/%s", c->root, folder) ||
        !MAKE_PATH(c->locks, sizeof(c->locks), "%s/.locks/%s", c->root, folder))
        return too_long(settings->cache, err);
    return CORBEL_OK;
}

/* Tells backup programs that all of this can be fetched again. */
static void write_tag(const struct cache *c)
{
    static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                              "# This file marks a cache of Hugging Face models.\n"
                              "# See https://bford.info/cachedir/\n";
    char path[PATH_MAX];
    if (MAKE_PATH(path, sizeof(path), "%s/CACHEDIR.TAG", c->root) && !file_exists(path))
        file_write(path, tag, sizeof(tag) - 1, NULL);
}

corbel_status cache_prepare(const struct cache *c, corbel_error *err)
{
    char path[PATH_MAX];
    if (!MAKE_PATH(path, sizeof(path), "%s/blobs", c->repo))
        return too_long(c->repo, err);
    corbel_status status = cache_make_folders(path, err);
    if (status == CORBEL_OK)
        status = cache_make_folders(c->locks, err);
    if (status == CORBEL_OK)
        write_tag(c);
    return status;
}

/* ---- revisions ------------------------------------------------------------------------------- */

static bool read_ref(const struct cache *c, const char *revision, char commit[HUB_COMMIT_SIZE])
{
    char path[PATH_MAX], *text = NULL;
    size_t size;
    if (!MAKE_PATH(path, sizeof(path), "%s/refs/%s", c->repo, revision) ||
        file_read(path, HUB_COMMIT_SIZE, &text, &size, NULL) != CORBEL_OK)
        return false;
    const bool sound = name_is_commit(text);
    if (sound)
        memcpy(commit, text, HUB_COMMIT_SIZE);
    free(text);
    return sound;
}

/* How many snapshots begin so; one of them in `commit`. */
static size_t find_abbreviated(const struct cache *c, const char *beginning,
                               char commit[HUB_COMMIT_SIZE])
{
    char path[PATH_MAX];
    size_t n = 0;
    if (!MAKE_PATH(path, sizeof(path), "%s/snapshots", c->repo))
        return 0;
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        if (!name_is_commit(entry->d_name) ||
            strncmp(entry->d_name, beginning, strlen(beginning)) != 0)
            continue;
        memcpy(commit, entry->d_name, HUB_COMMIT_SIZE);
        n++;
    }
    if (folder)
        closedir(folder);
    return n;
}

corbel_status cache_find_commit(const struct cache *c, const char *revision,
                                char commit[HUB_COMMIT_SIZE], corbel_error *err)
{
    size_t n = 0;
    if (name_is_commit(revision)) {
        memcpy(commit, revision, HUB_COMMIT_SIZE);
        return CORBEL_OK;
    }
    if (read_ref(c, revision, commit))
        return CORBEL_OK;
    if (name_is_abbreviated_commit(revision))
        n = find_abbreviated(c, revision, commit);
    if (n == 1)
        return CORBEL_OK;
    if (n > 1)
        return error_set(err, CORBEL_E_NOT_FOUND,
                         "%s: %zu commits in the cache begin so; give more of it", revision, n);
    return error_set(err, CORBEL_E_NOT_FOUND, "revision %s is not in the cache (%s)", revision,
                     c->repo);
}

void cache_write_ref(const struct cache *c, const char *revision, const char *commit)
{
    char path[PATH_MAX], there[HUB_COMMIT_SIZE];
    if (strncmp(commit, revision, strlen(revision)) == 0)
        return; /* a commit, perhaps abbreviated, needs no ref */
    if (read_ref(c, revision, there) && strcmp(there, commit) == 0)
        return;
    if (MAKE_PATH(path, sizeof(path), "%s/refs/%s", c->repo, revision) &&
        make_folder_of(path, NULL) == CORBEL_OK)
        file_write(path, commit, HUB_COMMIT_SIZE - 1, NULL);
}

void cache_write_absent(const struct cache *c, const char *commit, const char *path)
{
    char mark[PATH_MAX];
    if (!MAKE_PATH(mark, sizeof(mark), "%s/.no_exist/%s/%s", c->repo, commit, path) ||
        file_exists(mark) || make_folder_of(mark, NULL) != CORBEL_OK)
        return;
    const int fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd >= 0)
        close(fd);
}

/* ---- snapshots ------------------------------------------------------------------------------- */

corbel_status cache_snapshot(const struct cache *c, const char *commit, char *out, size_t size,
                             corbel_error *err)
{
    if (MAKE_PATH(out, size, "%s/snapshots/%s", c->repo, commit))
        return CORBEL_OK;
    return too_long(c->repo, err);
}

corbel_status cache_path(const struct cache *c, const char *commit, const char *path, char *out,
                         size_t size, corbel_error *err)
{
    if (MAKE_PATH(out, size, "%s/snapshots/%s/%s", c->repo, commit, path))
        return CORBEL_OK;
    return too_long(path, err);
}

/* ../../blobs/<etag>, with one more ../ for each folder in `path`. */
static void link_target(char *out, size_t size, const char *path, const char *etag)
{
    size_t n = (size_t)snprintf(out, size, "../../");
    for (; *path && n + 4 < size; path++)
        if (*path == '/')
            n += (size_t)snprintf(out + n, size - n, "../");
    snprintf(out + n, size - n, "blobs/%s", etag);
}

bool cache_has(const struct cache *c, const char *commit, const char *path, const char *etag,
               uint64_t size)
{
    char file[PATH_MAX], target[PATH_MAX], found[PATH_MAX];
    struct stat st;
    if (cache_path(c, commit, path, file, sizeof(file), NULL) != CORBEL_OK)
        return false;
    const ssize_t n = readlink(file, found, sizeof(found) - 1);
    if (n >= 0) {
        found[n] = '\0';
        link_target(target, sizeof(target), path, etag);
        if (strcmp(found, target) != 0)
            return false;
    }
    return stat(file, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

/* A link beside the name, renamed over it: the name is never without its file. */
static int make_link(const char *target, const char *file)
{
    char temporary[PATH_MAX], hex[9];
    const char *slash = strrchr(file, '/');
    cache_random_hex(hex);
    if (!slash ||
        !MAKE_PATH(temporary, sizeof(temporary), "%.*s/.%s.tmp", (int)(slash - file), file, hex)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (symlink(target, temporary) != 0)
        return -1;
    if (rename(temporary, file) == 0)
        return 0;
    const int reason = errno;
    unlink(temporary);
    errno = reason;
    return -1;
}

corbel_status cache_link(const struct cache *c, const char *commit, const char *path,
                         const char *etag, corbel_error *err)
{
    char file[PATH_MAX], target[PATH_MAX], blob[PATH_MAX];
    corbel_status status = cache_path(c, commit, path, file, sizeof(file), err);
    if (status == CORBEL_OK)
        status = make_folder_of(file, err);
    if (status != CORBEL_OK)
        return status;
    link_target(target, sizeof(target), path, etag);
    if (c->symlinks) {
        if (make_link(target, file) == 0)
            return CORBEL_OK;
        if (errno != EPERM && errno != ENOSYS && errno != EOPNOTSUPP)
            return error_set(err, CORBEL_E_IO, "%s: %s", file, strerror(errno));
    }
    if (!MAKE_PATH(blob, sizeof(blob), "%s/blobs/%s", c->repo, etag))
        return too_long(c->repo, err);
    /* Without symbolic links: a second name for the file, or else its only one. */
    unlink(file);
    if (link(blob, file) != 0 && rename(blob, file) != 0)
        return error_set(err, CORBEL_E_IO, "%s: %s", file, strerror(errno));
    return CORBEL_OK;
}
