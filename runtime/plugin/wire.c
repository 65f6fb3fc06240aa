/* wire.c: see wire.h. */
#include "plugin/wire.h"

#include <string.h>

/* ---- writing -------------------------------------------------------------------------------- */

void wire_put(struct text *out, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    text_append_bytes(out, bytes, size);
}

void wire_put_double(struct text *out, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    wire_put(out, bits, sizeof bits);
}

void wire_put_text(struct text *out, const char *s)
{
    size_t size = s ? strlen(s) : 0;

    wire_put(out, size, 4);
    text_append_bytes(out, s ? s : "", size);
}

/* ---- reading -------------------------------------------------------------------------------- */

void wire_fail(struct wire_reader *r, const char *why)
{
    if (!r->why)
        r->why = why;
}

static bool has(struct wire_reader *r, size_t size)
{
    if (!r->why && r->size - r->at < size)
        wire_fail(r, "it ends early");
    return !r->why;
}

uint64_t wire_get(struct wire_reader *r, size_t size)
{
    uint64_t value = 0;

    if (!has(r, size))
        return 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)r->data[r->at + i] << 8 * i;
    r->at += size;
    return value;
}

int64_t wire_get_i64(struct wire_reader *r)
{
    return (int64_t)wire_get(r, 8);
}

double wire_get_double(struct wire_reader *r)
{
    uint64_t bits = wire_get(r, 8);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

uint32_t wire_get_count(struct wire_reader *r, size_t least, uint32_t limit)
{
    uint32_t count = (uint32_t)wire_get(r, 4);

    if (count > limit || count > (r->size - r->at) / least)
        wire_fail(r, "a count is larger than what follows, or than is allowed");
    return r->why ? 0 : count;
}

/* U+0080 to U+009F are controls; U+200E, U+200F, U+2028 to U+202E and U+2066 to U+2069 break or
 * turn a line. */
size_t wire_character(const char *s, size_t left)
{
    const unsigned char *c = (const unsigned char *)s;
    size_t n = text_utf8_length(s, left);

    if (n == 1 && (c[0] < 0x20 || c[0] == 0x7f))
        return 0;
    if (n == 2 && c[0] == 0xc2 && c[1] < 0xa0)
        return 0;
    if (n == 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] & 0xfe) == 0x8e)
        return 0;
    if (n == 3 && c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae)
        return 0;
    if (n == 3 && c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)
        return 0;
    return n;
}

static void check_characters(struct wire_reader *r, const char *s, size_t size)
{
    for (size_t i = 0, n; i < size; i += n) {
        n = wire_character(s + i, size - i);
        if (n == 0) {
            wire_fail(r, "a text that is not UTF-8, or holds control characters");
            return;
        }
    }
}

const char *wire_get_string(struct wire_reader *r, size_t limit)
{
    uint32_t size = wire_get_count(r, 1, (uint32_t)limit);
    const uint8_t *bytes = wire_get_bytes(r, size);
    char *copy = wire_alloc(r, (size_t)size + 1, 1);

    if (copy && size)
        memcpy(copy, bytes, size);
    if (copy && memchr(copy, 0, size))
        wire_fail(r, "a text that holds a 0");
    return r->why ? NULL : copy;
}

const char *wire_get_text(struct wire_reader *r, size_t limit)
{
    const char *s = wire_get_string(r, limit);

    if (s)
        check_characters(r, s, strlen(s));
    return r->why ? NULL : s;
}

const uint8_t *wire_get_bytes(struct wire_reader *r, size_t size)
{
    const uint8_t *bytes;

    if (!has(r, size))
        return NULL;
    bytes = r->data + r->at;
    r->at += size;
    return bytes;
}

void *wire_alloc(struct wire_reader *r, size_t count, size_t size)
{
    void *memory = r->why ? NULL : arena_array(r->arena, count ? count : 1, size);

    if (!memory)
        wire_fail(r, "there is no memory for it");
    return memory;
}

void wire_end(struct wire_reader *r)
{
    if (!r->why && r->at != r->size)
        wire_fail(r, "bytes follow its end");
}
