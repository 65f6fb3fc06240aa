/* conformance/configs.h: configs for a class of which nothing is known but its list of fields. */
#ifndef CONFORMANCE_CONFIGS_H
#define CONFORMANCE_CONFIGS_H

#include "corbel/plugin.h"

#include <json-c/json.h>
#include <stdbool.h>

/* A field's first key, without the # of a count: "rope_parameters.rope_theta". */
void config_key(const corbel_field *field, char key[128]);
/* "#id2label": the field is the number of a value's entries. */
bool config_is_count(const corbel_field *field);

/* Small values for every field, by what their names say; those with a small or no default in
 * numbers stay out. `random` NULL: the likeliest ones; else others. */
struct json_object *config_guess(const corbel_arch *arch, uint64_t *random);
/* A copy of `base` in which some integers are others, of a size that a test can afford. */
struct json_object *config_vary(const corbel_arch *arch, struct json_object *base,
                                uint64_t *random);

/* A copy of `base` with a field set to `value` (taken), under its first key; its other keys go. */
struct json_object *config_with(struct json_object *base, const corbel_field *field,
                                struct json_object *value);
/* A copy without any of the field's keys. */
struct json_object *config_without(struct json_object *base, const corbel_field *field);

/* The integer of a key, or `fallback`. */
int64_t config_integer(struct json_object *config, const char *key, int64_t fallback);

#endif
