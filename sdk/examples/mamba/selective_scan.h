/* selective_scan.h: Mamba's recurrence, as a kernel of this plugin.
 *
 *     state[n] = exp(dt * A[n]) * state[n] + dt * B[n] * x      for every token, channel and n
 *     y        = (sum over n of state[n] * C[n] + x * D) * silu(z)
 *
 * with dt = softplus(dt), A = -exp(A_log). On the CPU it is its decomposition. */
#ifndef SELECTIVE_SCAN_H
#define SELECTIVE_SCAN_H

#include "corbel/plugin.h"

/* Shapes: B sequences of S tokens, C channels, N state_size, R time_step_rank. */
struct selective_scan {
    corbel_value x;         /* [B,S,C] */
    corbel_value dt;        /* [B,S,C], before softplus */
    corbel_value projected; /* [B,S,R+2N]: time_step, B, C */
    corbel_value gated;     /* [B,S,2C]: the second half is z */
    corbel_value A_log, D;  /* [C,N], [C] */
    corbel_value state;     /* [B,N,C], a state; what the step leaves is assigned to it */
};

/* -> y [B,S,C] */
corbel_value selective_scan(corbel_build *b, const struct selective_scan *s);

extern const corbel_kernel selective_scan_kernel;

#endif
