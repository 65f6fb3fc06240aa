/* cli/command.h: a command of `corbel`, and what its command line said.
 *
 * commands.c is the table of all commands, options.c the table of all options and the one parser
 * that serves them; help.c prints both. A command is a function that gets its parsed arguments and
 * rests on corbel/corbel.h alone: nothing can be done only from here. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "corbel/corbel.h"

enum option_id {
    OPTION_END, /* closes a command's list */
    /* of a model */
    OPTION_TASK,
    OPTION_CLASS,
    OPTION_REVISION,
    OPTION_DTYPE,
    OPTION_DEVICE_MAP,
    OPTION_MAX_MEMORY,
    OPTION_OFFLINE,
    OPTION_ISOLATION,
    OPTION_PLUGIN,
    OPTION_DEV,
    OPTION_LOCK,
    OPTION_TRUST_REMOTE_PLUGIN,
    /* of tasks */
    OPTION_QUESTION,
    OPTION_CONTEXT,
    OPTION_PAIR,
    OPTION_TARGET,
    OPTION_AGGREGATION,
    OPTION_POOLING,
    OPTION_NORMALIZE,
    OPTION_BATCH_SIZE,
    /* of conversations */
    OPTION_CHAT,
    OPTION_SYSTEM,
    OPTION_MESSAGES,
    OPTION_TOOLS,
    OPTION_CHAT_TEMPLATE,
    OPTION_SHOW_PROMPT,
    /* of tokenizers */
    OPTION_PADDING_SIDE,
    OPTION_TRUNCATION_SIDE,
    OPTION_SPLIT_SPECIAL_TOKENS,
    /* of every command */
    OPTION_THREADS,
    OPTION_JSON,
    OPTION_VERBOSE,
    OPTION_HELP,
    /* of generation */
    OPTION_MAX_NEW_TOKENS,
    OPTION_TEMPERATURE,
    OPTION_TOP_K,
    OPTION_TOP_P,
    OPTION_MIN_P,
    OPTION_REPETITION_PENALTY,
    OPTION_SEED,
    OPTION_STOP,
    OPTION_NO_SAMPLE,
    OPTION_IDS,
    OPTION_LOGITS,
    OPTION_EOS_TOKEN_ID,
    OPTION_PAD_TOKEN_ID,
    /* of input and output */
    OPTION_JSONL,
    OPTION_INPUTS,
    OPTION_OUTPUT,
    OPTION_HIDDEN_STATES,
    OPTION_SET,
    OPTION_CHECK,
    OPTION_INCLUDE,
    OPTION_EXCLUDE,
    OPTION_VERIFY,
    /* of tokenizers */
    OPTION_NO_SPECIAL,
    OPTION_MAX_LENGTH,
    OPTION_STRIDE,
    OPTION_TRUNCATION,
    OPTION_PADDING,
    OPTION_SKIP_SPECIAL,
    /* of programs and benchmarks */
    OPTION_BATCH,
    OPTION_SEQ,
    OPTION_PAST,
    OPTION_FORMAT,
    OPTION_PLANNED,
    OPTION_PREFILL,
    OPTION_DECODE,
    OPTION_REPEAT,
    /* of saving */
    OPTION_MAX_SHARD_SIZE,
    OPTION_IGNORE_MISMATCHED_SIZES,
    /* of keys and plugins */
    OPTION_KEY,
    OPTION_FOR,
    OPTION_NO_PASSPHRASE,
    OPTION_ARCHITECTURE,
    N_OPTIONS
};

/* An option as it was given; `value` is NULL for a flag, "" for an optional value left out. */
struct given {
    enum option_id id;
    const char *value;
};

struct arguments {
    const struct command *command;
    struct given *given; /* [n_given], in the order of the command line */
    size_t n_given;
    const char **words; /* [n_words]: what is no option; MODEL is the first */
    size_t n_words;
};

struct command {
    const char *name, *usage; /* usage: what follows the name, "MODEL [INPUT ...]" */
    const char *summary;      /* one line */
    const char *details;      /* a paragraph, or NULL */
    const char *examples;     /* lines of "command\n" */
    const enum option_id *options;
    size_t min_words, max_words;
    /* CORBEL_E_ARGUMENT: the command line is wrong. */
    corbel_status (*run)(const struct arguments *a, corbel_error *err);
};

/* The table, closed by an entry without name. */
extern const struct command commands[];

corbel_status run_command(const struct arguments *a, corbel_error *err);
corbel_status forward_command(const struct arguments *a, corbel_error *err);
corbel_status generate_command(const struct arguments *a, corbel_error *err);
corbel_status tokenize_command(const struct arguments *a, corbel_error *err);
corbel_status detokenize_command(const struct arguments *a, corbel_error *err);
corbel_status preprocess_command(const struct arguments *a, corbel_error *err);
corbel_status info_command(const struct arguments *a, corbel_error *err);
corbel_status program_command(const struct arguments *a, corbel_error *err);
corbel_status profile_command(const struct arguments *a, corbel_error *err);
corbel_status save_command(const struct arguments *a, corbel_error *err);
corbel_status init_command(const struct arguments *a, corbel_error *err);
corbel_status bench_command(const struct arguments *a, corbel_error *err);
corbel_status pull_command(const struct arguments *a, corbel_error *err);
corbel_status devices_command(const struct arguments *a, corbel_error *err);
corbel_status key_command(const struct arguments *a, corbel_error *err);
corbel_status plugin_command(const struct arguments *a, corbel_error *err);
corbel_status lock_command(const struct arguments *a, corbel_error *err);
corbel_status audit_command(const struct arguments *a, corbel_error *err);

#endif
