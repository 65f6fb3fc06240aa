/* program/fuse.h: the planner's working copy of a program, and what rewrites it. */
#ifndef PROGRAM_FUSE_H
#define PROGRAM_FUSE_H

#include "program/plan.h"

/* Operations are replaced in place or marked as gone; values keep their numbers, so that a fused
 * operation simply makes the last value of what it replaces. */
struct draft {
    const struct program *p;
    struct program_op *ops; /* [p->n_ops] */
    bool *gone;             /* [p->n_ops] taken away by fusion */
    bool *host;             /* [p->n_ops] in the host prologue; left alone by fusion */
    uint32_t *uses;         /* [n_values + 1] inputs that read a value */
    uint32_t *user;         /* [n_values + 1] index of the last operation that reads it */
    uint32_t *producer;     /* [n_values + 1] where a result is made now */
    bool *is_output;        /* [n_values + 1] of the program */
    bool *is_assigned;      /* [n_values + 1] states that change within a step */
    struct arena arena;     /* owns all of this, and new attributes */
};

/* Both finish a half-made draft soundly. */
corbel_status draft_init(struct draft *d, const struct program *p, corbel_error *err);
void draft_finish(struct draft *d);
/* Counts the uses anew, after operations have gone. */
void draft_count(struct draft *d);
/* The operations that are left, the host prologue first. */
uint32_t draft_ops(const struct draft *d, struct program_op *ops, uint32_t *n_host_ops);

/* The operation that makes `id`: of this kind, live, not on the host, and reading no state that
 * changes (it might be moved past the change). NULL otherwise. */
struct program_op *draft_maker(const struct draft *d, uint32_t id, enum program_op_kind kind);
/* Is operation i of this kind and open to fusion, as above? */
bool draft_open(const struct draft *d, uint32_t i, enum program_op_kind kind);
/* Nothing reads the value but one operation: it need not exist. */
bool draft_sole_use(const struct draft *d, uint32_t id);
/* A value that is there from the start and does not change. */
bool draft_is_leaf(const struct draft *d, uint32_t id);
bool draft_same_shape(const struct draft *d, uint32_t a, uint32_t b);

/* Puts kernels of the plugin in the place of operations (program/plan_kernels.c). False: out of
 * memory. */
bool draft_use_kernels(struct draft *d, const struct plan_options *options, struct plan *plan);

/* Marks what the host can compute before the device begins (program/plan_host.c). */
void draft_mark_host(struct draft *d);

/* The rewrites. false: out of memory. */
bool fuse_rope(struct draft *d);     /* rope, rope, attention -> attention_rope */
bool fuse_gated(struct draft *d);    /* linear, activation, linear, mul -> linear_gated */
bool fuse_linear(struct draft *d);   /* linear, activation, add -> linear_fused */
bool fuse_multi(struct draft *d);    /* two or three linears of one x -> linear_multi */
bool fuse_add_norm(struct draft *d); /* add, norm -> add_rms_norm, add_layer_norm */

/* The value whose memory `id` lies in: itself, unless it is a view. */
uint32_t plan_root(const struct plan *plan, uint32_t id);
/* Storage of every value of the planned program, and the arena's size (program/plan_memory.c). */
corbel_status plan_assign_memory(struct plan *plan, uint64_t alignment, corbel_error *err);

#endif
