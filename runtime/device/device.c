/* device/device.c: finds a device by name; the rest is dispatch to the device's own functions. */
#include "device/device.h"

#include "base/dtype.h"
#include "base/error.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef DEVICE_WITHOUT_VULKAN
corbel_status vulkan_device_create(uint32_t index, const struct device_params *params,
                                   struct device **device, corbel_error *err)
{
    (void)params;
    *device = NULL;
    return error_set(err, CORBEL_E_NOT_FOUND, "vulkan:%u: built without Vulkan", index);
}

uint32_t vulkan_device_list(struct text *out)
{
    (void)out;
    return 0;
}

uint32_t vulkan_device_find(struct device_info *out, uint32_t most)
{
    (void)out;
    (void)most;
    return 0;
}
#endif

/* "vulkan" is "vulkan:0". */
static bool parse_vulkan(const char *name, uint32_t *index)
{
    static const char prefix[] = "vulkan";
    char *end = NULL;
    unsigned long n;

    *index = 0;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    name += sizeof prefix - 1;
    if (*name == '\0')
        return true;
    if (name[0] != ':' || name[1] < '0' || name[1] > '9')
        return false;
    n = strtoul(name + 1, &end, 10);
    if (*end != '\0' || n > 255)
        return false;
    *index = (uint32_t)n;
    return true;
}

corbel_status device_create(const char *name, const struct device_params *params,
                            struct device **device, corbel_error *err)
{
    static const struct device_params defaults = {.pin_threads = true};
    uint32_t index;

    *device = NULL;
    if (!params)
        params = &defaults;
    if (strcmp(name, "cpu") == 0)
        return cpu_device_create(params, device, err);
    if (parse_vulkan(name, &index))
        return vulkan_device_create(index, params, device, err);
    return error_set(err, CORBEL_E_NOT_FOUND,
                     "device \"%s\": expected \"cpu\" or \"vulkan:N\" (corbel devices lists them)",
                     name);
}

void device_destroy(struct device **device)
{
    if (*device)
        (*device)->ops->destroy(*device);
    *device = NULL;
}

uint32_t device_find_all(struct device_info *out, uint32_t most)
{
    const uint32_t n = cpu_device_find(out, most);
    return n + vulkan_device_find(out + n, most - n);
}

bool device_gpu_seems_there(void)
{
    /* The nodes through which the kernel's graphics drivers are used: DRM, NVIDIA, WSL, Mali,
     * Adreno. */
    static const char *const patterns[] = {"/dev/dri/renderD*", "/dev/nvidia[0-9]*", "/dev/dxg",
                                           "/dev/mali*", "/dev/kgsl-3d0"};
    bool found = false;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0] && !found; i++) {
        glob_t nodes = {0};
        found = glob(patterns[i], GLOB_NOSORT, NULL, &nodes) == 0 && nodes.gl_pathc > 0;
        globfree(&nodes);
    }
    return found;
}

corbel_status device_list_json(struct text *out, corbel_error *err)
{
    struct text vulkan = {0};

    text_append_char(out, '[');
    cpu_device_list(out);
    if (vulkan_device_list(&vulkan) > 0) {
        text_append(out, ", ");
        text_append(out, text_cstr(&vulkan));
    }
    text_append_char(out, ']');
    if (vulkan.failed)
        out->failed = true;
    text_finish(&vulkan);
    return out->failed ? error_memory(err, 0, "the list of devices") : CORBEL_OK;
}

const char *device_name(const struct device *device)
{
    return device->name;
}

struct plan_options device_plan_options(const struct device *device)
{
    return device->ops->plan_options(device);
}

void device_set_precision(struct device *device, enum device_precision precision)
{
    device->precision = precision;
}

/* ---- buffers --------------------------------------------------------------------------------- */

corbel_status buffer_refer_weight(struct device *device, const void *data, uint64_t count,
                                  int32_t dtype, struct buffer **buffer, corbel_error *err)
{
    *buffer = NULL;
    return device->ops->buffer_refer_weight(device, data, count, dtype, buffer, err);
}

corbel_status buffer_reserve_weight(struct device *device, uint64_t count, int32_t dtype,
                                    struct buffer **buffer, corbel_error *err)
{
    *buffer = NULL;
    return device->ops->buffer_reserve_weight(device, count, dtype, buffer, err);
}

corbel_status buffer_fill_weight(struct buffer *buffer, uint64_t first, const void *data,
                                 int32_t from, uint64_t count, corbel_error *err)
{
    const size_t size = dtype_size(buffer->dtype);

    if (size == 0 || first > buffer->size / size || count > buffer->size / size - first)
        return error_set(err, CORBEL_E_ARGUMENT, "elements %llu to %llu of a weight of %llu bytes",
                         (unsigned long long)first, (unsigned long long)(first + count),
                         (unsigned long long)buffer->size);
    return buffer->device->ops->buffer_fill_weight(buffer, first, data, from, count, err);
}

corbel_status buffer_create_weight(struct device *device, const void *data, int32_t from,
                                   uint64_t count, int32_t dtype, struct buffer **buffer,
                                   corbel_error *err)
{
    corbel_status status = CORBEL_OK;

    *buffer = NULL;
    if (from == dtype)
        status = buffer_refer_weight(device, data, count, dtype, buffer, err);
    if (status != CORBEL_OK || *buffer)
        return status;
    status = buffer_reserve_weight(device, count, dtype, buffer, err);
    if (status == CORBEL_OK)
        status = buffer_fill_weight(*buffer, 0, data, from, count, err);
    if (status != CORBEL_OK)
        buffer_destroy(buffer);
    return status;
}

corbel_status buffer_view_weight(struct buffer *area, uint64_t offset, uint64_t count,
                                 int32_t dtype, struct buffer **buffer, corbel_error *err)
{
    const uint64_t size = dtype_size(dtype);

    *buffer = NULL;
    if (size == 0 || offset % BUFFER_VIEW_ALIGNMENT != 0 || offset > area->size ||
        count > (area->size - offset) / size)
        return error_set(err, CORBEL_E_ARGUMENT, "a view of %llu elements at %llu of %llu bytes",
                         (unsigned long long)count, (unsigned long long)offset,
                         (unsigned long long)area->size);
    return area->device->ops->buffer_view_weight(area, offset, count, dtype, buffer, err);
}

corbel_status buffer_create(struct device *device, uint64_t size, struct buffer **buffer,
                            corbel_error *err)
{
    *buffer = NULL;
    return device->ops->buffer_create(device, size, buffer, err);
}

void buffer_destroy(struct buffer **buffer)
{
    if (*buffer)
        (*buffer)->device->ops->buffer_destroy(*buffer);
    *buffer = NULL;
}

static corbel_status check_range(const struct buffer *buffer, uint64_t offset, uint64_t size,
                                 const char *what, corbel_error *err)
{
    if (offset <= buffer->size && size <= buffer->size - offset)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_ARGUMENT, "%s: %llu bytes at %llu of a buffer of %llu bytes",
                     what, (unsigned long long)size, (unsigned long long)offset,
                     (unsigned long long)buffer->size);
}

corbel_status buffer_read(struct buffer *buffer, uint64_t offset, void *out, uint64_t size,
                          corbel_error *err)
{
    corbel_status status = check_range(buffer, offset, size, "buffer_read", err);

    if (status != CORBEL_OK)
        return status;
    return buffer->device->ops->buffer_read(buffer, offset, out, size, err);
}

corbel_status buffer_write(struct buffer *buffer, uint64_t offset, const void *data, uint64_t size,
                           corbel_error *err)
{
    corbel_status status = check_range(buffer, offset, size, "buffer_write", err);

    if (status != CORBEL_OK)
        return status;
    return buffer->device->ops->buffer_write(buffer, offset, data, size, err);
}

uint64_t buffer_bytes(const struct buffer *buffer)
{
    return buffer->owned;
}

/* ---- executables ----------------------------------------------------------------------------- */

corbel_status executable_create(struct device *device, const struct plan *plan,
                                const struct executable_bindings *bindings,
                                struct executable **executable, corbel_error *err)
{
    *executable = NULL;
    return device->ops->executable_create(device, plan, bindings, executable, err);
}

void executable_destroy(struct executable **executable)
{
    if (*executable)
        (*executable)->device->ops->executable_destroy(*executable);
    *executable = NULL;
}

void *executable_input(struct executable *executable, const char *name)
{
    return executable->device->ops->executable_input(executable, name);
}

corbel_status executable_run(struct executable *executable, int64_t past, corbel_error *err)
{
    return executable->device->ops->executable_run(executable, past, err);
}

const void *executable_output(struct executable *executable, uint32_t i)
{
    return executable->device->ops->executable_output(executable, i);
}

void executable_set_profile(struct executable *executable, bool on)
{
    executable->device->ops->executable_set_profile(executable, on);
}

const uint64_t *executable_profile(struct executable *executable)
{
    return executable->device->ops->executable_profile(executable);
}
