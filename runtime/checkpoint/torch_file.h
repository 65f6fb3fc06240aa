/* checkpoint/torch_file.h: pytorch_model.bin, as torch.save writes it: zip files since torch 1.6,
 * before that a row of pickles. Nothing in them is ever executed. */
#ifndef CHECKPOINT_TORCH_FILE_H
#define CHECKPOINT_TORCH_FILE_H

#include "checkpoint/checkpoint.h"

/* As safetensors_read. Tensors are views into the mapping; those that are not in C order, or that
 * repeat elements, are copied into `arena`, equal ones once. */
corbel_status torch_file_read(const struct file_map *map, const char *name, struct arena *arena,
                              struct checkpoint_tensor **tensors, uint32_t *n_tensors,
                              corbel_error *err);

#endif
