/* Products on the CPU: linear in its forms, matmul, convolution, on every tier of this machine,
 * against sums in double. */
#include "cpu_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double function_of(int64_t f, double x)
{
    switch (f) {
    case FUNCTION_SILU: return x / (1.0 + exp(-x));
    case FUNCTION_GELU: return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
    case FUNCTION_GELU_TANH:
        return 0.5 * x * (1.0 + tanh(sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case FUNCTION_RELU: return x > 0.0 ? x : 0.0;
    default: return x;
    }
}

/* ---- linear ---------------------------------------------------------------------------------- */

struct linear_row {
    int m, k, n;
    int32_t dtype;
    size_t shift; /* bytes of misalignment of the weight */
    bool transposed, bias, residual, fused;
    int function;
};

/* Sum of products and of their magnitudes, by which rounding is judged. */
static double product(const struct cpu_case *c, uint32_t x, uint32_t w, uint32_t b, bool transposed,
                      int64_t m, int64_t n, double *size)
{
    const struct program_value *v = &c->values[w];
    const int64_t rows = v->shape[transposed ? 1 : 0], k = v->shape[transposed ? 0 : 1];
    double sum = b ? case_at(c, b, n) : 0.0, squares = sum * sum;

    for (int64_t i = 0; i < k; i++) {
        const double term =
            case_at(c, x, m * k + i) * case_at(c, w, transposed ? i * rows + n : n * k + i);
        sum += term;
        squares += term * term;
    }
    *size = sqrt(squares);
    return sum;
}

/* The error of a product of one bfloat16 term less: 2^-18 of each factor; float32 sums besides. */
static double tolerance_of(const struct cpu_case *c, double size)
{
    return (c->precision == PRECISION_REDUCED ? 0x1p-7 : 3e-5) * (size > 1.0 ? size : 1.0);
}

static void check_linear(struct cpu_case *c, const char *what)
{
    const struct program_op *op = &c->op;
    const uint32_t y = op->out[0];
    const bool transposed = program_op_int(op, ATTR_TRANSPOSED, 0);
    const int64_t f = program_op_int(op, ATTR_FUNCTION, FUNCTION_NONE);
    const int64_t rows = c->values[y].shape[c->values[y].rank - 1];

    for (int64_t i = 0; i < case_count(c, y); i++) {
        double size, want = product(c, op->in[0], op->in[1], op->n_in > 2 ? op->in[2] : 0,
                                    transposed, i / rows, i % rows, &size);
        want = function_of(f, want);
        if (op->n_in > 3 && op->in[3])
            want += case_at(c, op->in[3], i);
        if (!(fabs(case_at(c, y, i) - want) <= tolerance_of(c, size)))
            fail_msg("%s: m %d k %d n %d dtype %d: [%d] is %.9g, expected %.9g", what,
                     (int)c->values[y].shape[0], (int)c->values[op->in[0]].shape[1], (int)rows,
                     c->values[op->in[1]].dtype, (int)i, case_at(c, y, i), want);
    }
}

static void run_linear(const struct linear_row *r, enum device_precision precision)
{
    struct cpu_case c;

    case_init(&c, r->fused ? OP_LINEAR_FUSED : OP_LINEAR);
    c.precision = precision;
    case_in(&c, CORBEL_F32, 0, 2, r->m, r->k);
    if (r->transposed)
        case_in(&c, r->dtype, r->shift, 2, r->k, r->n);
    else
        case_in(&c, r->dtype, r->shift, 2, r->n, r->k);
    if (r->bias)
        case_in(&c, r->dtype, r->shift, 1, r->n);
    else if (r->fused)
        case_none(&c);
    if (r->fused && r->residual)
        case_in(&c, CORBEL_F32, 0, 2, r->m, r->n);
    else if (r->fused)
        case_none(&c);
    case_out(&c, CORBEL_F32, 2, r->m, r->n);
    if (r->transposed)
        case_int(&c, ATTR_TRANSPOSED, 1);
    if (r->fused)
        case_int(&c, ATTR_FUNCTION, r->function);
    case_each(&c, check_linear);
    case_finish(&c);
}

static void test_linear_of_odd_sizes(void **state)
{
    static const int sizes[][3] = {
        {1, 1, 1},     {1, 7, 3},     {1, 64, 17},    {2, 33, 5},   {3, 100, 31},  {4, 128, 50},
        {5, 31, 33},   {6, 65, 20},   {7, 16, 16},    {8, 257, 40}, {9, 40, 40},   {15, 63, 47},
        {16, 32, 48},  {17, 95, 193}, {31, 513, 100}, {32, 64, 32}, {33, 300, 13}, {65, 520, 70},
        {1, 300, 600}, {3, 32, 530},  {600, 40, 24},
    };
    static const int32_t dtypes[] = {CORBEL_F32, CORBEL_F16, CORBEL_BF16};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t d = 0; d < 3; d++)
            for (int transposed = 0; transposed < 2; transposed++) {
                const struct linear_row r = {.m = sizes[i][0],
                                             .k = sizes[i][1],
                                             .n = sizes[i][2],
                                             .dtype = dtypes[d],
                                             .shift = dtypes[d] == CORBEL_F32 ? 4 : 2,
                                             .transposed = transposed,
                                             .bias = i % 2};
                run_linear(&r, PRECISION_EXACT);
            }
}

static void test_a_weight_at_an_odd_address(void **state)
{
    static const int32_t dtypes[] = {CORBEL_F32, CORBEL_F16, CORBEL_BF16};

    (void)state;
    for (size_t d = 0; d < 3; d++)
        for (int m = 1; m < 40; m += 18) {
            const struct linear_row r = {
                .m = m, .k = 70, .n = 45, .dtype = dtypes[d], .shift = 1, .bias = true};
            run_linear(&r, PRECISION_EXACT);
        }
}

static void test_fused_functions_and_residual(void **state)
{
    static const int functions[] = {FUNCTION_NONE, FUNCTION_SILU, FUNCTION_GELU, FUNCTION_GELU_TANH,
                                    FUNCTION_RELU};

    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++)
        for (int m = 1; m < 60; m += 19) {
            const struct linear_row r = {.m = m,
                                         .k = 90,
                                         .n = 51,
                                         .dtype = f % 2 ? CORBEL_BF16 : CORBEL_F32,
                                         .bias = f % 3 != 0,
                                         .residual = f % 2 == 0,
                                         .fused = true,
                                         .function = functions[f]};
            run_linear(&r, PRECISION_EXACT);
        }
}

static void test_reduced_precision_rounds_activations(void **state)
{
    const struct linear_row r = {.m = 40, .k = 100, .n = 60, .dtype = CORBEL_BF16};

    (void)state;
    run_linear(&r, PRECISION_REDUCED);
}

/* ---- gated and multi ------------------------------------------------------------------------- */

static void check_gated(struct cpu_case *c, const char *what)
{
    const struct program_op *op = &c->op;
    const uint32_t y = op->out[0];
    const int64_t rows = c->values[y].shape[1];

    for (int64_t i = 0; i < case_count(c, y); i++) {
        double a, b;
        const double gate =
            product(c, op->in[0], op->in[1], op->in[3], false, i / rows, i % rows, &a);
        const double up =
            product(c, op->in[0], op->in[2], op->in[4], false, i / rows, i % rows, &b);
        assert_close(case_at(c, y, i), function_of(program_op_int(op, ATTR_FUNCTION, 0), gate) * up,
                     tolerance_of(c, a) * (1.0 + b), what, i);
    }
}

static void test_gated(void **state)
{
    static const int sizes[][3] = {
        {1, 64, 40}, {2, 31, 600}, {8, 100, 33}, {9, 65, 97}, {40, 96, 200}};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int m = sizes[i][0], k = sizes[i][1], n = sizes[i][2];
        struct cpu_case c;
        case_init(&c, OP_LINEAR_GATED);
        case_in(&c, CORBEL_F32, 0, 2, m, k);
        case_in(&c, CORBEL_BF16, 2, 2, n, k);
        case_in(&c, CORBEL_BF16, 2, 2, n, k);
        if (i % 2) {
            case_in(&c, CORBEL_BF16, 0, 1, n);
            case_in(&c, CORBEL_F32, 0, 1, n);
        } else {
            case_none(&c);
            case_none(&c);
        }
        case_out(&c, CORBEL_F32, 2, m, n);
        case_int(&c, ATTR_FUNCTION, FUNCTION_SILU);
        case_each(&c, check_gated);
        case_finish(&c);
    }
}

static void check_multi(struct cpu_case *c, const char *what)
{
    const struct program_op *op = &c->op;

    for (uint32_t part = 0; part < op->n_out; part++) {
        const uint32_t y = op->out[part];
        const int64_t rows = c->values[y].shape[1];
        for (int64_t i = 0; i < case_count(c, y); i++) {
            double size;
            const double want = product(c, op->in[0], op->in[1 + part], op->in[4 + part], false,
                                        i / rows, i % rows, &size);
            assert_close(case_at(c, y, i), want, tolerance_of(c, size), what, i);
        }
    }
}

static void test_multi(void **state)
{
    static const struct {
        int m, k, n[3];
        bool bias;
    } rows[] = {
        {1, 64, {64, 21, 21}, false}, {1, 96, {3, 300, 2}, true},     {5, 40, {17, 9, 0}, true},
        {20, 64, {64, 21, 21}, true}, {50, 33, {300, 100, 0}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cpu_case c;
        case_init(&c, OP_LINEAR_MULTI);
        case_in(&c, CORBEL_F32, 0, 2, rows[i].m, rows[i].k);
        for (int part = 0; part < 3; part++)
            if (rows[i].n[part])
                case_in(&c, CORBEL_BF16, 2, 2, rows[i].n[part], rows[i].k);
            else
                case_none(&c);
        for (int part = 0; part < 3; part++)
            if (rows[i].n[part] && rows[i].bias)
                case_in(&c, CORBEL_F32, 0, 1, rows[i].n[part]);
            else
                case_none(&c);
        for (int part = 0; part < 3; part++)
            if (rows[i].n[part])
                case_out(&c, CORBEL_F32, 2, rows[i].m, rows[i].n[part]);
        case_each(&c, check_multi);
        case_finish(&c);
    }
}

/* ---- matmul ---------------------------------------------------------------------------------- */

/* a [2, 3, m, k], b [3, ...] */
static void check_matmul(struct cpu_case *c, const char *what)
{
    const struct program_op *op = &c->op;
    const int64_t *a = c->values[op->in[0]].shape, *y = c->values[op->out[0]].shape;
    const int64_t m = y[2], n = y[3], k = a[3];
    const bool transposed = program_op_int(op, ATTR_TRANSPOSE_B, 0);

    for (int64_t i = 0; i < case_count(c, op->out[0]); i++) {
        const int64_t batch = i / (m * n), row = i / n % m, col = i % n;
        double want = 0.0;
        for (int64_t j = 0; j < k; j++)
            want +=
                case_at(c, op->in[0], (batch * m + row) * k + j) *
                case_at(c, op->in[1], batch % 3 * k * n + (transposed ? col * k + j : j * n + col));
        assert_close(case_at(c, op->out[0], i), want, 3e-5 * sqrt((double)k), what, i);
    }
}

static void test_matmul_broadcasts_batches(void **state)
{
    static const int sizes[][3] = {{1, 5, 7}, {4, 33, 17}, {20, 64, 40}, {37, 19, 5}};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int transposed = 0; transposed < 2; transposed++) {
            const int m = sizes[i][0], k = sizes[i][1], n = sizes[i][2];
            struct cpu_case c;
            case_init(&c, OP_MATMUL);
            case_in(&c, CORBEL_F32, 0, 4, 2, 3, m, k);
            if (transposed)
                case_in(&c, CORBEL_F32, 0, 3, 3, n, k);
            else
                case_in(&c, CORBEL_F32, 0, 3, 3, k, n);
            case_out(&c, CORBEL_F32, 4, 2, 3, m, n);
            case_int(&c, ATTR_TRANSPOSE_B, transposed);
            case_each(&c, check_matmul);
            case_finish(&c);
        }
}

/* ---- convolution ----------------------------------------------------------------------------- */

static void check_conv(struct cpu_case *c, const char *what)
{
    const struct program_op *op = &c->op;
    const int64_t *x = c->values[op->in[0]].shape, *w = c->values[op->in[1]].shape;
    const int64_t *y = c->values[op->out[0]].shape;
    const int64_t groups = program_op_int(op, ATTR_GROUPS, 1),
                  sh = program_op_int(op, ATTR_STRIDE_H, 1);
    const int64_t sw = program_op_int(op, ATTR_STRIDE_W, 1), ph = program_op_int(op, ATTR_PAD_H, 0);
    const int64_t pw = program_op_int(op, ATTR_PAD_W, 0),
                  dh = program_op_int(op, ATTR_DILATION_H, 1);
    const int64_t dw = program_op_int(op, ATTR_DILATION_W, 1);

    for (int64_t i = 0; i < case_count(c, op->out[0]); i++) {
        const int64_t ox = i % y[3], oy = i / y[3] % y[2], o = i / y[3] / y[2] % y[1];
        const int64_t b = i / y[3] / y[2] / y[1], group = o / (y[1] / groups);
        double want = op->in[2] ? case_at(c, op->in[2], o) : 0.0;
        for (int64_t ch = 0; ch < w[1]; ch++)
            for (int64_t ky = 0; ky < w[2]; ky++)
                for (int64_t kx = 0; kx < w[3]; kx++) {
                    const int64_t row = oy * sh - ph + ky * dh, col = ox * sw - pw + kx * dw;
                    if (row < 0 || row >= x[2] || col < 0 || col >= x[3])
                        continue;
                    want += case_at(c, op->in[0],
                                    ((b * x[1] + group * w[1] + ch) * x[2] + row) * x[3] + col) *
                            case_at(c, op->in[1], ((o * w[1] + ch) * w[2] + ky) * w[3] + kx);
                }
        assert_close(case_at(c, op->out[0], i), want, 1e-4, what, i);
    }
}

static void test_conv(void **state)
{
    static const struct {
        int b, ch, h, w, o, kh, kw, stride, pad, groups, dilation, oh, ow;
        int32_t dtype;
    } rows[] = {
        {1, 3, 9, 11, 5, 3, 3, 1, 1, 1, 1, 9, 11, CORBEL_F32},
        {2, 4, 20, 20, 6, 1, 1, 1, 0, 2, 1, 20, 20, CORBEL_BF16},
        {1, 3, 32, 32, 10, 7, 7, 2, 3, 1, 1, 16, 16, CORBEL_F32},
        {2, 6, 12, 7, 6, 3, 3, 1, 1, 6, 1, 12, 7, CORBEL_F16},
        {1, 2, 17, 40, 33, 3, 2, 1, 2, 1, 2, 17, 42, CORBEL_BF16},
        {1, 3, 64, 64, 20, 16, 16, 16, 0, 1, 1, 4, 4, CORBEL_F32},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cpu_case c;
        case_init(&c, OP_CONV);
        case_in(&c, CORBEL_F32, 0, 4, rows[i].b, rows[i].ch, rows[i].h, rows[i].w);
        case_in(&c, rows[i].dtype, 2, 4, rows[i].o, rows[i].ch / rows[i].groups, rows[i].kh,
                rows[i].kw);
        if (i % 2)
            case_in(&c, rows[i].dtype, 2, 1, rows[i].o);
        else
            case_none(&c);
        case_out(&c, CORBEL_F32, 4, rows[i].b, rows[i].o, rows[i].oh, rows[i].ow);
        case_int(&c, ATTR_STRIDE_H, rows[i].stride);
        case_int(&c, ATTR_STRIDE_W, rows[i].stride);
        case_int(&c, ATTR_PAD_H, rows[i].pad);
        case_int(&c, ATTR_PAD_W, rows[i].pad);
        case_int(&c, ATTR_DILATION_H, rows[i].dilation);
        case_int(&c, ATTR_DILATION_W, rows[i].dilation);
        case_int(&c, ATTR_GROUPS, rows[i].groups);
        case_each(&c, check_conv);
        case_finish(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_of_odd_sizes),
        cmocka_unit_test(test_a_weight_at_an_odd_address),
        cmocka_unit_test(test_fused_functions_and_residual),
        cmocka_unit_test(test_reduced_precision_rounds_activations),
        cmocka_unit_test(test_gated),
        cmocka_unit_test(test_multi),
        cmocka_unit_test(test_matmul_broadcasts_batches),
        cmocka_unit_test(test_conv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
