/* Norms, softmax, functions, arithmetic and reductions on the CPU, on every tier of this machine.
 */
#include "cpu_case.h"

#include <math.h>
#include <string.h>

/* ---- norms ----------------------------------------------------------------------------------- */

static double input(const struct cpu_case *c, int64_t i)
{
    const bool add = c->op.kind == OP_ADD_RMS_NORM || c->op.kind == OP_ADD_LAYER_NORM;

    return case_at(c, c->op.in[0], i) + (add ? case_at(c, c->op.in[1], i) : 0.0);
}

static double element_of_norm(const struct cpu_case *c, int64_t row, int64_t i, int64_t n)
{
    const struct program_op *op = &c->op;
    const bool add = op->kind == OP_ADD_RMS_NORM || op->kind == OP_ADD_LAYER_NORM;
    const bool layer = op->kind == OP_LAYER_NORM || op->kind == OP_ADD_LAYER_NORM;
    const uint32_t weight = op->in[add ? 2 : 1], bias = layer ? op->in[add ? 3 : 2] : 0;
    double mean = 0.0, squares = 0.0, y;

    for (int64_t j = 0; layer && j < n; j++)
        mean += input(c, row * n + j) / (double)n;
    for (int64_t j = 0; j < n; j++)
        squares += pow(input(c, row * n + j) - mean, 2.0) / (double)n;
    y = (input(c, row * n + i) - mean) / sqrt(squares + program_op_float(op, ATTR_EPS, 0.0));
    if (weight)
        y *= case_at(c, weight, i) + program_op_float(op, ATTR_WEIGHT_OFFSET, 0.0);
    return bias ? y + case_at(c, bias, i) : y;
}

static void check_norm(struct cpu_case *c, const char *what)
{
    const struct program_op *op = &c->op;
    const int64_t n = c->values[op->in[0]].shape[1];
    const uint32_t y = op->out[op->n_out - 1];

    for (int64_t i = 0; i < case_count(c, y); i++) {
        assert_close(case_at(c, y, i), element_of_norm(c, i / n, i % n, n), 3e-6, what, i);
        if (op->n_out == 2)
            assert_close(case_at(c, op->out[0], i), input(c, i), 1e-6, what, i);
    }
}

static void run_norm(enum program_op_kind kind, int rows, int cols, double offset, int32_t dtype)
{
    const bool add = kind == OP_ADD_RMS_NORM || kind == OP_ADD_LAYER_NORM;
    struct cpu_case c;

    case_init(&c, kind);
    case_in(&c, CORBEL_F32, 0, 2, rows, cols);
    if (add)
        case_in(&c, CORBEL_F32, 0, 2, rows, cols);
    case_in(&c, dtype, 2, 1, cols);
    if (kind == OP_LAYER_NORM || kind == OP_ADD_LAYER_NORM)
        case_in(&c, dtype, 2, 1, cols);
    if (add)
        case_out(&c, CORBEL_F32, 2, rows, cols);
    case_out(&c, CORBEL_F32, 2, rows, cols);
    case_float(&c, ATTR_EPS, 1e-5);
    case_float(&c, ATTR_WEIGHT_OFFSET, offset);
    case_each(&c, check_norm);
    case_finish(&c);
}

static void test_norms(void **state)
{
    static const enum program_op_kind kinds[] = {OP_RMS_NORM, OP_LAYER_NORM, OP_ADD_RMS_NORM,
                                                 OP_ADD_LAYER_NORM};
    static const int cols[] = {1, 15, 16, 17, 64, 100, 577};

    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++)
            run_norm(kinds[k], (int)i + 1, cols[i], kinds[k] == OP_RMS_NORM ? 1.0 : 0.0,
                     i % 2 ? CORBEL_BF16 : CORBEL_F32);
}

static void check_softmax(struct cpu_case *c, const char *what)
{
    const int64_t n = c->values[1].shape[1];

    for (int64_t i = 0; i < case_count(c, 2); i++) {
        double sum = 0.0;
        for (int64_t j = 0; j < n; j++)
            sum += exp(case_at(c, 1, i / n * n + j) - case_at(c, 1, i));
        assert_close(case_at(c, 2, i), 1.0 / sum, 1e-6, what, i);
    }
}

static void test_softmax(void **state)
{
    static const int cols[] = {1, 3, 16, 31, 200};

    (void)state;
    for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++) {
        struct cpu_case c;
        case_init(&c, OP_SOFTMAX);
        case_in(&c, CORBEL_F32, 0, 2, 5, cols[i]);
        for (int64_t j = 0; j < case_count(&c, 1); j++)
            ((float *)c.data[1])[j] *= 90.0f;
        case_out(&c, CORBEL_F32, 2, 5, cols[i]);
        case_each(&c, check_softmax);
        case_finish(&c);
    }
}

/* ---- functions ------------------------------------------------------------------------------- */

static double function_of(int64_t f, double x)
{
    const double softplus = x > 20.0 ? x : log1p(exp(x));

    switch (f) {
    case FUNCTION_SILU: return x / (1.0 + exp(-x));
    case FUNCTION_GELU: return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
    case FUNCTION_GELU_TANH:
        return 0.5 * x * (1.0 + tanh(sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case FUNCTION_RELU: return x > 0.0 ? x : 0.0;
    case FUNCTION_TANH: return tanh(x);
    case FUNCTION_SIGMOID: return 1.0 / (1.0 + exp(-x));
    case FUNCTION_EXP: return exp(x);
    case FUNCTION_LOG: return log(x);
    case FUNCTION_SQRT: return sqrt(x);
    case FUNCTION_RSQRT: return 1.0 / sqrt(x);
    case FUNCTION_NEG: return -x;
    case FUNCTION_ABS: return fabs(x);
    case FUNCTION_SOFTPLUS: return softplus;
    case FUNCTION_SQUARE: return x * x;
    case FUNCTION_QUICK_GELU: return x / (1.0 + exp(-1.702 * x));
    case FUNCTION_RELU2: return x > 0.0 ? x * x : 0.0;
    case FUNCTION_SIN: return sin(x);
    case FUNCTION_COS: return cos(x);
    case FUNCTION_LEAKY_RELU: return x < 0.0 ? 0.01 * x : x;
    case FUNCTION_MISH: return x * tanh(softplus);
    default: return x;
    }
}

/* Relative to the true value, or absolute where it is small: gelu's 1 + erf cancels, as torch's. */
static void check_function(struct cpu_case *c, const char *what)
{
    const int64_t f = program_op_int(&c->op, ATTR_FUNCTION, 0);

    for (int64_t i = 0; i < case_count(c, 2); i++) {
        const double want = function_of(f, case_at(c, 1, i)), got = case_at(c, 2, i);
        const double x = fabs(case_at(c, 1, i));
        if (isnan(want)
                ? !isnan(got)
                : got != want && !(fabs(got - want) <= 4e-7 * fabs(want) + 1.2e-7 * fmax(1.0, x)))
            fail_msg("%s: function %d of %.9g is %.9g, expected %.9g", what, (int)f,
                     case_at(c, 1, i), got, want);
    }
}

static void test_functions(void **state)
{
    (void)state;
    for (int f = 0; f < FUNCTION_COUNT; f++) {
        struct cpu_case c;
        case_init(&c, OP_ACTIVATION);
        case_in(&c, CORBEL_F32, 0, 1, 3001);
        for (int i = 0; i < 3001; i++)
            ((float *)c.data[1])[i] = (float)(i - 1500) * 0.013f;
        case_out(&c, CORBEL_F32, 1, 3001);
        case_int(&c, ATTR_FUNCTION, f);
        case_each(&c, check_function);
        case_finish(&c);
    }
}

/* Within a few units in the last place over the whole range, where the function itself is. */
static void check_ulps(struct cpu_case *c, const char *what)
{
    const int64_t f = program_op_int(&c->op, ATTR_FUNCTION, 0);

    for (int64_t i = 0; i < case_count(c, 2); i++) {
        const double want = function_of(f, case_at(c, 1, i)), got = case_at(c, 2, i);
        const double tiny = 0x1p-126;
        if (want > 3.4028235677973366e38) {
            assert_true(isinf(got));
            continue;
        }
        if (!(fabs(got - want) <= 3.0 * 0x1p-24 * fmax(fabs(want), tiny)))
            fail_msg("%s: function %d of %.9g is %.9g, expected %.9g", what, (int)f,
                     case_at(c, 1, i), got, want);
    }
}

static void test_exp_and_tanh_to_the_last_places(void **state)
{
    static const int functions[] = {FUNCTION_EXP, FUNCTION_TANH, FUNCTION_SIGMOID};

    (void)state;
    for (size_t f = 0; f < 3; f++) {
        struct cpu_case c;
        case_init(&c, OP_ACTIVATION);
        case_in(&c, CORBEL_F32, 0, 1, 20000);
        for (int i = 0; i < 20000; i++)
            ((float *)c.data[1])[i] =
                i < 10000 ? (float)(i - 5000) * 0.0181f : (float)((i - 15000) * 1e-5);
        case_out(&c, CORBEL_F32, 1, 20000);
        case_int(&c, ATTR_FUNCTION, functions[f]);
        case_each(&c, check_ulps);
        case_finish(&c);
    }
}

static void check_affine(struct cpu_case *c, const char *what)
{
    for (int64_t i = 0; i < case_count(c, 2); i++)
        assert_close(case_at(c, 2, i), case_at(c, 1, i) * -2.5 + 0.75, 1e-6, what, i);
}

static void check_not_equal(struct cpu_case *c, const char *what)
{
    for (int64_t i = 0; i < case_count(c, 2); i++)
        assert_close(case_at(c, 2, i), i % 7 != 3, 0.0, what, i);
}

static void test_affine_and_not_equal(void **state)
{
    struct cpu_case c;

    (void)state;
    case_init(&c, OP_AFFINE);
    case_in(&c, CORBEL_F32, 0, 2, 37, 101);
    case_out(&c, CORBEL_F32, 2, 37, 101);
    case_float(&c, ATTR_SCALE, -2.5);
    case_float(&c, ATTR_SHIFT, 0.75);
    case_each(&c, check_affine);
    case_finish(&c);

    case_init(&c, OP_NOT_EQUAL);
    case_in(&c, CORBEL_I32, 0, 1, 1999);
    for (int i = 0; i < 1999; i++)
        ((int32_t *)c.data[1])[i] = i % 7;
    case_out(&c, CORBEL_I32, 1, 1999);
    case_int(&c, ATTR_VALUE, 3);
    case_each(&c, check_not_equal);
    case_finish(&c);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static double arithmetic(enum program_op_kind kind, double a, double b)
{
    switch (kind) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    case OP_MAXIMUM: return fmax(a, b);
    default: return fmin(a, b);
    }
}

/* Index of the element of operand v that belongs to element i of y. */
static int64_t broadcast_index(const struct program_value *v, const struct program_value *y,
                               int64_t i)
{
    int64_t at = 0, stride = 1;

    for (uint32_t axis = 0; axis < y->rank; axis++) {
        const int64_t size = axis < v->rank ? v->shape[v->rank - 1 - axis] : 1;
        if (size > 1)
            at += i % y->shape[y->rank - 1 - axis] * stride;
        stride *= size;
        i /= y->shape[y->rank - 1 - axis];
    }
    return at;
}

static void check_binary(struct cpu_case *c, const char *what)
{
    const struct program_value *y = &c->values[c->op.out[0]];

    for (int64_t i = 0; i < case_count(c, c->op.out[0]); i++) {
        const double a = case_at(c, 1, broadcast_index(&c->values[1], y, i));
        const double b = case_at(c, 2, broadcast_index(&c->values[2], y, i));
        assert_close(case_at(c, 3, i), arithmetic(c->op.kind, a, b), 1e-6, what, i);
    }
}

static void test_arithmetic_broadcasts(void **state)
{
    static const int shapes[][2][4] = {
        {{1, 1, 1, 1}, {1, 1, 1, 1}},   {{2, 3, 50, 41}, {2, 3, 50, 41}},
        {{2, 3, 5, 7}, {1, 1, 1, 7}},   {{2, 3, 5, 7}, {2, 1, 5, 1}},
        {{1, 3, 1, 70}, {2, 1, 50, 1}}, {{1, 1, 1, 1}, {2, 3, 5, 7}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int kind = OP_ADD; kind <= OP_MINIMUM; kind++)
            for (int integer = 0; integer < 2; integer++) {
                const int *a = shapes[i][0], *b = shapes[i][1];
                const int32_t dtype = integer ? CORBEL_I32 : CORBEL_F32;
                struct cpu_case c;
                if (integer && kind == OP_DIV)
                    continue;
                case_init(&c, (enum program_op_kind)kind);
                case_in(&c, dtype, 0, 4, a[0], a[1], a[2], a[3]);
                case_in(&c, dtype, 0, 4, b[0], b[1], b[2], b[3]);
                for (uint32_t id = 1; integer && id <= 2; id++)
                    for (int64_t j = 0; j < case_count(&c, id); j++)
                        ((int32_t *)c.data[id])[j] = (int32_t)(random_unit() * 1000.0);
#define MOST(axis) (a[axis] > b[axis] ? a[axis] : b[axis])
                case_out(&c, dtype, 4, MOST(0), MOST(1), MOST(2), MOST(3));
#undef MOST
                case_each(&c, check_binary);
                case_finish(&c);
            }
}

/* ---- reductions ------------------------------------------------------------------------------ */

static void check_reduce(struct cpu_case *c, const char *what)
{
    const struct program_value *x = &c->values[1];
    const uint32_t axis = (uint32_t)program_op_int(&c->op, ATTR_AXIS, 0);
    int64_t inner = 1;

    for (uint32_t i = axis + 1; i < x->rank; i++)
        inner *= x->shape[i];
    for (int64_t i = 0; i < case_count(c, 2); i++) {
        const int64_t at = i / inner * x->shape[axis] * inner + i % inner;
        double sum = 0.0, most = -INFINITY, want;
        int64_t best = 0;
        for (int64_t j = 0; j < x->shape[axis]; j++) {
            const double v = case_at(c, 1, at + j * inner);
            sum += v;
            if (v > most) {
                most = v;
                best = j;
            }
        }
        want = c->op.kind == OP_REDUCE_SUM    ? sum
               : c->op.kind == OP_REDUCE_MEAN ? sum / (double)x->shape[axis]
               : c->op.kind == OP_REDUCE_MAX  ? most
                                              : (double)best;
        assert_close(case_at(c, 2, i), want, 1e-6, what, i);
    }
}

static void test_reductions(void **state)
{
    static const enum program_op_kind kinds[] = {OP_REDUCE_SUM, OP_REDUCE_MEAN, OP_REDUCE_MAX,
                                                 OP_ARGMAX};

    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (int axis = 0; axis < 3; axis++) {
            const int shape[3] = {4, 37, 19};
            const int32_t dtype = kinds[k] == OP_ARGMAX ? CORBEL_I32 : CORBEL_F32;
            struct cpu_case c;
            case_init(&c, kinds[k]);
            case_in(&c, CORBEL_F32, 0, 3, shape[0], shape[1], shape[2]);
            case_out(&c, dtype, 2, shape[axis == 0], shape[axis == 2 ? 1 : 2]);
            case_int(&c, ATTR_AXIS, axis);
            case_each(&c, check_reduce);
            case_finish(&c);
        }
}

/* ---- recurrences ----------------------------------------------------------------------------- */

static void check_scan(struct cpu_case *c, const char *what)
{
    const int64_t n = c->values[1].shape[1], inner = c->values[1].shape[2];

    for (int64_t line = 0; line < case_count(c, 1) / n; line++) {
        const int64_t first = line / inner * n * inner + line % inner;
        double before = c->op.in[2] ? case_at(c, c->op.in[2], line) : 0.0;
        for (int64_t i = first; i < first + n * inner; i += inner) {
            before = case_at(c, 1, i) * before + case_at(c, 2, i);
            assert_close(case_at(c, c->op.out[0], i), before, 2e-6, what, i);
        }
    }
}

/* Around the lines that a thread walks along together, 64. */
static void test_linear_scan(void **state)
{
    static const int shapes[][3] = {{1, 1, 1},  {3, 1, 7},   {2, 5, 63}, {1, 33, 64},
                                    {2, 9, 65}, {5, 400, 1}, {1, 4, 200}};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof shapes / sizeof shapes[0]; i++) {
        const int *s = shapes[i / 2];
        struct cpu_case c;
        case_init(&c, OP_LINEAR_SCAN);
        case_in(&c, CORBEL_F32, 0, 3, s[0], s[1], s[2]);
        case_in(&c, CORBEL_F32, 0, 3, s[0], s[1], s[2]);
        if (i % 2)
            case_in(&c, CORBEL_F32, 0, 2, s[0], s[2]);
        case_out(&c, CORBEL_F32, 3, s[0], s[1], s[2]);
        case_int(&c, ATTR_AXIS, 1);
        case_each(&c, check_scan);
        case_finish(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_exp_and_tanh_to_the_last_places),
        cmocka_unit_test(test_affine_and_not_equal),
        cmocka_unit_test(test_arithmetic_broadcasts),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_linear_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
