/* chat/jinja/statements.c: statements, and the text between them. See evaluate.h. */
#include "chat/jinja/evaluate.h"
#include "chat/jinja/loop.h"

#include <string.h>

/* ---- assignment ------------------------------------------------------------------------------ */

static void assign_member(struct machine *m, const struct node *target, struct value value)
{
    const struct value space = scope_find(m, target->symbol);
    if (space.kind != KIND_NAMESPACE)
        fail_type(m, "cannot assign attribute on non-namespace object");
    else if (target->name->size > 0 && target->name->data[0] == '_')
        fail_type(m, "a namespace can't hold '%s': names with '_' in front are refused",
                  target->name->data);
    else
        dict_set(m, space.names, (struct value){.kind = KIND_STRING, .string = target->name},
                 value);
}

static void assign_tuple(struct machine *m, const struct node *target, struct value value)
{
    struct walk walk = walk_begin(m, value);
    struct value item;
    const size_t n = target->items.n;
    struct list *items = list_create(m, n + 1);
    while (items && items->n <= n && walk_next(m, &walk, &item))
        list_push(m, items, item);
    if (m->failed)
        return;
    if (items->n != n) {
        fail_type(m, "%s values to unpack (expected %zu)", items->n < n ? "not enough" : "too many",
                  n);
        return;
    }
    for (size_t i = 0; i < n && !m->failed; i++)
        assign(m, target->items.items[i], items->items[i]);
}

void assign(struct machine *m, const struct node *target, struct value value)
{
    if (m->failed)
        return;
    m->at = target;
    if (target->kind == NODE_TUPLE)
        assign_tuple(m, target, value);
    else if (target->kind == NODE_NAMESPACE_TARGET)
        assign_member(m, target, value);
    else
        scope_set(m, m->scope, target->symbol, value);
}

/* ---- captured output ------------------------------------------------------------------------- */

struct value run_captured(struct machine *m, const struct nodes *body)
{
    struct builder *out = m->out, captured = {0};
    m->out = &captured;
    run_body(m, body);
    m->out = out;
    return builder_string(m, &captured);
}

/* The same in a new scope. */
static struct value run_captured_within(struct machine *m, const struct nodes *body)
{
    struct scope *outer = m->scope, *scope = scope_create(m, outer);
    if (!scope)
        return none();
    m->scope = scope;
    const struct value text = run_captured(m, body);
    m->scope = outer;
    return text;
}

static void print(struct machine *m, struct value value)
{
    if (!m->failed)
        build_value(m, m->out, value);
}

/* ---- loops ----------------------------------------------------------------------------------- */

static void init_loop(struct machine *m, struct loop *loop, const struct node *node,
                      struct value items)
{
    *loop = (struct loop){.node = node, .outer = m->scope, .index0 = -1, .length = -1};
    loop->walk = walk_begin(m, items);
    if (!node->b && value_length(items) >= 0)
        loop->length = value_length(items);
    loop->inner = node->b ? scope_create(m, m->scope) : NULL;
}

static void run_items(struct machine *m, struct loop *loop, struct scope *scope)
{
    const struct node *node = loop->node;
    struct value item;
    enum flow flow = FLOW_ON;
    while (flow != FLOW_BREAK && loop_next(m, loop, &item)) {
        scope_clear(scope);
        scope_set(m, scope, m->template->loop, (struct value){.kind = KIND_LOOP, .loop = loop});
        assign(m, node->target, item);
        flow = run_body(m, &node->body);
    }
}

static enum flow run_loop(struct machine *m, const struct node *node, struct value items,
                          int64_t depth0)
{
    struct loop *loop = take_memory(m, 1, sizeof(*loop));
    struct scope *outer = m->scope, *scope = scope_create(m, outer);
    enum flow flow = FLOW_ON;
    if (!loop || !scope)
        return flow;
    init_loop(m, loop, node, items);
    loop->depth0 = depth0;
    m->scope = scope;
    run_items(m, loop, scope);
    if (loop->index0 < 0 && node->otherwise.n > 0 && !m->failed) {
        scope_clear(scope);
        flow = run_body(m, &node->otherwise);
    }
    m->scope = outer;
    return flow;
}

static enum flow run_for(struct machine *m, const struct node *node)
{
    const struct value items = evaluate(m, node->a);
    m->at = node;
    return m->failed ? FLOW_ON : run_loop(m, node, items, 0);
}

struct value run_loop_again(struct machine *m, struct loop *loop, struct value items)
{
    struct builder *out = m->out, captured = {0};
    struct scope *scope = m->scope;
    if (!loop->node->recursive)
        return fail_type(m, "loop() needs a loop that is marked as recursive");
    if (m->recursion >= JINJA_MAX_RECURSION)
        return fail(m, CORBEL_E_FORMAT, "a loop calls itself more than %d levels deep",
                    JINJA_MAX_RECURSION);
    m->recursion++;
    m->out = &captured;
    m->scope = loop->outer;
    run_loop(m, loop->node, items, loop->depth0 + 1);
    m->scope = scope;
    m->out = out;
    m->recursion--;
    return builder_string(m, &captured);
}

/* ---- other statements ------------------------------------------------------------------------ */

static enum flow run_if(struct machine *m, const struct node *node)
{
    const bool holds = value_truth(m, evaluate(m, node->a));
    return m->failed ? FLOW_ON : run_body(m, holds ? &node->body : &node->otherwise);
}

static void run_set_block(struct machine *m, const struct node *node)
{
    const struct value text = run_captured_within(m, &node->body);
    assign(m, node->target, apply_filters(m, node->b, text));
}

static struct value macro_here(struct machine *m, const struct node *node)
{
    struct macro *macro = take_memory(m, 1, sizeof(*macro));
    if (!macro)
        return none();
    *macro = (struct macro){node, m->scope};
    return (struct value){.kind = KIND_MACRO, .macro = macro};
}

static void run_call_block(struct machine *m, const struct node *node)
{
    struct arguments arguments;
    const struct value callee = evaluate(m, node->a->a);
    if (!m->failed && evaluate_arguments(m, node->a->call, macro_here(m, node), &arguments)) {
        m->at = node;
        print(m, call_value(m, callee, &arguments));
    }
}

/* A macro without text of its own prints in a scope of its own. */
static void run_generation(struct machine *m, const struct node *node)
{
    print(m, run_captured_within(m, &node->body));
}

static enum flow run_with(struct machine *m, const struct node *node)
{
    struct scope *outer = m->scope, *scope = scope_create(m, outer);
    struct list *values = list_create(m, node->items.n / 2);
    for (size_t i = 1; i < node->items.n && !m->failed; i += 2)
        list_push(m, values, evaluate(m, node->items.items[i]));
    if (m->failed)
        return FLOW_ON;
    m->scope = scope;
    for (size_t i = 0; i < values->n; i++)
        assign(m, node->items.items[2 * i], values->items[i]);
    const enum flow flow = run_body(m, &node->body);
    m->scope = outer;
    return flow;
}

static void run_filter_block(struct machine *m, const struct node *node)
{
    struct scope *outer = m->scope, *scope = scope_create(m, outer);
    if (!scope)
        return;
    m->scope = scope; /* the filter's arguments see what the body has set */
    const struct value text = run_captured(m, &node->body);
    print(m, apply_filters(m, node->b, text));
    m->scope = outer;
}

static void run_print(struct machine *m, const struct node *node)
{
    for (size_t i = 0; i < node->items.n && !m->failed; i++)
        print(m, evaluate(m, node->items.items[i]));
}

static enum flow run_statement(struct machine *m, const struct node *node)
{
    switch (node->kind) {
    case NODE_TEXT: print(m, node->constant); break;
    case NODE_PRINT: run_print(m, node); break;
    case NODE_IF: return run_if(m, node);
    case NODE_FOR: return run_for(m, node);
    case NODE_SET: assign(m, node->target, evaluate(m, node->a)); break;
    case NODE_SET_BLOCK: run_set_block(m, node); break;
    case NODE_MACRO: scope_set(m, m->scope, node->symbol, macro_here(m, node)); break;
    case NODE_CALL_BLOCK: run_call_block(m, node); break;
    case NODE_FILTER_BLOCK: run_filter_block(m, node); break;
    case NODE_WITH: return run_with(m, node);
    case NODE_GENERATION: run_generation(m, node); break;
    case NODE_BREAK: return FLOW_BREAK;
    case NODE_CONTINUE: return FLOW_CONTINUE;
    default: fail(m, CORBEL_E_INTERNAL, "an expression among statements"); break;
    }
    return FLOW_ON;
}

enum flow run_body(struct machine *m, const struct nodes *body)
{
    enum flow flow = FLOW_ON;
    for (size_t i = 0; i < body->n && flow == FLOW_ON && !m->failed; i++) {
        m->at = body->items[i];
        if (!spend(m, 1) || !enter(m))
            break;
        flow = run_statement(m, body->items[i]);
        leave(m);
    }
    return flow;
}
