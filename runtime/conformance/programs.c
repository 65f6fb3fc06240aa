/* conformance/programs.c: what a class traces, over configs and shapes that nobody chose. */
#include "conformance/conformance.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CONFIGS = 256, MOST_ELEMENTS = 64 << 20 };

static const struct trial_shape shapes[] = {{1, 1}, {1, 7}, {2, 5}, {3, 16}};
#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* Configs that the class has accepted, the base first. */
struct accepted {
    struct json_object *items[MAX_CONFIGS];
    uint32_t n;
};

static void accepted_finish(struct accepted *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        json_object_put(a->items[i]);
}

static const char *text_of(struct json_object *config)
{
    return json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

/* Each result belongs to a row of the batch. */
static void check_batch(struct conformance *c, const struct program *p,
                        const struct trial_shape *shape, struct json_object *config)
{
    if (p->n_outputs == 0)
        check_found(&c->checks, "forward gives no output: %s", text_of(config));
    for (uint32_t i = 0; i < p->n_outputs; i++) {
        const struct program_value *v = &p->values[p->outputs[i].value];

        if (v->rank == 0 || v->shape[0] != shape->batch)
            check_found(&c->checks, "batch %lld: %s has %lld rows: %s", (long long)shape->batch,
                        p->outputs[i].name, (long long)(v->rank ? v->shape[0] : 0),
                        text_of(config));
    }
}

/* Long inputs may be refused; one token, or one picture, must do. */
static void try_shapes(struct conformance *c, struct trial *t, struct json_object *config)
{
    for (size_t i = 0; i < N_SHAPES; i++) {
        struct program program;
        corbel_error err = {0};

        check_try(&c->checks);
        if (trial_trace(t, &shapes[i], &program, &err) == CORBEL_OK) {
            check_batch(c, &program, &shapes[i], config);
            program_finish(&program);
        } else if (i == 0 || err.status == CORBEL_E_UNTRUSTED) {
            check_found(&c->checks, "the constructor accepted what forward refuses: %s: %s",
                        err.text, text_of(config));
        }
    }
}

/* Keeps the config (taken) if it was accepted and is no giant. */
static void try_config(struct conformance *c, const struct subject *s, struct json_object *config,
                       struct accepted *accepted)
{
    struct trial t;

    trial_begin(&t, c->isolated, s->arch->name, json_object_get(config));
    if (trial_is_scandal(&t))
        check_found(&c->checks, "%s: %s", t.error.text, text_of(config));
    if (!t.status && trial_elements(&t) <= MOST_ELEMENTS) {
        try_shapes(c, &t, config);
        accepted->items[accepted->n++] = json_object_get(config);
    }
    trial_finish(&t);
    json_object_put(config);
}

static void find_configs(struct conformance *c, const struct subject *s, struct accepted *accepted)
{
    const uint32_t wanted = c->params.n_configs < MAX_CONFIGS ? c->params.n_configs : MAX_CONFIGS;

    check_begin(&c->checks, "programs: shapes over random configs", s->arch->name);
    try_config(c, s, json_object_get(s->base), accepted);
    for (uint32_t i = 0; i < 8 * wanted && accepted->n < wanted; i++)
        try_config(c, s, config_vary(s->arch, s->base, &c->random), accepted);
    check_end(&c->checks);
}

/* ---- the same program ------------------------------------------------------------------------ */

/* The program's bytes; NULL: there is none, and why. */
static char *trace_bytes(struct trial *t, const struct trial_shape *shape, size_t *size,
                         corbel_error *err)
{
    struct program program;
    char *data = NULL;

    if (t->status) {
        *err = t->error;
        return NULL;
    }
    if (trial_trace(t, shape, &program, err))
        return NULL;
    if (program_write(&program, &data, size, err))
        data = NULL;
    program_finish(&program);
    return data;
}

static void compare_traces(struct conformance *c, struct trial *a, struct trial *b,
                           const struct trial_shape *shape, const char *whose,
                           struct json_object *config)
{
    corbel_error err_a = {0}, err_b = {0};
    size_t size_a = 0, size_b = 0;
    char *x = trace_bytes(a, shape, &size_a, &err_a), *y = trace_bytes(b, shape, &size_b, &err_b);

    check_try(&c->checks);
    if (!x != !y)
        check_found(&c->checks, "%s: one of them fails: %s: %s", whose, x ? err_b.text : err_a.text,
                    text_of(config));
    else if (x && (size_a != size_b || memcmp(x, y, size_a) != 0))
        check_found(&c->checks, "%s: the programs differ: %s", whose, text_of(config));
    free(x);
    free(y);
}

/* Both registries are asked for the model anew, each config at two shapes. */
static void compare_all(struct conformance *c, const struct subject *s,
                        const struct accepted *accepted, struct plugin_registry *other,
                        const char *whose)
{
    for (uint32_t i = 0; i < accepted->n; i++) {
        struct json_object *config = accepted->items[i];
        struct trial a, b;

        trial_begin(&a, c->isolated, s->arch->name, json_object_get(config));
        trial_begin(&b, other, s->arch->name, json_object_get(config));
        compare_traces(c, &a, &b, &shapes[1], whose, config);
        compare_traces(c, &a, &b, &shapes[2], whose, config);
        trial_finish(&a);
        trial_finish(&b);
    }
}

/* ---- outside --------------------------------------------------------------------------------- */

void check_programs(struct conformance *c, const struct subject *s)
{
    struct accepted accepted = {.n = 0};

    find_configs(c, s, &accepted);

    check_begin(&c->checks, "programs: the same twice", s->arch->name);
    compare_all(c, s, &accepted, c->isolated, "twice the same request");
    check_end(&c->checks);

    check_begin(&c->checks, "programs: isolated and in process", s->arch->name);
    if (c->here)
        compare_all(c, s, &accepted, c->here, "isolated and in this process");
    else
        check_skip(&c->checks, "%s", c->not_here);
    check_end(&c->checks);
    accepted_finish(&accepted);
}
