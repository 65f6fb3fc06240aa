/* task/feature_extraction.c: a text's hidden states, [1, tokens, hidden] as nested lists. */
#include "task/features.h"

static void append_row(struct text *out, const float *row, int64_t n)
{
    text_append_char(out, '[');
    for (int64_t i = 0; i < n; i++) {
        text_append(out, i ? ", " : "");
        append_float(out, row[i]);
    }
    text_append_char(out, ']');
}

static corbel_status run(struct call *call, struct json_object *input, struct text *out,
                         corbel_error *err)
{
    static const char *const names[] = {TOKENIZER_PARAMETERS};
    struct parameters parameters = {.object = call->parameters, .err = err};
    parameters_check_names(&parameters, names, sizeof(names) / sizeof(*names));

    corbel_tensors *outputs = NULL;
    const corbel_tensor *hidden;
    corbel_status status =
        features_compute(call, input, &parameters, "last_hidden_state", 3, &outputs, &hidden, err);
    if (status == CORBEL_OK) {
        const float *data = hidden->data;
        text_append(out, "[[");
        for (int64_t t = 0; t < hidden->shape[1]; t++) {
            text_append(out, t ? ", " : "");
            append_row(out, data + t * hidden->shape[2], hidden->shape[2]);
        }
        text_append(out, "]]");
    }
    corbel_tensors_destroy(&outputs);
    return status;
}

const struct task feature_extraction = {"feature-extraction", run};
