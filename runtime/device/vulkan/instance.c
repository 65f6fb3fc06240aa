/* device/vulkan/instance.c: Vulkan itself, found at run time, and what its layers complain of. */
#include "base/log.h"
#include "device/vulkan/vulkan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"

/* volk keeps the functions in globals. Those of Vulkan itself are the loader's and equal for every
 * instance; those of extensions are not, and are asked for where they are used. */
static pthread_mutex_t volk_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *result_name(VkResult result)
{
    switch (result) {
    case VK_TIMEOUT: return "timeout";
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "out of device memory";
    case VK_ERROR_INITIALIZATION_FAILED: return "initialization failed";
    case VK_ERROR_DEVICE_LOST: return "device lost";
    case VK_ERROR_MEMORY_MAP_FAILED: return "memory map failed";
    case VK_ERROR_LAYER_NOT_PRESENT: return "layer not present";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "extension not present";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "feature not present";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "incompatible driver";
    case VK_ERROR_TOO_MANY_OBJECTS: return "too many objects";
    case VK_ERROR_FRAGMENTED_POOL: return "fragmented pool";
    case VK_ERROR_INVALID_SHADER_NV: return "invalid shader";
    default: return NULL;
    }
}

corbel_status vulkan_error(corbel_error *err, VkResult result, const char *doing)
{
    const corbel_status status =
        result == VK_ERROR_OUT_OF_HOST_MEMORY ? CORBEL_E_MEMORY : CORBEL_E_DEVICE;
    const char *name = result_name(result);
    if (name)
        return error_set(err, status, "Vulkan: %s: %s", doing, name);
    return error_set(err, status, "Vulkan: %s: error %d", doing, (int)result);
}

static VKAPI_ATTR VkBool32 VKAPI_CALL take_complaint(
    VkDebugUtilsMessageSeverityFlagBitsEXT severity, VkDebugUtilsMessageTypeFlagsEXT types,
    const VkDebugUtilsMessengerCallbackDataEXT *data, void *user)
{
    struct vulkan_complaint *complaint = user;
    (void)types;
    if (severity < VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT) {
        log_line(CORBEL_LOG_WARN, "Vulkan: %s", data->pMessage);
        return VK_FALSE;
    }
    if (!complaint->made) {
        complaint->made = true;
        strncpy(complaint->text, data->pMessage, sizeof(complaint->text) - 1);
    }
    log_line(CORBEL_LOG_ERROR, "Vulkan: %s", data->pMessage);
    return VK_FALSE;
}

static bool has_validation_layer(void)
{
    VkLayerProperties layers[64];
    uint32_t n = sizeof(layers) / sizeof(layers[0]);
    if (vkEnumerateInstanceLayerProperties(&n, layers) < 0)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(layers[i].layerName, VALIDATION_LAYER) == 0)
            return true;
    return false;
}

static VkDebugUtilsMessengerCreateInfoEXT messenger_info(struct vulkan_complaint *complaint)
{
    return (VkDebugUtilsMessengerCreateInfoEXT){
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = take_complaint,
        .pUserData = complaint,
    };
}

static corbel_status create_handle(struct vulkan_instance *instance, bool validation,
                                   corbel_error *err)
{
    static const char *const layers[] = {VALIDATION_LAYER};
    static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    const VkDebugUtilsMessengerCreateInfoEXT messenger = messenger_info(instance->complaint);
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "corbel",
        .apiVersion = VK_API_VERSION_1_1,
    };
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    if (validation) {
        if (!has_validation_layer())
            return error_set(err, CORBEL_E_NOT_FOUND,
                             "Vulkan: validation was asked for, but " VALIDATION_LAYER
                             " is not installed");
        info.pNext = &messenger;
        info.enabledLayerCount = info.enabledExtensionCount = 1;
        info.ppEnabledLayerNames = layers;
        info.ppEnabledExtensionNames = extensions;
    }
    VkResult result = vkCreateInstance(&info, NULL, &instance->handle);
    if (result != VK_SUCCESS) {
        instance->handle = VK_NULL_HANDLE;
        if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
            return error_set(err, CORBEL_E_NOT_FOUND, "Vulkan: no driver is installed");
        return vulkan_error(err, result, "creating an instance");
    }
    volkLoadInstance(instance->handle);
    if (!validation)
        return CORBEL_OK;
    const PFN_vkCreateDebugUtilsMessengerEXT create =
        (PFN_vkCreateDebugUtilsMessengerEXT)vkGetInstanceProcAddr(instance->handle,
                                                                  "vkCreateDebugUtilsMessengerEXT");
    result = create ? create(instance->handle, &messenger, NULL, &instance->messenger)
                    : VK_ERROR_EXTENSION_NOT_PRESENT;
    return result == VK_SUCCESS ? CORBEL_OK : vulkan_error(err, result, "listening to validation");
}

static corbel_status find_devices(struct vulkan_instance *instance, corbel_error *err)
{
    instance->n_physical = VULKAN_MAX_DEVICES;
    const VkResult result =
        vkEnumeratePhysicalDevices(instance->handle, &instance->n_physical, instance->physical);
    if (result < 0)
        return vulkan_error(err, result, "listing devices");
    if (instance->n_physical == 0)
        return error_set(err, CORBEL_E_NOT_FOUND, "Vulkan: there is no device");
    return CORBEL_OK;
}

static void destroy_messenger(struct vulkan_instance *instance)
{
    const PFN_vkDestroyDebugUtilsMessengerEXT destroy =
        (PFN_vkDestroyDebugUtilsMessengerEXT)vkGetInstanceProcAddr(
            instance->handle, "vkDestroyDebugUtilsMessengerEXT");
    if (destroy)
        destroy(instance->handle, instance->messenger, NULL);
}

void vulkan_instance_close(struct vulkan_instance *instance)
{
    if (instance->messenger)
        destroy_messenger(instance);
    if (instance->handle)
        vkDestroyInstance(instance->handle, NULL);
    free(instance->complaint);
    *instance = (struct vulkan_instance){0};
}

corbel_status vulkan_instance_open(struct vulkan_instance *instance, bool validation,
                                   corbel_error *err)
{
    corbel_status status;
    *instance = (struct vulkan_instance){.complaint = calloc(1, sizeof(*instance->complaint))};
    if (!instance->complaint)
        return error_memory(err, sizeof(*instance->complaint), "a Vulkan instance");
    pthread_mutex_lock(&volk_lock);
    if (volkInitialize() != VK_SUCCESS)
        status = error_set(err, CORBEL_E_NOT_FOUND,
                           "Vulkan: libvulkan.so.1 is not installed on this machine");
    else
        status = create_handle(instance, validation, err);
    pthread_mutex_unlock(&volk_lock);
    if (status == CORBEL_OK)
        status = find_devices(instance, err);
    if (status != CORBEL_OK)
        vulkan_instance_close(instance);
    return status;
}

static const char *type_name(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return "integrated";
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return "discrete";
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return "virtual";
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return "software";
    default: return "other";
    }
}

static uint64_t local_memory(VkPhysicalDevice physical)
{
    VkPhysicalDeviceMemoryProperties memory;
    uint64_t largest = 0;
    vkGetPhysicalDeviceMemoryProperties(physical, &memory);
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++)
        if ((memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) &&
            memory.memoryHeaps[i].size > largest)
            largest = memory.memoryHeaps[i].size;
    return largest;
}

static void append_device(struct text *out, uint32_t index, VkPhysicalDevice physical)
{
    VkPhysicalDeviceProperties p;
    vkGetPhysicalDeviceProperties(physical, &p);
    text_format(out, "%s{\"name\": \"vulkan:%u\", \"description\": ", index ? ", " : "", index);
    text_append_json_string(out, p.deviceName, strlen(p.deviceName));
    text_format(out, ", \"memory_bytes\": %llu, \"features\": [\"%s\", \"Vulkan %u.%u.%u\"]}",
                (unsigned long long)local_memory(physical), type_name(p.deviceType),
                VK_API_VERSION_MAJOR(p.apiVersion), VK_API_VERSION_MINOR(p.apiVersion),
                VK_API_VERSION_PATCH(p.apiVersion));
}

/* What others use of its memory, where the driver says so; else nothing. */
static uint64_t used_memory(VkPhysicalDevice physical, uint64_t total)
{
    VkExtensionProperties extensions[512];
    uint32_t n = sizeof extensions / sizeof extensions[0];
    bool tells = false;
    if (vkEnumerateDeviceExtensionProperties(physical, NULL, &n, extensions) < 0)
        return 0;
    for (uint32_t i = 0; i < n && !tells; i++)
        tells = strcmp(extensions[i].extensionName, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME) == 0;
    if (!tells || !vkGetPhysicalDeviceMemoryProperties2)
        return 0;
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, .pNext = &budget};
    vkGetPhysicalDeviceMemoryProperties2(physical, &memory);
    for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; i++)
        if (memory.memoryProperties.memoryHeaps[i].size == total && budget.heapBudget[i] < total)
            return total - budget.heapBudget[i];
    return 0;
}

uint32_t vulkan_device_find(struct device_info *out, uint32_t most)
{
    struct vulkan_instance instance;
    if (most == 0 || vulkan_instance_open(&instance, false, NULL) != CORBEL_OK)
        return 0;
    const uint32_t n = instance.n_physical < most ? instance.n_physical : most;
    for (uint32_t i = 0; i < n; i++) {
        VkPhysicalDeviceProperties p;
        vkGetPhysicalDeviceProperties(instance.physical[i], &p);
        const uint64_t total = local_memory(instance.physical[i]);
        out[i] = (struct device_info){.memory = total - used_memory(instance.physical[i], total),
                                      .is_software = p.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU};
        snprintf(out[i].name, sizeof(out[i].name), "vulkan:%u", i);
    }
    vulkan_instance_close(&instance);
    return n;
}

uint32_t vulkan_device_list(struct text *out)
{
    struct vulkan_instance instance;
    if (vulkan_instance_open(&instance, false, NULL) != CORBEL_OK)
        return 0;
    const uint32_t n = instance.n_physical;
    for (uint32_t i = 0; i < n; i++)
        append_device(out, i, instance.physical[i]);
    vulkan_instance_close(&instance);
    return n;
}
