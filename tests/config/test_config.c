/* test_config.c: typed values of config.json, their aliases, and what is said of wrong ones. */
#include "test.h"

#include "base/scratch.h"
#include "config/config.h"
#include "corbel/dtype.h"

static corbel_status load(const struct scratch *s, const char *json, struct config *c,
                          corbel_error *err)
{
    scratch_write_text(s, "config.json", json);
    return config_load(c, s->dir, err);
}

static void test_files_that_are_no_configuration(void **state)
{
    static const struct {
        const char *json, *why;
        corbel_status status;
    } rows[] = {
        {"{\"hidden_size\": 16", "config.json:1:19: ", CORBEL_E_FORMAT},
        {"[]", "expected an object, found a list", CORBEL_E_CONFIG},
        {"null", "expected an object, found null", CORBEL_E_CONFIG},
        {"{\"a\":1,\"a\":2}", "appears twice", CORBEL_E_FORMAT},
        {"{\"a\":NaN}", "NaN and Infinity", CORBEL_E_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c;
        corbel_error err = {.text = ""};
        const corbel_status status = load(*state, rows[i].json, &c, &err);
        if (status != rows[i].status || !strstr(err.text, rows[i].why))
            fail_msg("%s: %s", rows[i].json, err.text);
        assert_null(c.root);
        config_finish(&c);
    }
}

static void test_hostile_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool loads, architecture;
    } rows[] = {
        {"cfg_truncated_json", false, false},      {"cfg_deeply_nested", false, false},
        {"cfg_not_an_object", false, false},       {"cfg_architecture_is_a_path", true, false},
        {"cfg_architectures_missing", true, true}, {"ok_cfg_unknown_keys", true, true},
        {"cfg_architecture_unknown", true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[128];
        struct config c;
        const char *architecture = "unset";
        corbel_error err;
        snprintf(name, sizeof name, "hostile/%s/model", rows[i].name);
        const bool loads = config_load(&c, fixture(name), &err) == CORBEL_OK;
        if (loads != rows[i].loads)
            fail_msg("%s", rows[i].name);
        if (loads)
            assert_int_equal(config_architecture(&c, &architecture, &err),
                             rows[i].architecture ? CORBEL_OK : CORBEL_E_CONFIG);
        config_finish(&c);
    }
}

static void test_a_missing_file_is_named(void **state)
{
    const struct scratch *s = *state;
    struct config c;
    corbel_error err;
    assert_int_equal(config_load(&c, s->dir, &err), CORBEL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "config.json"));
}

static void test_the_first_alias_that_is_there_wins(void **state)
{
    struct config c;
    corbel_error err;
    const char *key;
    int64_t i = -1;
    double d = -1;
    bool b = false;
    const char *string = NULL;
    int found;
    assert_int_equal(load(*state,
                          "{\"n\":null,\"theta\":5,\"rope\":{\"theta\":2.5,\"deep\":{\"x\":7}},"
                          "\"flag\":true,\"act\":\"silu\"}",
                          &c, &err),
                     CORBEL_OK);
    assert_int_equal(config_double(&c, "rope.theta|theta", &d, &found, &err), CORBEL_OK);
    assert_true(d == 2.5 && found == 1);
    assert_int_equal(config_double(&c, "n|rope.none|theta", &d, &found, &err), CORBEL_OK);
    assert_true(d == 5.0 && found == 3);
    assert_int_equal(config_int(&c, "rope.deep.x", &i, &found, &err), CORBEL_OK);
    assert_true(i == 7 && found == 1);
    assert_int_equal(config_bool(&c, "flag", &b, NULL, &err), CORBEL_OK);
    assert_true(b);
    assert_int_equal(config_string(&c, "act", &string, NULL, &err), CORBEL_OK);
    assert_string_equal(string, "silu");

    i = 42;
    assert_int_equal(config_int(&c, "n|absent|theta.x|rope.deep.x.y|", &i, &found, &err),
                     CORBEL_OK);
    assert_true(i == 42 && found == 0);

    assert_non_null(config_find(&c, "none|rope.theta|theta", &key));
    assert_string_equal(key, "rope.theta");
    assert_non_null(config_find(&c, "none|theta", &key));
    assert_string_equal(key, "theta");
    assert_null(config_find(&c, "none|nothing", &key));
    assert_string_equal(key, "none|nothing");
    config_finish(&c);
}

static void test_wrong_types_name_file_key_expected_and_found(void **state)
{
    struct config c;
    corbel_error err;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    const char *s = NULL;
    assert_int_equal(
        load(*state, "{\"a\":\"64\",\"f\":64.5,\"l\":[1],\"o\":{\"k\":{}},\"h\":1e999}", &c, &err),
        CORBEL_OK);
    assert_int_equal(config_int(&c, "none|a", &i, NULL, &err), CORBEL_E_CONFIG);
    assert_non_null(strstr(err.text, "config.json: a: expected an integer, found \"64\""));
    assert_int_equal(config_int(&c, "f", &i, NULL, &err), CORBEL_E_CONFIG);
    assert_non_null(strstr(err.text, "f: expected an integer, found 64.5"));
    assert_int_equal(config_double(&c, "o.k|f", &d, NULL, &err), CORBEL_E_CONFIG);
    assert_non_null(strstr(err.text, "o.k: expected a number, found an object"));
    assert_int_equal(config_double(&c, "h", &d, NULL, &err), CORBEL_E_CONFIG);
    assert_int_equal(config_bool(&c, "a", &b, NULL, &err), CORBEL_E_CONFIG);
    assert_non_null(strstr(err.text, "a: expected true or false, found \"64\""));
    assert_int_equal(config_string(&c, "l", &s, NULL, &err), CORBEL_E_CONFIG);
    assert_non_null(strstr(err.text, "l: expected a string, found a list"));
    config_finish(&c);
}

static void test_names_of_classes_and_types(void **state)
{
    static const struct {
        const char *json;
        const char *architecture; /* NULL: refused; "": absent */
        const char *model_type;
    } rows[] = {
        {"{\"architectures\":[\"LlamaForCausalLM\",\"x/y\"],\"model_type\":\"llama\"}",
         "LlamaForCausalLM", "llama"},
        {"{}", "", ""},
        {"{\"architectures\":null,\"model_type\":null}", "", ""},
        {"{\"architectures\":[]}", "", ""},
        {"{\"architectures\":[\"../x\"],\"model_type\":\"../x\"}", NULL, NULL},
        {"{\"architectures\":[\"\"],\"model_type\":\"\"}", NULL, NULL},
        {"{\"architectures\":[3],\"model_type\":3}", NULL, NULL},
        {"{\"architectures\":\"Llama\",\"model_type\":\"Llama\"}", NULL, NULL},
        {"{\"architectures\":[\"\xc3\xa9\"],\"model_type\":\"a b\"}", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c;
        const char *name;
        assert_int_equal(load(*state, rows[i].json, &c, NULL), CORBEL_OK);
        const char *const expected[] = {rows[i].architecture, rows[i].model_type};
        for (int k = 0; k < 2; k++) {
            corbel_error err;
            const corbel_status status =
                k == 0 ? config_architecture(&c, &name, &err) : config_model_type(&c, &name, &err);
            assert_int_equal(status, expected[k] ? CORBEL_OK : CORBEL_E_CONFIG);
            if (!expected[k] || expected[k][0] == '\0')
                assert_null(name);
            else
                assert_string_equal(name, expected[k]);
        }
        config_finish(&c);
    }
}

static void test_dtype_of_new_and_old_files(void **state)
{
    static const struct {
        const char *json;
        int32_t dtype; /* -1: refused */
    } rows[] = {
        {"{\"dtype\":\"bfloat16\",\"torch_dtype\":\"float32\"}", CORBEL_BF16},
        {"{\"torch_dtype\":\"torch.float16\"}", CORBEL_F16},
        {"{\"dtype\":null,\"torch_dtype\":\"float64\"}", CORBEL_F64},
        {"{}", CORBEL_DTYPE_NONE},
        {"{\"dtype\":\"int8\"}", -1},
        {"{\"dtype\":\"float31\"}", -1},
        {"{\"torch_dtype\":16}", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c;
        int32_t dtype = -1;
        corbel_error err;
        assert_int_equal(load(*state, rows[i].json, &c, NULL), CORBEL_OK);
        const corbel_status status = config_dtype(&c, &dtype, &err);
        assert_int_equal(status, rows[i].dtype < 0 ? CORBEL_E_CONFIG : CORBEL_OK);
        if (rows[i].dtype >= 0)
            assert_int_equal(dtype, rows[i].dtype);
        config_finish(&c);
    }
}

static void test_quantised_weights_are_refused(void **state)
{
    struct config c;
    corbel_error err;
    assert_int_equal(
        load(*state, "{\"quantization_config\":{\"quant_method\":\"gptq\"}}", &c, NULL), CORBEL_OK);
    assert_int_equal(config_check_plain_weights(&c, &err), CORBEL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "quantization_config: quantised weights (gptq)"));
    config_finish(&c);
    assert_int_equal(load(*state, "{\"quantization_config\":null}", &c, NULL), CORBEL_OK);
    assert_int_equal(config_check_plain_weights(&c, &err), CORBEL_OK);
    config_finish(&c);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_files_that_are_no_configuration),
        cmocka_unit_test(test_hostile_files),
        IN_SCRATCH(test_a_missing_file_is_named),
        IN_SCRATCH(test_the_first_alias_that_is_there_wins),
        IN_SCRATCH(test_wrong_types_name_file_key_expected_and_found),
        IN_SCRATCH(test_names_of_classes_and_types),
        IN_SCRATCH(test_dtype_of_new_and_old_files),
        IN_SCRATCH(test_quantised_weights_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
