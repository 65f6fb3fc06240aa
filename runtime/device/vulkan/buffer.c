/* device/vulkan/buffer.c: weights, caches and states in device memory.
 *
 * Where memory is unified the host writes it itself, or the device reads the mapped file's own
 * pages. Elsewhere everything passes through one staging buffer of bounded size. */
#include "base/dtype.h"
#include "device/vulkan/vulkan.h"

#include <stdlib.h>
#include <string.h>

#define STAGING_SIZE ((VkDeviceSize)32 << 20)

/* A copy between a region and the staging buffer. */
struct transfer {
    VkBuffer from, to;
    VkBufferCopy range;
};

static void record_copy(VkCommandBuffer commands, void *user)
{
    const struct transfer *t = user;
    vkCmdCopyBuffer(commands, t->from, t->to, 1, &t->range);
    const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                     .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                     .dstAccessMask = VK_ACCESS_SHADER_READ_BIT |
                                                      VK_ACCESS_SHADER_WRITE_BIT |
                                                      VK_ACCESS_HOST_READ_BIT};
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                         VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                         &barrier, 0, NULL, 0, NULL);
}

static corbel_status need_staging(struct vulkan_device *device, corbel_error *err)
{
    if (device->staging.block)
        return CORBEL_OK;
    return region_create(device, MEMORY_READBACK, STAGING_SIZE, &device->staging, err);
}

static corbel_status move(struct vulkan_device *device, const struct vulkan_region *region,
                          VkDeviceSize offset, VkDeviceSize size, bool up, corbel_error *err)
{
    struct transfer t = {device->staging.buffer,
                         region->buffer,
                         {device->staging.offset, region->offset + offset, size}};
    if (!up)
        t = (struct transfer){t.to, t.from, {t.range.dstOffset, t.range.srcOffset, size}};
    return vulkan_submit_once(device, record_copy, &t, err);
}

/* Piece by piece: `next` fills the staging buffer with the bytes from `offset` on. */
static corbel_status upload(struct vulkan_device *device, const struct vulkan_region *region,
                            VkDeviceSize offset, VkDeviceSize size,
                            void (*next)(void *user, VkDeviceSize done, void *out, VkDeviceSize n),
                            void *user, corbel_error *err)
{
    if (region->mapped) {
        next(user, 0, region->mapped + offset, size);
        return CORBEL_OK;
    }
    corbel_status status = need_staging(device, err);
    for (VkDeviceSize done = 0; status == CORBEL_OK && done < size;) {
        const VkDeviceSize n = size - done < STAGING_SIZE ? size - done : STAGING_SIZE;
        next(user, done, device->staging.mapped, n);
        status = move(device, region, offset + done, n, true, err);
        done += n;
    }
    return status;
}

static corbel_status check_range(const struct buffer *buffer, uint64_t offset, uint64_t size,
                                 corbel_error *err)
{
    if (offset <= buffer->size && size <= buffer->size - offset)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_ARGUMENT, "%s: bytes %llu to %llu of a buffer of %llu",
                     buffer->device->name, (unsigned long long)offset,
                     (unsigned long long)(offset + size), (unsigned long long)buffer->size);
}

static corbel_status allocate(struct vulkan_device *device, uint64_t size,
                              struct vulkan_buffer **buffer, corbel_error *err)
{
    struct vulkan_buffer *b = calloc(1, sizeof(*b));
    if (!b)
        return error_memory(err, sizeof(*b), "a buffer");
    b->base = (struct buffer){.device = &device->base, .size = size};
    *buffer = b;
    return CORBEL_OK;
}

/* ---- weights --------------------------------------------------------------------------------- */

struct conversion {
    int32_t to, from;
    const uint8_t *data;
};

static void convert_next(void *user, VkDeviceSize done, void *out, VkDeviceSize n)
{
    const struct conversion *c = user;
    const size_t first = (size_t)done / dtype_size(c->to), count = (size_t)n / dtype_size(c->to);
    const uint8_t *in = c->data + first * dtype_size(c->from);
    if (c->to == c->from)
        memcpy(out, in, (size_t)n);
    else
        dtype_convert(c->to, out, c->from, in, count);
}

static bool can_convert(int32_t to, int32_t from)
{
    const uint64_t nothing = 0;
    uint64_t out;
    return to == from || dtype_convert(to, &out, from, &nothing, 0);
}

/* A weight that has no memory yet. */
static corbel_status new_weight(struct vulkan_device *device, uint64_t count, int32_t dtype,
                                struct vulkan_buffer **buffer, corbel_error *err)
{
    if ((dtype != CORBEL_F32 && dtype != CORBEL_F16 && dtype != CORBEL_BF16 &&
         dtype != CORBEL_I32) ||
        count > UINT64_MAX / 8)
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s: a weight of %llu elements of %s",
                         device->base.name, (unsigned long long)count, dtype_name(dtype));
    corbel_status status = vulkan_check(device, err);
    if (status == CORBEL_OK)
        status = allocate(device, count * dtype_size(dtype), buffer, err);
    if (status == CORBEL_OK)
        (*buffer)->base.dtype = dtype;
    return status;
}

corbel_status vulkan_buffer_refer_weight(struct device *base, const void *data, uint64_t count,
                                         int32_t dtype, struct buffer **buffer, corbel_error *err)
{
    struct vulkan_device *device = (struct vulkan_device *)base;
    struct vulkan_buffer *b = NULL;
    /* 16: what one load of a shader takes; an odd address would cost more than the copy. */
    if ((uintptr_t)data % 16 != 0)
        return CORBEL_OK;
    corbel_status status = new_weight(device, count, dtype, &b, err);
    if (status != CORBEL_OK)
        return status;
    if (!region_import(device, data, b->base.size, &b->region)) {
        free(b);
        return CORBEL_OK;
    }
    b->imported = true;
    *buffer = &b->base;
    return CORBEL_OK;
}

corbel_status vulkan_buffer_reserve_weight(struct device *base, uint64_t count, int32_t dtype,
                                           struct buffer **buffer, corbel_error *err)
{
    struct vulkan_device *device = (struct vulkan_device *)base;
    struct vulkan_buffer *b = NULL;
    corbel_status status = new_weight(device, count, dtype, &b, err);
    if (status != CORBEL_OK)
        return status;
    status = region_create(device, MEMORY_DEVICE, b->base.size, &b->region, err);
    if (status != CORBEL_OK) {
        vulkan_buffer_destroy(&b->base);
        return status;
    }
    b->base.owned = region_owned(&b->region);
    *buffer = &b->base;
    return CORBEL_OK;
}

corbel_status vulkan_buffer_fill_weight(struct buffer *base, uint64_t first, const void *data,
                                        int32_t from, uint64_t count, corbel_error *err)
{
    struct vulkan_buffer *b = (struct vulkan_buffer *)base;
    struct vulkan_device *device = (struct vulkan_device *)base->device;
    struct conversion c = {base->dtype, from, data};
    const VkDeviceSize size = dtype_size(base->dtype);
    if (b->imported || !can_convert(base->dtype, from))
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s: a weight of %s to be stored as %s",
                         device->base.name, dtype_name(from), dtype_name(base->dtype));
    const corbel_status status = vulkan_check(device, err);
    if (status != CORBEL_OK)
        return status;
    return upload(device, &b->region, first * size, count * size, convert_next, &c, err);
}

corbel_status vulkan_buffer_view_weight(struct buffer *area, uint64_t offset, uint64_t count,
                                        int32_t dtype, struct buffer **buffer, corbel_error *err)
{
    struct vulkan_device *device = (struct vulkan_device *)area->device;
    struct vulkan_buffer *b = NULL;
    const corbel_status status = new_weight(device, count, dtype, &b, err);
    if (status != CORBEL_OK)
        return status;
    b->base.is_streamed = true;
    b->region = ((struct vulkan_buffer *)area)->region;
    b->region.offset += offset;
    b->region.size = b->base.size;
    if (b->region.mapped)
        b->region.mapped += offset;
    b->region.block = NULL; /* not freed with the view */
    *buffer = &b->base;
    return CORBEL_OK;
}

/* ---- caches and states ----------------------------------------------------------------------- */

static void record_zero(VkCommandBuffer commands, void *user)
{
    const struct vulkan_region *region = user;
    vkCmdFillBuffer(commands, region->buffer, region->offset, (region->size + 3) & ~(uint64_t)3, 0);
}

corbel_status vulkan_buffer_create(struct device *base, uint64_t size, struct buffer **buffer,
                                   corbel_error *err)
{
    struct vulkan_device *device = (struct vulkan_device *)base;
    struct vulkan_buffer *b = NULL;
    *buffer = NULL;
    corbel_status status = vulkan_check(device, err);
    if (status == CORBEL_OK)
        status = allocate(device, size, &b, err);
    if (status != CORBEL_OK)
        return status;
    status = region_create(device, MEMORY_DEVICE, size, &b->region, err);
    if (status == CORBEL_OK && b->region.mapped)
        memset(b->region.mapped, 0, (size_t)size);
    else if (status == CORBEL_OK && size > 0)
        status = vulkan_submit_once(device, record_zero, &b->region, err);
    b->base.owned = region_owned(&b->region);
    if (status != CORBEL_OK) {
        vulkan_buffer_destroy(&b->base);
        return status;
    }
    *buffer = &b->base;
    return CORBEL_OK;
}

void vulkan_buffer_destroy(struct buffer *base)
{
    struct vulkan_buffer *b = (struct vulkan_buffer *)base;
    if (!b)
        return;
    struct vulkan_device *device = (struct vulkan_device *)base->device;
    if (!device->lost)
        region_free(device, &b->region);
    free(b);
}

corbel_status vulkan_buffer_read(struct buffer *base, uint64_t offset, void *out, uint64_t size,
                                 corbel_error *err)
{
    struct vulkan_buffer *b = (struct vulkan_buffer *)base;
    struct vulkan_device *device = (struct vulkan_device *)base->device;
    corbel_status status = check_range(base, offset, size, err);
    if (status == CORBEL_OK)
        status = vulkan_check(device, err);
    if (status != CORBEL_OK)
        return status;
    if (b->region.mapped) {
        memcpy(out, b->region.mapped + offset, (size_t)size);
        return CORBEL_OK;
    }
    status = need_staging(device, err);
    for (uint64_t done = 0; status == CORBEL_OK && done < size;) {
        const uint64_t n = size - done < STAGING_SIZE ? size - done : STAGING_SIZE;
        status = move(device, &b->region, offset + done, n, false, err);
        if (status == CORBEL_OK)
            memcpy((uint8_t *)out + done, device->staging.mapped, (size_t)n);
        done += n;
    }
    return status;
}

static void bytes_next(void *user, VkDeviceSize done, void *out, VkDeviceSize n)
{
    memcpy(out, (const uint8_t *)user + done, (size_t)n);
}

corbel_status vulkan_buffer_write(struct buffer *base, uint64_t offset, const void *data,
                                  uint64_t size, corbel_error *err)
{
    struct vulkan_buffer *b = (struct vulkan_buffer *)base;
    struct vulkan_device *device = (struct vulkan_device *)base->device;
    corbel_status status = check_range(base, offset, size, err);
    if (status == CORBEL_OK)
        status = vulkan_check(device, err);
    if (status == CORBEL_OK && b->imported)
        status = error_set(err, CORBEL_E_ARGUMENT, "%s: this weight is the file itself",
                           base->device->name);
    if (status != CORBEL_OK)
        return status;
    return upload(device, &b->region, offset, size, bytes_next, (void *)(uintptr_t)data, err);
}
