/* kernels/gemv.c: products of at most GEMV_TOKENS tokens: every weight is read once, so what counts
 * is how fast memory delivers.
 *
 * A core gets more from memory with two streams than with one, and with lines asked for a kibibyte
 * ahead: each worker reads the rows of its share's two halves side by side (a gated product: the
 * gate's and the up-projection's). */
#include "device/cpu/kernels/tier.h"
#include "device/cpu/kernels/vmath.h"

enum {
    RUN_ROWS = 256, /* rows whose raw sums are kept until they are finished as vectors */
    AHEAD = 1024,   /* bytes */
    LINE = 64,
    COLUMN_BLOCK = 4096 /* transposed: sums of a block stay in the first-level cache */
};

/* ---- row-major weights ----------------------------------------------------------------------- */

/* Two rows of weights and the sums of their products with `tokens` activations. */
struct row_pair {
    const void *row[2];
    float *sum[2]; /* [token * RUN_ROWS] */
};

ALWAYS_INLINE void prefetch_ahead(const void *data, int64_t offset, int bytes)
{
    UNROLL
    for (int i = 0; i < bytes; i += LINE)
        __builtin_prefetch((const char *)data + offset + AHEAD + i, 0, 3);
}

/* tokens, dtype: constants where it is called. */
ALWAYS_INLINE void pair_product(const struct row_pair *rows, const float *x, int64_t x_stride,
                                int64_t k, const int tokens, const int32_t dtype)
{
    /* Enough chains to hide an addition's latency; with many tokens they are chains themselves. */
    enum { MOST_CHAINS = 4 };
    const int chains = tokens == 1 ? 4 : tokens == 2 ? 2 : 1;
    const int element = dtype == CORBEL_F32 ? 4 : 2;
    vec sum[2][GEMV_TOKENS][MOST_CHAINS];
    int64_t i = 0;

    UNROLL
    for (int t = 0; t < tokens; t++)
        UNROLL
    for (int c = 0; c < chains; c++)
        sum[0][t][c] = sum[1][t][c] = splat(0.0f);
    for (; i + chains * LANES <= k; i += chains * LANES) {
        prefetch_ahead(rows->row[0], i * element, chains * LANES * element);
        prefetch_ahead(rows->row[1], i * element, chains * LANES * element);
        UNROLL
        for (int c = 0; c < chains; c++) {
            const int64_t at = i + c * LANES;
            const vec a = weight_vec(rows->row[0], dtype, at);
            const vec b = weight_vec(rows->row[1], dtype, at);
            UNROLL
            for (int t = 0; t < tokens; t++) {
                const vec xv = load(x + t * x_stride + at);
                sum[0][t][c] += a * xv;
                sum[1][t][c] += b * xv;
            }
        }
    }
    for (int t = 0; t < tokens; t++) {
        float tail[2] = {0.0f, 0.0f};
        for (int64_t j = i; j < k; j++) {
            tail[0] += weight_at(rows->row[0], dtype, j) * x[t * x_stride + j];
            tail[1] += weight_at(rows->row[1], dtype, j) * x[t * x_stride + j];
        }
        for (int r = 0; r < 2; r++) {
            for (int c = 1; c < chains; c++)
                sum[r][t][0] += sum[r][t][c];
            rows->sum[r][t * RUN_ROWS] = sum_lanes(sum[r][t][0]) + tail[r];
        }
    }
}

ALWAYS_INLINE void pair_product_of(const struct row_pair *rows, const float *x, int64_t x_stride,
                                   int64_t k, int64_t tokens, const int32_t dtype)
{
    switch (tokens) {
    case 1: pair_product(rows, x, x_stride, k, 1, dtype); break;
    case 2: pair_product(rows, x, x_stride, k, 2, dtype); break;
    case 3: pair_product(rows, x, x_stride, k, 3, dtype); break;
    case 4: pair_product(rows, x, x_stride, k, 4, dtype); break;
    case 5: pair_product(rows, x, x_stride, k, 5, dtype); break;
    case 6: pair_product(rows, x, x_stride, k, 6, dtype); break;
    case 7: pair_product(rows, x, x_stride, k, 7, dtype); break;
    default: pair_product(rows, x, x_stride, k, 8, dtype); break;
    }
}

static void multiply_pair(const struct linear_params *p, const struct row_pair *rows, int32_t dtype)
{
    switch (dtype) {
    case CORBEL_BF16: pair_product_of(rows, p->x, p->x_stride, p->k, p->m, CORBEL_BF16); break;
    case CORBEL_F16: pair_product_of(rows, p->x, p->x_stride, p->k, p->m, CORBEL_F16); break;
    default: pair_product_of(rows, p->x, p->x_stride, p->k, p->m, CORBEL_F32); break;
    }
}

/* A run of rows of one weight. */
struct run {
    uint32_t weight;
    int64_t row, rows;
};

/* The rows of all weights are numbered through; the run from `at` on, within one weight. */
static struct run find_run(const struct linear_params *p, int64_t at, int64_t most)
{
    struct run r = {.row = at};

    while (r.weight + 1 < p->n_weights && r.row >= p->weight[r.weight].rows)
        r.row -= p->weight[r.weight++].rows;
    r.rows = p->weight[r.weight].rows - r.row;
    if (r.rows > most)
        r.rows = most;
    if (r.rows > RUN_ROWS)
        r.rows = RUN_ROWS;
    return r;
}

static const void *row_of(const struct cpu_weight *w, int64_t row)
{
    return (const char *)w->data + row * w->row_stride * (w->dtype == CORBEL_F32 ? 4 : 2);
}

/* Raw sums of `n` rows from both runs. b may be shorter by one row, or empty. */
static void multiply_runs(const struct linear_params *p, const struct run *a, const struct run *b,
                          float *sums)
{
    const struct cpu_weight *wa = &p->weight[a->weight], *wb = &p->weight[b->weight];
    float *sums_b = sums + GEMV_TOKENS * RUN_ROWS;

    for (int64_t i = 0; i < a->rows || i < b->rows; i++) {
        struct row_pair rows = {
            .row = {row_of(wa, a->row + i), row_of(wb, b->row + i)},
            .sum = {sums + i, sums_b + i},
        };
        if (i < a->rows && i < b->rows && wa->dtype == wb->dtype) {
            multiply_pair(p, &rows, wa->dtype);
            continue;
        }
        if (i < a->rows) {
            struct row_pair twice = {{rows.row[0], rows.row[0]}, {sums + i, sums + i}};
            multiply_pair(p, &twice, wa->dtype);
        }
        if (i < b->rows) {
            struct row_pair twice = {{rows.row[1], rows.row[1]}, {sums_b + i, sums_b + i}};
            multiply_pair(p, &twice, wb->dtype);
        }
    }
}

/* y = f(sums + bias) [* (up + bias)] + residual for a run. sums: token t's at t * stride. */
static void finish_run(const struct linear_params *p, const struct run *r, const float *sums,
                       const float *up, int64_t stride)
{
    const struct cpu_weight *w = &p->weight[r->weight];

    for (int64_t t = 0; t < p->m; t++) {
        const int64_t at = t * w->rows + r->row;
        for (int64_t i = 0; i < r->rows; i += LANES) {
            const int64_t n = r->rows - i;
            vec v = load_first(sums + t * stride + i, n);
            if (w->bias)
                v += load_first(w->bias + r->row + i, n);
            if (p->function != FUNCTION_NONE)
                v = vfunction(p->function, v);
            if (up) {
                vec u = load_first(up + t * stride + i, n);
                if (p->weight[1].bias)
                    u += load_first(p->weight[1].bias + r->row + i, n);
                v *= u;
            }
            if (p->residual)
                v += load_first(p->residual + at + i, n);
            store_first(p->y[r->weight] + at + i, v, n);
        }
    }
}

static void run_rows(const struct linear_params *p, struct cpu_worker *w)
{
    float *sums = w->local;
    int64_t total = 0, from, to, half;

    for (uint32_t i = 0; i < p->n_weights; i++)
        total += p->weight[i].rows;
    cpu_share(w, total, 1, &from, &to);
    half = from + (to - from + 1) / 2;
    for (int64_t a = from, b = half, a_end = half; a < a_end || b < to;) {
        struct run ra = find_run(p, a, a_end - a), rb = find_run(p, b, to - b);
        const int64_t step = ra.rows < rb.rows || rb.rows == 0 ? ra.rows : rb.rows;
        if (ra.rows > 0 && ra.rows > step)
            ra.rows = step;
        if (rb.rows > step && step > 0)
            rb.rows = step;
        multiply_runs(p, &ra, &rb, sums);
        finish_run(p, &ra, sums, NULL, RUN_ROWS);
        finish_run(p, &rb, sums + GEMV_TOKENS * RUN_ROWS, NULL, RUN_ROWS);
        a += ra.rows;
        b += rb.rows;
    }
}

static void run_gated(const struct linear_params *p, struct cpu_worker *w)
{
    float *sums = w->local;
    int64_t from, to;

    cpu_share(w, p->weight[0].rows, 1, &from, &to);
    while (from < to) {
        const int64_t rows = to - from < RUN_ROWS ? to - from : RUN_ROWS;
        const struct run gate = {0, from, rows}, up = {1, from, rows};
        multiply_runs(p, &gate, &up, sums);
        finish_run(p, &gate, sums, sums + GEMV_TOKENS * RUN_ROWS, RUN_ROWS);
        from += rows;
    }
}

/* ---- transposed weights ---------------------------------------------------------------------- */

/* sums[n] += x[k + j] * w[k + j, n] for `depth` (at most 4) neighbouring k: as many streams. */
ALWAYS_INLINE void add_columns(const struct cpu_weight *w, const float *x, int64_t x_stride,
                               int64_t tokens, int64_t k, const int depth, int64_t n0, int64_t n,
                               float *sums, const int32_t dtype)
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        vec v[4];
        UNROLL
        for (int j = 0; j < depth; j++)
            v[j] = weight_vec(w->data, dtype, (k + j) * w->col_stride + n0 + i);
        for (int64_t t = 0; t < tokens; t++) {
            vec s = load(sums + t * COLUMN_BLOCK + i);
            UNROLL
            for (int j = 0; j < depth; j++)
                s += v[j] * splat(x[t * x_stride + k + j]);
            store(sums + t * COLUMN_BLOCK + i, s);
        }
    }
    for (; i < n; i++)
        for (int64_t t = 0; t < tokens; t++)
            for (int j = 0; j < depth; j++)
                sums[t * COLUMN_BLOCK + i] +=
                    weight_at(w->data, dtype, (k + j) * w->col_stride + n0 + i) *
                    x[t * x_stride + k + j];
}

ALWAYS_INLINE void sum_columns(const struct linear_params *p, const struct cpu_weight *w,
                               int64_t n0, int64_t n, float *sums, const int32_t dtype)
{
    int64_t k = 0;

    for (int64_t t = 0; t < p->m; t++)
        memset(sums + t * COLUMN_BLOCK, 0, (size_t)n * sizeof(float));
    for (; k + 4 <= p->k; k += 4)
        add_columns(w, p->x, p->x_stride, p->m, k, 4, n0, n, sums, dtype);
    for (; k < p->k; k++)
        add_columns(w, p->x, p->x_stride, p->m, k, 1, n0, n, sums, dtype);
}

static void columns_of(const struct linear_params *p, uint32_t i, int64_t n0, int64_t n,
                       float *sums)
{
    const struct cpu_weight *w = &p->weight[i];

    switch (w->dtype) {
    case CORBEL_BF16: sum_columns(p, w, n0, n, sums, CORBEL_BF16); break;
    case CORBEL_F16: sum_columns(p, w, n0, n, sums, CORBEL_F16); break;
    default: sum_columns(p, w, n0, n, sums, CORBEL_F32); break;
    }
}

static void run_columns(const struct linear_params *p, struct cpu_worker *w)
{
    float *sums = w->local, *up = sums + GEMV_TOKENS * COLUMN_BLOCK;

    for (uint32_t i = 0; i < (p->gated ? 1 : p->n_weights); i++) {
        int64_t from, to;
        cpu_share(w, p->weight[i].rows, LANES, &from, &to);
        for (; from < to; from += COLUMN_BLOCK) {
            const int64_t n = to - from < COLUMN_BLOCK ? to - from : COLUMN_BLOCK;
            const struct run r = {i, from, n};
            columns_of(p, i, from, n, sums);
            if (p->gated)
                columns_of(p, 1, from, n, up);
            finish_run(p, &r, sums, p->gated ? up : NULL, COLUMN_BLOCK);
        }
    }
}

void TIER(gemv)(const struct linear_params *p, struct cpu_worker *w)
{
    if (p->weight[0].col_stride != 1)
        run_columns(p, w);
    else if (p->gated)
        run_gated(p, w);
    else
        run_rows(p, w);
}
