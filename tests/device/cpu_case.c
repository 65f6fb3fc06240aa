/* cpu_case.c: see cpu_case.h. */
#include "cpu_case.h"

#include "base/dtype.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 128, GUARD_BYTE = 0xA5, POISON = 0x7F };

static uint64_t random_state = 88172645463325252u;

double random_unit(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(int64_t)random_state / 9223372036854775808.0;
}

void assert_close(double got, double want, double tolerance, const char *what, int64_t i)
{
    const double scale = fabs(want) > 1.0 ? fabs(want) : 1.0;

    if (isnan(got) != isnan(want) ||
        (!isnan(want) && got != want && !(fabs(got - want) <= tolerance * scale)))
        fail_msg("%s: element %lld is %.9g, expected %.9g", what, (long long)i, got, want);
}

void case_init(struct cpu_case *c, enum program_op_kind kind)
{
    memset(c, 0, sizeof *c);
    c->op.kind = kind;
    c->op.attrs = c->attrs;
    c->program.values = c->values;
    c->program.ops = &c->op;
    c->program.n_ops = 1;
    c->program.caches = &c->cache;
}

void case_finish(struct cpu_case *c)
{
    for (uint32_t id = 1; id <= c->program.n_values; id++)
        free(c->block[id]);
}

static uint32_t add(struct cpu_case *c, int32_t dtype, size_t shift, uint32_t rank, va_list shape)
{
    const uint32_t id = ++c->program.n_values;
    struct program_value *v = &c->values[id];
    size_t size;

    assert_true(id < CASE_VALUES);
    *v = (struct program_value){.kind = VALUE_RESULT, .dtype = dtype, .rank = rank};
    for (uint32_t i = 0; i < rank; i++)
        v->shape[i] = va_arg(shape, int);
    size = (size_t)case_count(c, id) * dtype_size(dtype);
    c->block[id] = aligned_alloc(64, (size + 2 * GUARD + shift + 63) / 64 * 64);
    assert_non_null(c->block[id]);
    memset(c->block[id], GUARD_BYTE, (size + 2 * GUARD + shift + 63) / 64 * 64);
    c->data[id] = c->block[id] + GUARD + shift;
    memset(c->data[id], 0, size);
    return id;
}

uint32_t case_in(struct cpu_case *c, int32_t dtype, size_t shift, uint32_t rank, ...)
{
    va_list shape;
    uint32_t id;

    va_start(shape, rank);
    id = add(c, dtype, shift, rank, shape);
    va_end(shape);
    c->op.in[c->op.n_in++] = id;
    for (int64_t i = 0; dtype != CORBEL_I32 && i < case_count(c, id); i++) {
        const float f = (float)random_unit();
        dtype_convert(dtype, (char *)c->data[id] + (size_t)i * dtype_size(dtype), CORBEL_F32, &f,
                      1);
    }
    return id;
}

void case_none(struct cpu_case *c)
{
    c->op.in[c->op.n_in++] = 0;
}

uint32_t case_out(struct cpu_case *c, int32_t dtype, uint32_t rank, ...)
{
    va_list shape;
    uint32_t id;

    va_start(shape, rank);
    id = add(c, dtype, 0, rank, shape);
    va_end(shape);
    c->op.out[c->op.n_out++] = id;
    return id;
}

/* Attributes are sorted by key. */
static struct program_attr *new_attr(struct cpu_case *c, enum program_attr_key key)
{
    uint32_t i = c->op.n_attrs++;

    assert_true(i < CASE_ATTRS);
    for (; i > 0 && c->attrs[i - 1].key > key; i--)
        c->attrs[i] = c->attrs[i - 1];
    c->attrs[i] = (struct program_attr){.key = key};
    return &c->attrs[i];
}

void case_int(struct cpu_case *c, enum program_attr_key key, int64_t i)
{
    new_attr(c, key)->i = i;
}

void case_float(struct cpu_case *c, enum program_attr_key key, double f)
{
    new_attr(c, key)->f = f;
}

int64_t case_count(const struct cpu_case *c, uint32_t id)
{
    int64_t n = 1;

    for (uint32_t i = 0; i < c->values[id].rank; i++)
        n *= c->values[id].shape[i];
    return n;
}

double case_at(const struct cpu_case *c, uint32_t id, int64_t i)
{
    const int32_t dtype = c->values[id].dtype;
    const char *at = (const char *)c->data[id] + (size_t)i * dtype_size(dtype);
    float f;
    int32_t n;

    if (dtype == CORBEL_I32) {
        memcpy(&n, at, sizeof n);
        return n;
    }
    assert_true(dtype_convert(CORBEL_F32, &f, dtype, at, 1));
    return (double)f;
}

static void check_guards(const struct cpu_case *c)
{
    for (uint32_t id = 1; id <= c->program.n_values; id++) {
        const size_t size = (size_t)case_count(c, id) * dtype_size(c->values[id].dtype);
        const unsigned char *data = c->data[id];
        for (size_t i = 1; i <= GUARD; i++)
            if (data[-(ptrdiff_t)i] != GUARD_BYTE || data[size + i - 1] != GUARD_BYTE)
                fail_msg("%s: value %u: overwritten %zu bytes outside", program_op_name(c->op.kind),
                         id, i);
    }
}

struct job {
    const struct cpu_op *op;
    int64_t past;
    atomic_int fault;
};

static void run_job(void *arg, struct cpu_worker *w)
{
    struct job *j = arg;

    w->past = j->past;
    w->fault = &j->fault;
    j->op->run(j->op->params, w);
}

void case_run(struct cpu_case *c, enum cpu_tier tier, uint32_t threads)
{
    struct arena arena = {0};
    struct cpu_context context = {
        .program = &c->program,
        .values = c->data,
        .key_caches = &c->key_cache,
        .value_caches = &c->value_cache,
        .kernels = cpu_kernels_get(tier),
        .precision = c->precision,
        .threads = threads,
        .arena = &arena,
    };
    struct cpu_pool *pool = cpu_pool_create(threads, false);
    struct cpu_op op = {0};
    struct job job = {.op = &op, .past = c->past};
    corbel_error err = {0};

    assert_non_null(pool);
    for (uint32_t i = 0; i < c->op.n_out; i++)
        memset(c->data[c->op.out[i]], POISON,
               (size_t)case_count(c, c->op.out[i]) * dtype_size(c->values[c->op.out[i]].dtype));
    if (cpu_op_prepare(&context, &c->op, &op, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    assert_true(cpu_pool_reserve(pool, context.shared, context.local));
    cpu_pool_run(pool, run_job, &job);
    c->fault = job.fault;
    check_guards(c);
    cpu_pool_destroy(pool);
    arena_finish(&arena);
}

void case_each(struct cpu_case *c, void (*check)(struct cpu_case *c, const char *what))
{
    for (int tier = 0; tier < CPU_TIER_COUNT; tier++) {
        if (!cpu_kernels_get((enum cpu_tier)tier))
            continue;
        for (uint32_t threads = 1; threads <= 3; threads++) {
            char what[100];
            snprintf(what, sizeof what, "%s on %s, %u threads", program_op_name(c->op.kind),
                     cpu_tier_name((enum cpu_tier)tier), threads);
            case_run(c, (enum cpu_tier)tier, threads);
            check(c, what);
        }
    }
}
