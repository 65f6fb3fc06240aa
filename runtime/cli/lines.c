/* cli/lines.c: see lines.h. */
#include "cli/lines.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lines_next(struct lines *l, corbel_status *status, corbel_error *err)
{
    errno = 0;
    *status = CORBEL_OK;
    ssize_t n = getline(&l->line, &l->capacity, stdin);
    if (n < 0) {
        if (!feof(stdin) || errno == ENOMEM)
            *status = error_set(err, errno == ENOMEM ? CORBEL_E_MEMORY : CORBEL_E_IO, "stdin: %s",
                                strerror(errno));
        return false;
    }
    l->size = (size_t)n;
    l->number++;
    if (l->size > 0 && l->line[l->size - 1] == '\n')
        l->line[--l->size] = 0;
    return true;
}

const char *lines_place(const struct lines *l)
{
    static char place[32];
    snprintf(place, sizeof(place), "stdin:%zu", l->number);
    return place;
}

void lines_finish(struct lines *l)
{
    free(l->line);
    *l = (struct lines){0};
}

/* U+0000 is text like any other for a tokenizer, but base/json refuses it, since in files it serves
 * to hide things. Here it may stand in a value: what is checked is a copy with U+0001 instead. */
static corbel_status parse_with_zeros(const struct lines *l, struct json_object **value,
                                      corbel_error *err)
{
    static const char zero[] = "\\u0000";
    char *copy = malloc(l->size + 1);
    if (!copy)
        return error_memory(err, l->size, "a line");
    memcpy(copy, l->line, l->size + 1);
    for (char *at = copy; (at = strstr(at, zero));)
        at[sizeof(zero) - 2] = '1';
    corbel_status status = json_check(copy, l->size, JSON_DATA, lines_place(l), err);
    free(copy);
    if (status != CORBEL_OK)
        return status;
    enum json_tokener_error failure;
    *value = json_tokener_parse_verbose(l->line, &failure);
    return failure == json_tokener_success
               ? CORBEL_OK
               : error_set(err, CORBEL_E_FORMAT, "%s: %s", lines_place(l),
                           json_tokener_error_desc(failure));
}

corbel_status lines_json(const struct lines *l, struct json_object **value, corbel_error *err)
{
    *value = NULL;
    if (strstr(l->line, "\\u0000"))
        return parse_with_zeros(l, value, err);
    return json_parse(l->line, l->size, JSON_DATA, lines_place(l), value, err);
}
