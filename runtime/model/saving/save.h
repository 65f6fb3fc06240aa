/* model/saving/save.h: what corbel_model_save and corbel_model_init have in common: a skeleton's
 * weights, from a checkpoint or new ones, and its config to a folder. */
#ifndef MODEL_SAVE_H
#define MODEL_SAVE_H

#include "model/model.h"

struct save_options {
    int32_t dtype;           /* CORBEL_DTYPE_NONE: as stored */
    uint64_t max_shard_size; /* bytes; 0: transformers' default */
    corbel_progress_callback on_progress;
    void *user;
};

/* Parameters that model->tensors has nothing for are made from model->seed. */
corbel_status save_model(struct corbel_model *model, const char *dir,
                         const struct save_options *options, corbel_saved *saved,
                         corbel_error *err);

/* save_plan.c: which tensors there are, in which file. */
struct save_item {
    const struct plugin_param *param;
    const struct checkpoint_tensor *stored; /* NULL: it is new */
    const char *name;                       /* in the file */
    int32_t dtype;
    uint64_t count, bytes;
    uint32_t shard;
};

struct save_plan {
    struct save_item *items; /* in the order in which transformers counts them into shards */
    uint32_t n_items, n_shards;
    int32_t dtype; /* what config.json says: that of most of the model */
    uint64_t total_size, total_parameters;
};

corbel_status save_plan_make(struct save_plan *plan, struct corbel_model *model, int32_t dtype,
                             uint64_t max_shard_size, corbel_error *err);
void save_plan_finish(struct save_plan *plan);

#endif
