/* model/session.h: a model ready to run: caches of a capacity, and executables by shape.
 *
 * One batch size and one cache capacity a session; executables for each number of new tokens are
 * made when first needed and kept (the decode step's is recorded once a generation, or once a
 * program if the session is used again). */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include "model/placement/parts.h"

struct session;

/* What a step is traced with; two steps with equal keys share an executable. */
struct step_key {
    const struct trace_input *inputs; /* beside those that every step has */
    uint32_t n_inputs;
    const struct trace_option *options;
    uint32_t n_options;
    int64_t batch, sequence;
    bool has_ids; /* input_ids, attention_mask and position_ids, token_type_ids are offered */
    bool hidden_states;
};

struct step {
    struct step_key key;
    struct arena arena;           /* owns the names that key refers to */
    struct parts parts;           /* what it runs */
    struct trace_input inputs[8]; /* copies; key refers to them */
    struct trace_option options[8];
    uint64_t last_used;
};

/* The session for `batch` rows and `capacity` tokens: the model's last one if it is such. It
 * belongs to the model. Next is session_begin or session_resume. */
corbel_status session_get(struct corbel_model *model, int64_t batch, int64_t capacity,
                          struct session **session, corbel_error *err);
/* The same, but the last one will also do if it has another capacity of at least `least`. */
corbel_status session_get_roomy(struct corbel_model *model, int64_t batch, int64_t least,
                                int64_t capacity, struct session **session, corbel_error *err);
int64_t session_capacity(const struct session *session);
void session_destroy(struct session **session);

/* States are zeroed, caches count as empty: the next step is run with a past of 0. */
corbel_status session_begin(struct session *session, corbel_error *err);
/* The same, except that what session_keep has noted is used: the next step is run with a past of
 * *past, since the caches hold the first *past tokens of `prompt` [n] already. In either case
 * nothing is noted from here on. */
corbel_status session_resume(struct session *session, const int32_t *prompt, int64_t n,
                             int64_t *past, corbel_error *err);
/* The steps since session_begin or session_resume went well, and have left `tokens` [n] of the one
 * row in the caches, token i in column i at position i. */
void session_keep(struct session *session, const int32_t *tokens, int64_t n);

/* The executable for `key`, made if need be. The step belongs to the session and lives until the
 * next session_step call. */
corbel_status session_step(struct session *session, const struct step_key *key, struct step **step,
                           corbel_error *err);

/* Traces `key` for a cache of `capacity` and plans it for the model's device. */
corbel_status session_trace(struct corbel_model *model, const struct step_key *key,
                            int64_t capacity, struct program *program, corbel_error *err);

/* What parts.c asks for while it binds a step. Cache `slot` and a state lie on the device on which
 * the first step that used them put them. */
corbel_status session_open_caches(struct session *session, uint32_t n, corbel_error *err);
corbel_status session_bind_cache(struct session *session, uint32_t slot,
                                 const struct program_cache *cache, struct device *device,
                                 struct buffer **keys, struct buffer **values, corbel_error *err);
corbel_status session_bind_state(struct session *session, const struct program_value *value,
                                 struct device *device, struct buffer **buffer, corbel_error *err);
/* NULL: not made yet. */
struct device *session_cache_device(const struct session *session, uint32_t slot);
struct device *session_state_device(const struct session *session, const char *name);
/* A staging area of at least `size` bytes; steps with views of a smaller one are dropped. */
corbel_status session_reserve_stream(struct session *session, uint64_t size, corbel_error *err);

#endif
