/* bench/kernels.c: how fast the CPU's product kernels are, beside what the machine can do.
 *
 *   bench_kernels [threads] [tier]
 *
 * Products of one token are bound by memory: GB/s of weights, from a mapped file as a model's are.
 * Products of many tokens are bound by arithmetic: GFLOP/s of the product (2 M N K), however many
 * bfloat16 products it is made of. Each figure is the best and the median of several runs; other
 * work on the machine shows in the distance between them. */
#include "device/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 11 };
static const size_t file_size = (size_t)768 << 20;

/* One thread is measured by the time it was given, so that other work counts less. */
static double now(uint32_t threads)
{
    struct timespec t;

    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct setting {
    struct cpu_pool *pool;
    enum cpu_tier tier;
    uint32_t threads;
    const char *file; /* mapped, file_size bytes */
};

/* One linear operation, prepared; the weight is set for each run. */
struct product {
    struct program program;
    struct program_value values[4];
    struct program_op op;
    struct arena arena;
    struct cpu_op prepared;
    void *data[4];
};

static void run_product(void *arg, struct cpu_worker *w)
{
    struct product *p = arg;

    p->prepared.run(p->prepared.params, w);
}

static void prepare(const struct setting *s, struct product *p, int64_t m, int64_t n, int64_t k,
                    int32_t dtype, enum device_precision precision)
{
    struct cpu_context c = {.program = &p->program,
                            .values = p->data,
                            .kernels = cpu_kernels_get(s->tier),
                            .precision = precision,
                            .threads = s->threads,
                            .arena = &p->arena};
    corbel_error err;

    *p = (struct product){.op = {.kind = OP_LINEAR, .n_in = 2, .n_out = 1}};
    p->program.values = p->values;
    p->op.in[0] = 1;
    p->op.in[1] = 2;
    p->op.out[0] = 3;
    p->values[1] = (struct program_value){.dtype = CORBEL_F32, .rank = 2, .shape = {m, k}};
    p->values[2] = (struct program_value){.dtype = dtype, .rank = 2, .shape = {n, k}};
    p->values[3] = (struct program_value){.dtype = CORBEL_F32, .rank = 2, .shape = {m, n}};
    p->data[1] = aligned_alloc(64, (size_t)(m * k) * 4);
    p->data[2] = (void *)(uintptr_t)s->file;
    p->data[3] = aligned_alloc(64, (size_t)(m * n) * 4);
    if (!p->data[1] || !p->data[3] || cpu_op_prepare(&c, &p->op, &p->prepared, &err) != CORBEL_OK ||
        !cpu_pool_reserve(s->pool, c.shared, c.local)) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    memset(p->data[1], 0, (size_t)(m * k) * 4);
    memset(p->data[3], 0, (size_t)(m * n) * 4);
}

static void finish(struct product *p)
{
    arena_finish(&p->arena);
    free(p->data[1]);
    free(p->data[3]);
}

/* Goes over the file with as many weights as fit, and divides `work` a run by the time. */
static void measure(const struct setting *s, const char *name, int64_t m, int64_t n, int64_t k,
                    int32_t dtype, enum device_precision precision)
{
    const size_t size = (size_t)(n * k) * (dtype == CORBEL_F32 ? 4 : 2);
    const size_t weights = m <= 8 ? file_size / size : 8;
    struct product p;
    double rate[RUNS];

    prepare(s, &p, m, n, k, dtype, precision);
    for (int run = 0; run < RUNS; run++) {
        const double start = now(s->threads);
        for (size_t i = 0; i < weights; i++) {
            struct linear_params *l = (struct linear_params *)(uintptr_t)p.prepared.params;
            l->weight[0].data = s->file + i * size;
            cpu_pool_run(s->pool, run_product, &p);
        }
        rate[run] = (m <= 8 ? (double)size : 2.0 * (double)m * (double)n * (double)k) *
                    (double)weights / (now(s->threads) - start) * 1e-9;
    }
    qsort(rate, RUNS, sizeof *rate, by_value);
    printf("%-22s %4lld x %5lld x %5lld  best %8.1f  median %8.1f %s\n", name, (long long)m,
           (long long)k, (long long)n, rate[RUNS - 1], rate[RUNS / 2], m <= 8 ? "GB/s" : "GFLOP/s");
    fflush(stdout);
    finish(&p);
}

/* A file in the page cache, mapped as weights are. */
static const char *map_file(void)
{
    FILE *f = tmpfile();
    char block[1 << 16];
    void *map;

    memset(block, 0, sizeof block);
    for (size_t i = 0; f && i < file_size; i += sizeof block)
        if (fwrite(block, sizeof block, 1, f) != 1)
            return NULL;
    if (!f || fflush(f) != 0)
        return NULL;
    map = mmap(NULL, file_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fileno(f), 0);
    return map == MAP_FAILED ? NULL : map;
}

int main(int argc, char **argv)
{
    static const int64_t shapes[][3] = {{512, 5632, 2048}, {512, 2048, 5632}, {512, 1536, 576},
                                        {512, 576, 1536},  {128, 3072, 768},  {32, 5632, 2048}};
    struct setting s = {.tier = cpu_tier_default(),
                        .threads = argc > 1 ? (uint32_t)atoi(argv[1]) : 0};

    for (int tier = 0; argc > 2 && tier < CPU_TIER_COUNT; tier++)
        if (strcmp(argv[2], cpu_tier_name((enum cpu_tier)tier)) == 0 &&
            cpu_kernels_get((enum cpu_tier)tier))
            s.tier = (enum cpu_tier)tier;
    s.pool = cpu_pool_create(s.threads, true);
    s.file = map_file();
    if (!s.pool || !s.file) {
        fprintf(stderr, "no threads, or no room for a file of %zu bytes\n", file_size);
        return 1;
    }
    s.threads = cpu_pool_threads(s.pool);
    printf("%u threads, pinned, %s; one token: GB/s, many: GFLOP/s\n", s.threads,
           cpu_tier_name(s.tier));
    for (int64_t m = 1; m <= 4; m *= 4) {
        measure(&s, "bfloat16", m, 5632, 2048, CORBEL_BF16, PRECISION_EXACT);
        measure(&s, "bfloat16", m, 576, 1536, CORBEL_BF16, PRECISION_EXACT);
        measure(&s, "float16", m, 5632, 2048, CORBEL_F16, PRECISION_EXACT);
        measure(&s, "float32", m, 5632, 2048, CORBEL_F32, PRECISION_EXACT);
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int64_t *d = shapes[i];
        measure(&s, "bfloat16, exact", d[0], d[1], d[2], CORBEL_BF16, PRECISION_EXACT);
        measure(&s, "bfloat16, reduced", d[0], d[1], d[2], CORBEL_BF16, PRECISION_REDUCED);
        measure(&s, "float32", d[0], d[1], d[2], CORBEL_F32, PRECISION_EXACT);
    }
    cpu_pool_destroy(s.pool);
    return 0;
}
