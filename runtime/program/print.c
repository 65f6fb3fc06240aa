/* program/print.c: a program as text for people: grouped by module, weights by the names that the
 * checkpoint gives them. */
#include "program/print.h"

#include "program/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct size_text size_text(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct size_text t;
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1024.0 && unit < 6; unit++)
        size /= 1024.0;
    snprintf(t.s, sizeof(t.s), unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return t;
}

uint32_t count_values(const struct program *p, enum value_kind kind)
{
    uint32_t n = 0;
    for (uint32_t id = 1; id <= p->n_values; id++)
        n += p->values[id].kind == kind;
    return n;
}

/* "model.layers.0.mlp.up_proj.weight" within "model.layers.0.mlp" is ".up_proj.weight". */
static const char *name_within(const char *name, const char *module)
{
    const size_t n = module ? strlen(module) : 0;
    return n > 0 && strncmp(name, module, n) == 0 && name[n] == '.' ? name + n : name;
}

void print_value(const struct program *p, uint32_t id, const char *module, struct text *out)
{
    const struct program_value *v = &p->values[id];
    if (id == 0)
        text_append(out, "-");
    else if (v->kind == VALUE_RESULT)
        text_format(out, "%%%u", id);
    else if (v->name)
        text_format(out, "%s %s %s", name_within(v->name, module), dtype_short(v->dtype),
                    shape_text(v).s);
    else
        text_format(out, "constant %%%u %s %s", id, dtype_short(v->dtype), shape_text(v).s);
}

/* Sizes that the result's shape says as well. */
static bool is_told_by_shape(const struct program_op *op, enum program_attr_key key)
{
    return key <= ATTR_D7 && op->kind != OP_PERMUTE;
}

static const char *attribute_word(const struct program_attr *a)
{
    static const char *const rope_types[] = {"default", "linear", "dynamic",
                                             "llama3",  "yarn",   "longrope"};
    switch (a->key) {
    case ATTR_FUNCTION: return program_function_name((enum program_function)a->i);
    case ATTR_DTYPE: return dtype_short((int32_t)a->i);
    case ATTR_ROPE_TYPE: return (uint64_t)a->i < 6 ? rope_types[a->i] : "unknown";
    default: return NULL;
    }
}

static void print_attribute(const struct program_attr *a, struct text *out)
{
    const char *word = attribute_word(a);
    text_format(out, ", %s=", program_attr_name(a->key));
    if (word)
        text_append(out, word);
    else if (program_attr_is_float(a->key))
        text_format(out, "%.9g", a->f);
    else
        text_format(out, "%lld", (long long)a->i);
}

static uint32_t n_given(const struct program_op *op)
{
    uint32_t n = op->n_in;
    while (n > 0 && op->in[n - 1] == 0)
        n--;
    return n;
}

static void print_push(const struct program_push *push, struct text *out)
{
    float f;
    memcpy(&f, &push->word, sizeof(f));
    if (push->is_float)
        text_format(out, "%.9g", (double)f);
    else
        text_format(out, "%d", (int)(int32_t)push->word);
}

void print_launch(const struct program_launch *launch, struct text *out)
{
    text_format(out, "grid %u x %u x %u", launch->grid[0], launch->grid[1], launch->grid[2]);
    for (uint32_t i = 0; i < launch->n_push; i++) {
        text_append(out, i ? " " : ", push ");
        print_push(&launch->push[i], out);
    }
}

/* What is no number in JSON is its name as a string. */
void print_launch_json(const struct program_launch *launch, struct text *out)
{
    text_format(out, "\"grid\": [%u, %u, %u], \"push\": [", launch->grid[0], launch->grid[1],
                launch->grid[2]);
    for (uint32_t i = 0; i < launch->n_push; i++) {
        const struct program_push *push = &launch->push[i];
        const bool is_number = !push->is_float || (push->word & 0x7f800000u) != 0x7f800000u;
        text_append(out, i ? ", " : "");
        text_append(out, is_number ? "" : "\"");
        print_push(push, out);
        text_append(out, is_number ? "" : "\"");
    }
    text_append_char(out, ']');
}

void print_operation(const struct program *p, const struct program_op *op, struct text *out)
{
    text_append(out, program_op_name(op->kind));
    text_format(out, op->custom ? ":%s(" : "(%s", op->custom ? op->custom : "");
    for (uint32_t i = 0; i < n_given(op); i++) {
        text_append(out, i ? ", " : "");
        print_value(p, op->in[i], op->module, out);
    }
    for (uint32_t i = 0; i < op->n_attrs; i++)
        if (!is_told_by_shape(op, op->attrs[i].key))
            print_attribute(&op->attrs[i], out);
    text_append_char(out, ')');
    if (op->launch) {
        text_append(out, ", ");
        print_launch(op->launch, out);
    }
}

void print_attributes_json(const struct program_op *op, struct text *out)
{
    text_append_char(out, '{');
    for (uint32_t i = 0; i < op->n_attrs; i++) {
        const struct program_attr *a = &op->attrs[i];
        const char *word = attribute_word(a);
        text_format(out, "%s\"%s\": ", i ? ", " : "", program_attr_name(a->key));
        if (word)
            text_format(out, "\"%s\"", word);
        else if (program_attr_is_float(a->key))
            text_format(out, "%.17g", a->f);
        else
            text_format(out, "%lld", (long long)a->i);
    }
    text_append_char(out, '}');
}

static void print_declared(const struct program *p, enum value_kind kind, const char *title,
                           struct text *out)
{
    for (uint32_t id = 1; id <= p->n_values; id++) {
        if (p->values[id].kind != kind)
            continue;
        text_format(out, "%-8s", title);
        print_value(p, id, NULL, out);
        text_append_char(out, '\n');
    }
}

void print_declarations(const struct program *p, struct text *out)
{
    print_declared(p, VALUE_INPUT, "input", out);
    print_declared(p, VALUE_STATE, "state", out);
    for (uint32_t i = 0; i < p->n_caches; i++) {
        const struct program_cache *c = &p->caches[i];
        text_format(out,
                    "cache   %u: batch %lld, %lld heads, %lld tokens, keys of %lld, values of "
                    "%lld\n",
                    i, (long long)c->batch, (long long)c->n_heads, (long long)c->capacity,
                    (long long)c->head_dim, (long long)c->value_dim);
    }
    for (uint32_t i = 0; i < p->n_outputs; i++) {
        text_format(out, "output  %s = ", p->outputs[i].name);
        print_value(p, p->outputs[i].value, NULL, out);
        text_append_char(out, '\n');
    }
}

void print_module_change(const struct program_op *op, const char **current, struct text *out)
{
    const char *module = op->module ? op->module : "";
    if (*current && strcmp(*current, module) == 0)
        return;
    *current = module;
    text_format(out, "\n%s\n", module[0] ? module : "(no module)");
}

static void print_results(const struct program *p, const struct program_op *op, struct text *out)
{
    for (uint32_t i = 0; i < op->n_out; i++) {
        const struct program_value *v = &p->values[op->out[i]];
        text_format(out, "%s%%%u %s %s", i ? ", " : "", op->out[i], dtype_short(v->dtype),
                    shape_text(v).s);
    }
    text_append(out, op->n_out ? " = " : "");
}

void region_walk_init(struct region_walk *w, const struct program *p)
{
    *w = (struct region_walk){.p = p};
    if (p->n_regions == 0)
        return;
    w->first = calloc(p->n_ops, sizeof(*w->first));
    w->next = calloc(p->n_regions, sizeof(*w->next));
    for (uint32_t i = 0; w->first && w->next && i < p->n_regions; i++) {
        w->next[i] = w->first[p->regions[i].begin];
        w->first[p->regions[i].begin] = i + 1;
    }
}

void region_walk_step(struct region_walk *w, uint32_t op)
{
    w->n_new = 0;
    if (!w->first || !w->next)
        return;
    while (w->n_open > 0 && w->p->regions[w->open[w->n_open - 1]].end <= op)
        w->n_open--;
    for (uint32_t i = w->first[op]; i != 0 && w->n_open < PROGRAM_MAX_NESTED; i = w->next[i - 1]) {
        w->open[w->n_open++] = i - 1;
        w->n_new++;
    }
}

void region_walk_finish(struct region_walk *w)
{
    free(w->first);
    free(w->next);
}

static void print_region(const struct program *p, const struct program_region *r, uint32_t depth,
                         struct text *out)
{
    const uint32_t n = r->end - r->begin;
    text_format(out, "%*s%%%u is kernel %s(", (int)(4 + 2 * depth), "", r->out, r->kernel);
    for (uint32_t i = 0; i < r->n_in; i++) {
        text_append(out, i ? ", " : "");
        print_value(p, r->in[i], p->ops[r->begin].module, out);
    }
    text_append(out, "), ");
    print_launch(&r->launch, out);
    text_format(out, "; or %u operation%s:\n", n, n == 1 ? "" : "s");
}

void program_print_text(const struct program *p, struct text *out)
{
    const char *module = NULL;
    struct region_walk walk;
    const uint32_t n_weights = count_values(p, VALUE_WEIGHT);
    text_format(out, "program of %u operation%s on %u weight%s\n", p->n_ops,
                p->n_ops == 1 ? "" : "s", n_weights, n_weights == 1 ? "" : "s");
    print_declarations(p, out);
    region_walk_init(&walk, p);
    for (uint32_t i = 0; i < p->n_ops; i++) {
        print_module_change(&p->ops[i], &module, out);
        region_walk_step(&walk, i);
        for (uint32_t j = walk.n_open - walk.n_new; j < walk.n_open; j++)
            print_region(p, &p->regions[walk.open[j]], j, out);
        text_format(out, "%*s", (int)(4 + 2 * walk.n_open), "");
        print_results(p, &p->ops[i], out);
        print_operation(p, &p->ops[i], out);
        text_append_char(out, '\n');
    }
    region_walk_finish(&walk);
}
