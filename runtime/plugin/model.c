/* model.c: one constructed model: its parameters, and its programs, wherever the plugin runs. */
#include "base/error.h"
#include "plugin/construct.h"
#include "plugin/instance.h"
#include "plugin/isolated.h"
#include "plugin/loader.h"
#include "plugin/registry.h"

#include <stdlib.h>

struct plugin_model {
    const struct descriptor *descriptor;
    const corbel_arch *arch;
    struct arena arguments;    /* of the constructor */
    struct isolated *isolated; /* NULL: the plugin runs in this process */
    struct instance instance;  /* if it does */
};

/* ---- creating ------------------------------------------------------------------------------- */

static corbel_status open_here(struct plugin_model *m, struct registry_bundle *bundle,
                               corbel_error *err)
{
    const struct plugin *plugin;
    corbel_status status = registry_load(bundle, &plugin, err);

    if (!status)
        m->descriptor = plugin_descriptor(plugin);
    return status;
}

static corbel_status open_isolated(struct plugin_model *m, struct registry_bundle *bundle,
                                   corbel_error *err)
{
    char name[512];
    int memory;
    corbel_status status = registry_seal(bundle, name, sizeof name, &memory, err);

    if (!status)
        status = isolated_create(name, memory, registry_rules(bundle), &bundle->bundle.manifest,
                                 &m->isolated, err);
    if (!status)
        m->descriptor = isolated_descriptor(m->isolated);
    return status;
}

static corbel_status open_plugin(struct plugin_model *m, struct plugin_registry *registry,
                                 const char *arch, corbel_error *err)
{
    struct registry_bundle *bundle;
    bool isolates = false;
    corbel_status status = registry_find(registry, arch, &bundle, err);

    if (!status)
        status = registry_isolates(registry, bundle, &isolates, err);
    if (status)
        return status;
    status = isolates ? open_isolated(m, bundle, err) : open_here(m, bundle, err);
    if (!status)
        m->arch = descriptor_arch(m->descriptor, arch);
    return status;
}

static corbel_status run_constructor(struct plugin_model *m, const struct config *config,
                                     corbel_error *err)
{
    union argument arguments[ARGUMENTS_MAX];
    corbel_status status = construct_arguments(m->arch, config, &m->arguments, arguments, err);

    if (status)
        return status;
    if (m->isolated)
        status = isolated_construct(m->isolated, m->arch, arguments, err);
    else
        status = instance_create(&m->instance, m->descriptor, m->arch, arguments, err);
    return status ? error_prefix(err, status, "%s", config->path) : CORBEL_OK;
}

/* ---- outside -------------------------------------------------------------------------------- */

corbel_status plugin_model_open(struct plugin_registry *registry, const char *arch,
                                struct plugin_model **model, corbel_error *err)
{
    struct plugin_model *m = calloc(1, sizeof(*m));
    corbel_status status;

    *model = NULL;
    if (!m)
        return error_memory(err, sizeof(*m), "a model");
    status = open_plugin(m, registry, arch, err);
    if (status)
        plugin_model_destroy(&m);
    *model = m;
    return status;
}

corbel_status plugin_model_create(struct plugin_registry *registry, const char *arch,
                                  const struct config *config, struct plugin_model **model,
                                  corbel_error *err)
{
    corbel_status status = plugin_model_open(registry, arch, model, err);

    if (!status)
        status = run_constructor(*model, config, err);
    if (status)
        plugin_model_destroy(model);
    return status;
}

void plugin_model_destroy(struct plugin_model **model)
{
    struct plugin_model *m = *model;

    *model = NULL;
    if (!m)
        return;
    isolated_destroy(&m->isolated);
    instance_finish(&m->instance);
    arena_finish(&m->arguments);
    free(m);
}

static const struct param_list *params_of(const struct plugin_model *m)
{
    return m->isolated ? isolated_params(m->isolated) : &m->instance.params;
}

uint32_t plugin_model_param_count(const struct plugin_model *model)
{
    return params_of(model)->n;
}

const struct plugin_param *plugin_model_param(const struct plugin_model *model, uint32_t i)
{
    return &params_of(model)->items[i];
}

const corbel_arch *plugin_model_class(const struct plugin_model *model)
{
    return model->arch;
}

const char *plugin_model_prefix(const struct plugin_model *model)
{
    return model->arch->prefix;
}

bool plugin_model_isolated(const struct plugin_model *model)
{
    return model->isolated != NULL;
}

const corbel_kernel *plugin_model_kernel(const struct plugin_model *model, const char *name)
{
    return descriptor_kernel(model->descriptor, name);
}

corbel_status plugin_model_trace(struct plugin_model *model, const struct trace_options *options,
                                 struct program *program, corbel_error *err)
{
    corbel_status status;

    if (model->isolated)
        return isolated_trace(model->isolated, options, program, err);
    status = instance_trace(&model->instance, options, program, err);
    return status ? status : program_verify(program, false, err);
}
