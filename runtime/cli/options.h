/* cli/options.h: every option once, and the parser of command lines.
 *
 * Long options only: --name value, --name=value, flags, and `--` after which everything is a word.
 * Values are checked while parsing, so the getters cannot fail. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/command.h"

enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_INTEGER,
    OPTION_REAL,
    OPTION_CHOICE,          /* one of `choices` */
    OPTION_OPTIONAL_CHOICE, /* the same, or nothing, or an integer; see --padding */
};

struct option {
    const char *name, *value; /* value: its placeholder in the help; NULL for a flag */
    const char *help;         /* NULL: not shown, since it is only known to be refused */
    enum option_kind kind;
    double min, max;            /* numbers */
    const char *const *choices; /* closed by NULL */
};

extern const struct option options[N_OPTIONS];

/* Parses what follows the command's name. --help stops the parsing and only leaves OPTION_HELP. The
 * caller finishes `a` also after a failure, which is CORBEL_E_ARGUMENT or CORBEL_E_MEMORY. */
corbel_status arguments_parse(struct arguments *a, const struct command *command, int argc,
                              char **argv, corbel_error *err);
void arguments_finish(struct arguments *a);

bool arguments_have(const struct arguments *a, enum option_id id);
/* The last one given, or `fallback`. */
const char *arguments_text(const struct arguments *a, enum option_id id, const char *fallback);
int64_t arguments_int(const struct arguments *a, enum option_id id, int64_t fallback);
double arguments_real(const struct arguments *a, enum option_id id, double fallback);
/* The i-th value of an option that may be repeated; NULL after the last. */
const char *arguments_nth(const struct arguments *a, enum option_id id, size_t i);

#endif
