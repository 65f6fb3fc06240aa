/* chat/jinja/loop.c: see loop.h. */
#include "chat/jinja/loop.h"

#include "chat/jinja/evaluate.h"
#include "chat/jinja/tree.h"

#include <string.h>

/* ---- items ----------------------------------------------------------------------------------- */

/* Does the `if` behind `for` let the item pass? */
static bool passes(struct machine *m, struct loop *loop, struct value item)
{
    if (!loop->node->b)
        return true;
    struct scope *scope = m->scope;
    m->scope = loop->inner;
    scope_clear(loop->inner);
    assign(m, loop->node->target, item);
    const bool passed = value_truth(m, evaluate(m, loop->node->b));
    m->scope = scope;
    return passed;
}

static struct value take(struct machine *m, struct loop *loop)
{
    struct value item;
    if (loop->rest)
        return loop->rest_at < loop->rest->n ? loop->rest->items[loop->rest_at++] : missing();
    while (walk_next(m, &loop->walk, &item))
        if (passes(m, loop, item))
            return item;
    return missing();
}

static struct value peek(struct machine *m, struct loop *loop)
{
    if (!is_given(loop->ahead))
        loop->ahead = take(m, loop);
    return loop->ahead;
}

bool loop_next(struct machine *m, struct loop *loop, struct value *item)
{
    *item = peek(m, loop);
    loop->ahead = missing();
    if (m->failed || !is_given(*item))
        return false;
    loop->index0++;
    loop->before = loop->current;
    loop->current = *item;
    return true;
}

int64_t loop_length(struct machine *m, struct loop *loop)
{
    if (loop->length >= 0 || m->failed)
        return loop->length < 0 ? 0 : loop->length;
    struct list *rest = list_create(m, 8);
    for (struct value item = take(m, loop); rest && is_given(item); item = take(m, loop))
        list_push(m, rest, item);
    if (!rest || m->failed)
        return 0;
    loop->rest = rest;
    loop->rest_at = 0;
    loop->length = (int64_t)rest->n + loop->index0 + 1 + is_given(loop->ahead);
    return loop->length;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static struct value cycle(struct machine *m, struct value self, const struct arguments *a)
{
    if (a->n == 0 || a->n_keywords > 0)
        return fail_type(m, "loop.cycle() needs something to cycle through");
    return a->values[(size_t)self.loop->index0 % a->n];
}

static struct value changed(struct machine *m, struct value self, const struct arguments *a)
{
    struct list *now = list_create(m, a->n);
    for (size_t i = 0; i < a->n; i++)
        list_push(m, now, a->values[i]);
    const bool same =
        self.loop->changed && value_equal(m, list_value(self.loop->changed), list_value(now));
    self.loop->changed = now;
    return boolean(!same);
}

static struct value loop_method(struct machine *m, struct loop *loop, const struct function *f)
{
    struct method *method = take_memory(m, 1, sizeof(*method));
    if (!method)
        return none();
    *method = (struct method){f, {.kind = KIND_LOOP, .loop = loop}};
    return (struct value){.kind = KIND_METHOD, .method = method};
}

enum attribute {
    INDEX,
    INDEX0,
    FIRST,
    LAST,
    LENGTH,
    REVINDEX,
    REVINDEX0,
    PREVITEM,
    NEXTITEM,
    DEPTH,
    DEPTH0,
    CYCLE,
    CHANGED,
    N_ATTRIBUTES
};

static const char *const attributes[N_ATTRIBUTES] = {
    "index",    "index0",   "first", "last",   "length", "revindex", "revindex0",
    "previtem", "nextitem", "depth", "depth0", "cycle",  "changed"};

static struct value nextitem(struct machine *m, struct loop *loop)
{
    const struct value item = peek(m, loop);
    return is_given(item) ? item : undefined_value(m, "there is no next item");
}

struct value loop_attribute(struct machine *m, struct loop *loop, const struct string *name)
{
    static const struct function cycle_function = {"cycle", cycle},
                                 changed_function = {"changed", changed};
    int which = 0;
    while (which < N_ATTRIBUTES && (strlen(attributes[which]) != name->size ||
                                    memcmp(attributes[which], name->data, name->size) != 0))
        which++;
    switch ((enum attribute)which) {
    case INDEX: return integer(loop->index0 + 1);
    case INDEX0: return integer(loop->index0);
    case FIRST: return boolean(loop->index0 == 0);
    case LAST: return boolean(!is_given(peek(m, loop)));
    case LENGTH: return integer(loop_length(m, loop));
    case REVINDEX: return integer(loop_length(m, loop) - loop->index0);
    case REVINDEX0: return integer(loop_length(m, loop) - loop->index0 - 1);
    case PREVITEM:
        return loop->index0 == 0 ? undefined_value(m, "there is no previous item") : loop->before;
    case NEXTITEM: return nextitem(m, loop);
    case DEPTH: return integer(loop->depth0 + 1);
    case DEPTH0: return integer(loop->depth0);
    case CYCLE: return loop_method(m, loop, &cycle_function);
    case CHANGED: return loop_method(m, loop, &changed_function);
    case N_ATTRIBUTES: break;
    }
    return missing();
}
