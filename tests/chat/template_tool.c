/* template_tool.c: renders templates on stdin, for comparisons with the original.
 *
 * A line is {"template", "variables"?, "clock"?}; its answer {"text"} or {"error", "status"}. Or it
 * is a call {"tokenizer": FOLDER, "template", "messages", "params"}; its answer {"text", "ids"}. */
#include "base/json.h"
#include "base/text.h"
#include "chat/jinja/jinja.h"
#include "corbel/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static corbel_status render(struct json_object *line, char **text, size_t *size, corbel_error *err)
{
    struct json_object *source = json_object_object_get(line, "template");
    struct json_object *variables = json_object_object_get(line, "variables");
    struct json_object *clock = json_object_object_get(line, "clock");
    struct json_object *nothing = json_object_new_object();
    int64_t seconds = json_object_get_int64(clock);
    struct jinja_template *t;
    *text = NULL;
    corbel_status status =
        jinja_compile(json_object_get_string(source), (size_t)json_object_get_string_len(source),
                      "template", &t, err);
    if (status == CORBEL_OK) {
        struct jinja_input input = {variables ? variables : nothing, clock ? &seconds : NULL};
        status = jinja_render(t, &input, text, size, err);
    }
    jinja_destroy(&t);
    json_object_put(nothing);
    return status;
}

static uint32_t flag(struct json_object *params, const char *name)
{
    return json_object_get_boolean(json_object_object_get(params, name)) ? 1 : 0;
}

static void append_ids(struct text *out, const int32_t *ids, size_t n)
{
    text_append(out, ", \"ids\": [");
    for (size_t i = 0; i < n; i++)
        text_format(out, "%s%d", i ? ", " : "", ids[i]);
    text_append(out, "]");
}

/* The answer is written into `out`; a text beside it would be too. */
static corbel_status call(struct json_object *line, struct text *out, corbel_error *err)
{
    corbel_tokenizer *tokenizer = NULL;
    corbel_chat *chat = NULL;
    char *text = NULL;
    int32_t *ids = NULL;
    size_t size, n;
    struct json_object *params = json_object_object_get(line, "params");
    const char *folder = json_object_get_string(json_object_object_get(line, "tokenizer"));
    const char *messages = json_object_to_json_string(json_object_object_get(line, "messages"));
    corbel_chat_render_params p =
        CORBEL_CHAT_RENDER_PARAMS(.add_generation_prompt = flag(params, "add_generation_prompt"),
                                  .continue_final_message = flag(params, "continue_final_message"),
                                  .sanitize_control_tokens =
                                      flag(params, "sanitize_control_tokens"));
    corbel_status status = corbel_tokenizer_load(folder, &tokenizer, err);
    if (status == CORBEL_OK)
        status =
            corbel_chat_load(folder, tokenizer,
                             &CORBEL_CHAT_PARAMS(.template_text = json_object_get_string(
                                                     json_object_object_get(line, "template"))),
                             &chat, err);
    if (status == CORBEL_OK)
        status = corbel_chat_render(chat, messages, &p, &text, &size, err);
    if (status == CORBEL_OK)
        status = corbel_chat_encode(chat, messages, &p, &ids, &n, err);
    if (status == CORBEL_OK) {
        text_append(out, "{\"text\": ");
        text_append_json_string(out, text, size);
        append_ids(out, ids, n);
    }
    corbel_free(text);
    corbel_free(ids);
    corbel_chat_destroy(&chat);
    corbel_tokenizer_destroy(&tokenizer);
    return status;
}

static void answer(const char *line, size_t size)
{
    struct json_object *root = NULL;
    corbel_error err = {0};
    struct text out = {0};
    char *text = NULL;
    size_t text_size = 0;
    corbel_status status = json_parse(line, size, JSON_SECURITY, "line", &root, &err);
    const bool is_call = json_object_object_get_ex(root, "tokenizer", NULL);
    if (status == CORBEL_OK)
        status = is_call ? call(root, &out, &err) : render(root, &text, &text_size, &err);
    if (status == CORBEL_OK && !is_call) {
        text_append(&out, "{\"text\": ");
        text_append_json_string(&out, text, text_size);
    } else if (status != CORBEL_OK) {
        text_append(&out, "{\"error\": ");
        text_append_json_string(&out, err.text, strlen(err.text));
        text_format(&out, ", \"status\": \"%s\"", corbel_status_name(status));
    }
    text_append(&out, "}");
    puts(text_cstr(&out));
    fflush(stdout);
    free(text);
    text_finish(&out);
    json_object_put(root);
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;
    while ((n = getline(&line, &capacity, stdin)) > 0)
        answer(line, (size_t)n - (line[n - 1] == '\n'));
    free(line);
    return 0;
}
