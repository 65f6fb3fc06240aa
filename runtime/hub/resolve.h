/* hub/resolve.h: from the name of a model to the folder that holds it. */
#ifndef HUB_RESOLVE_H
#define HUB_RESOLVE_H

#include "corbel/corbel.h"

/* A local folder (begins with '/' or '.', or exists and holds a config.json), "demo/NAME", or a
 * repo of the hub with or without "@revision", whose files are fetched if they are not in the cache
 * and the environment does not say offline. CORBEL_E_NOT_FOUND says what was looked for. `out` has
 * `size` bytes. */
corbel_status hub_resolve(const char *name, char *out, size_t size, corbel_error *err);

/* Neither a folder nor "demo/NAME". */
bool hub_is_repo(const char *name);

/* The same for some of a model's files: CORBEL_PULL_... or-ed. */
corbel_status hub_resolve_parts(const char *name, uint32_t parts, char *out, size_t size,
                                corbel_error *err);
/* The same without a network: for what only looks at what is here. */
corbel_status hub_resolve_offline(const char *name, char *out, size_t size, corbel_error *err);

#endif
