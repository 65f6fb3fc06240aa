/* conformance/kernels.c: each shader of the plugin against its decomposition, on every device.
 *
 * Where a program has a region that a kernel may replace, that region alone becomes a program. It
 * is run on the CPU, which decomposes it, and on the device, with random inputs and guard bytes
 * around everything that the device writes. */
#include "conformance/conformance.h"

#include "base/error.h"
#include "model/model.h"
#include "model/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIGS = 10, REGIONS_A_PROGRAM = 6, GUARD = 256, GUARD_BYTE = 0xA5 };

static const struct trial_shape shapes[] = {{1, 1}, {1, 13}, {3, 6}};

/* ---- one run --------------------------------------------------------------------------------- */

/* A region on one device. */
struct run {
    struct device *device;
    struct plan plan;
    struct buffer *arena;
    struct executable *executable;
};

static void run_finish(struct run *r)
{
    executable_destroy(&r->executable);
    buffer_destroy(&r->arena);
    plan_finish(&r->plan);
}

/* Every result in a place of its own, with guards between. */
static void spread(struct plan *plan)
{
    uint64_t offset = GUARD;

    for (uint32_t id = 1; id <= plan->program.n_values; id++) {
        struct plan_storage *s = &plan->storage[id];

        if (s->kind != STORAGE_ARENA)
            continue;
        s->offset = offset;
        offset += (s->size + 2 * GUARD - 1) / GUARD * GUARD;
    }
    plan->arena_size = offset;
}

static corbel_status write_guards(struct run *r, corbel_error *err)
{
    char *bytes = malloc(r->plan.arena_size);
    corbel_status status;

    if (!bytes)
        return error_memory(err, r->plan.arena_size, "guards");
    memset(bytes, GUARD_BYTE, r->plan.arena_size);
    status = buffer_write(r->arena, 0, bytes, r->plan.arena_size, err);
    free(bytes);
    return status;
}

/* Whether nothing was written between the values. */
static corbel_status check_guards(struct run *r, bool *intact, corbel_error *err)
{
    unsigned char *bytes = malloc(r->plan.arena_size);
    corbel_status status;

    *intact = true;
    if (!bytes)
        return error_memory(err, r->plan.arena_size, "guards");
    status = buffer_read(r->arena, 0, bytes, r->plan.arena_size, err);
    for (uint32_t id = 1; !status && id <= r->plan.program.n_values; id++) {
        const struct plan_storage *s = &r->plan.storage[id];

        if (s->kind == STORAGE_ARENA)
            memset(bytes + s->offset, GUARD_BYTE, s->size);
    }
    for (uint64_t i = 0; !status && i < r->plan.arena_size; i++)
        *intact = *intact && bytes[i] == GUARD_BYTE;
    free(bytes);
    return status;
}

static void fill_input(const struct program_value *v, void *data, uint64_t *random)
{
    for (int64_t i = 0; data && i < value_count(v); i++) {
        if (v->dtype == CORBEL_I32)
            ((int32_t *)data)[i] = (int32_t)(random_next(random) % 4);
        else
            ((float *)data)[i] = (float)(4.0 * random_uniform(random) - 2.0);
    }
}

/* The same numbers for the same seed, on whichever device. */
static corbel_status run_alone(struct run *r, const struct program *alone, uint64_t seed,
                               corbel_error *err)
{
    struct plan_options options = device_plan_options(r->device);
    struct buffer **none = calloc(alone->n_values + 1, sizeof(struct buffer *));
    corbel_status status =
        none ? plan_create(&r->plan, alone, &options, err) : error_memory(err, 0, "bindings");

    if (!status) {
        spread(&r->plan);
        status = buffer_create(r->device, r->plan.arena_size, &r->arena, err);
    }
    if (!status)
        status = write_guards(r, err);
    if (!status)
        status = executable_create(
            r->device, &r->plan, &(struct executable_bindings){.values = none, .scratch = r->arena},
            &r->executable, err);
    for (uint32_t id = 1; !status && id <= r->plan.program.n_values; id++) {
        const struct program_value *v = &r->plan.program.values[id];

        if (v->kind == VALUE_INPUT)
            fill_input(v, executable_input(r->executable, v->name), &seed);
    }
    free(none);
    return status ? status : executable_run(r->executable, 0, err);
}

/* ---- one region ------------------------------------------------------------------------------ */

/* The kernels of a program, and how far each may be from its decomposition. */
struct site {
    struct conformance *c;
    const struct plugin_model *model;
    const struct program *program;
    const struct program_region *region;
    const char
        *why_not; /* what a device says that does not run the kernel; lives with the device */
    uint32_t n_run;
};

static void compare(struct site *p, const struct program_value *v, const struct run *got,
                    const struct run *want)
{
    const float *a = executable_output(got->executable, 0),
                *b = executable_output(want->executable, 0);
    const corbel_kernel *kernel = plugin_model_kernel(p->model, p->region->kernel);
    double worst = 0.0, largest = 0.0;

    for (int64_t i = 0; i < value_count(v); i++) {
        if (isnan(b[i]) && isnan(a[i]))
            continue;
        largest = fmax(largest, fabs((double)b[i]));
        worst = isnan(a[i]) != isnan(b[i]) ? (double)INFINITY
                                           : fmax(worst, fabs((double)a[i] - (double)b[i]));
    }
    if (!(worst <= kernel->max_rel_err * largest))
        check_found(&p->c->checks,
                    "%s on %s, grid %u x %u x %u: differs by %.3g, where at most "
                    "%.3g was declared",
                    p->region->kernel, device_name(got->device), p->region->launch.grid[0],
                    p->region->launch.grid[1], p->region->launch.grid[2], worst,
                    kernel->max_rel_err * largest);
}

static bool kernel_runs(struct site *p, const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->n_kernels; i++) {
        if (plan->kernels[i].n_run > 0)
            return true;
        if (plan->kernels[i].why)
            p->why_not = plan->kernels[i].why;
    }
    return false;
}

static corbel_status try_on(struct site *p, const struct program *alone, struct device *device,
                            corbel_error *err)
{
    struct run got = {.device = device}, want = {.device = NULL};
    const uint64_t seed = random_next(&p->c->random);
    bool intact = true;
    corbel_status status = run_alone(&got, alone, seed, err);

    if (!status && kernel_runs(p, &got.plan)) {
        p->n_run++;
        check_try(&p->c->checks);
        status = runtime_device(p->c->runtime, "cpu", &want.device, err);
        if (!status)
            status = run_alone(&want, alone, seed, err);
        if (!status)
            compare(p, &alone->values[alone->outputs[0].value], &got, &want);
        if (!status)
            status = check_guards(&got, &intact, err);
    }
    if (!intact)
        check_found(&p->c->checks, "%s on %s wrote outside of its buffer", p->region->kernel,
                    device_name(device));
    run_finish(&got);
    run_finish(&want);
    return status;
}

static void try_region(struct site *p, uint32_t i)
{
    struct program alone;
    corbel_error err = {0};
    corbel_status status;

    p->region = &p->program->regions[i];
    status = program_extract_region(p->program, i, &alone, &err);
    for (uint32_t d = 0; d < p->c->n_devices && !status; d++) {
        struct device *device;

        status = runtime_device(p->c->runtime, p->c->devices[d], &device, &err);
        if (!status)
            status = try_on(p, &alone, device, &err);
    }
    program_finish(&alone);
    if (status && status != CORBEL_E_UNSUPPORTED)
        check_found(&p->c->checks, "%s: %s", p->region->kernel, err.text);
}

/* ---- one config ------------------------------------------------------------------------------ */

static void try_program(struct site *p, struct trial *t, const struct trial_shape *shape,
                        uint32_t *n_regions)
{
    struct program program;
    corbel_error ignored;

    if (trial_trace(t, shape, &program, &ignored))
        return;
    p->program = &program;
    for (uint32_t i = 0; i < program.n_regions && i < REGIONS_A_PROGRAM; i++)
        try_region(p, i);
    *n_regions += program.n_regions;
    program_finish(&program);
}

static void try_config(struct site *p, const struct subject *s, struct json_object *config,
                       uint32_t *n_regions)
{
    struct trial t;

    trial_begin(&t, p->c->isolated, s->arch->name, config);
    p->model = t.model;
    for (size_t i = 0; !t.status && i < sizeof(shapes) / sizeof(shapes[0]); i++)
        try_program(p, &t, &shapes[i], n_regions);
    trial_finish(&t);
}

/* ---- outside --------------------------------------------------------------------------------- */

void check_kernels(struct conformance *c, const struct subject *s)
{
    struct site p = {.c = c};
    uint32_t n_regions = 0;

    check_begin(&c->checks, "shaders: against their decompositions", s->arch->name);
    try_config(&p, s, json_object_get(s->base), &n_regions);
    for (int i = 1; i < CONFIGS && n_regions > 0; i++)
        try_config(&p, s, config_vary(s->arch, s->base, &c->random), &n_regions);
    if (n_regions == 0)
        check_skip(&c->checks, "the class uses no shader of its own");
    else if (c->n_devices == 0)
        check_skip(&c->checks, "there is no Vulkan device here");
    else if (p.n_run == 0)
        check_skip(&c->checks, "no device here runs them: %s",
                   p.why_not ? p.why_not : "no reason was given");
    check_end(&c->checks);
}
