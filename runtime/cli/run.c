/* cli/run.c: `corbel run`: the model's task on texts, streamed as they are made.
 *
 * Whatever the input's form (words of the command line, lines, JSON lines), it becomes inputs and
 * parameters of corbel_pipeline_run; what differs is how the answer is shown. */
#include "cli/run.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/chat.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

struct run {
    corbel_pipeline *pipeline;
    struct json_object *parameters; /* of the command line */
    struct run_form form;
    size_t batch_size; /* lines that are run together */
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

/* ---- text as it is made ---------------------------------------------------------------------- */

static int on_text(void *user, size_t input, size_t sequence, int32_t token, const char *text,
                   size_t size)
{
    (void)input;
    (void)sequence;
    struct run *run = user;
    if (token >= 0 && run->n_tokens++ == 0)
        run->first = now();
    output_text(text, size);
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

static corbel_status call(struct run *run, const char *inputs, struct json_object *parameters,
                          corbel_text_callback callback, char **json)
{
    return corbel_pipeline_run(run->pipeline, inputs,
                               &CORBEL_PIPELINE_PARAMS(.parameters_json = compact(parameters),
                                                       .on_text = callback, .user = run),
                               json, run->err);
}

/* A prompt for people: continued as they watch. */
static corbel_status show_stream(struct run *run, const char *text, size_t size)
{
    struct text inputs = {0};
    char *json = NULL;
    text_append_json_string(&inputs, text, size);
    run->n_tokens = 0;
    run->started = now();
    if (echoes_prompt(run)) {
        fputs(style(stdout, STYLE_BOLD), stdout);
        fwrite(text, 1, size, stdout);
        fputs(style(stdout, STYLE_PLAIN), stdout);
        fflush(stdout);
    }
    corbel_status status = call(run, text_cstr(&inputs), run->parameters, on_text, &json);
    putchar('\n');
    if (status == CORBEL_OK && fflush(stdout) == 0)
        print_speed(run);
    corbel_free(json);
    text_finish(&inputs);
    return status;
}

/* ---- inputs that are run together ------------------------------------------------------------ */

/* Calls with the same parameters, one input each. */
struct group {
    struct json_object *inputs;     /* a list */
    struct json_object *parameters; /* a reference */
    size_t first_line;              /* 0: words of the command line */
    bool for_people;
    struct text answers; /* a line each, or several where they are for people */
};

static corbel_status group_begin(struct group *g, struct json_object *parameters, bool for_people,
                                 corbel_error *err)
{
    *g = (struct group){.inputs = json_object_new_array(),
                        .parameters = json_object_get(parameters),
                        .for_people = for_people};
    return g->inputs ? CORBEL_OK : error_memory(err, 0, "inputs");
}

static void group_finish(struct group *g)
{
    json_object_put(g->inputs);
    json_object_put(g->parameters);
    text_finish(&g->answers);
    *g = (struct group){0};
}

static size_t group_size(const struct group *g)
{
    return g->inputs ? json_object_array_length(g->inputs) : 0;
}

/* Takes the input over. */
static corbel_status group_add(struct group *g, struct json_object *input, corbel_error *err)
{
    if (json_object_array_add(g->inputs, input) == 0)
        return CORBEL_OK;
    json_object_put(input);
    return error_memory(err, 0, "inputs");
}

/* Kept, each closed by a 0, until all of them are there. */
static int on_answer(void *user, size_t input, const char *json, size_t size)
{
    struct group *g = user;
    (void)input;
    text_append_bytes(&g->answers, json, size + 1);
    return interrupted() || g->answers.failed;
}

static corbel_status group_call(struct run *run, struct group *g, struct json_object *inputs)
{
    text_clear(&g->answers);
    corbel_status status =
        corbel_pipeline_run(run->pipeline, compact(inputs),
                            &CORBEL_PIPELINE_PARAMS(.parameters_json = compact(g->parameters),
                                                    .user = g, .on_answer = on_answer),
                            NULL, run->err);
    if (status == CORBEL_OK && g->answers.failed)
        status = error_memory(run->err, g->answers.size, "answers");
    for (const char *at = text_cstr(&g->answers), *end = at + g->answers.size;
         at < end && status == CORBEL_OK; at += strlen(at) + 1) {
        if (g->for_people)
            status = run_answer_print(at, run->err);
        else
            printf("%s\n", at);
    }
    fflush(stdout);
    return status;
}

static corbel_status group_call_each(struct run *run, struct group *g)
{
    corbel_status status = CORBEL_OK;
    for (size_t i = 0; i < group_size(g) && status == CORBEL_OK; i++) {
        struct json_object *one = json_object_new_array();
        if (!one)
            return error_memory(run->err, 0, "an input");
        status = group_add(&(struct group){.inputs = one},
                           json_object_get(json_object_array_get_idx(g->inputs, i)), run->err);
        if (status == CORBEL_OK)
            status = group_call(run, g, one);
        json_object_put(one);
        char place[32];
        snprintf(place, sizeof(place), "stdin:%zu", g->first_line + i);
        if (status != CORBEL_OK && g->first_line > 0)
            status = input_error(status, run->err, place);
    }
    return status;
}

/* Answers the group's inputs and empties it. If one of them is bad, they are answered one by one
 * up to that one, as they would have been without a batch. */
static corbel_status group_run(struct run *run, struct group *g)
{
    size_t n = group_size(g);
    corbel_status status = n > 1 ? group_call(run, g, g->inputs) : CORBEL_OK;
    if (n == 1 || status != CORBEL_OK)
        status = group_call_each(run, g);
    group_finish(g);
    return status;
}

/* ---- where inputs come from ------------------------------------------------------------------ */

/* All inputs in one document: one alone as itself, else a list. */
static corbel_status run_document(struct run *run, const struct arguments *a)
{
    struct json_object *list = json_object_new_array(), *input;
    struct group inputs = {.inputs = list};
    corbel_status status = list ? CORBEL_OK : error_memory(run->err, 0, "inputs");
    bool alone = run->form.question && run->form.context;
    if (status == CORBEL_OK && alone) {
        status = run_form_input(&run->form, "", 0, &input, run->err);
        if (status == CORBEL_OK)
            status = group_add(&inputs, input, run->err);
    }
    for (size_t i = 1; i < a->n_words && status == CORBEL_OK && !alone; i++) {
        status = run_form_input(&run->form, a->words[i], strlen(a->words[i]), &input, run->err);
        if (status == CORBEL_OK)
            status = group_add(&inputs, input, run->err);
    }
    struct lines lines = {0};
    bool reads = a->n_words == 1 && !alone;
    while (reads && status == CORBEL_OK && lines_next(&lines, &status, run->err)) {
        status = run_form_input(&run->form, lines.line, lines.size, &input, run->err);
        if (status == CORBEL_OK)
            status = group_add(&inputs, input, run->err);
    }
    lines_finish(&lines);

    char *json = NULL;
    bool one = a->n_words == 2 || alone;
    if (status == CORBEL_OK)
        status = call(run, compact(one ? json_object_array_get_idx(list, 0) : list),
                      run->parameters, on_silent_text, &json);
    if (status == CORBEL_OK)
        printf("%s\n", json);
    corbel_free(json);
    json_object_put(list);
    return status;
}

/* {"inputs": ..., "parameters": {...}} or just the inputs; what the line says goes before what the
 * command line says. *inputs and *parameters are new references. */
static corbel_status read_json_line(struct run *run, struct json_object *line,
                                    struct json_object **inputs, struct json_object **parameters)
{
    struct json_object *own = NULL, *found = line;
    if (json_object_is_type(line, json_type_object) &&
        json_object_object_get_ex(line, "inputs", NULL)) {
        json_object_object_get_ex(line, "inputs", &found);
        json_object_object_get_ex(line, "parameters", &own);
        if (own && !json_object_is_type(own, json_type_object))
            return error_set(run->err, CORBEL_E_FORMAT, "parameters: expected an object");
    }
    if (json_object_deep_copy(run->parameters, parameters, NULL) != 0)
        return error_memory(run->err, 0, "parameters");
    if (own) {
        struct json_object_iter member;
        json_object_object_foreachC(own, member)
        {
            json_object_object_add(*parameters, member.key, json_object_get(member.val));
        }
    }
    *inputs = json_object_get(found);
    return CORBEL_OK;
}

/* Adds a line to the group; before that, answers those that are there if the line's parameters
 * are others. */
static corbel_status add_json_line(struct run *run, struct group *group, const struct lines *lines)
{
    struct json_object *value = NULL, *inputs = NULL, *parameters = NULL;
    corbel_status status = lines_json(lines, &value, run->err);
    if (status == CORBEL_OK)
        status = input_error(read_json_line(run, value, &inputs, &parameters), run->err,
                             lines_place(lines));
    if (status == CORBEL_OK && group_size(group) > 0 &&
        !json_object_equal(parameters, group->parameters))
        status = group_run(run, group);
    if (status == CORBEL_OK && group_size(group) == 0) {
        status = group_begin(group, parameters, false, run->err);
        group->first_line = lines->number;
    }
    if (status == CORBEL_OK)
        status = group_add(group, json_object_get(inputs), run->err);
    json_object_put(inputs);
    json_object_put(parameters);
    json_object_put(value);
    return status;
}

static corbel_status add_text(struct run *run, struct group *group, const char *text, size_t size)
{
    struct json_object *input;
    corbel_status status = run_form_input(&run->form, text, size, &input, run->err);
    if (status == CORBEL_OK && group_size(group) == 0)
        status = group_begin(group, run->parameters, true, run->err);
    return status == CORBEL_OK ? group_add(group, input, run->err) : status;
}

static corbel_status run_lines(struct run *run, bool jsonl)
{
    struct lines lines = {0};
    struct group group = {0};
    corbel_status status;
    if (on_terminal(stdin))
        fprintf(stderr, "(a line is an input; Ctrl-D ends)\n");
    while (!interrupted() && !output_failed() && lines_next(&lines, &status, run->err)) {
        if (jsonl)
            status = add_json_line(run, &group, &lines);
        else if (streams(run))
            status = show_stream(run, lines.line, lines.size);
        else
            status = input_error(add_text(run, &group, lines.line, lines.size), run->err,
                                 lines_place(&lines));
        if (!jsonl && group_size(&group) == 1)
            group.first_line = lines.number;
        if (status == CORBEL_OK && group_size(&group) >= run->batch_size)
            status = group_run(run, &group);
        if (status != CORBEL_OK)
            break;
    }
    if (group_size(&group) > 0) { /* also those before a bad line */
        corbel_error *err = run->err, ignored;
        run->err = status == CORBEL_OK ? err : &ignored;
        corbel_status last = group_run(run, &group);
        run->err = err;
        status = status == CORBEL_OK ? last : status;
    }
    group_finish(&group);
    lines_finish(&lines);
    return status;
}

static corbel_status run_words(struct run *run, const struct arguments *a)
{
    struct group group = {0};
    corbel_status status = CORBEL_OK;
    if (run->form.question && run->form.context)
        status = add_text(run, &group, "", 0);
    for (size_t i = 1; i < a->n_words && status == CORBEL_OK && !interrupted(); i++) {
        if (streams(run))
            status = show_stream(run, a->words[i], strlen(a->words[i]));
        else
            status = add_text(run, &group, a->words[i], strlen(a->words[i]));
        if (status == CORBEL_OK && group_size(&group) >= run->batch_size)
            status = group_run(run, &group);
    }
    if (status == CORBEL_OK && group_size(&group) > 0)
        status = group_run(run, &group);
    group_finish(&group);
    return status;
}

corbel_status run_command(const struct arguments *a, corbel_error *err)
{
    struct run run = {.err = err, .batch_size = (size_t)arguments_int(a, OPTION_BATCH_SIZE, 1)};
    struct session session = {0};
    bool jsonl = arguments_have(a, OPTION_JSONL);
    if (chat_is_wanted(a))
        return chat_command(a, err);
    if (jsonl && (a->n_words > 1 || arguments_have(a, OPTION_JSON)))
        return error_set(err, CORBEL_E_ARGUMENT, "--jsonl reads stdin: no %s with it",
                         a->n_words > 1 ? "INPUT" : "--json");
    corbel_status status = run_parameters_read(a, &run.parameters, err);
    if (status == CORBEL_OK)
        status = session_open(&session, a, SESSION_MODEL | SESSION_TOKENIZER, err);
    if (status == CORBEL_OK)
        status = corbel_pipeline_create(session.model, session.tokenizer,
                                        arguments_text(a, OPTION_TASK, NULL), &run.pipeline, err);
    if (status == CORBEL_OK)
        status = run_form_read(&run.form, a, corbel_pipeline_task(run.pipeline), err);
    if (status == CORBEL_OK) {
        interrupt_catch();
        if (arguments_have(a, OPTION_JSON))
            status = run_document(&run, a);
        else if (jsonl || (a->n_words == 1 && !(run.form.question && run.form.context)))
            status = run_lines(&run, jsonl);
        else
            status = run_words(&run, a);
    }
    corbel_pipeline_destroy(&run.pipeline);
    session_close(&session);
    json_object_put(run.parameters);
    return status;
}
