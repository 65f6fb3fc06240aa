/* base/arena.c: blocks that are filled from the front and freed together. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

struct arena_block {
    struct arena_block *previous;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

/* Blocks double, so that a large arena has few of them and a small one wastes little. A thing that
 * is larger than the next block gets a block of its own size. */
static struct arena_block *add_block(struct arena *a, size_t least)
{
    size_t size = a->last ? a->last->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    if (size < least)
        size = least;
    if (size > SIZE_MAX - sizeof(struct arena_block))
        return NULL;

    struct arena_block *block = calloc(1, sizeof(*block) + size);
    if (!block)
        return NULL;
    block->size = size;
    block->previous = a->last;
    a->last = block;
    return block;
}

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){.limit = limit};
}

void arena_finish(struct arena *a)
{
    struct arena_block *block = a->last;
    while (block) {
        struct arena_block *previous = block->previous;
        free(block);
        block = previous;
    }
    *a = (struct arena){.limit = a->limit};
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t step = alignof(max_align_t);
    if (size > SIZE_MAX - step)
        return NULL;
    /* Of nothing there is still an address of its own. */
    const size_t rounded = size == 0 ? step : (size + step - 1) / step * step;
    if (rounded > SIZE_MAX - a->used || (a->limit != 0 && a->used + rounded > a->limit))
        return NULL;

    struct arena_block *block = a->last;
    if (!block || block->size - block->used < rounded)
        block = add_block(a, rounded);
    if (!block)
        return NULL;
    void *memory = block->bytes + block->used;
    block->used += rounded;
    a->used += rounded;
    return memory;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(a, total);
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
    void *memory = arena_alloc(a, size);
    if (memory && size != 0)
        memcpy(memory, data, size);
    return memory;
}

char *arena_string(struct arena *a, const char *s)
{
    return arena_copy(a, s, strlen(s) + 1);
}

char *arena_format(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char *s = NULL;
    const int length = vsnprintf(NULL, 0, format, args);
    if (length >= 0)
        s = arena_alloc(a, (size_t)length + 1);
    if (s)
        vsnprintf(s, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return s;
}
