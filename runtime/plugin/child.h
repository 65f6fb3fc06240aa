/* plugin/child.h: the process of an isolated plugin, as the host sees it: started, spoken to,
 * ended.
 *
 * Each exchange has a deadline. Whatever the process does instead of answering (it ends, is killed,
 * hangs, floods) is one error that says what happened; after it only child_stop is left to call. */
#ifndef PLUGIN_CHILD_H
#define PLUGIN_CHILD_H

#include "plugin/elf.h"
#include "plugin/protocol.h"

#include <sys/types.h>

enum {
    CHILD_TIMEOUT_MS = 8000,  /* of one request, from its first byte to the answer's last */
    CHILD_MAX_LOG_LINES = 256 /* before one answer */
};

struct child {
    pid_t pid;
    int socket, pidfd; /* -1: none */
    int64_t deadline;  /* of the exchange that is under way: CLOCK_MONOTONIC, ms */
};

/* Runs corbel-plugin-host with nothing but a socket and `memory`, the library's sealed file. `name`
 * is what it calls the library. Sound to stop also on failure. */
corbel_status child_start(struct child *child, const char *name, int memory, enum elf_rules rules,
                          corbel_error *err);

/* Kills it if it still runs, and leaves nothing of it behind. */
void child_stop(struct child *child);

/* Starts the clock of an exchange and sends a whole message; NULL: there is nothing to be said. */
corbel_status child_send(struct child *child, const struct text *message, corbel_error *err);

/* The next message with this sequence number that is no log line; its body in *body. */
corbel_status child_receive(struct child *child, uint32_t sequence, struct message_header *header,
                            struct text *body, corbel_error *err);

#endif
