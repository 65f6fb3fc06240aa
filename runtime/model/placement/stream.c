/* model/placement/stream.c: weights that stay on the disk.
 *
 * On the CPU a weight of the right dtype is read where it lies in the mapped file; before its part
 * runs the pages are asked for, after it they are given back, so that only a layer's weights are
 * resident. What has to be converted, or to go to a GPU, passes through one staging area on the
 * main device, which all parts share: each fills it with its own weights before it runs. */
#include "base/dtype.h"
#include "base/error.h"
#include "base/file.h"
#include "model/placement/parts.h"

#include <string.h>

static uint64_t room(const struct corbel_model *m, uint32_t param)
{
    return (m->placement.params[param].bytes + BUFFER_VIEW_ALIGNMENT - 1) / BUFFER_VIEW_ALIGNMENT *
           BUFFER_VIEW_ALIGNMENT;
}

/* Is the weight read by lookups only? */
static bool is_lookup(const struct program *p, uint32_t value)
{
    for (uint32_t i = 0; i < p->n_ops; i++)
        for (uint32_t j = 0; j < p->ops[i].n_in; j++)
            if (p->ops[i].in[j] == value && (p->ops[i].kind != OP_EMBEDDING || j != 0))
                return false;
    return true;
}

corbel_status stream_find(struct parts *parts, struct part *part, uint64_t *size, corbel_error *err)
{
    const struct corbel_model *m = parts->model;
    const struct program *p = &part->plan.program;
    const bool is_disk = m->placement.places[part->segment->place].is_disk;
    uint32_t n = 0, i;
    *size = 0;
    for (uint32_t id = 1; id <= p->n_values; id++)
        n += p->values[id].kind == VALUE_WEIGHT;
    part->disk = arena_array(&parts->arena, (size_t)n + 1, sizeof(*part->disk));
    if (!part->disk)
        return error_memory(err, n * sizeof(*part->disk), "a list of weights");
    for (uint32_t id = 1; id <= p->n_values && is_disk; id++) {
        if (p->values[id].kind != VALUE_WEIGHT || !model_find_param(m, p->values[id].name, &i) ||
            m->weights[i].residence == WEIGHT_RESIDENT)
            continue;
        part->disk[part->n_disk++] =
            (struct part_weight){.param = i, .is_lookup = is_lookup(p, id)};
        if (m->weights[i].residence == WEIGHT_STREAMED)
            *size += room(m, i);
    }
    return CORBEL_OK;
}

corbel_status stream_open(struct parts *parts, struct part *part, corbel_error *err)
{
    const struct corbel_model *m = parts->model;
    corbel_status status = CORBEL_OK;
    uint64_t offset = 0;
    for (uint32_t k = 0; k < part->n_disk && status == CORBEL_OK; k++) {
        struct part_weight *w = &part->disk[k];
        if (m->weights[w->param].residence != WEIGHT_STREAMED)
            continue;
        const int32_t dtype = m->weights[w->param].dtype;
        const uint64_t count = m->placement.params[w->param].bytes / dtype_size(dtype);
        status = buffer_view_weight(m->stream_area, offset, count, dtype, &w->view, err);
        offset += room(m, w->param);
    }
    return status;
}

corbel_status stream_in(struct parts *parts, struct part *part, corbel_error *err)
{
    struct corbel_model *m = parts->model;
    corbel_status status = CORBEL_OK;
    bool streams = false;
    for (uint32_t k = 0; k < part->n_disk; k++)
        streams = streams || part->disk[k].view;
    if (!streams || m->stream_holds == part)
        return CORBEL_OK;
    m->stream_holds = NULL;
    for (uint32_t k = 0; k < part->n_disk && status == CORBEL_OK; k++)
        if (part->disk[k].view)
            status = weights_fill(m, part->disk[k].param, part->disk[k].view, err);
    if (status == CORBEL_OK)
        m->stream_holds = part;
    return status;
}

void stream_ahead(const struct parts *parts, const struct part *part)
{
    for (uint32_t k = 0; k < part->n_disk; k++) {
        const struct checkpoint_tensor *t = parts->model->tensors[part->disk[k].param];
        if (!part->disk[k].is_lookup && weights_are_mapped(parts->model, t))
            file_pages_prefetch(t->data, t->size);
    }
}

void stream_out(const struct parts *parts, const struct part *part)
{
    for (uint32_t k = 0; k < part->n_disk; k++) {
        const struct checkpoint_tensor *t = parts->model->tensors[part->disk[k].param];
        if (weights_are_mapped(parts->model, t))
            file_pages_release(t->data, t->size);
    }
}

struct buffer *stream_view(const struct part *part, uint32_t param)
{
    for (uint32_t k = 0; k < part->n_disk; k++)
        if (part->disk[k].param == param)
            return part->disk[k].view;
    return NULL;
}
