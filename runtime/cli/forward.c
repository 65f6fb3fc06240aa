/* cli/forward.c: `corbel forward`: one pass on raw tensors, from file to file. */
#include "base/dtype.h"
#include "base/error.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/tensors.h"

#include <string.h>

/* --set NAME=JSON ... as one object; the API checks the JSON. */
static corbel_status read_settings(const struct arguments *a, struct text *json, corbel_error *err)
{
    const char *setting;
    text_append_char(json, '{');
    for (size_t i = 0; (setting = arguments_nth(a, OPTION_SET, i)); i++) {
        const char *equals = strchr(setting, '=');
        if (!equals || equals == setting)
            return error_set(err, CORBEL_E_ARGUMENT, "--set: expected NAME=JSON, found \"%s\"",
                             setting);
        text_append(json, i ? ", " : "");
        text_append_json_string(json, setting, (size_t)(equals - setting));
        text_format(json, ": %s", equals + 1);
    }
    text_append_char(json, '}');
    return CORBEL_OK;
}

/* What was written: {"logits": {"dtype": "float32", "shape": [1, 8, 32000]}, ...}. */
static void print_shapes(const corbel_tensors *outputs)
{
    putchar('{');
    for (size_t i = 0; i < corbel_tensors_count(outputs); i++) {
        const corbel_tensor *t = corbel_tensors_at(outputs, i);
        struct text name = {0};
        text_append_json_string(&name, t->name, strlen(t->name));
        printf("%s%s: {\"dtype\": \"%s\", \"shape\": [", i ? ", " : "", text_cstr(&name),
               dtype_name(t->dtype));
        for (uint32_t d = 0; d < t->rank; d++)
            printf("%s%lld", d ? ", " : "", (long long)t->shape[d]);
        fputs("]}", stdout);
        text_finish(&name);
    }
    fputs("}\n", stdout);
}

corbel_status forward_command(const struct arguments *a, corbel_error *err)
{
    struct session session = {0};
    struct text settings = {0};
    corbel_tensors *inputs = NULL, *outputs = NULL;
    const char *in = arguments_text(a, OPTION_INPUTS, NULL);
    const char *out = arguments_text(a, OPTION_OUTPUT, NULL);
    if (!in || !out)
        return error_set(err, CORBEL_E_ARGUMENT, "--%s FILE is missing", in ? "output" : "inputs");

    corbel_status status = read_settings(a, &settings, err);
    if (status == CORBEL_OK)
        status = corbel_tensors_load(in, &inputs, err);
    if (status == CORBEL_OK)
        status = session_open(&session, a, SESSION_MODEL, err);
    if (status == CORBEL_OK) {
        corbel_forward_params params =
            CORBEL_FORWARD_PARAMS(.hidden_states = arguments_have(a, OPTION_HIDDEN_STATES),
                                  .options_json = settings.size > 2 ? settings.data : NULL);
        status = tensors_forward(session.model, inputs, &params, &outputs, err);
        status = input_error(status, err, in);
    }
    if (status == CORBEL_OK)
        status = tensors_write(out, outputs, err);
    if (status == CORBEL_OK && arguments_have(a, OPTION_JSON))
        print_shapes(outputs);
    corbel_tensors_destroy(&outputs);
    corbel_tensors_destroy(&inputs);
    session_close(&session);
    text_finish(&settings);
    return status;
}
