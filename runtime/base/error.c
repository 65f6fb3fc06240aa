/* base/error.c: statuses, the sentence that goes with one, and what is said at the end of it. */
#include "base/error.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

corbel_status error_set_v(corbel_error *err, corbel_status status, const char *format, va_list args)
{
    if (err) {
        err->status = status;
        if (vsnprintf(err->text, sizeof err->text, format, args) < 0)
            err->text[0] = '\0';
        text_keep_printable(err->text, strlen(err->text), ""); /* whatever a name in it holds */
    }
    return status;
}

corbel_status error_set(corbel_error *err, corbel_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_set_v(err, status, format, args);
    va_end(args);
    return status;
}

corbel_status error_prefix(corbel_error *err, corbel_status status, const char *format, ...)
{
    if (!err)
        return status;

    char place[sizeof err->text];
    va_list args;
    va_start(args, format);
    const int written = vsnprintf(place, sizeof place, format, args);
    va_end(args);
    if (written < 0)
        return status;

    char sentence[sizeof err->text];
    memcpy(sentence, err->text, sizeof sentence);
    sentence[sizeof sentence - 1] = '\0';
    return error_set(err, status, "%s: %s", place, sentence);
}

corbel_status error_memory(corbel_error *err, size_t size, const char *what)
{
    return error_set(err, CORBEL_E_MEMORY, "out of memory: %zu bytes for %s", size, what);
}

const char *corbel_status_name(corbel_status status)
{
    switch (status) {
    case CORBEL_OK: return "CORBEL_OK";
    case CORBEL_E_ARGUMENT: return "CORBEL_E_ARGUMENT";
    case CORBEL_E_MEMORY: return "CORBEL_E_MEMORY";
    case CORBEL_E_IO: return "CORBEL_E_IO";
    case CORBEL_E_FORMAT: return "CORBEL_E_FORMAT";
    case CORBEL_E_CONFIG: return "CORBEL_E_CONFIG";
    case CORBEL_E_ABI: return "CORBEL_E_ABI";
    case CORBEL_E_PROGRAM: return "CORBEL_E_PROGRAM";
    case CORBEL_E_UNSUPPORTED: return "CORBEL_E_UNSUPPORTED";
    case CORBEL_E_UNTRUSTED: return "CORBEL_E_UNTRUSTED";
    case CORBEL_E_NOT_FOUND: return "CORBEL_E_NOT_FOUND";
    case CORBEL_E_NETWORK: return "CORBEL_E_NETWORK";
    case CORBEL_E_DEVICE: return "CORBEL_E_DEVICE";
    case CORBEL_E_CANCELLED: return "CORBEL_E_CANCELLED";
    case CORBEL_E_INTERNAL: return "CORBEL_E_INTERNAL";
    }
    return "unknown status";
}

const char *corbel_version(void)
{
    return CORBEL_VERSION;
}

void corbel_free(void *memory)
{
    free(memory);
}
