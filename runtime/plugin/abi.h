/* plugin/abi.h: the one place where sizes of structs of the plugin ABI are reconciled.
 *
 * A struct of a plugin begins with its size as the plugin was compiled. It may be shorter than ours
 * (an older plugin) or longer (a newer one), but never shorter than in ABI 1.0. */
#ifndef PLUGIN_ABI_H
#define PLUGIN_ABI_H

#include "corbel/plugin.h"

#include <stdbool.h>

/* Sizes in ABI 1.0. They never change: tests/plugin pins them and the offset of every field. */
enum {
    ABI_1_0_OP = 40,
    ABI_1_0_PARAM = 32,
    ABI_1_0_ARCH = 64,
    ABI_1_0_KERNEL = 64,
    ABI_1_0_PLUGIN = 48
};

/* A struct that claims to be larger is refused: no release of the ABI will need it. */
enum { ABI_MAX_STRUCT = 4096 };

/* What the struct claims as its size; whether that is at least `least` and not too large. */
bool abi_size(const void *theirs, size_t least, uint32_t *claimed);

/* Copies min(theirs, ours) bytes into `out` of `ours` bytes, whose tail is zeroed. False, and
 * nothing is copied, if the claimed size is none. */
bool abi_copy(void *out, size_t ours, size_t least, const void *theirs);

#endif
