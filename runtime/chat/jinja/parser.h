/* chat/jinja/parser.h: what the two halves of the parser share: statements (parse_statement.c) and
 * expressions (parse_expression.c). */
#ifndef CHAT_JINJA_PARSER_H
#define CHAT_JINJA_PARSER_H

#include "chat/jinja/lexer.h"

enum { MAX_NESTING = 100 }; /* of parentheses, operators and blocks within each other */

struct parser {
    struct jinja_template *t;
    const struct token *token; /* the one at hand */
    uint32_t nesting;
    uint32_t n_loops;                   /* around the statement at hand, in the same macro */
    uint32_t n_outer_loops;             /* the same, beyond macros too */
    struct parameters_syntax *callable; /* the macro or call block around it; NULL: none */
    corbel_error *err;
    corbel_status status; /* sticky: after a failure nodes are NULL and tokens stay */
};

/* Keeps the first failure, at the token at hand, and returns NULL. */
void *parse_failed(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What the token at hand is, for an error. */
const char *token_text(const struct parser *p);

static inline bool parsing(const struct parser *p)
{
    return p->status == CORBEL_OK;
}

void next_token(struct parser *p);
bool is_sign(const struct parser *p, const char *sign);
bool is_name(const struct parser *p, const char *name);
bool next_is_name(const struct parser *p, const char *name);
bool take_sign(struct parser *p, const char *sign);
bool take_name(struct parser *p, const char *name);
void expect_sign(struct parser *p, const char *sign);
void expect_name(struct parser *p, const char *name);
/* The name at hand, taken; NULL: it is none, a failure. */
const struct string *expect_any_name(struct parser *p);

struct node *node_create(struct parser *p, enum node_kind kind);
void nodes_push(struct parser *p, struct nodes *nodes, struct node *node);
symbol symbol_of(struct parser *p, const struct string *name);
/* Remembers what the template itself says. */
void literal_push(struct parser *p, const struct string *s);

/* Room for one more of `n` things, in the template's arena: as many again whenever there is a power
 * of two of them. NULL: a failure. */
void *with_room(struct parser *p, void *items, size_t n, size_t size);

/* Goes one level deeper: false is a failure. */
bool nest(struct parser *p);

enum expression_form {
    FORM_CONDITIONAL,    /* with `a if b else c` */
    FORM_NO_CONDITIONAL, /* an `if` behind it belongs to somebody else */
};

struct node *parse_expression(struct parser *p, enum expression_form form);
/* One expression, or several with commas between: a tuple. Ends before `end` too, if not NULL. */
struct node *parse_tuple(struct parser *p, enum expression_form form, const char *end);
/* What may stand left of `=` or after `for`. */
struct node *parse_target(struct parser *p, const char *end, bool with_namespace);
struct node *parse_name_target(struct parser *p);
/* A literal, a name, what stands in parentheses (parse_primary.c). */
struct node *parse_primary(struct parser *p);
/* Attributes, items and calls behind it. */
struct node *parse_postfix(struct parser *p, struct node *node);
struct node *parse_filters_and_tests(struct parser *p, struct node *node);
/* name(args)|name: filters, the first without its `|` if `first_is_bare`. */
struct node *parse_filters(struct parser *p, struct node *of, bool first_is_bare);

#endif
