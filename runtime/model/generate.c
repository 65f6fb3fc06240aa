/* model/generate.c: the prompt in chunks, then a token at a time.
 *
 * All rows share the cache's columns: row b's token i stands in column i, and the mask says which
 * columns of a row are tokens. Positions count the tokens of the mask, so that padding on the left
 * or right does not shift them (transformers, generation/utils.py).
 *
 * One row without padding leaves its tokens noted in the session: where the next prompt begins with
 * the same, as each turn of a conversation does, only what follows is run. */
#include "base/error.h"
#include "base/log.h"
#include "base/struct_copy.h"
#include "model/generation_config.h"
#include "model/inputs.h"
#include "model/random.h"
#include "model/sampling.h"

#include <stdlib.h>
#include <string.h>

/* Tokens of a prompt that run at once: enough to make weights cheap, few enough that the results
 * of a step stay small. */
#define PROMPT_CHUNK 512
/* Capacities are rounded up, so that a session serves prompts of similar lengths. */
#define CAPACITY_STEP 64
/* Tokens, at most, that a session has room for beyond what is asked of it. */
#define MOST_ROOM 1024

struct generation {
    struct corbel_model *model;
    const corbel_generate_params *params;
    struct generation_config config;
    struct arena arena;
    struct session *session;
    struct sampler sampler;
    int64_t batch, prompt, least, capacity, max_new, vocab;
    int64_t past;      /* tokens of the prompt that the caches hold already */
    int32_t *sequence; /* [batch, prompt + max_new] */
    int32_t *mask;     /* [batch, capacity] */
    int64_t *n_tokens; /* [batch]: tokens so far, padding left out */
    bool *finished;    /* [batch] */
    uint64_t *random;  /* [batch] */
    int32_t *tokens;   /* [batch, max_new], the result */
    float *logits;     /* [batch, max_new, vocab], the result, or NULL */
    corbel_tensors *out;
    int64_t n_new;
};

/* ---- one step -------------------------------------------------------------------------------- */

static corbel_status get_step(struct generation *g, int64_t sequence, struct step **step,
                              corbel_error *err)
{
    static const struct trace_option keep_last = {.name = "logits_to_keep", .value = 1};
    struct step_key key = {.options = &keep_last,
                           .n_options = 1,
                           .batch = g->batch,
                           .sequence = sequence,
                           .has_ids = true};
    return session_step(g->session, &key, step, err);
}

/* Columns [past, past + n) of the sequences. */
static void fill_step(struct generation *g, const struct step *step, int64_t past, int64_t n)
{
    int32_t *ids = parts_input(&step->parts, "input_ids");
    int32_t *positions = parts_input(&step->parts, "position_ids");
    int32_t *mask = parts_input(&step->parts, "attention_mask");
    int32_t *token_mask = parts_input(&step->parts, "token_mask");
    for (int64_t b = 0; b < g->batch; b++) {
        const int32_t *row = g->sequence + b * (g->prompt + g->max_new) + past;
        for (int64_t i = 0; i < n; i++) {
            bool token = g->mask[b * g->capacity + past + i] != 0;
            if (ids)
                *ids++ = row[i];
            if (positions)
                *positions++ = token ? (int32_t)g->n_tokens[b] : 0;
            if (token_mask)
                *token_mask++ = token;
            g->n_tokens[b] += token;
        }
    }
    if (mask)
        memcpy(mask, g->mask, (size_t)(g->batch * g->capacity) * sizeof(*mask));
}

static corbel_status run_step(struct generation *g, int64_t past, int64_t n, struct step **step,
                              corbel_error *err)
{
    corbel_status status = get_step(g, n, step, err);
    if (status)
        return status;
    fill_step(g, *step, past, n);
    status = inputs_check_indices(*step, err);
    if (!status)
        status = parts_run(&(*step)->parts, past, err);
    return status;
}

/* The logits of the last column: [batch, vocab]. */
static corbel_status find_logits(struct generation *g, const struct step *step,
                                 const float **logits, corbel_error *err)
{
    for (uint32_t i = 0; i < step->parts.n_outputs; i++) {
        const struct program_value *v = step->parts.outputs[i].value;
        if (strcmp(step->parts.outputs[i].name, "logits") != 0)
            continue;
        if (v->rank != 3 || v->shape[0] != g->batch || v->shape[1] != 1 || v->shape[2] < 1 ||
            v->shape[2] > INT32_MAX)
            break;
        g->vocab = v->shape[2];
        *logits = parts_output(&step->parts, i);
        return CORBEL_OK;
    }
    return error_set(err, CORBEL_E_UNSUPPORTED,
                     "%s gives no logits [batch, 1, vocabulary]: it can't generate text",
                     g->model->arch->name);
}

static corbel_status run_prompt(struct generation *g, const float **logits, corbel_error *err)
{
    struct step *step = NULL;
    for (int64_t past = g->past; past < g->prompt; past += PROMPT_CHUNK) {
        int64_t left = g->prompt - past;
        corbel_status status =
            run_step(g, past, left < PROMPT_CHUNK ? left : PROMPT_CHUNK, &step, err);
        if (status)
            return status;
    }
    return find_logits(g, step, logits, err);
}

/* ---- the session ----------------------------------------------------------------------------- */

/* One row at positions 0, 1, 2, ...: the session can go on from it. */
static bool is_plain(const struct generation *g)
{
    for (int64_t i = 0; i < g->prompt; i++)
        if (g->mask[i] == 0)
            return false;
    return g->batch == 1;
}

/* Positions that the model was made for; 0: it does not say. */
static int64_t position_limit(const struct generation *g)
{
    const int64_t limit = corbel_model_config_int(g->model, "n_positions", 0); /* of GPT-2 */
    return corbel_model_config_int(g->model, "max_position_embeddings", limit);
}

/* A conversation comes back with all that was said and more; a session that is too small for that
 * would have to be made anew at each turn. */
static int64_t roomy_capacity(const struct generation *g)
{
    const int64_t limit = position_limit(g);
    int64_t capacity = g->least + (g->least < MOST_ROOM ? g->least : MOST_ROOM);
    if (g->batch > 1 || g->params->fresh)
        return g->least;
    if (g->prompt + g->max_new <= limit && capacity > limit)
        capacity = limit;
    return capacity > g->least ? capacity : g->least;
}

static corbel_status open_session(struct generation *g, corbel_error *err)
{
    g->least = (g->prompt + g->max_new + CAPACITY_STEP - 1) / CAPACITY_STEP * CAPACITY_STEP;
    corbel_status status =
        session_get_roomy(g->model, g->batch, g->least, roomy_capacity(g), &g->session, err);
    if (!status)
        g->capacity = session_capacity(g->session);
    return status;
}

static corbel_status begin_session(struct generation *g, corbel_error *err)
{
    if (g->params->fresh || !is_plain(g))
        return session_begin(g->session, err);
    corbel_status status = session_resume(g->session, g->sequence, g->prompt, &g->past, err);
    g->n_tokens[0] = g->past;
    if (!status && g->past > 0)
        log_line(CORBEL_LOG_DEBUG, "%lld of the prompt's %lld tokens are in the caches already",
                 (long long)g->past, (long long)g->prompt);
    return status;
}

/* Room is a luxury: where it does not fit into the memory it is left out. That of a GPU is full if
 * it says CORBEL_E_DEVICE, and whatever else this means a second try does not make worse. */
static bool has_too_much_room(const struct generation *g, corbel_status status)
{
    return (status == CORBEL_E_MEMORY || status == CORBEL_E_DEVICE) && g->batch == 1 &&
           g->capacity > g->least;
}

/* With one row the mask is the same for each capacity. */
static corbel_status leave_no_room(struct generation *g, corbel_error *err)
{
    session_destroy(&g->model->session);
    g->capacity = g->least;
    g->past = g->n_tokens[0] = 0;
    corbel_status status = session_get(g->model, g->batch, g->capacity, &g->session, err);
    return status ? status : session_begin(g->session, err);
}

/* All but the last token, which was chosen and not run, are in the caches. */
static void keep_session(const struct generation *g)
{
    if (is_plain(g))
        session_keep(g->session, g->sequence, g->prompt + g->n_new - 1);
}

/* ---- choosing -------------------------------------------------------------------------------- */

static bool is_end(const struct generation *g, int32_t token)
{
    for (size_t i = 0; i < g->config.eos.n; i++)
        if (g->config.eos.ids[i] == token)
            return true;
    return false;
}

/* What row b has so far. Padding that isn't on the left counts as tokens, as in transformers. */
static struct sampler_row row_so_far(const struct generation *g, int64_t b)
{
    const int32_t *mask = g->mask + b * g->capacity;
    int64_t n_padding = 0;
    while (n_padding < g->prompt && mask[n_padding] == 0)
        n_padding++;
    return (struct sampler_row){.tokens = g->sequence + b * (g->prompt + g->max_new),
                                .n = g->prompt + g->n_new,
                                .n_new = g->n_new,
                                .n_padding = n_padding};
}

/* Chooses the next token of each row; false when generation is over. */
static bool choose(struct generation *g, const float *logits)
{
    int64_t length = g->prompt + g->n_new;
    bool all_finished = true, stopped = false;
    if (g->logits)
        for (int64_t b = 0; b < g->batch; b++)
            memcpy(g->logits + (b * g->max_new + g->n_new) * g->vocab, logits + b * g->vocab,
                   (size_t)g->vocab * sizeof(*logits));
    for (int64_t b = 0; b < g->batch; b++) {
        int32_t *row = g->sequence + b * (g->prompt + g->max_new);
        int32_t token = g->config.pad_token_id;
        if (!g->finished[b]) {
            const struct sampler_row so_far = row_so_far(g, b);
            token = sampler_choose(&g->sampler, logits + b * g->vocab, &so_far, &g->random[b]);
            g->finished[b] = is_end(g, token);
            if (g->params->on_token && g->params->on_token(g->params->user, (size_t)b, token) != 0)
                stopped = true;
        }
        row[length] = g->tokens[b * g->max_new + g->n_new] = token;
        g->mask[b * g->capacity + length] = 1;
        all_finished = all_finished && g->finished[b];
    }
    g->n_new++;
    return !all_finished && !stopped && g->n_new < g->max_new;
}

static corbel_status prepare_choosing(struct generation *g, corbel_error *err)
{
    void *data;
    int64_t shape[3] = {g->batch, g->max_new, g->vocab};
    corbel_status status = tensors_add(g->out, "tokens", CORBEL_I32, 2, shape, &data, err);
    if (status)
        return status;
    g->tokens = data;
    if (g->params->want_logits) {
        status = tensors_add(g->out, "logits", CORBEL_F32, 3, shape, &data, err);
        if (status)
            return status;
        g->logits = data;
    }
    return sampler_init(&g->sampler, &g->config, g->vocab, err);
}

static corbel_status run(struct generation *g, corbel_error *err)
{
    const float *logits;
    struct step *step;
    corbel_status status = run_prompt(g, &logits, err);
    if (has_too_much_room(g, status)) {
        status = leave_no_room(g, err);
        if (!status)
            status = run_prompt(g, &logits, err);
    }
    if (!status)
        status = prepare_choosing(g, err);
    while (!status && choose(g, logits)) {
        status = run_step(g, g->prompt + g->n_new - 1, 1, &step, err);
        if (!status)
            status = find_logits(g, step, &logits, err);
    }
    return status;
}

/* ---- before and after ------------------------------------------------------------------------ */

static corbel_status read_prompt(struct generation *g, const struct inputs *in, corbel_error *err)
{
    size_t columns = (size_t)(g->prompt + g->max_new), batch = (size_t)g->batch;
    g->sequence = arena_array(&g->arena, batch * columns, sizeof(*g->sequence));
    g->mask = arena_array(&g->arena, batch * (size_t)g->capacity, sizeof(*g->mask));
    g->n_tokens = arena_array(&g->arena, batch, sizeof(*g->n_tokens));
    g->finished = arena_array(&g->arena, batch, sizeof(*g->finished));
    g->random = arena_array(&g->arena, batch, sizeof(*g->random));
    if (!g->sequence || !g->mask || !g->n_tokens || !g->finished || !g->random)
        return error_memory(err, batch * columns * sizeof(*g->sequence), "the prompt");
    for (int64_t b = 0; b < g->batch; b++) {
        g->random[b] = g->config.seed + (uint64_t)b * RANDOM_STEP;
        for (int64_t i = 0; i < g->prompt; i++) {
            int64_t id = inputs_at(in->ids, b, i);
            if (id < 0 || id > INT32_MAX)
                return error_set(err, CORBEL_E_ARGUMENT, "input_ids[%lld, %lld] is %lld",
                                 (long long)b, (long long)i, (long long)id);
            g->sequence[(size_t)b * columns + (size_t)i] = (int32_t)id;
            g->mask[b * g->capacity + i] = !in->mask || inputs_at(in->mask, b, i) != 0;
        }
    }
    return CORBEL_OK;
}

static void warn_length(const struct generation *g)
{
    const int64_t limit = position_limit(g);
    if (limit > 0 && g->prompt + g->max_new > limit)
        log_line(CORBEL_LOG_WARN,
                 "%lld tokens are more than the %lld positions that the model was made for",
                 (long long)(g->prompt + g->max_new), (long long)limit);
}

static corbel_status begin(struct generation *g, const struct inputs *in, corbel_error *err)
{
    if (!in->ids || in->n_others)
        return error_set(err, CORBEL_E_ARGUMENT, "generation takes input_ids and attention_mask");
    g->batch = in->batch;
    g->prompt = in->sequence;
    corbel_status status =
        generation_config_read(&g->config, g->model, g->params, g->prompt, &g->arena, err);
    if (status)
        return status;
    if (g->config.max_new_tokens > (1 << 24))
        return error_set(err, CORBEL_E_ARGUMENT, "max_new_tokens: %lld",
                         (long long)g->config.max_new_tokens);
    g->max_new = g->config.max_new_tokens;
    warn_length(g);
    status = open_session(g, err);
    if (!status)
        status = read_prompt(g, in, err);
    if (!status)
        status = begin_session(g, err);
    return status;
}

/* Rows were laid out for max_new tokens; there may be fewer. */
static void shrink(struct generation *g)
{
    for (int64_t b = 1; g->n_new < g->max_new && b < g->batch; b++) {
        memmove(g->tokens + b * g->n_new, g->tokens + b * g->max_new,
                (size_t)g->n_new * sizeof(*g->tokens));
        if (g->logits)
            memmove(g->logits + b * g->n_new * g->vocab, g->logits + b * g->max_new * g->vocab,
                    (size_t)(g->n_new * g->vocab) * sizeof(*g->logits));
    }
    for (size_t i = 0; i < corbel_tensors_count(g->out); i++)
        tensors_set_shape(g->out, i, 1, g->n_new);
}

corbel_status corbel_generate(corbel_model *model, const corbel_tensor *inputs, size_t n_inputs,
                              const corbel_generate_params *params, corbel_tensors **outputs,
                              corbel_error *err)
{
    corbel_generate_params p = CORBEL_GENERATE_PARAMS(.max_new_tokens = 0);
    struct inputs in;
    struct generation g = {.model = model, .params = &p};
    *outputs = NULL;
    STRUCT_COPY(&p, params);
    corbel_status status = inputs_read(&in, inputs, n_inputs, err);
    if (!status && in.types)
        status = error_set(err, CORBEL_E_UNSUPPORTED,
                           "token_type_ids: generation has no types for the tokens it makes");
    if (!status)
        status = tensors_create(outputs, err);
    g.out = *outputs;
    if (!status)
        status = begin(&g, &in, err);
    if (!status)
        status = run(&g, err);
    if (!status) {
        keep_session(&g);
        shrink(&g);
    } else {
        corbel_tensors_destroy(outputs);
    }
    sampler_finish(&g.sampler);
    arena_finish(&g.arena);
    return status;
}
