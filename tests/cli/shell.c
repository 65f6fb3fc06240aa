/* shell.c: see shell.h. */
#include "shell.h"

#include "base/file.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT = 64 << 20 };

static char folder[] = TEST_BUILD_DIR "/cli-test-XXXXXX";

static const char *fixtures(void)
{
    const char *own = getenv("CORBEL_FIXTURES");
    return own && *own ? own : TEST_SOURCE_DIR "/tests/fixtures";
}

bool fixture_exists(const char *path)
{
    char full[4096];
    return path_join(full, sizeof(full), fixtures(), path) && file_exists(full);
}

int shell_setup(void **state)
{
    char path[8192];
    (void)state;
    snprintf(path, sizeof(path), "%s/bin:%s", TEST_BUILD_DIR, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("F", fixtures(), 1);
    setenv("TERM", "dumb", 1);
    setenv("HF_HUB_OFFLINE", "1", 1); /* these tests ask nobody; tests/hub has a hub of its own */
    setenv("HF_HOME", "no-cache", 1);
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

int shell_teardown(void **state)
{
    char line[sizeof(folder) + 16];
    (void)state;
    snprintf(line, sizeof(line), "rm -rf '%s'", folder);
    return chdir("/") == 0 && system(line) == 0 ? 0 : -1;
}

static void write_input(const char *input)
{
    FILE *file = fopen("stdin.txt", "w");
    assert_non_null(file);
    fputs(input ? input : "", file);
    assert_int_equal(fclose(file), 0);
}

static char *read_output(const char *path, size_t *size)
{
    char *data = NULL;
    corbel_error err;
    if (file_read(path, LIMIT, &data, size, &err) != CORBEL_OK)
        fail_msg("%s", err.text);
    return data;
}

struct outcome shell(const char *input, const char *line)
{
    struct outcome outcome = {0};
    size_t err_size, size = strlen(line) + 64;
    char *redirected = malloc(size);
    assert_non_null(redirected);
    snprintf(redirected, size, "{ %s\n} <stdin.txt >stdout.txt 2>stderr.txt", line);
    write_input(input);
    int status = system(redirected);
    free(redirected);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.out = read_output("stdout.txt", &outcome.out_size);
    outcome.err = read_output("stderr.txt", &err_size);
    return outcome;
}

void shell_free(struct outcome *outcome)
{
    free(outcome->out);
    free(outcome->err);
    *outcome = (struct outcome){0};
}

static bool holds(const struct shell_row *row, const struct outcome *o)
{
    return o->status == row->status && (!row->out || strstr(o->out, row->out)) &&
           (!row->err || strstr(o->err, row->err));
}

void shell_table(const struct shell_row *rows, size_t n_rows)
{
    size_t n_failed = 0;
    for (size_t i = 0; i < n_rows; i++) {
        struct outcome outcome = shell(rows[i].input, rows[i].line);
        if (!holds(&rows[i], &outcome)) {
            print_error("%s\n  status %d, expected %d\n  stdout: %.400s\n  stderr: %.400s\n",
                        rows[i].line, outcome.status, rows[i].status, outcome.out, outcome.err);
            n_failed++;
        }
        shell_free(&outcome);
    }
    assert_int_equal(n_failed, 0);
}

struct json_object *shell_json(const struct outcome *outcome)
{
    struct json_object *root = NULL;
    corbel_error err;
    if (outcome->status != 0)
        fail_msg("status %d: %s", outcome->status, outcome->err);
    if (json_parse(outcome->out, outcome->out_size, JSON_SECURITY, "stdout", &root, &err) !=
        CORBEL_OK)
        fail_msg("%s in %.200s", err.text, outcome->out);
    return root;
}

static bool is_number(struct json_object *o)
{
    return json_object_is_type(o, json_type_double) || json_object_is_type(o, json_type_int);
}

static bool arrays_near(struct json_object *a, struct json_object *b, double tolerance)
{
    size_t n = json_object_array_length(a);
    if (json_object_array_length(b) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!json_near(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i), tolerance))
            return false;
    return true;
}

static bool objects_near(struct json_object *a, struct json_object *b, double tolerance)
{
    if (json_object_object_length(a) != json_object_object_length(b))
        return false;
    struct json_object_iter member;
    json_object_object_foreachC(a, member)
    {
        struct json_object *other;
        if (!json_object_object_get_ex(b, member.key, &other) ||
            !json_near(member.val, other, tolerance))
            return false;
    }
    return true;
}

bool json_near(struct json_object *a, struct json_object *b, double tolerance)
{
    if (is_number(a) && is_number(b))
        return fabs(json_object_get_double(a) - json_object_get_double(b)) <= tolerance;
    enum json_type type = json_object_get_type(a);
    if (type != json_object_get_type(b))
        return false;
    if (type == json_type_array)
        return arrays_near(a, b, tolerance);
    if (type == json_type_object)
        return objects_near(a, b, tolerance);
    return json_object_equal(a, b);
}
