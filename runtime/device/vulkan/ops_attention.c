/* device/vulkan/ops_attention.c: rotary positions and attention.
 *
 * Attention is up to three calls: prepare (turn q and k, put k and v into the cache), the
 * attention itself, and a combination where the keys are many and are split into parts. */
#include "device/vulkan/call.h"

#include <math.h>

#define GROUP          64
#define QUERY_PART     1024  /* attention_query.comp's PART */
#define ROWS_PART      32768 /* keys that one invocation of attention_rows walks over */
#define ROWS_MOST_DIM  256
#define ROWS_LEAST     8 /* queries below which a workgroup each is better */
#define QUERY_MOST_DIM 4096

void record_rope(struct recorder *r, const struct program_op *op)
{
    const struct program_value *x = input_value(r, op, 0), *table = input_value(r, op, 1);
    const uint64_t n = (uint64_t)value_count(x);
    call_begin(r, KERNEL_ROPE);
    call_spec(r, program_op_int(op, ATTR_INTERLEAVED, 0) != 0);
    call_read(r, input(r, op, 0));
    call_read(r, input(r, op, 1));
    call_write(r, result(r, op, 0));
    call_uint(r, n);
    call_uint(r, (uint64_t)x->shape[2]);
    call_uint(r, (uint64_t)x->shape[3]);
    call_uint(r, (uint64_t)table->shape[2] * 2);
    call_work(r, (double)n);
    call_end_flat(r, GROUP, n);
}

/* Shapes and how queries attend. */
struct attention {
    struct operand q, k, v, mask, table, y;
    uint64_t batch, n_queries, heads, kv_heads, dim, v_dim, n_keys, rotary;
    bool cached, interleaved, causal;
    uint64_t window;
    double scale, softcap;
};

static struct attention attention_of(const struct recorder *r, const struct program_op *op)
{
    const struct program_value *q = input_value(r, op, 0), *v = input_value(r, op, 2);
    const struct program_value *table = input_value(r, op, 4);
    const int64_t cache = program_op_int(op, ATTR_CACHE, -1);
    const double scale = program_op_float(op, ATTR_SCALE, 0.0);
    return (struct attention){
        .q = input(r, op, 0),
        .k = input(r, op, 1),
        .v = input(r, op, 2),
        .mask = input(r, op, 3),
        .table = input(r, op, 4),
        .y = result(r, op, 0),
        .batch = (uint64_t)q->shape[0],
        .n_queries = (uint64_t)q->shape[1],
        .heads = (uint64_t)q->shape[2],
        .kv_heads = (uint64_t)v->shape[2],
        .dim = (uint64_t)q->shape[3],
        .v_dim = (uint64_t)v->shape[3],
        .n_keys = (uint64_t)(cache >= 0 ? r->plan->program.caches[cache].capacity : q->shape[1]),
        .rotary = table ? (uint64_t)table->shape[2] * 2 : 0,
        .cached = cache >= 0,
        .interleaved = program_op_int(op, ATTR_INTERLEAVED, 0) != 0,
        .causal = program_op_int(op, ATTR_CAUSAL, 0) != 0,
        .window = (uint64_t)program_op_int(op, ATTR_WINDOW, 0),
        .scale = scale != 0.0 ? scale : 1.0 / sqrt((double)q->shape[3]),
        .softcap = program_op_float(op, ATTR_SOFTCAP, 0.0),
    };
}

static uint64_t elements(const struct operand *o)
{
    return o->size / 4;
}

/* Replaces a's q, k and v by where the attention itself finds them. */
static void prepare(struct recorder *r, struct attention *a, int64_t cache)
{
    const struct operand none = {0};
    const uint64_t n_q = a->rotary ? elements(&a->q) : 0;
    const uint64_t n_k = a->rotary || a->cached ? elements(&a->k) : 0;
    const uint64_t n_v = a->cached ? elements(&a->v) : 0;
    if (n_k == 0)
        return;
    const uint64_t k_at = (n_q * 4 + 255) & ~(uint64_t)255;
    const struct operand turned = n_q ? recorder_scratch(r, 0, n_q * 4) : none;
    const struct operand keys =
        a->cached ? r->key_caches[cache] : recorder_scratch(r, k_at, n_k * 4);
    const struct operand values = a->cached ? r->value_caches[cache] : none;
    call_begin(r, KERNEL_ATTENTION_PREPARE);
    call_spec(r, a->interleaved);
    call_spec(r, a->cached);
    call_read(r, a->q);
    call_read(r, a->k);
    call_read(r, a->v);
    call_read(r, a->table);
    n_q ? call_write(r, turned) : call_read(r, none);
    call_write(r, keys);
    n_v ? call_write(r, values) : call_read(r, none);
    call_read(r, r->step);
    const uint64_t sizes[] = {n_q,         n_k,    n_v,      a->n_queries, a->heads,
                              a->kv_heads, a->dim, a->v_dim, a->rotary,    a->n_keys};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        call_uint(r, sizes[i]);
    call_work(r, (double)(n_q + n_k + n_v));
    call_end_flat(r, GROUP, n_q + n_k + n_v);
    if (n_q)
        a->q = turned;
    a->k = keys;
    if (a->cached)
        a->v = values;
}

/* batch, head, token: steps of one in keys or values whose rows have `size` elements. */
static void push_strides(struct recorder *r, const struct attention *a, uint64_t size)
{
    const uint64_t tokens = a->n_keys * a->kv_heads * size;
    call_uint(r, tokens);
    call_uint(r, a->cached ? a->n_keys * size : size);
    call_uint(r, a->cached ? size : a->kv_heads * size);
}

static void bind_attention(struct recorder *r, const struct attention *a, struct operand y,
                           uint64_t part_size, uint64_t n_parts)
{
    call_read(r, a->q);
    call_read(r, a->k);
    call_read(r, a->v);
    call_read(r, a->mask);
    call_read(r, r->step);
    call_write(r, y);
    call_uint(r, a->n_queries);
    call_uint(r, a->heads);
    call_uint(r, a->kv_heads);
    call_uint(r, a->dim);
    call_uint(r, a->v_dim);
    call_uint(r, a->n_keys);
    push_strides(r, a, a->dim);
    push_strides(r, a, a->v_dim);
    call_uint(r, a->window);
    call_uint(r, part_size);
    call_uint(r, n_parts);
    call_float(r, a->scale);
    call_float(r, a->softcap);
    call_work(r, (double)a->batch * (double)a->n_queries * (double)a->heads * (double)a->n_keys *
                     (double)(a->dim + a->v_dim));
}

static bool by_rows(const struct attention *a)
{
    return a->n_queries >= ROWS_LEAST && a->dim % 4 == 0 && a->v_dim % 4 == 0 &&
           a->dim <= ROWS_MOST_DIM && a->v_dim <= ROWS_MOST_DIM && a->q.offset % 16 == 0 &&
           a->k.offset % 16 == 0 && a->v.offset % 16 == 0;
}

static void combine(struct recorder *r, const struct attention *a, struct operand parts,
                    uint64_t n_parts)
{
    const uint64_t n = elements(&a->y);
    call_begin(r, KERNEL_ATTENTION_COMBINE);
    call_read(r, parts);
    call_write(r, a->y);
    call_uint(r, n);
    call_uint(r, a->v_dim);
    call_uint(r, n_parts);
    call_work(r, (double)n * (double)n_parts);
    call_end_flat(r, GROUP, n);
}

static void attend(struct recorder *r, const struct attention *a)
{
    const bool rows = by_rows(a);
    const uint64_t part_size = rows ? ROWS_PART : QUERY_PART;
    const uint64_t n_parts = (a->n_keys + part_size - 1) / part_size;
    const uint64_t n_results = a->batch * a->n_queries * a->heads;
    /* Behind what prepare() put there. */
    const uint64_t used = ((elements(&a->q) + elements(&a->k)) * 4 + 255) & ~(uint64_t)255;
    const struct operand y =
        n_parts == 1 ? a->y
                     : recorder_scratch(
                           r, a->cached ? (elements(&a->q) * 4 + 511) & ~(uint64_t)255 : used + 256,
                           n_results * n_parts * (a->v_dim + 2) * 4);
    if (!rows && (a->dim > QUERY_MOST_DIM || a->v_dim > QUERY_MOST_DIM))
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "attention with heads of %llu elements",
                      (unsigned long long)(a->dim > a->v_dim ? a->dim : a->v_dim));
    call_begin(r, rows ? KERNEL_ATTENTION_ROWS : KERNEL_ATTENTION_QUERY);
    call_spec(r, a->mask.buffer != VK_NULL_HANDLE);
    call_spec(r, a->causal);
    if (rows) {
        call_spec(r, (uint32_t)(a->dim / 4));
        call_spec(r, (uint32_t)(a->v_dim / 4));
        bind_attention(r, a, y, part_size, n_parts);
        const uint32_t group = r->device->software ? 8 : GROUP;
        call_end(r, group, (a->n_queries + group - 1) / group, a->heads * n_parts, a->batch);
    } else {
        call_spec(r, a->dim % 4 == 0 && a->q.offset % 16 == 0 && a->k.offset % 16 == 0);
        bind_attention(r, a, y, part_size, n_parts);
        call_end(r, GROUP, n_parts, a->n_queries * a->heads, a->batch);
    }
    if (n_parts > 1)
        combine(r, a, y, n_parts);
}

void record_attention(struct recorder *r, const struct program_op *op)
{
    struct attention a = attention_of(r, op);
    prepare(r, &a, program_op_int(op, ATTR_CACHE, -1));
    attend(r, &a);
}
