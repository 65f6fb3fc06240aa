/* lockfile.c: see lockfile.h. */
#include "trust/lockfile.h"

#include "base/error.h"
#include "base/file.h"
#include "trust/canonical.h"
#include "trust/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LOCK = 16 << 20 };

/* ---- reading -------------------------------------------------------------------------------- */

static void read_files(struct reader *r, struct lock_model *m, struct json_object *model)
{
    static const char *const keys[] = {"path", "sha256", "size", NULL};
    struct json_object *array;
    void *items;

    m->n_files = reader_array(r, model, "files", &array, &items, sizeof(*m->files));
    m->files = items;
    for (size_t i = 0; i < m->n_files && !r->status; i++) {
        struct json_object *o = reader_entry(r, array, i, "files");
        struct manifest_file *f = &m->files[i];
        const char *sha256;

        reader_keys(r, o, keys);
        f->path = reader_string(r, o, "path");
        f->size = (uint64_t)reader_int(r, o, "size", 0, INT64_MAX);
        sha256 = reader_string(r, o, "sha256");
        if (r->status)
            return;
        if (!reader_is_sha256(sha256))
            reader_fail(r, "files: sha256 of %.64s: expected 64 lowercase hex digits", f->path);
        else
            memcpy(f->sha256, sha256, sizeof f->sha256);
        if (i > 0 && strcmp(m->files[i - 1].path, f->path) >= 0)
            reader_fail(r, "files: not sorted by path, or %.64s twice", f->path);
    }
}

static void read_models(struct reader *r, struct lockfile *lock, struct json_object *root)
{
    static const char *const keys[] = {"commit", "endpoint", "files", "id", "revision", NULL};
    struct json_object *array;
    void *items;

    lock->n_models = reader_array(r, root, "models", &array, &items, sizeof(*lock->models));
    lock->models = items;
    for (size_t i = 0; i < lock->n_models && !r->status; i++) {
        struct json_object *o = reader_entry(r, array, i, "models");
        struct lock_model *m = &lock->models[i];

        reader_keys(r, o, keys);
        m->id = reader_string(r, o, "id");
        m->endpoint = reader_string(r, o, "endpoint");
        m->revision = reader_string(r, o, "revision");
        m->commit = reader_string(r, o, "commit");
        read_files(r, m, o);
        if (!r->status && i > 0 && strcmp(lock->models[i - 1].id, m->id) >= 0)
            reader_fail(r, "models: not sorted by id, or %.64s twice", m->id);
    }
}

static void read_archs(struct reader *r, struct lockfile *lock, struct json_object *root)
{
    static const char *const keys[] = {"commit", "key",     "library", "name",   "pin",
                                       "plugin", "release", "repo",    "target", NULL};
    struct json_object *array;
    void *items;

    lock->n_archs = reader_array(r, root, "architectures", &array, &items, sizeof(*lock->archs));
    lock->archs = items;
    lock->pins = arena_array(r->arena, lock->n_archs + 1, sizeof(*lock->pins));
    if (!lock->pins && !r->status)
        r->status = error_memory(r->err, 0, r->name);
    for (size_t i = 0; i < lock->n_archs && !r->status; i++) {
        struct json_object *o = reader_entry(r, array, i, "architectures");
        struct lock_arch *a = &lock->archs[i];

        reader_keys(r, o, keys);
        a->name = reader_string(r, o, "name");
        a->plugin = reader_string(r, o, "plugin");
        a->repo = reader_string(r, o, "repo");
        a->commit = reader_string(r, o, "commit");
        a->pin = reader_string(r, o, "pin");
        a->key = reader_string(r, o, "key");
        a->target = reader_string(r, o, "target");
        a->library = reader_string(r, o, "library");
        a->release = reader_int(r, o, "release", 1, INT64_MAX);
        lock->pins[i] = a->pin;
        if (!r->status && (!reader_is_sha256(a->pin) || !reader_is_sha256(a->library)))
            reader_fail(r,
                        "architectures: %.64s: pin and library: expected 64 lowercase hex digits",
                        a->name);
        if (!r->status && i > 0 && strcmp(lock->archs[i - 1].name, a->name) >= 0)
            reader_fail(r, "architectures: not sorted by name, or %.64s twice", a->name);
    }
}

static void read_root(struct reader *r, struct lockfile *lock, struct json_object *root)
{
    static const char *const keys[] = {"abi", "architectures", "models", "schema", NULL};
    static const char *const abi_keys[] = {"major", "minor", NULL};
    const char *schema = reader_string(r, root, "schema");
    struct json_object *abi;

    if (!r->status && strcmp(schema, LOCK_SCHEMA) != 0)
        reader_fail(r, "schema: expected %s, found %.64s", LOCK_SCHEMA, schema);
    reader_keys(r, root, keys);
    abi = reader_get(r, root, "abi", json_type_object);
    reader_keys(r, abi, abi_keys);
    lock->abi_major = reader_int(r, abi, "major", 0, UINT16_MAX);
    lock->abi_minor = reader_int(r, abi, "minor", 0, UINT16_MAX);
    read_models(r, lock, root);
    read_archs(r, lock, root);
}

/* A lock for another ABI was made by another Corbel. */
static corbel_status check_abi(const struct lockfile *lock, int64_t major, int64_t minor,
                               corbel_error *err)
{
    if (lock->abi_major == major && lock->abi_minor == minor)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNTRUSTED, "lock: %s: abi: locked %lld.%lld, found %lld.%lld",
                     lock->path, (long long)lock->abi_major, (long long)lock->abi_minor,
                     (long long)major, (long long)minor);
}

corbel_status lockfile_parse(struct lockfile *lock, const char *data, size_t size, const char *path,
                             corbel_error *err)
{
    struct json_object *root = NULL;
    struct reader r = {.arena = &lock->arena, .name = path, .err = err};

    *lock = (struct lockfile){0};
    lock->path = arena_string(&lock->arena, path);
    r.status = lock->path ? canonical_parse(data, size, path, &root, err)
                          : error_memory(err, strlen(path), path);
    if (!r.status)
        read_root(&r, lock, root);
    json_object_put(root);
    if (r.status)
        lockfile_finish(lock);
    return r.status;
}

corbel_status lockfile_load(struct lockfile *lock, const char *path, int64_t abi_major,
                            int64_t abi_minor, corbel_error *err)
{
    char *data = NULL;
    size_t size;
    corbel_status status;

    *lock = (struct lockfile){0};
    status = file_read(path, MAX_LOCK, &data, &size, err);
    if (!status)
        status = lockfile_parse(lock, data, size, path, err);
    free(data);
    if (!status)
        status = check_abi(lock, abi_major, abi_minor, err);
    if (status)
        lockfile_finish(lock);
    return status;
}

void lockfile_finish(struct lockfile *lock)
{
    arena_finish(&lock->arena);
    *lock = (struct lockfile){0};
}

/* ---- checking ------------------------------------------------------------------------------- */

corbel_status lockfile_differs(const char *path, const char *where, const char *field,
                               const char *locked, const char *found, corbel_error *err)
{
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "lock: %s: %s: %s: locked %s, found %s; `corbel lock` writes a new one", path,
                     where, field, locked, found);
}

corbel_status lockfile_describe(const struct bundle *b, struct lock_arch *a,
                                char key[MINISIGN_KEY_TEXT], corbel_error *err)
{
    const struct manifest *m = &b->manifest;
    const struct manifest_target *target = manifest_target(m, manifest_native_tag());
    const struct manifest_file *library = target ? manifest_file(m, target->library) : NULL;

    if (!library)
        return error_set(err, CORBEL_E_ABI, "%s: %s %s has no library for %s", b->folder, m->name,
                         m->version, manifest_native_tag());
    if (b->signer->is_build)
        snprintf(key, MINISIGN_KEY_TEXT, LOCK_BUILD_KEY);
    else
        minisign_key_print(&b->signer->key, key);
    *a = (struct lock_arch){
        .plugin = m->name,
        .repo = m->repo,
        .commit = m->commit,
        .pin = m->pin,
        .key = key,
        .target = target->tag,
        .library = library->sha256,
        .release = m->release,
    };
    return CORBEL_OK;
}

static corbel_status compare_arch(const struct lockfile *lock, const struct lock_arch *locked,
                                  const struct lock_arch *found, corbel_error *err)
{
    const struct {
        const char *field, *locked, *found;
    } rows[] = {
        {"plugin", locked->plugin, found->plugin},
        {"pin", locked->pin, found->pin},
        {"key", locked->key, found->key},
        {"repo", locked->repo, found->repo},
        {"commit", locked->commit, found->commit},
        {"target", locked->target, found->target},
        {"library", locked->library, found->library},
    };
    char releases[2][24];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].locked, rows[i].found) != 0)
            return lockfile_differs(lock->path, locked->name, rows[i].field, rows[i].locked,
                                    rows[i].found, err);
    snprintf(releases[0], sizeof releases[0], "%lld", (long long)locked->release);
    snprintf(releases[1], sizeof releases[1], "%lld", (long long)found->release);
    if (locked->release != found->release)
        return lockfile_differs(lock->path, locked->name, "release", releases[0], releases[1], err);
    return CORBEL_OK;
}

corbel_status lockfile_check_plugin(const struct lockfile *lock, const char *arch,
                                    const struct bundle *bundle, corbel_error *err)
{
    char key[MINISIGN_KEY_TEXT];
    struct lock_arch found;
    corbel_status status = lockfile_describe(bundle, &found, key, err);

    if (status)
        return status;
    for (size_t i = 0; i < lock->n_archs; i++)
        if (strcmp(lock->archs[i].name, arch) == 0)
            return compare_arch(lock, &lock->archs[i], &found, err);
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "lock: %s: architectures: %s is not in it; `corbel lock` writes a new one",
                     lock->path, arch);
}
