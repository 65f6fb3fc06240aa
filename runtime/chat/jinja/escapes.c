/* chat/jinja/escapes.c: see escapes.h. */
#include "chat/jinja/escapes.h"

#include "chat/jinja/characters.h"

#include <string.h>

static int digit_of(char c, int base)
{
    const int d = c >= '0' && c <= '9'   ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                         : 16;
    return d < base ? d : -1;
}

/* Up to `most` digits; returns how many there were. */
static size_t read_digits(const char *s, size_t left, size_t most, int base, uint32_t *value)
{
    size_t n = 0;
    *value = 0;
    for (; n < most && n < left && digit_of(s[n], base) >= 0; n++)
        *value = *value * (uint32_t)base + (uint32_t)digit_of(s[n], base);
    return n;
}

static const char *append_code_point(struct text *out, uint32_t c)
{
    char utf8[4];
    if (c > 0x10ffff)
        return "an escape beyond U+10FFFF";
    if (c >= 0xd800 && c < 0xe000)
        return "an escape that is half of a surrogate pair";
    text_append_bytes(out, utf8, character_put(utf8, c));
    return NULL;
}

/* \xhh, \uhhhh, \Uhhhhhhhh */
static const char *hexadecimal(const char *s, size_t left, size_t n_digits, struct text *out)
{
    uint32_t c;
    if (read_digits(s, left, n_digits, 16, &c) < n_digits)
        return "an escape with too few hexadecimal digits";
    return append_code_point(out, c);
}

const char *unescape(const char *s, size_t size, struct text *out)
{
    static const char letters[] = "abfnrtv\\'\"", meaning[] = "\a\b\f\n\r\t\v\\'\"";
    const char *why = NULL;
    for (size_t i = 0; i < size && !why;) {
        if (s[i] != '\\' || i + 1 == size) {
            text_append_char(out, s[i++]);
            continue;
        }
        const char c = s[i + 1];
        const char *letter = c ? strchr(letters, c) : NULL;
        uint32_t octal;
        i += 2;
        if (letter) {
            text_append_char(out, meaning[letter - letters]);
        } else if (c == 'x' || c == 'u' || c == 'U') {
            const size_t n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
            why = hexadecimal(s + i, size - i, n, out);
            i += n;
        } else if (c >= '0' && c <= '7') {
            i += read_digits(s + i - 1, size - i + 1, 3, 8, &octal) - 1;
            why = append_code_point(out, octal);
        } else if (c == 'N') {
            why = "\\N{...} is not supported";
        } else if (c != '\n') { /* a newline behind \ is left out; other escapes stay as they are */
            text_append_char(out, '\\');
            text_append_char(out, c);
        }
    }
    return why;
}
