/* vulkan_case.c: see vulkan_case.h. */
#include "vulkan_case.h"

#include "base/dtype.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 1024, GUARD_BYTE = 0xA5, POISON_BYTE = 0x7F };

static struct device *vulkan, *cpu;

/* ---- devices --------------------------------------------------------------------------------- */

void case_open_devices(void)
{
    const struct device_params params = {.threads = 1, .validation = true};
    const struct device_params without = {.threads = 1};
    corbel_error err = {0};
    corbel_status status = device_create("vulkan:0", &params, &vulkan, &err);
    if (status == CORBEL_E_NOT_FOUND && strstr(err.text, "validation")) {
        fprintf(stderr, "%s: running without\n", err.text);
        status = device_create("vulkan:0", &without, &vulkan, &err);
    }
    if (status == CORBEL_E_NOT_FOUND) {
        fprintf(stderr, "skipped: %s\n", err.text);
        exit(77);
    }
    if (status != CORBEL_OK || device_create("cpu", &without, &cpu, &err) != CORBEL_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

void case_close_devices(void)
{
    device_destroy(&vulkan);
    device_destroy(&cpu);
}

struct device *case_vulkan(void)
{
    return vulkan;
}

/* ---- programs -------------------------------------------------------------------------------- */

static uint64_t random_state = 88172645463325252u;

double random_unit(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(int64_t)random_state / 9223372036854775808.0;
}

void case_init(struct vulkan_case *c)
{
    memset(c, 0, sizeof *c);
    program_init(&c->program);
}

void case_finish(struct vulkan_case *c)
{
    for (uint32_t id = 0; id < CASE_VALUES; id++)
        free(c->data[id]);
    program_finish(&c->program);
}

static void fill(const struct program_value *v, bool positive, void *data)
{
    const int64_t n = value_count(v);
    for (int64_t i = 0; i < n && v->dtype != CORBEL_I32; i++) {
        const double unit = random_unit();
        const float f = (float)(positive ? fabs(unit) + 0.01 : unit);
        dtype_convert(v->dtype, (char *)data + (size_t)i * dtype_size(v->dtype), CORBEL_F32, &f, 1);
    }
}

uint32_t case_value(struct vulkan_case *c, const char *spec)
{
    struct program_value v = {.kind = VALUE_WEIGHT, .dtype = CORBEL_F32};
    char name[48];
    uint32_t id = 0;
    corbel_error err = {0};
    switch (spec[0]) {
    case 'h': v.dtype = CORBEL_F16; break;
    case 'b': v.dtype = CORBEL_BF16; break;
    case 'i': v.kind = VALUE_INPUT, v.dtype = CORBEL_I32; break;
    case 's': v.kind = VALUE_STATE; break;
    default: break;
    }
    for (const char *s = spec + 1; *s; s += *s == 'x') {
        char *end;
        v.shape[v.rank++] = strtoll(s, &end, 10);
        s = end;
    }
    snprintf(name, sizeof name, "value%u", c->program.n_values);
    v.name = name;
    if (program_add_value(&c->program, &v, &id, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    assert_true(id < CASE_VALUES);
    c->data[id] = calloc(1, (size_t)value_bytes(&v) + 16);
    assert_non_null(c->data[id]);
    fill(&v, spec[0] == 'p', c->data[id]);
    return id;
}

void case_take(struct vulkan_case *c, struct program *program)
{
    memset(c, 0, sizeof *c);
    c->program = *program;
    for (uint32_t id = 1; id <= program->n_values; id++) {
        const struct program_value *v = &program->values[id];
        if (v->kind != VALUE_WEIGHT && v->kind != VALUE_INPUT)
            continue;
        assert_true(id < CASE_VALUES);
        c->data[id] = calloc(1, (size_t)value_bytes(v) + 16);
        assert_non_null(c->data[id]);
        fill(v, false, c->data[id]);
    }
}

uint32_t case_ints(struct vulkan_case *c, const char *spec, const int32_t *ints, uint32_t n)
{
    const uint32_t id = case_value(c, spec);
    assert_int_equal(n, value_count(&c->program.values[id]));
    memcpy(c->data[id], ints, n * sizeof(*ints));
    return id;
}

static int by_key(const void *a, const void *b)
{
    const struct program_attr *x = a, *y = b;
    return (int)x->key - (int)y->key;
}

static uint32_t parse_attrs(const char *text, struct program_attr *attrs)
{
    char copy[256], *rest = NULL;
    uint32_t n = 0;
    snprintf(copy, sizeof copy, "%s", text ? text : "");
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        assert_non_null(value);
        *value++ = '\0';
        const int key = program_attr_from_name(word);
        if (key < 0)
            fail_msg("no attribute %s", word);
        attrs[n] = (struct program_attr){.key = (enum program_attr_key)key};
        if (program_attr_is_float(attrs[n].key))
            attrs[n].f = strtod(value, NULL);
        else
            attrs[n].i = strtoll(value, NULL, 10);
        n++;
    }
    qsort(attrs, n, sizeof(*attrs), by_key);
    return n;
}

uint32_t case_op(struct vulkan_case *c, enum program_op_kind kind, const uint32_t *in, uint32_t n,
                 const char *attrs)
{
    struct program_attr list[ATTR_COUNT];
    struct program_op op = {.kind = kind, .n_in = n, .module = "test", .attrs = list};
    uint32_t out[PROGRAM_MAX_OUTPUTS] = {0};
    corbel_error err = {0};
    op.n_attrs = parse_attrs(attrs, list);
    memcpy(op.in, in, n * sizeof(*in));
    if (program_emit(&c->program, &op, out, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return out[0];
}

uint32_t case_cache(struct vulkan_case *c, int64_t batch, int64_t heads, int64_t capacity,
                    int64_t dim, int64_t v_dim)
{
    const struct program_cache cache = {.batch = batch,
                                        .n_heads = heads,
                                        .capacity = capacity,
                                        .head_dim = dim,
                                        .value_dim = v_dim};
    uint32_t slot = 0;
    corbel_error err = {0};
    if (program_add_cache(&c->program, &cache, &slot, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return slot;
}

/* ---- running --------------------------------------------------------------------------------- */

/* One device's side of a case. */
struct run {
    struct device *device;
    struct plan plan;
    struct buffer *values[CASE_VALUES], *keys[8], *cached[8];
    struct executable *executable;
    char *arena; /* NULL if it can't be looked at */
};

/* The data of a value of the plan, whose ids are its own. */
static const void *data_of(const struct vulkan_case *c, const struct program_value *v)
{
    for (uint32_t id = 1; id <= c->program.n_values; id++)
        if (c->data[id] && strcmp(c->program.values[id].name, v->name) == 0)
            return c->data[id];
    fail_msg("no data of %s", v->name);
    return NULL;
}

static struct buffer *bind_value(const struct vulkan_case *c, struct run *r, uint32_t id)
{
    const struct program_value *v = &r->plan.program.values[id];
    struct buffer *b = NULL;
    corbel_error err = {0};
    corbel_status status = CORBEL_OK;
    if (v->kind == VALUE_WEIGHT)
        status = buffer_create_weight(r->device, data_of(c, v), v->dtype, (uint64_t)value_count(v),
                                      v->dtype, &b, &err);
    else if (v->kind == VALUE_STATE)
        status = buffer_create(r->device, value_bytes(v), &b, &err);
    if (status != CORBEL_OK)
        fail_msg("%s", err.text);
    return b;
}

/* Random keys and values, the same for both devices, with guards behind them. */
static struct buffer *bind_cache(struct run *r, uint64_t rows, uint64_t dim, const float *numbers)
{
    struct buffer *b = NULL;
    corbel_error err = {0};
    char guards[GUARD];
    memset(guards, GUARD_BYTE, sizeof guards);
    if (buffer_create(r->device, rows * dim * 4 + GUARD, &b, &err) != CORBEL_OK ||
        buffer_write(b, 0, numbers, rows * dim * 4, &err) != CORBEL_OK ||
        buffer_write(b, rows * dim * 4, guards, GUARD, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return b;
}

static void bind_caches(const struct vulkan_case *c, struct run *r, float *const *numbers)
{
    for (uint32_t i = 0; i < c->program.n_caches; i++) {
        const struct program_cache *cache = &c->program.caches[i];
        const uint64_t rows = (uint64_t)(cache->batch * cache->n_heads * cache->capacity);
        r->keys[i] = bind_cache(r, rows, (uint64_t)cache->head_dim, numbers[2 * i]);
        r->cached[i] = bind_cache(r, rows, (uint64_t)cache->value_dim, numbers[2 * i + 1]);
    }
}

/* Every result in a place of its own, guards between them. */
static void spread_arena(struct plan *plan)
{
    uint64_t offset = GUARD;
    for (uint32_t id = 1; id <= plan->program.n_values; id++) {
        struct plan_storage *s = &plan->storage[id];
        if (s->kind != STORAGE_ARENA)
            continue;
        s->offset = offset;
        offset += (s->size + GUARD + GUARD - 1) / GUARD * GUARD;
    }
    plan->arena_size = offset;
}

static void find_arena(struct run *r)
{
    const uint32_t y = r->plan.program.outputs[0].value;
    const struct plan_storage *s = &r->plan.storage[y];
    char *at = (char *)(uintptr_t)executable_output(r->executable, 0);
    if (s->kind != STORAGE_ARENA || !at || strncmp(device_name(r->device), "vulkan", 6) != 0)
        return;
    r->arena = at - s->offset;
    memset(r->arena, GUARD_BYTE, (size_t)r->plan.arena_size);
    for (uint32_t id = 1; id <= r->plan.program.n_values; id++)
        if (r->plan.storage[id].kind == STORAGE_ARENA)
            memset(r->arena + r->plan.storage[id].offset, POISON_BYTE,
                   (size_t)r->plan.storage[id].size);
}

static void check_arena(const struct run *r, const char *what)
{
    char *is_value = calloc(1, (size_t)r->plan.arena_size);
    assert_non_null(is_value);
    for (uint32_t id = 1; id <= r->plan.program.n_values; id++)
        if (r->plan.storage[id].kind == STORAGE_ARENA)
            memset(is_value + r->plan.storage[id].offset, 1, (size_t)r->plan.storage[id].size);
    for (uint64_t i = 0; i < r->plan.arena_size; i++)
        if (!is_value[i] && (unsigned char)r->arena[i] != GUARD_BYTE)
            fail_msg("%s: byte %llu of the arena, between values, was written", what,
                     (unsigned long long)i);
    free(is_value);
}

static void check_cache_guards(struct run *r, uint32_t n, const char *what)
{
    for (uint32_t i = 0; i < 2 * n; i++) {
        struct buffer *b = i % 2 ? r->cached[i / 2] : r->keys[i / 2];
        unsigned char guards[GUARD];
        corbel_error err = {0};
        if (buffer_read(b, b->size - GUARD, guards, GUARD, &err) != CORBEL_OK)
            fail_msg("%s", err.text);
        for (int j = 0; j < GUARD; j++)
            if (guards[j] != GUARD_BYTE)
                fail_msg("%s: byte %d behind cache %u was written", what, j, i / 2);
    }
}

static corbel_status start(const struct vulkan_case *c, struct run *r, float *const *numbers,
                           corbel_error *err)
{
    struct plan_options options = device_plan_options(r->device);
    corbel_status status = plan_create(&r->plan, &c->program, &options, err);
    if (status != CORBEL_OK)
        fail_msg("%s", err->text);
    if (r->device == vulkan)
        spread_arena(&r->plan);
    for (uint32_t id = 1; id <= r->plan.program.n_values; id++)
        r->values[id] = bind_value(c, r, id);
    bind_caches(c, r, numbers);
    const struct executable_bindings bindings = {
        .values = r->values, .key_caches = r->keys, .value_caches = r->cached};
    status = executable_create(r->device, &r->plan, &bindings, &r->executable, err);
    if (status != CORBEL_OK)
        return status;
    find_arena(r);
    for (uint32_t id = 1; id <= r->plan.program.n_values; id++) {
        const struct program_value *v = &r->plan.program.values[id];
        void *in = v->kind == VALUE_INPUT ? executable_input(r->executable, v->name) : NULL;
        if (in)
            memcpy(in, data_of(c, v), (size_t)value_bytes(v));
    }
    return executable_run(r->executable, c->past, err);
}

static void stop(struct run *r)
{
    executable_destroy(&r->executable);
    for (uint32_t i = 0; i < CASE_VALUES; i++)
        buffer_destroy(&r->values[i]);
    for (uint32_t i = 0; i < 8; i++) {
        buffer_destroy(&r->keys[i]);
        buffer_destroy(&r->cached[i]);
    }
    plan_finish(&r->plan);
}

static float **cache_numbers(const struct vulkan_case *c)
{
    float **numbers = calloc(16, sizeof(*numbers));
    assert_non_null(numbers);
    for (uint32_t i = 0; i < 2 * c->program.n_caches; i++) {
        const struct program_cache *cache = &c->program.caches[i / 2];
        const int64_t n = cache->batch * cache->n_heads * cache->capacity *
                          (i % 2 ? cache->value_dim : cache->head_dim);
        numbers[i] = calloc((size_t)n, sizeof(float));
        assert_non_null(numbers[i]);
        for (int64_t j = 0; j < n; j++)
            numbers[i][j] = (float)random_unit();
    }
    return numbers;
}

static void free_numbers(float **numbers)
{
    for (int i = 0; i < 16; i++)
        free(numbers[i]);
    free(numbers);
}

static void compare(const struct program_value *v, const void *got, const void *want,
                    double tolerance, const char *what)
{
    for (int64_t i = 0; i < value_count(v); i++) {
        if (v->dtype == CORBEL_I32) {
            const int32_t g = ((const int32_t *)got)[i], w = ((const int32_t *)want)[i];
            if (g != w)
                fail_msg("%s: element %lld is %d, expected %d", what, (long long)i, g, w);
            continue;
        }
        const double g = (double)((const float *)got)[i], w = (double)((const float *)want)[i];
        const double bound = tolerance * fmax(1.0, fabs(w));
        if (isnan(g) != isnan(w) || (!isnan(w) && g != w && !(fabs(g - w) <= bound)))
            fail_msg("%s: element %lld is %.9g, expected %.9g", what, (long long)i, g, w);
    }
}

static void add_output(struct vulkan_case *c, uint32_t y)
{
    corbel_error err = {0};
    if (program_add_output(&c->program, "y", y, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
}

static void check_fused(const struct vulkan_case *c, const struct plan *plan, const char *what)
{
    bool found = !c->fused;
    for (uint32_t i = 0; i < plan->program.n_ops; i++)
        found = found || plan->program.ops[i].kind == c->expect;
    if (!found)
        fail_msg("%s: no %s was planned", what, program_op_name(c->expect));
}

void case_check(struct vulkan_case *c, uint32_t y, const char *what)
{
    struct run got = {.device = vulkan}, want = {.device = cpu};
    corbel_error err = {0};
    float **numbers = cache_numbers(c);
    add_output(c, y);
    if (start(c, &got, numbers, &err) != CORBEL_OK || start(c, &want, numbers, &err) != CORBEL_OK)
        fail_msg("%s: %s", what, err.text);
    check_fused(c, &got.plan, what);
    compare(&c->program.values[y], executable_output(got.executable, 0),
            executable_output(want.executable, 0), c->tolerance > 0 ? c->tolerance : 1e-5, what);
    if (got.arena)
        check_arena(&got, what);
    check_cache_guards(&got, c->program.n_caches, what);
    stop(&got);
    stop(&want);
    free_numbers(numbers);
    case_finish(c);
}

void case_check_refused(struct vulkan_case *c, uint32_t y, corbel_status status, const char *word)
{
    struct run got = {.device = vulkan};
    corbel_error err = {0};
    float **numbers = cache_numbers(c);
    add_output(c, y);
    assert_int_equal(start(c, &got, numbers, &err), status);
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
    stop(&got);
    free_numbers(numbers);
    case_finish(c);
}
