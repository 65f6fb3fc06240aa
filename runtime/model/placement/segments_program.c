/* model/placement/segments_program.c: the programs of segments: what floats is copied into each
 * that needs it, what another makes is declared as a state, caches and values are numbered anew. */
#include "model/placement/segments_cut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Marks what floats and is needed for what `segment` computes or gives out. */
static void find_needed(const struct cut *c, uint32_t segment)
{
    const struct program *p = c->p;
    memset(c->needed, 0, p->n_ops * sizeof(*c->needed));
    for (uint32_t i = 0; segment == 0 && i < p->n_outputs; i++) {
        const struct program_value *v = &p->values[p->outputs[i].value];
        if (v->kind == VALUE_RESULT && c->floats[v->producer])
            c->needed[v->producer] = true;
    }
    for (uint32_t i = p->n_ops; i-- > 0;) {
        const struct program_op *op = &p->ops[i];
        if (c->floats[i] ? !c->needed[i] : c->segment_of[i] != segment)
            continue;
        for (uint32_t j = 0; j < op->n_in; j++) {
            const struct program_value *v = &p->values[op->in[j]];
            if (op->in[j] && v->kind == VALUE_RESULT && c->floats[v->producer])
                c->needed[v->producer] = true;
        }
    }
}

static bool is_of(const struct cut *c, uint32_t op, uint32_t segment)
{
    return c->floats[op] ? c->needed[op] : c->segment_of[op] == segment;
}

static corbel_status add_seam(struct cut *c, uint32_t value, uint32_t to, uint32_t id)
{
    struct segments *s = c->s;
    if (s->n_seams == c->seams_capacity) {
        const uint32_t capacity = c->seams_capacity ? c->seams_capacity * 2 : 16;
        struct seam *seams = realloc(s->seams, capacity * sizeof(*seams));
        if (!seams)
            return cut_no_memory(c);
        s->seams = seams;
        c->seams_capacity = capacity;
    }
    s->seams[s->n_seams++] = (struct seam){
        .from = segment_of_value(c, value), .output = c->output_of[value], .to = to, .value = id};
    return CORBEL_OK;
}

/* A value that the segment does not compute itself. */
static corbel_status declare(struct cut *c, uint32_t segment, uint32_t value)
{
    struct program *to = &c->s->items[segment].program;
    struct program_value v = c->p->values[value];
    char name[32];
    if (v.kind != VALUE_RESULT)
        return program_add_value(to, &v, &c->id[value], c->err);
    snprintf(name, sizeof(name), "seam.%u", value);
    v.kind = VALUE_STATE;
    v.name = name;
    corbel_status status = program_add_value(to, &v, &c->id[value], c->err);
    return status == CORBEL_OK ? add_seam(c, value, segment, c->id[value]) : status;
}

static corbel_status declare_inputs(struct cut *c, uint32_t segment)
{
    const struct program *p = c->p;
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const struct program_op *op = &p->ops[i];
        for (uint32_t j = 0; is_of(c, i, segment) && j < op->n_in && status == CORBEL_OK; j++) {
            const struct program_value *v = &p->values[op->in[j]];
            const bool own = v->kind == VALUE_RESULT && is_of(c, v->producer, segment);
            if (op->in[j] && !own && !c->id[op->in[j]])
                status = declare(c, segment, op->in[j]);
        }
    }
    return status;
}

/* The segment's own number for the cache that attention `op` uses. */
static corbel_status renumber_cache(struct cut *c, uint32_t segment, struct program_op *op,
                                    struct program_attr attrs[ATTR_COUNT])
{
    struct segment *s = &c->s->items[segment];
    const int64_t slot = program_op_int(op, ATTR_CACHE, -1);
    uint32_t own;
    if (slot < 0 || slot >= c->p->n_caches || op->n_attrs > ATTR_COUNT)
        return CORBEL_OK;
    struct program_cache cache = c->p->caches[slot];
    cache.used_by = 0;
    corbel_status status = program_add_cache(&s->program, &cache, &own, c->err);
    if (status != CORBEL_OK)
        return status;
    s->cache_of[own] = (uint32_t)slot;
    memcpy(attrs, op->attrs, op->n_attrs * sizeof(*attrs));
    for (uint32_t i = 0; i < op->n_attrs; i++)
        if (attrs[i].key == ATTR_CACHE)
            attrs[i].i = own;
    op->attrs = attrs;
    return CORBEL_OK;
}

static corbel_status emit(struct cut *c, uint32_t segment, const struct program_op *op)
{
    struct program_op renamed = *op;
    struct program_attr attrs[ATTR_COUNT];
    uint32_t out[PROGRAM_MAX_OUTPUTS] = {0};
    corbel_status status = renumber_cache(c, segment, &renamed, attrs);
    for (uint32_t j = 0; j < op->n_in; j++)
        renamed.in[j] = op->in[j] ? c->id[op->in[j]] : 0;
    if (status == CORBEL_OK)
        status = program_emit(&c->s->items[segment].program, &renamed, out, c->err);
    for (uint32_t j = 0; j < op->n_out && status == CORBEL_OK; j++)
        c->id[op->out[j]] = out[j];
    return status;
}

/* Regions that end with operation `last` of the whole program, which was emitted just now. */
static corbel_status add_regions(struct cut *c, uint32_t segment, uint32_t last, uint32_t *next)
{
    const struct program *p = c->p;
    struct program *to = &c->s->items[segment].program;
    corbel_status status = CORBEL_OK;
    for (; *next < p->n_regions && p->regions[*next].end <= last + 1 && status == CORBEL_OK;
         ++*next) {
        struct program_region r = p->regions[*next];
        if (r.end != last + 1)
            continue; /* of another segment */
        const uint32_t n = r.end - r.begin;
        r.end = to->n_ops;
        r.begin = r.end - n;
        for (uint32_t j = 0; j < r.n_in; j++)
            r.in[j] = c->id[r.in[j]];
        r.out = c->id[r.out];
        status = program_add_region(to, &r, c->err);
    }
    return status;
}

/* The whole program's outputs that this segment makes; what floats, and what is not computed at
 * all, is the first segment's. */
static corbel_status add_outputs(struct cut *c, uint32_t segment)
{
    const struct program *p = c->p;
    struct program *to = &c->s->items[segment].program;
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < p->n_outputs && status == CORBEL_OK; i++) {
        const uint32_t value = p->outputs[i].value, own = segment_of_value(c, value);
        if ((own == NOWHERE ? 0 : own) != segment)
            continue;
        if (!c->id[value])
            status = declare(c, segment, value);
        c->s->outputs[i] = (struct segment_output){segment, to->n_outputs};
        if (status == CORBEL_OK)
            status = program_add_output(to, p->outputs[i].name, c->id[value], c->err);
    }
    return status;
}

static corbel_status add_leaving(struct cut *c, uint32_t segment)
{
    struct program *to = &c->s->items[segment].program;
    corbel_status status = CORBEL_OK;
    char name[32];
    for (uint32_t id = 1; id <= c->p->n_values && status == CORBEL_OK; id++) {
        if (!c->crosses[id] || segment_of_value(c, id) != segment)
            continue;
        snprintf(name, sizeof(name), "seam.%u", id);
        c->output_of[id] = to->n_outputs;
        status = program_add_output(to, name, c->id[id], c->err);
    }
    /* A segment that only changes a state; programs have at least one output. */
    if (status == CORBEL_OK && to->n_outputs == 0 && to->n_values > 0)
        status = program_add_output(to, "seam.none", to->n_values, c->err);
    return status;
}

corbel_status segment_make_program(struct cut *c, uint32_t segment)
{
    const struct program *p = c->p;
    struct segment *s = &c->s->items[segment];
    s->cache_of = arena_array(&c->s->arena, (size_t)p->n_caches + 1, sizeof(*s->cache_of));
    if (!s->cache_of)
        return cut_no_memory(c);
    memset(c->id, 0, ((size_t)p->n_values + 1) * sizeof(*c->id));
    find_needed(c, segment);
    uint32_t next_region = 0;
    corbel_status status = program_set_kernels(&s->program, p->kernels, p->n_kernels, c->err);
    if (status == CORBEL_OK)
        status = declare_inputs(c, segment);
    for (uint32_t i = 0; i < p->n_ops && status == CORBEL_OK; i++) {
        if (!is_of(c, i, segment))
            continue;
        status = emit(c, segment, &p->ops[i]);
        if (status == CORBEL_OK)
            status = add_regions(c, segment, i, &next_region);
    }
    if (status == CORBEL_OK)
        status = add_outputs(c, segment);
    return status == CORBEL_OK ? add_leaving(c, segment) : status;
}
