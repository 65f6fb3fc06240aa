/* cli/lock.c: `corbel lock` and `corbel audit`. */
#include "base/error.h"
#include "cli/options.h"
#include "cli/session.h"
#include "cli/subcommand.h"
#include "corbel/trust.h"

#include <stdio.h>

corbel_status lock_command(const struct arguments *a, corbel_error *err)
{
    const char *path = arguments_text(a, OPTION_OUTPUT, "corbel.lock");
    struct session session = {0};
    corbel_status status = session_open(&session, a, SESSION_RUNTIME, err);

    if (!status)
        status = corbel_lock_create(session.runtime, a->words, a->n_words, path, err);
    if (!status)
        printf("%s\n", path);
    session_close(&session);
    return status;
}

/* What was found is the result, on stdout; that something was found is the status, 1. */
corbel_status audit_command(const struct arguments *a, corbel_error *err)
{
    size_t n_findings = 0;
    char *json;
    corbel_status status = corbel_audit_json(arguments_text(a, OPTION_LOCK, NULL), a->words,
                                             a->n_words, &json, &n_findings, err);

    if (!status)
        status = subcommand_print(a, json, err);
    if (!status && n_findings)
        status = error_set(err, CORBEL_E_FORMAT, "%zu finding%s", n_findings,
                           n_findings == 1 ? "" : "s");
    return status;
}
