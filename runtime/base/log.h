/* base/log.h: one line at a time to the host's callback; the library itself prints nothing.
 *
 * The sink is set once, before other threads run (corbel_set_log). Levels mean what a user should
 * do about it: see corbel_log_level in corbel/corbel.h. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "corbel/corbel.h"

void log_set_sink(corbel_log_callback callback, void *user);
void log_line(corbel_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool log_wants(corbel_log_level level);

#endif
