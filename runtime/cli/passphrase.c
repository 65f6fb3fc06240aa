/* cli/passphrase.c: see passphrase.h. */
#include "cli/passphrase.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static corbel_status read_line(char out[PASSPHRASE_SIZE], corbel_error *err)
{
    size_t size;

    out[0] = 0;
    if (!fgets(out, PASSPHRASE_SIZE, stdin))
        out[0] = 0;
    size = strlen(out);
    if (size == PASSPHRASE_SIZE - 1 && out[size - 1] != '\n')
        return error_set(err, CORBEL_E_ARGUMENT, "a passphrase of more than %d bytes",
                         PASSPHRASE_SIZE - 2);
    if (size && out[size - 1] == '\n')
        out[size - 1] = 0;
    return CORBEL_OK;
}

static corbel_status ask(const char *prompt, char out[PASSPHRASE_SIZE], corbel_error *err)
{
    struct termios before, silent;
    corbel_status status;
    bool hidden = tcgetattr(STDIN_FILENO, &before) == 0;

    if (hidden) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    fprintf(stderr, "%s: ", prompt);
    fflush(stderr);
    status = read_line(out, err);
    if (hidden)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return status;
}

corbel_status passphrase_read(char out[PASSPHRASE_SIZE], bool is_new, corbel_error *err)
{
    bool terminal = isatty(STDIN_FILENO);
    corbel_status status = terminal ? ask("passphrase", out, err) : read_line(out, err);

    if (!status && !out[0])
        return error_set(err, CORBEL_E_ARGUMENT,
                         is_new ? "an empty passphrase; --no-passphrase makes "
                                  "a key without one"
                                : "an empty passphrase");
    if (!status && is_new && terminal) {
        char again[PASSPHRASE_SIZE];

        status = ask("once more", again, err);
        if (!status && strcmp(out, again) != 0)
            status = error_set(err, CORBEL_E_ARGUMENT, "these were two different passphrases");
        explicit_bzero(again, sizeof again);
    }
    return status;
}
