/* chat/jinja/parser.c: the parser's tokens, nodes and names, and a template as a whole. */
#include "chat/jinja/parser.h"

#include "base/error.h"
#include "chat/jinja/jinja.h"
#include "chat/jinja/parse_statement.h"

#include <stdlib.h>
#include <string.h>

/* ---- failure --------------------------------------------------------------------------------- */

void *parse_failed(struct parser *p, const char *format, ...)
{
    if (parsing(p)) {
        va_list args;
        va_start(args, format);
        p->status = error_set_v(p->err, CORBEL_E_FORMAT, format, args);
        va_end(args);
        error_prefix(p->err, CORBEL_E_FORMAT, "%s:%u:%u", p->t->name, p->token->line,
                     p->token->column);
    }
    return NULL;
}

bool nest(struct parser *p)
{
    if (parsing(p) && p->nesting >= MAX_NESTING)
        parse_failed(p, "more than %d levels within each other", MAX_NESTING);
    if (!parsing(p))
        return false;
    p->nesting++;
    return true;
}

const char *token_text(const struct parser *p)
{
    switch (p->token->kind) {
    case TOKEN_TEXT: return "text";
    case TOKEN_PRINT_BEGIN: return "{{";
    case TOKEN_PRINT_END: return "}}";
    case TOKEN_BLOCK_BEGIN: return "{%";
    case TOKEN_BLOCK_END: return "%}";
    case TOKEN_NAME: return p->token->string->data;
    case TOKEN_STRING: return "a string";
    case TOKEN_INTEGER:
    case TOKEN_FLOAT: return "a number";
    case TOKEN_SIGN: return p->token->sign;
    case TOKEN_END: return "the end of the template";
    }
    return "something else";
}

static void *no_memory(struct parser *p)
{
    if (parsing(p))
        p->status = error_memory(p->err, p->t->source_size, "a chat template");
    return NULL;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

void next_token(struct parser *p)
{
    if (parsing(p) && p->token->kind != TOKEN_END)
        p->token++;
}

bool is_sign(const struct parser *p, const char *sign)
{
    return p->token->kind == TOKEN_SIGN && strcmp(p->token->sign, sign) == 0;
}

static bool token_is_name(const struct token *token, const char *name)
{
    return token->kind == TOKEN_NAME && strcmp(token->string->data, name) == 0;
}

bool is_name(const struct parser *p, const char *name)
{
    return token_is_name(p->token, name);
}

bool next_is_name(const struct parser *p, const char *name)
{
    return p->token->kind != TOKEN_END && token_is_name(p->token + 1, name);
}

bool take_sign(struct parser *p, const char *sign)
{
    if (!parsing(p) || !is_sign(p, sign))
        return false;
    next_token(p);
    return true;
}

bool take_name(struct parser *p, const char *name)
{
    if (!parsing(p) || !is_name(p, name))
        return false;
    next_token(p);
    return true;
}

void expect_sign(struct parser *p, const char *sign)
{
    if (!take_sign(p, sign))
        parse_failed(p, "expected %s, found %s", sign, token_text(p));
}

void expect_name(struct parser *p, const char *name)
{
    if (!take_name(p, name))
        parse_failed(p, "expected %s, found %s", name, token_text(p));
}

const struct string *expect_any_name(struct parser *p)
{
    if (!parsing(p) || p->token->kind != TOKEN_NAME)
        return parse_failed(p, "expected a name, found %s", token_text(p));
    const struct string *name = p->token->string;
    next_token(p);
    return name;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

struct node *node_create(struct parser *p, enum node_kind kind)
{
    struct node *node = parsing(p) ? arena_alloc(&p->t->arena, sizeof(*node)) : NULL;
    if (!node)
        return no_memory(p);
    node->kind = kind;
    node->line = p->token->line;
    node->column = p->token->column;
    return node;
}

void *with_room(struct parser *p, void *items, size_t n, size_t size)
{
    if (n & (n - 1))
        return items;
    void *copy = parsing(p) ? arena_array(&p->t->arena, n ? 2 * n : 1, size) : NULL;
    if (!copy)
        return no_memory(p);
    if (n > 0)
        memcpy(copy, items, n * size);
    return copy;
}

void nodes_push(struct parser *p, struct nodes *nodes, struct node *node)
{
    if (!parsing(p) || !nodes)
        return;
    struct node **items = with_room(p, nodes->items, nodes->n, sizeof(*items));
    if (!items)
        return;
    nodes->items = items;
    nodes->items[nodes->n++] = node;
}

void literal_push(struct parser *p, const struct string *s)
{
    struct jinja_template *t = p->t;
    const struct string **items = with_room(p, t->literals, t->n_literals, sizeof(*items));
    if (!items)
        return;
    t->literals = items;
    t->literals[t->n_literals++] = s;
}

enum { MAX_SYMBOLS = 4096 }; /* each costs a few bytes of every rendering */

symbol symbol_of(struct parser *p, const struct string *name)
{
    struct jinja_template *t = p->t;
    for (size_t i = 0; i < t->n_symbols; i++)
        if (t->symbols[i]->size == name->size &&
            memcmp(t->symbols[i]->data, name->data, name->size) == 0)
            return (symbol)i;
    if (t->n_symbols == MAX_SYMBOLS) {
        parse_failed(p, "more than %d names", MAX_SYMBOLS);
        return 0;
    }
    const struct string **items = with_room(p, t->symbols, t->n_symbols, sizeof(*items));
    if (!items)
        return 0;
    t->symbols = items;
    t->symbols[t->n_symbols] = name;
    return (symbol)t->n_symbols++;
}

/* ---- a template ------------------------------------------------------------------------------ */

static symbol known_symbol(struct parser *p, const char *name)
{
    const struct string *s = template_string(p->t, name, strlen(name));
    if (!s) {
        no_memory(p);
        return 0;
    }
    return symbol_of(p, s);
}

static corbel_status parse(struct jinja_template *t, corbel_error *err)
{
    struct token *tokens;
    size_t n;
    const corbel_status status = lex(t, &tokens, &n, err);
    if (status != CORBEL_OK)
        return status;
    struct parser p = {.t = t, .token = tokens, .err = err};
    t->loop = known_symbol(&p, "loop");
    t->caller = known_symbol(&p, "caller");
    t->varargs = known_symbol(&p, "varargs");
    t->kwargs = known_symbol(&p, "kwargs");
    parse_template(&p, &t->body);
    return p.status;
}

corbel_status jinja_compile(const char *source, size_t size, const char *name,
                            struct jinja_template **t, corbel_error *err)
{
    *t = NULL;
    if (size > JINJA_MAX_SOURCE)
        return error_set(err, CORBEL_E_FORMAT, "%s: a chat template of %zu bytes, at most %d", name,
                         size, JINJA_MAX_SOURCE);
    struct jinja_template *made = calloc(1, sizeof(*made));
    if (!made)
        return error_memory(err, sizeof(*made), "a chat template");
    arena_init(&made->arena, (size_t)JINJA_MAX_MEMORY);
    made->name = arena_string(&made->arena, name);
    made->source = arena_alloc(&made->arena, size + 1);
    made->source_size = size;
    corbel_status status;
    if (!made->name || !made->source) {
        status = error_memory(err, size, "a chat template");
        goto fail;
    }
    if (size > 0)
        memcpy(made->source, source, size);
    status = parse(made, err);
    if (status != CORBEL_OK)
        goto fail;
    *t = made;
    return CORBEL_OK;
fail:
    jinja_destroy(&made);
    return status;
}

void jinja_destroy(struct jinja_template **t)
{
    if (!*t)
        return;
    arena_finish(&(*t)->arena);
    free(*t);
    *t = NULL;
}

bool jinja_says(const struct jinja_template *t, const char *s, size_t size)
{
    for (size_t i = 0; i < t->n_literals; i++)
        if (memmem(t->literals[i]->data, t->literals[i]->size, s, size))
            return true;
    return false;
}

bool jinja_source_contains(const struct jinja_template *t, const char *s)
{
    return memmem(t->source, t->source_size, s, strlen(s)) != NULL;
}
