/* chat/jinja/parse_expression.c: expressions, by descent, with Jinja's precedence:
 *
 *   conditional > or > and > not > comparison > + - > ~ > * / // % > ** > unary > postfix, filter
 *
 * `**` groups to the left and binds weaker than a sign, as in Jinja and unlike Python. */
#include "chat/jinja/parser.h"

#include <string.h>

static struct node *parse_unary(struct parser *p, bool with_filters);

/* ---- operators ------------------------------------------------------------------------------- */

static struct node *parse_signed(struct parser *p, enum operator operator)
{
    struct node *node = node_create(p, NODE_UNARY);
    next_token(p);
    if (!node || !nest(p))
        return NULL;
    node->operator= operator;
    node->a = parse_unary(p, false);
    p->nesting--;
    return node;
}

static struct node *parse_unary(struct parser *p, bool with_filters)
{
    struct node *node = is_sign(p, "-")   ? parse_signed(p, OPERATOR_SUBTRACT)
                        : is_sign(p, "+") ? parse_signed(p, OPERATOR_ADD)
                                          : parse_primary(p);
    node = parse_postfix(p, node);
    return with_filters ? parse_filters_and_tests(p, node) : node;
}

struct binary_sign {
    const char *sign;
    enum operator operator;
};

static struct node *binary(struct parser *p, enum node_kind kind, struct node *a)
{
    struct node *node = node_create(p, kind);
    if (node)
        node->a = a;
    next_token(p);
    return node;
}

static struct node *parse_power(struct parser *p)
{
    struct node *left = parse_unary(p, true);
    while (parsing(p) && is_sign(p, "**")) {
        left = binary(p, NODE_BINARY, left);
        if (left) {
            left->operator= OPERATOR_POWER;
            left->b = parse_unary(p, true);
        }
    }
    return left;
}

/* The operator at hand, or NULL. */
static const struct binary_sign *find_sign(const struct parser *p, const struct binary_sign *signs,
                                           size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_sign(p, signs[i].sign))
            return &signs[i];
    return NULL;
}

static struct node *parse_product(struct parser *p)
{
    static const struct binary_sign signs[] = {{"*", OPERATOR_MULTIPLY},
                                               {"/", OPERATOR_DIVIDE},
                                               {"//", OPERATOR_FLOOR_DIVIDE},
                                               {"%", OPERATOR_MODULO}};
    const struct binary_sign *sign;
    struct node *left = parse_power(p);
    while (parsing(p) && (sign = find_sign(p, signs, 4))) {
        left = binary(p, NODE_BINARY, left);
        if (left) {
            left->operator= sign->operator;
            left->b = parse_power(p);
        }
    }
    return left;
}

static struct node *parse_concat(struct parser *p)
{
    struct node *first = parse_product(p);
    if (!is_sign(p, "~"))
        return first;
    struct node *node = node_create(p, NODE_CONCAT);
    nodes_push(p, node ? &node->items : NULL, first);
    while (parsing(p) && take_sign(p, "~"))
        nodes_push(p, &node->items, parse_product(p));
    return node;
}

static struct node *parse_sum(struct parser *p)
{
    static const struct binary_sign signs[] = {{"+", OPERATOR_ADD}, {"-", OPERATOR_SUBTRACT}};
    const struct binary_sign *sign;
    struct node *left = parse_concat(p);
    while (parsing(p) && (sign = find_sign(p, signs, 2))) {
        left = binary(p, NODE_BINARY, left);
        if (left) {
            left->operator= sign->operator;
            left->b = parse_concat(p);
        }
    }
    return left;
}

static void push_operand(struct parser *p, struct node *compare, enum operator operator)
{
    const size_t n = compare->n_operands;
    struct operand *operands = with_room(p, compare->operands, n, sizeof(*operands));
    if (!operands)
        return;
    operands[n] = (struct operand){operator, parse_sum(p)};
    compare->operands = operands;
    compare->n_operands = n + 1;
}

/* Takes a comparison's operator, if there is one. */
static bool take_comparison(struct parser *p, enum operator* operator)
{
    static const struct binary_sign signs[] = {
        {"==", OPERATOR_EQUAL},      {"!=", OPERATOR_NOT_EQUAL}, {"<", OPERATOR_LESS},
        {"<=", OPERATOR_LESS_EQUAL}, {">", OPERATOR_GREATER},    {">=", OPERATOR_GREATER_EQUAL}};
    const struct binary_sign *sign = find_sign(p, signs, 6);
    if (!parsing(p))
        return false;
    if (sign) {
        *operator= sign->operator;
    } else if (is_name(p, "in")) {
        *operator= OPERATOR_IN;
    } else if (is_name(p, "not") && next_is_name(p, "in")) {
        next_token(p);
        *operator= OPERATOR_NOT_IN;
    } else {
        return false;
    }
    next_token(p);
    return true;
}

static struct node *parse_comparison(struct parser *p)
{
    enum operator operator;
    struct node *compare = NULL, *first = parse_sum(p);
    while (take_comparison(p, &operator)) {
        if (!compare)
            compare = node_create(p, NODE_COMPARE);
        if (!compare)
            return NULL;
        compare->a = first;
        push_operand(p, compare, operator);
    }
    return compare ? compare : first;
}

static struct node *parse_not(struct parser *p)
{
    if (!is_name(p, "not"))
        return parse_comparison(p);
    struct node *node = node_create(p, NODE_NOT);
    next_token(p);
    if (!node || !nest(p))
        return NULL;
    node->a = parse_not(p);
    p->nesting--;
    return node;
}

static struct node *parse_and(struct parser *p)
{
    struct node *left = parse_not(p);
    while (parsing(p) && is_name(p, "and")) {
        left = binary(p, NODE_AND, left);
        if (left)
            left->b = parse_not(p);
    }
    return left;
}

static struct node *parse_or(struct parser *p)
{
    struct node *left = parse_and(p);
    while (parsing(p) && is_name(p, "or")) {
        left = binary(p, NODE_OR, left);
        if (left)
            left->b = parse_and(p);
    }
    return left;
}

static struct node *parse_conditional(struct parser *p)
{
    struct node *value = parse_or(p);
    while (parsing(p) && is_name(p, "if")) {
        struct node *node = binary(p, NODE_CONDITIONAL, NULL);
        if (!node || !nest(p))
            return NULL;
        node->b = value;
        node->a = parse_or(p);
        if (take_name(p, "else"))
            node->c = parse_conditional(p);
        p->nesting--;
        value = node;
    }
    return value;
}

/* ---- what statements call -------------------------------------------------------------------- */

struct node *parse_expression(struct parser *p, enum expression_form form)
{
    if (!parsing(p) || !nest(p))
        return NULL;
    struct node *node = form == FORM_CONDITIONAL ? parse_conditional(p) : parse_or(p);
    p->nesting--;
    return parsing(p) ? node : NULL;
}

static bool ends_tuple(const struct parser *p, const char *end)
{
    return p->token->kind == TOKEN_PRINT_END || p->token->kind == TOKEN_BLOCK_END ||
           is_sign(p, ")") || (end && is_name(p, end));
}

struct node *parse_tuple(struct parser *p, enum expression_form form, const char *end)
{
    struct node *first = parse_expression(p, form);
    if (!parsing(p) || !is_sign(p, ","))
        return first;
    struct node *tuple = node_create(p, NODE_TUPLE);
    nodes_push(p, tuple ? &tuple->items : NULL, first);
    while (parsing(p) && take_sign(p, ",") && !ends_tuple(p, end))
        nodes_push(p, &tuple->items, parse_expression(p, form));
    return tuple;
}

struct node *parse_name_target(struct parser *p)
{
    struct node *node = node_create(p, NODE_NAME);
    if (is_name(p, "true") || is_name(p, "True") || is_name(p, "false") || is_name(p, "False") ||
        is_name(p, "none") || is_name(p, "None"))
        return parse_failed(p, "%s can't be assigned to", token_text(p));
    const struct string *name = expect_any_name(p);
    if (!node || !name)
        return NULL;
    node->name = name;
    node->symbol = symbol_of(p, name);
    return node;
}

static struct node *parse_one_target(struct parser *p, const char *end, bool with_namespace)
{
    if (is_sign(p, "(")) {
        if (!nest(p))
            return NULL;
        next_token(p);
        struct node *inner = parse_target(p, end, with_namespace);
        expect_sign(p, ")");
        p->nesting--;
        return inner;
    }
    if (p->token->kind != TOKEN_NAME)
        return parse_failed(p, "expected a name to assign to, found %s", token_text(p));
    struct node *node = parse_name_target(p);
    if (node && node->symbol == p->t->loop && p->n_outer_loops > 0 && !is_sign(p, "."))
        return parse_failed(p, "\"loop\" can't be assigned to in a loop");
    if (node && with_namespace && take_sign(p, ".")) {
        node->kind = NODE_NAMESPACE_TARGET;
        node->name = expect_any_name(p);
    }
    return node;
}

struct node *parse_target(struct parser *p, const char *end, bool with_namespace)
{
    struct node *first = parse_one_target(p, end, with_namespace);
    if (!parsing(p) || !is_sign(p, ","))
        return first;
    struct node *tuple = node_create(p, NODE_TUPLE);
    nodes_push(p, tuple ? &tuple->items : NULL, first);
    while (parsing(p) && take_sign(p, ",") && !ends_tuple(p, end) && !is_sign(p, "="))
        nodes_push(p, &tuple->items, parse_one_target(p, end, with_namespace));
    return tuple;
}
