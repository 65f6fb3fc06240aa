/* checkpoint/checkpoint.h: the weights of a model folder, by name, without copying them.
 *
 * Order of search as in transformers: model.safetensors, model.safetensors.index.json,
 * pytorch_model.bin, pytorch_model.bin.index.json. Files are mapped; a tensor is a view into the
 * mapping (of a pickle: a copy, if it is not in C order there) and lives as long as the checkpoint.
 * Every rule of refusal of specs.md 4 to 6 holds before a view is handed out. */
#ifndef CHECKPOINT_CHECKPOINT_H
#define CHECKPOINT_CHECKPOINT_H

#include "base/arena.h"
#include "base/file.h"
#include "corbel/corbel.h"

struct checkpoint_tensor {
    const char *name;
    int32_t dtype;
    uint32_t rank;
    int64_t shape[16];
    const void *data; /* may be unaligned; NULL when size is 0 */
    uint64_t size;    /* bytes */
    uint32_t file;    /* index into checkpoint.files */
};

struct checkpoint_file {
    const char *name; /* within the folder */
    struct file_map map;
};

struct checkpoint {
    struct arena arena;
    struct checkpoint_file *files;
    uint32_t n_files;
    struct checkpoint_tensor *tensors; /* sorted by name */
    uint32_t n_tensors;
    uint32_t n_elsewhere; /* tensors of the index that are in shards that were not wanted */
    bool pickled;         /* came from pytorch_model.bin */
};

corbel_status checkpoint_open(struct checkpoint *c, const char *dir, corbel_error *err);
/* The same without the shards that `keep` (NULL: all are wanted) does not want: they need not be
 * there, and what the index says is in them is not looked for. */
typedef bool (*checkpoint_keep)(void *user, const char *shard);
corbel_status checkpoint_open_some(struct checkpoint *c, const char *dir, checkpoint_keep keep,
                                   void *user, corbel_error *err);
void checkpoint_close(struct checkpoint *c);
/* NULL if there is no tensor of that name. */
const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *c, const char *name);

/* One safetensors file: used by checkpoint_open, by corbel_tensors_load and by tests. Appends to
 * *tensors (an array in `arena`); `file` is set to 0. */
corbel_status safetensors_read(const struct file_map *map, const char *name, struct arena *arena,
                               struct checkpoint_tensor **tensors, uint32_t *n_tensors,
                               corbel_error *err);

/* Writes tensors in the order of the reference writer (dtype size descending, then name), header
 * padded to 8, metadata {"format": "pt"}; temporary file, fsync, rename. */
corbel_status safetensors_write(const char *path, const corbel_tensor *tensors, size_t n_tensors,
                                corbel_error *err);

/* Writes `size` bytes of tensors[tensor], from byte `offset` on, to `out`; asked in order. */
typedef corbel_status (*safetensors_source)(void *user, size_t tensor, uint64_t offset, void *out,
                                            size_t size, corbel_error *err);
/* The same for tensors that are made or read piece by piece: `data` of each is not looked at, and
 * all the memory that the file takes is one piece. */
enum { SAFETENSORS_PIECE = 4 << 20 };
corbel_status safetensors_write_pieces(const char *path, const corbel_tensor *tensors,
                                       size_t n_tensors, safetensors_source source, void *user,
                                       corbel_error *err);

#endif
