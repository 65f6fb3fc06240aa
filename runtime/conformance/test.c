/* conformance/test.c: corbel_plugin_test: opens a plugin, and puts all of it on trial. */
#include "conformance/shipped.h"

#include "base/error.h"
#include "base/file.h"
#include "hub/resources.h"
#include "model/model.h"
#include "model/plugins/policy.h"
#include "trust/trust.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GUESSES = 500, DEFAULT_CONFIGS = 24 };

/* ---- the plugin ------------------------------------------------------------------------------ */

static corbel_status open_registry(const char *bundle, enum plugin_isolation isolation,
                                   struct plugin_registry **registry, corbel_error *err)
{
    char plugins[PATH_MAX];
    struct bundle opened;
    corbel_status status = resource_plugins(plugins, sizeof plugins, err);

    if (!status)
        status = plugin_registry_create(plugins, registry, err);
    if (status)
        return status;
    plugin_registry_isolate(*registry, isolation);
    status = bundle_open_unsigned(&opened, bundle, err);
    return status ? status : plugin_registry_add(*registry, &opened, true, err);
}

static bool is_trusted(const char *bundle)
{
    struct trust trust = {0};
    struct trust_verdict verdict;
    struct bundle opened = {0};
    corbel_error ignored;
    corbel_status status = trust_open(&trust, NULL, &ignored);

    if (!status)
        status = bundle_judge(&opened, bundle, &trust.policy, &verdict, &ignored);
    bundle_close(&opened);
    trust_close(&trust);
    return status == CORBEL_OK;
}

/* A project was built here, by its own CMakeLists.txt: running it in this process adds nothing to
 * what it could do already. A bundle from elsewhere must be one that may run. */
static bool may_run_here(const struct conformance *c)
{
    char lists[PATH_MAX];

    if (c->params.in_process)
        return true;
    if (strcmp(c->folder, c->bundle) != 0 &&
        path_join(lists, sizeof lists, c->folder, "CMakeLists.txt") && file_exists(lists))
        return true;
    return is_trusted(c->bundle);
}

/* By its own word: then it is loaded into no process but one that is shut in. */
static bool needs_isolation(const char *folder)
{
    struct bundle bundle;
    bool needs = false;

    if (bundle_open_unsigned(&bundle, folder, NULL) == CORBEL_OK) {
        const struct manifest_target *target =
            manifest_target(&bundle.manifest, manifest_native_tag());

        needs = target && target->needs_isolation;
        bundle_close(&bundle);
    }
    return needs;
}

static corbel_status open_here(struct conformance *c, corbel_error *err)
{
    if (needs_isolation(c->bundle)) {
        c->not_here = "its manifest says that it needs isolation: it never runs in this process";
        return CORBEL_OK;
    }
    if (!may_run_here(c)) {
        c->not_here = "a bundle that no trusted key signed is not run outside of the sandbox; "
                      "--isolation never would do so";
        return CORBEL_OK;
    }
    return open_registry(c->bundle, PLUGIN_ISOLATION_NEVER, &c->here, err);
}

static corbel_status list_devices(struct conformance *c, corbel_error *err)
{
    struct json_object *list = NULL;
    char *json = NULL;
    corbel_status status = corbel_devices_json(c->runtime, &json, err);

    if (!status)
        status = json_parse(json, strlen(json), JSON_DATA, "devices", &list, err);
    for (size_t i = 0; !status && i < json_object_array_length(list); i++) {
        const char *name = json_object_get_string(
            json_object_object_get(json_object_array_get_idx(list, i), "name"));

        if (name && strcmp(name, "cpu") != 0 && c->n_devices < CONFORMANCE_MAX_DEVICES)
            snprintf(c->devices[c->n_devices++], sizeof c->devices[0], "%s", name);
    }
    json_object_put(list);
    corbel_free(json);
    return status;
}

static corbel_status make_scratch(struct conformance *c, corbel_error *err)
{
    const char *folder = getenv("TMPDIR");

    snprintf(c->scratch, sizeof c->scratch, "%s/corbel-test-XXXXXX",
             folder && *folder ? folder : P_tmpdir);
    if (mkdtemp(c->scratch))
        return CORBEL_OK;
    const corbel_status status = error_set(err, CORBEL_E_IO, "%s: %s", c->scratch, strerror(errno));
    c->scratch[0] = '\0';
    return status;
}

static corbel_status open_all(struct conformance *c, const char *folder, corbel_error *err)
{
    corbel_status status;

    if (!plugin_policy_folder(folder, c->bundle))
        return error_set(err, CORBEL_E_NOT_FOUND,
                         "%s: no " MANIFEST_NAME " in it or in build/bundle; `corbel plugin build` "
                         "makes one",
                         folder);
    snprintf(c->folder, sizeof c->folder, "%s", folder);
    status = open_registry(c->bundle, PLUGIN_ISOLATION_ALWAYS, &c->isolated, err);
    if (!status)
        status = open_here(c, err);
    if (!status)
        status = corbel_runtime_create(&CORBEL_RUNTIME_PARAMS(.dev = folder,
                                                              .isolation = CORBEL_ISOLATION_ALWAYS,
                                                              .threads = c->params.threads,
                                                              .validation = c->params.validation),
                                       &c->runtime, err);
    if (!status)
        status = list_devices(c, err);
    return status ? status : make_scratch(c, err);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void close_all(struct conformance *c)
{
    if (c->scratch[0])
        nftw(c->scratch, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    corbel_runtime_destroy(&c->runtime);
    plugin_registry_destroy(&c->here);
    plugin_registry_destroy(&c->isolated);
    checks_finish(&c->checks);
}

/* ---- the classes ----------------------------------------------------------------------------- */

static bool is_accepted(struct conformance *c, const char *arch, struct json_object *config,
                        corbel_error *why)
{
    struct trial t;
    struct program program;

    trial_begin(&t, c->isolated, arch, json_object_get(config));
    if (!t.status) {
        t.status = trial_trace(&t, &(struct trial_shape){1, 1}, &program, &t.error);
        if (!t.status)
            program_finish(&program);
    }
    *why = t.error;
    trial_finish(&t);
    return !t.status;
}

/* What the author ships for this class; NULL: nothing. */
static struct json_object *shipped_config(struct conformance *c, struct subject *s,
                                          struct arena *arena)
{
    struct shipped *list;
    corbel_error ignored;
    size_t n;

    if (shipped_list(c->folder, arena, &list, &n, &ignored))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct config config;
        const char *name = NULL;
        struct json_object *root = NULL;

        if (config_load(&config, list[i].model, &ignored))
            continue;
        if (!config_architecture(&config, &name, &ignored) && name &&
            strcmp(name, s->arch->name) == 0)
            root = json_object_get(config.root);
        config_finish(&config);
        s->shipped = list[i].model;
        if (root)
            return root;
    }
    s->shipped = NULL;
    return NULL;
}

static bool find_base(struct conformance *c, struct subject *s, struct arena *arena)
{
    corbel_error why = {0}, later;

    check_begin(&c->checks, "config: one that is accepted", s->arch->name);
    check_try(&c->checks);
    s->base = shipped_config(c, s, arena);
    if (!s->base)
        s->base = config_guess(s->arch, NULL);
    bool found = is_accepted(c, s->arch->name, s->base, &why);
    for (int i = 0; i < GUESSES && !found && !s->shipped; i++) {
        json_object_put(s->base);
        s->base = config_guess(s->arch, &c->random);
        found = is_accepted(c, s->arch->name, s->base, &later);
    }
    if (!found && s->shipped)
        check_found(&c->checks, "%s: %s", s->shipped, why.text);
    else if (!found)
        check_found(&c->checks,
                    "none was found; ship one as tests/NAME/model/config.json. Of the likeliest "
                    "it said: %s",
                    why.text);
    check_end(&c->checks);
    return found;
}

static void check_class(struct conformance *c, const corbel_arch *arch)
{
    struct subject s = {.arch = arch};
    struct arena arena = {0};

    if (find_base(c, &s, &arena)) {
        check_fields(c, &s);
        check_programs(c, &s);
        check_outputs(c, &s);
        check_kernels(c, &s);
    }
    json_object_put(s.base);
    arena_finish(&arena);
}

static bool is_of_bundle(const struct plugin_arch_info *info, const struct conformance *c)
{
    char real[PATH_MAX];

    return strcmp(info->bundle, c->bundle) == 0 ||
           (realpath(c->bundle, real) && strcmp(info->bundle, real) == 0);
}

/* A built-in bundle is there twice: as such, and as the one under test. */
static bool is_repeated(const struct conformance *c, size_t i)
{
    const char *name = plugin_registry_at(c->isolated, i)->name;

    for (size_t j = 0; j < i; j++)
        if (strcmp(plugin_registry_at(c->isolated, j)->name, name) == 0 &&
            is_of_bundle(plugin_registry_at(c->isolated, j), c))
            return true;
    return false;
}

static void check_classes(struct conformance *c)
{
    for (size_t i = 0; i < plugin_registry_count(c->isolated); i++) {
        const struct plugin_arch_info *info = plugin_registry_at(c->isolated, i);
        struct plugin_model *model;
        corbel_error err = {0};

        if (!is_of_bundle(info, c) || is_repeated(c, i))
            continue;
        check_begin(&c->checks, "descriptor: loads in the sandbox", info->name);
        check_try(&c->checks);
        if (plugin_model_open(c->isolated, info->name, &model, &err))
            check_found(&c->checks, "%s", err.text);
        check_end(&c->checks);
        if (model)
            check_class(c, plugin_model_class(model));
        plugin_model_destroy(&model);
    }
}

/* ---- the bundle ------------------------------------------------------------------------------ */

static void check_bundle(struct conformance *c)
{
    struct bundle bundle;
    corbel_error err = {0};

    check_begin(&c->checks, "bundle: manifest and files", "");
    check_try(&c->checks);
    if (bundle_open_unsigned(&bundle, c->bundle, &err))
        check_found(&c->checks, "%s", err.text);
    else if (bundle_check_files(&bundle, &err))
        check_found(&c->checks, "%s", err.text);
    bundle_close(&bundle);
    check_end(&c->checks);
}

static corbel_status make_json(struct conformance *c, char **json, corbel_error *err)
{
    struct json_object *o = json_object_new_object();
    struct bundle bundle;
    corbel_error ignored;

    if (bundle_open_unsigned(&bundle, c->bundle, &ignored) == CORBEL_OK) {
        json_object_object_add(o, "plugin", json_object_new_string(bundle.manifest.name));
        json_object_object_add(o, "version", json_object_new_string(bundle.manifest.version));
        bundle_close(&bundle);
    }
    json_object_object_add(o, "checks", json_object_get(c->checks.done));
    json_object_object_add(o, "passed", json_object_new_int64(c->checks.n_passed));
    json_object_object_add(o, "failed", json_object_new_int64(c->checks.n_failed));
    json_object_object_add(o, "skipped", json_object_new_int64(c->checks.n_skipped));
    *json = strdup(
        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
    return *json ? CORBEL_OK : error_memory(err, 0, "a report");
}

corbel_status corbel_plugin_test(const char *folder, const corbel_plugin_test_params *params,
                                 char **json, size_t *n_failed, corbel_error *err)
{
    struct conformance *c = calloc(1, sizeof(*c));
    corbel_status status;

    *json = NULL;
    *n_failed = 0;
    if (!c)
        return error_memory(err, sizeof(*c), "a test run");
    c->params = CORBEL_PLUGIN_TEST_PARAMS(.n_configs = 0);
    if (params)
        memcpy(&c->params, params,
               params->struct_size < sizeof(c->params) ? params->struct_size : sizeof(c->params));
    if (c->params.n_configs == 0)
        c->params.n_configs = DEFAULT_CONFIGS;
    c->random = c->params.seed;
    checks_init(&c->checks, &c->params);
    status = open_all(c, folder, err);
    if (!status) {
        check_bundle(c);
        check_classes(c);
        check_expected(c);
        status = make_json(c, json, err);
        *n_failed = c->checks.n_failed;
    }
    close_all(c);
    free(c);
    return status;
}
