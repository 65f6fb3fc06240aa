/* cli/help.h: what `corbel help` and --help print. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"

#include <stdio.h>

/* All commands. */
void help_print(FILE *out);
/* One command, with its options and examples. */
void help_print_command(FILE *out, const struct command *command);

#endif
