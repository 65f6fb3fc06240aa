/* program/prune.c: drops what no output and no assignment needs. */
#include "program/program.h"

#include "base/error.h"
#include "program/rewrite.h"

#include <stdlib.h>

/* What is left of a program. */
struct remains {
    const struct program *p;
    bool *needed;                   /* [n_values + 1] */
    bool *kept;                     /* [n_ops] */
    struct program_op *ops;         /* those that are kept */
    struct program_region *regions; /* likewise; their ranges are of `ops` */
    uint32_t *at;                   /* [n_ops + 1] how many operations before it are kept */
    uint32_t n_ops, n_regions;
};

static bool remains_init(struct remains *r, const struct program *p)
{
    *r = (struct remains){.p = p};
    r->needed = calloc((size_t)p->n_values + 1, sizeof(*r->needed));
    r->kept = calloc((size_t)p->n_ops + 1, sizeof(*r->kept));
    r->ops = calloc((size_t)p->n_ops + 1, sizeof(*r->ops));
    r->regions = calloc((size_t)p->n_regions + 1, sizeof(*r->regions));
    r->at = calloc((size_t)p->n_ops + 1, sizeof(*r->at));
    return r->needed && r->kept && r->ops && r->regions && r->at;
}

static void remains_finish(struct remains *r)
{
    free(r->needed);
    free(r->kept);
    free(r->ops);
    free(r->regions);
    free(r->at);
}

static void need(struct remains *r, const uint32_t *in, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        r->needed[in[i]] = true;
}

/* Walks backwards: an operation is needed if it assigns, or if a result of it is needed. A kernel
 * that may run in place of needed operations needs its own inputs. */
static void mark_needed(struct remains *r)
{
    const struct program *p = r->p;
    uint32_t region = p->n_regions;
    for (uint32_t i = 0; i < p->n_outputs; i++)
        r->needed[p->outputs[i].value] = true;
    for (uint32_t i = p->n_ops; i-- > 0;) {
        const struct program_op *op = &p->ops[i];
        for (; region > 0 && p->regions[region - 1].end == i + 1; region--)
            if (r->needed[p->regions[region - 1].out])
                need(r, p->regions[region - 1].in, p->regions[region - 1].n_in);
        r->kept[i] = op->kind == OP_ASSIGN;
        for (uint32_t j = 0; j < op->n_out; j++)
            r->kept[i] = r->kept[i] || r->needed[op->out[j]];
        if (r->kept[i])
            need(r, op->in, op->n_in);
    }
}

static void keep_needed(struct remains *r)
{
    const struct program *p = r->p;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        r->at[i] = r->n_ops;
        if (r->kept[i])
            r->ops[r->n_ops++] = p->ops[i];
    }
    r->at[p->n_ops] = r->n_ops;
    for (uint32_t i = 0; i < p->n_regions; i++) {
        struct program_region region = p->regions[i];
        if (!r->needed[region.out])
            continue;
        region.begin = r->at[region.begin];
        region.end = r->at[region.end];
        r->regions[r->n_regions++] = region;
    }
}

corbel_status program_prune(struct program *p, corbel_error *err)
{
    struct program pruned;
    struct remains r;
    corbel_status status;
    program_init(&pruned);
    if (remains_init(&r, p)) {
        mark_needed(&r);
        keep_needed(&r);
        const struct rewriting new = {r.ops, r.regions, r.n_ops, r.n_regions};
        status = program_rewrite(p, &new, &pruned, err);
    } else {
        status = error_memory(err, p->n_ops * sizeof(*r.ops), "pruning a program");
    }
    if (status == CORBEL_OK) {
        program_finish(p);
        *p = pruned;
    } else {
        program_finish(&pruned);
    }
    remains_finish(&r);
    return status;
}
