/* cli/main.c: the `corbel` command: finds the command, parses its line, runs it, says how it went.
 *
 * Results go to stdout, everything else to stderr. The exit status is the table in exit_status. */
#include "base/error.h"
#include "base/text.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"

#include <signal.h>
#include <string.h>

enum { EXIT_FAILED = 1, EXIT_USAGE, EXIT_REFUSED, EXIT_NOT_FOUND, EXIT_NETWORK };

static int exit_status(corbel_status status)
{
    switch (status) {
    case CORBEL_OK: return 0;
    case CORBEL_E_ARGUMENT: return EXIT_USAGE;
    case CORBEL_E_ABI: /* a plugin that may not run here, whoever signed it */
    case CORBEL_E_UNTRUSTED: return EXIT_REFUSED;
    case CORBEL_E_NOT_FOUND: return EXIT_NOT_FOUND;
    case CORBEL_E_NETWORK: return EXIT_NETWORK;
    default: return EXIT_FAILED;
    }
}

static void on_log(void *user, corbel_log_level level, const char *line)
{
    static const char *const names[] = {"error", "warning", "info", "debug", "trace"};
    static const enum style styles[] = {STYLE_RED, STYLE_YELLOW, STYLE_DIM, STYLE_DIM, STYLE_DIM};
    (void)user;
    fprintf(stderr, "%s%s:%s %s\n", style(stderr, styles[level]), names[level],
            style(stderr, STYLE_PLAIN), line);
}

static void start_log(const struct arguments *a)
{
    corbel_log_level level = CORBEL_LOG_WARN;
    for (size_t i = 0; arguments_nth(a, OPTION_VERBOSE, i) && level < CORBEL_LOG_TRACE; i++)
        level = i == 0 ? CORBEL_LOG_INFO : level + 1;
    corbel_set_log(on_log, NULL, level);
}

static void print_error(const struct command *command, const corbel_error *err)
{
    fprintf(stderr, "%scorbel%s%s:%s %s\n", style(stderr, STYLE_RED), command ? " " : "",
            command ? command->name : "", style(stderr, STYLE_PLAIN),
            *err->text ? err->text : corbel_status_name(err->status));
    if (err->status == CORBEL_E_ARGUMENT && command)
        fprintf(stderr, "`corbel %s --help` tells more.\n", command->name);
}

/* ---- commands -------------------------------------------------------------------------------- */

static const struct command *find_command(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static int no_such_command(const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (const struct command *c = commands; c->name && n < 64; c++)
        names[n++] = c->name;
    const char *near = text_nearest(name, names, n);
    fprintf(stderr, "%scorbel:%s no command \"%s\"%s%s%s\n`corbel help` lists them.\n",
            style(stderr, STYLE_RED), style(stderr, STYLE_PLAIN), name,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return EXIT_USAGE;
}

static corbel_status run(const struct arguments *a, corbel_error *err)
{
    if (arguments_have(a, OPTION_HELP)) {
        help_print_command(stdout, a->command);
        return CORBEL_OK;
    }
    start_log(a);
    return a->command->run(a, err);
}

/* A result that could not be written is a failure, whatever the command thought of it. */
static int run_command_line(const struct command *command, int argc, char **argv)
{
    struct arguments arguments;
    corbel_error err = {0};
    corbel_status status = arguments_parse(&arguments, command, argc, argv, &err);
    if (status == CORBEL_OK)
        status = run(&arguments, &err);
    corbel_error write_error;
    corbel_status written = output_check(&write_error);
    if (status == CORBEL_OK && written != CORBEL_OK) {
        status = written;
        err = write_error;
    }
    if (status != CORBEL_OK) {
        err.status = status;
        print_error(command, &err);
    }
    arguments_finish(&arguments);
    return exit_status(status);
}

static int help(const char *name)
{
    corbel_error err;
    const struct command *command = name ? find_command(name) : NULL;
    if (name && !command)
        return no_such_command(name);
    if (command)
        help_print_command(stdout, command);
    else
        help_print(stdout);
    if (output_check(&err) == CORBEL_OK)
        return 0;
    print_error(NULL, &err);
    return EXIT_FAILED;
}

static int version(void)
{
    corbel_error err;
    printf("corbel %s\n", corbel_version());
    if (output_check(&err) == CORBEL_OK)
        return 0;
    print_error(NULL, &err);
    return EXIT_FAILED;
}

int main(int argc, char **argv)
{
    cut_files_catch();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, reported as such */
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        help_print(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc > 2 ? argv[2] : NULL);
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0)
        return version();
    const struct command *command = find_command(name);
    if (!command)
        return no_such_command(name);

    int result = run_command_line(command, argc - 2, argv + 2);
    if (interrupted()) { /* all is tidied up; now end as the shell expects of Ctrl-C */
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    return result;
}
