/* base/error.h: how the runtime reports what went wrong.
 *
 * corbel_status and corbel_error are public (corbel/corbel.h); this adds the writers. Whoever
 * first knows the facts writes the sentence: what was wrong, where, what was expected. Callers
 * pass it on, or put a place in front of it; they do not replace it. `err` may be NULL. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "corbel/corbel.h"

#include <stdarg.h>

/* Writes the sentence and returns `status`, so that `return error_set(...)` reads well. */
corbel_status error_set(corbel_error *err, corbel_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
corbel_status error_set_v(corbel_error *err, corbel_status status, const char *format,
                          va_list args);

/* "place: " + what stands there already. Returns err's status (CORBEL_E_INTERNAL if err is NULL).
 */
corbel_status error_prefix(corbel_error *err, corbel_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* CORBEL_E_MEMORY with what could not be had. */
corbel_status error_memory(corbel_error *err, size_t size, const char *what);

#endif
