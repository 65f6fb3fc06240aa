/* model/placement/parts.c: the plans of a step's parts, and running them in turn. */
#include "model/placement/parts.h"

#include "base/error.h"
#include "model/profile/profile.h"

#include <stdlib.h>
#include <string.h>

/* ---- planning -------------------------------------------------------------------------------- */

static corbel_status cut(struct parts *parts, const struct session *session,
                         struct program *program, corbel_error *err)
{
    struct segment_choice *choices;
    parts->n_caches = program->n_caches;
    corbel_status status = parts_choose_places(parts->model, session, program, &choices, err);
    if (status == CORBEL_OK)
        status =
            segments_create(&parts->segments, program, choices, parts->model->placement.main, err);
    free(choices);
    return status;
}

static corbel_status plan_part(struct parts *parts, uint32_t i, corbel_error *err)
{
    struct part *part = &parts->items[i];
    part->segment = &parts->segments.items[i];
    corbel_status status = model_open_place(parts->model, part->segment->place, &part->device, err);
    if (status != CORBEL_OK)
        return status;
    const struct plan_options options = device_plan_options(part->device);
    return plan_create(&part->plan, &part->segment->program, &options, err);
}

static void list_outputs(struct parts *parts)
{
    for (uint32_t i = 0; i < parts->n_outputs; i++) {
        const struct segment_output *o = &parts->segments.outputs[i];
        const struct program *p = &parts->items[o->segment].plan.program;
        parts->outputs[i] = (struct part_output){.name = p->outputs[o->output].name,
                                                 .value = &p->values[p->outputs[o->output].value],
                                                 .part = o->segment,
                                                 .output = o->output};
    }
}

corbel_status parts_plan(struct parts *parts, struct corbel_model *model, struct session *session,
                         struct program *program, corbel_error *err)
{
    *parts = (struct parts){.model = model};
    corbel_status status = cut(parts, session, program, err);
    if (status != CORBEL_OK)
        return status;
    const uint32_t n = parts->segments.n_items;
    parts->n_outputs = parts->segments.n_outputs;
    parts->items = arena_array(&parts->arena, n, sizeof(*parts->items));
    parts->outputs = arena_array(&parts->arena, parts->n_outputs + 1u, sizeof(*parts->outputs));
    if (!parts->items || !parts->outputs)
        return error_memory(err, n * sizeof(*parts->items), "the parts of a program");
    for (parts->n_items = 0; parts->n_items < n && status == CORBEL_OK; parts->n_items++)
        status = plan_part(parts, parts->n_items, err);
    for (uint32_t i = 0; i < parts->n_items && status == CORBEL_OK; i++) {
        uint64_t size;
        status = stream_find(parts, &parts->items[i], &size, err);
        if (size > parts->stream_size)
            parts->stream_size = size;
    }
    if (status == CORBEL_OK)
        list_outputs(parts);
    return status;
}

/* ---- life ------------------------------------------------------------------------------------ */

void parts_finish(struct parts *parts)
{
    for (uint32_t i = 0; i < parts->n_items; i++) {
        struct part *part = &parts->items[i];
        executable_destroy(&part->executable);
        for (uint32_t k = 0; k < part->n_disk; k++)
            buffer_destroy(&part->disk[k].view);
        plan_finish(&part->plan);
        if (parts->model->stream_holds == part)
            parts->model->stream_holds = NULL;
    }
    for (uint32_t i = 0; i < parts->n_seams; i++)
        buffer_destroy(&parts->seams[i].buffer);
    for (uint32_t i = 0; i < parts->n_scratch; i++)
        buffer_destroy(&parts->scratch[i]);
    segments_finish(&parts->segments);
    arena_finish(&parts->arena);
    *parts = (struct parts){0};
}

/* ---- running --------------------------------------------------------------------------------- */

static corbel_status find_output(const struct part *part, uint32_t output, const void **data,
                                 corbel_error *err)
{
    *data = executable_output(part->executable, output);
    if (*data)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_INTERNAL, "%s: output %s of a part can't be read",
                     device_name(part->device), part->plan.program.outputs[output].name);
}

/* What part i made for others and for the caller, before another uses its memory. */
static corbel_status hand_on(struct parts *parts, uint32_t i, uint32_t *link, corbel_error *err)
{
    const struct part *part = &parts->items[i];
    corbel_status status = CORBEL_OK;
    const void *data;
    for (; *link < parts->n_links && parts->links[*link].part == i && status == CORBEL_OK;
         ++*link) {
        const struct part_link *l = &parts->links[*link];
        status = find_output(part, l->output, &data, err);
        if (status == CORBEL_OK)
            status = buffer_write(l->to, 0, data, l->size, err);
    }
    for (uint32_t k = 0; k < parts->n_outputs && status == CORBEL_OK; k++) {
        const struct part_output *o = &parts->outputs[k];
        if (o->part != i || !o->kept)
            continue;
        status = find_output(part, o->output, &data, err);
        if (status == CORBEL_OK)
            memcpy(o->kept, data, value_bytes(o->value));
    }
    return status;
}

static corbel_status run_part(struct parts *parts, uint32_t i, int64_t past, uint32_t *link,
                              corbel_error *err)
{
    struct part *part = &parts->items[i];
    corbel_status status = stream_in(parts, part, err);
    if (status != CORBEL_OK)
        return status;
    if (parts->n_items > 1)
        stream_ahead(parts, &parts->items[(i + 1) % parts->n_items]);
    status = profiled_run(parts->model, part->executable, &part->plan, past, err);
    if (status == CORBEL_OK)
        status = hand_on(parts, i, link, err);
    stream_out(parts, part);
    return status;
}

void *parts_input(const struct parts *parts, const char *name)
{
    void *input = NULL;
    for (uint32_t i = 0; i < parts->n_items && !input; i++)
        input = executable_input(parts->items[i].executable, name);
    return input;
}

const void *parts_output(const struct parts *parts, uint32_t i)
{
    const struct part_output *o = &parts->outputs[i];
    return o->kept ? o->kept : executable_output(parts->items[o->part].executable, o->output);
}

corbel_status parts_run(struct parts *parts, int64_t past, corbel_error *err)
{
    uint32_t link = 0;
    corbel_status status = weights_check_files(parts->model, err);
    for (uint32_t i = 0; i < parts->n_inputs && status == CORBEL_OK; i++)
        memcpy(parts->inputs[i].to, parts->inputs[i].from, parts->inputs[i].size);
    for (uint32_t i = 0; i < parts->n_items && status == CORBEL_OK; i++)
        status = run_part(parts, i, past, &link, err);
    return status;
}
