/* hub_server.c: see hub_server.h. */
#include "hub_server.h"

#include "base/file.h"
#include "hub/blob.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

bool hub_has_python(void)
{
    return system("python3 -c 'import http.server, ssl' >/dev/null 2>&1") == 0;
}

void run(const char *format, ...)
{
    char command[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

void make_file(const char *path, size_t size, unsigned seed)
{
    uint32_t state = seed * 2654435761u + 1;
    unsigned char *data = malloc(size ? size : 1);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (unsigned char)(state >> 24);
    }
    assert_int_equal(file_write(path, data, size, NULL), CORBEL_OK);
    free(data);
}

/* ---- the server ------------------------------------------------------------------------------ */

void hub_start(struct hub_server *s, const char *arguments)
{
    int in[2], out[2];
    char command[4096], line[8192];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    snprintf(command, sizeof(command), "exec python3 '%s/tests/hub/hub.py' %s", TEST_SOURCE_DIR,
             arguments);
    s->pid = fork();
    if (s->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    s->orders = fdopen(in[1], "w");
    s->answers = fdopen(out[0], "r");
    assert_non_null(fgets(line, sizeof(line), s->answers));
    s->hello = json_tokener_parse(line);
    assert_non_null(s->hello);
}

void hub_stop(struct hub_server *s)
{
    fclose(s->orders); /* the end of its orders is the end of the hub */
    waitpid(s->pid, NULL, 0);
    fclose(s->answers);
    json_object_put(s->hello);
}

struct json_object *hub_ask(struct hub_server *s, const char *order)
{
    char *line = NULL;
    size_t capacity = 0;
    fprintf(s->orders, "%s\n", order);
    fflush(s->orders);
    assert_true(getline(&line, &capacity, s->answers) > 0);
    struct json_object *answer = json_tokener_parse(line);
    free(line);
    return answer;
}

void hub_order(struct hub_server *s, const char *order)
{
    struct json_object *answer = hub_ask(s, order);
    assert_string_equal(json_object_get_string(answer), "ok");
    json_object_put(answer);
}

const char *hub_url(const struct hub_server *s, const char *which)
{
    return json_object_get_string(json_object_object_get(s->hello, which));
}

const char *hub_commit(const struct hub_server *s, const char *name)
{
    struct json_object *commits = json_object_object_get(s->hello, "commits");
    const char *commit = json_object_get_string(json_object_object_get(commits, name));
    assert_non_null(commit);
    return commit;
}

size_t hub_count(struct hub_server *s, const char *server, const char *path, int64_t *sent)
{
    struct json_object *log = hub_ask(s, "{\"do\": \"log\"}");
    size_t n = 0;
    if (sent)
        *sent = 0;
    for (size_t i = 0; i < json_object_array_length(log); i++) {
        struct json_object *o = json_object_array_get_idx(log, i);
        if (strcmp(json_object_get_string(json_object_object_get(o, "server")), server) != 0 ||
            !strstr(json_object_get_string(json_object_object_get(o, "path")), path))
            continue;
        n++;
        if (sent)
            *sent += json_object_get_int64(json_object_object_get(o, "sent"));
    }
    json_object_put(log);
    return n;
}

/* ---- the tool -------------------------------------------------------------------------------- */

static void make_command(char *out, size_t size, const struct hub_server *s, const char *home,
                         const char *environment, const char *command, const char *to)
{
    /* Nothing of the tester's own environment: no token, no cache, no proxy. */
    const int n = snprintf(out, size,
                           "exec env -i PATH=\"%s/bin:$PATH\" HOME='%s' HF_HOME='%s' "
                           "HF_ENDPOINT='%s' %s %s %s",
                           TEST_BUILD_DIR, home, home, hub_url(s, "hub"), environment, command, to);
    assert_true(n > 0 && (size_t)n < size);
}

static void read_text(char *out, size_t size, const char *path)
{
    FILE *file = fopen(path, "r");
    const size_t n = file ? fread(out, 1, size - 1, file) : 0;
    out[n] = '\0';
    if (file)
        fclose(file);
}

void hub_shell(struct outcome *o, const struct hub_server *s, const char *home,
               const char *environment, const char *command)
{
    char line[8192], to[2048];
    snprintf(to, sizeof(to), ">'%s.out' 2>'%s.err'", home, home);
    make_command(line, sizeof(line), s, home, environment, command, to);
    const int status = system(line);
    pull_outcome(o, home, status);
}

void pull_outcome(struct outcome *o, const char *home, int status)
{
    char path[1024];
    o->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    snprintf(path, sizeof(path), "%s.out", home);
    read_text(o->out, sizeof(o->out), path);
    snprintf(path, sizeof(path), "%s.err", home);
    read_text(o->err, sizeof(o->err), path);
}

void pull(struct outcome *o, const struct hub_server *s, const char *home, const char *environment,
          const char *arguments)
{
    char command[4096];
    snprintf(command, sizeof(command), "pull_tool %s", arguments);
    hub_shell(o, s, home, environment, command);
}

pid_t pull_start(const struct hub_server *s, const char *home, const char *environment,
                 const char *arguments)
{
    char line[8192], command[4096], to[1024];
    snprintf(command, sizeof(command), "pull_tool %s", arguments);
    snprintf(to, sizeof(to), ">'%s.out' 2>'%s.err'", home, home);
    make_command(line, sizeof(line), s, home, environment, command, to);
    const pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

int64_t outcome_number(const struct outcome *o, const char *key)
{
    struct json_object *root = json_tokener_parse(o->out), *value = NULL;
    if (!root || !json_object_object_get_ex(root, key, &value))
        fail_msg("no %s in \"%s\"; %s", key, o->out, o->err);
    const int64_t number = json_object_get_int64(value);
    json_object_put(root);
    return number;
}

/* ---- the cache ------------------------------------------------------------------------------- */

static int n_blobs_found;
static struct cache_bytes found;

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static int check_entry(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    const char *name = path + place->base;
    char etag[HUB_ETAG_SIZE], real[PATH_MAX];
    corbel_error err;
    if (strstr(path, "/snapshots/") && kind == FTW_SL &&
        (!realpath(path, real) || !strstr(real, "/blobs/")))
        fail_msg("%s leads to no blob", path);
    if (kind != FTW_F)
        return 0;
    if (ends_with(name, ".incomplete")) {
        found.partial += st->st_size;
        return 0;
    }
    if (!strstr(path, "/blobs/"))
        return 0;
    if (!name_from_etag(etag, name))
        fail_msg("%s is not the name of a blob", path);
    if (blob_verify(path, etag, (uint64_t)st->st_size, &err) != CORBEL_OK)
        fail_msg("a bad byte: %s", err.text);
    found.whole += st->st_size;
    n_blobs_found++;
    return 0;
}

struct cache_bytes cache_check(const char *home, int n_blobs)
{
    n_blobs_found = 0;
    found = (struct cache_bytes){0};
    if (file_exists(home))
        nftw(home, check_entry, 16, FTW_PHYS);
    if (n_blobs >= 0)
        assert_int_equal(n_blobs_found, n_blobs);
    return found;
}
