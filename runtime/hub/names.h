/* hub/names.h: what may be the name of a repo, a revision or a file of the hub.
 *
 * Names become parts of paths and of URLs, so the rules are strict: stricter than the hub's own
 * where that lets through what no repo has (letters beyond ASCII, for one). */
#ifndef HUB_NAMES_H
#define HUB_NAMES_H

#include "corbel/corbel.h"

#define HUB_REPO_SIZE     200 /* "namespace/name", each of at most 96 characters, and the 0 */
#define HUB_REVISION_SIZE 256
#define HUB_COMMIT_SIZE   41
#define HUB_ETAG_SIZE     65

/* A model as users write it: "org/name", "name", either with "@revision". */
struct hub_name {
    char repo[HUB_REPO_SIZE];
    char revision[HUB_REVISION_SIZE]; /* "main" if none was given */
};

/* `revision` NULL: the one in `text`, else "main". CORBEL_E_ARGUMENT: no revision;
 * CORBEL_E_NOT_FOUND: no repo can have that name. */
corbel_status hub_name_parse(struct hub_name *name, const char *text, const char *revision,
                             corbel_error *err);

corbel_status name_check_repo(const char *repo, corbel_error *err);
corbel_status name_check_revision(const char *revision, corbel_error *err);
/* A path of a file in a repo: relative, no segment empty, "." or "..". */
bool name_is_path(const char *path);

bool name_is_commit(const char *revision);             /* 40 lowercase hex digits */
bool name_is_abbreviated_commit(const char *revision); /* 7 to 39 of them */

/* Without W/ and quotes; false if it is then not the hex of a SHA-1 or a SHA-256, since it is to be
 * a file's name. */
bool name_from_etag(char out[HUB_ETAG_SIZE], const char *etag);

#endif
