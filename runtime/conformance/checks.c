/* conformance/checks.c: see checks.h. */
#include "conformance/checks.h"

#include <string.h>

enum { MAX_TOLD = 6 }; /* findings of one check whose text is kept */

void checks_init(struct checks *r, const corbel_plugin_test_params *params)
{
    *r = (struct checks){.params = params, .done = json_object_new_array()};
}

void checks_finish(struct checks *r)
{
    json_object_put(r->done);
    text_finish(&r->findings);
    text_finish(&r->skipped);
}

void check_begin(struct checks *r, const char *name, const char *subject)
{
    r->name = name;
    r->subject = subject;
    r->n_tries = r->n_findings = 0;
    text_clear(&r->findings);
    text_clear(&r->skipped);
}

void check_try(struct checks *r)
{
    r->n_tries++;
}

void check_found(struct checks *r, const char *format, ...)
{
    va_list args;

    if (++r->n_findings > MAX_TOLD)
        return;
    if (r->n_findings > 1)
        text_append_char(&r->findings, '\n');
    va_start(args, format);
    text_format_v(&r->findings, format, args);
    va_end(args);
}

void check_skip(struct checks *r, const char *format, ...)
{
    va_list args;

    text_clear(&r->skipped);
    va_start(args, format);
    text_format_v(&r->skipped, format, args);
    va_end(args);
}

static int32_t verdict_of(struct checks *r)
{
    if (r->n_findings > 0)
        return CORBEL_CHECK_FAILED;
    if (r->skipped.size > 0)
        return CORBEL_CHECK_SKIPPED;
    if (r->n_tries > 0)
        return CORBEL_CHECK_PASSED;
    check_found(r, "nothing could be tried");
    return CORBEL_CHECK_FAILED;
}

static const char *verdict_name(int32_t verdict)
{
    static const char *const names[] = {"passed", "failed", "skipped"};
    return names[verdict];
}

static struct json_object *as_json(const corbel_plugin_check *check)
{
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, "check", json_object_new_string(check->name));
    json_object_object_add(o, "subject", json_object_new_string(check->subject));
    json_object_object_add(o, "verdict", json_object_new_string(verdict_name(check->verdict)));
    json_object_object_add(o, "tries", json_object_new_int64(check->n_tries));
    json_object_object_add(o, "findings", json_object_new_int64(check->n_findings));
    json_object_object_add(o, "detail", json_object_new_string(check->detail));
    return o;
}

void check_end(struct checks *r)
{
    const int32_t verdict = verdict_of(r);
    const bool is_skipped = verdict == CORBEL_CHECK_SKIPPED;
    const corbel_plugin_check check = {
        .struct_size = sizeof(check),
        .verdict = verdict,
        .n_tries = r->n_tries,
        .n_findings = r->n_findings,
        .name = r->name,
        .subject = r->subject,
        .detail = text_cstr(is_skipped ? &r->skipped : &r->findings),
    };

    r->n_passed += verdict == CORBEL_CHECK_PASSED;
    r->n_failed += verdict == CORBEL_CHECK_FAILED;
    r->n_skipped += is_skipped;
    json_object_array_add(r->done, as_json(&check));
    if (r->params->on_check)
        r->params->on_check(r->params->user, &check);
}
