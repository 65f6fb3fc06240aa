/* checkpoint/checkpoint.c: which files hold the weights of a folder, and all their tensors. */
#include "checkpoint/checkpoint.h"

#include "base/error.h"
#include "checkpoint/folder.h"
#include "checkpoint/shard_index.h"
#include "checkpoint/torch_file.h"

#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
    const struct checkpoint_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The tensors of one file, before they are put together with the others'. */
struct part {
    struct checkpoint_tensor *tensors;
    uint32_t n;
};

static corbel_status read_file(struct checkpoint *c, uint32_t file, const char *dir,
                               const char *origin, struct part *part, corbel_error *err)
{
    struct checkpoint_file *f = &c->files[file];
    corbel_status status = folder_map(dir, f->name, origin, &f->map, err);
    if (status == CORBEL_OK)
        status = (c->pickled ? torch_file_read : safetensors_read)(&f->map, f->name, &c->arena,
                                                                   &part->tensors, &part->n, err);
    return status;
}

static corbel_status join_parts(struct checkpoint *c, const struct part *parts, corbel_error *err)
{
    size_t n = 0;
    for (uint32_t i = 0; i < c->n_files; i++)
        n += parts[i].n;
    if (n <= UINT32_MAX)
        c->tensors = arena_array(&c->arena, n ? n : 1, sizeof(*c->tensors));
    if (!c->tensors)
        return error_memory(err, n * sizeof(*c->tensors), "the list of tensors");

    for (uint32_t i = 0; i < c->n_files; i++) {
        for (uint32_t k = 0; k < parts[i].n; k++) {
            struct checkpoint_tensor *t = &c->tensors[c->n_tensors++];
            *t = parts[i].tensors[k];
            t->file = i;
        }
    }
    qsort(c->tensors, c->n_tensors, sizeof(*c->tensors), compare_names);
    for (uint32_t i = 1; i < c->n_tensors; i++) {
        const struct checkpoint_tensor *t = &c->tensors[i], *before = t - 1;
        if (strcmp(before->name, t->name) == 0)
            return error_set(err, CORBEL_E_FORMAT, "tensor \"%.200s\" is in %s and in %s", t->name,
                             c->files[before->file].name, c->files[t->file].name);
    }
    return CORBEL_OK;
}

/* Reads c->files; `origin` is the file that names them. */
static corbel_status read_files(struct checkpoint *c, const char *dir, const char *origin,
                                corbel_error *err)
{
    struct part *parts = calloc(c->n_files ? c->n_files : 1, sizeof(*parts));
    if (!parts)
        return error_memory(err, c->n_files * sizeof(*parts), origin);
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < c->n_files && status == CORBEL_OK; i++)
        status = read_file(c, i, dir, origin, &parts[i], err);
    if (status == CORBEL_OK)
        status = join_parts(c, parts, err);
    free(parts);
    return status;
}

static corbel_status name_files(struct checkpoint *c, const char *const *names, uint32_t n,
                                corbel_error *err)
{
    c->files = arena_array(&c->arena, n ? n : 1, sizeof(*c->files));
    if (!c->files)
        return error_memory(err, n * sizeof(*c->files), "the list of files");
    for (; c->n_files < n; c->n_files++) {
        const char *name = arena_string(&c->arena, names[c->n_files]);
        if (!name)
            return error_memory(err, strlen(names[c->n_files]), names[c->n_files]);
        c->files[c->n_files] = (struct checkpoint_file){.name = name, .map.fd = -1};
    }
    return CORBEL_OK;
}

/* ---- ways in --------------------------------------------------------------------------------- */

static corbel_status open_one(struct checkpoint *c, const char *dir, const char *name,
                              checkpoint_keep keep, void *user, corbel_error *err)
{
    (void)keep;
    (void)user;
    corbel_status status = name_files(c, &name, 1, err);
    if (status == CORBEL_OK)
        status = read_files(c, dir, name, err);
    return status;
}

static corbel_status open_sharded(struct checkpoint *c, const char *dir, const char *name,
                                  checkpoint_keep keep, void *user, corbel_error *err)
{
    struct shard_index index;
    corbel_status status = shard_index_load(&index, dir, name, &c->arena, err);
    if (status == CORBEL_OK && keep)
        shard_index_keep(&index, keep, user);
    if (status == CORBEL_OK)
        status = name_files(c, index.files, index.n_files, err);
    if (status == CORBEL_OK)
        status = read_files(c, dir, name, err);
    if (status == CORBEL_OK)
        status = shard_index_check(&index, c, err);
    c->n_elsewhere = index.n_elsewhere;
    shard_index_finish(&index);
    return status;
}

corbel_status checkpoint_open(struct checkpoint *c, const char *dir, corbel_error *err)
{
    return checkpoint_open_some(c, dir, NULL, NULL, err);
}

corbel_status checkpoint_open_some(struct checkpoint *c, const char *dir, checkpoint_keep keep,
                                   void *user, corbel_error *err)
{
    /* The order of transformers. The first that is there decides: what is wrong with it is never
     * hidden by falling back to another. */
    static const struct {
        const char *name;
        corbel_status (*open)(struct checkpoint *c, const char *dir, const char *name,
                              checkpoint_keep keep, void *user, corbel_error *err);
        bool pickled;
    } ways[] = {
        {"model.safetensors", open_one, false},
        {"model.safetensors.index.json", open_sharded, false},
        {"pytorch_model.bin", open_one, true},
        {"pytorch_model.bin.index.json", open_sharded, true},
    };
    *c = (struct checkpoint){0};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (!folder_has(dir, ways[i].name))
            continue;
        c->pickled = ways[i].pickled;
        const corbel_status status = ways[i].open(c, dir, ways[i].name, keep, user, err);
        if (status != CORBEL_OK) {
            error_prefix(err, status, "%s", dir);
            checkpoint_close(c);
        }
        return status;
    }
    return error_set(err, CORBEL_E_NOT_FOUND,
                     "%s: no weights: expected model.safetensors, model.safetensors.index.json, "
                     "pytorch_model.bin or pytorch_model.bin.index.json",
                     dir);
}

void checkpoint_close(struct checkpoint *c)
{
    for (uint32_t i = 0; i < c->n_files; i++)
        file_map_close(&c->files[i].map);
    arena_finish(&c->arena);
    *c = (struct checkpoint){0};
}

const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *c, const char *name)
{
    const struct checkpoint_tensor key = {.name = name};
    if (c->n_tensors == 0)
        return NULL;
    return bsearch(&key, c->tensors, c->n_tensors, sizeof(*c->tensors), compare_names);
}
