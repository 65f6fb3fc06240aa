/* test_trust.c: attacks on the way from a name to bytes that may run, as a user would walk into
 * them: exit status 3 (or what the row says), a sentence that names the cause, and a canary that
 * did not sing. attack.sh has the words that the lines use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
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
        {"rm b/$M.minisig; run --dev b --isolation never", 3, "always isolated"},
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
        {"corbel key trust \"$K/revoked.pub\" --for 'acme/*'", 3, "revoked"},
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
         3, "release: expected 1 to"},
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
        {"edit 's/\"major\": 1/\"major\": 9/'; run --plugin b", 3, "plugin ABI 9"},
        {"edit 's/x86_64-linux-gnu\"/mips-linux-gnu\"/'; run --plugin b", 3, "has no library for"},
    };

    (void)state;
    TABLE(rows);
}

/* Row 18: what is no kernel is refused before any code of the plugin or of a driver sees it. */
static void test_shaders(void **state)
{
    static const struct attack rows[] = {
        {"shader; run --plugin b", 1, "CANARY"},
        {"shader; spoil 0 '\\007\\043\\002\\003'; run --plugin b", 3, "byte order"},
        {"shader; spoil 1 '\\000\\006\\001\\000'; run --plugin b", 3, "version 1.6"},
        {"shader; spoil 3 '\\377\\377\\377\\377'; run --plugin b", 3, "bound of 4294967295"},
        {"shader; spoil 5 '\\021\\000\\377\\377'; run --plugin b", 3, "kernel fill"},
        {"shader; spoil 6 '\\343\\024\\000\\000'; run --plugin b", 3, "capability 5347"},
        {"shader; spoil 6 '\\343\\024\\000\\000'; install; run", 3, "capability 5347"},
        {"shader; spoil 6 '\\343\\024\\000\\000'; rm b/$M.minisig; run --dev b", 3,
         "capability 5347"},
        {"shader; sed -i 's/\"push_size\": 4/\"push_size\": 8/' b/$M; sign_anyway; run --plugin b",
         3, "manifest"},
        {"shader; sed -i 's/\"bindings\": 2/\"bindings\": 3/' b/$M; sign_anyway; run --plugin b", 3,
         "manifest"},
    };

    (void)state;
    TABLE(rows);
}

/* What C++ and Rust need is granted in the sandbox, and nowhere else. */
static void test_plugins_that_need_isolation(void **state)
{
    static const struct attack rows[] = {
        {"cxx; run --plugin b", 0, NULL},
        {"cxx; try program model --plugin b", 0, NULL},
        {"cxx; sed -i 's/: 4/: 5/' model/config.json; run --plugin b", 1, "exception was caught"},
        {"cxx; install; run; corbel plugin verify $pin", 0, NULL},
        {"cxx; rm b/$M.minisig; run --dev b", 0, NULL},
        {"cxx; run --plugin b --isolation always", 0, NULL},
        {"cxx; run --plugin b --isolation never", 3, "never loaded into this process"},
        {"cxx; install; run --isolation never", 3, "never loaded into this process"},
        {"cxx; sed -i '/needs_isolation/d' b/$M; sign_anyway; run --plugin b", 3, "PT_TLS"},
        {"cxx; sed -i 's/_isolation\": true/_isolation\": false/' b/$M; sign_anyway; run --plugin "
         "b",
         3, "needs_isolation: expected true"},
        {"cxx; replace $A/libraries/cxx_hostile.so; run --plugin b", 3, "sandbox forbids"},
        {"cxx; replace $A/libraries/rpath.so; run --plugin b", 3, "RUNPATH"},
        {"cxx; replace $A/libraries/execstack.so; run --plugin b", 3, "GNU_STACK"},
        {"cxx; replace $A/libraries/needed.so; run --plugin b", 3, "libcanary_dependency.so"},
        {"cxx; replace $A/libraries/export.so; run --plugin b", 3, "exports another_export"},
    };

    (void)state;
    if (!file_exists(ATTACK_DIR "/cxx"))
        skip(); /* no C++ compiler */
    TABLE(rows);
}

/* Row 17. */
static void test_files_beside(void **state)
{
    static const struct attack rows[] = {
        {"echo x >b/extra; run --plugin b", 3, "does not list"},
        {"echo x >b/lib/.hidden; run --plugin b", 3, "does not list"},
        {"rm b/LICENSE; run --plugin b", 3, "LICENSE"},
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
         3, "release"},
        {"sed -i 's/\"license\": \"/&\\\\u0000/' b/$M; sign_anyway; "
         "run --plugin b",
         3, "manifest"},
        {"sed -i 's/\"release\": 1/\"release\": NaN/' b/$M; sign_anyway; "
         "run --plugin b",
         3, "manifest"},
        {"sed -i 's/\"release\": 1/\"release\": 18446744073709551616/' b/$M; minisign -v "
         ">/dev/null; "
         "sign_anyway; run --plugin b",
         3, "manifest"},
        {"sed -i '1s/^/\\xef\\xbb\\xbf/' b/$M; sign_anyway; run --plugin b", 3, "manifest"},
        {"head -c 100000 /dev/zero | tr '\\0' '[' >b/$M; sign_anyway; "
         "run --plugin b",
         3, "manifest"},
        {"sed -i 's/^ \"schema\"/ \"run\": \"me\",\\n&/' b/$M; "
         "sign_anyway; "
         "run --plugin b",
         3, "unknown key run"},
        {"head -c 2000000 /dev/zero >b/$M; run --plugin b", 3, "larger than"},
    };

    (void)state;
    TABLE(rows);
}

/* Paths in a manifest that its rightful owner signed. */
static void test_paths_of_manifests(void **state)
{
#define PATH(to) \
    "sed -i 's#\"path\": \"LICENSE#\"path\": \"" to "#' b/$M; sign_anyway; run --plugin b"
    static const struct attack rows[] = {
        {PATH("../LICENSE"), 3, "not a plain relative path"},
        {PATH("/etc/passwd"), 3, "not a plain relative path"},
        {PATH("LICENSE/"), 3, "not a plain relative path"},
        {PATH("./LICENSE"), 3, "not a plain relative path"},
        {PATH("lib//LICENSE"), 3, "not a plain relative path"},
        {PATH("x\\\\\\\\LICENSE"), 3, "not a plain relative path"},
        {PATH("LICENS\xd0\x95"), 3, "not a plain relative path"}, /* a Cyrillic E */
        {PATH("corbel-plugin.json"), 3, "can't list itself"},
        {"sed -i 's#lib/x86#lib/../../x86#g' b/$M; sign_anyway; run --plugin b", 3,
         "not a plain relative path"},
        {"x=$(head -c 5000 /dev/zero | tr '\\0' x); sed -i \"s#\\\"path\\\": \\\"LICENSE#&$x#\" "
         "b/$M; "
         "sign_anyway; run --plugin b",
         3, "longer than"},
        {"sed -i 's#acme/canary#acme/*#' b/$M; sign_anyway; run --plugin b", 3, "name: acme/*"},
        {"sed -i 's#acme/canary#acme/../canary#' b/$M; sign_anyway; run --plugin b", 3, "name: "},
        {"sed -n '/\"targets\"/,/^ \\]/p' b/$M | sed '1d; $d; s/^  }$/  },/' >block; "
         "sed -i '/\"targets\"/r block' b/$M; sign_anyway; run --plugin b",
         3, "is there twice"},
        {"cd b; seq 1 5000 | xargs touch; cd ..; run --plugin b", 3, "more than"},
        {"d=b; for i in 1 2 3 4 5 6 7 8 9 10; do d=$d/d; done; mkdir -p $d; run --plugin b", 3,
         "can't be read"},
    };

    (void)state;
    TABLE(rows);
}

/* A revocation that can't be understood stops everything: it may be the one that matters. */
static void test_revocations_by_hand(void **state)
{
#define REVOKED(keys, pins)                                                       \
    "printf '{\\n \"keys\": [" keys "],\\n \"pins\": [" pins "],\\n \"schema\": " \
    "\"corbel.revoked/1\"\\n}\\n' >home/revoked.json; chmod 600 home/revoked.json; "
    static const struct attack rows[] = {
        {"pin=$(pin); " REVOKED("", "\\n  \"'$pin'\"\\n ") "run --plugin b", 3, "is revoked"},
        {"pin=$(pin | tr a-f A-F); " REVOKED("", "\\n  \"'$pin'\"\\n ") "run --plugin b", 1,
         "revoked.json: pins: "},
        {REVOKED("\\n  \"RWQnotakey\"\\n ", "") "run --plugin b", 1, "not a minisign public key"},
        /* the same key under another id */
        {"corbel key revoke acme >/dev/null; key() { tail -1 home/keys/acme.pub | base64 -d; }; "
         "{ key | head -c 2; printf 12345678; key | tail -c 32; } | base64 -w 0 >other.pub; "
         "corbel key trust other.pub --for 'acme/*'",
         3, "this key is revoked"},
    };

    (void)state;
    TABLE(rows);
}

/* What lies in the place of a file that is read on every start. */
static void test_files_that_never_end(void **state)
{
#define PIPE(name) "rm -f home/" name "; mkfifo -m 600 home/" name "; run --plugin b"
#define HUGE(name) "truncate -s 100G home/" name "; chmod 600 home/" name "; run --plugin b"
    static const struct attack rows[] = {
        {PIPE("keyring.json"), 1, "not a regular file"},
        {PIPE("revoked.json"), 1, "not a regular file"},
        {PIPE("releases.json"), 1, "not a regular file"},
        {HUGE("keyring.json"), 1, "at most 4194304 are read"},
        {HUGE("revoked.json"), 1, "at most 4194304 are read"},
        {HUGE("releases.json"), 1, "at most 4194304 are read"},
        {"truncate -s 100G b/$M.minisig; run --plugin b", 3, "larger than"},
        {"truncate -s 100G corbel.lock; run --plugin b --lock corbel.lock", 1, "are read"},
        {"mkfifo corbel.lock; run --plugin b --lock corbel.lock", 1, "not a regular file"},
        {"run --plugin b --lock /dev/zero", 1, "not a regular file"},
        {"lock; mkfifo model/generation_config.json; run --plugin b --lock corbel.lock", 1,
         "not a regular file"},
        {"rm -f home/.lock; mkfifo home/.lock; corbel plugin install b >/dev/null && run", 1,
         "CANARY"},
        {"corbel key trust acme --for 'acme/*' <&- >&- 2>&-; run --plugin b", 1, "CANARY"},
    };

    (void)state;
    TABLE(rows);
}

/* CORBEL_HOME made with any umask is the user's alone, and nothing else is changed for it. */
static void test_making_a_home(void **state)
{
#define MODE(path, mode) "test \"$(stat -c %a " path ")\" = " mode " || exit 9; exit $status"
    static const struct attack rows[] = {
        {"umask 000; rm -rf home; corbel key new acme --no-passphrase >/dev/null; corbel key trust "
         "acme --for 'acme/*' >/dev/null; sign; install; "
         "test -z \"$(find home -perm /077)\" && run",
         1, "CANARY"},
        {"echo x >f; chmod 640 f; CORBEL_HOME=$PWD/f try key new x --no-passphrase; " MODE("f",
                                                                                           "640"),
         1, "Not a directory"},
        {"mkdir t; echo x >t/x; chmod 1777 t; CORBEL_HOME=$PWD/t try key new x --no-passphrase; "
         "test ! -e t/keys || exit 9; " MODE("t", "1777"),
         3, "others have access"},
        {"unset CORBEL_HOME HOME XDG_DATA_HOME; corbel key new x --no-passphrase", 2, "HOME"},
        {"unset CORBEL_HOME XDG_DATA_HOME; HOME=relative corbel key new x --no-passphrase", 2,
         "HOME"},
        {"CORBEL_HOME=/$(head -c 9000 /dev/zero | tr '\\0' x) run --plugin b", 2, "a path of"},
        {"chmod 777 .; corbel audit >a; status=$?; chmod 700 .; grep -q 'take away CORBEL_HOME' a "
         "|| exit 9; exit $status",
         1, "1 finding"},
    };

    (void)state;
    TABLE(rows);
}

/* Files that are read and that a lock might forget. */
static void test_files_under_unusual_names_are_locked(void **state)
{
#define MODEL(name) \
    "rm -rf model; cp -r \"$F/models/" name "/model\" model && chmod -R u+w model || exit 99; "
#define LOCK                                                                                \
    "corbel lock model --output corbel.lock >/dev/null || exit 99; run --lock corbel.lock " \
    ">/dev/null || exit 99; "
#define SPOIL(file) "echo x >>" file "; run --lock corbel.lock"
    static const struct attack rows[] = {
        /* shards that are not called *.safetensors */
        {MODEL("llama_sharded") "mv model/model-00001-*.safetensors model/weights.dat; "
                                "sed -i 's/model-00001-[a-z0-9-]*.safetensors/weights.dat/' "
                                "model/model.safetensors.index.json; " LOCK SPOIL(
                                    "model/weights.dat"),
         3, "weights.dat: size"},
        {MODEL("llama_sharded") "mv model/model-00001-*.safetensors model/.x.safetensors; "
                                "sed -i 's/model-00001-[a-z0-9-]*.safetensors/.x.safetensors/' "
                                "model/model.safetensors.index.json; " LOCK SPOIL(
                                    "model/.x.safetensors"),
         3, ".x.safetensors: size"},
        /* a pickle that is read although there is something.safetensors */
        {MODEL("llama_bin") "cp model/config.json model/x.safetensors; " LOCK SPOIL(
             "model/pytorch_model.bin"),
         3, "pytorch_model.bin: size"},
        {MODEL("llama_causal") "mkdir model/additional_chat_templates; " LOCK SPOIL(
             "model/additional_chat_templates/.x.jinja"),
         3, ".x.jinja"},
    };

    (void)state;
    TABLE(rows);
}

/* Names that a stranger chose, on the user's terminal. */
static void test_names_with_escapes(void **state)
{
#define QUIET \
    "status=$?; cat e >&2; grep -q \"$(printf '[\\033\\a\\b]')\" o e && exit 9; exit $status"
#define CONFIG(plugin)                                                                \
    "rm home/keyring.json; echo '{\"architectures\": [\"CanaryModel\"], \"corbel\": " \
    "{\"plugin\": \"" plugin "\"}}' >model/config.json; run --trust-remote-plugin >o 2>e; " QUIET
    static const struct attack rows[] = {
        {"x=$(printf 'a\\033[2J\\ab'); : >\"model/$x.py\"; corbel audit model >o 2>e; " QUIET, 1,
         "finding"},
        {"x=$(printf 'a\\033[2J\\ab'); mv b \"$x\"; run --plugin \"$x\" >o 2>e; " QUIET, 1,
         "CANARY"},
        {"x=$(printf 'a\\033[2J\\ab'); : >\"b/$x\"; run --plugin b >o 2>e; " QUIET, 3,
         "does not list"},
        {"sed -i 's/CanaryModel/a\\\\u001b[2Jb/' model/config.json; run >o 2>e; " QUIET, 1,
         "architectures[0]"},
        {"lock; sed -i 's#\"id\": \"model#\"id\": \"mo\\\\u001b[2Jdel#' corbel.lock; "
         "corbel audit --lock corbel.lock >o 2>e; " QUIET,
         1, "finding"},
        {CONFIG("acme/\\\\u001b[2Jx"), 1, "no plugin serves"},
        {CONFIG("acme/x; rm -rf ~"), 1, "no plugin serves"},
        {CONFIG("../b"), 1, "no plugin serves"},
        {CONFIG("--help/x"), 1, "no plugin serves"},
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

static void test_audit(void **state)
{
#define FINDS(what) "; corbel audit model --json >a; test $? = 1 && grep -q '" what "' a"
    static const struct attack rows[] = {
        {"corbel audit model --json | grep -q '\"models\":1'", 0, NULL},
        {"{ run --dev b; } 2>/dev/null" FINDS("loaded from here with --dev"), 0, NULL},
        {"{ run --dev b; } 2>/dev/null; corbel plugin remove b; corbel audit", 0, NULL},
        {"echo '{\"text_config\": {\"_attn_implementation\": \"org/x\"}}' "
         ">model/config.json" FINDS("_attn_implementation names code"),
         0, NULL},
        {"echo '{\"_attn_implementation\": \"sdpa\", \"trust_remote_code\": false}' "
         ">model/config.json; corbel audit model",
         0, NULL},
        {"echo '{\"auto_map\": {\"AutoTokenizer\": \"a.b\"}}' >model/tokenizer_config.json" FINDS(
             "auto_map names code"),
         0, NULL},
        {"cp \"$(library b)\" model/notes.txt" FINDS("native code"), 0, NULL},
        {"mkdir model/sub; : >model/sub/x.pkl" FINDS("a pickle"), 0, NULL},
        {": >model/x.py" FINDS("code in a model"), 0, NULL},
        {"chmod o+w model" FINDS("others may write"), 0, NULL},
        {"install; echo x >>$store/LICENSE" FINDS("LICENSE"), 0, NULL},
        {"install; rm $store/$M.minisig" FINDS("no signature"), 0, NULL},
        {"install; corbel key revoke acme" FINDS("is revoked"), 0, NULL},
        {"corbel key trust acme --for '*/*' >/dev/null" FINDS("of every publisher"), 0, NULL},
        {"echo x >home/origins.json; chmod 600 home/origins.json" FINDS("origins.json"), 0, NULL},
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
        cmocka_unit_test(test_shaders),
        cmocka_unit_test(test_plugins_that_need_isolation),
        cmocka_unit_test(test_files_beside),
        cmocka_unit_test(test_manifests),
        cmocka_unit_test(test_paths_of_manifests),
        cmocka_unit_test(test_revocations_by_hand),
        cmocka_unit_test(test_files_that_never_end),
        cmocka_unit_test(test_making_a_home),
        cmocka_unit_test(test_files_under_unusual_names_are_locked),
        cmocka_unit_test(test_names_with_escapes),
        cmocka_unit_test(test_two_plugins_for_one_architecture),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_architectures),
        cmocka_unit_test(test_other_users),
        cmocka_unit_test(test_audit),
        cmocka_unit_test(test_a_killed_installer),
    };

    setenv("A", ATTACK_DIR, 1);
    setenv("K", TEST_SOURCE_DIR "/tests/fixtures/keys", 1); /* the full set has no keys */
    write_abi();
    have_minisign = system("minisign -v >/dev/null 2>&1") == 0;
    if (!have_minisign)
        printf("minisign is not installed: the rows that need it are left out\n");
    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
