/* test_trust.c: attacks on the way from a name to bytes that may run, as a user would walk into
 * them: exit status 3 (or what the row says), a sentence that names the cause, and a canary that
 * did not sing. attack.sh has the words that the lines use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corbel/plugin.h"
#include "shell.h"

#define TABLE(rows) attack_table(rows, sizeof(rows) / sizeof((rows)[0]))

struct attack {
    const char *line;
    int status;
    const char *says; /* stderr; NULL: any */
};

static bool have_minisign;

static void attack_table(const struct attack *rows, size_t n)
{
    size_t n_failed = 0;

    for (size_t i = 0; i < n; i++) {
        struct outcome o;
        char line[4096];

        if (!have_minisign && (strstr(rows[i].line, "sign_") || strstr(rows[i].line, "replace ")))
            continue;
        snprintf(line, sizeof line, ". '%s/tests/attack/attack.sh'\nfresh\n%s", TEST_SOURCE_DIR,
                 rows[i].line);
        o = shell(NULL, line);
        if (o.status != rows[i].status || (rows[i].says && !strstr(o.err, rows[i].says)) ||
            (strstr(o.err, "CANARY") && (!rows[i].says || strcmp(rows[i].says, "CANARY") != 0))) {
            print_error("%s\n  status %d, expected %d and \"%s\"\n  stderr: %.600s\n", rows[i].line,
                        o.status, rows[i].status, rows[i].says ? rows[i].says : "", o.err);
            n_failed++;
        }
        shell_free(&o);
    }
    assert_int_equal(n_failed, 0);
}

/* The canary sings where it may: otherwise its silence would mean nothing. */
static void test_a_trusted_plugin_runs(void **state)
{
    static const struct attack rows[] = {
        {"run --plugin b", 1, "CANARY"},
        {"install; run", 1, "CANARY"},
        {"install; run --plugin acme/canary@sha256:$pin", 1, "CANARY"},
        {"install; run --plugin $pin", 1, "CANARY"},
        {"rm b/$M.minisig; run --dev b", 1, "CANARY"},
        {"corbel plugin verify b", 0, NULL},
    };

    (void)state;
    TABLE(rows);
}

/* Row 1. */
static void test_one_bit(void **state)
{
    static const struct attack rows[] = {
        {"flip \"$(library b)\" 5000; run --plugin b", 3, "sha256"},
        {"flip b/$M 400; run --plugin b", 3, "does not fit the file"},
        {"flip b/LICENSE 30; run --plugin b", 3, "LICENSE: sha256"},
        {"flip b/$M.minisig 100; run --plugin b", 3, "signature"},
        {"flip b/$M.minisig 250; run --plugin b", 3, "signature"},
        {"install; flip \"$(library $store)\" 5000; run", 3, "sha256"},
        {"install; flip $store/$M 400; run", 3, "does not fit the file"},
        {"flip \"$(library b)\" 5000; corbel plugin install b", 3, "sha256"},
        {"flip \"$(library b)\" 5000; corbel plugin verify b", 3, "sha256"},
    };

    (void)state;
    TABLE(rows);
}

/* Row 2. */
static void test_signatures(void **state)
{
    static const struct attack rows[] = {
        {"rm b/$M.minisig; run --plugin b", 3, "no signature"},
        {": >b/$M.minisig; run --plugin b", 3, "not a signature"},
        {"sed -i 's/$/\\r/' b/$M.minisig; run --plugin b", 3, "signature"},
        {"echo more >>b/$M.minisig; run --plugin b", 3, "after the fourth line"},
        {"sed -i '2s/^RU/RW/' b/$M.minisig; run --plugin b", 3, "legacy form"},
        {"sed -i '3s/release:1/release:2/' b/$M.minisig; run --plugin b", 3, "trusted comment"},
        {"cp b/$M.minisig old; edit 's/\"version\": \"1.0.0\"/\"version\": \"1.0.1\"/'; "
         "sed -i \"4s#.*#$(sed -n 4p old)#\" b/$M.minisig; run --plugin b",
         3, "trusted comment"},
        {"cp b/$M.minisig old; edit 's/\"version\": \"1.0.0\"/\"version\": \"1.0.1\"/'; "
         "cp old b/$M.minisig; run --plugin b",
         3, "does not fit the file"},
        {"sed -i '2s/.$/A/' b/$M.minisig; run --plugin b", 3, "signature"},
        {"sign_as other; "
         "run --plugin b",
         3, "trusted comment is \"other\""},
    };

    (void)state;
    TABLE(rows);
}

/* Rows 3 and 4. */
static void test_keys(void **state)
{
    static const struct attack rows[] = {
        {"rm home/keyring.json; run --plugin b", 3,
         "which is not trusted; `corbel key trust acme.pub --for 'acme/*'` would allow it"},
        {"rm home/keyring.json; corbel key new evil --no-passphrase >/dev/null; "
         "id() { tail -1 home/keys/$1.pub | base64 -d; }; "
         "{ id acme | head -c 10; id evil | tail -c 32; } | base64 -w 0 >forged.pub; "
         "corbel key trust forged.pub --for 'acme/*' >/dev/null; run --plugin b",
         3, "does not fit the file"},
        {"rm home/keyring.json; corbel key trust acme --for 'other/*' >/dev/null; run --plugin b",
         3, "not trusted for the plugin acme/canary; `corbel key trust acme --for 'acme/canary'`"},
        {"rm home/keyring.json; corbel key trust acme --for 'acme/*' --for 'Bert*' >/dev/null; "
         "run --plugin b",
         3, "not trusted for the architecture CanaryModel"},
        {"rm home/keyring.json; corbel key trust acme --for 'Canary*' >/dev/null; run --plugin b",
         1, "CANARY"},
        {"install; corbel key revoke acme; run", 3, "revoked"},
        {"corbel key revoke acme; run --plugin b", 3, "which is revoked"},
        {"corbel key revoke acme; corbel key trust acme --for 'acme/*'", 3, "revoked"},
        {"install; corbel key revoke sha256:$pin; run", 3, "is revoked"},
        {"corbel key revoke $(pin); corbel plugin install b", 3, "is revoked"},
        {"corbel key trust \"$F/keys/revoked.pub\" --for 'acme/*'", 3, "revoked"},
        {"corbel key trust acme", 2, "--for"},
        {"corbel key new evil --no-passphrase >/dev/null; cp home/keys/evil.pub acme.pub; "
         "corbel key trust acme.pub --for 'evil/*'",
         2, "called acme"},
        {"corbel key new evil --no-passphrase >/dev/null; cp home/keys/evil.pub 'this build.pub'; "
         "corbel key trust 'this build.pub' --for 'evil/*' | grep -q 'this build' && exit 9; exit "
         "0",
         0, NULL},
    };

    (void)state;
    TABLE(rows);
}

/* Row 5. */
static void test_old_releases(void **state)
{
    static const struct attack rows[] = {
        {"cp -r b old; edit 's/\"release\": 1/\"release\": 2/'; install; run --plugin old", 3,
         "older than release 2"},
        {"cp -r b old; edit 's/\"release\": 1/\"release\": 2/'; install; corbel plugin install old",
         3, "older than release 2"},
        {"install; edit 's/\"version\": \"1.0.0\"/\"version\": \"1.0.1\"/'; run --plugin b", 3,
         "two different bundles as one release"},
        {"sed -i 's/\"release\": 1/\"release\": 9223372036854775807/' b/$M; minisign -v "
         ">/dev/null; "
         "sign_anyway; run --plugin b",
         1, "release: expected 1 to"},
        {"edit 's/\"release\": 1/\"release\": 9223372036854775806/'; corbel plugin verify b", 0,
         NULL},
    };

    (void)state;
    TABLE(rows);
}

/* Row 7. */
static void test_files_that_are_no_files(void **state)
{
    static const struct attack rows[] = {
        {"l=$(library b); mv $l out.so; ln -s $PWD/out.so $l; run --plugin b", 3, "canary.so"},
        {"l=$(library b); mv $l out.so; ln -s out.so link; ln -s $PWD/link $l; run --plugin b", 3,
         "canary.so"},
        {"l=$(library b); rm $l; mkfifo $l; run --plugin b", 3, "canary.so"},
        {"l=$(library b); rm $l; mkdir $l; run --plugin b", 3, "canary.so"},
        {"mv b/lib out; ln -s $PWD/out b/lib; run --plugin b", 3, "lib"},
        {"mv b/$M out.json; ln -s $PWD/out.json b/$M; run --plugin b", 3, "a link"},
        {"rm b/$M; mkfifo b/$M; run --plugin b", 3, "not a regular file"},
        {"install; mv $store elsewhere; ln -s $PWD/elsewhere $store; run", 3, "a link"},
    };

    (void)state;
    TABLE(rows);
}

/* Rows 9 to 12. */
static void test_libraries(void **state)
{
    static const struct attack rows[] = {
        {"replace $A/libraries/constructor.so; run --plugin b", 3, "INIT"},
        {"replace $A/libraries/constructor.so; corbel plugin verify b", 3, "INIT"},
        {"replace $A/libraries/constructor.so; corbel plugin install b", 3, "INIT"},
        {"replace $A/libraries/constructor.so; run --dev b", 3, "INIT"},
        {"replace $A/libraries/destructor.so; run --plugin b", 3, "FINI"},
        {"replace $A/libraries/export.so; run --plugin b", 3, "another_export"},
        {"replace $A/libraries/import.so; run --plugin b", 3, "system"},
        {"replace $A/libraries/thread_local.so; run --plugin b", 3, "TLS"},
        {"replace $A/libraries/execstack.so; run --plugin b", 3, "GNU_STACK"},
        {"replace $A/libraries/rpath.so; run --plugin b", 3, "RUNPATH"},
        {"replace $A/libraries/soname.so; run --plugin b", 3, "SONAME"},
        {"replace $A/libraries/norelro.so; run --plugin b", 3, "RELRO"},
        {"replace $A/libraries/lazy.so; run --plugin b", 3, "BIND_NOW"},
        {"replace $A/libraries/needed.so; LD_LIBRARY_PATH=$A/libraries run --plugin b", 3,
         "libcanary_dependency.so"},
        {"sed -i 's/\"needed\": \\[\\]/\"needed\": [\\n    \"libm.so.6\"\\n   ]/' b/$M; "
         "sign_anyway; run --plugin b",
         3, "manifest says"},
        /* row 16 */
        {"cp $(library b) x.so; printf '\\267' | dd of=x.so bs=1 seek=18 conv=notrunc 2>/dev/null; "
         "replace x.so; run --plugin b",
         3, "machine"},
        {"edit 's/\"major\": 1/\"major\": 9/'; run --plugin b", 1, "plugin ABI 9"},
        {"edit 's/x86_64-linux-gnu\"/mips-linux-gnu\"/'; run --plugin b", 1, "has no library for"},
    };

    (void)state;
    TABLE(rows);
}

/* Row 17. */
static void test_files_beside(void **state)
{
    static const struct attack rows[] = {
        {"echo x >b/extra; run --plugin b", 3, "does not list"},
        {"echo x >b/lib/.hidden; run --plugin b", 3, "does not list"},
        {"rm b/LICENSE; run --plugin b", 4, "LICENSE"},
        {"cp b/LICENSE b/license; run --plugin b", 3, "does not list"},
        {"install; chmod u+w $store; echo x >$store/extra; run", 3, "does not list"},
        {"install; mv $store home/plugins/$(echo x | sha256sum | cut -d ' ' -f 1); run", 3,
         "manifest"},
    };

    (void)state;
    TABLE(rows);
}

/* Row 19: signed by the rightful owner, and still refused. */
static void test_manifests(void **state)
{
    static const struct attack rows[] = {
        {"sed -i 's/^ \"release\"/ \"release\": 1,\\n&/' b/$M; "
         "sign_anyway; "
         "run --plugin b",
         1, "release"},
        {"sed -i 's/\"license\": \"/&\\\\u0000/' b/$M; sign_anyway; "
         "run --plugin b",
         1, "manifest"},
        {"sed -i 's/\"release\": 1/\"release\": NaN/' b/$M; sign_anyway; "
         "run --plugin b",
         1, "manifest"},
        {"sed -i 's/\"release\": 1/\"release\": 18446744073709551616/' b/$M; minisign -v "
         ">/dev/null; "
         "sign_anyway; run --plugin b",
         1, "manifest"},
        {"sed -i '1s/^/\\xef\\xbb\\xbf/' b/$M; sign_anyway; run --plugin b", 1, "manifest"},
        {"head -c 100000 /dev/zero | tr '\\0' '[' >b/$M; sign_anyway; "
         "run --plugin b",
         1, "manifest"},
        {"sed -i 's/^ \"schema\"/ \"run\": \"me\",\\n&/' b/$M; "
         "sign_anyway; "
         "run --plugin b",
         1, "unknown key run"},
        {"head -c 2000000 /dev/zero >b/$M; run --plugin b", 1, "larger than"},
    };

    (void)state;
    TABLE(rows);
}

/* Row 20. */
static void test_two_plugins_for_one_architecture(void **state)
{
#define SECOND                                                                                    \
    "install; first=$pin; corbel key new beta --no-passphrase >/dev/null; corbel key trust beta " \
    "--for 'beta/*' >/dev/null; sed -i 's#acme/canary#beta/canary#' b/$M; corbel plugin sign b "  \
    "--key beta >/dev/null; install; "
    static const struct attack rows[] = {
        {SECOND "run", 3, "served by two plugins"},
        {SECOND "run --plugin acme/canary@sha256:$first", 1, "CANARY"},
        {SECOND "run --plugin beta/canary@sha256:$first", 3, "is acme/canary"},
        {SECOND "run --plugin acme/canary@sha256:12", 2, "64 lowercase hex"},
        {SECOND "run --plugin $pin --plugin $first", 3, "served by two plugins"},
        {"run --plugin acme/canary@sha256:$(pin)", 4, "not installed"},
    };

    (void)state;
    TABLE(rows);
}

/* Row 21: each field of a lock, and what it does not name. */
static void test_locks(void **state)
{
#define FIELD(from, to) \
    "lock; sed -i 's#" from "#" to "#' corbel.lock; run --plugin b --lock corbel.lock"
#define SHA  "[0-9a-f]\\{64\\}"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
    static const struct attack rows[] = {
        {"lock; run --plugin b --lock corbel.lock", 1, "CANARY"},
        {"lock; install; run --lock corbel.lock", 1, "CANARY"},
        {"install; lock; edit 's/\"release\": 1/\"release\": 2/'; install; run --lock corbel.lock",
         1, "CANARY"},
        {FIELD("\"major\": 1", "\"major\": 2"), 3, "abi: locked 2"},
        {FIELD("\"minor\": [0-9]*", "\"minor\": 99"), 3, "abi: locked"},
        {FIELD("\"commit\": \"", "&0123"), 3, "commit: locked 0123"},
        {FIELD("\"key\": \".*\"", "\"key\": \"RWQ\""), 3, "key: locked RWQ"},
        {FIELD("\"library\": \"" SHA, "\"library\": \"" ZERO), 3, "library: locked 0000"},
        {FIELD("\"CanaryModel\"", "\"CanaryModels\""), 3, "CanaryModel is not in it"},
        {FIELD("\"pin\": \"" SHA, "\"pin\": \"" ZERO), 3, "pin: locked 0000"},
        {FIELD("acme/canary", "acme/other"), 3, "plugin: locked acme/other"},
        {FIELD("\"release\": 1", "\"release\": 2"), 3, "release: locked 2, found 1"},
        {FIELD("\"repo\": \"", "&x"), 3, "repo: locked x"},
        {FIELD("x86_64-linux", "mips-linux"), 3, "target: locked mips"},
        {FIELD("\"endpoint\": \"", "&https://hub"), 3, "endpoint: locked https://hub"},
        {FIELD("\"revision\": \"", "&main"), 3, "revision: locked main"},
        {FIELD("\"path\": \"config", "\"path\": \"donfig"), 3, "config.json"},
        {FIELD("\"sha256\": \"" SHA, "\"sha256\": \"" ZERO), 3, "config.json: sha256"},
        {FIELD("\"size\": ", "&1"), 3, "config.json: size"},
        {FIELD("\"id\": \"model", "&s"), 3, "model is not in it"},
        {FIELD("corbel.lock/1", "corbel.lock/2"), 1, "schema"},
        {FIELD("\"abi\"", "\"abj\""), 1, "abj"},
        {FIELD("^ \"schema\"", "  \"schema\""), 1, "canonical"},
        {"lock; echo x >>model/config.json; run --plugin b --lock corbel.lock", 3,
         "config.json: size"},
        {"lock; echo '{}' >model/generation_config.json; run --plugin b --lock corbel.lock", 3,
         "generation_config.json"},
        {"lock; edit 's/\"version\": \"1.0.0\"/\"version\": \"1.0.1\"/'; "
         "run --plugin b --lock corbel.lock",
         3, "pin: locked"},
        {"run --plugin b --lock nowhere", 4, "nowhere"},
        {"install; lock; corbel key revoke acme; run --lock corbel.lock", 3, "revoked"},
        {"install; lock; corbel audit --lock corbel.lock", 0, NULL},
        {"install; lock; echo x >>model/config.json; corbel audit --lock corbel.lock", 1,
         "finding"},
        {"lock; corbel audit --lock corbel.lock", 1, "finding"},
    };

    (void)state;
    TABLE(rows);
}

/* Row 22. */
static void test_architectures(void **state)
{
    static const struct attack rows[] = {
        {"install; sed -i 's#CanaryModel#../../x#' model/config.json; run", 1, "architectures"},
        {"install; sed -i 's#CanaryModel#a\\\\u0000b#' model/config.json; run", 1, "config.json"},
        {"install; x=$(head -c 200000 /dev/zero | tr '\\0' x); "
         "echo \"{\\\"architectures\\\": [\\\"$x\\\"]}\" >model/config.json; run",
         1, "architectures"},
        {"install; echo '{}' >model/config.json; run", 1, "no architectures"},
        {"install; echo '{\"architectures\": []}' >model/config.json; run", 1, "architectures"},
        {"install; sed -i 's#\"CanaryModel\"#\"Nothing\", \"CanaryModel\"#' model/config.json; run",
         1, "Nothing"},
    };

    (void)state;
    TABLE(rows);
}

/* Rows 23 and 24. */
static void test_other_users(void **state)
{
    static const struct attack rows[] = {
        {"install; chmod 777 home; run", 3, "others have access"},
        {"install; chmod 755 home; run", 3, "others have access"},
        {"install; chmod 770 home/plugins; run", 3, "others have access"},
        {"install; chmod 777 $store; run", 3, "others have access"},
        {"chmod 666 home/keyring.json; run --plugin b", 3, "others have access"},
        {"chmod 644 home/keys/acme.key; corbel plugin sign b --key acme", 3, "others have access"},
        {"mv home/keyring.json k; ln -s ../k home/keyring.json; run --plugin b", 3, "a link"},
        {"chown 12345 home/keyring.json 2>/dev/null || exit 3; run --plugin b", 3, NULL},
        {"echo '{}' >home/keyring.json; run --plugin b", 1, "keyring.json"},
        {"echo '{}' >home/revoked.json; chmod 600 home/revoked.json; run --plugin b", 1,
         "revoked.json"},
        {"LD_PRELOAD=/nonexistent/x.so corbel audit", 1, "finding"},
        {"mkdir other; chmod 777 other; CORBEL_HOME=$PWD/other corbel key new x --no-passphrase; "
         "test \"$(stat -c %a other)\" = 700 && exit 0",
         0, NULL},
    };

    (void)state;
    TABLE(rows);
}

/* Row 26: whenever the installer dies, the store holds whole bundles or none. */
static void test_a_killed_installer(void **state)
{
    static const struct attack rows[] = {
        {"for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do\n"
         "    timeout -s KILL 0.0$(printf %02d $i) corbel plugin install b >/dev/null 2>&1\n"
         "    corbel plugin list --json | grep -q refused && exit 9\n"
         "    [ $i = 10 ] && corbel plugin remove acme/canary 2>/dev/null\n"
         "done\n"
         "corbel plugin install b >/dev/null && test \"$(ls home/plugins | wc -l)\" = 1 && "
         "test \"$(ls -A home/plugins | wc -l)\" = 1 && corbel plugin verify \"$(pin)\"",
         0, NULL},
    };

    (void)state;
    TABLE(rows);
}

/* This runtime's ABI, for the locks that attack.sh writes. */
static void write_abi(void)
{
    FILE *file = fopen(ATTACK_DIR "/abi.lock", "w");

    if (file) {
        fprintf(file, "\"major\": %d\n\"minor\": %d\n", CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR);
        fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_trusted_plugin_runs),
        cmocka_unit_test(test_one_bit),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_old_releases),
        cmocka_unit_test(test_files_that_are_no_files),
        cmocka_unit_test(test_libraries),
        cmocka_unit_test(test_files_beside),
        cmocka_unit_test(test_manifests),
        cmocka_unit_test(test_two_plugins_for_one_architecture),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_architectures),
        cmocka_unit_test(test_other_users),
        cmocka_unit_test(test_a_killed_installer),
    };

    setenv("A", ATTACK_DIR, 1);
    write_abi();
    have_minisign = system("minisign -v >/dev/null 2>&1") == 0;
    if (!have_minisign)
        printf("minisign is not installed: the rows that need it are left out\n");
    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
