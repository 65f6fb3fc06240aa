/* model/profile/profile.c: corbel_profile: runs a model as it is used, and notes the time of each
 * operation.
 */
#include "model/profile/profile.h"

#include "base/error.h"
#include "base/struct_copy.h"
#include "model/session.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A trace of more events than a viewer likes: later runs still count, but are not in it. */
enum { MAX_EVENTS = 400000, MAX_REPEAT = 1000 };

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- noting ---------------------------------------------------------------------------------- */

static bool grow(void **items, uint32_t n, uint32_t *capacity, size_t size)
{
    if (n < *capacity)
        return true;
    uint32_t larger = *capacity ? *capacity * 2 : 16;
    void *more = realloc(*items, larger * size);
    if (!more)
        return false;
    *items = more;
    *capacity = larger;
    return true;
}

static const char *shape_text(struct arena *arena, const struct program_value *v)
{
    struct text t = {0};
    text_append(&t, "[");
    for (uint32_t i = 0; i < v->rank; i++)
        text_format(&t, "%s%lld", i ? ", " : "", (long long)v->shape[i]);
    text_append(&t, "]");
    const char *copy = arena_string(arena, text_cstr(&t));
    text_finish(&t);
    return copy ? copy : "";
}

/* Copies what the report needs: the plan may be gone by then. */
static bool describe(struct profiler *profiler, struct profiled_part *part, const struct plan *plan)
{
    const struct program *p = &plan->program;
    part->n_ops = p->n_ops;
    part->ops = arena_array(&profiler->arena, p->n_ops + (size_t)1, sizeof(*part->ops));
    part->before = arena_array(&profiler->arena, p->n_ops + (size_t)1, sizeof(*part->before));
    if (!part->ops || !part->before)
        return false;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const struct program_op *op = &p->ops[i];
        part->ops[i].name = program_op_name(op->kind);
        part->ops[i].module = arena_string(&profiler->arena, op->module ? op->module : "");
        part->ops[i].shape = op->n_out ? shape_text(&profiler->arena, &p->values[op->out[0]]) : "";
        if (!part->ops[i].module)
            return false;
    }
    return true;
}

static const char *phase_of(const struct profiler *profiler)
{
    if (!profiler->generates)
        return "forward";
    return profiler->decodes ? "decode" : "prefill";
}

static struct profiled_part *part_of(struct profiler *profiler, const struct executable *executable,
                                     const struct plan *plan, const char *phase)
{
    for (uint32_t i = 0; i < profiler->n_parts; i++)
        if (profiler->parts[i].executable == executable &&
            strcmp(profiler->parts[i].phase, phase) == 0)
            return &profiler->parts[i];
    if (!grow((void **)&profiler->parts, profiler->n_parts, &profiler->parts_capacity,
              sizeof(*profiler->parts)))
        return NULL;
    struct profiled_part *part = &profiler->parts[profiler->n_parts];
    *part = (struct profiled_part){.executable = executable, .phase = phase};
    part->device = arena_string(&profiler->arena, device_name(executable->device));
    if (!part->device || !describe(profiler, part, plan))
        return NULL;
    profiler->n_parts++;
    return part;
}

static void note(struct profiler *profiler, struct profiled_part *part, const struct plan *plan,
                 const uint64_t *after, struct profiled_run run)
{
    const struct program *p = &plan->program;
    bool traced = profiler->n_events + p->n_ops <= MAX_EVENTS &&
                  grow((void **)&profiler->runs, profiler->n_runs, &profiler->runs_capacity,
                       sizeof(*profiler->runs));
    run.op_ns =
        traced ? arena_array(&profiler->arena, p->n_ops + (size_t)1, sizeof(*run.op_ns)) : NULL;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        struct cost cost = cost_of(p, &p->ops[i], run.past);
        uint64_t ns = after[i] - part->before[i];
        part->ops[i].ns += ns;
        if (ns) { /* a view costs nothing */
            part->ops[i].cost.flops += cost.flops;
            part->ops[i].cost.bytes += cost.bytes;
        }
        if (run.op_ns)
            run.op_ns[i] = ns;
    }
    part->wall_ns += run.end_ns - run.begin_ns;
    if (run.op_ns) {
        profiler->n_events += p->n_ops;
        profiler->runs[profiler->n_runs++] = run;
    }
}

corbel_status profiled_run(struct corbel_model *model, struct executable *executable,
                           const struct plan *plan, int64_t past, corbel_error *err)
{
    struct profiler *profiler = model->profiler;
    if (!profiler)
        return executable_run(executable, past, err);
    executable_set_profile(executable, true);
    if (profiler->warming)
        return executable_run(executable, past, err);
    struct profiled_part *part = part_of(profiler, executable, plan, phase_of(profiler));
    if (!part)
        return error_memory(err, sizeof(*part), "a profile");
    const uint64_t *times = executable_profile(executable);
    for (uint32_t i = 0; i < part->n_ops; i++)
        part->before[i] = times ? times[i] : 0;
    struct profiled_run run = {.part = (uint32_t)(part - profiler->parts),
                               .past = past,
                               .begin_ns = now_ns() - profiler->began_ns};
    corbel_status status = executable_run(executable, past, err);
    run.end_ns = now_ns() - profiler->began_ns;
    times = executable_profile(executable);
    if (status)
        return status;
    if (!times)
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s does not measure operations", part->device);
    note(profiler, part, plan, times, run);
    return CORBEL_OK;
}

/* ---- what is run ----------------------------------------------------------------------------- */

/* Different tokens, none of them near the special ones at the beginning of most vocabularies. */
static corbel_status make_ids(struct arena *arena, int64_t batch, int64_t tokens, int64_t vocab,
                              corbel_tensor *out, corbel_error *err)
{
    int64_t low = vocab > 1024 ? 512 : 0;
    int32_t *ids = arena_array(arena, (size_t)(batch * tokens), sizeof(*ids));
    if (!ids)
        return error_memory(err, (size_t)(batch * tokens) * sizeof(*ids), "a prompt");
    for (int64_t i = 0; i < batch * tokens; i++)
        ids[i] = (int32_t)(low + (i * 7919 + 11) % (vocab - low));
    *out = (corbel_tensor){
        .name = "input_ids", .dtype = CORBEL_I32, .rank = 2, .shape = {batch, tokens}, .data = ids};
    return CORBEL_OK;
}

/* A picture of the size that the config names; what is on it makes no difference. */
static corbel_status make_pixels(struct arena *arena, const struct corbel_model *model,
                                 int64_t batch, corbel_tensor *out, corbel_error *err)
{
    int64_t channels = corbel_model_config_int(model, "num_channels", 0);
    int64_t size = corbel_model_config_int(model, "image_size", 224);
    if (channels < 1 || channels > 64 || size < 1 || size > 16384)
        return error_set(err, CORBEL_E_UNSUPPORTED,
                         "%s: neither vocab_size nor num_channels: no input can be made up",
                         model->config.path);
    float *pixels = arena_array(arena, (size_t)(batch * channels * size * size), sizeof(*pixels));
    if (!pixels)
        return error_memory(err, (size_t)(channels * size * size) * sizeof(*pixels), "a picture");
    *out = (corbel_tensor){.name = "pixel_values",
                           .dtype = CORBEL_F32,
                           .rank = 4,
                           .shape = {batch, channels, size, size},
                           .data = pixels};
    return CORBEL_OK;
}

static corbel_status make_input(struct arena *arena, const struct corbel_model *model,
                                const corbel_profile_params *p, corbel_tensor *out,
                                corbel_error *err)
{
    int64_t vocab = corbel_model_config_int(model, "vocab_size", 0);
    model->profiler->tokens = vocab >= 2 ? p->prefill : 0;
    if (vocab >= 2)
        return make_ids(arena, p->batch, p->prefill, vocab, out, err);
    return make_pixels(arena, model, p->batch, out, err);
}

/* Called when the prompt's last step has chosen a token, and then after each. */
static int on_token(void *user, size_t row, int32_t token)
{
    (void)row, (void)token;
    ((struct profiler *)user)->decodes = true;
    return 0;
}

static corbel_status run_once(struct corbel_model *model, const corbel_profile_params *p,
                              const corbel_tensor *input, corbel_error *err)
{
    const int32_t pad = 0;
    corbel_generate_params how = CORBEL_GENERATE_PARAMS(.do_sample = -1, .n_eos = -1, .fresh = 1);
    corbel_tensors *outputs = NULL;
    how.max_new_tokens = (uint32_t)p->decode + 1;
    how.pad_token_id = &pad;
    how.on_token = on_token;
    how.user = model->profiler;
    model->profiler->decodes = false;
    corbel_status status = model->profiler->generates
                               ? corbel_generate(model, input, 1, &how, &outputs, err)
                               : corbel_model_forward(model, input, 1, NULL, &outputs, err);
    corbel_tensors_destroy(&outputs);
    return status;
}

static corbel_status measure(struct corbel_model *model, const corbel_profile_params *p,
                             corbel_error *err)
{
    struct profiler *profiler = model->profiler;
    corbel_tensor input;
    corbel_status status = make_input(&profiler->arena, model, p, &input, err);
    profiler->warming = true;
    if (!status)
        status = run_once(model, p, &input, err);
    profiler->warming = false;
    profiler->began_ns = now_ns();
    for (int64_t i = 0; i < p->repeat && !status; i++)
        status = run_once(model, p, &input, err);
    return status;
}

static corbel_status check(corbel_profile_params *p, corbel_error *err)
{
    p->batch = p->batch ? p->batch : 1;
    p->prefill = p->prefill ? p->prefill : 128;
    p->decode = p->decode ? p->decode : 32;
    p->repeat = p->repeat ? p->repeat : 3;
    if (p->batch < 1 || p->batch > 65536 || p->prefill < 1 || p->prefill > (1 << 24) ||
        p->decode < 1 || p->decode > (1 << 24) || p->repeat < 1 || p->repeat > MAX_REPEAT)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "a batch, prefill, decode or repeat that is out of range");
    return CORBEL_OK;
}

corbel_status corbel_profile(corbel_model *model, const corbel_profile_params *params, char **json,
                             char **trace, corbel_error *err)
{
    corbel_profile_params p = CORBEL_PROFILE_PARAMS(.batch = 1);
    struct profiler profiler = {.params = &p};
    struct text report = {0}, events = {0};
    if (!model || !json)
        return error_set(err, CORBEL_E_ARGUMENT, "corbel_profile: no model or no place");
    *json = NULL;
    if (trace)
        *trace = NULL;
    STRUCT_COPY(&p, params);
    corbel_status status = check(&p, err);
    if (status)
        return status;
    profiler.generates = strcmp(corbel_model_task(model), "text-generation") == 0;
    model->profiler = &profiler;
    status = measure(model, &p, err);
    model->profiler = NULL;
    session_destroy(&model->session); /* its executables would go on measuring */
    if (!status) {
        profile_report(model, &profiler, &report);
        if (trace)
            profile_trace(model, &profiler, &events);
        *json = text_take(&report);
        if (trace)
            *trace = text_take(&events);
        if (!*json || (trace && !*trace)) {
            free(*json);
            *json = NULL;
            status = error_memory(err, 0, "a profile");
        }
    }
    text_finish(&report);
    text_finish(&events);
    free(profiler.parts);
    free(profiler.runs);
    arena_finish(&profiler.arena);
    return status;
}
