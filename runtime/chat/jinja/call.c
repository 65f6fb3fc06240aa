/* chat/jinja/call.c: arguments, functions and macros. */
#include "chat/jinja/evaluate.h"
#include "chat/jinja/loop.h"

#include <string.h>

/* ---- arguments ------------------------------------------------------------------------------- */

static void push_values(struct machine *m, struct list *values, struct value from)
{
    struct walk walk = walk_begin(m, from);
    struct value item;
    while (walk_next(m, &walk, &item))
        list_push(m, values, item);
}

static bool has_keyword(const struct arguments *a, const struct string *name)
{
    for (size_t i = 0; i < a->n_keywords; i++)
        if (a->keywords[i].name->size == name->size &&
            memcmp(a->keywords[i].name->data, name->data, name->size) == 0)
            return true;
    return false;
}

static void push_keyword(struct machine *m, struct arguments *a, const struct string *name,
                         struct value value)
{
    if (!spend(m, a->n_keywords + 1)) /* names are looked through */
        return;
    if (has_keyword(a, name))
        fail_type(m, "an argument is given twice: %.*s", (int)name->size, name->data);
    else
        a->keywords[a->n_keywords++] = (struct keyword){name, value};
}

static void push_star_star(struct machine *m, struct arguments *a, struct value from)
{
    if (!m->failed && from.kind != KIND_DICT)
        fail_type(m, "** needs a dict, found %s", value_type(from));
    for (size_t i = 0; !m->failed && i < from.dict->n; i++) {
        const struct entry *e = &from.dict->entries[i];
        if (is_string(e->key))
            push_keyword(m, a, e->key.string, e->value);
        else
            fail_type(m, "** needs a dict whose keys are strings");
    }
}

bool evaluate_arguments(struct machine *m, const struct call_syntax *call, struct value caller,
                        struct arguments *out)
{
    static const struct string caller_name = {"caller", 6, 6, NULL};
    struct list *values = list_create(m, call->positional.n);
    *out = (struct arguments){0};
    for (size_t i = 0; i < call->positional.n && !m->failed; i++)
        list_push(m, values, evaluate(m, call->positional.items[i]));
    if (call->star)
        push_values(m, values, evaluate(m, call->star));
    const struct value more = call->star_star ? evaluate(m, call->star_star) : missing();

    size_t n_keywords = call->keyword_values.n + is_given(caller);
    if (more.kind == KIND_DICT)
        n_keywords += more.dict->n;
    if (n_keywords > 0)
        out->keywords = take_memory(m, n_keywords, sizeof(*out->keywords));
    for (size_t i = 0; i < call->keyword_values.n && !m->failed; i++)
        push_keyword(m, out, call->keywords[i], evaluate(m, call->keyword_values.items[i]));
    if (is_given(more))
        push_star_star(m, out, more);
    if (is_given(caller))
        push_keyword(m, out, &caller_name, caller);
    if (m->failed)
        return false;
    out->values = values->items;
    out->n = values->n;
    return true;
}

/* ---- macros ---------------------------------------------------------------------------------- */

/* Takes a keyword out of the arguments; KIND_MISSING: it is not there. */
static struct value take_keyword(struct arguments *a, const struct string *name)
{
    for (size_t i = 0; i < a->n_keywords; i++)
        if (a->keywords[i].name->size == name->size &&
            memcmp(a->keywords[i].name->data, name->data, name->size) == 0) {
            const struct value value = a->keywords[i].value;
            memmove(&a->keywords[i], &a->keywords[i + 1],
                    (a->n_keywords - i - 1) * sizeof(*a->keywords));
            a->n_keywords--;
            return value;
        }
    return missing();
}

static const char *macro_name(const struct macro *macro)
{
    return macro->node->name ? macro->node->name->data : "caller";
}

/* What is not given has its default, which sees the parameters before it. */
static void bind_parameters(struct machine *m, const struct macro *macro, struct arguments *a)
{
    const struct parameters_syntax *s = macro->node->parameters;
    const size_t n = s->names.n, first_default = n - s->defaults.n;
    struct value *given = take_memory(m, n, sizeof(*given));
    for (size_t i = 0; given && i < n; i++)
        given[i] = i < a->n ? a->values[i] : take_keyword(a, s->names.items[i]->name);
    for (size_t i = 0; given && i < n && !m->failed; i++) {
        const struct node *name = s->names.items[i];
        struct value value = given[i];
        if (!is_given(value) && i >= first_default)
            value = evaluate(m, s->defaults.items[i - first_default]);
        else if (!is_given(value))
            value = undefined_value(m, "parameter '%s' was not provided", name->name->data);
        scope_set(m, m->scope, name->symbol, value);
    }
}

static void bind_caller(struct machine *m, const struct macro *macro, struct arguments *a)
{
    static const struct string caller_name = {"caller", 6, 6, NULL};
    if (!macro->node->parameters->uses_caller)
        return;
    struct value caller = take_keyword(a, &caller_name);
    if (!is_given(caller) || caller.kind == KIND_NONE)
        caller = undefined_value(m, "No caller defined");
    scope_set(m, m->scope, m->template->caller, caller);
}

/* kwargs and varargs, where the body uses them. */
static void bind_rest(struct machine *m, const struct macro *macro, const struct arguments *a)
{
    const struct parameters_syntax *s = macro->node->parameters;
    if (s->uses_kwargs) {
        struct dict *rest = dict_create(m);
        for (size_t i = 0; rest && i < a->n_keywords; i++)
            dict_set(m, rest, (struct value){.kind = KIND_STRING, .string = a->keywords[i].name},
                     a->keywords[i].value);
        scope_set(m, m->scope, m->template->kwargs,
                  (struct value){.kind = KIND_DICT, .dict = rest});
    } else if (a->n_keywords > 0 && !m->failed) {
        fail_type(m, "macro '%s' takes no keyword argument '%.*s'", macro_name(macro),
                  (int)a->keywords[0].name->size, a->keywords[0].name->data);
    }
    if (s->uses_varargs) {
        struct list *rest = list_create(m, 4);
        for (size_t i = s->names.n; i < a->n; i++)
            list_push(m, rest, a->values[i]);
        scope_set(m, m->scope, m->template->varargs, tuple_value(rest));
    } else if (a->n > s->names.n && !m->failed) {
        fail_type(m, "macro '%s' takes not more than %zu arguments", macro_name(macro), s->names.n);
    }
}

static struct value call_macro(struct machine *m, const struct macro *macro,
                               const struct arguments *given)
{
    struct arguments a = *given;
    struct scope *outer = m->scope;
    if (m->recursion >= JINJA_MAX_RECURSION)
        return fail(m, CORBEL_E_FORMAT, "macros call each other more than %d levels deep",
                    JINJA_MAX_RECURSION);
    struct scope *scope = scope_create(m, macro->scope);
    if (!scope)
        return none();
    m->scope = scope;
    m->recursion++;
    bind_parameters(m, macro, &a);
    if (!m->failed)
        bind_caller(m, macro, &a);
    if (!m->failed)
        bind_rest(m, macro, &a);
    const struct value text = run_captured(m, &macro->node->body);
    m->recursion--;
    m->scope = outer;
    return text;
}

struct value call_value(struct machine *m, struct value callee, const struct arguments *a)
{
    if (m->failed)
        return none();
    switch (callee.kind) {
    case KIND_MACRO: return call_macro(m, callee.macro, a);
    case KIND_METHOD: return callee.method->function->call(m, callee.method->self, a);
    case KIND_FUNCTION: return callee.function->call(m, none(), a);
    case KIND_LOOP:
        if (a->n != 1 || a->n_keywords > 0)
            return fail_type(m, "loop() takes one argument");
        return run_loop_again(m, callee.loop, a->values[0]);
    case KIND_UNDEFINED: return fail_undefined(m, callee);
    default: return fail_type(m, "%s can't be called", value_type(callee));
    }
}
