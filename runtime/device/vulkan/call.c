/* device/vulkan/call.c: writing down one dispatch. */
#include "device/vulkan/call.h"

#include "base/dtype.h"

#include <stdlib.h>
#include <string.h>

void recorder_fail(struct recorder *r, corbel_status status, const char *format, ...)
{
    va_list args;
    if (r->status != CORBEL_OK)
        return;
    va_start(args, format);
    r->status = error_set_v(r->err, status, format, args);
    va_end(args);
}

void call_begin(struct recorder *r, enum vulkan_kernel kernel)
{
    r->shader = kernel_shader(kernel);
    r->n_specs = 1; /* the first is the number of invocations: call_end */
    r->n_buffers = 0;
    r->now = (struct call){.op = r->op, .n_push = r->shader->n_buffers};
}

void call_begin_custom(struct recorder *r, const struct vulkan_shader *shader)
{
    r->shader = shader;
    r->n_specs = 0;
    r->n_buffers = 0;
    r->now = (struct call){.op = r->op};
}

void call_spec(struct recorder *r, uint32_t constant)
{
    if (r->n_specs < VULKAN_MAX_SPECS)
        r->specs[r->n_specs++] = constant;
    else
        recorder_fail(r, CORBEL_E_INTERNAL, "shader %s: too many constants", r->shader->name);
}

/* Offsets of bindings are aligned; what is left over goes to the shader, in elements. */
static void bind(struct recorder *r, struct operand o, bool written)
{
    if (r->n_buffers == r->shader->n_buffers) {
        recorder_fail(r, CORBEL_E_INTERNAL, "shader %s: too many buffers", r->shader->name);
        return;
    }
    const VkPhysicalDeviceLimits *limits = &r->device->properties.limits;
    const bool texel = r->n_buffers < r->shader->n_texel;
    if (!o.buffer)
        o = r->step;
    const VkDeviceSize alignment =
        texel ? limits->minTexelBufferOffsetAlignment : limits->minStorageBufferOffsetAlignment;
    const VkDeviceSize into = o.offset & (alignment - 1);
    const VkDeviceSize unit = texel ? 16 : 4;
    const VkDeviceSize range = (into + o.size + unit - 1) / unit * unit;
    if (!texel && range > limits->maxStorageBufferRange)
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "%s: %llu bytes bound at once, the device allows %u",
                      r->device->base.name, (unsigned long long)range,
                      limits->maxStorageBufferRange);
    r->now.buffers[r->n_buffers] = (struct call_buffer){
        .buffer = o.buffer,
        .offset = o.offset - into,
        .range = range,
        .written = written,
        .constant = o.constant,
    };
    if (!r->shader->is_custom)
        r->now.push[r->n_buffers] = (uint32_t)(into / dtype_size(o.dtype));
    else if (into != 0)
        recorder_fail(r, CORBEL_E_INTERNAL, "kernel %s: a buffer at an odd offset",
                      r->shader->name);
    r->n_buffers++;
}

void call_read(struct recorder *r, struct operand o)
{
    bind(r, o, false);
}

void call_write(struct recorder *r, struct operand o)
{
    bind(r, o, true);
}

void call_word(struct recorder *r, uint32_t word)
{
    if (r->now.n_push < CALL_MAX_PUSH)
        r->now.push[r->now.n_push++] = word;
    else
        recorder_fail(r, CORBEL_E_INTERNAL, "shader %s: too many push constants", r->shader->name);
}

void call_uint(struct recorder *r, uint64_t value)
{
    if (value > UINT32_MAX)
        recorder_fail(r, CORBEL_E_UNSUPPORTED, "shader %s: a size of %llu elements",
                      r->shader->name, (unsigned long long)value);
    call_word(r, (uint32_t)value);
}

void call_float(struct recorder *r, double value)
{
    const float f = (float)value;
    uint32_t word;
    memcpy(&word, &f, sizeof word);
    call_word(r, word);
}

void call_work(struct recorder *r, double work)
{
    r->now.work = work;
}

static bool keep_call(struct recorder *r)
{
    if (r->n_calls == r->capacity) {
        const uint32_t capacity = r->capacity ? r->capacity * 2 : 256;
        struct call *calls = realloc(r->calls, capacity * sizeof(*calls));
        if (!calls) {
            recorder_fail(r, CORBEL_E_MEMORY, "out of memory for %u dispatches", capacity);
            return false;
        }
        r->calls = calls;
        r->capacity = capacity;
    }
    r->calls[r->n_calls++] = r->now;
    return true;
}

void call_end(struct recorder *r, uint32_t invocations, uint64_t x, uint64_t y, uint64_t z)
{
    const uint64_t grid[3] = {x, y, z};
    r->specs[0] = invocations;
    for (int i = 0; i < 3; i++) {
        if (grid[i] == 0 || grid[i] > r->device->properties.limits.maxComputeWorkGroupCount[i])
            recorder_fail(r, CORBEL_E_UNSUPPORTED, "shader %s: a grid of %llu x %llu x %llu",
                          r->shader->name, (unsigned long long)x, (unsigned long long)y,
                          (unsigned long long)z);
        r->now.grid[i] = (uint32_t)grid[i];
    }
    if (r->n_buffers != r->shader->n_buffers)
        recorder_fail(r, CORBEL_E_INTERNAL, "shader %s: %u of %u buffers", r->shader->name,
                      r->n_buffers, r->shader->n_buffers);
    if (r->status == CORBEL_OK)
        r->status =
            pipeline_get(r->device, r->shader, r->specs, r->n_specs, &r->now.pipeline, r->err);
    if (r->status == CORBEL_OK)
        keep_call(r);
}

void call_end_flat(struct recorder *r, uint32_t invocations, uint64_t n)
{
    const uint64_t groups = (n + invocations - 1) / invocations;
    const uint64_t x = groups < 32768 ? groups : 32768;
    call_end(r, invocations, x, x ? (groups + x - 1) / x : 0, 1);
}

struct operand recorder_scratch(struct recorder *r, VkDeviceSize offset, VkDeviceSize size)
{
    if (offset + size > r->scratch_size)
        r->scratch_size = offset + size;
    struct operand o = r->scratch;
    o.offset += offset;
    o.size = size;
    return o;
}

struct operand operand_part(struct operand o, uint64_t first, uint64_t count)
{
    const VkDeviceSize element = dtype_size(o.dtype);
    o.offset += first * element;
    o.size = count * element;
    return o;
}

uint64_t operand_rows_that_fit(const struct recorder *r, struct operand o, uint64_t cols)
{
    const VkPhysicalDeviceLimits *limits = &r->device->properties.limits;
    const uint64_t row = cols * dtype_size(o.dtype);
    /* What lies between the binding's aligned start and the first element comes on top. */
    const uint64_t room =
        limits->maxStorageBufferRange - limits->minStorageBufferOffsetAlignment - 16;
    const uint64_t rows = row ? room / row : UINT64_MAX;
    return rows >= 64 ? rows / 64 * 64 : rows > 0 ? rows : 1;
}
