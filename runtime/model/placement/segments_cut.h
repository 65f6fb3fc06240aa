/* model/placement/segments_cut.h: what segments.c and segments_program.c share while a program is
 * cut. */
#ifndef MODEL_SEGMENTS_CUT_H
#define MODEL_SEGMENTS_CUT_H

#include "base/error.h"
#include "model/placement/segments.h"

#define NOWHERE UINT32_MAX

struct cut {
    const struct program *p;
    struct segments *s;
    uint32_t *segment_of; /* [n_ops] */
    uint32_t *region_end; /* [n_ops] of the outermost region that it begins; 0: it begins none */
    bool *floats;         /* [n_ops] depends on inputs and constants only, and is in no region */
    bool *crosses;        /* [n_values + 1] read in a segment other than its own */
    bool *needed;         /* [n_ops] of those that float, in the segment that is being made */
    uint32_t *id;         /* [n_values + 1] in the segment that is being made */
    uint32_t *output_of;  /* [n_values + 1] which output of its segment a crossing value is */
    uint32_t seams_capacity;
    corbel_error *err;
};

static inline corbel_status cut_no_memory(const struct cut *c)
{
    return error_memory(c->err, c->p->n_values * sizeof(uint32_t), "cutting a program");
}

/* The segment that makes the value; NOWHERE: it is there in each. */
static inline uint32_t segment_of_value(const struct cut *c, uint32_t id)
{
    const struct program_value *v = &c->p->values[id];
    if (id == 0 || v->kind != VALUE_RESULT || c->floats[v->producer])
        return NOWHERE;
    return c->segment_of[v->producer];
}

/* The program of one segment: what it computes, receives and gives out. */
corbel_status segment_make_program(struct cut *c, uint32_t segment);

#endif
