/* model/placement/places.c: the placement of one model: its parameters, and the devices that there
 * are. */
#include "base/dtype.h"
#include "base/error.h"
#include "base/log.h"
#include "model/model.h"
#include "model/names.h"

#include <stdlib.h>
#include <string.h>

/* ---- parameters ------------------------------------------------------------------------------ */

/* While nothing of the checkpoint is here, the config says what it is in. */
static int32_t dtype_of_config(const struct corbel_model *model)
{
    static const char *const keys[] = {"dtype", "torch_dtype"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *name = NULL;
        int found = 0;
        if (config_string(&model->config, keys[i], &name, &found, NULL) == CORBEL_OK && found &&
            name && dtype_is_float(dtype_from_name(name)))
            return dtype_from_name(name);
    }
    return CORBEL_F32;
}

/* base_model_prefix, if the class is the base model and so none of its parameters has it. */
static const char *absent_prefix(const struct corbel_model *model)
{
    const char *prefix = plugin_model_prefix(model->plugin);
    for (uint32_t i = 0; i < plugin_model_param_count(model->plugin); i++)
        if (name_has_prefix(plugin_model_param(model->plugin, i)->name, prefix))
            return NULL;
    return prefix;
}

static corbel_status list_params(struct corbel_model *model, corbel_error *err)
{
    const char *base = absent_prefix(model);
    const uint32_t n = plugin_model_param_count(model->plugin);
    const int32_t fallback = dtype_of_config(model);
    struct placement_param *list = arena_array(&model->arena, (size_t)n + 1, sizeof(*list));
    if (!list)
        return error_memory(err, n * sizeof(*list), "the list of parameters");
    for (uint32_t i = 0; i < n; i++) {
        const struct plugin_param *p = plugin_model_param(model->plugin, i);
        uint64_t count = 1;
        for (uint32_t d = 0; d < p->rank; d++)
            count *= (uint64_t)p->shape[d]; /* params_append has checked the product */
        const bool is_known = model->has_checkpoint || p->rank < 2;
        const int32_t dtype = is_known                                  ? weights_dtype(model, i)
                              : model->asked_dtype != CORBEL_DTYPE_NONE ? model->asked_dtype
                                                                        : fallback;
        list[i] = (struct placement_param){p->name, count * dtype_size(dtype), p->older, base};
    }
    model->placement_params = list;
    return CORBEL_OK;
}

static int compare_named(const void *a, const void *b)
{
    const struct placement_param *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static corbel_status sort_params(struct corbel_model *model, corbel_error *err)
{
    const uint32_t n = plugin_model_param_count(model->plugin);
    const struct placement_param **sorted = calloc((size_t)n + 1, sizeof(*sorted));
    model->by_name = arena_array(&model->arena, (size_t)n + 1, sizeof(*model->by_name));
    if (sorted && model->by_name) {
        for (uint32_t i = 0; i < n; i++)
            sorted[i] = &model->placement_params[i];
        qsort(sorted, n, sizeof(*sorted), compare_named);
        for (uint32_t i = 0; i < n; i++)
            model->by_name[i] = (uint32_t)(sorted[i] - model->placement_params);
    }
    const bool done = sorted && model->by_name;
    free(sorted);
    return done ? CORBEL_OK : error_memory(err, n * sizeof(*sorted), "the list of parameters");
}

bool model_find_param(const struct corbel_model *model, const char *name, uint32_t *param)
{
    uint32_t low = 0, high = model->placement.n_params;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = strcmp(model->placement_params[model->by_name[middle]].name, name);
        if (order == 0) {
            *param = model->by_name[middle];
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Half of what max_memory leaves: what was read before is given back only after the next began. */
static uint64_t find_stream_limit(const struct placement *p)
{
    const struct place *main = &p->places[p->main];
    if (!main->is_limited)
        return UINT64_MAX;
    return main->limit > main->bytes ? (main->limit - main->bytes) / 2 : 0;
}

static bool is_auto(const char *device_map)
{
    return !device_map || !device_map[0] || strcmp(device_map, "auto") == 0;
}

/* Nobody asked for this GPU: if it can't be opened, "auto" goes on without it. */
static bool drop_broken(struct corbel_model *model, struct device_info *devices, uint32_t *n)
{
    const struct placement *p = &model->placement;
    for (uint32_t i = 0; i < p->n_places; i++) {
        corbel_error err = {0};
        struct device *device;
        if (p->places[i].bytes == 0 || p->places[i].is_disk ||
            runtime_device(model->runtime, p->places[i].name, &device, &err) == CORBEL_OK)
            continue;
        for (uint32_t k = 1; k < *n; k++) {
            if (strcmp(devices[k].name, p->places[i].name) != 0)
                continue;
            log_line(CORBEL_LOG_WARN, "%s; the model is placed without it", err.text);
            memmove(&devices[k], &devices[k + 1], (--*n - k) * sizeof(*devices));
            return true;
        }
    }
    return false;
}

static void log_places(const struct corbel_model *model)
{
    for (uint32_t i = 0; i < model->placement.n_places; i++)
        if (model->placement.places[i].bytes > 0)
            log_line(CORBEL_LOG_INFO, "%s: %llu bytes of weights: %s", model->folder,
                     (unsigned long long)model->placement.places[i].bytes,
                     model->placement.places[i].name);
}

corbel_status model_place(struct corbel_model *model, const corbel_load_params *params,
                          corbel_error *err)
{
    struct device_info devices[PLACEMENT_MAX_PLACES];
    corbel_status status = list_params(model, err);
    if (status == CORBEL_OK)
        status = sort_params(model, err);
    if (status != CORBEL_OK)
        return status;
    const bool gpus = placement_needs_gpus(params->device_map, params->max_memory);
    uint32_t n_devices = device_find_all(devices, gpus ? PLACEMENT_MAX_PLACES - 1 : 1);
    do {
        placement_finish(&model->placement);
        status = placement_resolve(&model->placement, model->placement_params,
                                   plugin_model_param_count(model->plugin), params->device_map,
                                   params->max_memory, devices, n_devices, err);
    } while (status == CORBEL_OK && !params->max_memory && is_auto(params->device_map) &&
             drop_broken(model, devices, &n_devices));
    if (status != CORBEL_OK)
        return status;
    model->stream_limit = find_stream_limit(&model->placement);
    log_places(model);
    return CORBEL_OK;
}

struct device *model_device(const struct corbel_model *model, uint32_t place)
{
    const struct placement *p = &model->placement;
    return model->place_devices[p->places[place].is_disk ? p->main : place];
}

corbel_status model_open_place(struct corbel_model *model, uint32_t place, struct device **device,
                               corbel_error *err)
{
    const struct placement *p = &model->placement;
    const uint32_t real = p->places[place].is_disk ? p->main : place;
    corbel_status status = CORBEL_OK;
    if (!model->place_devices[real])
        status =
            runtime_device(model->runtime, p->places[real].name, &model->place_devices[real], err);
    *device = model->place_devices[real];
    return status;
}
