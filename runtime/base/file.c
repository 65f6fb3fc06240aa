/* base/file.c: mapping, reading and replacing whole files. */
#include "base/file.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static corbel_status system_error(corbel_error *err, const char *path, int code)
{
    const bool absent = code == ENOENT || code == ENOTDIR;
    return error_set(err, absent ? CORBEL_E_NOT_FOUND : CORBEL_E_IO, "%s: %s", path,
                     strerror(code));
}

/* Opens a regular file for reading. Without O_NONBLOCK a named pipe in the place of the file would
 * hang us before fstat could tell. */
static corbel_status open_regular(const char *path, int *fd, size_t *size, corbel_error *err)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return system_error(err, path, errno);

    corbel_status status = CORBEL_OK;
    if (fstat(*fd, &st) != 0)
        status = system_error(err, path, errno);
    else if (!S_ISREG(st.st_mode))
        status = error_set(err, CORBEL_E_FORMAT, "%s: not a regular file", path);
    else if (st.st_size < 0 || (uint64_t)st.st_size > SIZE_MAX / 2)
        status = error_set(err, CORBEL_E_FORMAT, "%s: %lld bytes, too large to be mapped", path,
                           (long long)st.st_size);
    if (status != CORBEL_OK) {
        close(*fd);
        *fd = -1;
        return status;
    }
    *size = (size_t)st.st_size;
    return CORBEL_OK;
}

corbel_status file_map_open(struct file_map *m, const char *path, corbel_error *err)
{
    *m = (struct file_map){.fd = -1};
    corbel_status status = open_regular(path, &m->fd, &m->size, err);
    if (status != CORBEL_OK)
        return status;
    m->open = true;
    if (m->size == 0)
        return CORBEL_OK;

    void *data = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, m->fd, 0);
    if (data == MAP_FAILED) {
        status = error_set(err, CORBEL_E_IO, "%s: cannot be mapped: %s", path, strerror(errno));
        file_map_close(m);
        return status;
    }
    m->data = data;
    return CORBEL_OK;
}

void file_map_close(struct file_map *m)
{
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->size);
    if (m->open)
        close(m->fd);
    *m = (struct file_map){.fd = -1};
}

corbel_status file_map_check(const struct file_map *m, const char *name, corbel_error *err)
{
    struct stat st;
    if (!m->open || m->size == 0)
        return CORBEL_OK;
    if (fstat(m->fd, &st) != 0)
        return error_set(err, CORBEL_E_IO, "%s: %s", name, strerror(errno));
    if (st.st_size >= 0 && (uint64_t)st.st_size >= m->size)
        return CORBEL_OK;
    return error_set(
        err, CORBEL_E_IO,
        "%s: had %zu bytes when it was opened and has %lld now: it was cut short while "
        "in use",
        name, m->size, (long long)st.st_size);
}

bool file_map_holds(const struct file_map *m, const void *data, size_t size)
{
    const uintptr_t begin = (uintptr_t)m->data, at = (uintptr_t)data;
    return m->data && at >= begin && at - begin <= m->size && size <= m->size - (at - begin);
}

/* Whole pages around the range: what a neighbour loses at the edges it reads again. */
static void advise(const void *data, size_t size, int advice)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = (uintptr_t)data & ~(page - 1);
    if (size > 0)
        madvise((void *)begin, (uintptr_t)data + size - begin, advice);
}

void file_pages_prefetch(const void *data, size_t size)
{
    advise(data, size, MADV_WILLNEED);
}

void file_pages_release(const void *data, size_t size)
{
    advise(data, size, MADV_DONTNEED);
}

/* Reads until `size` bytes are there or the file ends; *got tells how many. */
static corbel_status read_all(int fd, const char *path, char *data, size_t size, size_t *got,
                              corbel_error *err)
{
    *got = 0;
    while (*got < size) {
        const ssize_t n = read(fd, data + *got, size - *got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_error(err, path, errno);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return CORBEL_OK;
}

corbel_status file_read(const char *path, size_t limit, char **data, size_t *size,
                        corbel_error *err)
{
    int fd = -1;
    size_t expected = 0;
    *data = NULL;
    *size = 0;
    corbel_status status = open_regular(path, &fd, &expected, err);
    if (status != CORBEL_OK)
        return status;
    if (expected > limit) {
        status = error_set(err, CORBEL_E_FORMAT, "%s: %zu bytes, at most %zu are read", path,
                           expected, limit);
        goto fail;
    }
    *data = malloc(expected + 1);
    if (!*data) {
        status = error_memory(err, expected, path);
        goto fail;
    }
    status = read_all(fd, path, *data, expected, size, err);
    if (status != CORBEL_OK)
        goto fail;
    (*data)[*size] = '\0';
    close(fd);
    return CORBEL_OK;
fail:
    free(*data);
    *data = NULL;
    *size = 0;
    close(fd);
    return status;
}

/* ---- writing: a temporary file beside the path, fsync, rename ---------------------------------
 */

/* Makes the rename itself durable; file systems that can't do that are not an error. */
static void sync_folder_of(const char *path)
{
    char *folder = strdup(path);
    if (!folder)
        return;
    char *slash = strrchr(folder, '/');
    if (slash == folder)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    const int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

corbel_status file_out_open(struct file_out *f, const char *path, corbel_error *err)
{
    static atomic_uint counter;
    *f = (struct file_out){.fd = -1};
    f->path = strdup(path);
    if (!f->path)
        return error_memory(err, strlen(path), path);

    /* Not mkstemp: it makes files that others can't read, whatever the umask says. */
    for (int tries = 0; tries < 100 && f->fd < 0; tries++) {
        free(f->temporary);
        f->temporary = NULL;
        if (asprintf(&f->temporary, "%s.%ld-%u.tmp", path, (long)getpid(),
                     atomic_fetch_add(&counter, 1)) < 0) {
            f->temporary = NULL;
            file_out_discard(f);
            return error_memory(err, strlen(path), path);
        }
        f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (f->fd < 0 && errno != EEXIST)
            break;
    }
    if (f->fd < 0) {
        const corbel_status status = system_error(err, f->temporary, errno);
        free(f->temporary);
        f->temporary = NULL; /* it is not ours to remove */
        file_out_discard(f);
        return status;
    }
    f->open = true;
    return CORBEL_OK;
}

corbel_status file_out_append(struct file_out *f, const void *data, size_t size, corbel_error *err)
{
    const char *bytes = data;
    while (size != 0) {
        const ssize_t n = write(f->fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_error(err, f->temporary, errno);
        bytes += n;
        size -= (size_t)n;
    }
    return CORBEL_OK;
}

corbel_status file_out_commit(struct file_out *f, corbel_error *err)
{
    if (fsync(f->fd) != 0)
        return system_error(err, f->temporary, errno);
    const int fd = f->fd;
    f->fd = -1;
    f->open = false;
    if (close(fd) != 0)
        return system_error(err, f->temporary, errno);
    if (rename(f->temporary, f->path) != 0)
        return system_error(err, f->path, errno);
    free(f->temporary);
    f->temporary = NULL;
    sync_folder_of(f->path);
    file_out_discard(f);
    return CORBEL_OK;
}

void file_out_discard(struct file_out *f)
{
    if (f->open)
        close(f->fd);
    if (f->temporary)
        unlink(f->temporary);
    free(f->temporary);
    free(f->path);
    *f = (struct file_out){.fd = -1};
}

corbel_status file_write(const char *path, const void *data, size_t size, corbel_error *err)
{
    struct file_out f;
    corbel_status status = file_out_open(&f, path, err);
    if (status == CORBEL_OK)
        status = file_out_append(&f, data, size, err);
    if (status == CORBEL_OK)
        status = file_out_commit(&f, err);
    file_out_discard(&f);
    return status;
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool path_join(char *out, size_t size, const char *dir, const char *name)
{
    const size_t length = strlen(dir);
    const char *slash = length != 0 && dir[length - 1] == '/' ? "" : "/";
    const int written = snprintf(out, size, "%s%s%s", dir, slash, name);
    return written >= 0 && (size_t)written < size;
}
