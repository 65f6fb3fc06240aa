/* chat/jinja/characters.h: code points of UTF-8 text, and what Python's str says of them. */
#ifndef CHAT_JINJA_CHARACTERS_H
#define CHAT_JINJA_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text is well-formed UTF-8 everywhere here. */
size_t characters_count(const char *s, size_t size);
/* The code point at `s`; *size are its bytes. */
uint32_t character_get(const char *s, size_t *size);
size_t character_put(char out[4], uint32_t c); /* bytes written */
/* Bytes before the n-th code point (of at most `size`). */
size_t character_offset(const char *s, size_t size, size_t n);
/* First byte of the code point that ends before `end`. */
size_t character_before(const char *s, size_t end);

bool character_is_space(uint32_t c); /* str.isspace, \s */
bool character_is_line_end(uint32_t c);
bool character_is_printable(uint32_t c);
bool character_is_alpha(uint32_t c);
bool character_is_decimal(uint32_t c);
bool character_is_digit(uint32_t c);
bool character_is_numeric(uint32_t c);
bool character_is_word(uint32_t c); /* \w */
bool character_is_upper(uint32_t c);
bool character_is_lower(uint32_t c);
bool character_is_title(uint32_t c);
bool character_is_cased(uint32_t c);
bool character_is_case_ignorable(uint32_t c);

/* Full case mappings without context; how many code points were written. */
enum casing { TO_LOWER, TO_UPPER, TO_TITLE, TO_FOLDED };
size_t character_to_case(uint32_t c, enum casing casing, uint32_t out[3]);

#endif
