/* chat/jinja/lexer.c: see lexer.h.
 *
 * The rules for white space are those of Jinja's own lexer with trim_blocks and lstrip_blocks on:
 * the newline behind a block is dropped, and so is the white space between the start of a line and
 * a block; `-` drops all white space on its side, `+` keeps it. */
#include "chat/jinja/lexer.h"

#include "base/error.h"
#include "base/text.h"
#include "chat/jinja/characters.h"
#include "chat/jinja/lexer_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors, memory -------------------------------------------------------------------------- */

corbel_status syntax_error(const struct jinja_template *t, uint32_t line, uint32_t column,
                           corbel_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_set_v(err, CORBEL_E_FORMAT, format, args);
    va_end(args);
    return error_prefix(err, CORBEL_E_FORMAT, "%s:%u:%u", t->name, line, column);
}

bool lexer_no_memory(struct lexer *l)
{
    l->status = error_memory(l->err, l->size, "a chat template");
    return false;
}

const struct string *template_string(struct jinja_template *t, const char *data, size_t size)
{
    struct string *s = arena_alloc(&t->arena, sizeof(*s));
    char *copy = arena_alloc(&t->arena, size + 1);
    if (!s || !copy)
        return NULL;
    if (size > 0)
        memcpy(copy, data, size);
    *s = (struct string){copy, size, characters_count(copy, size), NULL};
    return s;
}

/* ---- the cursor ------------------------------------------------------------------------------ */

bool looking_at(const struct lexer *l, size_t at, const char *s)
{
    const size_t n = strlen(s);
    return at <= l->size && n <= l->size - at && memcmp(l->source + at, s, n) == 0;
}

int byte_at(const struct lexer *l, size_t at)
{
    return at < l->size ? (unsigned char)l->source[at] : -1;
}

void advance_to(struct lexer *l, size_t at)
{
    for (; l->at < at; l->at++) {
        const unsigned char c = (unsigned char)l->source[l->at];
        if (c == '\n') {
            l->line++;
            l->column = 1;
        } else if ((c & 0xc0) != 0x80) {
            l->column++;
        }
    }
}

/* Behind the white space at `at`. */
size_t after_space(const struct lexer *l, size_t at)
{
    size_t size;
    while (at < l->size && character_is_space(character_get(l->source + at, &size)))
        at += size;
    return at;
}

struct token *push_token(struct lexer *l, enum token_kind kind)
{
    if (l->n == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 256;
        struct token *tokens = arena_array(&l->t->arena, capacity, sizeof(*tokens));
        if (!tokens) {
            lexer_no_memory(l);
            return NULL;
        }
        if (l->n > 0)
            memcpy(tokens, l->tokens, l->n * sizeof(*tokens));
        l->tokens = tokens;
        l->capacity = capacity;
    }
    struct token *token = &l->tokens[l->n++];
    *token = (struct token){.kind = kind, .line = l->line, .column = l->column};
    return token;
}

bool push_string(struct lexer *l, enum token_kind kind, const char *data, size_t size)
{
    struct token *token = push_token(l, kind);
    if (!token || !(token->string = template_string(l->t, data, size)))
        return lexer_no_memory(l);
    return true;
}

/* ---- text between tags ----------------------------------------------------------------------- */

/* The end of the text from `begin` to `end` when a tag with this sign follows. */
static size_t text_end(const struct lexer *l, size_t begin, size_t end, int sign, bool is_print)
{
    if (sign == '-') {
        while (end > begin) {
            size_t size, before = character_before(l->source, end);
            if (!character_is_space(character_get(l->source + before, &size)))
                break;
            end = before;
        }
    } else if (sign != '+' && !is_print) {
        size_t line = end, size;
        while (line > begin && l->source[line - 1] != '\n')
            line--;
        if (line == begin && begin > 0 && l->source[begin - 1] != '\n')
            return end; /* the line began with something else */
        for (size_t at = line; at < end; at += size)
            if (!character_is_space(character_get(l->source + at, &size)))
                return end;
        end = line;
    }
    return end;
}

static bool push_text(struct lexer *l, size_t begin, size_t end)
{
    return end == begin || push_string(l, TOKEN_TEXT, l->source + begin, end - begin);
}

int sign_at(const struct lexer *l, size_t at)
{
    const int c = byte_at(l, at);
    return c == '-' || c == '+' ? c : 0;
}

/* Behind "%}" at `at`, with its sign and the white space that it takes; 0: there is none. */
static size_t after_block_end(const struct lexer *l, size_t at, const char *end)
{
    const int sign = sign_at(l, at);
    if (!looking_at(l, at + (sign != 0), end))
        return 0;
    at += (sign != 0) + strlen(end);
    if (sign == '-')
        return after_space(l, at);
    return sign == 0 && byte_at(l, at) == '\n' ? at + 1 : at;
}

/* The word `word` with white space around, behind "{%" and its sign at `at`; 0: it is not there. */
static size_t after_word(const struct lexer *l, size_t at, const char *word)
{
    at = after_space(l, at);
    return looking_at(l, at, word) ? after_space(l, at + strlen(word)) : 0;
}

/* ---- raw blocks and comments ----------------------------------------------------------------- */

/* Behind the "%}" of a {% raw %} at `at`; 0: it is none. */
static size_t after_raw(const struct lexer *l, size_t at)
{
    size_t end = after_word(l, at + 2 + (sign_at(l, at + 2) != 0), "raw");
    if (end == 0)
        return 0;
    if (looking_at(l, end, "-%}"))
        return after_space(l, end + 3);
    return looking_at(l, end, "%}") ? end + 2 : 0;
}

static bool lex_raw(struct lexer *l, size_t begin)
{
    for (size_t at = begin; at < l->size; at++) {
        if (!looking_at(l, at, "{%"))
            continue;
        const int sign = sign_at(l, at + 2);
        size_t end = after_word(l, at + 2 + (sign != 0), "endraw");
        if (end != 0)
            end = after_block_end(l, end, "%}");
        if (end == 0)
            continue;
        advance_to(l, begin);
        if (!push_text(l, begin, text_end(l, begin, at, sign, false)))
            return false;
        advance_to(l, end);
        return true;
    }
    return refuse(l, "{%% raw %%} without {%% endraw %%}");
}

static bool lex_comment(struct lexer *l)
{
    for (size_t at = l->at + 2 + (sign_at(l, l->at + 2) != 0); at < l->size; at++) {
        const size_t end = after_block_end(l, at, "#}");
        if (end != 0) {
            advance_to(l, end);
            return true;
        }
    }
    return refuse(l, "a comment is not closed with #}");
}

/* ---- tags ----------------------------------------------------------------------------------- */

/* Behind "}}" or "%}" at the cursor; 0: the tag goes on. */
static size_t after_tag_end(const struct lexer *l, bool is_print)
{
    if (!is_print)
        return after_block_end(l, l->at, "%}");
    if (looking_at(l, l->at, "-}}"))
        return after_space(l, l->at + 3);
    return looking_at(l, l->at, "}}") ? l->at + 2 : 0;
}

static bool lex_tag(struct lexer *l, bool is_print)
{
    const uint32_t line = l->line, column = l->column;
    if (!push_token(l, is_print ? TOKEN_PRINT_BEGIN : TOKEN_BLOCK_BEGIN))
        return false;
    advance_to(l, l->at + 2 + (sign_at(l, l->at + 2) != 0));
    l->n_open = 0;
    while (l->at < l->size) {
        const size_t end = l->n_open == 0 ? after_tag_end(l, is_print) : 0;
        if (end != 0) {
            if (!push_token(l, is_print ? TOKEN_PRINT_END : TOKEN_BLOCK_END))
                return false;
            advance_to(l, end);
            return true;
        }
        const size_t next = after_space(l, l->at);
        if (next > l->at)
            advance_to(l, next);
        else if (!lex_in_tag(l))
            return false;
    }
    l->line = line;
    l->column = column;
    return refuse(l, "the tag is not closed with %s", is_print ? "}}" : "%}");
}

/* ---- the whole source ------------------------------------------------------------------------ */

/* The next "{{", "{%" or "{#"; the end if there is none. */
static size_t next_tag(const struct lexer *l)
{
    for (size_t at = l->at; at + 1 < l->size; at++) {
        const char *brace = memchr(l->source + at, '{', l->size - at);
        if (!brace)
            break;
        at = (size_t)(brace - l->source);
        if (byte_at(l, at + 1) > 0 && strchr("{%#", byte_at(l, at + 1)))
            return at;
    }
    return l->size;
}

static bool lex_root(struct lexer *l)
{
    const size_t begin = l->at, tag = next_tag(l);
    if (tag == l->size) {
        const bool ok = push_text(l, begin, tag);
        advance_to(l, tag);
        return ok;
    }
    const bool is_print = l->source[tag + 1] == '{';
    const size_t raw = l->source[tag + 1] == '%' ? after_raw(l, tag) : 0;
    if (!push_text(l, begin, text_end(l, begin, tag, sign_at(l, tag + 2), is_print)))
        return false;
    advance_to(l, tag);
    if (raw != 0)
        return lex_raw(l, raw);
    return l->source[tag + 1] == '#' ? lex_comment(l) : lex_tag(l, is_print);
}

/* A copy with \n for every line end, and without the last one. */
static bool normalize(struct lexer *l)
{
    const char *from = l->t->source;
    char *to = arena_alloc(&l->t->arena, l->t->source_size + 1);
    if (!to)
        return lexer_no_memory(l);
    size_t n = 0;
    for (size_t i = 0; i < l->t->source_size; i++) {
        if (from[i] == '\r' && from[i + 1] == '\n') /* the source is terminated */
            continue;
        to[n++] = from[i] == '\r' ? '\n' : from[i];
    }
    if (n > 0 && to[n - 1] == '\n')
        n--;
    l->source = to;
    l->size = n;
    return true;
}

static bool check_utf8(struct lexer *l)
{
    for (size_t at = 0; at < l->size;) {
        const size_t n = text_utf8_length(l->source + at, l->size - at);
        if (n == 0) {
            advance_to(l, at);
            return refuse(l, "the template is not UTF-8 here");
        }
        at += n;
    }
    return true;
}

corbel_status lex(struct jinja_template *t, struct token **tokens, size_t *n, corbel_error *err)
{
    struct lexer l = {.t = t, .line = 1, .column = 1, .err = err};
    bool ok = normalize(&l) && check_utf8(&l);
    l.at = 0;
    l.line = l.column = 1;
    while (ok && l.at < l.size)
        ok = lex_root(&l);
    if (ok)
        push_token(&l, TOKEN_END);
    *tokens = l.tokens;
    *n = l.n;
    return l.status;
}
