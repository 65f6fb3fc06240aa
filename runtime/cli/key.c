/* cli/key.c: `corbel key`. */
#include "base/error.h"
#include "cli/options.h"
#include "cli/passphrase.h"
#include "cli/subcommand.h"
#include "corbel/trust.h"

#include <string.h>

enum { MAX_SCOPES = 64 };

static corbel_status key_new(const struct arguments *a, corbel_error *err)
{
    char passphrase[PASSPHRASE_SIZE], *json = NULL;
    bool none = arguments_have(a, OPTION_NO_PASSPHRASE);
    corbel_status status = none ? CORBEL_OK : passphrase_read(passphrase, true, err);

    if (!status)
        status = corbel_key_create(a->words[1], none ? NULL : passphrase, &json, err);
    explicit_bzero(passphrase, sizeof passphrase);
    return status ? status : subcommand_print(a, json, err);
}

static corbel_status key_list(const struct arguments *a, corbel_error *err)
{
    char *json;
    corbel_status status = corbel_keys_json(&json, err);

    return status ? status : subcommand_print(a, json, err);
}

static corbel_status key_trust(const struct arguments *a, corbel_error *err)
{
    const char *scopes[MAX_SCOPES];
    size_t n = 0;
    char *json;
    corbel_status status;

    while (n < MAX_SCOPES && (scopes[n] = arguments_nth(a, OPTION_FOR, n)))
        n++;
    status = corbel_key_trust(a->words[1], scopes, n, &json, err);
    return status ? status : subcommand_print(a, json, err);
}

static corbel_status key_revoke(const struct arguments *a, corbel_error *err)
{
    return corbel_key_revoke(a->words[1], err);
}

corbel_status key_command(const struct arguments *a, corbel_error *err)
{
    static const struct subcommand list[] = {
        {"new", 1, 1, key_new},
        {"list", 0, 0, key_list},
        {"trust", 1, 1, key_trust},
        {"revoke", 1, 1, key_revoke},
        {0},
    };

    return subcommand_run(list, a, err);
}
