/* hub/listing.c: see listing.h. */
#include "hub/listing.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = 200000, MAX_SAVED = 128 << 20 };

void listing_finish(struct listing *l)
{
    free(l->files);
    arena_finish(&l->arena);
    *l = (struct listing){.files = NULL};
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct hub_file *)a)->path, ((const struct hub_file *)b)->path);
}

corbel_status listing_sort(struct listing *l, corbel_error *err)
{
    if (l->n_files > 0)
        qsort(l->files, l->n_files, sizeof(*l->files), by_path);
    for (size_t i = 1; i < l->n_files; i++)
        if (strcmp(l->files[i - 1].path, l->files[i].path) == 0)
            return error_set(err, CORBEL_E_NETWORK, "the hub lists %s twice", l->files[i].path);
    return CORBEL_OK;
}

const struct hub_file *listing_find(const struct listing *l, const char *path)
{
    const struct hub_file wanted = {.path = path};
    return l->n_files ? bsearch(&wanted, l->files, l->n_files, sizeof(wanted), by_path) : NULL;
}

const char *hub_file_etag(const struct hub_file *f)
{
    return f->sha256[0] ? f->sha256 : f->blob_id;
}

static corbel_status add_file(struct listing *l, const char *path, const struct hub_file *file,
                              corbel_error *err)
{
    if (!name_is_path(path)) {
        log_line(CORBEL_LOG_WARN, "the hub lists a file whose name can't be a path here: %s", path);
        return CORBEL_OK;
    }
    if (l->n_files >= MAX_FILES)
        return error_set(err, CORBEL_E_NETWORK, "the hub lists more than %d files", MAX_FILES);
    if (l->n_files == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 64;
        struct hub_file *files = realloc(l->files, capacity * sizeof(*files));
        if (!files)
            return error_memory(err, capacity * sizeof(*files), "the list of files");
        l->files = files;
        l->capacity = capacity;
    }
    struct hub_file *f = &l->files[l->n_files];
    *f = *file;
    f->path = arena_string(&l->arena, path);
    if (!f->path)
        return error_memory(err, strlen(path), "the list of files");
    l->n_files++;
    return CORBEL_OK;
}

/* Hex of `digits` digits into `out`; absent: left empty. False if it is something else. */
static bool get_hex(struct json_object *o, const char *key, size_t digits, char *out)
{
    const char *value = NULL;
    if (json_get_string(o, key, &value, "", NULL) != CORBEL_OK)
        return false;
    if (!value)
        return true;
    if (strlen(value) != digits || strspn(value, "0123456789abcdef") != digits)
        return false;
    memcpy(out, value, digits + 1);
    return true;
}

static bool get_size(struct json_object *o, const char *key, uint64_t *out)
{
    int64_t value = -1;
    if (json_get_int(o, key, &value, "", NULL) != CORBEL_OK || value < 0)
        return false;
    *out = (uint64_t)value;
    return true;
}

/* ---- from the hub ---------------------------------------------------------------------------- */

/* {"type", "path", "size", "oid", "lfs": {"oid", "size"}, "xetHash"} */
static bool read_entry(struct json_object *o, struct hub_file *f)
{
    struct json_object *lfs = NULL;
    if (!get_size(o, "size", &f->size) || !get_hex(o, "oid", 40, f->blob_id) || !f->blob_id[0] ||
        json_get_member(o, "lfs", json_type_object, &lfs, "", NULL) != CORBEL_OK)
        return false;
    if (!get_hex(o, "xetHash", 64, f->xet_hash))
        f->xet_hash[0] = '\0';
    if (!lfs)
        return true;
    return get_hex(lfs, "oid", 64, f->sha256) && f->sha256[0] && get_size(lfs, "size", &f->size);
}

static corbel_status add_entry(struct listing *l, struct json_object *o, corbel_error *err)
{
    const char *type = NULL, *path = NULL;
    struct hub_file file = {.path = NULL};
    if (!json_object_is_type(o, json_type_object) ||
        json_get_string(o, "type", &type, "", NULL) != CORBEL_OK ||
        json_get_string(o, "path", &path, "", NULL) != CORBEL_OK || !type || !path)
        return error_set(err, CORBEL_E_NETWORK, "the hub's list of files: no type and path");
    if (strcmp(type, "file") != 0)
        return CORBEL_OK;
    if (!read_entry(o, &file))
        return error_set(err, CORBEL_E_NETWORK,
                         "the hub's list of files: %s: no sound size and digest", path);
    return add_file(l, path, &file, err);
}

corbel_status listing_add_page(struct listing *l, const char *json, size_t size, corbel_error *err)
{
    struct json_object *root = NULL;
    corbel_error fault;
    if (json_parse(json, size, JSON_DATA, "the hub's list of files", &root, &fault) != CORBEL_OK)
        return error_set(err, CORBEL_E_NETWORK, "%s", fault.text);
    corbel_status status = CORBEL_OK;
    if (!json_object_is_type(root, json_type_array))
        status = error_set(err, CORBEL_E_NETWORK, "the hub's list of files is no list");
    const size_t n = status == CORBEL_OK ? json_object_array_length(root) : 0;
    for (size_t i = 0; i < n && status == CORBEL_OK; i++)
        status = add_entry(l, json_object_array_get_idx(root, i), err);
    json_object_put(root);
    return status;
}

/* ---- in the cache ---------------------------------------------------------------------------- */

static bool tree_path(const struct cache *c, const char *commit, char *out, size_t size)
{
    const int n = snprintf(out, size, "%s/trees/%s.json", c->repo, commit);
    return n >= 0 && (size_t)n < size;
}

/* {"size", "blob_id"[, "lfs_sha256", "lfs_size"][, "xet_hash"]} */
static bool read_saved(struct json_object *o, struct hub_file *f)
{
    if (!json_object_is_type(o, json_type_object) || !get_size(o, "size", &f->size) ||
        !get_hex(o, "blob_id", 40, f->blob_id) || !f->blob_id[0] ||
        !get_hex(o, "lfs_sha256", 64, f->sha256) || !get_hex(o, "xet_hash", 64, f->xet_hash))
        return false;
    return !f->sha256[0] || get_size(o, "lfs_size", &f->size);
}

static bool read_files(struct listing *l, struct json_object *root)
{
    struct json_object *files = NULL;
    int64_t version = 0;
    if (!json_object_is_type(root, json_type_object) ||
        json_get_int(root, "format_version", &version, "", NULL) != CORBEL_OK || version != 1 ||
        json_get_member(root, "files", json_type_object, &files, "", NULL) != CORBEL_OK || !files)
        return false;
    struct json_object_iter member;
    json_object_object_foreachC(files, member)
    {
        struct hub_file file = {.path = NULL};
        if (!read_saved(member.val, &file) || add_file(l, member.key, &file, NULL) != CORBEL_OK)
            return false;
    }
    return listing_sort(l, NULL) == CORBEL_OK;
}

bool listing_load(struct listing *l, const struct cache *c, const char *commit)
{
    char path[PATH_MAX];
    struct json_object *root = NULL;
    *l = (struct listing){.files = NULL};
    if (!tree_path(c, commit, path, sizeof(path)) ||
        json_load(path, MAX_SAVED, JSON_DATA, &root, NULL) != CORBEL_OK)
        return false;
    const bool sound = read_files(l, root);
    json_object_put(root);
    if (!sound) {
        log_line(CORBEL_LOG_INFO, "%s: not a list of files that can be used here", path);
        listing_finish(l);
    }
    return sound;
}

void listing_save(const struct listing *l, const struct cache *c, const char *commit)
{
    char path[PATH_MAX];
    struct text t = {0};
    text_append(&t, "{\n \"format_version\": 1,\n \"files\": {");
    for (size_t i = 0; i < l->n_files; i++) {
        const struct hub_file *f = &l->files[i];
        text_append(&t, i ? ",\n  " : "\n  ");
        text_append_json_string(&t, f->path, strlen(f->path));
        text_format(&t, ": {\"size\": %llu, \"blob_id\": \"%s\"", (unsigned long long)f->size,
                    f->blob_id);
        if (f->sha256[0])
            text_format(&t, ", \"lfs_sha256\": \"%s\", \"lfs_size\": %llu", f->sha256,
                        (unsigned long long)f->size);
        if (f->xet_hash[0])
            text_format(&t, ", \"xet_hash\": \"%s\"", f->xet_hash);
        text_append(&t, "}");
    }
    text_append(&t, "\n }\n}");
    if (!t.failed && tree_path(c, commit, path, sizeof(path))) {
        *strrchr(path, '/') = '\0';
        if (cache_make_folders(path, NULL) == CORBEL_OK && tree_path(c, commit, path, sizeof(path)))
            file_write(path, t.data, t.size, NULL);
    }
    text_finish(&t);
}
