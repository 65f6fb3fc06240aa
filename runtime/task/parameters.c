/* task/parameters.c: see parameters.h. */
#include "task/parameters.h"

#include "base/error.h"
#include "base/text.h"

#include <string.h>

static const char place[] = "parameters";

corbel_status parameter_fail(struct parameters *p, corbel_status status, const char *format, ...)
{
    if (p->status != CORBEL_OK)
        return p->status;
    va_list args;
    va_start(args, format);
    p->status = error_set_v(p->err, status, format, args);
    va_end(args);
    return p->status;
}

/* base/json reports CORBEL_E_FORMAT, as for files; these values come from a caller. */
static bool took(struct parameters *p, corbel_status status)
{
    if (status == CORBEL_OK)
        return true;
    p->status = CORBEL_E_ARGUMENT;
    if (p->err)
        p->err->status = CORBEL_E_ARGUMENT;
    return false;
}

bool parameter_given(const struct parameters *p, const char *name)
{
    return json_object_object_get_ex(p->object, name, NULL);
}

struct json_object *parameter_find(const struct parameters *p, const char *name)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(p->object, name, &value);
    return value;
}

int64_t parameter_int(struct parameters *p, const char *name, int64_t fallback, int64_t min,
                      int64_t max)
{
    int64_t value = fallback;
    if (p->status != CORBEL_OK || !parameter_find(p, name) ||
        !took(p, json_get_int(p->object, name, &value, place, p->err)))
        return fallback;
    if (value < min || value > max) {
        parameter_fail(p, CORBEL_E_ARGUMENT, "%s: %s: expected %lld to %lld, found %lld", place,
                       name, (long long)min, (long long)max, (long long)value);
        return fallback;
    }
    return value;
}

double parameter_double(struct parameters *p, const char *name, double fallback, double min,
                        double max)
{
    double value = fallback;
    if (p->status != CORBEL_OK || !parameter_find(p, name) ||
        !took(p, json_get_double(p->object, name, &value, place, p->err)))
        return fallback;
    if (!(value >= min && value <= max)) {
        parameter_fail(p, CORBEL_E_ARGUMENT, "%s: %s: expected %g to %g, found %g", place, name,
                       min, max, value);
        return fallback;
    }
    return value;
}

bool parameter_bool(struct parameters *p, const char *name, bool fallback)
{
    bool value = fallback;
    if (p->status != CORBEL_OK || !took(p, json_get_bool(p->object, name, &value, place, p->err)))
        return fallback;
    return value;
}

const char *parameter_string(struct parameters *p, const char *name, const char *fallback)
{
    const char *value = fallback;
    if (p->status != CORBEL_OK || !took(p, json_get_string(p->object, name, &value, place, p->err)))
        return fallback;
    return value;
}

static bool listed(const char *name, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

void parameters_check_names(struct parameters *p, const char *const *names, size_t n_names)
{
    struct json_object_iter member;
    json_object_object_foreachC(p->object, member)
    {
        if (listed(member.key, names, n_names))
            continue;
        const char *near = text_nearest(member.key, names, n_names);
        parameter_fail(p, CORBEL_E_ARGUMENT, "%s: %s: not a parameter of this task%s%s%s", place,
                       member.key, near ? "; did you mean " : "", near ? near : "",
                       near ? "?" : "");
        return;
    }
}
