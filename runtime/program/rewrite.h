/* program/rewrite.h: a new program from an old one: some operations kept, changed, or in another
 * order. Pruning and the planner are made of this. */
#ifndef PROGRAM_REWRITE_H
#define PROGRAM_REWRITE_H

#include "program/program.h"

/* What the new program has of operations and regions. Both speak of the values of the old one,
 * results included; operations in an order in which they can be computed, regions of ranges of
 * these operations. */
struct rewriting {
    const struct program_op *ops;
    const struct program_region *regions;
    uint32_t n_ops, n_regions;
};

/* Values that are not used are left behind; the rest is numbered anew: first what is declared, in
 * its old order, then results. Outputs, caches and kernels stay. `to` is initialised here, and
 * finished by the caller also on failure. */
corbel_status program_rewrite(const struct program *from, const struct rewriting *new,
                              struct program *to, corbel_error *err);

#endif
