/* registry_load.c: from a bundle that may run to its library, in this process or sealed for
 * another. */
#include "base/error.h"
#include "plugin/loader.h"
#include "plugin/registry.h"

#include <stdio.h>
#include <stdlib.h>

static corbel_status library_name(const struct bundle *b, char *name, size_t size,
                                  const struct manifest_target **target, corbel_error *err)
{
    *target = manifest_target(&b->manifest, manifest_native_tag());
    if (!*target)
        return error_set(err, CORBEL_E_ABI, "%s: %s %s has no library for %s", b->folder,
                         b->manifest.name, b->manifest.version, manifest_native_tag());
    if (b->manifest.abi_major != CORBEL_ABI_MAJOR)
        return error_set(err, CORBEL_E_ABI, "%s: %s needs plugin ABI %lld, this runtime has %d",
                         b->folder, b->manifest.name, (long long)b->manifest.abi_major,
                         CORBEL_ABI_MAJOR);
    snprintf(name, size, "%.200s/%.200s", b->folder, (*target)->library);
    return CORBEL_OK;
}

/* All files of the bundle are checked, then its library is read, once. */
static corbel_status read_library(const struct bundle *b, const char *name,
                                  const struct manifest_target *target, struct library *library,
                                  void **data, corbel_error *err)
{
    corbel_status status = bundle_check_files(b, err);

    *library = (struct library){.name = name, .manifest = &b->manifest, .target = target};
    if (!status)
        status = bundle_read(b, target->library, data, &library->size, err);
    if (status)
        return status;
    library->data = *data;
    library->sha256 = manifest_file(&b->manifest, target->library)->sha256;
    return CORBEL_OK;
}

corbel_status registry_load(struct registry_bundle *bundle, const struct plugin **plugin,
                            corbel_error *err)
{
    const struct manifest_target *target;
    struct library library;
    char name[512];
    void *data = NULL;
    corbel_status status = CORBEL_OK;

    if (!bundle->plugin) {
        status = library_name(&bundle->bundle, name, sizeof name, &target, err);
        if (!status)
            status = read_library(&bundle->bundle, name, target, &library, &data, err);
        if (!status)
            status = plugin_load(&library, &bundle->plugin, err);
        free(data);
    }
    *plugin = bundle->plugin;
    return status;
}

corbel_status registry_seal(struct registry_bundle *bundle, char *name, size_t size, int *memory,
                            corbel_error *err)
{
    const struct manifest_target *target;
    struct library library;
    void *data = NULL;
    corbel_status status = library_name(&bundle->bundle, name, size, &target, err);

    if (!status && bundle->memory < 0) {
        status = read_library(&bundle->bundle, name, target, &library, &data, err);
        if (!status)
            status = plugin_seal(&library, &bundle->memory, err);
        free(data);
    }
    *memory = bundle->memory;
    return status;
}
