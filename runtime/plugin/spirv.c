/* spirv.c: the walk over a module: header, order, instructions, ids, functions. */
#include "plugin/spirv_module.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADER_WORDS = 5,
    VERSION_LEAST = 0x10000,
    VERSION_MOST = 0x10300, /* of Vulkan 1.1 */
    MAX_FUNCTIONS = 128
};

bool spirv_fail(struct spirv_module *m, const char *format, ...)
{
    va_list args;
    if (m->status != CORBEL_OK)
        return false;
    va_start(args, format);
    m->status = error_set_v(m->err, CORBEL_E_UNTRUSTED, format, args);
    va_end(args);
    if (m->now > 0)
        error_prefix(m->err, m->status, "word %u, instruction %u", m->now, spirv_opcode(m));
    return false;
}

/* ---- operands -------------------------------------------------------------------------------- */

/* Words of the string from word `i` of the instruction on; 0: it has no end. */
static uint32_t string_words(const struct spirv_module *m, uint32_t i)
{
    for (uint32_t n = i; n < spirv_count(m); n++)
        for (uint32_t shift = 0; shift < 32; shift += 8)
            if ((spirv_word(m, n) >> shift & 0xff) == 0)
                return n - i + 1;
    return 0;
}

static bool is_value(const struct spirv_module *m, const struct spirv_id *id)
{
    return id->type != 0 && spirv_is_value_type(m, id->type);
}

static bool is_constant(const struct spirv_id *id)
{
    return id->function == 0 && id->opcode >= SPIRV_OP_CONSTANT_TRUE &&
           id->opcode <= SPIRV_OP_CONSTANT_NULL;
}

/* A name of what has been made, here or outside of functions, and is of the kind that is asked for.
 */
static bool known(struct spirv_module *m, char kind, uint32_t word)
{
    const struct spirv_id *id = &m->ids[word];
    bool sound = id->at != 0 && (id->function == 0 || id->function == m->function_index);
    switch (kind) {
    case 't':
        sound = sound && id->opcode >= SPIRV_OP_TYPE_VOID && id->opcode <= SPIRV_OP_TYPE_FUNCTION;
        break;
    case 'v': sound = sound && is_value(m, id); break;
    case 'p': sound = sound && id->type != 0 && spirv_is_pointer(m, id->type); break;
    case 'a':
        sound = sound && id->type != 0 && (is_value(m, id) || spirv_is_pointer(m, id->type));
        break;
    case 'c': sound = sound && is_constant(id); break;
    default: break;
    }
    return sound ||
           spirv_fail(m, "id %u is not there, or is none of a kind that it takes (%c)", word, kind);
}

static bool new_id(struct spirv_module *m, uint32_t id)
{
    return m->ids[id].at == 0 || spirv_fail(m, "id %u is made twice", id);
}

/* One operand of a single word. */
static bool check_operand(struct spirv_module *m, char kind, uint32_t word)
{
    if (kind == 'i')
        return true;
    if (word == 0 || word >= m->bound)
        return spirv_fail(m, "id %u of %u", word, m->bound);
    if (kind == 'r')
        return new_id(m, word);
    return kind == 'x' || kind == 'l' || kind == 'f' || known(m, kind, word);
}

/* Pairs to the end: of values and labels that may come later, or of literals and labels. */
static bool check_pairs(struct spirv_module *m, char kind, uint32_t i)
{
    if ((spirv_count(m) - i) % 2 != 0)
        return spirv_fail(m, "half a pair");
    for (; i < spirv_count(m); i++)
        if (!(kind == 'S' && (spirv_count(m) - i) % 2 == 0) &&
            !check_operand(m, 'l', spirv_word(m, i)))
            return false;
    return true;
}

static bool check_operands(struct spirv_module *m, const char *kinds)
{
    uint32_t i = 1, n = spirv_count(m);
    for (; *kinds; kinds++) {
        const bool many = kinds[1] == '*', maybe = kinds[1] == '?';
        if (*kinds == 'P' || *kinds == 'S')
            return check_pairs(m, *kinds, i);
        if (*kinds == 's') {
            const uint32_t words = string_words(m, i);
            if (words == 0)
                return spirv_fail(m, "a string without an end");
            i += words;
            continue;
        }
        if (!many && !maybe && i >= n)
            return spirv_fail(m, "%u words, too few", n);
        for (bool go_on = true; go_on && i < n; go_on = many)
            if (!check_operand(m, *kinds, spirv_word(m, i++)))
                return false;
        kinds += many || maybe;
    }
    return i == n || spirv_fail(m, "%u words, %u too many", n, n - i);
}

/* ---- results --------------------------------------------------------------------------------- */

static void make(struct spirv_module *m, uint32_t id, uint32_t type)
{
    m->ids[id].at = m->now;
    m->ids[id].type = type;
    m->ids[id].opcode = (uint16_t)spirv_opcode(m);
    m->ids[id].function = (uint16_t)m->function_index;
}

/* Values are of types that values can have; pointers come only from where they are told apart. */
static bool check_result_type(struct spirv_module *m, const struct spirv_rule *rule, uint32_t type)
{
    const uint32_t opcode = rule->opcode;
    const bool makes_pointers = rule->class == CLASS_ACCESS || opcode == SPIRV_OP_VARIABLE ||
                                opcode == SPIRV_OP_FUNCTION_PARAMETER;
    if (spirv_is_value_type(m, type) && opcode != SPIRV_OP_VARIABLE)
        return true;
    if (makes_pointers && spirv_is_pointer(m, type))
        return true;
    if (rule->class == CLASS_CALL && spirv_is_type(m, type, SPIRV_OP_TYPE_VOID))
        return true;
    return spirv_fail(m, "a result of a type that no value has");
}

static bool make_results(struct spirv_module *m, const struct spirv_rule *rule)
{
    if (rule->operands[0] == 'r') {
        make(m, spirv_word(m, 1), 0);
    } else if (rule->operands[0] == 't' && rule->operands[1] == 'r') {
        if (rule->opcode == SPIRV_OP_FUNCTION)
            return true; /* made where it begins */
        if (!check_result_type(m, rule, spirv_word(m, 1)))
            return false;
        make(m, spirv_word(m, 2), spirv_word(m, 1));
    }
    return true;
}

/* ---- functions and blocks -------------------------------------------------------------------- */

static bool begin_function(struct spirv_module *m)
{
    const uint32_t type = spirv_word(m, 4);
    if (m->function != 0)
        return spirv_fail(m, "a function within a function");
    if (!spirv_is_type(m, type, SPIRV_OP_TYPE_FUNCTION) ||
        spirv_operand(m, type, 2) != spirv_word(m, 1))
        return spirv_fail(m, "a function of a type that is none, or returns something else");
    if (m->n_functions == MAX_FUNCTIONS)
        return spirv_fail(m, "more than %d functions", MAX_FUNCTIONS);
    m->functions[m->n_functions++] =
        (struct spirv_function){.id = spirv_word(m, 2), .begin = m->now + spirv_count(m)};
    m->function = m->function_index = 0;
    make(m, spirv_word(m, 2), 0);
    m->function = spirv_word(m, 2);
    m->function_index = m->n_functions;
    m->n_parameters = m->n_blocks = 0;
    m->in_block = m->in_variables = false;
    m->after_merge = 0;
    return true;
}

static bool end_function(struct spirv_module *m)
{
    const uint32_t type = spirv_operand(m, m->function, 4);
    if (m->function == 0 || m->in_block || m->n_blocks == 0 ||
        m->n_parameters != (m->words[m->ids[type].at] >> 16) - 3)
        return spirv_fail(m, "a function's end where none can be");
    m->functions[m->n_functions - 1].end = m->now;
    m->function = m->function_index = 0;
    return true;
}

static bool parameter(struct spirv_module *m)
{
    const uint32_t type = m->function ? spirv_operand(m, m->function, 4) : 0;
    if (type == 0 || m->n_blocks > 0 ||
        spirv_operand(m, type, 3 + m->n_parameters++) != spirv_word(m, 1))
        return spirv_fail(m, "a parameter that the function's type does not have");
    return true;
}

static bool is_terminator(uint32_t opcode)
{
    return opcode == SPIRV_OP_BRANCH || opcode == SPIRV_OP_BRANCH_CONDITIONAL ||
           opcode == SPIRV_OP_SWITCH || opcode == SPIRV_OP_RETURN ||
           opcode == SPIRV_OP_RETURN_VALUE || opcode == SPIRV_OP_UNREACHABLE;
}

/* Blocks begin with a label and end with a branch; what merges stands right before the branch;
 * OpPhi, and in a function's first block its variables, stand at the beginning. */
static bool check_block(struct spirv_module *m)
{
    const uint32_t opcode = spirv_opcode(m);
    if (opcode == SPIRV_OP_LABEL) {
        if (m->function == 0 || m->in_block)
            return spirv_fail(m, "a block within a block, or outside of functions");
        m->in_block = m->at_start = true;
        m->in_variables = m->n_blocks++ == 0;
        return true;
    }
    if (!m->in_block)
        return spirv_fail(m, "an instruction outside of blocks");
    if (opcode == SPIRV_OP_JOIN && (!m->at_start || m->n_blocks == 1))
        return spirv_fail(m, "an OpPhi that is not at a block's beginning");
    if (opcode == SPIRV_OP_VARIABLE && !m->in_variables)
        return spirv_fail(m, "a variable that is not at its function's beginning");
    if (m->after_merge != 0 &&
        (!is_terminator(opcode) || opcode == SPIRV_OP_RETURN || opcode == SPIRV_OP_RETURN_VALUE ||
         opcode == SPIRV_OP_UNREACHABLE ||
         (opcode == SPIRV_OP_BRANCH && m->after_merge == SPIRV_OP_SELECTION_MERGE) ||
         (opcode == SPIRV_OP_SWITCH && m->after_merge == SPIRV_OP_LOOP_MERGE)))
        return spirv_fail(m, "a merge that is not followed by its branch");
    const bool is_merge = opcode == SPIRV_OP_LOOP_MERGE || opcode == SPIRV_OP_SELECTION_MERGE;
    m->after_merge = is_merge ? opcode : 0;
    m->functions[m->n_functions - 1].branches += is_merge;
    m->at_start = m->at_start && opcode == SPIRV_OP_JOIN;
    m->in_variables = m->in_variables && opcode == SPIRV_OP_VARIABLE;
    m->in_block = !is_terminator(opcode);
    return true;
}

/* ---- one instruction ------------------------------------------------------------------------- */

/* Where instructions stand in a module; 0: anywhere. */
static uint32_t section_of(uint32_t opcode)
{
    switch (opcode) {
    case SPIRV_OP_NOP:
    case SPIRV_OP_LINE:
    case SPIRV_OP_NO_LINE: return 0;
    case SPIRV_OP_CAPABILITY: return 1;
    case SPIRV_OP_EXTENSION: return 2;
    case SPIRV_OP_EXT_INST_IMPORT: return 3;
    case SPIRV_OP_MEMORY_MODEL: return 4;
    case SPIRV_OP_ENTRY_POINT: return 5;
    case SPIRV_OP_EXECUTION_MODE: return 6;
    case SPIRV_OP_DECORATE:
    case SPIRV_OP_MEMBER_DECORATE: return 8;
    default: break;
    }
    if ((opcode >= 2 && opcode <= 7) || opcode == 330)
        return 7; /* names and sources */
    if (opcode >= SPIRV_OP_TYPE_VOID && opcode <= SPIRV_OP_CONSTANT_NULL)
        return 9;
    return 10;
}

static bool check_section(struct spirv_module *m)
{
    const uint32_t opcode = spirv_opcode(m);
    uint32_t section = section_of(opcode);
    if ((opcode == SPIRV_OP_VARIABLE || opcode == SPIRV_OP_UNDEF) && m->n_functions == 0)
        section = 9;
    if (section == 0)
        return true;
    if (section < m->section)
        return spirv_fail(m, "an instruction that belongs before others");
    m->section = section;
    return true;
}

/* What it means for the module; its operands are sound. */
static bool check_meaning(struct spirv_module *m, const struct spirv_rule *rule)
{
    switch (rule->opcode) {
    case SPIRV_OP_CAPABILITY: return spirv_capability(m);
    case SPIRV_OP_EXTENSION:
    case SPIRV_OP_EXT_INST_IMPORT: return spirv_extension(m);
    case SPIRV_OP_MEMORY_MODEL: return spirv_memory_model(m);
    case SPIRV_OP_ENTRY_POINT: return spirv_entry_point(m);
    case SPIRV_OP_EXECUTION_MODE: return spirv_execution_mode(m);
    case SPIRV_OP_DECORATE:
    case SPIRV_OP_MEMBER_DECORATE: return spirv_decoration(m);
    case SPIRV_OP_FUNCTION: return begin_function(m);
    case SPIRV_OP_FUNCTION_PARAMETER: return parameter(m);
    case SPIRV_OP_FUNCTION_END: return end_function(m);
    case SPIRV_OP_VARIABLE: return spirv_variable(m);
    case SPIRV_OP_UNDEF: return spirv_declare_constant(m);
    default: break;
    }
    if (m->section < 9 || m->section_now == 0)
        return true;
    if (rule->opcode >= SPIRV_OP_CONSTANT_TRUE && rule->opcode <= SPIRV_OP_CONSTANT_NULL)
        return spirv_declare_constant(m);
    if (m->section == 9)
        return spirv_type(m);
    m->functions[m->n_functions - 1].inlined++;
    return spirv_code(m, rule);
}

static bool is_code(const struct spirv_module *m, uint32_t opcode)
{
    const bool is_global = m->section == 9; /* a variable */
    return section_of(opcode) == 10 && !is_global && opcode != SPIRV_OP_FUNCTION &&
           opcode != SPIRV_OP_FUNCTION_END && opcode != SPIRV_OP_FUNCTION_PARAMETER;
}

static bool check_instruction(struct spirv_module *m)
{
    const struct spirv_rule *rule = spirv_rule(spirv_opcode(m));
    if (!rule)
        return spirv_fail(m, "it is none that kernels may have");
    m->section_now = section_of(rule->opcode);
    if (!check_section(m) || !check_operands(m, rule->operands))
        return false;
    if (rule->feature && !(m->features & 1u << (rule->feature - 1)))
        return spirv_fail(m, "the capability that it needs is not declared");
    if (is_code(m, rule->opcode) && !check_block(m))
        return false;
    return check_meaning(m, rule) && make_results(m, rule);
}

/* Each instruction in turn, whose words are there. */
static bool walk(struct spirv_module *m, bool (*check)(struct spirv_module *m))
{
    for (m->now = HEADER_WORDS; m->now < m->n_words; m->now += spirv_count(m)) {
        if (spirv_count(m) == 0 || spirv_count(m) > m->n_words - m->now)
            return spirv_fail(m, "%u words, of which %u are there", spirv_count(m),
                              m->n_words - m->now);
        if (!check(m))
            return false;
    }
    m->now = 0;
    return true;
}

/* ---- what may be named before it is made ----------------------------------------------------- */

static bool is_label(struct spirv_module *m, uint32_t id)
{
    if (m->ids[id].opcode != SPIRV_OP_LABEL || m->ids[id].function != m->function_index ||
        id == m->first_label)
        return spirv_fail(m, "id %u is no block to branch to", id);
    return true;
}

/* A pair of OpPhi (value, label) or OpSwitch (literal, label), from word i on. */
static bool is_pair(struct spirv_module *m, char kind, uint32_t i)
{
    const struct spirv_id *label = &m->ids[spirv_word(m, i + 1)];
    bool sound = label->opcode == SPIRV_OP_LABEL && label->function == m->function_index;
    if (kind == 'P') {
        const struct spirv_id *value = &m->ids[spirv_word(m, i)];
        sound = sound && value->type != 0 &&
                (value->function == 0 || value->function == m->function_index);
    }
    return sound || spirv_fail(m, "a pair of what is no value here, or no block");
}

static bool check_later(struct spirv_module *m)
{
    const struct spirv_rule *rule = spirv_rule(spirv_opcode(m));
    const char *kinds = rule->operands;
    m->function_index += rule->opcode == SPIRV_OP_FUNCTION;
    if (rule->opcode == SPIRV_OP_FUNCTION)
        m->first_label = 0;
    if (rule->opcode == SPIRV_OP_LABEL && m->first_label == 0)
        m->first_label = spirv_word(m, 1);
    for (uint32_t i = 1; *kinds && *kinds != 's' && i < spirv_count(m); kinds++, i++) {
        if (*kinds == 'l' && !is_label(m, spirv_word(m, i)))
            return false;
        if (*kinds == 'f' && m->ids[spirv_word(m, i)].opcode != SPIRV_OP_FUNCTION)
            return spirv_fail(m, "id %u is no function", spirv_word(m, i));
        for (; (*kinds == 'P' || *kinds == 'S') && i < spirv_count(m); i += 2)
            if (!is_pair(m, *kinds, i))
                return false;
        kinds += kinds[1] == '*' || kinds[1] == '?';
    }
    return spirv_late_code(m, rule);
}

/* ---- what inlining makes of it --------------------------------------------------------------- */

/* Drivers inline every call: sums over all of them; no function may come to call itself. */
static bool sum_calls(struct spirv_module *m, uint32_t index)
{
    struct spirv_function *f = &m->functions[index];
    if (f->visited == 1)
        return spirv_fail(m, "a function that calls itself");
    if (f->visited == 2)
        return true;
    f->visited = 1;
    f->memory = f->private_size;
    for (uint32_t at = f->begin; at < f->end; at += m->words[at] >> 16) {
        if ((m->words[at] & 0xffff) != SPIRV_OP_FUNCTION_CALL)
            continue;
        const uint32_t callee = m->ids[m->words[at + 3]].size;
        m->now = at;
        if (!sum_calls(m, callee))
            return false;
        f->inlined += m->functions[callee].inlined;
        f->branches += m->functions[callee].branches;
        f->memory += m->functions[callee].memory;
        if (f->inlined > SPIRV_MAX_INLINED || f->branches > SPIRV_MAX_BRANCHES ||
            f->memory > SPIRV_MAX_PRIVATE)
            return spirv_fail(m,
                              "calls that are more than %d instructions, %d branches or %d bytes "
                              "of variables when they are inlined",
                              SPIRV_MAX_INLINED, SPIRV_MAX_BRANCHES, SPIRV_MAX_PRIVATE);
    }
    f->visited = 2;
    return true;
}

static bool check_calls(struct spirv_module *m)
{
    for (uint32_t i = 0; i < m->n_functions; i++)
        m->ids[m->functions[i].id].size = i; /* a function's index */
    for (uint32_t i = 0; i < m->n_functions; i++) {
        if (!sum_calls(m, i))
            return false;
        const struct spirv_function *f = &m->functions[i];
        if (f->inlined > SPIRV_MAX_INLINED || f->branches > SPIRV_MAX_BRANCHES ||
            f->memory + m->private_size > SPIRV_MAX_PRIVATE)
            return spirv_fail(m, "more than %d instructions, %d branches or %d bytes of variables",
                              SPIRV_MAX_INLINED, SPIRV_MAX_BRANCHES, SPIRV_MAX_PRIVATE);
    }
    m->now = 0;
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool check_header(struct spirv_module *m)
{
    const uint32_t *w = m->words;
    if (m->n_words < HEADER_WORDS)
        return spirv_fail(m, "%u words, too few for SPIR-V", m->n_words);
    if (w[0] == 0x03022307)
        return spirv_fail(m, "SPIR-V in the wrong byte order");
    if (w[0] != SPIRV_MAGIC)
        return spirv_fail(m, "no SPIR-V: it begins with %08x", w[0]);
    if (w[1] < VERSION_LEAST || w[1] > VERSION_MOST || (w[1] & 0xff) != 0)
        return spirv_fail(m,
                          "SPIR-V of version %u.%u (expected 1.0 to 1.3: --target-env=vulkan1.1)",
                          w[1] >> 16, w[1] >> 8 & 0xff);
    if (w[3] < 2 || w[3] > SPIRV_MAX_BOUND)
        return spirv_fail(m, "a bound of %u ids (at most %d)", w[3], SPIRV_MAX_BOUND);
    if (w[4] != 0)
        return spirv_fail(m, "schema %u (expected 0)", w[4]);
    m->bound = w[3];
    return true;
}

static bool check_module(struct spirv_module *m)
{
    if (!check_header(m))
        return false;
    m->ids = calloc(m->bound, sizeof(*m->ids));
    m->functions = calloc(MAX_FUNCTIONS, sizeof(*m->functions));
    if (!m->ids || !m->functions) {
        m->status = error_memory(m->err, m->bound * sizeof(*m->ids), "checking a kernel");
        return false;
    }
    if (!walk(m, check_instruction))
        return false;
    if (m->function != 0 || m->n_functions == 0)
        return spirv_fail(m, "it ends within a function, or has none");
    m->function_index = 0;
    return walk(m, check_later) && spirv_agrees(m) && check_calls(m);
}

corbel_status spirv_check(const corbel_kernel *kernel, struct arena *arena,
                          struct program_kernel *found, corbel_error *err)
{
    struct spirv_module m = {.kernel = kernel,
                             .found = found,
                             .words = kernel->spirv,
                             .n_words = kernel->spirv_size / 4,
                             .err = err};
    *found = (struct program_kernel){.name = kernel->name,
                                     .entry = kernel->entry,
                                     .n_buffers = kernel->n_buffers,
                                     .push_size = kernel->push_size};
    if (check_module(&m) && spirv_harden(&m, arena))
        found->features = m.features;
    if (m.status != CORBEL_OK)
        error_prefix(err, m.status, "kernel %.64s", kernel->name);
    free(m.indices);
    free(m.functions);
    free(m.ids);
    return m.status;
}
