/* Batch norm, pools and resizing on the CPU. Resizing is compared with torch's interpolate. */
#include "cpu_case.h"

#include <math.h>
#include <string.h>

/* ---- batch norm ------------------------------------------------------------------------------ */

static void check_batch_norm(struct cpu_case *c, const char *what)
{
    for (int64_t i = 0; i < case_count(c, 6); i++) {
        const int64_t ch = i / 15 % 3;
        const double want = (case_at(c, 1, i) - case_at(c, 4, ch)) /
                                sqrt(case_at(c, 5, ch) + 1e-5) * case_at(c, 2, ch) +
                            case_at(c, 3, ch);
        assert_close(case_at(c, 6, i), want, 2e-6, what, i);
    }
}

static void test_batch_norm(void **state)
{
    struct cpu_case c;

    (void)state;
    case_init(&c, OP_BATCH_NORM);
    case_in(&c, CORBEL_F32, 0, 4, 2, 3, 5, 3);
    for (int i = 0; i < 4; i++)
        case_in(&c, i % 2 ? CORBEL_BF16 : CORBEL_F32, 0, 1, 3);
    for (int i = 0; i < 3; i++) {
        const uint16_t variance = (uint16_t)(0x3f00 + 0x40 * i); /* bfloat16: 0.5, 0.75, 1 */
        memcpy((char *)c.data[5] + 2 * i, &variance, 2);
    }
    case_out(&c, CORBEL_F32, 4, 2, 3, 5, 3);
    case_float(&c, ATTR_EPS, 1e-5);
    case_each(&c, check_batch_norm);
    case_finish(&c);
}

/* ---- pools ----------------------------------------------------------------------------------- */

struct pool_row {
    enum program_op_kind kind;
    int h, w, kernel, stride, pad, oh, ow, count_pad;
};
static const struct pool_row *current;

static double window(const struct cpu_case *c, int64_t plane, int64_t oy, int64_t ox)
{
    const struct pool_row *r = current;
    double sum = 0.0, most = -INFINITY;
    int64_t inside = 0, padded = 0;

    for (int64_t y = oy * r->stride - r->pad; y < oy * r->stride - r->pad + r->kernel; y++)
        for (int64_t x = ox * r->stride - r->pad; x < ox * r->stride - r->pad + r->kernel; x++) {
            if (y < r->h + r->pad && x < r->w + r->pad)
                padded++;
            if (y < 0 || y >= r->h || x < 0 || x >= r->w)
                continue;
            sum += case_at(c, 1, (plane * r->h + y) * r->w + x);
            most = fmax(most, case_at(c, 1, (plane * r->h + y) * r->w + x));
            inside++;
        }
    if (r->kind == OP_MAX_POOL)
        return most;
    return sum / (double)(r->count_pad ? padded : inside);
}

static void check_pool(struct cpu_case *c, const char *what)
{
    const struct pool_row *r = current;

    for (int64_t i = 0; i < case_count(c, 2); i++)
        assert_close(case_at(c, 2, i), window(c, i / r->ow / r->oh, i / r->ow % r->oh, i % r->ow),
                     1e-6, what, i);
}

static void test_pools(void **state)
{
    static const struct pool_row rows[] = {
        {OP_MAX_POOL, 9, 11, 3, 2, 1, 5, 6, 0}, {OP_MAX_POOL, 8, 8, 2, 2, 0, 4, 4, 0},
        {OP_AVG_POOL, 9, 11, 3, 2, 1, 5, 6, 1}, {OP_AVG_POOL, 9, 11, 3, 2, 1, 5, 6, 0},
        {OP_AVG_POOL, 7, 7, 2, 2, 0, 4, 4, 1}, /* ceil_mode: windows over the edge */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct pool_row *r = current = &rows[i];
        struct cpu_case c;
        case_init(&c, r->kind);
        case_in(&c, CORBEL_F32, 0, 4, 2, 3, r->h, r->w);
        case_out(&c, CORBEL_F32, 4, 2, 3, r->oh, r->ow);
        case_int(&c, ATTR_KERNEL_H, r->kernel);
        case_int(&c, ATTR_KERNEL_W, r->kernel);
        case_int(&c, ATTR_STRIDE_H, r->stride);
        case_int(&c, ATTR_STRIDE_W, r->stride);
        case_int(&c, ATTR_PAD_H, r->pad);
        case_int(&c, ATTR_PAD_W, r->pad);
        case_int(&c, ATTR_COUNT_PAD, r->count_pad);
        case_each(&c, check_pool);
        case_finish(&c);
    }
}

/* ---- resizing -------------------------------------------------------------------------------- */

struct resize_row {
    int h, w, cubic;
    float expect[21];
};
static const struct resize_row *resized;

static void check_resize(struct cpu_case *c, const char *what)
{
    for (int64_t i = 0; i < case_count(c, 2); i++)
        assert_close(case_at(c, 2, i), (double)resized->expect[i], 1e-6, what, i);
}

static void test_resizing_matches_torch(void **state)
{
    /* clang-format off */
    static const struct resize_row rows[] = {
        {7, 3, 0, {
             -0.791666687f, -0.75f, 0.250000179f, -0.747023821f, -0.705357134f,
             0.294643044f, -0.675595224f, -0.633928537f, 0.366071612f, -0.604166687f,
             -0.5625f, 0.437500179f, -0.53273809f, -0.491071403f, 0.508928776f,
             -0.461309552f, -0.419642836f, 0.580357313f, -0.416666687f, -0.375f,
             0.625000119f}},
        {2, 9, 0, {
             -1.3125f, -0.729166627f, 0.243055671f, -0.0625001043f, -0.6875f,
             0.284722686f, 0.93749994f, 0.312499642f, -0.0625f, -1.0625f,
             -0.479166627f, 0.493055642f, 0.187499911f, -0.4375f, 0.534722686f,
             1.1875f, 0.562499642f, 0.1875f}},
        {7, 3, 1, {
             -0.773976505f, -0.762402356f, 0.313987374f, -0.726668477f, -0.715094328f,
             0.361294925f, -0.649500012f, -0.637925923f, 0.438463271f, -0.574074149f,
             -0.5625f, 0.513889313f, -0.498648167f, -0.487074077f, 0.589315414f,
             -0.421479762f, -0.409905672f, 0.666483402f, -0.374172032f, -0.362597942f,
             0.713791251f}},
        {2, 9, 1, {
             -1.50065958f, -0.710792422f, 0.339018613f, -0.0304942057f, -0.69921875f,
             0.308154821f, 1.06261253f, 0.37716949f, -0.187644824f, -1.22722197f,
             -0.437355012f, 0.612456083f, 0.242943332f, -0.42578125f, 0.581592321f,
             1.33605015f, 0.65060699f, 0.0857927203f}},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cpu_case c;
        resized = &rows[i];
        case_init(&c, OP_INTERPOLATE);
        case_in(&c, CORBEL_F32, 0, 4, 1, 1, 4, 5);
        for (int j = 0; j < 20; j++)
            ((float *)c.data[1])[j] = (float)(j * 37 % 23 - 11) / 8.0f;
        case_out(&c, CORBEL_F32, 4, 1, 1, rows[i].h, rows[i].w);
        case_int(&c, ATTR_HEIGHT, rows[i].h);
        case_int(&c, ATTR_WIDTH, rows[i].w);
        case_int(&c, ATTR_CUBIC, rows[i].cubic);
        case_each(&c, check_resize);
        case_finish(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_resizing_matches_torch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
