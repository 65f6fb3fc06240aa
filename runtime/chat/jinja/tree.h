/* chat/jinja/tree.h: what a template is parsed to. */
#ifndef CHAT_JINJA_TREE_H
#define CHAT_JINJA_TREE_H

#include "base/arena.h"
#include "chat/jinja/value.h"

enum node_kind {
    /* expressions */
    NODE_CONSTANT,  /* constant */
    NODE_NAME,      /* symbol */
    NODE_LIST,      /* items */
    NODE_TUPLE,     /* items */
    NODE_DICT,      /* items: key, value, key, value, ... */
    NODE_ATTRIBUTE, /* a.name */
    NODE_ITEM,      /* a[b] */
    NODE_SLICE,     /* a[items[0]:items[1]:items[2]], each may be NULL */
    NODE_CALL,      /* a(call) */
    NODE_FILTER,    /* a|function(call); a is NULL for the text of a block */
    NODE_TEST,      /* a is function(call) */
    NODE_UNARY,     /* operator a */
    NODE_BINARY,    /* a operator b */
    NODE_AND,
    NODE_OR,
    NODE_NOT,
    NODE_CONCAT,           /* items joined with ~ */
    NODE_COMPARE,          /* a, then operands */
    NODE_CONDITIONAL,      /* b if a else c; c may be NULL */
    NODE_NAMESPACE_TARGET, /* symbol.name, to be set */
    /* statements */
    NODE_TEXT,         /* constant */
    NODE_PRINT,        /* items */
    NODE_IF,           /* a: condition; body; otherwise: body of else, or one more NODE_IF */
    NODE_FOR,          /* target in a if b; body; otherwise */
    NODE_SET,          /* target = a */
    NODE_SET_BLOCK,    /* target = body through the filters b */
    NODE_MACRO,        /* name, symbol, parameters, body */
    NODE_CALL_BLOCK,   /* a: the call; parameters, body */
    NODE_FILTER_BLOCK, /* b: the filters; body */
    NODE_WITH,         /* items: target, value, ...; body */
    NODE_GENERATION,   /* body */
    NODE_BREAK,
    NODE_CONTINUE,
};

enum operator{
    OPERATOR_ADD,
    OPERATOR_SUBTRACT,
    OPERATOR_MULTIPLY,
    OPERATOR_DIVIDE,
    OPERATOR_FLOOR_DIVIDE,
    OPERATOR_MODULO,
    OPERATOR_POWER,
    OPERATOR_EQUAL,
    OPERATOR_NOT_EQUAL,
    OPERATOR_LESS,
    OPERATOR_LESS_EQUAL,
    OPERATOR_GREATER,
    OPERATOR_GREATER_EQUAL,
    OPERATOR_IN,
    OPERATOR_NOT_IN,
};

/* The position of a name in the template's table of names. */
typedef uint32_t symbol;

struct nodes {
    struct node **items;
    size_t n;
};

struct operand {
    enum operator operator;
    struct node *node;
};

/* What stands between the parentheses of a call. */
struct call_syntax {
    struct nodes positional;
    struct nodes keyword_values;
    const struct string **keywords; /* [keyword_values.n] */
    struct node *star, *star_star;  /* *list, **dict; NULL: none */
};

/* Parameters of a macro or a call block. */
struct parameters_syntax {
    struct nodes names;    /* NODE_NAME */
    struct nodes defaults; /* of the last ones */
    bool uses_caller, uses_varargs, uses_kwargs;
};

struct node {
    enum node_kind kind;
    enum operator operator;
    uint32_t line, column;
    symbol symbol;
    bool recursive; /* a loop that calls itself */
    const struct string *name;
    struct value constant;
    struct node *a, *b, *c, *target;
    struct nodes items;
    struct nodes body, otherwise;
    struct operand *operands;
    size_t n_operands;
    const struct call_syntax *call;
    const struct function *function;
    struct parameters_syntax *parameters;
};

struct jinja_template {
    struct arena arena;
    char *name;
    char *source; /* as given, terminated */
    size_t source_size;
    struct nodes body;
    const struct string **symbols; /* [n_symbols] */
    size_t n_symbols;
    const struct string **literals; /* [n_literals]: text and string constants */
    size_t n_literals;
    symbol loop, caller, varargs, kwargs; /* names with a meaning of their own */
};

/* A macro where it was defined. */
struct macro {
    const struct node *node;
    struct scope *scope; /* what its body sees beside its own */
};

#endif
