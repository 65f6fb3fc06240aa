/* cli/passphrase.h: a secret from the terminal, or from a pipe. */
#ifndef CLI_PASSPHRASE_H
#define CLI_PASSPHRASE_H

#include "corbel/corbel.h"

enum { PASSPHRASE_SIZE = 1024 };

/* Without echo on a terminal, where a new one is asked for twice; else one line of stdin. An empty
 * one is refused. The caller overwrites it when it is no longer needed. */
corbel_status passphrase_read(char out[PASSPHRASE_SIZE], bool is_new, corbel_error *err);

#endif
