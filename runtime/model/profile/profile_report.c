/* model/profile/profile_report.c: what was measured, as tables and as a trace.
 *
 * The trace is the Trace Event Format of Chrome's about:tracing, which ui.perfetto.dev reads:
 * modules are nested begin and end events, an operation within them is a complete event. */
#include "model/profile/profile.h"

#include "base/dtype.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const phases[] = {"forward", "prefill", "decode"};

/* ---- tables ---------------------------------------------------------------------------------- */

struct row {
    char key[PROGRAM_MAX_NAME];
    uint64_t count, ns;
    struct cost cost;
};

struct table {
    struct row *rows;
    size_t n, capacity;
};

/* "model.layers.3.self_attn" is one of "model.layers.*.self_attn". */
static void together(char out[PROGRAM_MAX_NAME], const char *module)
{
    size_t n = 0;
    for (const char *s = module; *s && n + 2 < PROGRAM_MAX_NAME;) {
        size_t size = strcspn(s, "."), digits = strspn(s, "0123456789");
        bool is_index = size > 0 && digits == size;
        if (is_index)
            out[n++] = '*';
        for (size_t i = 0; i < size && !is_index && n + 2 < PROGRAM_MAX_NAME; i++)
            out[n++] = s[i];
        s += size;
        if (*s)
            out[n++] = *s++;
    }
    out[n] = 0;
}

static struct row *row_of(struct table *t, const char *key)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].key, key) == 0)
            return &t->rows[i];
    if (t->n == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 32;
        struct row *rows = realloc(t->rows, capacity * sizeof(*rows));
        if (!rows)
            return NULL;
        t->rows = rows;
        t->capacity = capacity;
    }
    struct row *row = &t->rows[t->n++];
    *row = (struct row){0};
    strncpy(row->key, key, sizeof(row->key) - 1);
    return row;
}

static void add_op(struct table *t, const char *key, const struct profiled_op *op)
{
    struct row *row = op->ns ? row_of(t, key) : NULL; /* a view took no time */
    if (!row)
        return;
    row->count++;
    row->ns += op->ns;
    row->cost.flops += op->cost.flops;
    row->cost.bytes += op->cost.bytes;
}

static int by_time(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : strcmp(x->key, y->key);
}

static struct json_object *rate(double amount, uint64_t ns)
{
    return amount > 0 && ns ? json_object_new_double(amount / (double)ns)
                            : NULL; /* giga a second */
}

static struct json_object *table_json(struct table *t, const char *key, uint64_t total_ns,
                                      double steps)
{
    struct json_object *list = json_object_new_array();
    if (t->n)
        qsort(t->rows, t->n, sizeof(*t->rows), by_time);
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->rows[i];
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, key, json_object_new_string(r->key));
        json_object_object_add(o, "count", json_object_new_int64((int64_t)r->count));
        json_object_object_add(o, "seconds", json_object_new_double((double)r->ns * 1e-9 / steps));
        json_object_object_add(o, "share",
                               json_object_new_double((double)r->ns / (double)total_ns));
        json_object_object_add(o, "gb_per_s", rate(r->cost.bytes, r->ns));
        json_object_object_add(o, "gflop_per_s", rate(r->cost.flops, r->ns));
        json_object_array_add(list, o);
    }
    return list;
}

/* ---- report ---------------------------------------------------------------------------------- */

/* How many prompts, tokens or passes all runs of a phase were. */
static double steps_of(const struct profiler *profiler, const char *phase)
{
    const corbel_profile_params *p = profiler->params;
    return (double)(strcmp(phase, "decode") == 0 ? p->repeat * p->decode : p->repeat);
}

static bool has_device(struct json_object *devices, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(devices); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(devices, i)), name) == 0)
            return true;
    return false;
}

/* NULL: nothing was run in this phase. */
static struct json_object *phase_json(const struct profiler *profiler, const char *phase)
{
    struct table ops = {0}, modules = {0};
    struct json_object *o = json_object_new_object(), *devices = json_object_new_array();
    uint64_t ns = 0, wall_ns = 0;
    double steps = steps_of(profiler, phase);
    for (uint32_t i = 0; i < profiler->n_parts; i++) {
        const struct profiled_part *part = &profiler->parts[i];
        if (strcmp(part->phase, phase) != 0)
            continue;
        wall_ns += part->wall_ns;
        if (!has_device(devices, part->device))
            json_object_array_add(devices, json_object_new_string(part->device));
        for (uint32_t k = 0; k < part->n_ops; k++) {
            char module[PROGRAM_MAX_NAME];
            together(module, part->ops[k].module);
            add_op(&ops, part->ops[k].name, &part->ops[k]);
            add_op(&modules, module, &part->ops[k]);
            ns += part->ops[k].ns;
        }
    }
    bool decodes = strcmp(phase, "decode") == 0;
    json_object_object_add(o, "name", json_object_new_string(phase));
    json_object_object_add(o, "tokens", json_object_new_int64(decodes ? 1 : profiler->tokens));
    json_object_object_add(o, "devices", devices);
    json_object_object_add(o, "seconds", json_object_new_double((double)wall_ns * 1e-9 / steps));
    json_object_object_add(o, "operations_seconds",
                           json_object_new_double((double)ns * 1e-9 / steps));
    json_object_object_add(o, "operations", table_json(&ops, "operation", ns, steps));
    json_object_object_add(o, "modules", table_json(&modules, "module", ns, steps));
    free(ops.rows);
    free(modules.rows);
    if (wall_ns)
        return o;
    json_object_put(o);
    return NULL;
}

void profile_report(const struct corbel_model *model, const struct profiler *profiler,
                    struct text *json)
{
    const corbel_profile_params *p = profiler->params;
    struct json_object *o = json_object_new_object(), *list = json_object_new_array();
    uint32_t threads = corbel_runtime_threads(model->runtime);
    json_object_object_add(o, "model", json_object_new_string(model->folder));
    json_object_object_add(o, "architecture", json_object_new_string(model->arch->name));
    json_object_object_add(o, "threads", json_object_new_int64(threads));
    json_object_object_add(o, "batch", json_object_new_int64(p->batch));
    json_object_object_add(o, "repeat", json_object_new_int64(p->repeat));
    json_object_object_add(o, "phases", list);
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        struct json_object *phase = phase_json(profiler, phases[i]);
        if (phase)
            json_object_array_add(list, phase);
    }
    text_append(json, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                            JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}

/* ---- trace ----------------------------------------------------------------------------------- */

struct trace {
    struct text *out;
    uint32_t tid;
    uint64_t ns; /* where it has come to */
    /* the module that is open: its path, and its parts' ends within it */
    const char *module;
    size_t ends[64];
    uint32_t depth;
};

static void event(struct trace *t, const char *type, const char *name, size_t name_size)
{
    text_append(t->out, t->out->size > 2 ? ",\n{\"ph\":\"" : "{\"ph\":\"");
    text_format(t->out, "%s\",\"pid\":1,\"tid\":%u,\"ts\":%.3f", type, t->tid,
                (double)t->ns * 1e-3);
    if (name) {
        text_append(t->out, ",\"name\":");
        text_append_json_string(t->out, name, name_size);
    }
}

static void close_modules(struct trace *t, uint32_t depth)
{
    while (t->depth > depth) {
        t->depth--;
        event(t, "E", NULL, 0);
        text_append(t->out, "}");
    }
}

/* Leaves the modules that `module` is not in, enters those that it is in. An index goes with the
 * name before it: "layers.3" is one. */
static void enter_module(struct trace *t, const char *module)
{
    uint32_t same = 0;
    while (same < t->depth && strncmp(t->module, module, t->ends[same]) == 0 &&
           (module[t->ends[same]] == '.' || !module[t->ends[same]]))
        same++;
    close_modules(t, same);
    size_t at = t->depth ? t->ends[t->depth - 1] : 0;
    t->module = module;
    while (module[at] && t->depth < sizeof t->ends / sizeof t->ends[0]) {
        size_t begin = at + (module[at] == '.'), end = begin + strcspn(module + begin, ".");
        if (module[end] == '.' && isdigit((unsigned char)module[end + 1]))
            end += 1 + strcspn(module + end + 1, ".");
        event(t, "B", module + begin, end - begin);
        text_append(t->out, ",\"cat\":\"module\"}");
        t->ends[t->depth++] = at = end;
    }
}

static void trace_op(struct trace *t, const struct profiled_op *op, uint64_t ns)
{
    enter_module(t, op->module);
    event(t, "X", op->name, strlen(op->name));
    text_format(t->out,
                ",\"cat\":\"operation\",\"dur\":%.3f,\"args\":{\"shape\":\"%s\",\"module\":",
                (double)ns * 1e-3, op->shape);
    text_append_json_string(t->out, op->module, strlen(op->module));
    text_append(t->out, "}}");
    t->ns += ns;
}

/* Devices measure how long an operation takes, not when it begins: they are put one behind the
 * other from the beginning of the run, in which order they ran. */
static void trace_run(struct trace *t, const struct profiled_part *part,
                      const struct profiled_run *run)
{
    t->ns = run->begin_ns;
    event(t, "X", part->phase, strlen(part->phase));
    uint64_t ops_ns = 0, wall_ns = run->end_ns - run->begin_ns;
    for (uint32_t i = 0; i < part->n_ops; i++)
        ops_ns += run->op_ns[i];
    text_format(t->out, ",\"cat\":\"step\",\"dur\":%.3f,\"args\":{\"past\":%lld}}",
                (double)(wall_ns > ops_ns ? wall_ns : ops_ns) * 1e-3, (long long)run->past);
    t->module = "";
    t->depth = 0;
    for (uint32_t i = 0; i < part->n_ops; i++)
        if (run->op_ns[i])
            trace_op(t, &part->ops[i], run->op_ns[i]);
    close_modules(t, 0);
}

static uint32_t lane_of(const struct profiler *profiler, const char *device)
{
    for (uint32_t i = 0; i < profiler->n_parts; i++)
        if (strcmp(profiler->parts[i].device, device) == 0)
            return i + 1;
    return 0;
}

static void name_lane(struct trace *t, const char *what, const char *name)
{
    event(t, "M", what, strlen(what));
    text_append(t->out, ",\"args\":{\"name\":");
    text_append_json_string(t->out, name, strlen(name));
    text_append(t->out, "}}");
}

void profile_trace(const struct corbel_model *model, const struct profiler *profiler,
                   struct text *json)
{
    struct text events = {0};
    struct trace t = {.out = &events};
    name_lane(&t, "process_name", model->arch->name);
    for (uint32_t i = 0; i < profiler->n_parts; i++) {
        t.tid = lane_of(profiler, profiler->parts[i].device);
        if (t.tid == i + 1)
            name_lane(&t, "thread_name", profiler->parts[i].device);
    }
    for (uint32_t i = 0; i < profiler->n_runs; i++) {
        const struct profiled_part *part = &profiler->parts[profiler->runs[i].part];
        t.tid = lane_of(profiler, part->device);
        trace_run(&t, part, &profiler->runs[i]);
    }
    text_append(json, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    text_append_bytes(json, events.data, events.size);
    text_append(json, "\n]}\n");
    json->failed = json->failed || events.failed;
    text_finish(&events);
}
