/* cli/generate.c: `corbel generate`: token ids in, token ids out, without a tokenizer. */
#include "base/error.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/tensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "1,2,3" into ids, which the caller frees. */
static corbel_status parse_ids(const char *list, const char *option, int32_t **ids, size_t *n_ids,
                               corbel_error *err)
{
    *ids = calloc(strlen(list) / 2 + 1, sizeof(**ids));
    if (!*ids)
        return error_memory(err, strlen(list), "token ids");
    *n_ids = 0;
    for (const char *at = list;;) {
        char *end;
        errno = 0;
        long id = strtol(at, &end, 10);
        if (end == at || errno || id < 0 || id > INT32_MAX || (*end && *end != ','))
            return error_set(err, CORBEL_E_ARGUMENT,
                             "--%s: expected token ids separated by commas, found \"%s\"", option,
                             list);
        (*ids)[(*n_ids)++] = (int32_t)id;
        if (!*end)
            return CORBEL_OK;
        at = end + 1;
    }
}

struct request {
    corbel_generate_params params;
    int32_t *ids, *end_tokens;
    size_t n_ids;
    int32_t pad_token_id;
    const char *inputs, *output; /* files */
};

static corbel_status read_end_tokens(struct request *r, const struct arguments *a,
                                     corbel_error *err)
{
    const char *list = arguments_text(a, OPTION_EOS_TOKEN_ID, NULL);
    if (!list)
        return CORBEL_OK;
    if (strcmp(list, "none") == 0) {
        r->params.n_eos = -1;
        return CORBEL_OK;
    }
    size_t n;
    corbel_status status = parse_ids(list, "eos-token-id", &r->end_tokens, &n, err);
    r->params.eos_token_id = r->end_tokens;
    r->params.n_eos = (int32_t)n;
    return status;
}

/* An option of sampling asks for it; otherwise generation_config.json decides. */
static void read_sampling(struct request *r, const struct arguments *a)
{
    static const enum option_id sampling[] = {OPTION_TEMPERATURE, OPTION_TOP_K, OPTION_TOP_P,
                                              OPTION_MIN_P, OPTION_SEED};
    corbel_generate_params *p = &r->params;
    p->do_sample = arguments_have(a, OPTION_NO_SAMPLE) ? -1 : 0;
    for (size_t i = 0; i < sizeof(sampling) / sizeof(*sampling); i++)
        if (arguments_have(a, sampling[i]) && !arguments_have(a, OPTION_NO_SAMPLE))
            p->do_sample = 1;
    p->temperature = arguments_real(a, OPTION_TEMPERATURE, 0);
    if (arguments_have(a, OPTION_TEMPERATURE) && p->temperature == 0)
        p->do_sample = -1;
    p->top_p = arguments_real(a, OPTION_TOP_P, 0);
    p->min_p = arguments_real(a, OPTION_MIN_P, 0);
    if (arguments_have(a, OPTION_MIN_P) && p->min_p == 0)
        p->min_p = -1;
    p->repetition_penalty = arguments_real(a, OPTION_REPETITION_PENALTY, 0);
    if (arguments_have(a, OPTION_TOP_K)) {
        int64_t top_k = arguments_int(a, OPTION_TOP_K, 0);
        p->top_k = top_k == 0 ? -1 : (int32_t)top_k;
    }
    if (arguments_have(a, OPTION_SEED)) { /* 0 is a seed here, for the API it is "none" */
        int64_t seed = arguments_int(a, OPTION_SEED, 0);
        p->seed = seed == 0 ? UINT64_MAX : (uint64_t)seed;
    }
}

static int on_token(void *user, size_t row, int32_t token)
{
    (void)user;
    (void)row;
    (void)token;
    return interrupted();
}

static corbel_status read_request(struct request *r, const struct arguments *a, corbel_error *err)
{
    r->params = CORBEL_GENERATE_PARAMS(.do_sample = 0);
    r->inputs = arguments_text(a, OPTION_INPUTS, NULL);
    r->output = arguments_text(a, OPTION_OUTPUT, NULL);
    const char *ids = arguments_text(a, OPTION_IDS, NULL);
    if (!ids == !r->inputs)
        return error_set(err, CORBEL_E_ARGUMENT, "one of --ids LIST and --inputs FILE is needed");
    if (arguments_have(a, OPTION_LOGITS) && !r->output)
        return error_set(err, CORBEL_E_ARGUMENT, "--logits needs --output FILE to write them to");

    corbel_generate_params *p = &r->params;
    p->max_new_tokens = (uint32_t)arguments_int(a, OPTION_MAX_NEW_TOKENS, 0);
    r->pad_token_id = (int32_t)arguments_int(a, OPTION_PAD_TOKEN_ID, 0);
    p->pad_token_id = arguments_have(a, OPTION_PAD_TOKEN_ID) ? &r->pad_token_id : NULL;
    p->want_logits = arguments_have(a, OPTION_LOGITS);
    p->on_token = on_token;
    read_sampling(r, a);
    corbel_status status = read_end_tokens(r, a, err);
    if (status == CORBEL_OK && ids)
        status = parse_ids(ids, "ids", &r->ids, &r->n_ids, err);
    return status;
}

static corbel_status generate(const struct request *r, corbel_model *model,
                              const corbel_tensors *inputs, corbel_tensors **outputs,
                              corbel_error *err)
{
    if (inputs)
        return input_error(tensors_generate(model, inputs, &r->params, outputs, err), err,
                           r->inputs);
    corbel_tensor row = {.name = "input_ids",
                         .dtype = CORBEL_I32,
                         .rank = 2,
                         .shape = {1, (int64_t)r->n_ids},
                         .data = r->ids};
    return corbel_generate(model, &row, 1, &r->params, outputs, err);
}

static void print_row(const int32_t *tokens, int64_t n, const char *separator)
{
    for (int64_t i = 0; i < n; i++)
        printf("%s%d", i ? separator : "", tokens[i]);
}

/* One row: {"ids": [...]}; a batch: {"ids": [[...], [...]]}. Without --json a line a row. */
static corbel_status print_tokens(const corbel_tensors *outputs, bool json, corbel_error *err)
{
    const corbel_tensor *tokens = corbel_tensors_find(outputs, "tokens");
    if (!tokens || tokens->dtype != CORBEL_I32 || tokens->rank != 2)
        return error_set(err, CORBEL_E_INTERNAL, "no tokens came out");
    int64_t rows = tokens->shape[0], n = tokens->shape[1];
    const int32_t *ids = tokens->data;
    if (json)
        fputs(rows == 1 ? "{\"ids\": " : "{\"ids\": [", stdout);
    for (int64_t row = 0; row < rows; row++) {
        fputs(!json ? "" : row ? ", [" : "[", stdout);
        print_row(ids + row * n, n, json ? ", " : ",");
        fputs(json ? "]" : "\n", stdout);
    }
    if (json)
        fputs(rows == 1 ? "}\n" : "]}\n", stdout);
    return CORBEL_OK;
}

corbel_status generate_command(const struct arguments *a, corbel_error *err)
{
    struct session session = {0};
    struct request request = {0};
    corbel_tensors *inputs = NULL, *outputs = NULL;
    corbel_status status = read_request(&request, a, err);
    if (status == CORBEL_OK && request.inputs)
        status = corbel_tensors_load(request.inputs, &inputs, err);
    if (status == CORBEL_OK)
        status = session_open(&session, a, SESSION_MODEL, err);
    if (status == CORBEL_OK) {
        interrupt_catch();
        status = generate(&request, session.model, inputs, &outputs, err);
    }
    if (status == CORBEL_OK && request.output)
        status = tensors_write(request.output, outputs, err);
    if (status == CORBEL_OK && (!request.output || arguments_have(a, OPTION_JSON)))
        status = print_tokens(outputs, arguments_have(a, OPTION_JSON), err);
    corbel_tensors_destroy(&outputs);
    corbel_tensors_destroy(&inputs);
    session_close(&session);
    free(request.ids);
    free(request.end_tokens);
    return status;
}
