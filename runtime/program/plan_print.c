/* program/plan_print.c: a plan as text, dot or JSON: where each result lies, what the host does,
 * what fusion saved, and a drawing of the arena over time. */
#include "program/plan.h"

#include "program/fuse.h"
#include "program/print.h"
#include "program/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAP_ROWS    12
#define MAP_COLUMNS 72

/* ---- text ---------------------------------------------------------------------------------------
 */

static void print_place(const struct plan *plan, uint32_t id, struct text *out)
{
    const struct plan_storage *s = &plan->storage[id];
    text_format(out, "%%%u %s %s ", id, dtype_short(plan->program.values[id].dtype),
                shape_text(&plan->program.values[id]).s);
    switch (s->kind) {
    case STORAGE_ARENA: text_format(out, "@%llu", (unsigned long long)s->offset); break;
    case STORAGE_HOST: text_append(out, "@host"); break;
    case STORAGE_VIEW:
        text_append(out, "in ");
        if (plan->program.values[s->of].kind == VALUE_RESULT)
            text_format(out, "%%%u", s->of);
        else
            print_value(&plan->program, s->of, NULL, out);
        if (s->offset)
            text_format(out, " + %llu", (unsigned long long)s->offset);
        break;
    default: break;
    }
}

static void print_ops(const struct plan *plan, struct text *out)
{
    const struct program *p = &plan->program;
    const char *module = NULL;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const struct program_op *op = &p->ops[i];
        if (i == 0 && plan->n_host_ops > 0)
            text_append(out, "\non the host, before the device begins:\n");
        if (i == plan->n_host_ops && i > 0) {
            text_append(out, "\non the device:\n");
            module = NULL;
        }
        print_module_change(op, &module, out);
        text_append(out, "    ");
        for (uint32_t j = 0; j < op->n_out; j++) {
            text_append(out, j ? ", " : "");
            print_place(plan, op->out[j], out);
        }
        text_append(out, op->n_out ? " = " : "");
        print_operation(p, op, out);
        text_append_char(out, '\n');
    }
}

/* ---- the drawing --------------------------------------------------------------------------------
 */

struct map {
    char cells[MAP_ROWS][MAP_COLUMNS + 1];
    uint64_t row_size;    /* bytes */
    uint32_t column_size; /* operations */
    uint32_t first_op;
};

static void map_init(struct map *m, const struct plan *plan)
{
    const uint32_t n = plan->program.n_ops - plan->n_host_ops;
    m->first_op = plan->n_host_ops;
    m->column_size = (n + MAP_COLUMNS - 1) / MAP_COLUMNS;
    m->row_size = (plan->arena_size + MAP_ROWS - 1) / MAP_ROWS;
    for (uint32_t row = 0; row < MAP_ROWS; row++) {
        memset(m->cells[row], ' ', MAP_COLUMNS);
        m->cells[row][(n + m->column_size - 1) / m->column_size] = 0;
    }
}

static void map_fill(struct map *m, const struct plan_storage *s, uint32_t from, uint32_t to,
                     char letter)
{
    const uint64_t last_row = (s->offset + s->size - 1) / m->row_size;
    for (uint64_t row = s->offset / m->row_size; row <= last_row && row < MAP_ROWS; row++)
        for (uint32_t op = from; op <= to; op++)
            m->cells[row][(op - m->first_op) / m->column_size] = letter;
}

/* For each value the last operation that reads it or a view of it; NULL: out of memory. */
static uint32_t *last_uses(const struct plan *plan)
{
    const struct program *p = &plan->program;
    uint32_t *last = calloc((size_t)p->n_values + 1, sizeof(*last));
    for (uint32_t i = 0; last && i < p->n_ops; i++) {
        for (uint32_t j = 0; j < p->ops[i].n_out; j++)
            last[p->ops[i].out[j]] = i;
        for (uint32_t j = 0; j < p->ops[i].n_in; j++)
            last[plan_root(plan, p->ops[i].in[j])] = i;
    }
    for (uint32_t i = 0; last && i < p->n_outputs; i++)
        last[plan_root(plan, p->outputs[i].value)] = p->n_ops - 1;
    return last;
}

static void print_map(const struct plan *plan, struct text *out)
{
    const struct program *p = &plan->program;
    uint32_t *last = plan->arena_size > 0 ? last_uses(plan) : NULL;
    struct map m;
    if (!last)
        return;
    map_init(&m, plan);
    uint32_t letter = 0;
    for (uint32_t id = 1; id <= p->n_values; id++)
        if (plan->storage[id].kind == STORAGE_ARENA)
            map_fill(&m, &plan->storage[id], p->values[id].producer, last[id],
                     (char)('a' + letter++ % 26));
    text_format(out,
                "\nthe arena over time: a row is %s, a column is %u operation%s, a letter is a "
                "result\n",
                size_text(m.row_size).s, m.column_size, m.column_size == 1 ? "" : "s");
    for (uint32_t row = MAP_ROWS; row-- > 0;)
        text_format(out, "    %10llu |%s|\n", (unsigned long long)(row * m.row_size), m.cells[row]);
    free(last);
}

static void print_kernel(const struct plan_kernel *k, struct text *out)
{
    text_format(out, "kernel %s:", k->name);
    if (k->n_run > 0)
        text_format(out, " its shader %u time%s", k->n_run, k->n_run == 1 ? "" : "s");
    if (k->n_decomposed > 0)
        text_format(out, "%s its decomposition %u time%s, because %s", k->n_run ? "," : "",
                    k->n_decomposed, k->n_decomposed == 1 ? "" : "s",
                    k->why ? k->why : "this device runs no kernels of plugins");
    text_append_char(out, '\n');
}

static void print_text(const struct plan *plan, const char *device, struct text *out)
{
    const struct program *p = &plan->program;
    text_format(out, "plan for %s: %u operations, %u of them on the host; fusion took %u away\n",
                device, p->n_ops, plan->n_host_ops, plan->n_fused);
    text_format(out, "memory for results: %s (%s without reuse)\n", size_text(plan->arena_size).s,
                size_text(plan->naive_size).s);
    for (uint32_t i = 0; i < plan->n_kernels; i++)
        print_kernel(&plan->kernels[i], out);
    print_declarations(p, out);
    print_ops(plan, out);
    print_map(plan, out);
}

/* ---- JSON ---------------------------------------------------------------------------------------
 */

static const char *storage_name(enum storage_kind kind)
{
    switch (kind) {
    case STORAGE_BOUND: return "bound";
    case STORAGE_ARENA: return "arena";
    case STORAGE_HOST: return "host";
    case STORAGE_VIEW: return "view";
    default: return "none";
    }
}

static void print_json(const struct plan *plan, const char *device, struct text *out)
{
    text_append(out, "{\"device\": ");
    text_append_json_string(out, device, strlen(device));
    text_format(out,
                ", \"host_operations\": %u, \"fused_operations\": %u, \"arena_size\": %llu, "
                "\"size_without_reuse\": %llu,\n\"storage\": [",
                plan->n_host_ops, plan->n_fused, (unsigned long long)plan->arena_size,
                (unsigned long long)plan->naive_size);
    for (uint32_t id = 1; id <= plan->program.n_values; id++) {
        const struct plan_storage *s = &plan->storage[id];
        text_format(out, "%s\n  {\"id\": %u, \"kind\": \"%s\", \"size\": %llu", id > 1 ? "," : "",
                    id, storage_name(s->kind), (unsigned long long)s->size);
        if (s->kind == STORAGE_VIEW)
            text_format(out, ", \"of\": %u", s->of);
        if (s->kind == STORAGE_VIEW || s->kind == STORAGE_ARENA)
            text_format(out, ", \"offset\": %llu", (unsigned long long)s->offset);
        text_append_char(out, '}');
    }
    text_append(out, "\n],\n\"kernels\": [");
    for (uint32_t i = 0; i < plan->n_kernels; i++) {
        const struct plan_kernel *k = &plan->kernels[i];
        text_append(out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
        text_append_json_string(out, k->name, strlen(k->name));
        text_format(out, ", \"run\": %u, \"decomposed\": %u, \"why\": ", k->n_run, k->n_decomposed);
        text_append_json_string(out, k->why ? k->why : "", k->why ? strlen(k->why) : 0);
        text_append_char(out, '}');
    }
    text_append(out, "],\n\"program\":\n");
    program_print_json(&plan->program, out);
    text_append(out, "}\n");
}

static void print_plan_dot(const struct plan *plan, const char *device, struct text *out)
{
    char title[256];
    snprintf(title, sizeof(title), "%.100s: %u operations, %u fused away, %s for results", device,
             plan->program.n_ops, plan->n_fused, size_text(plan->arena_size).s);
    print_dot(&plan->program, title, plan->n_host_ops, out);
}

void plan_print(const struct plan *plan, corbel_program_format format, const char *device,
                struct text *out)
{
    switch (format) {
    case CORBEL_PROGRAM_DOT: print_plan_dot(plan, device, out); break;
    case CORBEL_PROGRAM_JSON: print_json(plan, device, out); break;
    default: print_text(plan, device, out); break;
    }
}
