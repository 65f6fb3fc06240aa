/* hub/client.h: what the hub's API is asked: which commit a revision is, and what files that has.
 */
#ifndef HUB_CLIENT_H
#define HUB_CLIENT_H

#include "hub/http.h"
#include "hub/listing.h"

/* The commit that `revision` of `repo` is now. CORBEL_E_NOT_FOUND, CORBEL_E_NETWORK,
 * CORBEL_E_UNTRUSTED. */
corbel_status client_commit(struct http *http, const struct hub_settings *settings,
                            const struct hub_name *name, char commit[HUB_COMMIT_SIZE],
                            corbel_error *err);

/* All files of a commit; the caller finishes `l` also after a failure. */
corbel_status client_listing(struct http *http, const struct hub_settings *settings,
                             const struct hub_name *name, const char *commit, struct listing *l,
                             corbel_error *err);

/* The URL of a file; freed by the caller, NULL without memory. */
char *client_file_url(const struct hub_settings *settings, const struct hub_name *name,
                      const char *commit, const char *path);

#endif
