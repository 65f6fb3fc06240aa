/* model/model.h: what puts the folders above together: load, place, run, generate.
 *
 * load.c makes a corbel_model: class choice, skeleton, weights bound to a device. session.c keeps
 * what running needs: caches, states, and executables by shape. forward.c and generate.c are the
 * two ways of running; sampling.c and generation_config.c serve the second. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/arena.h"
#include "checkpoint/checkpoint.h"
#include "config/config.h"
#include "corbel/corbel.h"
#include "device/device.h"
#include "model/policy.h"
#include "plugin/plugin.h"

#define MODEL_MAX_DEVICES 16

struct corbel_runtime {
    struct device_params device_params;
    struct plugin_policy policy;
    struct plugin_registry *registry;
    struct device *devices[MODEL_MAX_DEVICES]; /* made when first asked for */
    uint32_t n_devices;
};

/* The device of that name, made when first asked for; it belongs to the runtime. */
corbel_status runtime_device(struct corbel_runtime *runtime, const char *name,
                             struct device **device, corbel_error *err);

struct model_weight {
    struct buffer *buffer; /* NULL while only the skeleton is loaded */
    int32_t dtype;         /* as it is on the device */
    int32_t stored;        /* as it is in the checkpoint; 0: not there, initialised */
};

struct session;

struct corbel_model {
    struct corbel_runtime *runtime;
    struct arena arena;
    char *folder;
    struct config config;
    struct checkpoint checkpoint; /* stays open: weights refer to its pages */
    bool has_checkpoint;
    struct plugin_model *plugin;
    const struct plugin_arch_info *arch;
    const char *class_reason; /* why this class: "config.architectures", "--class", ... */
    struct device *device;
    struct model_weight *weights; /* [plugin_model_param_count] */
    int32_t *param_dtypes;        /* [plugin_model_param_count]: what a trace is told */
    uint32_t n_missing, n_unexpected;
    enum device_precision precision;
    struct session *session; /* the last one used, kept for the next call */
};

/* weights.c: finds each parameter in the checkpoint, and puts it on the device. */
corbel_status weights_match(struct corbel_model *model, const struct checkpoint_tensor **tensors,
                            corbel_error *err);
corbel_status weights_bind(struct corbel_model *model,
                           const struct checkpoint_tensor *const *tensors, int32_t dtype,
                           uint64_t seed, corbel_error *err);

/* tensors.c: the list behind corbel_tensors. */
corbel_status tensors_create(struct corbel_tensors **tensors, corbel_error *err);
/* Memory for a tensor of that shape, zeroed; *data is written by the caller. */
corbel_status tensors_add(struct corbel_tensors *tensors, const char *name, int32_t dtype,
                          uint32_t rank, const int64_t *shape, void **data, corbel_error *err);
/* Removes from the tensor's first `axis`: it becomes shorter along axis 1 (tokens that were never
 * made); the data has been packed by the caller. */
void tensors_set_shape(struct corbel_tensors *tensors, size_t i, int64_t axis, int64_t size);

#endif
