/* device/vulkan/vulkan.h: what the files of the Vulkan device share.
 *
 * instance.c    Vulkan itself, the physical devices, validation
 * device.c      the logical device and its queue; the table of device_ops
 * memory.c      regions of device memory, sub-allocated
 * buffer.c      weights, caches and states
 * kernel.c      pipelines; shaders.c has the standard shaders, custom.c those of plugins
 * call.c        one dispatch: bindings, push constants, grid
 * ops_*.c       operations of a program to calls
 * executable.h  a planned program, recorded once and replayed: placement.c, record.c,
 *               executable.c */
#ifndef DEVICE_VULKAN_VULKAN_H
#define DEVICE_VULKAN_VULKAN_H

#include <volk.h>

#include "base/error.h"
#include "device/device.h"

/* ---- instance.c ------------------------------------------------------------------------------ */

#define VULKAN_MAX_DEVICES 16

/* The first complaint of the validation layers; what runs next fails with it. */
struct vulkan_complaint {
    bool made;
    char text[400];
};

struct vulkan_instance {
    VkInstance handle;
    VkDebugUtilsMessengerEXT messenger;
    struct vulkan_complaint *complaint; /* owned; its address is known to the layers */
    uint32_t n_physical;
    VkPhysicalDevice physical[VULKAN_MAX_DEVICES];
};

/* CORBEL_E_NOT_FOUND where there is no Vulkan, no device, or no validation layer to be had. */
corbel_status vulkan_instance_open(struct vulkan_instance *instance, bool validation,
                                   corbel_error *err);
void vulkan_instance_close(struct vulkan_instance *instance);

/* CORBEL_E_DEVICE, or CORBEL_E_MEMORY for the host's memory, with Vulkan's name of `result`. */
corbel_status vulkan_error(corbel_error *err, VkResult result, const char *doing);

/* ---- memory.c -------------------------------------------------------------------------------- */

enum vulkan_memory {
    MEMORY_DEVICE,   /* fast for the device; mapped too if memory is unified */
    MEMORY_UPLOAD,   /* mapped; written by the host, read by the device */
    MEMORY_READBACK, /* mapped; written by the device, read by the host */
    MEMORY_KINDS
};

struct vulkan_block;

/* A range of a VkBuffer. A zeroed one is empty and may be freed. */
struct vulkan_region {
    VkBuffer buffer;
    VkDeviceSize offset, size; /* size: as asked for; up to 4 bytes more may be read */
    uint8_t *mapped;           /* of the first byte; NULL if the host can't see it */
    struct vulkan_block *block;
};

struct vulkan_device;

corbel_status region_create(struct vulkan_device *device, enum vulkan_memory kind,
                            VkDeviceSize size, struct vulkan_region *region, corbel_error *err);
/* The pages of `data` themselves, read-only, if the device can use them: false if not. */
bool region_import(struct vulkan_device *device, const void *data, VkDeviceSize size,
                   struct vulkan_region *region);
void region_free(struct vulkan_device *device, struct vulkan_region *region);
/* Bytes of memory of its own that it keeps occupied. */
uint64_t region_owned(const struct vulkan_region *region);
/* When no region is left: gives the blocks back. */
void memory_finish(struct vulkan_device *device);

/* ---- kernel.c -------------------------------------------------------------------------------- */

/* The standard library: X(NAME, file of shaders/, buffers, texel): the first buffers of a kernel
 * with `texel` n are n uniform texel buffers, the others storage buffers. */
/* clang-format off */
#define VULKAN_KERNELS(X)                              \
    X(COPY,              copy,              2, 0)    \
    X(GATHER,            gather,            3, 0)    \
    X(EMBEDDING,         embedding,         3, 0)    \
    X(BINARY,            binary,            3, 0)    \
    X(UNARY,             unary,             2, 0)    \
    X(NORM,              norm,              6, 0)    \
    X(SOFTMAX,           softmax,           2, 0)    \
    X(REDUCE,            reduce,            2, 0)    \
    X(LINEAR_SCAN,       linear_scan,       4, 0)    \
    X(LINEAR,            linear,            5, 0)    \
    X(LINEAR_TEXEL,      linear_texel,      5, 2)    \
    X(LINEAR_ANY,        linear_any,        5, 0)    \
    X(MATMUL,            matmul,            3, 0)    \
    X(ROPE,              rope,              3, 0)    \
    X(ATTENTION_PREPARE, attention_prepare, 8, 0)    \
    X(ATTENTION_QUERY,   attention_query,   6, 0)    \
    X(ATTENTION_ROWS,    attention_rows,    6, 0)    \
    X(ATTENTION_COMBINE, attention_combine, 2, 0)    \
    X(CONV,              conv,              4, 0)    \
    X(BATCH_NORM,        batch_norm,        6, 0)    \
    X(POOL,              pool,              2, 0)    \
    X(INTERPOLATE,       interpolate,       2, 0)
/* clang-format on */

enum vulkan_kernel {
#define X(NAME, file, buffers, texel) KERNEL_##NAME,
    VULKAN_KERNELS(X)
#undef X
        KERNEL_COUNT
};

#define VULKAN_MAX_SPECS   12
#define VULKAN_MAX_BUFFERS 8

/* What a pipeline is made from; a plugin's kernel is one of these too. */
struct vulkan_shader {
    const char *name, *entry;
    const uint32_t *spirv;
    size_t spirv_size; /* bytes */
    uint32_t n_buffers, n_texel;
    uint32_t push_size; /* bytes */
    bool is_custom;     /* a plugin's: bound exactly, nothing but its own push constants */
};

struct vulkan_pipeline {
    const struct vulkan_shader *shader;
    uint32_t n_specs, specs[VULKAN_MAX_SPECS]; /* constant_id 0, 1, ...; 0: invocations in x */
    VkPipeline handle;
    VkPipelineLayout layout;
    VkDescriptorSetLayout set_layout;
    struct vulkan_pipeline *next;
};

const struct vulkan_shader *kernel_shader(enum vulkan_kernel kernel);
/* The pipeline of these constants, made when first asked for; it belongs to the device. */
corbel_status pipeline_get(struct vulkan_device *device, const struct vulkan_shader *shader,
                           const uint32_t *specs, uint32_t n_specs,
                           const struct vulkan_pipeline **pipeline, corbel_error *err);
void pipelines_open(struct vulkan_device *device, const char *cache_dir);
void pipelines_close(struct vulkan_device *device);

/* ---- device.c -------------------------------------------------------------------------------- */

struct vulkan_device {
    struct device base;
    struct vulkan_instance instance;
    VkPhysicalDevice physical;
    VkDevice handle;
    VkQueue queue;
    uint32_t family;
    VkCommandPool commands;

    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceMemoryProperties memory;
    VkDeviceSize import_alignment; /* 0: memory of the host can't be imported */
    PFN_vkGetMemoryHostPointerPropertiesEXT host_pointer_properties;
    VkDeviceSize alignment; /* of regions, bytes */
    bool unified;           /* MEMORY_DEVICE is mapped, and the host reads it fast */
    bool software;          /* invocations are vector lanes of a processor: barriers cost */
    bool lost;              /* a wait timed out, or the driver said so */
    bool timestamps;
    uint64_t timeout_ns; /* of one submission */

    uint32_t memory_types[MEMORY_KINDS];
    struct vulkan_block *blocks[MEMORY_KINDS];
    struct vulkan_region staging; /* made when first needed */

    VkPipelineCache cache;
    char *cache_path; /* NULL: not kept */
    bool cache_grown;
    struct vulkan_pipeline *pipelines;

    uint32_t features; /* that shaders of plugins may use: 1 << enum program_feature */
    struct vulkan_custom *customs;
};

/* ---- custom.c -------------------------------------------------------------------------------- */

/* What the logical device is made with, so that plugins' shaders may use it. */
struct vulkan_features {
    VkPhysicalDeviceFeatures core;
    VkPhysicalDeviceShaderFloat16Int8FeaturesKHR small;
};
/* `has_small`: the device has VK_KHR_shader_float16_int8. Sets device->features. */
void custom_features(struct vulkan_device *device, bool has_small,
                     struct vulkan_features *features);
/* The shader of a plugin's kernel, kept by the device: by its contents, since kernels come and go
 * with their models. NULL: out of memory. */
const struct vulkan_shader *custom_shader(struct vulkan_device *device,
                                          const struct program_kernel *kernel);
/* The planner's question (plan_kernel_check); `user` is the device. */
const char *custom_refuse(void *user, const struct program *p, const struct program_region *region,
                          const struct program_kernel *kernel);
void custom_finish(struct vulkan_device *device);

/* ---- compile.c: for shaders of plugins ------------------------------------------------------- */

/* VK_TIMEOUT: it did not end in the device's time; the device is lost. Without constants. */
VkResult compile_with_timeout(struct vulkan_device *device, const VkComputePipelineCreateInfo *info,
                              VkPipeline *pipeline);

/* ---- device.c -------------------------------------------------------------------------------- */

/* What the validation layers said, or that the device was lost. */
corbel_status vulkan_check(struct vulkan_device *device, corbel_error *err);
/* Records with `record(commands, user)`, submits and waits. */
corbel_status vulkan_submit_once(struct vulkan_device *device,
                                 void (*record)(VkCommandBuffer, void *), void *user,
                                 corbel_error *err);
/* Waits for the fence; a timeout loses the device. */
corbel_status vulkan_wait(struct vulkan_device *device, VkFence fence, corbel_error *err);

/* ---- buffer.c -------------------------------------------------------------------------------- */

struct vulkan_buffer {
    struct buffer base;
    struct vulkan_region region;
    bool imported; /* the region is the caller's own memory */
};

corbel_status vulkan_buffer_refer_weight(struct device *base, const void *data, uint64_t count,
                                         int32_t dtype, struct buffer **buffer, corbel_error *err);
corbel_status vulkan_buffer_reserve_weight(struct device *base, uint64_t count, int32_t dtype,
                                           struct buffer **buffer, corbel_error *err);
corbel_status vulkan_buffer_fill_weight(struct buffer *base, uint64_t first, const void *data,
                                        int32_t from, uint64_t count, corbel_error *err);
corbel_status vulkan_buffer_view_weight(struct buffer *area, uint64_t offset, uint64_t count,
                                        int32_t dtype, struct buffer **buffer, corbel_error *err);
corbel_status vulkan_buffer_create(struct device *base, uint64_t size, struct buffer **buffer,
                                   corbel_error *err);
void vulkan_buffer_destroy(struct buffer *base);
corbel_status vulkan_buffer_read(struct buffer *base, uint64_t offset, void *out, uint64_t size,
                                 corbel_error *err);
corbel_status vulkan_buffer_write(struct buffer *base, uint64_t offset, const void *data,
                                  uint64_t size, corbel_error *err);

/* ---- executable.c ---------------------------------------------------------------------------- */

corbel_status vulkan_executable_create(struct device *base, const struct plan *plan,
                                       const struct executable_bindings *bindings,
                                       struct executable **executable, corbel_error *err);
void vulkan_executable_destroy(struct executable *base);
void *vulkan_executable_input(struct executable *base, const char *name);
corbel_status vulkan_executable_run(struct executable *base, int64_t past, corbel_error *err);
const void *vulkan_executable_output(struct executable *base, uint32_t i);
void vulkan_executable_set_profile(struct executable *base, bool on);
const uint64_t *vulkan_executable_profile(struct executable *base);

#endif
