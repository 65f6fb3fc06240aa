/* test_error.c: the sentence of an error, names of statuses, log lines. */
#include "test.h"

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static void test_a_place_goes_in_front(void **state)
{
    (void)state;
    corbel_error err;
    assert_int_equal(error_set(&err, CORBEL_E_FORMAT, "byte %d", 3), CORBEL_E_FORMAT);
    assert_int_equal(error_prefix(&err, CORBEL_E_FORMAT, "file %s", "x"), CORBEL_E_FORMAT);
    assert_string_equal(err.text, "file x: byte 3");
    assert_int_equal(err.status, CORBEL_E_FORMAT);
    assert_int_equal(error_memory(&err, 12, "weights"), CORBEL_E_MEMORY);
    assert_string_equal(err.text, "out of memory: 12 bytes for weights");
    assert_int_equal(error_set(NULL, CORBEL_E_IO, "nobody listens"), CORBEL_E_IO);
    assert_int_equal(error_prefix(NULL, CORBEL_E_IO, "nobody listens"), CORBEL_E_IO);
}

static void test_a_sentence_is_one_line_of_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *given, *kept;
    } rows[] = {
        {"a\nb\tc\x1b[31m", "a b c [31m"},
        {"x\xe2\x80\xaey\xc2\x9bz", "x   y  z"}, /* a line turned around; a terminal's command */
        {"\xc3\xa9\xff.", "\xc3\xa9?."},
        {"cut \xf0\x9f\x98", "cut ???"},
        {"\xc2\x9b", "  "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        corbel_error err;
        error_set(&err, CORBEL_E_IO, "%s", rows[i].given);
        assert_string_equal(err.text, rows[i].kept);
    }
}

static void test_a_long_sentence_is_cut_between_characters(void **state)
{
    (void)state;
    char given[1100];
    corbel_error err;
    for (size_t i = 0; i + 1 < sizeof given; i += 2)
        memcpy(given + i, "\xc3\xa9", 2);
    given[sizeof given - 1] = '\0';
    error_set(&err, CORBEL_E_IO, "%s", given);
    const size_t length = strlen(err.text);
    assert_true(length < sizeof err.text);
    for (size_t i = 0; i < length;) {
        const size_t n = text_utf8_length(err.text + i, length - i);
        assert_true(n != 0);
        i += n;
    }
    error_prefix(&err, CORBEL_E_IO, "%s", given);
    assert_true(strlen(err.text) < sizeof err.text);
}

static void test_every_status_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(corbel_status_name(CORBEL_OK), "CORBEL_OK");
    assert_string_equal(corbel_status_name(CORBEL_E_INTERNAL), "CORBEL_E_INTERNAL");
    for (int i = 0; i <= CORBEL_E_INTERNAL; i++)
        assert_string_not_equal(corbel_status_name((corbel_status)i), "unknown status");
    assert_string_equal(corbel_status_name((corbel_status)99), "unknown status");
}

static char last_line[64];

static void keep_line(void *user, corbel_log_level level, const char *line)
{
    snprintf(last_line, sizeof last_line, "%s%d %s", (const char *)user, (int)level, line);
}

static void test_lines_above_the_level_are_not_made(void **state)
{
    (void)state;
    log_line(CORBEL_LOG_ERROR, "to nobody");
    corbel_set_log(keep_line, "> ", CORBEL_LOG_INFO);
    log_line(CORBEL_LOG_WARN, "line %d", 1);
    assert_string_equal(last_line, "> 1 line 1");
    assert_true(log_wants(CORBEL_LOG_INFO));
    assert_false(log_wants(CORBEL_LOG_DEBUG));
    log_line(CORBEL_LOG_DEBUG, "line %d", 2);
    assert_string_equal(last_line, "> 1 line 1");
    corbel_set_log(NULL, NULL, CORBEL_LOG_TRACE);
    assert_false(log_wants(CORBEL_LOG_ERROR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_place_goes_in_front),
        cmocka_unit_test(test_a_sentence_is_one_line_of_utf8),
        cmocka_unit_test(test_a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(test_every_status_has_a_name),
        cmocka_unit_test(test_lines_above_the_level_are_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
