/* text/unicode.h: UTF-8 and the classes of characters that tokenizers ask for.
 *
 * The classes are those that the `tokenizers` library answers with, which rest on several versions
 * of Unicode; where utf8proc is of another one, unicode_versions.c makes up for it. */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that begins with `lead`; the text is valid UTF-8. */
static inline size_t utf8_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* The code point at `s`, which is valid UTF-8. */
static inline uint32_t utf8_get(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    if (p[0] < 0x80)
        return p[0];
    if (p[0] < 0xE0)
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3Fu);
    if (p[0] < 0xF0)
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3Fu);
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
           (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3Fu);
}

static inline bool utf8_is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

size_t utf8_put(char out[4], uint32_t c); /* bytes written; c is a scalar value */

/* Offset of the first byte that is not valid UTF-8; `size` if all is. */
size_t utf8_validate(const char *s, size_t size);
/* Length of the longest valid prefix of a sequence at `s` that more bytes could complete: 0 if
 * `size` bytes are a complete character, an invalid one or none. */
size_t utf8_incomplete_tail(const char *s, size_t size);
/* Bytes at `s` that stand for one U+FFFD, as Rust and Python replace them; 0: a valid character. */
size_t utf8_invalid_length(const char *s, size_t size);
size_t utf8_count(const char *s, size_t size); /* code points */

bool unicode_is_whitespace(uint32_t c);
bool unicode_is_letter(uint32_t c);      /* L* */
bool unicode_is_number(uint32_t c);      /* N* */
bool unicode_is_numeric(uint32_t c);     /* N* of a newer Unicode, for Digits */
bool unicode_is_mark(uint32_t c);        /* M* */
bool unicode_is_accent(uint32_t c);      /* M* of an older Unicode, for StripAccents */
bool unicode_is_nonspacing(uint32_t c);  /* Mn, for BertNormalizer */
bool unicode_is_punctuation(uint32_t c); /* P*, and all ASCII signs */
bool unicode_is_other(uint32_t c);       /* control, format, private use */
bool unicode_is_word(uint32_t c);        /* regex \w */
bool unicode_is_chinese(uint32_t c);     /* the CJK blocks that BERT splits into characters */

/* Lowercase form of at most 3 code points, without context; returns how many. */
size_t unicode_lowercase(uint32_t c, uint32_t out[3]);

unsigned unicode_combining_class(uint32_t c);
/* Full decomposition of one code point, not reordered; returns how many (at least 1). */
size_t unicode_decompose(uint32_t c, bool compatible, uint32_t out[32]);
uint32_t unicode_compose(uint32_t a, uint32_t b); /* 0: no composite */

#endif
