/* chat/jinja/machine.h: one rendering: its memory, its limits, its failure.
 *
 * A failure is sticky: the first one is kept, everything after it does nothing and returns
 * nothing-values, and whatever loops looks at `failed`. So expressions can be evaluated by
 * functions that return their value. */
#ifndef CHAT_JINJA_MACHINE_H
#define CHAT_JINJA_MACHINE_H

#include "base/arena.h"
#include "base/error.h"
#include "chat/jinja/jinja.h"
#include "chat/jinja/value.h"

struct node;

struct machine {
    const struct jinja_template *template;
    struct arena arena;
    const struct node *at; /* what is being evaluated, for errors */
    uint64_t steps;
    uint32_t depth;     /* of evaluation */
    uint32_t recursion; /* of macros and recursive loops */
    bool failed;
    corbel_status status;
    corbel_error *err;
    struct builder *out;         /* what is printed goes there */
    const struct value *globals; /* [n_symbols]: the input's variables and the functions */
    struct scope *scope;
    const int64_t *clock;
};

/* Nodes within each other while they are evaluated, macros and the values gone into included. */
enum { MAX_EVALUATION_DEPTH = 900 };

/* Keeps the first failure, with the place of what is being evaluated in front. Returns undefined,
 * so that `return fail(...)` reads well. */
struct value fail(struct machine *m, corbel_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What Python would raise, about this input: CORBEL_E_ARGUMENT. */
#define fail_type(m, ...) fail(m, CORBEL_E_ARGUMENT, __VA_ARGS__)

/* Takes `n` steps; false when too many have been taken, or something has failed. */
bool spend(struct machine *m, size_t n);
/* The steps for going through so many bytes. */
bool spend_bytes(struct machine *m, size_t n);
/* Never deeper than the limit: false is a failure. `leave` after each success. */
bool enter(struct machine *m);
void leave(struct machine *m);

/* NULL, and a failure, when the memory of a rendering is used up. */
void *take_memory(struct machine *m, size_t count, size_t size);

/* ---- texts ----------------------------------------------------------------------------------- */

/* A string in the making, in the machine's memory, of JINJA_MAX_TEXT bytes at most. A zeroed one is
 * empty. */
struct builder {
    struct room *room;
};

void build_bytes(struct machine *m, struct builder *b, const char *data, size_t size);
void build_text(struct machine *m, struct builder *b, const char *s);
void build_repeated(struct machine *m, struct builder *b, char c, size_t n);
void build_character(struct machine *m, struct builder *b, uint32_t c);
void build_format(struct machine *m, struct builder *b, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t builder_size(const struct builder *b);
struct value builder_string(struct machine *m, struct builder *b);

/* a + b */
struct value strings_joined(struct machine *m, struct value a, struct value b);
/* str(v), as a string value; of what is a string already, itself. */
struct value value_text(struct machine *m, struct value v);
void build_value(struct machine *m, struct builder *b, struct value v); /* str(v) */
void build_repr(struct machine *m, struct builder *b, struct value v);  /* repr(v) */
void build_float(struct machine *m, struct builder *b, double f);       /* repr(f) */

/* ---- arguments of a call --------------------------------------------------------------------- */

struct keyword {
    const struct string *name;
    struct value value;
};

struct arguments {
    struct value *values;
    size_t n;
    struct keyword *keywords;
    size_t n_keywords;
};

enum { MAX_PARAMETERS = 6 };

/* Gives the arguments to parameters by position and name, as Python does; what was not given is
 * KIND_MISSING. False, and a failure: too many, unknown or missing ones. */
bool bind(struct machine *m, const char *function, const struct arguments *a,
          const char *const *names, size_t n_names, size_t n_required, struct value *out);
#define BIND(m, function, a, n_required, out, ...)           \
    bind(m, function, a, (const char *const[]){__VA_ARGS__}, \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), n_required, out)
/* No arguments at all. */
bool bind_nothing(struct machine *m, const char *function, const struct arguments *a);
/* An int among them. */
bool integer_argument(struct machine *m, const char *function, struct value v, int64_t *out);
bool string_argument(struct machine *m, const char *function, struct value v,
                     const struct string **out);

#endif
