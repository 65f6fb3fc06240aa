/* checkpoint/shard_index.h: model.safetensors.index.json and pytorch_model.bin.index.json. */
#ifndef CHECKPOINT_SHARD_INDEX_H
#define CHECKPOINT_SHARD_INDEX_H

#include "checkpoint/checkpoint.h"

#include "base/json.h"

struct shard_index {
    struct json_object *root, *weight_map;
    const char *name;   /* of the index file, within the folder */
    const char **files; /* every shard once, sorted; names are bare */
    uint32_t n_files;
    uint32_t n_elsewhere; /* tensors whose shards are no longer in `files` */
};

/* Reads dir/name; `files` lies in `arena`, the names in it live as long as the index. */
corbel_status shard_index_load(struct shard_index *x, const char *dir, const char *name,
                               struct arena *arena, corbel_error *err);
/* For fuzzing and tests: the same from memory. */
corbel_status shard_index_parse(struct shard_index *x, const char *data, size_t size,
                                const char *name, struct arena *arena, corbel_error *err);
void shard_index_finish(struct shard_index *x);

/* Leaves in x->files only the shards that `keep` wants. */
void shard_index_keep(struct shard_index *x, checkpoint_keep keep, void *user);

/* Map and shards agree: every tensor of the map is in its shard, if that is among x->files, and no
 * shard has others. */
corbel_status shard_index_check(const struct shard_index *x, const struct checkpoint *c,
                                corbel_error *err);

#endif
