/* chat/jinja/escapes.h: what a string literal means. */
#ifndef CHAT_JINJA_ESCAPES_H
#define CHAT_JINJA_ESCAPES_H

#include "base/text.h"

/* Appends the characters that Python's escapes stand for. NULL, or what is wrong; check out->failed
 * too. */
const char *unescape(const char *s, size_t size, struct text *out);

#endif
