/* conformance/trial.c: see trial.h. */
#include "conformance/trial.h"

#include "conformance/configs.h"

#include <string.h>

void trial_begin(struct trial *t, struct plugin_registry *registry, const char *arch,
                 struct json_object *config)
{
    *t = (struct trial){0};
    t->status = config_adopt(&t->config, config, "config.json of the test", &t->error);
    if (!t->status)
        t->status = plugin_model_create(registry, arch, &t->config, &t->model, &t->error);
}

void trial_finish(struct trial *t)
{
    plugin_model_destroy(&t->model);
    config_finish(&t->config);
}

bool trial_is_scandal(const struct trial *t)
{
    return t->status == CORBEL_E_UNTRUSTED || t->status == CORBEL_E_INTERNAL ||
           t->status == CORBEL_E_ABI || (t->status && !t->error.text[0]);
}

int64_t trial_elements(const struct trial *t)
{
    int64_t total = 0;

    for (uint32_t i = 0; i < plugin_model_param_count(t->model); i++) {
        const struct plugin_param *p = plugin_model_param(t->model, i);
        int64_t n = 1;

        for (uint32_t d = 0; d < p->rank; d++)
            if (__builtin_mul_overflow(n, p->shape[d], &n))
                return INT64_MAX;
        if (__builtin_add_overflow(total, n, &total))
            return INT64_MAX;
    }
    return total;
}

/* ---- tracing --------------------------------------------------------------------------------- */

/* Whether the class asks config.json for a picture's channels. */
static bool reads_channels(const corbel_arch *arch)
{
    for (uint32_t i = 0; i < arch->n_fields; i++)
        if (strcmp(arch->fields[i].keys, "num_channels") == 0 ||
            strcmp(arch->fields[i].keys, "input_channels") == 0)
            return true;
    return false;
}

bool config_is_of_pictures(struct json_object *config, const corbel_arch *arch)
{
    return strncmp(arch->task, "image", 5) == 0 || config_integer(config, "num_channels", 0) > 0 ||
           reads_channels(arch);
}

/* image_size is a number, or height and width. */
void config_picture(struct json_object *config, int64_t *channels, int64_t *height, int64_t *width)
{
    struct json_object *size = json_object_object_get(config, "image_size");
    const int64_t side = config_integer(config, "image_size", 64);

    *channels = config_integer(config, "num_channels", config_integer(config, "input_channels", 3));
    *height = *width = side;
    if (json_object_is_type(size, json_type_array) && json_object_array_length(size) == 2) {
        *height = json_object_get_int64(json_object_array_get_idx(size, 0));
        *width = json_object_get_int64(json_object_array_get_idx(size, 1));
    }
}

static uint32_t offer(const struct trial *t, const corbel_arch *arch,
                      const struct trial_shape *shape, struct trace_input inputs[5])
{
    static const char *const names[] = {"input_ids", "position_ids", "token_type_ids", "token_mask",
                                        "attention_mask"};

    if (config_is_of_pictures(t->config.root, arch)) {
        inputs[0] = (struct trace_input){
            .name = "pixel_values", .dtype = CORBEL_F32, .rank = 4, .shape = {shape->batch}};
        config_picture(t->config.root, &inputs[0].shape[1], &inputs[0].shape[2],
                       &inputs[0].shape[3]);
        return 1;
    }
    for (uint32_t i = 0; i < 5; i++)
        inputs[i] = (struct trace_input){.name = names[i],
                                         .dtype = CORBEL_I32,
                                         .rank = 2,
                                         .shape = {shape->batch, shape->tokens}};
    return 5;
}

corbel_status trial_trace(struct trial *t, const struct trial_shape *shape, struct program *program,
                          corbel_error *err)
{
    struct trace_input inputs[5];
    const struct trace_options options = {
        .inputs = inputs,
        .n_inputs = offer(t, plugin_model_class(t->model), shape, inputs),
        .capacity = shape->tokens,
        .hidden_states = true,
    };
    corbel_status status = plugin_model_trace(t->model, &options, program, err);

    if (status)
        program_finish(program);
    return status;
}
