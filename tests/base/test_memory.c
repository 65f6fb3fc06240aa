/* test_memory.c: arenas and growing texts. */
#include "test.h"

#include "base/arena.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void test_arena_memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena a = {0};
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *p = arena_alloc(&a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    assert_string_equal(arena_format(&a, "%s %d", "layer", 3), "layer 3");
    assert_string_equal(arena_string(&a, ""), "");
    assert_memory_equal(arena_copy(&a, "ab", 2), "ab", 2);
    arena_finish(&a);
    assert_int_equal(a.used, 0);
}

static void test_arena_refuses_what_it_cannot_have(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 64));
    assert_null(arena_array(&a, SIZE_MAX / 2, 4));
    assert_null(arena_alloc(&a, 1025));
    assert_non_null(arena_alloc(&a, 1000));
    assert_null(arena_alloc(&a, 100));
    arena_finish(&a);
    assert_non_null(arena_alloc(&a, 1000)); /* the limit stays, the room is there again */
    arena_finish(&a);
}

static void test_text_grows_and_is_taken(void **state)
{
    (void)state;
    struct text t = {0};
    assert_string_equal(text_cstr(&t), "");
    for (int i = 0; i < 1000; i++)
        text_format(&t, "%d,", i);
    assert_int_equal(t.size, 3890);
    text_clear(&t);
    text_append(&t, "a");
    text_append_char(&t, 'b');
    text_append_bytes(&t, "c\0d", 3);
    assert_int_equal(t.size, 5);
    assert_memory_equal(t.data, "abc\0d", 6);
    char *taken = text_take(&t);
    assert_memory_equal(taken, "abc\0d", 6);
    assert_int_equal(t.size, 0);
    free(taken);
    taken = text_take(&t);
    assert_string_equal(taken, "");
    free(taken);
}

static void test_text_stays_failed(void **state)
{
    (void)state;
    struct text t = {0};
    text_append(&t, "x");
    text_append_bytes(&t, "y", SIZE_MAX / 2);
    assert_true(t.failed);
    text_append(&t, "z");
    assert_string_equal(text_cstr(&t), "x");
    assert_null(text_take(&t));
}

static void test_json_strings_are_quoted_as_python_does(void **state)
{
    (void)state;
    static const char s[] = "\"\\\n\r\t\b\f\x01\x1f/\x7f\xc3\xa9";
    struct text t = {0};
    text_append_json_string(&t, s, sizeof s - 1);
    assert_string_equal(t.data, "\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f/\x7f\xc3\xa9\"");
    text_finish(&t);
}

static void test_nearest_name(void **state)
{
    (void)state;
    static const char *const names[] = {"rms_norm", "layer_norm", "softmax", "add"};
    static const struct {
        const char *word, *nearest;
    } rows[] = {
        {"rmsnorm", "rms_norm"}, {"layernorm", "layer_norm"}, {"softmx", "softmax"},
        {"ad", "add"},           {"convolution", NULL},       {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *nearest = text_nearest(rows[i].word, names, 4);
        if (rows[i].nearest ? !nearest || strcmp(nearest, rows[i].nearest) != 0 : nearest != NULL)
            fail_msg("%s: %s", rows[i].word, nearest ? nearest : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_memory_is_zeroed_and_aligned),
        cmocka_unit_test(test_arena_refuses_what_it_cannot_have),
        cmocka_unit_test(test_text_grows_and_is_taken),
        cmocka_unit_test(test_text_stays_failed),
        cmocka_unit_test(test_json_strings_are_quoted_as_python_does),
        cmocka_unit_test(test_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
