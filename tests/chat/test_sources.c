/* test_sources.c: where a model's chat templates are looked for, and which one a call gets. */
#include "test.h"

#include "corbel/chat.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TOKENIZER TEST_SOURCE_DIR "/tests/fixtures/tokenizers/llama2/tokenizer"

static corbel_tokenizer *tokenizer;
static char folder[] = TEST_BUILD_DIR "/chat_XXXXXX";

static int setup(void **state)
{
    corbel_error err;
    (void)state;
    return mkdtemp(folder) && corbel_tokenizer_load(TOKENIZER, &tokenizer, &err) == CORBEL_OK ? 0
                                                                                              : -1;
}

static int teardown(void **state)
{
    char line[4200];
    (void)state;
    corbel_tokenizer_destroy(&tokenizer);
    snprintf(line, sizeof(line), "rm -rf %s", folder);
    return system(line);
}

/* The model's folder holds these files and no others; `files` is name, content, ..., NULL. */
static void make_model(const char *const *files)
{
    char path[4096], line[4200];
    snprintf(line, sizeof(line), "rm -rf %s/*", folder);
    assert_int_equal(system(line), 0);
    for (size_t i = 0; files[i]; i += 2) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        if (strchr(files[i], '/')) {
            snprintf(line, sizeof(line), "mkdir -p $(dirname %s)", path);
            assert_int_equal(system(line), 0);
        }
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(files[i + 1], file);
        fclose(file);
    }
}

/* What the chosen template prints, or the error's text; "" of no error. Freed by the caller. */
static char *rendered(const corbel_chat_render_params *params, corbel_status *status)
{
    corbel_error err = {0};
    corbel_chat *chat;
    char *text = NULL;
    *status = corbel_chat_load(folder, tokenizer, NULL, &chat, &err);
    if (*status == CORBEL_OK)
        *status = corbel_chat_render(chat, "[{\"role\": \"user\", \"content\": \"hi\"}]", params,
                                     &text, NULL, &err);
    corbel_chat_destroy(&chat);
    return text ? text : strdup(err.text);
}

#define JINJA  "chat_template.jinja"
#define CONFIG "tokenizer_config.json"
#define LEGACY "chat_template.json"
#define MORE   "additional_chat_templates/"

static void test_templates_are_found_in_transformers_order(void **state)
{
    static const struct {
        const char *files[9];
        const char *name, *tools;
        corbel_status status;
        const char *text;
    } rows[] = {
        {{JINJA, "J", CONFIG, "{\"chat_template\": \"C\"}", LEGACY, "{\"chat_template\": \"L\"}"},
         NULL,
         NULL,
         CORBEL_OK,
         "J"},
        {{CONFIG, "{\"chat_template\": \"C\"}", LEGACY, "{\"chat_template\": \"L\"}"},
         NULL,
         NULL,
         CORBEL_OK,
         "C"},
        {{LEGACY, "{\"chat_template\": \"L\"}"}, NULL, NULL, CORBEL_OK, "L"},
        {{JINJA, "J", MORE "tool_use.jinja", "T"}, NULL, NULL, CORBEL_OK, "J"},
        {{JINJA, "J", MORE "tool_use.jinja", "T"}, NULL, "[{\"a\": 1}]", CORBEL_OK, "T"},
        {{JINJA, "J", MORE "rag.jinja", "R"}, "rag", NULL, CORBEL_OK, "R"},
        {{JINJA, "J", MORE "rag.jinja", "R"}, NULL, "[]", CORBEL_OK, "J"},
        {{JINJA, "J", MORE "rag.jinja", "R"}, "nope", NULL, CORBEL_E_ARGUMENT, "default, rag"},
        {{MORE "rag.jinja", "R", CONFIG, "{\"chat_template\": \"C\"}"},
         NULL,
         NULL,
         CORBEL_E_ARGUMENT,
         "no chat template \"default\""},
        {{CONFIG, "{\"chat_template\": [{\"name\": \"default\", \"template\": \"D\"}, {\"name\": "
                  "\"tool_use\", \"template\": \"T\"}]}"},
         NULL,
         "[{}]",
         CORBEL_OK,
         "T"},
        {{CONFIG, "{\"chat_template\": [{\"name\": \"default\", \"template\": \"D\"}]}"},
         NULL,
         "[{}]",
         CORBEL_OK,
         "D"},
        {{JINJA, "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ tools is none }}\n"},
         NULL,
         NULL,
         CORBEL_OK,
         "<s>hi</s>True"},
        {{CONFIG, "{}"}, NULL, NULL, CORBEL_E_NOT_FOUND, "--chat-template"},
        {{CONFIG, "{\"chat_template\": null}"}, NULL, NULL, CORBEL_E_NOT_FOUND, "no chat template"},
        {{CONFIG, "{\"chat_template\": 5}"},
         NULL,
         NULL,
         CORBEL_E_FORMAT,
         "chat_template: expected"},
        {{CONFIG, "{\"chat_template\": [{\"name\": 1}]}"}, NULL, NULL, CORBEL_E_FORMAT, "strings"},
        {{JINJA, "a\n{% include 'b' %}"}, NULL, NULL, CORBEL_E_FORMAT, "chat_template.jinja:2:4"},
        {{JINJA, "J", MORE "rag.jinja", "{{ 1 + }}"}, NULL, NULL, CORBEL_E_FORMAT, "rag.jinja:1:8"},
        {{JINJA, "{{ raise_exception('no ' + messages[0].role) }}"},
         NULL,
         NULL,
         CORBEL_E_ARGUMENT,
         "the template says: no user"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        corbel_status status;
        make_model(rows[i].files);
        char *text = rendered(
            &CORBEL_CHAT_RENDER_PARAMS(.template_name = rows[i].name, .tools_json = rows[i].tools),
            &status);
        if (status != rows[i].status || !strstr(text, rows[i].text) ||
            (status == CORBEL_OK && strcmp(text, rows[i].text) != 0))
            fail_msg("row %zu: %s, %s", i, corbel_status_name(status), text);
        free(text);
    }
}

static void test_bad_calls_are_the_callers_fault(void **state)
{
    static const struct {
        const char *messages, *tools, *documents, *variables, *why;
    } rows[] = {
        {"[]", NULL, NULL, NULL, "at least one message"},
        {"null", NULL, NULL, NULL, "expected a list"},
        {"{}", NULL, NULL, NULL, "expected a list"},
        {"[1]", NULL, NULL, NULL, "expected an object"},
        {"[{}", NULL, NULL, NULL, "messages:1:"},
        {"[{\"n\": 99999999999999999999}]", NULL, NULL, NULL, "messages"},
        {"[{\"a\": 1, \"a\": 2}]", NULL, NULL, NULL, "messages"},
        {"[{}]", "{}", NULL, NULL, "tools: expected a list"},
        {"[{}]", "[1]", NULL, NULL, "tools: 0"},
        {"[{}]", NULL, "[\"x\"]", NULL, "documents: 0"},
        {"[{}]", NULL, NULL, "[]", "variables: expected an object"},
        {"[{}]", NULL, NULL, "{\"messages\": 1}", "meaning of its own"},
        {NULL, NULL, NULL, NULL, "messages"},
    };
    corbel_error err;
    corbel_chat *chat;
    (void)state;
    make_model((const char *const[]){JINJA, "x{{ messages }}", NULL});
    assert_int_equal(corbel_chat_load(folder, tokenizer, NULL, &chat, &err), CORBEL_OK);
    assert_string_equal(corbel_chat_template_name(chat, 0), "default");
    assert_null(corbel_chat_template_name(chat, 1));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *text;
        err.text[0] = '\0';
        corbel_status status =
            corbel_chat_render(chat, rows[i].messages,
                               &CORBEL_CHAT_RENDER_PARAMS(.tools_json = rows[i].tools,
                                                          .documents_json = rows[i].documents,
                                                          .variables_json = rows[i].variables),
                               &text, NULL, &err);
        if (status != CORBEL_E_ARGUMENT || !strstr(err.text, rows[i].why))
            fail_msg("row %zu: %s, %s", i, corbel_status_name(status), err.text);
        assert_null(text);
    }
    corbel_chat_destroy(&chat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_templates_are_found_in_transformers_order),
        cmocka_unit_test(test_bad_calls_are_the_callers_fault),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
