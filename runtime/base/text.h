/* base/text.h: a growing byte string, sticky on failure.
 *
 * A zeroed struct is an empty text. After memory has run out further calls do nothing and `failed`
 * is set; check it once at the end. `data` is always terminated by 0 (it is never NULL after the
 * first successful append; text_cstr is sound on an empty one). */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
    char *data;
    size_t size, capacity;
    bool failed;
};

void text_finish(struct text *t);
void text_append(struct text *t, const char *s);
void text_append_bytes(struct text *t, const void *data, size_t size);
void text_append_char(struct text *t, char c);
void text_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_format_v(struct text *t, const char *format, va_list args);
void text_clear(struct text *t);
const char *text_cstr(const struct text *t);
/* The bytes, owned by the caller (free); the text is empty afterwards. NULL if it has failed. */
char *text_take(struct text *t);
/* Appends `s` as a quoted JSON string (ensure_ascii off, as Python's json.dumps). */
void text_append_json_string(struct text *t, const char *s, size_t size);

/* Bytes of the well-formed UTF-8 character at `s`, which has `left` bytes; 0: none. */
size_t text_utf8_length(const char *s, size_t left);

/* In place: what moves a terminal's cursor, changes its state or turns a line around becomes
 * spaces, what is no UTF-8 question marks; the control characters in `but` stay. */
void text_keep_printable(char *s, size_t size, const char *but);

/* The nearest of `names` by edit distance, or NULL if none is near: "did you mean ...?" */
const char *text_nearest(const char *word, const char *const *names, size_t n_names);

#endif
