/* test_hub_lock.c: models of the hub under a lock: the commit that was locked, nothing that the
 * lock does not name, and no network once all is here. And shards: only those that the class needs.
 */
#include "base/scratch.h"
#include "hub_server.h"

/* In the repo org/m the last shard holds the head and nothing else. */
#define FIXTURE TEST_SOURCE_DIR "/tests/fixtures/models/mistral_bf16_sharded_v4_config/model"
#define HEAD    "model-00005-of-00005.safetensors"

static struct hub_server server;
static struct scratch *scratch;

static int start(void **state)
{
    char arguments[4096];
    const char *d;
    if (scratch_make(state) != 0)
        return -1;
    scratch = *state;
    d = scratch->dir;
    run("cp -rL '%s' '%s/main' && cp -r '%s/main' '%s/next' && chmod -R u+w '%s'", FIXTURE, d, d, d,
        d);
    run("sed -i 's/}$/, \"max_new_tokens\": 7}/' '%s/next/generation_config.json'", d);
    snprintf(arguments, sizeof(arguments), "org/m@main=%s/main org/m@next=%s/next", d, d);
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

/* A line of the shell, with $H the hub's folder of the user; its commands are this build's. */
static void user(struct outcome *o, const char *home, const char *line)
{
    char command[4096];
    snprintf(command, sizeof(command), "sh -c '%s'", line);
    run("mkdir -p '%s/%s'", scratch->dir, home);
    hub_shell(o, &server, scratch_path(scratch, home), "", command);
}

struct row {
    const char *line;
    int status;
    const char *says; /* in stderr or stdout; NULL: any */
};

/* One after the other, with the same home. */
static void table(const char *home, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct outcome o;
        user(&o, home, rows[i].line);
        if (o.status != rows[i].status ||
            (rows[i].says && !strstr(o.err, rows[i].says) && !strstr(o.out, rows[i].says)))
            fail_msg("%s\n  status %d, expected %d and \"%s\"\n  %.600s\n  %.600s", rows[i].line,
                     o.status, rows[i].status, rows[i].says ? rows[i].says : "", o.out, o.err);
    }
}
#define TABLE(home, rows) table(home, rows, sizeof(rows) / sizeof(*(rows)))

static void point(const char *to)
{
    char order[256];
    snprintf(order, sizeof(order),
             "{\"do\": \"point\", \"repo\": \"org/m\", \"revision\": \"main\", \"commit\": \"%s\"}",
             hub_commit(&server, to));
    hub_order(&server, order);
}

#define RUN "generate org/m --ids 5,6,7 --max-new-tokens 3 "

/* ---- locks ----------------------------------------------------------------------------------- */

static void test_a_locked_host_runs_with_every_network_call_trapped(void **state)
{
    static const struct row rows[] = {
        {"cd; trapped corbel pull org/m", 128 + 31, NULL}, /* the trap works */
        {"cd; corbel lock org/m && grep -q \"\\\"revision\\\": \\\"main\\\"\" corbel.lock", 0,
         NULL},
        {"cd; trapped corbel " RUN "--lock corbel.lock", 0, NULL},
        {"cd; trapped corbel " RUN "--lock corbel.lock --offline", 0, NULL},
        {"cd; trapped corbel info org/m --lock corbel.lock --json", 0, "MistralForCausalLM"},
        {"cd; trapped corbel info org/m --lock corbel.lock --isolation always --check", 0, NULL},
        {"cd; trapped corbel pull org/m --lock corbel.lock", 0, "snapshots"},
        {"cd; trapped corbel audit --lock corbel.lock", 0, "is what the lock says"},
        {"cd; trapped corbel pull org/m@next --lock corbel.lock", 3, "revision: locked main"},
        {"cd; trapped corbel pull org/n --lock corbel.lock", 3, "org/n is not in it"},
        {"cd; corbel pull org/m --include \"*\" --lock corbel.lock", 2, "lock"},
        {"cd; corbel lock org/m@$(ls hub/models--org--m/snapshots | cut -c 1-8)", 2, "abbreviated"},
    };
    (void)state;
    TABLE("locked", rows);
}

/* Each field of a model's entry, as somebody may have changed it. */
static void test_each_field_of_a_lock_is_kept_to(void **state)
{
#define CHANGED(from, to) \
    "cd; sed \"s#" from "#" to "#\" corbel.lock >changed; corbel " RUN "--offline --lock changed"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
    static const struct row rows[] = {
        {"cd; corbel lock org/m", 0, NULL},
        {CHANGED("http://127", "https://127"), 3, "endpoint: locked https"},
        {CHANGED("\\\"main\\\"", "\\\"v1\\\""), 3, "revision: locked v1, found main"},
        {CHANGED("\\\"org/m\\\"", "\\\"org/o\\\""), 3, "org/m is not in it"},
        {CHANGED("\\\"sha256\\\": \\\".*\\\"", "\\\"sha256\\\": \\\"" ZERO "\\\""), 3, "sha256"},
        {CHANGED("\\\"size\\\": ", "&1"), 3, "size: locked 1"},
        {CHANGED("model-00002-of", "model-00009-of"), 1, "sorted"},
        {CHANGED("generation_config", "generation_donfig"), 3, "no such file, found one"},
        {CHANGED("\\\"commit\\\": \\\"[0-9a-f]\\{40\\}", "\\\"commit\\\": \\\"0123"), 3, "commit"},
        {"cd; HF_ENDPOINT=http://127.0.0.1:1 corbel " RUN "--lock corbel.lock", 3, "endpoint"},
        {"cd; cd hub/models--org--m/snapshots/*; cp config.json x; echo >>x; mv x config.json; cd; "
         "corbel " RUN "--offline --lock corbel.lock",
         4, NULL},
        {"cd; rm -r hub/models--org--m/trees; corbel " RUN "--offline --lock corbel.lock", 3,
         "config.json: size"},
        {"cd; corbel audit --lock corbel.lock", 1, "config.json: size"},
        {"cd; corbel pull org/m && corbel " RUN "--lock corbel.lock", 0, NULL},
        {"cd; echo {} >hub/models--org--m/snapshots/$(ls hub/models--org--m/snapshots)/"
         "preprocessor_config.json; corbel " RUN "--lock corbel.lock",
         3, "preprocessor_config.json: locked no such file"},
    };
    (void)state;
    TABLE("fields", rows);
}

static void test_a_branch_that_moves_does_not_move_what_is_locked(void **state)
{
    static const struct row before[] = {{"cd; corbel lock org/m", 0, NULL}};
    static const struct row after[] = {
        {"cd; cp -r . ../elsewhere; rm -r ../elsewhere/hub", 0, NULL},
        {"cd; corbel pull org/m", 0, NULL},
        {"cd; corbel pull org/m --lock corbel.lock >locked; corbel pull org/m >now; ! cmp -s "
         "locked "
         "now",
         0, NULL},
        {"cd; corbel audit --lock corbel.lock", 1, "locked is"},
        {"cd; corbel audit org/m", 1, "moving ref"},
        {"cd; corbel audit org/m@$(basename $(cat locked))", 0, NULL},
    };
    static const struct row fresh[] = {{"cd; corbel " RUN "--lock corbel.lock", 0, NULL}};
    (void)state;
    TABLE("moves", before);
    point("org/m@next");
    TABLE("moves", after);
    clear(NULL);
    TABLE("elsewhere", fresh);
    assert_int_equal(hub_count(&server, "hub", "/revision/", NULL), 0); /* the lock knows it */
    assert_int_equal(hub_count(&server, "hub", hub_commit(&server, "org/m@next"), NULL), 0);
    hub_order(&server, "{\"do\": \"clear\"}");
    point("org/m@main");
}

/* The hub lists another file, or another digest, for the commit that is locked. */
static void test_a_hub_that_changes_its_mind_is_refused(void **state)
{
    static const struct row rows[] = {
        {"cd; corbel lock org/m; rm -r hub", 0, NULL},
    };
    static const struct row refused[] = {
        {"cd; corbel " RUN "--lock corbel.lock", 3, "tokenizer.json"},
    };
    (void)state;
    TABLE("mind", rows);
    clear(NULL);
    hub_order(&server,
              "{\"do\": \"fault\", \"where\": \"api\", \"match\": \"/tree/\", \"kind\": \"entry\", "
              "\"entry\": {\"type\": \"file\", \"path\": \"tokenizer.json\", \"size\": 3, \"oid\": "
              "\"0123456789012345678901234567890123456789\"}}");
    TABLE("mind", refused);
    assert_int_equal(hub_count(&server, "hub", "/resolve/", NULL), 0); /* nothing was fetched */
}

/* ---- shards ---------------------------------------------------------------------------------- */

static void test_only_shards_with_wanted_tensors_are_fetched(void **state)
{
    static const struct row base[] = {
        {"corbel program org/m --class MistralModel", 0, NULL},
        {"corbel info org/m --class MistralModel --check", 0, NULL},
        {"test -e ~/hub/models--org--m/snapshots/*/model-00004-of-00005.safetensors", 0, NULL},
        {"test ! -e ~/hub/models--org--m/snapshots/*/" HEAD, 0, NULL},
        {"trapped corbel info org/m --class MistralModel --check --offline", 0, NULL},
        {"rm -r ~/hub/models--org--m/trees; trapped corbel info org/m --class MistralModel --check "
         "--offline",
         0, NULL},
        {"corbel info org/m --check --offline", 4, HEAD},
        {"corbel info org/m --check", 0, NULL}, /* now the head is fetched, too */
        {"test -e ~/hub/models--org--m/snapshots/*/" HEAD, 0, NULL},
        {"trapped corbel info org/m --check --offline", 0, NULL},
    };
    (void)state;
    TABLE("base", base);
}

static void test_a_lock_allows_a_class_that_needs_less(void **state)
{
    static const struct row rows[] = {
        {"cd; corbel lock org/m; rm ~/hub/models--org--m/snapshots/*/" HEAD, 0, NULL},
        {"cd; trapped corbel info org/m --class MistralModel --check --offline --lock corbel.lock",
         0, NULL},
        {"cd; trapped corbel info org/m --offline --lock corbel.lock", 0, NULL},
        {"cd; corbel info org/m --check --offline --lock corbel.lock", 4, HEAD},
        {"cd; corbel info org/m --check --lock corbel.lock", 0, NULL},
    };
    (void)state;
    TABLE("less", rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_locked_host_runs_with_every_network_call_trapped, clear),
        cmocka_unit_test_setup(test_each_field_of_a_lock_is_kept_to, clear),
        cmocka_unit_test_setup(test_a_branch_that_moves_does_not_move_what_is_locked, clear),
        cmocka_unit_test_setup(test_a_hub_that_changes_its_mind_is_refused, clear),
        cmocka_unit_test_setup(test_only_shards_with_wanted_tensors_are_fetched, clear),
        cmocka_unit_test_setup(test_a_lock_allows_a_class_that_needs_less, clear),
    };
    if (!hub_has_python())
        return 77;
    return cmocka_run_group_tests(tests, start, end);
}
