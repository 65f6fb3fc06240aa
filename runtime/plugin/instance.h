/* plugin/instance.h: one constructed model of a plugin that is mapped in this very process, which
 * is the host's or the plugin's own (host/). */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include "plugin/arguments.h"
#include "plugin/build.h"

struct instance {
    const struct descriptor *plugin;
    const corbel_arch *arch;
    struct arena memory; /* what the constructor allocated */
    struct arena names;
    struct param_list params;
    void *self; /* what the constructor returned */
};

/* Calls the constructor of `arch`, through libffi. `plugin`, and what the arguments point to, live
 * longer. On failure *instance is finished. */
corbel_status instance_create(struct instance *instance, const struct descriptor *plugin,
                              const corbel_arch *arch, const union argument *arguments,
                              corbel_error *err);
void instance_finish(struct instance *instance);

/* Runs forward. *program is initialised here; it is pruned, not yet verified. */
corbel_status instance_trace(struct instance *instance, const struct trace_options *options,
                             struct program *program, corbel_error *err);

#endif
