/* device/vulkan/custom.c: shaders of plugins: what this device can run of them. */
#include "base/log.h"
#include "device/vulkan/vulkan.h"

#include <stdlib.h>
#include <string.h>

/* A copy of a kernel: its model may go before the device, and its pipelines don't. */
struct vulkan_custom {
    struct vulkan_shader shader;
    const char *refused; /* why it does not run here; said once */
    struct vulkan_custom *next;
    char *text; /* name and entry */
    uint32_t *spirv;
};

/* ---- features -------------------------------------------------------------------------------- */

static void set(struct vulkan_device *device, enum program_feature feature, VkBool32 offered)
{
    if (offered)
        device->features |= 1u << feature;
}

static void subgroup_features(struct vulkan_device *device)
{
    VkPhysicalDeviceSubgroupProperties subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &subgroup};
    const VkSubgroupFeatureFlags bits[] = {
        VK_SUBGROUP_FEATURE_BASIC_BIT,      VK_SUBGROUP_FEATURE_VOTE_BIT,
        VK_SUBGROUP_FEATURE_ARITHMETIC_BIT, VK_SUBGROUP_FEATURE_BALLOT_BIT,
        VK_SUBGROUP_FEATURE_SHUFFLE_BIT,    VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT,
        VK_SUBGROUP_FEATURE_CLUSTERED_BIT};
    vkGetPhysicalDeviceProperties2(device->physical, &all);
    if (!(subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT))
        return;
    for (uint32_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        set(device, (enum program_feature)(FEATURE_SUBGROUP_BASIC + i),
            (subgroup.supportedOperations & bits[i]) != 0);
}

void custom_features(struct vulkan_device *device, bool has_small, struct vulkan_features *features)
{
    *features = (struct vulkan_features){
        .small.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES_KHR};
    VkPhysicalDeviceFeatures2 offered = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                         .pNext = has_small ? &features->small : NULL};
    vkGetPhysicalDeviceFeatures2(device->physical, &offered);
    features->core.shaderInt64 = offered.features.shaderInt64;
    features->core.shaderInt16 = offered.features.shaderInt16;
    features->core.shaderFloat64 = offered.features.shaderFloat64;
    set(device, FEATURE_INT64, features->core.shaderInt64);
    set(device, FEATURE_INT16, features->core.shaderInt16);
    set(device, FEATURE_FLOAT64, features->core.shaderFloat64);
    set(device, FEATURE_INT8, features->small.shaderInt8);
    set(device, FEATURE_FLOAT16, features->small.shaderFloat16);
    subgroup_features(device);
}

static const char *missing_feature(uint32_t missing)
{
    static const char *const names[FEATURE_COUNT] = {
        [FEATURE_INT64] = "this device has no 64-bit integers",
        [FEATURE_INT16] = "this device has no 16-bit integers",
        [FEATURE_INT8] = "this device has no 8-bit integers",
        [FEATURE_FLOAT64] = "this device has no 64-bit floats",
        [FEATURE_FLOAT16] = "this device has no 16-bit floats",
        [FEATURE_SUBGROUP_BASIC] = "this device has no subgroups",
        [FEATURE_SUBGROUP_VOTE] = "this device's subgroups don't vote",
        [FEATURE_SUBGROUP_ARITHMETIC] = "this device's subgroups don't reduce",
        [FEATURE_SUBGROUP_BALLOT] = "this device's subgroups have no ballots",
        [FEATURE_SUBGROUP_SHUFFLE] = "this device's subgroups don't shuffle",
        [FEATURE_SUBGROUP_SHUFFLE_RELATIVE] = "this device's subgroups don't shuffle relatively",
        [FEATURE_SUBGROUP_CLUSTERED] = "this device's subgroups don't reduce in clusters",
    };
    for (uint32_t i = 0; i < FEATURE_COUNT; i++)
        if (missing & 1u << i)
            return names[i];
    return NULL;
}

/* ---- kept shaders ---------------------------------------------------------------------------- */

static bool is_same(const struct vulkan_custom *c, const struct program_kernel *k)
{
    return c->shader.spirv_size == k->spirv_size && c->shader.n_buffers == k->n_buffers &&
           c->shader.push_size == k->push_size && strcmp(c->shader.name, k->name) == 0 &&
           strcmp(c->shader.entry, k->entry) == 0 &&
           memcmp(c->shader.spirv, k->spirv, k->spirv_size) == 0;
}

static struct vulkan_custom *custom_create(const struct program_kernel *k)
{
    struct vulkan_custom *c = calloc(1, sizeof(*c));
    const size_t name_size = strlen(k->name) + 1, entry_size = strlen(k->entry) + 1;
    if (!c)
        return NULL;
    c->spirv = malloc(k->spirv_size);
    c->text = malloc(name_size + entry_size);
    if (!c->spirv || !c->text) {
        free(c->spirv);
        free(c->text);
        free(c);
        return NULL;
    }
    memcpy(c->spirv, k->spirv, k->spirv_size);
    memcpy(c->text, k->name, name_size);
    memcpy(c->text + name_size, k->entry, entry_size);
    c->shader = (struct vulkan_shader){.name = c->text,
                                       .entry = c->text + name_size,
                                       .spirv = c->spirv,
                                       .spirv_size = k->spirv_size,
                                       .n_buffers = k->n_buffers,
                                       .push_size = k->push_size,
                                       .is_custom = true};
    return c;
}

static struct vulkan_custom *find(struct vulkan_device *device, const struct program_kernel *k)
{
    struct vulkan_custom *c = device->customs;
    while (c && !is_same(c, k))
        c = c->next;
    if (!c && (c = custom_create(k)) != NULL) {
        c->next = device->customs;
        device->customs = c;
    }
    return c;
}

const struct vulkan_shader *custom_shader(struct vulkan_device *device,
                                          const struct program_kernel *kernel)
{
    struct vulkan_custom *c = find(device, kernel);
    return c ? &c->shader : NULL;
}

void custom_finish(struct vulkan_device *device)
{
    while (device->customs) {
        struct vulkan_custom *c = device->customs;
        device->customs = c->next;
        free(c->spirv);
        free(c->text);
        free(c);
    }
}

/* ---- what does not run here ------------------------------------------------------------------ */

static const char *too_large(const struct vulkan_device *device, const struct program_kernel *k)
{
    const VkPhysicalDeviceLimits *limits = &device->properties.limits;
    uint32_t invocations = 1;
    for (int i = 0; i < 3; i++) {
        invocations *= k->local_size[i]; /* at most 1024 of each, as its module was checked */
        if (k->local_size[i] > limits->maxComputeWorkGroupSize[i])
            return "its workgroups are larger than this device's";
    }
    if (invocations > limits->maxComputeWorkGroupInvocations)
        return "its workgroups are larger than this device's";
    if (k->shared_size > limits->maxComputeSharedMemorySize)
        return "it shares more memory than this device's workgroups have";
    if (k->n_buffers > limits->maxPerStageDescriptorStorageBuffers)
        return "it has more buffers than this device binds";
    return NULL;
}

/* Buffers hold 32-bit elements: what is narrower is cast first. */
static const char *does_not_fit(const struct vulkan_device *device, const struct program *p,
                                const struct program_region *r)
{
    const VkPhysicalDeviceLimits *limits = &device->properties.limits;
    for (int i = 0; i < 3; i++)
        if (r->launch.grid[i] > limits->maxComputeWorkGroupCount[i])
            return "its grid is larger than this device's";
    for (uint32_t i = 0; i <= r->n_in; i++) {
        const uint32_t id = i < r->n_in ? r->in[i] : r->out;
        if (id != 0 && (uint64_t)value_count(&p->values[id]) > limits->maxStorageBufferRange / 4)
            return "one of its buffers is larger than this device binds";
    }
    return NULL;
}

const char *custom_refuse(void *user, const struct program *p, const struct program_region *region,
                          const struct program_kernel *kernel)
{
    struct vulkan_device *device = user;
    struct vulkan_custom *c = find(device, kernel);
    const char *why = missing_feature(kernel->features & ~device->features);
    if (!why)
        why = too_large(device, kernel);
    if (!why)
        why = does_not_fit(device, p, region);
    if (!c)
        why = "there is no memory for it";
    if (c && why && !c->refused)
        log_line(CORBEL_LOG_WARN, "%s: kernel %s is computed by its decomposition: %s",
                 device->base.name, kernel->name, why);
    if (c && why)
        c->refused = why;
    return why;
}
