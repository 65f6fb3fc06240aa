/* base/arena.h: small things that die together.
 *
 * Memory is zeroed, aligned for any type, and lives until arena_finish. Every function returns
 * NULL when memory runs out or a size overflows, or when the arena's limit is reached. One thread
 * at a time. A zeroed struct is a valid empty arena without limit. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *last;
    size_t used, limit; /* bytes handed out; 0: no limit */
};

void arena_init(struct arena *a, size_t limit);
void arena_finish(struct arena *a);

void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size); /* checks count * size */
void *arena_copy(struct arena *a, const void *data, size_t size);
char *arena_string(struct arena *a, const char *s);
char *arena_format(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
