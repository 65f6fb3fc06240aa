/* base/struct_copy.h: a caller's params struct, whatever size it had where the caller was compiled.
 */
#ifndef BASE_STRUCT_COPY_H
#define BASE_STRUCT_COPY_H

#include <stdint.h>
#include <string.h>

/* Copies `theirs`, which begins with its size, over `ours` of `size` bytes, which holds the
 * defaults: what an older and shorter one lacks stays as it was, and what a newer and longer one
 * has beyond ours is left out. NULL: all stays. A caller who set no size has set nothing. */
static inline void struct_copy(void *ours, size_t size, const void *theirs)
{
    uint32_t claimed, own = (uint32_t)size;
    if (!theirs)
        return;
    memcpy(&claimed, theirs, sizeof(claimed));
    memcpy(ours, theirs, claimed < size ? claimed : size);
    memcpy(ours, &own, sizeof(own));
}

/* STRUCT_COPY(&p, params) */
#define STRUCT_COPY(ours, theirs) struct_copy(ours, sizeof(*(ours)), theirs)

#endif
