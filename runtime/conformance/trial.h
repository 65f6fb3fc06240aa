/* conformance/trial.h: one config given to a class, and the programs that it then makes. */
#ifndef CONFORMANCE_TRIAL_H
#define CONFORMANCE_TRIAL_H

#include "plugin/plugin.h"

struct trial {
    struct config config;
    struct plugin_model *model; /* NULL: the config was refused; see error */
    corbel_status status;
    corbel_error error;
};

/* Constructs. The config is taken. trial_finish it in any case. */
void trial_begin(struct trial *t, struct plugin_registry *registry, const char *arch,
                 struct json_object *config);
void trial_finish(struct trial *t);

/* The outcome is the plugin's fault whatever the config was: its process broke off or lied, or
 * there is no sentence that says what was wrong. */
bool trial_is_scandal(const struct trial *t);

struct trial_shape {
    int64_t batch, tokens;
};

/* Elements of all parameters; INT64_MAX if they can't be counted. */
int64_t trial_elements(const struct trial *t);

/* Traces forward for `shape`, offering it tokens, or pictures of the size that the config says. On
 * success the caller finishes *program. */
corbel_status trial_trace(struct trial *t, const struct trial_shape *shape, struct program *program,
                          corbel_error *err);

/* A class sees pictures if its config or its task says so. */
bool config_is_of_pictures(struct json_object *config, const corbel_arch *arch);
void config_picture(struct json_object *config, int64_t *channels, int64_t *height, int64_t *width);

#endif
