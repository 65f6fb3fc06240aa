/* trust/audit.h: what somebody who answers for this machine wants to know. */
#ifndef TRUST_AUDIT_H
#define TRUST_AUDIT_H

#include "trust/trust.h"

#include <json-c/json.h>

/* Findings go into an array of {"kind", "where", "what"}; notes are facts that are no fault. */
struct audit {
    struct json_object *findings, *notes;
    size_t n_findings;
    size_t n_keys, n_models, n_plugins; /* that were looked at */
};

void audit_find(struct audit *a, const char *kind, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void audit_note(struct audit *a, const char *kind, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* audit.c: variables that bring in code or change where things come from; the sandbox. */
void audit_environment(struct audit *a);
/* The store, keys' scopes, who may write, what --dev was given. */
void audit_home(struct audit *a, const struct trust *t);

/* audit_model.c: a model's folder: code, pickles, config keys that name code, who may write. */
void audit_model(struct audit *a, const char *folder);
/* A finding if `path` is there and others may write to it. */
void audit_writable(struct audit *a, const char *kind, const char *path);

#endif
