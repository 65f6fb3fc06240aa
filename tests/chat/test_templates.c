/* test_templates.c: templates print what transformers prints, byte for byte, and what it refuses is
 * refused: the tables that compare_templates.py has written. */
#include "test.h"

#include "base/json.h"
#include "chat/jinja/jinja.h"
#include "corbel/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIXTURES TEST_SOURCE_DIR "/tests/fixtures"

static struct json_object *load(const char *path)
{
    corbel_error err;
    struct json_object *root = NULL;
    if (json_load(path, 1 << 24, JSON_SECURITY, &root, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return root;
}

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(o, key, &value);
    return value;
}

/* What is wrong with the row; "" if nothing is. `expected` NULL: a refusal. */
static void check(const char *what, struct json_object *expected, corbel_status status,
                  const char *text, size_t size, const corbel_error *err, int *n_wrong)
{
    const char *wanted = expected ? json_object_get_string(expected) : NULL;
    if (!expected && status != CORBEL_OK && err->text[0] && strchr(err->text, ':'))
        return;
    if (expected && status == CORBEL_OK && size == (size_t)json_object_get_string_len(expected) &&
        memcmp(text, wanted, size) == 0)
        return;
    print_error("%s\n  expected %s\n  found    %s\n", what, wanted ? wanted : "a refusal",
                status == CORBEL_OK ? text : err->text);
    (*n_wrong)++;
}

static void render_row(struct json_object *table, struct json_object *row, int *n_wrong)
{
    struct json_object *template = member(row, "template"), *clock = member(row, "clock");
    struct json_object *variables = json_object_array_get_idx(
        member(table, "variables"), (size_t)json_object_get_int(member(row, "variables")));
    if (json_object_is_type(template, json_type_int))
        template = json_object_array_get_idx(member(table, "templates"),
                                             (size_t)json_object_get_int(template));
    const int64_t seconds = json_object_get_int64(clock);
    corbel_error err = {0};
    struct jinja_template *t;
    char *text = NULL;
    size_t size = 0;
    corbel_status status =
        jinja_compile(json_object_get_string(template),
                      (size_t)json_object_get_string_len(template), "template", &t, &err);
    if (status == CORBEL_OK)
        status = jinja_render(t, &(struct jinja_input){variables, clock ? &seconds : NULL}, &text,
                              &size, &err);
    check(json_object_get_string(template), member(row, "text"), status, text, size, &err, n_wrong);
    free(text);
    jinja_destroy(&t);
}

static void test_templates_print_what_transformers_prints(void **state)
{
    (void)state;
    struct json_object *table = load(FIXTURES "/chat/templates.json");
    struct json_object *rows = member(table, "cases");
    int n_wrong = 0;
    for (size_t i = 0; i < json_object_array_length(rows); i++)
        render_row(table, json_object_array_get_idx(rows, i), &n_wrong);
    assert_true(json_object_array_length(rows) > 300);
    json_object_put(table);
    assert_int_equal(n_wrong, 0);
}

/* ---- calls of apply_chat_template ------------------------------------------------------------ */

static uint32_t flag(struct json_object *row, const char *name)
{
    return json_object_get_boolean(member(member(row, "params"), name)) ? 1 : 0;
}

static bool ids_are(struct json_object *list, const int32_t *ids, size_t n)
{
    bool same = json_object_array_length(list) == n;
    for (size_t i = 0; same && i < n; i++)
        same = json_object_get_int(json_object_array_get_idx(list, i)) == ids[i];
    return same;
}

static void call_row(struct json_object *row, int *n_wrong)
{
    char folder[4096];
    corbel_error err = {0};
    corbel_tokenizer *tokenizer;
    corbel_chat *chat;
    char *text = NULL;
    int32_t *ids = NULL;
    size_t size = 0, n = 0;
    const char *messages = json_object_to_json_string(member(row, "messages"));
    const corbel_chat_render_params params =
        CORBEL_CHAT_RENDER_PARAMS(.add_generation_prompt = flag(row, "add_generation_prompt"),
                                  .continue_final_message = flag(row, "continue_final_message"),
                                  .sanitize_control_tokens = flag(row, "sanitize_control_tokens"));
    snprintf(folder, sizeof(folder), FIXTURES "/tokenizers/%s/tokenizer",
             json_object_get_string(member(row, "tokenizer")));
    assert_int_equal(corbel_tokenizer_load(folder, &tokenizer, &err), CORBEL_OK);
    assert_int_equal(corbel_chat_load(folder, tokenizer,
                                      &CORBEL_CHAT_PARAMS(.template_text = json_object_get_string(
                                                              member(row, "template"))),
                                      &chat, &err),
                     CORBEL_OK);
    corbel_status status = corbel_chat_render(chat, messages, &params, &text, &size, &err);
    if (status == CORBEL_OK)
        status = corbel_chat_encode(chat, messages, &params, &ids, &n, &err);
    check(json_object_to_json_string(row), member(row, "text"), status, text, size, &err, n_wrong);
    if (status == CORBEL_OK && !ids_are(member(row, "ids"), ids, n)) {
        print_error("%s: other ids\n", json_object_to_json_string(row));
        (*n_wrong)++;
    }
    corbel_free(text);
    corbel_free(ids);
    corbel_chat_destroy(&chat);
    corbel_tokenizer_destroy(&tokenizer);
}

static void test_calls_give_the_text_and_ids_of_apply_chat_template(void **state)
{
    (void)state;
    struct json_object *rows = load(FIXTURES "/chat/calls.json");
    int n_wrong = 0;
    for (size_t i = 0; i < json_object_array_length(rows); i++)
        call_row(json_object_array_get_idx(rows, i), &n_wrong);
    json_object_put(rows);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_templates_print_what_transformers_prints),
        cmocka_unit_test(test_calls_give_the_text_and_ids_of_apply_chat_template),
    };
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
