/* hub/names.c: see names.h. */
#include "hub/names.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SEGMENT = 96, MAX_PATH_SEGMENT = 255, MAX_PATH = 2048 };

static bool is_hex(const char *s, size_t n)
{
    return strspn(s, "0123456789abcdef") == n && s[n] == '\0';
}

bool name_is_commit(const char *revision)
{
    return is_hex(revision, HUB_COMMIT_SIZE - 1);
}

bool name_is_abbreviated_commit(const char *revision)
{
    const size_t n = strlen(revision);
    return n >= 7 && n < HUB_COMMIT_SIZE - 1 && is_hex(revision, n);
}

bool name_from_etag(char out[HUB_ETAG_SIZE], const char *etag)
{
    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    size_t n = strlen(etag);
    if (n >= 2 && etag[0] == '"' && etag[n - 1] == '"') {
        etag++;
        n -= 2;
    }
    if (n != 40 && n != 64)
        return false;
    memcpy(out, etag, n);
    out[n] = '\0';
    return is_hex(out, n);
}

/* ---- repos ----------------------------------------------------------------------------------- */

/* One of the two parts of an id. */
static bool is_repo_part(const char *part, size_t n)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_.-";
    if (n == 0 || n > MAX_SEGMENT || strspn(part, allowed) < n)
        return false;
    return !strchr("-.", part[0]) && !strchr("-.", part[n - 1]);
}

corbel_status name_check_repo(const char *repo, corbel_error *err)
{
    const char *slash = strchr(repo, '/');
    const char *name = slash ? slash + 1 : repo;
    const size_t n = strlen(name);
    bool sound = is_repo_part(name, n) && !strstr(repo, "--") && !strstr(repo, "..");
    if (slash)
        sound = sound && is_repo_part(repo, (size_t)(slash - repo));
    if (sound && n > 4 && strcmp(name + n - 4, ".git") == 0)
        sound = false;
    if (sound)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_NOT_FOUND,
                     "%.200s: no such folder with a config.json, and no name that a hub could "
                     "have: that is org/name or name, of letters, digits, '_', '.' and '-'",
                     repo);
}

/* ---- revisions ------------------------------------------------------------------------------- */

/* Are all segments between slashes sound as names of files? */
static bool segments_are_sound(const char *path)
{
    for (const char *segment = path;; segment++) {
        const size_t n = strcspn(segment, "/");
        if (n == 0 || n > MAX_PATH_SEGMENT)
            return false;
        if ((n == 1 && segment[0] == '.') || (n == 2 && memcmp(segment, "..", 2) == 0))
            return false;
        segment += n;
        if (*segment == '\0')
            return true;
    }
}

static bool has_control_or_backslash(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '\\')
            return true;
    return false;
}

corbel_status name_check_revision(const char *revision, corbel_error *err)
{
    if (strlen(revision) < HUB_REVISION_SIZE && !has_control_or_backslash(revision) &&
        segments_are_sound(revision))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_ARGUMENT,
                     "@%.300s: not a revision: expected a branch, a tag, refs/pr/N or a commit",
                     revision);
}

bool name_is_path(const char *path)
{
    return strlen(path) < MAX_PATH && !has_control_or_backslash(path) && segments_are_sound(path);
}

/* ---- both ------------------------------------------------------------------------------------ */

static corbel_status split(struct hub_name *name, const char *text, const char *at,
                           const char *revision, corbel_error *err)
{
    const size_t n = at ? (size_t)(at - text) : strlen(text);
    if (n >= sizeof(name->repo))
        return error_set(err, CORBEL_E_NOT_FOUND, "%.100s...: a name of %zu bytes is no model's",
                         text, n);
    memcpy(name->repo, text, n);
    name->repo[n] = '\0';
    const char *chosen = at ? at + 1 : revision ? revision : "main";
    if (at && revision && strcmp(at + 1, revision) != 0)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%s: the name asks for revision %s, and the caller for %s", name->repo,
                         at + 1, revision);
    corbel_status status = name_check_revision(chosen, err);
    if (status == CORBEL_OK)
        snprintf(name->revision, sizeof(name->revision), "%s", chosen);
    return status;
}

corbel_status hub_name_parse(struct hub_name *name, const char *text, const char *revision,
                             corbel_error *err)
{
    *name = (struct hub_name){.repo = ""};
    const char *at = strchr(text, '@');
    if (at && strncmp(at, "@sha256:", 8) == 0)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%.200s: @sha256 pins a plugin; a model is pinned by its commit, or by a "
                         "lock",
                         text);
    corbel_status status = split(name, text, at, revision, err);
    return status == CORBEL_OK ? name_check_repo(name->repo, err) : status;
}
