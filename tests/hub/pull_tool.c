/* pull_tool.c: corbel_pull as a process of its own, without the layers above.
 *
 * usage: pull_tool MODEL [--offline] [--verify] [--revision R] [--include GLOB]... [--exclude
 * GLOB]...
 *                  [--parts N] [--connections N] [--trap-sockets]
 *
 * Prints {"folder", "commit", "n_files", "n_fetched", "fetched"}; exits as `corbel` does. */
#include "base/text.h"
#include "corbel/corbel.h"
#include "trap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int exit_status(corbel_status status)
{
    switch (status) {
    case CORBEL_OK: return 0;
    case CORBEL_E_ARGUMENT: return 2;
    case CORBEL_E_UNTRUSTED: return 3;
    case CORBEL_E_NOT_FOUND: return 4;
    case CORBEL_E_NETWORK: return 5;
    default: return 1;
    }
}

static void on_log(void *user, corbel_log_level level, const char *line)
{
    (void)user;
    fprintf(stderr, "log %d: %s\n", (int)level, line);
}

/* Progress must never count more than there is. */
static int on_progress(void *user, const corbel_progress *p)
{
    (void)user;
    if (p->bytes > p->size || p->file_bytes > p->file_size || p->file >= p->n_files)
        abort();
    return 0;
}

int main(int argc, char **argv)
{
    enum { MAX_GLOBS = 16 };
    const char *include[MAX_GLOBS], *exclude[MAX_GLOBS];
    corbel_pull_params params =
        CORBEL_PULL_PARAMS(.include = include, .exclude = exclude, .on_progress = on_progress);
    corbel_pulled pulled;
    corbel_error err;
    for (int i = 2; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--offline") == 0)
            params.offline = 1;
        else if (strcmp(argv[i], "--trap-sockets") == 0)
            trap_sockets();
        else if (strcmp(argv[i], "--verify") == 0)
            params.verify = 1;
        else if (strcmp(argv[i], "--revision") == 0)
            params.revision = argv[++i];
        else if (strcmp(argv[i], "--include") == 0 && params.n_include < MAX_GLOBS)
            include[params.n_include++] = argv[++i];
        else if (strcmp(argv[i], "--exclude") == 0 && params.n_exclude < MAX_GLOBS)
            exclude[params.n_exclude++] = argv[++i];
        else if (strcmp(argv[i], "--parts") == 0)
            params.parts = (uint32_t)atoi(argv[++i]);
        else if (strcmp(argv[i], "--connections") == 0)
            params.connections = (uint32_t)atoi(argv[++i]);
        else
            return fprintf(stderr, "no option %s %s\n", argv[i], value), 2;
    }
    corbel_set_log(on_log, NULL, getenv("PULL_TOOL_LOG") ? CORBEL_LOG_TRACE : CORBEL_LOG_INFO);
    const corbel_status status = corbel_pull(argc > 1 ? argv[1] : "", &params, &pulled, &err);
    if (status != CORBEL_OK) {
        fprintf(stderr, "%s: %s\n", corbel_status_name(status), err.text);
        return exit_status(status);
    }
    struct text t = {0};
    text_append(&t, "{\"folder\": ");
    text_append_json_string(&t, pulled.folder, strlen(pulled.folder));
    text_format(&t,
                ", \"commit\": \"%s\", \"n_files\": %llu, \"n_fetched\": %llu, \"fetched\": %llu}",
                pulled.commit, (unsigned long long)pulled.n_files,
                (unsigned long long)pulled.n_fetched, (unsigned long long)pulled.fetched);
    puts(text_cstr(&t));
    text_finish(&t);
    return 0;
}
