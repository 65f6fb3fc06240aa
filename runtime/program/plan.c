/* program/plan.c: a program made ready for one device.
 *
 * Kernels of the plugin first; then the host prologue, so that fusion leaves it alone; then fusion,
 * the rewrites that need the longest patterns before those that would take their parts; then
 * memory. */
#include "program/plan.h"

#include "base/error.h"
#include "program/fuse.h"
#include "program/rewrite.h"

#include <stdlib.h>

static bool fuse(struct draft *d, const struct plan_options *options)
{
    if (options->fuse_rope && !fuse_rope(d))
        return false;
    if (options->fuse_linear && !(fuse_gated(d) && fuse_linear(d) && fuse_multi(d)))
        return false;
    return !options->fuse_norm || fuse_add_norm(d);
}

/* The account of kernels outlives the draft and the old program. */
static corbel_status keep_kernels(struct plan *plan, corbel_error *err)
{
    struct arena *arena = &plan->program.arena;
    struct plan_kernel *kernels;
    if (plan->n_kernels == 0)
        return CORBEL_OK;
    kernels = arena_copy(arena, plan->kernels, plan->n_kernels * sizeof(*kernels));
    for (uint32_t i = 0; kernels && i < plan->n_kernels; i++) {
        kernels[i].name = arena_string(arena, kernels[i].name);
        if (!kernels[i].name)
            kernels = NULL;
    }
    plan->kernels = kernels;
    return kernels ? CORBEL_OK : error_memory(err, arena->used, "a plan");
}

/* The draft's operations become the plan's program. */
static corbel_status settle(struct plan *plan, const struct draft *d, corbel_error *err)
{
    struct program_op *ops = calloc((size_t)d->p->n_ops + 1, sizeof(*ops));
    if (!ops)
        return error_memory(err, d->p->n_ops * sizeof(*ops), "planning a program");
    const uint32_t n = draft_ops(d, ops, &plan->n_host_ops);
    plan->n_fused = d->p->n_ops - n - plan->n_replaced;
    const struct rewriting new = {.ops = ops, .n_ops = n};
    corbel_status status = program_rewrite(d->p, &new, &plan->program, err);
    if (status == CORBEL_OK)
        status = program_verify(&plan->program, true, err);
    if (status == CORBEL_OK)
        status = keep_kernels(plan, err);
    free(ops);
    return status;
}

corbel_status plan_create(struct plan *plan, const struct program *p,
                          const struct plan_options *options, corbel_error *err)
{
    const uint64_t alignment = options->alignment ? options->alignment : 64;
    struct draft draft = {0};
    corbel_status status;
    *plan = (struct plan){0};
    if ((alignment & (alignment - 1)) != 0 || alignment > 1u << 20)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "planning with an alignment of %llu (expected a power of two)",
                         (unsigned long long)alignment);
    status = draft_init(&draft, p, err);
    if (status != CORBEL_OK)
        goto fail;
    if (!draft_use_kernels(&draft, options, plan)) {
        status = error_memory(err, draft.arena.used, "planning a program");
        goto fail;
    }
    if (options->host_prologue)
        draft_mark_host(&draft);
    if (!fuse(&draft, options)) {
        status = error_memory(err, draft.arena.used, "planning a program");
        goto fail;
    }
    if ((status = settle(plan, &draft, err)) != CORBEL_OK ||
        (status = plan_assign_memory(plan, alignment, err)) != CORBEL_OK)
        goto fail;
    draft_finish(&draft);
    return CORBEL_OK;
fail:
    draft_finish(&draft);
    plan_finish(plan);
    return status;
}

void plan_finish(struct plan *plan)
{
    program_finish(&plan->program);
    *plan = (struct plan){0};
}
