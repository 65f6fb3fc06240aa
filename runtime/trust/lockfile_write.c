/* lockfile_write.c: making a lock, of models and bundles. */
#include "base/error.h"
#include "base/file.h"
#include "trust/canonical.h"
#include "trust/lockfile.h"

#include <stdlib.h>
#include <string.h>

corbel_status lockfile_add_model(struct lockfile *lock, const char *id, const char *folder,
                                 const struct lock_origin *from, corbel_error *err)
{
    struct lock_model *models, model = {0};
    corbel_status status;

    for (size_t i = 0; i < lock->n_models; i++)
        if (strcmp(lock->models[i].id, id) == 0)
            return CORBEL_OK;
    status = lockfile_list(folder, LOCK_ALL, &lock->arena, &model.files, &model.n_files, err);
    if (status)
        return status;
    models = arena_array(&lock->arena, lock->n_models + 1, sizeof(*models));
    model.id = arena_string(&lock->arena, id);
    model.endpoint = arena_string(&lock->arena, from->endpoint);
    model.revision = arena_string(&lock->arena, from->revision);
    model.commit = arena_string(&lock->arena, from->commit);
    if (!models || !model.id || !model.endpoint || !model.revision || !model.commit)
        return error_memory(err, sizeof(*models), "a lock");
    if (lock->n_models)
        memcpy(models, lock->models, lock->n_models * sizeof(*models));
    models[lock->n_models++] = model;
    lock->models = models;
    return CORBEL_OK;
}

static corbel_status add_arch(struct lockfile *lock, const struct lock_arch *arch, const char *name,
                              corbel_error *err)
{
    struct lock_arch *archs, *a;
    struct arena *arena = &lock->arena;

    for (size_t i = 0; i < lock->n_archs; i++)
        if (strcmp(lock->archs[i].name, name) == 0)
            return CORBEL_OK;
    archs = arena_array(arena, lock->n_archs + 1, sizeof(*archs));
    if (!archs)
        return error_memory(err, sizeof(*archs), "a lock");
    if (lock->n_archs)
        memcpy(archs, lock->archs, lock->n_archs * sizeof(*archs));
    a = &archs[lock->n_archs];
    *a = (struct lock_arch){
        .name = arena_string(arena, name),
        .plugin = arena_string(arena, arch->plugin),
        .repo = arena_string(arena, arch->repo),
        .commit = arena_string(arena, arch->commit),
        .pin = arena_string(arena, arch->pin),
        .key = arena_string(arena, arch->key),
        .target = arena_string(arena, arch->target),
        .library = arena_string(arena, arch->library),
        .release = arch->release,
    };
    if (!a->name || !a->plugin || !a->repo || !a->commit || !a->pin || !a->key || !a->target ||
        !a->library)
        return error_memory(err, sizeof(*a), "a lock");
    lock->archs = archs;
    lock->n_archs++;
    return CORBEL_OK;
}

corbel_status lockfile_add_plugin(struct lockfile *lock, const struct bundle *bundle,
                                  corbel_error *err)
{
    char key[MINISIGN_KEY_TEXT];
    struct lock_arch arch;
    corbel_status status = lockfile_describe(bundle, &arch, key, err);

    for (size_t i = 0; !status && i < bundle->manifest.n_archs; i++)
        status = add_arch(lock, &arch, bundle->manifest.archs[i].name, err);
    return status;
}

static int compare_models(const void *a, const void *b)
{
    return strcmp(((const struct lock_model *)a)->id, ((const struct lock_model *)b)->id);
}

static int compare_archs(const void *a, const void *b)
{
    return strcmp(((const struct lock_arch *)a)->name, ((const struct lock_arch *)b)->name);
}

static void put_models(const struct lockfile *lock, struct json_object *array)
{
    for (size_t i = 0; i < lock->n_models; i++) {
        const struct lock_model *m = &lock->models[i];
        struct json_object *o = canonical_append(array), *files;

        canonical_put_string(o, "id", m->id);
        canonical_put_string(o, "endpoint", m->endpoint);
        canonical_put_string(o, "revision", m->revision);
        canonical_put_string(o, "commit", m->commit);
        files = canonical_put_array(o, "files");
        for (size_t j = 0; j < m->n_files; j++) {
            o = canonical_append(files);
            canonical_put_string(o, "path", m->files[j].path);
            canonical_put_int(o, "size", (int64_t)m->files[j].size);
            canonical_put_string(o, "sha256", m->files[j].sha256);
        }
    }
}

static void put_archs(const struct lockfile *lock, struct json_object *array)
{
    for (size_t i = 0; i < lock->n_archs; i++) {
        const struct lock_arch *a = &lock->archs[i];
        struct json_object *o = canonical_append(array);

        canonical_put_string(o, "name", a->name);
        canonical_put_string(o, "plugin", a->plugin);
        canonical_put_string(o, "repo", a->repo);
        canonical_put_string(o, "commit", a->commit);
        canonical_put_string(o, "pin", a->pin);
        canonical_put_string(o, "key", a->key);
        canonical_put_string(o, "target", a->target);
        canonical_put_string(o, "library", a->library);
        canonical_put_int(o, "release", a->release);
    }
}

corbel_status lockfile_write(struct lockfile *lock, const char *path, corbel_error *err)
{
    struct json_object *root = json_object_new_object(), *abi;
    struct text text = {0};
    corbel_status status;

    if (lock->n_models)
        qsort(lock->models, lock->n_models, sizeof(*lock->models), compare_models);
    if (lock->n_archs)
        qsort(lock->archs, lock->n_archs, sizeof(*lock->archs), compare_archs);
    canonical_put_string(root, "schema", LOCK_SCHEMA);
    abi = canonical_put_object(root, "abi");
    canonical_put_int(abi, "major", lock->abi_major);
    canonical_put_int(abi, "minor", lock->abi_minor);
    put_models(lock, canonical_put_array(root, "models"));
    put_archs(lock, canonical_put_array(root, "architectures"));
    canonical_print(root, &text);
    status = text.failed ? error_memory(err, text.size, path)
                         : file_write(path, text.data, text.size, err);
    text_finish(&text);
    json_object_put(root);
    return status;
}
