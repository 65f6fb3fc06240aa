/* simulate.c: executes programs on symbols instead of numbers. */
#include "simulate.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

struct machine {
    const struct program *p;
    const struct plan *plan; /* or NULL */
    uint64_t *hash;          /* [n_values + 1] */
    uint32_t *version; /* [n_values + 1] of states: assignments so far; of views: what they saw */
    uint32_t *owner;   /* what was written last to each unit of the arena */
    uint64_t unit;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccdu;
    return a ^ a >> 33;
}

static uint64_t mix_text(uint64_t a, const char *s)
{
    for (; *s; s++)
        a = mix(a, (unsigned char)*s);
    return a;
}

static uint64_t mix_attr(uint64_t a, const struct program_op *op, enum program_attr_key key,
                         int64_t fallback)
{
    return mix(a, (uint64_t)program_op_int(op, key, fallback));
}

static uint64_t mix_eps(uint64_t a, const struct program_op *op)
{
    const double d[] = {program_op_float(op, ATTR_EPS, 0),
                        program_op_float(op, ATTR_WEIGHT_OFFSET, 0)};
    uint64_t bits[2];
    memcpy(bits, d, sizeof(bits));
    return mix(mix(a, bits[0]), bits[1]);
}

/* ---- the meanings of what the planner touches ---------------------------------------------------
 */

static uint64_t of_linear(uint64_t x, uint64_t w, uint64_t bias, int64_t transposed)
{
    return mix(mix(mix(mix(OP_LINEAR, x), w), bias), (uint64_t)transposed);
}

static uint64_t of_activation(uint64_t x, int64_t function)
{
    return function == FUNCTION_NONE ? x : mix(mix(OP_ACTIVATION, x), (uint64_t)function);
}

static uint64_t of_pair(enum program_op_kind kind, uint64_t a, uint64_t b)
{
    const bool commutes = kind == OP_ADD || kind == OP_MUL;
    return commutes && a > b ? mix(mix(kind, b), a) : mix(mix(kind, a), b);
}

static uint64_t of_norm(enum program_op_kind kind, const struct program_op *op, uint64_t x,
                        uint64_t w, uint64_t bias)
{
    return mix_eps(mix(mix(mix(kind, x), w), bias), op);
}

static uint64_t of_attention(const struct program_op *op, uint64_t q, uint64_t k, uint64_t v,
                             uint64_t mask)
{
    uint64_t h = mix(mix(mix(mix(OP_ATTENTION, q), k), v), mask);
    h = mix_attr(mix_attr(h, op, ATTR_CACHE, -1), op, ATTR_WINDOW, 0);
    return mix_attr(h, op, ATTR_CAUSAL, 0);
}

static uint64_t of_rope(const struct program_op *op, uint64_t x, uint64_t table)
{
    return mix_attr(mix(mix(OP_ROPE, x), table), op, ATTR_INTERLEAVED, 0);
}

static uint64_t of_any(const struct machine *m, const struct program_op *op, const uint64_t *in)
{
    uint64_t h = op->kind;
    for (uint32_t i = 0; i < op->n_in; i++)
        h = mix(h, in[i]);
    for (uint32_t i = 0; i < op->n_attrs; i++) {
        uint64_t payload = (uint64_t)op->attrs[i].i;
        if (program_attr_is_float(op->attrs[i].key))
            memcpy(&payload, &op->attrs[i].f, sizeof(payload));
        h = mix(mix(h, op->attrs[i].key), payload);
    }
    const struct program_value *v = &m->p->values[op->out[0]];
    for (uint32_t i = 0; i < v->rank; i++)
        h = mix(h, (uint64_t)v->shape[i]);
    return h;
}

static void evaluate(const struct machine *m, const struct program_op *op, const uint64_t *in,
                     uint64_t *out)
{
    const int64_t function = program_op_int(op, ATTR_FUNCTION, 0);
    const int64_t transposed = program_op_int(op, ATTR_TRANSPOSED, 0);
    switch (op->kind) {
    case OP_LINEAR: out[0] = of_linear(in[0], in[1], in[2], transposed); break;
    case OP_ACTIVATION: out[0] = of_activation(in[0], function); break;
    case OP_ADD:
    case OP_MUL: out[0] = of_pair(op->kind, in[0], in[1]); break;
    case OP_RMS_NORM:
    case OP_LAYER_NORM: out[0] = of_norm(op->kind, op, in[0], in[1], in[2]); break;
    case OP_ROPE: out[0] = of_rope(op, in[0], in[1]); break;
    case OP_ATTENTION: out[0] = of_attention(op, in[0], in[1], in[2], in[3]); break;
    case OP_LINEAR_FUSED:
        out[0] = of_activation(of_linear(in[0], in[1], in[2], transposed), function);
        if (op->in[3])
            out[0] = of_pair(OP_ADD, out[0], in[3]);
        break;
    case OP_LINEAR_GATED:
        out[0] = of_pair(OP_MUL, of_activation(of_linear(in[0], in[1], in[3], 0), function),
                         of_linear(in[0], in[2], in[4], 0));
        break;
    case OP_LINEAR_MULTI:
        for (uint32_t i = 0; i < op->n_out; i++)
            out[i] = of_linear(in[0], in[1 + i], in[4 + i], 0);
        break;
    case OP_ADD_RMS_NORM:
    case OP_ADD_LAYER_NORM:
        out[0] = of_pair(OP_ADD, in[0], in[1]);
        out[1] = of_norm(op->kind == OP_ADD_RMS_NORM ? OP_RMS_NORM : OP_LAYER_NORM, op, out[0],
                         in[2], in[3]);
        break;
    case OP_ATTENTION_ROPE:
        out[0] =
            of_attention(op, of_rope(op, in[0], in[4]), of_rope(op, in[1], in[4]), in[2], in[3]);
        break;
    default: out[0] = of_any(m, op, in); break;
    }
}

/* ---- memory -------------------------------------------------------------------------------------
 */

static void check_alive(const struct machine *m, uint32_t id, const char *reader)
{
    if (!m->plan || id == 0)
        return;
    const struct plan_storage *s = &m->plan->storage[id];
    uint32_t root = id;
    if (s->kind == STORAGE_VIEW) {
        root = s->of;
        assert_true(s->offset + s->size <= m->plan->storage[root].size);
        assert_true(s->offset % m->unit == 0);
        if (m->version[id] != m->version[root])
            fail_msg("%s reads a view of state %u after an assignment", reader, root);
        s = &m->plan->storage[root];
        assert_true(s->kind != STORAGE_VIEW);
    }
    if (s->kind != STORAGE_ARENA)
        return;
    for (uint64_t at = s->offset; at < s->offset + s->size; at += m->unit)
        if (m->owner[at / m->unit] != root)
            fail_msg("%s reads value %u, but value %u has been written over it", reader, root,
                     m->owner[at / m->unit]);
}

static void write_result(const struct machine *m, const struct program_op *op, uint32_t id)
{
    if (!m->plan)
        return;
    const struct plan_storage *s = &m->plan->storage[id];
    assert_int_equal(s->size, value_bytes(&m->p->values[id]));
    if (s->kind == STORAGE_VIEW) {
        m->version[id] = m->version[s->of];
        return;
    }
    const bool host = (uint32_t)(op - m->p->ops) < m->plan->n_host_ops;
    assert_int_equal(s->kind, host ? STORAGE_HOST : STORAGE_ARENA);
    if (host)
        return;
    assert_true(s->offset % m->unit == 0 && s->offset + s->size <= m->plan->arena_size);
    for (uint64_t at = s->offset; at < s->offset + s->size; at += m->unit)
        m->owner[at / m->unit] = id;
}

/* ---- running ------------------------------------------------------------------------------------
 */

static void init_declared(const struct machine *m)
{
    for (uint32_t id = 1; id <= m->p->n_values; id++) {
        const struct program_value *v = &m->p->values[id];
        if (v->kind != VALUE_RESULT)
            m->hash[id] = mix_text(1000 + v->kind, v->name ? v->name : "constant");
    }
}

static void step(const struct machine *m, const struct program_op *op)
{
    uint64_t in[PROGRAM_MAX_INPUTS] = {0}, out[PROGRAM_MAX_OUTPUTS] = {0};
    for (uint32_t i = 0; i < op->n_in; i++) {
        check_alive(m, op->in[i], program_op_name(op->kind));
        in[i] = op->in[i] ? m->hash[op->in[i]] : 0;
    }
    if (op->kind == OP_ASSIGN) {
        m->hash[op->in[0]] = in[1];
        m->version[op->in[0]]++;
        return;
    }
    evaluate(m, op, in, out);
    for (uint32_t i = 0; i < op->n_out; i++) {
        m->hash[op->out[i]] = out[i];
        write_result(m, op, op->out[i]);
    }
    /* What is read must have survived the writing of the results as well. */
    for (uint32_t i = 0; i < op->n_in; i++)
        check_alive(m, op->in[i], program_op_name(op->kind));
}

static void simulate(struct machine *m, uint64_t *hashes)
{
    m->hash = calloc((size_t)m->p->n_values + 1, sizeof(*m->hash));
    m->version = calloc((size_t)m->p->n_values + 1, sizeof(*m->version));
    m->owner = m->plan ? calloc(m->plan->arena_size / m->unit + 1, sizeof(*m->owner)) : NULL;
    init_declared(m);
    for (uint32_t i = 0; i < m->p->n_ops; i++)
        step(m, &m->p->ops[i]);
    for (uint32_t i = 0; i < m->p->n_outputs; i++) {
        check_alive(m, m->p->outputs[i].value, m->p->outputs[i].name);
        hashes[i] = m->hash[m->p->outputs[i].value];
    }
    free(m->owner);
    free(m->version);
    free(m->hash);
}

void simulate_program(const struct program *p, uint64_t *hashes)
{
    struct machine m = {.p = p, .unit = 1};
    simulate(&m, hashes);
}

void simulate_plan(const struct plan *plan, uint64_t alignment, uint64_t *hashes)
{
    struct machine m = {.p = &plan->program, .plan = plan, .unit = alignment};
    simulate(&m, hashes);
}
