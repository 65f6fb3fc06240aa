/* cli/session.h: runtime, model and tokenizer as the common options ask for them. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/command.h"

enum session_needs {
    SESSION_RUNTIME = 0,
    SESSION_MODEL = 1,
    SESSION_SKELETON = 2, /* a model without weights */
    SESSION_TOKENIZER = 4,
    SESSION_ON_DISK = 8, /* a model whose weights stay in their files: to be read, not to be run */
};

enum { SESSION_MAX_CLASSES = 32 };

struct session {
    corbel_runtime *runtime;
    corbel_model *model;
    corbel_tokenizer *tokenizer;
};

/* The common options alone; session_open begins with it. */
corbel_status session_check(const struct arguments *a, corbel_error *err);
/* The first word of the command line is the model. The caller closes it also after a failure. */
corbel_status session_open(struct session *s, const struct arguments *a, int needs,
                           corbel_error *err);
void session_close(struct session *s);
/* CORBEL_VULKAN_VALIDATION is set, and not to 0. */
bool validation_is_wanted(void);
/* The files of the first word: corbel_pull, or with --lock corbel_pull_locked. */
corbel_status session_pull(const struct arguments *a, const corbel_pull_params *params,
                           corbel_pulled *pulled, corbel_error *err);
/* The tokenizer of the first word alone. */
corbel_status session_tokenizer(const struct arguments *a, corbel_tokenizer **tokenizer,
                                corbel_error *err);

/* What --class says, in its order; returns how many. */
uint32_t session_classes(const struct arguments *a, const char *classes[SESSION_MAX_CLASSES]);

/* Turns "the call makes no sense" into "the input is bad", for input that is not the command line,
 * and puts the place in front: the exit status is then 1 and not 2. */
corbel_status input_error(corbel_status status, corbel_error *err, const char *place);

/* From now on a model's file that is cut short in use ends the process with a sentence and status
 * 1, and not with SIGBUS. */
void cut_files_catch(void);
/* Ctrl-C: asks what runs to end at the next token; a second one ends the process. */
void interrupt_catch(void);
bool interrupted(void);

/* Seconds since some moment. */
double now(void);

#endif
