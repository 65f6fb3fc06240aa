/* base/text.c: a growing byte string, JSON quoting, and the nearest of some names. */
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for `more` bytes and the terminating 0; false (and the text has failed) if there is none. */
static bool reserve(struct text *t, size_t more)
{
    if (t->failed)
        return false;
    if (more > SIZE_MAX / 4 - t->size) {
        t->failed = true;
        return false;
    }
    const size_t needed = t->size + more + 1;
    if (needed <= t->capacity)
        return true;

    size_t capacity = t->capacity < 32 ? 64 : t->capacity * 2;
    if (capacity < needed)
        capacity = needed;
    char *data = realloc(t->data, capacity);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

void text_finish(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}

void text_append_bytes(struct text *t, const void *data, size_t size)
{
    if (!reserve(t, size))
        return;
    if (size != 0)
        memcpy(t->data + t->size, data, size);
    t->size += size;
    t->data[t->size] = '\0';
}

void text_append(struct text *t, const char *s)
{
    text_append_bytes(t, s, strlen(s));
}

void text_append_char(struct text *t, char c)
{
    text_append_bytes(t, &c, 1);
}

void text_format_v(struct text *t, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    if (length < 0)
        t->failed = true;
    else if (reserve(t, (size_t)length)) {
        vsnprintf(t->data + t->size, (size_t)length + 1, format, again);
        t->size += (size_t)length;
    }
    va_end(again);
}

void text_format(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_format_v(t, format, args);
    va_end(args);
}

void text_clear(struct text *t)
{
    t->size = 0;
    if (t->data)
        t->data[0] = '\0';
}

const char *text_cstr(const struct text *t)
{
    return t->data ? t->data : "";
}

char *text_take(struct text *t)
{
    if (!reserve(t, 0)) {
        text_finish(t);
        return NULL;
    }
    char *data = t->data;
    data[t->size] = '\0';
    *t = (struct text){0};
    return data;
}

/* The letter after the backslash, or 0 if the character has no short escape. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\b': return 'b';
    case '\f': return 'f';
    default: return 0;
    }
}

void text_append_json_string(struct text *t, const char *s, size_t size)
{
    text_append_char(t, '"');
    size_t plain = 0; /* begin of what needs no escape */
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)s[i];
        const char escape = short_escape(c);
        if (c >= 0x20 && !escape)
            continue;
        text_append_bytes(t, s + plain, i - plain);
        plain = i + 1;
        if (escape) {
            text_append_char(t, '\\');
            text_append_char(t, escape);
        } else {
            text_format(t, "\\u%04x", c);
        }
    }
    text_append_bytes(t, s + plain, size - plain);
    text_append_char(t, '"');
}

size_t text_utf8_length(const char *s, size_t left)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t n;                              /* Unicode 15, table 3-7 */
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    if (left == 0 || p[0] < 0x80)
        return left != 0;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;
    } else if ((p[0] & 0xf0) == 0xe0) {
        n = 3;
        if (p[0] == 0xe0)
            low = 0xa0;
        if (p[0] == 0xed)
            high = 0x9f;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        if (p[0] == 0xf0)
            low = 0x90;
        if (p[0] == 0xf4)
            high = 0x8f;
    } else {
        return 0;
    }
    if (n > left || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* U+0080 to U+009F, which some terminals obey, and the marks of direction. */
static bool steers_terminal(const unsigned char *c, size_t n)
{
    if (n == 1)
        return c[0] < 0x20 || c[0] == 0x7f;
    if (n == 2)
        return c[0] == 0xc2 && c[1] < 0xa0;
    return n == 3 && c[0] == 0xe2 &&
           ((c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xaa && c[2] <= 0xae))) ||
            (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

void text_keep_printable(char *s, size_t size, const char *but)
{
    for (size_t i = 0; i < size;) {
        const size_t n = text_utf8_length(s + i, size - i);
        if (n == 0)
            s[i] = '?';
        else if (steers_terminal((const unsigned char *)s + i, n) && !(s[i] && strchr(but, s[i])))
            memset(s + i, ' ', n);
        i += n ? n : 1;
    }
}

enum { LONGEST_NAME = 63 };

/* Levenshtein's distance; names longer than LONGEST_NAME are never near. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a > LONGEST_NAME || n_b > LONGEST_NAME)
        return SIZE_MAX;

    size_t row[LONGEST_NAME + 1];
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n_b];
}

const char *text_nearest(const char *word, const char *const *names, size_t n_names)
{
    const char *nearest = NULL;
    size_t least = 1 + strlen(word) / 3; /* one slip in three letters still counts as near */
    for (size_t i = 0; i < n_names; i++) {
        const size_t distance = edit_distance(word, names[i]);
        if (distance < least || (distance == least && !nearest)) {
            nearest = names[i];
            least = distance;
        }
    }
    return nearest;
}
