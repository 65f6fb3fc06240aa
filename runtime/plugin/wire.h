/* plugin/wire.h: numbers and texts as bytes, for the messages between this process and a plugin's.
 *
 * Little-endian, without padding; a text is u32 size and bytes. Writing appends to a struct text,
 * which is sticky when memory runs out. Reading is sticky too: after the first failure every call
 * gives 0 or NULL and the reason is kept. Nothing read is believed: a count is bounded by the bytes
 * that are left, a text is UTF-8 without control characters and without marks that turn lines
 * around.
 */
#ifndef PLUGIN_WIRE_H
#define PLUGIN_WIRE_H

#include "base/arena.h"
#include "base/text.h"
#include "corbel/corbel.h"

struct wire_reader {
    const uint8_t *data;
    size_t size, at;
    struct arena *arena; /* what is read lives there */
    const char *why;     /* the first failure; NULL: none */
};

void wire_put(struct text *out, uint64_t value, size_t size);
void wire_put_double(struct text *out, double value);
void wire_put_text(struct text *out, const char *s); /* NULL as "" */

/* Bytes of the character at `s`, which has `left` bytes; 0: it has no place in a text. */
size_t wire_character(const char *s, size_t left);

void wire_fail(struct wire_reader *r, const char *why);
uint64_t wire_get(struct wire_reader *r, size_t size);
int64_t wire_get_i64(struct wire_reader *r);
double wire_get_double(struct wire_reader *r);
/* A number of things of which each takes at least `least` bytes, at most `limit`. */
uint32_t wire_get_count(struct wire_reader *r, size_t least, uint32_t limit);
/* In the arena, terminated; at most `limit` bytes. NULL only after a failure. */
const char *wire_get_text(struct wire_reader *r, size_t limit);
/* The same for what need not be readable: any bytes but 0. */
const char *wire_get_string(struct wire_reader *r, size_t limit);
/* As they are, without a copy. */
const uint8_t *wire_get_bytes(struct wire_reader *r, size_t size);
/* In the arena; NULL, and a failure, if there is no memory. */
void *wire_alloc(struct wire_reader *r, size_t count, size_t size);
/* Nothing may be left. */
void wire_end(struct wire_reader *r);

#endif
