/* chat/jinja/format_percent.c: "%s has %d" % (a, b). */
#include "chat/jinja/characters.h"
#include "chat/jinja/evaluate.h"
#include "chat/jinja/format_number.h"
#include "chat/jinja/library.h"

#include <string.h>

struct percent {
    struct machine *m;
    const struct string *format;
    size_t at;
    struct value values;
    size_t next; /* value */
    bool safe;   /* markup escapes what it is given */
    struct builder out;
};

/* What Python takes for a mapping: it may stay unused. */
static bool is_mapping(struct value v)
{
    return v.kind == KIND_DICT || v.kind == KIND_LIST || v.kind == KIND_RANGE ||
           v.kind == KIND_UNDEFINED;
}

static int peek(const struct percent *p)
{
    return p->at < p->format->size ? (unsigned char)p->format->data[p->at] : -1;
}

static struct value next_value(struct percent *p)
{
    if (p->values.kind == KIND_TUPLE) {
        if (p->next < p->values.list->n)
            return p->values.list->items[p->next++];
    } else if (p->next == 0) {
        p->next++;
        return p->values;
    }
    return fail_type(p->m, "not enough arguments for format string");
}

/* %(name)s */
static struct value named_value(struct percent *p)
{
    const size_t begin = ++p->at;
    for (size_t depth = 1; depth > 0; p->at++) {
        if (peek(p) < 0)
            return fail_type(p->m, "incomplete format key");
        depth += peek(p) == '(';
        depth -= peek(p) == ')';
    }
    if (is_undefined(p->values))
        return fail_undefined(p->m, p->values);
    if (p->values.kind != KIND_DICT)
        return fail_type(p->m, "format requires a mapping");
    const size_t size = p->at - 1 - begin;
    const struct value v = dict_find(p->values.dict, p->format->data + begin, size);
    p->next = 1;
    return is_given(v) ? v
                       : fail_type(p->m, "the format's key '%.*s' is missing", (int)size,
                                   p->format->data + begin);
}

static int64_t read_number(struct percent *p)
{
    int64_t n = 0;
    if (peek(p) == '*') {
        p->at++;
        const struct value v = next_value(p);
        return integer_argument(p->m, "*", v, &n) ? n : 0;
    }
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++)
        n = n > JINJA_MAX_TEXT ? n : n * 10 + (peek(p) - '0');
    return n;
}

static void read_flags(struct percent *p, struct field *f)
{
    bool left = false, zero = false;
    for (;; p->at++) {
        const int c = peek(p);
        if (c == '-')
            left = true;
        else if (c == '0')
            zero = true;
        else if (c == '+' || (c == ' ' && f->sign != '+'))
            f->sign = (char)c;
        else if (c == '#')
            f->alternate = true;
        else if (c != ' ')
            break;
    }
    f->width = read_number(p);
    if (f->width < 0) {
        left = true;
        f->width = f->width < -JINJA_MAX_TEXT ? (int64_t)JINJA_MAX_TEXT + 1 : -f->width;
    }
    f->align = left ? '<' : zero ? '=' : '>';
    f->fill = zero && !left ? '0' : ' ';
    if (peek(p) == '.') {
        p->at++;
        f->precision = read_number(p);
        if (f->precision < 0)
            f->precision = 0;
    }
    while (peek(p) == 'h' || peek(p) == 'l' || peek(p) == 'L')
        p->at++;
}

static void format_integer(struct percent *p, struct field *f, struct value v)
{
    int64_t i = 0;
    const bool decimal = f->type == 'd';
    f->digits_precision = true;
    if (v.kind == KIND_FLOAT && decimal) {
        if (!integer_of_float(p->m, v.f, &i))
            return;
    } else if (is_integral(v)) {
        i = as_int(v);
    } else {
        fail_type(p->m, "%%%c format: a number is required, not %s", f->type, value_type(v));
        return;
    }
    build_integer_field(p->m, &p->out, f, i);
}

static void format_character(struct percent *p, struct field *f, struct value v)
{
    f->fill = ' ';
    f->precision = -1;
    if (is_string(v) && v.string->n_characters == 1) {
        build_text_field(p->m, &p->out, f, v.string);
    } else if (is_integral(v) && as_int(v) >= 0 && as_int(v) < 0x110000 &&
               !(as_int(v) >= 0xd800 && as_int(v) < 0xe000)) {
        char utf8[4];
        const struct string s = {utf8, character_put(utf8, (uint32_t)as_int(v)), 1, NULL};
        build_text_field(p->m, &p->out, f, &s);
    } else {
        fail_type(p->m, "%%c requires an int or a character");
    }
}

static void format_text(struct percent *p, struct field *f, struct value v)
{
    struct value text;
    if (f->type == 's') {
        text = p->safe ? escaped(p->m, v) : value_text(p->m, v);
    } else {
        struct builder b = {0};
        build_repr(p->m, &b, v);
        text = builder_string(p->m, &b);
    }
    f->fill = ' ';
    f->align = f->align == '<' ? '<' : '>';
    if (!p->m->failed)
        build_text_field(p->m, &p->out, f, text.string);
}

static void format_one(struct percent *p, struct field *f, struct value v)
{
    if (p->m->failed)
        return;
    switch (f->type) {
    case 'd':
    case 'i':
    case 'u':
        f->type = 'd';
        format_integer(p, f, v);
        break;
    case 'x':
    case 'X':
    case 'o': format_integer(p, f, v); break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        if (is_number(v))
            build_float_field(p->m, &p->out, f, as_real(v));
        else
            fail_type(p->m, "must be real number, not %s", value_type(v));
        break;
    case 'c': format_character(p, f, v); break;
    case 's':
    case 'r':
    case 'a': format_text(p, f, v); break;
    default: fail_type(p->m, "unsupported format character '%c'", f->type); break;
    }
}

static void format_field(struct percent *p)
{
    struct field f = {.fill = ' ', .sign = '-', .precision = -1};
    struct value v = missing();
    if (peek(p) == '%') {
        p->at++;
        build_text(p->m, &p->out, "%");
        return;
    }
    if (peek(p) == '(')
        v = named_value(p);
    read_flags(p, &f);
    const int type = peek(p);
    p->at++;
    if (type < 0)
        fail_type(p->m, "incomplete format");
    else if (type == '%')
        build_text(p->m, &p->out, "%");
    else {
        f.type = (char)type;
        format_one(p, &f, is_given(v) ? v : next_value(p));
    }
}

struct value format_percent(struct machine *m, struct value format, struct value values)
{
    struct percent p = {.m = m, .format = format.string, .values = values, .safe = format.safe};
    while (p.at < p.format->size && spend(m, 1)) {
        const char *from = p.format->data + p.at;
        const char *percent = memchr(from, '%', p.format->size - p.at);
        const size_t size = percent ? (size_t)(percent - from) : p.format->size - p.at;
        build_bytes(m, &p.out, from, size);
        p.at += size;
        if (percent) {
            p.at++;
            format_field(&p);
        }
    }
    const size_t n = values.kind == KIND_TUPLE ? values.list->n : 1;
    if (p.next < n && !is_mapping(values) && !m->failed)
        return fail_type(m, "not all arguments converted during string formatting");
    return with_safety(builder_string(m, &p.out), format.safe);
}
