/* kernels/gemm_amx.c: products of many tokens on the matrix unit.
 *
 * The unit multiplies bfloat16 and sums in float32. A float32 is the sum of three bfloat16 terms
 * of 8 bits each, and the product of two bfloat16 is exact in float32. So a float32 product is made
 * of a few bfloat16 products: activations are split into three terms, float32 weights too, float16
 * weights into two, and bfloat16 weights are one term as they lie. Term i of the activations times
 * term j of the weights is 2^-8(i+j) of the whole; from 2^-24 on products are left out, as float32
 * itself would. PRECISION_REDUCED takes the first term of the activations only.
 *
 * A weight tile is 16 rows of 32 k: row-major weights are the left operand as they lie. An
 * activation tile is 16 pairs of k by 16 tokens. Both are copied into panels of whole tiles: at
 * the strides of a weight file all rows of a tile fall into one set of the first-level cache.
 *
 * Packed activations  [block of 32 tokens][k / 32][term][2 tiles]
 * Packed weights      [group of 32 rows][k / 32][term][2 tiles] */
#include "device/cpu/kernels/tier.h"

#include <immintrin.h>

enum {
    TILE_ROWS = 16,
    TILE_K = 32,
    TILE_HALVES = 512, /* bfloat16 elements of a tile: 1 KiB */
    TOKENS = 32,
    ROWS = 32,
    TERMS = 3 /* at most: 3 * 8 bits are a float32's */
};

/* One palette for all: 8 tiles of 16 rows of 64 bytes. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static void configure_tiles(void)
{
    struct tile_config config = {.palette = 1};

    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = TILE_ROWS;
    }
    /* GCC 12 declares only 8 of the 64 bytes as read: without the barrier the stores above may
     * come after the load. */
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
}

/* ---- splitting ------------------------------------------------------------------------------- */

/* The lanes as bfloat16 in the low halves of 32 bits. */
static inline __m512i round_bf16(__m512 v)
{
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(v));
}

static inline __m512 widen(__m512i bf16)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(bf16, 16));
}

/* Pairs (even, odd) of each lane: first terms into out[0], those of what is left into out[1], ...
 */
static inline void split_pairs(__m512 even, __m512 odd, int64_t terms, __m512i out[TERMS])
{
    for (int64_t t = 0; t < terms; t++) {
        const __m512i e = round_bf16(even), o = round_bf16(odd);
        out[t] = _mm512_or_si512(e, _mm512_slli_epi32(o, 16));
        even = _mm512_sub_ps(even, widen(e));
        odd = _mm512_sub_ps(odd, widen(o));
    }
}

/* ---- activations ----------------------------------------------------------------------------- */

static int64_t steps_of(const struct linear_params *p)
{
    return (p->k + TILE_K - 1) / TILE_K;
}

void TIER(gemm_pack)(const struct linear_params *p, int64_t m0, int64_t tokens,
                     struct cpu_worker *w)
{
    const int64_t steps = steps_of(p), terms = p->x_terms;
    const int64_t blocks = (tokens + TOKENS - 1) / TOKENS;
    uint16_t *packed = w->shared;
    int64_t from, to;

    cpu_share(w, blocks * steps, 1, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const int64_t m = i / steps * TOKENS, k = i % steps * TILE_K;
        uint16_t *out = packed + i * terms * 2 * TILE_HALVES;
        for (int64_t half = 0; half < 2; half++) {
            vec v[2 * LANES];
            TIER(gemm_columns)(p, m0 + m + half * LANES, m0 + tokens, k, v);
            TIER(gemm_columns)(p, m0 + m + half * LANES, m0 + tokens, k + LANES, v + LANES);
            for (int64_t pair = 0; pair < LANES; pair++) {
                __m512i term[TERMS];
                split_pairs((__m512)v[2 * pair], (__m512)v[2 * pair + 1], terms, term);
                for (int64_t t = 0; t < terms; t++)
                    _mm512_storeu_si512(out + (t * 2 + half) * TILE_HALVES + pair * TILE_K,
                                        term[t]);
            }
        }
    }
}

/* ---- weights --------------------------------------------------------------------------------- */

static int64_t weight_terms(const struct cpu_weight *w)
{
    return w->dtype == CORBEL_BF16 ? 1 : w->dtype == CORBEL_F16 ? 2 : TERMS;
}

/* Steps of a panel (of 32 k). A block's tokens should stay in the first-level cache while all
 * groups of rows pass by, and sums should be loaded and stored seldom; the best compromise is
 * measured. */
static int64_t panel_steps(const struct linear_params *p, const struct cpu_weight *w)
{
    if (weight_terms(w) > 1)
        return 16;
    return p->x_terms == 1 ? 8 : 4;
}

/* bfloat16 rows as they lie, for a tile that is all inside. */
static void copy_tile(const struct cpu_weight *w, int64_t n, int64_t k, uint16_t *out)
{
    const char *data = (const char *)w->data + (n * w->row_stride + k) * 2;

    for (int r = 0; r < TILE_ROWS; r++)
        _mm512_store_si512(out + r * TILE_K,
                           _mm512_loadu_si512(data + (int64_t)r * w->row_stride * 2));
}

static void split_tile(const struct cpu_weight *w, int64_t n, int64_t n_end, int64_t k,
                       int64_t terms, uint16_t *out)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    vec low[LANES], high[LANES];

    TIER(gemm_weights)(w, n, n_end, k, low);
    if (k + LANES < w->cols)
        TIER(gemm_weights)(w, n, n_end, k + LANES, high);
    else
        memset(high, 0, sizeof high);
    for (int r = 0; r < TILE_ROWS; r++) {
        const __m512 a = (__m512)low[r], b = (__m512)high[r];
        __m512i term[TERMS];
        split_pairs(_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b), terms,
                    term);
        for (int64_t t = 0; t < terms; t++)
            _mm512_store_si512(out + t * 2 * TILE_HALVES + r * TILE_K, term[t]);
    }
}

/* Rows [n, n_end) below n + 32 and `steps` steps from k on. */
static void pack_weights(const struct cpu_weight *w, int64_t n, int64_t n_end, int64_t k,
                         int64_t steps, uint16_t *out)
{
    const int64_t terms = weight_terms(w);

    for (int64_t half = 0; half < 2; half++) {
        const int64_t row = n + half * TILE_ROWS;
        uint16_t *tile = out + half * TILE_HALVES;
        if (row >= n_end)
            break;
        for (int64_t s = 0; s < steps; s++, tile += terms * 2 * TILE_HALVES) {
            const int64_t at = k + s * TILE_K;
            if (w->dtype == CORBEL_BF16 && w->col_stride == 1 && row + TILE_ROWS <= n_end &&
                at + TILE_K <= w->cols)
                copy_tile(w, row, at, tile);
            else
                split_tile(w, row, n_end, at, terms, tile);
        }
    }
}

/* ---- the product ----------------------------------------------------------------------------- */

/* The tiles; literals, for GCC pastes them into the names of registers. Sums: row half, token half.
 */
#define SUM00 0
#define SUM01 1
#define SUM10 2
#define SUM11 3
#define W0    4
#define W1    5
#define X0    6
#define X1    7

static inline void load_sums(const float *c, int64_t stride, bool rows2, bool tokens2)
{
    const size_t bytes = (size_t)stride * sizeof(float);

    _tile_loadd(SUM00, c, bytes);
    if (tokens2)
        _tile_loadd(SUM01, c + TILE_ROWS, bytes);
    if (rows2)
        _tile_loadd(SUM10, c + TILE_ROWS * stride, bytes);
    if (rows2 && tokens2)
        _tile_loadd(SUM11, c + TILE_ROWS * stride + TILE_ROWS, bytes);
}

static inline void clear_sums(void)
{
    _tile_zero(SUM00);
    _tile_zero(SUM01);
    _tile_zero(SUM10);
    _tile_zero(SUM11);
}

static inline void store_sums(float *c, int64_t stride, bool rows2, bool tokens2)
{
    const size_t bytes = (size_t)stride * sizeof(float);

    _tile_stored(SUM00, c, bytes);
    if (tokens2)
        _tile_stored(SUM01, c + TILE_ROWS, bytes);
    if (rows2)
        _tile_stored(SUM10, c + TILE_ROWS * stride, bytes);
    if (rows2 && tokens2)
        _tile_stored(SUM11, c + TILE_ROWS * stride + TILE_ROWS, bytes);
}

static inline void load_weights(const uint16_t *w, bool rows2)
{
    _tile_loadd(W0, w, 64);
    if (rows2)
        _tile_loadd(W1, w + TILE_HALVES, 64);
}

static inline void multiply(const uint16_t *x, bool rows2, bool tokens2)
{
    _tile_loadd(X0, x, 64);
    _tile_dpbf16ps(SUM00, W0, X0);
    if (rows2)
        _tile_dpbf16ps(SUM10, W1, X0);
    if (tokens2) {
        _tile_loadd(X1, x + TILE_HALVES, 64);
        _tile_dpbf16ps(SUM01, W0, X1);
        if (rows2)
            _tile_dpbf16ps(SUM11, W1, X1);
    }
}

/* What will be wanted next: asked for in passing, a few lines each step, because neither the next
 * tokens' tiles (third-level cache), nor the next panel of the weights (memory), nor the next sums
 * (second-level cache, to be written) are near enough. Without it half of the time goes there. */
struct ahead {
    float *sums;
    int64_t sums_stride, sum_rows; /* sum_rows: each step */
    const char *tokens;
    int64_t token_lines; /* each step */
    const char *rows;
    int64_t n_rows, row_stride, row_bytes; /* row_bytes: of a step */
};

enum { LINE = 64 };

static inline void ask_ahead(const struct ahead *a, int64_t step)
{
    const char *tokens = a->tokens + step * a->token_lines * LINE;
    const char *row = a->rows + step * a->row_bytes;
    const float *sums = a->sums + step * a->sum_rows * a->sums_stride;

    for (int64_t i = 0; i < a->sum_rows; i++) {
        __builtin_prefetch(sums + i * a->sums_stride, 1, 3);
        __builtin_prefetch(sums + i * a->sums_stride + TILE_ROWS, 1, 3);
    }
    for (int64_t i = 0; i < a->token_lines; i++)
        __builtin_prefetch(tokens + i * LINE, 0, 2);
    for (int64_t i = 0; i < a->n_rows; i++, row += a->row_stride)
        for (int64_t at = 0; at < a->row_bytes; at += LINE)
            __builtin_prefetch(row + at, 0, 2);
}

/* 32 x 32 sums over `steps`; constants for the compiler: terms and which halves there are. */
ALWAYS_INLINE void tiles(const uint16_t *x, const uint16_t *w, int64_t steps, int x_terms,
                         int w_terms, bool rows2, bool tokens2, float *c, int64_t stride,
                         bool accumulate, const struct ahead *ahead)
{
    if (accumulate)
        load_sums(c, stride, rows2, tokens2);
    else
        clear_sums();
    for (int64_t s = 0; s < steps; s++) {
        ask_ahead(ahead, s);
        UNROLL
        for (int j = w_terms - 1; j >= 0; j--) { /* the smallest products first */
            load_weights(w + j * 2 * TILE_HALVES, rows2);
            UNROLL
            for (int i = TERMS - 1; i >= 0; i--)
                if (i < x_terms && i + j < TERMS)
                    multiply(x + i * 2 * TILE_HALVES, rows2, tokens2);
        }
        x += (int64_t)x_terms * 2 * TILE_HALVES;
        w += (int64_t)w_terms * 2 * TILE_HALVES;
    }
    store_sums(c, stride, rows2, tokens2);
}

ALWAYS_INLINE void tiles_of(const uint16_t *x, const uint16_t *w, int64_t steps, int x_terms,
                            int w_terms, bool rows2, bool tokens2, float *c, int64_t stride,
                            bool accumulate, const struct ahead *ahead)
{
    if (rows2 && tokens2)
        tiles(x, w, steps, x_terms, w_terms, true, true, c, stride, accumulate, ahead);
    else if (rows2)
        tiles(x, w, steps, x_terms, w_terms, true, false, c, stride, accumulate, ahead);
    else if (tokens2)
        tiles(x, w, steps, x_terms, w_terms, false, true, c, stride, accumulate, ahead);
    else
        tiles(x, w, steps, x_terms, w_terms, false, false, c, stride, accumulate, ahead);
}

/* One panel of weights, packed, with all tokens. */
struct panel {
    const struct linear_params *p;
    const struct cpu_weight *weight;
    const uint16_t *x, *w; /* x: from the panel's first step on */
    int64_t n0, rows, tokens, step, steps,
        all_steps; /* all_steps: from one token block to the next */
    float *c;
    int64_t c_stride;
};

/* Call i of n shares of what the next token block and the next panel will read. */
static struct ahead look_ahead(const struct panel *b, const uint16_t *next_x, int64_t group,
                               int64_t groups, int64_t call, int64_t calls)
{
    const struct cpu_weight *w = b->weight;
    const int64_t element = w->dtype == CORBEL_F32 ? 4 : 2;
    const int64_t lines = 2 * TILE_HALVES * 2 / LINE * (int64_t)b->p->x_terms;
    const int64_t first = b->rows * call / calls, last = b->rows * (call + 1) / calls;
    const int64_t next_row = group + 1 < groups ? (group + 1) * ROWS : 0;
    const int64_t next_m = (call / groups + (group + 1 == groups)) * TOKENS;
    struct ahead a = {.token_lines = (lines + groups - 1) / groups,
                      .sums = b->c + next_row * b->c_stride + next_m,
                      .sums_stride = b->c_stride,
                      .sum_rows = (ROWS + b->steps - 1) / b->steps};

    a.tokens = (const char *)next_x + group * a.token_lines * LINE * b->steps;
    if (b->step + b->steps < b->all_steps && w->col_stride == 1) {
        a.rows = (const char *)w->data +
                 ((b->n0 + first) * w->row_stride + (b->step + b->steps) * TILE_K) * element;
        a.n_rows = last - first;
        a.row_stride = w->row_stride * element;
        a.row_bytes = TILE_K * element;
    }
    return a;
}

static void multiply_panel(const struct panel *b)
{
    const int x_terms = (int)b->p->x_terms, w_terms = (int)weight_terms(b->weight);
    const int64_t groups = (b->rows + ROWS - 1) / ROWS, blocks = (b->tokens + TOKENS - 1) / TOKENS;
    const int64_t x_block = b->all_steps * x_terms * 2 * TILE_HALVES;
    const int64_t x_panel = b->steps * x_terms * 2 * TILE_HALVES;
    const int64_t w_group = b->steps * w_terms * 2 * TILE_HALVES;

    for (int64_t m = 0; m < blocks; m++) {
        const uint16_t *x = b->x + m * x_block;
        const uint16_t *next_x = m + 1 < blocks ? x + x_block : b->x + x_panel;
        const bool tokens2 = b->tokens - m * TOKENS > TILE_ROWS;
        for (int64_t g = 0; g < groups; g++) {
            const bool rows2 = b->rows - g * ROWS > TILE_ROWS, more = b->step > 0;
            const uint16_t *w = b->w + g * w_group;
            const struct ahead a =
                look_ahead(b, next_x, g, groups, m * groups + g, blocks * groups);
            float *c = b->c + g * ROWS * b->c_stride + m * TOKENS;
            if (x_terms == 1)
                tiles_of(x, w, b->steps, 1, 1, rows2, tokens2, c, b->c_stride, more, &a);
            else if (w_terms == 1)
                tiles_of(x, w, b->steps, TERMS, 1, rows2, tokens2, c, b->c_stride, more, &a);
            else if (w_terms == 2)
                tiles_of(x, w, b->steps, TERMS, 2, rows2, tokens2, c, b->c_stride, more, &a);
            else
                tiles_of(x, w, b->steps, TERMS, 3, rows2, tokens2, c, b->c_stride, more, &a);
        }
    }
}

void TIER(gemm_block)(const struct linear_params *p, const struct cpu_weight *weight, int64_t n0,
                      int64_t rows, int64_t tokens, const void *packed, float *c, int64_t c_stride,
                      void *panel)
{
    struct panel b = {.p = p,
                      .weight = weight,
                      .w = panel,
                      .n0 = n0,
                      .rows = rows,
                      .tokens = tokens,
                      .all_steps = steps_of(p),
                      .c = c,
                      .c_stride = c_stride};

    const int64_t most = panel_steps(p, weight);

    configure_tiles();
    for (b.step = 0; b.step < b.all_steps; b.step += b.steps) {
        uint16_t *w = panel;
        b.steps = b.all_steps - b.step < most ? b.all_steps - b.step : most;
        b.x = (const uint16_t *)packed + b.step * (int64_t)p->x_terms * 2 * TILE_HALVES;
        for (int64_t n = 0; n < rows;
             n += ROWS, w += b.steps * weight_terms(weight) * 2 * TILE_HALVES)
            pack_weights(weight, n0 + n, n0 + rows, b.step * TILE_K, b.steps, w);
        multiply_panel(&b);
    }
    _tile_release();
}
