/* checkpoint/pickle.h: a pickle of torch.save read as data.
 *
 * A pickle is a program for a small stack machine that may call anything. This machine calls
 * nothing: it builds values of a closed set, knows the opcodes that a state dict needs, and a table
 * of names (pickle_torch.c); every other opcode or name is an error that says which (specs.md 6.1).
 * Values live in an arena and may form cycles through the memo: nothing here recurses. */
#ifndef CHECKPOINT_PICKLE_H
#define CHECKPOINT_PICKLE_H

#include "base/arena.h"
#include "corbel/corbel.h"

enum { PICKLE_MAX_RANK = 16 };

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,
    PICKLE_TEXT,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_ORDERED_DICT,
    PICKLE_GLOBAL,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
};

/* A tuple, a list, or a dict as key, value, key, value. */
struct pickle_box {
    struct pickle_value *items;
    uint32_t n, capacity;
};

/* A run of elements in a storage of the file; the same key is the same storage. */
struct pickle_storage {
    const char *key;
    int32_t dtype;         /* CORBEL_DTYPE_NONE: untyped, counted in bytes */
    int64_t numel;         /* of the whole storage */
    int64_t begin, length; /* the part that this one is, in elements */
    const uint8_t *data;   /* of the whole storage; filled by torch_file.c */
};

struct pickle_tensor {
    const struct pickle_storage *storage;
    int32_t dtype;
    uint32_t rank;
    int64_t offset, size[PICKLE_MAX_RANK], stride[PICKLE_MAX_RANK];
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        int64_t integer; /* also bool */
        double real;
        const char *text; /* UTF-8 without U+0000 */
        struct pickle_box *box;
        const struct pickle_global *global;
        struct pickle_storage *storage;
        struct pickle_tensor *tensor;
    } as;
};

struct pickle {
    const uint8_t *data;
    size_t size, at; /* `at` is behind STOP after a run */
    const char *file;
    struct arena *arena;
    bool legacy; /* persistent ids have six members */
    struct pickle_storage **storages;
    size_t n_storages, storages_capacity;
    corbel_error *err;
    /* the machine's own */
    struct pickle_value *stack, *memo;
    bool *memo_set;
    size_t n_stack, stack_capacity, n_memo;
    size_t *marks;
    size_t n_marks, marks_capacity;
    uint64_t n_opcodes;
    uint8_t opcode;
};

/* Runs one pickle from p->at to its STOP. Values and storages live in p->arena. */
corbel_status pickle_run(struct pickle *p, struct pickle_value *result);
void pickle_finish(struct pickle *p); /* what is not in the arena */

/* "FILE: pickle byte N: NAME: fault": for pickle_torch.c. */
corbel_status pickle_refuse(struct pickle *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
corbel_status pickle_out_of_memory(struct pickle *p);
/* Room for one more item of `size` bytes in a list that malloc owns. */
bool pickle_grow(void **items, size_t n, size_t *capacity, size_t size);

/* pickle_torch.c: the names, what REDUCE makes of them, and persistent ids. */
corbel_status pickle_find_global(struct pickle *p, const char *module, const char *name,
                                 const struct pickle_global **global);
corbel_status pickle_reduce(struct pickle *p, const struct pickle_global *global,
                            const struct pickle_box *args, struct pickle_value *out);
corbel_status pickle_persistent(struct pickle *p, const struct pickle_box *id,
                                struct pickle_value *out);

#endif
