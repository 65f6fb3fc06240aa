/* plugin/spirv_module.h: what the files of the SPIR-V check share.
 *
 * spirv.c        the walk: header, instructions, ids, functions
 * spirv_table.c  which instructions there are, and their operands
 * spirv_types.c  types, constants and sizes
 * spirv_globals.c  capabilities, decorations, entry point, variables: what the host agrees with
 * spirv_code.c   types of what an instruction operates on */
#ifndef PLUGIN_SPIRV_MODULE_H
#define PLUGIN_SPIRV_MODULE_H

#include "plugin/spirv.h"
#include "plugin/spirv_names.h"

/* What an instruction operates on; spirv_code.c has a check for each. */
enum spirv_class {
    CLASS_NONE, /* no values, or checked elsewhere */
    CLASS_FLOATS,
    CLASS_INTS,
    CLASS_COMPARE_INTS,
    CLASS_COMPARE_FLOATS,
    CLASS_BOOLS,
    CLASS_SHIFT,
    CLASS_SELECT,
    CLASS_FLOAT_TO_INT,
    CLASS_INT_TO_FLOAT,
    CLASS_INT_TO_INT,
    CLASS_FLOAT_TO_FLOAT,
    CLASS_BITCAST,
    CLASS_ANY_ALL,
    CLASS_IS_FLOAT, /* IsNan, IsInf */
    CLASS_SCALE,    /* VectorTimesScalar */
    CLASS_DOT,
    CLASS_MATRIX,
    CLASS_WIDE, /* IAddCarry and so on: a struct of two */
    CLASS_BIT_FIELD,
    CLASS_LOAD,
    CLASS_STORE,
    CLASS_ACCESS,
    CLASS_LENGTH,
    CLASS_ATOMIC,
    CLASS_EXTRACT_DYNAMIC,
    CLASS_INSERT_DYNAMIC,
    CLASS_SHUFFLE,
    CLASS_CONSTRUCT,
    CLASS_EXTRACT,
    CLASS_INSERT,
    CLASS_COPY,
    CLASS_CALL,
    CLASS_EXTENDED,
    CLASS_BARRIER,
    CLASS_GROUP, /* subgroup operations */
    CLASS_JOIN,
    CLASS_BRANCH,
    CLASS_RETURN
};

/* Operands, a letter each:
 *   t type   r result   v value, no pointer   p pointer   a value or pointer   c constant
 *   l label  f function  x any id, not looked at  i literal  s string
 * A * after a letter: any number of these; a ?: none or one. P: pairs of value and label; S: pairs
 * of literal and label. */
struct spirv_rule {
    uint16_t opcode;
    uint8_t class;
    uint8_t feature; /* 1 + enum program_feature; 0: none */
    const char *operands;
};

/* NULL: not allowed. */
const struct spirv_rule *spirv_rule(uint32_t opcode);

struct spirv_id {
    uint32_t at;               /* word of the instruction that makes it; 0: none does */
    uint32_t type;             /* of a value; 0: it is none */
    uint32_t root;             /* of a pointer: the variable that it points into; 0: a parameter */
    uint32_t size;             /* of a type: bytes; 0: it has none */
    uint16_t opcode, function; /* function: in which it is known; 0: everywhere */
    uint8_t depth;             /* of a type: of types within it */
    uint8_t binding;           /* of a buffer's variable: its number + 1 */
};

struct spirv_function {
    uint32_t id;
    uint32_t begin, end;   /* words */
    uint32_t private_size; /* bytes of its variables */
    uint64_t inlined, branches,
        memory;      /* instructions, branches and bytes with all that it calls */
    uint8_t visited; /* 0, 1 on the way, 2 done */
};

struct spirv_module {
    const corbel_kernel *kernel;
    struct program_kernel *found;
    const uint32_t *words;
    uint32_t n_words, bound;
    struct spirv_id *ids;          /* [bound] */
    uint32_t std450;               /* the extended instructions' import */
    uint32_t entry;                /* function of the entry point */
    uint32_t entry_at;             /* word of OpEntryPoint; 0: there was none yet */
    uint32_t now;                  /* word of the instruction that is looked at */
    uint32_t function;             /* that it is in; 0: none */
    uint32_t function_index;       /* of that, from 1; 0: none */
    uint32_t section, section_now; /* that the module has come to; of the instruction */
    uint32_t n_parameters, n_blocks, first_label, after_merge; /* of the function */
    bool in_block, at_start, in_variables;
    uint32_t features;                     /* declared */
    uint32_t annotations, annotations_end; /* words: where decorations are */
    bool has_shader, has_memory_model;
    struct spirv_function *functions;
    uint32_t n_functions;
    struct spirv_index *indices; /* in order */
    uint32_t n_indices, indices_capacity;
    uint32_t n_globals, buffers; /* buffers: a bit a binding */
    uint32_t push_size, private_size;
    corbel_status status;
    corbel_error *err;
};

/* The first reason is kept; false. */
bool spirv_fail(struct spirv_module *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline uint32_t spirv_opcode(const struct spirv_module *m)
{
    return m->words[m->now] & 0xffff;
}
static inline uint32_t spirv_count(const struct spirv_module *m)
{
    return m->words[m->now] >> 16;
}
/* Word i of the instruction that is looked at, 0 if it has fewer. */
static inline uint32_t spirv_word(const struct spirv_module *m, uint32_t i)
{
    return i < spirv_count(m) ? m->words[m->now + i] : 0;
}
/* Word i of the instruction that makes `id`. */
static inline uint32_t spirv_operand(const struct spirv_module *m, uint32_t id, uint32_t i)
{
    const uint32_t at = m->ids[id].at;
    return i < m->words[at] >> 16 ? m->words[at + i] : 0;
}
static inline uint32_t spirv_type_of(const struct spirv_module *m, uint32_t id)
{
    return m->ids[id].type;
}

/* ---- spirv_types.c --------------------------------------------------------------------------- */

enum spirv_base { BASE_OTHER, BASE_BOOL, BASE_INT, BASE_FLOAT };
struct spirv_numeric {
    enum spirv_base base;
    uint32_t width, count; /* count: components; 1 is a scalar */
};
/* A scalar's or vector's; BASE_OTHER for all else. */
struct spirv_numeric spirv_numeric(const struct spirv_module *m, uint32_t type);
bool spirv_is_type(const struct spirv_module *m, uint32_t id, uint32_t opcode);
bool spirv_is_pointer(const struct spirv_module *m, uint32_t type);
static inline uint32_t spirv_storage(const struct spirv_module *m, uint32_t pointer_type)
{
    return spirv_operand(m, pointer_type, 2);
}
static inline uint32_t spirv_pointee(const struct spirv_module *m, uint32_t pointer_type)
{
    return spirv_operand(m, pointer_type, 3);
}
/* Members of a struct, components of a vector or matrix, elements of an array; 0: none. */
uint32_t spirv_members(const struct spirv_module *m, uint32_t type);
/* The type of member i, which there is. */
uint32_t spirv_member(const struct spirv_module *m, uint32_t type, uint32_t i);
/* The same type, or the same kind of number. */
bool spirv_same(const struct spirv_module *m, uint32_t a, uint32_t b);
/* A value can have it: no pointer, no function, nothing without an end. */
bool spirv_is_value_type(const struct spirv_module *m, uint32_t type);
/* Of an integer constant of 32 bits. */
bool spirv_constant(const struct spirv_module *m, uint32_t id, uint32_t *value);

/* The instruction that is looked at declares a type or a constant; its operands are sound. */
bool spirv_type(struct spirv_module *m);
bool spirv_declare_constant(struct spirv_module *m);

/* ---- spirv_globals.c ------------------------------------------------------------------------- */

bool spirv_capability(struct spirv_module *m);
bool spirv_extension(struct spirv_module *m);
bool spirv_memory_model(struct spirv_module *m);
bool spirv_entry_point(struct spirv_module *m);
bool spirv_execution_mode(struct spirv_module *m);
bool spirv_decoration(struct spirv_module *m);
/* OpVariable, anywhere. */
bool spirv_variable(struct spirv_module *m);
/* When all is read: what there must be. */
bool spirv_agrees(struct spirv_module *m);

/* ---- spirv_code.c ---------------------------------------------------------------------------- */

/* The instruction that is looked at, whose operands are sound; its result is not made yet. */
bool spirv_code(struct spirv_module *m, const struct spirv_rule *rule);
/* OpPhi and OpFunctionCall, which speak of what comes later, when all ids are made. */
bool spirv_late_code(struct spirv_module *m, const struct spirv_rule *rule);

/* ---- spirv_extended.c ------------------------------------------------------------------------ */

/* The same for OpExtInst. */
bool spirv_extended(struct spirv_module *m);

/* ---- spirv_harden.c -------------------------------------------------------------------------- */

/* An index that must be held below the length of what it is an index of: buffers are held by
 * robustBufferAccess, the memory of workgroups and invocations by nobody. */
struct spirv_index {
    uint32_t at, length; /* at: the word that names it */
};
bool spirv_hold_index(struct spirv_module *m, uint32_t at, uint32_t length);
/* The module with all indices held, in the arena. */
bool spirv_harden(struct spirv_module *m, struct arena *arena);

#endif
