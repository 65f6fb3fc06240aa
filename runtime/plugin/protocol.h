/* plugin/protocol.h: the messages between this process and a plugin's (docs/isolation.md).
 *
 *     message    u32 size of the body, u32 kind, u32 sequence, body
 *
 * The host sends one request at a time, the plugin's process answers it with the same sequence
 * number. The descriptor comes first and unasked, as sequence 0. The forms of the bodies stand at
 * their readers and writers: requests in protocol_request.c, answers in protocol_answer.c. The
 * readers of answers take any bytes: CORBEL_E_UNTRUSTED says what is wrong with them. */
#ifndef PLUGIN_PROTOCOL_H
#define PLUGIN_PROTOCOL_H

#include "plugin/arguments.h"
#include "plugin/descriptor.h"
#include "plugin/params.h"
#include "plugin/wire.h"

/* The second argument of corbel-plugin-host, where the relaxed rules of plugin/elf.h hold. */
#define HOST_RELAXED "relaxed"

enum message_kind {
    MESSAGE_CONSTRUCT = 1, /* host to plugin */
    MESSAGE_TRACE = 2,
    MESSAGE_DESCRIPTOR = 16, /* plugin to host */
    MESSAGE_PARAMETERS = 17,
    MESSAGE_PROGRAM = 18, /* body: as program_write makes it */
    MESSAGE_FAILED = 19,
    MESSAGE_LOG = 20 /* any number of them before an answer */
};

enum { MESSAGE_HEADER_SIZE = 12, PROTOCOL_MAX_INPUTS = 64, PROTOCOL_MAX_OPTIONS = 256 };
#define PROTOCOL_MAX_MESSAGE (64u << 20) /* bytes of a body */

struct message_header {
    uint32_t size, kind, sequence;
};

/* A message is made by message_begin, writers of its body, and message_end. */
void message_begin(struct text *out, enum message_kind kind, uint32_t sequence);
/* CORBEL_E_MEMORY; CORBEL_E_UNSUPPORTED: the body is larger than a message may be. */
corbel_status message_end(struct text *out, corbel_error *err);
struct message_header message_read_header(const uint8_t bytes[MESSAGE_HEADER_SIZE]);

/* ---- requests; what the host says is believed ----------------------------------------------- */

void request_put_construct(struct text *out, const corbel_arch *arch,
                           const union argument *arguments);
/* False: r->why. What is read lives in r->arena. */
bool request_get_construct(struct wire_reader *r, const struct descriptor *descriptor,
                           const corbel_arch **arch, union argument arguments[ARGUMENTS_MAX]);

void request_put_trace(struct text *out, const struct trace_options *options, uint32_t n_params);
bool request_get_trace(struct wire_reader *r, uint32_t n_params, struct trace_options *options);

/* ---- answers; nothing that a plugin's process says is believed ------------------------------ */

void answer_put_descriptor(struct text *out, const struct descriptor *descriptor);
/* `descriptor` is finished on failure. */
corbel_status answer_get_descriptor(const uint8_t *body, size_t size, const char *name,
                                    struct descriptor *descriptor, corbel_error *err);

void answer_put_params(struct text *out, const struct param_list *params);
/* Names live in `names`. The list is the caller's to finish, in either case. */
corbel_status answer_get_params(const uint8_t *body, size_t size, const char *arch,
                                struct arena *names, struct param_list *params, corbel_error *err);

/* The program is verified, and speaks of these parameters, inputs and caches only. It is
 * initialised here. */
corbel_status answer_get_program(const uint8_t *body, size_t size, const char *arch,
                                 const struct param_list *params,
                                 const struct trace_options *options, struct program *program,
                                 corbel_error *err);

void answer_put_failed(struct text *out, corbel_status status, const char *why);
/* *failure is what the plugin's process says, which is CORBEL_E_...; false: not a failure message.
 */
bool answer_get_failed(const uint8_t *body, size_t size, corbel_error *failure);

void answer_put_log(struct text *out, corbel_log_level level, const char *line);
/* Passed on to the log; false: not a log message. */
bool answer_get_log(const uint8_t *body, size_t size);

#endif
