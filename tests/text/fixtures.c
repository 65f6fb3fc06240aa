/* fixtures.c: tokenizers to test with. */
#include "fixtures.h"

#include "base/file.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *fixture_path(char path[PATH_MAX], const char *relative)
{
    const char *root = getenv("CORBEL_FIXTURES");

    if (!path_join(path, PATH_MAX, root ? root : TEST_SOURCE_DIR "/tests/fixtures", relative))
        fail_msg("the path of %s is too long", relative);
    return path;
}

corbel_tokenizer *fixture_tokenizer(const char *name)
{
    char relative[256], path[PATH_MAX];
    corbel_tokenizer *t = NULL;
    corbel_error err;

    snprintf(relative, sizeof relative, "tokenizers/%s/tokenizer", name);
    if (tokenizer_load(fixture_path(path, relative), &t, &err) != CORBEL_OK)
        fail_msg("%s: %s", name, err.text);
    return t;
}

corbel_status tokenizer_from_json(const char *json, corbel_tokenizer **t, corbel_error *err)
{
    char dir[] = "/var/tmp/corbel-text-XXXXXX", path[PATH_MAX];

    if (!mkdtemp(dir))
        fail_msg("no temporary folder");
    path_join(path, sizeof path, dir, "tokenizer.json");
    corbel_status status = file_write(path, json, strlen(json), err);
    if (status == CORBEL_OK)
        status = tokenizer_load(dir, t, err);
    unlink(path);
    rmdir(dir);
    return status;
}
