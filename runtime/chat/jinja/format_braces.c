/* chat/jinja/format_braces.c: "{} has {n:>4}".format(a, n=b).
 *
 * Fields look values up as templates do, so there is nothing to climb to. */
#include "chat/jinja/characters.h"
#include "chat/jinja/evaluate.h"
#include "chat/jinja/format_number.h"
#include "chat/jinja/library.h"

#include <string.h>

struct braces {
    struct machine *m;
    const struct arguments *arguments;
    bool counts, names_numbers; /* {} or {0} has been used: not both */
    size_t next;
    bool safe;
};

static void build_formatted(struct braces *b, const char *s, size_t size, int depth,
                            struct builder *out);

/* ---- the value ------------------------------------------------------------------------------- */

/* Digits only: a number; -1: it is none. */
static int64_t number_of(const char *s, size_t size)
{
    int64_t n = 0;
    for (size_t i = 0; i < size; i++) {
        if (s[i] < '0' || s[i] > '9' || n > INT32_MAX)
            return -1;
        n = n * 10 + (s[i] - '0');
    }
    return size > 0 ? n : -1;
}

static struct value positional(struct braces *b, size_t i)
{
    return i < b->arguments->n ? b->arguments->values[i]
                               : fail_type(b->m, "format(): there is no argument %zu", i);
}

static struct value first_value(struct braces *b, const char *name, size_t size)
{
    const int64_t number = number_of(name, size);
    if (size == 0)
        b->counts = true;
    else if (number >= 0)
        b->names_numbers = true;
    if (b->counts && b->names_numbers)
        return fail_type(b->m, "format(): {} and {0} can't be mixed");
    if (size == 0)
        return positional(b, b->next++);
    if (number >= 0)
        return positional(b, (size_t)number);
    for (size_t i = 0; i < b->arguments->n_keywords; i++)
        if (b->arguments->keywords[i].name->size == size &&
            memcmp(b->arguments->keywords[i].name->data, name, size) == 0)
            return b->arguments->keywords[i].value;
    return fail_type(b->m, "format(): there is no argument '%.*s'", (int)size, name);
}

/* name.attribute[item] */
static struct value field_value(struct braces *b, const char *s, size_t size)
{
    size_t at = 0;
    while (at < size && s[at] != '.' && s[at] != '[')
        at++;
    struct value v = first_value(b, s, at);
    while (at < size && spend(b->m, 1)) {
        const bool item = s[at] == '[';
        const size_t begin = at + 1;
        for (at = begin; at < size && (item ? s[at] != ']' : s[at] != '.' && s[at] != '[');)
            at++;
        if (at == begin || (item && at == size))
            return fail_type(b->m, "format(): a malformed field '%.*s'", (int)size, s);
        const struct value name = string_of(b->m, s + begin, at - begin);
        const int64_t number = number_of(s + begin, at - begin);
        if (b->m->failed)
            break;
        v = !item         ? get_attribute(b->m, v, name.string)
            : number >= 0 ? get_item(b->m, v, integer(number))
                          : get_item(b->m, v, name);
        at += item;
        if (item && at < size && s[at] != '.' && s[at] != '[')
            return fail_type(b->m, "format(): a malformed field '%.*s'", (int)size, s);
    }
    return v;
}

/* ---- the specification ----------------------------------------------------------------------- */

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '=' || c == '^';
}

static size_t read_width(const char *s, size_t size, size_t at, int64_t *out)
{
    for (*out = at < size && s[at] >= '0' && s[at] <= '9' ? 0 : *out;
         at < size && s[at] >= '0' && s[at] <= '9'; at++)
        *out = *out > JINJA_MAX_TEXT ? *out : *out * 10 + (s[at] - '0');
    return at;
}

static bool read_field(struct machine *m, const struct string *spec, struct field *f)
{
    const char *s = spec->data;
    size_t at = 0, first = 0, size = spec->size;
    *f = (struct field){.fill = ' ', .sign = '-', .precision = -1};
    if (size > 0)
        f->fill = character_get(s, &first);
    if (first > 0 && first < size && is_align(s[first])) {
        f->align = s[first];
        at = first + 1;
    } else {
        f->fill = ' ';
        if (size > 0 && is_align(s[0]))
            f->align = s[at++];
    }
    if (at < size && (s[at] == '+' || s[at] == '-' || s[at] == ' '))
        f->sign = s[at++];
    if (at < size && s[at] == '#') {
        f->alternate = true;
        at++;
    }
    if (at < size && s[at] == '0' && ++at) {
        f->fill = f->align ? f->fill : '0';
        f->align = f->align ? f->align : '=';
    }
    at = read_width(s, size, at, &f->width);
    if (at < size && (s[at] == ',' || s[at] == '_'))
        f->grouping = s[at++];
    if (at < size && s[at] == '.') {
        const size_t digits = ++at;
        at = read_width(s, size, at, &f->precision);
        if (at == digits)
            fail_type(m, "format(): a point without precision");
    }
    if (at < size)
        f->type = s[at++];
    if (at < size && !m->failed)
        fail_type(m, "format(): an invalid format specifier '%.*s'", (int)size, s);
    return !m->failed;
}

static void bad_type(struct machine *m, const struct field *f, struct value v)
{
    fail_type(m, "format(): unknown format code '%c' for %s", f->type, value_type(v));
}

static void format_string(struct machine *m, struct builder *out, struct field *f, struct value v)
{
    if ((f->type && f->type != 's') || f->align == '=' || f->grouping || f->sign != '-' ||
        f->alternate) {
        if (f->align == '=' && f->fill == '0' && (!f->type || f->type == 's'))
            f->align = '<';
        else {
            bad_type(m, f, v);
            return;
        }
    }
    if (!f->align)
        f->align = '<';
    build_text_field(m, out, f, v.string);
}

static void format_integer(struct machine *m, struct builder *out, struct field *f, struct value v)
{
    if (f->type && strchr("eEfFgG%", f->type)) {
        build_float_field(m, out, f, as_real(v));
    } else if (f->type == 'c' && as_int(v) >= 0 && as_int(v) < 0x110000 &&
               !(as_int(v) >= 0xd800 && as_int(v) < 0xe000)) {
        char utf8[4];
        const struct string s = {utf8, character_put(utf8, (uint32_t)as_int(v)), 1, NULL};
        build_text_field(m, out, f, &s);
    } else if ((!f->type || strchr("bdnoxX", f->type)) && f->precision < 0) {
        f->type = !f->type || f->type == 'n' ? 'd' : f->type;
        build_integer_field(m, out, f, as_int(v));
    } else {
        bad_type(m, f, v);
    }
}

static void format_value(struct braces *b, struct builder *out, struct value v,
                         const struct string *spec)
{
    struct machine *m = b->m;
    struct field f;
    if (spec->size == 0) {
        build_value(m, out, v);
        return;
    }
    if (!is_string(v) && !is_number(v)) {
        fail_type(m, "format(): %s takes no format specifier", value_type(v));
        return;
    }
    if (!read_field(m, spec, &f))
        return;
    if (is_string(v)) {
        format_string(m, out, &f, v);
        return;
    }
    if (!f.align)
        f.align = '>';
    if (is_integral(v))
        format_integer(m, out, &f, v);
    else if (!f.type || strchr("eEfFgGn%", f.type))
        build_float_field(m, out, &f, v.f);
    else
        bad_type(m, &f, v);
}

/* ---- the format string ----------------------------------------------------------------------- */

static struct value converted(struct braces *b, char conversion, struct value v)
{
    struct builder text = {0};
    if (conversion == 's')
        return value_text(b->m, v);
    if (conversion != 'r' && conversion != 'a')
        return fail_type(b->m, "format(): unknown conversion '%c'", conversion);
    build_repr(b->m, &text, v);
    return builder_string(b->m, &text);
}

/* What stands between { and }. */
static void build_field(struct braces *b, const char *s, size_t size, int depth,
                        struct builder *out)
{
    size_t end = 0, spec = size;
    char conversion = 0;
    for (size_t brackets = 0; end < size && (brackets || (s[end] != '!' && s[end] != ':')); end++)
        brackets = s[end] == '[' ? 1 : s[end] == ']' ? 0 : brackets;
    if (end < size && s[end] == '!') {
        if (end + 1 >= size || (end + 2 < size && s[end + 2] != ':')) {
            fail_type(b->m, "format(): a malformed conversion");
            return;
        }
        conversion = s[end + 1];
        spec = end + 2;
    } else if (end < size) {
        spec = end;
    }
    struct value v = field_value(b, s, end);
    if (conversion && !b->m->failed)
        v = converted(b, conversion, v);
    struct builder inner = {0};
    if (spec < size)
        build_formatted(b, s + spec + 1, size - spec - 1, depth + 1, &inner);
    if (b->m->failed)
        return;
    const struct value specifier = builder_string(b->m, &inner);
    struct builder piece = {0};
    if (!b->m->failed)
        format_value(b, &piece, v, specifier.string);
    struct value text = builder_string(b->m, &piece);
    if (b->safe && !(is_string(v) && v.safe))
        text = escaped(b->m, text);
    if (!b->m->failed)
        build_bytes(b->m, out, text.string->data, text.string->size);
}

/* The } that closes the field at `at`; `size`: there is none. */
static size_t field_end(const char *s, size_t size, size_t at)
{
    size_t open = 1;
    for (; at < size; at++) {
        open += s[at] == '{';
        open -= s[at] == '}';
        if (open == 0)
            break;
    }
    return at;
}

static void build_formatted(struct braces *b, const char *s, size_t size, int depth,
                            struct builder *out)
{
    if (depth > 1) {
        fail_type(b->m, "format(): fields within fields within fields");
        return;
    }
    for (size_t at = 0; at < size && spend(b->m, 1);) {
        const bool doubled = depth == 0 && at + 1 < size && s[at + 1] == s[at];
        if (s[at] == '{' && !doubled) {
            const size_t end = field_end(s, size, at + 1);
            if (end == size) {
                fail_type(b->m, "format(): expected '}' before the end of the string");
                return;
            }
            build_field(b, s + at + 1, end - at - 1, depth, out);
            at = end + 1;
        } else if (s[at] == '}' && !doubled) {
            fail_type(b->m, "format(): a single '}'");
            return;
        } else if (s[at] == '{' || s[at] == '}') {
            build_bytes(b->m, out, s + at, 1);
            at += 2;
        } else {
            const size_t begin = at;
            while (at < size && s[at] != '{' && s[at] != '}')
                at++;
            build_bytes(b->m, out, s + begin, at - begin);
        }
    }
}

struct value format_braces(struct machine *m, struct value format, const struct arguments *a)
{
    struct braces b = {.m = m, .arguments = a, .safe = format.safe};
    struct builder out = {0};
    build_formatted(&b, format.string->data, format.string->size, 0, &out);
    return builder_string(m, &out);
}
