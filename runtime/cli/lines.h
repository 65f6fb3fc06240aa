/* cli/lines.h: stdin, line by line. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/json.h"

#include <stddef.h>

/* A zeroed struct is before the first line. */
struct lines {
    char *line;  /* without its newline, terminated by 0 */
    size_t size; /* bytes, which may hold a 0 */
    size_t number, capacity;
};

/* False after the last line or a failure, which *status then tells. */
bool lines_next(struct lines *l, corbel_status *status, corbel_error *err);
/* "stdin:3", where an error in the line at hand is; until the next call. */
const char *lines_place(const struct lines *l);
void lines_finish(struct lines *l);

/* The line at hand as JSON; the caller puts *value. A bad line is CORBEL_E_FORMAT. */
corbel_status lines_json(const struct lines *l, struct json_object **value, corbel_error *err);

#endif
