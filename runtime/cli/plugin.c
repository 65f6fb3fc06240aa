/* cli/plugin.c: `corbel plugin`. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/plugin_test.h"
#include "cli/progress.h"
#include "cli/subcommand.h"
#include "corbel/trust.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- new, build ----------------------------------------------------------------------------- */

static corbel_status plugin_new(const struct arguments *a, corbel_error *err)
{
    const char *architecture = arguments_text(a, OPTION_ARCHITECTURE, NULL);

    if (!architecture)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "--architecture is missing: the class that the plugin serves, as "
                         "ProbeForCausalLM");
    return corbel_plugin_new(a->words[1], architecture, a->n_words > 2 ? a->words[2] : NULL, err);
}

/* Runs a program with our stderr as its stdout: results on our stdout are ours alone. */
static corbel_status run_program(char *const arguments[], corbel_error *err)
{
    posix_spawn_file_actions_t actions;
    int state = 0, failed;
    pid_t child;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
    fflush(stdout);
    failed = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        return error_set(err, CORBEL_E_NOT_FOUND, "%s: %s", arguments[0], strerror(failed));
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return error_set(err, CORBEL_E_IO, "%s: %s", arguments[0], strerror(errno));
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0)
        return error_set(err, CORBEL_E_IO, "%s failed; what it said is above", arguments[0]);
    return CORBEL_OK;
}

static bool program_exists(const char *name)
{
    char path[PATH_MAX];
    const char *folder = getenv("PATH");

    while (folder && *folder) {
        const size_t size = strcspn(folder, ":");
        const int n = snprintf(path, sizeof path, "%.*s/%s", (int)size, folder, name);
        if (n > 0 && (size_t)n < sizeof path && access(path, X_OK) == 0)
            return true;
        folder += size + (folder[size] == ':');
    }
    return false;
}

/* CMake takes make unless told otherwise, and gives up where only Ninja is. */
static void choose_generator(void)
{
    if (!getenv("CMAKE_GENERATOR") && !program_exists("make") && program_exists("ninja"))
        setenv("CMAKE_GENERATOR", "Ninja", 1);
}

static corbel_status plugin_build(const struct arguments *a, corbel_error *err)
{
    const char *folder = a->n_words > 1 ? a->words[1] : ".";
    char build[PATH_MAX], bundle[PATH_MAX], lists[PATH_MAX], sdk[PATH_MAX], option[PATH_MAX + 32];
    corbel_status status;

    if (!path_join(build, sizeof build, folder, "build") ||
        !path_join(bundle, sizeof bundle, build, "bundle") ||
        !path_join(lists, sizeof lists, folder, "CMakeLists.txt"))
        return error_set(err, CORBEL_E_ARGUMENT, "%.200s...: the path is too long", folder);
    if (!file_exists(lists))
        return error_set(err, CORBEL_E_NOT_FOUND,
                         "%s: no such file; `corbel plugin new` makes a project", lists);
    status = corbel_sdk_folder(sdk, sizeof sdk, err);
    if (status)
        return status;
    snprintf(option, sizeof option, "-DCorbelSDK_DIR=%s", sdk);
    choose_generator();
    status = run_program((char *[]){"cmake", "-S", (char *)folder, "-B", build, option,
                                    "-DCMAKE_BUILD_TYPE=Release", NULL},
                         err);
    if (!status)
        status = run_program((char *[]){"cmake", "--build", build, NULL}, err);
    if (!status && !file_is_folder(bundle))
        status = error_set(err, CORBEL_E_NOT_FOUND,
                           "%s was not made: corbel_add_plugin() needs BUNDLE "
                           "${PROJECT_BINARY_DIR}/bundle",
                           bundle);
    if (!status)
        printf("%s\n", bundle);
    return status;
}

/* ---- sign, verify, install ------------------------------------------------------------------ */

static corbel_status plugin_sign(const struct arguments *a, corbel_error *err)
{
    const char *key = arguments_text(a, OPTION_KEY, NULL);
    char passphrase[PASSPHRASE_SIZE] = "", *json = NULL;
    bool encrypted;
    corbel_status status;

    if (!key)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "--key is missing; `corbel key new NAME` makes one");
    status = corbel_key_is_encrypted(key, &encrypted, err);
    if (!status && encrypted)
        status = passphrase_read(passphrase, false, err);
    if (!status)
        status = corbel_plugin_sign(a->n_words > 1 ? a->words[1] : ".", key,
                                    encrypted ? passphrase : NULL, &json, err);
    explicit_bzero(passphrase, sizeof passphrase);
    return status ? status : subcommand_print(a, json, err);
}

/* The document comes for a no, too: it goes to stdout, the sentence to stderr. */
static corbel_status plugin_verify(const struct arguments *a, corbel_error *err)
{
    corbel_error ignored;
    char *json;
    corbel_status status = corbel_plugin_verify(a->words[1], &json, err);

    if (!status)
        return subcommand_print(a, json, err);
    if (arguments_have(a, OPTION_JSON))
        subcommand_print(a, json, &ignored);
    else
        corbel_free(json);
    return status;
}

/* One member of a document. */
static corbel_status print_member(const char *json, const char *key, corbel_error *err)
{
    struct json_object *root = NULL;
    corbel_status status = json_parse(json, strlen(json), JSON_DATA, key, &root, err);

    if (!status)
        printf("%s\n", json_object_get_string(json_object_object_get(root, key)));
    json_object_put(root);
    return status;
}

static corbel_status plugin_install(const struct arguments *a, corbel_error *err)
{
    struct progress_bar bar = {0};
    corbel_pull_params params =
        CORBEL_PULL_PARAMS(.offline = arguments_have(a, OPTION_OFFLINE),
                           .revision = arguments_text(a, OPTION_REVISION, NULL),
                           .on_progress = progress_draw, .user = &bar);
    char *json;
    corbel_status status = corbel_plugin_install(a->words[1], &params, &json, err);

    progress_end(&bar);
    if (status || arguments_have(a, OPTION_JSON))
        return status ? status : subcommand_print(a, json, err);
    status = print_member(json, "pin", err);
    corbel_free(json);
    return status;
}

/* ---- list, show, remove --------------------------------------------------------------------- */

static corbel_status plugin_list(const struct arguments *a, corbel_error *err)
{
    char *json;
    corbel_status status = corbel_plugins_json(&json, err);

    return status ? status : subcommand_print(a, json, err);
}

static corbel_status plugin_show(const struct arguments *a, corbel_error *err)
{
    char *json;
    corbel_status status = corbel_plugin_json(a->words[1], &json, err);

    return status ? status : subcommand_print(a, json, err);
}

static corbel_status plugin_remove(const struct arguments *a, corbel_error *err)
{
    return corbel_plugin_remove(a->words[1], err);
}

corbel_status plugin_command(const struct arguments *a, corbel_error *err)
{
    static const struct subcommand list[] = {
        {"new", 1, 2, plugin_new},       {"build", 0, 1, plugin_build},
        {"test", 0, 1, plugin_test},     {"sign", 0, 1, plugin_sign},
        {"verify", 1, 1, plugin_verify}, {"install", 1, 1, plugin_install},
        {"list", 0, 0, plugin_list},     {"show", 1, 1, plugin_show},
        {"remove", 1, 1, plugin_remove}, {0},
    };

    return subcommand_run(list, a, err);
}
