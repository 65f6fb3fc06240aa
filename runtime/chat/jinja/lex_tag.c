/* chat/jinja/lex_tag.c: names, strings, numbers and signs between {{ and }}. */
#include "chat/jinja/characters.h"
#include "chat/jinja/escapes.h"
#include "chat/jinja/lexer_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- inside of tags -------------------------------------------------------------------------- */

static bool is_name_character(uint32_t c)
{
    return c < 0x80 ? (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                          (c >= '0' && c <= '9')
                    : character_is_word(c);
}

static size_t name_end(const struct lexer *l, size_t at)
{
    size_t size;
    while (at < l->size && is_name_character(character_get(l->source + at, &size)))
        at += size;
    return at;
}

static bool lex_name(struct lexer *l)
{
    const size_t end = name_end(l, l->at);
    if (!push_string(l, TOKEN_NAME, l->source + l->at, end - l->at))
        return false;
    advance_to(l, end);
    return true;
}

static bool lex_string(struct lexer *l)
{
    const char quote = l->source[l->at];
    size_t end = l->at + 1;
    while (end < l->size && l->source[end] != quote)
        end += l->source[end] == '\\' ? 2 : 1;
    if (end >= l->size)
        return refuse(l, "a string is not closed with %c", quote);
    struct text text = {0};
    const char *why = unescape(l->source + l->at + 1, end - l->at - 1, &text);
    bool ok = !why || refuse(l, "a string: %s", why);
    if (ok && text.failed)
        ok = lexer_no_memory(l);
    ok = ok && push_string(l, TOKEN_STRING, text_cstr(&text), text.size);
    text_finish(&text);
    if (ok)
        advance_to(l, end + 1);
    return ok;
}

/* Digits of a base with single underscores between them. */
static size_t digits_end(const struct lexer *l, size_t at, const char *digits)
{
    const size_t begin = at;
    for (;;) {
        const int c = byte_at(l, at), next = byte_at(l, at + 1);
        if (c > 0 && strchr(digits, c))
            at++;
        else if (c == '_' && at > begin && next > 0 && strchr(digits, next))
            at += 2;
        else
            return at;
    }
}

/* The end of a float at the cursor, which looks like an integer up to `end`; `end`: it is one. */
static size_t float_end(const struct lexer *l, size_t end)
{
    static const char digits[] = "0123456789";
    size_t at = end;
    if (l->at > 0 && l->source[l->at - 1] == '.')
        return end; /* x.0.1 are two subscripts */
    if (byte_at(l, at) == '.' && digits_end(l, at + 1, digits) > at + 1)
        at = digits_end(l, at + 1, digits);
    if (byte_at(l, at) == 'e' || byte_at(l, at) == 'E') {
        const size_t exponent = at + 1 + (sign_at(l, at + 1) != 0);
        if (digits_end(l, exponent, digits) > exponent)
            at = digits_end(l, exponent, digits);
    }
    return at;
}

/* The number's text without underscores. */
static bool number_text(struct lexer *l, size_t end, char *text, size_t size)
{
    size_t n = 0;
    for (size_t at = l->at; at < end; at++)
        if (l->source[at] != '_') {
            if (n + 1 == size)
                return refuse(l, "a number of more than %zu digits", size - 1);
            text[n++] = l->source[at];
        }
    text[n] = '\0';
    return true;
}

static size_t integer_end(const struct lexer *l, int *base)
{
    static const struct {
        char letter;
        int base;
        const char *digits;
    } prefixes[] = {{'x', 16, "0123456789abcdefABCDEF"}, {'o', 8, "01234567"}, {'b', 2, "01"}};
    for (size_t i = 0; byte_at(l, l->at) == '0' && i < 3; i++)
        if ((byte_at(l, l->at + 1) | 0x20) == prefixes[i].letter) {
            const size_t begin = l->at + 2 + (byte_at(l, l->at + 2) == '_');
            const size_t end = digits_end(l, begin, prefixes[i].digits);
            *base = prefixes[i].base;
            if (end > begin)
                return end;
        }
    *base = 10;
    return digits_end(l, l->at, "0123456789");
}

static bool lex_number(struct lexer *l)
{
    char text[400];
    int base;
    size_t end = integer_end(l, &base);
    const size_t real_end = base == 10 ? float_end(l, end) : end;
    const bool is_float = real_end > end;
    end = is_float ? real_end : end;
    if (!number_text(l, end, text, sizeof(text)))
        return false;
    if (!is_float && base == 10 && text[0] == '0' && strspn(text, "0") != strlen(text))
        return refuse(l, "an integer begins with 0");
    struct token *token = push_token(l, is_float ? TOKEN_FLOAT : TOKEN_INTEGER);
    if (!token)
        return false;
    errno = 0;
    if (is_float)
        token->real = strtod(text, NULL);
    else
        token->integer = strtoll(base == 10 ? text : text + 2, NULL, base);
    if (!is_float && errno == ERANGE)
        return refuse(l, "an integer does not fit 64 bits");
    advance_to(l, end);
    return true;
}

/* Keeps count of what is open, so that }} may end a dict. */
static bool balance(struct lexer *l, char c)
{
    static const char opening[] = "([{", closing[] = ")]}";
    const char *open = strchr(opening, c);
    if (open) {
        if (l->n_open == l->open_capacity) {
            const size_t capacity = l->open_capacity ? 2 * l->open_capacity : 64;
            char *more = arena_alloc(&l->t->arena, capacity);
            if (!more)
                return lexer_no_memory(l);
            if (l->n_open > 0)
                memcpy(more, l->open, l->n_open);
            l->open = more;
            l->open_capacity = capacity;
        }
        l->open[l->n_open++] = closing[open - opening];
        return true;
    }
    if (!strchr(closing, c))
        return true;
    if (l->n_open == 0)
        return refuse(l, "unexpected '%c'", c);
    if (l->open[--l->n_open] != c)
        return refuse(l, "unexpected '%c', expected '%c'", c, l->open[l->n_open]);
    return true;
}

static bool lex_sign(struct lexer *l)
{
    static const char *const signs[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                        "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                        ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        if (!looking_at(l, l->at, signs[i]))
            continue;
        if (!balance(l, signs[i][0]))
            return false;
        struct token *token = push_token(l, TOKEN_SIGN);
        if (!token)
            return false;
        memcpy(token->sign, signs[i], strlen(signs[i]) + 1);
        advance_to(l, l->at + strlen(signs[i]));
        return true;
    }
    size_t size;
    const uint32_t c = character_get(l->source + l->at, &size);
    return refuse(l, c < 0x20 ? "unexpected character 0x%02x" : "unexpected character U+%04X", c);
}

bool lex_in_tag(struct lexer *l)
{
    const int c = byte_at(l, l->at);
    size_t size;
    if (c >= '0' && c <= '9')
        return lex_number(l);
    if (c == '"' || c == '\'')
        return lex_string(l);
    if (is_name_character(character_get(l->source + l->at, &size)))
        return lex_name(l);
    return lex_sign(l);
}
