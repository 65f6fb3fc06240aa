/* program/print.h: what the readable forms of programs and plans share. */
#ifndef PROGRAM_PRINT_H
#define PROGRAM_PRINT_H

#include "program/program.h"

/* "rms_norm(%4, .weight f32 [32], eps=1e-06)": weights by their name within `module`. */
void print_operation(const struct program *p, const struct program_op *op, struct text *out);
/* "%4", or a declared value's name with its type and shape, within `module` (may be NULL). */
void print_value(const struct program *p, uint32_t id, const char *module, struct text *out);
/* "input  input_ids i32 [1, 8]" and so on, a line each: what the program is given, keeps, gives. */
void print_declarations(const struct program *p, struct text *out);
/* A line with the module's path where it differs from *current. */
void print_module_change(const struct program_op *op, const char **current, struct text *out);
/* "grid 4 x 1 x 1, push 256 0.5" */
void print_launch(const struct program_launch *launch, struct text *out);
/* "{"axis": 1, "function": "silu"}" */
void print_attributes_json(const struct program_op *op, struct text *out);
/* ""grid": [4, 1, 1], "push": [256, 0.5]" */
void print_launch_json(const struct program_launch *launch, struct text *out);

/* The regions that operations are in, one operation after the other. Without memory: none. */
struct region_walk {
    const struct program *p;
    uint32_t *first, *next; /* by operation, by region: index + 1 of what begins there */
    uint32_t open[PROGRAM_MAX_NESTED], n_open,
        n_new; /* the outermost first; the last n_new begin */
};
void region_walk_init(struct region_walk *w, const struct program *p);
void region_walk_step(struct region_walk *w, uint32_t op); /* 0, 1, 2 ... */
void region_walk_finish(struct region_walk *w);

uint32_t count_values(const struct program *p, enum value_kind kind);
/* The digraph; `n_host_ops` are drawn as the host's. */
void print_dot(const struct program *p, const char *title, uint32_t n_host_ops, struct text *out);

/* "1.5 MiB" */
struct size_text {
    char s[24];
};
struct size_text size_text(uint64_t bytes);

#endif
