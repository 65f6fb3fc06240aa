/* program/plan_host.c: what the host computes before the device begins.
 *
 * Positions, masks and tables of angles depend only on a step's inputs. They are small, full of
 * integers, and needed by the first operations: the host computes them while the device still
 * waits, and uploads the results like inputs. */
#include "program/fuse.h"

/* Not there, whatever it reads: it has effects, or is what a device is for. */
static bool belongs_to_device(enum program_op_kind kind)
{
    return kind == OP_ATTENTION || kind == OP_ASSIGN || kind == OP_CUSTOM || kind == OP_LINEAR ||
           kind == OP_MATMUL || kind == OP_CONV;
}

static bool is_on_host(const struct draft *d, uint32_t id)
{
    const struct program_value *v = &d->p->values[id];
    switch (v->kind) {
    case VALUE_CONSTANT:
    case VALUE_INPUT: return true;
    case VALUE_RESULT: return d->host[d->producer[id]];
    default: return id == 0; /* an input that is not given */
    }
}

void draft_mark_host(struct draft *d)
{
    for (uint32_t i = 0; i < d->p->n_ops; i++) {
        const struct program_op *op = &d->ops[i];
        d->host[i] = !d->gone[i] && !belongs_to_device(op->kind);
        for (uint32_t j = 0; j < op->n_in; j++)
            d->host[i] = d->host[i] && is_on_host(d, op->in[j]);
    }
}
