/* task/text_generation.c: a prompt is continued, and its text handed out as it is made.
 *
 * The answer decodes the new tokens by themselves and puts them behind the prompt, as transformers
 * does. What is streamed is decoded in the prompt's context instead, so that a tokenizer that
 * drops the first word's space does not glue it to the prompt. Stop strings are looked for in
 * the streamed text; the token that completes one is the last, and stays in the answer. */
#include "base/error.h"
#include "task/chat.h"
#include "task/generation_options.h"
#include "task/text_input.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* One sequence of the answer. */
struct sequence {
    corbel_decode_stream *stream;
    struct text text; /* the prompt and what was streamed */
    int32_t *ids;     /* new tokens */
    size_t n_ids, capacity;
    bool done;
};

struct generation {
    struct call *call;
    struct generation_options options;
    struct chat_options chat;
    struct json_object *messages; /* of a chat; NULL: the prompt is a text */
    const corbel_encoding *prompt;
    struct sequence *sequences;
    size_t n_done;
    corbel_status status; /* what went wrong inside the callback */
    corbel_error *err;
};

/* ---- one sequence ---------------------------------------------------------------------------- */

static corbel_status sequence_open(struct sequence *s, const struct generation *g)
{
    corbel_status status = corbel_decode_stream_create(g->call->pipeline->tokenizer,
                                                       g->options.skip_special, &s->stream, g->err);
    const char *piece;
    for (size_t i = 0; i < g->prompt->n && status == CORBEL_OK; i++) {
        status = corbel_decode_stream_push(s->stream, g->prompt->ids[i], &piece, g->err);
        if (status == CORBEL_OK)
            text_append_bytes(&s->text, piece, tokenizer_stream_size(s->stream));
    }
    return status;
}

static void sequence_close(struct sequence *s)
{
    corbel_decode_stream_destroy(&s->stream);
    text_finish(&s->text);
    free(s->ids);
}

static bool sequence_append(struct sequence *s, int32_t id)
{
    if (s->n_ids == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 64;
        int32_t *ids = realloc(s->ids, capacity * sizeof(*ids));
        if (!ids)
            return false;
        s->ids = ids;
        s->capacity = capacity;
    }
    s->ids[s->n_ids++] = id;
    return true;
}

/* Does a stop string end within the text's last `n_new` bytes? */
static bool stops(const struct generation_options *o, const struct text *text, size_t n_new)
{
    for (size_t i = 0; i < o->n_stop_strings; i++) {
        size_t n = strlen(o->stop_strings[i]);
        size_t window = n_new + n - 1;
        size_t from = text->size > window ? text->size - window : 0;
        if (n_new > 0 && memmem(text->data + from, text->size - from, o->stop_strings[i], n))
            return true;
    }
    return false;
}

/* ---- the callback of corbel_generate --------------------------------------------------------- */

/* Hands a piece to the caller; false if he has had enough. */
static bool stream_text(struct generation *g, size_t row, int32_t token, const char *piece,
                        size_t size)
{
    const corbel_pipeline_params *params = g->call->params;
    if (params->on_text &&
        params->on_text(params->user, g->call->input, row, token, piece, size) != 0)
        g->call->stopped = true;
    return !g->call->stopped;
}

static int on_token(void *user, size_t row, int32_t token)
{
    struct generation *g = user;
    struct sequence *s = &g->sequences[row];
    if (s->done)
        return 0;

    const char *piece;
    if (!sequence_append(s, token)) {
        g->status = error_memory(g->err, s->capacity * sizeof(*s->ids), "new tokens");
        return 1;
    }
    g->status = corbel_decode_stream_push(s->stream, token, &piece, g->err);
    if (g->status != CORBEL_OK)
        return 1;
    size_t size = tokenizer_stream_size(s->stream);
    text_append_bytes(&s->text, piece, size);
    if (!stream_text(g, row, token, piece, size))
        return 1;
    if (s->text.failed)
        g->status = error_memory(g->err, s->text.size, "the generated text");
    else if (stops(&g->options, &s->text, size)) {
        s->done = true;
        g->n_done++;
    }
    return g->status != CORBEL_OK || g->n_done == g->options.n_sequences;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static corbel_status append_ids(const struct generation *g, const struct sequence *s,
                                struct text *out)
{
    text_append(out, "{\"generated_token_ids\": [");
    for (size_t i = 0; i < g->prompt->n + s->n_ids; i++)
        text_format(out, "%s%d", i ? ", " : "",
                    i < g->prompt->n ? g->prompt->ids[i] : s->ids[i - g->prompt->n]);
    text_append(out, "]}");
    return CORBEL_OK;
}

static corbel_status append_text(const struct generation *g, const struct sequence *s,
                                 const struct text_input *prompt, struct text *out)
{
    char *decoded = NULL;
    size_t size;
    corbel_status status = corbel_decode_sized(g->call->pipeline->tokenizer, s->ids, s->n_ids,
                                               g->options.skip_special, &decoded, &size, g->err);
    if (status != CORBEL_OK)
        return status;
    struct text text = {0};
    text_append(out, "{\"generated_text\": ");
    if (g->messages && g->options.prompt_in_answer) {
        status = chat_append_answer(&g->chat, g->messages, decoded, size, out, g->err);
    } else {
        if (g->options.prompt_in_answer)
            text_append_bytes(&text, prompt->text, prompt->text_size);
        text_append_bytes(&text, decoded, size);
        text_append_json_string(out, text_cstr(&text), text.size);
    }
    text_append_char(out, '}');
    out->failed |= text.failed;
    text_finish(&text);
    corbel_free(decoded);
    return status;
}

static corbel_status finish_answer(struct generation *g, const struct text_input *prompt,
                                   struct text *out)
{
    corbel_status status = CORBEL_OK;
    text_append_char(out, '[');
    for (size_t i = 0; i < g->options.n_sequences && status == CORBEL_OK; i++) {
        struct sequence *s = &g->sequences[i];
        const char *rest;
        status = corbel_decode_stream_end(s->stream, &rest, g->err);
        if (status != CORBEL_OK)
            break;
        size_t rest_size = tokenizer_stream_size(s->stream);
        if (rest_size > 0 && !g->call->stopped)
            stream_text(g, i, -1, rest, rest_size);
        text_append(out, i ? ", " : "");
        status = g->options.ids_in_answer ? append_ids(g, s, out) : append_text(g, s, prompt, out);
    }
    text_append_char(out, ']');
    return status;
}

/* ---- the way of a prompt --------------------------------------------------------------------- */

/* The prompt once for each sequence: [sequences, tokens]. */
static corbel_status generate(struct generation *g)
{
    size_t n = g->prompt->n, rows = g->options.n_sequences;
    int32_t *ids = calloc(rows, n * sizeof(*ids));
    if (!ids)
        return error_memory(g->err, rows * n * sizeof(*ids), "the prompt's tokens");
    for (size_t row = 0; row < rows; row++)
        memcpy(ids + row * n, g->prompt->ids, n * sizeof(*ids));

    corbel_tensor input = {.name = "input_ids",
                           .dtype = CORBEL_I32,
                           .rank = 2,
                           .shape = {(int64_t)rows, (int64_t)n},
                           .data = ids};
    g->options.params.on_token = on_token;
    g->options.params.user = g;
    corbel_tensors *outputs = NULL;
    corbel_status status =
        corbel_generate(g->call->pipeline->model, &input, 1, &g->options.params, &outputs, g->err);
    corbel_tensors_destroy(&outputs);
    free(ids);
    return g->status != CORBEL_OK ? g->status : status;
}

/* An empty prompt starts from the begin token, as transformers' generate does. */
static corbel_status encode_prompt(const struct generation *g, const struct text_input *prompt,
                                   corbel_encoding **encoding)
{
    const corbel_tokenizer *tokenizer = g->call->pipeline->tokenizer;
    struct text_input whole = *prompt;
    struct text text = {0};
    if (*g->options.prefix) {
        text_append(&text, g->options.prefix);
        text_append_bytes(&text, prompt->text, prompt->text_size);
        if (text.failed)
            return error_memory(g->err, prompt->text_size, "a prompt");
        whole.text = text.data;
        whole.text_size = text.size;
    }
    corbel_status status =
        text_input_encode(g->call, &whole, &g->options.tokenizer, encoding, g->err);
    text_finish(&text);
    if (status != CORBEL_OK || (*encoding)->n > 0)
        return status;
    corbel_encoding_destroy(encoding);
    status = corbel_encode(tokenizer, "", 0, NULL, encoding, g->err);
    if (status == CORBEL_OK && (*encoding)->n == 0)
        status = error_set(g->err, CORBEL_E_ARGUMENT,
                           "inputs: the prompt is empty, and the tokenizer adds no begin token");
    return status;
}

/* The prompt is a text, or what the chat template makes of a list of messages. */
static corbel_status read_input(struct generation *g, struct json_object *input,
                                struct text_input *prompt)
{
    struct parameters parameters = {.object = g->call->parameters, .err = g->err};
    if (chat_is_one(input))
        g->messages = input;
    else if (!json_object_is_type(input, json_type_string))
        return error_set(g->err, CORBEL_E_ARGUMENT,
                         "inputs: expected a prompt (a string), a chat (a list of messages with "
                         "\"role\" and \"content\"), or a list of those");
    corbel_status status = g->messages ? CORBEL_OK : text_input_read(prompt, input, g->err);
    if (status == CORBEL_OK)
        status = generation_options_read(&g->options, g->call, g->messages != NULL, g->err);
    if (status != CORBEL_OK)
        return status;
    chat_options_read(&g->chat, &parameters);
    return parameters.status;
}

static corbel_status run(struct call *call, struct json_object *input, struct text *out,
                         corbel_error *err)
{
    struct generation g = {.call = call, .err = err};
    struct text_input prompt = {0};
    corbel_encoding *encoding = NULL, chat = {0};
    corbel_status status = read_input(&g, input, &prompt);
    if (status == CORBEL_OK)
        status = g.messages ? chat_encode(call, &g.chat, g.messages, &chat.ids, &chat.n, err)
                            : encode_prompt(&g, &prompt, &encoding);
    if (status != CORBEL_OK)
        goto fail;
    g.prompt = g.messages ? &chat : encoding;
    status = generation_options_fit(&g.options, call, g.prompt->n, err);
    if (status != CORBEL_OK)
        goto fail;

    g.sequences = calloc(g.options.n_sequences, sizeof(*g.sequences));
    if (!g.sequences) {
        status = error_memory(err, g.options.n_sequences * sizeof(*g.sequences), "sequences");
        goto fail;
    }
    for (size_t i = 0; i < g.options.n_sequences && status == CORBEL_OK; i++)
        status = sequence_open(&g.sequences[i], &g);
    if (status == CORBEL_OK)
        status = generate(&g);
    if (status == CORBEL_OK)
        status = finish_answer(&g, &prompt, out);

fail:
    for (size_t i = 0; g.sequences && i < g.options.n_sequences; i++)
        sequence_close(&g.sequences[i]);
    free(g.sequences);
    corbel_free(chat.ids);
    corbel_encoding_destroy(&encoding);
    return status;
}

const struct task text_generation = {
    .name = "text-generation", .arrange = chat_arrange, .run = run};
