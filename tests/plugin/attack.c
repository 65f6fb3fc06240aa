/* attack.c: a plugin that passes every check and then does what its config says: its field "attack"
 * names it. It imports nothing and makes system calls by itself, as a hostile one would. */
#include "corbel/plugin.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define FIELDS(F)                             \
    F(str, attack_name, "attack", "\"none\"") \
    F(flag, late, "late", "false")            \
    F(str, path, "path", "\"\"") F(i64, pid, "pid", "0") F(i64, port, "port", "0")

struct model {
    corbel_value weight;
    const char *attack, *path;
    int64_t pid, port;
    int32_t late;
};

static long sys(long n, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#endif
}
#define SYS1(n, a)          sys(n, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b)       sys(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c)    sys(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d) sys(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS6(n, a, b, c, d, e, f) \
    sys(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* ---- how a process can fail to answer ------------------------------------------------------- */

static void leave(void)
{
    SYS1(SYS_exit_group, 7);
}

static void trap(void)
{
    __builtin_trap();
}

static void abort_itself(void)
{
    SYS3(SYS_tgkill, sys(SYS_getpid, 0, 0, 0, 0, 0, 0), sys(SYS_gettid, 0, 0, 0, 0, 0, 0), 6);
}

static void crash(void)
{
    *(volatile int *)8 = 1;
}

static int recurse(volatile char *above)
{
    volatile char here[512];

    here[0] = above ? above[0] : 1;
    return recurse(here) + here[0];
}

static void overflow_stack(void)
{
    recurse(0);
}

static void spin(void)
{
    for (volatile int i = 0;; i++)
        ;
}

/* The only call it has that can wait: for a request that never comes. */
static void wait_forever(void)
{
    char byte[1];

    for (;;)
        SYS3(SYS_read, 3, byte, 1);
}

static void sleep_long(void)
{
    long long time[2] = {3600, 0};

    SYS2(SYS_nanosleep, time, 0);
}

static void map_without_end(void)
{
    for (;;) {
        long at =
            SYS6(SYS_mmap, 0, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (at < 0 && at > -4096)
            trap(); /* there is an end */
        for (long i = 0; i < 16 << 20; i += 4096)
            ((volatile char *)at)[i] = 1;
    }
}

/* ---- what it may not reach ------------------------------------------------------------------ */

static void connect_out(int64_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    long fd = SYS3(SYS_socket, AF_INET, SOCK_STREAM, 0);

    a.sin_port = (uint16_t)(port >> 8 | port << 8);
    a.sin_addr.s_addr = 0x0100007f;
    SYS3(SYS_connect, fd, &a, sizeof a);
}

static void execute_shell(void)
{
    static const char shell[] = "/bin/sh";
    const char *arguments[] = {shell, 0};

    SYS3(SYS_execve, shell, arguments, arguments + 1);
}

static void poke_parent(int64_t pid)
{
    char byte = 1;
    struct {
        const void *base;
        size_t size;
    } here = {&byte, 1}, there = {(const void *)0x10000, 1};

    SYS6(SYS_process_vm_writev, pid, &here, 1, &there, 1, 0);
}

static void attack_system(const struct model *m)
{
    const char *a = m->attack;

    if (strcmp(a, "open_to_read") == 0)
        SYS4(SYS_openat, AT_FDCWD, m->path, O_RDONLY, 0);
    else if (strcmp(a, "open_to_write") == 0)
        SYS4(SYS_openat, AT_FDCWD, m->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    else if (strcmp(a, "unlink") == 0)
        SYS3(SYS_unlinkat, AT_FDCWD, m->path, 0);
    else if (strcmp(a, "connect") == 0)
        connect_out(m->port);
    else if (strcmp(a, "fork") == 0)
        SYS2(SYS_clone, 17, 0);
    else if (strcmp(a, "thread") == 0)
        SYS2(SYS_clone, 0x10f00, 0);
    else if (strcmp(a, "execute") == 0)
        execute_shell();
    else if (strcmp(a, "kill_parent") == 0)
        SYS2(SYS_kill, m->pid, 9);
    else if (strcmp(a, "kill_parent_thread") == 0)
        SYS3(SYS_tgkill, m->pid, m->pid, 9);
    else if (strcmp(a, "trace_parent") == 0)
        SYS4(SYS_ptrace, 16, m->pid, 0, 0);
    else if (strcmp(a, "poke_parent") == 0)
        poke_parent(m->pid);
    else if (strcmp(a, "map_code") == 0)
        SYS6(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
             0);
    else if (strcmp(a, "protect_code") == 0)
        SYS3(SYS_mprotect, (long)(uintptr_t)m & ~4095L, 4096, PROT_READ | PROT_EXEC);
    else if (strcmp(a, "raise_limits") == 0)
        SYS4(SYS_prlimit64, 0, 0, 0, 0);
    else if (strcmp(a, "handle_signals") == 0)
        SYS4(SYS_rt_sigaction, 24, 0, 0, 8);
    else if (strcmp(a, "unshare") == 0)
        SYS1(SYS_unshare, 0x10000000);
    else if (strcmp(a, "io_uring") == 0)
        SYS2(425, 8, 0);
    else if (strcmp(a, "close_socket") == 0)
        SYS1(SYS_close, 3);
    else if (strcmp(a, "send_descriptors") == 0)
        SYS3(SYS_sendmsg, 3, 0, 0);
    else if (strcmp(a, "write_elsewhere") == 0)
        SYS3(SYS_write, 2, "x", 1);
#if defined(__x86_64__)
    else if (strcmp(a, "other_abi") == 0) { /* open() as a 32-bit program makes it */
        long result = 5;

        __asm__ volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0) : "memory");
    }
#endif
}

/* ---- what it may say ------------------------------------------------------------------------ */

/* A message of `size` bytes, of which `sent` are there. */
static void say(uint32_t size, uint32_t kind, uint32_t sequence, const void *body, uint32_t sent)
{
    uint32_t header[3] = {size, kind, sequence};

    SYS3(SYS_write, 3, header, sizeof header);
    if (sent)
        SYS3(SYS_write, 3, body, sent);
}

enum { PARAMETERS = 17, LOG = 20, FIRST = 1 };

static void attack_protocol(corbel_build *b, const struct model *m)
{
    static const uint8_t noise[64] = {0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const uint8_t four_billion[4] = {0xff, 0xff, 0xff, 0xff};
    /* One parameter: name, no older name, rank 1, no flags, no initialisation, a size. */
    static const uint8_t no_size[46] = {1, 0, 0, 0, 1, 0, 0, 0, 'w', [13] = 1};
    static const uint8_t escape[46] = {1, 0, 0, 0, 1, 0, 0, 0, 27, [13] = 1, [38] = 4};
    static const uint8_t unknown[46] = {1, 0, 0, 0, 1, 0, 0, 0, 'w', [13] = 1, [18] = 99, [38] = 4};
    static const uint8_t sound[46] = {1, 0, 0, 0, 1, 0, 0, 0, 'w', [13] = 1, [38] = 4};
    const char *a = m->attack;

    if (strcmp(a, "garbage") == 0)
        for (int i = 0; i < 100; i++)
            SYS3(SYS_write, 3, noise, sizeof noise);
    else if (strcmp(a, "announce_4_gib") == 0)
        say(0xffffffff, PARAMETERS, FIRST, noise, sizeof noise);
    else if (strcmp(a, "announce_and_wait") == 0)
        say(60 << 20, PARAMETERS, FIRST, noise, sizeof noise), wait_forever();
    else if (strcmp(a, "announce_and_leave") == 0)
        say(60 << 20, PARAMETERS, FIRST, noise, sizeof noise), leave();
    else if (strcmp(a, "wrong_sequence") == 0)
        say(4, PARAMETERS, 4711, noise, 4);
    else if (strcmp(a, "wrong_kind") == 0)
        say(4, 99, FIRST, noise, 4);
    else if (strcmp(a, "many_parameters") == 0)
        say(4, PARAMETERS, FIRST, four_billion, 4);
    else if (strcmp(a, "empty_size") == 0)
        say(sizeof no_size, PARAMETERS, FIRST, no_size, sizeof no_size);
    else if (strcmp(a, "escape_in_name") == 0)
        say(sizeof escape, PARAMETERS, FIRST, escape, sizeof escape);
    else if (strcmp(a, "unknown_start") == 0)
        say(sizeof unknown, PARAMETERS, FIRST, unknown, sizeof unknown);
    else if (strcmp(a, "answer_twice") == 0)
        say(sizeof sound, PARAMETERS, FIRST, sound, sizeof sound);
    else if (strcmp(a, "answer_and_spin") == 0)
        say(sizeof sound, PARAMETERS, FIRST, sound, sizeof sound), spin();
    else if (strcmp(a, "flood_log") == 0)
        for (;;)
            b->host->log(b, CORBEL_LOG_LEVEL_INFO, "again");
    else if (strcmp(a, "malformed_log") == 0)
        say(sizeof noise, LOG, FIRST, noise, sizeof noise);
    else if (strcmp(a, "flood_socket") == 0)
        for (;;)
            SYS3(SYS_write, 3, noise, sizeof noise);
    else if (strcmp(a, "scribble") == 0)
        memset(b, 0xff, 256);
    else if (strcmp(a, "allocate") == 0)
        while (corbel_alloc(b, 1 << 20))
            ;
}

static void attack(corbel_build *b, const struct model *m)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } simple[] = {
        {"exit", leave},
        {"trap", trap},
        {"abort", abort_itself},
        {"crash", crash},
        {"recurse", overflow_stack},
        {"spin", spin},
        {"wait", wait_forever},
        {"sleep", sleep_long},
        {"map", map_without_end},
    };

    for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++)
        if (strcmp(simple[i].name, m->attack) == 0)
            simple[i].run();
    attack_system(m);
    attack_protocol(b, m);
}

CORBEL_CONSTRUCTOR(create_Attack, FIELDS);
static void *create_Attack(corbel_build *b FIELDS(CORBEL_ARG))
{
    struct model *m = corbel_alloc(b, sizeof(*m));

    if (!m)
        return NULL;
    m->attack = attack_name;
    m->path = path;
    m->pid = pid;
    m->port = port;
    m->late = late;
    m->weight = corbel_param_1d(b, "weight", 4);
    if (!late)
        attack(b, m);
    return m;
}

static void forward_Attack(corbel_build *b, const void *self)
{
    const struct model *m = self;

    if (m->late)
        attack(b, m);
    corbel_output(b, "y", op_mul(b, corbel_input(b, "x"), m->weight));
}

static const corbel_arch arch = CORBEL_CLASS(Attack, "attack", "", "model");
static const corbel_arch *const archs[] = {&arch};
CORBEL_PLUGIN("test/attack", "1.0.0", archs);
