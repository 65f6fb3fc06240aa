/* test_hub_command.c: models by name on the command line: pulled by whichever command needs them,
 * and then the same as from a folder. */
#include "base/scratch.h"
#include "hub_server.h"

static struct hub_server server;
static struct scratch *scratch;

static int start(void **state)
{
    char arguments[2048];
    if (scratch_make(state) != 0)
        return -1;
    scratch = *state;
    snprintf(arguments, sizeof(arguments),
             "org/story@main=%s/demo/storyteller "
             "org/story@v2=%s/demo/storyteller",
             TEST_SOURCE_DIR, TEST_SOURCE_DIR);
    hub_start(&server, arguments);
    return 0;
}

static int end(void **state)
{
    hub_stop(&server);
    return scratch_remove(state);
}

static int clear(void **state)
{
    (void)state;
    hub_order(&server, "{\"do\": \"clear\"}");
    return 0;
}

static void corbel(struct outcome *o, const char *home, const char *arguments)
{
    char command[1024];
    snprintf(command, sizeof(command), "corbel %s", arguments);
    hub_shell(o, &server, scratch_path(scratch, home), "", command);
}

#define PROMPT "--max-new-tokens 12 --no-sample --json 'Once upon a time'"

static void test_run_by_name_is_run_by_folder(void **state)
{
    static const char *const names[] = {"run org/story " PROMPT, "run org/story@v2 " PROMPT,
                                        "run org/story --revision v2 " PROMPT,
                                        "run org/story@v2 --offline " PROMPT};
    struct outcome local, o;
    (void)state;
    corbel(&local, "local", "run " TEST_SOURCE_DIR "/demo/storyteller " PROMPT);
    assert_int_equal(local.status, 0);
    for (size_t i = 0; i < 4; i++) {
        corbel(&o, "run", names[i]);
        if (o.status != 0 || strcmp(o.out, local.out) != 0)
            fail_msg("%s: %s %s", names[i], o.out, o.err);
    }
    cache_check(scratch_path(scratch, "run"), 5);
}

static void test_one_run_asks_for_one_revision(void **state)
{
    struct outcome o;
    (void)state;
    corbel(&o, "once", "run org/story " PROMPT);
    assert_int_equal(o.status, 0);
    assert_int_equal(hub_count(&server, "hub", "/revision/", NULL), 1);
}

static void test_tokenize_and_info_fetch_no_weights(void **state)
{
    struct outcome o;
    (void)state;
    corbel(&o, "tokens", "tokenize org/story </dev/null");
    assert_int_equal(o.status, 0);
    corbel(&o, "tokens", "info org/story");
    assert_int_equal(o.status, 0);
    assert_int_equal(hub_count(&server, "storage", "/", NULL), 0);
}

static void test_pull_prints_the_folder(void **state)
{
    struct outcome o;
    (void)state;
    corbel(&o, "pull", "pull org/story");
    assert_int_equal(o.status, 0);
    assert_string_equal(o.err, ""); /* no bars but on a terminal */
    o.out[strcspn(o.out, "\n")] = '\0';
    run("test -f '%s/config.json'", o.out);
    corbel(&o, "pull", "pull org/story --json");
    assert_int_equal(outcome_number(&o, "files"), 5);
    assert_int_equal(outcome_number(&o, "fetched_bytes"), 0);
}

static void test_exit_statuses(void **state)
{
    static const struct {
        const char *fault, *arguments;
        int status;
    } rows[] = {
        {NULL, "run org/none x", 4},
        {NULL, "run org/story@none x", 4},
        {NULL, "run org/story --offline x", 4},
        {NULL, "run no/such/model x", 4},
        {NULL, "pull org/story@a --revision b", 2},
        {NULL, "pull demo/storyteller --revision v1", 2},
        {"{\"do\": \"fault\", \"where\": \"api\", \"kind\": \"loop\"}", "run org/story x", 5},
        {"{\"do\": \"fault\", \"where\": \"storage\", \"kind\": \"flip\"}", "run org/story x", 3},
    };
    struct outcome o;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        clear(NULL);
        if (rows[i].fault)
            hub_order(&server, rows[i].fault);
        corbel(&o, "cold", rows[i].arguments);
        if (o.status != rows[i].status)
            fail_msg("%s: status %d; %s", rows[i].arguments, o.status, o.err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_run_by_name_is_run_by_folder, clear),
        cmocka_unit_test_setup(test_one_run_asks_for_one_revision, clear),
        cmocka_unit_test_setup(test_tokenize_and_info_fetch_no_weights, clear),
        cmocka_unit_test_setup(test_pull_prints_the_folder, clear),
        cmocka_unit_test_setup(test_exit_statuses, clear),
    };
    if (!hub_has_python())
        return 77;
    return cmocka_run_group_tests(tests, start, end);
}
