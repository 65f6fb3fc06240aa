/* device/vulkan/executable.h: an executable and the three files that make it.
 *
 * placement.c   where its values lie
 * record.c      its calls, descriptors and commands
 * executable.c  its life: creating, running, profiling */
#ifndef DEVICE_VULKAN_EXECUTABLE_H
#define DEVICE_VULKAN_EXECUTABLE_H

#include "device/vulkan/call.h"

#define STEP_SIZE 64 /* bytes kept for the step's parameters */

struct submission {
    VkCommandBuffer commands;
    VkFence fence;
    uint32_t first, end; /* calls */
};

struct vulkan_executable {
    struct executable base;
    struct vulkan_device *device;
    const struct plan *plan;
    struct operand *operands; /* [n_values + 1] */
    struct operand *key_caches, *value_caches;
    void **host; /* [n_values + 1] pointers for the host's operations */

    struct vulkan_region inputs, arena, scratch, readback;
    uint64_t *readback_offsets; /* [n_outputs] */

    struct call *calls;
    uint32_t n_calls;
    VkDescriptorPool descriptors;
    VkDescriptorSet *sets; /* [n_calls] */
    VkBufferView *views;
    uint32_t n_views;

    struct submission *submissions;
    uint32_t n_submissions;

    VkQueryPool queries; /* profile: a time stamp before each operation's calls, and one after */
    uint64_t *profile;   /* [n_ops] nanoseconds */
    bool profiling;
};

/* Makes the regions, and finds every value's operand. */
corbel_status placement_create(struct vulkan_executable *e,
                               const struct executable_bindings *bindings, corbel_error *err);
/* Outputs are copied to e->readback at the end of a step, because the host can't see the arena. */
bool placement_reads_back(const struct vulkan_executable *e);

/* Makes e's calls with their descriptor sets, and submissions whose commands are yet unrecorded. */
corbel_status record_create(struct vulkan_executable *e, corbel_error *err);
/* Records the commands of all submissions, with time stamps if e is profiling. */
corbel_status record_commands(struct vulkan_executable *e, corbel_error *err);

#endif
