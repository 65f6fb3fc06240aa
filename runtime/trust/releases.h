/* trust/releases.h: the highest release of each plugin that was ever accepted here, and its pin.
 *
 * An old bundle keeps its good signature for ever; this is what tells that it is old. */
#ifndef TRUST_RELEASES_H
#define TRUST_RELEASES_H

#include "base/arena.h"
#include "trust/home.h"
#include "trust/manifest.h"

#define RELEASES_SCHEMA "corbel.releases/1"

struct release {
    const char *name, *pin;
    int64_t release;
};
struct releases {
    struct arena arena;
    struct release *items; /* sorted by name */
    size_t n;
};

/* CORBEL_HOME's, which may be empty. On failure *r is finished. */
corbel_status releases_load(struct releases *r, const struct home *home, corbel_error *err);
/* The text of one; `path` is for messages. */
corbel_status releases_parse(struct releases *r, const char *data, size_t size, const char *path,
                             corbel_error *err);
void releases_finish(struct releases *r);

/* NULL: never seen. */
const struct release *releases_find(const struct releases *r, const char *plugin);

/* Remembers this one if it is higher than what was seen; *r may be stale and is not changed. */
corbel_status releases_note(const struct releases *r, const struct home *home,
                            const struct manifest *m, corbel_error *err);

#endif
