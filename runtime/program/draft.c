/* program/draft.c: the planner's working copy of a program. */
#include "program/fuse.h"

#include "base/error.h"
#include "program/shapes.h"

#include <string.h>

corbel_status draft_init(struct draft *d, const struct program *p, corbel_error *err)
{
    const size_t n = (size_t)p->n_values + 1;
    *d = (struct draft){.p = p};
    d->ops = arena_array(&d->arena, (size_t)p->n_ops + 1, sizeof(*d->ops));
    d->gone = arena_array(&d->arena, (size_t)p->n_ops + 1, sizeof(*d->gone));
    d->host = arena_array(&d->arena, (size_t)p->n_ops + 1, sizeof(*d->host));
    d->uses = arena_array(&d->arena, n, sizeof(*d->uses));
    d->user = arena_array(&d->arena, n, sizeof(*d->user));
    d->producer = arena_array(&d->arena, n, sizeof(*d->producer));
    d->is_output = arena_array(&d->arena, n, sizeof(*d->is_output));
    d->is_assigned = arena_array(&d->arena, n, sizeof(*d->is_assigned));
    if (!d->ops || !d->gone || !d->host || !d->uses || !d->user || !d->producer || !d->is_output ||
        !d->is_assigned)
        return error_memory(err, n, "planning a program");
    if (p->n_ops > 0)
        memcpy(d->ops, p->ops, p->n_ops * sizeof(*d->ops));
    for (uint32_t i = 0; i < p->n_outputs; i++)
        d->is_output[p->outputs[i].value] = true;
    for (uint32_t i = 0; i < p->n_ops; i++)
        if (p->ops[i].kind == OP_ASSIGN)
            d->is_assigned[p->ops[i].in[0]] = true;
    draft_count(d);
    return CORBEL_OK;
}

void draft_finish(struct draft *d)
{
    arena_finish(&d->arena);
}

void draft_count(struct draft *d)
{
    memset(d->uses, 0, ((size_t)d->p->n_values + 1) * sizeof(*d->uses));
    for (uint32_t i = 0; i < d->p->n_ops; i++) {
        const struct program_op *op = &d->ops[i];
        if (d->gone[i])
            continue;
        for (uint32_t j = 0; j < op->n_in; j++) {
            d->uses[op->in[j]]++;
            d->user[op->in[j]] = i;
        }
        for (uint32_t j = 0; j < op->n_out; j++)
            d->producer[op->out[j]] = i;
    }
}

uint32_t draft_ops(const struct draft *d, struct program_op *ops, uint32_t *n_host_ops)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->p->n_ops; i++)
        if (d->host[i] && !d->gone[i])
            ops[n++] = d->ops[i];
    *n_host_ops = n;
    for (uint32_t i = 0; i < d->p->n_ops; i++)
        if (!d->host[i] && !d->gone[i])
            ops[n++] = d->ops[i];
    return n;
}

bool draft_open(const struct draft *d, uint32_t i, enum program_op_kind kind)
{
    const struct program_op *op = &d->ops[i];
    if (d->gone[i] || d->host[i] || op->kind != kind)
        return false;
    for (uint32_t j = 0; j < op->n_in; j++)
        if (d->is_assigned[op->in[j]])
            return false;
    return true;
}

struct program_op *draft_maker(const struct draft *d, uint32_t id, enum program_op_kind kind)
{
    if (id == 0 || d->p->values[id].kind != VALUE_RESULT || !draft_open(d, d->producer[id], kind))
        return NULL;
    return &d->ops[d->producer[id]];
}

bool draft_sole_use(const struct draft *d, uint32_t id)
{
    return d->uses[id] == 1 && !d->is_output[id];
}

bool draft_is_leaf(const struct draft *d, uint32_t id)
{
    return d->p->values[id].kind != VALUE_RESULT && !d->is_assigned[id];
}

bool draft_same_shape(const struct draft *d, uint32_t a, uint32_t b)
{
    return shapes_equal(&d->p->values[a], &d->p->values[b]);
}
