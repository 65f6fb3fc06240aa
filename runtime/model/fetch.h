/* model/fetch.h: the files of a model, brought here and held against a lock, in two steps.
 *
 * First what says what the model is; its class then knows which tensors it wants, and only the
 * shards that hold such are fetched. With a lock the commit is the lock's, nothing is fetched that
 * the lock does not name, and what is here is compared with it byte by byte before it is used. */
#ifndef MODEL_FETCH_H
#define MODEL_FETCH_H

#include "hub/pull.h"
#include "plugin/plugin.h"
#include "trust/lockfile.h"

/* A zeroed one is closed. */
struct fetch {
    corbel_pull_params params;
    corbel_pulled pulled;        /* pulled.folder is the model's */
    const struct lockfile *lock; /* NULL: none */
    const struct lock_model *locked;
    struct hub_lock limits;
    struct hub_pull *pull; /* NULL: a local folder */
    struct arena arena;
    const char **shards; /* the wanted ones, sorted; NULL: all */
    size_t n_shards;
};

/* The files that `params` select, without weights where SELECT_INDEX is in params->parts. The
 * caller closes *f also after a failure. `lock` may be NULL. */
corbel_status fetch_open(struct fetch *f, const char *name, const corbel_pull_params *params,
                         const struct lockfile *lock, corbel_error *err);
/* Then the weights that `model` wants. */
corbel_status fetch_weights(struct fetch *f, const struct plugin_model *model, corbel_error *err);
/* Is it one of the wanted ones? For checkpoint_open_some; `fetch` is a struct fetch. */
bool fetch_keeps(void *fetch, const char *shard);
/* Is it here? For the same, where nothing was fetched; in a local folder all are said to be. */
bool fetch_has(void *fetch, const char *shard);
void fetch_close(struct fetch *f);

#endif
