/* map.c: see map.h. */
#include "plugin/map.h"

#include "base/error.h"

#include <dlfcn.h>
#include <link.h>

static void find_image(struct image *image, const struct elf_facts *facts, uintptr_t base)
{
    for (size_t i = 0; i < facts->n_loads; i++)
        image->ranges[image->n_ranges++] = (struct image_range){
            .start = (const uint8_t *)(base + facts->loads[i].p_vaddr),
            .size = facts->loads[i].p_memsz,
            .executable = facts->loads[i].p_flags & PF_X,
        };
}

/* The descriptor, where the checked symbol table said that it is. */
static corbel_status find_descriptor(const char *name, void *handle, const struct elf_facts *facts,
                                     struct descriptor *descriptor, corbel_error *err)
{
    struct image image = {.name = name};
    struct link_map *map = NULL;
    const void *symbol = dlsym(handle, "corbel_plugin_v1");

    if (!symbol || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 ||
        (uintptr_t)symbol != map->l_addr + facts->symbol_address)
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: corbel_plugin_v1 is not where it should be",
                         name);
    find_image(&image, facts, map->l_addr);
    return descriptor_read(descriptor, &image, symbol, facts->symbol_size, err);
}

corbel_status map_library(const char *name, const char *path, const struct elf_facts *facts,
                          void **handle, struct descriptor *descriptor, corbel_error *err)
{
    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!*handle)
        return error_set(err, CORBEL_E_UNTRUSTED, "%s: %s", name, dlerror());
    return find_descriptor(name, *handle, facts, descriptor, err);
}
