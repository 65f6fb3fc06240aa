/* cli/run.c: `corbel run`: the model's task on texts, streamed as they are made.
 *
 * Whatever the input's form (words of the command line, lines, JSON lines), it becomes inputs and
 * parameters of corbel_pipeline_run; what differs is how the answer is shown. */
#include "base/error.h"
#include "base/json.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"

#include <string.h>

struct run {
    corbel_pipeline *pipeline;
    struct json_object *parameters; /* of the command line */
    corbel_error *err;
    /* of the text at hand */
    double started, first;
    size_t n_tokens;
};

static const char *compact(struct json_object *value)
{
    return json_object_to_json_string_ext(value,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* --set NAME=JSON */
static corbel_status append_set(struct text *out, const char *setting, corbel_error *err)
{
    const char *equals = strchr(setting, '=');
    if (!equals || equals == setting)
        return error_set(err, CORBEL_E_ARGUMENT, "--set: expected NAME=JSON, found \"%s\"",
                         setting);
    text_append(out, out->size > 1 ? ", " : "");
    text_append_json_string(out, setting, (size_t)(equals - setting));
    text_format(out, ": %s", equals + 1);
    return CORBEL_OK;
}

static void append_stop_strings(struct text *out, const struct arguments *a)
{
    const char *stop;
    for (size_t i = 0; (stop = arguments_nth(a, OPTION_STOP, i)); i++) {
        text_append(out, i               ? ", "
                         : out->size > 1 ? ", \"stop_strings\": ["
                                         : "\"stop_strings\": [");
        text_append_json_string(out, stop, strlen(stop));
    }
    text_append(out, arguments_have(a, OPTION_STOP) ? "]" : "");
}

/* The options with transformers' names for them. */
static corbel_status read_parameters(const struct arguments *a, struct json_object **parameters,
                                     corbel_error *err)
{
    static const struct {
        enum option_id id;
        const char *name;
    } rows[] = {
        {OPTION_MAX_NEW_TOKENS, "max_new_tokens"},
        {OPTION_TEMPERATURE, "temperature"},
        {OPTION_TOP_K, "top_k"},
        {OPTION_TOP_P, "top_p"},
        {OPTION_MIN_P, "min_p"},
        {OPTION_REPETITION_PENALTY, "repetition_penalty"},
        {OPTION_SEED, "seed"},
    };
    struct text json = {0};
    text_append_char(&json, '{');
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (arguments_have(a, rows[i].id))
            text_format(&json, "%s\"%s\": %.17g", json.size > 1 ? ", " : "", rows[i].name,
                        arguments_real(a, rows[i].id, 0));
    if (arguments_have(a, OPTION_NO_SAMPLE))
        text_format(&json, "%s\"do_sample\": false", json.size > 1 ? ", " : "");
    append_stop_strings(&json, a);

    corbel_status status = CORBEL_OK;
    const char *setting;
    for (size_t i = 0; status == CORBEL_OK && (setting = arguments_nth(a, OPTION_SET, i)); i++)
        status = append_set(&json, setting, err);
    text_append_char(&json, '}');
    if (status == CORBEL_OK)
        status = json_parse(text_cstr(&json), json.size, JSON_DATA, "--set", parameters, err);
    text_finish(&json);
    return status == CORBEL_E_FORMAT ? CORBEL_E_ARGUMENT : status;
}

/* ---- text as it is made ---------------------------------------------------------------------- */

static int on_text(void *user, size_t input, size_t sequence, int32_t token, const char *text,
                   size_t size)
{
    (void)input;
    (void)sequence;
    struct run *run = user;
    if (token >= 0 && run->n_tokens++ == 0)
        run->first = now();
    fwrite(text, 1, size, stdout);
    if (size > 0)
        fflush(stdout);
    return interrupted() || output_failed();
}

/* Only counts, and watches for Ctrl-C. */
static int on_silent_text(void *user, size_t input, size_t sequence, int32_t token,
                          const char *text, size_t size)
{
    (void)user;
    (void)input;
    (void)sequence;
    (void)token;
    (void)text;
    (void)size;
    return interrupted();
}

static void print_speed(const struct run *run)
{
    if (run->n_tokens == 0)
        return;
    double elapsed = now() - run->first;
    fprintf(stderr, "%s[%zu tokens, first after %.2f s", style(stderr, STYLE_DIM), run->n_tokens,
            run->first - run->started);
    if (run->n_tokens > 1 && elapsed > 0)
        fprintf(stderr, ", then %.1f tokens/s", (double)(run->n_tokens - 1) / elapsed);
    fprintf(stderr, "]%s\n", style(stderr, STYLE_PLAIN));
}

/* Several sequences at a time cannot be streamed onto one stdout. */
static bool streams(const struct run *run)
{
    struct json_object *n = NULL;
    return strcmp(corbel_pipeline_task(run->pipeline), "text-generation") == 0 &&
           !(json_object_object_get_ex(run->parameters, "num_return_sequences", &n) &&
             json_object_get_int64(n) > 1);
}

static bool echoes_prompt(const struct run *run)
{
    struct json_object *full = NULL;
    return !json_object_object_get_ex(run->parameters, "return_full_text", &full) ||
           json_object_get_boolean(full);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* {"label": ..., "score": ...} as a line with a bar, {"generated_text": ...} as its text. */
static bool print_item(struct json_object *item)
{
    struct json_object *label = NULL, *score = NULL, *text = NULL;
    if (json_object_object_get_ex(item, "generated_text", &text)) {
        fwrite(json_object_get_string(text), 1, (size_t)json_object_get_string_len(text), stdout);
        putchar('\n');
        return true;
    }
    if (!json_object_object_get_ex(item, "label", &label) ||
        !json_object_object_get_ex(item, "score", &score))
        return false;
    struct text bar = {0};
    double value = json_object_get_double(score);
    if (on_terminal(stdout) && value >= 0 && value <= 1)
        append_bar(&bar, value, 20);
    printf("%.4f  %s%s%s\n", value, text_cstr(&bar), bar.size ? "  " : "",
           json_object_get_string(label));
    text_finish(&bar);
    return true;
}

static corbel_status print_answer(const char *json, corbel_error *err)
{
    struct json_object *root = NULL;
    corbel_status status = json_parse(json, strlen(json), JSON_DATA, "the answer", &root, err);
    if (status != CORBEL_OK)
        return status;
    bool list = json_object_is_type(root, json_type_array);
    size_t n = list ? json_object_array_length(root) : 1;
    for (size_t i = 0; i < n; i++) {
        struct json_object *item = list ? json_object_array_get_idx(root, i) : root;
        if (!json_object_is_type(item, json_type_object) || !print_item(item)) {
            printf("%s\n", json);
            break;
        }
    }
    json_object_put(root);
    return CORBEL_OK;
}

static corbel_status call(struct run *run, const char *inputs, struct json_object *parameters,
                          corbel_text_callback callback, char **json)
{
    return corbel_pipeline_run(run->pipeline, inputs,
                               &CORBEL_PIPELINE_PARAMS(.parameters_json = compact(parameters),
                                                       .on_text = callback, .user = run),
                               json, run->err);
}

/* One text for people: streamed if the task makes text, else the answer in lines. */
static corbel_status show(struct run *run, const char *text, size_t size)
{
    struct text inputs = {0};
    char *json = NULL;
    bool stream = streams(run);
    text_append_json_string(&inputs, text, size);
    run->n_tokens = 0;
    run->started = now();
    if (stream && echoes_prompt(run)) {
        fputs(style(stdout, STYLE_BOLD), stdout);
        fwrite(text, 1, size, stdout);
        fputs(style(stdout, STYLE_PLAIN), stdout);
        fflush(stdout);
    }
    corbel_status status =
        call(run, text_cstr(&inputs), run->parameters, stream ? on_text : on_silent_text, &json);
    if (stream)
        putchar('\n');
    if (status == CORBEL_OK && stream && fflush(stdout) == 0)
        print_speed(run);
    else if (status == CORBEL_OK && !stream)
        status = print_answer(json, run->err);
    corbel_free(json);
    text_finish(&inputs);
    return status;
}

/* ---- where inputs come from ------------------------------------------------------------------ */

/* All inputs in one document: a word alone as itself, else a list. */
static corbel_status run_document(struct run *run, const struct arguments *a)
{
    struct text inputs = {0};
    corbel_status status = CORBEL_OK;
    size_t n = a->n_words - 1;
    text_append(&inputs, n == 1 ? "" : "[");
    for (size_t i = 0; i < n; i++) {
        text_append(&inputs, i ? ", " : "");
        text_append_json_string(&inputs, a->words[i + 1], strlen(a->words[i + 1]));
    }
    struct lines lines = {0};
    while (n == 0 && lines_next(&lines, &status, run->err)) {
        text_append(&inputs, lines.number > 1 ? ", " : "");
        text_append_json_string(&inputs, lines.line, lines.size);
    }
    lines_finish(&lines);
    text_append(&inputs, n == 1 ? "" : "]");

    char *json = NULL;
    if (status == CORBEL_OK)
        status = call(run, text_cstr(&inputs), run->parameters, on_silent_text, &json);
    if (status == CORBEL_OK)
        printf("%s\n", json);
    corbel_free(json);
    text_finish(&inputs);
    return status;
}

/* {"inputs": ..., "parameters": {...}} or just the inputs; what the line says goes before what the
 * command line says. */
static corbel_status run_json_line(struct run *run, struct json_object *line)
{
    struct json_object *inputs = line, *own = NULL, *parameters = NULL;
    if (json_object_is_type(line, json_type_object) &&
        json_object_object_get_ex(line, "inputs", NULL)) {
        json_object_object_get_ex(line, "inputs", &inputs);
        json_object_object_get_ex(line, "parameters", &own);
        if (own && !json_object_is_type(own, json_type_object))
            return error_set(run->err, CORBEL_E_FORMAT, "parameters: expected an object");
    }
    if (json_object_deep_copy(run->parameters, &parameters, NULL) != 0)
        return error_memory(run->err, 0, "parameters");
    if (own) {
        struct json_object_iter member;
        json_object_object_foreachC(own, member)
        {
            json_object_object_add(parameters, member.key, json_object_get(member.val));
        }
    }
    char *json = NULL;
    corbel_status status = call(run, compact(inputs), parameters, on_silent_text, &json);
    if (status == CORBEL_OK)
        printf("%s\n", json);
    corbel_free(json);
    json_object_put(parameters);
    return status;
}

static corbel_status run_lines(struct run *run, bool jsonl)
{
    struct lines lines = {0};
    corbel_status status;
    if (on_terminal(stdin))
        fprintf(stderr, "(a line is an input; Ctrl-D ends)\n");
    while (!interrupted() && !output_failed() && lines_next(&lines, &status, run->err)) {
        struct json_object *value = NULL;
        if (jsonl) {
            status = lines_json(&lines, &value, run->err);
            if (status == CORBEL_OK)
                status = input_error(run_json_line(run, value), run->err, lines_place(&lines));
        } else {
            status = show(run, lines.line, lines.size);
        }
        json_object_put(value);
        fflush(stdout);
        if (status != CORBEL_OK)
            break;
    }
    lines_finish(&lines);
    return status;
}

static corbel_status run_words(struct run *run, const struct arguments *a)
{
    corbel_status status = CORBEL_OK;
    for (size_t i = 1; i < a->n_words && status == CORBEL_OK && !interrupted(); i++)
        status = show(run, a->words[i], strlen(a->words[i]));
    return status;
}

corbel_status run_command(const struct arguments *a, corbel_error *err)
{
    struct run run = {.err = err};
    struct session session = {0};
    bool jsonl = arguments_have(a, OPTION_JSONL);
    if (jsonl && (a->n_words > 1 || arguments_have(a, OPTION_JSON)))
        return error_set(err, CORBEL_E_ARGUMENT, "--jsonl reads stdin: no %s with it",
                         a->n_words > 1 ? "INPUT" : "--json");
    corbel_status status = read_parameters(a, &run.parameters, err);
    if (status == CORBEL_OK)
        status = session_open(&session, a, SESSION_MODEL | SESSION_TOKENIZER, err);
    if (status == CORBEL_OK)
        status = corbel_pipeline_create(session.model, session.tokenizer,
                                        arguments_text(a, OPTION_TASK, NULL), &run.pipeline, err);
    if (status == CORBEL_OK) {
        interrupt_catch();
        if (arguments_have(a, OPTION_JSON))
            status = run_document(&run, a);
        else if (jsonl || a->n_words == 1)
            status = run_lines(&run, jsonl);
        else
            status = run_words(&run, a);
    }
    corbel_pipeline_destroy(&run.pipeline);
    session_close(&session);
    json_object_put(run.parameters);
    return status;
}
