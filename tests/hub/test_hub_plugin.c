/* test_hub_plugin.c: plugins that come from the hub: by name, or because a model suggests one.
 * Where they come from makes no difference to whether they may run. The plugin is the attack
 * suite's canary, which says CANARY when any of it runs. */
#include "base/scratch.h"
#include "hub_server.h"

#include <stdlib.h>

static struct hub_server server;
static struct scratch *scratch;

#define ATTACK TEST_BUILD_DIR "/tests/attack"
#define CORBEL "PATH='" TEST_BUILD_DIR "/bin:'$PATH corbel "

/* Two publishers' repos: acme/canary, signed, with what the hub puts into every repo beside it;
 * evil/canary, the same library under acme's name, signed by a key that nobody trusts. */
static void make_repos(const char *d)
{
    run("mkdir -p '%s/maker' '%s/model' '%s/pinned' && cp -r '" ATTACK "/bundle' '%s/acme' && "
        "chmod -R u+w '%s/acme' && cp -r '%s/acme' '%s/evil'",
        d, d, d, d, d, d, d);
    run("exec >/dev/null; cd '%s'; export CORBEL_HOME=$PWD/maker; chmod 700 maker; " CORBEL
        "key new acme --no-passphrase && " CORBEL "key new evil --no-passphrase && " CORBEL
        "plugin sign acme --key acme && " CORBEL
        "plugin sign evil --key evil && echo '*.so filter=lfs' >acme/.gitattributes && cp -r acme "
        "torn && rm torn/lib/*/*.so && sha256sum acme/corbel-plugin.json | cut -d ' ' -f 1 >pin",
        d);
    run("cd '%s'; for m in model pinned; do echo '{\"architectures\": [\"CanaryModel\"], "
        "\"model_type\": \"canary\", \"hidden_size\": 4, \"corbel\": {\"plugin\": "
        "\"acme/canary@main\"}}' >$m/config.json; done; sed -i \"s/@main/#sha256:$(cat pin)/\" "
        "pinned/config.json; cp -r pinned other; sed -i 's/sha256:./sha256:0/' other/config.json; "
        "cp "
        "-r model wrong; sed -i 's/acme/evil/' wrong/config.json",
        d);
}

static int start(void **state)
{
    char arguments[4096];
    const char *d;
    if (scratch_make(state) != 0)
        return -1;
    scratch = *state;
    d = scratch->dir;
    make_repos(d);
    snprintf(arguments, sizeof(arguments),
             "acme/canary@main=%s/acme evil/canary@main=%s/evil acme/torn@main=%s/torn "
             "org/model@main=%s/model org/pinned@main=%s/pinned org/other@main=%s/other "
             "org/wrong@main=%s/wrong",
             d, d, d, d, d, d, d);
    hub_start(&server, arguments);
    return 0;
}

static int end(void **state)
{
    hub_stop(&server);
    run("chmod -R u+w '%s'", scratch->dir);
    return scratch_remove(state);
}

struct row {
    const char *line;
    int status;
    const char *says;
};

/* Each with a home of its own: a user who trusts acme for acme/ plugins. $D: all that was made. */
static void table(const struct row *rows, size_t n)
{
    size_t n_failed = 0;
    for (size_t i = 0; i < n; i++) {
        struct outcome o;
        char command[4096], home[600];
        snprintf(home, sizeof(home), "%s/home%zu", scratch->dir, i);
        snprintf(command, sizeof(command),
                 "CORBEL_HOME='%s/corbel' D='%s' sh -c 'cd; corbel key new me --no-passphrase "
                 ">/dev/null; trust() { corbel key trust $D/maker/keys/acme.pub --for \"acme/*\" "
                 ">/dev/null; }; %s'",
                 home, scratch->dir, rows[i].line);
        run("chmod -R u+w '%s' 2>/dev/null; rm -rf '%s'; mkdir -p '%s'", home, home, home);
        hub_order(&server, "{\"do\": \"clear\"}");
        hub_shell(&o, &server, home, "", command);
        if (o.status != rows[i].status ||
            (rows[i].says && !strstr(o.err, rows[i].says) && !strstr(o.out, rows[i].says)) ||
            (strstr(o.err, "CANARY") && (!rows[i].says || strcmp(rows[i].says, "CANARY") != 0))) {
            print_error("%s\n  status %d, expected %d and \"%s\"\n  %.400s\n  %.800s\n",
                        rows[i].line, o.status, rows[i].status, rows[i].says ? rows[i].says : "",
                        o.out, o.err);
            n_failed++;
        }
    }
    assert_int_equal(n_failed, 0);
}
#define TABLE(rows) table(rows, sizeof(rows) / sizeof(*(rows)))

static void test_install_by_name(void **state)
{
    static const struct row rows[] = {
        {"trust; corbel plugin install acme/canary && corbel info $D/model", 1, "CANARY"},
        {"trust; corbel plugin install acme/canary@main --json", 0, "\"repo\":\"acme/canary\""},
        {"trust; corbel plugin install acme/canary >pin && cmp pin $D/pin", 0, NULL},
        {"trust; corbel plugin install acme/canary#sha256:$(cat $D/pin)", 0, NULL},
        {"trust; corbel plugin install acme/canary@main@sha256:$(cat $D/pin)", 0, NULL},
        {"trust; corbel plugin install acme/canary >/dev/null; corbel plugin list", 0,
         "acme/canary"},
        {"trust; corbel plugin install acme/canary >/dev/null; corbel plugin show acme/canary "
         "--json | grep -c \"$(ls hub/models--acme--canary/snapshots)\"",
         0, "1"},
        {"trust; corbel plugin install acme/canary >/dev/null; trapped corbel plugin install "
         "acme/canary --offline",
         0, NULL},
        {"trust; corbel plugin install acme/canary >/dev/null; trapped corbel info $D/model", 1,
         "CANARY"},
        {"trust; corbel plugin install acme/canary --offline", 4, "not in the cache"},
        {"trust; corbel plugin install acme/absent", 4, NULL},
        {"trust; corbel plugin install org/model", 4, "corbel-plugin.json"},
        {"trust; corbel plugin install nowhere", 4, NULL},
        {"trust; corbel plugin install ./acme/canary", 4, NULL},
        {"trust; corbel plugin install acme/canary@../x", 2, NULL},
        {"trust; corbel plugin install acme/canary#sha256:12", 2, "64 lowercase hex"},
    };
    (void)state;
    TABLE(rows);
}

static void test_nothing_is_trusted_for_where_it_came_from(void **state)
{
    static const struct row rows[] = {
        {"corbel plugin install acme/canary", 3, "corbel key trust acme.pub"},
        {"corbel plugin install acme/canary; test -z \"$(ls corbel/plugins)\" && test -z \"$(find "
         "hub -name \"*.so\")\"",
         0, NULL}, /* what nobody trusts is not even fetched */
        {"trust; corbel plugin install evil/canary", 3, "not trusted"},
        {"trust; corbel plugin install acme/torn", 3, "not there"},
        {"trust; corbel key revoke acme; corbel plugin install acme/canary", 3, "revoked"},
        {"trust; corbel key revoke sha256:$(cat $D/pin); corbel plugin install acme/canary", 3,
         "is revoked"},
        {"trust; corbel plugin install acme/canary#sha256:"
         "0000000000000000000000000000000000000000"
         "000000000000000000000000",
         3, "its pin is"},
        {"trust; corbel plugin install acme/canary >/dev/null; f=$(find -L hub -name canary.so); "
         "cp "
         "$f x; echo >>x; cat x >$f; rm -rf corbel/plugins/*; corbel plugin install acme/canary "
         "--offline",
         4, NULL},
        {"trust; corbel plugin install acme/canary >/dev/null; cd "
         "hub/models--acme--canary/snapshots/*; "
         "rm LICENSE; ln -s /etc/passwd LICENSE; corbel info $D/model --plugin $PWD",
         3, "a link"},
    };
    (void)state;
    TABLE(rows);
}

static void test_a_model_suggests_and_does_not_choose(void **state)
{
#define NOTHING "; test ! -e hub/models--acme--canary"
    static const struct row rows[] = {
        {"corbel info org/model", 1, "the model suggests the plugin acme/canary@main"},
        {"corbel info org/model", 1, "`corbel key trust acme.pub --for"},
        {"corbel info org/model", 1, "`corbel plugin install acme/canary@main`"},
        {"trust; corbel info org/model", 1, "suggests"}, /* nothing is followed by itself */
        {"trust; corbel info org/model" NOTHING, 0, NULL},
        {"corbel info org/model --trust-remote-plugin", 3, "corbel key trust acme.pub"},
        {"trust; corbel info org/model --trust-remote-plugin", 1, "CANARY"},
        {"trust; corbel info org/pinned --trust-remote-plugin", 1, "CANARY"},
        {"trust; corbel info org/other --trust-remote-plugin", 3, "its pin is"},
        {"trust; corbel info org/wrong --trust-remote-plugin", 3, "not trusted"},
        {"trust; corbel pull org/model >/dev/null; corbel info org/model --offline "
         "--trust-remote-plugin",
         4, "not in the cache"},
        {"trust; corbel info org/model --trust-remote-plugin; trapped corbel info org/model "
         "--offline --trust-remote-plugin",
         1, "CANARY"},
        {"trust; corbel lock demo/storyteller >/dev/null; corbel info org/model --lock corbel.lock "
         "--trust-remote-plugin",
         3, "org/model is not in it"},
        {"corbel audit $D/model", 0, "suggests the plugin"},
    };
    (void)state;
    TABLE(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_install_by_name),
        cmocka_unit_test(test_nothing_is_trusted_for_where_it_came_from),
        cmocka_unit_test(test_a_model_suggests_and_does_not_choose),
    };
    if (!hub_has_python())
        return 77;
    return cmocka_run_group_tests(tests, start, end);
}
