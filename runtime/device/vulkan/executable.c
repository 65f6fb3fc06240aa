/* device/vulkan/executable.c: a planned program, recorded once and replayed every step. */
#include "device/vulkan/executable.h"

#include <stdlib.h>
#include <string.h>

corbel_status vulkan_executable_create(struct device *base, const struct plan *plan,
                                       const struct executable_bindings *bindings,
                                       struct executable **executable, corbel_error *err)
{
    struct vulkan_device *device = (struct vulkan_device *)base;
    *executable = NULL;
    corbel_status status = vulkan_check(device, err);
    if (status != CORBEL_OK)
        return status;
    struct vulkan_executable *e = calloc(1, sizeof(*e));
    if (!e)
        return error_memory(err, sizeof(*e), "an executable");
    e->base.device = base;
    e->device = device;
    e->plan = plan;
    status = placement_create(e, bindings, err);
    if (status == CORBEL_OK)
        status = record_create(e, err);
    if (status == CORBEL_OK)
        status = record_commands(e, err);
    if (status == CORBEL_OK)
        status = vulkan_check(device, err);
    if (status != CORBEL_OK) {
        vulkan_executable_destroy(&e->base);
        return status;
    }
    *executable = &e->base;
    return CORBEL_OK;
}

static void destroy_submissions(struct vulkan_executable *e)
{
    for (uint32_t i = 0; i < e->n_submissions; i++) {
        struct submission *s = &e->submissions[i];
        if (s->fence)
            vkDestroyFence(e->device->handle, s->fence, NULL);
        if (s->commands)
            vkFreeCommandBuffers(e->device->handle, e->device->commands, 1, &s->commands);
    }
}

static void destroy_device_objects(struct vulkan_executable *e)
{
    struct vulkan_device *device = e->device;
    destroy_submissions(e);
    for (uint32_t i = 0; i < e->n_views; i++)
        vkDestroyBufferView(device->handle, e->views[i], NULL);
    if (e->descriptors)
        vkDestroyDescriptorPool(device->handle, e->descriptors, NULL);
    if (e->queries)
        vkDestroyQueryPool(device->handle, e->queries, NULL);
    region_free(device, &e->inputs);
    region_free(device, &e->arena);
    region_free(device, &e->scratch);
    region_free(device, &e->readback);
}

void vulkan_executable_destroy(struct executable *base)
{
    struct vulkan_executable *e = (struct vulkan_executable *)base;
    if (!e)
        return;
    if (!e->device->lost)
        destroy_device_objects(e);
    free(e->submissions);
    free(e->views);
    free(e->sets);
    free(e->calls);
    free(e->profile);
    free(e->readback_offsets);
    free(e->value_caches);
    free(e->key_caches);
    free(e->host);
    free(e->operands);
    free(e);
}

/* ---- running --------------------------------------------------------------------------------- */

void *vulkan_executable_input(struct executable *base, const char *name)
{
    const struct vulkan_executable *e = (const struct vulkan_executable *)base;
    const struct program *p = &e->plan->program;
    for (uint32_t id = 1; id <= p->n_values; id++)
        if (p->values[id].kind == VALUE_INPUT && strcmp(p->values[id].name, name) == 0)
            return e->host[id];
    return NULL;
}

static void collect_profile(struct vulkan_executable *e)
{
    const size_t n = (size_t)e->n_calls + 1;
    const double period = (double)e->device->properties.limits.timestampPeriod;
    uint64_t *stamps = calloc(n, sizeof(*stamps));
    if (stamps &&
        vkGetQueryPoolResults(e->device->handle, e->queries, 0, (uint32_t)n, n * sizeof(*stamps),
                              stamps, sizeof(*stamps), VK_QUERY_RESULT_64_BIT) == VK_SUCCESS)
        for (uint32_t i = 0; i < e->n_calls; i++)
            if (stamps[i + 1] > stamps[i])
                e->profile[e->calls[i].op] +=
                    (uint64_t)((double)(stamps[i + 1] - stamps[i]) * period);
    free(stamps);
}

corbel_status vulkan_executable_run(struct executable *base, int64_t past, corbel_error *err)
{
    struct vulkan_executable *e = (struct vulkan_executable *)base;
    const struct program *p = &e->plan->program;
    const int32_t step[] = {(int32_t)past};
    corbel_status status = vulkan_check(e->device, err);
    if (status == CORBEL_OK && (past < 0 || past > INT32_MAX))
        status = error_set(err, CORBEL_E_ARGUMENT, "a step after %lld tokens", (long long)past);
    for (uint32_t i = 0; i < e->plan->n_host_ops && status == CORBEL_OK; i++)
        status = host_op_run(p, &p->ops[i], e->host, err);
    if (status != CORBEL_OK)
        return status;
    memcpy(e->inputs.mapped, step, sizeof step);

    uint32_t submitted = 0;
    for (; submitted < e->n_submissions && status == CORBEL_OK; submitted++) {
        struct submission *s = &e->submissions[submitted];
        const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                     .commandBufferCount = 1,
                                     .pCommandBuffers = &s->commands};
        VkResult result = vkResetFences(e->device->handle, 1, &s->fence);
        if (result == VK_SUCCESS)
            result = vkQueueSubmit(e->device->queue, 1, &submit, s->fence);
        if (result != VK_SUCCESS) {
            e->device->lost = true;
            status = vulkan_error(err, result, "submitting commands");
        }
    }
    for (uint32_t i = 0; i < submitted && status == CORBEL_OK; i++)
        status = vulkan_wait(e->device, e->submissions[i].fence, err);
    if (status == CORBEL_OK && e->profiling)
        collect_profile(e);
    return status == CORBEL_OK ? vulkan_check(e->device, err) : status;
}

/* ---- profile --------------------------------------------------------------------------------- */

void vulkan_executable_set_profile(struct executable *base, bool on)
{
    struct vulkan_executable *e = (struct vulkan_executable *)base;
    struct vulkan_device *device = e->device;
    if (e->profiling == on || device->lost || !device->timestamps)
        return;
    const VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                        .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                        .queryCount = e->n_calls + 1};
    if (on && !e->queries &&
        vkCreateQueryPool(device->handle, &info, NULL, &e->queries) != VK_SUCCESS) {
        e->queries = VK_NULL_HANDLE;
        return;
    }
    e->profiling = on;
    if (record_commands(e, NULL) != CORBEL_OK)
        device->lost = true;
}

const uint64_t *vulkan_executable_profile(struct executable *base)
{
    const struct vulkan_executable *e = (const struct vulkan_executable *)base;
    return e->profiling ? e->profile : NULL;
}
