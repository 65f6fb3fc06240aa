/* fixture.h: what the oracle tests read of tests/fixtures, and how they compare.
 *
 * The folder is the environment's CORBEL_FIXTURES, or the one in the repository. */
#ifndef ORACLE_FIXTURE_H
#define ORACLE_FIXTURE_H

#include "corbel/corbel.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes ROOT/a/b into `out`; exits if that is too long. */
void fixture_path(char *out, size_t size, const char *a, const char *b);

/* The names in ROOT/folder that begin with `prefix` and are folders, sorted. The caller frees each
 * and the list. Exits if the folder can't be read. */
size_t fixture_list(const char *folder, const char *prefix, char ***names);

/* Reads JSON and tensors that must be there: exits with a message otherwise. */
struct json_object *fixture_json(const char *path);
corbel_tensors *fixture_tensors(const char *path);

/* The worst difference seen, as a part of what is allowed: at most 1 is equal. */
struct tally {
    size_t n_tensors, n_failures;
    double worst;
    char where[160];
};

/* |a - b| <= 5e-5 * max(1, max|b|) for floats, equality for integers; where `mask` [batch,
 * sequence] (NULL: none) is 0 nothing is compared. A failure prints a line that begins with
 * `label`. `actual` NULL: the output is missing. */
void tally_compare(struct tally *tally, const char *label, const corbel_tensor *actual,
                   const corbel_tensor *expected, const corbel_tensor *mask);

int64_t tensor_integer(const corbel_tensor *t, size_t i);
size_t tensor_elements(const corbel_tensor *t);

#endif
