/* chat/jinja/lexer.h: a template's source as tokens. */
#ifndef CHAT_JINJA_LEXER_H
#define CHAT_JINJA_LEXER_H

#include "chat/jinja/tree.h"
#include "corbel/corbel.h"

enum token_kind {
    TOKEN_TEXT, /* outside of tags, white space taken off; string */
    TOKEN_PRINT_BEGIN,
    TOKEN_PRINT_END,
    TOKEN_BLOCK_BEGIN,
    TOKEN_BLOCK_END,
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    TOKEN_SIGN, /* sign: "+", "**", "(", ... */
    TOKEN_END,
};

struct token {
    enum token_kind kind;
    uint32_t line, column;
    char sign[3];
    const struct string *string; /* of a name, a string, a text */
    int64_t integer;
    double real;
};

/* Reads the whole source into *tokens [*n], in the template's arena. The last one is TOKEN_END. */
corbel_status lex(struct jinja_template *t, struct token **tokens, size_t *n, corbel_error *err);

/* CORBEL_E_FORMAT with the template's name, line and column in front. */
corbel_status syntax_error(const struct jinja_template *t, uint32_t line, uint32_t column,
                           corbel_error *err, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
const struct string *template_string(struct jinja_template *t, const char *data, size_t size);

#endif
