/* program/names.h: what a name in a program may be. Names come from plugins and from bytes, and go
 * to terminals and files. */
#ifndef PROGRAM_NAMES_H
#define PROGRAM_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* UTF-8 without control characters (C0, DEL, C1, line and direction controls), below
 * PROGRAM_MAX_NAME bytes. An empty name is none: false. */
bool name_is_sound(const char *name, size_t size);

#endif
