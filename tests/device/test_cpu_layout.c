/* Operations that move elements on the CPU: copies by strides, rows by index, casts. */
#include "cpu_case.h"

#include <math.h>
#include <string.h>

static void check_permute(struct cpu_case *c, const char *what)
{
    /* [3,5,7,2] -> order 2,0,3,1 -> [7,3,2,5] */
    for (int64_t i = 0; i < case_count(c, 2); i++) {
        const int64_t d = i % 5, e = i / 5 % 2, b = i / 10 % 3, f = i / 30;
        assert_close(case_at(c, 2, i), case_at(c, 1, ((b * 5 + d) * 7 + f) * 2 + e), 0.0, what, i);
    }
}

static void test_permute(void **state)
{
    static const int order[] = {2, 0, 3, 1};
    struct cpu_case c;

    (void)state;
    case_init(&c, OP_PERMUTE);
    case_in(&c, CORBEL_F32, 0, 4, 3, 5, 7, 2);
    case_out(&c, CORBEL_F32, 4, 7, 3, 2, 5);
    for (int i = 0; i < 4; i++)
        case_int(&c, (enum program_attr_key)(ATTR_D0 + i), order[i]);
    case_each(&c, check_permute);
    case_finish(&c);
}

static void check_slice(struct cpu_case *c, const char *what)
{
    /* [4,9,3], axis 1, 2:9:3 -> [4,3,3] */
    for (int64_t i = 0; i < case_count(c, 2); i++)
        assert_close(case_at(c, 2, i), case_at(c, 1, (i / 9 * 9 + 2 + i / 3 % 3 * 3) * 3 + i % 3),
                     0.0, what, i);
}

static void test_slice(void **state)
{
    struct cpu_case c;

    (void)state;
    case_init(&c, OP_SLICE);
    case_in(&c, CORBEL_F32, 0, 3, 4, 9, 3);
    case_out(&c, CORBEL_F32, 3, 4, 3, 3);
    case_int(&c, ATTR_AXIS, 1);
    case_int(&c, ATTR_START, 2);
    case_int(&c, ATTR_STOP, 9);
    case_int(&c, ATTR_STEP, 3);
    case_each(&c, check_slice);
    case_finish(&c);
}

static void check_concat(struct cpu_case *c, const char *what)
{
    /* [2,3,4], [2,1,4], [2,5,4] -> [2,9,4] */
    for (int64_t i = 0; i < case_count(c, 4); i++) {
        const int64_t b = i / 36, j = i / 4 % 9, k = i % 4;
        const double want = j < 3    ? case_at(c, 1, (b * 3 + j) * 4 + k)
                            : j == 3 ? case_at(c, 2, b * 4 + k)
                                     : case_at(c, 3, (b * 5 + j - 4) * 4 + k);
        assert_close(case_at(c, 4, i), want, 0.0, what, i);
    }
}

static void test_concat(void **state)
{
    struct cpu_case c;

    (void)state;
    case_init(&c, OP_CONCAT);
    case_in(&c, CORBEL_F32, 0, 3, 2, 3, 4);
    case_in(&c, CORBEL_F32, 0, 3, 2, 1, 4);
    case_in(&c, CORBEL_F32, 0, 3, 2, 5, 4);
    case_out(&c, CORBEL_F32, 3, 2, 9, 4);
    case_int(&c, ATTR_AXIS, 1);
    case_each(&c, check_concat);
    case_finish(&c);
}

static void check_expand(struct cpu_case *c, const char *what)
{
    /* [3,1] -> [2,3,5] */
    for (int64_t i = 0; i < case_count(c, 2); i++)
        assert_close(case_at(c, 2, i), case_at(c, 1, i / 5 % 3), 0.0, what, i);
}

static void check_same(struct cpu_case *c, const char *what)
{
    for (int64_t i = 0; i < case_count(c, 2); i++)
        assert_close(case_at(c, 2, i), case_at(c, 1, i), 0.0, what, i);
}

static void test_expand_and_reshape(void **state)
{
    struct cpu_case c;

    (void)state;
    case_init(&c, OP_EXPAND);
    case_in(&c, CORBEL_F32, 0, 2, 3, 1);
    case_out(&c, CORBEL_F32, 3, 2, 3, 5);
    case_each(&c, check_expand);
    case_finish(&c);

    case_init(&c, OP_RESHAPE);
    case_in(&c, CORBEL_F32, 0, 2, 6, 7);
    case_out(&c, CORBEL_F32, 3, 2, 3, 7);
    case_each(&c, check_same);
    case_finish(&c);
}

/* ---- rows by index --------------------------------------------------------------------------- */

static void check_embedding(struct cpu_case *c, const char *what)
{
    const int64_t h = c->values[1].shape[1];

    assert_int_equal(c->fault, CPU_FAULT_NONE);
    for (int64_t i = 0; i < case_count(c, 3); i++)
        assert_close(case_at(c, 3, i), case_at(c, 1, (int64_t)case_at(c, 2, i / h) * h + i % h),
                     0.0, what, i);
}

static void check_fault(struct cpu_case *c, const char *what)
{
    (void)what;
    assert_int_equal(c->fault, CPU_FAULT_INDEX);
}

static void test_embedding(void **state)
{
    static const int32_t dtypes[] = {CORBEL_F32, CORBEL_F16, CORBEL_BF16};
    static const int32_t ids[] = {0, 10, 3, 3, 7, 1}, beyond[] = {0, 1, 2, 11, 4, 5},
                         negative[] = {0, 1, 2, -1, 4, 5};

    (void)state;
    for (size_t d = 0; d < 3; d++) {
        struct cpu_case c;
        case_init(&c, OP_EMBEDDING);
        case_in(&c, dtypes[d], 2, 2, 11, 37);
        case_in(&c, CORBEL_I32, 0, 2, 2, 3);
        case_out(&c, CORBEL_F32, 3, 2, 3, 37);
        memcpy(c.data[2], ids, sizeof ids);
        case_each(&c, check_embedding);
        memcpy(c.data[2], beyond, sizeof beyond);
        case_each(&c, check_fault);
        memcpy(c.data[2], negative, sizeof negative);
        case_each(&c, check_fault);
        case_finish(&c);
    }
}

static void check_gather(struct cpu_case *c, const char *what)
{
    /* x [2,5,3,4], index [2,6] with negatives, axis 2, batch_dims 1 -> [2,5,6,4] */
    assert_int_equal(c->fault, CPU_FAULT_NONE);
    for (int64_t i = 0; i < case_count(c, 3); i++) {
        const int64_t k = i % 4, n = i / 4 % 6, m = i / 24 % 5, b = i / 120;
        int64_t row = (int64_t)case_at(c, 2, b * 6 + n);
        row += row < 0 ? 3 : 0;
        assert_close(case_at(c, 3, i), case_at(c, 1, ((b * 5 + m) * 3 + row) * 4 + k), 0.0, what,
                     i);
    }
}

static void test_gather(void **state)
{
    static const int32_t index[] = {0, 1, 2, -1, -3, 1, 2, 2, 0, 0, -2, 1};
    struct cpu_case c;

    (void)state;
    case_init(&c, OP_GATHER);
    case_in(&c, CORBEL_F32, 0, 4, 2, 5, 3, 4);
    case_in(&c, CORBEL_I32, 0, 2, 2, 6);
    case_out(&c, CORBEL_F32, 4, 2, 5, 6, 4);
    memcpy(c.data[2], index, sizeof index);
    case_int(&c, ATTR_AXIS, 2);
    case_int(&c, ATTR_BATCH_DIMS, 1);
    case_each(&c, check_gather);
    case_finish(&c);
}

/* ---- casts ----------------------------------------------------------------------------------- */

static void check_cast(struct cpu_case *c, const char *what)
{
    for (int64_t i = 0; i < case_count(c, 2); i++)
        assert_close(case_at(c, 2, i), trunc(case_at(c, 1, i)), 0.0, what, i);
}

static void test_casts_truncate(void **state)
{
    struct cpu_case c;

    (void)state;
    case_init(&c, OP_CAST);
    case_in(&c, CORBEL_F32, 0, 1, 1500);
    for (int i = 0; i < 1500; i++)
        ((float *)c.data[1])[i] *= 1e6f;
    case_out(&c, CORBEL_I32, 1, 1500);
    case_each(&c, check_cast);
    case_finish(&c);

    case_init(&c, OP_CAST);
    case_in(&c, CORBEL_I32, 0, 1, 1500);
    for (int i = 0; i < 1500; i++)
        ((int32_t *)c.data[1])[i] = i * 7 - 3000;
    case_out(&c, CORBEL_F32, 1, 1500);
    case_each(&c, check_cast);
    case_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permute),        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_concat),         cmocka_unit_test(test_expand_and_reshape),
        cmocka_unit_test(test_embedding),      cmocka_unit_test(test_gather),
        cmocka_unit_test(test_casts_truncate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
