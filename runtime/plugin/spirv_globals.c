/* spirv_globals.c: what a module says of itself to the host: capabilities, entry point,
 * decorations, variables. Buffers and push constants must be what the descriptor declares. */
#include "plugin/spirv_module.h"

#include <string.h>

enum { MODEL_COMPUTE = 5, MODE_LOCAL_SIZE = 17, ADDRESSING_LOGICAL = 0, MEMORY_GLSL450 = 1 };

/* ---- capabilities and extensions ------------------------------------------------------------- */

static const struct {
    uint32_t number;
    const char *name;
} capabilities[FEATURE_COUNT] = {
    [FEATURE_INT64] = {11, "Int64"},
    [FEATURE_INT16] = {22, "Int16"},
    [FEATURE_INT8] = {39, "Int8"},
    [FEATURE_FLOAT64] = {10, "Float64"},
    [FEATURE_FLOAT16] = {9, "Float16"},
    [FEATURE_SUBGROUP_BASIC] = {61, "GroupNonUniform"},
    [FEATURE_SUBGROUP_VOTE] = {62, "GroupNonUniformVote"},
    [FEATURE_SUBGROUP_ARITHMETIC] = {63, "GroupNonUniformArithmetic"},
    [FEATURE_SUBGROUP_BALLOT] = {64, "GroupNonUniformBallot"},
    [FEATURE_SUBGROUP_SHUFFLE] = {65, "GroupNonUniformShuffle"},
    [FEATURE_SUBGROUP_SHUFFLE_RELATIVE] = {66, "GroupNonUniformShuffleRelative"},
    [FEATURE_SUBGROUP_CLUSTERED] = {67, "GroupNonUniformClustered"},
};

uint32_t spirv_capabilities(uint32_t features, const char *names[FEATURE_COUNT])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < FEATURE_COUNT; i++) {
        uint32_t at = n;
        if (!(features & 1u << i))
            continue;
        for (; at > 0 && strcmp(names[at - 1], capabilities[i].name) > 0; at--)
            names[at] = names[at - 1];
        names[at] = capabilities[i].name;
        n++;
    }
    return n;
}

bool spirv_capability(struct spirv_module *m)
{
    enum { MATRIX = 0, SHADER = 1 };
    const uint32_t number = spirv_word(m, 1);
    if (number == SHADER)
        m->has_shader = true;
    if (number == SHADER || number == MATRIX)
        return true;
    for (uint32_t i = 0; i < FEATURE_COUNT; i++)
        if (capabilities[i].number == number) {
            m->features |= 1u << i;
            return true;
        }
    return spirv_fail(m, "capability %u, which kernels may not have", number);
}

/* Whether the string from word `i` on, which is terminated, is `text`. */
static bool string_is(const struct spirv_module *m, uint32_t i, const char *text)
{
    for (uint32_t n = 0;; n++) {
        const char c = (char)(spirv_word(m, i + n / 4) >> 8 * (n % 4));
        if (c != text[n])
            return false;
        if (c == 0)
            return true;
    }
}

bool spirv_extension(struct spirv_module *m)
{
    if (spirv_opcode(m) == SPIRV_OP_EXTENSION)
        return string_is(m, 1, "SPV_KHR_storage_buffer_storage_class") ||
               spirv_fail(m, "an extension that kernels may not have");
    if (!string_is(m, 2, "GLSL.std.450"))
        return spirv_fail(m, "instructions of another set than GLSL.std.450");
    m->std450 = spirv_word(m, 1);
    return true;
}

bool spirv_memory_model(struct spirv_module *m)
{
    if (spirv_word(m, 1) != ADDRESSING_LOGICAL || spirv_word(m, 2) != MEMORY_GLSL450)
        return spirv_fail(m, "addressing model %u and memory model %u (expected Logical, GLSL450)",
                          spirv_word(m, 1), spirv_word(m, 2));
    if (m->has_memory_model)
        return spirv_fail(m, "a second memory model");
    m->has_memory_model = true;
    return true;
}

/* ---- the entry point ------------------------------------------------------------------------- */

bool spirv_entry_point(struct spirv_module *m)
{
    if (m->entry_at != 0)
        return spirv_fail(m, "a second entry point");
    if (spirv_word(m, 1) != MODEL_COMPUTE)
        return spirv_fail(m, "an entry point that is no compute shader");
    if (!string_is(m, 3, m->kernel->entry))
        return spirv_fail(m, "an entry point of another name than %.64s", m->kernel->entry);
    m->entry_at = m->now;
    return true;
}

bool spirv_execution_mode(struct spirv_module *m)
{
    const uint32_t *size = &m->words[m->now + 3];
    if (spirv_word(m, 2) != MODE_LOCAL_SIZE || spirv_count(m) != 6)
        return spirv_fail(m, "execution mode %u (expected LocalSize only)", spirv_word(m, 2));
    if (m->entry_at == 0 || spirv_word(m, 1) != m->words[m->entry_at + 2] ||
        m->found->local_size[0] != 0)
        return spirv_fail(m, "a second LocalSize, or one of another function");
    if (size[0] < 1 || size[1] < 1 || size[2] < 1 || size[0] > SPIRV_MAX_INVOCATIONS ||
        size[1] > SPIRV_MAX_INVOCATIONS || size[2] > SPIRV_MAX_Z ||
        size[0] * size[1] * size[2] > SPIRV_MAX_INVOCATIONS)
        return spirv_fail(m, "workgroups of %u x %u x %u invocations (at most %d, %d in z)",
                          size[0], size[1], size[2], SPIRV_MAX_INVOCATIONS, SPIRV_MAX_Z);
    memcpy(m->found->local_size, size, sizeof(m->found->local_size));
    return true;
}

/* ---- decorations ----------------------------------------------------------------------------- */

/* Literals that follow it; -1: it is not allowed. */
static int decoration_literals(uint32_t decoration, bool of_member)
{
    switch (decoration) {
    case DECORATION_RELAXED_PRECISION:
    case DECORATION_RESTRICT:
    case DECORATION_ALIASED:
    case DECORATION_VOLATILE:
    case DECORATION_COHERENT:
    case DECORATION_NON_WRITABLE:
    case DECORATION_NON_READABLE: return 0;
    case DECORATION_BLOCK:
    case DECORATION_NO_CONTRACTION: return of_member ? -1 : 0;
    case DECORATION_OFFSET: return of_member ? 1 : -1;
    case DECORATION_ARRAY_STRIDE:
    case DECORATION_BUILT_IN:
    case DECORATION_BINDING:
    case DECORATION_DESCRIPTOR_SET: return of_member ? -1 : 1;
    default: return -1;
    }
}

bool spirv_decoration(struct spirv_module *m)
{
    const bool of_member = spirv_opcode(m) == SPIRV_OP_MEMBER_DECORATE;
    const uint32_t fixed = of_member ? 4 : 3, decoration = spirv_word(m, fixed - 1);
    const int literals = decoration_literals(decoration, of_member);
    if (literals < 0 || spirv_count(m) != fixed + (uint32_t)literals)
        return spirv_fail(m, "decoration %u, which kernels may not have there", decoration);
    if (m->annotations == 0)
        m->annotations = m->now;
    m->annotations_end = m->now + spirv_count(m);
    return true;
}

/* How often `id` (or its member) is so decorated; *value: the last literal. */
static uint32_t decorated(const struct spirv_module *m, uint32_t id, int64_t member,
                          uint32_t decoration, uint32_t *value)
{
    const uint32_t fixed = member < 0 ? 3 : 4;
    uint32_t n = 0;
    for (uint32_t at = m->annotations; at < m->annotations_end; at += m->words[at] >> 16) {
        const uint32_t *w = &m->words[at];
        const bool of_member = (w[0] & 0xffff) == SPIRV_OP_MEMBER_DECORATE;
        if ((w[0] & 0xffff) != SPIRV_OP_DECORATE && !of_member)
            continue;
        if (of_member != (member >= 0) || w[1] != id || (of_member && w[2] != member) ||
            w[fixed - 1] != decoration)
            continue;
        n++;
        *value = w[0] >> 16 > fixed ? w[fixed] : 0;
    }
    return n;
}

/* What is decorated must be of a kind that can be: else a driver finds what it does not expect. */
static bool can_be_decorated(const struct spirv_module *m, uint32_t id, uint32_t decoration)
{
    const uint32_t opcode = m->ids[id].opcode, type = m->ids[id].type;
    switch (decoration) {
    case DECORATION_BLOCK: return opcode == SPIRV_OP_TYPE_STRUCT;
    case DECORATION_ARRAY_STRIDE: return opcode == SPIRV_OP_TYPE_RUNTIME_ARRAY;
    case DECORATION_BUILT_IN:
        return opcode == SPIRV_OP_VARIABLE || opcode == SPIRV_OP_CONSTANT_COMPOSITE;
    case DECORATION_BINDING:
    case DECORATION_DESCRIPTOR_SET: return opcode == SPIRV_OP_VARIABLE;
    case DECORATION_RELAXED_PRECISION:
    case DECORATION_NO_CONTRACTION: return type != 0;
    default: return type != 0 && spirv_is_pointer(m, type);
    }
}

static bool check_workgroup_size(struct spirv_module *m, uint32_t id)
{
    if (m->ids[id].opcode != SPIRV_OP_CONSTANT_COMPOSITE || spirv_members(m, m->ids[id].type) != 3)
        return spirv_fail(m, "a WorkgroupSize that is no constant");
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t value;
        if (!spirv_constant(m, spirv_operand(m, id, 3 + i), &value) ||
            value != m->found->local_size[i])
            return spirv_fail(m, "a WorkgroupSize that is not LocalSize");
    }
    return true;
}

static bool check_decorations(struct spirv_module *m)
{
    for (uint32_t at = m->annotations; at < m->annotations_end; at += m->words[at] >> 16) {
        const uint32_t *w = &m->words[at], opcode = w[0] & 0xffff;
        m->now = at;
        if (opcode == SPIRV_OP_MEMBER_DECORATE &&
            (!spirv_is_type(m, w[1], SPIRV_OP_TYPE_STRUCT) || w[2] >= spirv_members(m, w[1])))
            return spirv_fail(m, "a decorated member that there is not");
        if (opcode == SPIRV_OP_DECORATE && !can_be_decorated(m, w[1], w[2]))
            return spirv_fail(m, "decoration %u of what can't have it", w[2]);
        if (opcode == SPIRV_OP_DECORATE && w[2] == DECORATION_BUILT_IN &&
            w[3] == BUILT_IN_WORKGROUP_SIZE && !check_workgroup_size(m, w[1]))
            return false;
        if (opcode == SPIRV_OP_DECORATE && w[2] == DECORATION_BUILT_IN &&
            w[3] != BUILT_IN_WORKGROUP_SIZE && m->ids[w[1]].opcode != SPIRV_OP_VARIABLE)
            return spirv_fail(m, "a built-in %u that is no variable", w[3]);
    }
    return true;
}

/* ---- variables ------------------------------------------------------------------------------- */

/* Components of a built-in; 0: kernels may not have it. */
static uint32_t built_in_components(const struct spirv_module *m, uint32_t built_in)
{
    const bool subgroups = m->features & 1u << FEATURE_SUBGROUP_BASIC;
    switch (built_in) {
    case BUILT_IN_NUM_WORKGROUPS:
    case BUILT_IN_WORKGROUP_ID:
    case BUILT_IN_LOCAL_INVOCATION_ID:
    case BUILT_IN_GLOBAL_INVOCATION_ID: return 3;
    case BUILT_IN_LOCAL_INVOCATION_INDEX: return 1;
    case BUILT_IN_SUBGROUP_SIZE:
    case BUILT_IN_NUM_SUBGROUPS:
    case BUILT_IN_SUBGROUP_ID:
    case BUILT_IN_SUBGROUP_INVOCATION: return subgroups ? 1 : 0;
    default: break;
    }
    if (built_in >= BUILT_IN_SUBGROUP_EQ_MASK && built_in <= BUILT_IN_SUBGROUP_LT_MASK)
        return m->features & 1u << FEATURE_SUBGROUP_BALLOT ? 4 : 0;
    return 0;
}

static bool input_variable(struct spirv_module *m, uint32_t id, uint32_t type)
{
    const struct spirv_numeric n = spirv_numeric(m, type);
    uint32_t built_in = 0;
    if (decorated(m, id, -1, DECORATION_BUILT_IN, &built_in) != 1 || n.base != BASE_INT ||
        n.width != 32 || n.count != built_in_components(m, built_in))
        return spirv_fail(m, "an input variable that is no built-in which kernels may have");
    return true;
}

/* A struct decorated as a block, by itself, whose members lie side by side. */
static bool check_block(struct spirv_module *m, uint32_t type)
{
    uint32_t value;
    if (!spirv_is_type(m, type, SPIRV_OP_TYPE_STRUCT) ||
        decorated(m, type, -1, DECORATION_BLOCK, &value) != 1)
        return spirv_fail(m, "a buffer or push constants that are no block");
    for (uint32_t i = 0; i < spirv_members(m, type); i++)
        if (decorated(m, type, i, DECORATION_OFFSET, &value) != 1 || value != 4 * i)
            return spirv_fail(m, "a block whose member %u is not at offset %u", i, 4 * i);
    return true;
}

static bool push_variable(struct spirv_module *m, uint32_t type)
{
    const uint32_t n = spirv_members(m, type);
    if (m->push_size != 0)
        return spirv_fail(m, "a second block of push constants");
    if (!check_block(m, type))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const struct spirv_numeric member = spirv_numeric(m, spirv_member(m, type, i));
        if ((member.base != BASE_INT && member.base != BASE_FLOAT) || member.width != 32 ||
            member.count != 1)
            return spirv_fail(m, "push constant %u is no int, uint or float", i);
    }
    m->push_size = 4 * n;
    return true;
}

static bool buffer_variable(struct spirv_module *m, uint32_t id, uint32_t type)
{
    const uint32_t n_buffers = m->kernel->n_buffers;
    uint32_t set = 0, binding = 0, stride = 0;
    if (!check_block(m, type))
        return false;
    const uint32_t array = spirv_member(m, type, 0);
    if (!spirv_is_type(m, array, SPIRV_OP_TYPE_RUNTIME_ARRAY) ||
        decorated(m, array, -1, DECORATION_ARRAY_STRIDE, &stride) != 1 ||
        stride != m->ids[spirv_operand(m, array, 2)].size)
        return spirv_fail(m, "a buffer that is not one array of numbers without gaps");
    if (decorated(m, id, -1, DECORATION_DESCRIPTOR_SET, &set) != 1 ||
        decorated(m, id, -1, DECORATION_BINDING, &binding) != 1 || set != 0 || binding >= n_buffers)
        return spirv_fail(m, "a buffer of set %u, binding %u (expected set 0, bindings 0 to %u)",
                          set, binding, n_buffers - 1);
    if (m->buffers & 1u << binding)
        return spirv_fail(m, "a second buffer of binding %u", binding);
    m->buffers |= 1u << binding;
    m->ids[id].binding = (uint8_t)(binding + 1);
    return true;
}

static bool check_initializer(struct spirv_module *m, uint32_t storage, uint32_t pointee)
{
    if (spirv_count(m) < 5)
        return true;
    if (storage != STORAGE_PRIVATE && storage != STORAGE_FUNCTION)
        return spirv_fail(m, "a variable of class %u with a first value", storage);
    return spirv_same(m, spirv_type_of(m, spirv_word(m, 4)), pointee) ||
           spirv_fail(m, "a variable whose first value is of another type");
}

/* Memory of the workgroup, the invocation, or a function's part of that. */
static bool sized_variable(struct spirv_module *m, uint32_t pointee, uint32_t *sum, uint32_t most)
{
    const uint32_t size = m->ids[pointee].size;
    if (size == 0 || size > most || *sum > most - size)
        return spirv_fail(m, "variables of more than %u bytes", most);
    *sum += (size + 15) / 16 * 16;
    return true;
}

static bool function_variable(struct spirv_module *m, uint32_t pointee)
{
    if (spirv_word(m, 3) != STORAGE_FUNCTION)
        return spirv_fail(m, "a variable of class %u within a function", spirv_word(m, 3));
    return sized_variable(m, pointee, &m->functions[m->n_functions - 1].private_size,
                          SPIRV_MAX_PRIVATE);
}

static bool global_variable(struct spirv_module *m, uint32_t id, uint32_t pointee)
{
    if (m->n_globals++ == SPIRV_MAX_GLOBALS)
        return spirv_fail(m, "more than %d variables", SPIRV_MAX_GLOBALS);
    switch (spirv_word(m, 3)) {
    case STORAGE_INPUT: return input_variable(m, id, pointee);
    case STORAGE_WORKGROUP:
        return sized_variable(m, pointee, &m->found->shared_size, SPIRV_MAX_SHARED);
    case STORAGE_PRIVATE: return sized_variable(m, pointee, &m->private_size, SPIRV_MAX_PRIVATE);
    case STORAGE_PUSH_CONSTANT: return push_variable(m, pointee);
    case STORAGE_BUFFER: return buffer_variable(m, id, pointee);
    default: return spirv_fail(m, "a variable of class %u", spirv_word(m, 3));
    }
}

bool spirv_variable(struct spirv_module *m)
{
    const uint32_t type = spirv_word(m, 1), id = spirv_word(m, 2);
    if (!spirv_is_pointer(m, type) || spirv_storage(m, type) != spirv_word(m, 3))
        return spirv_fail(m, "a variable whose type is no pointer of its class");
    const uint32_t pointee = spirv_pointee(m, type);
    m->ids[id].root = id;
    return check_initializer(m, spirv_word(m, 3), pointee) &&
           (m->function ? function_variable(m, pointee) : global_variable(m, id, pointee));
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool check_entry(struct spirv_module *m)
{
    uint32_t i = 3 + (uint32_t)strlen(m->kernel->entry) / 4 + 1; /* after the name */
    if (m->entry_at == 0 || m->found->local_size[0] == 0)
        return spirv_fail(m, "no entry point, or none with a LocalSize");
    m->now = m->entry_at;
    m->entry = spirv_word(m, 2);
    const uint32_t type = spirv_operand(m, m->entry, 4);
    if (m->words[m->ids[type].at] >> 16 != 3 ||
        !spirv_is_type(m, spirv_operand(m, type, 2), SPIRV_OP_TYPE_VOID))
        return spirv_fail(m, "an entry point with parameters or a result");
    for (; i < spirv_count(m); i++) {
        const uint32_t id = spirv_word(m, i);
        if (m->ids[id].opcode != SPIRV_OP_VARIABLE ||
            spirv_storage(m, m->ids[id].type) != STORAGE_INPUT)
            return spirv_fail(m, "an entry point whose interface is no input variable");
    }
    return true;
}

bool spirv_agrees(struct spirv_module *m)
{
    const corbel_kernel *k = m->kernel;
    if (!m->has_shader || !m->has_memory_model)
        return spirv_fail(m, "no capability Shader, or no memory model");
    if (!check_entry(m) || !check_decorations(m))
        return false;
    m->now = 0;
    if (m->buffers != (1u << k->n_buffers) - 1)
        return spirv_fail(m, "not all of the bindings 0 to %u that the descriptor has",
                          k->n_buffers - 1);
    if (m->push_size != k->push_size)
        return spirv_fail(m, "%u bytes of push constants; the descriptor has %u", m->push_size,
                          k->push_size);
    return true;
}
