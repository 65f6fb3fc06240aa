/* base/scratch.h: a folder of a test's own, and where fixtures lie. */
#ifndef TESTS_BASE_SCRATCH_H
#define TESTS_BASE_SCRATCH_H

#include "test.h"

#include "base/file.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scratch {
    char dir[512];
};

/* A cmocka setup: *state is a struct scratch. */
static inline int scratch_make(void **state)
{
    struct scratch *s = calloc(1, sizeof(*s));
    if (!s)
        return -1;
    snprintf(s->dir, sizeof s->dir, "%s/scratch_XXXXXX", TEST_BUILD_DIR);
    *state = s;
    return mkdtemp(s->dir) ? 0 : -1;
}

static inline int scratch_remove_entry(const char *path, const struct stat *st, int kind,
                                       struct FTW *place)
{
    (void)st;
    (void)kind;
    (void)place;
    return remove(path);
}

/* The teardown to it. */
static inline int scratch_remove(void **state)
{
    struct scratch *s = *state;
    const int failed = nftw(s->dir, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
    return failed;
}

/* The path of `name` in the folder; one at a time. */
static inline const char *scratch_path(const struct scratch *s, const char *name)
{
    static char path[1024];
    assert_true(path_join(path, sizeof path, s->dir, name));
    return path;
}

static inline void scratch_write(const struct scratch *s, const char *name, const void *data,
                                 size_t size)
{
    assert_int_equal(file_write(scratch_path(s, name), data, size, NULL), CORBEL_OK);
}

static inline void scratch_write_text(const struct scratch *s, const char *name, const char *text)
{
    scratch_write(s, name, text, strlen(text));
}

/* The path of a fixture: of the full set where CORBEL_FIXTURES names it. */
static inline const char *fixture(const char *name)
{
    static char path[1024];
    const char *all = getenv("CORBEL_FIXTURES");
    assert_true(path_join(path, sizeof path, all ? all : TEST_SOURCE_DIR "/tests/fixtures", name));
    return path;
}

#endif
