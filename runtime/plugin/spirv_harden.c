/* spirv_harden.c: a module in which no index leaves its array.
 *
 * An index that is no constant, of an array, vector or matrix of known length, becomes
 * min(index, length - 1), counted without sign. What GLSL compilers make is unchanged by it but for
 * programs that were wrong; on a device that is a processor, a wrong one would reach the memory of
 * this process. */
#include "plugin/spirv_module.h"

#include <stdlib.h>
#include <string.h>

enum { UMIN = 38, EXT_INST_WORDS = 7, CONSTANT_WORDS = 4, IMPORT_WORDS = 6 };

bool spirv_hold_index(struct spirv_module *m, uint32_t at, uint32_t length)
{
    if (m->n_indices == m->indices_capacity) {
        const uint32_t more = m->indices_capacity ? m->indices_capacity * 2 : 64;
        struct spirv_index *indices = realloc(m->indices, more * sizeof(*indices));
        if (!indices)
            return spirv_fail(m, "no memory");
        m->indices = indices;
        m->indices_capacity = more;
    }
    m->indices[m->n_indices++] = (struct spirv_index){at, length};
    return true;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct output {
    const struct spirv_module *m;
    uint32_t *words, n, bound;
    uint32_t std450, next; /* next: the index that comes next */
    uint32_t *limits;      /* [n_indices] ids of their constants */
};

static void put(struct output *out, uint32_t word)
{
    out->words[out->n++] = word;
}

static void put_import(struct output *out)
{
    static const char name[16] = "GLSL.std.450";
    out->std450 = out->bound++;
    put(out, IMPORT_WORDS << 16 | SPIRV_OP_EXT_INST_IMPORT);
    put(out, out->std450);
    for (uint32_t i = 0; i < 4; i++)
        put(out, (uint32_t)name[i * 4] | (uint32_t)name[i * 4 + 1] << 8 |
                     (uint32_t)name[i * 4 + 2] << 16 | (uint32_t)name[i * 4 + 3] << 24);
}

static uint32_t index_type(const struct spirv_module *m, uint32_t i)
{
    return m->ids[m->words[m->indices[i].at]].type;
}

/* One constant for each type and length. */
static void put_limits(struct output *out)
{
    const struct spirv_module *m = out->m;
    for (uint32_t i = 0; i < m->n_indices; i++) {
        for (uint32_t j = 0; j < i && out->limits[i] == 0; j++)
            if (m->indices[j].length == m->indices[i].length &&
                index_type(m, j) == index_type(m, i))
                out->limits[i] = out->limits[j];
        if (out->limits[i] != 0)
            continue;
        out->limits[i] = out->bound++;
        put(out, CONSTANT_WORDS << 16 | SPIRV_OP_CONSTANT);
        put(out, index_type(m, i));
        put(out, out->limits[i]);
        put(out, m->indices[i].length - 1);
    }
}

/* The instruction at word `at`, its indices held by others before it. */
static void put_held(struct output *out, uint32_t at, uint32_t count)
{
    const struct spirv_module *m = out->m;
    const uint32_t first = out->next;
    for (; out->next < m->n_indices && m->indices[out->next].at < at + count; out->next++) {
        put(out, EXT_INST_WORDS << 16 | SPIRV_OP_EXT_INST);
        put(out, index_type(m, out->next));
        put(out, out->bound++);
        put(out, out->std450);
        put(out, UMIN);
        put(out, m->words[m->indices[out->next].at]);
        put(out, out->limits[out->next]);
    }
    const uint32_t begin = out->n, held = out->bound - (out->next - first);
    for (uint32_t i = 0; i < count; i++)
        put(out, m->words[at + i]);
    for (uint32_t i = first; i < out->next; i++)
        out->words[begin + m->indices[i].at - at] = held + (i - first);
}

static void put_module(struct output *out)
{
    const struct spirv_module *m = out->m;
    bool has_limits = false;
    for (uint32_t i = 0; i < 5; i++)
        put(out, m->words[i]);
    for (uint32_t at = 5; at < m->n_words; at += m->words[at] >> 16) {
        const uint32_t opcode = m->words[at] & 0xffff, count = m->words[at] >> 16;
        if (opcode == SPIRV_OP_MEMORY_MODEL && out->std450 == 0)
            put_import(out);
        if (opcode == SPIRV_OP_FUNCTION && !has_limits) {
            put_limits(out);
            has_limits = true;
        }
        put_held(out, at, count);
    }
    out->words[3] = out->bound;
}

bool spirv_harden(struct spirv_module *m, struct arena *arena)
{
    const size_t most =
        m->n_words + IMPORT_WORDS + (size_t)m->n_indices * (EXT_INST_WORDS + CONSTANT_WORDS);
    struct output out = {.m = m, .bound = m->bound, .std450 = m->std450};
    out.words = arena_array(arena, most, sizeof(*out.words));
    out.limits = calloc((size_t)m->n_indices + 1, sizeof(*out.limits));
    if (!out.words || !out.limits) {
        free(out.limits);
        return spirv_fail(m, "no memory");
    }
    if (m->n_indices > 0) {
        put_module(&out);
    } else {
        memcpy(out.words, m->words, m->n_words * sizeof(*out.words));
        out.n = m->n_words;
    }
    free(out.limits);
    m->found->spirv = out.words;
    m->found->spirv_size = out.n * 4;
    return true;
}
