/* cli/help.c: see help.h. All of it is made from the tables of commands and options. */
#include "cli/help.h"

#include "cli/options.h"
#include "cli/output.h"

#include <string.h>

static void print_heading(FILE *out, const char *heading)
{
    fprintf(out, "\n%s%s%s\n", style(out, STYLE_BOLD), heading, style(out, STYLE_PLAIN));
}

static void print_examples(FILE *out, const char *lines)
{
    while (*lines) {
        int n = (int)strcspn(lines, "\n");
        fprintf(out, "  %.*s\n", n, lines);
        lines += n + (lines[n] == '\n');
    }
}

/* Text of an option's help from a column on, words wrapped at the right margin. */
static void print_wrapped(FILE *out, const char *text, int column)
{
    enum { MARGIN = 100 };
    int at = column;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (at + n > MARGIN && at > column) {
            fprintf(out, "\n%*s", column, "");
            at = column;
        }
        fprintf(out, "%s%.*s", at > column ? " " : "", n, text);
        at += n + 1;
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct option *option)
{
    enum { COLUMN = 30 };
    bool glued = option->value && option->value[0] == '['; /* an optional value: --padding[=HOW] */
    int n = fprintf(out, "  --%s%s%s", option->name, option->value && !glued ? " " : "",
                    option->value ? option->value : "");
    fprintf(out, "%*s", n < COLUMN ? COLUMN - n : 1, "");
    print_wrapped(out, option->help, COLUMN);
}

void help_print_command(FILE *out, const struct command *command)
{
    fprintf(out, "%scorbel %s%s %s%s\n%s\n", style(out, STYLE_BOLD), command->name,
            style(out, STYLE_PLAIN), command->usage, *command->usage ? " [options]" : "[options]",
            command->summary);
    if (command->details)
        fprintf(out, "\n%s\n", command->details);
    print_heading(out, "Options");
    for (const enum option_id *id = command->options; *id != OPTION_END; id++)
        if (options[*id].help)
            print_option(out, &options[*id]);
    print_heading(out, "Examples");
    print_examples(out, command->examples);
}

void help_print(FILE *out)
{
    fprintf(out,
            "%scorbel%s COMMAND [words and options]\nRuns Hugging Face models through signed "
            "native plugins, on the CPU or on Vulkan.\n",
            style(out, STYLE_BOLD), style(out, STYLE_PLAIN));
    print_heading(out, "Commands");
    for (const struct command *c = commands; c->name; c++)
        fprintf(out, "  %s%-12s%s%s\n", style(out, STYLE_CYAN), c->name, style(out, STYLE_PLAIN),
                c->summary);
    print_heading(out, "Models");
    fputs("  org/name or org/name@revision of the hub, a local folder with a config.json, or "
          "demo/NAME\n",
          out);
    print_heading(out, "Examples");
    for (const struct command *c = commands; c->name; c++)
        fprintf(out, "  %.*s\n", (int)strcspn(c->examples, "\n"), c->examples);
    fputs("\n`corbel COMMAND --help` tells more; `corbel --version` which this is.\n", out);
}
