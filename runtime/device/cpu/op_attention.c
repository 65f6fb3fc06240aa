/* device/cpu/op_attention.c: prepares attention, with or without a cache and rotation. */
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <math.h>

/* Bounds over all tiers of what kernels/attention.c lays out. */
enum { LANES = 32, KEYS = 64, CHUNKS = 16, ITEMS_A_WORKER = 4 };

static int64_t round_up(int64_t n)
{
    return (n + 15) / 16 * 16;
}

static size_t local_size(const struct attention_params *p)
{
    return (size_t)(2 * round_up(p->dim) + KEYS + round_up(p->value_dim) + 5) * LANES *
           sizeof(float);
}

static size_t shared_size(const struct attention_params *p, uint32_t threads)
{
    const int64_t rotated =
        p->cached || !p->table ? 0 : p->batch * p->tokens * p->kv_heads * p->dim;
    const int64_t partials =
        (int64_t)threads * ITEMS_A_WORKER * CHUNKS * (p->value_dim + 2) * LANES;

    return (size_t)(rotated + partials) * sizeof(float);
}

static void bind_table(struct cpu_context *c, const struct program_op *op,
                       struct attention_params *p)
{
    const struct program_value *table = cpu_value(c, op->in[4]);

    p->table = c->values[op->in[4]];
    p->rope_dim = 2 * table->shape[2];
    p->table_batch = table->shape[0] > 1 ? table->shape[1] * p->rope_dim : 0;
    p->interleaved = program_op_int(op, ATTR_INTERLEAVED, 0);
}

corbel_status cpu_prepare_attention(struct cpu_context *c, const struct program_op *op,
                                    struct cpu_op *out, corbel_error *err)
{
    const struct program_value *q = cpu_value(c, op->in[0]), *k = cpu_value(c, op->in[1]);
    const struct program_value *v = cpu_value(c, op->in[2]);
    const int64_t cache = program_op_int(op, ATTR_CACHE, -1);
    const double scale = program_op_float(op, ATTR_SCALE, 0.0);
    struct attention_params *p = cpu_params(c, out, c->kernels->attention, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    p->q = c->values[op->in[0]];
    p->k = c->values[op->in[1]];
    p->v = c->values[op->in[2]];
    p->mask = op->n_in > 3 && op->in[3] ? c->values[op->in[3]] : NULL;
    p->y = c->values[op->out[0]];
    p->batch = q->shape[0];
    p->tokens = q->shape[1];
    p->heads = q->shape[2];
    p->kv_heads = k->shape[2];
    p->dim = q->shape[3];
    p->value_dim = v->shape[3];
    p->capacity = p->tokens;
    p->window = program_op_int(op, ATTR_WINDOW, 0);
    p->causal = program_op_int(op, ATTR_CAUSAL, 0);
    p->softcap = (float)program_op_float(op, ATTR_SOFTCAP, 0.0);
    p->scale = (float)(scale != 0.0 ? scale : 1.0 / sqrt((double)p->dim));
    if (cache >= 0) {
        p->cached = true;
        p->capacity = c->program->caches[cache].capacity;
        p->keys = c->key_caches ? c->key_caches[cache] : NULL;
        p->values = c->value_caches ? c->value_caches[cache] : NULL;
        if (!p->keys || !p->values)
            return error_set(err, CORBEL_E_INTERNAL, "cpu: cache %lld is not bound",
                             (long long)cache);
    }
    if (op->kind == OP_ATTENTION_ROPE)
        bind_table(c, op, p);
    cpu_need(c, shared_size(p, c->threads), local_size(p));
    return CORBEL_OK;
}
