/* plugin/registry.h: for model.c: the bundle that serves an architecture, and its library. */
#ifndef PLUGIN_REGISTRY_H
#define PLUGIN_REGISTRY_H

#include "plugin/elf.h"
#include "plugin/plugin.h"
#include "trust/bundle.h"

struct registry_bundle {
    struct bundle bundle;
    const struct plugin *plugin; /* in this process; NULL until it is needed */
    int memory;        /* its library, sealed for other processes; -1 until it is needed */
    bool is_preferred; /* asked for by name: wins over others for the same architecture */
};

/* CORBEL_E_NOT_FOUND: no plugin serves it; CORBEL_E_UNTRUSTED: several do. */
corbel_status registry_find(struct plugin_registry *registry, const char *arch,
                            struct registry_bundle **bundle, corbel_error *err);

/* Of plugin/elf.h: relaxed where the manifest says that the library needs isolation. */
enum elf_rules registry_rules(const struct registry_bundle *bundle);

/* Whether its plugin is to run in a process of its own. CORBEL_E_UNTRUSTED: it is, and can't: the
 * text says why and which option would allow what. */
corbel_status registry_isolates(const struct plugin_registry *registry,
                                const struct registry_bundle *bundle, bool *isolates,
                                corbel_error *err);

/* Checks the bundle's files and maps its library into this process (once). */
corbel_status registry_load(struct registry_bundle *bundle, const struct plugin **plugin,
                            corbel_error *err);
/* Checks the bundle's files and seals its library (once). *memory stays the registry's; `name`, of
 * `size` bytes, is what messages call it. */
corbel_status registry_seal(struct registry_bundle *bundle, char *name, size_t size, int *memory,
                            corbel_error *err);

#endif
