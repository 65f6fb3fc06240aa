/* chat/jinja/loop.h: a for loop while it runs: what `loop` means in its body. */
#ifndef CHAT_JINJA_LOOP_H
#define CHAT_JINJA_LOOP_H

#include "chat/jinja/machine.h"

/* Items are taken one ahead of the body only where `loop.last` or its like ask for that, since an
 * `if` behind `for` may look at what the body has set. */
struct loop {
    const struct node *node;
    struct scope *outer;     /* where the loop stands */
    struct scope *inner;     /* where its target is set while the `if` is looked at */
    struct walk walk;        /* what is left of the iterable */
    const struct list *rest; /* all that passed the `if`, once the length was asked for */
    size_t rest_at;
    int64_t index0, length; /* length: -1: not known yet */
    int64_t depth0;
    struct value current, before, ahead; /* KIND_MISSING: none */
    const struct list *changed;          /* the last arguments of changed() */
};

/* Takes the next item; false at the end or after a failure. */
bool loop_next(struct machine *m, struct loop *loop, struct value *item);
int64_t loop_length(struct machine *m, struct loop *loop);
/* loop.NAME; KIND_MISSING: there is no such thing. */
struct value loop_attribute(struct machine *m, struct loop *loop, const struct string *name);

#endif
