/* program/fuse_linear.c: fusion of products with what stands around them.
 *
 * A residual add after a product could go into the product or into the norm that follows. Both
 * leave two operations, but in the product the sum is written once and read once by the norm,
 * while in the norm the product's result is written and read as well: so the product takes it,
 * and add_rms_norm is for the sums that no product can take. */
#include "program/fuse.h"

#include <string.h>

#define NEAR 16 /* operations within which products of one x are made together */

static void take_away(struct draft *d, const struct program_op *op)
{
    d->gone[op - d->ops] = true;
}

static bool is_transposed(const struct program_op *op)
{
    return program_op_int(op, ATTR_TRANSPOSED, 0) != 0;
}

/* Two integer attributes of a fused product, in the draft's arena. */
static bool set_product_attrs(struct draft *d, struct program_op *op, int64_t function,
                              bool transposed)
{
    struct program_attr *attrs = arena_array(&d->arena, 2, sizeof(*attrs));
    if (!attrs)
        return false;
    op->attrs = attrs;
    op->n_attrs = transposed ? 2 : 1;
    attrs[op->n_attrs - 1] = (struct program_attr){.key = ATTR_FUNCTION, .i = function};
    if (transposed)
        attrs[0] = (struct program_attr){.key = ATTR_TRANSPOSED, .i = 1};
    return true;
}

/* ---- f(gate) * up -------------------------------------------------------------------------------
 */

/* The product that `id` is the only use of. */
static struct program_op *sole_linear(const struct draft *d, uint32_t id)
{
    struct program_op *linear = draft_sole_use(d, id) ? draft_maker(d, id, OP_LINEAR) : NULL;
    return linear && !is_transposed(linear) ? linear : NULL;
}

static bool same_dtype(const struct draft *d, uint32_t a, uint32_t b)
{
    return d->p->values[a].dtype == d->p->values[b].dtype;
}

/* mul(activation(linear(x, gate)), linear(x, up)), the activation in slot `slot` of the mul. */
static bool gate_at(struct draft *d, uint32_t mul, uint32_t slot)
{
    const struct program_op *op = &d->ops[mul];
    struct program_op *activation = draft_maker(d, op->in[slot], OP_ACTIVATION);
    if (!activation || !draft_sole_use(d, op->in[slot]))
        return true;
    struct program_op *gate = sole_linear(d, activation->in[0]);
    struct program_op *up = sole_linear(d, op->in[1 - slot]);
    if (!gate || !up || gate->in[0] != up->in[0] || !draft_same_shape(d, gate->in[1], up->in[1]) ||
        !same_dtype(d, gate->in[1], up->in[1]))
        return true;

    struct program_op fused = {.kind = OP_LINEAR_GATED,
                               .n_in = 5,
                               .n_out = 1,
                               .in = {gate->in[0], gate->in[1], up->in[1], gate->in[2], up->in[2]},
                               .out = {op->out[0]},
                               .module = op->module};
    if (!set_product_attrs(d, &fused, program_op_int(activation, ATTR_FUNCTION, 0), false))
        return false;
    take_away(d, activation);
    take_away(d, gate);
    take_away(d, up);
    d->ops[mul] = fused;
    return true;
}

bool fuse_gated(struct draft *d)
{
    for (uint32_t i = 0; i < d->p->n_ops; i++)
        for (uint32_t slot = 0; slot < 2 && draft_open(d, i, OP_MUL); slot++)
            if (!gate_at(d, i, slot))
                return false;
    draft_count(d);
    return true;
}

/* ---- f(x W + b) + residual ----------------------------------------------------------------------
 */

/* The operation that alone reads `id`, if it is of this kind. */
static struct program_op *sole_user(const struct draft *d, uint32_t id, enum program_op_kind kind)
{
    if (!draft_sole_use(d, id) || !draft_open(d, d->user[id], kind))
        return NULL;
    return &d->ops[d->user[id]];
}

static bool extend_linear(struct draft *d, uint32_t i)
{
    const struct program_op linear = d->ops[i];
    struct program_op *last = &d->ops[i];
    struct program_op fused = {.kind = OP_LINEAR_FUSED,
                               .n_in = 4,
                               .n_out = 1,
                               .in = {linear.in[0], linear.in[1], linear.in[2]},
                               .module = linear.module};
    int64_t function = FUNCTION_NONE;

    struct program_op *activation = sole_user(d, last->out[0], OP_ACTIVATION);
    if (activation) {
        function = program_op_int(activation, ATTR_FUNCTION, FUNCTION_NONE);
        take_away(d, last);
        last = activation;
    }
    struct program_op *add = sole_user(d, last->out[0], OP_ADD);
    if (add && draft_same_shape(d, add->in[0], add->in[1])) {
        fused.in[3] = add->in[0] == last->out[0] ? add->in[1] : add->in[0];
        take_away(d, last);
        last = add;
    }
    if (last == &d->ops[i])
        return true;
    fused.out[0] = last->out[0];
    *last = fused;
    return set_product_attrs(d, last, function, is_transposed(&linear));
}

bool fuse_linear(struct draft *d)
{
    for (uint32_t i = 0; i < d->p->n_ops; i++) {
        if (!draft_open(d, i, OP_LINEAR))
            continue;
        if (!extend_linear(d, i))
            return false;
    }
    draft_count(d);
    return true;
}

/* ---- x W1, x W2, x W3 ---------------------------------------------------------------------------
 */

/* A product that may be made earlier than it stands, beside `first`. */
static bool joins(const struct draft *d, uint32_t i, const struct program_op *first)
{
    const struct program_op *op = &d->ops[i];
    return draft_open(d, i, OP_LINEAR) && !is_transposed(op) && op->in[0] == first->in[0] &&
           draft_is_leaf(d, op->in[1]) && draft_is_leaf(d, op->in[2]) &&
           same_dtype(d, op->in[1], first->in[1]);
}

static void join_linears(struct draft *d, uint32_t i)
{
    const struct program_op first = d->ops[i];
    struct program_op fused = {
        .kind = OP_LINEAR_MULTI, .n_in = 7, .in = {first.in[0]}, .module = first.module};
    uint32_t n = 0, group[3];
    for (uint32_t j = i, seen = 0; j < d->p->n_ops && seen < NEAR && n < 3; j++) {
        seen += !d->gone[j];
        if (joins(d, j, &first))
            group[n++] = j;
    }
    if (n < 2)
        return;
    for (uint32_t k = 0; k < n; k++) {
        const struct program_op *linear = &d->ops[group[k]];
        fused.in[1 + k] = linear->in[1];
        fused.in[4 + k] = linear->in[2];
        fused.out[k] = linear->out[0];
        d->gone[group[k]] = k > 0;
    }
    fused.n_out = n;
    d->ops[i] = fused;
}

bool fuse_multi(struct draft *d)
{
    for (uint32_t i = 0; i < d->p->n_ops; i++)
        if (joins(d, i, &d->ops[i]))
            join_linears(d, i);
    draft_count(d);
    return true;
}
