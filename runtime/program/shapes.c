/* program/shapes.c: derives the shapes and dtypes of an operation's results.
 *
 * Everything that gets into a program goes through program_infer: what a plugin emits, what is
 * read from bytes, what the planner rewrites. What the table of signatures can say is checked
 * here; the rest is the rule of the operation (shapes_*.c). */
#include "program/shapes.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *dtype_short(int32_t dtype)
{
    switch (dtype) {
    case CORBEL_F32: return "f32";
    case CORBEL_F16: return "f16";
    case CORBEL_BF16: return "bf16";
    case CORBEL_I32: return "i32";
    default: return "?";
    }
}

struct shape_text shape_text_of(uint32_t rank, const int64_t *shape)
{
    struct shape_text t = {"["};
    size_t n = 1;
    for (uint32_t i = 0; i < rank && i < PROGRAM_MAX_RANK; i++)
        n += (size_t)snprintf(t.s + n, sizeof(t.s) - n, i ? ", %lld" : "%lld", (long long)shape[i]);
    snprintf(t.s + n, sizeof(t.s) - n, "]");
    return t;
}

struct shape_text shape_text(const struct program_value *v)
{
    return shape_text_of(v->rank, v->shape);
}

bool shape_in_bounds(uint32_t rank, const int64_t *shape)
{
    int64_t count = 1;
    for (uint32_t i = 0; i < rank; i++) {
        if (shape[i] < 1 || shape[i] > PROGRAM_MAX_ELEMENTS / count)
            return false;
        count *= shape[i];
    }
    return count < PROGRAM_MAX_ELEMENTS;
}

bool shapes_equal(const struct program_value *a, const struct program_value *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, a->rank * sizeof(*a->shape)) == 0;
}

bool shapes_broadcast(uint32_t rank_a, const int64_t *a, uint32_t rank_b, const int64_t *b,
                      uint32_t *rank, int64_t *shape)
{
    *rank = rank_a > rank_b ? rank_a : rank_b;
    for (uint32_t i = 1; i <= *rank; i++) {
        const int64_t of_a = i <= rank_a ? a[rank_a - i] : 1;
        const int64_t of_b = i <= rank_b ? b[rank_b - i] : 1;
        if (of_a != of_b && of_a != 1 && of_b != 1)
            return false;
        shape[*rank - i] = of_a == 1 ? of_b : of_a;
    }
    return true;
}

bool rule_fail(const struct rule *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_set_v(r->err, CORBEL_E_PROGRAM, format, args);
    va_end(args);
    const bool placed = r->op->module && r->op->module[0];
    error_prefix(r->err, CORBEL_E_PROGRAM, placed ? "op %s in %s" : "op %s%s",
                 program_op_name(r->op->kind), placed ? r->op->module : "");
    return false;
}

const struct program_value *rule_in(const struct rule *r, uint32_t slot)
{
    const uint32_t id = slot < r->op->n_in ? r->op->in[slot] : 0;
    return id ? &r->p->values[id] : NULL;
}

int64_t rule_int(const struct rule *r, enum program_attr_key key, int64_t fallback)
{
    return program_op_int(r->op, key, fallback);
}

bool rule_has(const struct rule *r, enum program_attr_key key)
{
    for (uint32_t i = 0; i < r->op->n_attrs; i++)
        if (r->op->attrs[i].key == key)
            return true;
    return false;
}

void rule_settle(const struct rule *r, enum program_attr_key key, int64_t value)
{
    for (uint32_t i = 0; r->settled && i < r->op->n_attrs; i++)
        if (r->settled[i].key == key)
            r->settled[i].i = value;
}

bool rule_axis(const struct rule *r, uint32_t rank, uint32_t *axis)
{
    const int64_t given = rule_int(r, ATTR_AXIS, 0);
    const int64_t counted = given < 0 ? given + rank : given;
    if (counted < 0 || counted >= rank)
        return rule_fail(r, "axis %lld of a value with %u axes", (long long)given, rank);
    *axis = (uint32_t)counted;
    rule_settle(r, ATTR_AXIS, counted);
    return true;
}

bool rule_out(const struct rule *r, uint32_t i, int32_t dtype, uint32_t rank, const int64_t *shape)
{
    if (rank > PROGRAM_MAX_RANK)
        return rule_fail(r, "the result would have %u axes (at most %d)", rank, PROGRAM_MAX_RANK);
    if (!shape_in_bounds(rank, shape))
        return rule_fail(r, "the result would be %s (sizes are at least 1, elements below 2^40)",
                         shape_text_of(rank, shape).s);
    r->out[i] = (struct program_value){.kind = VALUE_RESULT, .dtype = dtype, .rank = rank};
    memcpy(r->out[i].shape, shape, rank * sizeof(*shape));
    return true;
}

bool rule_out_like(const struct rule *r, uint32_t i, int32_t dtype, const struct program_value *v)
{
    return rule_out(r, i, dtype, v->rank, v->shape);
}

/* ---- what the table of signatures says --------------------------------------------------------
 */

static bool check_inputs(const struct rule *r)
{
    const struct program_op *op = r->op;
    const struct signature_counts *counts = signature_counts_of(op->kind);
    if (op->n_in > counts->n_in_max)
        return rule_fail(r, "%u inputs (at most %u)", op->n_in, counts->n_in_max);
    for (uint32_t i = 0; i < op->n_in; i++)
        if (op->in[i] > r->p->n_values)
            return rule_fail(r, "input %u is value %u, which does not exist (there are %u)", i,
                             op->in[i], r->p->n_values);
    for (uint32_t i = 0; i < counts->n_in_min || i < op->n_in; i++) {
        const struct argument *a = signature_argument(op->kind, i);
        if (!a->optional && !rule_in(r, i))
            return rule_fail(r, "%s (input %u) is missing", a->name, i);
    }
    return true;
}

static const char *expected_type(enum argument_type type)
{
    switch (type) {
    case ARGUMENT_INT: return "i32";
    case ARGUMENT_NUMBER: return "f32 or i32";
    default: return "f32";
    }
}

static bool has_type(const struct program_value *v, enum argument_type type)
{
    const bool reduced = v->dtype == CORBEL_F16 || v->dtype == CORBEL_BF16;
    switch (type) {
    case ARGUMENT_FLOAT: return v->dtype == CORBEL_F32;
    case ARGUMENT_WEIGHT: return v->dtype == CORBEL_F32 || (reduced && v->kind == VALUE_WEIGHT);
    case ARGUMENT_INT: return v->dtype == CORBEL_I32;
    case ARGUMENT_NUMBER: return v->dtype == CORBEL_F32 || v->dtype == CORBEL_I32;
    }
    return false;
}

static bool check_types(const struct rule *r)
{
    for (uint32_t i = 0; i < r->op->n_in; i++) {
        const struct argument *a = signature_argument(r->op->kind, i);
        const struct program_value *v = rule_in(r, i);
        if (!v)
            continue;
        /* A cast is what takes a weight of any precision. */
        if (!has_type(v, r->op->kind == OP_CAST ? ARGUMENT_WEIGHT : a->type) &&
            !has_type(v, a->type))
            return rule_fail(r, "%s %s is %s (expected %s)", a->name, shape_text(v).s,
                             dtype_short(v->dtype), expected_type(a->type));
        if (v->rank < a->rank_min || v->rank > a->rank_max) {
            if (a->rank_min == a->rank_max)
                return rule_fail(r, "%s %s has %u axes (expected %u)", a->name, shape_text(v).s,
                                 v->rank, a->rank_min);
            return rule_fail(r, "%s %s has %u axes (expected %u to %u)", a->name, shape_text(v).s,
                             v->rank, a->rank_min, a->rank_max);
        }
    }
    return true;
}

static const struct attribute *find_attribute(const struct signature *s, enum program_attr_key key)
{
    for (const struct attribute *a = s->attrs; a->present; a++)
        if (a->key == key)
            return a;
    return NULL;
}

static bool check_range(const struct rule *r, const struct attribute *a,
                        const struct program_attr *given)
{
    const char *name = program_attr_name(a->key);
    if (!program_attr_is_float(a->key)) {
        if (given->i >= a->int_min && given->i <= a->int_max)
            return true;
        return rule_fail(r, "%s is %lld (expected %lld to %lld)", name, (long long)given->i,
                         (long long)a->int_min, (long long)a->int_max);
    }
    if (isfinite(given->f) && given->f >= a->float_min && given->f <= a->float_max)
        return true;
    return rule_fail(r, "%s is %g (expected %g to %g)", name, given->f, a->float_min, a->float_max);
}

static bool check_attributes(const struct rule *r)
{
    const struct signature *s = signature_of(r->op->kind);
    for (uint32_t i = 0; i < r->op->n_attrs; i++) {
        const struct program_attr *given = &r->op->attrs[i];
        if (i > 0 && given->key <= given[-1].key)
            return rule_fail(r, "attribute %s is given twice, or out of order",
                             program_attr_name(given->key));
        const struct attribute *a = find_attribute(s, given->key);
        if (!a)
            return rule_fail(r, "has no attribute %s", program_attr_name(given->key));
        if (!check_range(r, a, given))
            return false;
    }
    for (const struct attribute *a = s->attrs; a->present; a++)
        if (a->required && !rule_has(r, a->key))
            return rule_fail(r, "attribute %s is missing", program_attr_name(a->key));
    return true;
}

static bool check_custom_name(const struct rule *r)
{
    const bool named = r->op->custom && r->op->custom[0];
    if (r->op->kind == OP_CUSTOM && !named)
        return rule_fail(r, "has no kernel's name");
    if (r->op->kind != OP_CUSTOM && r->op->custom)
        return rule_fail(r, "names the kernel %s, which only a custom operation does",
                         r->op->custom);
    return true;
}

/* ---- for the rest of the folder ---------------------------------------------------------------
 */

uint32_t shapes_n_out(const struct program_op *op)
{
    if (op->kind == OP_LINEAR_MULTI)
        return op->n_in > 3 && op->in[3] ? 3 : 2;
    return signature_counts_of(op->kind)->n_out;
}

corbel_status shapes_infer(const struct program *p, const struct program_op *op,
                           struct program_attr *attrs,
                           struct program_value out[PROGRAM_MAX_OUTPUTS], corbel_error *err)
{
    const struct rule r = {.p = p, .op = op, .out = out, .settled = attrs, .err = err};
    if ((unsigned)op->kind >= OP_COUNT)
        return error_set(err, CORBEL_E_PROGRAM, "operation number %u does not exist",
                         (unsigned)op->kind);
    const bool sound = check_inputs(&r) && check_types(&r) && check_attributes(&r) &&
                       check_custom_name(&r) && signature_of(op->kind)->infer(&r);
    return sound ? CORBEL_OK : CORBEL_E_PROGRAM;
}

corbel_status program_infer(const struct program *p, const struct program_op *op,
                            struct program_value out[PROGRAM_MAX_OUTPUTS], corbel_error *err)
{
    return shapes_infer(p, op, NULL, out, err);
}
