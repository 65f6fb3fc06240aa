/* chat/jinja/numbers.c: numbers out of text, and the filters for numbers. */
#include "chat/jinja/characters.h"
#include "chat/jinja/evaluate.h"
#include "chat/jinja/format_number.h"
#include "chat/jinja/library.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILTER(name) \
    static struct value name(struct machine *m, struct value self, const struct arguments *a)

/* ---- numbers out of text --------------------------------------------------------------------- */

enum { MAX_NUMBER_TEXT = 4096 };

/* The ASCII digit for one of another script: they stand in rows of ten. */
static char decimal_digit(uint32_t c)
{
    uint32_t n = 0;
    while (n < 50 && character_is_decimal(c - n - 1))
        n++;
    return (char)('0' + n % 10);
}

/* Without white space around and without the underscores between digits; NULL: that is no number
 * for sure. */
static char *plain_number(struct machine *m, const struct string *s)
{
    const struct value trimmed = strip(m, (struct value){.kind = KIND_STRING, .string = s},
                                       missing(), STRIP_LEFT | STRIP_RIGHT);
    if (m->failed || trimmed.string->size == 0 || trimmed.string->size > MAX_NUMBER_TEXT)
        return NULL;
    const char *from = trimmed.string->data;
    const size_t size = trimmed.string->size;
    char *text = take_memory(m, size + 1, 1);
    size_t n = 0, length;
    for (size_t i = 0; text && i < size; i += length) {
        const uint32_t c = character_get(from + i, &length);
        if (c == '_') {
            if (i == 0 || i + 1 == size || !isalnum((unsigned char)from[i + 1]) ||
                !isalnum((unsigned char)from[i - 1]))
                return NULL;
            continue;
        }
        if (c == '\0' || (c >= 0x80 && !character_is_decimal(c)))
            return NULL;
        text[n++] = c < 0x80 ? (char)c : decimal_digit(c);
    }
    return text;
}

struct value parse_int(struct machine *m, const struct string *s, int64_t base)
{
    char *text = plain_number(m, s), *end, *digits;
    if (base != 0 && (base < 2 || base > 36))
        return missing();
    if (!text || !*text)
        return missing();
    digits = text + (*text == '+' || *text == '-');
    const int prefix = digits[0] == '0' ? tolower((unsigned char)digits[1]) : 0;
    const int64_t prefix_base = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 0;
    if (prefix_base && (base == 0 || base == prefix_base)) {
        base = prefix_base;
        digits += 2;
    } else if (base == 0) {
        if (digits[0] == '0' && strspn(digits, "0") != strlen(digits))
            return missing();
        base = 10;
    }
    if (!isalnum((unsigned char)*digits))
        return missing();
    errno = 0;
    const unsigned long long value = strtoull(digits, &end, (int)base);
    if (*end || (base == 16 && digits[0] == '0' && tolower((unsigned char)digits[1]) == 'x'))
        return missing();
    const bool negative = *text == '-';
    if (errno == ERANGE || value > (unsigned long long)INT64_MAX + negative)
        return fail_type(m, "an integer does not fit 64 bits");
    return integer(negative ? (int64_t)(0 - value) : (int64_t)value);
}

struct value parse_float(struct machine *m, const struct string *s)
{
    char *text = plain_number(m, s), *end;
    if (!text || !*text)
        return missing();
    const char *digits = text + (*text == '+' || *text == '-');
    const bool word = strcasecmp(digits, "inf") == 0 || strcasecmp(digits, "infinity") == 0 ||
                      strcasecmp(digits, "nan") == 0;
    if (!word && digits[strspn(digits, "0123456789.eE+-")] != '\0')
        return missing(); /* strtod knows more than Python: hexadecimal, nan(...) */
    const double value = strtod(text, &end);
    return *end || end == text ? missing() : real(value);
}

struct value int_of_float(struct machine *m, double f)
{
    int64_t i;
    return integer_of_float(m, f, &i) ? integer(i) : none();
}

/* ---- int, float ------------------------------------------------------------------------------ */

/* int(float(text)), or the default. */
static struct value int_through_float(struct machine *m, struct value self, struct value fallback)
{
    const struct value f = is_string(self) ? parse_float(m, self.string) : missing();
    if (m->failed)
        return none();
    return is_given(f) && isfinite(f.f) ? int_of_float(m, f.f) : fallback;
}

FILTER(filter_int)
{
    struct value out[2];
    int64_t base = 10;
    if (!BIND(m, "int", a, 0, out, "default", "base") ||
        (is_given(out[1]) && !integer_argument(m, "int", out[1], &base)))
        return none();
    const struct value fallback = is_given(out[0]) ? out[0] : integer(0);
    if (is_undefined(self))
        return fail_undefined(m, self);
    if (is_integral(self))
        return integer(as_int(self));
    if (self.kind == KIND_FLOAT)
        return isnan(self.f) ? fallback : int_of_float(m, self.f);
    const struct value i = is_string(self) ? parse_int(m, self.string, base) : missing();
    return is_given(i) || m->failed ? i : int_through_float(m, self, fallback);
}

FILTER(filter_float)
{
    struct value fallback;
    if (!BIND(m, "float", a, 0, &fallback, "default"))
        return none();
    if (is_undefined(self))
        return fail_undefined(m, self);
    if (is_number(self))
        return real(as_real(self));
    const struct value f = is_string(self) ? parse_float(m, self.string) : missing();
    return is_given(f) || m->failed ? f : is_given(fallback) ? fallback : real(0);
}

FILTER(filter_abs)
{
    if (!bind_nothing(m, "abs", a))
        return none();
    if (self.kind == KIND_FLOAT)
        return real(fabs(self.f));
    if (!is_integral(self))
        return is_undefined(self)
                   ? fail_undefined(m, self)
                   : fail_type(m, "abs: expected a number, found %s", value_type(self));
    return as_int(self) < 0 ? negate(m, OPERATOR_SUBTRACT, self) : integer(as_int(self));
}

/* ---- round ----------------------------------------------------------------------------------- */

/* Half to even, on the decimal value that the double has exactly. */
static struct value round_float(double f, int64_t digits)
{
    char text[400 + 330];
    if (!isfinite(f) || digits > 323)
        return real(f);
    if (digits < -308)
        return real(copysign(0, f));
    if (digits >= 0) {
        snprintf(text, sizeof(text), "%.*f", (int)digits, f);
        return real(strtod(text, NULL));
    }
    const double unit = pow(10, (double)-digits);
    return real(nearbyint(f / unit) * unit);
}

static struct value round_int(struct machine *m, int64_t i, int64_t digits)
{
    int64_t unit = 1;
    for (; digits < 0 && unit <= INT64_MAX / 10; digits++)
        unit *= 10;
    if (digits < 0)
        return integer(0);
    if (unit == 1)
        return integer(i);
    int64_t rest = i % unit, down = i - rest;
    if (rest < 0) {
        rest += unit;
        if (__builtin_sub_overflow(down, unit, &down))
            return fail_type(m, "an integer does not fit 64 bits");
    }
    const bool up = rest > unit - rest || (rest == unit - rest && (down / unit) % 2 != 0);
    if (up && __builtin_add_overflow(down, unit, &down))
        return fail_type(m, "an integer does not fit 64 bits");
    return integer(down);
}

FILTER(filter_round)
{
    struct value out[2];
    int64_t digits = 0;
    if (!BIND(m, "round", a, 0, out, "precision", "method") ||
        (is_given(out[0]) && !integer_argument(m, "round", out[0], &digits)))
        return none();
    const bool common = !is_given(out[1]) || is_word(out[1], "common");
    const bool ceiling = !common && is_word(out[1], "ceil");
    if (!common && !ceiling && !is_word(out[1], "floor"))
        return fail_type(m, "round: method must be common, ceil or floor");
    if (!is_number(self))
        return is_undefined(self)
                   ? fail_undefined(m, self)
                   : fail_type(m, "round: expected a number, found %s", value_type(self));
    if (common)
        return self.kind == KIND_FLOAT ? round_float(self.f, digits)
                                       : round_int(m, as_int(self), digits);
    const struct value power = operate(m, OPERATOR_POWER, integer(10), integer(digits));
    const struct value scaled = operate(m, OPERATOR_MULTIPLY, self, power);
    if (m->failed)
        return none();
    const double f = as_real(scaled), whole = ceiling ? ceil(f) : floor(f);
    if (!isfinite(whole))
        return fail_type(m, "round: an infinite number or no number has no integer");
    return operate(m, OPERATOR_DIVIDE, is_integral(scaled) ? scaled : real(whole), power);
}

const struct function number_filters[] = {
    {"int", filter_int}, {"float", filter_float}, {"abs", filter_abs}, {"round", filter_round},
    {NULL, NULL},
};
