/* program/vocabulary.c: the names of operations, attributes and functions, from the one list in
 * operations.h. */
#include "program/program.h"

#include <string.h>

enum { STANDARD, FUSED };
enum { INT, FLOAT };

static const struct {
    const char *name;
    int origin;
} operations[OP_COUNT] = {
#define X(NAME, name, lo, hi, out, kind) {name, kind},
    PROGRAM_OPERATIONS(X)
#undef X
};

static const struct {
    const char *name;
    int type;
} attributes[ATTR_COUNT] = {
#define X(NAME, name, kind) {name, kind},
    PROGRAM_ATTRIBUTES(X)
#undef X
};

static const char *const functions[FUNCTION_COUNT] = {
#define X(NAME, name) name,
    PROGRAM_FUNCTIONS(X)
#undef X
};

const char *program_op_name(enum program_op_kind kind)
{
    return (unsigned)kind < OP_COUNT ? operations[kind].name : "unknown";
}

bool program_op_is_fused(enum program_op_kind kind)
{
    return (unsigned)kind < OP_COUNT && operations[kind].origin == FUSED;
}

int program_op_from_name(const char *name)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(name, operations[i].name) == 0)
            return i;
    return -1;
}

const char *program_attr_name(enum program_attr_key key)
{
    return (unsigned)key < ATTR_COUNT ? attributes[key].name : "unknown";
}

bool program_attr_is_float(enum program_attr_key key)
{
    return (unsigned)key < ATTR_COUNT && attributes[key].type == FLOAT;
}

int program_attr_from_name(const char *name)
{
    for (int i = 0; i < ATTR_COUNT; i++)
        if (strcmp(name, attributes[i].name) == 0)
            return i;
    return -1;
}

const char *program_function_name(enum program_function f)
{
    return (unsigned)f < FUNCTION_COUNT ? functions[f] : "unknown";
}
