/* checkpoint/folder.c: from a name to a mapped file, without leaving the model's folder. */
#include "checkpoint/folder.h"

#include "base/error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_NAME = 255 };

bool folder_has(const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    return path_join(path, sizeof path, dir, name) && lstat(path, &st) == 0;
}

bool folder_name_is_bare(const char *name)
{
    const size_t length = strlen(name);
    if (length == 0 || length > LONGEST_NAME || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)name[i];
        if (c == '/' || c == '\\' || c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

/* The hub cache's link: ../../blobs/ and a normalised etag, 40 or 64 hex digits. */
static bool is_blob_link(const char *target)
{
    static const char prefix[] = "../../blobs/";
    if (strncmp(target, prefix, sizeof prefix - 1) != 0)
        return false;
    const char *etag = target + sizeof prefix - 1;
    const size_t digits = strspn(etag, "0123456789abcdef");
    return etag[digits] == '\0' && (digits == 40 || digits == 64);
}

/* `path` becomes what the link at it points to, if that is allowed. */
static corbel_status follow_link(const char *dir, const char *name, char path[PATH_MAX],
                                 corbel_error *err)
{
    char target[PATH_MAX], place[PATH_MAX];
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return error_set(err, CORBEL_E_IO, "%s: %s", name, strerror(errno));
    target[length] = '\0';

    const bool allowed = is_blob_link(target) || folder_name_is_bare(target);
    if (!allowed || !path_join(place, sizeof place, dir, target))
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: a symbolic link to %s, which is outside of the model's folder", name,
                         target);
    memcpy(path, place, sizeof place);
    return CORBEL_OK;
}

corbel_status folder_map(const char *dir, const char *name, const char *origin,
                         struct file_map *map, corbel_error *err)
{
    char path[PATH_MAX];
    struct stat st;
    *map = (struct file_map){.fd = -1};
    if (!folder_name_is_bare(name))
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: \"%.300s\": expected the name of a file in the same folder", origin,
                         name);
    if (!path_join(path, sizeof path, dir, name))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", dir);

    corbel_status status = CORBEL_OK;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        status = follow_link(dir, name, path, err);
    if (status != CORBEL_OK)
        return status;
    /* One link is enough: a link to a link could lead anywhere again. */
    if (lstat(path, &st) != 0)
        return error_set(err, errno == ENOENT ? CORBEL_E_FORMAT : CORBEL_E_IO,
                         "%s: %s (named by %s)", name, strerror(errno), origin);
    if (!S_ISREG(st.st_mode))
        return error_set(err, CORBEL_E_FORMAT, "%s: not a regular file", name);
    return file_map_open(map, path, err);
}
