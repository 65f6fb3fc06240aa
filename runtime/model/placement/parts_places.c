/* model/placement/parts_places.c: in which place each operation of a program belongs.
 *
 * Where its weights are; without weights, where the module that emitted it is; and if that is in
 * several places or in none, wherever its inputs are made (SEGMENT_ANYWHERE). What uses a cache or
 * a state goes where that lies already. */
#include "base/error.h"
#include "model/placement/parts.h"
#include "model/session.h"

#include <stdlib.h>
#include <string.h>

#define NO_PARAM UINT32_MAX

struct chooser {
    struct corbel_model *model;
    const struct session *session;
    const struct program *p;
    struct device **states; /* [n_values + 1] the device of a state; NULL: not known yet */
    uint32_t *run_end;      /* [n_params] in the order of names: where the run of one place ends */
    const char *module;     /* the last one asked for */
    uint32_t module_param;
    uint32_t chunk, chunk_unit; /* of what streams from the disk */
    uint64_t chunk_bytes;
};

/* ---- modules --------------------------------------------------------------------------------- */

/* How many names stand before those that begin with `path` and `next`. */
static uint32_t count_before(const struct corbel_model *m, const char *path, size_t size, char next)
{
    uint32_t low = 0, high = m->placement.n_params;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const char *name = m->placement.params[m->by_name[middle]].name;
        int order = strncmp(name, path, size);
        if (order == 0)
            order = (unsigned char)name[size] < (unsigned char)next ? -1 : 1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A parameter of the module at `path`, or of the nearest one around it that has any, if they are
 * all in one place. */
static uint32_t find_module_param(const struct chooser *c, const char *path)
{
    const struct corbel_model *m = c->model;
    size_t size = strlen(path);
    while (size > 0) {
        const uint32_t first = count_before(m, path, size, '.');
        const uint32_t end = count_before(m, path, size, '.' + 1);
        if (first < end)
            return c->run_end[first] >= end ? m->by_name[first] : NO_PARAM;
        while (size > 0 && path[size - 1] != '.')
            size--;
        size -= size > 0;
    }
    return NO_PARAM;
}

static uint32_t module_param(struct chooser *c, const char *module)
{
    if (!module)
        return NO_PARAM;
    if (module != c->module) {
        c->module = module;
        c->module_param = find_module_param(c, module);
    }
    return c->module_param;
}

/* ---- operations ------------------------------------------------------------------------------ */

static uint32_t heaviest_param(const struct chooser *c, const struct program_op *op)
{
    uint32_t heaviest = NO_PARAM;
    uint64_t most = 0;
    for (uint32_t j = 0; j < op->n_in; j++) {
        const struct program_value *v = &c->p->values[op->in[j]];
        uint32_t i;
        if (!op->in[j] || v->kind != VALUE_WEIGHT || !model_find_param(c->model, v->name, &i))
            continue;
        if (heaviest == NO_PARAM || c->model->placement.params[i].bytes > most) {
            heaviest = i;
            most = c->model->placement.params[i].bytes;
        }
    }
    return heaviest;
}

/* The device of a cache or state that the operation uses, if that is made already. */
static struct device *pinned_device(const struct chooser *c, const struct program_op *op)
{
    const bool attends = op->kind == OP_ATTENTION || op->kind == OP_ATTENTION_ROPE;
    const int64_t slot = attends ? program_op_int(op, ATTR_CACHE, -1) : -1;
    for (uint32_t j = 0; j < op->n_in; j++)
        if (c->states[op->in[j]])
            return c->states[op->in[j]];
    return slot >= 0 && c->session ? session_cache_device(c->session, (uint32_t)slot) : NULL;
}

static uint32_t place_on(const struct corbel_model *m, const struct device *device)
{
    for (uint32_t i = 0; i < m->placement.n_places; i++)
        if (!m->placement.places[i].is_disk && m->place_devices[i] == device)
            return i;
    return m->placement.main;
}

static void pin_states(const struct chooser *c, const struct program_op *op, struct device *device)
{
    for (uint32_t j = 0; j < op->n_in; j++)
        if (op->in[j] && c->p->values[op->in[j]].kind == VALUE_STATE)
            c->states[op->in[j]] = device;
}

/* Weights of one unit stream together, as far as the memory for it goes. */
static uint32_t chunk_of(struct chooser *c, const struct program_op *op, uint32_t param)
{
    const struct placement *placement = &c->model->placement;
    uint64_t bytes = 0;
    for (uint32_t j = 0; j < op->n_in; j++) {
        const struct program_value *v = &c->p->values[op->in[j]];
        uint32_t i;
        if (op->in[j] && v->kind == VALUE_WEIGHT && model_find_param(c->model, v->name, &i))
            bytes += placement->params[i].bytes;
    }
    const bool overflows = c->chunk_bytes > 0 && c->chunk_bytes + bytes > c->model->stream_limit;
    if (placement->unit_of[param] != c->chunk_unit || overflows) {
        c->chunk++;
        c->chunk_unit = placement->unit_of[param];
        c->chunk_bytes = 0;
    }
    c->chunk_bytes += bytes;
    return c->chunk;
}

static corbel_status choose(struct chooser *c, const struct program_op *op,
                            struct segment_choice *choice, corbel_error *err)
{
    const struct placement *placement = &c->model->placement;
    uint32_t param = heaviest_param(c, op);
    struct device *pinned = pinned_device(c, op), *device;
    *choice = (struct segment_choice){.place = SEGMENT_ANYWHERE};
    if (param == NO_PARAM)
        param = module_param(c, op->module);
    if (param != NO_PARAM)
        choice->place = placement->place_of[param];
    if (pinned && (param == NO_PARAM || model_device(c->model, choice->place) != pinned))
        choice->place = place_on(c->model, pinned);
    if (choice->place == SEGMENT_ANYWHERE)
        return CORBEL_OK;
    corbel_status status = model_open_place(c->model, choice->place, &device, err);
    if (status != CORBEL_OK)
        return status;
    pin_states(c, op, device);
    if (placement->places[choice->place].is_disk)
        choice->chunk = chunk_of(c, op, param);
    return CORBEL_OK;
}

/* Of a region the heaviest weight decides, as it would for one operation. */
static corbel_status choose_region(struct chooser *c, const struct program_region *r,
                                   struct segment_choice *choices, corbel_error *err)
{
    struct segment_choice best = {.place = SEGMENT_ANYWHERE};
    uint64_t most = 0;
    struct device *device;
    bool is_pinned = false;
    for (uint32_t i = r->begin; i < r->end; i++) {
        const uint32_t param = heaviest_param(c, &c->p->ops[i]);
        const uint64_t bytes = param == NO_PARAM ? 0 : c->model->placement_params[param].bytes;
        const bool pinned = pinned_device(c, &c->p->ops[i]) != NULL;
        if (choices[i].place == SEGMENT_ANYWHERE || (is_pinned && !pinned) ||
            (best.place != SEGMENT_ANYWHERE && bytes <= most && is_pinned == pinned))
            continue;
        best = choices[i];
        most = bytes;
        is_pinned = pinned;
    }
    for (uint32_t i = r->begin; i < r->end; i++)
        choices[i] = best;
    if (best.place == SEGMENT_ANYWHERE)
        return CORBEL_OK;
    corbel_status status = model_open_place(c->model, best.place, &device, err);
    for (uint32_t i = r->begin; i < r->end && status == CORBEL_OK; i++)
        pin_states(c, &c->p->ops[i], device);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static corbel_status prepare(struct chooser *c, corbel_error *err)
{
    const struct corbel_model *m = c->model;
    const uint32_t n = m->placement.n_params;
    c->states = calloc((size_t)c->p->n_values + 1, sizeof(*c->states));
    c->run_end = calloc((size_t)n + 1, sizeof(*c->run_end));
    if (!c->states || !c->run_end)
        return error_memory(err, n * sizeof(*c->run_end), "placing a program");
    for (uint32_t k = n; k-- > 0;) {
        const bool same = k + 1 < n && m->placement.place_of[m->by_name[k]] ==
                                           m->placement.place_of[m->by_name[k + 1]];
        c->run_end[k] = same ? c->run_end[k + 1] : k + 1;
    }
    for (uint32_t id = 1; c->session && id <= c->p->n_values; id++)
        if (c->p->values[id].kind == VALUE_STATE)
            c->states[id] = session_state_device(c->session, c->p->values[id].name);
    return CORBEL_OK;
}

corbel_status parts_choose_places(struct corbel_model *model, const struct session *session,
                                  const struct program *p, struct segment_choice **choices,
                                  corbel_error *err)
{
    struct chooser c = {.model = model, .session = session, .p = p, .chunk_unit = UINT32_MAX};
    corbel_status status = prepare(&c, err);
    *choices = calloc((size_t)p->n_ops + 1, sizeof(**choices));
    if (status == CORBEL_OK && !*choices)
        status = error_memory(err, p->n_ops * sizeof(**choices), "placing a program");
    for (uint32_t i = 0; i < p->n_ops && status == CORBEL_OK; i++)
        status = choose(&c, &p->ops[i], &(*choices)[i], err);
    /* By their ends, so that the outermost has the last word. */
    for (uint32_t i = 0; i < p->n_regions && status == CORBEL_OK; i++)
        status = choose_region(&c, &p->regions[i], *choices, err);
    free(c.states);
    free(c.run_end);
    if (status != CORBEL_OK) {
        free(*choices);
        *choices = NULL;
    }
    return status;
}
