/* model/profile/profile.h: the time of each operation, while a model runs.
 *
 * A model has a profiler only while corbel_profile measures it; every step then goes through
 * profiled_run, which notes what the device measured. */
#ifndef MODEL_PROFILE_H
#define MODEL_PROFILE_H

#include "model/model.h"

struct profiler;

/* Runs a part of a step: executable_run, and with a profiler the times of its operations. */
corbel_status profiled_run(struct corbel_model *model, struct executable *executable,
                           const struct plan *plan, int64_t past, corbel_error *err);

/* profile_cost.c: what an operation has to do at least: floating-point operations of products, and
 * bytes that it reads and writes. 0: not derivable. */
struct cost {
    double flops, bytes;
};
struct cost cost_of(const struct program *p, const struct program_op *op, int64_t past);

/* profile.c: what was measured, for profile_report.c. */
struct profiled_op {
    const char *name, *module, *shape; /* shape: of the first result, "[1, 8, 64]" */
    uint64_t ns;                       /* of all runs together */
    struct cost cost;                  /* of all runs together */
};

/* One executable: a program for a number of tokens, on one device. */
struct profiled_part {
    const struct executable *executable;
    const char *device, *phase;
    uint32_t n_ops;
    struct profiled_op *ops;
    uint64_t *before; /* [n_ops]: what the device said before the run */
    uint64_t wall_ns; /* of all runs together, with what is between operations */
};

/* One run of a part: where the trace has it. */
struct profiled_run {
    uint32_t part;
    int64_t past;
    uint64_t begin_ns, end_ns; /* since the profile began */
    uint64_t *op_ns;           /* [n_ops of the part] */
};

struct profiler {
    struct arena arena;
    const corbel_profile_params *params;
    int64_t tokens;          /* of the prompt or pass; 0: it has pictures */
    bool generates, decodes; /* decodes: the prompt is behind it */
    bool warming;            /* nothing is noted */
    uint64_t began_ns, n_events;
    struct profiled_part *parts;
    uint32_t n_parts, parts_capacity;
    struct profiled_run *runs;
    uint32_t n_runs, runs_capacity;
};

/* profile_report.c */
void profile_report(const struct corbel_model *model, const struct profiler *profiler,
                    struct text *json);
void profile_trace(const struct corbel_model *model, const struct profiler *profiler,
                   struct text *json);

#endif
