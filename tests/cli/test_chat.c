/* test_chat.c: `corbel run --chat`, on a model that has no template of its own. */
#include "shell.h"

#include <stdio.h>
#include <string.h>

#define CHAT "corbel run demo/storyteller --chat-template t.jinja --no-sample --max-new-tokens 6 "

static int setup(void **state)
{
    const int failed = shell_setup(state);
    struct outcome made =
        shell("{% for m in messages %}{{ m.content }}{{ ' ' if not loop.last }}{% endfor %}",
              "cat > t.jinja");
    shell_free(&made);
    made = shell("[{\"role\": \"user\", \"content\": \"Once upon\"}, {\"role\": \"assistant\", "
                 "\"content\": \" a time\"}]",
                 "cat > m.json");
    shell_free(&made);
    made = shell("[{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]", "cat > tools.json");
    shell_free(&made);
    return failed;
}

static void test_forms_of_a_conversation(void **state)
{
    static const struct shell_row rows[] = {
        {CHAT "--chat --show-prompt 'Once upon'", NULL, 0, "Once upon", NULL},
        {CHAT "--show-prompt --system Be 'Once upon'", NULL, 0, "Be Once upon", NULL},
        {CHAT "--show-prompt --messages m.json --json", NULL, 0, "{\"text\": \"Once upon  a time\"",
         NULL},
        {"echo '{{ tools[0].function.name }}{{ flag }}' > u.jinja; corbel run demo/storyteller "
         "--chat-template u.jinja --tools tools.json --show-prompt "
         "--set 'tokenizer_encode_kwargs={\"flag\": [1.0]}' x",
         NULL, 0, "f[1.0]", NULL},
        {CHAT "--chat", "Once upon a time\n/reset\n/exit\nnever\n", 0, " ", NULL},
        {"corbel run demo/storyteller --chat hello", NULL, 4, NULL, "--chat-template FILE"},
        {CHAT "--messages m.json hello", NULL, 2, NULL, "whole conversation"},
        {CHAT "--messages none.json", NULL, 4, NULL, "none.json"},
        {CHAT "--messages tools.json", NULL, 1, NULL, "\"role\" and \"content\""},
        {CHAT "--chat --jsonl", NULL, 2, NULL, "--jsonl"},
        {"echo '{% nonsense %}' > bad.jinja; corbel run demo/storyteller --chat-template bad.jinja "
         "--show-prompt x",
         NULL, 1, NULL, "bad.jinja:1:4"},
        {"echo '{{ raise_exception(\"not like this\") }}' > no.jinja; corbel run demo/storyteller "
         "--chat-template no.jinja --chat x",
         NULL, 1, NULL, "not like this"},
    };
    (void)state;
    shell_table(rows, sizeof(rows) / sizeof(*rows));
}

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(o, key, &value);
    return value;
}

/* The last message of an answer's only conversation. */
static const char *last_content(struct json_object *answer, size_t n_messages)
{
    struct json_object *messages = member(json_object_array_get_idx(answer, 0), "generated_text");
    assert_int_equal(json_object_array_length(messages), n_messages);
    struct json_object *last = json_object_array_get_idx(messages, n_messages - 1);
    assert_string_equal(json_object_get_string(member(last, "role")), "assistant");
    return json_object_get_string(member(last, "content"));
}

static void test_history_is_kept_between_turns(void **state)
{
    (void)state;
    struct outcome lines = shell("Once upon a time\nThe fox\n", CHAT "--chat --json");
    struct outcome words = shell(NULL, CHAT "--chat --json 'Once upon a time' 'The fox'");
    struct json_object *answer = shell_json(&lines);
    assert_string_equal(lines.out, words.out);
    last_content(answer, 4);
    json_object_put(answer);
    shell_free(&lines);
    shell_free(&words);
}

static void test_assistants_last_message_is_continued(void **state)
{
    (void)state;
    struct outcome outcome = shell(NULL, CHAT "--messages m.json --json");
    struct json_object *answer = shell_json(&outcome);
    const char *content = last_content(answer, 2);
    assert_int_equal(strncmp(content, " a time", 7), 0);
    assert_true(strlen(content) > 7);
    json_object_put(answer);
    shell_free(&outcome);
}

static void test_chats_among_json_lines(void **state)
{
    (void)state;
    struct outcome outcome = shell(
        "{\"inputs\": [[{\"role\": \"user\", \"content\": \"The\"}]], \"parameters\": "
        "{\"tokenizer_encode_kwargs\": {\"chat_template\": \"{{ messages[0].content }}\"}}}\n",
        "corbel run demo/storyteller --jsonl --no-sample --max-new-tokens 3");
    struct json_object *answers = shell_json(&outcome);
    last_content(json_object_array_get_idx(answers, 0), 2);
    json_object_put(answers);
    shell_free(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_a_conversation),
        cmocka_unit_test(test_history_is_kept_between_turns),
        cmocka_unit_test(test_assistants_last_message_is_continued),
        cmocka_unit_test(test_chats_among_json_lines),
    };
    return cmocka_run_group_tests(tests, setup, shell_teardown);
}
