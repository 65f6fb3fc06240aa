/* registry.c: the bundles that may run, by the architectures that they serve. */
#include "plugin/registry.h"

#include "base/error.h"
#include "build_key.h"
#include "plugin/isolated.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_BUNDLES = 1024 };

struct registry_arch {
    struct plugin_arch_info info;
    struct registry_bundle *bundle;
};

struct plugin_registry {
    struct trust_key key; /* of the build */
    struct trust_policy policy;
    struct registry_bundle **bundles;
    struct registry_arch **archs; /* each stays where it is: models refer to them */
    size_t n_bundles, n_archs;
    enum plugin_isolation isolation;
};

/* ---- scanning ------------------------------------------------------------------------------- */

/* A folder without a manifest is something else. */
static bool is_bundle(const char *folder, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s/%s", folder, name, MANIFEST_NAME);

    return name[0] != '.' && n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

/* Takes the bundle, also when it fails. */
static corbel_status append_bundle(struct plugin_registry *r, struct bundle *bundle,
                                   bool is_preferred, corbel_error *err)
{
    struct registry_bundle **bundles = realloc(r->bundles, (r->n_bundles + 1) * sizeof(*bundles));
    struct registry_bundle *rb = calloc(1, sizeof(*rb));

    if (bundles)
        r->bundles = bundles;
    if (!bundles || !rb) {
        bundle_close(bundle);
        free(rb);
        return error_memory(err, sizeof(*rb), "a bundle");
    }
    *rb = (struct registry_bundle){.bundle = *bundle, .memory = -1, .is_preferred = is_preferred};
    *bundle = (struct bundle){0};
    bundles[r->n_bundles++] = rb;
    return CORBEL_OK;
}

static corbel_status add_bundle(struct plugin_registry *r, const char *folder, const char *name,
                                corbel_error *err)
{
    struct bundle bundle;
    char path[4096];
    corbel_status status;

    if (r->n_bundles == MAX_BUNDLES)
        return error_set(err, CORBEL_E_FORMAT, "%s: more than %d bundles", folder, MAX_BUNDLES);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    status = bundle_open(&bundle, path, &r->policy, err);
    return status ? status : append_bundle(r, &bundle, false, err);
}

static corbel_status scan(struct plugin_registry *r, const char *folder, corbel_error *err)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);
    corbel_status status = CORBEL_OK;

    if (n < 0)
        return error_set(err, CORBEL_E_NOT_FOUND, "%s: the folder of plugins: %s", folder,
                         strerror(errno));
    for (int i = 0; i < n; i++) {
        if (!status && is_bundle(folder, names[i]->d_name))
            status = add_bundle(r, folder, names[i]->d_name, err);
        free(names[i]);
    }
    free(names);
    return status;
}

/* ---- architectures -------------------------------------------------------------------------- */

/* Enters what the manifest of `rb` lists. */
static corbel_status add_archs(struct plugin_registry *r, struct registry_bundle *rb,
                               corbel_error *err)
{
    const struct manifest *m = &rb->bundle.manifest;
    struct registry_arch **archs = realloc(r->archs, (r->n_archs + m->n_archs) * sizeof(*archs));

    if (!archs)
        return error_memory(err, m->n_archs * sizeof(*archs), "architectures");
    r->archs = archs;
    for (size_t i = 0; i < m->n_archs; i++) {
        struct registry_arch *a = calloc(1, sizeof(*a));

        if (!a)
            return error_memory(err, sizeof(*a), "architectures");
        archs[r->n_archs++] = a;
        *a = (struct registry_arch){
            .info = {.name = m->archs[i].name,
                     .model_type = m->archs[i].model_type,
                     .task = m->archs[i].task,
                     .plugin = m->name,
                     .version = m->version,
                     .pin = m->pin,
                     .signer = rb->bundle.signer->label,
                     .bundle = rb->bundle.folder,
                     .is_built_in = rb->bundle.signer == &r->key},
            .bundle = rb,
        };
    }
    return CORBEL_OK;
}

static corbel_status list_archs(struct plugin_registry *r, corbel_error *err)
{
    corbel_status status = CORBEL_OK;

    for (size_t i = 0; i < r->n_bundles && !status; i++)
        status = add_archs(r, r->bundles[i], err);
    for (size_t i = 0; i < r->n_archs && !status; i++)
        status = plugin_registry_ambiguous(r, r->archs[i]->info.name, err);
    return status;
}

/* The one that serves `arch`: a preferred one, else the only one. *second: there are several. */
static const struct registry_arch *find_arch(const struct plugin_registry *r, const char *arch,
                                             const struct registry_arch **second)
{
    const struct registry_arch *found = NULL;

    *second = NULL;
    for (size_t i = 0; i < r->n_archs; i++) {
        const struct registry_arch *a = r->archs[i];

        if (strcmp(a->info.name, arch) != 0)
            continue;
        if (!found || (a->bundle->is_preferred && !found->bundle->is_preferred)) {
            found = a;
            *second = NULL;
        } else if (a->bundle->is_preferred == found->bundle->is_preferred) {
            *second = a;
        }
    }
    return found;
}

/* ---- for model.c ---------------------------------------------------------------------------- */

corbel_status registry_find(struct plugin_registry *registry, const char *arch,
                            struct registry_bundle **bundle, corbel_error *err)
{
    const struct registry_arch *second, *found = find_arch(registry, arch, &second);

    *bundle = found ? found->bundle : NULL;
    if (!found)
        return error_set(err, CORBEL_E_NOT_FOUND, "no plugin serves the architecture %.128s", arch);
    return plugin_registry_ambiguous(registry, arch, err);
}

enum elf_rules registry_rules(const struct registry_bundle *bundle)
{
    const struct manifest_target *target =
        manifest_target(&bundle->bundle.manifest, manifest_native_tag());

    return target && target->needs_isolation ? ELF_RELAXED : ELF_STRICT;
}

corbel_status registry_isolates(const struct plugin_registry *registry,
                                const struct registry_bundle *bundle, bool *isolates,
                                corbel_error *err)
{
    const struct manifest *m = &bundle->bundle.manifest;
    bool built_in = bundle->bundle.signer == &registry->key;
    bool needs = registry_rules(bundle) == ELF_RELAXED;

    *isolates = needs || registry->isolation == PLUGIN_ISOLATION_ALWAYS ||
                (registry->isolation == PLUGIN_ISOLATION_AUTO && !built_in);
    if (needs && registry->isolation == PLUGIN_ISOLATION_NEVER)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "%s says of itself that it needs isolation (code of it runs while it is "
                         "loaded, as C++ and Rust need it): it is never loaded into this process; "
                         "leave out --isolation never",
                         m->name);
    if (!*isolates || isolated_check(err) == CORBEL_OK)
        return CORBEL_OK;
    if (needs)
        return error_prefix(err, CORBEL_E_UNTRUSTED, "%s needs isolation", m->name);
    return error_prefix(err, CORBEL_E_UNTRUSTED,
                        "%s may run only isolated (to run it in this process, with all rights that "
                        "the process has: --isolation %s)",
                        m->name, built_in ? "auto" : "never");
}

/* ---- outside -------------------------------------------------------------------------------- */

corbel_status plugin_build_key(struct trust_key *key, corbel_error *err)
{
    *key = (struct trust_key){.label = "this build", .is_build = true};
    return minisign_key_parse(&key->key, CORBEL_BUILD_KEY, strlen(CORBEL_BUILD_KEY),
                              "the build's key", err);
}

corbel_status plugin_registry_create(const char *folder, struct plugin_registry **registry,
                                     corbel_error *err)
{
    struct plugin_registry *r = calloc(1, sizeof(*r));
    corbel_status status;

    *registry = NULL;
    if (!r)
        return error_memory(err, sizeof(*r), "plugins");
    status = plugin_build_key(&r->key, err);
    if (status)
        goto fail;
    r->policy = (struct trust_policy){.keys = &r->key, .n_keys = 1};
    status = scan(r, folder, err);
    if (status)
        goto fail;
    status = list_archs(r, err);
    if (status)
        goto fail;
    *registry = r;
    return CORBEL_OK;
fail:
    plugin_registry_destroy(&r);
    return status;
}

void plugin_registry_destroy(struct plugin_registry **registry)
{
    struct plugin_registry *r = *registry;

    *registry = NULL;
    if (!r)
        return;
    for (size_t i = 0; i < r->n_bundles; i++) {
        bundle_close(&r->bundles[i]->bundle);
        if (r->bundles[i]->memory >= 0)
            close(r->bundles[i]->memory);
        free(r->bundles[i]);
    }
    free(r->bundles);
    for (size_t i = 0; i < r->n_archs; i++)
        free(r->archs[i]);
    free(r->archs);
    free(r);
}

corbel_status plugin_registry_add(struct plugin_registry *registry, struct bundle *bundle,
                                  bool is_preferred, corbel_error *err)
{
    corbel_status status = append_bundle(registry, bundle, is_preferred, err);

    return status ? status : add_archs(registry, registry->bundles[registry->n_bundles - 1], err);
}

void plugin_registry_isolate(struct plugin_registry *registry, enum plugin_isolation isolation)
{
    registry->isolation = isolation;
}

size_t plugin_registry_count(const struct plugin_registry *registry)
{
    return registry->n_archs;
}

const struct plugin_arch_info *plugin_registry_at(const struct plugin_registry *registry, size_t i)
{
    return &registry->archs[i]->info;
}

const struct plugin_arch_info *plugin_registry_find(const struct plugin_registry *registry,
                                                    const char *arch)
{
    const struct registry_arch *second, *found = find_arch(registry, arch, &second);

    return found && !second ? &found->info : NULL;
}

corbel_status plugin_registry_ambiguous(const struct plugin_registry *registry, const char *arch,
                                        corbel_error *err)
{
    const struct registry_arch *second, *found = find_arch(registry, arch, &second);

    if (!second)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "%s is served by two plugins, %s (%s) and %s (%s); choose: --plugin "
                     "%s@sha256:%s or --plugin %s@sha256:%s",
                     arch, found->info.plugin, found->info.bundle, second->info.plugin,
                     second->info.bundle, found->info.plugin, found->info.pin, second->info.plugin,
                     second->info.pin);
}

const struct bundle *plugin_registry_bundle(const struct plugin_registry *registry,
                                            const struct plugin_arch_info *info)
{
    for (size_t i = 0; i < registry->n_archs; i++)
        if (&registry->archs[i]->info == info)
            return &registry->archs[i]->bundle->bundle;
    return NULL;
}
