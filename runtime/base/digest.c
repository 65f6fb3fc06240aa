/* base/digest.c: SHA-256 through libcrypto.
 *
 * The low-level functions are deprecated in favour of EVP, but EVP allocates and so can fail, and
 * a digest that may be missing is a trap for everything that compares digests. These can't fail. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/digest.h"

#include <openssl/sha.h>

void digest_sha256(const void *data, size_t size, unsigned char out[32])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    if (size != 0)
        SHA256_Update(&context, data, size);
    SHA256_Final(out, &context);
}

void digest_sha256_hex(const void *data, size_t size, char out[DIGEST_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[32];
    digest_sha256(data, size, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * sizeof digest] = '\0';
}
