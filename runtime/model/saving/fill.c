/* model/saving/fill.c: see fill.h. */
#include "model/saving/fill.h"

#include "model/random.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { MAX_REDRAWS = 1000, MAX_THREADS = 32 };
#define LEAST_WORK   32768 /* elements for which a thread is worth its start */
#define TRUNCATION   2.0   /* of torch's trunc_normal_: absolute, whatever the deviation */
#define DEFAULT_STD  0.02
#define TWO_PI       6.283185307179586477
#define WAVE_LONGEST 10000.0

/* ---- what to do ------------------------------------------------------------------------------ */

static bool read_number(const struct config *config, const char *key, double *value)
{
    int found = 0;
    return config_double(config, key, value, &found, NULL) == CORBEL_OK && found;
}

/* PreTrainedModel._init_weights: initializer_range, where 0 counts as absent, or its older names.
 */
static double config_std(const struct config *config)
{
    double std = 0.0;
    if (read_number(config, "initializer_range", &std))
        return std != 0.0 ? std : DEFAULT_STD;
    if (read_number(config, "init_std", &std) || read_number(config, "initializer_factor", &std))
        return std;
    return DEFAULT_STD;
}

static bool is_named(const char *param, const char *name)
{
    const char *dot = strrchr(param, '.');
    return strcmp(dot ? dot + 1 : param, name) == 0;
}

static void choose_default(struct fill *f, const struct plugin_param *p)
{
    bool scales = is_named(p->name, "weight") || is_named(p->name, "running_var");
    f->kind = p->rank >= 2 ? CORBEL_INIT_NORMAL : CORBEL_INIT_CONSTANT;
    f->value = p->rank == 1 && scales ? 1.0 : 0.0;
}

/* FNV-1a of the name, then once through the generator, so that near seeds are far apart. */
static uint64_t key_of(const char *name, uint64_t seed)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    uint64_t state = seed;
    state = random_next(&state) ^ hash;
    return random_next(&state);
}

struct fill fill_of(const struct plugin_param *param, const struct config *config, uint64_t seed)
{
    struct fill f = {.kind = param->init.kind,
                     .value = param->init.value,
                     .key = key_of(param->name, seed),
                     .row = 1};
    for (uint32_t i = 1; i < param->rank; i++)
        f.row *= (uint64_t)param->shape[i];
    if (f.kind == CORBEL_INIT_DEFAULT)
        choose_default(&f, param);
    if ((f.kind == CORBEL_INIT_NORMAL || f.kind == CORBEL_INIT_TRUNC_NORMAL) && f.value == 0.0)
        f.value = config_std(config);
    if (param->init.zero_row > 0) {
        f.zero_end = (uint64_t)param->init.zero_row * f.row;
        f.zero_begin = f.zero_end - f.row;
    }
    return f;
}

/* ---- random numbers by index ----------------------------------------------------------------- */

static uint64_t state_at(const struct fill *f, uint64_t i)
{
    return f->key + i * RANDOM_STEP;
}

/* Box-Muller: elements 2i and 2i + 1. */
static void normal_pair(const struct fill *f, uint64_t i, double pair[2])
{
    uint64_t state = state_at(f, 2 * i);
    double radius = f->value * sqrt(-2.0 * log(random_uniform(&state) + 0x1p-54));
    double angle = TWO_PI * random_uniform(&state);
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
}

/* Draws again, from numbers of the element's own, what lies beyond the bounds. With a deviation so
 * large that this finds none, all within the bounds is equally likely. */
static double truncated(const struct fill *f, uint64_t i, double x)
{
    uint64_t state = state_at(f, i) ^ 0x5851f42d4c957f2du;
    for (int n = 0; fabs(x) > TRUNCATION && n < MAX_REDRAWS; n++) {
        double radius = f->value * sqrt(-2.0 * log(random_uniform(&state) + 0x1p-54));
        x = radius * cos(TWO_PI * random_uniform(&state));
    }
    return fabs(x) > TRUNCATION ? TRUNCATION * (2.0 * random_uniform(&state) - 1.0) : x;
}

static void fill_normal(const struct fill *f, uint64_t first, uint64_t count, float *out)
{
    for (uint64_t i = 0; i < count; i += 2) {
        double pair[2];
        normal_pair(f, (first + i) / 2, pair);
        for (uint64_t k = 0; k < 2 && i + k < count; k++)
            out[i + k] =
                (float)(f->kind == CORBEL_INIT_TRUNC_NORMAL ? truncated(f, first + i + k, pair[k])
                                                            : pair[k]);
    }
}

static float uniform_at(const struct fill *f, uint64_t i)
{
    uint64_t state = state_at(f, i);
    return (float)(f->value * (2.0 * random_uniform(&state) - 1.0));
}

/* DistilBERT's create_sinusoidal_embeddings: `row` columns, sines and cosines by turns. */
static float sinusoid_at(const struct fill *f, uint64_t i)
{
    uint64_t position = i / f->row, column = i % f->row;
    double wave = pow(WAVE_LONGEST, (double)(column - column % 2) / (double)f->row);
    double angle = (double)position / wave;
    return (float)(column % 2 ? cos(angle) : sin(angle));
}

/* ---- an extent ------------------------------------------------------------------------------- */

static void fill_zeros(const struct fill *f, uint64_t first, uint64_t count, float *out)
{
    uint64_t begin = f->zero_begin > first ? f->zero_begin : first;
    uint64_t end = f->zero_end < first + count ? f->zero_end : first + count;
    if (begin < end)
        memset(out + (begin - first), 0, (end - begin) * sizeof(*out));
}

void fill_run(const struct fill *fill, uint64_t first, uint64_t count, float *out)
{
    switch (fill->kind) {
    case CORBEL_INIT_NORMAL:
    case CORBEL_INIT_TRUNC_NORMAL: fill_normal(fill, first, count, out); break;
    case CORBEL_INIT_UNIFORM:
        for (uint64_t i = 0; i < count; i++)
            out[i] = uniform_at(fill, first + i);
        break;
    case CORBEL_INIT_SINUSOIDAL:
        for (uint64_t i = 0; i < count; i++)
            out[i] = sinusoid_at(fill, first + i);
        break;
    default:
        for (uint64_t i = 0; i < count; i++)
            out[i] = (float)fill->value;
    }
    fill_zeros(fill, first, count, out);
}

/* ---- threads --------------------------------------------------------------------------------- */

struct extent {
    const struct fill *fill;
    uint64_t first, count;
    float *out;
};

static void *fill_extent(void *user)
{
    const struct extent *e = user;
    fill_run(e->fill, e->first, e->count, e->out);
    return NULL;
}

void fill_run_threads(const struct fill *fill, uint64_t first, uint64_t count, float *out,
                      uint32_t n_threads)
{
    struct extent extents[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    bool started[MAX_THREADS] = {false};
    uint64_t n = count / LEAST_WORK < n_threads ? count / LEAST_WORK : n_threads;
    n = n > MAX_THREADS ? MAX_THREADS : n < 1 ? 1 : n;
    uint64_t each = (count / n + 1) / 2 * 2, at = 0; /* even, so that no pair is cut */
    for (uint64_t i = 0; i < n; i++, at += each)
        extents[i] = (struct extent){fill, first + at, i + 1 < n ? each : count - at, out + at};
    for (uint64_t i = 1; i < n; i++)
        started[i] = pthread_create(&threads[i], NULL, fill_extent, &extents[i]) == 0;
    fill_extent(&extents[0]);
    for (uint64_t i = 1; i < n; i++) {
        if (started[i])
            pthread_join(threads[i], NULL);
        else
            fill_extent(&extents[i]);
    }
}
