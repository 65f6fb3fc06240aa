/* device/cpu/executable.c: a plan bound to memory: every pointer is resolved here, once. */
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

struct cpu_executable {
    struct executable base;
    struct cpu_pool *pool;
    struct arena arena; /* owns all lists below */
    struct cpu_op *ops;
    uint32_t n_ops, n_inputs, n_outputs;
    struct input {
        const char *name;
        void *data;
    } * inputs;
    const void **outputs;
    void *memory; /* results, inputs: one mapping */
    size_t memory_size;
    int64_t most_past; /* INT64_MAX without a cache */
    bool profile;
    uint64_t *nanoseconds; /* [n_ops] */
    /* Of the run that is going on. */
    int64_t past;
    atomic_int fault;
};

/* ---- memory ---------------------------------------------------------------------------------- */

/* Offsets into the executable's memory: the plan's arena first, then inputs and host results. */
struct layout {
    uint64_t size;
    bool failed;
};

static uint64_t take(struct layout *l, uint64_t size)
{
    const uint64_t at = l->size;

    if (size > SIZE_MAX / 4 || l->size > SIZE_MAX / 4) {
        l->failed = true;
        return 0;
    }
    l->size += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return at;
}

static bool wants_memory(const struct plan *plan, uint32_t id)
{
    const struct program_value *v = &plan->program.values[id];

    switch (plan->storage[id].kind) {
    case STORAGE_BOUND: return v->kind == VALUE_INPUT;
    case STORAGE_HOST: return true;
    default: return false;
    }
}

/* Zeroed pages that nothing has touched yet. */
static corbel_status map_memory(struct cpu_executable *e, uint64_t size, corbel_error *err)
{
    e->memory_size = (size_t)(size > 0 ? size : ALIGNMENT);
    e->memory =
        mmap(NULL, e->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (e->memory == MAP_FAILED) {
        e->memory = NULL;
        return error_memory(err, e->memory_size, "the results of a program");
    }
    if (e->memory_size >= HUGE_PAGE)
        madvise(e->memory, e->memory_size, MADV_HUGEPAGE);
    return CORBEL_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static corbel_status resolve_bound(const struct plan *plan, uint32_t id,
                                   const struct executable_bindings *bindings, void **value,
                                   int32_t *dtype, corbel_error *err)
{
    const struct program_value *v = &plan->program.values[id];
    const struct buffer *buffer = bindings && bindings->values ? bindings->values[id] : NULL;

    if (v->kind == VALUE_CONSTANT) {
        *value = (void *)(uintptr_t)v->data;
        return CORBEL_OK;
    }
    if (!buffer)
        return error_set(err, CORBEL_E_INTERNAL, "cpu: \"%s\" is not bound",
                         v->name ? v->name : "a value");
    if (buffer->dtype)
        *dtype = buffer->dtype;
    *value = ((const struct cpu_buffer *)buffer)->data;
    return CORBEL_OK;
}

static corbel_status resolve_values(struct cpu_executable *e, const struct plan *plan,
                                    const struct executable_bindings *bindings, void **values,
                                    int32_t *dtypes, corbel_error *err)
{
    const struct cpu_buffer *scratch =
        bindings ? (const struct cpu_buffer *)bindings->scratch : NULL;
    struct layout layout = {0};
    char *memory;
    corbel_status status;

    if (!scratch)
        take(&layout, plan->arena_size);
    for (uint32_t id = 1; id <= plan->program.n_values; id++)
        if (wants_memory(plan, id))
            take(&layout, value_bytes(&plan->program.values[id]));
    if (layout.failed || (scratch && scratch->base.size < plan->arena_size))
        return error_memory(err, SIZE_MAX, "the results of a program");
    status = map_memory(e, layout.size, err);
    memory = e->memory;
    layout = (struct layout){0};
    if (!scratch)
        take(&layout, plan->arena_size);
    for (uint32_t id = 1; id <= plan->program.n_values && status == CORBEL_OK; id++) {
        const struct plan_storage *s = &plan->storage[id];
        dtypes[id] = plan->program.values[id].dtype;
        if (wants_memory(plan, id))
            values[id] = memory + take(&layout, value_bytes(&plan->program.values[id]));
        else if (s->kind == STORAGE_ARENA)
            values[id] = (scratch ? (char *)scratch->data : memory) + s->offset;
        else if (s->kind == STORAGE_BOUND)
            status = resolve_bound(plan, id, bindings, &values[id], &dtypes[id], err);
    }
    for (uint32_t id = 1; id <= plan->program.n_values && status == CORBEL_OK; id++)
        if (plan->storage[id].kind == STORAGE_VIEW)
            values[id] = (char *)values[plan->storage[id].of] + plan->storage[id].offset;
    return status;
}

static void **resolve_caches(struct cpu_executable *e, struct buffer *const *buffers, uint32_t n)
{
    void **caches = arena_array(&e->arena, n + 1u, sizeof(*caches));

    for (uint32_t i = 0; caches && buffers && i < n; i++)
        caches[i] = buffers[i] ? ((const struct cpu_buffer *)buffers[i])->data : NULL;
    return caches;
}

/* ---- creation -------------------------------------------------------------------------------- */

static corbel_status prepare_ops(struct cpu_executable *e, struct cpu_context *c, corbel_error *err)
{
    const struct program *p = c->program;

    e->n_ops = p->n_ops;
    e->ops = arena_array(&e->arena, p->n_ops + 1u, sizeof(*e->ops));
    e->nanoseconds = arena_array(&e->arena, p->n_ops + 1u, sizeof(*e->nanoseconds));
    if (!e->ops || !e->nanoseconds)
        return error_memory(err, p->n_ops * sizeof(*e->ops), "a program's operations");
    for (uint32_t i = 0; i < p->n_ops; i++) {
        corbel_status status = cpu_op_prepare(c, &p->ops[i], &e->ops[i], err);
        if (status != CORBEL_OK)
            return status;
    }
    if (!cpu_pool_reserve(e->pool, c->shared, c->local))
        return error_memory(err, c->shared + c->local, "the kernels' scratch memory");
    return CORBEL_OK;
}

static corbel_status name_ends(struct cpu_executable *e, const struct program *p,
                               void *const *values, corbel_error *err)
{
    e->inputs = arena_array(&e->arena, p->n_values + 1u, sizeof(*e->inputs));
    e->outputs = arena_array(&e->arena, p->n_outputs + 1u, sizeof(*e->outputs));
    if (!e->inputs || !e->outputs)
        return error_memory(err, p->n_values * sizeof(*e->inputs), "a program's inputs");
    for (uint32_t id = 1; id <= p->n_values; id++) {
        if (p->values[id].kind != VALUE_INPUT || !values[id])
            continue;
        e->inputs[e->n_inputs].name = arena_string(&e->arena, p->values[id].name);
        if (!e->inputs[e->n_inputs].name)
            return error_memory(err, 0, "a program's inputs");
        e->inputs[e->n_inputs++].data = values[id];
    }
    e->n_outputs = p->n_outputs;
    for (uint32_t i = 0; i < p->n_outputs; i++)
        e->outputs[i] = values[p->outputs[i].value];
    return CORBEL_OK;
}

/* The greatest `past` with which all new keys fit every cache. */
static int64_t find_most_past(const struct program *p)
{
    int64_t most = INT64_MAX;

    for (uint32_t i = 0; i < p->n_ops; i++) {
        const struct program_op *op = &p->ops[i];
        const int64_t cache = program_op_int(op, ATTR_CACHE, -1);
        if ((op->kind == OP_ATTENTION || op->kind == OP_ATTENTION_ROPE) && cache >= 0) {
            const int64_t room = p->caches[cache].capacity - p->values[op->in[0]].shape[1];
            most = room < most ? room : most;
        }
    }
    return most;
}

corbel_status cpu_executable_create(struct device *device, const struct plan *plan,
                                    const struct executable_bindings *bindings,
                                    struct executable **executable, corbel_error *err)
{
    struct cpu_device *d = (struct cpu_device *)device;
    const struct program *p = &plan->program;
    struct cpu_executable *e = calloc(1, sizeof(*e));
    struct cpu_context c;
    void **values;
    int32_t *dtypes;
    corbel_status status;

    if (!e)
        return error_memory(err, sizeof(*e), "an executable");
    arena_init(&e->arena, 0);
    e->base.device = device;
    e->pool = d->pool;
    values = arena_array(&e->arena, p->n_values + 1u, sizeof(*values));
    dtypes = arena_array(&e->arena, p->n_values + 1u, sizeof(*dtypes));
    if (!values || !dtypes) {
        status = error_memory(err, p->n_values * sizeof(*values), "a program's values");
        goto fail;
    }
    status = resolve_values(e, plan, bindings, values, dtypes, err);
    if (status != CORBEL_OK)
        goto fail;
    c = (struct cpu_context){
        .program = p,
        .values = values,
        .dtypes = dtypes,
        .key_caches = resolve_caches(e, bindings ? bindings->key_caches : NULL, p->n_caches),
        .value_caches = resolve_caches(e, bindings ? bindings->value_caches : NULL, p->n_caches),
        .kernels = cpu_kernels_get(d->tier),
        .precision = device->precision,
        .threads = cpu_pool_threads(d->pool),
        .arena = &e->arena,
    };
    e->most_past = find_most_past(p);
    status = prepare_ops(e, &c, err);
    if (status == CORBEL_OK)
        status = name_ends(e, p, values, err);
    if (status != CORBEL_OK)
        goto fail;
    *executable = &e->base;
    return CORBEL_OK;
fail:
    cpu_executable_destroy(&e->base);
    return status;
}

void cpu_executable_destroy(struct executable *executable)
{
    struct cpu_executable *e = (struct cpu_executable *)executable;

    if (e->memory)
        munmap(e->memory, e->memory_size);
    arena_finish(&e->arena);
    free(e);
}

/* ---- running --------------------------------------------------------------------------------- */

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What every worker does: all operations in order, its share of each. */
static void walk(void *arg, struct cpu_worker *w)
{
    struct cpu_executable *e = arg;
    const bool measure = e->profile && w->index == 0;
    uint64_t before = measure ? now() : 0;

    w->past = e->past;
    w->fault = &e->fault;
    for (uint32_t i = 0; i < e->n_ops; i++) {
        e->ops[i].run(e->ops[i].params, w);
        cpu_barrier(w);
        if (measure) {
            const uint64_t after = now();
            e->nanoseconds[i] += after - before;
            before = after;
        }
    }
}

corbel_status cpu_executable_run(struct executable *executable, int64_t past, corbel_error *err)
{
    struct cpu_executable *e = (struct cpu_executable *)executable;

    if (past < 0 || past > e->most_past)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "a step at position %lld: the cache has room for steps up to %lld",
                         (long long)past, (long long)e->most_past);
    e->past = past;
    atomic_store(&e->fault, CPU_FAULT_NONE);
    cpu_pool_run(e->pool, walk, e);
    if (atomic_load(&e->fault) == CPU_FAULT_INDEX)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "an index (a token id, a position) is outside of its table");
    return CORBEL_OK;
}

void *cpu_executable_input(struct executable *executable, const char *name)
{
    const struct cpu_executable *e = (const struct cpu_executable *)executable;

    for (uint32_t i = 0; i < e->n_inputs; i++)
        if (strcmp(e->inputs[i].name, name) == 0)
            return e->inputs[i].data;
    return NULL;
}

const void *cpu_executable_output(struct executable *executable, uint32_t i)
{
    const struct cpu_executable *e = (const struct cpu_executable *)executable;

    return i < e->n_outputs ? e->outputs[i] : NULL;
}

void cpu_executable_set_profile(struct executable *executable, bool on)
{
    ((struct cpu_executable *)executable)->profile = on;
}

const uint64_t *cpu_executable_profile(struct executable *executable)
{
    return ((const struct cpu_executable *)executable)->nanoseconds;
}
