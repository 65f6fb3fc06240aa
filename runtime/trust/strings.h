/* trust/strings.h: a list of strings, as members of our JSON files are. */
#ifndef TRUST_STRINGS_H
#define TRUST_STRINGS_H

#include <stddef.h>

struct strings {
    const char **items;
    size_t n;
};

#endif
