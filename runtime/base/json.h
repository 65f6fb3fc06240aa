/* base/json.h: JSON that means one thing.
 *
 * json-c alone accepts duplicate keys, NaN, U+0000 and more (specs.md 9, measured). So a checker
 * for RFC 8259 of our own goes over the bytes first, and only then does json-c build the tree. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/text.h"
#include "corbel/corbel.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_level {
    JSON_SECURITY, /* manifest, lock, index, safetensors header: any finding refuses */
    JSON_DATA,     /* config, tokenizer: integers that do not fit int64 are let through (clamped) */
};

/* Grammar, UTF-8, duplicate keys per object (also when written with escapes), U+0000, lone
 * surrogates, NaN and Infinity, depth (64), trailing bytes. `name` is the file, for the message,
 * which gives line and column. CORBEL_E_FORMAT. */
corbel_status json_check(const char *data, size_t size, enum json_level level, const char *name,
                         corbel_error *err);

/* json_check, then json-c. *root is released by the caller with json_object_put. */
corbel_status json_parse(const char *data, size_t size, enum json_level level, const char *name,
                         struct json_object **root, corbel_error *err);

/* file_read of at most `limit` bytes, then json_parse. */
corbel_status json_load(const char *path, size_t limit, enum json_level level,
                        struct json_object **root, corbel_error *err);

/* Typed members of an object; `what` of a refusal is "NAME: KEY: expected a string, found 3".
 * An absent or null member gives CORBEL_OK and leaves *out as it was. */
corbel_status json_get_int(struct json_object *o, const char *key, int64_t *out, const char *name,
                           corbel_error *err);
corbel_status json_get_double(struct json_object *o, const char *key, double *out, const char *name,
                              corbel_error *err);
corbel_status json_get_bool(struct json_object *o, const char *key, bool *out, const char *name,
                            corbel_error *err);
/* The string is json-c's: it lives as long as `o`. */
corbel_status json_get_string(struct json_object *o, const char *key, const char **out,
                              const char *name, corbel_error *err);
/* A member of json type `type` (json_type_object, json_type_array). */
corbel_status json_get_member(struct json_object *o, const char *key, enum json_type type,
                              struct json_object **out, const char *name, corbel_error *err);

/* Appends `value` as Python's json.dumps(value, indent=2, sort_keys=True) writes it, and a newline:
 * the form of the files that transformers saves. */
void json_print(struct text *out, struct json_object *value);

/* What a value is, for "found ...": "3", "\"a\"", "a list". Lives as long as `value`. */
const char *json_describe(struct json_object *value);

#endif
