/* text/scan.h: a reader for the two members of tokenizer.json that are too large for a tree.
 *
 * `vocab` and `merges` have hundreds of thousands of entries; json-c would need half a second and
 * a gigabyte for them. A scan walks over the bytes once, as strict as base/json.h. The first error
 * sticks: further calls do nothing and return false. */
#ifndef TEXT_SCAN_H
#define TEXT_SCAN_H

#include "base/text.h"
#include "corbel/corbel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan {
    const char *begin, *at, *end;
    const char *name; /* the file, for messages */
    corbel_error *err;
    corbel_status status;
    struct text unescaped; /* what scan_string returns for a string with escapes */
};

void scan_init(struct scan *s, const char *data, size_t size, const char *name, corbel_error *err);
void scan_finish(struct scan *s);

bool scan_fail(struct scan *s, const char *what); /* with line and column; always false */
char scan_peek(struct scan *s);                   /* next byte that is no space; 0 at the end */
bool scan_expect(struct scan *s, char c);
/* True and past it if `c` is next; no error if not. */
bool scan_accept(struct scan *s, char c);
/* The string is valid until the next call. It may hold a 0. */
bool scan_string(struct scan *s, const char **data, size_t *size);
/* The same, but the caller compares the string with valid ones, so it is not validated. */
bool scan_string_unchecked(struct scan *s, const char **data, size_t *size);
bool scan_int(struct scan *s, int64_t *value);
bool scan_double(struct scan *s, double *value);
bool scan_skip(struct scan *s); /* any value, nested at most 64 deep; not checked further */

#endif
