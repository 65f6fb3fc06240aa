/* chat/jinja/operators.c: Python's operators on our values. What leaves 64 bits is an error. */
#include "chat/jinja/characters.h"
#include "chat/jinja/evaluate.h"
#include "chat/jinja/library.h"

#include <math.h>
#include <string.h>

/* ---- integers and floats --------------------------------------------------------------------- */

static struct value overflow(struct machine *m)
{
    return fail_type(m, "an integer does not fit 64 bits");
}

static struct value power_of_ints(struct machine *m, int64_t base, int64_t exponent)
{
    int64_t result = 1;
    if (exponent < 0) {
        if (base == 0)
            return fail_type(m, "0 can't be raised to a negative power");
        return real(pow((double)base, (double)exponent));
    }
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            return overflow(m);
        exponent >>= 1;
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
            return overflow(m);
    }
    return integer(result);
}

/* Rounds towards minus infinity; the remainder has the divisor's sign. */
static struct value divide_ints(struct machine *m, enum operator operator, int64_t a, int64_t b)
{
    if (b == 0)
        return fail_type(m, "division by zero");
    if (operator== OPERATOR_DIVIDE)
        return real((double)a / (double)b);
    if (b == -1) {
        if (operator== OPERATOR_MODULO)
            return integer(0);
        return a == INT64_MIN ? overflow(m) : integer(-a);
    }
    int64_t quotient = a / b, rest = a % b;
    if (rest != 0 && (rest < 0) != (b < 0)) {
        quotient--;
        rest += b;
    }
    return integer(operator== OPERATOR_MODULO ? rest : quotient);
}

static struct value operate_on_ints(struct machine *m, enum operator operator, int64_t a, int64_t b)
{
    int64_t result;
    bool over = false;
    switch (operator) {
    case OPERATOR_ADD: over = __builtin_add_overflow(a, b, &result); break;
    case OPERATOR_SUBTRACT: over = __builtin_sub_overflow(a, b, &result); break;
    case OPERATOR_MULTIPLY: over = __builtin_mul_overflow(a, b, &result); break;
    case OPERATOR_POWER: return power_of_ints(m, a, b);
    default: return divide_ints(m, operator, a, b);
    }
    return over ? overflow(m) : integer(result);
}

static double float_modulo(double a, double b)
{
    double rest = fmod(a, b);
    if (rest != 0 && (rest < 0) != (b < 0))
        rest += b;
    return rest == 0 ? copysign(0, b) : rest;
}

static double float_floor_divide(double a, double b)
{
    const double quotient = (a - float_modulo(a, b)) / b;
    if (quotient == 0)
        return copysign(0, a / b);
    const double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1 : whole;
}

static struct value power_of_floats(struct machine *m, double a, double b)
{
    if (a == 0 && b < 0)
        return fail_type(m, "0.0 can't be raised to a negative power");
    if (a < 0 && isfinite(a) && isfinite(b) && floor(b) != b)
        return fail_type(m, "a negative number raised to a fraction is no real number");
    const double result = pow(a, b);
    if (isinf(result) && isfinite(a) && isfinite(b))
        return fail_type(m, "a power is too large");
    return real(result);
}

static struct value operate_on_floats(struct machine *m, enum operator operator, double a, double b)
{
    switch (operator) {
    case OPERATOR_ADD: return real(a + b);
    case OPERATOR_SUBTRACT: return real(a - b);
    case OPERATOR_MULTIPLY: return real(a * b);
    case OPERATOR_POWER: return power_of_floats(m, a, b);
    default: break;
    }
    if (b == 0)
        return fail_type(m, "float division by zero");
    return real(operator== OPERATOR_DIVIDE ? a / b :
                operator== OPERATOR_MODULO ? float_modulo(a, b)
                                           : float_floor_divide(a, b));
}

/* ---- strings and lists ----------------------------------------------------------------------- */

/* What is joined to markup is escaped. */
static struct value add_strings(struct machine *m, struct value a, struct value b)
{
    if (!a.safe && !b.safe)
        return strings_joined(m, a, b);
    const struct value left = escaped(m, a), right = escaped(m, b);
    return m->failed ? left : with_safety(strings_joined(m, left, right), true);
}

static struct value add_lists(struct machine *m, struct value a, struct value b)
{
    struct list *sum = list_create(m, a.list->n + b.list->n);
    for (size_t i = 0; i < a.list->n; i++)
        list_push(m, sum, a.list->items[i]);
    for (size_t i = 0; i < b.list->n; i++)
        list_push(m, sum, b.list->items[i]);
    return a.kind == KIND_LIST ? list_value(sum) : tuple_value(sum);
}

static struct value repeat_string(struct machine *m, struct value string, int64_t n)
{
    const struct string *s = string.string;
    struct builder b = {0};
    if (n > 0 && s->size > 0 && (uint64_t)n > JINJA_MAX_TEXT / s->size)
        return fail(m, CORBEL_E_FORMAT, "the template makes a text of more than %d MiB",
                    JINJA_MAX_TEXT >> 20);
    for (int64_t i = 0; s->size > 0 && i < n && spend(m, 1); i++)
        build_bytes(m, &b, s->data, s->size);
    return with_safety(builder_string(m, &b), string.safe);
}

static struct value repeat_list(struct machine *m, struct value v, int64_t n)
{
    struct list *result = list_create(m, 4);
    for (int64_t i = 0; v.list->n > 0 && i < n && !m->failed; i++)
        for (size_t j = 0; j < v.list->n && !m->failed; j++)
            list_push(m, result, v.list->items[j]);
    return v.kind == KIND_LIST ? list_value(result) : tuple_value(result);
}

static bool is_repeatable(struct value v)
{
    return is_string(v) || v.kind == KIND_LIST || v.kind == KIND_TUPLE;
}

static struct value repeat(struct machine *m, struct value v, struct value times)
{
    return is_string(v) ? repeat_string(m, v, as_int(times)) : repeat_list(m, v, as_int(times));
}

static const char *operator_sign(enum operator operator)
{
    static const char *const signs[] = {
        "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
    return signs[operator];
}

struct value operate(struct machine *m, enum operator operator, struct value a, struct value b)
{
    if (m->failed)
        return none();
    if (is_undefined(a) || is_undefined(b))
        return is_string(a) && operator== OPERATOR_MODULO
                   ? format_percent(m, a, b)
                   : fail_undefined(m, is_undefined(a) ? a : b);
    if (is_integral(a) && is_integral(b))
        return operate_on_ints(m, operator, as_int(a), as_int(b));
    if (is_number(a) && is_number(b))
        return operate_on_floats(m, operator, as_real(a), as_real(b));
    if (operator== OPERATOR_ADD && is_string(a) && is_string(b))
        return add_strings(m, a, b);
    if (operator== OPERATOR_ADD && is_repeatable(a) && a.kind == b.kind)
        return add_lists(m, a, b);
    if (operator== OPERATOR_MULTIPLY && is_repeatable(a) && is_integral(b))
        return repeat(m, a, b);
    if (operator== OPERATOR_MULTIPLY && is_integral(a) && is_repeatable(b))
        return repeat(m, b, a);
    if (operator== OPERATOR_MODULO && is_string(a))
        return format_percent(m, a, b);
    return fail_type(m, "%s can't be used between %s and %s", operator_sign(operator),
                     value_type(a), value_type(b));
}

struct value negate(struct machine *m, enum operator operator, struct value a)
{
    if (m->failed)
        return none();
    if (a.kind == KIND_FLOAT)
        return real(operator== OPERATOR_SUBTRACT ? -a.f : a.f);
    if (is_integral(a))
        return operator== OPERATOR_ADD  ? integer(as_int(a))
               : as_int(a) == INT64_MIN ? overflow(m)
                                        : integer(-as_int(a));
    if (is_undefined(a))
        return fail_undefined(m, a);
    return fail_type(m, "%s can't be used before %s", operator_sign(operator), value_type(a));
}

/* ---- comparisons ----------------------------------------------------------------------------- */

bool compare(struct machine *m, enum operator operator, struct value a, struct value b)
{
    const bool nan = (a.kind == KIND_FLOAT && isnan(a.f)) || (b.kind == KIND_FLOAT && isnan(b.f));
    switch (operator) {
    case OPERATOR_EQUAL: return value_equal(m, a, b);
    case OPERATOR_NOT_EQUAL: return !value_equal(m, a, b);
    case OPERATOR_IN: return value_contains(m, b, a);
    case OPERATOR_NOT_IN: return !value_contains(m, b, a);
    default: break;
    }
    if (is_undefined(a) || is_undefined(b)) {
        fail_undefined(m, is_undefined(a) ? a : b);
        return false;
    }
    if (nan && is_number(a) && is_number(b))
        return false;
    switch (operator) {
    case OPERATOR_LESS: return value_less(m, a, b);
    case OPERATOR_LESS_EQUAL: return !value_less(m, b, a);
    case OPERATOR_GREATER: return value_less(m, b, a);
    default: return !value_less(m, a, b);
    }
}

/* ---- slices ---------------------------------------------------------------------------------- */

static bool slice_bound(struct machine *m, struct value v, int64_t *out)
{
    if (v.kind == KIND_NONE || !is_given(v))
        return false;
    if (is_undefined(v))
        fail_undefined(m, v);
    else if (!is_integral(v))
        fail_type(m, "a slice's bounds must be integers, found %s", value_type(v));
    else
        *out = as_int(v);
    return !m->failed;
}

static int64_t clamp(int64_t i, int64_t low, int64_t high)
{
    return i < low ? low : i > high ? high : i;
}

/* Python's slice.indices. */
static int64_t slice_indices(struct machine *m, int64_t n, struct value begin, struct value end,
                             struct value step, int64_t *first, int64_t *stride)
{
    int64_t from = 0, to = 0, by = 1;
    if (slice_bound(m, step, &by) && by == 0)
        fail_type(m, "a slice's step can't be 0");
    if (by < -INT64_MAX)
        by = -INT64_MAX;
    const int64_t low = by > 0 ? 0 : -1, high = by > 0 ? n : n - 1;
    from = slice_bound(m, begin, &from) ? clamp(from < 0 ? from + n : from, low, high)
                                        : (by > 0 ? low : high);
    to = slice_bound(m, end, &to) ? clamp(to < 0 ? to + n : to, low, high) : (by > 0 ? high : low);
    *first = from;
    *stride = by;
    if (m->failed || (by > 0 ? from >= to : from <= to))
        return 0;
    return by > 0 ? (to - from - 1) / by + 1 : (from - to - 1) / -by + 1;
}

static struct value slice_string(struct machine *m, struct value v, int64_t first, int64_t stride,
                                 int64_t n)
{
    const struct string *s = v.string;
    struct builder b = {0};
    if (stride == 1)
        return substring(m, v, (size_t)first, (size_t)(first + n));
    size_t *offsets = take_memory(m, s->n_characters + 1, sizeof(*offsets));
    if (!offsets || !spend_bytes(m, s->size))
        return none();
    for (size_t at = 0, i = 0, size; at < s->size; at += size) {
        character_get(s->data + at, &size);
        offsets[i++] = at;
        offsets[i] = at + size;
    }
    for (int64_t i = 0; i < n && spend(m, 1); i++) {
        const size_t c = (size_t)(first + i * stride);
        build_bytes(m, &b, s->data + offsets[c], offsets[c + 1] - offsets[c]);
    }
    return with_safety(builder_string(m, &b), v.safe);
}

static struct value slice_range(struct machine *m, const struct range *r, int64_t first,
                                int64_t stride, int64_t n)
{
    struct range *slice = take_memory(m, 1, sizeof(*slice));
    if (!slice)
        return none();
    const int64_t step = n > 1 ? r->step * stride : r->step;
    const int64_t start = n > 0 ? r->start + first * r->step : r->start;
    *slice = (struct range){start, start + n * step, step, n};
    return (struct value){.kind = KIND_RANGE, .range = slice};
}

struct value take_slice(struct machine *m, struct value of, struct value begin, struct value end,
                        struct value step)
{
    int64_t first, stride;
    if (is_undefined(of))
        return fail_undefined(m, of);
    if (!is_repeatable(of) && of.kind != KIND_RANGE)
        return fail_type(m, "%s can't be sliced", value_type(of));
    const int64_t n = slice_indices(m, value_length(of), begin, end, step, &first, &stride);
    if (m->failed)
        return none();
    if (is_string(of))
        return slice_string(m, of, n ? first : 0, n ? stride : 1, n);
    if (of.kind == KIND_RANGE)
        return slice_range(m, of.range, first, n ? stride : 1, n);
    struct list *slice = list_create(m, (size_t)n);
    for (int64_t i = 0; i < n; i++)
        list_push(m, slice, of.list->items[first + i * stride]);
    return of.kind == KIND_LIST ? list_value(slice) : tuple_value(slice);
}
