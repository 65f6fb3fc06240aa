/* model/placement/segments.h: one program cut into several, each for one place.
 *
 * What crosses a seam leaves one segment as an output and enters the next ones as a state, both
 * called "seam.N" after the value of the whole program: a state lies in a buffer of the device and
 * is written before a run. What depends only on inputs and constants (tables of angles, masks) does
 * not cross: every segment that needs it computes it. */
#ifndef MODEL_SEGMENTS_H
#define MODEL_SEGMENTS_H

#include "program/program.h"

#define SEGMENT_ANYWHERE UINT32_MAX

/* Where an operation of the whole program belongs; operations of one segment agree in both. Of a
 * region (program/program.h) the first operation's choice holds for all. */
struct segment_choice {
    uint32_t place; /* or SEGMENT_ANYWHERE: where what it reads is made */
    uint32_t chunk; /* parts of one place that are to stay apart: of what streams from the disk */
};

struct segment {
    uint32_t place, chunk;
    struct program program;
    uint32_t *cache_of; /* [program.n_caches] slot of the whole program */
};

/* The output of one segment that is a state of another. */
struct seam {
    uint32_t from, output; /* segment, index of its outputs */
    uint32_t to, value;    /* segment, id of its value */
};

/* Where output i of the whole program is. */
struct segment_output {
    uint32_t segment, output;
};

struct segments {
    struct arena arena; /* owns the lists */
    struct segment *items;
    uint32_t n_items;
    struct seam *seams; /* by `from` */
    uint32_t n_seams;
    struct segment_output *outputs; /* [outputs of the whole program] */
    uint32_t n_outputs;
};

/* `choices`: [p->n_ops]; `fallback`: the place of a program without any other. Takes p over where
 * there is nothing to cut: it is then empty, and finished by the caller all the same. The caller
 * finishes *s in either case. */
corbel_status segments_create(struct segments *s, struct program *p,
                              const struct segment_choice *choices, uint32_t fallback,
                              corbel_error *err);
void segments_finish(struct segments *s);

#endif
