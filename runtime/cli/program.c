/* cli/program.c: `corbel program`: the program that a model's forward makes, in one of its forms.
 */
#include "base/error.h"
#include "base/file.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"

#include <string.h>

static corbel_program_format read_format(const struct arguments *a)
{
    static const char *const names[] = {"text", "dot", "binary", "json"};
    const char *name =
        arguments_text(a, OPTION_FORMAT, arguments_have(a, OPTION_JSON) ? "json" : "text");
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return (corbel_program_format)i;
    return CORBEL_PROGRAM_TEXT;
}

/* ---- colours of the text form ---------------------------------------------------------------- */

/* Length of what begins at `at`: a value (%12), a word, a number, or one other character. */
static size_t token_length(const char *at)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    size_t n = strspn(*at == '%' ? at + 1 : at, word);
    return *at == '%' ? n + 1 : n ? n : 1;
}

/* Values in cyan, and bold what they are made by: "%3 f32 [8] = add(%1, %2)". */
static void print_coloured_line(const char *line, size_t size)
{
    const char *end = line + size;
    bool operation = false;
    while (line < end) {
        size_t n = token_length(line);
        n = n < (size_t)(end - line) ? n : (size_t)(end - line);
        enum style s = *line == '%' ? STYLE_CYAN : operation ? STYLE_BOLD : STYLE_PLAIN;
        operation = end - line > 2 && memcmp(line, "= ", 2) == 0;
        n += operation;
        fputs(s == STYLE_PLAIN ? "" : style(stdout, s), stdout);
        fwrite(line, 1, n, stdout);
        fputs(s == STYLE_PLAIN ? "" : style(stdout, STYLE_PLAIN), stdout);
        line += n;
    }
}

static void print_coloured(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        print_coloured_line(text, n);
        text += n;
        if (*text)
            putchar(*text++);
    }
}

/* ---- the command ----------------------------------------------------------------------------- */

static corbel_status write_program(const struct arguments *a, corbel_program_format format,
                                   const char *data, size_t size, corbel_error *err)
{
    const char *path = arguments_text(a, OPTION_OUTPUT, NULL);
    if (path)
        return output_file_error(file_write(path, data, size, err), err);
    if (format == CORBEL_PROGRAM_TEXT && *style(stdout, STYLE_BOLD))
        print_coloured(data);
    else
        fwrite(data, 1, size, stdout);
    if (format != CORBEL_PROGRAM_BINARY && size && data[size - 1] != '\n')
        putchar('\n');
    return CORBEL_OK;
}

corbel_status program_command(const struct arguments *a, corbel_error *err)
{
    corbel_program_format format = read_format(a);
    if (format == CORBEL_PROGRAM_BINARY && !arguments_have(a, OPTION_OUTPUT) && on_terminal(stdout))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "--format binary is not for a terminal: use --output FILE");
    if (arguments_have(a, OPTION_JSON) && format != CORBEL_PROGRAM_JSON)
        return error_set(err, CORBEL_E_ARGUMENT, "--json and --format %s exclude each other",
                         arguments_text(a, OPTION_FORMAT, ""));

    struct session session = {0};
    char *data = NULL;
    size_t size = 0;
    corbel_program_params params =
        CORBEL_PROGRAM_PARAMS(.format = format, .batch = arguments_int(a, OPTION_BATCH, 0),
                              .sequence = arguments_int(a, OPTION_SEQ, 0),
                              .past = arguments_int(a, OPTION_PAST, 0),
                              .planned = arguments_have(a, OPTION_PLANNED),
                              .hidden_states = arguments_have(a, OPTION_HIDDEN_STATES));
    corbel_status status = session_open(&session, a, SESSION_SKELETON, err);
    if (status == CORBEL_OK)
        status = corbel_program(session.model, &params, &data, &size, err);
    if (status == CORBEL_OK)
        status = write_program(a, format, data, size, err);
    corbel_free(data);
    session_close(&session);
    return status;
}
