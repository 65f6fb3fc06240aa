/* model/plugins/policy.h: which third parties' plugins a runtime may use: CORBEL_HOME, lock, what
 * was named.
 *
 * The registry begins with the build's own plugins. To these come what --plugin and --dev name, and
 * the store's: all of it, or with a lock only what the lock names. */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include "base/text.h"
#include "config/config.h"
#include "plugin/plugin.h"
#include "trust/lockfile.h"
#include "trust/trust.h"

struct plugin_policy {
    struct trust trust;
    struct lockfile lock;
    bool has_lock;
    struct text refused; /* why a plugin of the store may not run; the first one's reason */
    size_t n_refused;
    bool follows_suggestions; /* --trust-remote-plugin */
    corbel_pull_params pull;  /* how a suggested plugin is fetched: as the model that suggests it */
};

/* Fills the registry. The policy outlives it. The caller closes *p also after a failure. */
corbel_status plugin_policy_open(struct plugin_policy *p, const corbel_runtime_params *params,
                                 struct plugin_registry *registry, corbel_error *err);
void plugin_policy_close(struct plugin_policy *p);

/* Why no plugin serves `arch`, if that is a matter of trust; CORBEL_OK if it is not. */
corbel_status plugin_policy_explain(const struct plugin_policy *p,
                                    const struct plugin_registry *registry, const char *arch,
                                    corbel_error *err);
/* Where no plugin serves `arch` and the model suggests one: fetches and adds that, if the runtime
 * was told to (*found), else says in `err` what would have to be done. CORBEL_OK and not *found: it
 * suggests none. CORBEL_E_UNTRUSTED: it may not run. */
corbel_status plugin_policy_follow(struct plugin_policy *p, struct plugin_registry *registry,
                                   const struct config *config, const char *arch, bool *found,
                                   corbel_error *err);
/* The last word before a model is loaded: is this what the lock says? */
corbel_status plugin_policy_check(struct plugin_policy *p, const struct plugin_registry *registry,
                                  const struct plugin_arch_info *arch, corbel_error *err);

/* Opens what a user names: NAME@sha256:PIN or PIN of the store, or a bundle's folder.
 * CORBEL_E_NOT_FOUND: neither. */
corbel_status plugin_policy_named(const struct trust *trust, const char *named,
                                  struct bundle *bundle, struct trust_verdict *verdict,
                                  corbel_error *err);
/* Checks every file of a bundle that has been judged, its library too, and copies it into the
 * store. plugins.c. */
corbel_status plugin_policy_install(struct trust *t, const struct bundle *bundle,
                                    corbel_error *err);
/* The bundle that `folder` is, or that building the project in `folder` made. False: neither. */
bool plugin_policy_folder(const char *folder, char out[PATH_MAX]);
/* "signed by acme, release 3": for `corbel info`. */
void plugin_policy_verdict(const struct bundle *bundle, bool is_built_in, struct text *out);

#endif
