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
#include "model/load_report.h"
#include "model/placement/placement.h"
#include "model/plugins/policy.h"
#include "plugin/plugin.h"

#define MODEL_MAX_DEVICES 16

struct corbel_runtime {
    struct device_params device_params;
    struct plugin_policy policy;
    bool offline;
    struct plugin_registry *registry;
    struct device *devices[MODEL_MAX_DEVICES]; /* made when first asked for */
    uint32_t n_devices;
};

/* The device of that name, made when first asked for; it belongs to the runtime. */
corbel_status runtime_device(struct corbel_runtime *runtime, const char *name,
                             struct device **device, corbel_error *err);

/* How a weight is had when it is needed. */
enum weight_residence {
    WEIGHT_RESIDENT, /* it is on its device */
    WEIGHT_MAPPED,   /* on the disk: the CPU reads it in the mapped file */
    WEIGHT_STREAMED  /* on the disk: it is brought into the staging area for each use */
};

struct model_weight {
    struct buffer *buffer; /* NULL while only the skeleton is loaded, and of what is streamed */
    int32_t dtype;         /* as it is on the device */
    int32_t stored;        /* as it is in the checkpoint; 0: not there, initialised */
    enum weight_residence residence;
};

/* A weight once more, for a device where an operation needs it beside heavier ones. */
struct weight_copy {
    struct weight_copy *next;
    uint32_t param;
    struct buffer *buffer;
};

struct session;
struct profiler;

struct corbel_model {
    struct corbel_runtime *runtime;
    struct arena arena;
    char *folder;
    struct config config;
    struct checkpoint checkpoint; /* stays open: weights refer to its pages */
    bool has_checkpoint;
    bool has_weights; /* more than a skeleton */
    struct plugin_model *plugin;
    const struct plugin_arch_info *arch;
    const char *class_reason;   /* why this class: "config.architectures", "--class", ... */
    struct placement placement; /* which parameter is in which place */
    struct device *place_devices[PLACEMENT_MAX_PLACES]; /* NULL: not opened yet */
    struct placement_param *placement_params;           /* [plugin_model_param_count] */
    uint32_t *by_name;                                  /* parameters in the order of names */
    struct weight_copy *copies;
    uint64_t stream_limit;        /* bytes of weights from the disk that may be resident at once */
    struct buffer *stream_area;   /* on the main device; NULL: nothing needs it */
    const void *stream_holds;     /* the part whose weights are in it */
    struct model_weight *weights; /* [plugin_model_param_count] */
    /* [plugin_model_param_count]: where each is in the checkpoint; NULL: nowhere */
    const struct checkpoint_tensor **tensors;
    int32_t asked_dtype;   /* CORBEL_DTYPE_NONE: as stored */
    uint64_t seed;         /* of what the checkpoint lacks */
    int32_t *param_dtypes; /* [plugin_model_param_count]: what a trace is told */
    struct load_report report;
    enum device_precision precision;
    struct session *session;   /* the last one used, kept for the next call */
    struct profiler *profiler; /* NULL: nobody measures */
    uint32_t n_more_handles;   /* beside the first: it was given to loads as an instance */
};

/* classes.c: chooses the class, from the caller's class names or task, else from config.json, and
 * constructs it: sets model->arch, model->class_reason and model->plugin. */
corbel_status model_construct(struct corbel_model *model, const corbel_load_params *params,
                              corbel_error *err);

/* weights.c: finds each parameter in the checkpoint, and puts it on the device. */
corbel_status weights_match(struct corbel_model *model, const struct checkpoint_tensor **tensors,
                            bool ignore_mismatched, corbel_error *err);

/* places.c: decides where each parameter lies, before anything of it is read. */
corbel_status model_place(struct corbel_model *model, const corbel_load_params *params,
                          corbel_error *err);
/* The device of a place, opened when first asked for; the disk's is the main one. */
corbel_status model_open_place(struct corbel_model *model, uint32_t place, struct device **device,
                               corbel_error *err);
/* The same if it is open already; else NULL. */
struct device *model_device(const struct corbel_model *model, uint32_t place);
bool model_find_param(const struct corbel_model *model, const char *name, uint32_t *param);

/* residence.c: puts the weights where they belong. Of what is read to be converted or copied only
 * a piece is in memory at a time. */
corbel_status weights_bind(struct corbel_model *model, corbel_error *err);
/* What parameter `i` shall be in on a device. */
int32_t weights_dtype(const struct corbel_model *model, uint32_t i);
/* The weight on `device`, copied there if need be. */
corbel_status weights_on(struct corbel_model *model, uint32_t i, struct device *device,
                         struct buffer **buffer, corbel_error *err);
/* Reads parameter `i` into a buffer of its dtype. */
corbel_status weights_fill(const struct corbel_model *model, uint32_t i, struct buffer *buffer,
                           corbel_error *err);
/* Does the tensor lie in a mapped file? */
bool weights_are_mapped(const struct corbel_model *model, const struct checkpoint_tensor *tensor);
/* CORBEL_E_IO if a file of the checkpoint was cut short since it was opened. */
corbel_status weights_check_files(const struct corbel_model *model, corbel_error *err);
void weights_release(struct corbel_model *model);

/* tensors.c: the list behind corbel_tensors. */
corbel_status tensors_create(struct corbel_tensors **tensors, corbel_error *err);
/* Memory for a tensor of that shape, zeroed; *data is written by the caller. */
corbel_status tensors_add(struct corbel_tensors *tensors, const char *name, int32_t dtype,
                          uint32_t rank, const int64_t *shape, void **data, corbel_error *err);
/* Removes from the tensor's first `axis`: it becomes shorter along axis 1 (tokens that were never
 * made); the data has been packed by the caller. */
void tensors_set_shape(struct corbel_tensors *tensors, size_t i, int64_t axis, int64_t size);

#endif
