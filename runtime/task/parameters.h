/* task/parameters.h: typed reading of a call's parameters.
 *
 * A null parameter is an absent one, as in Python. The first wrong one is kept in `err`, and what
 * is read after it is the fallback: check `status` once, at the end. */
#ifndef TASK_PARAMETERS_H
#define TASK_PARAMETERS_H

#include "base/json.h"

struct parameters {
    struct json_object *object;
    corbel_error *err;
    corbel_status status;
};

int64_t parameter_int(struct parameters *p, const char *name, int64_t fallback, int64_t min,
                      int64_t max);
double parameter_double(struct parameters *p, const char *name, double fallback, double min,
                        double max);
bool parameter_bool(struct parameters *p, const char *name, bool fallback);
const char *parameter_string(struct parameters *p, const char *name, const char *fallback);

/* Also true for null. */
bool parameter_given(const struct parameters *p, const char *name);
/* The raw value; NULL if absent or null. */
struct json_object *parameter_find(const struct parameters *p, const char *name);

corbel_status parameter_fail(struct parameters *p, corbel_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Refuses a parameter that is not in `names`, and suggests the nearest that is. */
void parameters_check_names(struct parameters *p, const char *const *names, size_t n_names);

#endif
