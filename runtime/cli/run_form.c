/* cli/run_form.c: see run.h. */
#include "base/error.h"
#include "cli/options.h"
#include "cli/run.h"

#include <string.h>

corbel_status run_form_read(struct run_form *form, const struct arguments *a, const char *task,
                            corbel_error *err)
{
    *form = (struct run_form){
        .answers_questions = strcmp(task, "question-answering") == 0,
        .question = arguments_text(a, OPTION_QUESTION, NULL),
        .context = arguments_text(a, OPTION_CONTEXT, NULL),
        .pair = arguments_text(a, OPTION_PAIR, NULL),
    };
    if ((form->question || form->context) && !form->answers_questions)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "--question and --context are for question-answering; this is %s", task);
    if (form->pair && strcmp(task, "text-classification") != 0)
        return error_set(err, CORBEL_E_ARGUMENT, "--pair is for text-classification; this is %s",
                         task);
    if (form->question && form->context && a->n_words > 1)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "\"%s\" is one too many: --question and --context are all that is needed",
                         a->words[1]);
    return CORBEL_OK;
}

static struct json_object *string_of(const char *text, size_t size)
{
    return json_object_new_string_len(text, size < INT32_MAX ? (int)size : INT32_MAX);
}

/* An object with two strings; NULL: out of memory. */
static struct json_object *two_of(const char *first, struct json_object *a, const char *second,
                                  struct json_object *b)
{
    struct json_object *object = json_object_new_object();
    if (!object || !a || !b) {
        json_object_put(object);
        json_object_put(a);
        json_object_put(b);
        return NULL;
    }
    json_object_object_add(object, first, a);
    json_object_object_add(object, second, b);
    return object;
}

static corbel_status question_input(const struct run_form *form, const char *text, size_t size,
                                    struct json_object **input, corbel_error *err)
{
    if (!form->question && !form->context) {
        corbel_status status = json_parse(text, size, JSON_DATA, "input", input, err);
        if (status == CORBEL_OK)
            return status;
        json_object_put(*input);
        *input = NULL;
        return error_set(err, CORBEL_E_ARGUMENT,
                         "expected --question TEXT --context TEXT, or as input {\"question\": "
                         "..., \"context\": ...}");
    }
    const char *question = form->question ? form->question : text;
    const char *context = form->context ? form->context : text;
    *input = two_of("question", string_of(question, form->question ? strlen(question) : size),
                    "context", string_of(context, form->context ? strlen(context) : size));
    return *input ? CORBEL_OK : error_memory(err, size, "an input");
}

corbel_status run_form_input(const struct run_form *form, const char *text, size_t size,
                             struct json_object **input, corbel_error *err)
{
    if (form->answers_questions)
        return question_input(form, text, size, input, err);
    *input = form->pair ? two_of("text", string_of(text, size), "text_pair",
                                 string_of(form->pair, strlen(form->pair)))
                        : string_of(text, size);
    return *input ? CORBEL_OK : error_memory(err, size, "an input");
}
