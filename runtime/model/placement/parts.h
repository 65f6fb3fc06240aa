/* model/placement/parts.h: a step's executables: one, or several that hand values on to each other
 * where the model lies in several places.
 *
 * parts_places.c   in which place each operation belongs
 * segments.c       the program cut accordingly
 * parts.c          the plans, and running them in turn
 * parts_bind.c     buffers and executables
 * stream.c         weights that come from the disk for each use */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H

#include "model/model.h"
#include "model/placement/segments.h"

struct session;

/* A weight on the disk that a part reads. */
struct part_weight {
    uint32_t param;
    bool is_lookup;      /* only rows of it are read: reading ahead would be a waste */
    struct buffer *view; /* of the staging area; NULL: the mapped file itself is read */
};

struct part {
    const struct segment *segment;
    struct device *device;
    struct plan plan;
    struct executable *executable;
    struct part_weight *disk; /* [n_disk] */
    uint32_t n_disk;
};

/* After `part` has run, its output goes into a buffer that later parts read. */
struct part_link {
    uint32_t part, output;
    struct buffer *to;
    uint64_t size;
};

/* An input that several parts have: what the caller wrote for the first. */
struct part_input {
    const void *from;
    void *to;
    uint64_t size;
};

/* An output of the whole program. */
struct part_output {
    const char *name;
    const struct program_value *value; /* shape and dtype */
    uint32_t part, output;
    void *kept; /* where there are several parts: they share the memory for results */
};

struct seam_buffer {
    struct buffer *buffer;
    uint32_t busy_until; /* the last part that reads it */
};

struct parts {
    struct corbel_model *model;
    struct arena arena; /* owns the lists */
    struct segments segments;
    struct part *items;
    uint32_t n_items;
    struct part_output *outputs;
    uint32_t n_outputs;
    uint32_t n_caches; /* of the whole program */
    struct part_link *links;
    uint32_t n_links;
    struct part_input *inputs;
    uint32_t n_inputs;
    struct seam_buffer *seams;
    uint32_t n_seams;
    struct buffer *scratch[MODEL_MAX_DEVICES]; /* by device, where several parts share one */
    uint32_t n_scratch;
    uint64_t stream_size; /* bytes of the staging area that the largest part needs */
};

/* Cuts and plans `program`, which is taken over. `session` knows where caches and states lie
 * already; NULL: nowhere yet. The caller finishes *parts in either case. */
corbel_status parts_plan(struct parts *parts, struct corbel_model *model, struct session *session,
                         struct program *program, corbel_error *err);
/* Makes what was planned executable. */
corbel_status parts_bind(struct parts *parts, struct session *session, corbel_error *err);
void parts_finish(struct parts *parts);

/* As executable_input, executable_run, executable_output. */
void *parts_input(const struct parts *parts, const char *name);
corbel_status parts_run(struct parts *parts, int64_t past, corbel_error *err);
const void *parts_output(const struct parts *parts, uint32_t i);

/* parts_print.c: the plan of one part alone, or of all with what crosses between them. */
void parts_print(const struct parts *parts, corbel_program_format format, struct text *out);

/* parts_places.c: *choices [p->n_ops] is the caller's (free). */
corbel_status parts_choose_places(struct corbel_model *model, const struct session *session,
                                  const struct program *p, struct segment_choice **choices,
                                  corbel_error *err);

/* ---- stream.c -------------------------------------------------------------------------------- */

/* Finds what `part` reads from the disk; *size is what it needs of the staging area. */
corbel_status stream_find(struct parts *parts, struct part *part, uint64_t *size,
                          corbel_error *err);
/* Its views of the staging area, which is large enough. */
corbel_status stream_open(struct parts *parts, struct part *part, corbel_error *err);
/* Before `part` runs: its weights are in the staging area. */
corbel_status stream_in(struct parts *parts, struct part *part, corbel_error *err);
/* Begins to read what `part` will need. */
void stream_ahead(const struct parts *parts, const struct part *part);
/* After it has run: its pages are given back. */
void stream_out(const struct parts *parts, const struct part *part);
/* The view of parameter `param`; NULL: it does not stream through the area. */
struct buffer *stream_view(const struct part *part, uint32_t param);

#endif
