/* cli/bench.c: `corbel bench`: how fast a model is, beside what the device can do at most.
 *
 * Everything is measured in this one process, the limits too, since machines differ and so do
 * their hours. A measurement of a model that generates is a prompt of --prefill tokens and then
 * --decode tokens more; of another model it is one forward pass. Medians count. */
#include "base/dtype.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_TOKEN_PROMPT = 8 }; /* tokens of the prompt behind first_token_s */

struct bench {
    struct session session;
    bool generates;
    int64_t batch, prefill, decode, repeat, vocab;
    /* results; 0: not measured */
    double load_s, first_token_s, prefill_rate, decode_rate, forward_ms;
    int64_t peak_rss, weights_bytes, parameters;
    double read_limit, flops_limit;
    char device[32], dtype[32];
    int32_t arithmetic; /* dtype whose products are the limit: that of most weights */
};

/* ---- measuring ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, int64_t n)
{
    qsort(values, (size_t)n, sizeof(*values), by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* VmHWM of this process, which getrusage's figure is not: that one survives exec, so a benchmark
 * started by a large program would report that program's size. */
static int64_t peak_rss(void)
{
    char line[128];
    long long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && kib == 0 && fgets(line, sizeof(line), status))
        sscanf(line, "VmHWM: %lld kB", &kib);
    if (status)
        fclose(status);
    return kib * 1024;
}

/* Rows of different tokens, none of them near the special ones at the beginning of most
 * vocabularies. The caller frees. */
static int32_t *make_prompt(const struct bench *b, int64_t tokens, corbel_error *err)
{
    int32_t *ids = calloc((size_t)b->batch, (size_t)tokens * sizeof(*ids));
    int64_t low = b->vocab > 1024 ? 512 : 0;
    if (!ids)
        error_memory(err, (size_t)b->batch * (size_t)tokens * sizeof(*ids), "a prompt");
    for (int64_t i = 0; ids && i < b->batch * tokens; i++)
        ids[i] = (int32_t)(low + (i * 7919 + 11) % (b->vocab - low));
    return ids;
}

struct clock {
    double first, last;
    int64_t n; /* tokens of the first row */
};

static int on_token(void *user, size_t row, int32_t token)
{
    (void)token;
    struct clock *clock = user;
    if (row == 0) {
        clock->last = now();
        if (clock->n++ == 0)
            clock->first = clock->last;
    }
    return interrupted();
}

/* Generates `n_new` tokens after a prompt of `tokens`. */
static corbel_status generate(const struct bench *b, int64_t tokens, int64_t n_new,
                              struct clock *clock, corbel_error *err)
{
    int32_t *ids = make_prompt(b, tokens, err);
    if (!ids)
        return CORBEL_E_MEMORY;
    corbel_tensor input = {.name = "input_ids",
                           .dtype = CORBEL_I32,
                           .rank = 2,
                           .shape = {b->batch, tokens},
                           .data = ids};
    corbel_generate_params params = CORBEL_GENERATE_PARAMS(.fresh = 1);
    params.max_new_tokens = (uint32_t)n_new;
    params.do_sample = -1;
    params.n_eos = -1;
    params.on_token = on_token;
    params.user = clock;
    *clock = (struct clock){0};
    corbel_tensors *outputs = NULL;
    corbel_status status = corbel_generate(b->session.model, &input, 1, &params, &outputs, err);
    corbel_tensors_destroy(&outputs);
    free(ids);
    if (status == CORBEL_OK && clock->n < n_new)
        status =
            error_set(err, interrupted() ? CORBEL_E_CANCELLED : CORBEL_E_INTERNAL,
                      "stopped after %lld of %lld tokens", (long long)clock->n, (long long)n_new);
    return status;
}

static corbel_status measure_generation(struct bench *b, double *times, corbel_error *err)
{
    struct clock clock;
    double *decode_times = times + b->repeat;
    corbel_status status = generate(b, b->prefill, b->decode + 1, &clock, err); /* warms up */
    for (int64_t i = 0; i < b->repeat && status == CORBEL_OK; i++) {
        double begin = now();
        status = generate(b, b->prefill, b->decode + 1, &clock, err);
        times[i] = clock.first - begin;
        decode_times[i] = clock.last - clock.first;
    }
    if (status != CORBEL_OK)
        return status;
    b->prefill_rate = (double)(b->batch * b->prefill) / median(times, b->repeat);
    b->decode_rate = (double)(b->batch * b->decode) / median(decode_times, b->repeat);
    return CORBEL_OK;
}

static corbel_status forward(const struct bench *b, corbel_error *err)
{
    int32_t *ids = make_prompt(b, b->prefill, err);
    if (!ids)
        return CORBEL_E_MEMORY;
    corbel_tensor input = {.name = "input_ids",
                           .dtype = CORBEL_I32,
                           .rank = 2,
                           .shape = {b->batch, b->prefill},
                           .data = ids};
    corbel_tensors *outputs = NULL;
    corbel_status status = corbel_model_forward(b->session.model, &input, 1, NULL, &outputs, err);
    corbel_tensors_destroy(&outputs);
    free(ids);
    return status;
}

static corbel_status measure_forward(struct bench *b, double *times, corbel_error *err)
{
    corbel_status status = forward(b, err);
    for (int64_t i = 0; i < b->repeat && status == CORBEL_OK && !interrupted(); i++) {
        double begin = now();
        status = forward(b, err);
        times[i] = now() - begin;
    }
    if (status == CORBEL_OK && interrupted())
        status = error_set(err, CORBEL_E_CANCELLED, "stopped");
    if (status == CORBEL_OK)
        b->forward_ms = 1000 * median(times, b->repeat);
    return status;
}

/* ---- the model ------------------------------------------------------------------------------- */

static void copy_member(struct json_object *info, const char *key, char out[32])
{
    struct json_object *value = NULL;
    json_object_object_get_ex(info, key, &value);
    snprintf(out, 32, "%s", value ? json_object_get_string(value) : "");
}

static corbel_status read_info(struct bench *b, corbel_error *err)
{
    char *json = NULL;
    struct json_object *info = NULL, *value = NULL;
    corbel_status status = corbel_model_info_json(b->session.model, &json, err);
    if (status == CORBEL_OK)
        status = json_parse(json, strlen(json), JSON_DATA, "info", &info, err);
    if (status == CORBEL_OK) {
        copy_member(info, "device", b->device);
        copy_member(info, "dtype", b->dtype);
        b->arithmetic = strcmp(b->dtype, "bfloat16") == 0 ? CORBEL_BF16 : CORBEL_F32;
        if (json_object_object_get_ex(info, "weights_bytes", &value))
            b->weights_bytes = json_object_get_int64(value);
        if (json_object_object_get_ex(info, "parameters", &value))
            b->parameters = json_object_get_int64(value);
    }
    json_object_put(info);
    corbel_free(json);
    return status;
}

/* From nothing to the first token, which is what a user waits for. */
static corbel_status start(struct bench *b, const struct arguments *a, corbel_error *err)
{
    double begin = now();
    corbel_status status = session_open(&b->session, a, SESSION_MODEL, err);
    b->load_s = now() - begin;
    if (status != CORBEL_OK)
        return status;
    b->generates = strcmp(corbel_model_task(b->session.model), "text-generation") == 0;
    b->vocab = corbel_model_config_int(b->session.model, "vocab_size", 0);
    if (b->vocab < 2)
        return error_set(err, CORBEL_E_UNSUPPORTED, "%s: bench needs a model of tokens",
                         corbel_model_folder(b->session.model));
    if (!b->generates)
        return CORBEL_OK;
    struct clock clock;
    status = generate(b, FIRST_TOKEN_PROMPT, 1, &clock, err);
    b->first_token_s = clock.first - begin;
    return status;
}

static corbel_status measure(struct bench *b, const struct arguments *a, corbel_error *err)
{
    double *times = calloc((size_t)b->repeat * 2, sizeof(*times));
    if (!times)
        return error_memory(err, (size_t)b->repeat * sizeof(*times), "measurements");
    corbel_status status = start(b, a, err);
    if (status == CORBEL_OK)
        status = b->generates ? measure_generation(b, times, err) : measure_forward(b, times, err);
    free(times);
    b->peak_rss = peak_rss(); /* before the limits, which need memory of their own */
    if (status == CORBEL_OK)
        status = read_info(b, err);
    if (status == CORBEL_OK)
        status = corbel_measure_limits(b->session.runtime, b->device, b->arithmetic, &b->read_limit,
                                       &b->flops_limit, err);
    return status;
}

/* ---- showing --------------------------------------------------------------------------------- */

/* What was not measured is null. */
static void print_member(const char *key, double value)
{
    if (value > 0)
        printf("\"%s\": %.6g, ", key, value);
    else
        printf("\"%s\": null, ", key);
}

static void print_json(const struct bench *b)
{
    putchar('{');
    print_member("load_s", b->load_s);
    print_member("first_token_s", b->first_token_s);
    print_member("prefill_tokens_per_s", b->prefill_rate);
    print_member("decode_tokens_per_s", b->decode_rate);
    print_member("forward_ms", b->forward_ms);
    printf("\"peak_rss_bytes\": %lld, \"weights_bytes\": %lld, ", (long long)b->peak_rss,
           (long long)b->weights_bytes);
    printf("\"limits\": {\"read_bytes_per_s\": %.6g, \"flops_per_s\": %.6g}, ", b->read_limit,
           b->flops_limit);
    printf("\"threads\": %u, \"device\": \"%s\", \"dtype\": \"%s\"}\n",
           corbel_runtime_threads(b->session.runtime), b->device, b->dtype);
}

/* "decode   38.2 tokens/s   ████░░░░  10 GB/s of 31 GB/s read" */
static void print_rate(const char *name, double rate, const char *unit, double used, double limit,
                       const char *what)
{
    struct text line = {0};
    double part = limit > 0 ? used / limit : 0;
    text_format(&line, "%-12s%8.*f %-9s  ", name, rate < 100 ? 1 : 0, rate, unit);
    if (limit > 0) {
        if (on_terminal(stdout))
            append_bar(&line, part < 1 ? part : 1, 30);
        text_format(&line, " %3.0f %%  ", 100 * part);
        append_count(&line, used);
        text_append(&line, what);
        text_append(&line, " of ");
        append_count(&line, limit);
        text_append(&line, what);
    }
    printf("%s\n", text_cstr(&line));
    text_finish(&line);
}

/* A decoded token reads every weight once for all rows; a token of the prompt costs a
 * multiplication and an addition a parameter. */
static void print_rates(const struct bench *b)
{
    double flops = 2 * (double)b->parameters;
    if (b->prefill_rate > 0)
        print_rate("prefill", b->prefill_rate, "tokens/s", b->prefill_rate * flops, b->flops_limit,
                   "FLOP/s");
    if (b->decode_rate > 0)
        print_rate("decode", b->decode_rate, "tokens/s",
                   b->decode_rate / (double)b->batch * (double)b->weights_bytes, b->read_limit,
                   "B/s");
    if (b->forward_ms > 0)
        print_rate("forward", b->forward_ms, "ms",
                   (double)(b->batch * b->prefill) * flops / (b->forward_ms / 1000), b->flops_limit,
                   "FLOP/s");
}

static void print_table(const struct bench *b)
{
    struct text sizes = {0};
    printf("%-12s%8.3f s\n", "load", b->load_s);
    if (b->first_token_s > 0)
        printf("%-12s%8.3f s\n", "first token", b->first_token_s);
    print_rates(b);
    append_size(&sizes, (double)b->peak_rss);
    text_append(&sizes, " at the peak, of which weights ");
    append_size(&sizes, (double)b->weights_bytes);
    printf("%-12s%s\n", "memory", text_cstr(&sizes));
    printf("%-12s%s, %u threads, %s weights, products in %s; batch %lld, prompt %lld, medians of "
           "%lld\n",
           "on", b->device, corbel_runtime_threads(b->session.runtime), b->dtype,
           dtype_name(b->arithmetic), (long long)b->batch, (long long)b->prefill,
           (long long)b->repeat);
    text_finish(&sizes);
}

corbel_status bench_command(const struct arguments *a, corbel_error *err)
{
    struct bench bench = {
        .batch = arguments_int(a, OPTION_BATCH, 1),
        .prefill = arguments_int(a, OPTION_PREFILL, 512),
        .decode = arguments_int(a, OPTION_DECODE, 64),
        .repeat = arguments_int(a, OPTION_REPEAT, 5),
    };
    interrupt_catch();
    corbel_status status = measure(&bench, a, err);
    if (status == CORBEL_OK && arguments_have(a, OPTION_JSON))
        print_json(&bench);
    else if (status == CORBEL_OK)
        print_table(&bench);
    session_close(&bench.session);
    return status;
}
