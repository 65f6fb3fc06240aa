/* checkpoint/torch_tensor.h: a torch tensor (storage, offset, sizes, strides) as an array in C
 * order. */
#ifndef CHECKPOINT_TORCH_TENSOR_H
#define CHECKPOINT_TORCH_TENSOR_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/pickle.h"

/* What had to be copied so far, and how many bytes more may be: a stride of 0 makes a large tensor
 * of a small file. */
struct torch_copies {
    struct arena *arena;
    uint64_t budget;
    struct torch_copy *last;
};

/* Fills all of *out but its name, which messages use. */
corbel_status torch_tensor_place(struct checkpoint_tensor *out, const struct pickle_tensor *t,
                                 struct torch_copies *copies, const char *file, corbel_error *err);

#endif
