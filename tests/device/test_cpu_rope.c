/* Tables of rotary positions on the CPU, against transformers 5 and torch: the same formulas in
 * ROPE_INIT_FUNCTIONS of modeling_rope_utils.py, head_dim 8, two positions. */
#include "cpu_case.h"

#include <string.h>

enum { HALF = 4, POSITIONS = 2 };

struct rope_case {
    const char *name;
    enum program_rope_type type;
    int32_t positions[POSITIONS];
    double theta, factor, low, high, attention;
    int64_t original, max_positions;
    float expect[POSITIONS * HALF * 2];
};

/* clang-format off */
static const struct rope_case rows[] = {
    {.name = "default", .type = ROPE_TYPE_DEFAULT, .positions = {3, 1000},
     .theta = 1e4,
     .expect = {
             -0.989992499f, 0.141120002f, 0.955336511f, 0.295520216f, 0.999550045f,
             0.0299954992f, 0.99999553f, 0.0029999956f, 0.562379062f, 0.826879561f,
             0.862318873f, -0.506365657f, -0.839071512f, -0.54402113f, 0.540302336f,
             0.841470957f}},
    {.name = "linear", .type = ROPE_TYPE_LINEAR, .positions = {3, 1000},
     .theta = 1e4, .factor = 4.0,
     .expect = {
             0.731688857f, 0.681638777f, 0.997188807f, 0.0749297068f, 0.999971867f,
             0.00749992952f, 0.999999702f, 0.000749999948f, 0.240988299f,
             -0.970528007f, 0.991202831f, -0.132351756f, -0.801143587f, 0.598472118f,
             0.968912423f, 0.247403964f}},
    {.name = "dynamic", .type = ROPE_TYPE_DYNAMIC, .positions = {3, 5000},
     .theta = 1e4, .factor = 2.0, .max_positions = 2048,
     .expect = {
             -0.989992499f, 0.141120002f, 0.981842458f, 0.189698055f, 0.999926269f,
             0.0121415332f, 0.999999702f, 0.000772441446f, 0.154668406f,
             -0.987966418f, -0.703720331f, -0.710477054f, 0.182930961f, 0.983125746f,
             0.2796157f, 0.960112035f}},
    {.name = "llama3", .type = ROPE_TYPE_LLAMA3, .positions = {3, 1000},
     .theta = 5e5, .factor = 8.0, .low = 1.0, .high = 4.0, .original = 64,
     .expect = {
             -0.989992499f, 0.141120002f, 0.999900579f, 0.014101794f, 0.999999881f,
             0.000530330057f, 1.0f, 1.9943609e-05f, 0.562379062f, 0.826879561f,
             -0.0116350288f, -0.999932289f, 0.98441565f, 0.17585741f, 0.999977887f,
             0.00664782058f}},
    {.name = "yarn", .type = ROPE_TYPE_YARN, .positions = {3, 1000},
     .theta = 1e4, .factor = 4.0, .original = 256, .attention = 1.138629436111989,
     .expect = {
             -1.12723458f, 0.160683393f, 1.11867309f, 0.212244287f, 1.13859737f,
             0.00853964034f, 1.13862908f, 0.000853972044f, 0.640341341f, 0.941509426f,
             1.07650614f, -0.370960414f, -0.912205696f, 0.681437969f, 1.10323226f,
             0.281701446f}},
    {.name = "longrope-long", .type = ROPE_TYPE_LONGROPE, .positions = {3, 1000},
     .theta = 1e4, .factor = 4.0, .original = 512, .attention = 1.1055415967851334,
     .expect = {
             -1.09447789f, 0.156014025f, 1.09312761f, 0.165210083f, 1.10548627f,
             0.0110552311f, 1.10554123f, 0.000829156139f, 0.621733427f, 0.914149761f,
             1.06681013f, -0.290066302f, -1.08528137f, -0.210680977f, 1.07117295f,
             0.273515373f}},
    {.name = "longrope-short", .type = ROPE_TYPE_LONGROPE, .positions = {3, 300},
     .theta = 1e4, .factor = 4.0, .original = 512, .attention = 1.1055415967851334,
     .expect = {
             -1.09447789f, 0.156014025f, 1.06468058f, 0.297787458f, 1.10519612f,
             0.02763566f, 1.10553861f, 0.0025512476f, -0.0244287308f, -1.1052717f,
             -0.595831931f, 0.931239188f, -0.885697424f, 0.661636055f, 1.07623446f,
             0.252866596f}},
};
/* clang-format on */

static const struct rope_case *current;

static void check_table(struct cpu_case *c, const char *what)
{
    for (int64_t i = 0; i < case_count(c, c->op.out[0]); i++)
        assert_close(case_at(c, c->op.out[0], i), (double)current->expect[i], 2e-5, current->name,
                     i);
    (void)what;
}

static void test_every_type_matches_transformers(void **state)
{
    static const float factors[2][HALF] = {{1.0f, 1.1f, 1.2f, 1.3f}, {1.0f, 2.0f, 3.0f, 4.0f}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rope_case *r = current = &rows[i];
        struct cpu_case c;
        case_init(&c, OP_ROPE_TABLE);
        memcpy(c.data[case_in(&c, CORBEL_I32, 0, 2, 1, POSITIONS)], r->positions,
               sizeof r->positions);
        for (int f = 0; f < 2; f++)
            if (r->type == ROPE_TYPE_LONGROPE)
                memcpy(c.data[case_in(&c, CORBEL_F32, 0, 1, HALF)], factors[f], sizeof factors[f]);
            else
                case_none(&c);
        case_out(&c, CORBEL_F32, 4, 1, POSITIONS, HALF, 2);
        case_int(&c, ATTR_ROPE_TYPE, r->type);
        case_int(&c, ATTR_DIM, 2 * HALF);
        case_int(&c, ATTR_ORIGINAL_MAX, r->original);
        case_int(&c, ATTR_MAX_POSITIONS, r->max_positions);
        case_int(&c, ATTR_TRUNCATE, 1);
        case_float(&c, ATTR_THETA, r->theta);
        case_float(&c, ATTR_FACTOR, r->factor);
        case_float(&c, ATTR_LOW_FREQ_FACTOR, r->low);
        case_float(&c, ATTR_HIGH_FREQ_FACTOR, r->high);
        case_float(&c, ATTR_ATTENTION_FACTOR, r->attention != 0.0 ? r->attention : 1.0);
        case_float(&c, ATTR_BETA_FAST, 32.0);
        case_float(&c, ATTR_BETA_SLOW, 1.0);
        case_each(&c, check_table);
        case_finish(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_matches_transformers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
