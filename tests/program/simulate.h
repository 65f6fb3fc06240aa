/* simulate.h: executes programs on symbols instead of numbers.
 *
 * Every value is a hash of how it was computed, so that two programs that give equal hashes compute
 * the same thing. A fused operation is evaluated as what it stands for. For a plan the memory is
 * simulated as well: each read checks that nothing has been written over the value since. */
#ifndef SIMULATE_H
#define SIMULATE_H

#include "program/plan.h"

/* hashes[n_outputs], in the order of the outputs. */
void simulate_program(const struct program *p, uint64_t *hashes);
/* Also fails the test if a live value is overwritten, misaligned or outside of the arena. */
void simulate_plan(const struct plan *plan, uint64_t alignment, uint64_t *hashes);

#endif
