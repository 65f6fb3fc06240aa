/* program/shapes_attention.c: shape rules of rotary positions and of attention. */
#include "program/shapes.h"

static bool check_factors(const struct rule *r, uint32_t slot, int64_t count, bool wanted)
{
    const struct program_value *factors = rule_in(r, slot);
    const char *name = signature_argument(r->op->kind, slot)->name;
    if (!!factors != wanted)
        return rule_fail(r, wanted ? "%s factors are missing" : "%s factors without longrope",
                         name);
    if (factors && factors->shape[0] != count)
        return rule_fail(r, "%s factors %s (expected [%lld])", name, shape_text(factors).s,
                         (long long)count);
    return true;
}

static bool need_positive_int(const struct rule *r, enum program_attr_key key)
{
    return rule_int(r, key, 0) > 0 || rule_fail(r, "%s must be positive", program_attr_name(key));
}

static bool need_positive(const struct rule *r, enum program_attr_key key)
{
    return program_op_float(r->op, key, 0.0) > 0.0 ||
           rule_fail(r, "%s must be positive", program_attr_name(key));
}

/* Nothing that the formula of a type divides by, or takes the logarithm of, is 0. */
static bool check_rope_type(const struct rule *r)
{
    switch (rule_int(r, ATTR_ROPE_TYPE, 0)) {
    case ROPE_TYPE_LINEAR: return need_positive(r, ATTR_FACTOR);
    case ROPE_TYPE_DYNAMIC:
        if (rule_int(r, ATTR_DIM, 0) <= 2)
            return rule_fail(r, "dim must be above 2 for dynamic scaling");
        return need_positive(r, ATTR_FACTOR) && need_positive_int(r, ATTR_MAX_POSITIONS);
    case ROPE_TYPE_LLAMA3:
        if (program_op_float(r->op, ATTR_LOW_FREQ_FACTOR, 0.0) ==
            program_op_float(r->op, ATTR_HIGH_FREQ_FACTOR, 0.0))
            return rule_fail(r, "low_freq_factor and high_freq_factor are equal");
        return need_positive(r, ATTR_FACTOR) && need_positive(r, ATTR_LOW_FREQ_FACTOR) &&
               need_positive(r, ATTR_HIGH_FREQ_FACTOR) && need_positive_int(r, ATTR_ORIGINAL_MAX);
    case ROPE_TYPE_YARN:
        if (program_op_float(r->op, ATTR_THETA, 0.0) <= 1.0)
            return rule_fail(r, "theta must be above 1 for yarn");
        return need_positive(r, ATTR_FACTOR) && need_positive(r, ATTR_BETA_FAST) &&
               need_positive(r, ATTR_BETA_SLOW) && need_positive_int(r, ATTR_ORIGINAL_MAX);
    case ROPE_TYPE_LONGROPE: return need_positive_int(r, ATTR_ORIGINAL_MAX);
    default: return true;
    }
}

bool infer_rope_table(const struct rule *r)
{
    const struct program_value *positions = rule_in(r, 0);
    const int64_t dim = rule_int(r, ATTR_DIM, 0);
    const bool longrope = rule_int(r, ATTR_ROPE_TYPE, 0) == ROPE_TYPE_LONGROPE;
    if (dim % 2 != 0)
        return rule_fail(r, "dim %lld is odd", (long long)dim);
    if (program_op_float(r->op, ATTR_ATTENTION_FACTOR, 1.0) == 0.0)
        return rule_fail(r, "attention_factor is 0");
    if (!check_factors(r, 1, dim / 2, longrope) || !check_factors(r, 2, dim / 2, longrope) ||
        !check_rope_type(r))
        return false;
    const int64_t shape[] = {positions->shape[0], positions->shape[1], dim / 2, 2};
    return rule_out(r, 0, CORBEL_F32, 4, shape);
}

static bool check_table(const struct rule *r, uint32_t x_slot, const struct program_value *table)
{
    const struct program_value *x = rule_in(r, x_slot);
    const int64_t rotated = table->shape[2];
    if (table->shape[0] == x->shape[0] && table->shape[1] == x->shape[1] && table->shape[3] == 2 &&
        rotated <= x->shape[3] / 2)
        return true;
    return rule_fail(r, "%s %s does not fit table %s (expected [%lld, %lld, at most %lld, 2])",
                     signature_argument(r->op->kind, x_slot)->name, shape_text(x).s,
                     shape_text(table).s, (long long)x->shape[0], (long long)x->shape[1],
                     (long long)x->shape[3] / 2);
}

bool infer_rope(const struct rule *r)
{
    return check_table(r, 0, rule_in(r, 1)) && rule_out_like(r, 0, CORBEL_F32, rule_in(r, 0));
}

static bool check_heads(const struct rule *r)
{
    const struct program_value *q = rule_in(r, 0), *k = rule_in(r, 1), *v = rule_in(r, 2);
    for (uint32_t axis = 0; axis < 2; axis++)
        if (k->shape[axis] != q->shape[axis] || v->shape[axis] != q->shape[axis])
            return rule_fail(r, "q %s, k %s and v %s differ in %s", shape_text(q).s,
                             shape_text(k).s, shape_text(v).s, axis ? "length" : "batch");
    if (k->shape[2] != v->shape[2])
        return rule_fail(r, "k %s and v %s differ in heads", shape_text(k).s, shape_text(v).s);
    if (q->shape[2] % k->shape[2] != 0)
        return rule_fail(r, "%lld heads of q are no multiple of %lld heads of k",
                         (long long)q->shape[2], (long long)k->shape[2]);
    if (k->shape[3] != q->shape[3])
        return rule_fail(r, "q %s and k %s differ in the size of a head", shape_text(q).s,
                         shape_text(k).s);
    return true;
}

static bool check_cache(const struct rule *r, int64_t slot)
{
    const struct program_value *q = rule_in(r, 0), *k = rule_in(r, 1), *v = rule_in(r, 2);
    if (slot >= r->p->n_caches)
        return rule_fail(r, "cache %lld does not exist (there are %u)", (long long)slot,
                         r->p->n_caches);
    const struct program_cache *c = &r->p->caches[slot];
    if (c->batch == q->shape[0] && c->n_heads == k->shape[2] && c->head_dim == k->shape[3] &&
        c->value_dim == v->shape[3] && q->shape[1] <= c->capacity)
        return true;
    return rule_fail(r,
                     "k %s and v %s do not fit cache %lld (batch %lld, %lld heads, %lld tokens, "
                     "keys of %lld, values of %lld)",
                     shape_text(k).s, shape_text(v).s, (long long)slot, (long long)c->batch,
                     (long long)c->n_heads, (long long)c->capacity, (long long)c->head_dim,
                     (long long)c->value_dim);
}

/* A mask covers the whole cache, or where there is none the keys themselves. */
static bool check_mask(const struct rule *r, int64_t slot)
{
    const struct program_value *q = rule_in(r, 0), *mask = rule_in(r, 3);
    const int64_t keys = slot >= 0 ? r->p->caches[slot].capacity : q->shape[1];
    if (!mask || (mask->shape[0] == q->shape[0] && mask->shape[1] == keys))
        return true;
    return rule_fail(r, "mask %s does not fit q %s (expected [%lld, %lld])", shape_text(mask).s,
                     shape_text(q).s, (long long)q->shape[0], (long long)keys);
}

bool infer_attention(const struct rule *r)
{
    const struct program_value *q = rule_in(r, 0), *v = rule_in(r, 2);
    const int64_t slot = rule_int(r, ATTR_CACHE, -1);
    const bool causal = rule_int(r, ATTR_CAUSAL, 0);
    if (causal != (slot >= 0))
        return rule_fail(r, causal ? "causal without a cache" : "a cache without causal");
    if (!causal && rule_int(r, ATTR_WINDOW, 0) != 0)
        return rule_fail(r, "a window without causal");
    if (!check_heads(r) || (slot >= 0 && !check_cache(r, slot)) || !check_mask(r, slot))
        return false;
    const int64_t shape[] = {q->shape[0], q->shape[1], q->shape[2], v->shape[3]};
    return rule_out(r, 0, CORBEL_F32, 4, shape);
}

bool infer_attention_rope(const struct rule *r)
{
    const struct program_value *table = rule_in(r, 4);
    return infer_attention(r) && check_table(r, 0, table) && check_table(r, 1, table);
}
