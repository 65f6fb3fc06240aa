/* text/scanners.c: the splitting patterns of the well-known models, written out.
 *
 * A regex engine is most of the time that a tokenizer takes; these are the same rules as code. Each
 * follows the alternatives of its regex in their order, so the comments are the regexes. */
#include "text/pattern.h"

#include "text/unicode.h"

#include <string.h>

static size_t step(const char *text, size_t at)
{
    return at + utf8_length((unsigned char)text[at]);
}

/* Past the characters of a class, at most `most` of them. */
static size_t run_of(bool (*in_class)(uint32_t), const char *text, size_t at, size_t size,
                     size_t most)
{
    while (at < size && most-- > 0 && in_class(utf8_get(text + at)))
        at = step(text, at);
    return at;
}

static bool is_newline(uint32_t c)
{
    return c == '\n' || c == '\r';
}

/* [^\s\p{L}\p{N}] */
static bool is_sign(uint32_t c)
{
    if (c < 0x80)
        return c != ' ' && (c < '\t' || c > '\r') && (c | 0x20) - 'a' >= 26 && c - '0' >= 10;
    return !unicode_is_whitespace(c) && !unicode_is_letter(c) && !unicode_is_number(c);
}

/* [\p{L}\p{M}] */
static bool is_letter_or_mark(uint32_t c)
{
    return unicode_is_letter(c) || unicode_is_mark(c);
}

/* [^\s\p{L}\p{M}\p{N}] */
static bool is_sign_not_mark(uint32_t c)
{
    return is_sign(c) && !unicode_is_mark(c);
}

/* 's|'t|'re|'ve|'m|'ll|'d at an apostrophe: bytes matched, or 0. When case does not matter, U+017F
 * (a long s) folds to s. */
static size_t contraction(const char *text, size_t at, size_t size, bool any_case)
{
    static const char *const pairs[] = {"re", "ve", "ll"};
    char a, b;

    if (at + 1 >= size || text[at] != '\'')
        return 0;
    a = text[at + 1];
    b = at + 2 < size ? text[at + 2] : 0;
    if (any_case) {
        if (at + 2 < size && (unsigned char)a == 0xC5 && (unsigned char)b == 0xBF)
            return 3;
        a = (char)(a >= 'A' && a <= 'Z' ? a | 0x20 : a);
        b = (char)(b >= 'A' && b <= 'Z' ? b | 0x20 : b);
    }
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (a == pairs[i][0] && b == pairs[i][1])
            return 3;
    return 0;
}

/* \s+(?!\S)|\s+ : white space up to the end; before something else all but its last character,
 * unless that is all there is. */
static size_t spaces(const char *text, size_t at, size_t size)
{
    size_t last = at, end = at;

    while (end < size && unicode_is_whitespace(utf8_get(text + end))) {
        last = end;
        end = step(text, end);
    }
    return (end < size && last > at ? last : end) - at;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static size_t scan_gpt2(const char *text, size_t at, size_t size)
{
    size_t n = contraction(text, at, size, false), from = at;

    if (n > 0)
        return n;
    if (text[at] == ' ' && at + 1 < size)
        from = at + 1;
    uint32_t c = utf8_get(text + from);
    bool (*in_class)(uint32_t) = unicode_is_letter(c)   ? unicode_is_letter
                                 : unicode_is_number(c) ? unicode_is_number
                                 : is_sign(c)           ? is_sign
                                                        : NULL;
    if (in_class)
        return run_of(in_class, text, from, size, SIZE_MAX) - at;
    return spaces(text, at, size);
}

/* What the patterns of Llama 3, cl100k and Qwen share; they differ in how many digits make a
 * number, and in whether marks count as letters:
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
 *   |\s*[\r\n]+|\s+(?!\S)|\s+ */
struct modern {
    size_t digits;
    bool (*is_word)(uint32_t);
    bool (*is_sign)(uint32_t);
};

/* [^\r\n\p{L}\p{N}]?\p{L}+ : bytes, or 0. */
static size_t modern_word(const struct modern *m, const char *text, size_t at, size_t size)
{
    uint32_t c = utf8_get(text + at);
    size_t from = at;

    if (!m->is_word(c)) {
        if (is_newline(c) || unicode_is_number(c))
            return 0;
        from = step(text, at);
        if (from >= size || !m->is_word(utf8_get(text + from)))
            return 0;
    }
    return run_of(m->is_word, text, from, size, SIZE_MAX) - at;
}

/* \s*[\r\n]+ : white space up to its last newline: bytes, or 0. */
static size_t lines(const char *text, size_t at, size_t size)
{
    size_t end = at, last = at;

    while (end < size && unicode_is_whitespace(utf8_get(text + end))) {
        bool newline = is_newline((unsigned char)text[end]);
        end = step(text, end);
        if (newline)
            last = end;
    }
    return last - at;
}

static size_t scan_modern(const struct modern *m, const char *text, size_t at, size_t size)
{
    size_t n = contraction(text, at, size, true);
    if (n > 0)
        return n;

    n = modern_word(m, text, at, size);
    if (n > 0)
        return n;

    uint32_t c = utf8_get(text + at);
    if (unicode_is_number(c))
        return run_of(unicode_is_number, text, at, size, m->digits) - at;

    size_t from = c == ' ' ? at + 1 : at;
    if (from < size && m->is_sign(utf8_get(text + from))) {
        from = run_of(m->is_sign, text, from, size, SIZE_MAX);
        return run_of(is_newline, text, from, size, SIZE_MAX) - at;
    }
    n = lines(text, at, size);
    return n > 0 ? n : spaces(text, at, size);
}

static size_t scan_three_digits(const char *text, size_t at, size_t size)
{
    static const struct modern rules = {3, unicode_is_letter, is_sign};
    return scan_modern(&rules, text, at, size);
}

static size_t scan_one_digit(const char *text, size_t at, size_t size)
{
    static const struct modern rules = {1, unicode_is_letter, is_sign};
    return scan_modern(&rules, text, at, size);
}

static size_t scan_one_digit_marks(const char *text, size_t at, size_t size)
{
    static const struct modern rules = {1, is_letter_or_mark, is_sign_not_mark};
    return scan_modern(&rules, text, at, size);
}

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"

pattern_scanner scanner_for(const char *regex)
{
    // clang-format off
    static const struct {
        const char *regex;
        pattern_scanner scanner;
    } known[] = {
        {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
         scan_gpt2},
        {CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
         "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", scan_three_digits},
        {CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
         "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", scan_one_digit},
        {CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*"
         "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", scan_one_digit_marks},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(regex, known[i].regex) == 0)
            return known[i].scanner;
    return NULL;
}
