/* hub/select.c: see select.h. */
#include "hub/select.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "hub/model_files.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INDEX = 64 << 20 };

static const char *const config_files[] = {MODEL_CONFIG_FILES, NULL};
static const char *const tokenizer_files[] = {MODEL_TOKENIZER_FILES, NULL};
static const char *const vocabulary_files[] = {MODEL_VOCABULARY_FILES, NULL};
static const char *const weight_files[] = {MODEL_WEIGHT_FILES, NULL};

void selection_finish(struct selection *s)
{
    free(s->files);
    free(s->chosen);
    *s = (struct selection){.files = NULL};
}

static bool matches(const char *const *globs, uint32_t n, const char *path)
{
    char folder[PATH_MAX];
    for (uint32_t i = 0; i < n; i++) {
        const size_t size = strlen(globs[i]);
        if (fnmatch(globs[i], path, 0) == 0)
            return true;
        /* "onnx/" is all that is in it. */
        if (size > 0 && size + 2 < sizeof(folder) && globs[i][size - 1] == '/') {
            memcpy(folder, globs[i], size);
            memcpy(folder + size, "*", 2);
            if (fnmatch(folder, path, 0) == 0)
                return true;
        }
    }
    return false;
}

/* Room for every file of the listing. */
static corbel_status start(struct selection *s, const struct listing *l, corbel_error *err)
{
    *s = (struct selection){.files = calloc(l->n_files + 1, sizeof(*s->files)),
                            .chosen = calloc(l->n_files + 1, sizeof(*s->chosen))};
    if (s->files && s->chosen)
        return CORBEL_OK;
    return error_memory(err, l->n_files * sizeof(*s->files), "the list of files");
}

static void add(struct selection *s, const struct listing *l, const struct hub_file *file,
                const corbel_pull_params *params)
{
    if (!file || s->chosen[file - l->files] ||
        matches(params->exclude, params->n_exclude, file->path))
        return;
    s->chosen[file - l->files] = true;
    s->files[s->n_files++] = file;
}

static void add_all(struct selection *s, const struct listing *l, const char *const *names,
                    const corbel_pull_params *params)
{
    for (; *names; names++)
        add(s, l, listing_find(l, *names), params);
}

static corbel_status add_globbed(struct selection *s, const struct listing *l,
                                 const corbel_pull_params *params, corbel_error *err)
{
    for (size_t i = 0; i < l->n_files; i++)
        if (matches(params->include, params->n_include, l->files[i].path))
            add(s, l, &l->files[i], params);
    if (s->n_files > 0)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_NOT_FOUND,
                     "none of the %zu files of the repo is included (%s%s)", l->n_files,
                     params->include[0], params->n_include > 1 ? ", ..." : "");
}

static void add_tokenizer(struct selection *s, const struct listing *l,
                          const corbel_pull_params *params)
{
    static const char folder[] = MODEL_TEMPLATES_FOLDER;
    add_all(s, l, tokenizer_files, params);
    if (!listing_find(l, "tokenizer.json"))
        add_all(s, l, vocabulary_files, params);
    for (size_t i = 0; i < l->n_files; i++)
        if (strncmp(l->files[i].path, folder, sizeof(folder) - 1) == 0)
            add(s, l, &l->files[i], params);
}

static bool is_index(const char *path)
{
    static const char end[] = ".index.json";
    const size_t size = strlen(path);
    return size > sizeof(end) && strcmp(path + size - sizeof(end) + 1, end) == 0;
}

/* Of the forms of the weights the first that the repo has, and is not excluded. */
static void add_weights(struct selection *s, const struct listing *l,
                        const corbel_pull_params *params, bool index_only)
{
    for (const char *const *name = weight_files; *name; name++) {
        const struct hub_file *file = listing_find(l, *name);
        if (file && !matches(params->exclude, params->n_exclude, *name)) {
            if (!index_only || is_index(*name))
                add(s, l, file, params);
            return;
        }
    }
}

static uint32_t parts_of(const corbel_pull_params *params)
{
    return params->parts ? params->parts
                         : CORBEL_PULL_CONFIG | CORBEL_PULL_TOKENIZER | CORBEL_PULL_WEIGHTS;
}

corbel_status select_files(struct selection *s, const struct listing *l,
                           const corbel_pull_params *params, corbel_error *err)
{
    corbel_status status = start(s, l, err);
    if (status != CORBEL_OK)
        return status;
    if (params->n_include > 0)
        return add_globbed(s, l, params, err);
    const uint32_t parts = parts_of(params);
    add_all(s, l, config_files, params);
    if (parts & CORBEL_PULL_TOKENIZER)
        add_tokenizer(s, l, params);
    if (parts & (CORBEL_PULL_WEIGHTS | SELECT_INDEX))
        add_weights(s, l, params, !(parts & CORBEL_PULL_WEIGHTS));
    return CORBEL_OK;
}

/* ---- shards ---------------------------------------------------------------------------------- */

const struct hub_file *select_index(const struct selection *s, const corbel_pull_params *params)
{
    for (size_t i = 0; i < s->n_files && params->n_include == 0; i++)
        if (is_index(s->files[i]->path))
            return s->files[i];
    return NULL;
}

/* The values of an index's weight_map; put by the caller. */
static corbel_status read_weight_map(const char *path, struct json_object **root,
                                     struct json_object **map, corbel_error *err)
{
    *map = NULL;
    corbel_status status = json_load(path, MAX_INDEX, JSON_SECURITY, root, err);
    if (status == CORBEL_OK)
        status = json_get_member(*root, "weight_map", json_type_object, map, path, err);
    if (status == CORBEL_OK && !*map)
        status = error_set(err, CORBEL_E_FORMAT, "%s: no weight_map", path);
    return status;
}

static corbel_status shard_name(struct json_object *value, const char *path, const char **name,
                                corbel_error *err)
{
    *name = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
    if (name_is_path(*name))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_FORMAT, "%s: weight_map: %s is not the name of a file", path,
                     json_describe(value));
}

corbel_status select_shards(struct selection *s, const struct listing *l,
                            const corbel_pull_params *params, const char *path, select_keep keep,
                            void *user, corbel_error *err)
{
    struct json_object *root = NULL, *map;
    struct json_object_iter member;
    const char *last = "";
    corbel_status status = read_weight_map(path, &root, &map, err);
    if (status == CORBEL_OK) {
        json_object_object_foreachC(map, member)
        {
            const char *name;
            status = shard_name(member.val, path, &name, err);
            if (status != CORBEL_OK)
                break;
            if (strcmp(name, last) == 0)
                continue; /* most tensors follow one of the same shard */
            last = name;
            if (keep && !keep(user, name))
                continue;
            const struct hub_file *file = listing_find(l, name);
            if (!file) {
                status =
                    error_set(err, CORBEL_E_NOT_FOUND,
                              "%s names the shard %s, which the repo does not have", path, name);
                break;
            }
            add(s, l, file, params);
        }
    }
    json_object_put(root);
    return status;
}

void select_mark_absent(const struct listing *l, const struct cache *c, const char *commit)
{
    static const char *const *const lists[] = {config_files, tokenizer_files};
    for (size_t i = 0; i < 2; i++)
        for (const char *const *name = lists[i]; *name; name++)
            if (!listing_find(l, *name))
                cache_write_absent(c, commit, *name);
}

/* ---- without a listing ----------------------------------------------------------------------- */

static corbel_status missing(const char *folder, const char *name, corbel_error *err)
{
    return error_set(err, CORBEL_E_NOT_FOUND, "%s: %s is not in the cache", folder, name);
}

static corbel_status check_shards(const char *folder, const char *path, select_keep keep,
                                  void *user, corbel_error *err)
{
    struct json_object *root = NULL, *map;
    struct json_object_iter member;
    char shard[PATH_MAX];
    corbel_status status = read_weight_map(path, &root, &map, err);
    if (status == CORBEL_OK) {
        json_object_object_foreachC(map, member)
        {
            const char *name;
            status = shard_name(member.val, path, &name, err);
            if (status == CORBEL_OK && (!keep || keep(user, name)) &&
                (!path_join(shard, sizeof(shard), folder, name) || !file_exists(shard)))
                status = missing(folder, name, err);
            if (status != CORBEL_OK)
                break;
        }
    }
    json_object_put(root);
    return status;
}

static corbel_status check_weights(const char *folder, bool index_only, select_keep keep,
                                   void *user, corbel_error *err)
{
    char path[PATH_MAX];
    for (size_t i = 0; weight_files[i]; i++) {
        if (!path_join(path, sizeof(path), folder, weight_files[i]) || !file_exists(path))
            continue;
        return is_index(path) && !index_only ? check_shards(folder, path, keep, user, err)
                                             : CORBEL_OK;
    }
    return missing(folder, "model.safetensors (or its index, or pytorch_model.bin)", err);
}

static bool has_any(const char *folder, const char *const *names)
{
    char path[PATH_MAX];
    for (; *names; names++)
        if (path_join(path, sizeof(path), folder, *names) && file_exists(path))
            return true;
    return false;
}

corbel_status select_check_folder(const char *folder, uint32_t parts, select_keep keep, void *user,
                                  corbel_error *err)
{
    char path[PATH_MAX];
    if (!file_is_folder(folder))
        return missing(folder, "this commit", err);
    if (!path_join(path, sizeof(path), folder, "config.json") || !file_exists(path))
        return missing(folder, "config.json", err);
    if (parts == CORBEL_PULL_TOKENIZER && !has_any(folder, tokenizer_files) &&
        !has_any(folder, vocabulary_files))
        return missing(folder, "tokenizer.json", err);
    if (parts && !(parts & (CORBEL_PULL_WEIGHTS | SELECT_INDEX)))
        return CORBEL_OK;
    return check_weights(folder, parts && !(parts & CORBEL_PULL_WEIGHTS), keep, user, err);
}
