/* chat/jinja/parse_primary.c: literals and names, and what may stand behind them: attributes,
 * items, calls, filters and tests. */
#include "base/text.h"
#include "chat/jinja/library.h"
#include "chat/jinja/parser.h"

#include <string.h>

/* ---- calls ----------------------------------------------------------------------------------- */

static void push_keyword(struct parser *p, struct call_syntax *call, const struct string *name,
                         struct node *value)
{
    const size_t n = call->keyword_values.n;
    const struct string **keywords = with_room(p, call->keywords, n, sizeof(*keywords));
    if (!keywords)
        return;
    keywords[n] = name;
    call->keywords = keywords;
    nodes_push(p, &call->keyword_values, value);
}

static bool is_keyword_argument(const struct parser *p)
{
    return p->token->kind == TOKEN_NAME && p->token[1].kind == TOKEN_SIGN &&
           strcmp(p->token[1].sign, "=") == 0;
}

static void parse_argument(struct parser *p, struct call_syntax *call)
{
    const bool only_keywords = call->keyword_values.n > 0 || call->star;
    if (call->star_star)
        parse_failed(p, "an argument behind **");
    else if (take_sign(p, "**"))
        call->star_star = parse_expression(p, FORM_CONDITIONAL);
    else if (is_sign(p, "*") && !call->star) {
        next_token(p);
        call->star = parse_expression(p, FORM_CONDITIONAL);
    } else if (is_keyword_argument(p)) {
        const struct string *name = expect_any_name(p);
        next_token(p);
        push_keyword(p, call, name, parse_expression(p, FORM_CONDITIONAL));
    } else if (only_keywords)
        parse_failed(p, "a positional argument behind a named one");
    else
        nodes_push(p, &call->positional, parse_expression(p, FORM_CONDITIONAL));
}

static struct call_syntax *empty_call(struct parser *p)
{
    struct call_syntax *call = arena_alloc(&p->t->arena, sizeof(*call));
    if (!call)
        p->status = error_memory(p->err, sizeof(*call), "a chat template");
    return call;
}

static const struct call_syntax *parse_arguments(struct parser *p)
{
    struct call_syntax *call = empty_call(p);
    expect_sign(p, "(");
    for (bool first = true; parsing(p) && !is_sign(p, ")"); first = false) {
        if (!first)
            expect_sign(p, ",");
        if (is_sign(p, ")"))
            break;
        parse_argument(p, call);
    }
    expect_sign(p, ")");
    return call;
}

static struct node *parse_call(struct parser *p, struct node *of)
{
    struct node *node = node_create(p, NODE_CALL);
    if (!node)
        return NULL;
    node->a = of;
    node->call = parse_arguments(p);
    return node;
}

/* ---- literals -------------------------------------------------------------------------------- */

static struct node *parse_list(struct parser *p)
{
    struct node *node = node_create(p, NODE_LIST);
    expect_sign(p, "[");
    for (bool first = true; parsing(p) && !is_sign(p, "]"); first = false) {
        if (!first)
            expect_sign(p, ",");
        if (is_sign(p, "]"))
            break;
        nodes_push(p, &node->items, parse_expression(p, FORM_CONDITIONAL));
    }
    expect_sign(p, "]");
    return node;
}

static struct node *parse_dict(struct parser *p)
{
    struct node *node = node_create(p, NODE_DICT);
    expect_sign(p, "{");
    for (bool first = true; parsing(p) && !is_sign(p, "}"); first = false) {
        if (!first)
            expect_sign(p, ",");
        if (is_sign(p, "}"))
            break;
        nodes_push(p, &node->items, parse_expression(p, FORM_CONDITIONAL));
        expect_sign(p, ":");
        nodes_push(p, &node->items, parse_expression(p, FORM_CONDITIONAL));
    }
    expect_sign(p, "}");
    return node;
}

static struct node *constant(struct parser *p, struct value value)
{
    struct node *node = node_create(p, NODE_CONSTANT);
    if (node)
        node->constant = value;
    next_token(p);
    return node;
}

/* "a" "b" is one string. */
static struct node *parse_string(struct parser *p)
{
    struct node *node = node_create(p, NODE_CONSTANT);
    struct text joined = {0};
    for (; p->token->kind == TOKEN_STRING; next_token(p))
        text_append_bytes(&joined, p->token->string->data, p->token->string->size);
    const struct string *s = template_string(p->t, text_cstr(&joined), joined.size);
    if (joined.failed || !s)
        p->status = error_memory(p->err, joined.size, "a chat template");
    text_finish(&joined);
    if (!node || !s)
        return NULL;
    node->constant = (struct value){.kind = KIND_STRING, .string = s};
    literal_push(p, s);
    return node;
}

/* Names that macros get without declaring them. */
static void note_use(struct parser *p, symbol s)
{
    if (!p->callable)
        return;
    p->callable->uses_caller |= s == p->t->caller;
    p->callable->uses_varargs |= s == p->t->varargs;
    p->callable->uses_kwargs |= s == p->t->kwargs;
}

static struct node *parse_name(struct parser *p)
{
    static const struct {
        const char *name;
        struct value value;
    } constants[] = {
        {"true", {.kind = KIND_BOOL, .b = true}},
        {"True", {.kind = KIND_BOOL, .b = true}},
        {"false", {.kind = KIND_BOOL, .b = false}},
        {"False", {.kind = KIND_BOOL, .b = false}},
        {"none", {.kind = KIND_NONE}},
        {"None", {.kind = KIND_NONE}},
    };
    for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++)
        if (is_name(p, constants[i].name))
            return constant(p, constants[i].value);
    struct node *node = node_create(p, NODE_NAME);
    if (!node)
        return NULL;
    node->name = expect_any_name(p);
    if (!node->name)
        return NULL;
    node->symbol = symbol_of(p, node->name);
    note_use(p, node->symbol);
    return node;
}

static struct node *parse_parenthesis(struct parser *p)
{
    expect_sign(p, "(");
    struct node *node;
    if (is_sign(p, ")"))
        node = node_create(p, NODE_TUPLE);
    else
        node = parse_tuple(p, FORM_CONDITIONAL, NULL);
    expect_sign(p, ")");
    return node;
}

struct node *parse_primary(struct parser *p)
{
    switch (p->token->kind) {
    case TOKEN_NAME: return parse_name(p);
    case TOKEN_STRING: return parse_string(p);
    case TOKEN_INTEGER: return constant(p, integer(p->token->integer));
    case TOKEN_FLOAT: return constant(p, real(p->token->real));
    default: break;
    }
    struct node *node = NULL;
    if (!nest(p))
        return NULL;
    if (is_sign(p, "("))
        node = parse_parenthesis(p);
    else if (is_sign(p, "["))
        node = parse_list(p);
    else if (is_sign(p, "{"))
        node = parse_dict(p);
    else
        parse_failed(p, "expected an expression, found %s", token_text(p));
    p->nesting--;
    return node;
}

/* ---- what stands behind an expression -------------------------------------------------------- */

static struct node *parse_slice(struct parser *p, struct node *begin)
{
    struct node *slice = node_create(p, NODE_SLICE);
    nodes_push(p, slice ? &slice->items : NULL, begin);
    for (int i = 0; i < 2 && parsing(p); i++) {
        struct node *bound = NULL;
        if (take_sign(p, ":") && !is_sign(p, ":") && !is_sign(p, "]") && !is_sign(p, ","))
            bound = parse_expression(p, FORM_CONDITIONAL);
        nodes_push(p, &slice->items, bound);
    }
    return slice;
}

static struct node *parse_item(struct parser *p, struct node *of)
{
    struct node *node = node_create(p, NODE_ITEM);
    expect_sign(p, "[");
    struct node *item = is_sign(p, ":") ? NULL : parse_expression(p, FORM_CONDITIONAL);
    if (is_sign(p, ":")) {
        node = parse_slice(p, item);
    } else if (node && is_sign(p, ",")) {
        struct node *tuple = node_create(p, NODE_TUPLE);
        nodes_push(p, &tuple->items, item);
        while (parsing(p) && take_sign(p, ","))
            nodes_push(p, &tuple->items, parse_expression(p, FORM_CONDITIONAL));
        node->b = tuple;
    } else if (node) {
        node->b = item;
    }
    expect_sign(p, "]");
    if (!parsing(p) || !node)
        return NULL;
    node->a = of;
    return node;
}

static struct node *parse_attribute(struct parser *p, struct node *of)
{
    expect_sign(p, ".");
    struct node *node =
        node_create(p, p->token->kind == TOKEN_INTEGER ? NODE_ITEM : NODE_ATTRIBUTE);
    if (!node)
        return NULL;
    node->a = of;
    if (node->kind == NODE_ITEM)
        node->b = constant(p, integer(p->token->integer));
    else
        node->name = expect_any_name(p);
    return node;
}

struct node *parse_postfix(struct parser *p, struct node *node)
{
    while (parsing(p)) {
        if (is_sign(p, "."))
            node = parse_attribute(p, node);
        else if (is_sign(p, "["))
            node = parse_item(p, node);
        else if (is_sign(p, "("))
            node = parse_call(p, node);
        else
            break;
    }
    return node;
}

struct node *parse_filters(struct parser *p, struct node *of, bool first_is_bare)
{
    while (parsing(p) && (first_is_bare || is_sign(p, "|"))) {
        if (!first_is_bare)
            next_token(p);
        first_is_bare = false;
        struct node *node = node_create(p, NODE_FILTER);
        if (!node || p->token->kind != TOKEN_NAME)
            return parse_failed(p, "expected the name of a filter, found %s", token_text(p));
        node->a = of;
        node->name = p->token->string;
        node->function = find_filter(node->name->data, node->name->size);
        if (!node->function)
            return parse_failed(p, "there is no filter \"%s\"", node->name->data);
        next_token(p);
        node->call = is_sign(p, "(") ? parse_arguments(p) : empty_call(p);
        of = node;
    }
    return of;
}

/* `is divisibleby 3`: one argument may do without parentheses. */
static bool starts_argument(const struct parser *p)
{
    switch (p->token->kind) {
    case TOKEN_NAME: return !is_name(p, "else") && !is_name(p, "or") && !is_name(p, "and");
    case TOKEN_STRING:
    case TOKEN_INTEGER:
    case TOKEN_FLOAT: return true;
    default: return is_sign(p, "[") || is_sign(p, "{");
    }
}

static struct node *parse_test(struct parser *p, struct node *of)
{
    next_token(p);
    struct node *outer = take_name(p, "not") ? node_create(p, NODE_NOT) : NULL;
    struct node *node = node_create(p, NODE_TEST);
    if (!node || p->token->kind != TOKEN_NAME)
        return parse_failed(p, "expected the name of a test, found %s", token_text(p));
    node->a = of;
    node->name = p->token->string;
    node->function = find_test(node->name->data, node->name->size);
    if (!node->function)
        return parse_failed(p, "there is no test \"%s\"", node->name->data);
    next_token(p);
    if (is_sign(p, "(")) {
        node->call = parse_arguments(p);
    } else {
        struct call_syntax *call = empty_call(p);
        node->call = call;
        if (is_name(p, "is"))
            return parse_failed(p, "tests can't be chained with `is`");
        if (parsing(p) && starts_argument(p))
            nodes_push(p, &call->positional, parse_postfix(p, parse_primary(p)));
    }
    if (!outer)
        return node;
    outer->a = node;
    return outer;
}

struct node *parse_filters_and_tests(struct parser *p, struct node *node)
{
    while (parsing(p)) {
        if (is_sign(p, "|"))
            node = parse_filters(p, node, false);
        else if (is_name(p, "is"))
            node = parse_test(p, node);
        else if (is_sign(p, "("))
            node = parse_call(p, node);
        else
            break;
    }
    return node;
}
