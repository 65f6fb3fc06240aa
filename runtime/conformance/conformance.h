/* conformance/conformance.h: `corbel plugin test`: does a plugin keep what the ABI asks of it?
 *
 * test.c opens the bundle and runs the checks, a file each: fields.c puts every field of
 * config.json wrong, programs.c traces over random configs and shapes, here and isolated, outputs.c
 * runs random weights on every device and in every way that must agree, kernels.c holds shaders
 * against their decompositions, expected.c compares with what the author ships. configs.c makes the
 * configs, trial.c what each of them comes to, checks.c says it. */
#ifndef CONFORMANCE_CONFORMANCE_H
#define CONFORMANCE_CONFORMANCE_H

#include "conformance/checks.h"
#include "conformance/configs.h"
#include "conformance/trial.h"
#include "plugin/plugin.h"

#include <limits.h>

#define CONFORMANCE_MAX_DEVICES 16

/* One class under test. */
struct subject {
    const corbel_arch *arch;  /* the plugin's own description of it */
    struct json_object *base; /* a config that it accepts */
    const char *shipped;      /* the folder of the author's that `base` is from; NULL: made up */
};

struct conformance {
    corbel_plugin_test_params params;
    struct checks checks;
    uint64_t random; /* state, see model/random.h */
    char folder[PATH_MAX], bundle[PATH_MAX];
    char scratch[PATH_MAX];                  /* "" until it is made */
    struct plugin_registry *isolated, *here; /* here: NULL if the plugin is not to run here */
    const char *not_here;                    /* why */
    corbel_runtime *runtime;                 /* with the plugin, isolated */
    char devices[CONFORMANCE_MAX_DEVICES][32];
    uint32_t n_devices;
};

void check_fields(struct conformance *c, const struct subject *s);
void check_programs(struct conformance *c, const struct subject *s);
void check_outputs(struct conformance *c, const struct subject *s);
void check_kernels(struct conformance *c, const struct subject *s);
/* The models that the author ships with what they must give. */
void check_expected(struct conformance *c);

#endif
