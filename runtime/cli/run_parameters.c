/* cli/run_parameters.c: see run.h. */
#include "base/error.h"
#include "cli/options.h"
#include "cli/run.h"

#include <string.h>

static void append_name(struct text *out, const char *name)
{
    text_format(out, "%s\"%s\": ", out->size > 1 ? ", " : "", name);
}

static void append_string(struct text *out, const char *string)
{
    text_append_json_string(out, string, strlen(string));
}

static void append_numbers(struct text *out, const struct arguments *a)
{
    static const struct {
        enum option_id id;
        const char *name;
    } rows[] = {
        {OPTION_MAX_NEW_TOKENS, "max_new_tokens"},
        {OPTION_TEMPERATURE, "temperature"},
        {OPTION_TOP_K, "top_k"},
        {OPTION_TOP_P, "top_p"},
        {OPTION_MIN_P, "min_p"},
        {OPTION_REPETITION_PENALTY, "repetition_penalty"},
        {OPTION_SEED, "seed"},
        {OPTION_BATCH_SIZE, "batch_size"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (!arguments_have(a, rows[i].id))
            continue;
        append_name(out, rows[i].name);
        text_format(out, "%.17g", arguments_real(a, rows[i].id, 0));
    }
}

static void append_flags(struct text *out, const struct arguments *a)
{
    if (arguments_have(a, OPTION_NO_SAMPLE)) {
        append_name(out, "do_sample");
        text_append(out, "false");
    }
    if (arguments_have(a, OPTION_NORMALIZE)) {
        append_name(out, "normalize");
        text_append(out, "true");
    }
}

static void append_words(struct text *out, const struct arguments *a)
{
    const char *aggregation = arguments_text(a, OPTION_AGGREGATION, NULL);
    const char *pooling = arguments_text(a, OPTION_POOLING, NULL);
    if (aggregation) {
        append_name(out, "aggregation_strategy");
        append_string(out, aggregation);
    }
    if (arguments_have(a, OPTION_POOLING)) {
        append_name(out, "pooling");
        append_string(out, pooling && *pooling ? pooling : "auto");
    }
}

/* An option that may be repeated, as a list. */
static void append_list(struct text *out, const struct arguments *a, enum option_id id,
                        const char *name)
{
    const char *value;
    if (!arguments_have(a, id))
        return;
    append_name(out, name);
    text_append_char(out, '[');
    for (size_t i = 0; (value = arguments_nth(a, id, i)); i++) {
        text_append(out, i ? ", " : "");
        append_string(out, value);
    }
    text_append_char(out, ']');
}

/* --set NAME=JSON */
static corbel_status append_set(struct text *out, const char *setting, corbel_error *err)
{
    const char *equals = strchr(setting, '=');
    if (!equals || equals == setting)
        return error_set(err, CORBEL_E_ARGUMENT, "--set: expected NAME=JSON, found \"%s\"",
                         setting);
    text_append(out, out->size > 1 ? ", " : "");
    text_append_json_string(out, setting, (size_t)(equals - setting));
    text_format(out, ": %s", equals + 1);
    return CORBEL_OK;
}

corbel_status run_parameters_read(const struct arguments *a, struct json_object **parameters,
                                  corbel_error *err)
{
    struct text json = {0};
    text_append_char(&json, '{');
    append_numbers(&json, a);
    append_flags(&json, a);
    append_words(&json, a);
    append_list(&json, a, OPTION_STOP, "stop_strings");
    append_list(&json, a, OPTION_TARGET, "targets");

    corbel_status status = CORBEL_OK;
    const char *setting;
    for (size_t i = 0; status == CORBEL_OK && (setting = arguments_nth(a, OPTION_SET, i)); i++)
        status = append_set(&json, setting, err);
    text_append_char(&json, '}');
    if (status == CORBEL_OK)
        status = json_parse(text_cstr(&json), json.size, JSON_DATA, "--set", parameters, err);
    text_finish(&json);
    return status == CORBEL_E_FORMAT ? CORBEL_E_ARGUMENT : status;
}
