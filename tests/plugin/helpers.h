/* helpers.h: what the tests of plugins share. */
#ifndef TEST_PLUGIN_HELPERS_H
#define TEST_PLUGIN_HELPERS_H

#include "corbel/corbel.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fails with the library's own sentence. */
#define assert_ok(status, err)          \
    do {                                \
        if ((status) != CORBEL_OK)      \
            fail_msg("%s", (err).text); \
    } while (0)

/* The text contains `part`. */
#define assert_says(err, part)                                       \
    do {                                                             \
        if (!strstr((err).text, part))                               \
            fail_msg("expected \"%s\" in \"%s\"", part, (err).text); \
    } while (0)

/* Folder or file of the fixtures: tests/fixtures, or all of them where CORBEL_FIXTURES says. */
static inline const char *fixture(const char *path)
{
    static char out[4096];
    const char *root = getenv("CORBEL_FIXTURES");

    snprintf(out, sizeof out, "%s/%s", root ? root : TEST_SOURCE_DIR "/tests/fixtures", path);
    return out;
}

#endif
