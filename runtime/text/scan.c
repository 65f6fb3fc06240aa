/* text/scan.c: a reader for the two members of tokenizer.json that are too large for a tree. */
#include "text/scan.h"

#include "base/error.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

#define SCAN_MAX_DEPTH 64

void scan_init(struct scan *s, const char *data, size_t size, const char *name, corbel_error *err)
{
    *s = (struct scan){.begin = data, .at = data, .end = data + size, .name = name, .err = err};
}

void scan_finish(struct scan *s)
{
    text_finish(&s->unescaped);
}

bool scan_fail(struct scan *s, const char *what)
{
    size_t line = 1, column = 1;

    if (s->status != CORBEL_OK)
        return false;
    for (const char *p = s->begin; p < s->at; p++) {
        column++;
        if (*p == '\n') {
            line++;
            column = 1;
        }
    }
    s->status = error_set(s->err, CORBEL_E_FORMAT, "%s: line %zu, column %zu: %s", s->name, line,
                          column, what);
    return false;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

char scan_peek(struct scan *s)
{
    skip_space(s);
    return s->status == CORBEL_OK && s->at < s->end ? *s->at : 0;
}

bool scan_accept(struct scan *s, char c)
{
    if (scan_peek(s) != c || s->status != CORBEL_OK)
        return false;
    s->at++;
    return true;
}

bool scan_expect(struct scan *s, char c)
{
    char what[] = "expected 'x'";

    if (scan_accept(s, c))
        return true;
    what[10] = c;
    return scan_fail(s, what);
}

static bool four_digits(struct scan *s, uint32_t *value)
{
    *value = 0;
    if (s->end - s->at < 4)
        return scan_fail(s, "a \\u escape is cut short");
    for (int i = 0; i < 4; i++) {
        char c = *s->at++;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return scan_fail(s, "a \\u escape needs four hexadecimal digits");
        *value = *value << 4 | digit;
    }
    return true;
}

static bool unicode_escape(struct scan *s)
{
    uint32_t c, low;
    char bytes[4];

    if (!four_digits(s, &c))
        return false;
    if (c >= 0xD800 && c < 0xE000) {
        if (c >= 0xDC00 || s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
            return scan_fail(s, "a lone surrogate");
        s->at += 2;
        if (!four_digits(s, &low))
            return false;
        if (low < 0xDC00 || low >= 0xE000)
            return scan_fail(s, "a lone surrogate");
        c = 0x10000 + ((c - 0xD800) << 10 | (low - 0xDC00));
    }
    text_append_bytes(&s->unescaped, bytes, utf8_put(bytes, c));
    return true;
}

/* The rest of a string from its first backslash on. */
static bool escaped_string(struct scan *s, const char *from)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";

    text_clear(&s->unescaped);
    text_append_bytes(&s->unescaped, from, (size_t)(s->at - from));
    for (;;) {
        const char *run = s->at;
        while (s->at < s->end && *s->at != '"' && *s->at != '\\' && (unsigned char)*s->at >= 0x20)
            s->at++;
        text_append_bytes(&s->unescaped, run, (size_t)(s->at - run));
        if (s->end - s->at < 2 || (unsigned char)*s->at < 0x20)
            return s->at < s->end && *s->at == '"' ? (s->at++, true)
                                                   : scan_fail(s, "a string is not closed");
        if (*s->at++ == '"')
            return true;
        char c = *s->at++;
        const char *escape = c ? strchr(plain, c) : NULL;
        if (c == 'u') {
            if (!unicode_escape(s))
                return false;
        } else if (escape) {
            text_append_char(&s->unescaped, meant[escape - plain]);
        } else {
            return scan_fail(s, "an unknown escape");
        }
    }
}

bool scan_string(struct scan *s, const char **data, size_t *size)
{
    return scan_string_unchecked(s, data, size) &&
           (utf8_validate(*data, *size) == *size || scan_fail(s, "a string is not valid UTF-8"));
}

bool scan_string_unchecked(struct scan *s, const char **data, size_t *size)
{
    if (!scan_expect(s, '"'))
        return false;

    const char *from = s->at;
    while (s->at < s->end && *s->at != '"' && *s->at != '\\' && (unsigned char)*s->at >= 0x20)
        s->at++;
    if (s->at == s->end)
        return scan_fail(s, "a string is not closed");
    if (*s->at == '"') {
        *data = from;
        *size = (size_t)(s->at - from);
        s->at++;
    } else if (*s->at == '\\') {
        if (!escaped_string(s, from))
            return false;
        if (s->unescaped.failed) {
            s->status = error_memory(s->err, 0, "a string");
            return false;
        }
        *data = text_cstr(&s->unescaped);
        *size = s->unescaped.size;
    } else {
        return scan_fail(s, "a control character in a string");
    }
    return true;
}

bool scan_int(struct scan *s, int64_t *value)
{
    const char *from;

    scan_peek(s);
    from = s->at;
    if (s->status != CORBEL_OK)
        return false;
    *value = 0;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - from < 18)
        *value = *value * 10 + (*s->at++ - '0');
    if (s->at == from || (*from == '0' && s->at - from > 1) ||
        (s->at < s->end && (strchr(".eE", *s->at) || (*s->at >= '0' && *s->at <= '9'))))
        return scan_fail(s, "expected an id: digits only");
    return true;
}

bool scan_double(struct scan *s, double *value)
{
    char number[64], *stop;
    size_t n = 0;

    scan_peek(s);
    while (s->at < s->end && n < sizeof number - 1 && *s->at && strchr("+-.eE0123456789", *s->at))
        number[n++] = *s->at++;
    number[n] = 0;
    *value = strtod(number, &stop);
    return (n > 0 && *stop == 0 && strchr("-0123456789", number[0])) ||
           scan_fail(s, "expected a number");
}

bool scan_skip(struct scan *s)
{
    const char *data;
    size_t size, depth = 0;

    do {
        char c = scan_peek(s);
        if (c == '"') {
            if (!scan_string(s, &data, &size))
                return false;
        } else if (c == '{' || c == '[') {
            s->at++;
            if (++depth > SCAN_MAX_DEPTH)
                return scan_fail(s, "nested deeper than 64");
        } else if (c == '}' || c == ']') {
            if (depth-- == 0)
                return scan_fail(s, "expected a value");
            s->at++;
        } else if (c == 0) {
            return scan_fail(s, "the file ends in the middle of a value");
        } else if (c == ',' || c == ':') {
            if (depth == 0)
                return scan_fail(s, "expected a value");
            s->at++;
        } else { /* a number or a word; whether it is a good one, the tree's reader will say */
            while (s->at < s->end && *s->at && !strchr(",:]}[{\" \t\r\n", *s->at))
                s->at++;
        }
    } while (depth > 0);
    return s->status == CORBEL_OK;
}
