/* test_json.c: what is JSON, what means two things, and typed members. */
#include "test.h"

#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static void test_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why; /* why NULL: accepted */
    } rows[] = {
        /* clang-format off */
        {"{}", NULL},
        {" [ 1 , -0.5e-3 , true , false , null , \"\\u00e9\\ud83d\\ude00\\/\" ] \r\n\t", NULL},
        {"\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"", NULL},
        {"-0", NULL},
        {"9223372036854775807", NULL},
        {"-9223372036854775808", NULL},
        {"", "f:1:1: the file ends where a value is expected"},
        {"{} {}", "f:1:4: more than one value"},
        {"{\"a\":1,}", "expected a key"},
        {"[1,]", "expected a value"},
        {"[1", "ends within an array"},
        {"{\"a\" 1}", "expected \":\""},
        {"{a:1}", "expected a key"},
        {"{'a':1}", "expected a key"},
        {"// c\n1", "expected a value"},
        {"01", "leading zero"},
        {"1.", "behind its point"},
        {"1e", "in its exponent"},
        {"+1", "expected a value"},
        {"NaN", "NaN and Infinity"},
        {"[\n  Infinity]", "f:2:3: NaN and Infinity"},
        {"-Infinity", "expected a value"},
        {"True", "expected a value"},
        {"\"a\nb\"", "control character"},
        {"\"\\x\"", "escape that JSON does not have"},
        {"\"\\u12\"", "four hex digits"},
        {"\"\\u0000\"", "U+0000"},
        {"\"\\ud800\"", "lone surrogate"},
        {"\"\\udc00\\ud800\"", "lone surrogate"},
        {"\"\\ud800\\u0041\"", "lone surrogate"},
        {"\"\xff\"", "not UTF-8"},
        {"\"\xc0\xaf\"", "not UTF-8"},
        {"\"\xed\xa0\x80\"", "not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "not UTF-8"},
        {"\"\xc3", "not UTF-8"},
        {"\"abc", "ends within a string"},
        {"\xef\xbb\xbf{}", "expected a value"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "f:1:14: the key \"a\" appears twice"},
        {"{\"a\":1,\n\"\\u0061\":2}", "f:2:1: the key \"a\" appears twice"},
        {"{\"a\":{\"a\":1},\"b\":{\"a\":1}}", NULL},
        {"[{\"\":1},{\"\":2}]", NULL},
        {"{\"\":1,\"\":2}", "appears twice"},
        {"9223372036854775808", "does not fit 64 bits"},
        {"-9223372036854775809", "does not fit 64 bits"},
        {"1e400", NULL},
        /* clang-format on */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        corbel_error err = {.text = ""};
        struct json_object *root;
        const corbel_status status =
            json_parse(rows[i].json, strlen(rows[i].json), JSON_SECURITY, "f", &root, &err);
        const bool as_expected = rows[i].why
                                     ? status == CORBEL_E_FORMAT && strstr(err.text, rows[i].why)
                                     : status == CORBEL_OK;
        if (!as_expected)
            fail_msg("row %zu: %s: %s", i, rows[i].json, err.text);
        json_object_put(root);
    }
}

static void test_bytes_of_value_zero_are_refused(void **state)
{
    (void)state;
    static const char inside[] = "\"a\0b\"", behind[] = "{}\0";
    corbel_error err;
    assert_int_equal(json_check(inside, sizeof inside - 1, JSON_DATA, "f", &err), CORBEL_E_FORMAT);
    assert_int_equal(json_check(behind, sizeof behind - 1, JSON_DATA, "f", &err), CORBEL_E_FORMAT);
}

static void test_data_lets_large_integers_through(void **state)
{
    (void)state;
    static const char json[] = "{\"model_max_length\": 1000000000000000019884624838656}";
    struct json_object *root;
    int64_t value = 0;
    assert_int_equal(json_parse(json, strlen(json), JSON_DATA, "f", &root, NULL), CORBEL_OK);
    assert_int_equal(json_get_int(root, "model_max_length", &value, "f", NULL), CORBEL_OK);
    assert_true(value == INT64_MAX);
    json_object_put(root);
}

static void test_depth(void **state)
{
    (void)state;
    for (size_t depth = 63; depth <= 66; depth++) {
        char json[256];
        memset(json, '[', depth);
        memset(json + depth, ']', depth);
        struct json_object *root;
        const corbel_status status = json_parse(json, 2 * depth, JSON_SECURITY, "f", &root, NULL);
        assert_int_equal(status, depth <= 64 ? CORBEL_OK : CORBEL_E_FORMAT);
        json_object_put(root);
    }
}

/* Many keys, the first again at the end: found, and in n log n. */
static void test_a_duplicate_among_many_keys(void **state)
{
    (void)state;
    struct text t = {0};
    text_append(&t, "{");
    for (int i = 0; i < 200000; i++)
        text_format(&t, "\"key %d\":%d,", i, i);
    text_append(&t, "\"key 0\":1}");
    corbel_error err;
    assert_int_equal(json_check(t.data, t.size, JSON_DATA, "f", &err), CORBEL_E_FORMAT);
    assert_non_null(strstr(err.text, "\"key 0\" appears twice"));
    text_finish(&t);
}

static void test_typed_members_name_file_and_key(void **state)
{
    (void)state;
    static const char json[] = "{\"i\":3,\"d\":0.5,\"s\":\"x\",\"b\":true,\"n\":null,\"l\":[],"
                               "\"o\":{},\"huge\":1e999}";
    corbel_error err;
    struct json_object *root, *inner = NULL;
    int64_t i = 7;
    double d = 7;
    bool b = false;
    const char *s = "unset";
    assert_int_equal(json_parse(json, strlen(json), JSON_DATA, "f", &root, &err), CORBEL_OK);

    assert_int_equal(json_get_int(root, "absent", &i, "f", &err), CORBEL_OK);
    assert_int_equal(json_get_int(root, "n", &i, "f", &err), CORBEL_OK);
    assert_int_equal(i, 7);
    assert_int_equal(json_get_int(root, "i", &i, "f", &err), CORBEL_OK);
    assert_int_equal(i, 3);
    assert_int_equal(json_get_double(root, "i", &d, "f", &err), CORBEL_OK);
    assert_true(d == 3.0);
    assert_int_equal(json_get_bool(root, "b", &b, "f", &err), CORBEL_OK);
    assert_true(b);
    assert_int_equal(json_get_string(root, "s", &s, "f", &err), CORBEL_OK);
    assert_string_equal(s, "x");
    assert_int_equal(json_get_member(root, "o", json_type_object, &inner, "f", &err), CORBEL_OK);
    assert_non_null(inner);

    assert_int_equal(json_get_int(root, "s", &i, "f", &err), CORBEL_E_FORMAT);
    assert_string_equal(err.text, "f: s: expected an integer, found \"x\"");
    assert_int_equal(json_get_int(root, "d", &i, "f", &err), CORBEL_E_FORMAT);
    assert_string_equal(err.text, "f: d: expected an integer, found 0.5");
    assert_int_equal(json_get_double(root, "huge", &d, "f", &err), CORBEL_E_FORMAT);
    assert_int_equal(json_get_string(root, "l", &s, "f", &err), CORBEL_E_FORMAT);
    assert_string_equal(err.text, "f: l: expected a string, found a list");
    assert_int_equal(json_get_bool(root, "o", &b, "f", &err), CORBEL_E_FORMAT);
    assert_string_equal(err.text, "f: o: expected true or false, found an object");
    json_object_put(root);
}

/* What Python's json.dumps(x, indent=2, sort_keys=True) gives. */
static void test_trees_are_printed_as_python_does(void **state)
{
    (void)state;
    static const struct {
        const char *json, *printed;
    } rows[] = {
        {"{}", "{}\n"},
        {"[]", "[]\n"},
        {"{\"b\":[1,null],\"a\":{\"c\":true}}",
         "{\n  \"a\": {\n    \"c\": true\n  },\n  \"b\": [\n    1,\n    null\n  ]\n}\n"},
        {"1e-12", "1e-12\n"},
        {"0.00001", "1e-05\n"},
        {"1e-4", "0.0001\n"},
        {"1.0", "1.0\n"},
        {"-0.0", "-0.0\n"},
        {"0.2", "0.2\n"},
        {"1e16", "1e+16\n"},
        {"1e15", "1000000000000000.0\n"},
        {"0.30000000000000004", "0.30000000000000004\n"},
        {"1.7976931348623157e308", "1.7976931348623157e+308\n"},
        {"-9223372036854775808", "-9223372036854775808\n"},
        {"\"\xc3\xa9\xf0\x9f\x98\x80\x7f\\n/\"", "\"\\u00e9\\ud83d\\ude00\\u007f\\n/\"\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_object *root;
        struct text out = {0};
        assert_int_equal(
            json_parse(rows[i].json, strlen(rows[i].json), JSON_DATA, "f", &root, NULL), CORBEL_OK);
        json_print(&out, root);
        assert_string_equal(text_cstr(&out), rows[i].printed);
        text_finish(&out);
        json_object_put(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_bytes_of_value_zero_are_refused),
        cmocka_unit_test(test_data_lets_large_integers_through),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_a_duplicate_among_many_keys),
        cmocka_unit_test(test_typed_members_name_file_and_key),
        cmocka_unit_test(test_trees_are_printed_as_python_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
