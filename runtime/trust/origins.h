/* trust/origins.h: where installed plugins came from, and which unsigned ones were tried.
 *
 * For people, and for audit: nothing is decided by it. A plugin may run because of who signed it,
 * wherever it came from. Kept in CORBEL_HOME as canonical JSON. */
#ifndef TRUST_ORIGINS_H
#define TRUST_ORIGINS_H

#include "base/arena.h"
#include "trust/home.h"
#include "trust/strings.h"

#define HOME_ORIGINS   "origins.json"
#define ORIGINS_SCHEMA "corbel.origins/1"

struct origin {
    const char *pin, *endpoint, *repo, *commit;
};

struct origins {
    struct arena arena;
    struct origin *items; /* sorted by pin */
    size_t n;
    struct strings dev; /* folders that were given to --dev; sorted */
};

/* CORBEL_HOME's, which may be empty. On failure *o is finished. */
corbel_status origins_load(struct origins *o, const struct home *home, corbel_error *err);
/* The text of one; `path` is for messages. */
corbel_status origins_parse(struct origins *o, const char *data, size_t size, const char *path,
                            corbel_error *err);
void origins_finish(struct origins *o);

/* NULL: it was installed from a folder. */
const struct origin *origins_find(const struct origins *o, const char *pin);

corbel_status origins_note(const struct home *home, const struct origin *origin, corbel_error *err);
corbel_status origins_note_dev(const struct home *home, const char *folder, corbel_error *err);
/* *found: it was there. */
corbel_status origins_forget_dev(const struct home *home, const char *folder, bool *found,
                                 corbel_error *err);

#endif
