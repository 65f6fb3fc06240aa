/* cli/profile.c: `corbel profile`: where a model spends its time. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"

#include <string.h>

enum { MAX_ROWS = 12 }; /* of a table: the rest of the time is in one line */

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(o, key, &value);
    return value;
}

static double number(struct json_object *o, const char *key)
{
    return json_object_get_double(member(o, key));
}

/* A rate that is not derivable is left out. */
static void append_rate(struct text *line, struct json_object *row, const char *key)
{
    if (member(row, key))
        text_format(line, "%9.1f", number(row, key));
    else
        text_format(line, "%9s", "");
}

static void print_row(struct json_object *row, const char *key)
{
    struct text line = {0};
    const char *name = json_object_get_string(member(row, key));
    text_format(&line, "  %-44.44s %5lld %10.3f %5.1f %%", *name ? name : "(no module)",
                (long long)json_object_get_int64(member(row, "count")),
                1e3 * number(row, "seconds"), 100 * number(row, "share"));
    append_rate(&line, row, "gb_per_s");
    append_rate(&line, row, "gflop_per_s");
    printf("%s\n", text_cstr(&line));
    text_finish(&line);
}

static void print_table(struct json_object *phase, const char *list, const char *key)
{
    struct json_object *rows = member(phase, list);
    size_t n = json_object_array_length(rows);
    double rest = 0, share = 0;
    printf("%s  %-44s %5s %10s %7s%9s%9s%s\n", style(stdout, STYLE_DIM), key, "count", "ms",
           "share", "GB/s", "GFLOP/s", style(stdout, STYLE_PLAIN));
    for (size_t i = 0; i < n; i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        if (i < MAX_ROWS)
            print_row(row, key);
        rest += i < MAX_ROWS ? 0 : number(row, "seconds");
        share += i < MAX_ROWS ? 0 : number(row, "share");
    }
    if (n > MAX_ROWS)
        printf("  %-44s %5zu %10.3f %5.1f %%\n", "others", n - MAX_ROWS, 1e3 * rest, 100 * share);
}

static void print_phase(struct json_object *phase)
{
    const char *name = json_object_get_string(member(phase, "name"));
    struct json_object *devices = member(phase, "devices");
    int64_t tokens = json_object_get_int64(member(phase, "tokens"));
    printf("%s%s%s: ", style(stdout, STYLE_BOLD), name, style(stdout, STYLE_PLAIN));
    if (tokens)
        printf("%lld token%s in ", (long long)tokens, tokens == 1 ? "" : "s");
    printf("%.3f ms on", 1e3 * number(phase, "seconds"));
    for (size_t i = 0; i < json_object_array_length(devices); i++)
        printf("%s %s", i ? "," : "",
               json_object_get_string(json_object_array_get_idx(devices, i)));
    printf("; its operations %.3f ms\n", 1e3 * number(phase, "operations_seconds"));
    print_table(phase, "operations", "operation");
    print_table(phase, "modules", "module");
}

static corbel_status print(const char *json, corbel_error *err)
{
    struct json_object *root = NULL;
    corbel_status status = json_parse(json, strlen(json), JSON_DATA, "profile", &root, err);
    if (status != CORBEL_OK)
        return status;
    struct json_object *phases = member(root, "phases");
    for (size_t i = 0; i < json_object_array_length(phases); i++) {
        if (i)
            putchar('\n');
        print_phase(json_object_array_get_idx(phases, i));
    }
    json_object_put(root);
    return CORBEL_OK;
}

corbel_status profile_command(const struct arguments *a, corbel_error *err)
{
    struct session session = {0};
    const char *output = arguments_text(a, OPTION_OUTPUT, NULL);
    char *json = NULL, *trace = NULL;
    corbel_profile_params params =
        CORBEL_PROFILE_PARAMS(.batch = arguments_int(a, OPTION_BATCH, 0),
                              .prefill = arguments_int(a, OPTION_PREFILL, 0),
                              .decode = arguments_int(a, OPTION_DECODE, 0),
                              .repeat = arguments_int(a, OPTION_REPEAT, 0));
    corbel_status status = session_open(&session, a, SESSION_MODEL, err);
    if (status == CORBEL_OK)
        status = corbel_profile(session.model, &params, &json, output ? &trace : NULL, err);
    if (status == CORBEL_OK && output)
        status = file_write(output, trace, strlen(trace), err);
    if (status == CORBEL_OK && arguments_have(a, OPTION_JSON))
        printf("%s\n", json);
    else if (status == CORBEL_OK)
        status = print(json, err);
    corbel_free(json);
    corbel_free(trace);
    session_close(&session);
    return status;
}
