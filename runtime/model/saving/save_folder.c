/* model/saving/save_folder.c: see save_folder.h. */
#include "model/saving/save_folder.h"

#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STAGING ".corbel-save-"

static corbel_status system_error(corbel_error *err, const char *path, const char *what)
{
    return error_set(err, CORBEL_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* ---- making and removing folders ------------------------------------------------------------- */

/* Makes the folders above it as well, as Python's os.makedirs does. */
static corbel_status make_folders(const char *dir, bool *created, corbel_error *err)
{
    char path[PATH_MAX];
    size_t size = strlen(dir);
    *created = false;
    if (size == 0 || size >= sizeof(path))
        return error_set(err, CORBEL_E_ARGUMENT, "a folder's name of %zu bytes", size);
    for (size_t i = 1; i <= size; i++) {
        if (dir[i] != '/' && dir[i])
            continue;
        memcpy(path, dir, i);
        path[i] = 0;
        *created = mkdir(path, 0777) == 0;
        if (!*created && errno != EEXIST)
            return system_error(err, path, "can't make this folder");
    }
    if (!file_is_folder(dir))
        return error_set(err, CORBEL_E_IO, "%s: is a file, expected a folder", dir);
    return CORBEL_OK;
}

/* What a staging folder can hold: files and their temporary ones. */
static void remove_staging(const char *path)
{
    char file[PATH_MAX];
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            path_join(file, sizeof(file), path, e->d_name))
            unlink(file);
    if (d)
        closedir(d);
    rmdir(path);
}

/* Is there nobody any more who works in it? Its name has the process, its lock says the same where
 * processes don't see each other. */
static bool is_abandoned(const char *path, const char *name)
{
    long pid = strtol(name + strlen(STAGING), NULL, 10);
    if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
        return false;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool abandoned = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    return abandoned;
}

static void remove_abandoned(const char *dir)
{
    char path[PATH_MAX];
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strncmp(e->d_name, STAGING, strlen(STAGING)) == 0 &&
            path_join(path, sizeof(path), dir, e->d_name) && is_abandoned(path, e->d_name))
            remove_staging(path);
    if (d)
        closedir(d);
}

corbel_status save_folder_open(struct save_folder *f, const char *dir, corbel_error *err)
{
    static atomic_uint counter;
    *f = (struct save_folder){.lock = -1};
    f->dir = arena_string(&f->arena, dir);
    if (!f->dir)
        return error_memory(err, strlen(dir), dir);
    corbel_status status = make_folders(dir, &f->created, err);
    if (status != CORBEL_OK)
        return status;
    remove_abandoned(dir);
    char *staging = arena_format(&f->arena, "%s/" STAGING "%ld-%u", dir, (long)getpid(),
                                 atomic_fetch_add(&counter, 1));
    if (!staging)
        return error_memory(err, strlen(dir), dir);
    if (mkdir(staging, 0777) != 0)
        return system_error(err, dir, "can't write in this folder");
    f->staging = staging;
    f->lock = open(staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->lock >= 0)
        flock(f->lock, LOCK_EX | LOCK_NB); /* without one the process's number has to do */
    return CORBEL_OK;
}

corbel_status save_folder_check_room(const struct save_folder *f, uint64_t size, corbel_error *err)
{
    struct statvfs disk;
    if (statvfs(f->dir, &disk) != 0)
        return CORBEL_OK; /* writing will tell */
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (size <= room)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_IO,
                     "%s: %.1f MB are to be written and %.1f MB are free on its disk", f->dir,
                     (double)size / 1e6, (double)room / 1e6);
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool grow(struct save_folder *f)
{
    size_t capacity = f->capacity ? f->capacity * 2 : 16;
    const char **names = realloc(f->names, capacity * sizeof(*names));
    if (!names)
        return false;
    f->names = names;
    f->capacity = capacity;
    return true;
}

corbel_status save_folder_add(struct save_folder *f, const char *name, const char **path,
                              corbel_error *err)
{
    char *own = arena_string(&f->arena, name);
    *path = arena_format(&f->arena, "%s/%s", f->staging, name);
    if (!own || !*path || (f->n_names == f->capacity && !grow(f)))
        return error_memory(err, strlen(name), name);
    f->names[f->n_names++] = own;
    return CORBEL_OK;
}

corbel_status save_folder_write(struct save_folder *f, const char *name, const struct text *content,
                                corbel_error *err)
{
    const char *path;
    if (content->failed)
        return error_memory(err, content->size, name);
    corbel_status status = save_folder_add(f, name, &path, err);
    return status ? status : file_write(path, content->data, content->size, err);
}

corbel_status save_folder_copy(struct save_folder *f, const char *from, const char *name,
                               corbel_error *err)
{
    char source[PATH_MAX];
    struct file_map map = {0};
    const char *path;
    if (!path_join(source, sizeof(source), from, name) || !file_exists(source))
        return CORBEL_OK;
    corbel_status status = file_map_open(&map, source, err);
    if (status == CORBEL_OK)
        status = save_folder_add(f, name, &path, err);
    if (status == CORBEL_OK)
        status = file_write(path, map.data, map.size, err);
    file_map_close(&map);
    return status;
}

/* ---- all or none ----------------------------------------------------------------------------- */

/* model.safetensors, model-00001-of-00003.safetensors, model.safetensors.index.json */
static bool is_weights(const char *name)
{
    unsigned part, parts;
    int end = 0;
    if (strcmp(name, "model.safetensors") == 0 || strcmp(name, "model.safetensors.index.json") == 0)
        return true;
    return sscanf(name, "model-%5u-of-%5u.safetensors%n", &part, &parts, &end) == 2 && end == 32 &&
           !name[end];
}

static bool is_ours(const struct save_folder *f, const char *name)
{
    for (size_t i = 0; i < f->n_names; i++)
        if (strcmp(f->names[i], name) == 0)
            return true;
    return false;
}

/* Else a loader would take the model that was there before, or parts of it. */
static void remove_replaced(const struct save_folder *f)
{
    char path[PATH_MAX];
    DIR *d = opendir(f->dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_weights(e->d_name) && !is_ours(f, e->d_name) &&
            path_join(path, sizeof(path), f->dir, e->d_name))
            unlink(path);
    if (d)
        closedir(d);
}

static void sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

corbel_status save_folder_commit(struct save_folder *f, corbel_error *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    for (size_t i = 0; i < f->n_names; i++) {
        if (i == f->n_weights)
            remove_replaced(f);
        if (!path_join(from, sizeof(from), f->staging, f->names[i]) ||
            !path_join(to, sizeof(to), f->dir, f->names[i]))
            return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", f->dir);
        if (rename(from, to) != 0)
            return system_error(err, to, "can't put the file here");
        f->created = false; /* it holds something now */
    }
    if (f->n_weights == f->n_names)
        remove_replaced(f);
    sync_folder(f->dir);
    return CORBEL_OK;
}

void save_folder_close(struct save_folder *f)
{
    if (f->staging)
        remove_staging(f->staging);
    if (f->staging && f->lock >= 0)
        close(f->lock);
    if (f->created && f->dir)
        rmdir(f->dir);
    free(f->names);
    arena_finish(&f->arena);
    *f = (struct save_folder){.lock = -1};
}
