/* text/unicode.c: UTF-8 and the classes of characters that tokenizers ask for. */
#include "text/unicode.h"

#include "text/unicode_versions.h"

#include <string.h>
#include <utf8proc.h>

size_t utf8_put(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* How many bytes the lead byte asks for, and what the second byte may be (this is where overlong
 * forms, surrogates and code points above U+10FFFF are refused). 0: no lead byte. */
static size_t lead_demands(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* Bytes at `s` that fit together, of the `*needed` that the first one asks for. */
static size_t sequence_length(const char *s, size_t size, size_t *needed)
{
    const unsigned char *p = (const unsigned char *)s;
    unsigned char low, high;
    size_t n = 1;

    if (p[0] < 0x80)
        return *needed = 1;
    *needed = lead_demands(p[0], &low, &high);
    while (n < *needed && n < size && p[n] >= low && p[n] <= high) {
        low = 0x80;
        high = 0xBF;
        n++;
    }
    return n;
}

size_t utf8_invalid_length(const char *s, size_t size)
{
    size_t needed, n;

    if (size == 0)
        return 0;
    n = sequence_length(s, size, &needed);
    return n == needed ? 0 : n;
}

size_t utf8_incomplete_tail(const char *s, size_t size)
{
    size_t back = size < 3 ? size : 3;

    for (; back > 0; back--) {
        size_t needed, n = sequence_length(s + size - back, back, &needed);
        if (n == back && needed > n)
            return back;
    }
    return 0;
}

size_t utf8_validate(const char *s, size_t size)
{
    size_t i = 0;

    while (i < size) {
        uint64_t eight;
        while (i + 8 <= size && (memcpy(&eight, s + i, 8), (eight & 0x8080808080808080u) == 0))
            i += 8;
        if (i >= size)
            break;
        if ((unsigned char)s[i] < 0x80) {
            i++;
            continue;
        }
        size_t needed, n = sequence_length(s + i, size - i, &needed);
        if (n != needed)
            return i;
        i += n;
    }
    return size;
}

size_t utf8_count(const char *s, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += !utf8_is_continuation(s[i]);
    return n;
}

bool unicode_is_whitespace(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static utf8proc_category_t category(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

bool unicode_is_letter(uint32_t c)
{
    if (c < 0x80)
        return (c | 0x20) - 'a' < 26;
    utf8proc_category_t k = category(c);
    return version_letter(c, k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO);
}

bool unicode_is_number(uint32_t c)
{
    if (c < 0x80)
        return c - '0' < 10;
    utf8proc_category_t k = category(c);
    return version_number(c, k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

bool unicode_is_numeric(uint32_t c)
{
    return version_numeric(c, unicode_is_number(c));
}

static bool has_mark_category(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME;
}

bool unicode_is_mark(uint32_t c)
{
    return c >= 0x300 && version_mark(c, has_mark_category(c));
}

bool unicode_is_accent(uint32_t c)
{
    return c >= 0x300 && version_accent(c, has_mark_category(c));
}

bool unicode_is_nonspacing(uint32_t c)
{
    return c >= 0x300 && version_nonspacing(c, category(c) == UTF8PROC_CATEGORY_MN);
}

bool unicode_is_punctuation(uint32_t c)
{
    if (c < 0x80)
        return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
               (c >= 123 && c <= 126);
    utf8proc_category_t k = category(c);
    return version_punctuation(c, k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO);
}

bool unicode_is_other(uint32_t c)
{
    if (c < 0x80)
        return c < 0x20 || c == 0x7F;
    utf8proc_category_t k = category(c);
    return version_other(c, k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF ||
                                k == UTF8PROC_CATEGORY_CO);
}

bool unicode_is_word(uint32_t c)
{
    if (c < 0x80)
        return unicode_is_letter(c) || unicode_is_number(c) || c == '_';
    utf8proc_category_t k = category(c);
    return version_word(c, (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_ND) ||
                               k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_PC);
}

bool unicode_is_chinese(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

size_t unicode_lowercase(uint32_t c, uint32_t out[3])
{
    if (c < 0x80) {
        out[0] = c - 'A' < 26 ? c | 0x20 : c;
        return 1;
    }
    if (c == 0x130) { /* the only one that grows: i with a dot above */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = version_lowercase(c, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
    return 1;
}

unsigned unicode_combining_class(uint32_t c)
{
    if (c < 0x300)
        return 0;
    unsigned class = (unsigned)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
    return class > 0 && version_reordered(c, true) ? class : 0;
}

size_t unicode_decompose(uint32_t c, bool compatible, uint32_t out[32])
{
    utf8proc_int32_t buffer[32];
    int boundary = 0,
        options = compatible ? UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT : UTF8PROC_DECOMPOSE;

    out[0] = c;
    if (c < 0x80 || (!compatible && c < 0xC0) || !version_decomposed(c, true))
        return 1;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, buffer, 32,
                                                 (utf8proc_option_t)options, &boundary);
    if (n < 1 || n > 32)
        return 1;
    for (utf8proc_ssize_t i = 0; i < n; i++)
        out[i] = (uint32_t)buffer[i];
    return (size_t)n;
}

uint32_t unicode_compose(uint32_t a, uint32_t b)
{
    utf8proc_int32_t pair[3] = {(utf8proc_int32_t)a, (utf8proc_int32_t)b, 0};

    if (b < 0x300)
        return 0;
    if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) != 1)
        return 0;
    return version_decomposed((uint32_t)pair[0], true) ? (uint32_t)pair[0] : 0;
}
