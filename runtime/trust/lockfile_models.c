/* lockfile_models.c: a lock's models: which entry is meant, and whether the files are those. */
#include "base/error.h"
#include "base/file.h"
#include "checkpoint/folder.h"
#include "checkpoint/shard_index.h"
#include "hub/model_files.h"
#include "trust/lockfile.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MODEL_FILES = 2048 };

/* ---- which files ---------------------------------------------------------------------------- */

static bool matches(const char *const *patterns, const char *name)
{
    for (; *patterns; patterns++)
        if (fnmatch(*patterns, name, FNM_PATHNAME) == 0)
            return true;
    return false;
}

static const char *const safetensors[] = {"*.safetensors", "*.safetensors.index*", NULL};
static const char *const pickles[] = {"pytorch_model*.bin", "pytorch_model*.bin.index*", NULL};
static const char *const vocabularies[] = {MODEL_VOCABULARY_FILES, NULL};
static const char *const others[] = {MODEL_CONFIG_FILES, MODEL_TOKENIZER_FILES,
                                     MODEL_TEMPLATES_FOLDER "*", NULL};

static bool is_weights(const char *name)
{
    return matches(safetensors, name) || matches(pickles, name);
}

static bool is_read(const char *name, enum lock_files which)
{
    if (is_weights(name))
        return which != LOCK_ALL_BUT_WEIGHTS;
    return which != LOCK_WEIGHTS && (matches(vocabularies, name) || matches(others, name));
}

struct names {
    const char **items;
    size_t n;
    bool failed;
};

static void add_names(struct names *names, const char *folder, const char *below,
                      enum lock_files which, struct arena *arena)
{
    char path[PATH_MAX];
    DIR *dir = path_join(path, sizeof path, folder, below) ? opendir(path) : NULL;
    struct dirent *e;

    while (dir && !names->failed && (e = readdir(dir))) {
        const char *name = arena_format(arena, "%s%s", below, e->d_name);

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        names->failed = !name || names->n == MAX_MODEL_FILES;
        if (!names->failed && is_read(name, which))
            names->items[names->n++] = name;
    }
    if (dir)
        closedir(dir);
}

/* The file that checkpoint_open begins with; NULL: there is none. */
static const char *first_weights(const char *folder)
{
    static const char *const weights[] = {MODEL_WEIGHT_FILES, NULL};
    const char *const *name = weights;

    while (*name && !folder_has(folder, *name))
        name++;
    return *name;
}

/* Pickles are not read beside safetensors, nor vocabularies beside a tokenizer.json. */
static void drop_unread(struct names *names, const char *folder)
{
    char path[PATH_MAX];
    const char *weights = first_weights(folder);
    bool has_tokenizer =
        path_join(path, sizeof path, folder, "tokenizer.json") && file_exists(path);
    bool has_safetensors = weights && matches(safetensors, weights);
    size_t n = 0;

    for (size_t i = 0; i < names->n; i++)
        if (!(has_safetensors && matches(pickles, names->items[i])) &&
            !(has_tokenizer && matches(vocabularies, names->items[i])))
            names->items[n++] = names->items[i];
    names->n = n;
}

static void add_shard(struct names *names, const char *folder, const char *shard,
                      struct arena *arena)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i], shard) == 0)
            return;
    if (!folder_has(folder, shard)) /* not fetched */
        return;
    if (names->n < MAX_MODEL_FILES)
        names->items[names->n] = arena_string(arena, shard);
    names->failed = names->n == MAX_MODEL_FILES || !names->items[names->n];
    names->n += !names->failed;
}

/* An index may call its shards anything. */
static corbel_status add_shards(struct names *names, const char *folder, struct arena *arena,
                                corbel_error *err)
{
    static const char *const indexes[] = {"*.index.json", NULL};
    const char *name = first_weights(folder);
    struct shard_index index;
    corbel_status status;

    if (!name || !matches(indexes, name))
        return CORBEL_OK;
    status = shard_index_load(&index, folder, name, arena, err);
    for (uint32_t i = 0; !status && i < index.n_files && !names->failed; i++)
        add_shard(names, folder, index.files[i], arena);
    shard_index_finish(&index);
    return status;
}

static corbel_status hash_file(const char *folder, const char *name, struct manifest_file *file,
                               corbel_error *err)
{
    char path[PATH_MAX];
    struct file_map map;
    corbel_status status;

    if (!path_join(path, sizeof path, folder, name))
        return error_set(err, CORBEL_E_ARGUMENT, "%.200s...: the path is too long", folder);
    status = file_map_open(&map, path, err);
    if (status)
        return status;
    file->path = name;
    file->size = map.size;
    digest_sha256_hex(map.data ? (const void *)map.data : "", map.size, file->sha256);
    file_map_close(&map);
    return CORBEL_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

corbel_status lockfile_list(const char *folder, enum lock_files which, struct arena *arena,
                            struct manifest_file **files, size_t *n_files, corbel_error *err)
{
    static const char *const folders[] = {"", MODEL_TEMPLATES_FOLDER, MODEL_POOLING_FOLDER "/"};
    struct names names = {.items = arena_array(arena, MAX_MODEL_FILES, sizeof(*names.items))};
    corbel_status status = CORBEL_OK;

    *n_files = 0;
    *files = NULL;
    if (!names.items)
        return error_memory(err, MAX_MODEL_FILES * sizeof(*names.items), folder);
    if (!file_is_folder(folder))
        return error_set(err, CORBEL_E_NOT_FOUND, "%s: no such folder", folder);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        add_names(&names, folder, folders[i], which, arena);
    drop_unread(&names, folder);
    if (which != LOCK_ALL_BUT_WEIGHTS)
        status = add_shards(&names, folder, arena, err);
    if (status)
        return status;
    if (names.failed)
        return error_set(err, CORBEL_E_FORMAT, "%s: more than %d files of a model", folder,
                         MAX_MODEL_FILES);
    *files = arena_array(arena, names.n ? names.n : 1, sizeof(**files));
    if (!*files)
        return error_memory(err, names.n * sizeof(**files), folder);
    qsort(names.items, names.n, sizeof(*names.items), compare_names);
    for (size_t i = 0; i < names.n && !status; i++)
        status = hash_file(folder, names.items[i], &(*files)[i], err);
    *n_files = names.n;
    return status;
}

/* ---- which entry ---------------------------------------------------------------------------- */

static corbel_status is_not_in_it(const struct lockfile *lock, const char *id, corbel_error *err)
{
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "lock: %s: models: %s is not in it; `corbel lock` writes a new one",
                     lock->path, id);
}

/* "org/name" or "org/name@revision", against "org/name". */
static bool is_of_repo(const char *id, const char *repo)
{
    size_t n = strcspn(id, "@");

    return strlen(repo) == n && memcmp(id, repo, n) == 0;
}

corbel_status lockfile_find_repo(const struct lockfile *lock, const char *repo,
                                 const char *revision, const struct lock_model **model,
                                 corbel_error *err)
{
    const struct lock_model *other = NULL;

    *model = NULL;
    for (size_t i = 0; i < lock->n_models && !*model; i++) {
        const struct lock_model *m = &lock->models[i];

        if (!m->commit[0] || !is_of_repo(m->id, repo))
            continue;
        other = m;
        if (strcmp(m->revision, revision) == 0 || strcmp(m->commit, revision) == 0)
            *model = m;
    }
    if (*model)
        return CORBEL_OK;
    if (other)
        return lockfile_differs(lock->path, other->id, "revision", other->revision, revision, err);
    return is_not_in_it(lock, repo, err);
}

corbel_status lockfile_find_folder(const struct lockfile *lock, const char *id, const char *folder,
                                   const struct lock_model **model, corbel_error *err)
{
    char real[PATH_MAX], other[PATH_MAX];
    const struct lock_model *m = NULL;

    for (size_t i = 0; i < lock->n_models && !m; i++)
        if (strcmp(lock->models[i].id, id) == 0)
            m = &lock->models[i];
    for (size_t i = 0; i < lock->n_models && !m && realpath(folder, real); i++)
        if (!lock->models[i].commit[0] && realpath(lock->models[i].id, other) &&
            strcmp(real, other) == 0)
            m = &lock->models[i];
    *model = m;
    if (!m)
        return is_not_in_it(lock, id, err);
    /* A folder has none of these; a lock that says otherwise is about something else. */
    if (m->endpoint[0])
        return lockfile_differs(lock->path, id, "endpoint", m->endpoint, "a local folder", err);
    if (m->revision[0])
        return lockfile_differs(lock->path, id, "revision", m->revision, "a local folder", err);
    if (m->commit[0])
        return lockfile_differs(lock->path, id, "commit", m->commit, "a local folder", err);
    return CORBEL_OK;
}

/* ---- are they the files? -------------------------------------------------------------------- */

static const struct manifest_file *find_file(const struct lock_model *m, const char *path)
{
    for (size_t i = 0; i < m->n_files; i++)
        if (strcmp(m->files[i].path, path) == 0)
            return &m->files[i];
    return NULL;
}

corbel_status lockfile_check_file(const struct lockfile *lock, const struct lock_model *model,
                                  const char *path, uint64_t size, const char *sha256,
                                  corbel_error *err)
{
    const struct manifest_file *locked = find_file(model, path);
    char field[300], sizes[2][24];

    if (!locked)
        return lockfile_differs(lock->path, model->id, path, "no such file", "one", err);
    snprintf(field, sizeof field, "%.200s: size", path);
    snprintf(sizes[0], sizeof sizes[0], "%llu", (unsigned long long)locked->size);
    snprintf(sizes[1], sizeof sizes[1], "%llu", (unsigned long long)size);
    if (locked->size != size)
        return lockfile_differs(lock->path, model->id, field, sizes[0], sizes[1], err);
    snprintf(field, sizeof field, "%.200s: sha256", path);
    if (sha256[0] && strcmp(locked->sha256, sha256) != 0)
        return lockfile_differs(lock->path, model->id, field, locked->sha256, sha256, err);
    return CORBEL_OK;
}

static bool has_file(const struct manifest_file *files, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(files[i].path, path) == 0)
            return true;
    return false;
}

/* What the lock names is there. */
static corbel_status check_complete(const struct lockfile *lock, const struct lock_model *m,
                                    enum lock_files which, const struct manifest_file *files,
                                    size_t n, corbel_error *err)
{
    for (size_t i = 0; i < m->n_files; i++) {
        const char *path = m->files[i].path;
        bool may_be_missing = m->commit[0] && is_weights(path);

        if (!may_be_missing && is_read(path, which) && !has_file(files, n, path))
            return lockfile_differs(lock->path, m->id, path, "a file", "none", err);
    }
    return CORBEL_OK;
}

corbel_status lockfile_check_model(const struct lockfile *lock, const struct lock_model *model,
                                   const char *folder, enum lock_files which, corbel_error *err)
{
    struct manifest_file *files;
    struct arena arena = {0};
    size_t n;
    corbel_status status = lockfile_list(folder, which, &arena, &files, &n, err);

    for (size_t i = 0; !status && i < n; i++)
        status =
            lockfile_check_file(lock, model, files[i].path, files[i].size, files[i].sha256, err);
    if (!status)
        status = check_complete(lock, model, which, files, n, err);
    arena_finish(&arena);
    return status;
}
