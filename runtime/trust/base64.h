/* trust/base64.h: base64 with padding, in its one canonical form. */
#ifndef TRUST_BASE64_H
#define TRUST_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exactly out_size bytes from exactly in_size characters; spare bits must be 0. */
bool base64_decode(uint8_t *out, size_t out_size, const char *in, size_t in_size);
/* `out` has room for (size + 2) / 3 * 4 + 1 characters. */
void base64_encode(char *out, const uint8_t *in, size_t size);

#endif
