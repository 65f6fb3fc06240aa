/* checkpoint/shard_index.c: which tensor lies in which file, and that it is so. */
#include "checkpoint/shard_index.h"

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/folder.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_INDEX = 64 << 20, MOST_SHARDS = 4096 };

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The shard of a member of weight_map, or NULL if it is none. */
static const char *shard_name(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return NULL;
    const char *name = json_object_get_string(value);
    return folder_name_is_bare(name) ? name : NULL;
}

static corbel_status list_files(struct shard_index *x, struct arena *arena, corbel_error *err)
{
    const size_t n = (size_t)json_object_object_length(x->weight_map);
    x->files = arena_array(arena, n, sizeof(*x->files));
    if (!x->files)
        return error_memory(err, n * sizeof(*x->files), x->name);

    size_t n_names = 0;
    struct json_object_iter member;
    json_object_object_foreachC(x->weight_map, member)
    {
        const char *name = shard_name(member.val);
        if (!name)
            return error_set(err, CORBEL_E_FORMAT,
                             "%s: weight_map: \"%.200s\": expected the name of a file in the same "
                             "folder, found %.300s",
                             x->name, member.key, json_describe(member.val));
        x->files[n_names++] = name;
    }
    qsort(x->files, n_names, sizeof(*x->files), compare_strings);
    for (size_t i = 0; i < n_names; i++)
        if (x->n_files == 0 || strcmp(x->files[x->n_files - 1], x->files[i]) != 0)
            x->files[x->n_files++] = x->files[i];
    if (x->n_files == 0 || x->n_files > MOST_SHARDS)
        return error_set(err, CORBEL_E_FORMAT, "%s: weight_map names %u files, expected 1 to %d",
                         x->name, x->n_files, MOST_SHARDS);
    return CORBEL_OK;
}

static corbel_status read_root(struct shard_index *x, struct arena *arena, corbel_error *err)
{
    if (!json_object_is_type(x->root, json_type_object))
        return error_set(err, CORBEL_E_FORMAT, "%s: expected an object, found %s", x->name,
                         json_describe(x->root));
    const corbel_status status =
        json_get_member(x->root, "weight_map", json_type_object, &x->weight_map, x->name, err);
    if (status != CORBEL_OK)
        return status;
    if (!x->weight_map)
        return error_set(err, CORBEL_E_FORMAT, "%s: weight_map is missing", x->name);
    return list_files(x, arena, err);
}

corbel_status shard_index_parse(struct shard_index *x, const char *data, size_t size,
                                const char *name, struct arena *arena, corbel_error *err)
{
    *x = (struct shard_index){.name = name};
    corbel_status status = json_parse(data, size, JSON_SECURITY, name, &x->root, err);
    if (status == CORBEL_OK)
        status = read_root(x, arena, err);
    if (status != CORBEL_OK)
        shard_index_finish(x);
    return status;
}

corbel_status shard_index_load(struct shard_index *x, const char *dir, const char *name,
                               struct arena *arena, corbel_error *err)
{
    struct file_map map;
    *x = (struct shard_index){.name = name};
    corbel_status status = folder_map(dir, name, name, &map, err);
    if (status != CORBEL_OK)
        return status;
    if (map.size > LARGEST_INDEX)
        status = error_set(err, CORBEL_E_FORMAT, "%s: %zu bytes, at most %d are read", name,
                           map.size, LARGEST_INDEX);
    else
        status = shard_index_parse(x, (const char *)map.data, map.size, name, arena, err);
    file_map_close(&map);
    return status;
}

void shard_index_finish(struct shard_index *x)
{
    json_object_put(x->root);
    *x = (struct shard_index){0};
}

static bool has_shard(const struct shard_index *x, const char *name)
{
    return x->n_files > 0 &&
           bsearch(&name, x->files, x->n_files, sizeof(*x->files), compare_strings) != NULL;
}

void shard_index_keep(struct shard_index *x, checkpoint_keep keep, void *user)
{
    struct json_object_iter member;
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->n_files; i++)
        if (keep(user, x->files[i]))
            x->files[n++] = x->files[i];
    x->n_files = n;
    json_object_object_foreachC(x->weight_map, member)
    {
        x->n_elsewhere += !has_shard(x, json_object_get_string(member.val));
    }
}

/* ---- against the shards ------------------------------------------------------------------------
 */

/* The sum is advisory: it is wrong in files that people use. */
static void compare_total(const struct shard_index *x, const struct checkpoint *c)
{
    struct json_object *metadata = NULL;
    int64_t claimed = -1;
    uint64_t total = 0;
    json_object_object_get_ex(x->root, "metadata", &metadata);
    if (!json_object_is_type(metadata, json_type_object) ||
        json_get_int(metadata, "total_size", &claimed, x->name, NULL) != CORBEL_OK || claimed < 0)
        return;
    for (uint32_t i = 0; i < c->n_tensors; i++)
        total += c->tensors[i].size;
    if ((uint64_t)claimed != total)
        log_line(CORBEL_LOG_WARN,
                 "%s: metadata.total_size is %" PRId64 ", the shards hold %" PRIu64 " bytes",
                 x->name, claimed, total);
}

static const char *mapped_shard(const struct shard_index *x, const char *tensor)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(x->weight_map, tensor, &value);
    return value ? json_object_get_string(value) : NULL;
}

corbel_status shard_index_check(const struct shard_index *x, const struct checkpoint *c,
                                corbel_error *err)
{
    for (uint32_t i = 0; i < c->n_tensors; i++) {
        const struct checkpoint_tensor *t = &c->tensors[i];
        const char *shard = c->files[t->file].name, *mapped = mapped_shard(x, t->name);
        if (!mapped)
            return error_set(err, CORBEL_E_FORMAT,
                             "%s: tensor \"%.200s\" of %s is not in weight_map", x->name, t->name,
                             shard);
        if (strcmp(mapped, shard) != 0)
            return error_set(err, CORBEL_E_FORMAT,
                             "%s: weight_map puts tensor \"%.200s\" into %s, it is in %s", x->name,
                             t->name, mapped, shard);
    }
    struct json_object_iter member;
    json_object_object_foreachC(x->weight_map, member)
    {
        if (!checkpoint_find(c, member.key) && has_shard(x, json_object_get_string(member.val)))
            return error_set(err, CORBEL_E_FORMAT, "%s: tensor \"%.200s\" is not in %s", x->name,
                             member.key, json_object_get_string(member.val));
    }
    if (x->n_elsewhere == 0)
        compare_total(x, c);
    return CORBEL_OK;
}
