/* chat/jinja/parse_statement.c: see parse_statement.h. */
#include "chat/jinja/parse_statement.h"

#include "chat/jinja/library.h"

#include <string.h>

/* ---- bodies ---------------------------------------------------------------------------------- */

/* Statements up to a block that begins with one of `ends` (closed by NULL), whose name is at hand
 * then. `ends` NULL: up to the end of the template. */
static void parse_body(struct parser *p, struct nodes *body, const char *const *ends);

static void end_block(struct parser *p)
{
    if (parsing(p) && p->token->kind != TOKEN_BLOCK_END)
        parse_failed(p, "expected %%}, found %s", token_text(p));
    next_token(p);
}

/* From the end of the opening tag to behind `end`. */
static void parse_block(struct parser *p, struct nodes *body, const char *end)
{
    take_sign(p, ":");
    end_block(p);
    parse_body(p, body, (const char *const[]){end, NULL});
    next_token(p);
}

/* The body of what is printed to a text first: a `break` in it can't leave a loop around it. */
static void parse_captured(struct parser *p, struct nodes *body, const char *end)
{
    const uint32_t n_loops = p->n_loops;
    p->n_loops = 0;
    parse_block(p, body, end);
    p->n_loops = n_loops;
}

static void parse_callable_body(struct parser *p, struct node *node, const char *end)
{
    struct parameters_syntax *outer = p->callable;
    p->callable = node->parameters;
    parse_captured(p, &node->body, end);
    p->callable = outer;
    if (outer && node->parameters) { /* what is used within is used around it */
        outer->uses_caller |= node->parameters->uses_caller;
        outer->uses_varargs |= node->parameters->uses_varargs;
        outer->uses_kwargs |= node->parameters->uses_kwargs;
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

static struct node *parse_if(struct parser *p)
{
    struct node *node = node_create(p, NODE_IF), *last = node;
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    next_token(p);
    while (parsing(p)) {
        last->a = parse_tuple(p, FORM_NO_CONDITIONAL, NULL);
        take_sign(p, ":");
        end_block(p);
        parse_body(p, &last->body, ends);
        if (is_name(p, "elif")) {
            struct node *next = node_create(p, NODE_IF);
            next_token(p);
            nodes_push(p, &last->otherwise, next);
            last = next;
        } else if (take_name(p, "else")) {
            parse_block(p, &last->otherwise, "endif");
            break;
        } else {
            next_token(p);
            break;
        }
    }
    return node;
}

static struct node *parse_for(struct parser *p)
{
    struct node *node = node_create(p, NODE_FOR);
    next_token(p);
    if (!node)
        return NULL;
    p->n_outer_loops++;
    node->target = parse_target(p, "in", false);
    expect_name(p, "in");
    node->a = parse_tuple(p, FORM_NO_CONDITIONAL, "recursive");
    if (take_name(p, "if"))
        node->b = parse_expression(p, FORM_CONDITIONAL);
    node->recursive = take_name(p, "recursive");
    take_sign(p, ":");
    end_block(p);
    p->n_loops++;
    parse_body(p, &node->body, (const char *const[]){"endfor", "else", NULL});
    p->n_loops--;
    if (take_name(p, "else"))
        parse_block(p, &node->otherwise, "endfor");
    else
        next_token(p);
    p->n_outer_loops--;
    return node;
}

static struct node *parse_set(struct parser *p)
{
    struct node *node = node_create(p, NODE_SET);
    next_token(p);
    if (!node)
        return NULL;
    node->target = parse_target(p, NULL, true);
    if (take_sign(p, "=")) {
        node->a = parse_tuple(p, FORM_CONDITIONAL, NULL);
        return node;
    }
    node->kind = NODE_SET_BLOCK;
    node->b = parse_filters(p, NULL, false);
    parse_captured(p, &node->body, "endset");
    return node;
}

static void parse_parameters(struct parser *p, struct parameters_syntax *s)
{
    expect_sign(p, "(");
    for (bool first = true; parsing(p) && !is_sign(p, ")"); first = false) {
        if (!first)
            expect_sign(p, ",");
        nodes_push(p, &s->names, parse_name_target(p));
        if (take_sign(p, "="))
            nodes_push(p, &s->defaults, parse_expression(p, FORM_CONDITIONAL));
        else if (s->defaults.n > 0)
            parse_failed(p, "a parameter without default behind one with a default");
    }
    expect_sign(p, ")");
}

static struct node *node_with_parameters(struct parser *p, enum node_kind kind)
{
    struct node *node = node_create(p, kind);
    if (!node)
        return NULL;
    node->parameters = arena_alloc(&p->t->arena, sizeof(*node->parameters));
    if (!node->parameters) {
        p->status = error_memory(p->err, sizeof(*node->parameters), "a chat template");
        return NULL;
    }
    return node;
}

/* A parameter that a macro gets by its use is none if it is declared. */
static void settle_parameters(struct parser *p, struct node *node)
{
    struct parameters_syntax *s = node->parameters;
    for (size_t i = 0; parsing(p) && i < s->names.n; i++) {
        const symbol name = s->names.items[i]->symbol;
        if (name == p->t->caller && s->uses_caller && i + s->defaults.n < s->names.n)
            parse_failed(p, "a parameter \"caller\" needs a default");
        s->uses_caller &= name != p->t->caller;
        s->uses_varargs &= name != p->t->varargs;
        s->uses_kwargs &= name != p->t->kwargs;
    }
}

static struct node *parse_macro(struct parser *p)
{
    struct node *node = node_with_parameters(p, NODE_MACRO);
    next_token(p);
    struct node *name = parse_name_target(p);
    if (!node || !name)
        return NULL;
    node->name = name->name;
    node->symbol = name->symbol;
    parse_parameters(p, node->parameters);
    parse_callable_body(p, node, "endmacro");
    settle_parameters(p, node);
    return node;
}

static struct node *parse_call_block(struct parser *p)
{
    struct node *node = node_with_parameters(p, NODE_CALL_BLOCK);
    next_token(p);
    if (!node)
        return NULL;
    if (is_sign(p, "("))
        parse_parameters(p, node->parameters);
    node->a = parse_expression(p, FORM_CONDITIONAL);
    if (parsing(p) && node->a->kind != NODE_CALL)
        return parse_failed(p, "{%% call %%} needs a call");
    parse_callable_body(p, node, "endcall");
    settle_parameters(p, node);
    return node;
}

static struct node *parse_filter_block(struct parser *p)
{
    struct node *node = node_create(p, NODE_FILTER_BLOCK);
    next_token(p);
    if (!node)
        return NULL;
    node->b = parse_filters(p, NULL, true);
    parse_captured(p, &node->body, "endfilter");
    return node;
}

static struct node *parse_with(struct parser *p)
{
    struct node *node = node_create(p, NODE_WITH);
    next_token(p);
    while (parsing(p) && p->token->kind != TOKEN_BLOCK_END) {
        if (node->items.n > 0)
            expect_sign(p, ",");
        nodes_push(p, &node->items, parse_target(p, NULL, false));
        expect_sign(p, "=");
        nodes_push(p, &node->items, parse_expression(p, FORM_CONDITIONAL));
    }
    if (parsing(p))
        parse_block(p, &node->body, "endwith");
    return node;
}

static struct node *parse_print(struct parser *p)
{
    struct node *node = node_create(p, NODE_PRINT);
    next_token(p);
    while (parsing(p) && p->token->kind != TOKEN_BLOCK_END) {
        if (node->items.n > 0)
            expect_sign(p, ",");
        nodes_push(p, &node->items, parse_expression(p, FORM_CONDITIONAL));
    }
    return node;
}

/* {% generation %} marks what the assistant wrote; what is in it is printed as it is. */
static struct node *parse_generation(struct parser *p)
{
    struct node *node = node_with_parameters(p, NODE_GENERATION);
    next_token(p);
    if (node)
        parse_callable_body(p, node, "endgeneration");
    return node;
}

static struct node *parse_jump(struct parser *p)
{
    struct node *node = node_create(p, is_name(p, "break") ? NODE_BREAK : NODE_CONTINUE);
    if (p->n_loops == 0)
        return parse_failed(p, "{%% %s %%} outside of a loop", token_text(p));
    next_token(p);
    return node;
}

static struct node *parse_unknown(struct parser *p)
{
    static const char *const known[] = {"block", "extends",    "include", "import",    "from",
                                        "do",    "autoescape", "trans",   "pluralize", "debug"};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (is_name(p, known[i]))
            return parse_failed(p, "{%% %s %%} is not supported in chat templates", known[i]);
    return parse_failed(p, "unexpected tag {%% %s %%}", token_text(p));
}

static struct node *parse_statement(struct parser *p)
{
    static const struct {
        const char *name;
        struct node *(*parse)(struct parser *p);
    } statements[] = {
        {"if", parse_if},
        {"for", parse_for},
        {"set", parse_set},
        {"macro", parse_macro},
        {"call", parse_call_block},
        {"filter", parse_filter_block},
        {"with", parse_with},
        {"print", parse_print},
        {"break", parse_jump},
        {"continue", parse_jump},
        {"generation", parse_generation},
    };
    if (p->token->kind != TOKEN_NAME)
        return parse_failed(p, "expected the name of a tag, found %s", token_text(p));
    for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++)
        if (is_name(p, statements[i].name))
            return statements[i].parse(p);
    return parse_unknown(p);
}

/* ---- text, prints, statements ---------------------------------------------------------------- */

static struct node *parse_text(struct parser *p)
{
    struct node *node = node_create(p, NODE_TEXT);
    if (!node)
        return NULL;
    node->constant = (struct value){.kind = KIND_STRING, .string = p->token->string};
    literal_push(p, p->token->string);
    next_token(p);
    return node;
}

static struct node *parse_printed(struct parser *p)
{
    next_token(p);
    struct node *node = node_create(p, NODE_PRINT);
    nodes_push(p, node ? &node->items : NULL, parse_tuple(p, FORM_CONDITIONAL, NULL));
    if (parsing(p) && p->token->kind != TOKEN_PRINT_END)
        parse_failed(p, "expected }}, found %s", token_text(p));
    next_token(p);
    return node;
}

static bool is_one_of(const struct parser *p, const char *const *names)
{
    for (; names && *names; names++)
        if (is_name(p, *names))
            return true;
    return false;
}

static void parse_body(struct parser *p, struct nodes *body, const char *const *ends)
{
    const uint32_t line = p->token->line, column = p->token->column;
    if (!nest(p))
        return;
    while (parsing(p) && p->token->kind != TOKEN_END) {
        if (p->token->kind == TOKEN_TEXT) {
            nodes_push(p, body, parse_text(p));
        } else if (p->token->kind == TOKEN_PRINT_BEGIN) {
            nodes_push(p, body, parse_printed(p));
        } else {
            next_token(p);
            if (is_one_of(p, ends)) {
                p->nesting--;
                return;
            }
            nodes_push(p, body, parse_statement(p));
            end_block(p);
        }
    }
    p->nesting--;
    if (ends && parsing(p))
        p->status = syntax_error(p->t, line, column, p->err,
                                 "the block that begins here lacks its {%% %s %%}",
                                 ends[1] ? ends[ends[2] ? 2 : 0] : ends[0]);
}

void parse_template(struct parser *p, struct nodes *body)
{
    parse_body(p, body, NULL);
}
