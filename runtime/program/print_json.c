/* program/print_json.c: a program as JSON, for scripts. Constants are listed without their data. */
#include "program/print.h"

#include "program/shapes.h"

#include <string.h>

static void string(struct text *out, const char *s)
{
    text_append_json_string(out, s, strlen(s));
}

static void print_type(const struct program_value *v, struct text *out)
{
    text_format(out, "\"dtype\": \"%s\", \"shape\": %s", dtype_short(v->dtype), shape_text(v).s);
}

static void print_kind(const struct program *p, enum value_kind kind, const char *title,
                       struct text *out)
{
    bool first = true;
    text_format(out, "  \"%s\": [", title);
    for (uint32_t id = 1; id <= p->n_values; id++) {
        const struct program_value *v = &p->values[id];
        if (v->kind != kind)
            continue;
        text_format(out, "%s\n    {\"id\": %u, ", first ? "" : ",", id);
        first = false;
        if (v->name) {
            text_append(out, "\"name\": ");
            string(out, v->name);
            text_append(out, ", ");
        }
        print_type(v, out);
        text_append_char(out, '}');
    }
    text_append(out, first ? "],\n" : "\n  ],\n");
}

static void print_caches(const struct program *p, struct text *out)
{
    text_append(out, "  \"caches\": [");
    for (uint32_t i = 0; i < p->n_caches; i++) {
        const struct program_cache *c = &p->caches[i];
        text_format(out,
                    "%s\n    {\"batch\": %lld, \"n_heads\": %lld, \"capacity\": %lld, "
                    "\"head_dim\": %lld, \"value_dim\": %lld}",
                    i ? "," : "", (long long)c->batch, (long long)c->n_heads,
                    (long long)c->capacity, (long long)c->head_dim, (long long)c->value_dim);
    }
    text_append(out, p->n_caches ? "\n  ],\n" : "],\n");
}

static void print_op(const struct program *p, const struct program_op *op, struct text *out)
{
    text_format(out, "    {\"op\": \"%s\", ", program_op_name(op->kind));
    if (op->custom) {
        text_append(out, "\"kernel\": ");
        string(out, op->custom);
        text_append(out, ", ");
    }
    text_append(out, "\"module\": ");
    string(out, op->module ? op->module : "");
    text_append(out, ", \"in\": [");
    for (uint32_t i = 0; i < op->n_in; i++)
        text_format(out, "%s%u", i ? ", " : "", op->in[i]);
    text_append(out, "], \"out\": [");
    for (uint32_t i = 0; i < op->n_out; i++) {
        text_format(out, "%s{\"id\": %u, ", i ? ", " : "", op->out[i]);
        print_type(&p->values[op->out[i]], out);
        text_append_char(out, '}');
    }
    text_append(out, "], \"attributes\": ");
    print_attributes_json(op, out);
    if (op->launch) {
        text_append(out, ", ");
        print_launch_json(op->launch, out);
    }
    text_append_char(out, '}');
}

static void print_region(const struct program_region *r, struct text *out)
{
    text_append(out, "    {\"kernel\": ");
    string(out, r->kernel);
    text_format(out, ", \"begin\": %u, \"end\": %u, \"in\": [", r->begin, r->end);
    for (uint32_t i = 0; i < r->n_in; i++)
        text_format(out, "%s%u", i ? ", " : "", r->in[i]);
    text_format(out, "], \"out\": %u, ", r->out);
    print_launch_json(&r->launch, out);
    text_append_char(out, '}');
}

void program_print_json(const struct program *p, struct text *out)
{
    text_append(out, "{\n");
    print_kind(p, VALUE_INPUT, "inputs", out);
    print_kind(p, VALUE_STATE, "states", out);
    print_kind(p, VALUE_WEIGHT, "weights", out);
    print_kind(p, VALUE_CONSTANT, "constants", out);
    print_caches(p, out);
    text_append(out, "  \"operations\": [");
    for (uint32_t i = 0; i < p->n_ops; i++) {
        text_append(out, i ? ",\n" : "\n");
        print_op(p, &p->ops[i], out);
    }
    text_append(out, p->n_ops ? "\n  ],\n  \"kernels\": [" : "],\n  \"kernels\": [");
    for (uint32_t i = 0; i < p->n_regions; i++) {
        text_append(out, i ? ",\n" : "\n");
        print_region(&p->regions[i], out);
    }
    text_append(out, p->n_regions ? "\n  ],\n  \"outputs\": [" : "],\n  \"outputs\": [");
    for (uint32_t i = 0; i < p->n_outputs; i++) {
        text_append(out, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
        string(out, p->outputs[i].name);
        text_format(out, ", \"value\": %u}", p->outputs[i].value);
    }
    text_append(out, "\n  ]\n}\n");
}
