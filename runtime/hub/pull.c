/* hub/pull.c: corbel_pull: from a name to a folder with its files, fetching what is missing.
 *
 * The revision is resolved once, and every later request names the commit. Without a network, or
 * when all is here already, nothing is asked. */
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

struct pull {
    const corbel_pull_params *params;
    corbel_pulled *pulled;
    struct hub_settings settings;
    struct hub_name name;
    struct cache cache;
    struct http *http; /* NULL until the network is needed */
    char commit[HUB_COMMIT_SIZE];
    struct listing listing;
    struct selection selection;
};

static corbel_status open_network(struct pull *p, corbel_error *err)
{
    return p->http ? CORBEL_OK : http_create(&p->http, &p->settings, err);
}

/* ---- the files of the commit ----------------------------------------------------------------- */

static bool has(const struct pull *p, const struct hub_file *f)
{
    return cache_has(&p->cache, p->commit, f->path, hub_file_etag(f), f->size);
}

/* The first of the selected files that is not there; NULL: all are. */
static const struct hub_file *first_missing(const struct pull *p)
{
    for (size_t i = 0; i < p->selection.n_files; i++)
        if (!has(p, p->selection.files[i]))
            return p->selection.files[i];
    return NULL;
}

static corbel_status select_first(struct pull *p, corbel_error *err)
{
    selection_finish(&p->selection);
    return select_files(&p->selection, &p->listing, p->params, err);
}

/* Adds the shards, if the index that names them is there. */
static corbel_status select_rest(struct pull *p, corbel_error *err)
{
    char path[PATH_MAX];
    const struct hub_file *index = select_index(&p->selection, p->params);
    if (!index || !has(p, index))
        return CORBEL_OK;
    corbel_status status = cache_path(&p->cache, p->commit, index->path, path, sizeof(path), err);
    if (status != CORBEL_OK)
        return status;
    return select_shards(&p->selection, &p->listing, p->params, path, err);
}

static corbel_status fetch_missing(struct pull *p, corbel_error *err)
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
                                   .connections = p->params->connections,
                                   .on_progress = p->params->on_progress,
                                   .user = p->params->user};
        status = download_all(&set, err);
        if (status != CORBEL_OK)
            error_prefix(err, status, "%s", p->name.repo);
        p->pulled->n_fetched += set.n_fetched;
        p->pulled->fetched += set.fetched;
    }
    free(files);
    return status;
}

static corbel_status verify(struct pull *p, corbel_error *err)
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

static void count_files(struct pull *p)
{
    p->pulled->n_files = p->selection.n_files;
    for (size_t i = 0; i < p->selection.n_files; i++)
        p->pulled->size += p->selection.files[i]->size;
}

/* The commit's files: those that are missing are fetched. */
static corbel_status complete_online(struct pull *p, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    if (!listing_load(&p->listing, &p->cache, p->commit)) {
        status = open_network(p, err);
        if (status == CORBEL_OK)
            status = client_listing(p->http, &p->settings, &p->name, p->commit, &p->listing, err);
        if (status == CORBEL_OK)
            listing_save(&p->listing, &p->cache, p->commit);
    }
    if (status == CORBEL_OK)
        status = select_first(p, err);
    if (status == CORBEL_OK)
        status = fetch_missing(p, err);
    if (status == CORBEL_OK)
        status = select_rest(p, err);
    if (status == CORBEL_OK)
        status = fetch_missing(p, err);
    if (status == CORBEL_OK && p->params->verify)
        status = verify(p, err);
    if (status == CORBEL_OK) {
        cache_write_ref(&p->cache, p->name.revision, p->commit);
        select_mark_absent(&p->listing, &p->cache, p->commit);
        count_files(p);
    }
    return status;
}

/* ---- with what the cache has ----------------------------------------------------------------- */

static corbel_status complete_with_listing(struct pull *p, corbel_error *err)
{
    corbel_status status = select_first(p, err);
    if (status == CORBEL_OK)
        status = select_rest(p, err);
    if (status != CORBEL_OK)
        return status;
    const struct hub_file *missing = first_missing(p);
    if (missing)
        return error_set(err, CORBEL_E_NOT_FOUND, "%s@%s: %s is not in the cache", p->name.repo,
                         p->name.revision, missing->path);
    count_files(p);
    return p->params->verify ? verify(p, err) : CORBEL_OK;
}

/* p->commit is set. */
static corbel_status complete_offline(struct pull *p, corbel_error *err)
{
    char folder[PATH_MAX];
    corbel_status status = cache_snapshot(&p->cache, p->commit, folder, sizeof(folder), err);
    if (status != CORBEL_OK)
        return status;
    if (!file_is_folder(folder))
        return error_set(err, CORBEL_E_NOT_FOUND, "%s@%s: not in the cache (%s)", p->name.repo,
                         p->name.revision, folder);
    if (listing_load(&p->listing, &p->cache, p->commit))
        return complete_with_listing(p, err);
    if (p->params->n_include > 0)
        return CORBEL_OK; /* what is there is all that can be said */
    return select_check_folder(folder, p->params->parts, err);
}

static corbel_status pull_offline(struct pull *p, corbel_error *err)
{
    corbel_status status = cache_find_commit(&p->cache, p->name.revision, p->commit, err);
    if (status == CORBEL_OK)
        status = complete_offline(p, err);
    else if (status == CORBEL_E_NOT_FOUND)
        error_prefix(err, status, "%s", p->name.repo);
    if (status == CORBEL_E_NOT_FOUND && err) {
        const corbel_error reason = *err;
        error_set(err, status, "%s; offline, nothing is fetched: go online once, or `corbel pull`",
                  reason.text);
    }
    return status;
}

/* The hub can't be reached: what the cache last knew of the revision will do, if it is whole. */
static corbel_status fall_back(struct pull *p, corbel_error *err)
{
    corbel_error ignored;
    if (cache_find_commit(&p->cache, p->name.revision, p->commit, &ignored) != CORBEL_OK ||
        complete_offline(p, &ignored) != CORBEL_OK)
        return err ? err->status : CORBEL_E_NETWORK;
    log_line(CORBEL_LOG_WARN, "%s; using %s of the cache, as it was when last fetched",
             err ? err->text : "the hub can't be reached", p->commit);
    return CORBEL_OK;
}

/* ---- both ------------------------------------------------------------------------------------ */

static corbel_status pull_online(struct pull *p, corbel_error *err)
{
    if (name_is_commit(p->name.revision)) {
        memcpy(p->commit, p->name.revision, sizeof(p->commit));
        corbel_error ignored; /* a commit never changes: if all of it is here, nothing is asked */
        if (complete_offline(p, &ignored) == CORBEL_OK)
            return CORBEL_OK;
        p->pulled->n_files = p->pulled->size = 0;
        listing_finish(&p->listing);
    }
    corbel_error reason;
    corbel_status status = open_network(p, &reason);
    if (status == CORBEL_OK)
        status = client_commit(p->http, &p->settings, &p->name, p->commit, &reason);
    if (status == CORBEL_E_NETWORK && fall_back(p, &reason) == CORBEL_OK)
        return CORBEL_OK;
    if (status != CORBEL_OK)
        return error_set(err, status, "%s", reason.text);
    if (strcmp(p->commit, p->name.revision) != 0)
        log_line(CORBEL_LOG_INFO, "%s@%s is commit %s", p->name.repo, p->name.revision, p->commit);
    return complete_online(p, err);
}

static corbel_status pull_named(struct pull *p, const char *name, corbel_error *err)
{
    corbel_status status = hub_name_parse(&p->name, name, p->params->revision, err);
    if (status == CORBEL_OK)
        status = hub_settings_read(&p->settings, p->params->offline != 0, err);
    if (status == CORBEL_OK)
        status = cache_open(&p->cache, &p->settings, p->name.repo, err);
    if (status != CORBEL_OK)
        return status;
    status = p->settings.offline ? pull_offline(p, err) : pull_online(p, err);
    if (status != CORBEL_OK)
        return status;
    snprintf(p->pulled->repo, sizeof(p->pulled->repo), "%s", p->name.repo);
    snprintf(p->pulled->revision, sizeof(p->pulled->revision), "%s", p->name.revision);
    snprintf(p->pulled->commit, sizeof(p->pulled->commit), "%s", p->commit);
    return cache_snapshot(&p->cache, p->commit, p->pulled->folder, sizeof(p->pulled->folder), err);
}

corbel_status hub_pull(const char *name, const corbel_pull_params *params, corbel_pulled *pulled,
                       corbel_error *err)
{
    struct pull *p = calloc(1, sizeof(*p));
    if (!p)
        return error_memory(err, sizeof(*p), "a pull");
    p->params = params;
    p->pulled = pulled;
    const corbel_status status = pull_named(p, name, err);
    http_destroy(&p->http);
    selection_finish(&p->selection);
    listing_finish(&p->listing);
    free(p);
    return status;
}
