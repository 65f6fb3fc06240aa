/* program/shapes_arithmetic.c: shape rules of element by element operations, of norms over the
 * last axis, and of reductions. */
#include "program/shapes.h"

#include <string.h>

bool infer_broadcast(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0), *y = rule_in(r, 1);
    int64_t shape[PROGRAM_MAX_RANK];
    uint32_t rank;
    if (x->dtype != y->dtype)
        return rule_fail(r, "x %s is %s, y %s is %s (expected one type)", shape_text(x).s,
                         dtype_short(x->dtype), shape_text(y).s, dtype_short(y->dtype));
    if (!shapes_broadcast(x->rank, x->shape, y->rank, y->shape, &rank, shape))
        return rule_fail(r, "x %s and y %s do not broadcast", shape_text(x).s, shape_text(y).s);
    return rule_out(r, 0, x->dtype, rank, shape);
}

bool infer_same_shape(const struct rule *r)
{
    return rule_out_like(r, 0, CORBEL_F32, rule_in(r, 0));
}

bool infer_not_equal(const struct rule *r)
{
    return rule_out_like(r, 0, CORBEL_I32, rule_in(r, 0));
}

/* A weight or bias over the last axis of x. */
static bool check_scale(const struct rule *r, const struct program_value *x, uint32_t slot)
{
    const struct program_value *scale = rule_in(r, slot);
    if (!scale || scale->shape[0] == x->shape[x->rank - 1])
        return true;
    return rule_fail(r, "x %s does not fit %s %s (expected [%lld])", shape_text(x).s,
                     signature_argument(r->op->kind, slot)->name, shape_text(scale).s,
                     (long long)x->shape[x->rank - 1]);
}

bool infer_norm(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0);
    return check_scale(r, x, 1) && check_scale(r, x, 2) && rule_out_like(r, 0, CORBEL_F32, x);
}

bool infer_add_norm(const struct rule *r)
{
    const struct program_value *a = rule_in(r, 0), *b = rule_in(r, 1);
    if (!shapes_equal(a, b))
        return rule_fail(r, "a %s and b %s differ", shape_text(a).s, shape_text(b).s);
    return check_scale(r, a, 2) && check_scale(r, a, 3) && rule_out_like(r, 0, CORBEL_F32, a) &&
           rule_out_like(r, 1, CORBEL_F32, a);
}

static bool reduced(const struct rule *r, int32_t dtype, bool keep)
{
    const struct program_value *x = rule_in(r, 0);
    int64_t shape[PROGRAM_MAX_RANK];
    uint32_t axis, rank = 0;
    if (!rule_axis(r, x->rank, &axis))
        return false;
    for (uint32_t i = 0; i < x->rank; i++)
        if (i != axis)
            shape[rank++] = x->shape[i];
        else if (keep)
            shape[rank++] = 1;
    return rule_out(r, 0, dtype, rank, shape);
}

bool infer_reduce(const struct rule *r)
{
    return reduced(r, rule_in(r, 0)->dtype, rule_int(r, ATTR_KEEP, 0));
}

bool infer_argmax(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0);
    uint32_t axis;
    if (!rule_axis(r, x->rank, &axis))
        return false;
    if (x->shape[axis] > INT32_MAX)
        return rule_fail(r, "an index along axis %u of x %s does not fit i32", axis,
                         shape_text(x).s);
    return reduced(r, CORBEL_I32, false);
}

/* `initial` is shaped like x without the axis. */
static bool initial_fits(const struct rule *r, uint32_t axis)
{
    const struct program_value *x = rule_in(r, 1), *initial = rule_in(r, 2);
    struct program_value expected = {0};
    for (uint32_t i = 0; i < x->rank; i++)
        if (i != axis)
            expected.shape[expected.rank++] = x->shape[i];
    return !initial || shapes_equal(initial, &expected) ||
           rule_fail(r, "initial %s does not fit x %s along axis %u (expected %s)",
                     shape_text(initial).s, shape_text(x).s, axis, shape_text(&expected).s);
}

bool infer_linear_scan(const struct rule *r)
{
    const struct program_value *a = rule_in(r, 0), *x = rule_in(r, 1);
    uint32_t axis;
    if (!shapes_equal(a, x))
        return rule_fail(r, "a %s and x %s differ in shape", shape_text(a).s, shape_text(x).s);
    return rule_axis(r, x->rank, &axis) && initial_fits(r, axis) &&
           rule_out_like(r, 0, CORBEL_F32, x);
}
