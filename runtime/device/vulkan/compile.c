/* device/vulkan/compile.c: the driver's compiler, and for a plugin's shaders a limit to its time.
 *
 * Some compilers take minutes for a short module that was made for it. No call can be taken back
 * from a driver, so a plugin's shader is compiled on a thread of its own; when the time is over the
 * thread is left to itself, and with it the device, as after a dispatch that never ends. */
#include "device/vulkan/vulkan.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Owned by both sides; the one that comes last frees it. */
struct compilation {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_done, is_left;
    VkDevice device;
    VkComputePipelineCreateInfo info; /* its module and layout are left too, when the device is */
    char entry[512];
    VkResult result;
    VkPipeline handle;
};

static void compilation_free(struct compilation *c)
{
    pthread_cond_destroy(&c->ended);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void *compile(void *user)
{
    struct compilation *c = user;
    const VkResult result =
        vkCreateComputePipelines(c->device, VK_NULL_HANDLE, 1, &c->info, NULL, &c->handle);

    pthread_mutex_lock(&c->lock);
    c->result = result;
    c->is_done = true;
    const bool is_left = c->is_left;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
    if (is_left) /* nobody waits: the device is lost, and stays */
        compilation_free(c);
    return NULL;
}

static struct compilation *compilation_create(struct vulkan_device *device,
                                              const VkComputePipelineCreateInfo *info)
{
    struct compilation *c = calloc(1, sizeof(*c));
    pthread_condattr_t clock;

    if (!c || strlen(info->stage.pName) >= sizeof c->entry) {
        free(c);
        return NULL;
    }
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&c->ended, &clock);
    pthread_condattr_destroy(&clock);
    c->device = device->handle;
    c->info = *info;
    c->info.stage.pSpecializationInfo = NULL; /* kernels of plugins have none */
    memcpy(c->entry, info->stage.pName, strlen(info->stage.pName) + 1);
    c->info.stage.pName = c->entry;
    return c;
}

/* False: the time is over. */
static bool wait_for(struct compilation *c, uint64_t timeout_ns)
{
    struct timespec end;
    int failed = 0;
    bool is_done;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)(timeout_ns / 1000000000u);
    pthread_mutex_lock(&c->lock);
    while (!c->is_done && failed != ETIMEDOUT)
        failed = pthread_cond_timedwait(&c->ended, &c->lock, &end);
    is_done = c->is_done;
    c->is_left = !is_done;
    pthread_mutex_unlock(&c->lock);
    return is_done;
}

VkResult compile_with_timeout(struct vulkan_device *device, const VkComputePipelineCreateInfo *info,
                              VkPipeline *pipeline)
{
    struct compilation *c = compilation_create(device, info);
    pthread_t thread;
    VkResult result;

    if (!c)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    if (pthread_create(&thread, NULL, compile, c) != 0) {
        compilation_free(c);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (!wait_for(c, device->timeout_ns)) {
        pthread_detach(thread);
        device->lost = true;
        return VK_TIMEOUT;
    }
    pthread_join(thread, NULL);
    result = c->result;
    *pipeline = c->handle;
    compilation_free(c);
    return result;
}
