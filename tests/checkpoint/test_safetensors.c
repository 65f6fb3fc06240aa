/* test_safetensors.c: which headers are read, which are refused and with what words, and that what
 * is written is what the reference library writes. */
#include "test.h"

#include "base/scratch.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"

/* A file in memory: length, header, data. */
struct image {
    struct text bytes;
    struct file_map map;
};

static void image_make(struct image *m, uint64_t length, const char *header, size_t header_size,
                       size_t data_size)
{
    *m = (struct image){0};
    for (int i = 0; i < 8; i++)
        text_append_char(&m->bytes, (char)(length >> 8 * i));
    text_append_bytes(&m->bytes, header, header_size);
    for (size_t i = 0; i < data_size; i++)
        text_append_char(&m->bytes, (char)i);
    m->map = (struct file_map){.data = (const uint8_t *)m->bytes.data, .size = m->bytes.size};
}

#define T(name, dtype, shape, begin, end)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end \
    "]}"

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_size;
        const char *why; /* NULL: read */
    } rows[] = {
        /* clang-format off */
        {"{}", 0, NULL},
        {"{}      ", 0, NULL},
        {"{\"__metadata__\":{}}", 0, NULL},
        {"{\"__metadata__\":{\"format\":\"pt\",\"a\":\"b\"}," T("a", "F32", "[2,3]", 0, 24) "}", 24, NULL},
        {"{ \"a\" : { \"shape\" : [ ] , \"dtype\" : \"I64\" , \"data_offsets\" : [ 0 , 8 ] } }", 8, NULL},
        {"{" T("a", "F32", "[0,5]", 0, 0) "," T("b", "U8", "[1]", 0, 1) "}", 1, NULL},
        {"{" T("b", "U8", "[1]", 1, 2) "," T("a", "U8", "[1]", 0, 1) "}", 2, NULL},
        {"{" T("a", "F4", "[2,2]", 0, 2) "," T("b", "F6_E2M3", "[4]", 2, 5) "}", 5, NULL},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", 0, 1) "}", 1, NULL},

        {"", 0, "does not begin with \"{\""},
        {" {}", 0, "does not begin with \"{\""},
        {"[]", 0, "does not begin with \"{\""},
        {"{}\n", 0, "only spaces behind the header"},
        {"{}{}", 0, "only spaces behind the header"},
        {"{", 0, "expected a key"},
        {"{" T("a", "U8", "[1]", 0, 1) ",}", 1, "expected a key"},
        {"{" T("a", "U8", "[1]", 0, 1), 1, "expected \",\" or \"}\""},
        {"{\"a\":1}", 0, "tensor \"a\": expected an object"},
        {"{\"a\":{}}", 0, "expected a key"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "tensor \"a\": expected dtype, shape and data_offsets"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "a key appears twice"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1, "expected only dtype, shape and data_offsets"},
        {"{" T("a", "F33", "[1]", 0, 1) "}", 1, "tensor \"a\": dtype \"F33\" is not one of safetensors'"},
        {"{" T("a", "f32", "[1]", 0, 4) "}", 4, "dtype \"f32\""},
        {"{" T("a", "F32", "[1.0]", 0, 4) "}", 4, "expected \",\" or \"]\""},
        {"{" T("a", "F32", "[1e0]", 0, 4) "}", 4, "expected \",\" or \"]\""},
        {"{" T("a", "F32", "[-1]", 0, 4) "}", 4, "whole number in plain digits"},
        {"{" T("a", "F32", "[-0]", 0, 0) "}", 0, "whole number in plain digits"},
        {"{" T("a", "F32", "[+1]", 0, 4) "}", 4, "whole number in plain digits"},
        {"{" T("a", "F32", "[01]", 0, 4) "}", 4, "whole number in plain digits"},
        {"{" T("a", "F32", "[1,]", 0, 4) "}", 4, "whole number in plain digits"},
        {"{" T("a", "F32", "[[1]]", 0, 4) "}", 4, "whole number in plain digits"},
        {"{" T("a", "F32", "1", 0, 4) "}", 4, "shape: expected a list"},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", 0, 1) "}", 1, "more than 16 dimensions"},
        {"{" T("a", "U8", "[9007199254740993]", 0, 1) "}", 1, "more than 2^53"},
        {"{" T("a", "U8", "[18446744073709551616]", 0, 1) "}", 1, "does not fit 64 bits"},
        {"{" T("a", "U8", "[4294967296,4294967296,4]", 0, 0) "}", 0, "do not make a number of bytes"},
        {"{" T("a", "F4", "[3]", 0, 1) "}", 1, "do not make a number of bytes"},
        {"{" T("a", "F32", "[1]", 0, 8) "}", 8, "data_offsets span 8 bytes, dtype and shape need 4"},
        {"{" T("a", "F32", "[1]", 4, 0) "}", 4, "the end lies before the begin"},
        {"{" T("a", "U8", "[1]", 0, 1) "}", 2, "2 bytes of data, of which tensors cover 1"},
        {"{" T("a", "U8", "[2]", 0, 2) "}", 1, "data_offsets end at 2, the file holds 1"},
        {"{" T("a", "U8", "[1]", 1, 2) "}", 2, "data_offsets begin at 1, the bytes before end at 0"},
        {"{" T("a", "U8", "[2]", 0, 2) "," T("b", "U8", "[2]", 1, 3) "}", 3, "tensor \"b\": data_offsets begin at 1"},
        {"{" T("a", "U8", "[1]", 0, 1) "," T("a", "U8", "[1]", 1, 2) "}", 2, "tensor \"a\" appears twice"},
        {"{" T("a", "U8", "[1]", 0, 1) "," T("\\u0061", "U8", "[1]", 1, 2) "}", 2, "tensor \"a\" appears twice"},
        {"{" T("a\\u0000b", "U8", "[1]", 0, 1) "}", 1, "U+0000"},
        {"{" T("\\ud800", "U8", "[1]", 0, 1) "}", 1, "lone surrogate"},
        {"{" T("\xff", "U8", "[1]", 0, 1) "}", 1, "not UTF-8"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ appears twice"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__: expected strings only"},
        {"{\"__metadata__\":{\"a\":\"1\",\"\\u0061\":\"2\"}}", 0, "__metadata__: a key appears twice"},
        {"{\"__metadata__\":\"pt\"}", 0, "__metadata__: expected an object"},
        /* clang-format on */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t length = strlen(rows[i].header);
        struct image m;
        struct arena arena = {0};
        struct checkpoint_tensor *tensors = NULL;
        uint32_t n = 0;
        corbel_error err = {.text = ""};
        image_make(&m, length, rows[i].header, length, rows[i].data_size);
        const corbel_status status = safetensors_read(&m.map, "f", &arena, &tensors, &n, &err);
        const bool as_expected = rows[i].why
                                     ? status == CORBEL_E_FORMAT && strstr(err.text, rows[i].why)
                                     : status == CORBEL_OK;
        if (!as_expected)
            fail_msg("row %zu: %s: %s", i, rows[i].header, err.text);
        arena_finish(&arena);
        text_finish(&m.bytes);
    }
}

static void test_lengths_that_lie(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        size_t header_size;
        const char *why;
    } rows[] = {
        {3, 2, "a header of 3 bytes in a file of 10"},
        {UINT64_C(1) << 63, 2, "a header of 9223372036854775808 bytes"},
        {UINT64_MAX, 2, "a header of 18446744073709551615 bytes"},
        {100000001, 100000001, "at most 100000000"},
    };
    char *header = calloc(1, 100000001);
    assert_non_null(header);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct image m;
        struct arena arena = {0};
        struct checkpoint_tensor *tensors = NULL;
        uint32_t n = 0;
        corbel_error err;
        image_make(&m, rows[i].length, header, rows[i].header_size, 0);
        assert_int_equal(safetensors_read(&m.map, "f", &arena, &tensors, &n, &err),
                         CORBEL_E_FORMAT);
        if (!strstr(err.text, rows[i].why))
            fail_msg("%s", err.text);
        text_finish(&m.bytes);
    }
    free(header);

    for (size_t size = 0; size < 8; size++) {
        const struct file_map map = {.data = (const uint8_t *)"\2\0\0\0\0\0\0", .size = size};
        struct checkpoint_tensor *tensors = NULL;
        uint32_t n = 0;
        struct arena arena = {0};
        assert_int_equal(safetensors_read(&map, "f", &arena, &tensors, &n, NULL), CORBEL_E_FORMAT);
    }
}

static void test_views_are_sorted_and_appended(void **state)
{
    (void)state;
    static const char header[] = "{" T("z", "U8", "[2]", 0, 2) "," T("m", "I16", "[]", 2, 4) "," T(
        "b", "F32", "[0]", 4, 4) "}";
    struct image m;
    struct arena arena = {0};
    struct checkpoint_tensor *tensors = NULL;
    uint32_t n = 0;
    image_make(&m, sizeof header - 1, header, sizeof header - 1, 4);
    assert_int_equal(safetensors_read(&m.map, "f", &arena, &tensors, &n, NULL), CORBEL_OK);
    assert_int_equal(n, 3);
    assert_string_equal(tensors[0].name, "b");
    assert_null(tensors[0].data);
    assert_string_equal(tensors[1].name, "m");
    assert_int_equal(tensors[1].dtype, CORBEL_I16);
    assert_int_equal(tensors[1].rank, 0);
    assert_memory_equal(tensors[1].data, "\2\3", 2);
    assert_string_equal(tensors[2].name, "z");
    assert_ptr_equal(tensors[2].data, m.map.data + m.map.size - 4);
    assert_int_equal(safetensors_read(&m.map, "f", &arena, &tensors, &n, NULL), CORBEL_OK);
    assert_int_equal(n, 6);
    assert_string_equal(tensors[5].name, "z");
    arena_finish(&arena);
    text_finish(&m.bytes);
}

/* The bytes that the Python library (0.8.0) writes for the same tensors, metadata {"format": "pt"}.
 */
static void test_the_writer_matches_the_reference(void **state)
{
    static const char expected[] =
        "\x80\1\0\0\0\0\0\0"
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"w.a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]},"
        "\"w.b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[16,20]},"
        "\"b\\\"\\u0001\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[20,22]},"
        "\"ee\":{\"dtype\":\"F16\",\"shape\":[0,3],\"data_offsets\":[22,22]},"
        "\"m\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[22,23]}}"
        "       "
        "\1\0\0\0\0\0\0\0aaaabbbbccccdd\1";
    static const corbel_tensor tensors[] = {
        {.name = "m", .dtype = CORBEL_BOOL, .rank = 1, .shape = {1}, .data = "\1"},
        {.name = "w.b", .dtype = CORBEL_F32, .rank = 1, .shape = {1}, .data = "cccc"},
        {.name = "w.a", .dtype = CORBEL_F32, .rank = 2, .shape = {1, 2}, .data = "aaaabbbb"},
        {.name = "ee", .dtype = CORBEL_F16, .rank = 2, .shape = {0, 3}},
        {.name = "b\"\x01", .dtype = CORBEL_BF16, .rank = 1, .shape = {1}, .data = "dd"},
        {.name = "n", .dtype = CORBEL_I64, .data = "\1\0\0\0\0\0\0\0"},
    };
    const struct scratch *s = *state;
    corbel_error err = {.text = ""};
    char *data;
    size_t size;
    if (safetensors_write(scratch_path(s, "x"), tensors, 6, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    assert_int_equal(file_read(scratch_path(s, "x"), 4096, &data, &size, &err), CORBEL_OK);
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(data, expected, size);
    free(data);
}

static void test_what_can_not_be_written(void **state)
{
    static const corbel_tensor rows[][2] = {
        {{.name = NULL, .dtype = CORBEL_U8, .data = "a"},
         {.name = "x", .dtype = CORBEL_U8, .data = "a"}},
        {{.name = "x", .dtype = CORBEL_U8, .data = "a"},
         {.name = "x", .dtype = CORBEL_U8, .data = "a"}},
        {{.name = "\xff", .dtype = CORBEL_U8, .data = "a"},
         {.name = "x", .dtype = CORBEL_U8, .data = "a"}},
        {{.name = "__metadata__", .dtype = CORBEL_U8, .data = "a"},
         {.name = "x", .dtype = CORBEL_U8, .data = "a"}},
        {{.name = "a", .dtype = 99, .data = "a"}, {.name = "x", .dtype = CORBEL_U8, .data = "a"}},
        {{.name = "a", .dtype = CORBEL_U8, .rank = 9, .data = "a"},
         {.name = "x", .dtype = CORBEL_U8, .data = "a"}},
        {{.name = "a", .dtype = CORBEL_U8, .rank = 1, .shape = {-1}, .data = "a"},
         {.name = "x", .dtype = CORBEL_U8, .data = "a"}},
        {{.name = "a", .dtype = CORBEL_U8, .rank = 1, .shape = {1}},
         {.name = "x", .dtype = CORBEL_U8, .data = "a"}},
        {{.name = "a", .dtype = CORBEL_F4, .rank = 1, .shape = {1}, .data = "a"},
         {.name = "x", .dtype = CORBEL_U8, .data = "a"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *path = scratch_path(*state, "x");
        assert_int_not_equal(safetensors_write(path, rows[i], 2, NULL), CORBEL_OK);
        assert_false(file_exists(path));
    }
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_lengths_that_lie),
        cmocka_unit_test(test_views_are_sorted_and_appended),
        IN_SCRATCH(test_the_writer_matches_the_reference),
        IN_SCRATCH(test_what_can_not_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
