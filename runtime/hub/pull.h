/* hub/pull.h: the part of corbel_pull that knows a name to be a repo's, in one step or in two.
 *
 * Two steps are for who must see config.json and the index of the shards before he can say which
 * shards he needs. Both are of one commit, and the hub is asked once which one that is. */
#ifndef HUB_PULL_H
#define HUB_PULL_H

#include "corbel/corbel.h"
#include "hub/select.h"

/* What a lock says of a repo: the commit, and which files. */
struct hub_lock {
    const char *endpoint, *commit;
    /* May this file be used? `sha256` is "" where the hub has only git's digest. Says why not. */
    corbel_status (*allows)(void *user, const char *path, uint64_t size, const char *sha256,
                            corbel_error *err);
    void *user;
};

struct hub_pull;

/* Brings the files that `params` select, SELECT_INDEX included, and keeps what a second step needs;
 * `params` and `lock` (NULL: none) must live as long. `pulled` is zeroed by the caller and filled.
 * The caller closes *pull, which is NULL after a failure. */
corbel_status hub_pull_open(struct hub_pull **pull, const char *name,
                            const corbel_pull_params *params, const struct hub_lock *lock,
                            corbel_pulled *pulled, corbel_error *err);
/* Then the weights: of shards the wanted ones. */
corbel_status hub_pull_weights(struct hub_pull *pull, select_keep keep, void *user,
                               corbel_pulled *pulled, corbel_error *err);
void hub_pull_close(struct hub_pull **pull);

/* All in one step. `params` is whole, `pulled` zeroed. */
corbel_status hub_pull(const char *name, const corbel_pull_params *params,
                       const struct hub_lock *lock, corbel_pulled *pulled, corbel_error *err);

#endif
