/* instance.c: calls into a plugin: of its constructor, and of its forward. */
#include "plugin/instance.h"

#include "base/error.h"

#include <ffi.h>
#include <stdlib.h>

/* ---- the constructor ------------------------------------------------------------------------ */

static ffi_type *ffi_type_of(int32_t kind)
{
    switch (kind) {
    case CORBEL_KIND_i64: return &ffi_type_sint64;
    case CORBEL_KIND_f64: return &ffi_type_double;
    case CORBEL_KIND_flag: return &ffi_type_sint32;
    default: return &ffi_type_pointer;
    }
}

static corbel_status call(struct build *b, const corbel_arch *arch, const union argument *arguments,
                          void **self, corbel_error *err)
{
    ffi_type *types[ARGUMENTS_MAX + 1] = {&ffi_type_pointer};
    corbel_build *base = &b->base;
    union argument copies[ARGUMENTS_MAX];
    void *values[ARGUMENTS_MAX + 1] = {&base};
    ffi_cif cif;

    for (uint32_t i = 0; i < arch->n_fields; i++) {
        copies[i] = arguments[i];
        types[i + 1] = ffi_type_of(arch->fields[i].kind);
        values[i + 1] = &copies[i];
    }
    if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, arch->n_fields + 1, &ffi_type_pointer, types))
        return error_set(err, CORBEL_E_INTERNAL, "%s: libffi refuses its constructor", arch->name);
    ffi_call(&cif, arch->create, self, values);
    return CORBEL_OK;
}

static corbel_status run_constructor(struct instance *m, const union argument *arguments,
                                     corbel_error *err)
{
    struct build b;
    corbel_status status;

    build_init(&b, m->plugin, m->arch->name);
    b.arena = &m->memory;
    b.names = &m->names;
    b.params = &m->params;
    status = call(&b, m->arch, arguments, &m->self, err);
    if (!status && !m->self)
        build_fail(&b, CORBEL_E_CONFIG, "the constructor returned nothing");
    if (!status)
        status = build_result(&b, err);
    build_finish(&b);
    return status;
}

/* ---- forward -------------------------------------------------------------------------------- */

/* A weight's value has the number of its parameter's handle. */
static corbel_status add_weights(const struct instance *m, const struct trace_options *options,
                                 struct program *program, corbel_error *err)
{
    for (uint32_t i = 0; i < m->params.n; i++) {
        const struct plugin_param *param = &m->params.items[i];
        struct program_value value = {
            .kind = VALUE_WEIGHT,
            .dtype = options->param_dtypes ? options->param_dtypes[i] : CORBEL_F32,
            .rank = param->rank,
            .name = param->name,
        };
        corbel_status status;
        uint32_t id;

        memcpy(value.shape, param->shape, sizeof value.shape);
        status = program_add_value(program, &value, &id, err);
        if (status)
            return error_prefix(err, status, "%s", m->arch->name);
        if (id != i + 1)
            return error_set(err, CORBEL_E_INTERNAL, "parameter %s is value %u", param->name, id);
    }
    return CORBEL_OK;
}

static corbel_status run_forward(struct instance *m, const struct trace_options *options,
                                 struct program *program, corbel_error *err)
{
    struct arena scratch;
    struct build b;
    corbel_status status;

    arena_init(&scratch, BUILD_MAX_MEMORY);
    build_init(&b, m->plugin, m->arch->name);
    b.arena = &scratch;
    b.params = &m->params;
    b.options = options;
    b.program = program;
    m->arch->forward(&b.base, m->self);
    if (program->n_outputs == 0)
        build_fail(&b, CORBEL_E_PROGRAM, "forward names no output");
    status = build_result(&b, err);
    build_finish(&b);
    arena_finish(&scratch);
    return status;
}

/* ---- outside -------------------------------------------------------------------------------- */

corbel_status instance_create(struct instance *instance, const struct descriptor *plugin,
                              const corbel_arch *arch, const union argument *arguments,
                              corbel_error *err)
{
    corbel_status status;

    *instance = (struct instance){.plugin = plugin, .arch = arch};
    arena_init(&instance->memory, BUILD_MAX_MEMORY);
    arena_init(&instance->names, 0);
    status = run_constructor(instance, arguments, err);
    if (!status)
        status = params_check_names(&instance->params, arch->name, err);
    if (status)
        instance_finish(instance);
    return status;
}

void instance_finish(struct instance *instance)
{
    arena_finish(&instance->memory);
    arena_finish(&instance->names);
    params_finish(&instance->params);
}

corbel_status instance_trace(struct instance *instance, const struct trace_options *options,
                             struct program *program, corbel_error *err)
{
    corbel_status status;

    program_init(program);
    status = add_weights(instance, options, program, err);
    if (!status)
        status = run_forward(instance, options, program, err);
    if (!status)
        status = program_prune(program, err);
    return status ? status
                  : program_set_kernels(program, instance->plugin->shaders,
                                        instance->plugin->plugin.n_kernels, err);
}
