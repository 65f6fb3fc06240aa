/* trust.c: see trust.h. */
#include "trust/trust.h"

#include "base/error.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

corbel_status trust_open(struct trust *t, const struct trust_key *build_key, corbel_error *err)
{
    corbel_status status;
    size_t n;

    *t = (struct trust){0};
    status = home_open(&t->home, err);
    if (!status)
        status = keyring_load(&t->keyring, &t->home, err);
    if (!status)
        status = releases_load(&t->releases, &t->home, err);
    if (status)
        return status;
    n = t->keyring.n_keys;
    t->keys = calloc(n + 1, sizeof(*t->keys));
    if (!t->keys)
        return error_memory(err, (n + 1) * sizeof(*t->keys), "keys");
    if (n)
        memcpy(t->keys, t->keyring.keys, n * sizeof(*t->keys));
    if (build_key)
        t->keys[n++] = *build_key;
    t->policy = (struct trust_policy){
        .keys = t->keys,
        .n_keys = n,
        .keyring = &t->keyring,
        .releases = &t->releases,
    };
    return CORBEL_OK;
}

void trust_close(struct trust *t)
{
    keyring_finish(&t->keyring);
    releases_finish(&t->releases);
    free(t->keys);
    *t = (struct trust){0};
}

void trust_note(const struct trust *t, const struct bundle *bundle)
{
    corbel_error err;

    if (t->home.exists && releases_note(&t->releases, &t->home, &bundle->manifest, &err))
        log_line(CORBEL_LOG_WARN, "the release of %s can't be remembered: %s",
                 bundle->manifest.name, err.text);
}
