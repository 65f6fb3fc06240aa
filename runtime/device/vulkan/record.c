/* device/vulkan/record.c: the calls of an executable, their descriptors and commands.
 *
 * Commands are cut into several submissions, so that none runs so long that a driver's watchdog
 * takes the device away. Calls that touch nothing in common run without a barrier between them. */
#include "device/vulkan/executable.h"

#include <stdlib.h>

/* Multiplications in one submission: about a second of a processor's work. */
#define SUBMISSION_WORK 2e10

static struct operand whole(const struct vulkan_region *region, uint64_t size, int32_t dtype)
{
    return (struct operand){
        .buffer = region->buffer, .offset = region->offset, .size = size, .dtype = dtype};
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void init_recorder(struct recorder *r, const struct vulkan_executable *e, corbel_error *err)
{
    *r = (struct recorder){
        .device = e->device,
        .plan = e->plan,
        .operands = e->operands,
        .key_caches = e->key_caches,
        .value_caches = e->value_caches,
        .step = whole(&e->inputs, STEP_SIZE, CORBEL_I32),
        .scratch = whole(&e->scratch, 0, CORBEL_F32),
        .err = err,
    };
    r->step.constant = true;
}

static corbel_status write_calls(struct vulkan_executable *e, VkDeviceSize *scratch_size,
                                 corbel_error *err)
{
    struct recorder r;
    init_recorder(&r, e, err);
    for (uint32_t i = e->plan->n_host_ops; i < e->plan->program.n_ops && r.status == CORBEL_OK;
         i++) {
        const struct program_op *op = &e->plan->program.ops[i];
        r.op = i;
        if (op->n_out == 0 || e->plan->storage[op->out[0]].kind != STORAGE_VIEW)
            record_op(&r, op);
    }
    free(e->calls);
    e->calls = r.calls;
    e->n_calls = r.n_calls;
    *scratch_size = r.scratch_size;
    return r.status;
}

/* Twice if an operation wants scratch memory: only then it is known how much. */
static corbel_status create_calls(struct vulkan_executable *e, corbel_error *err)
{
    VkDeviceSize scratch_size;
    corbel_status status = region_create(e->device, MEMORY_DEVICE, 4, &e->scratch, err);
    if (status == CORBEL_OK)
        status = write_calls(e, &scratch_size, err);
    if (status != CORBEL_OK || scratch_size == 0)
        return status;
    region_free(e->device, &e->scratch);
    status = region_create(e->device, MEMORY_DEVICE, scratch_size, &e->scratch, err);
    if (status == CORBEL_OK)
        status = write_calls(e, &scratch_size, err);
    return status;
}

static corbel_status create_pool(struct vulkan_executable *e, corbel_error *err)
{
    VkDescriptorPoolSize sizes[2] = {{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1},
                                     {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, 1}};
    for (uint32_t i = 0; i < e->n_calls; i++) {
        const struct vulkan_shader *shader = e->calls[i].pipeline->shader;
        sizes[0].descriptorCount += shader->n_buffers - shader->n_texel;
        sizes[1].descriptorCount += shader->n_texel;
    }
    e->sets = calloc((size_t)e->n_calls + 1, sizeof(*e->sets));
    e->views = calloc((size_t)sizes[1].descriptorCount, sizeof(*e->views));
    if (!e->sets || !e->views)
        return error_memory(err, e->n_calls * sizeof(*e->sets), "descriptor sets");
    const VkDescriptorPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                             .maxSets = e->n_calls + 1,
                                             .poolSizeCount = 2,
                                             .pPoolSizes = sizes};
    const VkResult result = vkCreateDescriptorPool(e->device->handle, &info, NULL, &e->descriptors);
    return result == VK_SUCCESS ? CORBEL_OK : vulkan_error(err, result, "making descriptors");
}

static VkResult create_view(struct vulkan_executable *e, const struct call_buffer *b,
                            VkFormat format, VkBufferView *view)
{
    const VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                         .buffer = b->buffer,
                                         .format = format,
                                         .offset = b->offset,
                                         .range = b->range};
    const VkResult result = vkCreateBufferView(e->device->handle, &info, NULL, view);
    if (result == VK_SUCCESS)
        e->views[e->n_views++] = *view;
    return result;
}

static corbel_status create_set(struct vulkan_executable *e, uint32_t index, corbel_error *err)
{
    const struct call *call = &e->calls[index];
    const struct vulkan_shader *shader = call->pipeline->shader;
    VkDescriptorBufferInfo buffers[VULKAN_MAX_BUFFERS];
    VkBufferView views[VULKAN_MAX_BUFFERS];
    VkWriteDescriptorSet writes[VULKAN_MAX_BUFFERS];
    const VkDescriptorSetAllocateInfo info = {.sType =
                                                  VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = e->descriptors,
                                              .descriptorSetCount = 1,
                                              .pSetLayouts = &call->pipeline->set_layout};
    VkResult result = vkAllocateDescriptorSets(e->device->handle, &info, &e->sets[index]);
    for (uint32_t i = 0; i < shader->n_buffers && result == VK_SUCCESS; i++) {
        const struct call_buffer *b = &call->buffers[i];
        const bool texel = i < shader->n_texel;
        buffers[i] = (VkDescriptorBufferInfo){b->buffer, b->offset, b->range};
        writes[i] =
            (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                   .dstSet = e->sets[index],
                                   .dstBinding = i,
                                   .descriptorCount = 1,
                                   .descriptorType = texel ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                                           : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                   .pBufferInfo = texel ? NULL : &buffers[i],
                                   .pTexelBufferView = texel ? &views[i] : NULL};
        if (texel)
            result = create_view(e, b, VK_FORMAT_R32G32B32A32_UINT, &views[i]);
    }
    if (result != VK_SUCCESS)
        return vulkan_error(err, result, "making descriptors");
    vkUpdateDescriptorSets(e->device->handle, shader->n_buffers, writes, 0, NULL);
    return CORBEL_OK;
}

static bool overlap(const struct call_buffer *a, const struct call_buffer *b)
{
    return a->buffer == b->buffer && a->offset < b->offset + b->range &&
           b->offset < a->offset + a->range;
}

static bool conflicts(const struct call *a, const struct call *b)
{
    const uint32_t n_a = a->pipeline->shader->n_buffers, n_b = b->pipeline->shader->n_buffers;
    for (uint32_t i = 0; i < n_a; i++)
        for (uint32_t j = 0; j < n_b && !a->buffers[i].constant; j++)
            if ((a->buffers[i].written || b->buffers[j].written) &&
                overlap(&a->buffers[i], &b->buffers[j]))
                return true;
    return false;
}

static void barrier(VkCommandBuffer commands, VkPipelineStageFlags to, VkAccessFlags access)
{
    const VkMemoryBarrier all = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                 .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                                 .dstAccessMask = access};
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, to, 0, 1, &all, 0, NULL, 0,
                         NULL);
}

static void wait_for_kernels(VkCommandBuffer commands)
{
    barrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
}

static void dispatch(const struct vulkan_executable *e, VkCommandBuffer commands, uint32_t index)
{
    const struct call *call = &e->calls[index];
    const struct vulkan_pipeline *pipeline = call->pipeline;
    if (index == 0 || e->calls[index - 1].pipeline != pipeline || e->profiling)
        vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout, 0, 1,
                            &e->sets[index], 0, NULL);
    if (call->n_push > 0)
        vkCmdPushConstants(commands, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                           call->n_push * 4, call->push);
    vkCmdDispatch(commands, call->grid[0], call->grid[1], call->grid[2]);
}

static void record_calls(struct vulkan_executable *e, const struct submission *s)
{
    uint32_t since = s->first; /* calls from here on run without a barrier between them */
    const VkPipelineStageFlagBits done = VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT;
    if (s->first > 0)
        wait_for_kernels(s->commands);
    if (e->profiling && s->first == 0)
        vkCmdResetQueryPool(s->commands, e->queries, 0, e->n_calls + 1);
    if (e->profiling && s->first == 0)
        vkCmdWriteTimestamp(s->commands, done, e->queries, 0);
    for (uint32_t i = s->first; i < s->end; i++) {
        bool wait = false;
        for (uint32_t j = since; j < i && !wait; j++)
            wait = e->profiling || conflicts(&e->calls[j], &e->calls[i]);
        if (wait) {
            wait_for_kernels(s->commands);
            since = i;
        }
        if (i == s->first) /* a command buffer begins without a pipeline */
            vkCmdBindPipeline(s->commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                              e->calls[i].pipeline->handle);
        dispatch(e, s->commands, i);
        if (e->profiling)
            vkCmdWriteTimestamp(s->commands, done, e->queries, i + 1);
    }
}

static void record_outputs(const struct vulkan_executable *e, VkCommandBuffer commands)
{
    const struct program *p = &e->plan->program;
    if (!placement_reads_back(e)) {
        barrier(commands, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
        return;
    }
    barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    for (uint32_t i = 0; i < p->n_outputs; i++) {
        const struct operand *o = &e->operands[p->outputs[i].value];
        const VkBufferCopy range = {o->offset, e->readback.offset + e->readback_offsets[i],
                                    o->size};
        vkCmdCopyBuffer(commands, o->buffer, e->readback.buffer, 1, &range);
    }
    const VkMemoryBarrier all = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                 .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                 .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                         &all, 0, NULL, 0, NULL);
}

/* ---- submissions ----------------------------------------------------------------------------- */

static uint32_t cut(struct vulkan_executable *e, struct submission *submissions)
{
    uint32_t n = 0, first = 0;
    double work = 0;
    for (uint32_t i = 0; i < e->n_calls; i++) {
        work += e->calls[i].work;
        if (work < SUBMISSION_WORK && i + 1 < e->n_calls)
            continue;
        submissions[n++] = (struct submission){.first = first, .end = i + 1};
        first = i + 1;
        work = 0;
    }
    if (n == 0) /* nothing to compute: outputs that are inputs */
        submissions[n++] = (struct submission){0};
    return n;
}

static corbel_status create_submissions(struct vulkan_executable *e, corbel_error *err)
{
    const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = e->device->commands,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1};
    VkResult result = VK_SUCCESS;
    e->submissions = calloc((size_t)e->n_calls + 1, sizeof(*e->submissions));
    if (!e->submissions)
        return error_memory(err, e->n_calls * sizeof(*e->submissions), "submissions");
    e->n_submissions = cut(e, e->submissions);
    for (uint32_t i = 0; i < e->n_submissions && result == VK_SUCCESS; i++) {
        struct submission *s = &e->submissions[i];
        result = vkAllocateCommandBuffers(e->device->handle, &allocate, &s->commands);
        if (result == VK_SUCCESS)
            result = vkCreateFence(e->device->handle, &fence, NULL, &s->fence);
    }
    return result == VK_SUCCESS ? CORBEL_OK : vulkan_error(err, result, "making command buffers");
}

corbel_status record_commands(struct vulkan_executable *e, corbel_error *err)
{
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    for (uint32_t i = 0; i < e->n_submissions; i++) {
        const struct submission *s = &e->submissions[i];
        VkResult result = vkBeginCommandBuffer(s->commands, &begin);
        if (result == VK_SUCCESS) {
            record_calls(e, s);
            if (i + 1 == e->n_submissions)
                record_outputs(e, s->commands);
            result = vkEndCommandBuffer(s->commands);
        }
        if (result != VK_SUCCESS)
            return vulkan_error(err, result, "recording commands");
    }
    return CORBEL_OK;
}

corbel_status record_create(struct vulkan_executable *e, corbel_error *err)
{
    corbel_status status = create_calls(e, err);
    if (status == CORBEL_OK)
        status = create_pool(e, err);
    for (uint32_t i = 0; i < e->n_calls && status == CORBEL_OK; i++)
        status = create_set(e, i, err);
    return status == CORBEL_OK ? create_submissions(e, err) : status;
}
