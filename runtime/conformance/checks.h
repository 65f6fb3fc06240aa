/* conformance/checks.h: what a conformance run has done and found, check by check. */
#ifndef CONFORMANCE_CHECKS_H
#define CONFORMANCE_CHECKS_H

#include "base/text.h"
#include "corbel/trust.h"

#include <json-c/json.h>

struct checks {
    const corbel_plugin_test_params *params;
    struct json_object *done;    /* of those that are done */
    uint32_t n_passed, n_failed; /* checks */
    uint32_t n_skipped;

    /* the check that is going on */
    const char *name, *subject;
    uint32_t n_tries, n_findings;
    struct text findings;
    struct text skipped; /* why; empty: it is not */
};

void checks_init(struct checks *r, const corbel_plugin_test_params *params);
void checks_finish(struct checks *r);

/* A check begins, of `subject` (a class, a kernel; "" the bundle); both strings outlive it. */
void check_begin(struct checks *r, const char *name, const char *subject);
/* Something was tried. A check in which nothing was tried is never passed. */
void check_try(struct checks *r);
/* One try came out wrong. The first few are told, all are counted. */
void check_found(struct checks *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The check can't be made here. */
void check_skip(struct checks *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends the check: counts it, and tells the caller's callback. */
void check_end(struct checks *r);

#endif
