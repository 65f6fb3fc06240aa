/* Attention on Vulkan against the CPU's: caches, groups of heads, windows, soft caps, masks, rotary
 * positions; few queries and many, and more keys than one invocation can walk over. */
#include "vulkan_case.h"

#include <stdio.h>
#include <stdlib.h>

struct row {
    const char *what;
    int batch, queries, heads, kv_heads, dim, v_dim, capacity, past;
    const char *how; /* attributes */
    int masked;      /* every so many-th key is hidden; 0: no mask */
    int rotary;      /* 0: none */
};

static const struct row rows[] = {
    {"one query", 1, 1, 1, 1, 4, 4, 8, 0, "", 0, 0},
    {"one query, cache half full", 2, 1, 4, 2, 64, 64, 100, 49, "", 0, 0},
    {"odd heads", 1, 3, 3, 1, 5, 7, 40, 30, "", 0, 0},
    {"two queries, window", 1, 2, 4, 4, 16, 16, 300, 200, "window=65", 0, 0},
    {"soft cap and scale", 1, 1, 4, 2, 32, 32, 64, 60, "softcap=0.5 scale=2.0", 0, 0},
    {"mask", 2, 2, 2, 2, 8, 8, 70, 60, "", 3, 0},
    {"everything masked", 2, 2, 2, 2, 8, 8, 70, 60, "", 1, 0},
    {"more keys than a part", 1, 1, 2, 1, 16, 16, 3000, 2500, "", 0, 0},
    {"parts, window, mask", 1, 2, 2, 1, 16, 16, 3000, 2900, "window=1100", 5, 0},
    {"wide heads", 1, 1, 2, 2, 300, 260, 20, 10, "", 0, 0},
    {"turned, decode", 1, 1, 9, 3, 64, 64, 128, 77, "", 0, 64},
    {"partly turned", 2, 3, 4, 2, 16, 16, 20, 5, "", 0, 8},
    {"interleaved", 1, 2, 2, 2, 8, 8, 20, 5, "interleaved=1", 0, 8},
    {"eight queries", 1, 8, 2, 2, 16, 16, 8, 0, "", 0, 0},
    {"prompt", 1, 33, 6, 2, 64, 64, 64, 0, "", 0, 64},
    {"chunk of a prompt", 2, 17, 4, 2, 32, 16, 100, 55, "", 0, 32},
    {"prompt, window, soft cap", 1, 70, 2, 1, 16, 16, 90, 20, "window=9 softcap=3.0", 0, 0},
    {"prompt, mask", 2, 20, 2, 1, 16, 16, 40, 4, "", 4, 0},
    {"prompt, everything masked", 2, 20, 2, 1, 16, 16, 40, 4, "", 1, 0},
    {"prompt, odd heads", 1, 20, 2, 1, 7, 7, 40, 4, "", 0, 0},
    {"prompt, wide heads", 1, 12, 2, 1, 256, 256, 40, 4, "", 0, 0},
};

static uint32_t mask_of(struct vulkan_case *c, int batch, int keys, int every)
{
    char s[48];
    int32_t *mask = calloc((size_t)(batch * keys), sizeof(*mask));
    assert_non_null(mask);
    for (int i = 0; i < batch * keys; i++)
        mask[i] = i % every != 0;
    snprintf(s, sizeof s, "i%dx%d", batch, keys);
    const uint32_t id = case_ints(c, s, mask, (uint32_t)(batch * keys));
    free(mask);
    return id;
}

static uint32_t heads_of(struct vulkan_case *c, const struct row *r, int heads, int dim)
{
    char s[64];
    snprintf(s, sizeof s, "w%dx%dx%dx%d", r->batch, r->queries, heads, dim);
    return case_value(c, s);
}

static uint32_t turned(struct vulkan_case *c, const struct row *r, uint32_t x, uint32_t table)
{
    const bool interleaved = r->how[0] == 'i';
    return r->rotary ? CASE_OP(c, OP_ROPE, interleaved ? "interleaved=1" : "", x, table) : x;
}

static uint32_t build(struct vulkan_case *c, const struct row *r, bool cached)
{
    char attrs[128], s[64];
    uint32_t table = 0;
    const uint32_t q = heads_of(c, r, r->heads, r->dim), k = heads_of(c, r, r->kv_heads, r->dim),
                   v = heads_of(c, r, r->kv_heads, r->v_dim);
    if (r->rotary) {
        snprintf(s, sizeof s, "w%dx%dx%dx2", r->batch, r->queries, r->rotary / 2);
        table = case_value(c, s);
        c->expect = OP_ATTENTION_ROPE;
        c->fused = true;
    }
    const int keys = cached ? r->capacity : r->queries;
    const uint32_t mask = r->masked ? mask_of(c, r->batch, keys, r->masked) : 0;
    if (cached)
        snprintf(attrs, sizeof attrs, "causal=1 cache=%u %s",
                 case_cache(c, r->batch, r->kv_heads, r->capacity, r->dim, r->v_dim),
                 r->how[0] == 'i' ? "" : r->how);
    else
        snprintf(attrs, sizeof attrs, "scale=0.3");
    c->past = cached ? r->past : 0;
    c->tolerance = 3e-5;
    return CASE_OP(c, OP_ATTENTION, attrs, turned(c, r, q, table), turned(c, r, k, table), v, mask);
}

static void test_attention_with_a_cache(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        case_check(&c, build(&c, &rows[i], true), rows[i].what);
    }
}

static void test_attention_without_a_cache(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vulkan_case c;
        case_init(&c);
        case_check(&c, build(&c, &rows[i], false), rows[i].what);
    }
}

/* Long sequences: 65,536 keys and more, which no single invocation may walk over. */
static void test_attention_over_more_than_65536_keys(void **state)
{
    static const struct row long_rows[] = {
        {"decode of 70,000", 1, 1, 2, 1, 8, 8, 70000, 69990, "", 0, 0},
        {"prompt on 70,000", 1, 9, 1, 1, 8, 8, 70000, 69980, "", 7, 0},
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct vulkan_case c;
        case_init(&c);
        case_check(&c, build(&c, &long_rows[i], true), long_rows[i].what);
    }
}

static void test_rope_alone(void **state)
{
    static const char *const hows[] = {"", "interleaved=1"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct vulkan_case c;
        case_init(&c);
        const uint32_t x = case_value(&c, "w2x3x4x10"), table = case_value(&c, "w2x3x3x2");
        case_check(&c, CASE_OP(&c, OP_ROPE, hows[i], x, table), "rope");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_with_a_cache),
        cmocka_unit_test(test_attention_without_a_cache),
        cmocka_unit_test(test_attention_over_more_than_65536_keys),
        cmocka_unit_test(test_rope_alone),
    };
    case_open_devices();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close_devices();
    return failed;
}
