/* model/session.h: a model ready to run: caches of a capacity, and executables by shape.
 *
 * One batch size and one cache capacity a session; executables for each number of new tokens are
 * made when first needed and kept (the decode step's is recorded once a generation, or once a
 * program if the session is used again). */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include "model/model.h"

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
    struct arena arena; /* owns the names that key refers to */
    struct plan plan;
    struct executable *executable;
    struct trace_input inputs[8]; /* copies; key refers to them */
    struct trace_option options[8];
    uint64_t last_used;
};

/* The session for `batch` rows and at least `capacity` tokens: the model's kept one if it fits.
 * States are zeroed, caches count as empty. It belongs to the model. */
corbel_status session_get(struct corbel_model *model, int64_t batch, int64_t capacity,
                          struct session **session, corbel_error *err);
int64_t session_capacity(const struct session *session);
void session_destroy(struct session **session);

/* The executable for `key`, made if need be. The step belongs to the session and lives until the
 * next session_step call. */
corbel_status session_step(struct session *session, const struct step_key *key, struct step **step,
                           corbel_error *err);

/* Traces `key` for a cache of `capacity` and plans it for the model's device. */
corbel_status session_trace(struct corbel_model *model, const struct step_key *key,
                            int64_t capacity, struct program *program, corbel_error *err);

/* Refuses indices that would leave an embedding's table: the message names input, place, value. */
corbel_status step_check_indices(const struct step *step, corbel_error *err);

#endif
