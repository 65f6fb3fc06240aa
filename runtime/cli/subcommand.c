/* cli/subcommand.c: see subcommand.h. */
#include "cli/subcommand.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/output.h"

#include <string.h>

static corbel_status no_such(const struct subcommand *list, const struct arguments *a,
                             corbel_error *err)
{
    const char *names[32], *near = NULL;
    struct text all = {0};
    corbel_status status;
    size_t n = 0;

    for (; list[n].name && n < 32; n++) {
        names[n] = list[n].name;
        text_format(&all, "%s%s", n ? ", " : "", names[n]);
    }
    if (a->n_words > 0)
        near = text_nearest(a->words[0], names, n);
    if (a->n_words == 0)
        status = error_set(err, CORBEL_E_ARGUMENT, "what? One of: %s", text_cstr(&all));
    else
        status = error_set(err, CORBEL_E_ARGUMENT, "no \"%.64s\"%s%s%s; there are: %s", a->words[0],
                           near ? "; did you mean " : "", near ? near : "", near ? "?" : "",
                           text_cstr(&all));
    text_finish(&all);
    return status;
}

corbel_status subcommand_run(const struct subcommand *list, const struct arguments *a,
                             corbel_error *err)
{
    for (const struct subcommand *s = list; a->n_words > 0 && s->name; s++) {
        size_t n = a->n_words - 1;

        if (strcmp(s->name, a->words[0]) != 0)
            continue;
        if (n < s->min_words)
            return error_set(err, CORBEL_E_ARGUMENT, "%s: an argument is missing: corbel %s %s",
                             s->name, a->command->name, a->command->usage);
        if (n > s->max_words)
            return error_set(err, CORBEL_E_ARGUMENT, "%s: \"%.64s\" is one too many", s->name,
                             a->words[s->max_words + 1]);
        return s->run(a, err);
    }
    return no_such(list, a, err);
}

corbel_status subcommand_print(const struct arguments *a, char *json, corbel_error *err)
{
    corbel_status status = CORBEL_OK;

    if (json && arguments_have(a, OPTION_JSON))
        printf("%s\n", json);
    else if (json)
        status = print_document(json, a->command->name, err);
    corbel_free(json);
    return status;
}
