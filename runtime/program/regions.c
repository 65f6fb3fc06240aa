/* program/regions.c: operations that a kernel of the plugin may replace: marking, and checking.
 *
 * A kernel sees its inputs and makes one result. So whatever it replaces may have no other effect:
 * no state changes, no key/value cache is written, and nothing else of it is used. */
#include "program/regions.h"

#include "base/error.h"
#include "program/names.h"
#include "program/shapes.h"

#include <stdlib.h>
#include <string.h>

static corbel_status refuse(const struct program *p, const struct program_region *r,
                            corbel_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static corbel_status refuse(const struct program *p, const struct program_region *r,
                            corbel_error *err, const char *format, ...)
{
    const char *module = p->ops[r->begin].module;
    va_list args;
    va_start(args, format);
    error_set_v(err, CORBEL_E_PROGRAM, format, args);
    va_end(args);
    return error_prefix(err, CORBEL_E_PROGRAM, "kernel %s in place of operations %u to %u%s%s",
                        r->kernel, r->begin, r->end - 1, module ? " in " : "",
                        module ? module : "");
}

/* ---- one region ---------------------------------------------------------------------------------
 */

static bool is_inside(const struct program_region *r, uint32_t op)
{
    return op >= r->begin && op < r->end;
}

static corbel_status check_range(const struct program *p, const struct program_region *r,
                                 corbel_error *err)
{
    if (!r->kernel || !name_is_sound(r->kernel, strnlen(r->kernel, PROGRAM_MAX_NAME)))
        return error_set(err, CORBEL_E_PROGRAM, "a kernel without a sound name");
    if (r->begin >= r->end || r->end > p->n_ops)
        return error_set(err, CORBEL_E_PROGRAM,
                         "kernel %s is in place of the operations [%u, %u) of %u: none, or some "
                         "that there are not",
                         r->kernel, r->begin, r->end, p->n_ops);
    return CORBEL_OK;
}

static corbel_status check_inputs(const struct program *p, const struct program_region *r,
                                  corbel_error *err)
{
    if (r->n_in >= PROGRAM_MAX_BUFFERS)
        return refuse(p, r, err, "%u inputs (at most %d)", r->n_in, PROGRAM_MAX_BUFFERS - 1);
    for (uint32_t i = 0; i < r->n_in; i++) {
        if (r->in[i] > p->n_values)
            return refuse(p, r, err, "input %u is value %u, which does not exist", i, r->in[i]);
        const struct program_value *v = &p->values[r->in[i]];
        if (r->in[i] != 0 && v->kind == VALUE_RESULT && v->producer >= r->begin)
            return refuse(p, r, err, "input %u is computed only by operation %u", i, v->producer);
    }
    return CORBEL_OK;
}

static corbel_status check_result(const struct program *p, const struct program_region *r,
                                  corbel_error *err)
{
    const struct program_value *v = r->out <= p->n_values ? &p->values[r->out] : NULL;
    if (r->out == 0 || !v || v->kind != VALUE_RESULT || !is_inside(r, v->producer))
        return refuse(p, r, err, "its result, value %u, is not made by them", r->out);
    if (v->dtype != CORBEL_F32)
        return refuse(p, r, err, "its result is %s (expected f32)", dtype_short(v->dtype));
    return CORBEL_OK;
}

static corbel_status check_launch(const struct program *p, const struct program_region *r,
                                  corbel_error *err)
{
    const uint32_t *grid = r->launch.grid;
    for (int i = 0; i < 3; i++)
        if (grid[i] < 1 || grid[i] > PROGRAM_MAX_GRID)
            return refuse(p, r, err, "a grid of %u x %u x %u workgroups (each 1 to %d)", grid[0],
                          grid[1], grid[2], PROGRAM_MAX_GRID);
    if (r->launch.n_push > PROGRAM_MAX_PUSH)
        return refuse(p, r, err, "%u push constants (at most %d)", r->launch.n_push,
                      PROGRAM_MAX_PUSH);
    return CORBEL_OK;
}

static corbel_status check_effects(const struct program *p, const struct program_region *r,
                                   corbel_error *err)
{
    for (uint32_t i = r->begin; i < r->end; i++) {
        const struct program_op *op = &p->ops[i];
        const bool caches = (op->kind == OP_ATTENTION || op->kind == OP_ATTENTION_ROPE) &&
                            program_op_int(op, ATTR_CACHE, -1) >= 0;
        if (op->kind == OP_ASSIGN || caches)
            return refuse(p, r, err, "operation %u, %s, %s; no kernel can", i,
                          program_op_name(op->kind),
                          caches ? "keeps keys and values" : "changes a state");
    }
    return CORBEL_OK;
}

/* What is known while the program is still being made. */
static corbel_status check_region(const struct program *p, const struct program_region *r,
                                  corbel_error *err)
{
    corbel_status status = check_range(p, r, err);
    if (status == CORBEL_OK)
        status = check_inputs(p, r, err);
    if (status == CORBEL_OK)
        status = check_result(p, r, err);
    return status == CORBEL_OK ? check_launch(p, r, err) : status;
}

/* ---- regions among each other -------------------------------------------------------------------
 */

/* Which regions are within which. */
struct nest {
    uint32_t *outer; /* [n_regions] index + 1 of the region around it; 0: none */
    uint32_t *inner; /* [n_ops] index + 1 of the innermost region; 0: none */
    uint32_t *open;  /* [n_regions] that are not within a later one, as far as is known */
    uint32_t *depth; /* [n_regions] regions within each other, itself included */
};

static bool nest_init(struct nest *n, const struct program *p)
{
    n->outer = calloc(p->n_regions, sizeof(*n->outer));
    n->inner = calloc(p->n_ops, sizeof(*n->inner));
    n->open = calloc(p->n_regions, sizeof(*n->open));
    n->depth = calloc(p->n_regions, sizeof(*n->depth));
    return n->outer && n->inner && n->open && n->depth;
}

static void nest_finish(struct nest *n)
{
    free(n->outer);
    free(n->inner);
    free(n->open);
    free(n->depth);
}

static corbel_status check_nesting(const struct program *p, struct nest *n, corbel_error *err)
{
    uint32_t n_open = 0;
    for (uint32_t i = 0; i < p->n_regions; i++) {
        const struct program_region *r = &p->regions[i];
        if (i > 0 && r->end < r[-1].end)
            return refuse(p, r, err, "kernel %s, which ends later, comes first", r[-1].kernel);
        n->depth[i] = 1;
        for (; n_open > 0 && p->regions[n->open[n_open - 1]].begin >= r->begin; n_open--) {
            const uint32_t within = n->open[n_open - 1];
            n->outer[within] = i + 1;
            if (n->depth[within] >= n->depth[i])
                n->depth[i] = n->depth[within] + 1;
        }
        if (n_open > 0 && p->regions[n->open[n_open - 1]].end > r->begin)
            return refuse(p, r, err, "some of which are those of kernel %s too",
                          p->regions[n->open[n_open - 1]].kernel);
        if (n->depth[i] > PROGRAM_MAX_NESTED)
            return refuse(p, r, err, "more than %d kernels within each other", PROGRAM_MAX_NESTED);
        n->open[n_open++] = i;
    }
    return CORBEL_OK;
}

static void find_innermost(const struct program *p, struct nest *n)
{
    for (uint32_t i = 0; i < p->n_regions; i++)
        for (uint32_t j = p->regions[i].begin; j < p->regions[i].end; j++)
            if (n->inner[j] == 0)
                n->inner[j] = i + 1;
}

/* Of a region that `op` (n_ops: the world outside) is not in it may only use the result. */
static corbel_status check_use(const struct program *p, const struct nest *n, uint32_t id,
                               uint32_t op, corbel_error *err)
{
    if (id == 0 || p->values[id].kind != VALUE_RESULT)
        return CORBEL_OK;
    for (uint32_t i = n->inner[p->values[id].producer]; i != 0; i = n->outer[i - 1]) {
        const struct program_region *r = &p->regions[i - 1];
        if (is_inside(r, op))
            break;
        if (r->out != id)
            return refuse(p, r, err,
                          "value %u of them is used outside; only its result, value %u, "
                          "may be",
                          id, r->out);
    }
    return CORBEL_OK;
}

static corbel_status check_uses(const struct program *p, const struct nest *n, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < p->n_ops; i++)
        for (uint32_t j = 0; j < p->ops[i].n_in && status == CORBEL_OK; j++)
            status = check_use(p, n, p->ops[i].in[j], i, err);
    for (uint32_t i = 0; i < p->n_outputs && status == CORBEL_OK; i++)
        status = check_use(p, n, p->outputs[i].value, p->n_ops, err);
    for (uint32_t i = 0; i < p->n_regions; i++) /* a kernel's inputs, as if its first operation's */
        for (uint32_t j = 0; j < p->regions[i].n_in && status == CORBEL_OK; j++)
            status = check_use(p, n, p->regions[i].in[j], p->regions[i].begin, err);
    return status;
}

corbel_status regions_verify(const struct program *p, corbel_error *err)
{
    struct nest n = {0};
    corbel_status status = CORBEL_OK;
    if (p->n_regions == 0)
        return CORBEL_OK;
    for (uint32_t i = 0; i < p->n_regions; i++)
        if ((status = check_region(p, &p->regions[i], err)) != CORBEL_OK)
            return status;
    if (!nest_init(&n, p))
        status = error_memory(err, p->n_ops * sizeof(*n.inner), "verifying a program");
    if (status == CORBEL_OK)
        status = check_nesting(p, &n, err);
    for (uint32_t i = 0; i < p->n_regions && status == CORBEL_OK; i++)
        status = check_effects(p, &p->regions[i], err);
    if (status == CORBEL_OK) {
        find_innermost(p, &n);
        status = check_uses(p, &n, err);
    }
    nest_finish(&n);
    return status;
}

/* ---- making them --------------------------------------------------------------------------------
 */

corbel_status program_add_region(struct program *p, const struct program_region *region,
                                 corbel_error *err)
{
    const corbel_status status = check_region(p, region, err);
    if (status != CORBEL_OK)
        return status;
    if (p->n_regions >= PROGRAM_MAX_OPS)
        return error_set(err, CORBEL_E_PROGRAM, "more than %u kernels", PROGRAM_MAX_OPS);
    struct program_region copy = *region;
    memset(copy.in + copy.n_in, 0, (PROGRAM_MAX_INPUTS - copy.n_in) * sizeof(*copy.in));
    copy.kernel = arena_string(&p->arena, region->kernel);
    void *items = p->regions;
    if (!copy.kernel || !program_grow(p, &items, &p->regions_capacity, p->n_regions, sizeof(copy)))
        return error_memory(err, p->arena.used, "a program");
    p->regions = items;
    p->regions[p->n_regions++] = copy;
    return CORBEL_OK;
}

const struct program_kernel *program_kernel(const struct program *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_kernels; i++)
        if (strcmp(p->kernels[i].name, name) == 0)
            return &p->kernels[i];
    return NULL;
}

corbel_status program_set_kernels(struct program *p, const struct program_kernel *kernels,
                                  uint32_t n_kernels, corbel_error *err)
{
    p->kernels = kernels;
    p->n_kernels = n_kernels;
    for (uint32_t i = 0; i < p->n_regions; i++) {
        const struct program_region *r = &p->regions[i];
        const struct program_kernel *k = program_kernel(p, r->kernel);
        if (!k)
            return refuse(p, r, err, "the plugin has no kernel of that name");
        if (r->n_in + 1 != k->n_buffers)
            return refuse(p, r, err, "%u inputs and a result; it has %u buffers", r->n_in,
                          k->n_buffers);
        if (r->launch.n_push * 4 != k->push_size)
            return refuse(p, r, err, "%u push constants, 4 bytes each; its shader takes %u bytes",
                          r->launch.n_push, k->push_size);
    }
    return CORBEL_OK;
}
