/* device/vulkan/device.c: the logical device and its queue; the table of device_ops. */
#include "base/log.h"
#include "device/vulkan/vulkan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bindings of the kernel with the most of them; Vulkan promises only 4, what exists has 8. */
#define NEEDED_BUFFERS  VULKAN_MAX_BUFFERS
#define DEFAULT_TIMEOUT 60 /* seconds; CORBEL_VULKAN_TIMEOUT */

/* ---- waiting --------------------------------------------------------------------------------- */

corbel_status vulkan_check(struct vulkan_device *device, corbel_error *err)
{
    if (device->instance.complaint->made)
        return error_set(err, CORBEL_E_DEVICE, "%s: Vulkan validation: %s", device->base.name,
                         device->instance.complaint->text);
    if (device->lost)
        return error_set(err, CORBEL_E_DEVICE, "%s was lost and is not used again",
                         device->base.name);
    return CORBEL_OK;
}

corbel_status vulkan_wait(struct vulkan_device *device, VkFence fence, corbel_error *err)
{
    const VkResult result = vkWaitForFences(device->handle, 1, &fence, VK_TRUE, device->timeout_ns);
    if (result == VK_SUCCESS)
        return CORBEL_OK;
    device->lost = true;
    if (result == VK_TIMEOUT)
        return error_set(err, CORBEL_E_DEVICE,
                         "%s: no answer in %llu seconds (CORBEL_VULKAN_TIMEOUT): device lost",
                         device->base.name, (unsigned long long)(device->timeout_ns / 1000000000u));
    return vulkan_error(err, result, "waiting for the device");
}

corbel_status vulkan_submit_once(struct vulkan_device *device,
                                 void (*record)(VkCommandBuffer, void *), void *user,
                                 corbel_error *err)
{
    corbel_status status = vulkan_check(device, err);
    if (status != CORBEL_OK)
        return status;
    VkCommandBuffer commands = VK_NULL_HANDLE;
    VkFence fence = VK_NULL_HANDLE;
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = device->commands,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1};
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                            .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    VkResult result = vkAllocateCommandBuffers(device->handle, &allocate, &commands);
    if (result == VK_SUCCESS)
        result = vkCreateFence(device->handle, &fence_info, NULL, &fence);
    if (result == VK_SUCCESS)
        result = vkBeginCommandBuffer(commands, &begin);
    if (result == VK_SUCCESS) {
        record(commands, user);
        result = vkEndCommandBuffer(commands);
    }
    const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                 .commandBufferCount = 1,
                                 .pCommandBuffers = &commands};
    if (result == VK_SUCCESS)
        result = vkQueueSubmit(device->queue, 1, &submit, fence);
    status = result == VK_SUCCESS ? vulkan_wait(device, fence, err)
                                  : vulkan_error(err, result, "submitting commands");
    if (device->lost)
        return status; /* the device may still use them */
    if (fence)
        vkDestroyFence(device->handle, fence, NULL);
    if (commands)
        vkFreeCommandBuffers(device->handle, device->commands, 1, &commands);
    return status;
}

/* ---- choosing -------------------------------------------------------------------------------- */

static bool has_extension(VkPhysicalDevice physical, const char *name)
{
    uint32_t n = 0;
    bool found = false;
    if (vkEnumerateDeviceExtensionProperties(physical, NULL, &n, NULL) != VK_SUCCESS)
        return false;
    VkExtensionProperties *all = calloc(n ? n : 1, sizeof(*all));
    if (all && vkEnumerateDeviceExtensionProperties(physical, NULL, &n, all) == VK_SUCCESS)
        for (uint32_t i = 0; i < n && !found; i++)
            found = strcmp(all[i].extensionName, name) == 0;
    free(all);
    return found;
}

/* A queue that computes and is not busy with graphics, if there is one. */
static bool find_family(VkPhysicalDevice physical, uint32_t *family, bool *timestamps)
{
    VkQueueFamilyProperties families[32];
    uint32_t n = sizeof(families) / sizeof(families[0]);
    bool found = false;
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &n, families);
    for (uint32_t i = 0; i < n; i++) {
        if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT))
            continue;
        const bool pure = !(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT);
        if (found && !pure)
            continue;
        *family = i;
        *timestamps = families[i].timestampValidBits >= 36;
        found = true;
        if (pure)
            break;
    }
    return found;
}

static bool find_memory_type(const VkPhysicalDeviceMemoryProperties *memory,
                             VkMemoryPropertyFlags wanted, uint32_t *type)
{
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++)
        if ((memory->memoryTypes[i].propertyFlags & wanted) == wanted) {
            *type = i;
            return true;
        }
    return false;
}

static bool choose_memory(struct vulkan_device *device)
{
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    const VkMemoryPropertyFlags host =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const VkMemoryPropertyFlags cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    const VkPhysicalDeviceType type = device->properties.deviceType;
    uint32_t *types = device->memory_types;

    device->unified =
        (type == VK_PHYSICAL_DEVICE_TYPE_CPU || type == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU) &&
        find_memory_type(&device->memory, local | host | cached, &types[MEMORY_DEVICE]);
    return (device->unified || find_memory_type(&device->memory, local, &types[MEMORY_DEVICE])) &&
           (find_memory_type(&device->memory, local | host, &types[MEMORY_UPLOAD]) ||
            find_memory_type(&device->memory, host, &types[MEMORY_UPLOAD])) &&
           (find_memory_type(&device->memory, host | cached, &types[MEMORY_READBACK]) ||
            find_memory_type(&device->memory, host, &types[MEMORY_READBACK]));
}

static VkDeviceSize greatest(VkDeviceSize a, VkDeviceSize b)
{
    return a > b ? a : b;
}

/* Offsets of regions suit every kind of binding, and 16-byte loads. */
static VkDeviceSize region_alignment(const VkPhysicalDeviceLimits *limits)
{
    return greatest(64, greatest(limits->minStorageBufferOffsetAlignment,
                                 limits->minTexelBufferOffsetAlignment));
}

/* ---- creating -------------------------------------------------------------------------------- */

static VkDeviceSize host_import_alignment(VkPhysicalDevice physical)
{
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &host};
    vkGetPhysicalDeviceProperties2(physical, &all);
    return host.minImportedHostPointerAlignment;
}

static corbel_status open_handle(struct vulkan_device *device, corbel_error *err)
{
    VkPhysicalDeviceRobustness2FeaturesEXT offered = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT};
    const char *extensions[3];
    uint32_t n_extensions = 0;
    /* Work of a processor reads the host's pages as its own. A graphics chip would have to pin
     * them, and refuses what is mapped read-only. */
    const bool import = device->software &&
                        has_extension(device->physical, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
    const bool robust = has_extension(device->physical, VK_EXT_ROBUSTNESS_2_EXTENSION_NAME);
    const bool small = has_extension(device->physical, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME);
    struct vulkan_features custom;
    if (import)
        extensions[n_extensions++] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    if (robust) {
        VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                         .pNext = &offered};
        extensions[n_extensions++] = VK_EXT_ROBUSTNESS_2_EXTENSION_NAME;
        vkGetPhysicalDeviceFeatures2(device->physical, &all);
    }
    if (small)
        extensions[n_extensions++] = VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME;
    custom_features(device, small, &custom);
    custom.core.robustBufferAccess = VK_TRUE;
    custom.small.pNext = robust ? &offered : NULL;

    const float priority = 1.0f;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = device->family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    const VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = small ? (void *)&custom.small : custom.small.pNext,
        .features = custom.core};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &features,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue,
                                     .enabledExtensionCount = n_extensions,
                                     .ppEnabledExtensionNames = extensions};
    VkResult result = vkCreateDevice(device->physical, &info, NULL, &device->handle);
    if (result != VK_SUCCESS) {
        device->handle = VK_NULL_HANDLE;
        return vulkan_error(err, result, device->properties.deviceName);
    }
    device->host_pointer_properties = (PFN_vkGetMemoryHostPointerPropertiesEXT)vkGetDeviceProcAddr(
        device->handle, "vkGetMemoryHostPointerPropertiesEXT");
    if (import && device->host_pointer_properties)
        device->import_alignment = host_import_alignment(device->physical);
    vkGetDeviceQueue(device->handle, device->family, 0, &device->queue);
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = device->family};
    result = vkCreateCommandPool(device->handle, &pool, NULL, &device->commands);
    return result == VK_SUCCESS ? CORBEL_OK : vulkan_error(err, result, "making a command pool");
}

static uint64_t timeout_ns(void)
{
    const char *text = getenv("CORBEL_VULKAN_TIMEOUT");
    unsigned long seconds = text ? strtoul(text, NULL, 10) : 0;
    if (seconds == 0 || seconds > 86400)
        seconds = DEFAULT_TIMEOUT;
    return (uint64_t)seconds * 1000000000u;
}

static corbel_status open_device(struct vulkan_device *device, uint32_t index, corbel_error *err)
{
    const VkPhysicalDeviceLimits *limits = &device->properties.limits;
    if (index >= device->instance.n_physical)
        return error_set(err, CORBEL_E_NOT_FOUND,
                         "vulkan:%u: there are %u Vulkan devices, vulkan:0 to vulkan:%u", index,
                         device->instance.n_physical, device->instance.n_physical - 1);
    device->physical = device->instance.physical[index];
    vkGetPhysicalDeviceProperties(device->physical, &device->properties);
    vkGetPhysicalDeviceMemoryProperties(device->physical, &device->memory);
    if (device->properties.apiVersion < VK_API_VERSION_1_1)
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s (%s): it has Vulkan 1.0, 1.1 is needed",
                         device->base.name, device->properties.deviceName);
    if (limits->maxPerStageDescriptorStorageBuffers < NEEDED_BUFFERS)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%s (%s): %u storage buffers a shader, %u are needed", device->base.name,
                         device->properties.deviceName, limits->maxPerStageDescriptorStorageBuffers,
                         NEEDED_BUFFERS);
    if (!find_family(device->physical, &device->family, &device->timestamps) ||
        !choose_memory(device))
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s (%s): it does not compute",
                         device->base.name, device->properties.deviceName);
    device->alignment = region_alignment(limits);
    device->software = device->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    device->timeout_ns = timeout_ns();
    return open_handle(device, err);
}

/* ---- device_ops ------------------------------------------------------------------------------ */

static void destroy(struct device *base)
{
    struct vulkan_device *device = (struct vulkan_device *)base;
    /* What a lost device still runs can't be taken from it: leave it all where it is. */
    if (device->lost) {
        free(device->cache_path);
        free(device);
        return;
    }
    if (device->handle) {
        region_free(device, &device->staging);
        pipelines_close(device);
        memory_finish(device);
        if (device->commands)
            vkDestroyCommandPool(device->handle, device->commands, NULL);
        vkDestroyDevice(device->handle, NULL);
    }
    vulkan_instance_close(&device->instance);
    free(device->cache_path);
    free(device);
}

static struct plan_options plan_options(const struct device *base)
{
    const struct vulkan_device *device = (const struct vulkan_device *)base;
    return (struct plan_options){.fuse_linear = true,
                                 .fuse_norm = true,
                                 .fuse_rope = true,
                                 .host_prologue = true,
                                 .alignment = device->alignment,
                                 .refuse_kernel = custom_refuse,
                                 .user = (void *)base};
}

static const struct device_ops ops = {
    .destroy = destroy,
    .plan_options = plan_options,
    .buffer_refer_weight = vulkan_buffer_refer_weight,
    .buffer_reserve_weight = vulkan_buffer_reserve_weight,
    .buffer_fill_weight = vulkan_buffer_fill_weight,
    .buffer_view_weight = vulkan_buffer_view_weight,
    .buffer_create = vulkan_buffer_create,
    .buffer_destroy = vulkan_buffer_destroy,
    .buffer_read = vulkan_buffer_read,
    .buffer_write = vulkan_buffer_write,
    .executable_create = vulkan_executable_create,
    .executable_destroy = vulkan_executable_destroy,
    .executable_input = vulkan_executable_input,
    .executable_run = vulkan_executable_run,
    .executable_output = vulkan_executable_output,
    .executable_set_profile = vulkan_executable_set_profile,
    .executable_profile = vulkan_executable_profile,
};

corbel_status vulkan_device_create(uint32_t index, const struct device_params *params,
                                   struct device **device, corbel_error *err)
{
    const char *wish = getenv("CORBEL_VULKAN_VALIDATION");
    const bool validation = (params && params->validation) || (wish && strcmp(wish, "1") == 0);
    struct vulkan_device *d = calloc(1, sizeof(*d));
    *device = NULL;
    if (!d)
        return error_memory(err, sizeof(*d), "a Vulkan device");
    d->base.ops = &ops;
    snprintf(d->base.name, sizeof(d->base.name), "vulkan:%u", index);
    corbel_status status = vulkan_instance_open(&d->instance, validation, err);
    if (status == CORBEL_OK)
        status = open_device(d, index, err);
    if (status == CORBEL_OK) {
        pipelines_open(d, params ? params->cache_dir : NULL);
        status = vulkan_check(d, err);
    }
    if (status != CORBEL_OK) {
        destroy(&d->base);
        return status;
    }
    log_line(CORBEL_LOG_DEBUG, "%s is %s, Vulkan %u.%u%s", d->base.name, d->properties.deviceName,
             VK_API_VERSION_MAJOR(d->properties.apiVersion),
             VK_API_VERSION_MINOR(d->properties.apiVersion), d->unified ? ", unified memory" : "");
    *device = &d->base;
    return CORBEL_OK;
}
