/* program/extract.c: one region as a program of its own, for tests of a kernel. */
#include "program/program.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

/* Where each value of the whole program is in the one that is being made. */
struct extract {
    const struct program *p;
    const struct program_region *region;
    struct program *to;
    uint32_t *id; /* [p->n_values + 1] */
};

static corbel_status add_inputs(struct extract *x, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < x->region->n_in && status == CORBEL_OK; i++) {
        const uint32_t id = x->region->in[i];
        struct program_value v = x->p->values[id];
        char name[16];
        if (id == 0 || x->id[id] != 0)
            continue;
        snprintf(name, sizeof name, "in.%u", i);
        v.kind = VALUE_INPUT;
        v.name = name;
        v.data = NULL;
        if (v.dtype != CORBEL_I32)
            v.dtype = CORBEL_F32;
        status = program_add_value(x->to, &v, &x->id[id], err);
    }
    return status;
}

/* What the decomposition reads without being told: only constants are the same everywhere. */
static corbel_status add_constant(struct extract *x, uint32_t id, corbel_error *err)
{
    if (x->p->values[id].kind != VALUE_CONSTANT)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "kernel %s: its decomposition reads value %u, which is none of its inputs",
                         x->region->kernel, id);
    return program_add_value(x->to, &x->p->values[id], &x->id[id], err);
}

static corbel_status copy_op(struct extract *x, const struct program_op *op, corbel_error *err)
{
    struct program_op copy = *op;
    uint32_t out[PROGRAM_MAX_OUTPUTS] = {0};
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < op->n_in && status == CORBEL_OK; i++) {
        if (op->in[i] != 0 && x->id[op->in[i]] == 0)
            status = add_constant(x, op->in[i], err);
        copy.in[i] = x->id[op->in[i]];
    }
    if (status == CORBEL_OK)
        status = program_emit(x->to, &copy, out, err);
    for (uint32_t i = 0; i < op->n_out; i++)
        x->id[op->out[i]] = out[i];
    return status;
}

static corbel_status add_region(struct extract *x, corbel_error *err)
{
    struct program_region region = *x->region;
    for (uint32_t i = 0; i < region.n_in; i++)
        region.in[i] = x->id[region.in[i]];
    region.begin = 0;
    region.end = x->to->n_ops;
    region.out = x->id[region.out];
    corbel_status status = program_add_region(x->to, &region, err);
    if (status == CORBEL_OK)
        status = program_add_output(x->to, "out", region.out, err);
    return status;
}

corbel_status program_extract_region(const struct program *p, uint32_t i, struct program *alone,
                                     corbel_error *err)
{
    struct extract x = {.p = p, .region = &p->regions[i], .to = alone};
    corbel_status status;
    program_init(alone);
    alone->kernels = p->kernels;
    alone->n_kernels = p->n_kernels;
    x.id = calloc((size_t)p->n_values + 1, sizeof(*x.id));
    if (!x.id)
        return error_memory(err, p->n_values * sizeof(*x.id), "a kernel's program");
    status = add_inputs(&x, err);
    for (uint32_t op = x.region->begin; op < x.region->end && status == CORBEL_OK; op++)
        status = copy_op(&x, &p->ops[op], err);
    if (status == CORBEL_OK)
        status = add_region(&x, err);
    if (status == CORBEL_OK)
        status = program_verify(alone, false, err);
    free(x.id);
    return status;
}
