/* trust/canonical.h: the one text of a JSON value: see manifest.h. */
#ifndef TRUST_CANONICAL_H
#define TRUST_CANONICAL_H

#include "base/text.h"
#include "corbel/corbel.h"
#include "trust/strings.h"

#include <json-c/json.h>

/* Appends `value` and a newline. */
void canonical_print(struct json_object *value, struct text *out);

/* Parses a text that must be canonical: an object without floats and nulls, keys in ASCII.
 * CORBEL_E_FORMAT; *root is the caller's (json_object_put). */
corbel_status canonical_parse(const char *data, size_t size, const char *name,
                              struct json_object **root, corbel_error *err);

/* Members and entries of what is to be printed; an array or object that is returned belongs to
 * where it was put. A NULL string is written as "". */
void canonical_put_string(struct json_object *object, const char *key, const char *value);
void canonical_put_int(struct json_object *object, const char *key, int64_t value);
void canonical_put_strings(struct json_object *object, const char *key, const struct strings *list);
struct json_object *canonical_put_array(struct json_object *object, const char *key);
struct json_object *canonical_put_object(struct json_object *object, const char *key);
struct json_object *canonical_append(struct json_object *array);

#endif
