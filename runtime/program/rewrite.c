/* program/rewrite.c: a new program from an old one. */
#include "program/rewrite.h"

#include "base/error.h"

#include <stdlib.h>

/* Where each value of `from` is in `to`. */
struct renaming {
    const struct program *from;
    struct program *to;
    uint32_t *id; /* [from->n_values + 1] */
};

static corbel_status declare_used(struct renaming *r, const struct program_op *ops, uint32_t n_ops,
                                  corbel_error *err)
{
    const struct program *from = r->from;
    corbel_status status = CORBEL_OK;
    bool *used = calloc((size_t)from->n_values + 1, sizeof(*used));
    if (!used)
        return error_memory(err, from->n_values, "rewriting a program");
    for (uint32_t i = 0; i < n_ops; i++)
        for (uint32_t j = 0; j < ops[i].n_in; j++)
            used[ops[i].in[j]] = true;
    for (uint32_t i = 0; i < from->n_outputs; i++)
        used[from->outputs[i].value] = true;
    for (uint32_t id = 1; id <= from->n_values && status == CORBEL_OK; id++)
        if (used[id] && from->values[id].kind != VALUE_RESULT)
            status = program_add_value(r->to, &from->values[id], &r->id[id], err);
    free(used);
    return status;
}

static corbel_status emit_renamed(struct renaming *r, const struct program_op *op,
                                  corbel_error *err)
{
    struct program_op renamed = *op;
    uint32_t out[PROGRAM_MAX_OUTPUTS] = {0};
    for (uint32_t i = 0; i < op->n_in; i++) {
        renamed.in[i] = r->id[op->in[i]];
        if (op->in[i] != 0 && renamed.in[i] == 0)
            return error_set(err, CORBEL_E_INTERNAL,
                             "op %s: input %u has gone while rewriting the program",
                             program_op_name(op->kind), i);
    }
    const corbel_status status = program_emit(r->to, &renamed, out, err);
    for (uint32_t i = 0; i < op->n_out && status == CORBEL_OK; i++)
        r->id[op->out[i]] = out[i];
    return status;
}

corbel_status program_rewrite(const struct program *from, const struct program_op *ops,
                              uint32_t n_ops, struct program *to, corbel_error *err)
{
    struct renaming r = {.from = from, .to = to};
    corbel_status status;
    program_init(to);
    r.id = calloc((size_t)from->n_values + 1, sizeof(*r.id));
    if (!r.id)
        return error_memory(err, from->n_values, "rewriting a program");

    status = declare_used(&r, ops, n_ops, err);
    for (uint32_t i = 0; i < from->n_caches && status == CORBEL_OK; i++) {
        uint32_t slot;
        status = program_add_cache(to, &from->caches[i], &slot, err);
    }
    for (uint32_t i = 0; i < n_ops && status == CORBEL_OK; i++)
        status = emit_renamed(&r, &ops[i], err);
    for (uint32_t i = 0; i < from->n_outputs && status == CORBEL_OK; i++)
        status = program_add_output(to, from->outputs[i].name, r.id[from->outputs[i].value], err);
    free(r.id);
    return status;
}
