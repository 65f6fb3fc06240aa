/* model/fetch.c: see fetch.h. */
#include "model/fetch.h"

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/folder.h"
#include "checkpoint/shard_index.h"
#include "hub/names.h"
#include "hub/resolve.h"
#include "model/names.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- the lock -------------------------------------------------------------------------------- */

static corbel_status allows(void *user, const char *path, uint64_t size, const char *sha256,
                            corbel_error *err)
{
    const struct fetch *f = user;
    return lockfile_check_file(f->lock, f->locked, path, size, sha256, err);
}

static corbel_status find_locked(struct fetch *f, const char *name, corbel_error *err)
{
    struct hub_name asked;
    if (!hub_is_repo(name))
        return CORBEL_OK; /* which folder it is has to be known first */
    corbel_status status = hub_name_parse(&asked, name, f->params.revision, err);
    if (status == CORBEL_OK)
        status = lockfile_find_repo(f->lock, asked.repo, asked.revision, &f->locked, err);
    if (status == CORBEL_OK)
        f->limits = (struct hub_lock){.endpoint = f->locked->endpoint,
                                      .commit = f->locked->commit,
                                      .allows = allows,
                                      .user = f};
    return status;
}

/* A folder's weights are there from the beginning. */
static corbel_status check_first(struct fetch *f, const char *name, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    if (!f->pull)
        status = lockfile_find_folder(f->lock, name, f->pulled.folder, &f->locked, err);
    if (status != CORBEL_OK)
        return status;
    const bool all = !f->pull || !f->params.parts || (f->params.parts & CORBEL_PULL_WEIGHTS);
    return lockfile_check_model(f->lock, f->locked, f->pulled.folder,
                                all ? LOCK_ALL : LOCK_ALL_BUT_WEIGHTS, err);
}

corbel_status fetch_open(struct fetch *f, const char *name, const corbel_pull_params *params,
                         const struct lockfile *lock, corbel_error *err)
{
    *f = (struct fetch){.params = *params, .lock = lock};
    if (!name || !name[0] || strlen(name) >= PATH_MAX)
        return corbel_pull(name, params, NULL, err); /* which says why not */
    corbel_status status = lock ? find_locked(f, name, err) : CORBEL_OK;
    if (status != CORBEL_OK)
        return status;
    if (hub_is_repo(name)) {
        status =
            hub_pull_open(&f->pull, name, &f->params, lock ? &f->limits : NULL, &f->pulled, err);
    } else {
        f->params.parts = 0; /* a folder's files are there or not */
        status = corbel_pull(name, &f->params, &f->pulled, err);
    }
    return status == CORBEL_OK && lock ? check_first(f, name, err) : status;
}

/* ---- which shards ---------------------------------------------------------------------------- */

/* The shard that has the parameter, by any of its names; NULL: the index does not know it. */
static const char *shard_of(struct json_object *map, const struct plugin_param *p,
                            const char *prefix)
{
    char names[NAMES_MAX][NAMES_SIZE];
    const size_t n = names_of_param(p, prefix, names);
    struct json_object *shard;
    for (size_t i = 0; i < n; i++)
        if (json_object_object_get_ex(map, names[i], &shard))
            return json_object_get_string(shard);
    return NULL;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, each once. */
static size_t unique(const char **items, size_t n)
{
    size_t kept = 0;
    qsort(items, n, sizeof(*items), compare_strings);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || strcmp(items[kept - 1], items[i]) != 0)
            items[kept++] = items[i];
    return kept;
}

/* Leaves f->shards NULL where the index does not know every parameter: a name that is looked for
 * elsewhere under yet another one must not be missed. */
static corbel_status choose_shards(struct fetch *f, const struct shard_index *index,
                                   const struct plugin_model *model, corbel_error *err)
{
    const uint32_t n = plugin_model_param_count(model);
    const char **shards = arena_array(&f->arena, n ? n : 1, sizeof(*shards));
    if (!shards)
        return error_memory(err, n * sizeof(*shards), "the list of shards");
    for (uint32_t i = 0; i < n; i++) {
        const struct plugin_param *p = plugin_model_param(model, i);
        const char *shard = shard_of(index->weight_map, p, plugin_model_prefix(model));
        if (!shard)
            return CORBEL_OK;
        shards[i] = arena_string(&f->arena, shard);
        if (!shards[i])
            return error_memory(err, strlen(shard), "the list of shards");
    }
    f->shards = n ? shards : NULL;
    f->n_shards = unique(shards, n);
    for (uint32_t i = 0; i < index->n_files; i++)
        if (!fetch_keeps(f, index->files[i]))
            log_line(CORBEL_LOG_INFO, "%s: %s is not needed: it has no tensor of this class",
                     f->pulled.repo, index->files[i]);
    return CORBEL_OK;
}

static corbel_status read_index(struct fetch *f, const struct plugin_model *model,
                                corbel_error *err)
{
    static const char *const names[] = {"model.safetensors.index.json",
                                        "pytorch_model.bin.index.json"};
    for (size_t i = 0; i < 2; i++) {
        struct shard_index index;
        struct arena arena = {0};
        if (!folder_has(f->pulled.folder, names[i]))
            continue;
        corbel_status status = shard_index_load(&index, f->pulled.folder, names[i], &arena, err);
        if (status == CORBEL_OK)
            status = choose_shards(f, &index, model, err);
        else
            error_prefix(err, status, "%s", f->pulled.folder);
        shard_index_finish(&index);
        arena_finish(&arena);
        return status;
    }
    return CORBEL_OK; /* one file, or none: that is for others to say */
}

bool fetch_keeps(void *fetch, const char *shard)
{
    const struct fetch *f = fetch;
    return !f->shards ||
           bsearch(&shard, f->shards, f->n_shards, sizeof(*f->shards), compare_strings) != NULL;
}

corbel_status fetch_weights(struct fetch *f, const struct plugin_model *model, corbel_error *err)
{
    if (!f->pull)
        return CORBEL_OK;
    corbel_status status = read_index(f, model, err);
    if (status == CORBEL_OK)
        status = hub_pull_weights(f->pull, fetch_keeps, f, &f->pulled, err);
    if (status == CORBEL_OK && f->lock)
        status = lockfile_check_model(f->lock, f->locked, f->pulled.folder, LOCK_WEIGHTS, err);
    return status;
}

bool fetch_has(void *fetch, const char *shard)
{
    const struct fetch *f = fetch;
    return !f->pull || folder_has(f->pulled.folder, shard);
}

void fetch_close(struct fetch *f)
{
    hub_pull_close(&f->pull);
    arena_finish(&f->arena);
    *f = (struct fetch){0};
}
