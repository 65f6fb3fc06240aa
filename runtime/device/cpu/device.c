/* device/cpu/device.c: the CPU as a device: its buffers, and what is known about it. */
#include "base/dtype.h"
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };

/* ---- buffers --------------------------------------------------------------------------------- */

static void free_buffer(struct buffer *buffer)
{
    struct cpu_buffer *b = (struct cpu_buffer *)buffer;

    if (b->data && !b->mapped)
        munmap(b->data, b->base.owned);
    free(b);
}

/* `size` zeroed bytes; nothing is touched until it is written. */
static corbel_status new_buffer(struct device *device, uint64_t size, struct cpu_buffer **out,
                                corbel_error *err)
{
    struct cpu_buffer *b = calloc(1, sizeof(*b));
    const uint64_t owned = size == 0 ? 1 : size;

    *out = NULL;
    if (!b)
        return error_memory(err, sizeof(*b), "a buffer");
    b->base = (struct buffer){.device = device, .size = size, .owned = owned};
    b->data = size > SIZE_MAX / 2
                  ? MAP_FAILED
                  : mmap(NULL, owned, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->data == MAP_FAILED) {
        free(b);
        return error_memory(err, size, "a buffer");
    }
    *out = b;
    return CORBEL_OK;
}

static corbel_status check_weight(uint64_t count, int32_t dtype, corbel_error *err)
{
    const size_t size = dtype_size(dtype);

    if (size != 0 && count <= SIZE_MAX / 2 / size)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_ARGUMENT, "a weight of %llu elements of %s",
                     (unsigned long long)count, dtype_name(dtype));
}

/* Kernels read weights at any alignment, so what needs no conversion stays where it is. */
static corbel_status refer_weight(struct device *device, const void *data, uint64_t count,
                                  int32_t dtype, struct buffer **buffer, corbel_error *err)
{
    struct cpu_buffer *b;
    corbel_status status = check_weight(count, dtype, err);

    if (status != CORBEL_OK)
        return status;
    b = calloc(1, sizeof(*b));
    if (!b)
        return error_memory(err, sizeof(*b), "a weight");
    b->base = (struct buffer){.device = device, .size = count * dtype_size(dtype), .dtype = dtype};
    b->data = (void *)(uintptr_t)data; /* never written: buffer_write refuses */
    b->mapped = true;
    *buffer = &b->base;
    return CORBEL_OK;
}

static corbel_status view_weight(struct buffer *area, uint64_t offset, uint64_t count,
                                 int32_t dtype, struct buffer **buffer, corbel_error *err)
{
    char *data = (char *)((struct cpu_buffer *)area)->data + offset;
    corbel_status status = refer_weight(area->device, data, count, dtype, buffer, err);

    if (status == CORBEL_OK)
        (*buffer)->is_streamed = true;
    return status;
}

static corbel_status reserve_weight(struct device *device, uint64_t count, int32_t dtype,
                                    struct buffer **buffer, corbel_error *err)
{
    struct cpu_buffer *b;
    corbel_status status = check_weight(count, dtype, err);

    if (status == CORBEL_OK)
        status = new_buffer(device, count * dtype_size(dtype), &b, err);
    if (status != CORBEL_OK)
        return status;
    b->base.dtype = dtype;
    *buffer = &b->base;
    return CORBEL_OK;
}

static corbel_status fill_weight(struct buffer *buffer, uint64_t first, const void *data,
                                 int32_t from, uint64_t count, corbel_error *err)
{
    const struct cpu_buffer *b = (const struct cpu_buffer *)buffer;
    const size_t size = dtype_size(buffer->dtype);
    char *to = (char *)b->data + first * size;

    if (b->mapped && !buffer->is_streamed)
        return error_set(err, CORBEL_E_ARGUMENT, "a weight that lies in its file is filled");
    if (from == buffer->dtype)
        memcpy(to, data, count * size);
    else if (!dtype_convert(buffer->dtype, to, from, data, count))
        return error_set(err, CORBEL_E_UNSUPPORTED, "a weight of %s can't be converted to %s",
                         dtype_name(from), dtype_name(buffer->dtype));
    return CORBEL_OK;
}

static corbel_status create_buffer(struct device *device, uint64_t size, struct buffer **buffer,
                                   corbel_error *err)
{
    struct cpu_buffer *b;
    corbel_status status = new_buffer(device, size, &b, err);

    if (status == CORBEL_OK)
        *buffer = &b->base;
    return status;
}

static corbel_status read_buffer(struct buffer *buffer, uint64_t offset, void *out, uint64_t size,
                                 corbel_error *err)
{
    const struct cpu_buffer *b = (const struct cpu_buffer *)buffer;

    (void)err;
    if (size > 0)
        memcpy(out, (const char *)b->data + offset, size);
    return CORBEL_OK;
}

static corbel_status write_buffer(struct buffer *buffer, uint64_t offset, const void *data,
                                  uint64_t size, corbel_error *err)
{
    const struct cpu_buffer *b = (const struct cpu_buffer *)buffer;

    if (b->mapped)
        return error_set(err, CORBEL_E_ARGUMENT, "buffer_write: a weight that lies in its file");
    if (size > 0)
        memcpy((char *)b->data + offset, data, size);
    return CORBEL_OK;
}

/* ---- the device ------------------------------------------------------------------------------ */

static void destroy(struct device *device)
{
    struct cpu_device *d = (struct cpu_device *)device;

    cpu_pool_destroy(d->pool);
    free(d);
}

static struct plan_options plan_options(const struct device *device)
{
    (void)device;
    return (struct plan_options){
        .fuse_linear = true, .fuse_norm = true, .fuse_rope = true, .alignment = ALIGNMENT};
}

bool cpu_device_set_tier(struct device *device, enum cpu_tier tier)
{
    if (!cpu_kernels_get(tier))
        return false;
    ((struct cpu_device *)device)->tier = tier;
    return true;
}

static const struct device_ops cpu_ops = {
    .destroy = destroy,
    .plan_options = plan_options,
    .buffer_refer_weight = refer_weight,
    .buffer_reserve_weight = reserve_weight,
    .buffer_fill_weight = fill_weight,
    .buffer_view_weight = view_weight,
    .buffer_create = create_buffer,
    .buffer_destroy = free_buffer,
    .buffer_read = read_buffer,
    .buffer_write = write_buffer,
    .executable_create = cpu_executable_create,
    .executable_destroy = cpu_executable_destroy,
    .executable_input = cpu_executable_input,
    .executable_run = cpu_executable_run,
    .executable_output = cpu_executable_output,
    .executable_set_profile = cpu_executable_set_profile,
    .executable_profile = cpu_executable_profile,
    .measure_limits = cpu_measure_limits,
};

corbel_status cpu_device_create(const struct device_params *params, struct device **device,
                                corbel_error *err)
{
    struct cpu_device *d = calloc(1, sizeof(*d));

    *device = NULL;
    if (!d)
        return error_memory(err, sizeof(*d), "the CPU device");
    d->base.ops = &cpu_ops;
    snprintf(d->base.name, sizeof d->base.name, "cpu");
    d->tier = cpu_tier_default();
    d->pool = cpu_pool_create(params->threads, params->pin_threads);
    if (!d->pool) {
        free(d);
        return error_set(err, CORBEL_E_DEVICE, "cpu: %u threads could not be started",
                         params->threads);
    }
    *device = &d->base;
    return CORBEL_OK;
}

/* ---- what it is ------------------------------------------------------------------------------ */

/* The processor's name as the kernel tells it. */
static void processor_name(char *out, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];

    snprintf(out, size, "CPU");
    while (f && fgets(line, sizeof line, f)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        value += value[1] == ' ' ? 2 : 1;
        value[strcspn(value, "\n")] = '\0';
        snprintf(out, size, "%s", value);
        break;
    }
    if (f)
        fclose(f);
}

/* What the system could give to new programs without swapping; 0: it does not say. */
static uint64_t available_memory(void)
{
    FILE *f = fopen("/proc/meminfo", "r");
    unsigned long long kib = 0;
    char line[128];

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib << 10;
}

uint32_t cpu_device_find(struct device_info *out, uint32_t most)
{
    if (most == 0)
        return 0;
    *out = (struct device_info){.name = "cpu", .memory = available_memory()};
    return 1;
}

uint32_t cpu_device_list(struct text *out)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    char name[200];

    processor_name(name, sizeof name);
    text_append(out, "{\"name\": \"cpu\", \"description\": ");
    text_append_json_string(out, name, strlen(name));
    text_format(out, ", \"memory_bytes\": %llu, \"features\": [",
                pages > 0 && page > 0 ? (unsigned long long)pages * (unsigned long long)page : 0);
    for (int tier = 0, n = 0; tier < CPU_TIER_COUNT; tier++)
        if (cpu_kernels_get((enum cpu_tier)tier))
            text_format(out, "%s\"%s\"", n++ ? ", " : "", cpu_tier_name((enum cpu_tier)tier));
    text_append(out, "]}");
    return 1;
}
