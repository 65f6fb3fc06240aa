/* model/plugins/lock.c: corbel_lock_create: the models and plugins of today, as a corbel.lock; and
 * fetching a model by one. */
#include "base/error.h"
#include "base/struct_copy.h"
#include "corbel/plugin.h"
#include "corbel/trust.h"
#include "hub/names.h"
#include "hub/settings.h"
#include "model/fetch.h"
#include "model/model.h"

#include <string.h>

/* ---- making one ------------------------------------------------------------------------------ */

/* An abbreviation names what begins so today, and could name another tomorrow. */
static corbel_status check_revision(const char *name, const corbel_pulled *pulled,
                                    corbel_error *err)
{
    if (!name_is_abbreviated_commit(pulled->revision) ||
        strncmp(pulled->commit, pulled->revision, strlen(pulled->revision)) != 0)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_ARGUMENT,
                     "%s: an abbreviated commit is not locked; the whole one is %s@%s", name,
                     pulled->repo, pulled->commit);
}

static corbel_status find_origin(const char *name, const corbel_pulled *pulled,
                                 struct hub_settings *settings, struct lock_origin *origin,
                                 corbel_error *err)
{
    *origin = (struct lock_origin){.endpoint = "", .revision = "", .commit = ""};
    if (!pulled->repo[0])
        return CORBEL_OK;
    corbel_status status = check_revision(name, pulled, err);
    if (status == CORBEL_OK)
        status = hub_settings_read(settings, false, err);
    if (status == CORBEL_OK)
        *origin = (struct lock_origin){
            .endpoint = settings->endpoint, .revision = pulled->revision, .commit = pulled->commit};
    return status;
}

/* Loads the skeleton, so that the plugin is the one that a run would take. */
static corbel_status add_plugin(struct lockfile *lock, corbel_runtime *runtime, const char *folder,
                                corbel_error *err)
{
    corbel_model *model = NULL;
    corbel_status status =
        corbel_model_load(runtime, folder, &CORBEL_LOAD_PARAMS(.skip_weights = 1), &model, err);
    if (status == CORBEL_OK)
        status =
            lockfile_add_plugin(lock, plugin_registry_bundle(runtime->registry, model->arch), err);
    corbel_model_destroy(&model);
    return status;
}

static corbel_status add_model(struct lockfile *lock, corbel_runtime *runtime, const char *name,
                               corbel_error *err)
{
    struct hub_settings settings;
    struct lock_origin origin;
    corbel_pulled pulled;
    corbel_status status =
        corbel_pull(name, &CORBEL_PULL_PARAMS(.offline = runtime->offline), &pulled, err);
    if (status == CORBEL_OK)
        status = find_origin(name, &pulled, &settings, &origin, err);
    if (status == CORBEL_OK)
        status = lockfile_add_model(lock, name, pulled.folder, &origin, err);
    return status == CORBEL_OK ? add_plugin(lock, runtime, pulled.folder, err) : status;
}

corbel_status corbel_lock_create(corbel_runtime *runtime, const char *const *models,
                                 size_t n_models, const char *path, corbel_error *err)
{
    struct lockfile lock = {.abi_major = CORBEL_ABI_MAJOR, .abi_minor = CORBEL_ABI_MINOR};
    corbel_status status = CORBEL_OK;

    for (size_t i = 0; i < n_models && !status; i++)
        status = add_model(&lock, runtime, models[i], err);
    if (!status)
        status = lockfile_write(&lock, path, err);
    lockfile_finish(&lock);
    return status;
}

/* ---- keeping to one -------------------------------------------------------------------------- */

corbel_status corbel_pull_locked(const char *lock, const char *name,
                                 const corbel_pull_params *params, corbel_pulled *pulled,
                                 corbel_error *err)
{
    corbel_pull_params p = CORBEL_PULL_PARAMS(.offline = 0);
    struct lockfile locked;
    struct fetch fetch;
    STRUCT_COPY(&p, params);
    if (p.n_include > 0 || p.n_exclude > 0)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%s: which files are fetched is said by the lock; include and exclude "
                         "can't say it too",
                         name);
    corbel_status status = lockfile_load(&locked, lock, CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR, err);
    if (status != CORBEL_OK)
        return status;
    status = fetch_open(&fetch, name, &p, &locked, err);
    if (status == CORBEL_OK && pulled)
        *pulled = fetch.pulled;
    fetch_close(&fetch);
    lockfile_finish(&locked);
    return status;
}
