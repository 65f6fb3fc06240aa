/* model/plugins/policy.c: see policy.h. */
#include "model/plugins/policy.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "corbel/plugin.h"
#include "model/plugins/remote.h"
#include "trust/origins.h"
#include "trust/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIN_MARK "@sha256:"

/* ---- what a user names ---------------------------------------------------------------------- */

bool plugin_policy_folder(const char *folder, char out[PATH_MAX])
{
    static const char *const places[] = {"", "/build/bundle"};
    char manifest[PATH_MAX];

    for (size_t i = 0; i < 2; i++) {
        int n = snprintf(out, PATH_MAX, "%s%s", folder, places[i]);

        if (n > 0 && n < PATH_MAX && path_join(manifest, sizeof manifest, out, MANIFEST_NAME) &&
            file_exists(manifest))
            return true;
    }
    return false;
}

static corbel_status open_folder(const struct trust *trust, const char *folder,
                                 struct bundle *bundle, struct trust_verdict *verdict,
                                 corbel_error *err)
{
    char path[PATH_MAX];

    if (!plugin_policy_folder(folder, path))
        return error_set(err, CORBEL_E_NOT_FOUND,
                         "%s: neither a bundle's folder nor NAME@sha256:PIN of an installed plugin",
                         folder);
    return bundle_judge(bundle, path, &trust->policy, verdict, err);
}

corbel_status plugin_policy_named(const struct trust *trust, const char *named,
                                  struct bundle *bundle, struct trust_verdict *verdict,
                                  corbel_error *err)
{
    const char *mark = strstr(named, PIN_MARK), *pin = mark ? mark + strlen(PIN_MARK) : named;
    corbel_status status;

    *verdict = (struct trust_verdict){0};
    *bundle = (struct bundle){0};
    if (!reader_is_sha256(pin)) {
        if (mark)
            return error_set(err, CORBEL_E_ARGUMENT,
                             "%.200s: expected 64 lowercase hex digits "
                             "behind " PIN_MARK,
                             named);
        return open_folder(trust, named, bundle, verdict, err);
    }
    status = store_open(&trust->home, pin, &trust->policy, bundle, verdict, err);
    if (status == CORBEL_E_NOT_FOUND)
        return error_set(err, status, "%s: not installed; `corbel plugin install` does that",
                         named);
    if (status || !mark)
        return status;
    if (strncmp(bundle->manifest.name, named, (size_t)(mark - named)) != 0 ||
        bundle->manifest.name[mark - named]) {
        status = error_set(err, CORBEL_E_UNTRUSTED, "%s: the plugin with this pin is %s", named,
                           bundle->manifest.name);
        bundle_close(bundle);
    }
    return status;
}

static corbel_status add_named(struct plugin_policy *p, const char *named,
                               struct plugin_registry *registry, corbel_error *err)
{
    struct trust_verdict verdict;
    struct bundle bundle;
    corbel_status status = plugin_policy_named(&p->trust, named, &bundle, &verdict, err);

    if (status)
        return error_prefix(err, status, "plugin");
    return plugin_registry_add(registry, &bundle, true, err);
}

/* ---- one's own, unsigned -------------------------------------------------------------------- */

static corbel_status add_dev(const struct plugin_policy *p, const char *folder, uint32_t isolation,
                             struct plugin_registry *registry, corbel_error *err)
{
    char path[PATH_MAX], real[PATH_MAX];
    struct bundle bundle;
    corbel_status status;

    if (isolation == CORBEL_ISOLATION_NEVER)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "--dev %s: an unsigned plugin is always isolated; leave out --isolation "
                         "never, or sign the plugin and trust its key",
                         folder);
    if (!plugin_policy_folder(folder, path))
        return error_set(err, CORBEL_E_NOT_FOUND,
                         "--dev %s: no " MANIFEST_NAME " in it or in build/bundle; `corbel plugin "
                         "build` makes one",
                         folder);
    status = bundle_open_unsigned(&bundle, path, err);
    if (status)
        return error_prefix(err, status, "--dev");
    if (p->trust.home.exists && realpath(path, real))
        origins_note_dev(&p->trust.home, real, NULL);
    log_line(CORBEL_LOG_WARN,
             "--dev: %s %s from %s is UNSIGNED: it runs because you said so, in the sandbox",
             bundle.manifest.name, bundle.manifest.version, bundle.folder);
    return plugin_registry_add(registry, &bundle, true, err);
}

/* ---- the store ------------------------------------------------------------------------------ */

static bool has_pin(const struct plugin_registry *registry, const char *pin)
{
    for (size_t i = 0; i < plugin_registry_count(registry); i++)
        if (strcmp(plugin_registry_at(registry, i)->pin, pin) == 0)
            return true;
    return false;
}

static bool is_locked(const struct plugin_policy *p, const char *pin)
{
    for (size_t i = 0; i < p->lock.n_archs; i++)
        if (strcmp(p->lock.archs[i].pin, pin) == 0)
            return true;
    return false;
}

/* One that may not run is left out: it is no reason to refuse the others. */
static corbel_status add_stored(struct plugin_policy *p, const char *pin,
                                struct plugin_registry *registry, corbel_error *err)
{
    struct trust_verdict verdict;
    struct bundle bundle;
    corbel_error why;

    if (store_open(&p->trust.home, pin, &p->trust.policy, &bundle, &verdict, &why)) {
        log_line(CORBEL_LOG_INFO, "a plugin of the store may not run: %s", why.text);
        if (p->n_refused++ == 0)
            text_append(&p->refused, why.text);
        return CORBEL_OK;
    }
    if (bundle.is_old)
        log_line(
            CORBEL_LOG_WARN,
            "%s: release %lld is older than what was seen; it is used because the lock says so",
            bundle.manifest.name, (long long)bundle.manifest.release);
    return plugin_registry_add(registry, &bundle, p->has_lock, err);
}

static corbel_status add_store(struct plugin_policy *p, struct plugin_registry *registry,
                               corbel_error *err)
{
    struct arena arena = {0};
    const char **pins;
    size_t n;
    corbel_status status = store_list(&p->trust.home, &arena, &pins, &n, err);

    for (size_t i = 0; i < n && !status; i++)
        if (!has_pin(registry, pins[i]) && (!p->has_lock || is_locked(p, pins[i])))
            status = add_stored(p, pins[i], registry, err);
    arena_finish(&arena);
    return status;
}

/* ---- outside -------------------------------------------------------------------------------- */

corbel_status plugin_policy_open(struct plugin_policy *p, const corbel_runtime_params *params,
                                 struct plugin_registry *registry, corbel_error *err)
{
    corbel_status status = trust_open(&p->trust, NULL, err);

    p->follows_suggestions = params->trust_remote_plugin != 0;
    p->pull = CORBEL_PULL_PARAMS(.offline = params->offline);
    if (!status && params->lock) {
        status = lockfile_load(&p->lock, params->lock, CORBEL_ABI_MAJOR, CORBEL_ABI_MINOR, err);
        p->has_lock = status == CORBEL_OK;
        p->trust.policy.locked = p->lock.pins;
    }
    for (uint32_t i = 0; !status && i < params->n_plugins; i++)
        status = add_named(p, params->plugins[i], registry, err);
    if (!status && params->dev)
        status = add_dev(p, params->dev, params->isolation, registry, err);
    return status ? status : add_store(p, registry, err);
}

void plugin_policy_close(struct plugin_policy *p)
{
    text_finish(&p->refused);
    lockfile_finish(&p->lock);
    trust_close(&p->trust);
}

corbel_status plugin_policy_explain(const struct plugin_policy *p,
                                    const struct plugin_registry *registry, const char *arch,
                                    corbel_error *err)
{
    corbel_status status = plugin_registry_ambiguous(registry, arch, err);

    if (status || p->n_refused == 0)
        return status;
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "no plugin that may run serves %.64s; refused (%zu of the store): %s", arch,
                     p->n_refused, text_cstr(&p->refused));
}

static corbel_status add_suggested(struct plugin_policy *p, struct plugin_registry *registry,
                                   const struct remote_plugin *remote, corbel_error *err)
{
    struct bundle bundle;
    corbel_status status = remote_plugin_install(&p->trust, remote, &p->pull, &bundle, err);

    if (status)
        return error_prefix(err, status, "the plugin that the model suggests, %s", remote->name);
    log_line(CORBEL_LOG_WARN, "%s %s was installed because the model suggests it and %s signed it",
             bundle.manifest.name, bundle.manifest.version, bundle.signer->label);
    return plugin_registry_add(registry, &bundle, false, err);
}

corbel_status plugin_policy_follow(struct plugin_policy *p, struct plugin_registry *registry,
                                   const struct config *config, const char *arch, bool *found,
                                   corbel_error *err)
{
    struct remote_plugin remote;
    struct text advice = {0};
    corbel_status status;

    *found = false;
    /* A lock has said already what there is; another may serve it but may not run. */
    if (p->has_lock || plugin_registry_ambiguous(registry, arch, NULL) ||
        !remote_plugin_suggested(config, &remote))
        return CORBEL_OK;
    if (p->follows_suggestions) {
        status = add_suggested(p, registry, &remote, err);
        *found = status == CORBEL_OK;
        return status;
    }
    remote_plugin_advise(&remote, &advice);
    status = error_set(err, p->n_refused ? CORBEL_E_UNTRUSTED : CORBEL_E_UNSUPPORTED,
                       "%s: no plugin that may run serves the architecture %.64s; %s", config->path,
                       arch, text_cstr(&advice));
    text_finish(&advice);
    return status;
}

corbel_status plugin_policy_check(struct plugin_policy *p, const struct plugin_registry *registry,
                                  const struct plugin_arch_info *arch, corbel_error *err)
{
    const struct bundle *bundle = plugin_registry_bundle(registry, arch);
    corbel_status status = CORBEL_OK;

    if (p->has_lock)
        status = lockfile_check_plugin(&p->lock, arch->name, bundle, err);
    if (!status && !arch->is_built_in && bundle->signer != &bundle_nobody)
        trust_note(&p->trust, bundle);
    return status;
}

void plugin_policy_verdict(const struct bundle *bundle, bool is_built_in, struct text *out)
{
    if (is_built_in)
        text_append(out, "trusted: signed by this build");
    else if (bundle->signer == &bundle_nobody)
        text_append(out, "UNSIGNED: loaded from a folder of yours with --dev");
    else
        text_format(out, "trusted: signed by %s, release %lld%s", bundle->signer->label,
                    (long long)bundle->manifest.release,
                    bundle->is_old ? " (old, but locked)" : "");
}
