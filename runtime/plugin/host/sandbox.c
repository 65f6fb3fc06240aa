/* sandbox.c: see sandbox.h. What a plugin could still do is listed in docs/isolation.md. */
#include "plugin/host/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self  446
#endif

#define MEMORY_LIMIT ((rlim_t)1 << 30) /* address space: what a plugin may allocate is 256 MiB */
enum { CPU_SECONDS = 10, MAX_FILES = 8 };

/* ---- limits --------------------------------------------------------------------------------- */

static bool limit(int what, rlim_t soft, rlim_t hard)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)what, &now) != 0)
        return false;
    if (now.rlim_max != RLIM_INFINITY && (hard == RLIM_INFINITY || hard > now.rlim_max))
        hard = now.rlim_max;
    if (hard != RLIM_INFINITY && soft > hard)
        soft = hard;
    return setrlimit((__rlimit_resource_t)what, &(struct rlimit){soft, hard}) == 0;
}

/* The host moves the soft limit of processor time before each request; a plugin can't. */
static bool set_limits(void)
{
    return limit(RLIMIT_AS, MEMORY_LIMIT, MEMORY_LIMIT) &&
           limit(RLIMIT_CPU, CPU_SECONDS, RLIM_INFINITY) && limit(RLIMIT_NPROC, 0, 0) &&
           limit(RLIMIT_FSIZE, 0, 0) && limit(RLIMIT_NOFILE, MAX_FILES, MAX_FILES) &&
           limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_MEMLOCK, 0, 0) && limit(RLIMIT_MSGQUEUE, 0, 0);
}

/* ---- the host's death ----------------------------------------------------------------------- */

static pid_t parent;

/* It comes when the thread ends that started us, too: then the process is still there. */
static void on_parent_death(int signal_number)
{
    (void)signal_number;
    if (getppid() != parent)
        _exit(1);
}

/* A host that is gone already is noticed by its closed socket. */
static bool die_with_parent(void)
{
    struct sigaction action = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};

    parent = getppid();
    return sigaction(SIGHUP, &action, NULL) == 0 && prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0) == 0;
}

/* ---- Landlock ------------------------------------------------------------------------------- */

/* As linux/landlock.h has it since ABI 6; older kernels take the beginning. */
struct ruleset {
    uint64_t files, network, scoped;
};

/* All rights that this kernel knows are handled, none is given. A memory file is not on any file
 * system, so it can still be opened through /proc/self/fd. */
static bool forbid_files(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* the version */);
    struct ruleset rules = {.files = (1 << 13) - 1};
    size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    long fd;
    bool done;

    if (abi < 1)
        return false;
    if (abi >= 2)
        rules.files |= 1 << 13; /* refer */
    if (abi >= 3)
        rules.files |= 1 << 14; /* truncate */
    if (abi >= 5)
        rules.files |= 1 << 15; /* ioctl of devices */
    if (abi >= 4)
        rules.network = 3; /* bind, connect */
    if (abi >= 6)
        rules.scoped = 3; /* abstract sockets, signals */
    fd = syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0)
        return false;
    done = syscall(SYS_landlock_restrict_self, (int)fd, 0) == 0;
    close((int)fd);
    return done;
}

/* ---- system calls --------------------------------------------------------------------------- */

/* Sticky: the first rule that can't be added decides. */
struct filter {
    scmp_filter_ctx context;
    bool failed;
};

static struct scmp_arg_cmp equals(unsigned argument, uint32_t value)
{
    return (struct scmp_arg_cmp){argument, SCMP_CMP_EQ, value, 0};
}

static struct scmp_arg_cmp differs(unsigned argument, uint32_t value)
{
    return (struct scmp_arg_cmp){argument, SCMP_CMP_NE, value, 0};
}

/* Of the bits in `mask` those of `value` are set. */
static struct scmp_arg_cmp has_bits(unsigned argument, uint32_t mask, uint32_t value)
{
    return (struct scmp_arg_cmp){argument, SCMP_CMP_MASKED_EQ, mask, value};
}

static void allow(struct filter *f, int call)
{
    f->failed |= seccomp_rule_add(f->context, SCMP_ACT_ALLOW, call, 0) != 0;
}

static void allow_if(struct filter *f, int call, struct scmp_arg_cmp condition)
{
    f->failed |= seccomp_rule_add(f->context, SCMP_ACT_ALLOW, call, 1, condition) != 0;
}

static void allow_if_both(struct filter *f, int call, struct scmp_arg_cmp first,
                          struct scmp_arg_cmp second)
{
    f->failed |= seccomp_rule_add(f->context, SCMP_ACT_ALLOW, call, 2, first, second) != 0;
}

/* In both steps: the socket, heap memory, and how a process ends. */
static void allow_always(struct filter *f)
{
    allow_if(f, SCMP_SYS(read), equals(0, SANDBOX_SOCKET));
    allow_if(f, SCMP_SYS(write), equals(0, SANDBOX_SOCKET));
    allow(f, SCMP_SYS(brk));
    allow(f, SCMP_SYS(munmap));
    allow(f, SCMP_SYS(mremap));
    allow_if(f, SCMP_SYS(madvise), equals(2, MADV_DONTNEED));
    allow(f, SCMP_SYS(exit));
    allow(f, SCMP_SYS(exit_group));
    allow(f, SCMP_SYS(rt_sigreturn));
    allow(f, SCMP_SYS(getpid));
    allow(f, SCMP_SYS(gettid));
    allow(f, SCMP_SYS(getppid));
    /* C++ and Rust: the seeds of hash tables; the end of a once-only initialisation, which wakes
     * the threads of this process that wait for it, of which there are none. */
    allow(f, SCMP_SYS(getrandom));
    allow_if(f, SCMP_SYS(futex), equals(1, FUTEX_WAKE_PRIVATE));
    /* qsort of much asks how much memory there is, and can do without an answer. */
    f->failed |= seccomp_rule_add(f->context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sysinfo), 0) != 0;
    /* abort(): it signals itself, and blocks signals before, which it is only told to have done. */
    allow_if(f, SCMP_SYS(tgkill), equals(0, (uint32_t)getpid()));
    f->failed |= seccomp_rule_add(f->context, SCMP_ACT_ERRNO(0), SCMP_SYS(rt_sigprocmask), 0) != 0;
}

/* What dlopen of one file does, and the next filter. */
static void allow_loading(struct filter *f)
{
    allow_if(f, SCMP_SYS(openat), has_bits(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
    allow_if(f, SCMP_SYS(read), differs(0, SANDBOX_SOCKET));
    allow(f, SCMP_SYS(pread64));
    allow(f, SCMP_SYS(close));
    allow(f, SCMP_SYS(fstat));
    allow(f, SCMP_SYS(newfstatat));
    allow(f, SCMP_SYS(mmap));
    allow(f, SCMP_SYS(mprotect));
    allow(f, SCMP_SYS(seccomp));
}

static void allow_plain_memory(struct filter *f)
{
    allow_if_both(f, SCMP_SYS(mmap), has_bits(2, PROT_EXEC, 0),
                  has_bits(3, MAP_ANONYMOUS, MAP_ANONYMOUS));
    allow_if(f, SCMP_SYS(mprotect), has_bits(2, PROT_EXEC, 0));
}

static bool load_filter(void (*allow_more)(struct filter *f))
{
    struct filter f = {.context = seccomp_init(SCMP_ACT_KILL_PROCESS)};

    if (!f.context)
        return false;
    f.failed = seccomp_attr_set(f.context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ||
               seccomp_attr_set(f.context, SCMP_FLTATR_CTL_NNP, 0) != 0; /* it is set already */
    allow_always(&f);
    allow_more(&f);
    if (!f.failed)
        f.failed = seccomp_load(f.context) != 0;
    seccomp_release(f.context);
    return !f.failed;
}

/* ---- outside -------------------------------------------------------------------------------- */

bool sandbox_enter(const char **why)
{
    *why = "no_new_privs";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return false;
    *why = "a signal when the host ends";
    if (!die_with_parent())
        return false;
    *why = "resource limits";
    if (chdir("/") != 0 || !set_limits())
        return false;
    *why = "Landlock";
    if (!forbid_files())
        return false;
    *why = "seccomp";
    return load_filter(allow_loading);
}

bool sandbox_close(const char **why)
{
    *why = "seccomp, after loading";
    close(SANDBOX_LIBRARY);
    return load_filter(allow_plain_memory);
}
