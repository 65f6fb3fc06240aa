/* device/cpu/pool.c: the threads that walk an executable together.
 *
 * The caller is worker 0; the others wait on a futex between jobs. Within a job workers meet at a
 * barrier that spins: operations are microseconds apart, far below what a sleep costs. A worker
 * that has spun for long sleeps: on a busy machine the one it waits for needs the core. */
#include "device/cpu/cpu.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_THREADS = 256,
    BARRIER_SPINS = 1 << 13, /* some 100 us; then sleep */
    IDLE_SPINS = 1 << 12,    /* some 20 us: the time between two steps; then sleep */
    HUGE_PAGE = 2 << 20
};

struct pool_thread {
    struct cpu_pool *pool;
    pthread_t id;
    uint32_t index;
    int cpu; /* pinned to; -1: not */
    struct cpu_scratch local;
};

struct cpu_pool {
    uint32_t count, started; /* threads with the caller; threads that were started */
    bool pin;
    struct pool_thread *threads;
    struct cpu_scratch shared;
    cpu_job job;
    void *arg;
    /* Each on a cache line of its own: all are written while others spin on one of them. */
    _Alignas(64) atomic_uint generation; /* counts jobs; futex */
    _Alignas(64) atomic_uint phase;      /* counts barriers passed; futex */
    _Alignas(64) atomic_uint arrived;
    _Alignas(64) atomic_uint ticket;
    _Alignas(64) atomic_uint sleepers; /* between jobs */
    atomic_uint waiting;               /* at a barrier */
    atomic_bool stop;
};

static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void futex_wait(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake_all(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
}

/* ---- inside a job ---------------------------------------------------------------------------- */

static void await_phase(struct cpu_pool *pool, unsigned seen)
{
    for (unsigned spins = 0; spins < BARRIER_SPINS; spins++) {
        if (atomic_load_explicit(&pool->phase, memory_order_acquire) != seen)
            return;
        spin_pause();
    }
    atomic_fetch_add(&pool->waiting, 1);
    while (atomic_load(&pool->phase) == seen)
        futex_wait(&pool->phase, seen);
    atomic_fetch_sub(&pool->waiting, 1);
}

void cpu_barrier(struct cpu_worker *w)
{
    struct cpu_pool *pool = w->pool;
    unsigned phase;

    w->ticket = 0;
    if (w->count == 1) {
        if (pool)
            atomic_store_explicit(&pool->ticket, 0, memory_order_relaxed);
        return;
    }
    phase = atomic_load_explicit(&pool->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) + 1 == w->count) {
        atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&pool->ticket, 0, memory_order_relaxed);
        /* Sequentially consistent with await_phase: either it sees the new phase, or it is seen. */
        atomic_store(&pool->phase, phase + 1);
        if (atomic_load(&pool->waiting) > 0)
            futex_wake_all(&pool->phase);
        return;
    }
    await_phase(pool, phase);
}

uint32_t cpu_ticket(struct cpu_worker *w)
{
    if (w->count == 1)
        return w->ticket++;
    return atomic_fetch_add_explicit(&w->pool->ticket, 1, memory_order_relaxed);
}

static void work(struct pool_thread *t)
{
    struct cpu_pool *pool = t->pool;
    struct cpu_worker w = {.pool = pool,
                           .index = t->index,
                           .count = pool->count,
                           .shared = pool->shared.data,
                           .local = t->local.data};

    pool->job(pool->arg, &w);
    cpu_barrier(&w);
}

/* ---- a thread's life ------------------------------------------------------------------------- */

static void pin_self(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    sched_setaffinity(0, sizeof set, &set); /* no right to: slower, nothing else */
}

static void wait_for_job(struct cpu_pool *pool, unsigned seen)
{
    for (unsigned spins = 0; spins < IDLE_SPINS; spins++) {
        if (atomic_load_explicit(&pool->generation, memory_order_acquire) != seen)
            return;
        spin_pause();
    }
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->generation) == seen)
        futex_wait(&pool->generation, seen);
    atomic_fetch_sub(&pool->sleepers, 1);
}

static void *thread_main(void *arg)
{
    struct pool_thread *t = arg;
    struct cpu_pool *pool = t->pool;

    if (t->cpu >= 0)
        pin_self(t->cpu);
    for (unsigned seen = 0;; seen++) {
        wait_for_job(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        work(t);
    }
}

static bool start_thread(struct pool_thread *t)
{
    sigset_t all, old;
    bool ok;

    /* Signals are the host's business: they go to its own threads. */
    sigfillset(&all);
    /* What a thread's own instruction raises must reach the program's handler, if it has one: a
     * blocked one ends the process. */
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    ok = pthread_create(&t->id, NULL, thread_main, t) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}

/* ---- scratch --------------------------------------------------------------------------------- */

static void scratch_free(struct cpu_scratch *s)
{
    if (s->data)
        munmap(s->data, s->size);
    *s = (struct cpu_scratch){0};
}

static bool scratch_reserve(struct cpu_scratch *s, size_t size)
{
    void *data;

    if (size <= s->size)
        return true;
    if (size > SIZE_MAX / 2)
        return false;
    size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return false;
    madvise(data, size, MADV_HUGEPAGE);
    scratch_free(s);
    *s = (struct cpu_scratch){data, size};
    return true;
}

bool cpu_pool_reserve(struct cpu_pool *pool, size_t shared, size_t local)
{
    bool ok = scratch_reserve(&pool->shared, shared);

    for (uint32_t i = 0; i < pool->count; i++)
        ok = scratch_reserve(&pool->threads[i].local, local) && ok;
    return ok;
}

/* ---- the pool -------------------------------------------------------------------------------- */

/* The i-th CPU of `set`, counted round. */
static int nth_cpu(const cpu_set_t *set, uint32_t i)
{
    const uint32_t n = (uint32_t)CPU_COUNT(set);

    if (n == 0)
        return -1;
    i %= n;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, set) && i-- == 0)
            return cpu;
    return -1;
}

struct cpu_pool *cpu_pool_create(uint32_t threads, bool pin)
{
    struct cpu_pool *pool = aligned_alloc(64, sizeof(*pool));
    cpu_set_t allowed;

    if (!pool)
        return NULL;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        CPU_SET(0, &allowed);
    if (threads == 0)
        threads = (uint32_t)CPU_COUNT(&allowed);
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    if (threads < 1)
        threads = 1;
    *pool = (struct cpu_pool){.count = threads, .pin = pin};
    /* More threads than cores: pinning would tie two to one while another core idles. */
    if (threads > (uint32_t)CPU_COUNT(&allowed))
        pool->pin = false;
    pool->threads = calloc(threads, sizeof(*pool->threads));
    if (!pool->threads)
        goto fail;
    for (uint32_t i = 0; i < threads; i++) {
        struct pool_thread *t = &pool->threads[i];
        *t = (struct pool_thread){
            .pool = pool, .index = i, .cpu = pool->pin ? nth_cpu(&allowed, i) : -1};
        if (i > 0 && !start_thread(t))
            goto fail;
        pool->started = i;
    }
    return pool;
fail:
    cpu_pool_destroy(pool);
    return NULL;
}

void cpu_pool_destroy(struct cpu_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    atomic_fetch_add(&pool->generation, 1);
    futex_wake_all(&pool->generation);
    for (uint32_t i = 1; i <= pool->started; i++)
        pthread_join(pool->threads[i].id, NULL);
    for (uint32_t i = 0; pool->threads && i < pool->count; i++)
        scratch_free(&pool->threads[i].local);
    scratch_free(&pool->shared);
    free(pool->threads);
    free(pool);
}

uint32_t cpu_pool_threads(const struct cpu_pool *pool)
{
    return pool->count;
}

void cpu_pool_run(struct cpu_pool *pool, cpu_job job, void *arg)
{
    cpu_set_t before;
    bool pinned = false;

    /* The caller is pinned for the job only: its thread is the host's. */
    if (pool->pin && pool->threads[0].cpu >= 0 &&
        sched_getaffinity(0, sizeof before, &before) == 0) {
        pin_self(pool->threads[0].cpu);
        pinned = true;
    }
    pool->job = job;
    pool->arg = arg;
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->sleepers) > 0)
        futex_wake_all(&pool->generation);
    work(&pool->threads[0]);
    if (pinned)
        sched_setaffinity(0, sizeof before, &before);
}
