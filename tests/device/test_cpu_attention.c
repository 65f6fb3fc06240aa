/* Attention on the CPU, on every tier of this machine, against softmax in double: with and without
 * a cache, windows, soft caps, masks, groups of heads, rotation, and splits by keys. */
#include "cpu_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct attention_row {
    int batch, tokens, heads, kv_heads, dim, value_dim, capacity, past, window, rope;
    bool causal, mask, interleaved;
    double softcap, scale;
};

static const struct attention_row *current;

/* x[b, s, h, :] rotated, at index i. */
static double rotated(const struct cpu_case *c, uint32_t x, int64_t b, int64_t s, int64_t h,
                      int64_t i)
{
    const int64_t *shape = c->values[x].shape;
    const int64_t row = ((b * shape[1] + s) * shape[2] + h) * shape[3], r = current->rope;
    const int64_t half = r / 2;
    int64_t pair, other;
    double cosine, sine, sign;

    if (i >= r)
        return case_at(c, x, row + i);
    pair = current->interleaved ? i / 2 : i % half;
    other = current->interleaved ? (i ^ 1) : (i + half) % r;
    sign = (current->interleaved ? i % 2 == 0 : i < half) ? -1.0 : 1.0;
    cosine = case_at(c, c->op.in[4], ((b * shape[1] + s) * half + pair) * 2);
    sine = case_at(c, c->op.in[4], ((b * shape[1] + s) * half + pair) * 2 + 1);
    return case_at(c, x, row + i) * cosine + sign * case_at(c, x, row + other) * sine;
}

static double key_at(const struct cpu_case *c, int64_t b, int64_t j, int64_t kv, int64_t i)
{
    const struct attention_row *r = current;

    if (r->causal && j < r->past)
        return (double)((const float *)
                            c->key_cache)[((b * r->kv_heads + kv) * r->capacity + j) * r->dim + i];
    return rotated(c, c->op.in[1], b, r->causal ? j - r->past : j, kv, i);
}

static double value_at(const struct cpu_case *c, int64_t b, int64_t j, int64_t kv, int64_t i)
{
    const struct attention_row *r = current;
    const int64_t s = r->causal ? j - r->past : j;

    if (r->causal && j < r->past)
        return (
            double)((const float *)
                        c->value_cache)[((b * r->kv_heads + kv) * r->capacity + j) * r->value_dim +
                                        i];
    return case_at(c, c->op.in[2], ((b * r->tokens + s) * r->kv_heads + kv) * r->value_dim + i);
}

static double score(const struct cpu_case *c, int64_t b, int64_t s, int64_t h, int64_t j)
{
    const struct attention_row *r = current;
    const int64_t kv = h / (r->heads / r->kv_heads);
    double sum = 0.0;

    for (int64_t i = 0; i < r->dim; i++)
        sum += rotated(c, c->op.in[0], b, s, h, i) * key_at(c, b, j, kv, i);
    sum *= r->scale != 0.0 ? r->scale : 1.0 / sqrt(r->dim);
    return r->softcap > 0.0 ? r->softcap * tanh(sum / r->softcap) : sum;
}

static bool visible(const struct cpu_case *c, int64_t b, int64_t s, int64_t j)
{
    const struct attention_row *r = current;

    if (r->causal && j > r->past + s)
        return false;
    if (r->window && j <= r->past + s - r->window)
        return false;
    return !r->mask || case_at(c, c->op.in[3], b * r->capacity + j) != 0.0;
}

static void check_attention(struct cpu_case *c, const char *what)
{
    const struct attention_row *r = current;
    const int64_t total = r->causal ? r->past + r->tokens : r->tokens;
    double *weight = calloc((size_t)total, sizeof(*weight));

    assert_non_null(weight);
    for (int64_t row = 0; row < (int64_t)r->batch * r->tokens * r->heads; row++) {
        const int64_t h = row % r->heads, s = row / r->heads % r->tokens;
        const int64_t b = row / r->heads / r->tokens, kv = h / (r->heads / r->kv_heads);
        double most = -INFINITY, sum = 0.0;
        for (int64_t j = 0; j < total; j++) {
            weight[j] = visible(c, b, s, j) ? score(c, b, s, h, j) : -INFINITY;
            most = weight[j] > most ? weight[j] : most;
        }
        for (int64_t j = 0; j < total; j++)
            sum += weight[j] = isinf(weight[j]) ? 0.0 : exp(weight[j] - most);
        for (int64_t i = 0; i < r->value_dim; i++) {
            double want = 0.0;
            for (int64_t j = 0; j < total; j++)
                want += sum > 0.0 ? weight[j] / sum * value_at(c, b, j, kv, i) : 0.0;
            assert_close(case_at(c, c->op.out[0], row * r->value_dim + i), want, 1e-5, what,
                         row * r->value_dim + i);
        }
    }
    free(weight);
}

static float *random_floats(size_t n)
{
    float *f = aligned_alloc(64, (n * sizeof(*f) + 63) / 64 * 64);

    assert_non_null(f);
    for (size_t i = 0; i < n; i++)
        f[i] = (float)random_unit();
    return f;
}

static void add_inputs(struct cpu_case *c, const struct attention_row *r)
{
    case_in(c, CORBEL_F32, 0, 4, r->batch, r->tokens, r->heads, r->dim);
    case_in(c, CORBEL_F32, 0, 4, r->batch, r->tokens, r->kv_heads, r->dim);
    case_in(c, CORBEL_F32, 0, 4, r->batch, r->tokens, r->kv_heads, r->value_dim);
    for (int64_t i = 0; i < case_count(c, 1); i++)
        ((float *)c->data[1])[i] *= 3.0f;
    if (r->mask) {
        const uint32_t mask = case_in(c, CORBEL_I32, 0, 2, r->batch, r->capacity);
        /* Left padding in the first row; all masked in the last of several. */
        for (int64_t i = 0; i < case_count(c, mask); i++)
            ((int32_t *)c->data[mask])[i] =
                r->batch > 1 && i / r->capacity == r->batch - 1 ? 0 : i % r->capacity >= 3;
    } else {
        case_none(c);
    }
    if (r->rope)
        case_in(c, CORBEL_F32, 0, 4, r->batch, r->tokens, r->rope / 2, 2);
    case_out(c, CORBEL_F32, 4, r->batch, r->tokens, r->heads, r->value_dim);
}

static void run_row(const struct attention_row *r)
{
    struct cpu_case c;
    const size_t rows = (size_t)r->batch * (size_t)r->kv_heads * (size_t)r->capacity;

    current = r;
    case_init(&c, r->rope ? OP_ATTENTION_ROPE : OP_ATTENTION);
    add_inputs(&c, r);
    case_int(&c, ATTR_CAUSAL, r->causal);
    case_int(&c, ATTR_WINDOW, r->window);
    case_int(&c, ATTR_INTERLEAVED, r->interleaved);
    case_int(&c, ATTR_CACHE, r->causal ? 0 : -1);
    case_float(&c, ATTR_SOFTCAP, r->softcap);
    case_float(&c, ATTR_SCALE, r->scale);
    c.past = r->past;
    c.program.n_caches = 1;
    c.cache = (struct program_cache){.batch = r->batch,
                                     .n_heads = r->kv_heads,
                                     .capacity = r->capacity,
                                     .head_dim = r->dim,
                                     .value_dim = r->value_dim};
    c.key_cache = random_floats(rows * (size_t)r->dim);
    c.value_cache = random_floats(rows * (size_t)r->value_dim);
    case_each(&c, check_attention);
    free(c.key_cache);
    free(c.value_cache);
    case_finish(&c);
}

#define CAUSAL .causal = true

static void test_attention(void **state)
{
    static const struct attention_row rows[] = {
        /* one token, nothing before it */
        {1, 1, 1, 1, 1, 1, 1, .past = 0, CAUSAL},
        {1, 1, 4, 2, 8, 8, 10, .past = 3, CAUSAL},
        /* prompts: odd sizes, groups of heads */
        {1, 7, 3, 1, 17, 17, 7, .past = 0, CAUSAL},
        {1, 33, 4, 2, 64, 64, 64, .past = 0, CAUSAL},
        {2, 70, 6, 3, 20, 12, 80, .past = 5, CAUSAL},
        {1, 130, 2, 2, 32, 32, 256, .past = 100, CAUSAL},
        /* decoding over a long context: split by keys */
        {1, 1, 9, 3, 64, 64, 700, .past = 650, CAUSAL},
        {1, 3, 2, 1, 16, 16, 2600, .past = 2500, CAUSAL},
        /* windows, caps, scales, masks */
        {1, 40, 2, 1, 16, 16, 64, .past = 9, .window = 8, CAUSAL},
        {1, 1, 4, 4, 16, 16, 600, .past = 599, .window = 100, CAUSAL},
        {1, 20, 2, 2, 16, 16, 20, .softcap = 1.5, CAUSAL},
        {1, 20, 2, 2, 16, 16, 20, .scale = 0.5, CAUSAL},
        {3, 20, 2, 1, 16, 16, 30, .past = 6, .mask = true, CAUSAL},
        {2, 1, 2, 1, 16, 16, 500, .past = 400, .mask = true, CAUSAL},
        /* encoders */
        {2, 50, 3, 3, 24, 24, 50, .past = 0},
        {2, 50, 4, 2, 24, 24, 50, .mask = true},
        {1, 197, 2, 2, 64, 64, 197, .past = 0},
        /* rotation */
        {1, 9, 4, 2, 16, 16, 32, .past = 4, .rope = 16, CAUSAL},
        {2, 1, 4, 2, 16, 16, 32, .past = 20, .rope = 10, CAUSAL},
        {1, 35, 2, 2, 12, 12, 40, .rope = 12, .interleaved = true, CAUSAL},
        {2, 35, 4, 2, 12, 12, 35, .rope = 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run_row(&rows[i]);
}

/* ---- rope by itself -------------------------------------------------------------------------- */

static void check_rope(struct cpu_case *c, const char *what)
{
    const int64_t *shape = c->values[c->op.in[0]].shape;

    c->op.in[4] = c->op.in[1]; /* where rotated() looks for the table */
    for (int64_t i = 0; i < case_count(c, c->op.out[0]); i++)
        assert_close(case_at(c, c->op.out[0], i),
                     rotated(c, c->op.in[0], i / shape[3] / shape[2] / shape[1],
                             i / shape[3] / shape[2] % shape[1], i / shape[3] % shape[2],
                             i % shape[3]),
                     1e-6, what, i);
}

static void test_rope(void **state)
{
    static const struct attention_row rows[] = {
        {2, 5, 3, 3, 16, .rope = 16},
        {1, 4, 2, 2, 20, .rope = 8},
        {1, 4, 2, 2, 20, .rope = 8, .interleaved = true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct attention_row *r = current = &rows[i];
        struct cpu_case c;
        case_init(&c, OP_ROPE);
        case_in(&c, CORBEL_F32, 0, 4, r->batch, r->tokens, r->heads, r->dim);
        case_in(&c, CORBEL_F32, 0, 4, r->batch, r->tokens, r->rope / 2, 2);
        case_out(&c, CORBEL_F32, 4, r->batch, r->tokens, r->heads, r->dim);
        case_int(&c, ATTR_INTERLEAVED, r->interleaved);
        case_each(&c, check_rope);
        case_finish(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_rope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
