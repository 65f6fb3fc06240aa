/* model/placement/residence.c: the weights' way from the checkpoint to where they are used.
 *
 * What a device can use as it lies in the mapped file stays there. The rest goes to the device
 * piece by piece, converted on the way, and the pages that it came from are given back: at no time
 * is there more than the model and one piece. */
#include "base/dtype.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "model/model.h"
#include "model/saving/fill.h"

#include <string.h>

#define PIECE_ELEMENTS (UINT64_C(4) << 20)

static bool is_reduced(int32_t dtype)
{
    return dtype == CORBEL_F16 || dtype == CORBEL_BF16;
}

/* What a stored matrix becomes. float32 asked of a reduced checkpoint keeps the stored bits: each
 * of them is a float32 already and products are computed in float32, so that the results are the
 * same for half the memory (docs/decisions/0003-float32-of-reduced-checkpoints.md). */
static int32_t device_dtype(int32_t stored, int32_t asked)
{
    if (asked == CORBEL_DTYPE_NONE || (asked == CORBEL_F32 && is_reduced(stored)))
        return is_reduced(stored) ? stored : CORBEL_F32;
    return asked;
}

int32_t weights_dtype(const struct corbel_model *model, uint32_t i)
{
    const struct plugin_param *p = plugin_model_param(model->plugin, i);
    const struct checkpoint_tensor *t = model->tensors[i];
    return t && p->rank >= 2 ? device_dtype(t->dtype, model->asked_dtype) : CORBEL_F32;
}

static uint64_t count_of(const struct plugin_param *p)
{
    uint64_t count = 1;
    for (uint32_t d = 0; d < p->rank; d++)
        count *= (uint64_t)p->shape[d]; /* equal to the checkpoint's, which was checked */
    return count;
}

bool weights_are_mapped(const struct corbel_model *model, const struct checkpoint_tensor *tensor)
{
    const struct checkpoint *c = &model->checkpoint;
    return tensor && tensor->size <= SIZE_MAX && tensor->file < c->n_files &&
           file_map_holds(&c->files[tensor->file].map, tensor->data, (size_t)tensor->size);
}

corbel_status weights_check_files(const struct corbel_model *model, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < model->checkpoint.n_files && status == CORBEL_OK; i++)
        status =
            file_map_check(&model->checkpoint.files[i].map, model->checkpoint.files[i].name, err);
    if (status != CORBEL_OK)
        error_prefix(err, status, "%s", model->folder);
    return status;
}

/* ---- one weight ------------------------------------------------------------------------------ */

/* Vectors (norms, biases) live as float32: they are small, and every kernel wants them so. They are
 * first rounded to the dtype asked for, as a model of that dtype would have them. */
static corbel_status create_vector(struct corbel_model *model, const struct checkpoint_tensor *t,
                                   uint64_t count, struct device *device, struct buffer **buffer,
                                   corbel_error *err)
{
    const int32_t asked = model->asked_dtype;
    float *rounded = arena_array(&model->arena, count ? count : 1, sizeof(*rounded));
    uint16_t *reduced =
        is_reduced(asked) ? arena_array(&model->arena, count ? count : 1, sizeof(*reduced)) : NULL;
    if (!rounded || (is_reduced(asked) && !reduced))
        return error_memory(err, count * sizeof(*rounded), t->name);
    bool sound = true;
    if (reduced)
        sound = dtype_convert(asked, reduced, t->dtype, t->data, count) &&
                dtype_convert(CORBEL_F32, rounded, asked, reduced, count);
    else
        sound = dtype_convert(CORBEL_F32, rounded, t->dtype, t->data, count);
    if (!sound)
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s: %s: can't convert %s", model->folder,
                         t->name, dtype_name(t->dtype));
    return buffer_create_weight(device, rounded, CORBEL_F32, count, CORBEL_F32, buffer, err);
}

static corbel_status create_missing(struct corbel_model *model, const struct plugin_param *p,
                                    struct device *device, struct buffer **buffer,
                                    corbel_error *err)
{
    const uint64_t count = count_of(p);
    float *data = arena_array(&model->arena, count ? count : 1, sizeof(*data));
    if (!data)
        return error_memory(err, count * sizeof(*data), p->name);
    const struct fill fill = fill_of(p, &model->config, model->seed);
    fill_run(&fill, 0, count, data);
    return buffer_create_weight(device, data, CORBEL_F32, count, CORBEL_F32, buffer, err);
}

corbel_status weights_fill(const struct corbel_model *model, uint32_t i, struct buffer *buffer,
                           corbel_error *err)
{
    const struct checkpoint_tensor *t = model->tensors[i];
    const uint64_t count = count_of(plugin_model_param(model->plugin, i));
    const size_t size = dtype_size(t->dtype);
    const bool mapped = weights_are_mapped(model, t);
    corbel_status status = CORBEL_OK;
    for (uint64_t done = 0; done < count && status == CORBEL_OK; done += PIECE_ELEMENTS) {
        const uint64_t n = count - done < PIECE_ELEMENTS ? count - done : PIECE_ELEMENTS;
        const uint8_t *data = (const uint8_t *)t->data + done * size;
        status = buffer_fill_weight(buffer, done, data, t->dtype, n, err);
        if (mapped)
            file_pages_release(data, (size_t)n * size);
    }
    if (status != CORBEL_OK)
        error_prefix(err, status, "%s: %s", model->folder, t->name);
    return status;
}

static corbel_status create_matrix(struct corbel_model *model, uint32_t i, struct device *device,
                                   struct buffer **buffer, corbel_error *err)
{
    const struct checkpoint_tensor *t = model->tensors[i];
    const uint64_t count = count_of(plugin_model_param(model->plugin, i));
    const int32_t dtype = weights_dtype(model, i);
    corbel_status status = CORBEL_OK;
    if (t->dtype == dtype)
        status = buffer_refer_weight(device, t->data, count, dtype, buffer, err);
    if (status != CORBEL_OK || *buffer)
        return status;
    status = buffer_reserve_weight(device, count, dtype, buffer, err);
    if (status == CORBEL_OK)
        status = weights_fill(model, i, *buffer, err);
    if (status != CORBEL_OK)
        buffer_destroy(buffer);
    return status;
}

static corbel_status create(struct corbel_model *model, uint32_t i, struct device *device,
                            struct buffer **buffer, corbel_error *err)
{
    const struct plugin_param *p = plugin_model_param(model->plugin, i);
    const struct checkpoint_tensor *t = model->tensors[i];
    *buffer = NULL;
    if (!t)
        return create_missing(model, p, device, buffer, err);
    if (p->rank < 2)
        return create_vector(model, t, count_of(p), device, buffer, err);
    return create_matrix(model, i, device, buffer, err);
}

corbel_status weights_on(struct corbel_model *model, uint32_t i, struct device *device,
                         struct buffer **buffer, corbel_error *err)
{
    *buffer = model->weights[i].buffer;
    if (*buffer && (*buffer)->device == device)
        return CORBEL_OK;
    for (const struct weight_copy *c = model->copies; c; c = c->next) {
        *buffer = c->buffer;
        if (c->param == i && c->buffer->device == device)
            return CORBEL_OK;
    }
    log_line(CORBEL_LOG_DEBUG, "%s is copied to %s, where an operation needs it",
             plugin_model_param(model->plugin, i)->name, device_name(device));
    struct weight_copy *copy = arena_alloc(&model->arena, sizeof(*copy));
    if (!copy)
        return error_memory(err, sizeof(*copy), "a weight");
    corbel_status status = create(model, i, device, &copy->buffer, err);
    if (status != CORBEL_OK)
        return status;
    *copy = (struct weight_copy){model->copies, i, copy->buffer};
    model->copies = copy;
    *buffer = copy->buffer;
    return CORBEL_OK;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Vectors and what the checkpoint lacks are small or made anew: they are resident in any case. */
static enum weight_residence residence_of(const struct corbel_model *model, uint32_t i,
                                          const struct device *device)
{
    const struct placement *p = &model->placement;
    const struct checkpoint_tensor *t = model->tensors[i];
    if (!p->places[p->place_of[i]].is_disk || !t || plugin_model_param(model->plugin, i)->rank < 2)
        return WEIGHT_RESIDENT;
    return t->dtype == model->weights[i].dtype && strcmp(device_name(device), "cpu") == 0
               ? WEIGHT_MAPPED
               : WEIGHT_STREAMED;
}

corbel_status weights_bind(struct corbel_model *model, corbel_error *err)
{
    const uint32_t n = plugin_model_param_count(model->plugin);
    corbel_status status = weights_check_files(model, err);
    for (uint32_t i = 0; i < n && status == CORBEL_OK; i++) {
        struct model_weight *w = &model->weights[i];
        struct device *device;
        w->dtype = model->param_dtypes[i] = weights_dtype(model, i);
        status = model_open_place(model, model->placement.place_of[i], &device, err);
        if (status != CORBEL_OK)
            return status;
        w->residence = residence_of(model, i, device);
        if (w->residence != WEIGHT_STREAMED)
            status = create(model, i, device, &w->buffer, err);
    }
    model->has_weights = status == CORBEL_OK;
    return status;
}

void weights_release(struct corbel_model *model)
{
    const uint32_t n =
        model->plugin && model->weights ? plugin_model_param_count(model->plugin) : 0;
    for (uint32_t i = 0; i < n; i++)
        buffer_destroy(&model->weights[i].buffer);
    for (struct weight_copy *c = model->copies; c; c = c->next)
        buffer_destroy(&c->buffer);
    buffer_destroy(&model->stream_area);
}
