/* test_rope.c: every spelling of rotary parameters gives the struct that transformers would use.
 *
 * Expected values are those of transformers 5.23 (LlamaConfig, modeling_rope_utils.py) for the same
 * files, layer types aside, where they follow Gemma 3 and Olmo 3. */
#include "config/rope.h" /* before cmocka, whose fail() is a macro */

#include "test.h"

#include "base/scratch.h"

#include <math.h>

struct row {
    const char *json, *layer_type;
    corbel_rope expected;
};

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * (1 + fabs(b));
}

static bool equal(const corbel_rope *a, const corbel_rope *b)
{
    return a->type == b->type && near(a->theta, b->theta) && near(a->factor, b->factor) &&
           near(a->partial_rotary_factor, b->partial_rotary_factor) &&
           near(a->low_freq_factor, b->low_freq_factor) &&
           near(a->high_freq_factor, b->high_freq_factor) &&
           near(a->attention_factor, b->attention_factor) && near(a->beta_fast, b->beta_fast) &&
           near(a->beta_slow, b->beta_slow) &&
           a->original_max_position_embeddings == b->original_max_position_embeddings &&
           a->max_position_embeddings == b->max_position_embeddings && a->truncate == b->truncate &&
           a->short_factor.n == b->short_factor.n && a->long_factor.n == b->long_factor.n;
}

/* What a row leaves out. */
static corbel_rope with_defaults(corbel_rope r)
{
    if (r.theta == 0)
        r.theta = 1e4;
    if (r.partial_rotary_factor == 0)
        r.partial_rotary_factor = 1;
    if (r.attention_factor == 0)
        r.attention_factor = 1;
    return r;
}

static void test_spellings(void **state)
{
    static const struct row rows[] = {
        {"{}", "", {.theta = 1e4}},
        {"{\"rope_theta\":500000,\"rope_scaling\":null}", "", {.theta = 5e5}},
        {"{\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":2e4},\"rope_theta\":3}",
         "",
         {.theta = 2e4}},
        {"{\"rope_theta\":2e4,\"rope_parameters\":{\"rope_type\":\"default\"}}",
         "",
         {.theta = 2e4}},
        {"{\"rotary_emb_base\":2e4,\"rotary_pct\":0.25}",
         "",
         {.theta = 2e4, .partial_rotary_factor = 0.25}},
        {"{\"partial_rotary_factor\":0.5,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}",
         "",
         {.type = CORBEL_ROPE_LINEAR, .factor = 2, .partial_rotary_factor = 0.5}},
        {"{\"rope_scaling\":{\"rope_type\":\"linear\",\"type\":\"dynamic\",\"factor\":4.0}}",
         "",
         {.type = CORBEL_ROPE_LINEAR, .factor = 4}},
        {"{\"rope_scaling\":{\"type\":\"linear\",\"factor\":4},\"rope_parameters\":{\"rope_theta\":"
         "7}}",
         "",
         {.type = CORBEL_ROPE_LINEAR, .factor = 4}},
        {"{\"max_position_embeddings\":2048,\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}",
         "",
         {.type = CORBEL_ROPE_DYNAMIC, .factor = 2, .max_position_embeddings = 2048}},
        {"{\"rope_scaling\":{\"type\":\"mrope\",\"mrope_section\":[16,24,24]}}", "", {.type = 0}},
        {"{\"rope_theta\":5e5,\"max_position_embeddings\":131072,\"rope_scaling\":{\"rope_type\":"
         "\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4,"
         "\"original_max_position_embeddings\":8192}}",
         "",
         {.type = CORBEL_ROPE_LLAMA3,
          .theta = 5e5,
          .factor = 8,
          .low_freq_factor = 1,
          .high_freq_factor = 4,
          .original_max_position_embeddings = 8192}},
        {"{\"max_position_embeddings\":4096,\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4}"
         "}",
         "",
         {.type = CORBEL_ROPE_YARN,
          .factor = 4,
          .beta_fast = 32,
          .beta_slow = 1,
          .truncate = 1,
          .original_max_position_embeddings = 4096,
          .attention_factor = 1.1386294361119891}},
        {"{\"max_position_embeddings\":8192,\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":"
         "null,\"original_max_position_embeddings\":2048,\"beta_fast\":16,\"beta_slow\":2,"
         "\"truncate\":false}}",
         "",
         {.type = CORBEL_ROPE_YARN,
          .factor = 4,
          .beta_fast = 16,
          .beta_slow = 2,
          .original_max_position_embeddings = 2048,
          .attention_factor = 1.1386294361119891}},
        {"{\"max_position_embeddings\":163840,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":40,"
         "\"mscale\":0.707,\"mscale_all_dim\":1.0,\"original_max_position_embeddings\":4096}}",
         "",
         {.type = CORBEL_ROPE_YARN,
          .factor = 40,
          .beta_fast = 32,
          .beta_slow = 1,
          .truncate = 1,
          .original_max_position_embeddings = 4096,
          .attention_factor = 0.9210423553163399}},
        {"{\"max_position_embeddings\":131072,\"original_max_position_embeddings\":4096,"
         "\"head_dim\":4,\"rope_scaling\":{\"type\":\"su\",\"short_factor\":[1,1.5],"
         "\"long_factor\":[2,3]}}",
         "",
         {.type = CORBEL_ROPE_LONGROPE,
          .factor = 32,
          .original_max_position_embeddings = 4096,
          .attention_factor = 1.1902380714238083,
          .short_factor.n = 2,
          .long_factor.n = 2}},
        {"{\"rope_parameters\":{\"rope_type\":\"longrope\",\"factor\":1,\"short_factor\":[1],"
         "\"long_factor\":[2],\"original_max_position_embeddings\":64}}",
         "",
         {.type = CORBEL_ROPE_LONGROPE,
          .factor = 1,
          .original_max_position_embeddings = 64,
          .short_factor.n = 1,
          .long_factor.n = 1}},
        /* By layer type: new files nest, older ones have a second base frequency. */
        {"{\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":8,"
         "\"rope_theta\":1e6},\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":"
         "12345}}}",
         "full_attention",
         {.type = CORBEL_ROPE_LINEAR, .factor = 8, .theta = 1e6}},
        {"{\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":8,"
         "\"rope_theta\":1e6},\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":"
         "12345}}}",
         "sliding_attention",
         {.theta = 12345}},
        {"{\"rope_theta\":1e6,\"rope_local_base_freq\":12345,\"rope_scaling\":{\"rope_type\":"
         "\"linear\",\"factor\":8}}",
         "full_attention",
         {.type = CORBEL_ROPE_LINEAR, .factor = 8, .theta = 1e6}},
        {"{\"rope_theta\":1e6,\"rope_local_base_freq\":12345,\"rope_scaling\":{\"rope_type\":"
         "\"linear\",\"factor\":8}}",
         "sliding_attention",
         {.theta = 12345}},
        {"{\"rope_theta\":5e5,\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":8,"
         "\"original_max_position_embeddings\":8192}}",
         "sliding_attention",
         {.theta = 5e5}},
        {"{\"global_rope_theta\":160000,\"local_rope_theta\":20000}",
         "sliding_attention",
         {.theta = 2e4}},
        {"{\"global_rope_theta\":160000,\"local_rope_theta\":20000}",
         "full_attention",
         {.theta = 16e4}},
        {"{\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"},"
         "\"sliding_attention\":null}}",
         "sliding_attention",
         {.theta = 1e4}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = {0};
        struct config c;
        const corbel_rope *rope = NULL;
        corbel_error err = {.text = ""};
        const corbel_rope expected = with_defaults(rows[i].expected);
        scratch_write_text(*state, "config.json", rows[i].json);
        assert_int_equal(config_load(&c, ((struct scratch *)*state)->dir, &err), CORBEL_OK);
        if (config_rope(&c, rows[i].layer_type, 1e4, &arena, &rope, &err) != CORBEL_OK)
            fail_msg("%s: %s", rows[i].json, err.text);
        assert_int_equal(rope->struct_size, sizeof *rope);
        if (!equal(rope, &expected))
            fail_msg("%s (%s): type %d, theta %g, factor %g, attention_factor %.17g", rows[i].json,
                     rows[i].layer_type, rope->type, rope->theta, rope->factor,
                     rope->attention_factor);
        arena_finish(&arena);
        config_finish(&c);
    }
}

static void test_lists_are_in_order(void **state)
{
    struct arena arena = {0};
    struct config c;
    const corbel_rope *rope;
    scratch_write_text(*state, "config.json",
                       "{\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1,1.5],"
                       "\"long_factor\":[2,3],\"factor\":2,"
                       "\"original_max_position_embeddings\":64}}");
    assert_int_equal(config_load(&c, ((struct scratch *)*state)->dir, NULL), CORBEL_OK);
    assert_int_equal(config_rope(&c, "", 1e4, &arena, &rope, NULL), CORBEL_OK);
    assert_true(rope->short_factor.items[0] == 1.0 && rope->short_factor.items[1] == 1.5);
    assert_true(rope->long_factor.items[0] == 2.0 && rope->long_factor.items[1] == 3.0);
    config_finish(&c);
    arena_finish(&arena);
}

static void test_what_is_malformed_names_the_key(void **state)
{
    static const struct {
        const char *json, *why;
    } rows[] = {
        {"{\"rope_theta\":\"10000\"}", "rope_theta: expected a number, found \"10000\""},
        {"{\"rope_theta\":0}", "rope_theta: expected a number greater than 0, found 0"},
        {"{\"rope_theta\":-5}", "rope_theta: expected a number greater than 0, found -5"},
        {"{\"rope_theta\":1e999}", "rope_theta: expected a number that fits a double"},
        {"{\"rope_scaling\":\"linear\"}", "rope_scaling: expected an object or null"},
        {"{\"rope_parameters\":[]}", "rope_parameters: expected an object or null"},
        {"{\"rope_scaling\":{\"type\":\"spiral\"}}", "rope_scaling.type: expected default, linear"},
        {"{\"rope_scaling\":{\"rope_type\":7}}", "rope_scaling.rope_type: expected a string"},
        {"{\"rope_scaling\":{\"type\":\"linear\"}}", "rope_scaling.factor is missing"},
        {"{\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}}",
         "rope_scaling.factor: expected a number greater than 0, found 0"},
        {"{\"rope_scaling\":{\"type\":\"linear\",\"factor\":\"2\"}}",
         "rope_scaling.factor: expected a number, found \"2\""},
        {"{\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}",
         "max_position_embeddings is missing"},
        {"{\"partial_rotary_factor\":1.5}", "partial_rotary_factor: expected at most 1"},
        {"{\"rope_scaling\":{\"type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,"
         "\"high_freq_factor\":1,\"original_max_position_embeddings\":64}}",
         "rope_scaling.high_freq_factor: expected more than low_freq_factor (4), found 1"},
        {"{\"rope_scaling\":{\"type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,"
         "\"high_freq_factor\":4}}",
         "rope_scaling.original_max_position_embeddings is missing"},
        {"{\"rope_scaling\":{\"type\":\"yarn\",\"factor\":8,"
         "\"original_max_position_embeddings\":0}}",
         "original_max_position_embeddings: expected an integer from 1 to 2^31 - 1, found 0"},
        {"{\"rope_theta\":1,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":8,"
         "\"original_max_position_embeddings\":64}}",
         "rope_theta: expected more than 1 for yarn"},
        {"{\"rope_scaling\":{\"type\":\"yarn\",\"factor\":8,\"truncate\":1,"
         "\"original_max_position_embeddings\":64}}",
         "rope_scaling.truncate: expected true or false, found 1"},
        {"{\"rope_scaling\":{\"type\":\"yarn\",\"factor\":1e300,\"mscale\":1e308,"
         "\"mscale_all_dim\":1,\"original_max_position_embeddings\":64}}",
         "mscale and mscale_all_dim make an attention factor of inf"},
        {"{\"rope_scaling\":{\"type\":\"longrope\",\"factor\":2,"
         "\"original_max_position_embeddings\":64,\"short_factor\":[1]}}",
         "rope_scaling.long_factor is missing"},
        {"{\"rope_scaling\":{\"type\":\"longrope\",\"factor\":2,"
         "\"original_max_position_embeddings\":64,\"short_factor\":[1],\"long_factor\":[0]}}",
         "rope_scaling.long_factor: expected only numbers greater than 0, found 0"},
        {"{\"rope_scaling\":{\"type\":\"longrope\",\"factor\":2,"
         "\"original_max_position_embeddings\":64,\"short_factor\":3,\"long_factor\":[1]}}",
         "rope_scaling.short_factor: expected a list"},
        {"{\"head_dim\":8,\"rope_scaling\":{\"type\":\"longrope\",\"factor\":2,"
         "\"original_max_position_embeddings\":64,\"short_factor\":[1],\"long_factor\":[1]}}",
         "expected 4 numbers in short_factor and in long_factor, found 1 and 1"},
        {"{\"rope_scaling\":{\"type\":\"longrope\",\"factor\":2,"
         "\"original_max_position_embeddings\":64,\"short_factor\":[1,1],\"long_factor\":[1]}}",
         "found 2 and 1"},
        {"{\"rope_scaling\":{\"type\":\"longrope\",\"factor\":2,"
         "\"original_max_position_embeddings\":1,\"short_factor\":[1],\"long_factor\":[1]}}",
         "expected at least 2 for longrope"},
        {"{\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}}",
         "rope_parameters: expected one set of parameters for all layers"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = {0};
        struct config c;
        const corbel_rope *rope;
        corbel_error err = {.text = ""};
        scratch_write_text(*state, "config.json", rows[i].json);
        assert_int_equal(config_load(&c, ((struct scratch *)*state)->dir, &err), CORBEL_OK);
        const corbel_status status = config_rope(&c, "", 1e4, &arena, &rope, &err);
        if (status != CORBEL_E_CONFIG || rope || !strstr(err.text, rows[i].why) ||
            !strstr(err.text, "config.json: "))
            fail_msg("%s: %s", rows[i].json, err.text);
        arena_finish(&arena);
        config_finish(&c);
    }
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_spellings),
        IN_SCRATCH(test_lists_are_in_order),
        IN_SCRATCH(test_what_is_malformed_names_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
