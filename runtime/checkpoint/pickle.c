/* checkpoint/pickle.c: the stack machine: opcodes, stack, marks, memo. */
#include "checkpoint/pickle.h"

#include "base/error.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_OPCODES = 20000000,
    LARGEST_STACK = 1000000,
    LARGEST_MEMO = 16000000,
    LONGEST_TEXT = 65536,
    LONGEST_GLOBAL = 256,
};

struct opcode {
    const char *name;
    corbel_status (*run)(struct pickle *p); /* NULL: refused */
};
static const struct opcode opcodes[256];

/* ---- faults and memory -------------------------------------------------------------------------
 */

corbel_status pickle_refuse(struct pickle *p, const char *format, ...)
{
    char fault[600];
    va_list args;
    va_start(args, format);
    vsnprintf(fault, sizeof fault, format, args);
    va_end(args);
    const char *name = opcodes[p->opcode].name;
    return error_set(p->err, CORBEL_E_FORMAT, "%s: pickle byte %zu: %s: %s", p->file, p->at,
                     name ? name : "no opcode", fault);
}

corbel_status pickle_out_of_memory(struct pickle *p)
{
    return error_set(p->err, CORBEL_E_MEMORY, "%s: out of memory for a pickle of %zu bytes",
                     p->file, p->size);
}

bool pickle_grow(void **items, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return true;
    const size_t larger = *capacity ? *capacity * 2 : 64;
    void *memory = reallocarray(*items, larger, size);
    if (!memory)
        return false;
    *items = memory;
    *capacity = larger;
    return true;
}

/* ---- stack ----------------------------------------------------------------------------------- */

static corbel_status push(struct pickle *p, struct pickle_value value)
{
    if (p->n_stack == LARGEST_STACK)
        return pickle_refuse(p, "more than %d values on the stack", LARGEST_STACK);
    if (!pickle_grow((void **)&p->stack, p->n_stack, &p->stack_capacity, sizeof(*p->stack)))
        return pickle_out_of_memory(p);
    p->stack[p->n_stack++] = value;
    return CORBEL_OK;
}

/* Values above the last mark. */
static size_t depth(const struct pickle *p)
{
    return p->n_stack - (p->n_marks ? p->marks[p->n_marks - 1] : 0);
}

static corbel_status need(struct pickle *p, size_t n)
{
    return depth(p) >= n ? CORBEL_OK : pickle_refuse(p, "the stack underflows");
}

/* Takes the last mark away; *n is the number of values above it, which stay on the stack. */
static corbel_status pop_mark(struct pickle *p, size_t *n)
{
    if (p->n_marks == 0)
        return pickle_refuse(p, "no mark");
    *n = depth(p);
    p->n_marks--;
    return CORBEL_OK;
}

static struct pickle_value *top(struct pickle *p, size_t n)
{
    return &p->stack[p->n_stack - n];
}

/* ---- operands -------------------------------------------------------------------------------- */

/* The next `n` bytes, or NULL at the end of the file. */
static const uint8_t *take(struct pickle *p, size_t n)
{
    if (p->size - p->at < n)
        return NULL;
    p->at += n;
    return p->data + p->at - n;
}

static corbel_status take_integer(struct pickle *p, size_t n, uint64_t *out)
{
    const uint8_t *bytes = take(p, n);
    if (!bytes)
        return pickle_refuse(p, "the file ends here");
    *out = 0;
    while (n-- > 0)
        *out = *out << 8 | bytes[n];
    return CORBEL_OK;
}

/* A line of GLOBAL, without its newline. */
static corbel_status take_line(struct pickle *p, char line[LONGEST_GLOBAL + 1])
{
    for (size_t i = 0; i <= LONGEST_GLOBAL; i++) {
        const uint8_t *byte = take(p, 1);
        if (!byte)
            return pickle_refuse(p, "the file ends here");
        line[i] = (char)*byte;
        if (*byte == '\n') {
            line[i] = '\0';
            return CORBEL_OK;
        }
    }
    return pickle_refuse(p, "a name of more than %d bytes", LONGEST_GLOBAL);
}

static corbel_status push_text(struct pickle *p, uint64_t size)
{
    if (size > LONGEST_TEXT)
        return pickle_refuse(p, "a text of more than %d bytes", LONGEST_TEXT);
    const char *bytes = (const char *)take(p, (size_t)size);
    if (!bytes)
        return pickle_refuse(p, "the file ends here");
    for (size_t i = 0; i < size;) {
        const size_t n = text_utf8_length(bytes + i, (size_t)size - i);
        if (n == 0 || bytes[i] == '\0')
            return pickle_refuse(p, "a text that is not UTF-8, or holds U+0000");
        i += n;
    }
    char *text = arena_alloc(p->arena, (size_t)size + 1);
    if (!text)
        return pickle_out_of_memory(p);
    memcpy(text, bytes, (size_t)size);
    return push(p, (struct pickle_value){.kind = PICKLE_TEXT, .as.text = text});
}

/* ---- boxes ----------------------------------------------------------------------------------- */

static corbel_status push_box(struct pickle *p, enum pickle_kind kind)
{
    struct pickle_box *box = arena_alloc(p->arena, sizeof(*box));
    if (!box)
        return pickle_out_of_memory(p);
    return push(p, (struct pickle_value){.kind = kind, .as.box = box});
}

/* Moves the `n` topmost values into the box below them. */
static corbel_status move_into(struct pickle *p, struct pickle_box *box, size_t n)
{
    if (n > box->capacity - box->n) {
        size_t capacity = box->capacity ? 2 * (size_t)box->capacity : 4;
        if (capacity < box->n + n)
            capacity = box->n + n;
        struct pickle_value *items = NULL;
        if (capacity <= UINT32_MAX)
            items = arena_array(p->arena, capacity, sizeof(*items));
        if (!items)
            return pickle_out_of_memory(p);
        if (box->n != 0)
            memcpy(items, box->items, box->n * sizeof(*items));
        box->items = items;
        box->capacity = (uint32_t)capacity;
    }
    if (n != 0)
        memcpy(box->items + box->n, top(p, n), n * sizeof(*box->items));
    box->n += (uint32_t)n;
    p->n_stack -= n;
    return CORBEL_OK;
}

/* The `n` topmost values become a tuple. */
static corbel_status make_tuple(struct pickle *p, size_t n)
{
    struct pickle_box *box = arena_alloc(p->arena, sizeof(*box));
    if (!box)
        return pickle_out_of_memory(p);
    const corbel_status status = move_into(p, box, n);
    if (status != CORBEL_OK)
        return status;
    return push(p, (struct pickle_value){.kind = PICKLE_TUPLE, .as.box = box});
}

static corbel_status append_items(struct pickle *p, size_t n)
{
    const corbel_status status = need(p, n + 1);
    if (status != CORBEL_OK)
        return status;
    struct pickle_value *list = top(p, n + 1);
    if (list->kind != PICKLE_LIST)
        return pickle_refuse(p, "onto something that is not a list");
    return move_into(p, list->as.box, n);
}

static corbel_status set_items(struct pickle *p, size_t n)
{
    const corbel_status status = need(p, n + 1);
    if (status != CORBEL_OK)
        return status;
    struct pickle_value *dict = top(p, n + 1);
    if (dict->kind != PICKLE_DICT && dict->kind != PICKLE_ORDERED_DICT)
        return pickle_refuse(p, "onto something that is not a dict");
    if (n % 2 != 0)
        return pickle_refuse(p, "a key without a value");
    for (size_t i = 0; i < n; i += 2)
        if (dict[1 + i].kind != PICKLE_TEXT)
            return pickle_refuse(p, "a key that is not a text");
    return move_into(p, dict->as.box, n);
}

/* ---- opcodes --------------------------------------------------------------------------------- */

static corbel_status run_none(struct pickle *p)
{
    return push(p, (struct pickle_value){.kind = PICKLE_NONE});
}

static corbel_status run_true(struct pickle *p)
{
    return push(p, (struct pickle_value){.kind = PICKLE_BOOL, .as.integer = 1});
}

static corbel_status run_false(struct pickle *p)
{
    return push(p, (struct pickle_value){.kind = PICKLE_BOOL});
}

static corbel_status push_integer(struct pickle *p, size_t n, bool is_signed)
{
    uint64_t value = 0;
    const corbel_status status = take_integer(p, n, &value);
    if (status != CORBEL_OK)
        return status;
    if (is_signed && n > 0 && n < 8 && value >> (8 * n - 1))
        value |= UINT64_MAX << 8 * n;
    return push(p, (struct pickle_value){.kind = PICKLE_INT, .as.integer = (int64_t)value});
}

static corbel_status run_binint(struct pickle *p)
{
    return push_integer(p, 4, true);
}

static corbel_status run_binint1(struct pickle *p)
{
    return push_integer(p, 1, false);
}

static corbel_status run_binint2(struct pickle *p)
{
    return push_integer(p, 2, false);
}

static corbel_status run_long1(struct pickle *p)
{
    uint64_t n = 0;
    const corbel_status status = take_integer(p, 1, &n);
    if (status != CORBEL_OK)
        return status;
    if (n > 8)
        return pickle_refuse(p, "an integer of more than 64 bits");
    return push_integer(p, (size_t)n, true);
}

static corbel_status run_binfloat(struct pickle *p)
{
    const uint8_t *bytes = take(p, 8);
    uint64_t bits = 0;
    double real;
    if (!bytes)
        return pickle_refuse(p, "the file ends here");
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&real, &bits, sizeof real);
    return push(p, (struct pickle_value){.kind = PICKLE_FLOAT, .as.real = real});
}

static corbel_status run_binunicode(struct pickle *p)
{
    uint64_t size = 0;
    const corbel_status status = take_integer(p, 4, &size);
    return status == CORBEL_OK ? push_text(p, size) : status;
}

static corbel_status run_short_binstring(struct pickle *p)
{
    uint64_t size = 0;
    const corbel_status status = take_integer(p, 1, &size);
    return status == CORBEL_OK ? push_text(p, size) : status;
}

static corbel_status run_mark(struct pickle *p)
{
    if (p->n_marks == LARGEST_STACK)
        return pickle_refuse(p, "more than %d marks", LARGEST_STACK);
    if (!pickle_grow((void **)&p->marks, p->n_marks, &p->marks_capacity, sizeof(*p->marks)))
        return pickle_out_of_memory(p);
    p->marks[p->n_marks++] = p->n_stack;
    return CORBEL_OK;
}

static corbel_status run_empty_list(struct pickle *p)
{
    return push_box(p, PICKLE_LIST);
}

static corbel_status run_empty_dict(struct pickle *p)
{
    return push_box(p, PICKLE_DICT);
}

static corbel_status run_empty_tuple(struct pickle *p)
{
    return push_box(p, PICKLE_TUPLE);
}

static corbel_status run_tuple(struct pickle *p)
{
    size_t n = 0;
    const corbel_status status = pop_mark(p, &n);
    return status == CORBEL_OK ? make_tuple(p, n) : status;
}

static corbel_status run_tuple_of(struct pickle *p)
{
    const size_t n = (size_t)(p->opcode - 0x84); /* TUPLE1, TUPLE2, TUPLE3 */
    const corbel_status status = need(p, n);
    return status == CORBEL_OK ? make_tuple(p, n) : status;
}

static corbel_status run_append(struct pickle *p)
{
    return append_items(p, 1);
}

static corbel_status run_appends(struct pickle *p)
{
    size_t n = 0;
    const corbel_status status = pop_mark(p, &n);
    return status == CORBEL_OK ? append_items(p, n) : status;
}

static corbel_status run_setitem(struct pickle *p)
{
    return set_items(p, 2);
}

static corbel_status run_setitems(struct pickle *p)
{
    size_t n = 0;
    const corbel_status status = pop_mark(p, &n);
    return status == CORBEL_OK ? set_items(p, n) : status;
}

/* An index beyond the number of bytes was not made by a pickler; allowing it would let a few bytes
 * ask for much memory. */
static corbel_status put(struct pickle *p, size_t index_size)
{
    uint64_t index = 0;
    corbel_status status = take_integer(p, index_size, &index);
    if (status == CORBEL_OK)
        status = need(p, 1);
    if (status != CORBEL_OK)
        return status;
    if (index >= p->n_memo)
        return pickle_refuse(p, "a memo index that is too large");
    p->memo[index] = *top(p, 1);
    p->memo_set[index] = true;
    return CORBEL_OK;
}

static corbel_status get(struct pickle *p, size_t index_size)
{
    uint64_t index = 0;
    const corbel_status status = take_integer(p, index_size, &index);
    if (status != CORBEL_OK)
        return status;
    if (index >= p->n_memo || !p->memo_set[index])
        return pickle_refuse(p, "a memo entry that was not made");
    return push(p, p->memo[index]);
}

static corbel_status run_binput(struct pickle *p)
{
    return put(p, 1);
}

static corbel_status run_long_binput(struct pickle *p)
{
    return put(p, 4);
}

static corbel_status run_binget(struct pickle *p)
{
    return get(p, 1);
}

static corbel_status run_long_binget(struct pickle *p)
{
    return get(p, 4);
}

static corbel_status run_global(struct pickle *p)
{
    char module[LONGEST_GLOBAL + 1], name[LONGEST_GLOBAL + 1];
    const struct pickle_global *global;
    corbel_status status = take_line(p, module);
    if (status == CORBEL_OK)
        status = take_line(p, name);
    if (status == CORBEL_OK)
        status = pickle_find_global(p, module, name, &global);
    if (status != CORBEL_OK)
        return status;
    return push(p, (struct pickle_value){.kind = PICKLE_GLOBAL, .as.global = global});
}

static corbel_status run_reduce(struct pickle *p)
{
    struct pickle_value result;
    corbel_status status = need(p, 2);
    if (status != CORBEL_OK)
        return status;
    const struct pickle_value *global = top(p, 2), *args = top(p, 1);
    if (global->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return pickle_refuse(p, "expected a known name and a tuple of arguments");
    status = pickle_reduce(p, global->as.global, args->as.box, &result);
    p->n_stack -= 2;
    return status == CORBEL_OK ? push(p, result) : status;
}

/* state_dict() leaves its _metadata as the state of an ordered dict: not needed, dropped. */
static corbel_status run_build(struct pickle *p)
{
    const corbel_status status = need(p, 2);
    if (status != CORBEL_OK)
        return status;
    if (top(p, 2)->kind != PICKLE_ORDERED_DICT || top(p, 1)->kind != PICKLE_DICT)
        return pickle_refuse(p, "expected the state of an ordered dict");
    p->n_stack--;
    return CORBEL_OK;
}

static corbel_status run_binpersid(struct pickle *p)
{
    struct pickle_value result;
    corbel_status status = need(p, 1);
    if (status != CORBEL_OK)
        return status;
    if (top(p, 1)->kind != PICKLE_TUPLE)
        return pickle_refuse(p, "expected a tuple");
    status = pickle_persistent(p, top(p, 1)->as.box, &result);
    p->n_stack--;
    return status == CORBEL_OK ? push(p, result) : status;
}

static const struct opcode opcodes[256] = {
    /* clang-format off */
    ['('] = {"MARK", run_mark},                 ['N'] = {"NONE", run_none},
    [0x88] = {"NEWTRUE", run_true},             [0x89] = {"NEWFALSE", run_false},
    ['J'] = {"BININT", run_binint},             ['K'] = {"BININT1", run_binint1},
    ['M'] = {"BININT2", run_binint2},           [0x8a] = {"LONG1", run_long1},
    ['G'] = {"BINFLOAT", run_binfloat},         ['X'] = {"BINUNICODE", run_binunicode},
    ['U'] = {"SHORT_BINSTRING", run_short_binstring},
    ['}'] = {"EMPTY_DICT", run_empty_dict},     [']'] = {"EMPTY_LIST", run_empty_list},
    [')'] = {"EMPTY_TUPLE", run_empty_tuple},   ['t'] = {"TUPLE", run_tuple},
    [0x85] = {"TUPLE1", run_tuple_of},          [0x86] = {"TUPLE2", run_tuple_of},
    [0x87] = {"TUPLE3", run_tuple_of},          ['a'] = {"APPEND", run_append},
    ['e'] = {"APPENDS", run_appends},           ['s'] = {"SETITEM", run_setitem},
    ['u'] = {"SETITEMS", run_setitems},         ['q'] = {"BINPUT", run_binput},
    ['r'] = {"LONG_BINPUT", run_long_binput},   ['h'] = {"BINGET", run_binget},
    ['j'] = {"LONG_BINGET", run_long_binget},   ['Q'] = {"BINPERSID", run_binpersid},
    ['c'] = {"GLOBAL", run_global},             ['R'] = {"REDUCE", run_reduce},
    ['b'] = {"BUILD", run_build},
    /* pickle_run does these itself */
    [0x80] = {"PROTO", NULL},                   ['.'] = {"STOP", NULL},
    /* known, and refused by name */
    ['i'] = {"INST", NULL},                     ['o'] = {"OBJ", NULL},
    [0x81] = {"NEWOBJ", NULL},                  [0x92] = {"NEWOBJ_EX", NULL},
    [0x93] = {"STACK_GLOBAL", NULL},            [0x82] = {"EXT1", NULL},
    [0x83] = {"EXT2", NULL},                    [0x84] = {"EXT4", NULL},
    ['P'] = {"PERSID", NULL},                   [0x95] = {"FRAME", NULL},
    ['B'] = {"BINBYTES", NULL},                 ['C'] = {"SHORT_BINBYTES", NULL},
    [0x8e] = {"BINBYTES8", NULL},               [0x96] = {"BYTEARRAY8", NULL},
    [0x97] = {"NEXT_BUFFER", NULL},             [0x98] = {"READONLY_BUFFER", NULL},
    [0x8f] = {"EMPTY_SET", NULL},               [0x90] = {"ADDITEMS", NULL},
    [0x91] = {"FROZENSET", NULL},               ['0'] = {"POP", NULL},
    ['1'] = {"POP_MARK", NULL},                 ['2'] = {"DUP", NULL},
    [0x94] = {"MEMOIZE", NULL},                 ['I'] = {"INT", NULL},
    ['L'] = {"LONG", NULL},                     [0x8b] = {"LONG4", NULL},
    ['F'] = {"FLOAT", NULL},                    ['S'] = {"STRING", NULL},
    ['T'] = {"BINSTRING", NULL},                ['V'] = {"UNICODE", NULL},
    [0x8c] = {"SHORT_BINUNICODE", NULL},        [0x8d] = {"BINUNICODE8", NULL},
    ['p'] = {"PUT", NULL},                      ['g'] = {"GET", NULL},
    ['l'] = {"LIST", NULL},                     ['d'] = {"DICT", NULL},
    /* clang-format on */
};

/* ---- a run ----------------------------------------------------------------------------------- */

static corbel_status begin(struct pickle *p)
{
    const size_t left = p->size - p->at;
    p->n_stack = 0;
    p->n_marks = 0;
    p->n_memo = left < LARGEST_MEMO ? left : LARGEST_MEMO;
    free(p->memo);
    free(p->memo_set);
    p->memo = calloc(p->n_memo + 1, sizeof(*p->memo));
    p->memo_set = calloc(p->n_memo + 1, sizeof(*p->memo_set));
    if (!p->memo || !p->memo_set)
        return pickle_out_of_memory(p);

    p->opcode = 0x80;
    const uint8_t *protocol = take(p, 2);
    if (!protocol || protocol[0] != 0x80 || protocol[1] != 2)
        return pickle_refuse(p, "expected a pickle of protocol 2");
    return CORBEL_OK;
}

corbel_status pickle_run(struct pickle *p, struct pickle_value *result)
{
    corbel_status status = begin(p);
    while (status == CORBEL_OK) {
        const uint8_t *byte = take(p, 1);
        if (!byte)
            return pickle_refuse(p, "the file ends without STOP");
        p->opcode = *byte;
        if (p->opcode == '.')
            break;
        if (!opcodes[p->opcode].run)
            return pickle_refuse(p, "opcode 0x%02x has no place in a checkpoint", p->opcode);
        if (++p->n_opcodes > MOST_OPCODES)
            return pickle_refuse(p, "more than %d opcodes", MOST_OPCODES);
        status = opcodes[p->opcode].run(p);
    }
    if (status != CORBEL_OK)
        return status;
    if (p->n_stack != 1 || p->n_marks != 0)
        return pickle_refuse(p, "expected exactly one value at the end");
    *result = p->stack[0];
    return CORBEL_OK;
}

void pickle_finish(struct pickle *p)
{
    free(p->stack);
    free(p->memo);
    free(p->memo_set);
    free(p->marks);
    free(p->storages);
    *p = (struct pickle){0};
}
