/* program/print_dot.c: a program as a drawing for graphviz: a box an operation, in nested frames
 * for the modules; weights are written into the box that reads them. */
#include "program/print.h"

#include "program/shapes.h"

#include <string.h>

static const char *color_of(enum program_op_kind kind)
{
    switch (kind) {
    case OP_LINEAR:
    case OP_MATMUL:
    case OP_CONV:
    case OP_EMBEDDING:
    case OP_LINEAR_FUSED:
    case OP_LINEAR_GATED:
    case OP_LINEAR_MULTI: return "#cfe2f3";
    case OP_ATTENTION:
    case OP_ATTENTION_ROPE: return "#fce5cd";
    case OP_ROPE:
    case OP_ROPE_TABLE: return "#fff2cc";
    case OP_RMS_NORM:
    case OP_LAYER_NORM:
    case OP_BATCH_NORM:
    case OP_SOFTMAX:
    case OP_ADD_RMS_NORM:
    case OP_ADD_LAYER_NORM: return "#d9ead3";
    case OP_RESHAPE:
    case OP_PERMUTE:
    case OP_SLICE:
    case OP_CONCAT:
    case OP_GATHER:
    case OP_EXPAND:
    case OP_CAST: return "#eeeeee";
    case OP_CUSTOM: return "#ead1dc";
    default: return "#ffffff";
    }
}

static void quote(struct text *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            text_append_char(out, '\\');
        text_append_char(out, *s);
    }
}

/* The next part of a module path; "layers.3" is one part. 0 at the end. */
static size_t part_length(const char *path)
{
    size_t n = strcspn(path, ".");
    while (path[n] == '.' && path[n + 1] >= '0' && path[n + 1] <= '9')
        n += 1 + strcspn(path + n + 1, ".");
    return n;
}

static bool same_part(const char *a, size_t n_a, const char *b, size_t n_b)
{
    return n_a == n_b && n_a > 0 && memcmp(a, b, n_a) == 0;
}

/* Closes the frames of `from` that `to` is not in, and opens those that it is in. Frames of one
 * name are one frame for graphviz, so that coming back to a module is no matter. */
static void change_module(const char *from, const char *to, struct text *out)
{
    const char *start = to;
    size_t n_from, n_to;
    while (same_part(from, n_from = part_length(from), to, n_to = part_length(to))) {
        from += n_from + (from[n_from] == '.');
        to += n_to + (to[n_to] == '.');
    }
    for (; *from; from += part_length(from), from += *from == '.')
        text_append(out, "}\n");
    while (*to) {
        n_to = part_length(to);
        text_append(out, "subgraph \"cluster_");
        for (const char *c = start; c < to + n_to; c++)
            text_append_char(out, *c == '"' || *c == '\\' ? '_' : *c);
        text_append(out, "\" {\nlabel=\"");
        for (const char *c = to; c < to + n_to; c++)
            text_append_char(out, *c == '"' || *c == '\\' ? '_' : *c);
        text_append(out, "\"\n");
        to += n_to;
        to += *to == '.';
    }
}

/* What an operation reads that no other operation makes, a line each. */
static void label_declared(const struct program *p, const struct program_op *op, struct text *out)
{
    for (uint32_t i = 0; i < op->n_in; i++) {
        const struct program_value *v = &p->values[op->in[i]];
        if (op->in[i] == 0 || v->kind == VALUE_RESULT || v->kind == VALUE_INPUT)
            continue;
        const char *dot = v->name ? strrchr(v->name, '.') : NULL;
        const char *name = v->name ? v->name : "constant";
        if (dot && op->module && strncmp(name, op->module, strlen(op->module)) == 0 &&
            name[strlen(op->module)] == '.')
            name += strlen(op->module) + 1;
        text_append(out, "\\n");
        quote(out, name);
        text_format(out, " %s %s", dtype_short(v->dtype), shape_text(v).s);
    }
}

static void draw_op(const struct region_walk *walk, uint32_t i, bool host, struct text *out)
{
    const struct program *p = walk->p;
    const struct program_op *op = &p->ops[i];
    text_format(out, "op%u [label=\"%s", i, program_op_name(op->kind));
    for (uint32_t j = 0; j < op->n_attrs; j++)
        if (op->attrs[j].key == ATTR_FUNCTION)
            text_format(out, " %s", program_function_name((enum program_function)op->attrs[j].i));
    if (op->custom) {
        text_append_char(out, ' ');
        quote(out, op->custom);
    }
    for (uint32_t j = 0; j < walk->n_open; j++) {
        text_append(out, "\\nfor kernel ");
        quote(out, p->regions[walk->open[j]].kernel);
    }
    label_declared(p, op, out);
    text_format(out, "\", fillcolor=\"%s\", style=\"filled,rounded%s%s\"]\n", color_of(op->kind),
                program_op_is_fused(op->kind) ? ",bold" : "", host ? ",dashed" : "");
}

static void draw_edges(const struct program *p, uint32_t i, struct text *out)
{
    const struct program_op *op = &p->ops[i];
    for (uint32_t j = 0; j < op->n_in; j++) {
        const uint32_t id = op->in[j];
        const struct program_value *v = &p->values[id];
        if (id != 0 && v->kind == VALUE_RESULT)
            text_format(out, "op%u -> op%u [label=\"%s\"]\n", v->producer, i, shape_text(v).s);
        else if (id != 0 && v->kind == VALUE_INPUT)
            text_format(out, "value%u -> op%u\n", id, i);
    }
}

static void draw_ends(const struct program *p, struct text *out)
{
    for (uint32_t id = 1; id <= p->n_values; id++) {
        const struct program_value *v = &p->values[id];
        if (v->kind != VALUE_INPUT)
            continue;
        text_format(out, "value%u [shape=ellipse, label=\"", id);
        quote(out, v->name);
        text_format(out, "\\n%s %s\"]\n", dtype_short(v->dtype), shape_text(v).s);
    }
    for (uint32_t i = 0; i < p->n_outputs; i++) {
        const struct program_value *v = &p->values[p->outputs[i].value];
        text_format(out, "output%u [shape=ellipse, penwidth=2, label=\"", i);
        quote(out, p->outputs[i].name);
        text_format(out, "\\n%s %s\"]\n", dtype_short(v->dtype), shape_text(v).s);
        if (v->kind == VALUE_RESULT)
            text_format(out, "op%u -> output%u\n", v->producer, i);
        else if (v->kind == VALUE_INPUT)
            text_format(out, "value%u -> output%u\n", p->outputs[i].value, i);
    }
}

void print_dot(const struct program *p, const char *title, uint32_t n_host_ops, struct text *out)
{
    const char *module = "";
    struct region_walk walk;
    region_walk_init(&walk, p);
    text_append(out, "digraph program {\nlabel=\"");
    quote(out, title);
    text_append(out, "\"\nlabelloc=t\nfontname=\"sans-serif\"\ncolor=\"#999999\"\n"
                     "node [shape=box, fontname=\"sans-serif\", fontsize=10]\n"
                     "edge [fontname=\"sans-serif\", fontsize=8, color=\"#666666\"]\n");
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const char *next = p->ops[i].module ? p->ops[i].module : "";
        change_module(module, next, out);
        module = next;
        region_walk_step(&walk, i);
        draw_op(&walk, i, i < n_host_ops, out);
    }
    region_walk_finish(&walk);
    change_module(module, "", out);
    draw_ends(p, out);
    for (uint32_t i = 0; i < p->n_ops; i++)
        draw_edges(p, i, out);
    text_append(out, "}\n");
}

void program_print_dot(const struct program *p, struct text *out)
{
    print_dot(p, "", 0, out);
}
