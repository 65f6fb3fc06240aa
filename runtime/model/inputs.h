/* model/inputs.h: what a caller passes to a call, checked and converted. */
#ifndef MODEL_INPUTS_H
#define MODEL_INPUTS_H

#include "model/session.h"

#define INPUTS_MAX 8

/* The batch of a call: token inputs as [batch, sequence], others by name. Data stays the caller's.
 */
struct inputs {
    const corbel_tensor *ids, *mask, *positions, *types; /* NULL: not given */
    const corbel_tensor *others[INPUTS_MAX];
    uint32_t n_others;
    int64_t batch, sequence; /* of ids; sequence is 0 without ids */
};

/* Sorts and checks: ranks, equal shapes, integer dtypes, no name twice. */
corbel_status inputs_read(struct inputs *in, const corbel_tensor *tensors, size_t n_tensors,
                          corbel_error *err);

/* Element [row, column] of an I32 or I64 tensor of rank 2. */
int64_t inputs_at(const corbel_tensor *t, int64_t row, int64_t column);

/* Trace inputs of the others (pixel_values: F32). */
uint32_t inputs_trace(const struct inputs *in, struct trace_input out[INPUTS_MAX]);
/* Copies the others into the executable's memory, converted. */
corbel_status inputs_fill_others(const struct inputs *in, const struct step *step,
                                 corbel_error *err);

/* Refuses indices, written into the step, that would leave an embedding's table: the message names
 * input, place, value. */
corbel_status inputs_check_indices(const struct step *step, corbel_error *err);

#endif
