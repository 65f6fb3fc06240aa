/* device/cpu/op_scan.c: linear recurrences along one axis. */
#include "device/cpu/cpu.h"

/* Lines that a thread walks along together: a vector's worth and more, in one cache line each. */
enum { LINES = 64 };

/* a, x, y [outer, n, inner], initial [outer, inner] or NULL: y[t] = a[t] * y[t - 1] + x[t] */
struct scan_params {
    const float *a, *x, *initial;
    float *y;
    int64_t outer, n, inner;
};

/* `count` neighbouring lines of one `outer`, the first of which begins at element `at`. */
static void scan_lines(const struct scan_params *p, int64_t at, const float *initial, int64_t count)
{
    float before[LINES] = {0};

    for (int64_t i = 0; initial && i < count; i++)
        before[i] = initial[i];
    for (int64_t t = 0; t < p->n; t++, at += p->inner)
        for (int64_t i = 0; i < count; i++)
            p->y[at + i] = before[i] = p->a[at + i] * before[i] + p->x[at + i];
}

static void run_scan(const void *params, struct cpu_worker *w)
{
    const struct scan_params *p = params;
    const int64_t pieces = (p->inner + LINES - 1) / LINES;
    int64_t from, to;

    cpu_share(w, p->outer * pieces, 1, &from, &to);
    for (int64_t i = from; i < to; i++) {
        const int64_t outer = i / pieces, line = i % pieces * LINES;
        const int64_t left = p->inner - line;
        scan_lines(p, outer * p->n * p->inner + line,
                   p->initial ? p->initial + outer * p->inner + line : NULL,
                   left < LINES ? left : LINES);
    }
}

corbel_status cpu_prepare_scan(struct cpu_context *c, const struct program_op *op,
                               struct cpu_op *out, corbel_error *err)
{
    const struct program_value *x = cpu_value(c, op->in[1]);
    const uint32_t axis = cpu_axis(op, x, 0);
    struct scan_params *p = cpu_params(c, out, run_scan, sizeof(*p), err);
    corbel_status status;

    if (!p)
        return CORBEL_E_MEMORY;
    p->y = c->values[op->out[0]];
    p->n = x->shape[axis];
    p->outer = p->inner = 1;
    for (uint32_t i = 0; i < x->rank; i++)
        if (i < axis)
            p->outer *= x->shape[i];
        else if (i > axis)
            p->inner *= x->shape[i];
    status = cpu_operand_f32(c, op->in[0], &p->a, err);
    if (!status)
        status = cpu_operand_f32(c, op->in[1], &p->x, err);
    return status ? status : cpu_operand_f32(c, op->n_in > 2 ? op->in[2] : 0, &p->initial, err);
}
