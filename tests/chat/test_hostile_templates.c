/* test_hostile_templates.c: a template from a stranger harms nobody: whatever it tries, it ends
 * with an error that says where, within the limits of time, depth and memory. */
#include "test.h"

#include "base/text.h"
#include "chat/jinja/jinja.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static corbel_status render(const char *source, size_t size, char **text, corbel_error *err)
{
    struct jinja_template *t;
    struct json_object *variables = json_tokener_parse("{\"s\": \"abc\", \"l\": [1, 2, 3]}");
    size_t text_size;
    *text = NULL;
    corbel_status status = jinja_compile(source, size, "evil", &t, err);
    if (status == CORBEL_OK)
        status = jinja_render(t, &(struct jinja_input){variables, NULL}, text, &text_size, err);
    jinja_destroy(&t);
    json_object_put(variables);
    return status;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void test_what_goes_beyond_a_limit_is_an_error_that_names_it(void **state)
{
    static const struct {
        const char *template, *why;
    } rows[] = {
        {"{{ 'a' * 10**9 }}", "16 MiB"},
        {"{{ 10**9 * 'ab' }}", "16 MiB"},
        {"{{ 'a' * 10**18 }}", "16 MiB"},
        {"{{ [0] * 10**9 }}", "evil:1:"},
        {"{{ 10**100 }}", "64 bits"},
        {"{{ 9223372036854775807 + 1 }}", "64 bits"},
        {"{{ 9223372036854775808 }}", "64 bits"},
        {"{{ range(10**9) }}", "100000"},
        {"{{ range(-9223372036854775807, 9223372036854775807)|list }}", "100000"},
        {"{{ '%999999999d' % 1 }}", "characters"},
        {"{{ '%.999999999f' % 1 }}", "characters"},
        {"{{ '%*d' % (10**15, 1) }}", "characters"},
        {"{{ '{:999999999}'.format(1) }}", "characters"},
        {"{{ '{:.999999999f}'.format(1.5) }}", "characters"},
        {"{{ '{:{}}'.format(1, 10**15) }}", "characters"},
        {"{{ 'a'.ljust(10**12) }}", "16 MiB"},
        {"{{ 'a'.zfill(10**12) }}", "16 MiB"},
        {"{{ 'a'|center(10**12) }}", "16 MiB"},
        {"{{ 'a\\nb'|indent(10**12) }}", "16 MiB"},
        {"{{ '\\t'.expandtabs(10**12) }}", "16 MiB"},
        {"{{ [1]|tojson(indent=10**12) }}", "16 MiB"},
        {"{{ [1]|batch(10**12, 0)|list }}", "evil:1:"},
        {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "64 levels"},
        {"{% macro f(n) %}{% for i in range(9) %}{{ f(n + 1) }}{% endfor %}{% endmacro %}{{ f(0) "
         "}}",
         "levels"},
        {"{% for x in [[[[]]]] recursive %}{{ loop([[1]]) }}{% endfor %}", "levels"},
        {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
         "2000000 steps"},
        {"{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
         "2000000 steps"},
        {"{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s "
         "%}"
         "{% endfor %}",
         "16 MiB"},
        {"{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s "
         "%}"
         "{% endfor %}",
         "16 MiB"},
        {"{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}"
         "{% endfor %}",
         "evil:1:"},
        {"{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% "
         "endfor %}"
         "{{ ns.l }}",
         "deeper"},
        {"{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% "
         "endfor %}"
         "{{ ns.l|tojson }}",
         "deeper"},
        {"{% set a = namespace(l=[]) %}{% set b = namespace(l=[]) %}{% for i in range(9999) %}"
         "{% set a.l = [a.l] %}{% set b.l = [b.l] %}{% endfor %}{{ a.l == b.l }}",
         "deeper"},
        {"{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", "deeper"},
        {"{% set s = 'a' * 1000000 %}{{ s.replace('a', s) }}", "16 MiB"},
        {"{% set s = 'a' * 1000000 %}{{ s.replace('', s) }}", "16 MiB"},
        {"{% set s = ',' * 9000000 %}{{ s.split(',')|length }}", "evil:1:"},
        {"{% set s = 'a' * 9000000 %}{% for i in range(99999) %}{% set x = s.upper() %}{% endfor "
         "%}",
         "evil:1:"},
        {"{% set s = 'a' * 9000000 %}{% for i in range(99999) %}{{ 'b' in s }}{% endfor %}",
         "steps"},
        {"{% set s = 'a' * 900000 %}{{ s.rfind('ba' ~ s) }}{{ s.rsplit('b' ~ s) }}"
         "{{ ('b' ~ 'a' * 900000).rfind('a' * 450000 ~ 'b') }}",
         "evil:1:"},
        {"{{ s.__class__.__base__ }}", "has no attribute"},
        {"{{ s.__class__.__mro__[1].__subclasses__() }}", "has no attribute"},
        {"{{ ''|attr('__class__')|attr('mro')() }}", "evil:1:"},
        {"{{ '{0.__class__.__mro__}'.format('') }}", "has no attribute"},
        {"{{ self.__init__.__globals__ }}", "undefined"},
        {"{{ range.__globals__.x }}", "has no attribute"},
        {"{{ cycler.__init__.__globals__.os.popen('id').read() }}", "undefined"},
        {"{{ namespace.__init__ }}{{ namespace(__class__=1) }}", "refused"},
        {"{{ l.append(1) }}", "evil:1:"},
        {"{{ l.sort() }}", "evil:1:"},
        {"{% set l.x = 1 %}", "non-namespace"},
        {"{% include '/etc/passwd' %}", "not supported"},
        {"{% import 'os' as os %}", "not supported"},
        {"{{ strftime_now('%999999999d') }}", "evil:1:"},
        {"{{ raise_exception('a\\x1b[31m\\nb') }}", "the template says: a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        corbel_error err = {0};
        char *text;
        const double begin = seconds();
        const corbel_status status =
            render(rows[i].template, strlen(rows[i].template), &text, &err);
        if (status == CORBEL_OK)
            fail_msg("%s\n  gave %.80s", rows[i].template, text);
        if (!strstr(err.text, rows[i].why))
            fail_msg("%s\n  said %s, not %s", rows[i].template, err.text, rows[i].why);
        if (seconds() - begin > 20)
            fail_msg("%s\n  took %.1f s", rows[i].template, seconds() - begin);
        free(text);
    }
}

/* `n` times `open`, then `middle`, then `n` times `close`. */
static void check_nested(const char *open, const char *middle, const char *close, size_t n)
{
    struct text source = {0};
    corbel_error err = {0};
    char *text;
    for (size_t i = 0; i < n; i++)
        text_append(&source, open);
    text_append(&source, middle);
    for (size_t i = 0; i < n; i++)
        text_append(&source, close);
    if (render(source.data, source.size, &text, &err) == CORBEL_OK)
        fail_msg("%s nested %zu times was taken", open, n);
    assert_non_null(strstr(err.text, "evil:1:"));
    text_finish(&source);
    free(text);
}

static void test_deep_nesting_is_an_error_and_no_overflow_of_the_stack(void **state)
{
    (void)state;
    check_nested("{{ ", "1", "", 10000);
    check_nested("{% if 1 %}", "x", "{% endif %}", 20000);
    check_nested("{% for x in l %}", "x", "{% endfor %}", 20000);
    check_nested("{% macro f() %}", "x", "{% endmacro %}", 20000);
    static const char *const rows[][3] = {
        {"(", "1", ")"},         {"[", "1", "]"},      {"{1: ", "1", "}"},
        {"not ", "1", ""},       {"-", "1", ""},       {"1 if 1 else ", "1", ""},
        {"s[", "0", "]"},        {"range(", "1", ")"}, {"1 + ", "1", ""},
        {"s", "", ".upper()"},   {"1 ** ", "1", ""},   {"", "s", "|upper"},
        {"", "s", " is string"}, {"1 < ", "1", ""}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct text source = {0};
        corbel_error err = {0};
        char *text;
        text_append(&source, "{{ ");
        for (size_t n = 0; n < 30000; n++)
            text_append(&source, rows[i][0]);
        text_append(&source, rows[i][1]);
        for (size_t n = 0; n < 30000; n++)
            text_append(&source, rows[i][2]);
        text_append(&source, " }}");
        /* A chain of comparisons is no nesting, and may be taken; what counts is that it ends. */
        if (render(source.data, source.size, &text, &err) != CORBEL_OK)
            assert_non_null(strstr(err.text, "evil"));
        text_finish(&source);
        free(text);
    }
}

static void test_sources_that_are_no_text_are_refused(void **state)
{
    static const struct {
        const char *source;
        size_t size;
        const char *why;
    } rows[] = {
        {"a\xff", 2, "not UTF-8"},
        {"ab\n\xc3", 4, "evil:2:1"},
        {"\xed\xa0\x80", 3, "not UTF-8"},
        {"{{ '\xf5' }}", 9, "not UTF-8"},
        {"{{ \x01 }}", 7, "unexpected character"},
        {"{{ 'a", 5, "not closed"},
        {"{% raw %}", 9, "endraw"},
        {"{#", 2, "not closed"},
        {"{{ 1 \0 }}", 9, "unexpected character"},
        {"{% if 1 %}", 10, "endif"},
        {"{% for x in l %}a{% endif %}", 28, "endif"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        corbel_error err = {0};
        char *text;
        assert_int_equal(render(rows[i].source, rows[i].size, &text, &err), CORBEL_E_FORMAT);
        if (!strstr(err.text, rows[i].why))
            fail_msg("row %zu: %s", i, err.text);
    }
    corbel_error err = {0};
    struct jinja_template *t;
    char *large = calloc(1, (1 << 20) + 1);
    memset(large, 'a', (1 << 20) + 1);
    assert_int_equal(jinja_compile(large, (1 << 20) + 1, "evil", &t, &err), CORBEL_E_FORMAT);
    assert_int_equal(jinja_compile(large, 1 << 20, "evil", &t, &err), CORBEL_OK);
    jinja_destroy(&t);
    free(large);
}

/* Text that is appended to in a loop, as templates do, is no reason to run out of memory. */
static void test_long_conversations_are_rendered(void **state)
{
    (void)state;
    static const char source[] =
        "{% set ns = namespace(out='') %}{% for i in range(20000) %}"
        "{% set ns.out = ns.out + 'turn ' + i|string + '\\n' %}{% endfor %}{{ ns.out }}";
    corbel_error err = {0};
    char *text;
    if (render(source, strlen(source), &text, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    assert_non_null(strstr(text, "turn 19999\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_beyond_a_limit_is_an_error_that_names_it),
        cmocka_unit_test(test_deep_nesting_is_an_error_and_no_overflow_of_the_stack),
        cmocka_unit_test(test_sources_that_are_no_text_are_refused),
        cmocka_unit_test(test_long_conversations_are_rendered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
