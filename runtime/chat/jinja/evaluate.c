/* chat/jinja/evaluate.c: expressions. See evaluate.h. */
#include "chat/jinja/evaluate.h"

#include "chat/jinja/characters.h"
#include "chat/jinja/library.h"
#include "chat/jinja/loop.h"

#include <string.h>

struct value fail_undefined(struct machine *m, struct value undefined)
{
    return fail_type(m, "%s",
                     undefined.undefined ? undefined.undefined->why : "a value is undefined");
}

/* ---- attributes and items -------------------------------------------------------------------- */

static struct value bound_method(struct machine *m, const struct function *f, struct value self)
{
    struct method *method = take_memory(m, 1, sizeof(*method));
    if (!method)
        return none();
    *method = (struct method){f, self};
    return (struct value){.kind = KIND_METHOD, .method = method};
}

static bool string_is(const struct string *s, const char *word)
{
    return s->size == strlen(word) && memcmp(s->data, word, s->size) == 0;
}

/* What Python would find with getattr; KIND_MISSING: nothing. */
static struct value python_attribute(struct machine *m, struct value of, const struct string *name)
{
    const struct function *f = find_method(of, name->data, name->size);
    if (f)
        return bound_method(m, f, of);
    if (of.kind == KIND_NAMESPACE)
        return dict_find(of.names, name->data, name->size);
    if (of.kind == KIND_LOOP)
        return loop_attribute(m, of.loop, name);
    if (of.kind == KIND_TUPLE && of.list->is_group && string_is(name, "grouper"))
        return of.list->items[0];
    if (of.kind == KIND_TUPLE && of.list->is_group && string_is(name, "list"))
        return of.list->items[1];
    if (of.kind == KIND_MACRO && string_is(name, "name") && of.macro->node->name)
        return (struct value){.kind = KIND_STRING, .string = of.macro->node->name};
    return missing();
}

/* Attributes that every Python object has; the sandbox hides them. */
static bool is_internal(const struct string *name)
{
    return name->size > 4 && memcmp(name->data, "__", 2) == 0 &&
           memcmp(name->data + name->size - 2, "__", 2) == 0;
}

static struct value nothing_there(struct machine *m, struct value of, const struct string *name)
{
    const int size = (int)(name->size < 80 ? name->size : 80);
    return undefined_value(m, "'%s' has no attribute '%.*s'", value_type(of), size, name->data);
}

struct value get_attribute(struct machine *m, struct value of, const struct string *name)
{
    if (m->failed)
        return none();
    if (is_undefined(of))
        return fail_undefined(m, of);
    if (is_internal(name))
        return nothing_there(m, of, name);
    struct value found = python_attribute(m, of, name);
    if (!is_given(found) && of.kind == KIND_DICT)
        found = dict_find(of.dict, name->data, name->size);
    return is_given(found) || m->failed ? found : nothing_there(m, of, name);
}

static struct value item_at(struct machine *m, struct value of, int64_t i)
{
    const int64_t n = value_length(of);
    if (i < 0)
        i += n;
    if (i < 0 || i >= n)
        return missing();
    if (is_string(of))
        return substring(m, of, (size_t)i, (size_t)i + 1);
    return of.kind == KIND_RANGE ? integer(of.range->start + i * of.range->step)
                                 : of.list->items[i];
}

static bool has_hash(struct value v)
{
    return v.kind != KIND_LIST && v.kind != KIND_DICT;
}

struct value get_item(struct machine *m, struct value of, struct value item)
{
    struct value found = missing();
    if (m->failed)
        return none();
    if (is_undefined(of))
        return fail_undefined(m, of);
    if (of.kind == KIND_DICT && has_hash(item))
        found = dict_get(m, of.dict, item);
    else if (is_integral(item) && (is_string(of) || of.kind == KIND_LIST || of.kind == KIND_TUPLE ||
                                   of.kind == KIND_RANGE))
        found = item_at(m, of, as_int(item));
    if (!is_given(found) && is_string(item) && !is_internal(item.string))
        found = python_attribute(m, of, item.string);
    if (is_given(found) || m->failed)
        return found;
    if (is_string(item))
        return nothing_there(m, of, item.string);
    return undefined_value(m, "'%s' has no such element", value_type(of));
}

/* ---- literals -------------------------------------------------------------------------------- */

static struct value evaluate_items(struct machine *m, const struct node *node)
{
    struct list *list = list_create(m, node->items.n);
    for (size_t i = 0; i < node->items.n && !m->failed; i++)
        list_push(m, list, evaluate(m, node->items.items[i]));
    return node->kind == NODE_LIST ? list_value(list) : tuple_value(list);
}

static struct value evaluate_dict(struct machine *m, const struct node *node)
{
    struct dict *dict = dict_create(m);
    for (size_t i = 0; i + 1 < node->items.n && !m->failed; i += 2) {
        const struct value key = evaluate(m, node->items.items[i]);
        const struct value value = evaluate(m, node->items.items[i + 1]);
        dict_set(m, dict, key, value);
    }
    return dict ? (struct value){.kind = KIND_DICT, .dict = dict} : none();
}

static struct value evaluate_name(struct machine *m, const struct node *node)
{
    const struct value value = scope_find(m, node->symbol);
    if (is_given(value))
        return value;
    const int size = (int)(node->name->size < 80 ? node->name->size : 80);
    return undefined_value(m, "'%.*s' is undefined", size, node->name->data);
}

/* ---- operators ------------------------------------------------------------------------------- */

static struct value evaluate_binary(struct machine *m, const struct node *node)
{
    const struct value a = evaluate(m, node->a), b = evaluate(m, node->b);
    m->at = node;
    return operate(m, node->operator, a, b);
}

static struct value evaluate_concat(struct machine *m, const struct node *node)
{
    struct builder b = {0};
    for (size_t i = 0; i < node->items.n && !m->failed; i++)
        build_value(m, &b, evaluate(m, node->items.items[i]));
    return builder_string(m, &b);
}

static struct value evaluate_compare(struct machine *m, const struct node *node)
{
    struct value left = evaluate(m, node->a);
    bool holds = true;
    for (size_t i = 0; i < node->n_operands && holds && !m->failed; i++) {
        const struct value right = evaluate(m, node->operands[i].node);
        m->at = node;
        holds = !m->failed && compare(m, node->operands[i].operator, left, right);
        left = right;
    }
    return boolean(holds);
}

static struct value evaluate_conditional(struct machine *m, const struct node *node)
{
    if (value_truth(m, evaluate(m, node->a)))
        return evaluate(m, node->b);
    if (node->c)
        return evaluate(m, node->c);
    return undefined_value(m, "the inline if-expression evaluated to false and has no else");
}

static struct value evaluate_slice(struct machine *m, const struct node *node)
{
    struct value bounds[3];
    const struct value of = evaluate(m, node->a);
    for (size_t i = 0; i < 3; i++)
        bounds[i] = node->items.items[i] ? evaluate(m, node->items.items[i]) : missing();
    m->at = node;
    return m->failed ? none() : take_slice(m, of, bounds[0], bounds[1], bounds[2]);
}

/* ---- calls, filters, tests ------------------------------------------------------------------- */

static struct value evaluate_call(struct machine *m, const struct node *node)
{
    struct arguments arguments;
    const struct value callee = evaluate(m, node->a);
    if (!evaluate_arguments(m, node->call, missing(), &arguments))
        return none();
    m->at = node;
    return call_value(m, callee, &arguments);
}

/* Also of a test. */
static struct value evaluate_function(struct machine *m, const struct node *node, struct value self)
{
    struct arguments arguments;
    if (m->failed || !evaluate_arguments(m, node->call, missing(), &arguments))
        return none();
    m->at = node;
    return node->function->call(m, self, &arguments);
}

struct value apply_filters(struct machine *m, const struct node *filters, struct value text)
{
    if (!filters || !enter(m))
        return text;
    const struct value before = apply_filters(m, filters->a, text);
    const struct value after = evaluate_function(m, filters, before);
    leave(m);
    return after;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static struct value evaluate_by_kind(struct machine *m, const struct node *node)
{
    struct value a;
    switch (node->kind) {
    case NODE_CONSTANT: return node->constant;
    case NODE_NAME: return evaluate_name(m, node);
    case NODE_LIST:
    case NODE_TUPLE: return evaluate_items(m, node);
    case NODE_DICT: return evaluate_dict(m, node);
    case NODE_ATTRIBUTE:
        a = evaluate(m, node->a);
        m->at = node;
        return get_attribute(m, a, node->name);
    case NODE_ITEM: {
        a = evaluate(m, node->a);
        const struct value item = evaluate(m, node->b);
        m->at = node;
        return get_item(m, a, item);
    }
    case NODE_SLICE: return evaluate_slice(m, node);
    case NODE_CALL: return evaluate_call(m, node);
    case NODE_FILTER:
    case NODE_TEST: return evaluate_function(m, node, evaluate(m, node->a));
    case NODE_UNARY: a = evaluate(m, node->a); return negate(m, node->operator, a);
    case NODE_BINARY: return evaluate_binary(m, node);
    case NODE_AND: a = evaluate(m, node->a); return value_truth(m, a) ? evaluate(m, node->b) : a;
    case NODE_OR: a = evaluate(m, node->a); return value_truth(m, a) ? a : evaluate(m, node->b);
    case NODE_NOT: return boolean(!value_truth(m, evaluate(m, node->a)));
    case NODE_CONCAT: return evaluate_concat(m, node);
    case NODE_COMPARE: return evaluate_compare(m, node);
    case NODE_CONDITIONAL: return evaluate_conditional(m, node);
    default: return fail(m, CORBEL_E_INTERNAL, "a statement among expressions");
    }
}

struct value evaluate(struct machine *m, const struct node *node)
{
    if (m->failed || !spend(m, 1))
        return none();
    m->at = node;
    if (!enter(m))
        return none();
    const struct value value = evaluate_by_kind(m, node);
    leave(m);
    return m->failed ? none() : value;
}
