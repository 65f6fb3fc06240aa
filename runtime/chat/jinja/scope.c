/* chat/jinja/scope.c: names and their values. A scope has few, so they are looked through. */
#include "chat/jinja/evaluate.h"

#include <string.h>

struct scope *scope_create(struct machine *m, struct scope *outer)
{
    struct scope *scope = take_memory(m, 1, sizeof(*scope));
    if (scope)
        scope->outer = outer;
    return scope;
}

void scope_clear(struct scope *scope)
{
    scope->n = 0;
}

void scope_set(struct machine *m, struct scope *scope, symbol s, struct value value)
{
    for (size_t i = 0; i < scope->n; i++)
        if (scope->bindings[i].symbol == s) {
            scope->bindings[i].value = value;
            return;
        }
    if (scope->n == scope->capacity) {
        const size_t capacity = scope->capacity ? 2 * scope->capacity : 4;
        struct binding *bindings = take_memory(m, capacity, sizeof(*bindings));
        if (!bindings)
            return;
        if (scope->n > 0)
            memcpy(bindings, scope->bindings, scope->n * sizeof(*bindings));
        scope->bindings = bindings;
        scope->capacity = capacity;
    }
    scope->bindings[scope->n++] = (struct binding){s, value};
}

struct value scope_find(const struct machine *m, symbol s)
{
    for (const struct scope *scope = m->scope; scope; scope = scope->outer)
        for (size_t i = 0; i < scope->n; i++)
            if (scope->bindings[i].symbol == s)
                return scope->bindings[i].value;
    return m->globals[s];
}
