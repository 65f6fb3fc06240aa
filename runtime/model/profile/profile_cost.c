/* model/profile/profile_cost.c: see cost_of in profile.h. */
#include "model/profile/profile.h"

static double bytes_of(const struct program *p, uint32_t value)
{
    return value ? (double)value_bytes(&p->values[value]) : 0.0;
}

static double count_of(const struct program *p, uint32_t value)
{
    return value ? (double)value_count(&p->values[value]) : 0.0;
}

/* Each value that it takes or gives, once. */
static double bytes_moved(const struct program *p, const struct program_op *op)
{
    double bytes = 0.0;
    for (uint32_t i = 0; i < op->n_in; i++) {
        bool again = false;
        for (uint32_t k = 0; k < i; k++)
            again = again || op->in[k] == op->in[i];
        bytes += again ? 0.0 : bytes_of(p, op->in[i]);
    }
    for (uint32_t i = 0; i < op->n_out; i++)
        bytes += bytes_of(p, op->out[i]);
    return bytes;
}

/* Rows of x times matrices that begin with in[1]: a multiplication and an addition an element. */
static double linear_flops(const struct program *p, const struct program_op *op, uint32_t n)
{
    const struct program_value *x = &p->values[op->in[0]];
    double rows = (double)value_count(x) / (double)x->shape[x->rank - 1], elements = 0.0;
    for (uint32_t i = 1; i <= n; i++)
        elements += count_of(p, op->in[i]);
    return 2.0 * rows * elements;
}

/* Of a table only the rows that are asked for. */
static struct cost embedding_cost(const struct program *p, const struct program_op *op)
{
    const struct program_value *table = &p->values[op->in[0]];
    double element = (double)value_bytes(table) / (double)value_count(table);
    double rows = count_of(p, op->out[0]) * element;
    return (struct cost){.bytes = rows + bytes_of(p, op->in[1]) + bytes_of(p, op->out[0])};
}

/* q [B,S,H,D] against as many keys as each of its tokens may see. */
static struct cost attention_cost(const struct program *p, const struct program_op *op,
                                  int64_t past)
{
    const struct program_value *q = &p->values[op->in[0]], *k = &p->values[op->in[1]];
    const struct program_value *v = &p->values[op->in[2]];
    bool causal = program_op_int(op, ATTR_CAUSAL, 0) != 0;
    int64_t window = program_op_int(op, ATTR_WINDOW, 0);
    double tokens = (double)q->shape[1], before = causal ? (double)past : 0.0;
    double keys = causal ? before + (tokens + 1.0) / 2.0 : (double)k->shape[1];
    double stored = causal ? before + tokens : (double)k->shape[1];
    if (window > 0 && keys > (double)window)
        keys = (double)window;
    if (window > 0 && stored > (double)window + tokens)
        stored = (double)window + tokens;
    double heads = (double)q->shape[0] * tokens * (double)q->shape[2];
    double widths = (double)q->shape[3] + (double)v->shape[3];
    double cached = (double)k->shape[0] * stored * (double)k->shape[2] * widths * sizeof(float);
    return (struct cost){.flops = 2.0 * heads * keys * widths,
                         .bytes = bytes_of(p, op->in[0]) + bytes_of(p, op->out[0]) + cached};
}

struct cost cost_of(const struct program *p, const struct program_op *op, int64_t past)
{
    struct cost cost = {.bytes = bytes_moved(p, op)};
    const struct program_value *a = &p->values[op->in[0]], *w = &p->values[op->in[1]];
    switch (op->kind) {
    case OP_EMBEDDING: return embedding_cost(p, op);
    case OP_LINEAR:
    case OP_LINEAR_FUSED: cost.flops = linear_flops(p, op, 1); break;
    case OP_LINEAR_GATED: cost.flops = linear_flops(p, op, 2); break;
    case OP_LINEAR_MULTI: cost.flops = linear_flops(p, op, 3); break;
    case OP_MATMUL:
        cost.flops = 2.0 * count_of(p, op->out[0]) * (double)a->shape[a->rank - 1];
        break;
    case OP_CONV:
        cost.flops = 2.0 * count_of(p, op->out[0]) * (double)value_count(w) / (double)w->shape[0];
        break;
    case OP_ATTENTION:
    case OP_ATTENTION_ROPE: return attention_cost(p, op, past);
    default: break;
    }
    return cost;
}
