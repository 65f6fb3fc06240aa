/* base/json_scan.c: white space and strings of JSON text. */
#include "base/json_scan.h"

#include <stdint.h>
#include <string.h>

void json_scan_space(struct json_scan *s)
{
    int b = json_scan_peek(s);
    while (b == ' ' || b == '\t' || b == '\n' || b == '\r') {
        s->at++;
        b = json_scan_peek(s);
    }
}

bool json_scan_take(struct json_scan *s, char c)
{
    json_scan_space(s);
    if (json_scan_peek(s) != (unsigned char)c)
        return false;
    s->at++;
    return true;
}

bool json_scan_fault(struct json_scan *s, size_t at, const char *fault)
{
    s->fault = fault;
    s->fault_at = at;
    return false;
}

static void append_utf8(struct text *t, uint32_t u)
{
    unsigned char b[4];
    size_t n;
    if (u < 0x80) {
        b[0] = (unsigned char)u;
        n = 1;
    } else if (u < 0x800) {
        b[0] = (unsigned char)(0xc0 | u >> 6);
        n = 2;
    } else if (u < 0x10000) {
        b[0] = (unsigned char)(0xe0 | u >> 12);
        n = 3;
    } else {
        b[0] = (unsigned char)(0xf0 | u >> 18);
        n = 4;
    }
    for (size_t i = 1; i < n; i++)
        b[i] = (unsigned char)(0x80 | (u >> 6 * (n - 1 - i) & 0x3f));
    text_append_bytes(t, b, n);
}

/* Four hex digits at `at`, or -1. */
static int32_t hex4(const struct json_scan *s, size_t at)
{
    int32_t value = 0;
    if (s->size - at < 4)
        return -1;
    for (size_t i = at; i < at + 4; i++) {
        const unsigned char b = s->data[i];
        int32_t digit;
        if (b >= '0' && b <= '9')
            digit = b - '0';
        else if ((b | 0x20) >= 'a' && (b | 0x20) <= 'f')
            digit = (b | 0x20) - 'a' + 10;
        else
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The cursor is behind "\u". */
static bool scan_unicode_escape(struct json_scan *s, struct text *out)
{
    const size_t begin = s->at - 2;
    int32_t u = hex4(s, s->at);
    if (u < 0)
        return json_scan_fault(s, begin, "\\u must be followed by four hex digits");
    s->at += 4;
    if (u == 0)
        return json_scan_fault(s, begin, "U+0000 in a string");
    if (u >= 0xdc00 && u <= 0xdfff)
        return json_scan_fault(s, begin, "a lone surrogate");
    if (u >= 0xd800 && u <= 0xdbff) {
        const bool escaped =
            s->size - s->at >= 6 && s->data[s->at] == '\\' && s->data[s->at + 1] == 'u';
        const int32_t low = escaped ? hex4(s, s->at + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return json_scan_fault(s, begin, "a lone surrogate");
        s->at += 6;
        u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
    }
    if (out)
        append_utf8(out, (uint32_t)u);
    return true;
}

/* The cursor is behind a backslash. */
static bool scan_escape(struct json_scan *s, struct text *out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const int b = json_scan_peek(s);
    if (b < 0)
        return json_scan_fault(s, s->at, "the file ends within a string");
    s->at++;
    if (b == 'u')
        return scan_unicode_escape(s, out);
    const char *letter = b ? strchr(letters, b) : NULL;
    if (!letter)
        return json_scan_fault(s, s->at - 2, "an escape that JSON does not have");
    if (out)
        text_append_char(out, meanings[letter - letters]);
    return true;
}

/* ASCII that stands for itself: nearly all there is, so it gets a loop of its own. */
static bool is_plain(unsigned char b)
{
    return b >= 0x20 && b < 0x80 && b != '"' && b != '\\';
}

bool json_scan_string(struct json_scan *s, struct text *out)
{
    size_t plain = ++s->at; /* begin of what is to be copied as it is */
    for (;;) {
        while (s->at < s->size && is_plain(s->data[s->at]))
            s->at++;
        const int b = json_scan_peek(s);
        if (b < 0)
            return json_scan_fault(s, s->at, "the file ends within a string");
        if (b == 0)
            return json_scan_fault(s, s->at, "U+0000 in a string");
        if (b < 0x20)
            return json_scan_fault(s, s->at,
                                   "a control character in a string (expected an escape)");
        if (b != '"' && b != '\\') {
            const size_t n = text_utf8_length((const char *)s->data + s->at, s->size - s->at);
            if (n == 0)
                return json_scan_fault(s, s->at, "not UTF-8");
            s->at += n;
            continue;
        }
        if (out)
            text_append_bytes(out, s->data + plain, s->at - plain);
        s->at++;
        if (b == '"')
            return true;
        if (!scan_escape(s, out))
            return false;
        plain = s->at;
    }
}
