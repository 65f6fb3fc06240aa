/* program/rewrite.c: a new program from an old one. */
#include "program/rewrite.h"

#include "base/error.h"

#include <stdlib.h>

/* Where everything of `from` is in `to`. */
struct renaming {
    const struct program *from;
    const struct rewriting *new;
    struct program *to;
    uint32_t *id; /* [from->n_values + 1] */
    uint32_t
        *at; /* [new->n_ops + 1] where an operation begins, and the end: a cast may come with it */
};

static corbel_status declare_used(struct renaming *r, corbel_error *err)
{
    const struct program *from = r->from;
    corbel_status status = CORBEL_OK;
    bool *used = calloc((size_t)from->n_values + 1, sizeof(*used));
    if (!used)
        return error_memory(err, from->n_values, "rewriting a program");
    for (uint32_t i = 0; i < r->new->n_ops; i++)
        for (uint32_t j = 0; j < r->new->ops[i].n_in; j++)
            used[r->new->ops[i].in[j]] = true;
    for (uint32_t i = 0; i < r->new->n_regions; i++)
        for (uint32_t j = 0; j < r->new->regions[i].n_in; j++)
            used[r->new->regions[i].in[j]] = true;
    for (uint32_t i = 0; i < from->n_outputs; i++)
        used[from->outputs[i].value] = true;
    for (uint32_t id = 1; id <= from->n_values && status == CORBEL_OK; id++)
        if (used[id] && from->values[id].kind != VALUE_RESULT)
            status = program_add_value(r->to, &from->values[id], &r->id[id], err);
    free(used);
    return status;
}

static corbel_status rename_inputs(const struct renaming *r, const char *what, uint32_t n,
                                   uint32_t *in, corbel_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t id = in[i];
        in[i] = r->id[id];
        if (id != 0 && in[i] == 0)
            return error_set(err, CORBEL_E_INTERNAL,
                             "%s: input %u has gone while rewriting the program", what, i);
    }
    return CORBEL_OK;
}

static corbel_status emit_renamed(struct renaming *r, const struct program_op *op,
                                  corbel_error *err)
{
    struct program_op renamed = *op;
    uint32_t out[PROGRAM_MAX_OUTPUTS] = {0};
    corbel_status status =
        rename_inputs(r, program_op_name(op->kind), renamed.n_in, renamed.in, err);
    if (status == CORBEL_OK)
        status = program_emit(r->to, &renamed, out, err);
    for (uint32_t i = 0; i < op->n_out && status == CORBEL_OK; i++)
        r->id[op->out[i]] = out[i];
    return status;
}

static corbel_status add_renamed(struct renaming *r, const struct program_region *region,
                                 corbel_error *err)
{
    struct program_region renamed = *region;
    const corbel_status status = rename_inputs(r, region->kernel, renamed.n_in, renamed.in, err);
    renamed.begin = r->at[region->begin];
    renamed.end = r->at[region->end];
    renamed.out = r->id[region->out];
    return status == CORBEL_OK ? program_add_region(r->to, &renamed, err) : status;
}

static corbel_status rewrite(struct renaming *r, corbel_error *err)
{
    const struct program *from = r->from;
    corbel_status status = declare_used(r, err);
    for (uint32_t i = 0; i < from->n_caches && status == CORBEL_OK; i++) {
        uint32_t slot;
        status = program_add_cache(r->to, &from->caches[i], &slot, err);
    }
    for (uint32_t i = 0; i < r->new->n_ops &&status == CORBEL_OK; i++) {
        r->at[i] = r->to->n_ops;
        status = emit_renamed(r, &r->new->ops[i], err);
    }
    r->at[r->new->n_ops] = r->to->n_ops;
    for (uint32_t i = 0; i < r->new->n_regions &&status == CORBEL_OK; i++)
        status = add_renamed(r, &r->new->regions[i], err);
    for (uint32_t i = 0; i < from->n_outputs && status == CORBEL_OK; i++)
        status =
            program_add_output(r->to, from->outputs[i].name, r->id[from->outputs[i].value], err);
    return status;
}

corbel_status program_rewrite(const struct program *from, const struct rewriting *new,
                              struct program *to, corbel_error *err)
{
    struct renaming r = {.from = from, .new = new, .to = to};
    corbel_status status;
    program_init(to);
    to->kernels = from->kernels;
    to->n_kernels = from->n_kernels;
    r.id = calloc((size_t)from->n_values + 1, sizeof(*r.id));
    r.at = calloc((size_t) new->n_ops + 1, sizeof(*r.at));
    status =
        r.id && r.at ? rewrite(&r, err) : error_memory(err, from->n_values, "rewriting a program");
    free(r.id);
    free(r.at);
    return status;
}
