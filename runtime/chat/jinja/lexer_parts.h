/* chat/jinja/lexer_parts.h: the lexer's cursor, for its two files: text and tags (lexer.c), and
 * what is in tags (lex_tag.c). */
#ifndef CHAT_JINJA_LEXER_PARTS_H
#define CHAT_JINJA_LEXER_PARTS_H

#include "base/error.h"
#include "chat/jinja/lexer.h"

struct lexer {
    struct jinja_template *t;
    const char *source; /* newlines are \n */
    size_t size, at;
    uint32_t line, column;
    struct token *tokens;
    size_t n, capacity;
    char *open; /* the closing signs that are waited for */
    size_t n_open, open_capacity;
    corbel_error *err;
    corbel_status status;
};

/* Leaves an error at the cursor, and is false. */
#define refuse(l, ...) \
    ((l)->status = syntax_error((l)->t, (l)->line, (l)->column, (l)->err, __VA_ARGS__), false)

bool lexer_no_memory(struct lexer *l);

bool looking_at(const struct lexer *l, size_t at, const char *s);
int byte_at(const struct lexer *l, size_t at); /* -1: behind the end */
int sign_at(const struct lexer *l, size_t at); /* '-', '+'; 0: none of these */
size_t after_space(const struct lexer *l, size_t at);
void advance_to(struct lexer *l, size_t at); /* counts lines and columns */

/* A token that begins at the cursor; NULL, false: no memory. */
struct token *push_token(struct lexer *l, enum token_kind kind);
bool push_string(struct lexer *l, enum token_kind kind, const char *data, size_t size);

/* One token in a tag; no white space is at the cursor. */
bool lex_in_tag(struct lexer *l);

#endif
