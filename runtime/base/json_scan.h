/* base/json_scan.h: a cursor over JSON text: white space and strings.
 *
 * What json_check and the readers that build no tree have in common. A function that finds a fault
 * returns false and leaves it in `fault`, `fault_at`. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct json_scan {
    const unsigned char *data;
    size_t size, at;
    const char *fault; /* NULL: none */
    size_t fault_at;
};

/* The byte at the cursor, or -1 at the end. */
static inline int json_scan_peek(const struct json_scan *s)
{
    return s->at < s->size ? s->data[s->at] : -1;
}
void json_scan_space(struct json_scan *s);
/* Takes `c` behind white space, if it is there; else that is no fault. */
bool json_scan_take(struct json_scan *s, char c);
/* A string, the cursor being on its opening quote; what it means is appended to `out` if not NULL
 * (check out->failed). Refuses U+0000, control characters, lone surrogates, what is not UTF-8. */
bool json_scan_string(struct json_scan *s, struct text *out);
/* Leaves a fault and returns false. */
bool json_scan_fault(struct json_scan *s, size_t at, const char *fault);

#endif
