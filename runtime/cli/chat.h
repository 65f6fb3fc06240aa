/* cli/chat.h: `corbel run --chat`: conversations. */
#ifndef CLI_CHAT_H
#define CLI_CHAT_H

#include "cli/command.h"

/* --chat, or an option that only makes sense with it? */
bool chat_is_wanted(const struct arguments *a);
corbel_status chat_command(const struct arguments *a, corbel_error *err);

#endif
