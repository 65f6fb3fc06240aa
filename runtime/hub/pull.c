/* hub/pull.c: corbel_pull: from a name to a folder with its files, fetching what is missing.
 *
 * The revision is resolved once, and every later request names the commit; a lock names it itself.
 * Without a network, or when all is here already, nothing is asked. */
#include "hub/pull.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "hub/blob.h"
#include "hub/client.h"
#include "hub/download.h"
#include "hub/resolve.h"
#include "hub/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hub_pull {
    corbel_pull_params params;
    const struct hub_lock *lock; /* NULL: none */
    corbel_pulled *pulled;
    struct hub_settings settings;
    struct hub_name name;
    struct cache cache;
    struct http *http; /* NULL until the network is needed */
    char commit[HUB_COMMIT_SIZE];
    struct listing listing;
    bool is_listed;    /* else the snapshot's folder is all that is known */
    bool only_cache;   /* nothing is fetched: offline, or the hub is away */
    bool ref_is_old;   /* the cache is to learn what the revision is now, once all is here */
    corbel_error away; /* why the hub is away */
    struct selection selection;
    select_keep keep; /* which shards; NULL: all */
    void *keep_user;
};

static corbel_status open_network(struct hub_pull *p, corbel_error *err)
{
    return p->http ? CORBEL_OK : http_create(&p->http, &p->settings, err);
}

/* ---- the files of the commit ----------------------------------------------------------------- */

static bool has(const struct hub_pull *p, const struct hub_file *f)
{
    return cache_has(&p->cache, p->commit, f->path, hub_file_etag(f), f->size);
}

/* The first of the selected files that is not there; NULL: all are. */
static const struct hub_file *first_missing(const struct hub_pull *p)
{
    for (size_t i = 0; i < p->selection.n_files; i++)
        if (!has(p, p->selection.files[i]))
            return p->selection.files[i];
    return NULL;
}

static corbel_status select_first(struct hub_pull *p, corbel_error *err)
{
    selection_finish(&p->selection);
    return select_files(&p->selection, &p->listing, &p->params, err);
}

/* Adds the shards, if the index that names them is there. */
static corbel_status select_rest(struct hub_pull *p, corbel_error *err)
{
    char path[PATH_MAX];
    const struct hub_file *index = select_index(&p->selection, &p->params);
    if (!index || !has(p, index) || (p->params.parts & SELECT_INDEX))
        return CORBEL_OK;
    corbel_status status = cache_path(&p->cache, p->commit, index->path, path, sizeof(path), err);
    if (status != CORBEL_OK)
        return status;
    return select_shards(&p->selection, &p->listing, &p->params, path, p->keep, p->keep_user, err);
}

static corbel_status fetch_missing(struct hub_pull *p, corbel_error *err)
{
    const struct hub_file **files =
        calloc(p->selection.n_files + 1, sizeof(const struct hub_file *));
    size_t n = 0;
    if (!files)
        return error_memory(err, p->selection.n_files * sizeof(*files), "the list of files");
    for (size_t i = 0; i < p->selection.n_files; i++)
        if (!has(p, p->selection.files[i]))
            files[n++] = p->selection.files[i];
    corbel_status status = CORBEL_OK;
    if (n > 0)
        status = open_network(p, err);
    if (status == CORBEL_OK && n > 0)
        status = cache_prepare(&p->cache, err);
    if (status == CORBEL_OK && n > 0) {
        struct download_set set = {.http = p->http,
                                   .settings = &p->settings,
                                   .name = &p->name,
                                   .cache = &p->cache,
                                   .commit = p->commit,
                                   .files = files,
                                   .n_files = n,
                                   .connections = p->params.connections,
                                   .on_progress = p->params.on_progress,
                                   .user = p->params.user};
        status = download_all(&set, err);
        if (status != CORBEL_OK)
            error_prefix(err, status, "%s", p->name.repo);
        p->pulled->n_fetched += set.n_fetched;
        p->pulled->fetched += set.fetched;
    }
    free(files);
    return status;
}

static corbel_status verify(struct hub_pull *p, corbel_error *err)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < p->selection.n_files; i++) {
        const struct hub_file *f = p->selection.files[i];
        corbel_status status = cache_path(&p->cache, p->commit, f->path, path, sizeof(path), err);
        if (status == CORBEL_OK)
            status = blob_verify(path, hub_file_etag(f), f->size, err);
        if (status != CORBEL_OK)
            return status;
    }
    return CORBEL_OK;
}

static void count_files(struct hub_pull *p)
{
    p->pulled->n_files = p->selection.n_files;
    p->pulled->size = 0;
    for (size_t i = 0; i < p->selection.n_files; i++)
        p->pulled->size += p->selection.files[i]->size;
}

/* ---- what is selected becomes what is here --------------------------------------------------- */

static corbel_status check_lock(const struct hub_pull *p, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    for (size_t i = 0; p->lock && i < p->selection.n_files && status == CORBEL_OK; i++) {
        const struct hub_file *f = p->selection.files[i];
        status = p->lock->allows(p->lock->user, f->path, f->size, f->sha256, err);
    }
    return status;
}

static corbel_status is_missing(const struct hub_pull *p, const struct hub_file *file,
                                corbel_error *err)
{
    if (p->away.status)
        return error_set(err, p->away.status, "%s", p->away.text);
    return error_set(err, CORBEL_E_NOT_FOUND, "%s@%s: %s is not in the cache", p->name.repo,
                     p->name.revision, file->path);
}

/* Of the selected files none may be unlocked; those that are missing are fetched, or missed. */
static corbel_status obtain(struct hub_pull *p, corbel_error *err)
{
    corbel_status status = check_lock(p, err);
    const struct hub_file *missing = status == CORBEL_OK ? first_missing(p) : NULL;
    if (!missing)
        return status;
    return p->only_cache ? is_missing(p, missing, err) : fetch_missing(p, err);
}

static corbel_status list_files(struct hub_pull *p, corbel_error *err)
{
    if (p->is_listed)
        return CORBEL_OK;
    p->is_listed = listing_load(&p->listing, &p->cache, p->commit);
    if (p->is_listed || p->only_cache)
        return CORBEL_OK;
    corbel_status status = open_network(p, err);
    if (status == CORBEL_OK)
        status = client_listing(p->http, &p->settings, &p->name, p->commit, &p->listing, err);
    if (status == CORBEL_OK)
        listing_save(&p->listing, &p->cache, p->commit);
    p->is_listed = status == CORBEL_OK;
    return status;
}

/* Without a listing: what the folder has is all that can be said. */
static corbel_status check_folder(const struct hub_pull *p, corbel_error *err)
{
    char folder[PATH_MAX];
    corbel_status status = cache_snapshot(&p->cache, p->commit, folder, sizeof(folder), err);
    if (status == CORBEL_OK && !file_is_folder(folder))
        status = error_set(err, CORBEL_E_NOT_FOUND, "%s@%s: not in the cache (%s)", p->name.repo,
                           p->name.revision, folder);
    if (status != CORBEL_OK || p->params.n_include > 0)
        return status;
    return select_check_folder(folder, p->params.parts, p->keep, p->keep_user, err);
}

/* p->commit is set. */
static corbel_status complete(struct hub_pull *p, corbel_error *err)
{
    corbel_status status = list_files(p, err);
    if (status == CORBEL_OK && !p->is_listed)
        return check_folder(p, err);
    if (status == CORBEL_OK)
        status = select_first(p, err);
    if (status == CORBEL_OK)
        status = obtain(p, err);
    if (status == CORBEL_OK)
        status = select_rest(p, err);
    if (status == CORBEL_OK)
        status = obtain(p, err);
    if (status == CORBEL_OK && p->params.verify)
        status = verify(p, err);
    if (status == CORBEL_OK)
        count_files(p);
    return status;
}

/* The cache learns of a revision only when all of it is here: until then the older one serves. */
static void remember(struct hub_pull *p)
{
    if (!p->ref_is_old || (p->params.parts & SELECT_INDEX))
        return;
    cache_write_ref(&p->cache, p->name.revision, p->commit);
    select_mark_absent(&p->listing, &p->cache, p->commit);
    p->ref_is_old = false;
}

/* ---- the commit ------------------------------------------------------------------------------ */

/* With what the cache has, and nothing else. */
static corbel_status complete_from_cache(struct hub_pull *p, corbel_error *err)
{
    p->only_cache = true;
    return complete(p, err);
}

static corbel_status pull_offline(struct hub_pull *p, corbel_error *err)
{
    corbel_status status =
        p->lock ? CORBEL_OK : cache_find_commit(&p->cache, p->name.revision, p->commit, err);
    if (status == CORBEL_OK)
        status = complete_from_cache(p, err);
    else if (status == CORBEL_E_NOT_FOUND)
        error_prefix(err, status, "%s", p->name.repo);
    return status;
}

/* The hub can't be reached: what the cache last knew of the revision will do, if it is whole. */
static corbel_status fall_back(struct hub_pull *p, const corbel_error *reason)
{
    corbel_error ignored;
    if (cache_find_commit(&p->cache, p->name.revision, p->commit, &ignored) != CORBEL_OK ||
        complete_from_cache(p, &ignored) != CORBEL_OK)
        return reason->status;
    p->away = *reason;
    log_line(CORBEL_LOG_WARN, "%s; using %s of the cache, as it was when last fetched",
             reason->text, p->commit);
    return CORBEL_OK;
}

static corbel_status resolve(struct hub_pull *p, corbel_error *err)
{
    corbel_status status = open_network(p, err);
    if (status == CORBEL_OK)
        status = client_commit(p->http, &p->settings, &p->name, p->commit, err);
    if (status == CORBEL_OK && strcmp(p->commit, p->name.revision) != 0)
        log_line(CORBEL_LOG_INFO, "%s@%s is commit %s", p->name.repo, p->name.revision, p->commit);
    return status;
}

/* A commit never changes: if all of it is here, nothing is asked. */
static bool is_whole(struct hub_pull *p)
{
    corbel_error ignored;
    const bool whole = complete_from_cache(p, &ignored) == CORBEL_OK;
    p->only_cache = false; /* a second step may need more */
    return whole;
}

static corbel_status pull_online(struct hub_pull *p, corbel_error *err)
{
    corbel_error reason = {.status = CORBEL_OK};
    if (p->lock || name_is_commit(p->name.revision)) {
        if (!p->lock)
            memcpy(p->commit, p->name.revision, sizeof(p->commit));
        if (is_whole(p))
            return CORBEL_OK;
    }
    corbel_status status = p->lock ? CORBEL_OK : resolve(p, &reason);
    if (status == CORBEL_E_NETWORK && fall_back(p, &reason) == CORBEL_OK)
        return CORBEL_OK;
    if (status != CORBEL_OK)
        return error_set(err, status, "%s", reason.text);
    p->ref_is_old = !p->lock;
    return complete(p, err);
}

/* ---- a lock ---------------------------------------------------------------------------------- */

static corbel_status begin_locked(struct hub_pull *p, corbel_error *err)
{
    if (strcmp(p->settings.endpoint, p->lock->endpoint) != 0)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "lock: %s: endpoint: locked %s, found %s; set HF_ENDPOINT, or `corbel "
                         "lock` writes a new one",
                         p->name.repo, p->lock->endpoint, p->settings.endpoint);
    snprintf(p->commit, sizeof(p->commit), "%s", p->lock->commit);
    if (name_is_commit(p->commit))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNTRUSTED, "lock: %s: commit: \"%s\" is none", p->name.repo,
                     p->lock->commit);
}

/* ---- outside --------------------------------------------------------------------------------- */

static void say_offline(const struct hub_pull *p, corbel_error *err)
{
    if (!err || !p->settings.offline || err->status != CORBEL_E_NOT_FOUND)
        return;
    const corbel_error reason = *err;
    error_set(err, reason.status,
              "%s; offline, nothing is fetched: go online once, or `corbel pull`", reason.text);
}

static corbel_status pull_named(struct hub_pull *p, const char *name, corbel_error *err)
{
    corbel_status status = hub_name_parse(&p->name, name, p->params.revision, err);
    if (status == CORBEL_OK)
        status = hub_settings_read(&p->settings, p->params.offline != 0, err);
    if (status == CORBEL_OK)
        status = cache_open(&p->cache, &p->settings, p->name.repo, err);
    if (status == CORBEL_OK && p->lock)
        status = begin_locked(p, err);
    if (status != CORBEL_OK)
        return status;
    status = p->settings.offline ? pull_offline(p, err) : pull_online(p, err);
    if (status != CORBEL_OK) {
        say_offline(p, err);
        return status;
    }
    remember(p);
    snprintf(p->pulled->repo, sizeof(p->pulled->repo), "%s", p->name.repo);
    snprintf(p->pulled->revision, sizeof(p->pulled->revision), "%s", p->name.revision);
    snprintf(p->pulled->commit, sizeof(p->pulled->commit), "%s", p->commit);
    return cache_snapshot(&p->cache, p->commit, p->pulled->folder, sizeof(p->pulled->folder), err);
}

corbel_status hub_pull_open(struct hub_pull **pull, const char *name,
                            const corbel_pull_params *params, const struct hub_lock *lock,
                            corbel_pulled *pulled, corbel_error *err)
{
    struct hub_pull *p = *pull = calloc(1, sizeof(*p));
    if (!p)
        return error_memory(err, sizeof(*p), "a pull");
    p->params = *params;
    p->lock = lock;
    p->pulled = pulled;
    const corbel_status status = pull_named(p, name, err);
    if (status != CORBEL_OK)
        hub_pull_close(pull);
    return status;
}

corbel_status hub_pull_weights(struct hub_pull *pull, select_keep keep, void *user,
                               corbel_pulled *pulled, corbel_error *err)
{
    pull->params.parts |= CORBEL_PULL_WEIGHTS;
    pull->params.parts &= ~SELECT_INDEX;
    pull->keep = keep;
    pull->keep_user = user;
    pull->pulled = pulled;
    const corbel_status status = complete(pull, err);
    if (status != CORBEL_OK)
        say_offline(pull, err);
    else
        remember(pull);
    return status;
}

void hub_pull_close(struct hub_pull **pull)
{
    struct hub_pull *p = *pull;
    if (!p)
        return;
    http_destroy(&p->http);
    selection_finish(&p->selection);
    listing_finish(&p->listing);
    free(p);
    *pull = NULL;
}

corbel_status hub_pull(const char *name, const corbel_pull_params *params,
                       const struct hub_lock *lock, corbel_pulled *pulled, corbel_error *err)
{
    struct hub_pull *p;
    const corbel_status status = hub_pull_open(&p, name, params, lock, pulled, err);
    hub_pull_close(&p);
    return status;
}
