/* plugin/map.h: maps a checked library and finds its descriptor. */
#ifndef PLUGIN_MAP_H
#define PLUGIN_MAP_H

#include "plugin/descriptor.h"
#include "plugin/elf.h"

/* dlopen of `path`, which holds the bytes that `facts` are of. *handle is NULL only if nothing was
 * mapped; what has been mapped stays mapped, also when the descriptor is refused. */
corbel_status map_library(const char *name, const char *path, const struct elf_facts *facts,
                          void **handle, struct descriptor *descriptor, corbel_error *err);

#endif
