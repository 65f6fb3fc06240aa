/* program/fuse_norm.c: fusion of a sum with the norm that reads it, and of rotary positions with
 * the attention that reads them. */
#include "program/fuse.h"

#include <string.h>

/* ---- a + b, norm(a + b) -------------------------------------------------------------------------
 */

/* A norm that can be made where its x is: scale (and bias) are there from the start. */
static bool is_ready_norm(const struct draft *d, uint32_t i)
{
    const struct program_op *op = &d->ops[i];
    if (draft_open(d, i, OP_RMS_NORM))
        return op->in[1] && draft_is_leaf(d, op->in[1]);
    return draft_open(d, i, OP_LAYER_NORM) && op->in[1] && op->in[2] &&
           draft_is_leaf(d, op->in[1]) && draft_is_leaf(d, op->in[2]);
}

/* Operation `norm` joins the add that makes its x; the sum stays a value. */
static void join_add(struct draft *d, struct program_op *add, uint32_t norm)
{
    const struct program_op *op = &d->ops[norm];
    const bool rms = op->kind == OP_RMS_NORM;
    *add = (struct program_op){.kind = rms ? OP_ADD_RMS_NORM : OP_ADD_LAYER_NORM,
                               .n_in = rms ? 3 : 4,
                               .n_out = 2,
                               .in = {add->in[0], add->in[1], op->in[1], op->in[2]},
                               .out = {add->out[0], op->out[0]},
                               .attrs = op->attrs,
                               .n_attrs = op->n_attrs,
                               .module = op->module};
    d->gone[norm] = true;
}

bool fuse_add_norm(struct draft *d)
{
    for (uint32_t i = 0; i < d->p->n_ops; i++) {
        if (!is_ready_norm(d, i))
            continue;
        struct program_op *add = draft_maker(d, d->ops[i].in[0], OP_ADD);
        if (add && draft_same_shape(d, add->in[0], add->in[1]))
            join_add(d, add, i);
    }
    draft_count(d);
    return true;
}

/* ---- attention of rotated q and k ---------------------------------------------------------------
 */

static bool same_rotation(const struct program_op *q, const struct program_op *k)
{
    return q->in[1] == k->in[1] &&
           program_op_int(q, ATTR_INTERLEAVED, 0) == program_op_int(k, ATTR_INTERLEAVED, 0);
}

/* The attention's attributes and the rope's. */
static bool merge_attrs(struct draft *d, struct program_op *attention,
                        const struct program_op *rope)
{
    const uint32_t n = attention->n_attrs + rope->n_attrs;
    struct program_attr *attrs = arena_array(&d->arena, (size_t)n + 1, sizeof(*attrs));
    if (!attrs)
        return false;
    for (uint32_t i = 0; i < n; i++)
        attrs[i] =
            i < attention->n_attrs ? attention->attrs[i] : rope->attrs[i - attention->n_attrs];
    attention->attrs = attrs;
    attention->n_attrs = n;
    return true;
}

bool fuse_rope(struct draft *d)
{
    for (uint32_t i = 0; i < d->p->n_ops; i++) {
        struct program_op *attention = &d->ops[i];
        if (!draft_open(d, i, OP_ATTENTION))
            continue;
        struct program_op *q = draft_maker(d, attention->in[0], OP_ROPE);
        struct program_op *k = draft_maker(d, attention->in[1], OP_ROPE);
        if (!q || !k || !draft_sole_use(d, q->out[0]) || !draft_sole_use(d, k->out[0]) ||
            !same_rotation(q, k))
            continue;
        if (!merge_attrs(d, attention, q))
            return false;
        attention->kind = OP_ATTENTION_ROPE;
        attention->n_in = 5;
        attention->in[0] = q->in[0];
        attention->in[1] = k->in[0];
        attention->in[4] = q->in[1];
        d->gone[q - d->ops] = d->gone[k - d->ops] = true;
    }
    draft_count(d);
    return true;
}
