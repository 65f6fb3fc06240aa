/* trust/store.h: the plugins that this user has installed: CORBEL_HOME/plugins/PIN/.
 *
 * A bundle is put there as a whole or not at all: it is written into a folder of another name, from
 * the bytes that were verified, synced, and renamed. Nothing in it is writable afterwards; each
 * load verifies it again all the same. */
#ifndef TRUST_STORE_H
#define TRUST_STORE_H

#include "trust/bundle.h"

/* The bundle's files are checked on the way. Installed already: CORBEL_OK, after a check. */
corbel_status store_install(const struct home *home, const struct bundle *bundle,
                            corbel_error *err);
corbel_status store_remove(const struct home *home, const char *pin, corbel_error *err);

/* The pins, sorted, in `arena`. An empty store, or none, has no pins. */
corbel_status store_list(const struct home *home, struct arena *arena, const char ***pins,
                         size_t *n, corbel_error *err);

/* Opens the bundle of that pin, and sees that it has it. *verdict as bundle_judge. */
corbel_status store_open(const struct home *home, const char *pin,
                         const struct trust_policy *policy, struct bundle *bundle,
                         struct trust_verdict *verdict, corbel_error *err);

#endif
