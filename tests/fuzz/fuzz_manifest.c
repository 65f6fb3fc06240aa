/* fuzz_manifest.c: a text that is accepted is written back byte for byte, unless it has x- keys;
 * the readers of keys and signatures take any bytes. */
#include "trust/manifest.h"
#include "trust/minisign.h"
#include "trust/sign.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct minisign_signature signature;
    struct minisign_key key;
    struct sign_key secret;
    struct text text = {0};
    struct manifest m;

    if (manifest_read(&m, bytes, size, "fuzz", NULL) == CORBEL_OK) {
        manifest_write(&m, &text);
        if (!memmem(data, size, "\"x-", 3) &&
            (text.size != size || memcmp(text.data, data, size) != 0))
            abort();
        text_finish(&text);
        manifest_finish(&m);
    }
    (void)minisign_signature_parse(&signature, bytes, size, "fuzz", NULL);
    (void)minisign_key_parse(&key, bytes, size, "fuzz", NULL);
    (void)sign_key_parse(&secret, bytes, size, NULL, "fuzz", NULL);
    return 0;
}
