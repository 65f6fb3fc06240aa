/* hub/select.h: which files of a repo a model needs. */
#ifndef HUB_SELECT_H
#define HUB_SELECT_H

#include "corbel/corbel.h"
#include "hub/listing.h"

/* In params->parts, beside CORBEL_PULL_...: the index of the weights if they are sharded, and none
 * of the weights: which of the shards are needed is not known yet. */
#define SELECT_INDEX 8u

/* Which shards are wanted; NULL in its place: all of them. */
typedef bool (*select_keep)(void *user, const char *shard);

struct selection {
    const struct hub_file **files; /* [n_files], of the listing; freed by selection_finish */
    size_t n_files;
    bool *chosen; /* a flag for each file of the listing */
};

void selection_finish(struct selection *s);

/* By globs, if there are any in params->include; else what params->parts say, which may name an
 * index but not its shards: those follow when it is there. */
corbel_status select_files(struct selection *s, const struct listing *l,
                           const corbel_pull_params *params, corbel_error *err);
/* The index of the weights that were selected, or NULL. */
const struct hub_file *select_index(const struct selection *s, const corbel_pull_params *params);
/* The wanted ones of the shards that the index file at `path` names. CORBEL_E_NOT_FOUND: the repo
 * lacks one. */
corbel_status select_shards(struct selection *s, const struct listing *l,
                            const corbel_pull_params *params, const char *path, select_keep keep,
                            void *user, corbel_error *err);

/* Marks in the cache the well-known files that this commit does not have. */
void select_mark_absent(const struct listing *l, const struct cache *c, const char *commit);

/* Without a listing: are the files in `folder` that `parts` need? CORBEL_E_NOT_FOUND names what is
 * missing. */
corbel_status select_check_folder(const char *folder, uint32_t parts, select_keep keep, void *user,
                                  corbel_error *err);

#endif
