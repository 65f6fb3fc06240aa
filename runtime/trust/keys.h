/* trust/keys.h: what the functions of corbel/trust.h share. */
#ifndef TRUST_KEYS_H
#define TRUST_KEYS_H

#include "trust/home.h"

#include <json-c/json.h>

/* The text of a secret key: of one's own of that name, or of a file. *path becomes the file, *text
 * is the caller's (overwrite it, free). */
corbel_status keys_read_secret(const struct home *home, const char *key, char **text, size_t *size,
                               char path[PATH_MAX], corbel_error *err);

/* Takes the object; *json is for corbel_free. */
corbel_status keys_take_json(struct json_object *object, char **json, corbel_error *err);

#endif
