/* device/device.h: where weights live and programs run.
 *
 * A device makes buffers (weights, caches, states) and executables. An executable is a plan bound
 * to buffers; it is run once a step, with nothing allocated and nothing recorded anew. Several
 * executables (a prompt's chunk, the decode step) share the same weights and caches.
 *
 * One thread at a time uses a device and what came from it. */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include "corbel/corbel.h"
#include "program/plan.h"

struct device;
struct buffer;
struct executable;

struct device_params {
    uint32_t threads; /* cpu: 0 is one a core */
    bool pin_threads;
    bool validation;       /* vulkan */
    const char *cache_dir; /* vulkan: pipeline cache; NULL: none */
};

/* "cpu", "vulkan:0", "vulkan:1". CORBEL_E_NOT_FOUND with what there is. */
corbel_status device_create(const char *name, const struct device_params *params,
                            struct device **device, corbel_error *err);
void device_destroy(struct device **device);
/* What there is, without opening it; the CPU is the first. `memory` is what a program may count on:
 * of the CPU what the system has left, of a GPU its own memory less what others use of it. */
struct device_info {
    char name[32];
    uint64_t memory;  /* bytes */
    bool is_software; /* a Vulkan device that is the CPU in disguise */
};
uint32_t device_find_all(struct device_info *out, uint32_t most);
/* Whether this machine seems to have a GPU: without loading any driver, which takes a while. */
bool device_gpu_seems_there(void);
/* Appends the JSON array of corbel_devices_json. Never fails for want of Vulkan. */
corbel_status device_list_json(struct text *out, corbel_error *err);

const char *device_name(const struct device *device);
/* What the planner may do for this device. */
struct plan_options device_plan_options(const struct device *device);

/* How products of reduced-precision weights are computed (docs/decisions/): EXACT keeps float32
 * accuracy of activations; REDUCED rounds the activations of products to bfloat16, as torch does
 * when the model is loaded with dtype=bfloat16. Set before executables are made. */
enum device_precision { PRECISION_EXACT, PRECISION_REDUCED };
void device_set_precision(struct device *device, enum device_precision precision);

/* A weight from memory that outlives the buffer (a mapped file). `dtype` is what it shall be in;
 * a device may then refer to `data` itself instead of copying it (CPU: if aligned and of that
 * dtype). Converts otherwise. */
corbel_status buffer_create_weight(struct device *device, const void *data, int32_t from,
                                   uint64_t count, int32_t dtype, struct buffer **buffer,
                                   corbel_error *err);
/* The same in two steps, for a source of which only a part is to be in memory at a time: the memory
 * of a weight, and elements [first, first + count) of it, converted. */
corbel_status buffer_reserve_weight(struct device *device, uint64_t count, int32_t dtype,
                                    struct buffer **buffer, corbel_error *err);
corbel_status buffer_fill_weight(struct buffer *buffer, uint64_t first, const void *data,
                                 int32_t from, uint64_t count, corbel_error *err);
/* A weight that is `data` itself. NULL and CORBEL_OK if the device can't refer to it. */
corbel_status buffer_refer_weight(struct device *device, const void *data, uint64_t count,
                                  int32_t dtype, struct buffer **buffer, corbel_error *err);
/* A weight that lies at `offset` (a multiple of BUFFER_VIEW_ALIGNMENT) of `area`, which came from
 * buffer_create and outlives it. What is there may change between runs: is_streamed. */
#define BUFFER_VIEW_ALIGNMENT 256
corbel_status buffer_view_weight(struct buffer *area, uint64_t offset, uint64_t count,
                                 int32_t dtype, struct buffer **buffer, corbel_error *err);
/* Zeroed memory for a cache or state. */
corbel_status buffer_create(struct device *device, uint64_t size, struct buffer **buffer,
                            corbel_error *err);
void buffer_destroy(struct buffer **buffer);
corbel_status buffer_read(struct buffer *buffer, uint64_t offset, void *out, uint64_t size,
                          corbel_error *err);
corbel_status buffer_write(struct buffer *buffer, uint64_t offset, const void *data, uint64_t size,
                           corbel_error *err);
/* Device memory it occupies beyond `data` of a weight. */
uint64_t buffer_bytes(const struct buffer *buffer);

/* What a plan's values are bound to; all of it must outlive the executable. */
struct executable_bindings {
    struct buffer *const *values;     /* [n_values + 1]: weights and states; else NULL */
    struct buffer *const *key_caches; /* [n_caches] */
    struct buffer *const *value_caches;
    /* At least plan.arena_size bytes where its results may lie, shared with executables that never
     * run at the same time and of which no result is needed any longer; NULL: its own. */
    struct buffer *scratch;
};

corbel_status executable_create(struct device *device, const struct plan *plan,
                                const struct executable_bindings *bindings,
                                struct executable **executable, corbel_error *err);
void executable_destroy(struct executable **executable);

/* Host memory of the program's named input, to be written before a run: elements of its dtype in C
 * order, value_bytes of them. NULL if the program has no such input. */
void *executable_input(struct executable *executable, const char *name);
/* Runs one step and waits for it. `past`: see program/program.h. */
corbel_status executable_run(struct executable *executable, int64_t past, corbel_error *err);
/* Host memory of output i of the program, valid until the next run. */
const void *executable_output(struct executable *executable, uint32_t i);

/* Time an operation since creation, for `corbel profile`: nanoseconds by index of the planned
 * program's operation, or NULL if the device does not measure. */
void executable_set_profile(struct executable *executable, bool on);
const uint64_t *executable_profile(struct executable *executable);

/* What the device can do at most: bytes read a second, and floating-point operations a second in
 * products of `dtype`. CORBEL_E_UNSUPPORTED where it can't be measured. */
corbel_status device_measure_limits(struct device *device, int32_t dtype, double *read_bytes_per_s,
                                    double *flops_per_s, corbel_error *err);

/* ---- for the devices themselves -------------------------------------------------------------- */

struct device_ops {
    void (*destroy)(struct device *);
    struct plan_options (*plan_options)(const struct device *);
    corbel_status (*buffer_refer_weight)(struct device *, const void *data, uint64_t count,
                                         int32_t dtype, struct buffer **, corbel_error *);
    corbel_status (*buffer_reserve_weight)(struct device *, uint64_t count, int32_t dtype,
                                           struct buffer **, corbel_error *);
    corbel_status (*buffer_fill_weight)(struct buffer *, uint64_t first, const void *data,
                                        int32_t from, uint64_t count, corbel_error *);
    corbel_status (*buffer_view_weight)(struct buffer *area, uint64_t offset, uint64_t count,
                                        int32_t dtype, struct buffer **, corbel_error *);
    corbel_status (*buffer_create)(struct device *, uint64_t size, struct buffer **,
                                   corbel_error *);
    void (*buffer_destroy)(struct buffer *);
    corbel_status (*buffer_read)(struct buffer *, uint64_t offset, void *out, uint64_t size,
                                 corbel_error *);
    corbel_status (*buffer_write)(struct buffer *, uint64_t offset, const void *data, uint64_t size,
                                  corbel_error *);
    corbel_status (*executable_create)(struct device *, const struct plan *,
                                       const struct executable_bindings *, struct executable **,
                                       corbel_error *);
    void (*executable_destroy)(struct executable *);
    void *(*executable_input)(struct executable *, const char *name);
    corbel_status (*executable_run)(struct executable *, int64_t past, corbel_error *);
    const void *(*executable_output)(struct executable *, uint32_t i);
    void (*executable_set_profile)(struct executable *, bool on);
    const uint64_t *(*executable_profile)(struct executable *);
    /* NULL: not measurable */
    corbel_status (*measure_limits)(struct device *, int32_t dtype, double *read_bytes_per_s,
                                    double *flops_per_s, corbel_error *);
};

/* Each device's own structs begin with these. */
struct device {
    const struct device_ops *ops;
    enum device_precision precision;
    char name[32];
};
struct buffer {
    struct device *device;
    uint64_t size;    /* bytes of content */
    uint64_t owned;   /* bytes of device memory it occupies */
    int32_t dtype;    /* weights; else 0 */
    bool is_streamed; /* a weight whose content changes between runs: no copy of it stays right */
};
struct executable {
    struct device *device;
};

corbel_status cpu_device_create(const struct device_params *params, struct device **device,
                                corbel_error *err);
corbel_status vulkan_device_create(uint32_t index, const struct device_params *params,
                                   struct device **device, corbel_error *err);
uint32_t cpu_device_find(struct device_info *out, uint32_t most);
uint32_t vulkan_device_find(struct device_info *out, uint32_t most);
/* Each appends its entries ({...}, {...}) without the array's brackets; returns how many. */
uint32_t cpu_device_list(struct text *out);
uint32_t vulkan_device_list(struct text *out);

/* Operations that run on the host for every device: the prologue's. `values`: host pointers by
 * value id. Implemented in device/host_ops.c with the same code that the CPU device uses. */
corbel_status host_op_run(const struct program *p, const struct program_op *op, void *const *values,
                          corbel_error *err);

#endif
