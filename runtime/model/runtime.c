/* model/runtime.c: corbel_runtime: plugins that may be loaded, devices that have been opened. */
#include "model/model.h"

#include "base/error.h"
#include "base/struct_copy.h"
#include "hub/resources.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static corbel_status open_registry(struct corbel_runtime *runtime, const char *plugin_path,
                                   corbel_error *err)
{
    char folder[PATH_MAX];
    if (!plugin_path) {
        corbel_status status = resource_plugins(folder, sizeof(folder), err);
        if (status)
            return status;
        plugin_path = folder;
    }
    return plugin_registry_create(plugin_path, &runtime->registry, err);
}

static corbel_status set_isolation(struct plugin_registry *registry, uint32_t isolation,
                                   corbel_error *err)
{
    if (isolation > CORBEL_ISOLATION_NEVER)
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_runtime_params: isolation %u", isolation);
    plugin_registry_isolate(registry, (enum plugin_isolation)isolation);
    return CORBEL_OK;
}

corbel_status corbel_runtime_create(const corbel_runtime_params *params, corbel_runtime **runtime,
                                    corbel_error *err)
{
    corbel_runtime_params p = CORBEL_RUNTIME_PARAMS(.threads = 0);
    if (!runtime)
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_runtime_create: no place for the runtime");
    *runtime = NULL;
    if (params && params->struct_size < sizeof(params->struct_size))
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_runtime_params: struct_size is not set");
    STRUCT_COPY(&p, params);
    struct corbel_runtime *r = calloc(1, sizeof(*r));
    if (!r)
        return error_memory(err, sizeof(*r), "the runtime");
    r->device_params = (struct device_params){
        .threads = p.threads,
        .pin_threads = !p.no_pin,
        .validation = p.validation != 0,
    };
    r->offline = p.offline != 0;
    corbel_status status = open_registry(r, p.plugin_path, err);
    if (!status)
        status = set_isolation(r->registry, p.isolation, err);
    if (!status)
        status = plugin_policy_open(&r->policy, &p, r->registry, err);
    if (status) {
        corbel_runtime_destroy(&r);
        return status;
    }
    *runtime = r;
    return CORBEL_OK;
}

void corbel_runtime_destroy(corbel_runtime **runtime)
{
    if (!runtime || !*runtime)
        return;
    for (uint32_t i = 0; i < (*runtime)->n_devices; i++)
        device_destroy(&(*runtime)->devices[i]);
    plugin_registry_destroy(&(*runtime)->registry);
    plugin_policy_close(&(*runtime)->policy);
    free(*runtime);
    *runtime = NULL;
}

corbel_status runtime_device(struct corbel_runtime *runtime, const char *name,
                             struct device **device, corbel_error *err)
{
    for (uint32_t i = 0; i < runtime->n_devices; i++) {
        if (strcmp(device_name(runtime->devices[i]), name) == 0) {
            *device = runtime->devices[i];
            return CORBEL_OK;
        }
    }
    if (runtime->n_devices == MODEL_MAX_DEVICES)
        return error_set(err, CORBEL_E_DEVICE, "%s: more than %d devices in use", name,
                         MODEL_MAX_DEVICES);
    corbel_status status = device_create(name, &runtime->device_params, device, err);
    if (status)
        return status;
    runtime->devices[runtime->n_devices++] = *device;
    return CORBEL_OK;
}

corbel_status corbel_devices_json(corbel_runtime *runtime, char **json, corbel_error *err)
{
    struct text out = {0};
    (void)runtime;
    *json = NULL;
    corbel_status status = device_list_json(&out, err);
    if (status) {
        text_finish(&out);
        return status;
    }
    *json = text_take(&out);
    return *json ? CORBEL_OK : error_memory(err, 0, "the list of devices");
}

uint32_t corbel_runtime_threads(const corbel_runtime *runtime)
{
    cpu_set_t allowed;
    if (runtime->device_params.threads)
        return runtime->device_params.threads;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return 1;
    return (uint32_t)CPU_COUNT(&allowed);
}

corbel_status corbel_measure_limits(corbel_runtime *runtime, const char *device, int32_t dtype,
                                    double *read_bytes_per_s, double *flops_per_s,
                                    corbel_error *err)
{
    struct device *d;
    corbel_status status = runtime_device(runtime, device, &d, err);
    if (status)
        return status;
    return device_measure_limits(d, dtype, read_bytes_per_s, flops_per_s, err);
}
