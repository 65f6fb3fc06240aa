/* model/placement/parts_bind.c: buffers and executables of a step's parts. */
#include "base/error.h"
#include "model/placement/parts.h"
#include "model/session.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---------------------------------------------------------------------------------- */

static uint32_t count_on(const struct parts *parts, const struct device *device, uint64_t *arena)
{
    uint32_t n = 0;
    *arena = 0;
    for (uint32_t i = 0; i < parts->n_items; i++) {
        if (parts->items[i].device != device)
            continue;
        n++;
        if (parts->items[i].plan.arena_size > *arena)
            *arena = parts->items[i].plan.arena_size;
    }
    return n;
}

/* Where parts of one device put their results, one part after the other; NULL for a lone one. */
static corbel_status find_scratch(struct parts *parts, struct device *device,
                                  struct buffer **scratch, corbel_error *err)
{
    uint64_t size;
    *scratch = NULL;
    for (uint32_t i = 0; i < parts->n_scratch; i++)
        if (parts->scratch[i]->device == device) {
            *scratch = parts->scratch[i];
            return CORBEL_OK;
        }
    if (count_on(parts, device, &size) < 2)
        return CORBEL_OK;
    corbel_status status = buffer_create(device, size, scratch, err);
    if (status == CORBEL_OK)
        parts->scratch[parts->n_scratch++] = *scratch;
    return status;
}

/* A buffer of the device that no part between `from` and `to` needs for something else. */
static corbel_status find_seam_buffer(struct parts *parts, struct device *device, uint64_t size,
                                      uint32_t from, uint32_t to, struct buffer **buffer,
                                      corbel_error *err)
{
    for (uint32_t i = 0; i < parts->n_seams; i++) {
        struct seam_buffer *s = &parts->seams[i];
        if (s->buffer->device != device || s->buffer->size < size || s->busy_until >= from)
            continue;
        s->busy_until = to;
        *buffer = s->buffer;
        return CORBEL_OK;
    }
    corbel_status status = buffer_create(device, size, buffer, err);
    if (status == CORBEL_OK)
        parts->seams[parts->n_seams++] = (struct seam_buffer){*buffer, to};
    return status;
}

/* The planned program has other numbers than the segment's: values are found by name. */
static uint32_t find_state(const struct program *p, const char *name)
{
    for (uint32_t id = 1; id <= p->n_values; id++)
        if (p->values[id].kind == VALUE_STATE && strcmp(p->values[id].name, name) == 0)
            return id;
    return 0;
}

/* What the values of each part are bound to, while it is put together. */
struct binding {
    struct parts *parts;
    struct session *session;
    struct buffer ***values; /* [n_items][n_values + 1] */
    struct buffer **of_seam; /* [n_seams] */
    corbel_error *err;
};

static struct device *reader_of(const struct parts *parts, const struct seam *seam)
{
    return parts->items[seam->to].device;
}

/* The buffer for seam k of those in [first, end), which carry one value: each device has one. */
static corbel_status link_seam(struct binding *b, uint32_t first, uint32_t k, uint32_t end)
{
    struct parts *parts = b->parts;
    const struct seam *seams = parts->segments.seams, *seam = &seams[k];
    const struct program *p = &parts->items[seam->to].segment->program;
    const uint64_t size = value_bytes(&p->values[seam->value]);
    struct device *device = reader_of(parts, seam);
    uint32_t last = seam->to;
    for (uint32_t i = first; i < k; i++)
        if (reader_of(parts, &seams[i]) == device) {
            b->of_seam[k] = b->of_seam[i];
            return CORBEL_OK;
        }
    for (uint32_t i = k + 1; i < end; i++)
        if (reader_of(parts, &seams[i]) == device && seams[i].to > last)
            last = seams[i].to;
    corbel_status status =
        find_seam_buffer(parts, device, size, seam->from, last, &b->of_seam[k], b->err);
    if (status == CORBEL_OK)
        parts->links[parts->n_links++] =
            (struct part_link){seam->from, seam->output, b->of_seam[k], size};
    return status;
}

static corbel_status link_seams(struct binding *b)
{
    struct parts *parts = b->parts;
    const struct seam *seams = parts->segments.seams;
    const uint32_t n = parts->segments.n_seams;
    corbel_status status = CORBEL_OK;
    for (uint32_t first = 0, end; first < n && status == CORBEL_OK; first = end) {
        for (end = first + 1; end < n && seams[end].from == seams[first].from &&
                              seams[end].output == seams[first].output;
             end++) {
        }
        for (uint32_t k = first; k < end && status == CORBEL_OK; k++)
            status = link_seam(b, first, k, end);
    }
    for (uint32_t k = 0; k < n && status == CORBEL_OK; k++) {
        const struct part *reader = &parts->items[seams[k].to];
        const char *name = reader->segment->program.values[seams[k].value].name;
        b->values[seams[k].to][find_state(&reader->plan.program, name)] = b->of_seam[k];
    }
    return status;
}

/* ---- weights, states, caches ----------------------------------------------------------------- */

static corbel_status bind_weight(const struct binding *b, struct part *part, const char *name,
                                 struct buffer **buffer)
{
    struct corbel_model *m = b->parts->model;
    uint32_t i;
    if (!model_find_param(m, name, &i) || !m->has_weights)
        return error_set(b->err, CORBEL_E_ARGUMENT,
                         "%s: %s has no data: the model was loaded "
                         "without weights",
                         m->folder, name);
    *buffer = stream_view(part, i);
    return *buffer ? CORBEL_OK : weights_on(m, i, part->device, buffer, b->err);
}

static corbel_status bind_values(const struct binding *b, uint32_t index)
{
    struct part *part = &b->parts->items[index];
    const struct program *p = &part->plan.program;
    corbel_status status = CORBEL_OK;
    for (uint32_t id = 1; id <= p->n_values && status == CORBEL_OK; id++) {
        const struct program_value *v = &p->values[id];
        struct buffer **buffer = &b->values[index][id];
        if (v->kind == VALUE_STATE && !*buffer)
            status = session_bind_state(b->session, v, part->device, buffer, b->err);
        if (v->kind == VALUE_WEIGHT)
            status = bind_weight(b, part, v->name, buffer);
    }
    return status;
}

static corbel_status make_executable(const struct binding *b, uint32_t index)
{
    struct part *part = &b->parts->items[index];
    const struct program *p = &part->plan.program;
    struct executable_bindings bindings = {.values = b->values[index]};
    struct buffer **keys = calloc((size_t)p->n_caches + 1, sizeof(*keys));
    struct buffer **values = calloc((size_t)p->n_caches + 1, sizeof(*values));
    corbel_status status = CORBEL_OK;
    if (!keys || !values)
        status = error_memory(b->err, p->n_caches * sizeof(*keys), "bindings");
    for (uint32_t i = 0; i < p->n_caches && status == CORBEL_OK; i++)
        status = session_bind_cache(b->session, part->segment->cache_of[i], &p->caches[i],
                                    part->device, &keys[i], &values[i], b->err);
    bindings.key_caches = keys;
    bindings.value_caches = values;
    if (status == CORBEL_OK)
        status = find_scratch(b->parts, part->device, &bindings.scratch, b->err);
    if (status == CORBEL_OK) {
        device_set_precision(part->device, b->parts->model->precision);
        status = executable_create(part->device, &part->plan, &bindings, &part->executable, b->err);
    }
    free(keys);
    free(values);
    return status;
}

/* ---- inputs and outputs ---------------------------------------------------------------------- */

/* Inputs that several parts have are written to the first that has them. */
static corbel_status find_shared_inputs(struct parts *parts, corbel_error *err)
{
    size_t n = 0;
    for (uint32_t i = 0; i < parts->n_items; i++)
        for (uint32_t id = 1; id <= parts->items[i].plan.program.n_values; id++)
            n += parts->items[i].plan.program.values[id].kind == VALUE_INPUT;
    parts->inputs = arena_array(&parts->arena, n + 1, sizeof(*parts->inputs));
    if (!parts->inputs)
        return error_memory(err, n * sizeof(*parts->inputs), "a list of inputs");
    for (uint32_t i = 1; i < parts->n_items; i++) {
        const struct program *p = &parts->items[i].plan.program;
        for (uint32_t id = 1; id <= p->n_values; id++) {
            if (p->values[id].kind != VALUE_INPUT)
                continue;
            void *from = parts_input(parts, p->values[id].name);
            void *to = executable_input(parts->items[i].executable, p->values[id].name);
            if (from && to && from != to)
                parts->inputs[parts->n_inputs++] =
                    (struct part_input){from, to, value_bytes(&p->values[id])};
        }
    }
    return CORBEL_OK;
}

static corbel_status keep_outputs(struct parts *parts, corbel_error *err)
{
    for (uint32_t i = 0; i < parts->n_outputs && parts->n_items > 1; i++) {
        const uint64_t size = value_bytes(parts->outputs[i].value);
        parts->outputs[i].kept = arena_alloc(&parts->arena, (size_t)size);
        if (!parts->outputs[i].kept)
            return error_memory(err, (size_t)size, parts->outputs[i].name);
    }
    return CORBEL_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

static corbel_status open_binding(struct binding *b)
{
    struct parts *parts = b->parts;
    const size_t n_seams = (size_t)parts->segments.n_seams + 1;
    parts->links = arena_array(&parts->arena, n_seams, sizeof(*parts->links));
    parts->seams = arena_array(&parts->arena, n_seams, sizeof(*parts->seams));
    b->of_seam = calloc(n_seams, sizeof(*b->of_seam));
    b->values = calloc(parts->n_items, sizeof(*b->values));
    bool done = parts->links && parts->seams && b->of_seam && b->values;
    for (uint32_t i = 0; i < parts->n_items && done; i++) {
        const size_t n = (size_t)parts->items[i].plan.program.n_values + 1;
        b->values[i] = calloc(n, sizeof(*b->values[i]));
        done = b->values[i] != NULL;
    }
    return done ? CORBEL_OK : error_memory(b->err, n_seams * sizeof(*b->values), "bindings");
}

static void close_binding(struct binding *b)
{
    for (uint32_t i = 0; b->values && i < b->parts->n_items; i++)
        free(b->values[i]);
    free(b->values);
    free(b->of_seam);
}

/* A weight that streams must be there while its executable is made, which may look at it. */
static corbel_status bind_part(struct binding *b, uint32_t i)
{
    struct part *part = &b->parts->items[i];
    corbel_status status = stream_open(b->parts, part, b->err);
    if (status == CORBEL_OK)
        status = bind_values(b, i);
    if (status == CORBEL_OK)
        status = stream_in(b->parts, part, b->err);
    if (status == CORBEL_OK)
        status = make_executable(b, i);
    return status;
}

corbel_status parts_bind(struct parts *parts, struct session *session, corbel_error *err)
{
    struct binding b = {.parts = parts, .session = session, .err = err};
    corbel_status status = session_open_caches(session, parts->n_caches, err);
    if (status == CORBEL_OK)
        status = session_reserve_stream(session, parts->stream_size, err);
    if (status == CORBEL_OK)
        status = open_binding(&b);
    if (status == CORBEL_OK)
        status = link_seams(&b);
    for (uint32_t i = 0; i < parts->n_items && status == CORBEL_OK; i++)
        status = bind_part(&b, i);
    close_binding(&b);
    if (status == CORBEL_OK)
        status = find_shared_inputs(parts, err);
    return status == CORBEL_OK ? keep_outputs(parts, err) : status;
}
