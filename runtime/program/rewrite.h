/* program/rewrite.h: a new program from an old one: some operations kept, changed, or in another
 * order. Pruning and the planner are made of this. */
#ifndef PROGRAM_REWRITE_H
#define PROGRAM_REWRITE_H

#include "program/program.h"

/* `ops` speak of the values of `from`, results included, in an order in which they can be
 * computed. Values that are not used are left behind; the rest is numbered anew: first what is
 * declared, in its old order, then results. Outputs and caches stay. `to` is initialised here, and
 * finished by the caller also on failure. */
corbel_status program_rewrite(const struct program *from, const struct program_op *ops,
                              uint32_t n_ops, struct program *to, corbel_error *err);

#endif
