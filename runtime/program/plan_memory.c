/* program/plan_memory.c: where every value lies.
 *
 * A result is live from the operation that makes it to the last one that reads it or a view of it;
 * results that are never live together share memory. Ranges are given out in order of time, each
 * from the smallest gap that holds it. */
#include "program/fuse.h"

#include "base/error.h"
#include "program/shapes.h"

#include <stdlib.h>
#include <string.h>

/* A range of the arena in use, until after operation `last`. */
struct range {
    uint64_t offset, end;
    uint32_t last;
};

struct layout {
    struct plan *plan;
    uint64_t alignment;
    uint32_t *last;       /* [n_values + 1] the last operation that needs the value's memory */
    bool *is_assigned;    /* [n_values + 1] states that change within a step */
    struct range *ranges; /* in use, by offset */
    uint32_t n_ranges;
};

/* ---- views --------------------------------------------------------------------------------------
 */

/* A slice of which all elements lie side by side: everything outside its axis is 1. */
static bool is_contiguous_slice(const struct program *p, const struct program_op *op,
                                uint64_t *offset)
{
    const struct program_value *x = &p->values[op->in[0]], *y = &p->values[op->out[0]];
    const int64_t axis = program_op_int(op, ATTR_AXIS, 0);
    int64_t inner = 1;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (i < axis && x->shape[i] != 1)
            return false;
        if (i > axis)
            inner *= x->shape[i];
    }
    if (program_op_int(op, ATTR_STEP, 1) != 1 && y->shape[axis] != 1)
        return false;
    *offset = (uint64_t)program_op_int(op, ATTR_START, 0) * (uint64_t)inner * 4;
    return true;
}

/* Axes of more than one element stay in their order. */
static bool keeps_order(const struct program *p, const struct program_op *op)
{
    const struct program_value *x = &p->values[op->in[0]];
    int64_t before = -1;
    for (uint32_t i = 0; i < x->rank; i++) {
        const int64_t axis = program_op_int(op, (enum program_attr_key)(ATTR_D0 + i), 0);
        if (x->shape[axis] == 1)
            continue;
        if (axis < before)
            return false;
        before = axis;
    }
    return true;
}

/* Does op only look at its input's memory in another way? *offset: bytes into it. */
static bool is_view(const struct program *p, const struct program_op *op, uint64_t *offset)
{
    *offset = 0;
    switch (op->kind) {
    case OP_RESHAPE: return true;
    case OP_SLICE: return is_contiguous_slice(p, op, offset);
    case OP_PERMUTE: return keeps_order(p, op);
    case OP_EXPAND:
        return value_count(&p->values[op->in[0]]) == value_count(&p->values[op->out[0]]);
    case OP_CAST: return p->values[op->in[0]].dtype == p->values[op->out[0]].dtype;
    default: return false;
    }
}

static bool make_view(const struct layout *l, const struct program_op *op)
{
    const struct program *p = &l->plan->program;
    struct plan_storage *storage = l->plan->storage;
    uint64_t offset;
    if (!is_view(p, op, &offset))
        return false;
    const struct plan_storage *x = &storage[op->in[0]];
    const uint32_t root = x->kind == STORAGE_VIEW ? x->of : op->in[0];
    if (x->kind == STORAGE_VIEW)
        offset += x->offset;
    /* Devices bind buffers at aligned offsets only; and a view of a state would see what is
     * assigned to it later, not what it was. */
    if (offset % l->alignment != 0 || l->is_assigned[root])
        return false;
    storage[op->out[0]] = (struct plan_storage){.kind = STORAGE_VIEW,
                                                .of = root,
                                                .offset = offset,
                                                .size = value_bytes(&p->values[op->out[0]])};
    return true;
}

static void assign_kinds(const struct layout *l)
{
    const struct program *p = &l->plan->program;
    struct plan_storage *storage = l->plan->storage;
    for (uint32_t id = 1; id <= p->n_values; id++) {
        storage[id].size = value_bytes(&p->values[id]);
        if (p->values[id].kind != VALUE_RESULT)
            storage[id].kind = STORAGE_BOUND;
    }
    for (uint32_t i = 0; i < p->n_ops; i++)
        if (p->ops[i].kind == OP_ASSIGN)
            l->is_assigned[p->ops[i].in[0]] = true;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const struct program_op *op = &p->ops[i];
        const bool host = i < l->plan->n_host_ops;
        if (!host && make_view(l, op))
            continue;
        for (uint32_t j = 0; j < op->n_out; j++)
            storage[op->out[j]].kind = host ? STORAGE_HOST : STORAGE_ARENA;
    }
}

/* ---- liveness -----------------------------------------------------------------------------------
 */

uint32_t plan_root(const struct plan *plan, uint32_t id)
{
    const struct plan_storage *s = &plan->storage[id];
    return s->kind == STORAGE_VIEW ? s->of : id;
}

static void find_last_uses(const struct layout *l)
{
    const struct program *p = &l->plan->program;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const struct program_op *op = &p->ops[i];
        for (uint32_t j = 0; j < op->n_in; j++)
            l->last[plan_root(l->plan, op->in[j])] = i;
        for (uint32_t j = 0; j < op->n_out; j++)
            l->last[plan_root(l->plan, op->out[j])] = i;
    }
    for (uint32_t i = 0; i < p->n_outputs; i++)
        l->last[plan_root(l->plan, p->outputs[i].value)] = UINT32_MAX;
}

/* ---- the arena ----------------------------------------------------------------------------------
 */

static void release_before(struct layout *l, uint32_t now)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n_ranges; i++)
        if (l->ranges[i].last >= now)
            l->ranges[kept++] = l->ranges[i];
    l->n_ranges = kept;
}

static uint64_t align_up(uint64_t size, uint64_t alignment)
{
    return (size + alignment - 1) & ~(alignment - 1);
}

/* The smallest gap between ranges that holds `size`, else the end. */
static uint64_t place(struct layout *l, uint64_t size, uint32_t last)
{
    uint64_t gap_start = 0, best_gap = UINT64_MAX, offset = 0;
    uint32_t at = l->n_ranges;
    for (uint32_t i = 0; i < l->n_ranges; i++) {
        const uint64_t gap = l->ranges[i].offset - gap_start;
        if (gap >= size && gap < best_gap) {
            best_gap = gap;
            offset = gap_start;
            at = i;
        }
        gap_start = l->ranges[i].end;
    }
    if (at == l->n_ranges)
        offset = gap_start;
    memmove(&l->ranges[at + 1], &l->ranges[at], (l->n_ranges - at) * sizeof(*l->ranges));
    l->ranges[at] = (struct range){offset, offset + size, last};
    l->n_ranges++;
    return offset;
}

static void place_results(struct layout *l)
{
    struct plan *plan = l->plan;
    for (uint32_t i = plan->n_host_ops; i < plan->program.n_ops; i++) {
        const struct program_op *op = &plan->program.ops[i];
        release_before(l, i);
        for (uint32_t j = 0; j < op->n_out; j++) {
            struct plan_storage *s = &plan->storage[op->out[j]];
            if (s->kind != STORAGE_ARENA)
                continue;
            const uint64_t size = align_up(s->size, l->alignment);
            s->offset = place(l, size, l->last[op->out[j]]);
            plan->naive_size += size;
            if (s->offset + size > plan->arena_size)
                plan->arena_size = s->offset + size;
        }
    }
}

corbel_status plan_assign_memory(struct plan *plan, uint64_t alignment, corbel_error *err)
{
    struct program *p = &plan->program;
    struct layout l = {.plan = plan, .alignment = alignment};
    corbel_status status = CORBEL_OK;
    plan->storage = arena_array(&p->arena, (size_t)p->n_values + 1, sizeof(*plan->storage));
    l.last = calloc((size_t)p->n_values + 1, sizeof(*l.last));
    l.is_assigned = calloc((size_t)p->n_values + 1, sizeof(*l.is_assigned));
    l.ranges = calloc((size_t)p->n_values + 1, sizeof(*l.ranges));
    if (plan->storage && l.last && l.is_assigned && l.ranges) {
        assign_kinds(&l);
        find_last_uses(&l);
        place_results(&l);
    } else {
        status = error_memory(err, p->n_values, "planning a program's memory");
    }
    free(l.ranges);
    free(l.is_assigned);
    free(l.last);
    return status;
}
