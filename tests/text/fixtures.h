/* fixtures.h: where tokenizers to test with lie: CORBEL_FIXTURES if set, else tests/fixtures. */
#ifndef TEXT_FIXTURES_H
#define TEXT_FIXTURES_H

#include "base/text.h"
#include "text/tokenizer.h"

#include <limits.h>

const char *fixture_path(char path[PATH_MAX], const char *relative);
/* tokenizers/NAME/tokenizer; fails the test if it can't be loaded. */
corbel_tokenizer *fixture_tokenizer(const char *name);
/* A folder with this tokenizer.json, loaded; *t is NULL on an error. */
corbel_status tokenizer_from_json(const char *json, corbel_tokenizer **t, corbel_error *err);

#endif
