/* cli/chat.c: see chat.h.
 *
 * Each turn is a call of the text-generation pipeline with the whole conversation, so that all that
 * is done here can be done with corbel_pipeline_run. --show-prompt stops before the model: it shows
 * what corbel_chat_render makes of the conversation. */
#include "cli/chat.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/session.h"
#include "corbel/chat.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 64 << 20 };

struct talk {
    const struct arguments *a;
    struct json_object *messages;   /* so far */
    struct json_object *parameters; /* of the pipeline */
    struct json_object *answer;     /* the last one, as the pipeline gives it; NULL: none */
    char *template_text;            /* --chat-template; NULL: the model's own */
    corbel_pipeline *pipeline;
    bool json;
    corbel_error *err;
};

static const char *compact(struct json_object *value)
{
    return value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE)
                 : NULL;
}

/* ---- messages -------------------------------------------------------------------------------- */

static corbel_status add_message(struct talk *t, const char *role, const char *content, size_t size)
{
    struct json_object *message = json_object_new_object();
    struct json_object *text = json_object_new_string_len(content, (int)size);
    if (!message || !text || json_object_object_add(message, "role", json_object_new_string(role)))
        return error_memory(t->err, size, "a message");
    json_object_object_add(message, "content", text);
    json_object_array_add(t->messages, message);
    return CORBEL_OK;
}

/* The last one is taken back, or all but the system's. */
static void drop_messages(struct talk *t, size_t keep)
{
    const size_t n = json_object_array_length(t->messages);
    if (n > keep)
        json_object_array_del_idx(t->messages, keep, n - keep);
}

static size_t system_messages(const struct talk *t)
{
    return arguments_have(t->a, OPTION_SYSTEM) ? 1 : 0;
}

static corbel_status load_list(const char *path, const char *what, struct json_object **list,
                               corbel_error *err)
{
    corbel_status status = json_load(path, MAX_FILE, JSON_SECURITY, list, err);
    if (status == CORBEL_OK && !json_object_is_type(*list, json_type_array))
        status = error_set(err, CORBEL_E_FORMAT, "%s: expected a list of %s, found %s", path, what,
                           json_describe(*list));
    return status;
}

/* What the command line says before anybody has said anything. */
static corbel_status begin_messages(struct talk *t)
{
    const char *file = arguments_text(t->a, OPTION_MESSAGES, NULL);
    const char *system = arguments_text(t->a, OPTION_SYSTEM, NULL);
    if (file && (system || t->a->n_words > 1))
        return error_set(t->err, CORBEL_E_ARGUMENT,
                         "--messages is the whole conversation: no %s with it",
                         system ? "--system" : "INPUT");
    if (file)
        return load_list(file, "messages", &t->messages, t->err);
    t->messages = json_object_new_array();
    if (!t->messages)
        return error_memory(t->err, 64, "messages");
    return system ? add_message(t, "system", system, strlen(system)) : CORBEL_OK;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static corbel_status add_parameters(struct talk *t)
{
    struct json_object *kwargs = NULL, *tools = NULL;
    const char *template_file = arguments_text(t->a, OPTION_CHAT_TEMPLATE, NULL);
    const char *tools_file = arguments_text(t->a, OPTION_TOOLS, NULL);
    size_t size;
    corbel_status status = run_parameters_read(t->a, &t->parameters, t->err);
    if (status == CORBEL_OK && tools_file)
        status = load_list(tools_file, "tools", &tools, t->err);
    if (tools)
        json_object_object_add(t->parameters, "tools", tools);
    if (status == CORBEL_OK && template_file)
        status = file_read(template_file, MAX_FILE, &t->template_text, &size, t->err);
    if (status != CORBEL_OK || !t->template_text)
        return status;
    if (!json_object_object_get_ex(t->parameters, "tokenizer_encode_kwargs", &kwargs)) {
        kwargs = json_object_new_object();
        json_object_object_add(t->parameters, "tokenizer_encode_kwargs", kwargs);
    }
    struct json_object *text = json_object_new_string_len(t->template_text, (int)size);
    if (!kwargs || !text || json_object_object_add(kwargs, "chat_template", text) != 0)
        return error_memory(t->err, size, "the chat template");
    return CORBEL_OK;
}

/* What is wrong with the conversation is no mistake of the command line. */
static corbel_status of_conversation(const struct talk *t, corbel_status status)
{
    return status == CORBEL_E_ARGUMENT ? input_error(status, t->err, "the conversation") : status;
}

/* ---- --show-prompt --------------------------------------------------------------------------- */

/* Ends with the assistant's words: they are continued, as the pipeline does. */
static bool ends_with_assistant(const struct talk *t)
{
    const size_t n = json_object_array_length(t->messages);
    struct json_object *role = NULL;
    return n > 0 &&
           json_object_object_get_ex(json_object_array_get_idx(t->messages, n - 1), "role",
                                     &role) &&
           json_object_is_type(role, json_type_string) &&
           strcmp(json_object_get_string(role), "assistant") == 0;
}

static void print_prompt(const struct talk *t, const char *text, size_t size, const int32_t *ids,
                         size_t n_ids)
{
    struct text out = {0};
    if (!t->json) {
        output_text(text, size);
        return;
    }
    text_append(&out, "{\"text\": ");
    text_append_json_string(&out, text, size);
    text_append(&out, ", \"ids\": [");
    for (size_t i = 0; i < n_ids; i++)
        text_format(&out, "%s%d", i ? ", " : "", ids[i]);
    text_append(&out, "]}");
    puts(text_cstr(&out));
    text_finish(&out);
}

static corbel_status render_prompt(struct talk *t, const corbel_chat *chat)
{
    char *text = NULL;
    int32_t *ids = NULL;
    size_t size, n_ids;
    struct json_object *kwargs = NULL, *tools = NULL, *documents = NULL;
    json_object_object_get_ex(t->parameters, "tools", &tools);
    json_object_object_get_ex(t->parameters, "documents", &documents);
    bool sanitize = false;
    if (json_object_object_get_ex(t->parameters, "tokenizer_encode_kwargs", &kwargs)) {
        sanitize =
            json_object_get_boolean(json_object_object_get(kwargs, "sanitize_control_tokens"));
        json_object_object_del(kwargs, "chat_template");
        json_object_object_del(kwargs, "sanitize_control_tokens");
    }
    const bool final = ends_with_assistant(t);
    const corbel_chat_render_params params =
        CORBEL_CHAT_RENDER_PARAMS(.add_generation_prompt = !final, .continue_final_message = final,
                                  .sanitize_control_tokens = sanitize, .tools_json = compact(tools),
                                  .documents_json = compact(documents),
                                  .variables_json = compact(kwargs));
    corbel_status status =
        corbel_chat_render(chat, compact(t->messages), &params, &text, &size, t->err);
    if (status == CORBEL_OK && t->json)
        status = corbel_chat_encode(chat, compact(t->messages), &params, &ids, &n_ids, t->err);
    if (status == CORBEL_OK)
        print_prompt(t, text, size, ids, t->json ? n_ids : 0);
    corbel_free(text);
    corbel_free(ids);
    return of_conversation(t, status);
}

/* Nothing but the tokenizer and the template is needed of the model. */
static corbel_status show_prompt(struct talk *t)
{
    corbel_pulled pulled;
    corbel_tokenizer *tokenizer = NULL;
    corbel_chat *chat = NULL;
    struct progress_bar bar = {0};
    corbel_status status =
        session_pull(t->a,
                     &CORBEL_PULL_PARAMS(.parts = CORBEL_PULL_CONFIG | CORBEL_PULL_TOKENIZER,
                                         .revision = arguments_text(t->a, OPTION_REVISION, NULL),
                                         .offline = arguments_have(t->a, OPTION_OFFLINE),
                                         .on_progress = progress_draw, .user = &bar),
                     &pulled, t->err);
    progress_end(&bar);
    for (size_t i = 1; i < t->a->n_words && status == CORBEL_OK; i++)
        status = add_message(t, "user", t->a->words[i], strlen(t->a->words[i]));
    if (status == CORBEL_OK)
        status = corbel_tokenizer_load(pulled.folder, &tokenizer, t->err);
    if (status == CORBEL_OK)
        status = corbel_chat_load(
            pulled.folder, tokenizer,
            &CORBEL_CHAT_PARAMS(.template_path = arguments_text(t->a, OPTION_CHAT_TEMPLATE, NULL)),
            &chat, t->err);
    if (status == CORBEL_OK)
        status = render_prompt(t, chat);
    corbel_chat_destroy(&chat);
    corbel_tokenizer_destroy(&tokenizer);
    return status;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static int on_text(void *user, size_t input, size_t sequence, int32_t token, const char *text,
                   size_t size)
{
    const struct talk *t = user;
    (void)input;
    (void)sequence;
    (void)token;
    if (!t->json && size > 0) {
        output_text(text, size);
        fflush(stdout);
    }
    return interrupted() || output_failed();
}

/* The answer's conversation is the one to go on with. */
static void take_answer(struct talk *t, struct json_object *answer)
{
    struct json_object *messages = NULL, *first = json_object_array_get_idx(answer, 0);
    json_object_put(t->answer);
    t->answer = answer;
    if (json_object_object_get_ex(first, "generated_text", &messages) &&
        json_object_is_type(messages, json_type_array)) {
        struct json_object *copy = NULL;
        if (json_object_deep_copy(messages, &copy, NULL) == 0) {
            json_object_put(t->messages);
            t->messages = copy;
        }
    }
}

/* The assistant's turn. */
static corbel_status answer(struct talk *t)
{
    char *json = NULL;
    struct json_object *root = NULL;
    corbel_status status =
        corbel_pipeline_run(t->pipeline, compact(t->messages),
                            &CORBEL_PIPELINE_PARAMS(.parameters_json = compact(t->parameters),
                                                    .on_text = on_text, .user = t),
                            &json, t->err);
    if (status == CORBEL_OK)
        status = json_parse(json, strlen(json), JSON_DATA, "the answer", &root, t->err);
    if (status == CORBEL_OK) {
        take_answer(t, root);
        if (!t->json)
            putchar('\n');
        fflush(stdout);
    }
    corbel_free(json);
    return of_conversation(t, status);
}

static corbel_status turn(struct talk *t, const char *text, size_t size)
{
    corbel_status status = add_message(t, "user", text, size);
    return status == CORBEL_OK ? answer(t) : status;
}

/* On a terminal a turn that fails is said, and taken back. */
static corbel_status turn_on_terminal(struct talk *t, const char *text, size_t size)
{
    const size_t n = json_object_array_length(t->messages);
    const corbel_status status = turn(t, text, size);
    if (status == CORBEL_OK)
        return status;
    fprintf(stderr, "%s%s%s\n", style(stderr, STYLE_RED), t->err ? t->err->text : "it failed",
            style(stderr, STYLE_PLAIN));
    drop_messages(t, n);
    return CORBEL_OK;
}

static void print_ready(void)
{
    fprintf(stderr, "%s> %s", style(stderr, STYLE_BOLD), style(stderr, STYLE_PLAIN));
    fflush(stderr);
}

/* A line of stdin is a turn of the user; /reset begins anew, /exit ends. */
static corbel_status talk_in_lines(struct talk *t)
{
    struct lines lines = {0};
    corbel_status status = CORBEL_OK;
    const bool terminal = on_terminal(stdin);
    if (terminal) {
        fprintf(stderr, "(a line is your turn; /reset begins anew, /exit or Ctrl-D ends)\n");
        print_ready();
    }
    while (!interrupted() && !output_failed() && lines_next(&lines, &status, t->err)) {
        if (strcmp(lines.line, "/exit") == 0)
            break;
        if (strcmp(lines.line, "/reset") == 0)
            drop_messages(t, system_messages(t));
        else if (lines.size > 0)
            status = terminal ? turn_on_terminal(t, lines.line, lines.size)
                              : turn(t, lines.line, lines.size);
        if (status != CORBEL_OK)
            break;
        if (terminal)
            print_ready();
    }
    lines_finish(&lines);
    return status;
}

static corbel_status talk_in_words(struct talk *t)
{
    corbel_status status = CORBEL_OK;
    for (size_t i = 1; i < t->a->n_words && status == CORBEL_OK && !interrupted(); i++)
        status = turn(t, t->a->words[i], strlen(t->a->words[i]));
    return status;
}

static corbel_status talk(struct talk *t)
{
    struct session session = {0};
    corbel_status status = session_open(&session, t->a, SESSION_MODEL | SESSION_TOKENIZER, t->err);
    if (status == CORBEL_OK)
        status = corbel_pipeline_create(session.model, session.tokenizer, "text-generation",
                                        &t->pipeline, t->err);
    if (status == CORBEL_OK) {
        interrupt_catch();
        status = arguments_have(t->a, OPTION_MESSAGES) ? answer(t)
                 : t->a->n_words > 1                   ? talk_in_words(t)
                                                       : talk_in_lines(t);
    }
    if (status == CORBEL_OK && t->json)
        printf("%s\n", t->answer ? compact(t->answer) : "[]");
    corbel_pipeline_destroy(&t->pipeline);
    session_close(&session);
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

bool chat_is_wanted(const struct arguments *a)
{
    static const enum option_id ids[] = {OPTION_CHAT,  OPTION_SYSTEM,        OPTION_MESSAGES,
                                         OPTION_TOOLS, OPTION_CHAT_TEMPLATE, OPTION_SHOW_PROMPT};
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
        if (arguments_have(a, ids[i]))
            return true;
    return false;
}

corbel_status chat_command(const struct arguments *a, corbel_error *err)
{
    struct talk t = {.a = a, .json = arguments_have(a, OPTION_JSON), .err = err};
    if (arguments_have(a, OPTION_JSONL))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "--chat reads lines of text: with --jsonl alone a line may be a list of "
                         "messages");
    corbel_status status = begin_messages(&t);
    if (status == CORBEL_OK)
        status = add_parameters(&t);
    if (status == CORBEL_OK)
        status = arguments_have(a, OPTION_SHOW_PROMPT) ? show_prompt(&t) : talk(&t);
    json_object_put(t.messages);
    json_object_put(t.parameters);
    json_object_put(t.answer);
    free(t.template_text);
    return status;
}
