/* plugin/host/sandbox.h: how the plugin's process shuts itself in, in two steps.
 *
 * Nothing here can be undone, by the plugin or by us. On failure *why is what could not be had. */
#ifndef PLUGIN_HOST_SANDBOX_H
#define PLUGIN_HOST_SANDBOX_H

#include <stdbool.h>

enum { SANDBOX_SOCKET = 3, SANDBOX_LIBRARY = 4 };

/* Before the library is mapped: no new privileges, no core, no files by Landlock, limits, and only
 * the system calls that dlopen makes. */
bool sandbox_enter(const char **why);

/* After it is mapped, before any of its code runs: reading and writing the socket, and memory that
 * is not executable; nothing else. */
bool sandbox_close(const char **why);

#endif
