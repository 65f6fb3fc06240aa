/* model/audit.c: corbel_audit_json: home, environment, models and lock, in one report. */
#include "trust/audit.h"
#include "base/error.h"
#include "corbel/plugin.h"
#include "corbel/trust.h"
#include "hub/resolve.h"
#include "model/policy.h"
#include "trust/keys.h"

#include <limits.h>
#include <string.h>

/* A model's drift from the lock is a finding; that it is not in the lock is one too. */
static void check_model(struct audit *a, const struct lockfile *lock, const char *name)
{
    char folder[PATH_MAX];
    corbel_error err;

    if (hub_resolve_offline(name, folder, sizeof folder, &err)) {
        audit_find(a, "model", name, "%s", err.text);
        return;
    }
    audit_model(a, folder);
    if (lock && lockfile_check_model(lock, name, folder, &err))
        audit_find(a, "lock", name, "%s", err.text);
    else
        audit_note(a, "model", name,
                   lock ? "is what the lock says" : "looked at; no lock was given");
}

/* A locked plugin is built in, or it is in the store and may run. */
static void check_locked_plugin(struct audit *a, const struct trust *t, const struct lockfile *lock,
                                const struct lock_arch *arch, const char *build_key)
{
    struct trust_verdict verdict;
    struct bundle bundle;
    corbel_error err;

    if (strcmp(arch->key, build_key) == 0) {
        audit_note(a, "lock", arch->name, "%s, built in", arch->plugin);
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

static void check_lock(struct audit *a, struct trust *t, const struct lockfile *lock,
                       const struct trust_key *build_key)
{
    char text[MINISIGN_KEY_TEXT];

    minisign_key_print(&build_key->key, text);
    t->policy.locked = lock->pins;
    for (size_t i = 0; i < lock->n_models; i++)
        check_model(a, lock, lock->models[i].id);
    for (size_t i = 0; i < lock->n_archs; i++)
        check_locked_plugin(a, t, lock, &lock->archs[i], text);
}

static corbel_status look(struct audit *a, const char *lock_path, const char *const *models,
                          size_t n_models, corbel_error *err)
{
    struct trust_key build_key;
    struct lockfile lock = {0};
    struct trust t = {0};
    corbel_error why;
    corbel_status status = plugin_build_key(&build_key, err);

    if (status)
        return status;
    audit_environment(a);
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
            check_lock(a, &t, &lock, &build_key);
        status = status == CORBEL_E_NOT_FOUND ? status : CORBEL_OK;
    }
    for (size_t i = 0; i < n_models; i++)
        check_model(a, lock.path ? &lock : NULL, models[i]);
    lockfile_finish(&lock);
    trust_close(&t);
    return status;
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
    if (!status)
        return keys_take_json(root, json, err);
    json_object_put(root);
    return status;
}
