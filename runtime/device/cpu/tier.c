/* device/cpu/tier.c: which instructions this processor, its kernel and this build have. */
#include "base/log.h"
#include "device/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const names[CPU_TIER_COUNT] = {"portable", "avx2", "avx512", "amx"};

const char *cpu_tier_name(enum cpu_tier tier)
{
    return names[tier];
}

#ifdef __x86_64__
#include <cpuid.h>

enum {
    ARCH_REQ_XCOMP_PERM = 0x1023,
    XFEATURE_XTILEDATA = 18,
};

static uint64_t xgetbv0(void)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

/* The registers that the kernel saves at a switch: without them an instruction set is unusable. */
static bool kernel_saves(uint64_t mask)
{
    uint32_t a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return false;
    return (xgetbv0() & mask) == mask;
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           kernel_saves(0x6); /* every processor with AVX2 has F16C */
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           kernel_saves(0xe6);
}

/* Tile data is big, so a process has to ask for it before its first tile instruction; without
 * that the instruction is a SIGILL even where cpuid lists it. */
static bool has_amx(void)
{
    uint32_t a, b, c, d;
    const uint32_t amx_bf16 = 1u << 22, amx_tile = 1u << 24; /* cpuid 7.0 edx */
    const uint32_t avx512_bf16 = 1u << 5;                    /* cpuid 7.1 eax */

    if (!has_avx512() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) ||
        (d & (amx_bf16 | amx_tile)) != (amx_bf16 | amx_tile))
        return false;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & avx512_bf16))
        return false;
    return kernel_saves(0x600e6) &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

const struct cpu_kernels *cpu_kernels_get(enum cpu_tier tier)
{
    switch (tier) {
    case CPU_PORTABLE: return &cpu_kernels_portable;
    case CPU_AVX2: return has_avx2() ? &cpu_kernels_avx2 : NULL;
    case CPU_AVX512: return has_avx512() ? &cpu_kernels_avx512 : NULL;
    case CPU_AMX: return has_amx() ? &cpu_kernels_amx : NULL;
    default: return NULL;
    }
}
#else
const struct cpu_kernels *cpu_kernels_get(enum cpu_tier tier)
{
    return tier == CPU_PORTABLE ? &cpu_kernels_portable : NULL;
}
#endif

enum cpu_tier cpu_tier_default(void)
{
    const char *wanted = getenv("CORBEL_CPU_TIER");
    int best = CPU_TIER_COUNT - 1;

    for (int tier = 0; wanted && tier < CPU_TIER_COUNT; tier++) {
        if (strcmp(wanted, names[tier]) != 0)
            continue;
        if (cpu_kernels_get((enum cpu_tier)tier))
            return (enum cpu_tier)tier;
        log_line(CORBEL_LOG_WARN, "CORBEL_CPU_TIER=%s: this processor lacks it", wanted);
    }
    while (best > 0 && !cpu_kernels_get((enum cpu_tier)best))
        best--;
    return (enum cpu_tier)best;
}
