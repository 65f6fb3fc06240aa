/* conformance/shipped.h: the models that an author ships with what they must give.
 *
 * In the plugin's folder (its project's, or the bundle itself), each in tests/NAME/: model/ is an
 * ordinary model, expected.safetensors holds cases, CASE.in.INPUT and CASE.out.OUTPUT, as
 * transformers computed them. */
#ifndef CONFORMANCE_SHIPPED_H
#define CONFORMANCE_SHIPPED_H

#include "base/arena.h"
#include "conformance/conformance.h"

struct shipped {
    const char *name;  /* "tests/tiny" */
    const char *model; /* the folder */
    const char *expected;
};

/* Sorted by name; NULL-safe: a folder without tests/ has none. Strings live in `arena`. */
corbel_status shipped_list(const char *folder, struct arena *arena, struct shipped **list,
                           size_t *n, corbel_error *err);

#endif
