/* model/session.c: programs traced, planned and made executable once, and kept. */
#include "model/session.h"

#include "base/error.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Executables kept at once: the decode step, a prompt's chunk and remainder, and a few shapes of
 * forward. The one used longest ago makes room. */
#define MAX_STEPS 6

struct session {
    struct corbel_model *model;
    int64_t batch, capacity;
    struct buffer **key_caches, **value_caches; /* [n_caches] */
    struct program_cache *caches;               /* what they were made for */
    uint32_t n_caches;
    struct buffer **states;
    struct program_value *state_values;
    uint32_t n_states;
    struct step *steps[MAX_STEPS];
    uint64_t clock;
};

/* ---- tracing --------------------------------------------------------------------------------- */

/* What every step over tokens offers to forward. */
static uint32_t token_inputs(const struct step_key *key, int64_t capacity,
                             struct trace_input inputs[4])
{
    static const char *const names[] = {"input_ids", "position_ids", "token_type_ids",
                                        "attention_mask"};
    if (!key->has_ids)
        return 0;
    for (uint32_t i = 0; i < 4; i++)
        inputs[i] = (struct trace_input){.name = names[i],
                                         .dtype = CORBEL_I32,
                                         .rank = 2,
                                         .shape = {key->batch, i < 3 ? key->sequence : capacity}};
    return 4;
}

corbel_status session_trace(struct corbel_model *model, const struct step_key *key,
                            int64_t capacity, struct program *program, corbel_error *err)
{
    struct trace_input inputs[16];
    uint32_t n = token_inputs(key, capacity, inputs);
    if (key->n_inputs > 16 - n)
        return error_set(err, CORBEL_E_ARGUMENT, "%u inputs are more than a model takes",
                         key->n_inputs);
    for (uint32_t i = 0; i < key->n_inputs; i++)
        inputs[n++] = key->inputs[i];
    struct trace_options options = {
        .inputs = inputs,
        .n_inputs = n,
        .options = key->options,
        .n_options = key->n_options,
        .capacity = capacity,
        .hidden_states = key->hidden_states,
        .param_dtypes = model->param_dtypes,
    };
    return plugin_model_trace(model->plugin, &options, program, err);
}

/* ---- caches and states ----------------------------------------------------------------------- */

static bool same_cache(const struct program_cache *a, const struct program_cache *b)
{
    return a->batch == b->batch && a->n_heads == b->n_heads && a->capacity == b->capacity &&
           a->head_dim == b->head_dim && a->value_dim == b->value_dim;
}

static corbel_status make_cache(struct session *s, uint32_t i, const struct program_cache *c,
                                corbel_error *err)
{
    uint64_t rows = (uint64_t)c->batch * (uint64_t)c->n_heads * (uint64_t)c->capacity;
    s->caches[i] = *c;
    corbel_status status = buffer_create(
        s->model->device, rows * (uint64_t)c->head_dim * sizeof(float), &s->key_caches[i], err);
    if (!status)
        status = buffer_create(s->model->device, rows * (uint64_t)c->value_dim * sizeof(float),
                               &s->value_caches[i], err);
    return status;
}

/* The first program makes the caches; every later one must ask for the same. */
static corbel_status bind_caches(struct session *s, const struct program *p, corbel_error *err)
{
    if (p->n_caches == 0)
        return CORBEL_OK;
    if (s->n_caches != 0) {
        bool same = s->n_caches == p->n_caches;
        for (uint32_t i = 0; same && i < p->n_caches; i++)
            same = same_cache(&s->caches[i], &p->caches[i]);
        if (same)
            return CORBEL_OK;
        return error_set(err, CORBEL_E_PROGRAM,
                         "%s: forward asks for other key/value caches from one step to the next",
                         s->model->arch->name);
    }
    s->caches = calloc(p->n_caches, sizeof(*s->caches));
    s->key_caches = calloc(p->n_caches, sizeof(*s->key_caches));
    s->value_caches = calloc(p->n_caches, sizeof(*s->value_caches));
    if (!s->caches || !s->key_caches || !s->value_caches)
        return error_memory(err, p->n_caches * sizeof(*s->caches), "key/value caches");
    s->n_caches = p->n_caches;
    for (uint32_t i = 0; i < p->n_caches; i++) {
        corbel_status status = make_cache(s, i, &p->caches[i], err);
        if (status)
            return status;
    }
    return CORBEL_OK;
}

static corbel_status add_state(struct session *s, const struct program_value *v,
                               struct buffer **buffer, corbel_error *err)
{
    uint32_t n = s->n_states;
    struct buffer **states = realloc(s->states, (n + 1) * sizeof(*states));
    if (states)
        s->states = states;
    struct program_value *values = realloc(s->state_values, (n + 1) * sizeof(*values));
    if (values)
        s->state_values = values;
    if (!states || !values)
        return error_memory(err, (n + 1) * sizeof(*values), v->name);
    s->state_values[n] = *v;
    s->state_values[n].name = arena_string(&s->model->arena, v->name);
    corbel_status status = buffer_create(s->model->device, value_bytes(v), &s->states[n], err);
    if (status)
        return status;
    s->n_states++;
    *buffer = s->states[n];
    return s->state_values[n].name ? CORBEL_OK : error_memory(err, 0, v->name);
}

static corbel_status bind_state(struct session *s, const struct program_value *v,
                                struct buffer **buffer, corbel_error *err)
{
    for (uint32_t i = 0; i < s->n_states; i++) {
        if (strcmp(s->state_values[i].name, v->name) != 0)
            continue;
        if (value_bytes(&s->state_values[i]) != value_bytes(v))
            return error_set(err, CORBEL_E_PROGRAM, "%s: state %s changes its shape",
                             s->model->arch->name, v->name);
        *buffer = s->states[i];
        return CORBEL_OK;
    }
    return add_state(s, v, buffer, err);
}

/* Programs use weights in about the order of their declaration: the search goes on from *next. */
static struct buffer *find_weight(struct corbel_model *model, const char *name, uint32_t *next)
{
    uint32_t n = plugin_model_param_count(model->plugin);
    for (uint32_t tried = 0; tried < n; tried++) {
        uint32_t i = (*next + tried) % n;
        if (strcmp(plugin_model_param(model->plugin, i)->name, name) == 0) {
            *next = i + 1;
            return model->weights[i].buffer;
        }
    }
    return NULL;
}

static corbel_status bind_values(struct session *s, const struct program *p,
                                 struct buffer **buffers, corbel_error *err)
{
    uint32_t next = 0;
    for (uint32_t id = 1; id <= p->n_values; id++) {
        const struct program_value *v = &p->values[id];
        if (v->kind == VALUE_STATE) {
            corbel_status status = bind_state(s, v, &buffers[id], err);
            if (status)
                return status;
        }
        if (v->kind != VALUE_WEIGHT)
            continue;
        buffers[id] = find_weight(s->model, v->name, &next);
        if (!buffers[id])
            return error_set(err, CORBEL_E_ARGUMENT,
                             "%s: %s has no data: the model was loaded "
                             "without weights",
                             s->model->folder, v->name);
    }
    return CORBEL_OK;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void step_destroy(struct step **step)
{
    if (!*step)
        return;
    executable_destroy(&(*step)->executable);
    plan_finish(&(*step)->plan);
    arena_finish(&(*step)->arena);
    free(*step);
    *step = NULL;
}

static bool same_inputs(const struct step_key *a, const struct step_key *b)
{
    if (a->n_inputs != b->n_inputs || a->n_options != b->n_options)
        return false;
    for (uint32_t i = 0; i < a->n_inputs; i++) {
        const struct trace_input *x = &a->inputs[i], *y = &b->inputs[i];
        if (strcmp(x->name, y->name) != 0 || x->dtype != y->dtype || x->rank != y->rank ||
            memcmp(x->shape, y->shape, x->rank * sizeof(*x->shape)) != 0)
            return false;
    }
    for (uint32_t i = 0; i < a->n_options; i++)
        if (strcmp(a->options[i].name, b->options[i].name) != 0 ||
            a->options[i].value != b->options[i].value)
            return false;
    return true;
}

static bool same_key(const struct step_key *a, const struct step_key *b)
{
    return a->batch == b->batch && a->sequence == b->sequence && a->has_ids == b->has_ids &&
           a->hidden_states == b->hidden_states && same_inputs(a, b);
}

/* Names of inputs and options come from callers: the step keeps copies. */
static corbel_status copy_key(const struct step_key *key, struct step *step, corbel_error *err)
{
    if (key->n_inputs > 8 || key->n_options > 8)
        return error_set(err, CORBEL_E_ARGUMENT, "more than 8 inputs or options");
    step->key = *key;
    for (uint32_t i = 0; i < key->n_inputs; i++) {
        step->inputs[i] = key->inputs[i];
        step->inputs[i].name = arena_string(&step->arena, key->inputs[i].name);
        if (!step->inputs[i].name)
            return error_memory(err, 0, "an input's name");
    }
    for (uint32_t i = 0; i < key->n_options; i++) {
        step->options[i] = key->options[i];
        step->options[i].name = arena_string(&step->arena, key->options[i].name);
        if (!step->options[i].name)
            return error_memory(err, 0, "an option's name");
    }
    step->key.inputs = step->inputs;
    step->key.options = step->options;
    return CORBEL_OK;
}

static corbel_status plan_step(struct session *s, struct step *step, corbel_error *err)
{
    struct program program;
    struct plan_options options = device_plan_options(s->model->device);
    program_init(&program);
    corbel_status status = session_trace(s->model, &step->key, s->capacity, &program, err);
    if (!status)
        status = plan_create(&step->plan, &program, &options, err);
    program_finish(&program);
    return status;
}

static corbel_status make_executable(struct session *s, struct step *step, corbel_error *err)
{
    struct program *p = &step->plan.program;
    struct buffer **buffers = calloc(p->n_values + 1, sizeof(*buffers));
    if (!buffers)
        return error_memory(err, (p->n_values + 1) * sizeof(*buffers), "bindings");
    corbel_status status = bind_caches(s, p, err);
    if (!status)
        status = bind_values(s, p, buffers, err);
    if (!status) {
        struct executable_bindings bindings = {
            .values = buffers, .key_caches = s->key_caches, .value_caches = s->value_caches};
        device_set_precision(s->model->device, s->model->precision);
        status =
            executable_create(s->model->device, &step->plan, &bindings, &step->executable, err);
    }
    free(buffers);
    return status;
}

static uint32_t free_slot(struct session *s)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < MAX_STEPS; i++) {
        if (!s->steps[i])
            return i;
        if (s->steps[i]->last_used < s->steps[oldest]->last_used)
            oldest = i;
    }
    step_destroy(&s->steps[oldest]);
    return oldest;
}

corbel_status session_step(struct session *session, const struct step_key *key, struct step **step,
                           corbel_error *err)
{
    *step = NULL;
    session->clock++;
    for (uint32_t i = 0; i < MAX_STEPS; i++) {
        if (session->steps[i] && same_key(&session->steps[i]->key, key)) {
            *step = session->steps[i];
            (*step)->last_used = session->clock;
            return CORBEL_OK;
        }
    }
    struct step *made = calloc(1, sizeof(*made));
    if (!made)
        return error_memory(err, sizeof(*made), "a step");
    corbel_status status = copy_key(key, made, err);
    if (!status)
        status = plan_step(session, made, err);
    if (!status)
        status = make_executable(session, made, err);
    if (status) {
        step_destroy(&made);
        return status;
    }
    made->last_used = session->clock;
    session->steps[free_slot(session)] = made;
    *step = made;
    return CORBEL_OK;
}

static corbel_status check_ids(const struct step *step, const struct program_value *ids,
                               int64_t rows, corbel_error *err)
{
    const int32_t *data = executable_input(step->executable, ids->name);
    int64_t n = value_count(ids), per_row = ids->rank > 1 ? ids->shape[ids->rank - 1] : n;
    for (int64_t i = 0; data && i < n; i++)
        if (data[i] < 0 || data[i] >= rows)
            return error_set(
                err, CORBEL_E_ARGUMENT,
                "%s[%lld, %lld] is %d, expected 0 to %lld: the embedding has %lld rows", ids->name,
                (long long)(i / per_row), (long long)(i % per_row), data[i], (long long)(rows - 1),
                (long long)rows);
    return CORBEL_OK;
}

corbel_status step_check_indices(const struct step *step, corbel_error *err)
{
    const struct program *p = &step->plan.program;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const struct program_op *op = &p->ops[i];
        const struct program_value *ids = &p->values[op->in[1]];
        if (op->kind != OP_EMBEDDING || ids->kind != VALUE_INPUT)
            continue;
        corbel_status status = check_ids(step, ids, p->values[op->in[0]].shape[0], err);
        if (status)
            return status;
    }
    return CORBEL_OK;
}

/* ---- sessions -------------------------------------------------------------------------------- */

static corbel_status zero_states(struct session *s, corbel_error *err)
{
    static const char zeros[4096];
    for (uint32_t i = 0; i < s->n_states; i++) {
        uint64_t size = value_bytes(&s->state_values[i]);
        for (uint64_t at = 0; at < size; at += sizeof(zeros)) {
            uint64_t n = size - at < sizeof(zeros) ? size - at : sizeof(zeros);
            corbel_status status = buffer_write(s->states[i], at, zeros, n, err);
            if (status)
                return status;
        }
    }
    return CORBEL_OK;
}

corbel_status session_get(struct corbel_model *model, int64_t batch, int64_t capacity,
                          struct session **session, corbel_error *err)
{
    struct session *s = model->session;
    *session = NULL;
    if (s && s->batch == batch && s->capacity == capacity) {
        *session = s;
        return zero_states(s, err);
    }
    session_destroy(&model->session);
    s = calloc(1, sizeof(*s));
    if (!s)
        return error_memory(err, sizeof(*s), "a session");
    *s = (struct session){.model = model, .batch = batch, .capacity = capacity};
    model->session = *session = s;
    return CORBEL_OK;
}

int64_t session_capacity(const struct session *session)
{
    return session->capacity;
}

void session_destroy(struct session **session)
{
    if (!session || !*session)
        return;
    struct session *s = *session;
    for (uint32_t i = 0; i < MAX_STEPS; i++)
        step_destroy(&s->steps[i]);
    for (uint32_t i = 0; i < s->n_caches; i++) {
        buffer_destroy(&s->key_caches[i]);
        buffer_destroy(&s->value_caches[i]);
    }
    for (uint32_t i = 0; i < s->n_states; i++)
        buffer_destroy(&s->states[i]);
    free(s->key_caches);
    free(s->value_caches);
    free(s->caches);
    free(s->states);
    free(s->state_values);
    free(s);
    *session = NULL;
}
