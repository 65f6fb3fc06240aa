/* model/plugins/remote.h: plugins that come from the hub, by name or because a model suggests one.
 *
 * Where a plugin comes from says nothing about it: it is fetched like a model, into the same cache,
 * and then judged like any other bundle. Its manifest and signature come first; if no trusted key
 * has signed it, nothing more is fetched. */
#ifndef MODEL_REMOTE_H
#define MODEL_REMOTE_H

#include "config/config.h"
#include "trust/trust.h"

struct remote_plugin {
    char name[512];            /* "org/name" or "org/name@revision" */
    char pin[DIGEST_HEX_SIZE]; /* "": any */
};

/* "org/name", with "@revision" if wanted, and "#sha256:PIN" or "@sha256:PIN" behind it if only that
 * very bundle is meant. CORBEL_E_ARGUMENT, CORBEL_E_NOT_FOUND: no plugin can be called so. */
corbel_status remote_plugin_parse(struct remote_plugin *p, const char *text, corbel_error *err);

/* Fetches, judges, installs. *bundle is the store's copy, closed by the caller, who has made
 * CORBEL_HOME. CORBEL_E_UNTRUSTED: it may not run; the text says which command would allow it. */
corbel_status remote_plugin_install(struct trust *t, const struct remote_plugin *p,
                                    const corbel_pull_params *params, struct bundle *bundle,
                                    corbel_error *err);

/* config.json's {"corbel": {"plugin": "..."}}. False: it suggests none that can be. */
bool remote_plugin_suggested(const struct config *config, struct remote_plugin *p);
/* Appends what to do if one trusts whoever made it. */
void remote_plugin_advise(const struct remote_plugin *p, struct text *out);

#endif
