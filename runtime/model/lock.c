/* model/lock.c: corbel_lock_create: the models and plugins of today, as a corbel.lock. */
#include "base/error.h"
#include "corbel/plugin.h"
#include "corbel/trust.h"
#include "model/model.h"

/* Loads the skeleton, so that the plugin is the one that a run would take. */
static corbel_status add_model(struct lockfile *lock, corbel_runtime *runtime, const char *name,
                               corbel_error *err)
{
    corbel_model *model = NULL;
    corbel_status status =
        corbel_model_load(runtime, name, &CORBEL_LOAD_PARAMS(.skip_weights = 1), &model, err);

    if (!status)
        status = lockfile_add_model(lock, name, model->folder, err);
    if (!status)
        status =
            lockfile_add_plugin(lock, plugin_registry_bundle(runtime->registry, model->arch), err);
    corbel_model_destroy(&model);
    return status;
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
