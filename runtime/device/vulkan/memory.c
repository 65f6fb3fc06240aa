/* device/vulkan/memory.c: regions of device memory, sub-allocated from large blocks.
 *
 * A block is one VkDeviceMemory with one VkBuffer over all of it, so that a region is an offset.
 * Drivers limit the number of allocations (4096 is the least), and each costs. Regions are few
 * and live long: a block keeps a sorted list of its free ranges and hands out the first that fits.
 */
#include "device/vulkan/vulkan.h"

#include <stdlib.h>

#define BLOCK_SIZE      ((VkDeviceSize)32 << 20)
#define HOST_BLOCK_SIZE ((VkDeviceSize)1 << 20)

struct free_range {
    VkDeviceSize offset, size;
};

struct vulkan_block {
    struct vulkan_block *next;
    enum vulkan_memory kind;
    bool imported;
    VkDeviceMemory memory;
    VkBuffer buffer;
    VkDeviceSize size;
    uint8_t *mapped;
    struct free_range *ranges; /* sorted by offset, never touching */
    uint32_t n_ranges, capacity;
    uint32_t n_regions; /* handed out */
};

static VkDeviceSize align_up(VkDeviceSize n, VkDeviceSize alignment)
{
    return (n + alignment - 1) & ~(alignment - 1);
}

/* ---- free ranges ----------------------------------------------------------------------------- */

/* Room for every region of the block to become a range of its own, so that freeing never fails. */
static bool ranges_reserve(struct vulkan_block *b)
{
    if (b->n_ranges + b->n_regions + 2 <= b->capacity)
        return true;
    const uint32_t capacity = b->capacity ? b->capacity * 2 : 8;
    struct free_range *ranges = realloc(b->ranges, capacity * sizeof(*ranges));
    if (!ranges)
        return false;
    b->ranges = ranges;
    b->capacity = capacity;
    return true;
}

static bool ranges_take(struct vulkan_block *b, VkDeviceSize size, VkDeviceSize *offset)
{
    if (!ranges_reserve(b))
        return false;
    for (uint32_t i = 0; i < b->n_ranges; i++) {
        struct free_range *r = &b->ranges[i];
        if (r->size < size)
            continue;
        *offset = r->offset;
        r->offset += size;
        r->size -= size;
        if (r->size == 0) {
            for (uint32_t j = i + 1; j < b->n_ranges; j++)
                b->ranges[j - 1] = b->ranges[j];
            b->n_ranges--;
        }
        b->n_regions++;
        return true;
    }
    return false;
}

static void ranges_give(struct vulkan_block *b, VkDeviceSize offset, VkDeviceSize size)
{
    uint32_t i = 0;
    while (i < b->n_ranges && b->ranges[i].offset < offset)
        i++;
    const bool joins_before = i > 0 && b->ranges[i - 1].offset + b->ranges[i - 1].size == offset;
    const bool joins_after = i < b->n_ranges && offset + size == b->ranges[i].offset;
    if (joins_before && joins_after) {
        b->ranges[i - 1].size += size + b->ranges[i].size;
        for (uint32_t j = i + 1; j < b->n_ranges; j++)
            b->ranges[j - 1] = b->ranges[j];
        b->n_ranges--;
    } else if (joins_before) {
        b->ranges[i - 1].size += size;
    } else if (joins_after) {
        b->ranges[i].offset = offset;
        b->ranges[i].size += size;
    } else {
        for (uint32_t j = b->n_ranges; j > i; j--)
            b->ranges[j] = b->ranges[j - 1];
        b->ranges[i] = (struct free_range){offset, size};
        b->n_ranges++;
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void block_destroy(struct vulkan_device *device, struct vulkan_block *b)
{
    if (!b)
        return;
    if (b->buffer)
        vkDestroyBuffer(device->handle, b->buffer, NULL);
    if (b->memory)
        vkFreeMemory(device->handle, b->memory, NULL);
    free(b->ranges);
    free(b);
}

static VkResult create_buffer(struct vulkan_device *device, VkDeviceSize size, const void *next,
                              VkBuffer *buffer)
{
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = next,
        .size = size,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    return vkCreateBuffer(device->handle, &info, NULL, buffer);
}

static corbel_status out_of_memory(struct vulkan_device *device, VkDeviceSize size, VkResult result,
                                   corbel_error *err)
{
    if (result != VK_ERROR_OUT_OF_DEVICE_MEMORY && result != VK_ERROR_OUT_OF_HOST_MEMORY)
        return vulkan_error(err, result, "allocating memory");
    return error_set(err, CORBEL_E_DEVICE, "%s (%s): no %llu MiB of memory left", device->base.name,
                     device->properties.deviceName, (unsigned long long)((size >> 20) + 1));
}

static corbel_status block_create(struct vulkan_device *device, enum vulkan_memory kind,
                                  VkDeviceSize size, struct vulkan_block **block, corbel_error *err)
{
    corbel_status status;
    VkResult result;
    VkMemoryRequirements needs;
    struct vulkan_block *b = calloc(1, sizeof(*b));
    if (!b || !ranges_reserve(b)) {
        status = error_memory(err, sizeof(*b), "a block of device memory");
        goto fail;
    }
    b->kind = kind;
    b->size = size;
    result = create_buffer(device, size, NULL, &b->buffer);
    if (result != VK_SUCCESS) {
        status = out_of_memory(device, size, result, err);
        goto fail;
    }
    vkGetBufferMemoryRequirements(device->handle, b->buffer, &needs);
    const uint32_t type = device->memory_types[kind];
    if (!(needs.memoryTypeBits & (1u << type))) {
        status = error_set(err, CORBEL_E_DEVICE, "%s: its memory can't hold storage buffers",
                           device->base.name);
        goto fail;
    }
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = needs.size,
                                       .memoryTypeIndex = type};
    result = vkAllocateMemory(device->handle, &info, NULL, &b->memory);
    if (result != VK_SUCCESS) {
        status = out_of_memory(device, size, result, err);
        goto fail;
    }
    result = vkBindBufferMemory(device->handle, b->buffer, b->memory, 0);
    if (result == VK_SUCCESS &&
        (device->memory.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT))
        result = vkMapMemory(device->handle, b->memory, 0, VK_WHOLE_SIZE, 0, (void **)&b->mapped);
    if (result != VK_SUCCESS) {
        status = vulkan_error(err, result, "mapping memory");
        goto fail;
    }
    ranges_give(b, 0, size);
    *block = b;
    return CORBEL_OK;
fail:
    block_destroy(device, b);
    return status;
}

static bool take_from(struct vulkan_block *b, VkDeviceSize size, VkDeviceSize asked,
                      struct vulkan_region *region)
{
    VkDeviceSize offset;
    if (!ranges_take(b, size, &offset))
        return false;
    *region = (struct vulkan_region){.buffer = b->buffer,
                                     .offset = offset,
                                     .size = asked,
                                     .mapped = b->mapped ? b->mapped + offset : NULL,
                                     .block = b};
    return true;
}

/* What a region of `size` bytes takes: shaders read words, and ranges end at alignments. */
static VkDeviceSize region_room(const struct vulkan_device *device, VkDeviceSize size)
{
    return align_up(size + 4, device->alignment);
}

/* ---- regions --------------------------------------------------------------------------------- */

corbel_status region_create(struct vulkan_device *device, enum vulkan_memory kind,
                            VkDeviceSize size, struct vulkan_region *region, corbel_error *err)
{
    *region = (struct vulkan_region){0};
    if (size > (VkDeviceSize)1 << 48)
        return error_set(err, CORBEL_E_MEMORY, "%s: a buffer of %llu bytes", device->base.name,
                         (unsigned long long)size);
    const VkDeviceSize room = region_room(device, size);
    for (struct vulkan_block *b = device->blocks[kind]; b; b = b->next)
        if (take_from(b, room, size, region))
            return CORBEL_OK;

    const VkDeviceSize usual = kind == MEMORY_DEVICE ? BLOCK_SIZE : HOST_BLOCK_SIZE;
    struct vulkan_block *b = NULL;
    const corbel_status status =
        block_create(device, kind, room > usual / 2 ? room : usual, &b, err);
    if (status != CORBEL_OK)
        return status;
    b->next = device->blocks[kind];
    device->blocks[kind] = b;
    if (!take_from(b, room, size, region))
        return error_memory(err, sizeof(struct free_range), "the ranges of a block");
    return CORBEL_OK;
}

static VkResult import_pages(struct vulkan_device *device, struct vulkan_block *b, void *pages)
{
    const VkExternalMemoryHandleTypeFlagBits handle =
        VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
    const VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .handleTypes = handle};
    VkMemoryHostPointerPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
    VkMemoryRequirements needs;
    uint32_t type = 0;

    VkResult result = device->host_pointer_properties(device->handle, handle, pages, &properties);
    if (result != VK_SUCCESS)
        return result;
    result = create_buffer(device, b->size, &external, &b->buffer);
    if (result != VK_SUCCESS)
        return result;
    vkGetBufferMemoryRequirements(device->handle, b->buffer, &needs);
    const uint32_t types = needs.memoryTypeBits & properties.memoryTypeBits;
    if (types == 0 || needs.size > b->size)
        return VK_ERROR_FEATURE_NOT_PRESENT;
    while (!(types & (1u << type)))
        type++;
    const VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = handle,
        .pHostPointer = pages};
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .pNext = &import,
                                       .allocationSize = b->size,
                                       .memoryTypeIndex = type};
    result = vkAllocateMemory(device->handle, &info, NULL, &b->memory);
    if (result != VK_SUCCESS)
        return result;
    return vkBindBufferMemory(device->handle, b->buffer, b->memory, 0);
}

bool region_import(struct vulkan_device *device, const void *data, VkDeviceSize size,
                   struct vulkan_region *region)
{
    const VkDeviceSize alignment = device->import_alignment;
    if (alignment == 0 || size == 0)
        return false;
    /* Whole pages around the data: the page that holds its last byte is mapped to its end. */
    const uintptr_t first = (uintptr_t)data & ~(uintptr_t)(alignment - 1);
    const VkDeviceSize into = (uintptr_t)data - first;
    struct vulkan_block *b = calloc(1, sizeof(*b));
    if (!b)
        return false;
    b->imported = true;
    b->size = align_up(into + size, alignment);
    if (import_pages(device, b, (void *)first) != VK_SUCCESS) {
        block_destroy(device, b);
        return false;
    }
    *region = (struct vulkan_region){.buffer = b->buffer, .offset = into, .size = size, .block = b};
    return true;
}

static void unlink_block(struct vulkan_device *device, struct vulkan_block *block)
{
    for (struct vulkan_block **b = &device->blocks[block->kind]; *b; b = &(*b)->next)
        if (*b == block) {
            *b = block->next;
            return;
        }
}

void region_free(struct vulkan_device *device, struct vulkan_region *region)
{
    struct vulkan_block *b = region->block;
    if (!b)
        return;
    if (b->imported) {
        block_destroy(device, b);
    } else {
        ranges_give(b, region->offset, region_room(device, region->size));
        b->n_regions--;
        if (b->n_regions == 0) {
            unlink_block(device, b);
            block_destroy(device, b);
        }
    }
    *region = (struct vulkan_region){0};
}

uint64_t region_owned(const struct vulkan_region *region)
{
    return region->block && !region->block->imported ? region->size : 0;
}

void memory_finish(struct vulkan_device *device)
{
    for (unsigned kind = 0; kind < MEMORY_KINDS; kind++)
        while (device->blocks[kind]) {
            struct vulkan_block *b = device->blocks[kind];
            device->blocks[kind] = b->next;
            block_destroy(device, b);
        }
}
