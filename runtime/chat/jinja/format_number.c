/* chat/jinja/format_number.c: see format_number.h. */
#include "chat/jinja/format_number.h"

#include "chat/jinja/characters.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool check_field(struct machine *m, int64_t n)
{
    if (n > JINJA_MAX_TEXT)
        fail(m, CORBEL_E_FORMAT, "a format asks for more than %d characters", JINJA_MAX_TEXT);
    return !m->failed;
}

static void build_fill(struct machine *m, struct builder *b, uint32_t fill, int64_t n)
{
    if (fill < 0x80)
        build_repeated(m, b, (char)fill, n > 0 ? (size_t)n : 0);
    else
        for (int64_t i = 0; i < n && !m->failed; i++)
            build_character(m, b, fill);
}

/* ---- digits in their field ------------------------------------------------------------------- */

/* Whole digits with separators, at least `width` characters of them by zeros in front. */
static void build_grouped(struct machine *m, struct builder *b, const struct field *f,
                          const char *digits, size_t n, int64_t width)
{
    const size_t group = f->grouping && f->type && strchr("boxX", f->type) ? 4 : 3;
    size_t total = n;
    if (!f->grouping) {
        build_fill(m, b, '0', width - (int64_t)n);
        build_bytes(m, b, digits, n);
        return;
    }
    while ((int64_t)(total + (total - 1) / group) < width)
        total++;
    for (size_t i = 0; i < total && !m->failed; i++) {
        if (i > 0 && (total - i) % group == 0)
            build_bytes(m, b, &f->grouping, 1);
        build_bytes(m, b, i < total - n ? "0" : digits + (i - (total - n)), 1);
    }
}

/* A sign, a prefix ("0x"), whole digits, and what follows them (".5", "e+10", "%"). */
struct pieces {
    char sign; /* 0: none */
    const char *prefix, *whole, *rest;
    size_t n_whole, n_rest;
};

static int64_t grouped_size(const struct field *f, size_t n)
{
    const size_t group = f->type && strchr("boxX", f->type) ? 4 : 3;
    return (int64_t)(f->grouping && n > 0 ? n + (n - 1) / group : n);
}

static void build_pieces(struct machine *m, struct builder *b, const struct field *f,
                         const struct pieces *p)
{
    const int64_t around = (p->sign != 0) + (int64_t)strlen(p->prefix) + (int64_t)p->n_rest;
    const int64_t size = around + grouped_size(f, p->n_whole);
    const int64_t pad = f->width > size ? f->width - size : 0;
    const bool zeros = f->align == '=' && f->fill == '0';
    const int64_t left = f->align == '<' ? 0 : f->align == '^' ? pad / 2 : pad;
    if (!check_field(m, f->width))
        return;
    if (f->align != '=')
        build_fill(m, b, f->fill, left);
    build_bytes(m, b, &p->sign, p->sign != 0);
    build_text(m, b, p->prefix);
    if (f->align == '=' && !zeros)
        build_fill(m, b, f->fill, pad);
    build_grouped(m, b, f, p->whole, p->n_whole, zeros ? f->width - around : 0);
    build_bytes(m, b, p->rest, p->n_rest);
    if (f->align != '=')
        build_fill(m, b, f->fill, pad - left);
}

static char sign_of(const struct field *f, bool negative)
{
    return negative ? '-' : f->sign == '-' ? 0 : f->sign;
}

/* ---- integers -------------------------------------------------------------------------------- */

static size_t digits_of(uint64_t value, unsigned base, bool capital, char out[65])
{
    static const char small[] = "0123456789abcdef", large[] = "0123456789ABCDEF";
    size_t n = 0;
    do
        out[64 - ++n] = (capital ? large : small)[value % base];
    while (value /= base);
    memmove(out, out + 64 - n, n);
    return n;
}

void build_integer_field(struct machine *m, struct builder *b, const struct field *f, int64_t i)
{
    char digits[65];
    const char lower = (char)tolower(f->type);
    const unsigned base = lower == 'x' ? 16 : lower == 'o' ? 8 : lower == 'b' ? 2 : 10;
    const uint64_t size = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    const size_t n = digits_of(size, base, f->type == 'X', digits);
    struct pieces p = {
        .sign = sign_of(f, i < 0), .prefix = "", .whole = digits, .n_whole = n, .rest = ""};
    if (f->alternate && base != 10)
        p.prefix = f->type == 'X' ? "0X" : base == 16 ? "0x" : base == 8 ? "0o" : "0b";
    if (f->digits_precision && f->precision > (int64_t)n) {
        struct builder longer = {0};
        if (!check_field(m, f->precision))
            return;
        build_fill(m, &longer, '0', f->precision - (int64_t)n);
        build_bytes(m, &longer, digits, n);
        if (m->failed)
            return;
        p.whole = longer.room->data;
        p.n_whole = longer.room->used;
    }
    build_pieces(m, b, f, &p);
}

/* ---- floats ---------------------------------------------------------------------------------- */

/* As 'g', but never without a point: what format(v, ".3") gives. Trims `text` in place. */
static void general_with_point(char *text, size_t size, double value, int precision)
{
    snprintf(text, size, "%.*e", precision > 0 ? precision - 1 : 0, value);
    char *e = strchr(text, 'e');
    const int exponent = (int)strtol(e + 1, NULL, 10);
    if (exponent < -4 || exponent + 1 > precision - 1) {
        snprintf(text, size, "%.*g", precision, value);
        if (!strchr(text, 'e')) /* %g would not take the exponent yet */
            snprintf(text, size, "%.*e", precision > 0 ? precision - 1 : 0, value);
        char *point = strchr(text, '.'), *end = strchr(text, 'e');
        if (point) {
            char *keep = end;
            while (keep[-1] == '0')
                keep--;
            keep -= keep[-1] == '.';
            memmove(keep, end, strlen(end) + 1);
        }
        return;
    }
    snprintf(text, size, "%.*g", precision, value);
    if (!strchr(text, '.'))
        strcat(text, ".0");
}

/* The digits of |value|, without sign; NULL after a failure. */
static char *float_text(struct machine *m, const struct field *f, double value)
{
    const int64_t precision = f->precision < 0 ? 6 : f->precision;
    const char type = f->type == '%' || f->type == 'n' ? (f->type == '%' ? 'f' : 'g') : f->type;
    if (!check_field(m, precision))
        return NULL;
    const size_t size = (size_t)precision + 400;
    char *text = take_memory(m, size, 1), format[16];
    if (!text || !spend_bytes(m, size))
        return NULL;
    if (type == 0 && f->precision < 0) {
        struct builder shortest = {0};
        build_float(m, &shortest, value);
        if (m->failed)
            return NULL;
        memcpy(text, shortest.room->data, shortest.room->used);
        text[shortest.room->used] = '\0';
    } else if (type == 0) {
        general_with_point(text, size, value, precision ? (int)precision : 1);
    } else {
        snprintf(format, sizeof(format), "%%%s.*%c", f->alternate ? "#" : "", type);
        snprintf(text, size, format, (int)precision, value);
    }
    return text;
}

void build_float_field(struct machine *m, struct builder *b, const struct field *f, double value)
{
    const bool capital = f->type && isupper((unsigned char)f->type);
    double size = fabs(value);
    char *text;
    if (f->type == '%')
        size *= 100;
    if (isfinite(size))
        text = float_text(m, f, size);
    else
        text = isnan(size) ? (capital ? "NAN" : "nan") : (capital ? "INF" : "inf");
    if (!text)
        return;
    struct pieces p = {.sign = sign_of(f, signbit(value) && !isnan(value)),
                       .prefix = "",
                       .whole = text,
                       .n_whole = strspn(text, "0123456789")};
    if (!isfinite(size))
        p.n_whole = 0;
    struct builder rest = {0};
    build_text(m, &rest, text + p.n_whole);
    build_text(m, &rest, f->type == '%' ? "%" : "");
    p.rest = rest.room ? rest.room->data : "";
    p.n_rest = builder_size(&rest);
    if (!m->failed)
        build_pieces(m, b, f, &p);
}

bool integer_of_float(struct machine *m, double value, int64_t *out)
{
    if (!isfinite(value))
        fail_type(m, "an infinite number or no number has no integer");
    else if (!(value > -0x1p63 && value < 0x1p63))
        fail_type(m, "an integer does not fit 64 bits");
    else
        *out = (int64_t)value;
    return !m->failed;
}

/* ---- texts ----------------------------------------------------------------------------------- */

void build_text_field(struct machine *m, struct builder *b, const struct field *f,
                      const struct string *s)
{
    size_t size = s->size, n = s->n_characters;
    if (f->precision >= 0 && (uint64_t)f->precision < n) {
        n = (size_t)f->precision;
        size = character_offset(s->data, s->size, n);
    }
    const int64_t pad = f->width > (int64_t)n ? f->width - (int64_t)n : 0;
    const int64_t left = f->align == '>' ? pad : f->align == '^' ? pad / 2 : 0;
    if (!check_field(m, f->width))
        return;
    build_fill(m, b, f->fill, left);
    build_bytes(m, b, s->data, size);
    build_fill(m, b, f->fill, pad - left);
}
