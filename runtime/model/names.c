/* model/names.c: see names.h. */
#include "model/names.h"

#include <stdio.h>
#include <string.h>

bool name_has_prefix(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return n > 0 && strncmp(name, prefix, n) == 0 && name[n] == '.';
}

/* One that is too long is none that a plugin may have given. */
static size_t add(char names[NAMES_MAX][NAMES_SIZE], size_t n, const char *prefix, const char *name)
{
    int size = snprintf(names[n], NAMES_SIZE, "%s%s%s", prefix, prefix[0] ? "." : "", name);
    return size >= 0 && size < NAMES_SIZE ? n + 1 : n;
}

static size_t add_both(char names[NAMES_MAX][NAMES_SIZE], size_t n, const char *prefix,
                       const char *name)
{
    n = add(names, n, "", name);
    if (name_has_prefix(name, prefix))
        return add(names, n, "", name + strlen(prefix) + 1);
    return prefix[0] ? add(names, n, prefix, name) : n;
}

size_t names_of_param(const struct plugin_param *p, const char *prefix,
                      char names[NAMES_MAX][NAMES_SIZE])
{
    size_t n = add_both(names, 0, prefix, p->name);
    return p->older ? add_both(names, n, prefix, p->older) : n;
}
