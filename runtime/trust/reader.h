/* trust/reader.h: typed members of our JSON files, for manifest, keyring, revocations and lock.
 *
 * Sticky: after the first failure every read gives nothing, and the first reason is kept. Strings
 * live in the arena. An unknown key is refused unless it begins with "x-". */
#ifndef TRUST_READER_H
#define TRUST_READER_H

#include "base/arena.h"
#include "corbel/corbel.h"
#include "trust/strings.h"

#include <json-c/json.h>
#include <stdbool.h>

enum { READER_MAX_ITEMS = 4096 };

#define READER_LETTERS  "abcdefghijklmnopqrstuvwxyz"
#define READER_CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define READER_DIGITS   "0123456789"

struct reader {
    struct arena *arena;
    const char *name; /* of the file */
    corbel_error *err;
    corbel_status status;
};

void reader_fail(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A member of that type; NULL: it is missing or something else, and the reader has failed. */
struct json_object *reader_get(struct reader *r, struct json_object *object, const char *key,
                               enum json_type type);
const char *reader_copy(struct reader *r, struct json_object *string);
/* At most 256 bytes; "" after a failure. */
const char *reader_string(struct reader *r, struct json_object *object, const char *key);
int64_t reader_int(struct reader *r, struct json_object *object, const char *key, int64_t lo,
                   int64_t hi);
/* An array of at most READER_MAX_ITEMS; *items has room for as many things of `size` bytes. */
size_t reader_array(struct reader *r, struct json_object *object, const char *key,
                    struct json_object **array, void **items, size_t size);
/* Sorted, no two the same. */
struct strings reader_strings(struct reader *r, struct json_object *object, const char *key);
/* An entry of an array that must be an object; NULL: it is not. */
struct json_object *reader_entry(struct reader *r, struct json_object *array, size_t i,
                                 const char *key);
/* `known` ends with NULL. */
void reader_keys(struct reader *r, struct json_object *object, const char *const *known);
/* A string that is not empty, of these characters only. */
void reader_expect(struct reader *r, const char *key, const char *s, const char *allowed);
/* 64 lowercase hex digits. */
bool reader_is_sha256(const char *s);

#endif
