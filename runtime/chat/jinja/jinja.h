/* chat/jinja/jinja.h: an interpreter for the templates that chat models bring.
 *
 * The language is Jinja's as transformers sets it up for chat templates (specs.md 15): what a
 * template prints here is what it prints there, byte for byte. A template comes from a stranger, so
 * it is interpreted over value types of our own: there are no attributes to climb, nothing can be
 * changed but a namespace, and time, depth and memory are bounded. A template is parsed once, to a
 * tree; whatever is not supported is refused then, with its line and column.
 *
 * A template may be rendered by several threads at once. */
#ifndef CHAT_JINJA_JINJA_H
#define CHAT_JINJA_JINJA_H

#include "corbel/corbel.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JINJA_MAX_SOURCE = 1 << 20,   /* bytes of a template */
    JINJA_MAX_STEPS = 2000000,    /* nodes evaluated, items and 256-byte pieces gone through */
    JINJA_MAX_RECURSION = 64,     /* macros and recursive loops within each other */
    JINJA_MAX_TEXT = 16 << 20,    /* bytes of the output, and of any string on the way */
    JINJA_MAX_ITEMS = 1000000,    /* of a list or a dict */
    JINJA_MAX_RANGE = 100000,     /* numbers of a range */
    JINJA_MAX_MEMORY = 256 << 20, /* bytes of one rendering */
};

struct jinja_template;

/* `name` is what errors call the template. CORBEL_E_FORMAT: the source is no template, or holds
 * what is not supported; CORBEL_E_MEMORY. The caller destroys *t. */
corbel_status jinja_compile(const char *source, size_t size, const char *name,
                            struct jinja_template **t, corbel_error *err);
void jinja_destroy(struct jinja_template **t);

/* What a rendering may see beside the template. */
struct jinja_input {
    struct json_object *variables; /* an object */
    const int64_t *clock;          /* for strftime_now, seconds since 1970; NULL: the system's */
};

/* *text is the caller's (free) and terminated by a 0 that *size does not count. CORBEL_E_ARGUMENT:
 * the template raised an exception of its own about its input, or can't be rendered with it;
 * CORBEL_E_FORMAT: it went beyond a limit. */
corbel_status jinja_render(const struct jinja_template *t, const struct jinja_input *input,
                           char **text, size_t *size, corbel_error *err);

/* Does the template's own text, or one of its string constants, contain `s`? */
bool jinja_says(const struct jinja_template *t, const char *s, size_t size);
/* The same for the whole source. */
bool jinja_source_contains(const struct jinja_template *t, const char *s);

#endif
