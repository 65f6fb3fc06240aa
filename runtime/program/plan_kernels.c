/* program/plan_kernels.c: kernels of the plugin in the place of what they compute.
 *
 * A region that the device runs becomes one operation, where its first one was; what lies within it
 * goes. Everything else stays as the plugin decomposed it. */
#include "program/fuse.h"

#include <string.h>

/* The plan's account of a kernel; NULL: out of memory. */
static struct plan_kernel *find_kernel(struct draft *d, struct plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->n_kernels; i++)
        if (strcmp(plan->kernels[i].name, name) == 0)
            return &plan->kernels[i];
    if (!plan->kernels)
        plan->kernels = arena_array(&d->arena, d->p->n_regions, sizeof(*plan->kernels));
    if (!plan->kernels)
        return NULL;
    plan->kernels[plan->n_kernels].name = name;
    return &plan->kernels[plan->n_kernels++];
}

static const char *why_not(const struct program *p, const struct program_region *r,
                           const struct plan_options *options)
{
    const struct program_kernel *k = program_kernel(p, r->kernel);
    return k ? options->refuse_kernel(options->user, p, r, k) : "its plugin is not there";
}

/* The result's sizes, which its operation states. */
static bool put_kernel(struct draft *d, const struct program_region *r)
{
    const struct program_value *out = &d->p->values[r->out];
    struct program_attr *attrs = arena_array(&d->arena, PROGRAM_MAX_RANK, sizeof(*attrs));
    struct program_op *op = &d->ops[r->begin];
    if (!attrs)
        return false;
    for (uint32_t i = 0; i < out->rank; i++)
        attrs[i] =
            (struct program_attr){.key = (enum program_attr_key)(ATTR_D0 + i), .i = out->shape[i]};
    for (uint32_t i = r->begin; i < r->end; i++)
        d->gone[i] = true;
    *op = (struct program_op){.kind = OP_CUSTOM,
                              .n_in = r->n_in,
                              .n_out = 1,
                              .n_attrs = out->rank,
                              .out = {r->out},
                              .attrs = attrs,
                              .module = op->module,
                              .custom = r->kernel,
                              .launch = &r->launch};
    memcpy(op->in, r->in, sizeof(op->in));
    d->gone[r->begin] = false;
    return true;
}

static uint32_t count_gone(const struct draft *d)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->p->n_ops; i++)
        n += d->gone[i];
    return n;
}

/* From the outermost regions inwards: their order turned around. */
bool draft_use_kernels(struct draft *d, const struct plan_options *options, struct plan *plan)
{
    uint32_t taken = UINT32_MAX; /* where the last kernel's region began */
    for (uint32_t i = d->p->n_regions; i-- > 0;) {
        const struct program_region *r = &d->p->regions[i];
        if (r->begin >= taken)
            continue; /* within it */
        struct plan_kernel *account = find_kernel(d, plan, r->kernel);
        if (!account)
            return false;
        const char *why = options->refuse_kernel ? why_not(d->p, r, options) : NULL;
        if (!options->refuse_kernel || why) {
            account->why = account->n_decomposed++ ? account->why : why;
            continue;
        }
        if (!put_kernel(d, r))
            return false;
        account->n_run++;
        taken = r->begin;
    }
    plan->n_replaced = count_gone(d);
    draft_count(d);
    return true;
}
