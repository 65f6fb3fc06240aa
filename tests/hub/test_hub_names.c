/* test_hub_names.c: what may be a name, a revision, a path, an address; and what the environment
 * says. */
#include "test.h"

#include "base/text.h"
#include "hub/names.h"
#include "hub/settings.h"
#include "hub/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N(array) (sizeof(array) / sizeof(*(array)))

static char long_name[400];

static void test_names_of_models(void **state)
{
    static const struct {
        const char *text, *revision;
        corbel_status status;
        const char *repo, *result;
    } rows[] = {
        {"org/name", NULL, CORBEL_OK, "org/name", "main"},
        {"gpt2", NULL, CORBEL_OK, "gpt2", "main"},
        {"org/name@v1.0", NULL, CORBEL_OK, "org/name", "v1.0"},
        {"org/name@refs/pr/7", NULL, CORBEL_OK, "org/name", "refs/pr/7"},
        {"org/name", "v2", CORBEL_OK, "org/name", "v2"},
        {"org/name@v2", "v2", CORBEL_OK, "org/name", "v2"},
        {"a_b.c-d/E.F_9", NULL, CORBEL_OK, "a_b.c-d/E.F_9", "main"},
        {"org/name@v2", "v3", CORBEL_E_ARGUMENT, NULL, NULL},
        {"org/name@", NULL, CORBEL_E_ARGUMENT, NULL, NULL},
        {"org/name@../x", NULL, CORBEL_E_ARGUMENT, NULL, NULL},
        {"org/name@/x", NULL, CORBEL_E_ARGUMENT, NULL, NULL},
        {"org/name@a//b", NULL, CORBEL_E_ARGUMENT, NULL, NULL},
        {"org/name@a\\b", NULL, CORBEL_E_ARGUMENT, NULL, NULL},
        {"org/name@a\nb", NULL, CORBEL_E_ARGUMENT, NULL, NULL},
        {"org/name@sha256:00", NULL, CORBEL_E_ARGUMENT, NULL, NULL},
        {"a/b/c", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"/name", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"org/", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"org/a--b", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"org/a..b", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"org/-a", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"org/a.", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"-org/a", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"org/a.git", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"org/n\xc3\xa4me", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"org/a b", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {"org/a%2e", NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
        {long_name, NULL, CORBEL_E_NOT_FOUND, NULL, NULL},
    };
    (void)state;
    memset(long_name, 'a', sizeof(long_name) - 1);
    for (size_t i = 0; i < N(rows); i++) {
        struct hub_name name;
        corbel_error err;
        const corbel_status status = hub_name_parse(&name, rows[i].text, rows[i].revision, &err);
        if (status != rows[i].status)
            fail_msg("%s: %s", rows[i].text, corbel_status_name(status));
        if (status == CORBEL_OK) {
            assert_string_equal(name.repo, rows[i].repo);
            assert_string_equal(name.revision, rows[i].result);
        }
    }
}

static void test_paths_stay_in_their_folder(void **state)
{
    static const char *const good[] = {"config.json", "a/b/c.txt", ".hidden",          "a b",
                                       "..a",         "a..",       "\xc3\xa4/\xc3\xb6"};
    static const char *const bad[] = {"",    "/",   "/etc/passwd", "..",   "a/../b", "a/..", ".",
                                      "./a", "a//", "a//b",        "a\\b", "a\x01b", "a/."};
    (void)state;
    for (size_t i = 0; i < N(good); i++)
        assert_true(name_is_path(good[i]));
    for (size_t i = 0; i < N(bad); i++)
        if (name_is_path(bad[i]))
            fail_msg("\"%s\" is no path", bad[i]);
}

static void test_commits_and_etags_are_lowercase_hex(void **state)
{
    static const char sha1[] = "0123456789abcdef0123456789abcdef01234567";
    static const char sha256[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const char *const bad[] = {"",
                                      "W/\"\"",
                                      "\"0123456789abcdef0123456789abcdef0123456\"",
                                      "0123456789ABCDEF0123456789abcdef01234567",
                                      "../../../../../../../../../../../../../x",
                                      "0123456789abcdef0123456789abcdef01234567-gzip"};
    char etag[HUB_ETAG_SIZE], weak[80];
    (void)state;
    snprintf(weak, sizeof(weak), "W/\"%s\"", sha256);
    assert_true(name_from_etag(etag, sha1) && strcmp(etag, sha1) == 0);
    assert_true(name_from_etag(etag, weak) && strcmp(etag, sha256) == 0);
    for (size_t i = 0; i < N(bad); i++)
        assert_false(name_from_etag(etag, bad[i]));
    assert_true(name_is_commit(sha1));
    assert_false(name_is_commit(sha256));
    assert_true(name_is_abbreviated_commit("0123456"));
    assert_false(name_is_abbreviated_commit("012345"));
    assert_false(name_is_abbreviated_commit("012345g"));
    assert_false(name_is_abbreviated_commit(sha1));
}

static void test_redirects_stay_with_https(void **state)
{
    static const struct {
        const char *from, *location, *to; /* to NULL: refused */
    } rows[] = {
        {"https://hub.example/a/b?x=1", "/c", "https://hub.example/c"},
        {"https://hub.example/a/b", "c", "https://hub.example/a/c"},
        {"https://hub.example/a", "https://cdn.example/x?s=1", "https://cdn.example/x?s=1"},
        {"https://hub.example/a", "//cdn.example/x", "https://cdn.example/x"},
        {"http://127.0.0.1:8/a", "http://127.0.0.1:9/x", "http://127.0.0.1:9/x"},
        {"http://localhost:8/a", "http://[::1]:9/x", "http://[::1]:9/x"},
        {"http://127.0.0.1:8/a", "https://cdn.example/x", "https://cdn.example/x"},
        {"https://hub.example/a", "http://hub.example/a", NULL},
        {"https://hub.example/a", "http://127.0.0.1/a", NULL},
        {"http://127.0.0.1:8/a", "http://cdn.example/x", NULL},
        {"http://127.0.0.1:8/a", "http://127.0.0.1.example/x", NULL},
        {"https://hub.example/a", "file:///etc/passwd", NULL},
        {"https://hub.example/a", "ftp://hub.example/a", NULL},
        {"https://hub.example/a", "gopher://127.0.0.1:70/x", NULL},
        {"https://hub.example/a", "javascript:alert(1)", NULL},
        {"https://hub.example/a", "https://user@hub.example/a", NULL},
        {"https://hub.example/a", "https://u:p@hub.example/a", NULL},
        {"https://hub.example/a", "https://", NULL},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        char *to = NULL;
        corbel_error err;
        const corbel_status status = url_follow(rows[i].from, rows[i].location, &to, &err);
        if ((status == CORBEL_OK) != (rows[i].to != NULL))
            fail_msg("%s -> %s: %s", rows[i].from, rows[i].location, to ? to : err.text);
        if (to)
            assert_string_equal(to, rows[i].to);
        free(to);
    }
}

static void test_an_origin_is_scheme_host_and_port(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"https://hub.example/a", "https://HUB.example:443/b", true},
        {"https://hub.example", "https://hub.example:444", false},
        {"https://hub.example", "http://hub.example", false},
        {"https://hub.example", "https://hub.example.evil", false},
        {"https://hub.example", "https://hub.example@evil", false},
        {"https://hub.example", "https://evil/hub.example", false},
        {"http://127.0.0.1:8", "http://127.0.0.1:9", false},
        {"nonsense", "nonsense", false},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++)
        if (url_same_origin(rows[i].a, rows[i].b) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
}

static void test_addresses_in_messages_hide_their_query(void **state)
{
    char place[128];
    struct text encoded = {0};
    (void)state;
    url_describe(place, sizeof(place), "https://cdn.example/blob/1?signature=secret#x");
    assert_string_equal(place, "https://cdn.example/blob/1");
    url_append_encoded(&encoded, "refs/pr/1 \xc3\xa4?#%", "");
    assert_string_equal(encoded.data, "refs%2Fpr%2F1%20%C3%A4%3F%23%25");
    text_finish(&encoded);
}

/* ---- the environment ------------------------------------------------------------------------- */

static const char *const variables[] = {
    "HF_HUB_CACHE",   "HUGGINGFACE_HUB_CACHE",
    "HF_HOME",        "XDG_CACHE_HOME",
    "HF_ENDPOINT",    "HF_TOKEN",
    "HF_TOKEN_PATH",  "HUGGING_FACE_HUB_TOKEN",
    "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
    "SOME_FOLDER",    "HF_HUB_DISABLE_IMPLICIT_TOKEN",
};

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(variables); i++)
        unsetenv(variables[i]);
    setenv("HOME", "/home/someone", 1);
    return 0;
}

static void test_the_cache_is_where_the_environment_says(void **state)
{
    static const struct {
        const char *set[2][2];
        const char *cache;
    } rows[] = {
        {{{NULL}}, "/home/someone/.cache/huggingface/hub"},
        {{{"XDG_CACHE_HOME", "/x"}}, "/x/huggingface/hub"},
        {{{"HF_HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}}, "/h/hub"},
        {{{"HF_HOME", "/h"}, {"HUGGINGFACE_HUB_CACHE", "/legacy"}}, "/legacy"},
        {{{"HF_HUB_CACHE", "/c"}, {"HUGGINGFACE_HUB_CACHE", "/legacy"}}, "/c"},
        {{{"HF_HUB_CACHE", "~/c"}}, "/home/someone/c"},
        {{{"HF_HUB_CACHE", "$SOME_FOLDER/c"}, {"SOME_FOLDER", "/s"}}, "/s/c"},
        {{{"HF_HUB_CACHE", "${SOME_FOLDER}c"}, {"SOME_FOLDER", "/s"}}, "/sc"},
        {{{"HF_HUB_CACHE", "/$NOT_SET/${NOT_SET}/$"}}, "/$NOT_SET/${NOT_SET}/$"},
        {{{"HF_HUB_CACHE", "  "}, {"HF_HOME", "/h"}}, "/h/hub"},
    };
    struct hub_settings s;
    for (size_t i = 0; i < N(rows); i++) {
        clear_environment(state);
        for (size_t k = 0; k < 2 && rows[i].set[k][0]; k++)
            setenv(rows[i].set[k][0], rows[i].set[k][1], 1);
        assert_int_equal(hub_settings_read(&s, false, NULL), CORBEL_OK);
        assert_string_equal(s.cache, rows[i].cache);
    }
}

static void test_endpoint_and_token_of_the_environment(void **state)
{
    struct hub_settings s;
    (void)state;
    assert_int_equal(hub_settings_read(&s, false, NULL), CORBEL_OK);
    assert_string_equal(s.endpoint, "https://huggingface.co");
    assert_string_equal(s.token, "");
    setenv("HF_ENDPOINT", "https://mirror.example/hf//", 1);
    setenv("HUGGING_FACE_HUB_TOKEN", "legacy", 1);
    assert_int_equal(hub_settings_read(&s, false, NULL), CORBEL_OK);
    assert_string_equal(s.endpoint, "https://mirror.example/hf");
    assert_string_equal(s.token, "legacy");
    setenv("HF_TOKEN", " new\n", 1);
    assert_int_equal(hub_settings_read(&s, false, NULL), CORBEL_OK);
    assert_string_equal(s.token, "new");
    setenv("HF_TOKEN", "two words", 1);
    assert_int_equal(hub_settings_read(&s, false, NULL), CORBEL_E_ARGUMENT);
    assert_int_equal(hub_settings_read(&s, true, NULL), CORBEL_OK); /* it is not even looked at */
    assert_true(s.offline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_models),
        cmocka_unit_test(test_paths_stay_in_their_folder),
        cmocka_unit_test(test_commits_and_etags_are_lowercase_hex),
        cmocka_unit_test(test_redirects_stay_with_https),
        cmocka_unit_test(test_an_origin_is_scheme_host_and_port),
        cmocka_unit_test(test_addresses_in_messages_hide_their_query),
        cmocka_unit_test_setup(test_the_cache_is_where_the_environment_says, clear_environment),
        cmocka_unit_test_setup(test_endpoint_and_token_of_the_environment, clear_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
