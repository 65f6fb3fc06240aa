/* model/inspect.c: what a model is, as JSON, and the programs that it makes. */
#include "base/dtype.h"
#include "base/error.h"
#include "base/struct_copy.h"
#include "model/session.h"

#include <stdlib.h>
#include <string.h>

/* ---- info ------------------------------------------------------------------------------------ */

struct totals {
    uint64_t parameters, bytes;
    uint64_t by_dtype[CORBEL_F4 + 1]; /* bytes, by the stored dtype */
};

static struct totals count_parameters(const struct corbel_model *model)
{
    struct totals t = {0};
    uint32_t n = plugin_model_param_count(model->plugin);
    for (uint32_t i = 0; i < n; i++) {
        const struct plugin_param *p = plugin_model_param(model->plugin, i);
        int32_t dtype = model->weights[i].stored ? model->weights[i].stored : CORBEL_F32;
        uint64_t count = 1;
        for (uint32_t d = 0; d < p->rank; d++)
            count *= (uint64_t)p->shape[d];
        t.parameters += count;
        t.bytes += count * dtype_size(dtype);
        t.by_dtype[dtype] += count * dtype_size(dtype);
    }
    return t;
}

static void add_string(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value ? value : ""));
}

static void add_size(struct json_object *o, const char *key, uint64_t value)
{
    json_object_object_add(o, key, json_object_new_int64((int64_t)value));
}

static struct json_object *plugin_info(const struct corbel_model *model)
{
    const struct plugin_arch_info *arch = model->arch;
    struct text verdict = {0};
    struct json_object *o = json_object_new_object();
    add_string(o, "name", arch->plugin);
    add_string(o, "version", arch->version);
    add_string(o, "pin", arch->pin);
    add_string(o, "signer", arch->signer);
    plugin_policy_verdict(plugin_registry_bundle(model->runtime->registry, arch), arch->is_built_in,
                          &verdict);
    add_string(o, "verdict", text_cstr(&verdict));
    text_finish(&verdict);
    add_string(o, "runs", plugin_model_isolated(model->plugin) ? "isolated" : "in this process");
    return o;
}

/* The dtype of most of the weights. */
static const char *main_dtype(const struct totals *t)
{
    int32_t best = CORBEL_F32;
    for (int32_t d = 1; d <= CORBEL_F4; d++)
        if (t->by_dtype[d] > t->by_dtype[best])
            best = d;
    return dtype_name(best);
}

static struct json_object *dtype_info(const struct totals *t)
{
    struct json_object *o = json_object_new_object();
    for (int32_t d = 1; d <= CORBEL_F4; d++)
        if (t->by_dtype[d])
            add_size(o, dtype_name(d), t->by_dtype[d]);
    return o;
}

corbel_status corbel_model_info_json(corbel_model *model, char **json, corbel_error *err)
{
    struct totals t = count_parameters(model);
    struct json_object *o = json_object_new_object();
    const char *model_type = NULL;
    *json = NULL;
    (void)config_model_type(&model->config, &model_type, NULL);
    add_string(o, "model", model->folder);
    add_string(o, "model_type", model_type);
    add_string(o, "architecture", model->arch->name);
    add_string(o, "chosen_by", model->class_reason);
    add_string(o, "task", model->arch->task);
    json_object_object_add(o, "plugin", plugin_info(model));
    add_size(o, "parameters", t.parameters);
    add_string(o, "dtype", main_dtype(&t));
    add_string(o, "arithmetic",
               model->precision == PRECISION_REDUCED ? "float32, products of bfloat16" : "float32");
    add_size(o, "weights_bytes", t.bytes);
    json_object_object_add(o, "bytes_by_dtype", dtype_info(&t));
    add_size(o, "missing", model->report.missing.n);
    add_size(o, "unexpected", model->report.unexpected.n + model->report.n_elsewhere);
    load_report_add_json(&model->report, o);
    add_string(o, "device", model->placement.places[model->placement.main].name);
    json_object_object_add(o, "device_map", placement_map_json(&model->placement));
    json_object_object_add(o, "placement", placement_units_json(&model->placement));
    json_object_object_add(o, "memory", placement_places_json(&model->placement));
    const char *text =
        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    *json = text ? strdup(text) : NULL;
    json_object_put(o);
    return *json ? CORBEL_OK : error_memory(err, 0, "a description of the model");
}

/* ---- programs -------------------------------------------------------------------------------- */

static corbel_status print(struct corbel_model *model, struct program *program,
                           const corbel_program_params *p, struct text *out, corbel_error *err)
{
    if (p->planned) {
        struct parts parts;
        corbel_status status = parts_plan(&parts, model, NULL, program, err);
        if (!status)
            parts_print(&parts, p->format, out);
        parts_finish(&parts);
        return status;
    }
    if (p->format == CORBEL_PROGRAM_DOT)
        program_print_dot(program, out);
    else if (p->format == CORBEL_PROGRAM_JSON)
        program_print_json(program, out);
    else
        program_print_text(program, out);
    return CORBEL_OK;
}

static corbel_status produce(struct corbel_model *model, struct program *program,
                             const corbel_program_params *p, char **data, size_t *size,
                             corbel_error *err)
{
    struct text out = {0};
    if (p->format == CORBEL_PROGRAM_BINARY && p->planned)
        return error_set(err, CORBEL_E_ARGUMENT, "a planned program has no binary form");
    if (p->format == CORBEL_PROGRAM_BINARY)
        return program_write(program, data, size, err);
    corbel_status status = print(model, program, p, &out, err);
    *size = out.size;
    if (!status)
        *data = text_take(&out);
    text_finish(&out);
    return status || *data ? status : error_memory(err, 0, "a program's text");
}

/* Images have no tokens: what a vision model is given comes from its own config, or is a picture of
 * the usual size if the class says that it is for them. */
static bool image_input(const struct corbel_model *model, int64_t batch, struct trace_input *input)
{
    int64_t channels = corbel_model_config_int(model, "num_channels", 0);
    if (channels < 1)
        channels = corbel_model_config_int(model, "input_channels", 0);
    if (channels < 1 && strcmp(model->arch->task, "image-classification") == 0)
        channels = 3;
    int64_t size = corbel_model_config_int(model, "image_size", 224);
    if (channels < 1 || size < 1)
        return false;
    *input = (struct trace_input){.name = "pixel_values",
                                  .dtype = CORBEL_F32,
                                  .rank = 4,
                                  .shape = {batch, channels, size, size}};
    return true;
}

corbel_status corbel_program(corbel_model *model, const corbel_program_params *params, char **data,
                             size_t *size, corbel_error *err)
{
    corbel_program_params p = CORBEL_PROGRAM_PARAMS(.format = CORBEL_PROGRAM_TEXT);
    struct program program;
    struct trace_input image;
    *data = NULL;
    *size = 0;
    STRUCT_COPY(&p, params);
    p.batch = p.batch ? p.batch : 1;
    p.sequence = p.sequence ? p.sequence : 8;
    if (p.batch < 1 || p.batch > 65536 || p.sequence < 1 || p.sequence > (1 << 24) || p.past < 0 ||
        p.past > (1 << 24))
        return error_set(err, CORBEL_E_ARGUMENT, "a batch, sequence or past that is out of range");
    struct step_key key = {.inputs = &image,
                           .n_inputs = image_input(model, p.batch, &image),
                           .batch = p.batch,
                           .sequence = p.sequence,
                           .hidden_states = p.hidden_states != 0};
    key.has_ids = key.n_inputs == 0;
    program_init(&program);
    corbel_status status = session_trace(model, &key, p.past + p.sequence, &program, err);
    if (!status)
        status = produce(model, &program, &p, data, size, err);
    program_finish(&program);
    return status;
}
