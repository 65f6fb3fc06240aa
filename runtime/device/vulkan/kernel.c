/* device/vulkan/kernel.c: pipelines, made from a shader and its specialisation constants when they
 * are first asked for, and kept; the driver's own cache of them is saved between processes. */
#include "base/file.h"
#include "base/log.h"
#include "device/vulkan/vulkan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LIMIT ((size_t)64 << 20)

static void pipeline_destroy(struct vulkan_device *device, struct vulkan_pipeline *p)
{
    if (!p)
        return;
    if (p->handle)
        vkDestroyPipeline(device->handle, p->handle, NULL);
    if (p->layout)
        vkDestroyPipelineLayout(device->handle, p->layout, NULL);
    if (p->set_layout)
        vkDestroyDescriptorSetLayout(device->handle, p->set_layout, NULL);
    free(p);
}

static VkResult create_layouts(struct vulkan_device *device, struct vulkan_pipeline *p)
{
    VkDescriptorSetLayoutBinding bindings[VULKAN_MAX_BUFFERS];
    for (uint32_t i = 0; i < p->shader->n_buffers; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = i < p->shader->n_texel ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                                     : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    const VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = p->shader->n_buffers,
        .pBindings = bindings};
    VkResult result = vkCreateDescriptorSetLayout(device->handle, &set, NULL, &p->set_layout);
    if (result != VK_SUCCESS)
        return result;
    const VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, p->shader->push_size};
    const VkPipelineLayoutCreateInfo layout = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &p->set_layout,
        .pushConstantRangeCount = p->shader->push_size ? 1 : 0,
        .pPushConstantRanges = &push};
    return vkCreatePipelineLayout(device->handle, &layout, NULL, &p->layout);
}

static VkResult create_handle(struct vulkan_device *device, struct vulkan_pipeline *p)
{
    VkSpecializationMapEntry entries[VULKAN_MAX_SPECS];
    for (uint32_t i = 0; i < p->n_specs; i++)
        entries[i] = (VkSpecializationMapEntry){i, i * 4, 4};
    const VkSpecializationInfo constants = {.mapEntryCount = p->n_specs,
                                            .pMapEntries = entries,
                                            .dataSize = p->n_specs * 4,
                                            .pData = p->specs};
    const VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                           .codeSize = p->shader->spirv_size,
                                           .pCode = p->shader->spirv};
    VkShaderModule module;
    VkResult result = vkCreateShaderModule(device->handle, &code, NULL, &module);
    if (result != VK_SUCCESS)
        return result;
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = p->shader->entry,
                  .pSpecializationInfo = &constants},
        .layout = p->layout};
    /* The cache is a file that all models share: nothing of a plugin goes in. */
    if (p->shader->is_custom)
        result = compile_with_timeout(device, &info, &p->handle);
    else
        result =
            vkCreateComputePipelines(device->handle, device->cache, 1, &info, NULL, &p->handle);
    if (!device->lost)
        vkDestroyShaderModule(device->handle, module, NULL);
    return result;
}

corbel_status pipeline_get(struct vulkan_device *device, const struct vulkan_shader *shader,
                           const uint32_t *specs, uint32_t n_specs,
                           const struct vulkan_pipeline **pipeline, corbel_error *err)
{
    for (struct vulkan_pipeline *p = device->pipelines; p; p = p->next)
        if (p->shader == shader && p->n_specs == n_specs &&
            memcmp(p->specs, specs, n_specs * sizeof(*specs)) == 0) {
            *pipeline = p;
            return CORBEL_OK;
        }
    struct vulkan_pipeline *p = calloc(1, sizeof(*p));
    if (!p)
        return error_memory(err, sizeof(*p), "a pipeline");
    p->shader = shader;
    p->n_specs = n_specs;
    memcpy(p->specs, specs, n_specs * sizeof(*specs));
    VkResult result = create_layouts(device, p);
    if (result == VK_SUCCESS)
        result = create_handle(device, p);
    if (result != VK_SUCCESS) {
        char doing[96];
        snprintf(doing, sizeof doing, "making the pipeline of shader %s", shader->name);
        if (!device->lost)
            pipeline_destroy(device, p);
        if (result == VK_TIMEOUT)
            return error_set(err, CORBEL_E_DEVICE,
                             "%s: compiling the shader %s did not end in %llu seconds "
                             "(CORBEL_VULKAN_TIMEOUT): device lost",
                             device->base.name, shader->name,
                             (unsigned long long)(device->timeout_ns / 1000000000u));
        return vulkan_error(err, result, doing);
    }
    p->next = device->pipelines;
    device->pipelines = p;
    device->cache_grown = device->cache_grown || !shader->is_custom;
    *pipeline = p;
    return CORBEL_OK;
}

/* ---- the driver's cache ---------------------------------------------------------------------- */

/* One file a driver; it checks the contents itself, and an unknown file is as good as none. */
static char *cache_path(const struct vulkan_device *device, const char *dir)
{
    char name[64], path[4096];
    const VkPhysicalDeviceProperties *p = &device->properties;
    snprintf(name, sizeof name, "vulkan-%08x-%08x-%08x.cache", p->vendorID, p->deviceID,
             p->driverVersion);
    return path_join(path, sizeof path, dir, name) ? strdup(path) : NULL;
}

void pipelines_open(struct vulkan_device *device, const char *cache_dir)
{
    char *data = NULL;
    size_t size = 0;
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    if (cache_dir)
        device->cache_path = cache_path(device, cache_dir);
    if (device->cache_path && file_exists(device->cache_path) &&
        file_read(device->cache_path, CACHE_LIMIT, &data, &size, NULL) == CORBEL_OK) {
        info.initialDataSize = size;
        info.pInitialData = data;
    }
    /* Without a cache pipelines take longer, and nothing else. */
    if (vkCreatePipelineCache(device->handle, &info, NULL, &device->cache) != VK_SUCCESS)
        device->cache = VK_NULL_HANDLE;
    free(data);
}

static void save_cache(struct vulkan_device *device)
{
    corbel_error error = {0};
    size_t size = 0;
    char *data = NULL;
    if (vkGetPipelineCacheData(device->handle, device->cache, &size, NULL) == VK_SUCCESS &&
        size > 0)
        data = malloc(size);
    if (data && vkGetPipelineCacheData(device->handle, device->cache, &size, data) == VK_SUCCESS &&
        file_write(device->cache_path, data, size, &error) != CORBEL_OK)
        log_line(CORBEL_LOG_DEBUG, "%s: the pipeline cache is not kept: %s", device->base.name,
                 error.text);
    free(data);
}

void pipelines_close(struct vulkan_device *device)
{
    if (device->cache && device->cache_path && device->cache_grown)
        save_cache(device);
    while (device->pipelines) {
        struct vulkan_pipeline *p = device->pipelines;
        device->pipelines = p->next;
        pipeline_destroy(device, p);
    }
    custom_finish(device);
    if (device->cache)
        vkDestroyPipelineCache(device->handle, device->cache, NULL);
    device->cache = VK_NULL_HANDLE;
}
