/* trust/blake2b.h: BLAKE2b (RFC 7693) without key, with a digest of 1 to 64 bytes.
 *
 * libcrypto 3.0 has only the 64-byte form; minisign's secret keys carry a checksum of 32 bytes. */
#ifndef TRUST_BLAKE2B_H
#define TRUST_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

void blake2b(uint8_t *out, size_t out_size, const void *data, size_t size);

#endif
