/* model/placement/segments.c: cutting a program.
 *
 * Operations keep their order, and a segment ends where the place changes. Three kinds go where
 * others are: what depends on inputs and constants only is copied into every segment that reads
 * it; what may turn out to be a view (reshape, slice, permute, expand, cast) stays with what it
 * looks at, so that nothing but results of their own cross a seam; and what has no place of its own
 * runs where the last of its inputs is made. The operations of a region, which one kernel may
 * replace, stay together. */
#include "model/placement/segments_cut.h"

#include <stdlib.h>
#include <string.h>

#define MOST_SEGMENTS 4096

/* ---- which operation goes where -------------------------------------------------------------- */

static bool has_effects_or_is_large(enum program_op_kind kind)
{
    return kind == OP_ATTENTION || kind == OP_ASSIGN || kind == OP_CUSTOM || kind == OP_LINEAR ||
           kind == OP_MATMUL || kind == OP_CONV;
}

static bool may_be_view(enum program_op_kind kind)
{
    return kind == OP_RESHAPE || kind == OP_SLICE || kind == OP_PERMUTE || kind == OP_EXPAND ||
           kind == OP_CAST;
}

static bool value_floats(const struct cut *c, uint32_t id)
{
    const struct program_value *v = &c->p->values[id];
    if (id == 0 || v->kind == VALUE_INPUT || v->kind == VALUE_CONSTANT)
        return true;
    return v->kind == VALUE_RESULT && c->floats[v->producer];
}

static void find_regions(const struct cut *c)
{
    for (uint32_t i = 0; i < c->p->n_regions; i++) {
        const struct program_region *r = &c->p->regions[i];
        if (r->end > c->region_end[r->begin])
            c->region_end[r->begin] = r->end;
    }
}

static void find_floating(const struct cut *c)
{
    uint32_t region_end = 0;
    for (uint32_t i = 0; i < c->p->n_ops; i++) {
        const struct program_op *op = &c->p->ops[i];
        if (c->region_end[i] > region_end)
            region_end = c->region_end[i];
        if (i < region_end)
            continue;
        c->floats[i] = !has_effects_or_is_large(op->kind);
        for (uint32_t j = 0; j < op->n_in; j++)
            c->floats[i] = c->floats[i] && value_floats(c, op->in[j]);
    }
}

/* The last segment that operations [begin, end) need anything of. */
static uint32_t latest_input(const struct cut *c, uint32_t begin, uint32_t end)
{
    uint32_t latest = NOWHERE;
    for (uint32_t i = begin; i < end; i++) {
        const struct program_op *op = &c->p->ops[i];
        for (uint32_t j = 0; j < op->n_in; j++) {
            const struct program_value *v = &c->p->values[op->in[j]];
            const bool own = op->in[j] && v->kind == VALUE_RESULT && v->producer >= begin;
            const uint32_t s = own ? NOWHERE : segment_of_value(c, op->in[j]);
            if (s != NOWHERE && (latest == NOWHERE || s > latest))
                latest = s;
        }
    }
    return latest;
}

static corbel_status begin_segment(struct cut *c, struct segment_choice choice)
{
    struct segments *s = c->s;
    if (s->n_items == MOST_SEGMENTS)
        return error_set(c->err, CORBEL_E_UNSUPPORTED,
                         "the device map cuts the program into more than %d pieces", MOST_SEGMENTS);
    struct segment *items = realloc(s->items, (s->n_items + 1) * sizeof(*items));
    if (!items)
        return cut_no_memory(c);
    s->items = items;
    items[s->n_items] = (struct segment){.place = choice.place, .chunk = choice.chunk};
    program_init(&items[s->n_items++].program);
    return CORBEL_OK;
}

/* The last segment if it is of this kind, else a new one. */
static corbel_status open_segment(struct cut *c, struct segment_choice choice, uint32_t *segment)
{
    const struct segment *last = c->s->n_items ? &c->s->items[c->s->n_items - 1] : NULL;
    corbel_status status = CORBEL_OK;
    if (!last || last->place != choice.place || last->chunk != choice.chunk)
        status = begin_segment(c, choice);
    *segment = c->s->n_items - 1;
    return status;
}

/* Operation i, or the region [i, end). */
static corbel_status assign(struct cut *c, uint32_t i, uint32_t end, struct segment_choice choice,
                            uint32_t fallback)
{
    const struct program_op *op = &c->p->ops[i];
    const uint32_t latest = latest_input(c, i, end);
    const bool looks = end == i + 1 && may_be_view(op->kind);
    if (looks && segment_of_value(c, op->in[0]) != NOWHERE)
        c->segment_of[i] = latest; /* of its only input that is computed */
    else if (choice.place != SEGMENT_ANYWHERE)
        return open_segment(c, choice, &c->segment_of[i]);
    else if (latest != NOWHERE)
        c->segment_of[i] = latest;
    else if (c->s->n_items)
        c->segment_of[i] = c->s->n_items - 1;
    else
        return open_segment(c, (struct segment_choice){fallback, 0}, &c->segment_of[i]);
    return CORBEL_OK;
}

static corbel_status assign_ops(struct cut *c, const struct segment_choice *choices,
                                uint32_t fallback)
{
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0, end; i < c->p->n_ops && status == CORBEL_OK; i = end) {
        end = c->region_end[i] > i ? c->region_end[i] : i + 1;
        if (!c->floats[i])
            status = assign(c, i, end, choices[i], fallback);
        for (uint32_t k = i + 1; k < end; k++)
            c->segment_of[k] = c->segment_of[i];
    }
    if (status == CORBEL_OK && c->s->n_items == 0)
        status = begin_segment(c, (struct segment_choice){fallback, 0});
    return status;
}

static void find_crossing(const struct cut *c)
{
    for (uint32_t i = 0; i < c->p->n_ops; i++) {
        const struct program_op *op = &c->p->ops[i];
        for (uint32_t j = 0; j < op->n_in && !c->floats[i]; j++) {
            const uint32_t s = segment_of_value(c, op->in[j]);
            if (s != NOWHERE && s != c->segment_of[i])
                c->crosses[op->in[j]] = true;
        }
    }
}

/* ---- whole ----------------------------------------------------------------------------------- */

/* Nothing to cut: the program itself is the segment. */
static corbel_status take_whole(struct cut *c, struct program *p)
{
    struct segment *only = &c->s->items[0];
    only->cache_of = arena_array(&c->s->arena, (size_t)p->n_caches + 1, sizeof(*only->cache_of));
    if (!only->cache_of)
        return cut_no_memory(c);
    for (uint32_t i = 0; i < p->n_caches; i++)
        only->cache_of[i] = i;
    for (uint32_t i = 0; i < p->n_outputs; i++)
        c->s->outputs[i] = (struct segment_output){0, i};
    only->program = *p;
    program_init(p);
    return CORBEL_OK;
}

static int compare_seams(const void *a, const void *b)
{
    const struct seam *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->output < y->output ? -1 : x->output > y->output;
}

static corbel_status allocate(struct cut *c)
{
    const size_t n_ops = (size_t)c->p->n_ops + 1, n_values = (size_t)c->p->n_values + 1;
    c->segment_of = calloc(n_ops, sizeof(*c->segment_of));
    c->floats = calloc(n_ops, sizeof(*c->floats));
    c->region_end = calloc(n_ops, sizeof(*c->region_end));
    c->needed = calloc(n_ops, sizeof(*c->needed));
    c->crosses = calloc(n_values, sizeof(*c->crosses));
    c->id = calloc(n_values, sizeof(*c->id));
    c->output_of = calloc(n_values, sizeof(*c->output_of));
    c->s->outputs = arena_array(&c->s->arena, (size_t)c->p->n_outputs + 1, sizeof(*c->s->outputs));
    c->s->n_outputs = c->p->n_outputs;
    return c->segment_of && c->floats && c->region_end && c->needed && c->crosses && c->id &&
                   c->output_of && c->s->outputs
               ? CORBEL_OK
               : cut_no_memory(c);
}

static void release(struct cut *c)
{
    free(c->segment_of);
    free(c->floats);
    free(c->region_end);
    free(c->needed);
    free(c->crosses);
    free(c->id);
    free(c->output_of);
}

corbel_status segments_create(struct segments *s, struct program *p,
                              const struct segment_choice *choices, uint32_t fallback,
                              corbel_error *err)
{
    *s = (struct segments){0};
    struct cut c = {.p = p, .s = s, .err = err};
    corbel_status status = allocate(&c);
    if (status == CORBEL_OK) {
        find_regions(&c);
        find_floating(&c);
        status = assign_ops(&c, choices, fallback);
    }
    if (status == CORBEL_OK && s->n_items == 1) {
        status = take_whole(&c, p);
    } else if (status == CORBEL_OK) {
        find_crossing(&c);
        for (uint32_t i = 0; i < s->n_items && status == CORBEL_OK; i++)
            status = segment_make_program(&c, i);
        if (s->n_seams)
            qsort(s->seams, s->n_seams, sizeof(*s->seams), compare_seams);
    }
    release(&c);
    return status;
}

void segments_finish(struct segments *s)
{
    for (uint32_t i = 0; i < s->n_items; i++)
        program_finish(&s->items[i].program);
    free(s->items);
    free(s->seams);
    arena_finish(&s->arena);
    *s = (struct segments){0};
}
