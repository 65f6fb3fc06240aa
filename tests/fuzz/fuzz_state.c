/* fuzz_state.c: any bytes as keyring.json, revoked.json, releases.json and origins.json. */
#include "trust/keyring.h"
#include "trust/origins.h"
#include "trust/releases.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_keyring(const char *data, size_t size, enum keyring_file file)
{
    struct keyring k = {0};
    struct minisign_key key;

    memset(&key, 1, sizeof key);
    if (keyring_parse(&k, file, data, size, "fuzz", NULL) == CORBEL_OK) {
        (void)keyring_key_revoked(&k, &key);
        (void)keyring_pin_revoked(&k, "12");
        for (size_t i = 0; i < k.n_keys; i++)
            (void)keyring_key_revoked(&k, &k.keys[i].key);
    }
    keyring_finish(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct releases releases;
    struct origins origins;

    check_keyring(text, size, KEYRING_TRUSTED);
    check_keyring(text, size, KEYRING_REVOKED);
    if (releases_parse(&releases, text, size, "fuzz", NULL) == CORBEL_OK)
        (void)releases_find(&releases, "acme/canary");
    releases_finish(&releases);
    if (origins_parse(&origins, text, size, "fuzz", NULL) == CORBEL_OK)
        (void)origins_find(&origins, "12");
    origins_finish(&origins);
    return 0;
}
