/* cli/run.h: the parts of `corbel run`. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "base/json.h"
#include "cli/command.h"

/* The options as an object with transformers' names for them. */
corbel_status run_parameters_read(const struct arguments *a, struct json_object **parameters,
                                  corbel_error *err);

/* What a text of the command line, or a line of stdin, is for a task: with --question, --context
 * and --pair it is the other half. */
struct run_form {
    bool answers_questions; /* the task is question-answering */
    const char *question, *context, *pair;
};
corbel_status run_form_read(struct run_form *form, const struct arguments *a, const char *task,
                            corbel_error *err);
/* The input that a text stands for; a new object. */
corbel_status run_form_input(const struct run_form *form, const char *text, size_t size,
                             struct json_object **input, corbel_error *err);

/* One answer for people to read. */
corbel_status run_answer_print(const char *json, corbel_error *err);

#endif
