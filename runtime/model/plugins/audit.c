/* model/plugins/audit.c: corbel_audit_json: home, environment, models and lock, in one report. */
#include "trust/audit.h"
#include "base/error.h"
#include "corbel/plugin.h"
#include "corbel/trust.h"
#include "hub/names.h"
#include "hub/resources.h"
#include "model/fetch.h"
#include "model/plugins/policy.h"
#include "trust/keys.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- models --------------------------------------------------------------------------------- */

/* The folders of the cache around a snapshot: who may write there may change what is loaded. */
static void check_cache(struct audit *a, const corbel_pulled *pulled)
{
    static const char *const below[] = {"", "/blobs", "/refs", "/snapshots"};
    char repo[PATH_MAX], path[PATH_MAX + 16];
    char *end;

    if (!pulled->repo[0])
        return;
    snprintf(repo, sizeof repo, "%s", pulled->folder);
    end = strstr(repo, "/snapshots/");
    if (!end)
        return;
    *end = 0;
    for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
        snprintf(path, sizeof path, "%s%s", repo, below[i]);
        audit_writable(a, "cache", path);
    }
    end = strrchr(repo, '/');
    if (end) {
        *end = 0;
        audit_writable(a, "cache", repo);
    }
}

/* A branch or a tag may be something else tomorrow; with a lock that changes nothing. */
static void check_ref(struct audit *a, const char *name, const corbel_pulled *pulled,
                      const struct lock_model *locked)
{
    struct hub_name cached;
    corbel_pulled now;

    if (!pulled->repo[0] || name_is_commit(pulled->revision))
        return;
    if (!locked) {
        audit_find(a, "ref", name,
                   "%s is a moving ref, today the commit %s; name the commit, or lock it",
                   pulled->revision, pulled->commit);
        return;
    }
    if (hub_name_parse(&cached, name, NULL, NULL) == CORBEL_OK &&
        corbel_pull(cached.repo,
                    &CORBEL_PULL_PARAMS(.offline = 1, .revision = cached.revision,
                                        .parts = CORBEL_PULL_CONFIG),
                    &now, NULL) == CORBEL_OK &&
        strcmp(now.commit, locked->commit) != 0)
        audit_find(a, "lock", name, "%s of the cache is the commit %s, locked is %s",
                   cached.revision, now.commit, locked->commit);
}

/* A model's drift from the lock is a finding; that it is not in the lock is one too. */
static void check_model(struct audit *a, const struct lockfile *lock, const char *name)
{
    struct fetch fetch;
    corbel_error err;
    corbel_pull_params params = CORBEL_PULL_PARAMS(.offline = 1);
    corbel_status status = fetch_open(&fetch, name, &params, lock, &err);

    if (status)
        audit_find(a, lock ? "lock" : "model", name, "%s", err.text);
    if (status && lock && status != CORBEL_E_NOT_FOUND) {
        fetch_close(&fetch);
        status = fetch_open(&fetch, name, &params, NULL, &err); /* for what else is to be said */
    } else if (!status) {
        audit_note(a, "model", name,
                   lock ? "is what the lock says" : "looked at; no lock was given");
    }
    if (!status) {
        check_ref(a, name, &fetch.pulled, fetch.locked);
        check_cache(a, &fetch.pulled);
        audit_model(a, fetch.pulled.folder);
    }
    fetch_close(&fetch);
}

/* ---- plugins -------------------------------------------------------------------------------- */

/* Those that came with Corbel: signed by the build's key, and every byte as it was signed. */
static void check_built_in(struct audit *a)
{
    struct plugin_registry *registry = NULL;
    const struct bundle *last = NULL;
    char folder[PATH_MAX];
    corbel_error err;

    if (resource_plugins(folder, sizeof folder, &err) ||
        plugin_registry_create(folder, &registry, &err)) {
        audit_find(a, "plugin", "built in", "%s", err.text);
        return;
    }
    for (size_t i = 0; i < plugin_registry_count(registry); i++) {
        const struct bundle *b = plugin_registry_bundle(registry, plugin_registry_at(registry, i));

        if (b == last)
            continue;
        last = b;
        a->n_plugins++;
        if (bundle_check_files(b, &err))
            audit_find(a, "plugin", b->manifest.name, "%s", err.text);
        else
            audit_note(a, "plugin", b->manifest.name, "%s, built in", b->manifest.version);
    }
    plugin_registry_destroy(&registry);
}

static void check_locked_built_in(struct audit *a, const struct lockfile *lock,
                                  const struct lock_arch *arch)
{
    struct plugin_registry *registry = NULL;
    const struct plugin_arch_info *info = NULL;
    char folder[PATH_MAX];
    corbel_error err;

    if (resource_plugins(folder, sizeof folder, &err) == CORBEL_OK &&
        plugin_registry_create(folder, &registry, &err) == CORBEL_OK)
        info = plugin_registry_find(registry, arch->name);
    if (!info)
        audit_find(a, "lock", arch->name, "%s: not among the plugins of this build", arch->plugin);
    else if (lockfile_check_plugin(lock, arch->name, plugin_registry_bundle(registry, info), &err))
        audit_find(a, "lock", arch->name, "%s", err.text);
    else
        audit_note(a, "lock", arch->name, "%s, built in", arch->plugin);
    plugin_registry_destroy(&registry);
}

/* A locked plugin is built in, or it is in the store and may run. */
static void check_locked_plugin(struct audit *a, const struct trust *t, const struct lockfile *lock,
                                const struct lock_arch *arch)
{
    struct trust_verdict verdict;
    struct bundle bundle;
    corbel_error err;

    if (strcmp(arch->key, LOCK_BUILD_KEY) == 0) {
        check_locked_built_in(a, lock, arch);
        return;
    }
    if (plugin_policy_named(t, arch->pin, &bundle, &verdict, &err)) {
        audit_find(a, "lock", arch->name, "%s: %s", arch->plugin, err.text);
        return;
    }
    if (lockfile_check_plugin(lock, arch->name, &bundle, &err))
        audit_find(a, "lock", arch->name, "%s", err.text);
    bundle_close(&bundle);
}

static void check_lock(struct audit *a, struct trust *t, const struct lockfile *lock)
{
    t->policy.locked = lock->pins;
    for (size_t i = 0; i < lock->n_models; i++)
        check_model(a, lock, lock->models[i].id);
    for (size_t i = 0; i < lock->n_archs; i++)
        check_locked_plugin(a, t, lock, &lock->archs[i]);
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* Then it has been looked at. */
static bool is_locked(const struct lockfile *lock, const char *name)
{
    for (size_t i = 0; i < lock->n_models; i++)
        if (strcmp(lock->models[i].id, name) == 0)
            return true;
    return false;
}

static corbel_status look(struct audit *a, const char *lock_path, const char *const *models,
                          size_t n_models, corbel_error *err)
{
    struct lockfile lock = {0};
    struct trust t = {0};
    corbel_error why;
    corbel_status status = CORBEL_OK;

    audit_environment(a);
    check_built_in(a);
    if (trust_open(&t, NULL, &why))
        audit_find(a, "home", t.home.path, "%s", why.text);
    else
        audit_home(a, &t);
    if (lock_path) {
        status = lockfile_load(&lock, lock_path, CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR, &why);
        if (status == CORBEL_E_NOT_FOUND)
            status = error_set(err, status, "%s", why.text);
        else if (status)
            audit_find(a, "lock", lock_path, "%s", why.text);
        else
            check_lock(a, &t, &lock);
        status = status == CORBEL_E_NOT_FOUND ? status : CORBEL_OK;
    }
    for (size_t i = 0; i < n_models; i++)
        if (!is_locked(&lock, models[i]))
            check_model(a, lock.path ? &lock : NULL, models[i]);
    lockfile_finish(&lock);
    trust_close(&t);
    return status;
}

static void put_count(struct json_object *root, const char *key, size_t n)
{
    json_object_object_add(json_object_object_get(root, "checked"), key,
                           json_object_new_int64((int64_t)n));
}

corbel_status corbel_audit_json(const char *lock, const char *const *models, size_t n_models,
                                char **json, size_t *n_findings, corbel_error *err)
{
    struct audit a = {.findings = json_object_new_array(), .notes = json_object_new_array()};
    struct json_object *root = json_object_new_object();
    corbel_status status;

    *json = NULL;
    json_object_object_add(root, "findings", a.findings);
    json_object_object_add(root, "notes", a.notes);
    status = look(&a, lock, models, n_models, err);
    *n_findings = a.n_findings;
    json_object_object_add(root, "checked", json_object_new_object());
    put_count(root, "keys", a.n_keys);
    put_count(root, "models", a.n_models);
    put_count(root, "plugins", a.n_plugins);
    if (!status)
        return keys_take_json(root, json, err);
    json_object_put(root);
    return status;
}
