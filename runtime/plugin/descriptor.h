/* plugin/descriptor.h: a plugin's descriptor, checked and copied before any of its code runs. */
#ifndef PLUGIN_DESCRIPTOR_H
#define PLUGIN_DESCRIPTOR_H

#include "base/arena.h"
#include "corbel/corbel.h"
#include "corbel/plugin.h"
#include "program/program.h"
#include "trust/manifest.h"

/* Where a mapped library lies: what its pointers may point to. */
struct image_range {
    const uint8_t *start;
    size_t size;
    bool executable;
};
struct image {
    const char *name; /* for messages */
    struct image_range ranges[16];
    uint32_t n_ranges;
};

enum {
    DESCRIPTOR_MAX_ARCHS = 256,
    DESCRIPTOR_MAX_KERNELS = 256,
    DESCRIPTOR_MAX_STRING = 512, /* bytes, with its 0 */
    DESCRIPTOR_MAX_SPIRV = 1 << 20
};

/* Our copies: structs have our sizes, pointers into the library are checked. */
struct descriptor { /* create, forward, decompose are NULL if the code is in another process */
    struct arena arena;
    corbel_plugin plugin;
    corbel_arch *archs;             /* [plugin.n_archs] */
    corbel_kernel *kernels;         /* [plugin.n_kernels] */
    struct program_kernel *shaders; /* [plugin.n_kernels] what was found in their modules */
};

/* `symbol` lies in the image and has `symbol_size` bytes. CORBEL_E_ABI names what is wrong. */
corbel_status descriptor_read(struct descriptor *d, const struct image *image, const void *symbol,
                              uint64_t symbol_size, corbel_error *err);
void descriptor_finish(struct descriptor *d);

/* What its numbers and names may be; its pointers are sound already. descriptor_read has called it.
 * Fills d->shaders, in the arena. CORBEL_E_ABI; CORBEL_E_UNTRUSTED: a kernel's SPIR-V; `name` in
 * front. */
corbel_status descriptor_check(struct descriptor *d, const char *name, corbel_error *err);

/* CORBEL_E_UNTRUSTED: the signed manifest says something else than the library. */
corbel_status descriptor_equals_manifest(const struct descriptor *d,
                                         const struct manifest *manifest, corbel_error *err);

/* NULL: none of that name. */
const corbel_arch *descriptor_arch(const struct descriptor *d, const char *name);
const corbel_kernel *descriptor_kernel(const struct descriptor *d, const char *name);

#endif
