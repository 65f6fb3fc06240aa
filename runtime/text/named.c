/* text/named.c: a tokenizer by the name of its model. */
#include "hub/resolve.h"
#include "text/tokenizer.h"

#include <limits.h>

corbel_status corbel_tokenizer_load(const char *name, corbel_tokenizer **tokenizer,
                                    corbel_error *err)
{
    char folder[PATH_MAX];

    *tokenizer = NULL;
    corbel_status status = hub_resolve_parts(name, CORBEL_PULL_CONFIG | CORBEL_PULL_TOKENIZER,
                                             folder, sizeof folder, err);
    return status == CORBEL_OK ? tokenizer_load(folder, tokenizer, err) : status;
}
