/* test_hub_cache.c: the cache under fire: killed downloads, many processes at once, no network, no
 * right to write; revisions; and the token, which only the hub may see. */
#include "base/scratch.h"
#include "hub_server.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

/* Of the repo org/m: config.json, tokenizer.json, the index, two shards. */
enum {
    N_NEEDED = 5,
    SHARD_SIZE = 2000000,
    TOKENIZER_SIZE = 100000,
    N_KILLS = 50,
    N_AT_ONCE = 10,
    N_PROCESSES = 16
};

static struct hub_server server;
static struct scratch *scratch;

static void make_repo(const char *name, const char *extra)
{
    char path[128];
    static const char index[] =
        "{\"metadata\": {}, \"weight_map\": {\"a\": \"model-1.safetensors\", \"b\": "
        "\"shards/model-2.safetensors\", \"c\": \"model-1.safetensors\"}}";
    run("mkdir -p %s/%s/shards", scratch->dir, name);
    snprintf(path, sizeof(path), "%s/config.json", name);
    scratch_write_text(scratch, path, extra);
    snprintf(path, sizeof(path), "%s/model.safetensors.index.json", name);
    scratch_write_text(scratch, path, index);
    snprintf(path, sizeof(path), "%s/tokenizer.json", name);
    make_file(scratch_path(scratch, path), TOKENIZER_SIZE, 1);
    snprintf(path, sizeof(path), "%s/model-1.safetensors", name);
    make_file(scratch_path(scratch, path), SHARD_SIZE, 2);
    snprintf(path, sizeof(path), "%s/shards/model-2.safetensors", name);
    make_file(scratch_path(scratch, path), SHARD_SIZE, 3);
    snprintf(path, sizeof(path), "%s/other.safetensors", name);
    make_file(scratch_path(scratch, path), 1000, 4);
}

static int start(void **state)
{
    if (scratch_make(state) != 0)
        return -1;
    scratch = *state;
    make_repo("main", "{\"model_type\": \"none\"}");
    make_repo("old", "{\"model_type\": \"nothing\"}");
    char arguments[4096];
    const char *d = scratch->dir;
    snprintf(arguments, sizeof(arguments),
             "--page 2 --token secret-token org/m@main=%s/main org/m@v1.0=%s/old "
             "org/m@refs/pr/1=%s/old org/p@main=%s/main new/name@main=%s/main",
             d, d, d, d, d);
    hub_start(&server, arguments);
    hub_order(&server, "{\"do\": \"private\", \"repo\": \"org/p\"}");
    hub_order(&server, "{\"do\": \"rename\", \"old\": \"legacy\", \"new\": \"new/name\"}");
    return 0;
}

static int end(void **state)
{
    run("chmod -R u+w '%s'", scratch->dir);
    hub_stop(&server);
    return scratch_remove(state);
}

static int clear(void **state)
{
    (void)state;
    hub_order(&server, "{\"do\": \"clear\"}");
    return 0;
}

static void wait_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- killed, and many at once ---------------------------------------------------------------- */

/* One of those that run at once. */
static const char *home_of(int i)
{
    static char home[600];
    snprintf(home, sizeof(home), "%s/killed%d", scratch->dir, i);
    return home;
}

static void wait_for(pid_t *pids, int *statuses)
{
    for (int i = 0; i < N_AT_ONCE; i++)
        waitpid(pids[i], &statuses[i], 0);
}

/* Downloads that run at once, each killed after its own time. */
static void kill_some(int first, long whole_ms)
{
    pid_t pids[N_AT_ONCE];
    int statuses[N_AT_ONCE];
    const long begun = now_ms();
    for (int i = 0; i < N_AT_ONCE; i++)
        pids[i] = pull_start(&server, home_of(first + i), "", "org/m");
    for (int i = 0; i < N_AT_ONCE; i++) {
        const long left =
            begun + whole_ms * (first / N_AT_ONCE + i * (N_KILLS / N_AT_ONCE)) / N_KILLS - now_ms();
        if (left > 0)
            wait_ms(left);
        kill(pids[i], SIGKILL);
    }
    wait_for(pids, statuses);
}

/* Takes them up again; returns the bytes that came twice. */
static int64_t resume_some(int first)
{
    struct cache_bytes killed[N_AT_ONCE];
    pid_t pids[N_AT_ONCE];
    int statuses[N_AT_ONCE];
    int64_t twice = 0;
    for (int i = 0; i < N_AT_ONCE; i++) {
        killed[i] = cache_check(home_of(first + i), -1);
        pids[i] = pull_start(&server, home_of(first + i), "", "org/m --verify");
    }
    wait_for(pids, statuses);
    for (int i = 0; i < N_AT_ONCE; i++) {
        const struct cache_bytes whole = cache_check(home_of(first + i), N_NEEDED);
        struct outcome o;
        pull_outcome(&o, home_of(first + i), statuses[i]);
        if (o.status != 0)
            fail_msg("killed and taken up: status %d; %s", o.status, o.err);
        assert_int_equal(whole.partial, 0);
        twice += outcome_number(&o, "fetched") + killed[i].partial + killed[i].whole - whole.whole;
    }
    return twice;
}

static void test_killed_downloads_are_taken_up_where_they_ended(void **state)
{
    pid_t pids[N_AT_ONCE];
    int statuses[N_AT_ONCE];
    int64_t twice = 0;
    (void)state;
    hub_order(&server, "{\"do\": \"fault\", \"where\": \"storage\", \"kind\": \"slow\", \"chunk\": "
                       "40000, \"seconds\": 0.003}");
    const long begun = now_ms();
    for (int i = 0; i < N_AT_ONCE; i++)
        pids[i] = pull_start(&server, home_of(i), "", "org/m");
    wait_for(pids, statuses);
    const long whole = now_ms() - begun;
    for (int i = 0; i < N_AT_ONCE; i++)
        assert_int_equal(statuses[i], 0);
    run("rm -rf '%s'/killed*", scratch->dir);
    for (int first = 0; first < N_KILLS; first += N_AT_ONCE) {
        kill_some(first, whole);
        twice += resume_some(first);
        run("rm -rf '%s'/killed*", scratch->dir);
    }
    print_message("%d kills in downloads of %ld ms: %lld bytes came twice\n", N_KILLS, whole,
                  (long long)twice);
    assert_int_equal(twice, 0);
}

static void test_many_processes_share_one_cold_cache(void **state)
{
    pid_t pids[N_PROCESSES];
    int64_t sent;
    const char *home = scratch_path(scratch, "shared");
    (void)state;
    for (int i = 0; i < N_PROCESSES; i++)
        pids[i] = pull_start(&server, home, "", "org/m");
    for (int i = 0; i < N_PROCESSES; i++) {
        int status = -1;
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    cache_check(home, N_NEEDED);
    hub_count(&server, "storage", "/blob/", &sent);
    assert_int_equal(sent, 2 * SHARD_SIZE); /* every byte came once */
}

/* ---- without network, without rights --------------------------------------------------------- */

static void test_offline_opens_no_socket(void **state)
{
    static const char *const offline[] = {"HF_HUB_OFFLINE=1", "HF_HUB_OFFLINE=Yes",
                                          "TRANSFORMERS_OFFLINE=true", "HF_HUB_OFFLINE=ON"};
    struct outcome o;
    const char *home = scratch_path(scratch, "offline");
    (void)state;
    pull(&o, &server, home, "", "org/m --trap-sockets");
    assert_int_equal(o.status, 128 + SIGSYS); /* the trap works */
    pull(&o, &server, home, "HF_HUB_OFFLINE=1", "org/m --trap-sockets");
    assert_int_equal(o.status, 4);
    assert_non_null(strstr(o.err, "offline"));
    pull(&o, &server, home, "", "org/m");
    assert_int_equal(o.status, 0);
    for (size_t i = 0; i < 4; i++) {
        pull(&o, &server, home, offline[i], "org/m --trap-sockets");
        assert_int_equal(o.status, 0);
    }
    pull(&o, &server, home, "", "org/m --offline --trap-sockets --verify");
    assert_int_equal(o.status, 0);
    pull(&o, &server, home, "HF_HUB_OFFLINE=1", "org/m@v1.0 --trap-sockets");
    assert_int_equal(o.status, 4);
    /* A commit that is here whole is not asked for. */
    char arguments[128];
    snprintf(arguments, sizeof(arguments), "org/m@%s --trap-sockets",
             hub_commit(&server, "org/m@main"));
    pull(&o, &server, home, "", arguments);
    assert_int_equal(o.status, 0);
}

static void test_offline_names_the_file_that_is_missing(void **state)
{
    struct outcome o;
    const char *home = scratch_path(scratch, "partial");
    (void)state;
    pull(&o, &server, home, "", "org/m --parts 3");
    assert_int_equal(o.status, 0);
    pull(&o, &server, home, "", "org/m --offline --parts 3");
    assert_int_equal(o.status, 0);
    pull(&o, &server, home, "", "org/m --offline");
    assert_int_equal(o.status, 4);
    assert_non_null(strstr(o.err, "model.safetensors.index.json is not in the cache"));
    run("rm -rf '%s'/hub/models--org--m/trees", home); /* as an older client leaves it */
    pull(&o, &server, home, "", "org/m --offline --parts 3");
    assert_int_equal(o.status, 0);
    pull(&o, &server, home, "", "org/m --offline");
    assert_int_equal(o.status, 4);
}

/* Root may write everywhere, so the tool then runs as nobody. */
static void pull_without_rights(struct outcome *o, const char *home, const char *environment,
                                const char *arguments)
{
    static const char as_nobody[] = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    char words[512];
    snprintf(words, sizeof(words), "%s %s", environment, geteuid() == 0 ? as_nobody : "");
    pull(o, &server, home, words, arguments);
}

static void test_a_cache_that_is_read_only_serves(void **state)
{
    struct outcome o;
    const char *home = scratch_path(scratch, "readonly");
    (void)state;
    if (geteuid() == 0 && system("setpriv --reuid 65534 --regid 65534 --clear-groups "
                                 "test -x '" TEST_BUILD_DIR "/bin/pull_tool'") != 0)
        skip();
    pull(&o, &server, home, "", "org/m");
    assert_int_equal(o.status, 0);
    run("chmod -R a+rX '%s' && chmod a+rx '%s' && chmod -R a-w '%s'", home, scratch->dir, home);
    pull_without_rights(&o, home, "", "org/m");
    assert_int_equal(o.status, 0);
    pull_without_rights(&o, home, "HF_HUB_OFFLINE=1", "org/m");
    assert_int_equal(o.status, 0);
    pull_without_rights(&o, home, "", "org/m@v1.0"); /* this would have to be written */
    assert_int_equal(o.status, 1);
    assert_non_null(strstr(o.err, "Permission denied"));
}

static void test_a_cache_without_links_works(void **state)
{
    struct outcome o;
    const char *home = scratch_path(scratch, "nolinks");
    (void)state;
    pull(&o, &server, home, "HF_HUB_DISABLE_SYMLINKS=1", "org/m");
    assert_int_equal(o.status, 0);
    run("test -z \"$(find '%s' -type l)\"", home);
    pull(&o, &server, home, "HF_HUB_DISABLE_SYMLINKS=1", "org/m --verify");
    assert_int_equal(o.status, 0);
    assert_int_equal(outcome_number(&o, "n_fetched"), 0);
}

/* Not ours: a link in the place of the partial file, and a blob that is too short. */
static void test_what_others_left_in_the_cache_does_no_harm(void **state)
{
    struct outcome o;
    const char *home = scratch_path(scratch, "littered");
    (void)state;
    pull(&o, &server, home, "", "org/m");
    assert_int_equal(o.status, 0);
    run("printf precious > '%s/precious'", scratch->dir);
    run("cd '%s/hub/models--org--m/blobs' && for b in *; do ln -s '%s/precious' "
        "$b.corbel.incomplete; echo bad > $b; done",
        home, scratch->dir);
    pull(&o, &server, home, "", "org/m --verify");
    assert_int_equal(o.status, 0);
    cache_check(home, N_NEEDED);
    run("test \"$(cat '%s/precious')\" = precious", scratch->dir);
    run("cd '%s/hub/models--org--m/snapshots'/* && ln -sf /etc/passwd config.json", home);
    pull(&o, &server, home, "", "org/m --offline");
    assert_int_equal(o.status, 4);
    pull(&o, &server, home, "", "org/m");
    assert_int_equal(o.status, 0);
    cache_check(home, N_NEEDED);
}

static void test_verify_finds_a_blob_that_was_changed(void **state)
{
    struct outcome o;
    const char *home = scratch_path(scratch, "changed");
    (void)state;
    pull(&o, &server, home, "", "org/m");
    assert_int_equal(o.status, 0);
    run("cd '%s/hub/models--org--m/snapshots'/* && printf X | dd of=tokenizer.json conv=notrunc "
        "status=none",
        home);
    pull(&o, &server, home, "", "org/m");
    assert_int_equal(o.status, 0);
    pull(&o, &server, home, "", "org/m --offline --verify");
    assert_int_equal(o.status, 3);
    assert_non_null(strstr(o.err, "tokenizer.json"));
}

/* ---- names ----------------------------------------------------------------------------------- */

static void test_revisions_are_branches_tags_pulls_and_commits(void **state)
{
    struct outcome o;
    char by_commit[96], by_beginning[64];
    const char *home = scratch_path(scratch, "revisions");
    const char *main_commit = hub_commit(&server, "org/m@main");
    const char *old_commit = hub_commit(&server, "org/m@v1.0");
    (void)state;
    snprintf(by_commit, sizeof(by_commit), "org/m@%s", old_commit);
    snprintf(by_beginning, sizeof(by_beginning), "org/m@%.9s", main_commit);
    const struct {
        const char *arguments, *commit;
    } rows[] = {{"org/m", main_commit},          {"org/m@v1.0", old_commit},
                {"org/m@refs/pr/1", old_commit}, {"org/m --revision v1.0", old_commit},
                {by_commit, old_commit},         {by_beginning, main_commit},
                {"org/m@main", main_commit}};
    for (int offline = 0; offline < 2; offline++)
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
            pull(&o, &server, home, offline ? "HF_HUB_OFFLINE=1" : "", rows[i].arguments);
            if (o.status != 0 || !strstr(o.out, rows[i].commit))
                fail_msg("%s: %s %s", rows[i].arguments, o.out, o.err);
        }
    run("test \"$(cat '%s/hub/models--org--m/refs/refs/pr/1')\" = %s", home, old_commit);
    pull(&o, &server, home, "", "org/m@nope");
    assert_int_equal(o.status, 4);
    pull(&o, &server, home, "", "org/m@v1.0 --revision main");
    assert_int_equal(o.status, 2);
    pull(&o, &server, home, "", "org/absent");
    assert_int_equal(o.status, 4);
}

static void test_a_branch_that_moves_brings_the_new_files(void **state)
{
    struct outcome o;
    char order[256];
    const char *home = scratch_path(scratch, "moves");
    const char *main_commit = hub_commit(&server, "org/m@main");
    (void)state;
    pull(&o, &server, home, "", "org/m@main");
    assert_int_equal(o.status, 0);
    snprintf(order, sizeof(order),
             "{\"do\": \"point\", \"repo\": \"org/m\", \"revision\": \"main\", \"commit\": \"%s\"}",
             hub_commit(&server, "org/m@v1.0"));
    hub_order(&server, order);
    pull(&o, &server, home, "", "org/m@main");
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.out, hub_commit(&server, "org/m@v1.0")));
    assert_int_equal(outcome_number(&o, "n_fetched"), 1); /* the rest is the same */
    snprintf(order, sizeof(order),
             "{\"do\": \"point\", \"repo\": \"org/m\", \"revision\": \"main\", \"commit\": \"%s\"}",
             main_commit);
    hub_order(&server, order);
}

/* ---- the token ------------------------------------------------------------------------------- */

/* Every request to the hub carries the token or none does; to the storage none ever does. */
static void check_log(const char *expected)
{
    static const char *const never[] = {"cookie", "referer", "proxy-authorization"};
    struct json_object *log = hub_ask(&server, "{\"do\": \"log\"}");
    size_t n_storage = 0;
    for (size_t i = 0; i < json_object_array_length(log); i++) {
        struct json_object *o = json_object_array_get_idx(log, i);
        struct json_object *headers = json_object_object_get(o, "headers");
        const char *who = json_object_get_string(json_object_object_get(o, "server"));
        const char *token =
            json_object_get_string(json_object_object_get(headers, "authorization"));
        const bool storage = strcmp(who, "storage") == 0;
        n_storage += storage;
        if (storage || !expected)
            assert_null(token);
        else
            assert_string_equal(token, expected);
        for (size_t k = 0; k < 3; k++)
            assert_null(json_object_object_get(headers, never[k]));
    }
    assert_true(n_storage >= 2);
    json_object_put(log);
}

static void test_the_token_goes_to_the_hub_and_nowhere_else(void **state)
{
    struct outcome o;
    const char *home = scratch_path(scratch, "token");
    (void)state;
    pull(&o, &server, home, "", "org/p");
    assert_int_equal(o.status, 4);
    assert_non_null(strstr(o.err, "HF_TOKEN"));
    clear(NULL);
    pull(&o, &server, home, "HF_TOKEN=' secret-token ' PULL_TOOL_LOG=1", "org/p");
    assert_int_equal(o.status, 0);
    check_log("Bearer secret-token");
    assert_null(strstr(o.err, "secret")); /* nor into a log, as a signature of a link */
    assert_null(strstr(o.out, "secret"));
    clear(NULL);
    pull(&o, &server, scratch_path(scratch, "implicit"),
         "HF_TOKEN=secret-token HF_HUB_DISABLE_IMPLICIT_TOKEN=1", "org/m");
    assert_int_equal(o.status, 0);
    check_log(NULL);
    clear(NULL);
    run("mkdir -p '%s/file' && echo secret-token > '%s/file/token'", scratch->dir, scratch->dir);
    pull(&o, &server, scratch_path(scratch, "file"), "", "org/p");
    assert_int_equal(o.status, 0);
    check_log("Bearer secret-token");
    pull(&o, &server, home, "HF_TOKEN='a\nb: c'", "org/p");
    assert_int_equal(o.status, 2);
}

static void test_a_renamed_repo_is_followed_with_the_token(void **state)
{
    struct outcome o;
    (void)state;
    pull(&o, &server, scratch_path(scratch, "renamed"), "HF_TOKEN=secret-token", "legacy");
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.out, "models--legacy"));
    check_log("Bearer secret-token");
}

/* ---- https ----------------------------------------------------------------------------------- */

static void test_https_never_leads_to_plain_http(void **state)
{
    struct hub_server secure;
    struct outcome o;
    char arguments[2048], environment[1024];
    (void)state;
    if (system("openssl version >/dev/null 2>&1") != 0)
        skip();
    run("cd '%s' && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days "
        "2 "
        "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null && cat key.pem "
        "cert.pem > both.pem",
        scratch->dir);
    snprintf(arguments, sizeof(arguments), "--cert %s/both.pem org/m@main=%s/main", scratch->dir,
             scratch->dir);
    snprintf(environment, sizeof(environment), "SSL_CERT_FILE=%s/cert.pem", scratch->dir);
    hub_start(&secure, arguments);
    pull(&o, &secure, scratch_path(scratch, "unknown"), "", "org/m --parts 3");
    assert_int_equal(o.status, 5); /* a certificate that nobody vouches for */
    pull(&o, &secure, scratch_path(scratch, "secure"), environment, "org/m --parts 3");
    assert_int_equal(o.status, 0);
    pull(&o, &secure, scratch_path(scratch, "secure"), environment, "org/m");
    assert_int_equal(o.status, 3); /* the storage is plain http */
    assert_non_null(strstr(o.err, "only https is followed"));
    hub_stop(&secure);
}

static void test_the_endpoint_must_be_https_or_here(void **state)
{
    static const struct {
        const char *endpoint;
        int status;
    } rows[] = {{"http://192.0.2.1", 3}, {"http://hub.example", 3},
                {"ftp://127.0.0.1", 2},  {"https://a:b@127.0.0.1", 2},
                {"nonsense:", 2},        {"https://127.0.0.1/?x", 2}};
    struct outcome o;
    char environment[256];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        snprintf(environment, sizeof(environment), "HF_ENDPOINT='%s'", rows[i].endpoint);
        pull(&o, &server, scratch_path(scratch, "endpoint"), environment, "org/m --trap-sockets");
        if (o.status != rows[i].status)
            fail_msg("%s: status %d; %s", rows[i].endpoint, o.status, o.err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_offline_opens_no_socket, clear),
        cmocka_unit_test_setup(test_offline_names_the_file_that_is_missing, clear),
        cmocka_unit_test_setup(test_a_cache_that_is_read_only_serves, clear),
        cmocka_unit_test_setup(test_a_cache_without_links_works, clear),
        cmocka_unit_test_setup(test_what_others_left_in_the_cache_does_no_harm, clear),
        cmocka_unit_test_setup(test_verify_finds_a_blob_that_was_changed, clear),
        cmocka_unit_test_setup(test_revisions_are_branches_tags_pulls_and_commits, clear),
        cmocka_unit_test_setup(test_a_branch_that_moves_brings_the_new_files, clear),
        cmocka_unit_test_setup(test_the_token_goes_to_the_hub_and_nowhere_else, clear),
        cmocka_unit_test_setup(test_a_renamed_repo_is_followed_with_the_token, clear),
        cmocka_unit_test_setup(test_https_never_leads_to_plain_http, clear),
        cmocka_unit_test_setup(test_the_endpoint_must_be_https_or_here, clear),
        cmocka_unit_test_setup(test_many_processes_share_one_cold_cache, clear),
        cmocka_unit_test_setup(test_killed_downloads_are_taken_up_where_they_ended, clear),
    };
    if (!hub_has_python())
        return 77;
    return cmocka_run_group_tests(tests, start, end);
}
