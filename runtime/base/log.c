/* base/log.c: the host's callback and the level above which no line is made. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

/* Set before other threads run, only read afterwards. */
static struct {
    corbel_log_callback callback;
    void *user;
    corbel_log_level level;
} sink = {.level = CORBEL_LOG_TRACE};

void log_set_sink(corbel_log_callback callback, void *user)
{
    sink.callback = callback;
    sink.user = user;
}

bool log_wants(corbel_log_level level)
{
    return sink.callback && level <= sink.level;
}

void log_line(corbel_log_level level, const char *format, ...)
{
    if (!log_wants(level))
        return;
    char line[2048];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length >= 0)
        sink.callback(sink.user, level, line);
}

void corbel_set_log(corbel_log_callback callback, void *user, corbel_log_level level)
{
    log_set_sink(callback, user);
    sink.level = level;
}
