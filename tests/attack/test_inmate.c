/* test_inmate.c: what a plugin can reach from inside its sandbox: not one system call that it is
 * not given (all are tried), no way to take the host's memory or time, no word to the terminal that
 * is not readable; and nothing of all the models and attacks stays behind in the host. inmate.c is
 * the plugin. */
#include "base/digest.h"
#include "base/file.h"
#include "plugin/construct.h"
#include "plugin/isolated.h"
#include "plugin/loader.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N(array)  (sizeof(array) / sizeof(*(array)))
#define FORBIDDEN "made a system call that the sandbox forbids (SIGSYS)"
#define BUFFER    INT64_MIN /* as in inmate.c */

static int library = -1; /* inmate.so, sealed */

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static corbel_status construct(struct isolated *m, const char *json, corbel_error *err)
{
    const corbel_arch *arch = descriptor_arch(isolated_descriptor(m), "Inmate");
    struct config config = {.root = json_tokener_parse(json),
                            .path = (char *)(uintptr_t) "config.json"};
    union argument arguments[ARGUMENTS_MAX];
    struct arena arena = {0};
    corbel_status status = construct_arguments(arch, &config, &arena, arguments, err);

    if (!status)
        status = isolated_construct(m, arch, arguments, err);
    json_object_put(config.root);
    arena_finish(&arena);
    return status;
}

static corbel_status trace(struct isolated *m, corbel_error *err)
{
    const struct trace_input input = {"x", CORBEL_F32, 2, {2, 4}};
    const struct trace_options options = {.inputs = &input, .n_inputs = 1, .capacity = 4};
    struct program program;
    corbel_status status = isolated_trace(m, &options, &program, err);

    program_finish(&program);
    return status;
}

/* A model with this config, made and traced. */
static corbel_status run(const char *json, corbel_error *err)
{
    struct isolated *m;
    corbel_status status = isolated_create("inmate.so", library, ELF_STRICT, NULL, &m, err);

    if (status)
        return status;
    status = construct(m, json, err);
    if (!status)
        status = trace(m, err);
    isolated_destroy(&m);
    return status;
}

/* ---- system calls --------------------------------------------------------------------------- */

/* docs/isolation.md, "seccomp, second filter": those that any arguments may have. */
static const long given[] = {
    SYS_brk,       SYS_munmap,         SYS_mremap,  SYS_exit,     SYS_exit_group,
    SYS_getpid,    SYS_gettid,         SYS_getppid, SYS_mprotect, SYS_rt_sigreturn,
    SYS_getrandom, SYS_rt_sigprocmask, SYS_sysinfo,
};

static bool is_given(long number)
{
#if defined(__x86_64__)
    if (number == 335 || number == 336) /* uretprobe, uprobe: the kernel asks no filter */
        return true;
#endif
    for (size_t i = 0; i < N(given); i++)
        if (given[i] == number)
            return true;
    return false;
}

/* Every call that a kernel has or will have soon, with no arguments. */
static void test_no_system_call_but_those_it_is_given(void **state)
{
    size_t n_failed = 0;

    (void)state;
    for (long number = 0; number < 512; number++) {
        corbel_error err = {0};
        char json[64];

        snprintf(json, sizeof json, "{\"call\": [%ld]}", number);
        if (is_given(number))
            continue;
        if (run(json, &err) != CORBEL_E_UNTRUSTED || !strstr(err.text, FORBIDDEN)) {
            print_error("system call %ld: %s\n", number, err.text);
            n_failed++;
        }
    }
    assert_int_equal(n_failed, 0);
}

/* The given ones with arguments that make something else of them. */
static void test_no_system_call_with_arguments_of_another_kind(void **state)
{
    static const int64_t rows[][7] = {
        {SYS_read, 0, BUFFER, 1},
        {SYS_read, 2, BUFFER, 1},
        {SYS_read, 4, BUFFER, 1},
        {SYS_read, -1, BUFFER, 1},
        {SYS_read, 3 | INT64_C(1) << 32, BUFFER, 1}, /* a filter that looks at 32 bits sees 3 */
        {SYS_write, 1, BUFFER, 1},
        {SYS_write, 2, BUFFER, 1},
        {SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
        {SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, 3, 0},
        {SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 4, 0},
        {SYS_mprotect, 0x10000, 4096, PROT_EXEC},
        {SYS_mprotect, 0x10000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC},
        {329 /* pkey_mprotect */, 0x10000, 4096, PROT_EXEC, -1},
        {SYS_madvise, 0x10000, 4096, MADV_HUGEPAGE},
        {SYS_madvise, 0x10000, 4096, 100 /* MADV_HWPOISON */},
        {SYS_tgkill, 1, 1, 9},
        {SYS_tgkill, -1, -1, 9},
        {SYS_kill, -1, 9},
        {SYS_kill, 0, 9}, /* its process group */
        {SYS_futex, BUFFER, 0, 0},
        {SYS_futex, BUFFER, 128 /* FUTEX_WAIT_PRIVATE */, 0},
        {SYS_dup3, 3, 9, 0},
        {SYS_prctl, 38 /* PR_SET_NO_NEW_PRIVS */, 0},
        {SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1},
        {SYS_setitimer, 0, BUFFER, 0},
        {SYS_setrlimit, 0, BUFFER},
        {SYS_personality, 0x0400000 /* READ_IMPLIES_EXEC */},
        {SYS_memfd_create, BUFFER, 0},
        {SYS_execveat, 3, BUFFER, 0, 0, 0x1000 /* AT_EMPTY_PATH */},
        {SYS_userfaultfd, 0},
        {435 /* clone3 */, BUFFER, 88},
        {SYS_openat, -100, BUFFER, 0},
        {437 /* openat2 */, -100, BUFFER, BUFFER, 24},
        {SYS_ptrace, 0 /* PTRACE_TRACEME */},
#if defined(__x86_64__)
        {SYS_vfork},
        {SYS_open, BUFFER, 0},
        {0x40000000 | SYS_getpid}, /* the same by x32 */
        {0x40000000 | SYS_write, 3, BUFFER, 1},
        {SYS_arch_prctl, 0x1002, 0},
        {SYS_modify_ldt, 1, BUFFER, 16},
#endif
    };
    size_t n_failed = 0;

    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct json_object *root = json_object_new_object(), *call = json_object_new_array();
        corbel_error err = {0};

        for (size_t j = 0; j < 7; j++)
            json_object_array_add(call, json_object_new_int64(rows[i][j]));
        json_object_object_add(root, "call", call);
        if (run(json_object_to_json_string(root), &err) != CORBEL_E_UNTRUSTED ||
            !strstr(err.text, FORBIDDEN)) {
            print_error("%s: %s\n", json_object_to_json_string(root), err.text);
            n_failed++;
        }
        json_object_put(root);
    }
    assert_int_equal(n_failed, 0);
}

/* ---- bombs and words ------------------------------------------------------------------------ */

static void test_what_never_ends_is_stopped(void **state)
{
    static const struct {
        const char *bomb, *says;
    } rows[] = {
        {"parameters", "is one too many"},
        {"scopes", "nested more than 64 deep"},
        {"operations", "a program of more than 131072 operations"},
        {"scopes of forward", "nested more than 64 deep"},
    };

    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        double start = seconds();
        corbel_error err = {0};
        char json[64];

        snprintf(json, sizeof json, "{\"bomb\": \"%s\"}", rows[i].bomb);
        if (!run(json, &err) || !strstr(err.text, rows[i].says) || seconds() - start > 10)
            fail_msg("%s: %.1f s: %s", rows[i].bomb, seconds() - start, err.text);
    }
}

static char logged[2048];

static void keep_line(void *user, corbel_log_level level, const char *line)
{
    (void)user;
    (void)level;
    snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n", line);
}

/* Colours, titles, a bell, a turned-around line, more than one line, bytes that are no text. */
static void test_words_reach_the_terminal_readable(void **state)
{
    static const char json[] =
        "{\"words\": \"one\\u001b[2J\\u001b]0;title\\u0007two\\r\\nthree\\u202efour\\u009bfive\", "
        "\"aloud\": %s}";
    static const char *const never[] = {"\x1b", "\a", "\r", "\xe2\x80\xae", "\xc2\x9b"};

    (void)state;
    for (int aloud = 0; aloud < 2; aloud++) {
        corbel_error err = {0};
        char config[sizeof json + 8];

        logged[0] = 0;
        corbel_set_log(keep_line, NULL, CORBEL_LOG_DEBUG);
        snprintf(config, sizeof config, json, aloud ? "true" : "false");
        assert_int_not_equal(run(config, &err), CORBEL_OK);
        corbel_set_log(NULL, NULL, CORBEL_LOG_WARN);
        if (!strstr(err.text, "one") || !strstr(err.text, "five") || strchr(err.text, '\n'))
            fail_msg("%s", err.text);
        for (size_t i = 0; i < N(never); i++)
            if (strstr(err.text, never[i]) || strstr(logged, never[i]))
                fail_msg("sign %zu: %s\n%s", i, err.text, logged);
        assert_int_equal(strstr(logged, "one") != NULL, aloud);
    }
}

/* ---- what stays behind ---------------------------------------------------------------------- */

static size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void load_and_fail(void)
{
    corbel_error err = {0};

    if (run("{}", &err))
        print_error("%s\n", err.text);
    assert_int_equal(run("{\"call\": [57]}", &err), CORBEL_E_UNTRUSTED);
}

static void test_two_hundred_models_leave_nothing(void **state)
{
    size_t before = open_descriptors();

    (void)state;
    for (int i = 0; i < 100; i++)
        load_and_fail();
    assert_int_equal(open_descriptors(), before);
    assert_true(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void *load_some(void *n_wrong)
{
    for (int i = 0; i < 25; i++) {
        corbel_error err = {0};

        *(int *)n_wrong += run("{}", &err) != CORBEL_OK;
        *(int *)n_wrong += run("{\"call\": [57]}", &err) != CORBEL_E_UNTRUSTED;
    }
    return NULL;
}

/* An attack in one does not disturb the other; no socket is handed to the wrong child. */
static void test_models_in_several_threads(void **state)
{
    enum { THREADS = 4 };
    size_t before = open_descriptors();
    pthread_t threads[THREADS];
    int n_wrong[THREADS] = {0};

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_some, &n_wrong[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(n_wrong[i], 0);
    }
    assert_int_equal(open_descriptors(), before);
    assert_true(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

/* ---- all ------------------------------------------------------------------------------------ */

static int open_library(void **state)
{
    char sha256[DIGEST_HEX_SIZE], *data;
    struct library l = {.name = "inmate.so", .sha256 = sha256};
    corbel_status status;
    corbel_error err;

    (void)state;
    if (isolated_check(&err)) {
        print_message("skipped: %s\n", err.text);
        exit(77);
    }
    if (file_read(ATTACK_DIR "/libraries/inmate.so", 1 << 20, &data, &l.size, &err))
        return -1;
    digest_sha256_hex(data, l.size, sha256);
    l.data = data;
    status = plugin_seal(&l, &library, &err);
    free(data);
    return status ? -1 : 0;
}

static int close_library(void **state)
{
    (void)state;
    close(library);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_system_call_but_those_it_is_given),
        cmocka_unit_test(test_no_system_call_with_arguments_of_another_kind),
        cmocka_unit_test(test_what_never_ends_is_stopped),
        cmocka_unit_test(test_words_reach_the_terminal_readable),
        cmocka_unit_test(test_two_hundred_models_leave_nothing),
        cmocka_unit_test(test_models_in_several_threads),
    };

    return cmocka_run_group_tests(tests, open_library, close_library);
}
