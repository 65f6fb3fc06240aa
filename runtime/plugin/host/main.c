/* corbel-plugin-host: maps one plugin and answers the host's requests (docs/isolation.md).
 *
 * Started by runtime/plugin/child.c with a socket, the sealed library, an empty environment and the
 * library's name for messages. It shuts itself in before the library is mapped, and further before
 * any of its code runs. */
#include "base/error.h"
#include "base/log.h"
#include "plugin/host/sandbox.h"
#include "plugin/instance.h"
#include "plugin/map.h"
#include "plugin/protocol.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct host {
    const char *name; /* of the library */
    struct descriptor descriptor;
    struct arena arguments; /* live as long as the model */
    struct instance instance;
    bool constructed;
    uint32_t sequence; /* of the request that is being answered */
    struct text answer;
};

/* ---- the socket ----------------------------------------------------------------------------- */

static bool read_all(uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = read(SANDBOX_SOCKET, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool write_all(const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(SANDBOX_SOCKET, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool send_failed(struct host *h, corbel_status status, const char *why)
{
    message_begin(&h->answer, MESSAGE_FAILED, h->sequence);
    answer_put_failed(&h->answer, status, why);
    return message_end(&h->answer, NULL) == CORBEL_OK && write_all(h->answer.data, h->answer.size);
}

/* The answer that was begun, or why there is none. */
static bool send_answer(struct host *h, corbel_status status, corbel_error *err)
{
    if (!status)
        status = message_end(&h->answer, err);
    if (status)
        return send_failed(h, status, err->text);
    return write_all(h->answer.data, h->answer.size);
}

static void send_log(void *user, corbel_log_level level, const char *line)
{
    struct host *h = user;
    struct text message = {0};

    message_begin(&message, MESSAGE_LOG, h->sequence);
    answer_put_log(&message, level, line);
    if (message_end(&message, NULL) == CORBEL_OK)
        write_all(message.data, message.size);
    text_finish(&message);
}

/* ---- requests ------------------------------------------------------------------------------- */

static corbel_status malformed(const char *why, corbel_error *err)
{
    return error_set(err, CORBEL_E_INTERNAL, "a malformed request: %s", why ? why : "out of order");
}

static bool answer_construct(struct host *h, const uint8_t *body, size_t size)
{
    struct wire_reader r = {.data = body, .size = size, .arena = &h->arguments};
    union argument arguments[ARGUMENTS_MAX] = {{0}};
    const corbel_arch *arch;
    corbel_error err = {0};
    corbel_status status;

    if (h->constructed || !request_get_construct(&r, &h->descriptor, &arch, arguments))
        return send_answer(h, malformed(r.why, &err), &err);
    status = instance_create(&h->instance, &h->descriptor, arch, arguments, &err);
    if (!status) {
        h->constructed = true;
        message_begin(&h->answer, MESSAGE_PARAMETERS, h->sequence);
        answer_put_params(&h->answer, &h->instance.params);
    }
    return send_answer(h, status, &err);
}

static corbel_status trace(struct host *h, const struct trace_options *options, corbel_error *err)
{
    struct program program;
    corbel_status status = instance_trace(&h->instance, options, &program, err);
    char *bytes = NULL;
    size_t size = 0;

    if (!status)
        status = program_verify(&program, false, err);
    if (!status)
        status = program_write(&program, &bytes, &size, err);
    if (!status) {
        message_begin(&h->answer, MESSAGE_PROGRAM, h->sequence);
        text_append_bytes(&h->answer, bytes, size);
    }
    free(bytes);
    program_finish(&program);
    return status;
}

static bool answer_trace(struct host *h, const uint8_t *body, size_t size)
{
    struct arena arena = {0};
    struct wire_reader r = {.data = body, .size = size, .arena = &arena};
    struct trace_options options;
    corbel_error err = {0};
    corbel_status status;

    if (!h->constructed || !request_get_trace(&r, h->instance.params.n, &options))
        status = malformed(r.why, &err);
    else
        status = trace(h, &options, &err);
    arena_finish(&arena);
    return send_answer(h, status, &err);
}

/* False: the host is gone, or says what this program does not understand. */
static bool answer_one(struct host *h)
{
    uint8_t bytes[MESSAGE_HEADER_SIZE], *body;
    struct message_header header;
    bool ok = false;

    if (!read_all(bytes, sizeof bytes))
        return false;
    header = message_read_header(bytes);
    if (header.size > PROTOCOL_MAX_MESSAGE)
        return false;
    body = malloc(header.size ? header.size : 1);
    if (!body)
        return false;
    h->sequence = header.sequence;
    if (read_all(body, header.size)) {
        if (header.kind == MESSAGE_CONSTRUCT)
            ok = answer_construct(h, body, header.size);
        else if (header.kind == MESSAGE_TRACE)
            ok = answer_trace(h, body, header.size);
    }
    free(body);
    return ok;
}

/* ---- the library ---------------------------------------------------------------------------- */

/* The host has checked it; here its tables say where the descriptor lies. */
static corbel_status check_library(const char *name, enum elf_rules rules, struct elf_facts *facts,
                                   corbel_error *err)
{
    struct stat st;
    void *data = MAP_FAILED;
    corbel_status status;

    if (fstat(SANDBOX_LIBRARY, &st) == 0 && st.st_size > 0)
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, SANDBOX_LIBRARY, 0);
    if (data == MAP_FAILED)
        return error_set(err, CORBEL_E_INTERNAL, "%s: the library can't be read: %s", name,
                         strerror(errno));
    status = elf_check(data, (size_t)st.st_size, name, rules, facts, err);
    munmap(data, (size_t)st.st_size);
    return status;
}

/* What C++ and Rust need: of the system, and from before the files are out of reach. That one is
 * missing matters only to a library that needs it, which will say so. */
static void load_languages(void)
{
    static const char *const names[] = {"libgcc_s.so.1", "libstdc++.so.6"};

    for (size_t i = 0; i < 2; i++)
        (void)dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

static corbel_status open_library(struct host *h, enum elf_rules rules, corbel_error *err)
{
    struct elf_facts facts;
    void *handle;
    const char *why;
    corbel_status status;

    if (rules == ELF_RELAXED)
        load_languages();
    if (!sandbox_enter(&why))
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s: its process can't be shut in: %s", h->name,
                         why);
    status = check_library(h->name, rules, &facts, err);
    if (!status)
        status = map_library(h->name, "/proc/self/fd/4", &facts, &handle, &h->descriptor, err);
    if (!status && !sandbox_close(&why))
        status = error_set(err, CORBEL_E_UNSUPPORTED, "%s: its process can't be shut in: %s",
                           h->name, why);
    return status;
}

int main(int argc, char **argv)
{
    struct host h = {.name = argc > 1 ? argv[1] : "a plugin"};
    corbel_error err = {0};
    bool relaxed = argc > 2 && strcmp(argv[2], HOST_RELAXED) == 0;
    corbel_status status = open_library(&h, relaxed ? ELF_RELAXED : ELF_STRICT, &err);

    if (!status) {
        corbel_set_log(send_log, &h, CORBEL_LOG_DEBUG);
        message_begin(&h.answer, MESSAGE_DESCRIPTOR, 0);
        answer_put_descriptor(&h.answer, &h.descriptor);
    }
    if (!send_answer(&h, status, &err) || status)
        return 1;
    while (answer_one(&h))
        ;
    return 0;
}
