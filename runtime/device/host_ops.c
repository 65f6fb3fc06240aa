/* device/host_ops.c: one operation on the host, for the prologue of other devices: the CPU
 * device's kernels with a lone worker. */
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <stdlib.h>

static corbel_status run_alone(const struct cpu_context *c, const struct cpu_op *op,
                               corbel_error *err)
{
    const size_t shared = (c->shared + 63) / 64 * 64, local = (c->local + 63) / 64 * 64;
    char *scratch = aligned_alloc(64, shared + local + 64);
    atomic_int fault = CPU_FAULT_NONE;
    struct cpu_worker w = {.count = 1, .fault = &fault};

    if (!scratch)
        return error_memory(err, shared + local, "an operation's scratch memory");
    w.shared = scratch;
    w.local = scratch + shared;
    op->run(op->params, &w);
    free(scratch);
    if (atomic_load(&fault) == CPU_FAULT_INDEX)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "an index (a token id, a position) is outside of its table");
    return CORBEL_OK;
}

corbel_status host_op_run(const struct program *p, const struct program_op *op, void *const *values,
                          corbel_error *err)
{
    struct arena arena = {0};
    struct cpu_context c = {
        .program = p,
        .values = values,
        .kernels = cpu_kernels_get(cpu_tier_default()),
        .threads = 1,
        .arena = &arena,
    };
    struct cpu_op prepared;
    corbel_status status;

    arena_init(&arena, 0);
    status = cpu_op_prepare(&c, op, &prepared, err);
    if (status == CORBEL_OK)
        status = run_alone(&c, &prepared, err);
    arena_finish(&arena);
    return status;
}
