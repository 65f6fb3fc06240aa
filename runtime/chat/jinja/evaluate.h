/* chat/jinja/evaluate.h: the tree at work: expressions (evaluate.c), calls (call.c), statements
 * (statements.c), and the scopes that names live in (scope.c). */
#ifndef CHAT_JINJA_EVALUATE_H
#define CHAT_JINJA_EVALUATE_H

#include "chat/jinja/machine.h"
#include "chat/jinja/tree.h"

/* ---- expressions ----------------------------------------------------------------------------- */

struct value evaluate(struct machine *m, const struct node *node);
/* obj.name and obj[item], as Jinja's sandbox looks them up: undefined where there is nothing. */
struct value get_attribute(struct machine *m, struct value of, const struct string *name);
struct value get_item(struct machine *m, struct value of, struct value item);
/* The failure of using what is undefined. */
struct value fail_undefined(struct machine *m, struct value undefined);

/* a operator b, for numbers, strings and lists (operators.c). */
struct value operate(struct machine *m, enum operator operator, struct value a, struct value b);
struct value negate(struct machine *m, enum operator operator, struct value a);
bool compare(struct machine *m, enum operator operator, struct value a, struct value b);
struct value take_slice(struct machine *m, struct value of, struct value begin, struct value end,
                        struct value step);

/* ---- calls ----------------------------------------------------------------------------------- */

/* Evaluates what stands between the parentheses. `caller` KIND_MISSING: none. */
bool evaluate_arguments(struct machine *m, const struct call_syntax *call, struct value caller,
                        struct arguments *out);
struct value call_value(struct machine *m, struct value callee, const struct arguments *a);
/* {% filter %} and {% set x | trim %}: `text` goes through the chain of NODE_FILTER. */
struct value apply_filters(struct machine *m, const struct node *filters, struct value text);

/* ---- statements ------------------------------------------------------------------------------ */

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

enum flow run_body(struct machine *m, const struct nodes *body);
/* What the body prints, in a scope of its own that `m->scope` is already. */
struct value run_captured(struct machine *m, const struct nodes *body);
/* Sets a name, the names of a tuple, or a member of a namespace. */
void assign(struct machine *m, const struct node *target, struct value value);
/* loop(items) in a loop that is marked as recursive. */
struct value run_loop_again(struct machine *m, struct loop *loop, struct value items);

/* ---- scopes ---------------------------------------------------------------------------------- */

struct binding {
    symbol symbol;
    struct value value;
};

struct scope {
    struct scope *outer; /* NULL: the input's variables are next */
    struct binding *bindings;
    size_t n, capacity;
};

/* A new scope within `outer`; NULL after a failure. */
struct scope *scope_create(struct machine *m, struct scope *outer);
void scope_clear(struct scope *scope);
void scope_set(struct machine *m, struct scope *scope, symbol s, struct value value);
/* KIND_MISSING: nobody has set it. */
struct value scope_find(const struct machine *m, symbol s);

#endif
