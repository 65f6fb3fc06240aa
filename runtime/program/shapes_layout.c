/* program/shapes_layout.c: shape rules of indexing, layout, dtype and state. */
#include "program/shapes.h"

#include <string.h>

/* The attributes d0, d1, ... without a gap; their number is the rank. */
static bool given_sizes(const struct rule *r, uint32_t *rank, int64_t sizes[PROGRAM_MAX_RANK])
{
    *rank = 0;
    for (uint32_t i = 0; i < r->op->n_attrs; i++) {
        const struct program_attr *a = &r->op->attrs[i];
        if (a->key > ATTR_D7)
            break;
        if ((uint32_t)a->key != ATTR_D0 + *rank)
            return rule_fail(r, "attribute %s without d%u", program_attr_name(a->key), *rank);
        sizes[(*rank)++] = a->i;
    }
    return true;
}

static void settle_sizes(const struct rule *r, uint32_t rank, const int64_t *sizes)
{
    for (uint32_t i = 0; i < rank; i++)
        rule_settle(r, (enum program_attr_key)(ATTR_D0 + i), sizes[i]);
}

bool infer_embedding(const struct rule *r)
{
    const struct program_value *weight = rule_in(r, 0), *ids = rule_in(r, 1);
    int64_t shape[PROGRAM_MAX_RANK];
    memcpy(shape, ids->shape, ids->rank * sizeof(*shape));
    shape[ids->rank] = weight->shape[1];
    return rule_out(r, 0, CORBEL_F32, ids->rank + 1, shape);
}

/* Replaces the one size that is -1 by what is left of `count`. */
static bool fill_size(const struct rule *r, int64_t count, uint32_t rank, int64_t *sizes)
{
    int64_t known = 1;
    uint32_t open = rank;
    for (uint32_t i = 0; i < rank; i++) {
        if (sizes[i] == -1 && open == rank)
            open = i;
        else if (sizes[i] < 1)
            return rule_fail(r, "size %lld (d%u)", (long long)sizes[i], i);
        else if (sizes[i] > PROGRAM_MAX_ELEMENTS / known)
            return rule_fail(r, "sizes of more than 2^40 elements");
        else
            known *= sizes[i];
    }
    if (open < rank && count % known == 0)
        known *= sizes[open] = count / known;
    if (known == count)
        return true;
    return rule_fail(r, "x %s, %lld elements, does not fit %s", shape_text(rule_in(r, 0)).s,
                     (long long)count, shape_text_of(rank, sizes).s);
}

bool infer_reshape(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0);
    int64_t sizes[PROGRAM_MAX_RANK];
    uint32_t rank;
    if (!given_sizes(r, &rank, sizes) || !fill_size(r, value_count(x), rank, sizes))
        return false;
    settle_sizes(r, rank, sizes);
    return rule_out(r, 0, x->dtype, rank, sizes);
}

bool infer_permute(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0);
    int64_t order[PROGRAM_MAX_RANK], shape[PROGRAM_MAX_RANK];
    uint32_t rank, seen = 0;
    if (!given_sizes(r, &rank, order))
        return false;
    if (rank != x->rank)
        return rule_fail(r, "an order of %u axes for x %s", rank, shape_text(x).s);
    for (uint32_t i = 0; i < rank; i++) {
        if (order[i] < 0)
            order[i] += rank;
        if (order[i] < 0 || order[i] >= rank || (seen & 1u << order[i]))
            return rule_fail(r, "%s is no order of the axes of x %s", shape_text_of(rank, order).s,
                             shape_text(x).s);
        seen |= 1u << order[i];
        shape[i] = x->shape[order[i]];
    }
    settle_sizes(r, rank, order);
    return rule_out(r, 0, x->dtype, rank, shape);
}

/* Python's rule for an end of a slice. */
static int64_t slice_end(int64_t end, int64_t size)
{
    if (end < 0)
        end = end < -size ? 0 : end + size;
    return end > size ? size : end;
}

bool infer_slice(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0);
    uint32_t axis;
    if (!rule_axis(r, x->rank, &axis))
        return false;
    const int64_t size = x->shape[axis], step = rule_int(r, ATTR_STEP, 1);
    const int64_t start = slice_end(rule_int(r, ATTR_START, 0), size);
    const int64_t stop = slice_end(rule_int(r, ATTR_STOP, INT64_MAX), size);
    if (start >= stop)
        return rule_fail(r, "[%lld:%lld] of axis %u of x %s is empty",
                         (long long)rule_int(r, ATTR_START, 0),
                         (long long)rule_int(r, ATTR_STOP, INT64_MAX), axis, shape_text(x).s);
    rule_settle(r, ATTR_START, start);
    rule_settle(r, ATTR_STOP, stop);

    int64_t shape[PROGRAM_MAX_RANK];
    memcpy(shape, x->shape, x->rank * sizeof(*shape));
    shape[axis] = (stop - start + step - 1) / step;
    return rule_out(r, 0, x->dtype, x->rank, shape);
}

bool infer_concat(const struct rule *r)
{
    const struct program_value *first = rule_in(r, 0);
    int64_t shape[PROGRAM_MAX_RANK];
    uint32_t axis;
    if (!rule_axis(r, first->rank, &axis))
        return false;
    memcpy(shape, first->shape, first->rank * sizeof(*shape));
    for (uint32_t i = 1; i < r->op->n_in; i++) {
        struct program_value x = *rule_in(r, i);
        if (x.dtype != first->dtype)
            return rule_fail(r, "input 0 is %s, input %u is %s", dtype_short(first->dtype), i,
                             dtype_short(x.dtype));
        const int64_t along = axis < x.rank ? x.shape[axis] : 0;
        if (axis < x.rank)
            x.shape[axis] = first->shape[axis];
        if (!shapes_equal(&x, first))
            return rule_fail(r, "input %u, %s, does not fit input 0, %s, along axis %u", i,
                             shape_text(rule_in(r, i)).s, shape_text(first).s, axis);
        shape[axis] += along; /* at most 16 sizes below 2^40 */
    }
    return rule_out(r, 0, first->dtype, first->rank, shape);
}

bool infer_gather(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0), *index = rule_in(r, 1);
    const uint32_t batch_dims = (uint32_t)rule_int(r, ATTR_BATCH_DIMS, 0);
    int64_t shape[2 * PROGRAM_MAX_RANK];
    uint32_t axis, rank = 0;
    if (!rule_axis(r, x->rank, &axis))
        return false;
    if (batch_dims > axis || batch_dims > index->rank)
        return rule_fail(r, "batch_dims %u with axis %u and index %s", batch_dims, axis,
                         shape_text(index).s);
    if (memcmp(x->shape, index->shape, batch_dims * sizeof(*shape)) != 0)
        return rule_fail(r, "the first %u axes of x %s and index %s differ", batch_dims,
                         shape_text(x).s, shape_text(index).s);
    for (uint32_t i = 0; i < axis; i++)
        shape[rank++] = x->shape[i];
    for (uint32_t i = batch_dims; i < index->rank; i++)
        shape[rank++] = index->shape[i];
    for (uint32_t i = axis + 1; i < x->rank; i++)
        shape[rank++] = x->shape[i];
    return rule_out(r, 0, x->dtype, rank, shape);
}

bool infer_expand(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0);
    int64_t sizes[PROGRAM_MAX_RANK];
    uint32_t rank;
    if (!given_sizes(r, &rank, sizes))
        return false;
    for (uint32_t i = 1; i <= rank; i++) {
        const int64_t own = i <= x->rank ? x->shape[x->rank - i] : 1;
        int64_t *size = &sizes[rank - i];
        if (*size == -1 && i <= x->rank)
            *size = own;
        if (*size < 1 || (own != 1 && own != *size) || rank < x->rank)
            return rule_fail(r, "x %s does not broadcast to %s", shape_text(x).s,
                             shape_text_of(rank, sizes).s);
    }
    if (rank < x->rank)
        return rule_fail(r, "x %s does not broadcast to []", shape_text(x).s);
    settle_sizes(r, rank, sizes);
    return rule_out(r, 0, x->dtype, rank, sizes);
}

bool infer_cast(const struct rule *r)
{
    const int32_t dtype = (int32_t)rule_int(r, ATTR_DTYPE, 0);
    if (dtype != CORBEL_F32 && dtype != CORBEL_I32)
        return rule_fail(r, "to %s (a result is f32 or i32)", dtype_short(dtype));
    return rule_out_like(r, 0, dtype, rule_in(r, 0));
}

/* The shape of a plugin's kernel is what its decomposition gave while tracing. */
bool infer_custom(const struct rule *r)
{
    int64_t sizes[PROGRAM_MAX_RANK];
    uint32_t rank;
    return given_sizes(r, &rank, sizes) && rule_out(r, 0, CORBEL_F32, rank, sizes);
}

bool infer_assign(const struct rule *r)
{
    const struct program_value *state = rule_in(r, 0), *value = rule_in(r, 1);
    if (state->kind != VALUE_STATE)
        return rule_fail(r, "to a value that is no state");
    if (!shapes_equal(state, value) || state->dtype != value->dtype)
        return rule_fail(r, "%s %s to state %s %s %s", dtype_short(value->dtype),
                         shape_text(value).s, state->name, dtype_short(state->dtype),
                         shape_text(state).s);
    return true;
}
