/* test_hub_faults.c: every way in which a hub can fail ends in the right files or in a clear error
 * with the right status, the cache holds no bad byte, and the next try succeeds. */
#include "base/scratch.h"
#include "hub_server.h"

/* Of the repo org/m: config.json, tokenizer.json, model.safetensors. */
enum { N_NEEDED = 3, MODEL_SIZE = 3000000, TOKENIZER_SIZE = 200000 };

static struct hub_server server;
static struct scratch *scratch;

static int start(void **state)
{
    if (scratch_make(state) != 0)
        return -1;
    scratch = *state;
    run("mkdir -p %s/repo/onnx", scratch->dir);
    scratch_write_text(scratch, "repo/config.json", "{\"model_type\": \"none\"}");
    scratch_write_text(scratch, "repo/README.md", "not needed\n");
    make_file(scratch_path(scratch, "repo/tokenizer.json"), TOKENIZER_SIZE, 1);
    make_file(scratch_path(scratch, "repo/model.safetensors"), MODEL_SIZE, 2);
    make_file(scratch_path(scratch, "repo/pytorch_model.bin"), 1000, 3);
    make_file(scratch_path(scratch, "repo/onnx/model.bin"), 1000, 4);
    char arguments[2048];
    snprintf(arguments, sizeof(arguments), "--page 3 --token secret-token org/m@main=%s/repo",
             scratch->dir);
    hub_start(&server, arguments);
    return 0;
}

static int end(void **state)
{
    hub_stop(&server);
    return scratch_remove(state);
}

struct row {
    const char *name;
    const char *fault; /* the members of the order; $S: the storage's URL */
    int status;
    const char *err; /* must occur in stderr; NULL: any */
};

/* clang-format off */
#define STORAGE "\"where\": \"storage\", "
#define RESOLVE "\"where\": \"resolve\", "
#define API     "\"where\": \"api\", "
#define TOKENIZER RESOLVE "\"match\": \"tokenizer.json\", "
static const struct row rows[] = {
    {"404 of the revision", API "\"kind\": \"status\", \"code\": 404, \"headers\": {\"X-Error-Code\": \"RevisionNotFound\"}", 4, "no such revision"},
    {"404 of the repo", API "\"kind\": \"status\", \"code\": 404, \"headers\": {\"X-Error-Code\": \"RepoNotFound\"}", 4, "no such model"},
    {"404 of a file", TOKENIZER "\"kind\": \"status\", \"code\": 404, \"headers\": {\"X-Error-Code\": \"EntryNotFound\"}", 4, "tokenizer.json: the hub has no such file"},
    {"401", API "\"kind\": \"status\", \"code\": 401", 4, "HF_TOKEN"},
    {"403 of a gated repo", RESOLVE "\"kind\": \"status\", \"code\": 403, \"headers\": {\"X-Error-Code\": \"GatedRepo\"}", 4, "ask for access"},
    {"429 once", API "\"kind\": \"status\", \"code\": 429, \"times\": 1, \"headers\": {\"Retry-After\": \"1\"}", 0, NULL},
    {"429 once, in the new form", RESOLVE "\"kind\": \"status\", \"code\": 429, \"times\": 1, \"headers\": {\"ratelimit\": \"\\\"api\\\";r=0;t=1\"}", 0, NULL},
    {"429 for an hour", API "\"kind\": \"status\", \"code\": 429, \"headers\": {\"Retry-After\": \"3600\"}", 5, "3600 s"},
    {"429 for ever", API "\"kind\": \"status\", \"code\": 429", 5, "429"},
    {"500 twice", API "\"kind\": \"status\", \"code\": 500, \"times\": 2", 0, NULL},
    {"503 of a file, twice", RESOLVE "\"kind\": \"status\", \"code\": 503, \"times\": 2", 0, NULL},
    {"500 of the storage for ever", STORAGE "\"kind\": \"status\", \"code\": 500", 5, "storage answers 500"},
    {"a stale link of the storage", STORAGE "\"kind\": \"status\", \"code\": 403, \"times\": 1", 0, NULL},
    {"no answer, once", "\"kind\": \"drop\", \"times\": 1", 0, NULL},
    {"no answer from the storage, ever", STORAGE "\"kind\": \"drop\"", 5, "model.safetensors"},
    {"a silent storage", STORAGE "\"kind\": \"stall\", \"seconds\": 3, \"times\": 1", 0, NULL},
    {"slow", STORAGE "\"kind\": \"slow\", \"chunk\": 100000, \"seconds\": 0.02", 0, NULL},
    {"cut after a megabyte", STORAGE "\"kind\": \"cut\", \"after\": 1000000", 0, NULL},
    {"cut at once, once", STORAGE "\"kind\": \"cut\", \"after\": 0, \"times\": 1", 0, NULL},
    {"cut, of a small file", TOKENIZER "\"kind\": \"cut\", \"after\": 100000, \"times\": 1", 0, NULL},
    {"cut, then Range ignored", STORAGE "\"kind\": \"cut\", \"after\": 1000000, \"times\": 1}\n{\"do\": \"fault\", " STORAGE "\"kind\": \"ignore_range\"", 0, NULL},
    {"cut, then a wrong Content-Range once", STORAGE "\"kind\": \"cut\", \"after\": 1000000, \"times\": 1}\n{\"do\": \"fault\", " STORAGE "\"kind\": \"bad_range\"", 0, NULL},
    {"shorter than listed", STORAGE "\"kind\": \"shorter\"", 3, "another number of bytes"},
    {"longer than listed", STORAGE "\"kind\": \"longer\"", 3, "another number of bytes"},
    {"shorter, once", STORAGE "\"kind\": \"shorter\", \"times\": 1", 0, NULL},
    {"an endless body", STORAGE "\"kind\": \"endless\"", 3, "more bytes than it has listed"},
    {"no length, but the right bytes", STORAGE "\"kind\": \"no_length\"", 0, NULL},
    {"a wrong byte at the beginning", STORAGE "\"kind\": \"flip\"", 3, "model.safetensors"},
    {"a wrong byte at the end, once", STORAGE "\"kind\": \"flip\", \"at\": 2999999, \"times\": 1", 0, NULL},
    {"a wrong byte of a small file", TOKENIZER "\"kind\": \"flip\", \"at\": 77", 3, "tokenizer.json"},
    {"a redirect loop", RESOLVE "\"kind\": \"loop\"", 5, "redirects"},
    {"a redirect loop of the API", API "\"kind\": \"loop\"", 5, "redirects"},
    {"the API on another host", API "\"kind\": \"redirect\", \"to\": \"$S/api\"", 3, "another host"},
    {"a redirect to a file", RESOLVE "\"kind\": \"redirect\", \"to\": \"file:///etc/passwd\"", 3, "refused"},
    {"a redirect to ftp", RESOLVE "\"kind\": \"redirect\", \"to\": \"ftp://127.0.0.1/x\"", 3, "refused"},
    {"a redirect to plain http elsewhere", RESOLVE "\"kind\": \"redirect\", \"to\": \"http://192.0.2.1/x\"", 3, "refused"},
    {"a redirect with a user", RESOLVE "\"kind\": \"redirect\", \"to\": \"https://me:you@127.0.0.1/x\"", 3, "user name"},
    {"a redirect to nowhere", RESOLVE "\"kind\": \"redirect\", \"to\": \"\"", 5, NULL},
    {"another commit of a file", RESOLVE "\"kind\": \"commit\"", 3, "refused"},
    {"another digest of a file", TOKENIZER "\"kind\": \"etag\"", 3, "refused"},
    {"an answer that is no JSON", API "\"kind\": \"json\", \"text\": \"<html>\"", 5, "names no commit"},
    {"a commit that is none", API "\"kind\": \"json\", \"text\": \"{\\\"sha\\\": \\\"../../x\\\"}\"", 5, "names no commit"},
    {"a list that is none", API "\"match\": \"/tree/\", \"kind\": \"json\", \"text\": \"{}\"", 5, "list of files"},
    {"a list without digests", API "\"match\": \"/tree/\", \"kind\": \"json\", \"text\": \"[{\\\"type\\\": \\\"file\\\", \\\"path\\\": \\\"config.json\\\", \\\"size\\\": 3}]\"", 5, "size and digest"},
    {"a list with a page elsewhere", API "\"match\": \"/tree/\", \"kind\": \"page\", \"to\": \"$S\"", 3, "another host"},
    {"a list with a file outside", API "\"match\": \"/tree/\", \"times\": 1, \"kind\": \"entry\", \"entry\": {\"type\": \"file\", \"path\": \"../../../evil\", \"size\": 3, \"oid\": \"0123456789012345678901234567890123456789\"}", 0, NULL},
    {"a thousand headers", API "\"kind\": \"headers\", \"n\": 1000", 5, "headers"},
};
/* clang-format on */

/* The fault is an order or two; "$S" stands for the storage. */
static void give_fault(const char *fault)
{
    char order[2048];
    const char *storage = hub_url(&server, "storage");
    size_t n = (size_t)snprintf(order, sizeof(order), "{\"do\": \"fault\", ");
    for (const char *c = fault; *c; c++) {
        if (c[0] == '$' && c[1] == 'S') {
            n += (size_t)snprintf(order + n, sizeof(order) - n, "%s", storage);
            c++;
        } else if (*c == '\n') {
            order[n] = '\0';
            hub_order(&server, order);
            n = 0;
        } else {
            order[n++] = *c;
        }
    }
    order[n] = '}';
    order[n + 1] = '\0';
    hub_order(&server, order);
}

static bool try_row(const struct row *row, size_t i)
{
    struct outcome o;
    char home[600];
    snprintf(home, sizeof(home), "%s/home%zu", scratch->dir, i);
    hub_order(&server, "{\"do\": \"clear\"}");
    give_fault(row->fault);
    pull(&o, &server, home, "HF_HUB_DOWNLOAD_TIMEOUT=1 CORBEL_HUB_FIRST_WAIT_MS=10", "org/m");
    const bool expected = o.status == row->status && (!row->err || strstr(o.err, row->err));
    if (!expected)
        print_error("%s: status %d, expected %d; %s\n", row->name, o.status, row->status, o.err);
    cache_check(home, o.status == 0 ? N_NEEDED : -1);
    hub_order(&server, "{\"do\": \"clear\"}");
    pull(&o, &server, home, "", "org/m --verify");
    if (o.status != 0)
        print_error("%s: the next try: status %d; %s\n", row->name, o.status, o.err);
    cache_check(home, N_NEEDED);
    run("rm -rf '%s'", home);
    return expected && o.status == 0;
}

static void test_each_fault_ends_well_and_leaves_a_sound_cache(void **state)
{
    size_t n_failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        n_failed += !try_row(&rows[i], i);
    assert_int_equal(n_failed, 0);
}

static void test_a_cut_download_goes_on_where_it_ended(void **state)
{
    struct outcome o;
    int64_t sent;
    (void)state;
    hub_order(&server, "{\"do\": \"clear\"}");
    give_fault(STORAGE "\"kind\": \"cut\", \"after\": 1000000, \"times\": 1");
    pull(&o, &server, scratch_path(scratch, "cut"), "CORBEL_HUB_FIRST_WAIT_MS=10", "org/m");
    assert_int_equal(o.status, 0);
    hub_count(&server, "storage", "/blob/", &sent);
    assert_int_equal(sent, MODEL_SIZE);
}

static void test_only_what_the_model_needs_is_fetched(void **state)
{
    struct outcome o;
    (void)state;
    hub_order(&server, "{\"do\": \"clear\"}");
    pull(&o, &server, scratch_path(scratch, "needed"), "", "org/m");
    assert_int_equal(o.status, 0);
    assert_int_equal(outcome_number(&o, "n_files"), N_NEEDED);
    assert_int_equal(hub_count(&server, "hub", "/resolve/", NULL), N_NEEDED);
    pull(&o, &server, scratch_path(scratch, "needed"), "", "org/m");
    assert_int_equal(outcome_number(&o, "n_fetched"), 0);
    pull(&o, &server, scratch_path(scratch, "needed"), "", "org/m --exclude '*.safetensors'");
    assert_int_equal(outcome_number(&o, "n_fetched"), 1); /* then the .bin is the weights */
    pull(&o, &server, scratch_path(scratch, "needed"), "",
         "org/m --include 'onnx/' --include '*.md'");
    assert_int_equal(outcome_number(&o, "n_fetched"), 2);
    pull(&o, &server, scratch_path(scratch, "needed"), "", "org/m --include '*.gguf'");
    assert_int_equal(o.status, 4);
    pull(&o, &server, scratch_path(scratch, "tokenizer"), "", "org/m --parts 3");
    assert_int_equal(outcome_number(&o, "n_files"), 2);
}

static void test_the_cache_serves_when_the_hub_is_away(void **state)
{
    struct outcome o;
    const char *home = scratch_path(scratch, "away");
    (void)state;
    hub_order(&server, "{\"do\": \"clear\"}");
    pull(&o, &server, home, "", "org/m");
    assert_int_equal(o.status, 0);
    give_fault("\"kind\": \"drop\"");
    pull(&o, &server, home, "CORBEL_HUB_FIRST_WAIT_MS=10", "org/m");
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.err, "as it was when last fetched"));
    pull(&o, &server, home, "CORBEL_HUB_FIRST_WAIT_MS=10", "org/m --revision other");
    assert_int_equal(o.status, 5);
    hub_order(&server, "{\"do\": \"clear\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_the_model_needs_is_fetched),
        cmocka_unit_test(test_a_cut_download_goes_on_where_it_ended),
        cmocka_unit_test(test_the_cache_serves_when_the_hub_is_away),
        cmocka_unit_test(test_each_fault_ends_well_and_leaves_a_sound_cache),
    };
    if (!hub_has_python())
        return 77;
    return cmocka_run_group_tests(tests, start, end);
}
