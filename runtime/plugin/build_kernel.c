/* build_kernel.c: see build_kernel.h. */
#include "plugin/build_kernel.h"

#include <string.h>

/* What the kernel's launch says; false: it failed, or declines. */
static bool ask(struct build *b, const corbel_kernel *kernel, const corbel_op *op, corbel_value out,
                corbel_launch *launch)
{
    *launch = (corbel_launch){.struct_size = sizeof(*launch),
                              .n_elements = value_count(&b->program->values[out.id])};
    b->launching = kernel->name;
    kernel->launch(&b->base, op, out, launch);
    b->launching = NULL;
    return !b->status && (launch->grid[0] || launch->grid[1] || launch->grid[2]);
}

static bool read_grid(struct build *b, const corbel_kernel *kernel, const corbel_launch *launch,
                      struct program_launch *ours)
{
    for (int i = 0; i < 3; i++) {
        if (launch->grid[i] < 1 || launch->grid[i] > PROGRAM_MAX_GRID) {
            build_fail(b, CORBEL_E_PROGRAM,
                       "kernel %s: a grid of %lld x %lld x %lld workgroups (each 1 to %d)",
                       kernel->name, (long long)launch->grid[0], (long long)launch->grid[1],
                       (long long)launch->grid[2], PROGRAM_MAX_GRID);
            return false;
        }
        ours->grid[i] = (uint32_t)launch->grid[i];
    }
    return true;
}

static bool read_push(struct build *b, const corbel_kernel *kernel, const corbel_launch *launch,
                      struct program_launch *ours)
{
    if (launch->n_push > PROGRAM_MAX_PUSH || launch->n_push * 4 != kernel->push_size) {
        build_fail(b, CORBEL_E_PROGRAM,
                   "kernel %s: %u push constants of 4 bytes; its shader takes %u bytes",
                   kernel->name, launch->n_push, kernel->push_size);
        return false;
    }
    ours->n_push = launch->n_push;
    for (uint32_t i = 0; i < launch->n_push; i++) {
        const corbel_push *p = &launch->push[i];

        if (p->kind != CORBEL_ATTR_INT && p->kind != CORBEL_ATTR_FLOAT) {
            build_fail(b, CORBEL_E_PROGRAM, "kernel %s: push constant %u of kind %d", kernel->name,
                       i, p->kind);
            return false;
        }
        ours->push[i] = (struct program_push){p->word, p->kind == CORBEL_ATTR_FLOAT};
    }
    return true;
}

void build_launch(struct build *b, const corbel_kernel *kernel, const corbel_op *op, uint32_t begin,
                  corbel_value out)
{
    struct program_region region = {
        .kernel = kernel->name, .begin = begin, .end = b->program->n_ops, .out = out.id};
    corbel_status status;
    corbel_launch launch;
    corbel_error err;

    if (b->status || !kernel->launch || !ask(b, kernel, op, out, &launch))
        return;
    if (op->n_in + 1 != kernel->n_buffers) {
        build_fail(b, CORBEL_E_PROGRAM, "kernel %s: %u inputs and a result; it has %u buffers",
                   kernel->name, op->n_in, kernel->n_buffers);
        return;
    }
    region.n_in = op->n_in;
    for (uint32_t i = 0; i < op->n_in; i++)
        region.in[i] = op->in[i].id;
    if (!read_grid(b, kernel, &launch, &region.launch) ||
        !read_push(b, kernel, &launch, &region.launch))
        return;
    status = program_add_region(b->program, &region, &err);
    if (status) {
        b->module.size = 0; /* the sentence names it */
        build_fail(b, status, "%s", err.text);
    }
}

/* No kernel changes a state, keeps keys and values, or makes integers. */
static bool is_replaceable(const struct build *b, corbel_value out)
{
    const struct program_op *last = &b->program->ops[b->program->n_ops - 1];

    return out.id != 0 && b->program->values[out.id].dtype == CORBEL_F32 &&
           !(last->kind == OP_ATTENTION && program_op_int(last, ATTR_CACHE, -1) >= 0);
}

void build_launch_override(struct build *b, const corbel_op *op, uint32_t begin, corbel_value out)
{
    const corbel_kernel *kernel = descriptor_kernel(b->plugin, op->name);

    if (kernel && (kernel->flags & CORBEL_KERNEL_OVERRIDE) && op->n_in + 1 == kernel->n_buffers &&
        is_replaceable(b, out))
        build_launch(b, kernel, op, begin, out);
}
