/* program/shapes_product.c: shape rules of matrix products, fused ones included. */
#include "program/shapes.h"

#include <string.h>

/* x [..., K] with weight [N, K] (transposed: [K, N]) and bias [N] or none: *n is N. */
static bool check_projection(const struct rule *r, uint32_t weight_slot, uint32_t bias_slot,
                             bool transposed, int64_t *n)
{
    const struct program_value *x = rule_in(r, 0), *w = rule_in(r, weight_slot);
    const struct program_value *bias = rule_in(r, bias_slot);
    const int64_t k = x->shape[x->rank - 1];
    const char *name = signature_argument(r->op->kind, weight_slot)->name;
    if (w->shape[transposed ? 0 : 1] != k)
        return rule_fail(r, "x %s does not fit %s %s (expected %lld %s)", shape_text(x).s, name,
                         shape_text(w).s, (long long)w->shape[transposed ? 0 : 1],
                         transposed ? "rows" : "columns");
    *n = w->shape[transposed ? 1 : 0];
    if (bias && bias->shape[0] != *n)
        return rule_fail(r, "bias %s does not fit %s %s (expected [%lld])", shape_text(bias).s,
                         name, shape_text(w).s, (long long)*n);
    return true;
}

/* Result i is x with its last axis replaced by n. */
static bool projected(const struct rule *r, uint32_t i, int64_t n)
{
    const struct program_value *x = rule_in(r, 0);
    int64_t shape[PROGRAM_MAX_RANK];
    memcpy(shape, x->shape, x->rank * sizeof(*shape));
    shape[x->rank - 1] = n;
    return rule_out(r, i, CORBEL_F32, x->rank, shape);
}

bool infer_linear(const struct rule *r)
{
    int64_t n;
    return check_projection(r, 1, 2, rule_int(r, ATTR_TRANSPOSED, 0), &n) && projected(r, 0, n);
}

bool infer_linear_fused(const struct rule *r)
{
    const struct program_value *residual = rule_in(r, 3);
    if (!infer_linear(r))
        return false;
    if (residual && !shapes_equal(residual, &r->out[0]))
        return rule_fail(r, "residual %s does not fit the result %s", shape_text(residual).s,
                         shape_text(&r->out[0]).s);
    return true;
}

bool infer_linear_gated(const struct rule *r)
{
    int64_t n_gate, n_up;
    if (!check_projection(r, 1, 3, false, &n_gate) || !check_projection(r, 2, 4, false, &n_up))
        return false;
    if (n_gate != n_up || rule_in(r, 1)->dtype != rule_in(r, 2)->dtype)
        return rule_fail(r, "weight_gate %s %s and weight_up %s %s differ",
                         dtype_short(rule_in(r, 1)->dtype), shape_text(rule_in(r, 1)).s,
                         dtype_short(rule_in(r, 2)->dtype), shape_text(rule_in(r, 2)).s);
    return projected(r, 0, n_up);
}

bool infer_linear_multi(const struct rule *r)
{
    if (!rule_in(r, 3) && rule_in(r, 6))
        return rule_fail(r, "bias_3 without weight_3");
    for (uint32_t i = 0; i < shapes_n_out(r->op); i++) {
        int64_t n;
        if (!check_projection(r, 1 + i, 4 + i, false, &n) || !projected(r, i, n))
            return false;
        if (rule_in(r, 1 + i)->dtype != rule_in(r, 1)->dtype)
            return rule_fail(r, "weight_1 is %s, weight_%u is %s",
                             dtype_short(rule_in(r, 1)->dtype), 1 + i,
                             dtype_short(rule_in(r, 1 + i)->dtype));
    }
    return true;
}

bool infer_matmul(const struct rule *r)
{
    const struct program_value *x = rule_in(r, 0), *y = rule_in(r, 1);
    const bool transpose_b = rule_int(r, ATTR_TRANSPOSE_B, 0);
    const int64_t k = x->shape[x->rank - 1];
    const int64_t k_of_y = y->shape[y->rank - (transpose_b ? 1 : 2)];
    int64_t shape[PROGRAM_MAX_RANK];
    uint32_t rank;
    if (k != k_of_y)
        return rule_fail(r, "x %s does not fit y %s%s (expected %lld columns)", shape_text(x).s,
                         shape_text(y).s, transpose_b ? " transposed" : "", (long long)k_of_y);
    if (!shapes_broadcast(x->rank - 2, x->shape, y->rank - 2, y->shape, &rank, shape))
        return rule_fail(r, "the leading axes of x %s and y %s do not go together", shape_text(x).s,
                         shape_text(y).s);
    shape[rank++] = x->shape[x->rank - 2];
    shape[rank++] = y->shape[y->rank - (transpose_b ? 2 : 1)];
    return rule_out(r, 0, CORBEL_F32, rank, shape);
}
