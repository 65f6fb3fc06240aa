/* spirv_types.c: types and constants of a module, and how large they are. */
#include "plugin/spirv_module.h"

#include <string.h>

enum { MAX_DEPTH = 8, MAX_MEMBERS = 64 };

bool spirv_is_type(const struct spirv_module *m, uint32_t id, uint32_t opcode)
{
    return m->ids[id].opcode == opcode;
}

bool spirv_is_pointer(const struct spirv_module *m, uint32_t type)
{
    return spirv_is_type(m, type, SPIRV_OP_TYPE_POINTER);
}

struct spirv_numeric spirv_numeric(const struct spirv_module *m, uint32_t type)
{
    struct spirv_numeric n = {BASE_OTHER, 0, 0};
    if (spirv_is_type(m, type, SPIRV_OP_TYPE_VECTOR)) {
        n = spirv_numeric(m, spirv_operand(m, type, 2));
        n.count = spirv_operand(m, type, 3);
        return n;
    }
    switch (m->ids[type].opcode) {
    case SPIRV_OP_TYPE_BOOL: return (struct spirv_numeric){BASE_BOOL, 1, 1};
    case SPIRV_OP_TYPE_INT: return (struct spirv_numeric){BASE_INT, spirv_operand(m, type, 2), 1};
    case SPIRV_OP_TYPE_FLOAT:
        return (struct spirv_numeric){BASE_FLOAT, spirv_operand(m, type, 2), 1};
    default: return n;
    }
}

bool spirv_same(const struct spirv_module *m, uint32_t a, uint32_t b)
{
    const struct spirv_numeric x = spirv_numeric(m, a), y = spirv_numeric(m, b);
    if (a == b)
        return true;
    return x.base != BASE_OTHER && x.base == y.base && x.width == y.width && x.count == y.count;
}

bool spirv_constant(const struct spirv_module *m, uint32_t id, uint32_t *value)
{
    const struct spirv_numeric n = spirv_numeric(m, spirv_type_of(m, id));
    if (n.base != BASE_INT || n.width != 32 || n.count != 1)
        return false;
    *value = m->ids[id].opcode == SPIRV_OP_CONSTANT ? spirv_operand(m, id, 3) : 0;
    return m->ids[id].opcode == SPIRV_OP_CONSTANT || m->ids[id].opcode == SPIRV_OP_CONSTANT_NULL;
}

/* ---- members --------------------------------------------------------------------------------- */

uint32_t spirv_members(const struct spirv_module *m, uint32_t type)
{
    uint32_t n = 0;
    switch (m->ids[type].opcode) {
    case SPIRV_OP_TYPE_VECTOR:
    case SPIRV_OP_TYPE_MATRIX: return spirv_operand(m, type, 3);
    case SPIRV_OP_TYPE_ARRAY: spirv_constant(m, spirv_operand(m, type, 3), &n); return n;
    case SPIRV_OP_TYPE_STRUCT: return (m->words[m->ids[type].at] >> 16) - 2;
    default: return 0;
    }
}

uint32_t spirv_member(const struct spirv_module *m, uint32_t type, uint32_t i)
{
    const bool is_struct = spirv_is_type(m, type, SPIRV_OP_TYPE_STRUCT);
    return spirv_operand(m, type, is_struct ? 2 + i : 2);
}

bool spirv_is_value_type(const struct spirv_module *m, uint32_t type)
{
    return m->ids[type].size > 0 && m->ids[type].size <= SPIRV_MAX_VALUE &&
           !spirv_is_pointer(m, type);
}

/* ---- declarations ---------------------------------------------------------------------------- */

static bool number_type(struct spirv_module *m, bool is_float, uint32_t *size)
{
    const uint32_t width = spirv_word(m, 2);
    uint32_t needs = FEATURE_COUNT;
    switch (width) {
    case 8: needs = FEATURE_INT8; break;
    case 16: needs = is_float ? FEATURE_FLOAT16 : FEATURE_INT16; break;
    case 64: needs = is_float ? FEATURE_FLOAT64 : FEATURE_INT64; break;
    default: break;
    }
    if ((needs == FEATURE_COUNT && width != 32) || (width == 8 && is_float) ||
        (!is_float && spirv_word(m, 3) > 1))
        return spirv_fail(m, "a number of %u bits", width);
    if (needs < FEATURE_COUNT && !(m->features & 1u << needs))
        return spirv_fail(m, "a number of %u bits without its capability", width);
    *size = width / 8;
    return true;
}

static bool vector_type(struct spirv_module *m, uint32_t *size)
{
    const struct spirv_numeric n = spirv_numeric(m, spirv_word(m, 2));
    const uint32_t count = spirv_word(m, 3);
    if (n.base == BASE_OTHER || n.count != 1 || count < 2 || count > 4)
        return spirv_fail(m, "a vector of %u of what is no scalar, or not of 2 to 4", count);
    *size = m->ids[spirv_word(m, 2)].size * (count == 3 ? 4 : count);
    return true;
}

static bool matrix_type(struct spirv_module *m, uint32_t *size)
{
    const struct spirv_numeric n = spirv_numeric(m, spirv_word(m, 2));
    const uint32_t count = spirv_word(m, 3);
    if (n.base != BASE_FLOAT || n.count < 2 || count < 2 || count > 4)
        return spirv_fail(m, "a matrix that is not 2 to 4 vectors of floats");
    *size = m->ids[spirv_word(m, 2)].size * count;
    return true;
}

/* Sizes are kept as far as they matter: what is larger than all limits is refused here. */
static bool array_type(struct spirv_module *m, uint32_t *size)
{
    const uint32_t element = spirv_word(m, 2);
    uint32_t n;
    if (!spirv_constant(m, spirv_word(m, 3), &n) || n < 1)
        return spirv_fail(m, "an array whose length is no positive 32-bit constant");
    if (m->ids[element].size == 0 || spirv_is_pointer(m, element) ||
        n > SPIRV_MAX_SHARED / m->ids[element].size)
        return spirv_fail(m,
                          "an array of %u elements of what has no size, or of more than %d bytes",
                          n, SPIRV_MAX_SHARED);
    *size = n * m->ids[element].size;
    return true;
}

static bool struct_type(struct spirv_module *m, uint32_t *size)
{
    const uint32_t n = spirv_count(m) - 2;
    if (n < 1 || n > MAX_MEMBERS)
        return spirv_fail(m, "a struct of %u members (1 to %d)", n, MAX_MEMBERS);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t type = spirv_word(m, 2 + i);
        if (n == 1 && spirv_is_type(m, type, SPIRV_OP_TYPE_RUNTIME_ARRAY))
            return true; /* of no size: a buffer's */
        if (m->ids[type].size == 0 || spirv_is_pointer(m, type))
            return spirv_fail(m, "a struct whose member %u has no size", i);
        *size += m->ids[type].size;
        if (*size > SPIRV_MAX_SHARED)
            return spirv_fail(m, "a struct of more than %d bytes", SPIRV_MAX_SHARED);
    }
    return true;
}

static bool pointer_type(struct spirv_module *m)
{
    switch (spirv_word(m, 2)) {
    case STORAGE_INPUT:
    case STORAGE_WORKGROUP:
    case STORAGE_PRIVATE:
    case STORAGE_FUNCTION:
    case STORAGE_PUSH_CONSTANT:
    case STORAGE_BUFFER: break;
    default: return spirv_fail(m, "a pointer of storage class %u", spirv_word(m, 2));
    }
    if (spirv_is_pointer(m, spirv_word(m, 3)) ||
        spirv_is_type(m, spirv_word(m, 3), SPIRV_OP_TYPE_FUNCTION) ||
        spirv_is_type(m, spirv_word(m, 3), SPIRV_OP_TYPE_VOID))
        return spirv_fail(m, "a pointer to a pointer, a function or nothing");
    return true;
}

static bool runtime_array_type(struct spirv_module *m)
{
    const struct spirv_numeric n = spirv_numeric(m, spirv_word(m, 2));
    if ((n.base == BASE_INT || n.base == BASE_FLOAT) && n.width == 32 && n.count != 3)
        return true;
    return spirv_fail(m, "a buffer that is no array of 32-bit numbers, or of 2 or 4 of them");
}

/* Parameters: values, or pointers to a caller's own variables. */
static bool function_type(struct spirv_module *m)
{
    const uint32_t returned = spirv_word(m, 2);
    if (!spirv_is_type(m, returned, SPIRV_OP_TYPE_VOID) && !spirv_is_value_type(m, returned))
        return spirv_fail(m, "a function that returns neither a value nor nothing");
    for (uint32_t i = 3; i < spirv_count(m); i++) {
        const uint32_t type = spirv_word(m, i);
        if (spirv_is_pointer(m, type) ? spirv_storage(m, type) != STORAGE_FUNCTION
                                      : !spirv_is_value_type(m, type))
            return spirv_fail(m, "a function whose parameter %u is no value of its caller's",
                              i - 3);
    }
    return true;
}

static uint8_t depth_within(const struct spirv_module *m)
{
    uint8_t depth = 0;
    const uint32_t opcode = spirv_opcode(m);
    const uint32_t n = opcode == SPIRV_OP_TYPE_STRUCT ? spirv_count(m) : 3;
    if (opcode != SPIRV_OP_TYPE_STRUCT && opcode != SPIRV_OP_TYPE_ARRAY)
        return 0;
    for (uint32_t i = 2; i < n; i++)
        if (m->ids[spirv_word(m, i)].depth >= depth)
            depth = (uint8_t)(m->ids[spirv_word(m, i)].depth + 1);
    return depth;
}

bool spirv_type(struct spirv_module *m)
{
    struct spirv_id *id = &m->ids[spirv_word(m, 1)];
    bool sound = true;
    switch (spirv_opcode(m)) {
    case SPIRV_OP_TYPE_BOOL: id->size = 4; break;
    case SPIRV_OP_TYPE_INT: sound = number_type(m, false, &id->size); break;
    case SPIRV_OP_TYPE_FLOAT: sound = number_type(m, true, &id->size); break;
    case SPIRV_OP_TYPE_VECTOR: sound = vector_type(m, &id->size); break;
    case SPIRV_OP_TYPE_MATRIX: sound = matrix_type(m, &id->size); break;
    case SPIRV_OP_TYPE_ARRAY: sound = array_type(m, &id->size); break;
    case SPIRV_OP_TYPE_RUNTIME_ARRAY: sound = runtime_array_type(m); break;
    case SPIRV_OP_TYPE_STRUCT: sound = struct_type(m, &id->size); break;
    case SPIRV_OP_TYPE_POINTER: sound = pointer_type(m); break;
    case SPIRV_OP_TYPE_FUNCTION: sound = function_type(m); break;
    default: break;
    }
    id->depth = depth_within(m);
    if (sound && id->depth > MAX_DEPTH)
        return spirv_fail(m, "types more than %d deep within each other", MAX_DEPTH);
    return sound;
}

/* ---- constants ------------------------------------------------------------------------------- */

static bool number_constant(struct spirv_module *m, struct spirv_numeric n)
{
    if ((n.base != BASE_INT && n.base != BASE_FLOAT) || n.count != 1 ||
        spirv_count(m) != (n.width == 64 ? 5 : 4))
        return spirv_fail(m, "a constant that is no number of its type");
    return true;
}

static bool composite_constant(struct spirv_module *m, uint32_t type)
{
    const uint32_t n = spirv_members(m, type);
    if (n == 0 || spirv_count(m) - 3 != n)
        return spirv_fail(m, "a constant of %u parts, of a type of %u", spirv_count(m) - 3, n);
    for (uint32_t i = 0; i < n; i++)
        if (spirv_type_of(m, spirv_word(m, 3 + i)) != spirv_member(m, type, i))
            return spirv_fail(m, "a constant whose part %u is of another type", i);
    return true;
}

bool spirv_declare_constant(struct spirv_module *m)
{
    const uint32_t type = spirv_word(m, 1);
    const struct spirv_numeric n = spirv_numeric(m, type);
    if (!spirv_is_value_type(m, type))
        return spirv_fail(m, "a constant of what no value can be");
    switch (spirv_opcode(m)) {
    case SPIRV_OP_CONSTANT_TRUE:
    case SPIRV_OP_CONSTANT_FALSE:
        return (n.base == BASE_BOOL && n.count == 1) || spirv_fail(m, "a truth of another type");
    case SPIRV_OP_CONSTANT: return number_constant(m, n);
    case SPIRV_OP_CONSTANT_COMPOSITE: return composite_constant(m, type);
    default: return true;
    }
}
