/* program/plan.h: a program made ready for one device: fused, ordered, and given memory.
 *
 * The planner puts kernels of the plugin in the place of what they compute, where the device runs
 * them, rewrites the rest (fusion), moves to a host prologue every operation that depends
 * only on inputs and constants (tables of positions, indices of tokens: integers never reach a
 * GPU, except embedding ids), finds views (reshape, and slices that are contiguous), and assigns
 * every other result a range of one arena by liveness. */
#ifndef PROGRAM_PLAN_H
#define PROGRAM_PLAN_H

#include "program/program.h"

/* Why a device can't run the kernel in this place, a phrase that lives as long as the device; NULL:
 * it can. */
typedef const char *(*plan_kernel_check)(void *user, const struct program *p,
                                         const struct program_region *region,
                                         const struct program_kernel *kernel);

struct plan_options {
    bool fuse_linear;   /* bias, activation, residual into linear; gate with up; q with k and v */
    bool fuse_norm;     /* residual add into the norm that follows */
    bool fuse_rope;     /* rope of q and k into attention */
    bool host_prologue; /* false on the CPU, where there is nothing to move */
    uint64_t alignment; /* of results in the arena, bytes; a power of two */
    plan_kernel_check refuse_kernel; /* NULL: no kernels of plugins run here */
    void *user;                      /* for refuse_kernel */
};

/* What became of a kernel's regions. */
struct plan_kernel {
    const char *name;
    uint32_t n_run, n_decomposed;
    const char *why; /* the first of those that were decomposed; NULL: this device runs none */
};

enum storage_kind {
    STORAGE_NONE,  /* unused value */
    STORAGE_BOUND, /* weight, constant, input, state: bound by the executor */
    STORAGE_ARENA, /* offset in the arena */
    STORAGE_HOST,  /* computed by the prologue, uploaded like an input */
    STORAGE_VIEW,  /* offset (bytes, aligned) into the storage of `of`: the operation that makes
                      it, of whatever kind, does nothing */
};

struct plan_storage {
    enum storage_kind kind;
    uint32_t of;     /* VIEW: a value that is no view itself */
    uint64_t offset; /* bytes */
    uint64_t size;   /* bytes, exact */
};

struct plan {
    struct program program;         /* rewritten; owned */
    struct plan_storage *storage;   /* [n_values + 1], in program.arena */
    uint32_t n_host_ops;            /* the first so many operations are the prologue */
    uint64_t arena_size;            /* bytes */
    uint64_t naive_size;            /* what it would be without reuse, for the report */
    uint32_t n_fused;               /* operations that fusion took away */
    struct plan_kernel *kernels;    /* [n_kernels], in program.arena */
    uint32_t n_kernels, n_replaced; /* operations that kernels took away */
};

corbel_status plan_create(struct plan *plan, const struct program *p,
                          const struct plan_options *options, corbel_error *err);
void plan_finish(struct plan *plan);
/* Text, dot or JSON of the planned program, with memory and fusions. */
void plan_print(const struct plan *plan, corbel_program_format format, const char *device,
                struct text *out);

#endif
