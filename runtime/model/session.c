/* model/session.c: programs traced, planned and made executable once, and kept. */
#include "model/session.h"

#include "base/error.h"
#include "base/log.h"
#include "model/kept.h"

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
    struct kept kept; /* what is in caches and states */
    struct step *steps[MAX_STEPS];
    uint64_t clock;
};

/* ---- tracing --------------------------------------------------------------------------------- */

/* What every step over tokens offers to forward. */
static uint32_t token_inputs(const struct step_key *key, int64_t capacity,
                             struct trace_input inputs[5])
{
    static const char *const names[] = {"input_ids", "position_ids", "token_type_ids", "token_mask",
                                        "attention_mask"};
    if (!key->has_ids)
        return 0;
    for (uint32_t i = 0; i < 5; i++)
        inputs[i] = (struct trace_input){.name = names[i],
                                         .dtype = CORBEL_I32,
                                         .rank = 2,
                                         .shape = {key->batch, i < 4 ? key->sequence : capacity}};
    return 5;
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
                                struct device *device, corbel_error *err)
{
    uint64_t rows = (uint64_t)c->batch * (uint64_t)c->n_heads * (uint64_t)c->capacity;
    s->caches[i] = *c;
    corbel_status status =
        buffer_create(device, rows * (uint64_t)c->head_dim * sizeof(float), &s->key_caches[i], err);
    if (!status)
        status = buffer_create(device, rows * (uint64_t)c->value_dim * sizeof(float),
                               &s->value_caches[i], err);
    if (status)
        buffer_destroy(&s->key_caches[i]);
    return status;
}

static corbel_status other_caches(const struct session *s, corbel_error *err)
{
    return error_set(err, CORBEL_E_PROGRAM,
                     "%s: forward asks for other key/value caches from one step to the next",
                     s->model->arch->name);
}

/* The first program says how many; every later one must ask for the same. */
corbel_status session_open_caches(struct session *s, uint32_t n, corbel_error *err)
{
    if (n == 0 || s->n_caches == n)
        return CORBEL_OK;
    if (s->n_caches != 0)
        return other_caches(s, err);
    s->caches = calloc(n, sizeof(*s->caches));
    s->key_caches = calloc(n, sizeof(*s->key_caches));
    s->value_caches = calloc(n, sizeof(*s->value_caches));
    if (!s->caches || !s->key_caches || !s->value_caches)
        return error_memory(err, n * sizeof(*s->caches), "key/value caches");
    s->n_caches = n;
    return CORBEL_OK;
}

corbel_status session_bind_cache(struct session *s, uint32_t slot,
                                 const struct program_cache *cache, struct device *device,
                                 struct buffer **keys, struct buffer **values, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    if (!s->value_caches[slot])
        status = make_cache(s, slot, cache, device, err);
    else if (!same_cache(&s->caches[slot], cache) || s->value_caches[slot]->device != device)
        status = other_caches(s, err);
    *keys = s->key_caches[slot];
    *values = s->value_caches[slot];
    return status;
}

struct device *session_cache_device(const struct session *s, uint32_t slot)
{
    const struct buffer *values = slot < s->n_caches ? s->value_caches[slot] : NULL;
    return values ? values->device : NULL;
}

static corbel_status add_state(struct session *s, const struct program_value *v,
                               struct device *device, struct buffer **buffer, corbel_error *err)
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
    corbel_status status = buffer_create(device, value_bytes(v), &s->states[n], err);
    if (status)
        return status;
    s->n_states++;
    *buffer = s->states[n];
    return s->state_values[n].name ? CORBEL_OK : error_memory(err, 0, v->name);
}

static uint32_t find_state(const struct session *s, const char *name)
{
    uint32_t i = 0;
    while (i < s->n_states && strcmp(s->state_values[i].name, name) != 0)
        i++;
    return i;
}

corbel_status session_bind_state(struct session *s, const struct program_value *v,
                                 struct device *device, struct buffer **buffer, corbel_error *err)
{
    const uint32_t i = find_state(s, v->name);
    if (i == s->n_states)
        return add_state(s, v, device, buffer, err);
    if (value_bytes(&s->state_values[i]) != value_bytes(v))
        return error_set(err, CORBEL_E_PROGRAM, "%s: state %s changes its shape",
                         s->model->arch->name, v->name);
    if (s->states[i]->device != device)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%s: state %s is used on %s and on %s: put the modules that use it in one "
                         "place of the device map",
                         s->model->arch->name, v->name, device_name(s->states[i]->device),
                         device_name(device));
    *buffer = s->states[i];
    return CORBEL_OK;
}

struct device *session_state_device(const struct session *s, const char *name)
{
    const uint32_t i = find_state(s, name);
    return i < s->n_states ? s->states[i]->device : NULL;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void step_destroy(struct step **step)
{
    if (!*step)
        return;
    parts_finish(&(*step)->parts);
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

static corbel_status make_step(struct session *s, struct step *step, corbel_error *err)
{
    struct program program;
    program_init(&program);
    corbel_status status = session_trace(s->model, &step->key, s->capacity, &program, err);
    if (!status)
        status = parts_plan(&step->parts, s->model, s, &program, err);
    program_finish(&program);
    return status ? status : parts_bind(&step->parts, s, err);
}

/* Views of a staging area that is too small go with it. */
corbel_status session_reserve_stream(struct session *s, uint64_t size, corbel_error *err)
{
    struct corbel_model *m = s->model;
    struct device *device;
    if (size == 0 || (m->stream_area && m->stream_area->size >= size))
        return CORBEL_OK;
    for (uint32_t i = 0; i < MAX_STEPS && m->stream_area; i++)
        step_destroy(&s->steps[i]);
    buffer_destroy(&m->stream_area);
    m->stream_holds = NULL;
    corbel_status status = model_open_place(m, m->placement.main, &device, err);
    return status ? status : buffer_create(device, size, &m->stream_area, err);
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
        status = make_step(session, made, err);
    if (status) {
        step_destroy(&made);
        return status;
    }
    made->last_used = session->clock;
    session->steps[free_slot(session)] = made;
    *step = made;
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
        return CORBEL_OK;
    }
    session_destroy(&model->session);
    s = calloc(1, sizeof(*s));
    if (!s)
        return error_memory(err, sizeof(*s), "a session");
    *s = (struct session){.model = model, .batch = batch, .capacity = capacity};
    model->session = *session = s;
    return CORBEL_OK;
}

corbel_status session_get_roomy(struct corbel_model *model, int64_t batch, int64_t least,
                                int64_t capacity, struct session **session, corbel_error *err)
{
    const struct session *s = model->session;
    if (s && s->batch == batch && s->capacity >= least)
        capacity = s->capacity;
    return session_get(model, batch, capacity, session, err);
}

int64_t session_capacity(const struct session *session)
{
    return session->capacity;
}

corbel_status session_begin(struct session *s, corbel_error *err)
{
    kept_forget(&s->kept);
    return zero_states(s, err);
}

/* Caches are set back to any of their tokens: what stands behind is not seen, and is written over.
 * A state is only what it is behind the last one. */
corbel_status session_resume(struct session *s, const int32_t *prompt, int64_t n, int64_t *past,
                             corbel_error *err)
{
    const bool remembers = s->n_caches > 0 || s->n_states > 0;
    *past = remembers ? kept_prefix(&s->kept, prompt, n, s->n_states > 0) : 0;
    if (*past == 0)
        return session_begin(s, err);
    kept_forget(&s->kept);
    return CORBEL_OK;
}

void session_keep(struct session *s, const int32_t *tokens, int64_t n)
{
    kept_set(&s->kept, tokens, n);
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
    kept_finish(&s->kept);
    free(s);
    *session = NULL;
}
