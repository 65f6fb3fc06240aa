/* cli/run_answer.c: answers for people to read; see run.h. */
#include "cli/output.h"
#include "cli/run.h"

#include <string.h>

static struct json_object *get(struct json_object *item, const char *key)
{
    struct json_object *value = NULL;
    if (json_object_is_type(item, json_type_object))
        json_object_object_get_ex(item, key, &value);
    return value;
}

static const char *get_text(struct json_object *item, const char *key)
{
    const char *text = json_object_get_string(get(item, key));
    return text ? text : "";
}

static void print_text(struct json_object *text)
{
    output_text(json_object_get_string(text), (size_t)json_object_get_string_len(text));
}

/* And a space. */
static void print_padded(const char *text, size_t width)
{
    const size_t size = strlen(text);
    output_text(text, size);
    printf("%*s", (int)(size < width ? width - size : 0) + 1, "");
}

/* "0.9341  ", with a bar on a terminal. */
static void print_score(struct json_object *item)
{
    struct text bar = {0};
    double value = json_object_get_double(get(item, "score"));
    if (on_terminal(stdout) && value >= 0 && value <= 1)
        append_bar(&bar, value, 20);
    printf("%.4f  %s%s", value, text_cstr(&bar), bar.size ? "  " : "");
    text_finish(&bar);
}

static bool print_label(struct json_object *item)
{
    struct json_object *label = get(item, "label");
    if (!label)
        return false;
    print_score(item);
    print_text(label);
    return true;
}

/* 0.9931  PER        Guido van Rossum [0:16] */
static bool print_entity(struct json_object *item)
{
    bool group = get(item, "entity_group") != NULL;
    if (!group && !get(item, "entity"))
        return false;
    print_score(item);
    print_padded(get_text(item, group ? "entity_group" : "entity"), 10);
    print_padded(get_text(item, "word"), 0);
    printf(" %s[%d:%d]%s", style(stdout, STYLE_DIM), json_object_get_int(get(item, "start")),
           json_object_get_int(get(item, "end")), style(stdout, STYLE_PLAIN));
    return true;
}

/* 0.8123  Guido van Rossum [37:53] */
static bool print_span(struct json_object *item)
{
    struct json_object *answer = get(item, "answer");
    if (!answer)
        return false;
    print_score(item);
    fputs(style(stdout, STYLE_BOLD), stdout);
    if (json_object_get_string_len(answer) > 0)
        print_text(answer);
    else
        fputs("(no answer)", stdout);
    printf("%s  %s[%d:%d]%s", style(stdout, STYLE_PLAIN), style(stdout, STYLE_DIM),
           json_object_get_int(get(item, "start")), json_object_get_int(get(item, "end")),
           style(stdout, STYLE_PLAIN));
    return true;
}

/* 0.0412  Paris      the capital of France is Paris. */
static bool print_filled(struct json_object *item)
{
    if (!get(item, "token_str"))
        return false;
    print_score(item);
    print_padded(get_text(item, "token_str"), 12);
    output_text(get_text(item, "sequence"), strlen(get_text(item, "sequence")));
    return true;
}

static bool print_generated(struct json_object *item)
{
    struct json_object *text = get(item, "generated_text");
    if (!text)
        return false;
    print_text(text);
    return true;
}

static bool print_item(struct json_object *item)
{
    bool printed = print_generated(item) || print_label(item) || print_entity(item) ||
                   print_span(item) || print_filled(item);
    if (printed)
        putchar('\n');
    return printed;
}

/* A list of lists, of several masks or questions: an empty line between them. */
static bool print_nested(struct json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *inner = json_object_array_get_idx(list, i);
        if (!json_object_is_type(inner, json_type_array))
            return false;
        for (size_t k = 0; k < json_object_array_length(inner); k++) {
            if (i && !k)
                putchar('\n');
            if (!print_item(json_object_array_get_idx(inner, k)))
                return false;
        }
    }
    return true;
}

/* What has no form of its own (hidden states) is shown as it is. */
corbel_status run_answer_print(const char *json, corbel_error *err)
{
    struct json_object *root = NULL;
    corbel_status status = json_parse(json, strlen(json), JSON_DATA, "the answer", &root, err);
    if (status != CORBEL_OK)
        return status;
    bool list = json_object_is_type(root, json_type_array);
    size_t n = list ? json_object_array_length(root) : 1;
    struct json_object *first = list ? json_object_array_get_idx(root, 0) : root;
    bool printed = true;
    if (json_object_is_type(first, json_type_array)) {
        printed = print_nested(root);
    } else {
        for (size_t i = 0; i < n && printed; i++)
            printed = print_item(list ? json_object_array_get_idx(root, i) : root);
        if (n == 0)
            printf("%s(nothing found)%s\n", style(stdout, STYLE_DIM), style(stdout, STYLE_PLAIN));
    }
    if (!printed)
        printf("%s\n", json);
    json_object_put(root);
    return CORBEL_OK;
}
