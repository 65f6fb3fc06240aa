/* plugin/arguments.h: what a constructor is called with: one argument a field of its class. */
#ifndef PLUGIN_ARGUMENTS_H
#define PLUGIN_ARGUMENTS_H

#include "corbel/plugin.h"

enum { ARGUMENTS_MAX = 64 };

/* Which member is in use follows from the field's kind. */
union argument {
    int64_t i64;
    double f64;
    int32_t flag;
    const void *pointer; /* a string, a list or a corbel_rope; NULL: null */
};

#endif
