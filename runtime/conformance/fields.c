/* conformance/fields.c: every field of config.json missing, mistyped, extreme. */
#include "conformance/conformance.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A config may be refused late, but no later: above this a user would think that it hangs. */
static const double longest = 10.0; /* seconds */

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool names_key(const corbel_error *error, const corbel_field *field)
{
    char key[128];
    const char *last;

    config_key(field, key);
    last = strrchr(key, '.');
    if (field->kind == CORBEL_KIND_rope)
        return strstr(error->text, "rope") != NULL;
    return strstr(error->text, last ? last + 1 : key) != NULL;
}

/* ---- missing --------------------------------------------------------------------------------- */

/* A rope field is never missing: without any of its keys it is the default. */
static bool is_required(const corbel_field *field)
{
    return !field->fallback && field->kind != CORBEL_KIND_rope;
}

static void try_missing(struct conformance *c, const struct subject *s, const corbel_field *field)
{
    struct trial t;

    check_try(&c->checks);
    trial_begin(&t, c->isolated, s->arch->name, config_without(s->base, field));
    if (trial_is_scandal(&t))
        check_found(&c->checks, "without %s: %s", field->keys, t.error.text);
    else if (is_required(field) && !t.status)
        check_found(&c->checks, "without %s: accepted, though it has no default", field->keys);
    else if (is_required(field) && !names_key(&t.error, field))
        check_found(&c->checks, "without %s: the error does not name it: %s", field->keys,
                    t.error.text);
    trial_finish(&t);
}

/* ---- mistyped -------------------------------------------------------------------------------- */

/* What no field of that kind is. NULL: everything is fine for it. */
static const char *const *mistyped(const corbel_field *field)
{
    static const char *const numbers[] = {"\"3\"", "true", "[]", "{}", NULL};
    static const char *const integers[] = {"\"3\"", "true", "[]", "{}", "3.5", NULL};
    static const char *const flags[] = {"\"true\"", "1", "[]", NULL};
    static const char *const strings[] = {"3", "true", "[\"a\"]", NULL};
    static const char *const lists[] = {"[[1]]", "{}", "[null]", "[{}]", NULL};
    static const char *const counts[] = {"\"3\"", "true", "2.5", NULL};
    static const char *const ropes[] = {"3", "\"default\"", "{\"rope_type\": 3}",
                                        "{\"rope_type\": \"no such\"}", NULL};

    switch (field->kind) {
    case CORBEL_KIND_i64: return config_is_count(field) ? counts : integers;
    case CORBEL_KIND_f64: return numbers;
    case CORBEL_KIND_flag: return flags;
    case CORBEL_KIND_str: return strings;
    case CORBEL_KIND_rope: return ropes;
    case CORBEL_KIND_json: return NULL;
    default: return lists;
    }
}

static void try_mistyped(struct conformance *c, const struct subject *s, const corbel_field *field,
                         const char *value)
{
    struct trial t;

    check_try(&c->checks);
    trial_begin(&t, c->isolated, s->arch->name,
                config_with(s->base, field, json_tokener_parse(value)));
    if (!t.status)
        check_found(&c->checks, "%s: %s: accepted", field->keys, value);
    else if (trial_is_scandal(&t) || !names_key(&t.error, field))
        check_found(&c->checks, "%s: %s: %s", field->keys, value, t.error.text);
    trial_finish(&t);
}

/* ---- extreme --------------------------------------------------------------------------------- */

static const char *const *extreme(const corbel_field *field)
{
    static const char *const integers[] = {"0",
                                           "-1",
                                           "1",
                                           "65537",
                                           "2147483647",
                                           "2147483648",
                                           "1099511627776",
                                           "9223372036854775807",
                                           "-9223372036854775808",
                                           NULL};
    static const char *const numbers[] = {"0", "-1", "1e308", "-1e308", "1e-320", "1000000", NULL};
    static const char *const flags[] = {"true", "false", NULL};
    static const char *const strings[] = {"\"\"", "\"../../x\"", "\"%s%n\"", "\"\\u00e9\\u0416\"",
                                          NULL};
    static const char *const lists[] = {"[]",
                                        "[0]",
                                        "[-1, -1]",
                                        "[9223372036854775807]",
                                        "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]",
                                        NULL};
    static const char *const words[] = {"[]", "[\"\"]", "[\"no such\", \"../x\"]", NULL};
    static const char *const values[] = {
        "0", "\"\"", "[]", "{}", "true", "1e308", "[[[[[[1]]]]]]", "{\"a\": {\"b\": []}}", NULL};
    static const char *const counts[] = {"{}", "[]", "[1, 2, 3, 4, 5, 6, 7]", NULL};
    static const char *const ropes[] = {"{}", "{\"rope_type\": \"linear\", \"factor\": 1e308}",
                                        "{\"rope_type\": \"default\", \"rope_theta\": 1e-300}",
                                        "{\"rope_type\": \"yarn\", \"factor\": 0.0}", NULL};

    switch (field->kind) {
    case CORBEL_KIND_i64: return config_is_count(field) ? counts : integers;
    case CORBEL_KIND_f64: return numbers;
    case CORBEL_KIND_flag: return flags;
    case CORBEL_KIND_str: return strings;
    case CORBEL_KIND_json: return values;
    case CORBEL_KIND_rope: return ropes;
    case CORBEL_KIND_strs: return words;
    default: return lists;
    }
}

/* Whatever it is: a model and its program, or one error, soon. */
static void try_extreme(struct conformance *c, const struct subject *s, const corbel_field *field,
                        const char *value)
{
    const double start = seconds();
    struct program program;
    struct trial t;

    check_try(&c->checks);
    trial_begin(&t, c->isolated, s->arch->name,
                config_with(s->base, field, json_tokener_parse(value)));
    if (!t.status) {
        t.status = trial_trace(&t, &(struct trial_shape){1, 4}, &program, &t.error);
        if (!t.status)
            program_finish(&program);
    }
    if (trial_is_scandal(&t))
        check_found(&c->checks, "%s: %s: %s", field->keys, value, t.error.text);
    else if (seconds() - start > longest)
        check_found(&c->checks, "%s: %s: it took %.0f s", field->keys, value, seconds() - start);
    trial_finish(&t);
}

static void end(struct conformance *c)
{
    if (c->checks.n_tries == 0)
        check_skip(&c->checks, "the class has no such fields");
    check_end(&c->checks);
}

/* ---- outside --------------------------------------------------------------------------------- */

void check_fields(struct conformance *c, const struct subject *s)
{
    check_begin(&c->checks, "config: fields missing", s->arch->name);
    for (uint32_t i = 0; i < s->arch->n_fields; i++)
        try_missing(c, s, &s->arch->fields[i]);
    end(c);

    check_begin(&c->checks, "config: fields mistyped", s->arch->name);
    for (uint32_t i = 0; i < s->arch->n_fields; i++)
        for (const char *const *v = mistyped(&s->arch->fields[i]); v && *v; v++)
            try_mistyped(c, s, &s->arch->fields[i], *v);
    end(c);

    check_begin(&c->checks, "config: fields extreme", s->arch->name);
    for (uint32_t i = 0; i < s->arch->n_fields; i++)
        for (const char *const *v = extreme(&s->arch->fields[i]); *v; v++)
            try_extreme(c, s, &s->arch->fields[i], *v);
    end(c);
}
