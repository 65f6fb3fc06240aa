/* test_workflow.c: what a third party and the user of its plugin do, command by command. The new
 * plugin computes what the built-in one for Llama does, so a copy of the demo model is its oracle.
 */
#include "shell.h"

#include <stdlib.h>

#define PROJECT                                                                                  \
    "export CORBEL_HOME=$PWD/home; chmod -R u+w home 2>/dev/null; rm -rf home probe m; "         \
    "corbel plugin new acme/probe --architecture ProbeForCausalLM && "                           \
    "corbel key new acme --no-passphrase >/dev/null && corbel plugin build probe >/dev/null && " \
    "cp -r '" TEST_SOURCE_DIR "/demo/storyteller' m && chmod -R u+w m && "                       \
    "sed -i 's/LlamaForCausalLM/ProbeForCausalLM/' m/config.json || exit 99\n"
#define INSTALLED                                                                            \
    PROJECT "corbel plugin sign probe --key acme >/dev/null && corbel key trust acme --for " \
            "'acme/*' >/dev/null && pin=$(corbel plugin install probe) || exit 99\n"
#define IDS         "--ids 5,6,7 --max-new-tokens 12 --no-sample --eos-token-id none"
#define TABLE(rows) shell_table(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_from_nothing_to_an_installed_plugin(void **state)
{
    static const struct shell_row rows[] = {
        {PROJECT "corbel plugin verify probe", NULL, 3, NULL, "no signature"},
        {"export CORBEL_HOME=$PWD/home; corbel plugin sign probe --key acme && "
         "corbel plugin verify probe",
         NULL, 3, NULL, "corbel key trust acme.pub --for 'acme/*'"},
        {"export CORBEL_HOME=$PWD/home; corbel generate ./m " IDS, NULL, 1, NULL,
         "no plugin serves"},
        {"export CORBEL_HOME=$PWD/home; corbel key trust acme --for 'acme/*' && "
         "corbel plugin verify probe --json && corbel plugin install probe",
         NULL, 0, "\"verdict\":\"trusted\"", NULL},
        {"export CORBEL_HOME=$PWD/home; test \"$(corbel generate ./m " IDS ")\" = "
         "\"$(corbel generate '" TEST_SOURCE_DIR "/demo/storyteller' " IDS ")\"",
         NULL, 0, NULL, NULL},
        {"export CORBEL_HOME=$PWD/home; corbel info ./m --json", NULL, 0, "signed by acme", NULL},
        {"export CORBEL_HOME=$PWD/home; corbel plugin show acme/probe --json", NULL, 0,
         "\"schema\":\"corbel.plugin/1\"", NULL},
        {"export CORBEL_HOME=$PWD/home; corbel plugin list", NULL, 0, "acme/probe", NULL},
        {"export CORBEL_HOME=$PWD/home; corbel plugin remove acme/probe && corbel plugin list "
         "--json && corbel generate ./m " IDS,
         NULL, 1, "[]", "no plugin serves"},
        {"export CORBEL_HOME=$PWD/home; corbel plugin remove acme/probe", NULL, 4, NULL,
         "not installed"},
    };

    (void)state;
    TABLE(rows);
}

static void test_ones_own_build_needs_no_signature(void **state)
{
    static const struct shell_row rows[] = {
        {PROJECT "corbel generate ./m --dev probe " IDS, NULL, 0, NULL, "UNSIGNED"},
        {PROJECT "corbel generate ./m --plugin probe " IDS, NULL, 3, NULL, "no signature"},
        {PROJECT "cd probe; ./test.sh ../m", NULL, 0, "ok", "UNSIGNED"},
        {PROJECT "corbel generate ./m --dev nowhere " IDS, NULL, 4, NULL, "nowhere"},
    };

    (void)state;
    TABLE(rows);
}

static void test_a_locked_host(void **state)
{
    static const struct shell_row rows[] = {
        {INSTALLED "corbel lock ./m && corbel generate ./m --lock corbel.lock " IDS, NULL, 0, NULL,
         NULL},
        {INSTALLED "corbel lock ./m && corbel generate m/ --lock corbel.lock " IDS, NULL, 0, NULL,
         NULL},
        {INSTALLED "corbel lock ./m && corbel audit --lock corbel.lock --json", NULL, 0,
         "\"findings\":[]", NULL},
        {INSTALLED "corbel lock ./m && sed -i 's/\"release\": 1/\"release\": 7/' corbel.lock && "
                   "corbel generate ./m --lock corbel.lock " IDS,
         NULL, 3, NULL, "release: locked 7, found 1"},
        {INSTALLED "corbel lock ./m && echo ' ' >>m/tokenizer.json && corbel generate ./m --lock "
                   "corbel.lock " IDS,
         NULL, 3, NULL, "tokenizer.json: size"},
        {INSTALLED "corbel lock ./m && corbel generate '" TEST_SOURCE_DIR
                   "/demo/storyteller' --lock corbel.lock " IDS,
         NULL, 3, NULL, "is not in it"},
        {INSTALLED "touch m/code.py m/pytorch_model.bin; sed -i '1a \"auto_map\": {\"AutoModel\": "
                   "\"x/y--z.Z\"},' m/config.json; corbel audit ./m --json",
         NULL, 1, "auto_map names code", "3 findings"},
    };

    (void)state;
    TABLE(rows);
}

/* A shader that does not use its inputs is refused at build; the next build is not in its way. */
static void test_a_mistake_in_a_shader_can_be_mended(void **state)
{
    static const struct shell_row rows[] = {
        {"rm -rf mend && corbel plugin new acme/mend --architecture MendForCausalLM mend && "
         "cp mend/gated.comp good.comp && "
         "sed -i 's/binding = 0/binding = 9/' mend/gated.comp && corbel plugin build mend",
         NULL, 1, NULL, "binding"},
        {"cp good.comp mend/gated.comp && corbel plugin build mend", NULL, 0, "bundle", NULL},
    };

    (void)state;
    TABLE(rows);
}

static void test_mistakes(void **state)
{
    static const struct shell_row rows[] = {
        {"corbel plugin", NULL, 2, NULL, "what? One of: new, build"},
        {"corbel plugin instal x", NULL, 2, NULL, "did you mean install?"},
        {"corbel plugin new acme/probe", NULL, 2, NULL, "--architecture"},
        {"corbel plugin new probe --architecture X", NULL, 2, NULL, "PUBLISHER/NAME"},
        {"corbel plugin new ../x --architecture X", NULL, 2, NULL, "PUBLISHER/NAME"},
        {"corbel plugin new a/b --architecture ../X", NULL, 2, NULL, "name of a class"},
        {"corbel plugin build nowhere", NULL, 4, NULL, "CMakeLists.txt"},
        {"corbel plugin sign .", NULL, 2, NULL, "--key"},
        {"HF_HUB_OFFLINE=1 corbel plugin install acme/probe", NULL, 4, NULL, "not in the cache"},
        {"CORBEL_HOME=$PWD/k corbel key new ../x --no-passphrase", NULL, 2, NULL, "letters"},
        {"CORBEL_HOME=$PWD/k corbel key new x", NULL, 2, NULL, "empty passphrase"},
        {"CORBEL_HOME=$PWD/k corbel key new x --no-passphrase && CORBEL_HOME=$PWD/k corbel key new "
         "x "
         "--no-passphrase",
         NULL, 2, NULL, "there already"},
        {"CORBEL_HOME=$PWD/k corbel key trust x.pub --for 'a/*'", NULL, 0, NULL, NULL},
        {"CORBEL_HOME=$PWD/k corbel key trust nobody --for 'a/*'", NULL, 4, NULL, "nobody"},
        {"CORBEL_HOME=$PWD/k corbel key trust x --for '*/*/*'", NULL, 2, NULL, "glob"},
    };

    (void)state;
    TABLE(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_nothing_to_an_installed_plugin),
        cmocka_unit_test(test_ones_own_build_needs_no_signature),
        cmocka_unit_test(test_a_locked_host),
        cmocka_unit_test(test_a_mistake_in_a_shader_can_be_mended),
        cmocka_unit_test(test_mistakes),
    };

    if (system("cmake --version >/dev/null 2>&1") != 0)
        return 77; /* a plugin is built */
    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
