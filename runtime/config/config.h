/* config/config.h: config.json as typed values.
 *
 * A field is looked up by keys with aliases, "rope_theta|rope_parameters.rope_theta": the first
 * path that exists and is not null wins; a dot goes into a nested object. An error names the file,
 * the key and what was expected. Everything returned lives as long as the config. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/json.h"
#include "corbel/corbel.h"

struct config {
    struct json_object *root;
    char *path;           /* for messages */
    struct arena *memory; /* aliases that were handed out */
};

/* dir/config.json, at most 4 MiB. */
corbel_status config_load(struct config *c, const char *dir, corbel_error *err);
/* What was parsed, or made, elsewhere; `root` is taken in any case. `path` is for messages. */
corbel_status config_adopt(struct config *c, struct json_object *root, const char *path,
                           corbel_error *err);
/* The same of a file of any name. */
corbel_status config_load_file(struct config *c, const char *path, corbel_error *err);
void config_finish(struct config *c);

/* architectures[0] if present: an opaque key of 1-128 of [A-Za-z0-9_], else refused. NULL if the
 * list is absent. */
corbel_status config_architecture(const struct config *c, const char **name, corbel_error *err);
corbel_status config_model_type(const struct config *c, const char **name, corbel_error *err);
/* dtype, else torch_dtype; 0: neither is given. */
corbel_status config_dtype(const struct config *c, int32_t *dtype, corbel_error *err);
/* CORBEL_E_UNSUPPORTED if the weights are quantised (quantization_config). */
corbel_status config_check_plain_weights(const struct config *c, corbel_error *err);

/* The raw member, or NULL; *key (if not NULL) is the alias that was found, else `keys`. */
struct json_object *config_find(const struct config *c, const char *keys, const char **key);
/* One of the keys is written down, as null. */
bool config_is_null(const struct config *c, const char *keys);

/* *found (if not NULL) is 0, or which alias it was, counted from 1. An absent field leaves *out as
 * it was. config_int takes no 1.0, config_double takes integers, nothing takes NaN or strings for
 * numbers: CORBEL_E_CONFIG. */
corbel_status config_int(const struct config *c, const char *keys, int64_t *out, int *found,
                         corbel_error *err);
corbel_status config_double(const struct config *c, const char *keys, double *out, int *found,
                            corbel_error *err);
corbel_status config_bool(const struct config *c, const char *keys, bool *out, int *found,
                          corbel_error *err);
corbel_status config_string(const struct config *c, const char *keys, const char **out, int *found,
                            corbel_error *err);

/* CORBEL_E_CONFIG: "PATH: KEY: expected EXPECTED, found ...", for callers that look closer. */
corbel_status config_refuse(const struct config *c, const char *key, struct json_object *value,
                            const char *expected, corbel_error *err);

#endif
