/* cli/subcommand.h: commands of two words: `corbel key new`. */
#ifndef CLI_SUBCOMMAND_H
#define CLI_SUBCOMMAND_H

#include "cli/command.h"

struct subcommand {
    const char *name;
    size_t min_words, max_words; /* behind it */
    corbel_status (*run)(const struct arguments *a, corbel_error *err);
};

/* Runs the one that the first word names; a->words[1] is then its first argument. `list` ends with
 * an entry without name. */
corbel_status subcommand_run(const struct subcommand *list, const struct arguments *a,
                             corbel_error *err);

/* Prints and frees a document of the API: as JSON, or for people; NULL is fine. */
corbel_status subcommand_print(const struct arguments *a, char *json, corbel_error *err);

#endif
