/* child.c: see child.h. */
#include "plugin/child.h"

#include "base/error.h"
#include "hub/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* ---- starting ------------------------------------------------------------------------------- */

/* Its descriptors: 3 is the socket, 4 the library; all others are closed. The originals are above
 * 4, so that neither is overwritten before it is copied. */
static corbel_status spawn(struct child *child, const char *path, const char *name, int socket,
                           int memory, enum elf_rules rules, corbel_error *err)
{
    char *const arguments[] = {(char *)(uintptr_t) "corbel-plugin-host", (char *)(uintptr_t)name,
                               rules == ELF_RELAXED ? (char *)(uintptr_t)HOST_RELAXED : NULL, NULL};
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    int error;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    error = posix_spawn_file_actions_adddup2(&actions, socket, 3);
    for (int fd = 0; fd < 3 && !error; fd++)
        error = posix_spawn_file_actions_addclose(&actions, fd);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, memory, 4);
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(&actions, 5);
    /* A group of its own: Ctrl-C is for the host, which may go on. */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    if (!error)
        error = posix_spawn(&child->pid, path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        return error_set(err, CORBEL_E_IO, "%s can't be started: %s", path, strerror(error));
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd < 0) {
        error = errno;
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        return error_set(err, CORBEL_E_UNSUPPORTED, "a plugin's process can't be watched: %s",
                         strerror(error));
    }
    return CORBEL_OK;
}

corbel_status child_start(struct child *child, const char *name, int memory, enum elf_rules rules,
                          corbel_error *err)
{
    int ends[2] = {-1, -1}, theirs = -1, library = -1;
    char path[PATH_MAX];
    corbel_status status;

    *child = (struct child){.socket = -1, .pidfd = -1};
    status = resource_plugin_host(path, sizeof path, err);
    if (status)
        return status;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0) {
        theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, 5);
        library = fcntl(memory, F_DUPFD_CLOEXEC, 5);
    }
    child->socket = ends[0];
    if (theirs < 0 || library < 0)
        status =
            error_set(err, CORBEL_E_IO, "a socket for a plugin's process: %s", strerror(errno));
    else if (fcntl(theirs, F_SETFL, 0) != 0) /* theirs blocks */
        status = error_set(err, CORBEL_E_IO, "a plugin's socket: %s", strerror(errno));
    else
        status = spawn(child, path, name, theirs, library, rules, err);
    if (ends[1] >= 0)
        close(ends[1]);
    if (theirs >= 0)
        close(theirs);
    if (library >= 0)
        close(library);
    return status;
}

/* ---- ending --------------------------------------------------------------------------------- */

/* How it ended, in words; within a second, for a process that has closed its socket. False: it
 * still runs, or somebody else has waited for it. */
static bool describe_end(struct child *child, char *out, size_t size)
{
    struct pollfd watched = {.fd = child->pidfd, .events = POLLIN};
    siginfo_t info = {0};

    if (poll(&watched, 1, 1000) != 1 ||
        waitid((idtype_t)P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return false;
    if (info.si_code == CLD_EXITED)
        snprintf(out, size, "it exited with status %d", info.si_status);
    else if (info.si_status == SIGSYS)
        snprintf(out, size, "it made a system call that the sandbox forbids (SIGSYS)");
    else if (info.si_status == SIGXCPU)
        snprintf(out, size, "it used more processor time than it may (SIGXCPU)");
    else
        snprintf(out, size, "it was ended by signal SIG%s, %s",
                 sigabbrev_np(info.si_status) ? sigabbrev_np(info.si_status) : "?",
                 sigdescr_np(info.si_status) ? sigdescr_np(info.si_status) : "unknown");
    return true;
}

static corbel_status ended(struct child *child, corbel_error *err)
{
    char how[160] = "it closed its socket";

    describe_end(child, how, sizeof how);
    return error_set(err, CORBEL_E_UNTRUSTED, "the plugin's process did not answer: %s", how);
}

static corbel_status timed_out(corbel_error *err)
{
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "the plugin's process did not answer within %d seconds and was ended",
                     CHILD_TIMEOUT_MS / 1000);
}

void child_stop(struct child *child)
{
    if (child->socket >= 0)
        close(child->socket);
    if (child->pidfd >= 0) {
        siginfo_t info;

        syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
        while (waitid((idtype_t)P_PIDFD, (id_t)child->pidfd, &info, WEXITED) != 0 && errno == EINTR)
            ;
        close(child->pidfd);
    }
    *child = (struct child){.socket = -1, .pidfd = -1};
}

/* ---- talking -------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the socket is ready for `events`, or has been closed. */
static corbel_status wait_for(struct child *child, short events, corbel_error *err)
{
    struct pollfd watched = {.fd = child->socket, .events = events};

    for (;;) {
        int64_t left = child->deadline - now_ms();
        int n = left > 0 ? poll(&watched, 1, (int)left) : 0;

        if (n > 0)
            return CORBEL_OK;
        if (n == 0)
            return timed_out(err);
        if (errno != EINTR)
            return error_set(err, CORBEL_E_IO, "a plugin's socket: %s", strerror(errno));
    }
}

/* What it may use of the processor for this request, beyond what it has used before. It can't raise
 * that itself. */
static void allow_processor_time(struct child *child)
{
    struct rlimit limit;
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(child->pid, &clock) != 0 || clock_gettime(clock, &used) != 0 ||
        prlimit(child->pid, RLIMIT_CPU, NULL, &limit) != 0)
        return;
    limit.rlim_cur = (rlim_t)used.tv_sec + CHILD_TIMEOUT_MS / 1000 + 2;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    prlimit(child->pid, RLIMIT_CPU, &limit, NULL);
}

corbel_status child_send(struct child *child, const struct text *message, corbel_error *err)
{
    size_t sent = 0;

    child->deadline = now_ms() + CHILD_TIMEOUT_MS;
    if (!message)
        return CORBEL_OK;
    allow_processor_time(child);
    while (sent < message->size) {
        ssize_t n = send(child->socket, message->data + sent, message->size - sent, MSG_NOSIGNAL);
        corbel_status status;

        if (n >= 0) {
            sent += (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return ended(child, err);
        status = wait_for(child, POLLOUT, err);
        if (status)
            return status;
    }
    return CORBEL_OK;
}

/* Exactly `size` bytes. Memory is taken as they come, not as they are announced. */
static corbel_status receive(struct child *child, struct text *out, size_t size, corbel_error *err)
{
    uint8_t chunk[16384];

    text_clear(out);
    while (out->size < size) {
        size_t left = size - out->size;
        ssize_t n = recv(child->socket, chunk, left < sizeof chunk ? left : sizeof chunk, 0);

        if (n > 0) {
            text_append_bytes(out, chunk, (size_t)n);
            if (out->failed)
                return error_memory(err, size, "a plugin's message");
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            return ended(child, err);
        }
        if (n <= 0 || now_ms() >= child->deadline) {
            corbel_status status = wait_for(child, POLLIN, err);

            if (status)
                return status;
        }
    }
    return CORBEL_OK;
}

static corbel_status receive_one(struct child *child, uint32_t sequence,
                                 struct message_header *header, struct text *body,
                                 corbel_error *err)
{
    corbel_status status = receive(child, body, MESSAGE_HEADER_SIZE, err);

    if (status)
        return status;
    *header = message_read_header((const uint8_t *)body->data);
    if (header->size > PROTOCOL_MAX_MESSAGE)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "the plugin's process announced a message of %u bytes; at most %u",
                         header->size, PROTOCOL_MAX_MESSAGE);
    if (header->sequence != sequence)
        return error_set(err, CORBEL_E_UNTRUSTED,
                         "the plugin's process answered request %u; %u was asked", header->sequence,
                         sequence);
    return receive(child, body, header->size, err);
}

corbel_status child_receive(struct child *child, uint32_t sequence, struct message_header *header,
                            struct text *body, corbel_error *err)
{
    for (int i = 0; i <= CHILD_MAX_LOG_LINES; i++) {
        corbel_status status = receive_one(child, sequence, header, body, err);

        if (status || header->kind != MESSAGE_LOG)
            return status;
        if (!answer_get_log((const uint8_t *)body->data, body->size))
            return error_set(err, CORBEL_E_UNTRUSTED,
                             "the plugin's process sent a malformed line for the log");
    }
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "the plugin's process floods the log: more than %d lines",
                     CHILD_MAX_LOG_LINES);
}
