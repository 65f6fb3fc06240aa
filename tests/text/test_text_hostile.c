/* test_text_hostile.c: tokenizer files that are broken or malicious, and texts that are. */
#include "fixtures.h"
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BPE(members) "{\"model\": {\"type\": \"BPE\", " members "}}"
#define WITH(members) \
    "{" members ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}"

static void test_bad_files_are_refused_with_their_cause(void **state)
{
    static const struct {
        const char *json, *why;
        corbel_status expect;
    } rows[] = {
        {"", "expected '{'", CORBEL_E_FORMAT},
        {"[]", "expected '{'", CORBEL_E_FORMAT},
        {"{}", "model.vocab is missing", CORBEL_E_FORMAT},
        {BPE("\"merges\": []"), "model.vocab is missing", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 0}, \"vocab\": {\"b\": 0}"), "second vocab", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 0, \"a\": 1}"), "occurs twice", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 0, \"b\": 0}"), "both have id 0", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": -1}"), "digits only", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 1.5}"), "digits only", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 2147483648}"), "2^31", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 2147483647}"), "far beyond", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"\\ud800\": 1}"), "lone surrogate", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"\xff\": 1}"), "UTF-8", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 0"), "", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]"), "\"b\" is not in the vocabulary",
         CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 0, \"b\": 1}, \"merges\": [[\"a\", \"b\"]]"), "makes \"ab\"",
         CORBEL_E_FORMAT},
        {BPE("\"merges\": [\"a b c\"], \"vocab\": {\"a\": 0}"), "two pieces", CORBEL_E_FORMAT},
        {BPE("\"vocab\": {\"a\": 0}, \"merges\": [], \"dropout\": 0.1"), "dropout",
         CORBEL_E_UNSUPPORTED},
        {BPE("\"vocab\": [[\"a\", 0.5]], \"merges\": []"), "expected an object of ids",
         CORBEL_E_FORMAT},
        {"{\"model\": {\"type\": \"Unigram\", \"unk_id\": 7, \"vocab\": [[\"a\", 0.5]]}}", "unk_id",
         CORBEL_E_FORMAT},
        {"{\"model\": {\"type\": \"Magic\", \"vocab\": {}}}", "\"Magic\" is not known",
         CORBEL_E_UNSUPPORTED},
        {WITH("\"normalizer\": {\"type\": \"Magic\"}"), "normalizer.type: \"Magic\"",
         CORBEL_E_UNSUPPORTED},
        {WITH("\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAA\"}"),
         "no base64 of a table", CORBEL_E_FORMAT},
        {WITH("\"pre_tokenizer\": {\"type\": \"Magic\"}"), "pre_tokenizer.type",
         CORBEL_E_UNSUPPORTED},
        {WITH("\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}}"),
         "is not understood", CORBEL_E_FORMAT},
        {WITH("\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a&&b]\"}}"),
         "intersection", CORBEL_E_UNSUPPORTED},
        {WITH("\"post_processor\": {\"type\": \"Magic\"}"), "post_processor.type",
         CORBEL_E_UNSUPPORTED},
        {WITH("\"decoder\": {\"type\": \"Magic\"}"), "decoder.type", CORBEL_E_UNSUPPORTED},
        {WITH("\"added_tokens\": [{\"id\": -5, \"content\": \"x\"}]"), "id -5", CORBEL_E_FORMAT},
        {WITH("\"added_tokens\": [{\"id\": 1, \"content\": \"x\"}, {\"id\": 1, \"content\": "
              "\"y\"}]"),
         "both have id 1", CORBEL_E_FORMAT},
        {WITH("\"added_tokens\": 3"), "expected a list", CORBEL_E_FORMAT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        corbel_tokenizer *t = NULL;
        corbel_error err = {0};
        corbel_status status = tokenizer_from_json(rows[i].json, &t, &err);
        if (status != rows[i].expect || !strstr(err.text, rows[i].why) ||
            !strstr(err.text, "tokenizer.json"))
            fail_msg("%s: status %d, \"%s\"", rows[i].json, (int)status, err.text);
        assert_null(t);
    }
}

static void test_hostile_fixtures(void **state)
{
    static const struct {
        const char *id, *why;
        corbel_status expect;
    } rows[] = {
        {"tok_merge_of_unknown_pieces", "piece \"q\"", CORBEL_E_FORMAT},
        {"tok_deeply_nested", "nested deeper than 64", CORBEL_E_FORMAT},
        {"tok_unknown_model", "\"Magic\" is not known", CORBEL_E_UNSUPPORTED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char relative[256], path[PATH_MAX];
        corbel_tokenizer *t = NULL;
        corbel_error err = {0};
        snprintf(relative, sizeof relative, "hostile/%s/model", rows[i].id);
        assert_int_equal(tokenizer_load(fixture_path(path, relative), &t, &err), rows[i].expect);
        if (!strstr(err.text, rows[i].why))
            fail_msg("%s: \"%s\"", rows[i].id, err.text);
    }
}

static void test_exponential_regex_ends(void **state)
{
    char path[PATH_MAX];
    corbel_tokenizer *t = NULL;
    corbel_encoding *e = NULL;
    corbel_error err = {0};
    clock_t from;

    (void)state;
    assert_int_equal(
        tokenizer_load(fixture_path(path, "hostile/tok_exponential_regex/model"), &t, &err),
        CORBEL_OK);
    from = clock();
    assert_int_equal(
        corbel_encode(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", (size_t)-1, NULL, &e, &err),
        CORBEL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "gave up"));
    assert_true(clock() - from < 10 * CLOCKS_PER_SEC); /* a tenth of it without sanitizers */
    corbel_tokenizer_destroy(&t);
}

static void test_bad_calls(void **state)
{
    corbel_tokenizer *t = fixture_tokenizer("llama2");
    static const struct {
        const char *text, *why;
        corbel_encode_params params;
    } rows[] = {
        {"ab\xff", "not valid UTF-8 at byte 2", {0}},
        {"\xc0\x80", "not valid UTF-8 at byte 0", {0}},
        {"a\xed\xa0\x80", "not valid UTF-8 at byte 1", {0}},
        {"a b c d e f", "stride 3", {.max_length = 4, .stride = 3}},
        {"a", "needs a pad_token", {.pad_to = 10}},
        {"a b c d", "expected longest_first", {.max_length = 3, .truncation = "sideways"}},
        {"a b c d", "needs a pair", {.max_length = 3, .truncation = "only_second"}},
        {"a", "negative", {.max_length = -1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        corbel_encoding *e = NULL;
        corbel_error err = {0};
        corbel_encode_params params = rows[i].params;
        params.struct_size = sizeof params;
        corbel_status status = corbel_encode(t, rows[i].text, (size_t)-1, &params, &e, &err);
        if (status != CORBEL_E_ARGUMENT || !strstr(err.text, rows[i].why) || e)
            fail_msg("row %zu: status %d, \"%s\"", i, (int)status, err.text);
    }
    corbel_tokenizer_destroy(&t);
}

static void test_unknown_ids_are_left_out(void **state)
{
    corbel_tokenizer *t = fixture_tokenizer("llama3");
    const int32_t ids[] = {-1, INT32_MAX, INT32_MIN, 100000};
    char *text;
    corbel_error err;

    (void)state;
    assert_int_equal(corbel_decode(t, ids, 4, false, &text, &err), CORBEL_OK);
    assert_string_equal(text, "");
    corbel_free(text);
    corbel_tokenizer_destroy(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files_are_refused_with_their_cause),
        cmocka_unit_test(test_hostile_fixtures),
        cmocka_unit_test(test_exponential_regex_ends),
        cmocka_unit_test(test_bad_calls),
        cmocka_unit_test(test_unknown_ids_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
