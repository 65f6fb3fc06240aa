/* base/digest.h: SHA-256 as lowercase hex, through libcrypto. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_HEX_SIZE 65 /* 64 hex digits and the terminating 0 */

void digest_sha256(const void *data, size_t size, unsigned char out[32]);
void digest_sha256_hex(const void *data, size_t size, char out[DIGEST_HEX_SIZE]);

#endif
