/* model/inputs.c: tensors that a caller passes, by transformers' names. */
#include "model/inputs.h"

#include "base/dtype.h"
#include "base/error.h"

#include <string.h>

static corbel_status check_token_tensor(const struct inputs *in, const corbel_tensor *t,
                                        corbel_error *err)
{
    if (t->dtype != CORBEL_I32 && t->dtype != CORBEL_I64)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: dtype %s, expected int64 or int32", t->name,
                         dtype_name(t->dtype) ? dtype_name(t->dtype) : "unknown");
    if (t->rank != 2)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: rank %u, expected [batch, sequence]", t->name,
                         t->rank);
    if (in->ids && (t->shape[0] != in->batch || t->shape[1] != in->sequence))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: [%lld, %lld], but input_ids is [%lld, %lld]",
                         t->name, (long long)t->shape[0], (long long)t->shape[1],
                         (long long)in->batch, (long long)in->sequence);
    return CORBEL_OK;
}

static corbel_status check_other(const corbel_tensor *t, corbel_error *err)
{
    if (t->rank > PROGRAM_MAX_RANK || t->rank == 0)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: rank %u", t->name, t->rank);
    if (!dtype_is_float(t->dtype) && t->dtype != CORBEL_I32 && t->dtype != CORBEL_I64)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: dtype %s is not one of a model's input",
                         t->name, dtype_name(t->dtype) ? dtype_name(t->dtype) : "unknown");
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->shape[i] < 1)
            return error_set(err, CORBEL_E_ARGUMENT, "%s: an empty axis", t->name);
    return CORBEL_OK;
}

static corbel_status place(struct inputs *in, const corbel_tensor *t, corbel_error *err)
{
    const struct {
        const char *name;
        const corbel_tensor **slot;
    } known[] = {{"input_ids", &in->ids},
                 {"attention_mask", &in->mask},
                 {"position_ids", &in->positions},
                 {"token_type_ids", &in->types}};
    if (!t->name || (!t->data && t->rank > 0))
        return error_set(err, CORBEL_E_ARGUMENT, "an input without a name or without data");
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(t->name, known[i].name) != 0)
            continue;
        if (*known[i].slot)
            return error_set(err, CORBEL_E_ARGUMENT, "%s: given twice", t->name);
        *known[i].slot = t;
        return CORBEL_OK;
    }
    if (strcmp(t->name, "token_mask") == 0)
        return error_set(err, CORBEL_E_ARGUMENT, "token_mask: made from attention_mask; pass that");
    for (uint32_t i = 0; i < in->n_others; i++)
        if (strcmp(t->name, in->others[i]->name) == 0)
            return error_set(err, CORBEL_E_ARGUMENT, "%s: given twice", t->name);
    if (in->n_others == INPUTS_MAX)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: more than %d inputs", t->name, INPUTS_MAX);
    in->others[in->n_others++] = t;
    return check_other(t, err);
}

corbel_status inputs_read(struct inputs *in, const corbel_tensor *tensors, size_t n_tensors,
                          corbel_error *err)
{
    *in = (struct inputs){.batch = 1};
    for (size_t i = 0; i < n_tensors; i++) {
        corbel_status status = place(in, &tensors[i], err);
        if (status)
            return status;
    }
    if (in->ids && in->ids->rank == 2) {
        in->batch = in->ids->shape[0];
        in->sequence = in->ids->shape[1];
        if (in->batch < 1 || in->sequence < 1 || in->batch > 65536 || in->sequence > (1 << 24))
            return error_set(err, CORBEL_E_ARGUMENT, "input_ids: [%lld, %lld]",
                             (long long)in->batch, (long long)in->sequence);
    }
    if (!in->ids && (in->mask || in->positions || in->types))
        return error_set(err, CORBEL_E_ARGUMENT, "input_ids is missing");
    if (!in->ids && in->n_others == 0)
        return error_set(err, CORBEL_E_ARGUMENT, "no inputs");
    const corbel_tensor *const tokens[] = {in->ids, in->mask, in->positions, in->types};
    for (size_t i = 0; i < 4; i++) {
        corbel_status status = tokens[i] ? check_token_tensor(in, tokens[i], err) : CORBEL_OK;
        if (status)
            return status;
    }
    return CORBEL_OK;
}

int64_t inputs_at(const corbel_tensor *t, int64_t row, int64_t column)
{
    int64_t i = row * t->shape[1] + column;
    if (t->dtype == CORBEL_I64) {
        int64_t v;
        memcpy(&v, (const char *)t->data + i * 8, sizeof(v));
        return v;
    }
    int32_t v;
    memcpy(&v, (const char *)t->data + i * 4, sizeof(v));
    return v;
}

uint32_t inputs_trace(const struct inputs *in, struct trace_input out[INPUTS_MAX])
{
    for (uint32_t i = 0; i < in->n_others; i++) {
        const corbel_tensor *t = in->others[i];
        out[i] = (struct trace_input){.name = t->name,
                                      .dtype = dtype_is_float(t->dtype) ? CORBEL_F32 : CORBEL_I32,
                                      .rank = t->rank};
        memcpy(out[i].shape, t->shape, t->rank * sizeof(*t->shape));
    }
    return in->n_others;
}

corbel_status inputs_fill_others(const struct inputs *in, const struct step *step,
                                 corbel_error *err)
{
    for (uint32_t i = 0; i < in->n_others; i++) {
        const corbel_tensor *t = in->others[i];
        void *to = parts_input(&step->parts, t->name);
        size_t count = 1;
        for (uint32_t d = 0; d < t->rank; d++)
            count *= (size_t)t->shape[d];
        if (!to)
            return error_set(err, CORBEL_E_ARGUMENT, "%s: this class takes no such input", t->name);
        if (!dtype_convert(dtype_is_float(t->dtype) ? CORBEL_F32 : CORBEL_I32, to, t->dtype,
                           t->data, count))
            return error_set(err, CORBEL_E_ARGUMENT, "%s: can't convert %s", t->name,
                             dtype_name(t->dtype));
    }
    return CORBEL_OK;
}

/* ---- indices --------------------------------------------------------------------------------- */

static corbel_status check_ids(const struct step *step, const struct program_value *ids,
                               int64_t rows, corbel_error *err)
{
    const int32_t *data = parts_input(&step->parts, ids->name);
    int64_t n = value_count(ids), per_row = ids->rank > 1 ? ids->shape[ids->rank - 1] : n;
    for (int64_t i = 0; data && i < n; i++)
        if (data[i] < 0 || data[i] >= rows)
            return error_set(
                err, CORBEL_E_ARGUMENT,
                "%s[%lld, %lld] is %d, expected 0 to %lld: the embedding has %lld rows", ids->name,
                (long long)(i / per_row), (long long)(i % per_row), data[i], (long long)(rows - 1),
                (long long)rows);
    return CORBEL_OK;
}

static corbel_status check_part(const struct step *step, const struct program *p, corbel_error *err)
{
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const struct program_op *op = &p->ops[i];
        const struct program_value *ids = &p->values[op->in[1]];
        if (op->kind != OP_EMBEDDING || ids->kind != VALUE_INPUT)
            continue;
        corbel_status status = check_ids(step, ids, p->values[op->in[0]].shape[0], err);
        if (status)
            return status;
    }
    return CORBEL_OK;
}

corbel_status inputs_check_indices(const struct step *step, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i < step->parts.n_items && !status; i++)
        status = check_part(step, &step->parts.items[i].plan.program, err);
    return status;
}
