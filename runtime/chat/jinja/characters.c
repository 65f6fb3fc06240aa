/* chat/jinja/characters.c: see characters.h.
 *
 * Categories and single-character case mappings are utf8proc's; what Unicode keeps in lists of
 * their own (SpecialCasing, Other_Lowercase, ...) stands here. */
#include "chat/jinja/characters.h"

#include <utf8proc.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

size_t characters_count(const char *s, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

uint32_t character_get(const char *s, size_t *size)
{
    const unsigned char *p = (const unsigned char *)s;
    *size = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    switch (*size) {
    case 1: return p[0];
    case 2: return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3fu);
    case 3: return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3fu);
    default:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
               (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3fu);
    }
}

size_t character_put(char out[4], uint32_t c)
{
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)c, bytes);
    for (utf8proc_ssize_t i = 0; i < n; i++)
        out[i] = (char)bytes[i];
    return n > 0 ? (size_t)n : 0;
}

size_t character_offset(const char *s, size_t size, size_t n)
{
    size_t at = 0, length;
    for (; n > 0 && at < size; n--) {
        character_get(s + at, &length);
        at += length;
    }
    return at;
}

size_t character_before(const char *s, size_t end)
{
    while (end > 0 && ((unsigned char)s[--end] & 0xc0) == 0x80)
        ;
    return end;
}

/* ---- lists of Unicode ------------------------------------------------------------------------ */

struct span {
    uint32_t first, last;
};

static bool listed(uint32_t c, const struct span *spans, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= spans[i].first && c <= spans[i].last)
            return true;
    return false;
}

/* clang-format off */
static const struct span other_lowercase[] = {
    {0xAA, 0xAA}, {0xBA, 0xBA}, {0x2B0, 0x2B8}, {0x2C0, 0x2C1}, {0x2E0, 0x2E4}, {0x345, 0x345},
    {0x37A, 0x37A}, {0x1D2C, 0x1D6A}, {0x1D78, 0x1D78}, {0x1D9B, 0x1DBF}, {0x2071, 0x2071},
    {0x207F, 0x207F}, {0x2090, 0x209C}, {0x2170, 0x217F}, {0x24D0, 0x24E9}, {0x2C7C, 0x2C7D},
    {0xA69C, 0xA69D}, {0xA770, 0xA770}, {0xA7F8, 0xA7F9}, {0xAB5C, 0xAB5F}, {0x10780, 0x10780},
    {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA},
};
static const struct span other_uppercase[] = {
    {0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189},
};
/* Digits that are no decimals. */
static const struct span other_digits[] = {
    {0xB2, 0xB3}, {0xB9, 0xB9}, {0x1369, 0x1371}, {0x19DA, 0x19DA}, {0x2070, 0x2070},
    {0x2074, 0x2079}, {0x2080, 0x2089}, {0x2460, 0x2468}, {0x2474, 0x247C}, {0x2488, 0x2490},
    {0x24EA, 0x24EA}, {0x24F5, 0x24FD}, {0x24FF, 0x24FF}, {0x2776, 0x277E}, {0x2780, 0x2788},
    {0x278A, 0x2792}, {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A},
    {0x1F100, 0x1F10A},
};
/* Signs within words. */
static const struct span middle_signs[] = {
    {0x27, 0x27}, {0x2E, 0x2E}, {0x3A, 0x3A}, {0xB7, 0xB7}, {0x387, 0x387}, {0x55F, 0x55F},
    {0x5F4, 0x5F4}, {0x2018, 0x2019}, {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13},
    {0xFE52, 0xFE52}, {0xFE55, 0xFE55}, {0xFF07, 0xFF07}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A},
};
static const struct span spaces[] = {
    {0x09, 0x0D}, {0x1C, 0x20}, {0x85, 0x85}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
};

/* SpecialCasing: where one character becomes several. A title of 0: utf8proc's. */
static const struct {
    uint32_t c, upper[3], title[3];
} special_casing[] = {
#include "chat/jinja/special_casing.inc"
};
/* clang-format on */

/* ---- classes --------------------------------------------------------------------------------- */

static utf8proc_category_t category(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

bool character_is_space(uint32_t c)
{
    return listed(c, spaces, COUNT(spaces));
}

bool character_is_line_end(uint32_t c)
{
    return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

bool character_is_printable(uint32_t c)
{
    switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return false;
    case UTF8PROC_CATEGORY_ZS: return c == ' ';
    default: return true;
    }
}

bool character_is_alpha(uint32_t c)
{
    const utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

bool character_is_decimal(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_ND;
}

bool character_is_digit(uint32_t c)
{
    return character_is_decimal(c) || listed(c, other_digits, COUNT(other_digits));
}

bool character_is_numeric(uint32_t c)
{
    const utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

bool character_is_word(uint32_t c)
{
    return c == '_' || character_is_alpha(c) || character_is_numeric(c);
}

bool character_is_upper(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LU ||
           listed(c, other_uppercase, COUNT(other_uppercase));
}

bool character_is_lower(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LL ||
           listed(c, other_lowercase, COUNT(other_lowercase));
}

bool character_is_title(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LT;
}

bool character_is_cased(uint32_t c)
{
    return character_is_upper(c) || character_is_lower(c) || character_is_title(c);
}

bool character_is_case_ignorable(uint32_t c)
{
    switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: return listed(c, middle_signs, COUNT(middle_signs));
    }
}

/* ---- case ------------------------------------------------------------------------------------ */

static size_t put_sequence(const uint32_t from[3], uint32_t out[3])
{
    size_t n = 0;
    for (; n < 3 && from[n] != 0; n++)
        out[n] = from[n];
    return n;
}

static size_t special_case(uint32_t c, enum casing casing, uint32_t out[3])
{
    if (casing == TO_LOWER && c == 0x130) /* the only one, a capital i with a dot */
        return put_sequence((const uint32_t[3]){'i', 0x307}, out);
    if (casing == TO_LOWER || c < 0xdf)
        return 0;
    for (size_t i = 0; i < COUNT(special_casing); i++)
        if (special_casing[i].c == c)
            return put_sequence(
                casing == TO_UPPER ? special_casing[i].upper : special_casing[i].title, out);
    return 0;
}

static size_t fold(uint32_t c, uint32_t out[3])
{
    utf8proc_int32_t folded[4];
    int boundary = 0;
    const utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)c, folded, 4, UTF8PROC_CASEFOLD, &boundary);
    for (utf8proc_ssize_t i = 0; i < n && i < 3; i++)
        out[i] = (uint32_t)folded[i];
    return n < 0 ? 0 : n < 3 ? (size_t)n : 3;
}

size_t character_to_case(uint32_t c, enum casing casing, uint32_t out[3])
{
    if (casing == TO_FOLDED)
        return fold(c, out);
    const size_t n = special_case(c, casing, out);
    if (n > 0)
        return n;
    const utf8proc_int32_t from = (utf8proc_int32_t)c;
    out[0] = (uint32_t)(casing == TO_LOWER   ? utf8proc_tolower(from)
                        : casing == TO_UPPER ? utf8proc_toupper(from)
                                             : utf8proc_totitle(from));
    return 1;
}
