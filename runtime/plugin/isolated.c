/* isolated.c: see isolated.h. */
#include "plugin/isolated.h"

#include "base/error.h"
#include "plugin/child.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
enum { LANDLOCK_VERSION_FLAG = 1 };

struct isolated {
    char *name;
    struct child child;
    uint32_t sequence; /* of the request that is under way, or was the last */
    struct descriptor descriptor;
    const corbel_arch *arch; /* NULL: not constructed */
    struct arena names;
    struct param_list params;
    struct text message; /* what is sent or received */
    corbel_error broken; /* status not CORBEL_OK: the process is gone, and why */
};

/* ---- exchanges ------------------------------------------------------------------------------ */

/* The process can't be spoken to any more. */
static corbel_status give_up(struct isolated *m, corbel_status status, corbel_error *err)
{
    error_prefix(&m->broken, status, "%s", m->name);
    m->broken.status = status;
    child_stop(&m->child);
    if (err)
        *err = m->broken;
    return status;
}

/* Receives the answer of kind `expected`, or the plugin's own refusal, which is no breach. */
static corbel_status receive_answer(struct isolated *m, enum message_kind expected,
                                    corbel_error *err)
{
    struct message_header header;
    corbel_error failure;
    corbel_status status = child_receive(&m->child, m->sequence, &header, &m->message, &m->broken);

    if (status)
        return give_up(m, status, err);
    if (header.kind == MESSAGE_FAILED &&
        answer_get_failed((const uint8_t *)m->message.data, m->message.size, &failure)) {
        if (err)
            *err = failure;
        return failure.status;
    }
    if (header.kind != (uint32_t)expected) {
        status =
            error_set(&m->broken, CORBEL_E_UNTRUSTED,
                      "the plugin's process sent a malformed message, or one of kind %u and not %d",
                      header.kind, (int)expected);
        return give_up(m, status, err);
    }
    return CORBEL_OK;
}

/* Sends m->message and receives the answer into it. */
static corbel_status exchange(struct isolated *m, enum message_kind expected, corbel_error *err)
{
    corbel_status status = message_end(&m->message, err);

    if (status)
        return status;
    status = child_send(&m->child, &m->message, &m->broken);
    return status ? give_up(m, status, err) : receive_answer(m, expected, err);
}

static corbel_status begin(struct isolated *m, enum message_kind kind, corbel_error *err)
{
    if (m->broken.status) {
        if (err)
            *err = m->broken;
        return m->broken.status;
    }
    message_begin(&m->message, kind, ++m->sequence);
    return CORBEL_OK;
}

/* ---- outside -------------------------------------------------------------------------------- */

corbel_status isolated_check(corbel_error *err)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    const char *missing = NULL;

    if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG) < 1)
        missing = "Landlock";
    else if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0)
        missing = "seccomp";
    if (missing)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "this kernel does not offer %s, without which a plugin's process can't be "
                         "shut in",
                         missing);
    return CORBEL_OK;
}

corbel_status isolated_create(const char *name, int library, enum elf_rules rules,
                              const struct manifest *manifest, struct isolated **isolated,
                              corbel_error *err)
{
    struct isolated *m = calloc(1, sizeof(*m));
    corbel_status status;

    *isolated = NULL;
    if (!m)
        return error_memory(err, sizeof(*m), name);
    m->child = (struct child){.socket = -1, .pidfd = -1};
    m->name = strdup(name);
    status = m->name ? child_start(&m->child, name, library, rules, err)
                     : error_memory(err, strlen(name), name);
    if (status)
        goto fail;
    status = child_send(&m->child, NULL, err); /* it speaks first */
    if (!status)
        status = receive_answer(m, MESSAGE_DESCRIPTOR, err);
    if (!status)
        status = answer_get_descriptor((const uint8_t *)m->message.data, m->message.size, name,
                                       &m->descriptor, err);
    if (!status && manifest)
        status = descriptor_equals_manifest(&m->descriptor, manifest, err);
    if (status)
        goto fail;
    *isolated = m;
    return CORBEL_OK;
fail:
    isolated_destroy(&m);
    return status;
}

void isolated_destroy(struct isolated **isolated)
{
    struct isolated *m = *isolated;

    *isolated = NULL;
    if (!m)
        return;
    child_stop(&m->child);
    descriptor_finish(&m->descriptor);
    arena_finish(&m->names);
    params_finish(&m->params);
    text_finish(&m->message);
    free(m->name);
    free(m);
}

const struct descriptor *isolated_descriptor(const struct isolated *isolated)
{
    return &isolated->descriptor;
}

corbel_status isolated_construct(struct isolated *isolated, const corbel_arch *arch,
                                 const union argument *arguments, corbel_error *err)
{
    struct isolated *m = isolated;
    corbel_status status = begin(m, MESSAGE_CONSTRUCT, err);

    if (status)
        return status;
    request_put_construct(&m->message, arch, arguments);
    status = exchange(m, MESSAGE_PARAMETERS, err);
    if (status)
        return status;
    m->arch = arch;
    status = answer_get_params((const uint8_t *)m->message.data, m->message.size, arch->name,
                               &m->names, &m->params, &m->broken);
    return status ? give_up(m, status, err) : CORBEL_OK;
}

const struct param_list *isolated_params(const struct isolated *isolated)
{
    return &isolated->params;
}

corbel_status isolated_trace(struct isolated *isolated, const struct trace_options *options,
                             struct program *program, corbel_error *err)
{
    struct isolated *m = isolated;
    corbel_status status = begin(m, MESSAGE_TRACE, err);

    program_init(program);
    if (status)
        return status;
    request_put_trace(&m->message, options, m->params.n);
    status = exchange(m, MESSAGE_PROGRAM, err);
    if (status)
        return status;
    program_finish(program);
    status = answer_get_program((const uint8_t *)m->message.data, m->message.size, m->arch->name,
                                &m->params, options, program, &m->broken);
    if (!status && program_set_kernels(program, m->descriptor.shaders,
                                       m->descriptor.plugin.n_kernels, &m->broken))
        status = CORBEL_E_UNTRUSTED;
    return status ? give_up(m, status, err) : CORBEL_OK;
}
