/* home.c: see home.h. */
#include "trust/home.h"

#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 4 << 20 };

/* ---- where it is ---------------------------------------------------------------------------- */

/* XDG's specification and HOME want absolute ones; others are ignored. */
static const char *absolute_variable(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] == '/' ? value : NULL;
}

static corbel_status find(struct home *home, corbel_error *err)
{
    const char *own = getenv("CORBEL_HOME");
    const char *data = absolute_variable("XDG_DATA_HOME"), *user = absolute_variable("HOME");
    char folder[PATH_MAX / 2] = "";
    int n = 0;

    *home = (struct home){0};
    if (own && own[0] && own[0] != '/' && !getcwd(folder, sizeof folder))
        return error_set(err, CORBEL_E_IO, "CORBEL_HOME: %.200s: %s", own, strerror(errno));
    if (own && own[0])
        n = snprintf(home->path, sizeof home->path, "%s%s%s", folder, folder[0] ? "/" : "", own);
    else if (data)
        n = snprintf(home->path, sizeof home->path, "%s/corbel", data);
    else if (user)
        n = snprintf(home->path, sizeof home->path, "%s/.local/share/corbel", user);
    if (n < 0 || (size_t)n >= sizeof home->path)
        return error_set(err, CORBEL_E_ARGUMENT, "CORBEL_HOME: a path of %d bytes", n);
    while (n > 1 && home->path[n - 1] == '/')
        home->path[--n] = 0;
    return CORBEL_OK;
}

bool home_path(const struct home *home, const char *name, char out[PATH_MAX])
{
    return path_join(out, PATH_MAX, home->path, name);
}

/* Is there anything that decides what may run? A folder that only bears the name is nobody's. */
static bool in_use(const struct home *home)
{
    static const char *const names[] = {HOME_KEYRING, HOME_REVOKED, HOME_RELEASES, HOME_KEYS,
                                        HOME_PLUGINS};
    char path[PATH_MAX];
    struct stat st;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (home_path(home, names[i], path) && lstat(path, &st) == 0)
            return true;
    return false;
}

/* ---- whose it is ---------------------------------------------------------------------------- */

static corbel_status check_stat(const char *path, const struct stat *st, mode_t forbidden,
                                corbel_error *err)
{
    if (S_ISLNK(st->st_mode))
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: a link, where a file or folder is expected",
                         path);
    if (st->st_uid != geteuid())
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: belongs to user %ld, not to you (%ld)", path,
                         (long)st->st_uid, (long)geteuid());
    if (st->st_mode & forbidden)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "%s: others have access to it (mode %04o); look at what is in it, then "
                         "`chmod go-rwx '%s'`",
                         path, (unsigned)(st->st_mode & 07777), path);
    return CORBEL_OK;
}

corbel_status home_check(const char *path, mode_t forbidden, corbel_error *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return error_set(err, errno == ENOENT ? CORBEL_E_NOT_FOUND : CORBEL_E_IO, "%s: %s", path,
                         strerror(errno));
    return check_stat(path, &st, forbidden, err);
}

static corbel_status check_folders(const struct home *home, corbel_error *err)
{
    static const char *const names[] = {HOME_KEYS, HOME_PLUGINS};
    char path[PATH_MAX];
    struct stat st;
    corbel_status status = CORBEL_OK;

    if (stat(home->path, &st) != 0)
        return error_set(err, CORBEL_E_IO, "%s: %s", home->path, strerror(errno));
    status = check_stat(home->path, &st, 077, err);
    for (size_t i = 0; !status && i < 2; i++)
        if (home_path(home, names[i], path) && lstat(path, &st) == 0)
            status = check_stat(path, &st, 077, err);
    return status;
}

corbel_status home_open(struct home *home, corbel_error *err)
{
    corbel_status status = find(home, err);

    if (status)
        return status;
    home->exists = home->path[0] && in_use(home);
    return home->exists ? check_folders(home, err) : CORBEL_OK;
}

/* ---- making it ------------------------------------------------------------------------------ */

static bool make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return true;
}

static corbel_status make_folder(const char *path, corbel_error *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return error_set(err, CORBEL_E_IO, "%s: %s", path, strerror(errno));
    if (!file_is_folder(path))
        return error_set(err, CORBEL_E_IO, "%s: %s", path, strerror(ENOTDIR));
    return CORBEL_OK;
}

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *e = NULL;

    while (dir && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            break;
    if (dir)
        closedir(dir);
    return dir && !e;
}

corbel_status home_create(struct home *home, corbel_error *err)
{
    char path[PATH_MAX];
    corbel_status status = home_open(home, err);

    if (status)
        return status;
    if (!home->path[0])
        return error_set(err, CORBEL_E_ARGUMENT,
                         "neither CORBEL_HOME nor HOME says where keys and "
                         "plugins are kept");
    snprintf(path, sizeof path, "%s", home->path);
    if (!make_parents(path))
        return error_set(err, CORBEL_E_IO, "%s: %s", path, strerror(errno));
    status = make_folder(home->path, err);
    /* What was an empty folder until now becomes the user's alone; one with something in it, /tmp
     * by mistake, is left as it is. */
    if (!status && !home->exists && is_empty(home->path) && chmod(home->path, 0700) != 0)
        status = error_set(err, CORBEL_E_IO, "%s: %s", home->path, strerror(errno));
    if (!status)
        status = check_folders(home, err);
    if (!status && home_path(home, HOME_KEYS, path))
        status = make_folder(path, err);
    if (!status && home_path(home, HOME_PLUGINS, path))
        status = make_folder(path, err);
    home->exists = true;
    return status ? status : check_folders(home, err);
}

/* ---- files ---------------------------------------------------------------------------------- */

corbel_status home_read(const struct home *home, const char *name, char **data, size_t *size,
                        corbel_error *err)
{
    char path[PATH_MAX];
    corbel_status status;
    struct stat st;

    *data = NULL;
    *size = 0;
    if (!home->exists)
        return CORBEL_OK;
    if (!home_path(home, name, path))
        return error_set(err, CORBEL_E_ARGUMENT, "%s/%s: too long", home->path, name);
    if (lstat(path, &st) != 0 && errno == ENOENT)
        return CORBEL_OK;
    status = home_check(path, 077, err);
    return status ? status : file_read(path, MAX_FILE, data, size, err);
}

corbel_status home_write(const struct home *home, const char *name, const void *data, size_t size,
                         corbel_error *err)
{
    char path[PATH_MAX];
    struct file_out out;
    corbel_status status;

    if (!home_path(home, name, path))
        return error_set(err, CORBEL_E_ARGUMENT, "%s/%s: too long", home->path, name);
    status = file_out_open(&out, path, err);
    if (!status && fchmod(out.fd, 0600) != 0)
        status = error_set(err, CORBEL_E_IO, "%s: %s", path, strerror(errno));
    if (!status)
        status = file_out_append(&out, data, size, err);
    if (!status)
        status = file_out_commit(&out, err);
    file_out_discard(&out);
    return status;
}

int home_lock(const struct home *home)
{
    char path[PATH_MAX];
    int lock = -1;

    if (home_path(home, ".lock", path))
        lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock >= 0)
        while (flock(lock, LOCK_EX) != 0 && errno == EINTR)
            ;
    return lock;
}

void home_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}
