/* store.c: see store.h. */
#include "trust/store.h"

#include "base/error.h"
#include "base/file.h"
#include "trust/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY ".new-" /* what a killed installer leaves; the next one removes it */

static corbel_status system_error(corbel_error *err, const char *path)
{
    return error_set(err, CORBEL_E_IO, "%s: %s", path, strerror(errno));
}

/* ---- removing ------------------------------------------------------------------------------- */

/* Empties and removes the folder `name` of `at`; links are removed, not followed. */
static bool remove_tree(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    bool ok = true;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return unlinkat(at, name, 0) == 0;
    }
    fchmod(dirfd(dir), 0700);
    while (ok && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            ok = unlinkat(dirfd(dir), e->d_name, 0) == 0 || remove_tree(dirfd(dir), e->d_name);
    closedir(dir);
    return ok && unlinkat(at, name, AT_REMOVEDIR) == 0;
}

static int open_store(const struct home *home, char path[PATH_MAX])
{
    if (!home_path(home, HOME_PLUGINS, path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void remove_leftovers(int store)
{
    int copy = openat(store, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *e;

    if (!dir) {
        if (copy >= 0)
            close(copy);
        return;
    }
    while ((e = readdir(dir)))
        if (strncmp(e->d_name, TEMPORARY, strlen(TEMPORARY)) == 0)
            remove_tree(store, e->d_name);
    closedir(dir);
}

corbel_status store_remove(const struct home *home, const char *pin, corbel_error *err)
{
    char path[PATH_MAX], away[sizeof TEMPORARY + DIGEST_HEX_SIZE];
    corbel_status status = CORBEL_OK;
    int store = open_store(home, path), lock;

    if (store < 0)
        return system_error(err, path);
    lock = home_lock(home);
    /* First out of sight in one step, so that nobody sees half of it. */
    snprintf(away, sizeof away, TEMPORARY "%.64s", pin);
    remove_tree(store, away);
    if (renameat(store, pin, store, away) != 0)
        status = errno == ENOENT ? error_set(err, CORBEL_E_NOT_FOUND,
                                             "%s: no plugin with the pin %s", path, pin)
                                 : system_error(err, path);
    else if (!remove_tree(store, away))
        status = system_error(err, path);
    home_unlock(lock);
    close(store);
    return status;
}

/* ---- installing ----------------------------------------------------------------------------- */

/* The folders of `path` inside `folder`. */
static bool make_parents(int folder, const char *path)
{
    char part[256];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(folder, part, 0700) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static bool write_file(int folder, const char *path, const char *data, size_t size)
{
    int fd = openat(folder, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0;

    while (ok && size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        ok = n > 0;
        data += ok ? n : 0;
        size -= ok ? (size_t)n : 0;
    }
    ok = ok && fchmod(fd, 0400) == 0 && fsync(fd) == 0;
    return fd >= 0 && close(fd) == 0 && ok;
}

static corbel_status copy_files(const struct bundle *b, int folder, const char *name,
                                corbel_error *err)
{
    for (size_t i = 0; i < b->manifest.n_files; i++) {
        const char *path = b->manifest.files[i].path;
        corbel_status status;
        bool ok = false;
        void *data;
        size_t size;

        status = bundle_read(b, path, &data, &size, err);
        if (status)
            return status;
        ok = make_parents(folder, path) && write_file(folder, path, data, size);
        free(data);
        if (!ok)
            return system_error(err, name);
    }
    if (!write_file(folder, MANIFEST_SIGNATURE_NAME, b->signature_text, b->signature_size) ||
        !write_file(folder, MANIFEST_NAME, b->manifest_text, b->manifest_size))
        return system_error(err, name);
    return CORBEL_OK;
}

/* Folders inside become read-only and durable, the innermost first. */
static bool seal_folder(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    bool ok = dir != NULL;

    if (!dir && fd >= 0)
        close(fd);
    while (ok && (e = readdir(dir)))
        if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            ok = seal_folder(dirfd(dir), e->d_name);
    ok = ok && fsync(dirfd(dir)) == 0 && fchmod(dirfd(dir), 0500) == 0;
    if (dir)
        closedir(dir);
    return ok;
}

static corbel_status install_locked(int store, const struct bundle *b, const char *path,
                                    corbel_error *err)
{
    char name[sizeof TEMPORARY + DIGEST_HEX_SIZE];
    corbel_status status;
    int folder;

    remove_leftovers(store);
    snprintf(name, sizeof name, TEMPORARY "%s", b->manifest.pin);
    if (mkdirat(store, name, 0700) != 0)
        return system_error(err, path);
    folder = openat(store, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    status = folder < 0 ? system_error(err, path) : copy_files(b, folder, path, err);
    if (folder >= 0)
        close(folder);
    if (!status && (!seal_folder(store, name) ||
                    renameat(store, name, store, b->manifest.pin) != 0 || fsync(store) != 0))
        status = system_error(err, path);
    if (status)
        remove_tree(store, name);
    return status;
}

corbel_status store_install(const struct home *home, const struct bundle *bundle, corbel_error *err)
{
    char path[PATH_MAX], installed[PATH_MAX];
    corbel_status status = bundle_check_files(bundle, err);
    struct stat st;
    int store, lock;

    if (status)
        return status;
    store = open_store(home, path);
    if (store < 0 || !path_join(installed, sizeof installed, path, bundle->manifest.pin))
        return system_error(err, path);
    lock = home_lock(home);
    if (lstat(installed, &st) == 0) {
        struct bundle there = *bundle; /* the same manifest, another folder */

        there.folder = installed;
        status = bundle_check_files(&there, err);
    } else {
        status = install_locked(store, bundle, path, err);
    }
    home_unlock(lock);
    close(store);
    return status;
}

/* ---- what is there -------------------------------------------------------------------------- */

static int compare_pins(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

corbel_status store_list(const struct home *home, struct arena *arena, const char ***pins,
                         size_t *n, corbel_error *err)
{
    char path[PATH_MAX];
    int store = home->exists ? open_store(home, path) : -1;
    DIR *dir = store < 0 ? NULL : fdopendir(store);
    struct dirent *e;

    *n = 0;
    *pins = arena_array(arena, READER_MAX_ITEMS, sizeof(**pins));
    while (dir && *pins && (e = readdir(dir))) {
        if (!reader_is_sha256(e->d_name) || *n == READER_MAX_ITEMS)
            continue;
        (*pins)[*n] = arena_string(arena, e->d_name);
        if (!(*pins)[*n])
            *pins = NULL;
        else
            ++*n;
    }
    if (dir)
        closedir(dir);
    if (!*pins)
        return error_memory(err, 0, "a list of plugins");
    qsort(*pins, *n, sizeof(**pins), compare_pins);
    return CORBEL_OK;
}

corbel_status store_open(const struct home *home, const char *pin,
                         const struct trust_policy *policy, struct bundle *bundle,
                         struct trust_verdict *verdict, corbel_error *err)
{
    char path[PATH_MAX], name[DIGEST_HEX_SIZE + sizeof HOME_PLUGINS];
    corbel_status status;

    *verdict = (struct trust_verdict){0};
    snprintf(name, sizeof name, HOME_PLUGINS "/%.64s", pin);
    if (!home_path(home, name, path))
        return error_set(err, CORBEL_E_ARGUMENT, "%s/%s: too long", home->path, name);
    status = home_check(path, 022, err);
    if (!status)
        status = bundle_judge(bundle, path, policy, verdict, err);
    if (status)
        return status;
    if (strcmp(bundle->manifest.pin, pin) != 0) {
        status = error_set(err, CORBEL_E_UNTRUSTED,
                           "manifest: %s: its manifest has the sha256 %s; remove it and install it "
                           "again",
                           path, bundle->manifest.pin);
        verdict->step = "manifest";
        bundle_close(bundle);
    }
    return status;
}
