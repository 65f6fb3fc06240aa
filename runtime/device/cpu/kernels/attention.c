/* kernels/attention.c: softmax(q k^T) v without ever holding all scores.
 *
 * Queries are lanes: the queries of all heads that share a key head are numbered g * S + s, and a
 * block of them is a work item. Both products are then tiles whose "weights" are keys and values as
 * they lie in the cache, and softmax never crosses lanes. Keys come in blocks; the running maximum
 * and sum of each lane correct what was accumulated before. A long context with few work items
 * (decoding) is also split by keys: partial results meet in shared memory and are merged. */
#include "device/cpu/kernels/rope.h"
#include "device/cpu/kernels/tier.h"
#include "device/cpu/kernels/tile.h"
#include "device/cpu/kernels/vmath.h"

enum {
    MOST_LANES = 2 * LANES,
    KEYS = 64, /* a block: scores stay in the first-level cache */
    MOST_CHUNKS = 16,
    CHUNK = 128, /* keys: less isn't worth a merge */
    KEY_ROWS = 8
};

/* What is the same for all items of a run. */
struct plan_run {
    const struct attention_params *p;
    int64_t past, total;                 /* keys there are, new ones included */
    int64_t group, lanes, block, blocks; /* queries a key head; in a block; blocks */
    int64_t chunks, chunk;               /* keys are split so often, each so long */
    const float *keys, *values;
    int64_t key_row, key_head, key_batch, value_row, value_head, value_batch; /* strides */
    float *partial;
};

struct item {
    int64_t b, kv, first, n; /* queries [first, first + n) */
    int64_t from, to;        /* keys */
};

/* A worker's memory for one item. */
struct state {
    float *rows;   /* [block][dim] */
    float *q;      /* [dim][block] */
    float *scores; /* [KEYS][block] */
    float *out;    /* [value_dim][block] */
    float *most, *sum, *correction;
    int32_t *low, *high; /* visible keys of a lane: low <= j < high */
};

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static int64_t partial_size(const struct attention_params *p)
{
    return (p->value_dim + 2) * MOST_LANES;
}

static struct state lay_out(const struct attention_params *p, void *memory)
{
    struct state s;
    float *f = memory;

    s.rows = f, f += MOST_LANES * round_up(p->dim, LANES);
    s.q = f, f += round_up(p->dim, LANES) * MOST_LANES;
    s.scores = f, f += KEYS * MOST_LANES;
    s.out = f, f += round_up(p->value_dim, LANES) * MOST_LANES;
    s.most = f, f += MOST_LANES;
    s.sum = f, f += MOST_LANES;
    s.correction = f, f += MOST_LANES;
    s.low = (int32_t *)(void *)f;
    s.high = s.low + MOST_LANES;
    return s;
}

/* ---- keys and values ------------------------------------------------------------------------- */

static const float *table_row(const struct attention_params *p, int64_t b, int64_t s)
{
    return p->table + b * p->table_batch + s * p->rope_dim;
}

/* New keys, rotated, and values into the cache; without a cache, rotated keys into `keys`. */
static void store_keys(const struct attention_params *p, int64_t past, int64_t capacity,
                       float *keys, float *values, struct cpu_worker *w)
{
    int64_t from, to;

    cpu_share(w, p->batch * p->tokens * p->kv_heads, 1, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const int64_t kv = i % p->kv_heads, s = i / p->kv_heads % p->tokens;
        const int64_t b = i / p->kv_heads / p->tokens;
        const int64_t at = (b * p->kv_heads + kv) * capacity + past + s;
        float *key = keys + at * p->dim;
        if (p->table)
            rope_row(p->k + i * p->dim, key, p->dim, p->rope_dim, table_row(p, b, s),
                     p->interleaved);
        else
            memcpy(key, p->k + i * p->dim, (size_t)p->dim * sizeof(float));
        if (values)
            memcpy(values + at * p->value_dim, p->v + i * p->value_dim,
                   (size_t)p->value_dim * sizeof(float));
    }
}

/* ---- one item -------------------------------------------------------------------------------- */

/* Queries, rotated and scaled, as [dim][block]; and what each lane may see. */
static void load_queries(const struct plan_run *r, const struct item *it, struct state *st)
{
    const struct attention_params *p = r->p;
    const int64_t width = round_up(p->dim, LANES);

    memset(st->rows, 0, (size_t)(r->block * width) * sizeof(float));
    for (int64_t lane = 0; lane < r->block; lane++) {
        const int64_t query = it->first + (lane < it->n ? lane : 0);
        const int64_t g = query / p->tokens, s = query % p->tokens;
        const int64_t position = r->past + s;
        const int64_t head = it->kv * r->group + g;
        const float *q = p->q + ((it->b * p->tokens + s) * p->heads + head) * p->dim;
        float *row = st->rows + lane * width;
        st->high[lane] = (int32_t)(p->causal ? position + 1 : r->total);
        st->low[lane] =
            (int32_t)(p->window > 0 && position >= p->window ? position - p->window + 1 : 0);
        if (p->table)
            rope_row(q, row, p->dim, p->rope_dim, table_row(p, it->b, s), p->interleaved);
        else
            memcpy(row, q, (size_t)p->dim * sizeof(float));
        for (int64_t i = 0; i < p->dim; i++)
            row[i] *= p->scale;
    }
    for (int64_t lane = 0; lane < r->block; lane += LANES)
        for (int64_t i = 0; i < width; i += LANES) {
            vec v[LANES];
            for (int j = 0; j < LANES; j++)
                v[j] = load(st->rows + (lane + j) * width + i);
            transpose(v);
            for (int j = 0; j < LANES; j++)
                store(st->q + (i + j) * r->block + lane, v[j]);
        }
}

/* Tiles of KEY_ROWS rows, then of single ones. */
ALWAYS_INLINE void product(const int vectors, const float *x, const float *w, int64_t row_stride,
                           int64_t col_stride, int64_t rows, int64_t depth, float *c,
                           bool accumulate)
{
    const int64_t stride = vectors * LANES;
    int64_t r = 0;

    for (; r + KEY_ROWS <= rows; r += KEY_ROWS)
        tile(KEY_ROWS, vectors, x, stride, w + r * row_stride, row_stride, col_stride, depth,
             c + r * stride, stride, accumulate);
    for (; r < rows; r++)
        tile(1, vectors, x, stride, w + r * row_stride, row_stride, col_stride, depth,
             c + r * stride, stride, accumulate);
}

static void product_of(const struct plan_run *r, const float *x, const float *w, int64_t row_stride,
                       int64_t col_stride, int64_t rows, int64_t depth, float *c, bool accumulate)
{
    if (r->block == LANES)
        product(1, x, w, row_stride, col_stride, rows, depth, c, accumulate);
    else
        product(2, x, w, row_stride, col_stride, rows, depth, c, accumulate);
}

/* Scores of what a lane may not see become -inf. */
static void mask_scores(const struct plan_run *r, const struct item *it, struct state *st,
                        int64_t key, int64_t n)
{
    const struct attention_params *p = r->p;
    const int32_t *mask = p->mask ? p->mask + it->b * p->capacity : NULL;
    const vec never = splat(-INFINITY);

    for (int64_t j = 0; j < n; j++) {
        const ivec at = isplat((int32_t)(key + j));
        const ivec open = isplat(mask && mask[key + j] == 0 ? 0 : -1);
        for (int64_t lane = 0; lane < r->block; lane += LANES) {
            float *s = st->scores + j * r->block + lane;
            ivec low, high;
            memcpy(&low, st->low + lane, sizeof low);
            memcpy(&high, st->high + lane, sizeof high);
            store(s, blend((at >= low) & (at < high) & open, load(s), never));
        }
    }
}

static void cap_scores(const struct plan_run *r, struct state *st, int64_t n)
{
    const vec cap = splat(r->p->softcap), inverse = splat(1.0f / r->p->softcap);

    for (int64_t i = 0; i < n * r->block; i += LANES)
        store(st->scores + i, cap * vtanh(load(st->scores + i) * inverse));
}

/* Scores become weights relative to the new maximum; the lane's correction is for the old one. */
static void weigh_scores(const struct plan_run *r, struct state *st, int64_t n)
{
    for (int64_t lane = 0; lane < r->block; lane += LANES) {
        const vec old = load(st->most + lane);
        vec most = old, sum = splat(0.0f), base, correction;
        for (int64_t j = 0; j < n; j++)
            most = vmax(most, load(st->scores + j * r->block + lane));
        /* Nothing seen yet: any finite base will do, all weights are exp(-inf). */
        base = blend(most == splat(-INFINITY), splat(0.0f), most);
        correction = vexp(old - base);
        for (int64_t j = 0; j < n; j++) {
            float *s = st->scores + j * r->block + lane;
            const vec weight = vexp(load(s) - base);
            store(s, weight);
            sum += weight;
        }
        store(st->most + lane, most);
        store(st->correction + lane, correction);
        store(st->sum + lane, load(st->sum + lane) * correction + sum);
    }
}

static void correct_out(const struct plan_run *r, struct state *st)
{
    for (int64_t lane = 0; lane < r->block; lane += LANES) {
        const vec correction = load(st->correction + lane);
        for (int64_t e = 0; e < r->p->value_dim; e++) {
            float *o = st->out + e * r->block + lane;
            store(o, load(o) * correction);
        }
    }
}

/* True if every lane sees all of [key, key + n). */
static bool all_visible(const struct plan_run *r, const struct state *st, int64_t key, int64_t n)
{
    if (r->p->mask)
        return false;
    for (int64_t lane = 0; lane < r->block; lane++)
        if (key < st->low[lane] || key + n > st->high[lane])
            return false;
    return true;
}

static void run_item(const struct plan_run *r, const struct item *it, struct state *st)
{
    const struct attention_params *p = r->p;
    const float *keys = r->keys + it->b * r->key_batch + it->kv * r->key_head;
    const float *values = r->values + it->b * r->value_batch + it->kv * r->value_head;
    int64_t from = it->to, to = it->from;

    load_queries(r, it, st);
    for (int64_t lane = 0; lane < r->block; lane++) {
        st->most[lane] = -INFINITY;
        st->sum[lane] = 0.0f;
        from = st->low[lane] < from ? st->low[lane] : from;
        to = st->high[lane] > to ? st->high[lane] : to;
    }
    from = from > it->from ? from : it->from;
    to = to < it->to ? to : it->to;
    memset(st->out, 0, (size_t)(p->value_dim * r->block) * sizeof(float));
    for (int64_t key = from; key < to; key += KEYS) {
        const int64_t n = to - key < KEYS ? to - key : KEYS;
        product_of(r, st->q, keys + key * r->key_row, r->key_row, 1, n, p->dim, st->scores, false);
        if (p->softcap > 0.0f)
            cap_scores(r, st, n);
        if (!all_visible(r, st, key, n))
            mask_scores(r, it, st, key, n);
        weigh_scores(r, st, n);
        if (key > from)
            correct_out(r, st);
        product_of(r, st->scores, values + key * r->value_row, 1, r->value_row, p->value_dim, n,
                   st->out, true);
    }
}

/* out / sum, lane by lane into y; a lane that has seen nothing gives zeros. */
static void store_result(const struct plan_run *r, const struct item *it, struct state *st)
{
    const struct attention_params *p = r->p;

    for (int64_t lane = 0; lane < it->n; lane += LANES) {
        const vec sum = load(st->sum + lane);
        const vec scale = blend(sum > splat(0.0f), splat(1.0f) / sum, splat(0.0f));
        const int64_t n = it->n - lane < LANES ? it->n - lane : LANES;
        for (int64_t e = 0; e < p->value_dim; e += LANES) {
            vec v[LANES];
            for (int j = 0; j < LANES; j++)
                v[j] = load(st->out + (e + j) * r->block + lane) * scale;
            transpose(v);
            for (int64_t j = 0; j < n; j++) {
                const int64_t query = it->first + lane + j;
                const int64_t g = query / p->tokens, s = query % p->tokens;
                const int64_t head = it->kv * r->group + g;
                float *y = p->y + ((it->b * p->tokens + s) * p->heads + head) * p->value_dim;
                store_first(y + e, v[j], p->value_dim - e);
            }
        }
    }
}

/* ---- splitting by keys ----------------------------------------------------------------------- */

static void save_partial(const struct plan_run *r, int64_t index, const struct state *st)
{
    float *to = r->partial + index * partial_size(r->p);

    memcpy(to, st->most, MOST_LANES * sizeof(float));
    memcpy(to + MOST_LANES, st->sum, MOST_LANES * sizeof(float));
    memcpy(to + 2 * MOST_LANES, st->out, (size_t)(r->p->value_dim * r->block) * sizeof(float));
}

/* Adds up an item's chunks, each brought to the greatest maximum. */
static void merge_partials(const struct plan_run *r, int64_t index, struct state *st)
{
    const int64_t size = partial_size(r->p);
    const float *first = r->partial + index * r->chunks * size;

    memset(st->out, 0, (size_t)(r->p->value_dim * r->block) * sizeof(float));
    for (int64_t lane = 0; lane < r->block; lane += LANES) {
        vec most = splat(-INFINITY), sum = splat(0.0f);
        for (int64_t c = 0; c < r->chunks; c++)
            most = vmax(most, load(first + c * size + lane));
        most = blend(most == splat(-INFINITY), splat(0.0f), most);
        for (int64_t c = 0; c < r->chunks; c++) {
            const float *part = first + c * size;
            const vec scale = vexp(load(part + lane) - most);
            sum += load(part + MOST_LANES + lane) * scale;
            for (int64_t e = 0; e < r->p->value_dim; e++) {
                const int64_t at = e * r->block + lane;
                store(st->out + at, load(st->out + at) + load(part + 2 * MOST_LANES + at) * scale);
            }
        }
        store(st->sum + lane, sum);
    }
}

/* ---- all items ------------------------------------------------------------------------------- */

static int64_t block_lanes(const struct attention_params *p)
{
    return p->heads / p->kv_heads * p->tokens > LANES ? MOST_LANES : LANES;
}

/* Floats before the partial results: rotated keys that no cache holds. */
static int64_t rotated_keys_size(const struct attention_params *p)
{
    return p->cached || !p->table ? 0 : p->batch * p->tokens * p->kv_heads * p->dim;
}

static struct plan_run plan_items(const struct attention_params *p, struct cpu_worker *w)
{
    struct plan_run r = {
        .p = p,
        .past = p->cached ? w->past : 0,
        .group = p->heads / p->kv_heads,
        .block = block_lanes(p),
        .chunks = 1,
        .value_row = p->cached ? p->value_dim : p->kv_heads * p->value_dim,
        .value_head = p->cached ? p->capacity * p->value_dim : p->value_dim,
        .value_batch = (p->cached ? p->capacity : p->tokens) * p->kv_heads * p->value_dim,
    };
    const bool own_keys = p->cached || p->table; /* laid out as a cache */
    const int64_t rows = p->cached ? p->capacity : p->tokens;
    int64_t items;

    r.total = r.past + p->tokens;
    r.lanes = r.group * p->tokens;
    r.blocks = (r.lanes + r.block - 1) / r.block;
    r.key_row = own_keys ? p->dim : p->kv_heads * p->dim;
    r.key_head = own_keys ? rows * p->dim : p->dim;
    r.key_batch = rows * p->kv_heads * p->dim;
    r.keys = p->cached ? p->keys : p->table ? (const float *)w->shared : p->k;
    r.values = p->cached ? p->values : p->v;
    r.partial = (float *)w->shared + rotated_keys_size(p);
    items = p->batch * p->kv_heads * r.blocks;
    if (items < 4 * (int64_t)w->count && w->count > 1) {
        r.chunks = r.total / CHUNK;
        r.chunks = r.chunks < 1 ? 1 : r.chunks > MOST_CHUNKS ? MOST_CHUNKS : r.chunks;
    }
    r.chunk = (r.total + r.chunks - 1) / r.chunks;
    return r;
}

static struct item nth_item(const struct plan_run *r, int64_t index)
{
    /* Later queries see more: the long items go first, so that the workers end together. */
    const int64_t heads = r->p->batch * r->p->kv_heads;
    const int64_t block = r->blocks - 1 - index / heads, head = index % heads;
    struct item it = {
        .b = head / r->p->kv_heads, .kv = head % r->p->kv_heads, .first = block * r->block};

    it.n = r->lanes - it.first < r->block ? r->lanes - it.first : r->block;
    it.to = r->total;
    return it;
}

void TIER(cpu_attention)(const void *params, struct cpu_worker *w)
{
    const struct attention_params *p = params;
    struct plan_run r = plan_items(p, w);
    struct state st = lay_out(p, w->local);
    const int64_t items = p->batch * p->kv_heads * r.blocks;

    if (p->cached)
        store_keys(p, r.past, p->capacity, p->keys, p->values, w);
    else if (p->table)
        store_keys(p, 0, p->tokens, w->shared, NULL, w);
    cpu_barrier(w);
    for (int64_t i = cpu_ticket(w); i < items * r.chunks; i = cpu_ticket(w)) {
        struct item it = nth_item(&r, i / r.chunks);
        if (r.chunks > 1) {
            it.from = i % r.chunks * r.chunk;
            it.to = it.from + r.chunk < r.total ? it.from + r.chunk : r.total;
        }
        run_item(&r, &it, &st);
        if (r.chunks > 1)
            save_partial(&r, i, &st);
        else
            store_result(&r, &it, &st);
    }
    if (r.chunks == 1)
        return;
    cpu_barrier(w);
    for (int64_t i = cpu_ticket(w); i < items; i = cpu_ticket(w)) {
        const struct item it = nth_item(&r, i);
        merge_partials(&r, i, &st);
        store_result(&r, &it, &st);
    }
}
