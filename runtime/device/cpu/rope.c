/* device/cpu/rope.c: tables of rotary positions, and rotation by one.
 *
 * The tables mirror transformers' modeling_rope_utils.py step by step, in float32 wherever it is
 * float32 there (inverse frequencies, angles) and in double wherever Python computes: at position
 * 8000 an angle that is rounded elsewhere is another angle. */
#include "device/cpu/kernels/rope.h"
#include "base/error.h"
#include "device/cpu/cpu.h"

#include <math.h>

/* ---- tables ---------------------------------------------------------------------------------- */

struct table_params {
    const int32_t *positions;
    const float *short_factor, *long_factor;
    float *table, *frequencies; /* [n, half, 2]; [half] */
    int64_t n, dim, original_max, max_positions;
    enum program_rope_type type;
    bool truncate;
    double theta, factor, low, high, attention_factor, beta_fast, beta_slow;
};

/* theta ^ (2i / dim): the exponent and the power are float32 tensors there. */
static float power(const struct table_params *p, double theta, int64_t i)
{
    return powf((float)theta, (float)(2 * i) / (float)p->dim);
}

static void llama3(const struct table_params *p, float *f)
{
    const float factor = (float)p->factor, low = (float)p->low;
    const float length = (float)p->original_max;
    const float low_wavelength = (float)((double)p->original_max / p->low);
    const float high_wavelength = (float)((double)p->original_max / p->high);

    for (int64_t i = 0; i < p->dim / 2; i++) {
        const float wavelength = (float)(2.0 * M_PI) / f[i];
        const float scaled = wavelength > low_wavelength ? f[i] / factor : f[i];
        const float smooth = (length / wavelength - low) / (float)(p->high - p->low);
        const bool medium = !(wavelength < high_wavelength) && !(wavelength > low_wavelength);
        f[i] = medium ? (1.0f - smooth) * scaled / factor + smooth * scaled : scaled;
    }
}

static double correction_dim(const struct table_params *p, double rotations)
{
    return (double)p->dim * log((double)p->original_max / (rotations * 2.0 * M_PI)) /
           (2.0 * log(p->theta));
}

static void yarn(const struct table_params *p, float *f)
{
    double low = correction_dim(p, p->beta_fast), high = correction_dim(p, p->beta_slow);

    if (p->truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = low > 0.0 ? low : 0.0;
    high = high < (double)(p->dim - 1) ? high : (double)(p->dim - 1);
    if (low == high)
        high += 0.001;
    for (int64_t i = 0; i < p->dim / 2; i++) {
        const float frequency = power(p, p->theta, i);
        const float extrapolation = 1.0f / frequency;
        const float interpolation = 1.0f / ((float)p->factor * frequency);
        float ramp = ((float)i - (float)low) / (float)(high - low);
        float keep;
        ramp = ramp < 0.0f ? 0.0f : ramp > 1.0f ? 1.0f : ramp;
        keep = 1.0f - ramp;
        f[i] = interpolation * (1.0f - keep) + extrapolation * keep;
    }
}

/* The inverse frequencies for a call whose greatest position is length - 1. */
static void inverse_frequencies(const struct table_params *p, int64_t length, float *f)
{
    const double dim = (double)p->dim;
    double theta = p->theta;

    if (p->type == ROPE_TYPE_DYNAMIC && length > p->max_positions)
        theta *= pow(p->factor * (double)length / (double)p->max_positions - (p->factor - 1.0),
                     dim / (dim - 2.0));
    for (int64_t i = 0; i < p->dim / 2; i++)
        f[i] = 1.0f / power(p, theta, i);
    switch (p->type) {
    case ROPE_TYPE_LINEAR:
        for (int64_t i = 0; i < p->dim / 2; i++)
            f[i] /= (float)p->factor;
        break;
    case ROPE_TYPE_LLAMA3: llama3(p, f); break;
    case ROPE_TYPE_YARN: yarn(p, f); break;
    case ROPE_TYPE_LONGROPE: {
        const float *factor = length > p->original_max ? p->long_factor : p->short_factor;
        for (int64_t i = 0; i < p->dim / 2; i++)
            f[i] = 1.0f / (factor[i] * power(p, theta, i));
        break;
    }
    default: break;
    }
}

static void run_table(const void *params, struct cpu_worker *w)
{
    const struct table_params *p = params;
    const int64_t half = p->dim / 2;
    const float scale = (float)p->attention_factor;
    int64_t longest = 0, from, to;

    if (w->index == 0) {
        for (int64_t i = 0; i < p->n; i++)
            longest = p->positions[i] >= longest ? (int64_t)p->positions[i] + 1 : longest;
        inverse_frequencies(p, longest, p->frequencies);
    }
    cpu_barrier(w);
    cpu_share(w, p->n, 1, &from, &to);
    for (int64_t i = from; i < to; i++)
        for (int64_t j = 0; j < half; j++) {
            const float angle = (float)p->positions[i] * p->frequencies[j];
            p->table[(i * half + j) * 2] = cosf(angle) * scale;
            p->table[(i * half + j) * 2 + 1] = sinf(angle) * scale;
        }
}

static corbel_status prepare_table(struct cpu_context *c, const struct program_op *op,
                                   struct cpu_op *out, corbel_error *err)
{
    struct table_params *p = cpu_params(c, out, run_table, sizeof(*p), err);
    corbel_status status;

    if (!p)
        return CORBEL_E_MEMORY;
    p->positions = c->values[op->in[0]];
    p->table = c->values[op->out[0]];
    p->n = value_count(cpu_value(c, op->in[0]));
    p->dim = program_op_int(op, ATTR_DIM, 2);
    p->type = (enum program_rope_type)program_op_int(op, ATTR_ROPE_TYPE, ROPE_TYPE_DEFAULT);
    p->theta = program_op_float(op, ATTR_THETA, 10000.0);
    p->factor = program_op_float(op, ATTR_FACTOR, 1.0);
    p->low = program_op_float(op, ATTR_LOW_FREQ_FACTOR, 1.0);
    p->high = program_op_float(op, ATTR_HIGH_FREQ_FACTOR, 4.0);
    p->original_max = program_op_int(op, ATTR_ORIGINAL_MAX, 0);
    p->max_positions = program_op_int(op, ATTR_MAX_POSITIONS, 0);
    p->attention_factor = program_op_float(op, ATTR_ATTENTION_FACTOR, 1.0);
    p->beta_fast = program_op_float(op, ATTR_BETA_FAST, 32.0);
    p->beta_slow = program_op_float(op, ATTR_BETA_SLOW, 1.0);
    p->truncate = program_op_int(op, ATTR_TRUNCATE, 1);
    p->frequencies = arena_array(c->arena, (size_t)p->dim / 2, sizeof(*p->frequencies));
    if (!p->frequencies)
        return error_memory(err, (size_t)p->dim / 2 * sizeof(float), "inverse frequencies");
    status = cpu_operand_f32(c, op->n_in > 1 ? op->in[1] : 0, &p->short_factor, err);
    if (status == CORBEL_OK)
        status = cpu_operand_f32(c, op->n_in > 2 ? op->in[2] : 0, &p->long_factor, err);
    if (status == CORBEL_OK && p->type == ROPE_TYPE_LONGROPE &&
        (!p->short_factor || !p->long_factor))
        return error_set(err, CORBEL_E_PROGRAM, "rope_table: longrope without its factors");
    return status;
}

/* ---- rotation -------------------------------------------------------------------------------- */

struct rope_params {
    const float *x, *table;
    float *y;
    int64_t positions, heads, dim, rope_dim; /* positions: batch * tokens */
    bool interleaved;
};

static void run_rope(const void *params, struct cpu_worker *w)
{
    const struct rope_params *p = params;
    int64_t from, to;

    cpu_share(w, p->positions * p->heads, 1, &from, &to);
    for (int64_t i = from; i < to; i++)
        rope_row(p->x + i * p->dim, p->y + i * p->dim, p->dim, p->rope_dim,
                 p->table + i / p->heads * p->rope_dim, p->interleaved);
}

static corbel_status prepare_rope(struct cpu_context *c, const struct program_op *op,
                                  struct cpu_op *out, corbel_error *err)
{
    const struct program_value *x = cpu_value(c, op->in[0]), *table = cpu_value(c, op->in[1]);
    struct rope_params *p = cpu_params(c, out, run_rope, sizeof(*p), err);

    if (!p)
        return CORBEL_E_MEMORY;
    p->x = c->values[op->in[0]];
    p->table = c->values[op->in[1]];
    p->y = c->values[op->out[0]];
    p->positions = x->shape[0] * x->shape[1];
    p->heads = x->shape[2];
    p->dim = x->shape[3];
    p->rope_dim = 2 * table->shape[2];
    p->interleaved = program_op_int(op, ATTR_INTERLEAVED, 0);
    return CORBEL_OK;
}

corbel_status cpu_prepare_rope(struct cpu_context *c, const struct program_op *op,
                               struct cpu_op *out, corbel_error *err)
{
    return op->kind == OP_ROPE_TABLE ? prepare_table(c, op, out, err)
                                     : prepare_rope(c, op, out, err);
}
