/* spirv_code.c: the types of what an instruction operates on. */
#include "plugin/spirv_module.h"

enum { SCOPE_WORKGROUP = 2, SCOPE_SUBGROUP = 3, SCOPE_LAST = 4, SEMANTICS = 0xfde };

static bool mistyped(struct spirv_module *m)
{
    return spirv_fail(m, "operands of types that it does not take");
}

/* Of operand i after the result. */
static struct spirv_numeric operand(const struct spirv_module *m, uint32_t i)
{
    return spirv_numeric(m, spirv_type_of(m, spirv_word(m, 3 + i)));
}

static struct spirv_numeric result(const struct spirv_module *m)
{
    return spirv_numeric(m, spirv_word(m, 1));
}

static uint32_t n_operands(const struct spirv_module *m)
{
    return spirv_count(m) - 3;
}

static bool equal(struct spirv_numeric a, struct spirv_numeric b)
{
    return a.base == b.base && a.width == b.width && a.count == b.count;
}

static bool is_index(struct spirv_numeric n)
{
    return n.base == BASE_INT && n.width == 32 && n.count == 1;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool all_of(struct spirv_module *m, enum spirv_base base)
{
    const struct spirv_numeric r = result(m);
    bool sound = r.base == base;
    for (uint32_t i = 0; i < n_operands(m); i++)
        sound = sound && equal(operand(m, i), r);
    return sound || mistyped(m);
}

static bool comparison(struct spirv_module *m, enum spirv_base base)
{
    const struct spirv_numeric r = result(m), a = operand(m, 0);
    bool sound = r.base == BASE_BOOL && a.base == base && a.count == r.count;
    for (uint32_t i = 1; i < n_operands(m); i++)
        sound = sound && equal(operand(m, i), a);
    return sound || mistyped(m);
}

static bool conversion(struct spirv_module *m, enum spirv_base from, enum spirv_base to)
{
    const struct spirv_numeric r = result(m), a = operand(m, 0);
    return (r.base == to && a.base == from && r.count == a.count) || mistyped(m);
}

static bool bitcast(struct spirv_module *m)
{
    const struct spirv_numeric r = result(m), a = operand(m, 0);
    const bool numbers = (r.base == BASE_INT || r.base == BASE_FLOAT) &&
                         (a.base == BASE_INT || a.base == BASE_FLOAT);
    return (numbers && r.width * r.count == a.width * a.count) || mistyped(m);
}

static bool shift(struct spirv_module *m)
{
    const struct spirv_numeric r = result(m), by = operand(m, 1);
    return (r.base == BASE_INT && equal(operand(m, 0), r) && by.base == BASE_INT &&
            by.count == r.count) ||
           mistyped(m);
}

static bool selection(struct spirv_module *m)
{
    const struct spirv_numeric r = result(m), c = operand(m, 0);
    return (r.base != BASE_OTHER && c.base == BASE_BOOL && c.count == r.count &&
            equal(operand(m, 1), r) && equal(operand(m, 2), r)) ||
           mistyped(m);
}

static bool any_or_all(struct spirv_module *m)
{
    const struct spirv_numeric r = result(m), a = operand(m, 0);
    return (r.base == BASE_BOOL && r.count == 1 && a.base == BASE_BOOL && a.count > 1) ||
           mistyped(m);
}

static bool scale(struct spirv_module *m)
{
    const struct spirv_numeric r = result(m), by = operand(m, 1);
    return (r.base == BASE_FLOAT && r.count > 1 && equal(operand(m, 0), r) &&
            by.base == BASE_FLOAT && by.width == r.width && by.count == 1) ||
           mistyped(m);
}

static bool dot(struct spirv_module *m)
{
    const struct spirv_numeric r = result(m), a = operand(m, 0);
    return (r.base == BASE_FLOAT && r.count == 1 && a.base == BASE_FLOAT && a.width == r.width &&
            a.count > 1 && equal(operand(m, 1), a)) ||
           mistyped(m);
}

static bool bit_field(struct spirv_module *m)
{
    enum { INSERT = 201 };
    const struct spirv_numeric r = result(m);
    const uint32_t values = spirv_opcode(m) == INSERT ? 2 : 1;
    bool sound = r.base == BASE_INT && r.width == 32;
    for (uint32_t i = 0; i < n_operands(m); i++)
        sound = sound && (i < values ? equal(operand(m, i), r) : is_index(operand(m, i)));
    return sound || mistyped(m);
}

/* A struct of the low and the high half. */
static bool wide(struct spirv_module *m)
{
    const uint32_t type = spirv_word(m, 1);
    if (!spirv_is_type(m, type, SPIRV_OP_TYPE_STRUCT) || spirv_members(m, type) != 2)
        return mistyped(m);
    const struct spirv_numeric half = spirv_numeric(m, spirv_member(m, type, 0));
    return (half.base == BASE_INT && spirv_member(m, type, 1) == spirv_member(m, type, 0) &&
            equal(operand(m, 0), half) && equal(operand(m, 1), half)) ||
           mistyped(m);
}

/* ---- matrices -------------------------------------------------------------------------------- */

struct size {
    uint32_t rows, columns, width; /* 0 columns: a vector; 0 rows as well: a scalar */
};

static struct size size_of(const struct spirv_module *m, uint32_t type)
{
    const bool is_matrix = spirv_is_type(m, type, SPIRV_OP_TYPE_MATRIX);
    const struct spirv_numeric n = spirv_numeric(m, is_matrix ? spirv_member(m, type, 0) : type);
    if (n.base != BASE_FLOAT)
        return (struct size){0, 0, 0};
    return (struct size){n.count > 1 ? n.count : 0, is_matrix ? spirv_members(m, type) : 0,
                         n.width};
}

static bool is_size(struct size s, uint32_t rows, uint32_t columns)
{
    return s.rows == rows && s.columns == columns;
}

static bool matrices(struct spirv_module *m)
{
    enum { TRANSPOSE = 84, M_SCALAR = 143, V_M, M_V, M_M, OUTER };
    const struct size r = size_of(m, spirv_word(m, 1));
    const struct size a = size_of(m, spirv_type_of(m, spirv_word(m, 3)));
    const struct size b =
        spirv_opcode(m) == TRANSPOSE ? a : size_of(m, spirv_type_of(m, spirv_word(m, 4)));
    bool sound = false;
    switch (spirv_opcode(m)) {
    case TRANSPOSE: sound = a.columns > 0 && is_size(r, a.columns, a.rows); break;
    case M_SCALAR: sound = a.columns > 0 && is_size(r, a.rows, a.columns) && b.rows == 0; break;
    case V_M: sound = b.columns > 0 && is_size(a, b.rows, 0) && is_size(r, b.columns, 0); break;
    case M_V: sound = a.columns > 0 && is_size(b, a.columns, 0) && is_size(r, a.rows, 0); break;
    case M_M:
        sound =
            a.columns > 0 && b.columns > 0 && a.columns == b.rows && is_size(r, a.rows, b.columns);
        break;
    case OUTER:
        sound = a.rows > 0 && b.rows > 0 && a.columns == 0 && b.columns == 0 &&
                is_size(r, a.rows, b.rows);
        break;
    default: break;
    }
    return (sound && r.width > 0 && r.width == a.width && r.width == b.width) || mistyped(m);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool check_access(struct spirv_module *m, uint32_t i)
{
    enum { VOLATILE = 1, ALIGNED = 2, NONTEMPORAL = 4 };
    const uint32_t mask = spirv_word(m, i);
    const uint32_t words = spirv_count(m) <= i ? 0 : mask & ALIGNED ? 2 : 1;
    if (mask & ~(uint32_t)(VOLATILE | ALIGNED | NONTEMPORAL) || spirv_count(m) > i + words ||
        (words == 2 &&
         (spirv_word(m, i + 1) == 0 || (spirv_word(m, i + 1) & (spirv_word(m, i + 1) - 1)) != 0)))
        return spirv_fail(m, "a memory access of kind %u", mask);
    return true;
}

static bool load(struct spirv_module *m)
{
    const uint32_t pointer = spirv_type_of(m, spirv_word(m, 3));
    if (spirv_pointee(m, pointer) != spirv_word(m, 1) || !spirv_is_value_type(m, spirv_word(m, 1)))
        return mistyped(m);
    return check_access(m, 4);
}

/* Inputs, built-ins and push constants are only read. */
static bool check_writable(struct spirv_module *m, uint32_t pointer)
{
    const uint32_t storage = spirv_storage(m, spirv_type_of(m, pointer));
    const uint32_t n = m->kernel->n_buffers, binding = m->ids[m->ids[pointer].root].binding;
    switch (storage) {
    case STORAGE_WORKGROUP:
    case STORAGE_PRIVATE:
    case STORAGE_FUNCTION: return true;
    case STORAGE_BUFFER:
        return binding == n || spirv_fail(m, "it writes buffer %u, which is an input", binding - 1);
    default: return spirv_fail(m, "it writes what is only read, class %u", storage);
    }
}

static bool store(struct spirv_module *m)
{
    const uint32_t pointer = spirv_type_of(m, spirv_word(m, 1));
    if (spirv_pointee(m, pointer) != spirv_type_of(m, spirv_word(m, 2)) ||
        !spirv_is_value_type(m, spirv_pointee(m, pointer)))
        return mistyped(m);
    return check_writable(m, spirv_word(m, 1)) && check_access(m, 3);
}

/* One step into a type by operand `i`; 0: it failed. */
static uint32_t step(struct spirv_module *m, uint32_t type, uint32_t i)
{
    const uint32_t index = spirv_word(m, i), n = spirv_members(m, type);
    uint32_t value;
    const bool is_constant = spirv_constant(m, index, &value);
    if (!is_index(spirv_numeric(m, spirv_type_of(m, index)))) {
        spirv_fail(m, "an index that is no 32-bit integer");
        return 0;
    }
    if (spirv_is_type(m, type, SPIRV_OP_TYPE_RUNTIME_ARRAY))
        return spirv_member(m, type, 0);
    if (n == 0 || (is_constant && value >= n) ||
        (!is_constant && spirv_is_type(m, type, SPIRV_OP_TYPE_STRUCT))) {
        spirv_fail(m, "an index of what has no such part");
        return 0;
    }
    if (!is_constant && !spirv_hold_index(m, m->now + i, n))
        return 0;
    return spirv_member(m, type, is_constant ? value : 0);
}

static bool access(struct spirv_module *m)
{
    const uint32_t base = spirv_type_of(m, spirv_word(m, 3)), pointer = spirv_word(m, 1);
    uint32_t type = spirv_pointee(m, base);
    for (uint32_t i = 4; i < spirv_count(m); i++) {
        type = step(m, type, i);
        if (type == 0)
            return false;
    }
    if (!spirv_is_pointer(m, pointer) || spirv_storage(m, pointer) != spirv_storage(m, base) ||
        spirv_pointee(m, pointer) != type)
        return mistyped(m);
    m->ids[spirv_word(m, 2)].root = m->ids[spirv_word(m, 3)].root;
    return true;
}

static bool length(struct spirv_module *m)
{
    const uint32_t block = spirv_pointee(m, spirv_type_of(m, spirv_word(m, 3)));
    if (!is_index(result(m)) || !spirv_is_type(m, block, SPIRV_OP_TYPE_STRUCT) ||
        spirv_word(m, 4) != 0 ||
        !spirv_is_type(m, spirv_member(m, block, 0), SPIRV_OP_TYPE_RUNTIME_ARRAY))
        return mistyped(m);
    return true;
}

/* ---- atomics and barriers -------------------------------------------------------------------- */

static bool check_scope(struct spirv_module *m, uint32_t i, uint32_t from, uint32_t to)
{
    uint32_t scope;
    if (!spirv_constant(m, spirv_word(m, i), &scope) || scope < from || scope > to)
        return spirv_fail(m, "a scope that is none of workgroups and subgroups");
    return true;
}

static bool check_semantics(struct spirv_module *m, uint32_t i)
{
    uint32_t semantics;
    if (!spirv_constant(m, spirv_word(m, i), &semantics) || (semantics & ~(uint32_t)SEMANTICS))
        return spirv_fail(m, "memory semantics that there are not");
    return true;
}

static bool atomic(struct spirv_module *m)
{
    enum { STORE = 228, COMPARE = 230 };
    const uint32_t opcode = spirv_opcode(m), first = opcode == STORE ? 1 : 3;
    const uint32_t pointer = spirv_word(m, first), type = spirv_type_of(m, pointer);
    const uint32_t values = first + (opcode == COMPARE ? 4 : 3), to = spirv_pointee(m, type);
    const uint32_t storage = spirv_storage(m, type);
    if (!is_index(spirv_numeric(m, to)) || (opcode != STORE && spirv_word(m, 1) != to) ||
        (storage != STORAGE_BUFFER && storage != STORAGE_WORKGROUP))
        return mistyped(m);
    for (uint32_t i = values; i < spirv_count(m); i++)
        if (spirv_type_of(m, spirv_word(m, i)) != to)
            return mistyped(m);
    return check_writable(m, pointer) && check_scope(m, first + 1, 1, SCOPE_LAST) &&
           check_semantics(m, first + 2) && (opcode != COMPARE || check_semantics(m, first + 3));
}

static bool barrier(struct spirv_module *m)
{
    const uint32_t n = spirv_count(m);
    return (n < 4 || check_scope(m, 1, SCOPE_WORKGROUP, SCOPE_SUBGROUP)) &&
           check_scope(m, n - 2, 1, SCOPE_LAST) && check_semantics(m, n - 1);
}

/* ---- composites ------------------------------------------------------------------------------ */

static struct spirv_numeric component(struct spirv_numeric vector)
{
    vector.count = 1;
    return vector;
}

static bool extract_dynamic(struct spirv_module *m)
{
    const struct spirv_numeric a = operand(m, 0);
    return (a.count > 1 && equal(result(m), component(a)) && is_index(operand(m, 1))) ||
           mistyped(m);
}

static bool insert_dynamic(struct spirv_module *m)
{
    const struct spirv_numeric r = result(m);
    return (r.count > 1 && equal(operand(m, 0), r) && equal(operand(m, 1), component(r)) &&
            is_index(operand(m, 2))) ||
           mistyped(m);
}

static bool shuffle(struct spirv_module *m)
{
    const struct spirv_numeric r = result(m), a = operand(m, 0), b = operand(m, 1);
    bool sound = r.count > 1 && r.base != BASE_OTHER && spirv_count(m) - 5 == r.count &&
                 a.count > 1 && b.count > 1 && equal(component(a), component(r)) &&
                 equal(component(b), component(r));
    for (uint32_t i = 5; i < spirv_count(m); i++)
        sound = sound && (spirv_word(m, i) < a.count + b.count || spirv_word(m, i) == UINT32_MAX);
    return sound || mistyped(m);
}

static bool construct_vector(struct spirv_module *m, struct spirv_numeric r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_operands(m); i++) {
        const struct spirv_numeric part = operand(m, i);
        if (part.base == BASE_OTHER || !equal(component(part), component(r)))
            return mistyped(m);
        n += part.count;
    }
    return n == r.count || mistyped(m);
}

static bool construct(struct spirv_module *m)
{
    const uint32_t type = spirv_word(m, 1), n = spirv_members(m, type);
    const struct spirv_numeric r = result(m);
    if (r.base != BASE_OTHER && r.count > 1)
        return construct_vector(m, r);
    if (n == 0 || n_operands(m) != n || !spirv_is_value_type(m, type))
        return mistyped(m);
    for (uint32_t i = 0; i < n; i++)
        if (spirv_type_of(m, spirv_word(m, 3 + i)) != spirv_member(m, type, i))
            return mistyped(m);
    return true;
}

/* Follows literal indices from word `i` on; 0: there is no such part. */
static uint32_t follow(const struct spirv_module *m, uint32_t type, uint32_t i)
{
    for (; i < spirv_count(m); i++) {
        if (spirv_word(m, i) >= spirv_members(m, type))
            return 0;
        type = spirv_member(m, type, spirv_word(m, i));
    }
    return type;
}

static bool extract(struct spirv_module *m)
{
    const uint32_t type = spirv_type_of(m, spirv_word(m, 3));
    return follow(m, type, 4) == spirv_word(m, 1) || mistyped(m);
}

static bool insert(struct spirv_module *m)
{
    const uint32_t type = spirv_type_of(m, spirv_word(m, 4));
    return (type == spirv_word(m, 1) && follow(m, type, 5) == spirv_type_of(m, spirv_word(m, 3))) ||
           mistyped(m);
}

/* ---- subgroups ------------------------------------------------------------------------------- */

static bool is_ballot(struct spirv_numeric n)
{
    return n.base == BASE_INT && n.width == 32 && n.count == 4;
}

static bool is_truth(struct spirv_numeric n)
{
    return n.base == BASE_BOOL && n.count == 1;
}

static enum spirv_base reduced_base(uint32_t opcode)
{
    switch (opcode) {
    case 350:                    /* FAdd */
    case 352:                    /* FMul */
    case 355:                    /* FMin */
    case 358: return BASE_FLOAT; /* FMax */
    case 362:
    case 363:
    case 364: return BASE_BOOL;
    default: return BASE_INT;
    }
}

static bool reduction(struct spirv_module *m)
{
    enum { CLUSTERED = 3 };
    const struct spirv_numeric r = result(m);
    const uint32_t how = spirv_word(m, 4), n = spirv_count(m);
    uint32_t size = 0;
    if (r.base != reduced_base(spirv_opcode(m)) || !equal(operand(m, 2), r))
        return mistyped(m);
    if (how == CLUSTERED
            ? n != 7 || !spirv_constant(m, spirv_word(m, 6), &size) || size == 0 ||
                  (size & (size - 1)) != 0 || !(m->features & 1u << FEATURE_SUBGROUP_CLUSTERED)
            : how > CLUSTERED || n != 6)
        return spirv_fail(m, "a reduction of kind %u", how);
    return true;
}

static bool group(struct spirv_module *m)
{
    const uint32_t opcode = spirv_opcode(m);
    const struct spirv_numeric r = result(m), a = operand(m, 1), b = operand(m, 2);
    uint32_t lane;
    bool sound = true;
    if (!check_scope(m, 3, SCOPE_SUBGROUP, SCOPE_SUBGROUP))
        return false;
    if (opcode >= 349)
        return reduction(m);
    switch (opcode) {
    case 333: sound = is_truth(r); break;                                /* Elect */
    case 334:                                                            /* All */
    case 335: sound = is_truth(r) && is_truth(a); break;                 /* Any */
    case 336: sound = is_truth(r) && a.base != BASE_OTHER; break;        /* AllEqual */
    case 339: sound = is_ballot(r) && is_truth(a); break;                /* Ballot */
    case 340: sound = is_truth(r) && is_ballot(a); break;                /* InverseBallot */
    case 341: sound = is_truth(r) && is_ballot(a) && is_index(b); break; /* BallotBitExtract */
    case 342: sound = is_index(r) && spirv_word(m, 4) < 3 && is_ballot(b); break; /* BitCount */
    case 343:
    case 344: sound = is_index(r) && is_ballot(a); break; /* FindLSB, FindMSB */
    case 337:                                             /* Broadcast */
        sound = r.base != BASE_OTHER && equal(a, r) && spirv_constant(m, spirv_word(m, 5), &lane);
        break;
    case 338: sound = r.base != BASE_OTHER && equal(a, r); break;               /* BroadcastFirst */
    default: sound = r.base != BASE_OTHER && equal(a, r) && is_index(b); break; /* Shuffle... */
    }
    return sound || mistyped(m);
}

/* ---- control --------------------------------------------------------------------------------- */

static bool branch(struct spirv_module *m)
{
    const struct spirv_numeric n = spirv_numeric(m, spirv_type_of(m, spirv_word(m, 1)));
    if (spirv_opcode(m) == SPIRV_OP_SWITCH)
        return is_index(n) || mistyped(m);
    return (is_truth(n) && spirv_count(m) != 5) || mistyped(m);
}

static bool returns(struct spirv_module *m)
{
    const uint32_t type = spirv_operand(m, m->function, 1);
    if (spirv_opcode(m) == SPIRV_OP_RETURN)
        return spirv_is_type(m, type, SPIRV_OP_TYPE_VOID) || mistyped(m);
    return spirv_type_of(m, spirv_word(m, 1)) == type || mistyped(m);
}

static bool join(struct spirv_module *m)
{
    const uint32_t type = spirv_word(m, 1);
    bool sound = spirv_is_value_type(m, type);
    for (uint32_t i = 3; i < spirv_count(m); i += 2)
        sound = sound && spirv_type_of(m, spirv_word(m, i)) == type;
    return sound || mistyped(m);
}

static bool call(struct spirv_module *m)
{
    const uint32_t function = spirv_word(m, 3), type = spirv_operand(m, function, 4);
    bool sound = spirv_operand(m, function, 1) == spirv_word(m, 1) &&
                 (m->words[m->ids[type].at] >> 16) - 3 == spirv_count(m) - 4;
    for (uint32_t i = 4; i < spirv_count(m); i++) /* the type's parameters begin at word 3 */
        sound = sound && spirv_type_of(m, spirv_word(m, i)) == spirv_operand(m, type, i - 1);
    return sound || mistyped(m);
}

bool spirv_late_code(struct spirv_module *m, const struct spirv_rule *rule)
{
    if (rule->class == CLASS_JOIN)
        return join(m);
    return rule->class != CLASS_CALL || call(m);
}

bool spirv_code(struct spirv_module *m, const struct spirv_rule *rule)
{
    switch ((enum spirv_class)rule->class) {
    case CLASS_FLOATS: return all_of(m, BASE_FLOAT);
    case CLASS_INTS: return all_of(m, BASE_INT);
    case CLASS_BOOLS: return all_of(m, BASE_BOOL);
    case CLASS_COMPARE_INTS: return comparison(m, BASE_INT);
    case CLASS_COMPARE_FLOATS:
    case CLASS_IS_FLOAT: return comparison(m, BASE_FLOAT);
    case CLASS_SHIFT: return shift(m);
    case CLASS_SELECT: return selection(m);
    case CLASS_FLOAT_TO_INT: return conversion(m, BASE_FLOAT, BASE_INT);
    case CLASS_INT_TO_FLOAT: return conversion(m, BASE_INT, BASE_FLOAT);
    case CLASS_INT_TO_INT: return conversion(m, BASE_INT, BASE_INT);
    case CLASS_FLOAT_TO_FLOAT: return conversion(m, BASE_FLOAT, BASE_FLOAT);
    case CLASS_BITCAST: return bitcast(m);
    case CLASS_ANY_ALL: return any_or_all(m);
    case CLASS_SCALE: return scale(m);
    case CLASS_DOT: return dot(m);
    case CLASS_MATRIX: return matrices(m);
    case CLASS_WIDE: return wide(m);
    case CLASS_BIT_FIELD: return bit_field(m);
    case CLASS_LOAD: return load(m);
    case CLASS_STORE: return store(m);
    case CLASS_ACCESS: return access(m);
    case CLASS_LENGTH: return length(m);
    case CLASS_ATOMIC: return atomic(m);
    case CLASS_EXTRACT_DYNAMIC: return extract_dynamic(m);
    case CLASS_INSERT_DYNAMIC: return insert_dynamic(m);
    case CLASS_SHUFFLE: return shuffle(m);
    case CLASS_CONSTRUCT: return construct(m);
    case CLASS_EXTRACT: return extract(m);
    case CLASS_INSERT: return insert(m);
    case CLASS_COPY: return spirv_type_of(m, spirv_word(m, 3)) == spirv_word(m, 1) || mistyped(m);
    case CLASS_EXTENDED: return spirv_extended(m);
    case CLASS_BARRIER: return barrier(m);
    case CLASS_GROUP: return group(m);
    case CLASS_BRANCH: return branch(m);
    case CLASS_RETURN: return returns(m);
    default: return true;
    }
}
