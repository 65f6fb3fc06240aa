/* device/cpu/limits.c: the processor's limits, measured with loops that do nothing else.
 *
 * Reading: every thread sums its part of a buffer far larger than the caches, two streams with
 * prefetch. Products: the widest multiply-add that the device's tier uses, on registers only. */
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define READ_SIZE  ((size_t)256 << 20)
#define READ_RUNS  4
#define FLOP_RUNS  4
#define FLOP_LOOPS (1 << 20)

typedef uint64_t words __attribute__((vector_size(32)));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    const words *data;
    _Atomic uint64_t sink; /* keeps the sums from being left out */
};

static void read_job(void *arg, struct cpu_worker *w)
{
    struct reading *r = arg;
    size_t n = READ_SIZE / sizeof(words) / w->count, half = n / 2;
    const words *a = r->data + n * w->index, *b = a + half;
    words x = {0}, y = {0};
    for (size_t i = 0; i + 1 < half; i += 2) {
        __builtin_prefetch((const char *)(a + i) + 1024);
        __builtin_prefetch((const char *)(b + i) + 1024);
        x += a[i] + a[i + 1];
        y += b[i] + b[i + 1];
    }
    x += y;
    atomic_fetch_add(&r->sink, x[0] + x[1] + x[2] + x[3]);
}

static corbel_status measure_reading(struct cpu_pool *pool, double *bytes_per_s, corbel_error *err)
{
    void *data = mmap(NULL, READ_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return error_memory(err, READ_SIZE, "measuring the memory");
    (void)madvise(data, READ_SIZE, MADV_HUGEPAGE);
    memset(data, 1, READ_SIZE);
    struct reading r = {.data = data};
    for (int i = 0; i < READ_RUNS; i++) {
        double start = now();
        cpu_pool_run(pool, read_job, &r);
        double rate = (double)READ_SIZE / (now() - start);
        if (rate > *bytes_per_s)
            *bytes_per_s = rate;
    }
    munmap(data, READ_SIZE);
    return CORBEL_OK;
}

/* ---- products -------------------------------------------------------------------------------- */

/* A loop of multiply-adds; returns how many floating-point operations it did. */
typedef double (*flop_loop)(void);

/* Twelve sums in registers hide the latency of a multiply-add. No compiler may change the order of
 * floating-point operations, so the loop stays what it is. */
#define MULTIPLY_ADD_LOOP(lanes)                                                        \
    typedef float vec __attribute__((vector_size((lanes) * sizeof(float))));            \
    vec x, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;                            \
    for (int i = 0; i < (lanes); i++)                                                   \
        x[i] = 0.5f + (float)i * 0x1p-20f;                                              \
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = s10 = s11 = x;                    \
    s1[0] = 0.1f, s2[0] = 0.2f, s3[0] = 0.3f, s4[0] = 0.4f, s5[0] = 0.6f, s6[0] = 0.7f; \
    s7[0] = 0.8f, s8[0] = 0.9f, s9[0] = 0.15f, s10[0] = 0.25f, s11[0] = 0.35f;          \
    for (int i = 0; i < FLOP_LOOPS; i++) {                                              \
        s0 = s0 * x + x, s1 = s1 * x + x, s2 = s2 * x + x, s3 = s3 * x + x;             \
        s4 = s4 * x + x, s5 = s5 * x + x, s6 = s6 * x + x, s7 = s7 * x + x;             \
        s8 = s8 * x + x, s9 = s9 * x + x, s10 = s10 * x + x, s11 = s11 * x + x;         \
    }                                                                                   \
    s0 += s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;                       \
    volatile float keep = s0[0];                                                        \
    (void)keep;                                                                         \
    return 2.0 * 12 * (lanes)*FLOP_LOOPS;

static double loop_portable(void)
{
    MULTIPLY_ADD_LOOP(4)
}

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static double loop_avx2(void)
{
    MULTIPLY_ADD_LOOP(8)
}

__attribute__((target("avx512f"))) static double loop_avx512(void)
{
    MULTIPLY_ADD_LOOP(16)
}

/* Eight tiles: four sums, two left and two right operands, all zero. */
__attribute__((target("amx-tile,amx-bf16"))) static double loop_amx(void)
{
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes_per_row[16];
        uint8_t rows[16];
    } config = {.palette = 1,
                .bytes_per_row = {64, 64, 64, 64, 64, 64, 64, 64},
                .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    __asm__ volatile("ldtilecfg %0" ::"m"(config));
    __asm__ volatile("tilezero %%tmm0; tilezero %%tmm1; tilezero %%tmm2; tilezero %%tmm3\n"
                     "tilezero %%tmm4; tilezero %%tmm5; tilezero %%tmm6; tilezero %%tmm7" ::);
    for (int i = 0; i < FLOP_LOOPS / 8; i++)
        __asm__ volatile("tdpbf16ps %%tmm6, %%tmm4, %%tmm0; tdpbf16ps %%tmm7, %%tmm4, %%tmm1\n"
                         "tdpbf16ps %%tmm6, %%tmm5, %%tmm2; tdpbf16ps %%tmm7, %%tmm5, %%tmm3" ::);
    __asm__ volatile("tilerelease" ::);
    return 2.0 * 16 * 16 * 32 * 4 * (FLOP_LOOPS / 8);
}
#endif

static flop_loop choose_loop(enum cpu_tier tier, int32_t dtype)
{
#ifdef __x86_64__
    if (tier == CPU_AMX && dtype == CORBEL_BF16)
        return loop_amx;
    if (tier >= CPU_AVX512)
        return loop_avx512;
    if (tier == CPU_AVX2)
        return loop_avx2;
#endif
    (void)tier;
    (void)dtype;
    return loop_portable;
}

struct computing {
    flop_loop loop;
    double flops[64]; /* by worker */
};

static void flop_job(void *arg, struct cpu_worker *w)
{
    struct computing *c = arg;
    double flops = c->loop();
    if (w->index < 64)
        c->flops[w->index] = flops;
}

static double measure_products(struct cpu_pool *pool, flop_loop loop)
{
    double best = 0;
    for (int i = 0; i < FLOP_RUNS; i++) {
        struct computing c = {.loop = loop};
        double start = now(), flops = 0;
        cpu_pool_run(pool, flop_job, &c);
        double seconds = now() - start;
        for (int t = 0; t < 64; t++)
            flops += c.flops[t];
        if (flops / seconds > best)
            best = flops / seconds;
    }
    return best;
}

corbel_status cpu_measure_limits(struct device *device, int32_t dtype, double *read_bytes_per_s,
                                 double *flops_per_s, corbel_error *err)
{
    struct cpu_device *d = (struct cpu_device *)device;
    *flops_per_s = measure_products(d->pool, choose_loop(d->tier, dtype));
    return measure_reading(d->pool, read_bytes_per_s, err);
}
