/* shell.h: the command as a user has it: a line for the shell, what it is fed, and what came out.
 *
 * In the line `corbel` is the command of this build, $F the folder of fixtures, and the working
 * directory an empty one of this test's own. */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include "test.h"

#include <json-c/json.h>
#include <stdbool.h>

struct outcome {
    int status; /* as the shell says it: 128 + signal for one that was killed */
    char *out, *err;
    size_t out_size;
};

/* Makes the working directory; group setup of cmocka. */
int shell_setup(void **state);
int shell_teardown(void **state);

/* input NULL: nothing on stdin. Freed by shell_free. */
struct outcome shell(const char *input, const char *line);
void shell_free(struct outcome *outcome);

/* A row of a table of commands; NULL in place of a text: any. */
struct shell_row {
    const char *line, *input;
    int status;
    const char *out, *err; /* must occur in stdout and stderr */
};
/* Runs them all, and prints each that does not hold before it fails. */
void shell_table(const struct shell_row *rows, size_t n_rows);

/* stdout as one JSON document, strictly parsed; fails the test otherwise. The caller puts it. */
struct json_object *shell_json(const struct outcome *outcome);

/* Equal but for numbers, which may differ by `tolerance`. */
bool json_near(struct json_object *a, struct json_object *b, double tolerance);

/* Is there such a fixture ("models/llama_causal")? */
bool fixture_exists(const char *path);

#endif
