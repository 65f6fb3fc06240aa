/* plugin/loader.h: from the bytes of a library to a checked descriptor in this process.
 *
 * The bytes that were verified are the bytes that run: the buffer is hashed, its ELF structure is
 * checked, it goes into a sealed memory file, that is hashed again, and only then is it mapped. A
 * library is never unmapped; the same bytes are loaded once. */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include "corbel/corbel.h"
#include "plugin/descriptor.h"
#include "plugin/elf.h"

struct plugin;

/* What is to be loaded. */
struct library {
    const char *name; /* "corbel/llama 1.0.0 (lib/x86_64-linux-gnu/llama.so)", for messages */
    const void *data;
    size_t size;
    const char *sha256;              /* 64 hex digits that the data must have */
    const struct manifest *manifest; /* what the library must agree with; NULL: to be found out */
    const struct manifest_target *target; /* of the manifest; NULL as that */
    enum elf_rules rules;                 /* ELF_RELAXED also where the target says so */
};

/* *plugin lives as long as the process. CORBEL_E_UNTRUSTED: hash, ELF rules or manifest, also that
 * the manifest says that it needs isolation; CORBEL_E_ABI: descriptor. From any thread. */
corbel_status plugin_load(const struct library *library, const struct plugin **plugin,
                          corbel_error *err);

/* Checks and seals a library that another process will map: *fd is its memory file, which the
 * caller closes. CORBEL_E_UNTRUSTED: hash, ELF rules or manifest. */
corbel_status plugin_seal(const struct library *library, int *fd, corbel_error *err);

const struct descriptor *plugin_descriptor(const struct plugin *plugin);

#endif
