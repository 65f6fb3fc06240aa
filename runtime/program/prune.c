/* program/prune.c: drops what no output and no assignment needs. */
#include "program/program.h"

#include "base/error.h"
#include "program/rewrite.h"

#include <stdlib.h>

/* Walks backwards: an operation is needed if it assigns, or if a result of it is needed. */
static uint32_t keep_needed(const struct program *p, bool *needed, struct program_op *kept)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_outputs; i++)
        needed[p->outputs[i].value] = true;
    for (uint32_t i = p->n_ops; i-- > 0;) {
        const struct program_op *op = &p->ops[i];
        bool keep = op->kind == OP_ASSIGN;
        for (uint32_t j = 0; j < op->n_out; j++)
            keep = keep || needed[op->out[j]];
        if (!keep)
            continue;
        for (uint32_t j = 0; j < op->n_in; j++)
            needed[op->in[j]] = true;
        kept[p->n_ops - ++n] = *op;
    }
    return n;
}

corbel_status program_prune(struct program *p, corbel_error *err)
{
    struct program pruned;
    corbel_status status;
    bool *needed = calloc((size_t)p->n_values + 1, sizeof(*needed));
    struct program_op *kept = calloc((size_t)p->n_ops + 1, sizeof(*kept));
    program_init(&pruned);
    if (!needed || !kept) {
        status = error_memory(err, p->n_ops * sizeof(*kept), "pruning a program");
        goto fail;
    }
    const uint32_t n = keep_needed(p, needed, kept);
    status = program_rewrite(p, kept + (p->n_ops - n), n, &pruned, err);
    if (status != CORBEL_OK)
        goto fail;
    program_finish(p);
    *p = pruned;
    free(kept);
    free(needed);
    return CORBEL_OK;
fail:
    program_finish(&pruned);
    free(kept);
    free(needed);
    return status;
}
