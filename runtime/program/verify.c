/* program/verify.c: checks all of a program, as if it were emitted anew.
 *
 * A program that was built by program_emit passes by construction; this is for what has gone
 * through other hands since, and for the rules that only a whole program can keep or break. */
#include "program/program.h"

#include "base/error.h"
#include "program/regions.h"
#include "program/shapes.h"

#include <stdlib.h>
#include <string.h>

static corbel_status verify_inputs(const struct program *p, uint32_t index, corbel_error *err)
{
    const struct program_op *op = &p->ops[index];
    for (uint32_t i = 0; i < op->n_in && i < PROGRAM_MAX_INPUTS; i++) {
        const uint32_t id = op->in[i];
        if (id == 0 || id > p->n_values)
            continue; /* the shape rules know whether it may be absent */
        if (p->values[id].kind == VALUE_RESULT && p->values[id].producer >= index)
            return error_set(err, CORBEL_E_PROGRAM,
                             "operation %u, %s: its input %u is computed only later, by operation "
                             "%u",
                             index, program_op_name(op->kind), i, p->values[id].producer);
    }
    return CORBEL_OK;
}

static corbel_status verify_results(const struct program *p, uint32_t index,
                                    const struct program_value *derived, corbel_error *err)
{
    const struct program_op *op = &p->ops[index];
    if (op->n_out != shapes_n_out(op))
        return error_set(err, CORBEL_E_PROGRAM, "operation %u, %s: %u results (expected %u)", index,
                         program_op_name(op->kind), op->n_out, shapes_n_out(op));
    for (uint32_t i = 0; i < op->n_out; i++) {
        const uint32_t id = op->out[i];
        const struct program_value *v = id && id <= p->n_values ? &p->values[id] : NULL;
        if (!v || v->kind != VALUE_RESULT || v->producer != index)
            return error_set(err, CORBEL_E_PROGRAM,
                             "operation %u, %s: result %u is not a value of its own", index,
                             program_op_name(op->kind), i);
        if (v->dtype != derived[i].dtype || !shapes_equal(v, &derived[i]))
            return error_set(err, CORBEL_E_PROGRAM,
                             "operation %u, %s: result %u is said to be %s %s, but is %s %s", index,
                             program_op_name(op->kind), i, dtype_short(v->dtype), shape_text(v).s,
                             dtype_short(derived[i].dtype), shape_text(&derived[i]).s);
    }
    return CORBEL_OK;
}

static corbel_status verify_op(const struct program *p, uint32_t index, bool fused,
                               corbel_error *err)
{
    const struct program_op *op = &p->ops[index];
    struct program_value derived[PROGRAM_MAX_OUTPUTS] = {0};
    corbel_status status;
    if (op->n_in > PROGRAM_MAX_INPUTS)
        return error_set(err, CORBEL_E_PROGRAM, "operation %u has %u inputs", index, op->n_in);
    if (!fused && program_op_is_fused(op->kind))
        return error_set(err, CORBEL_E_PROGRAM,
                         "operation %u, %s: made by the planner only, not by plugins", index,
                         program_op_name(op->kind));
    if ((status = verify_inputs(p, index, err)) != CORBEL_OK ||
        (status = program_infer(p, op, derived, err)) != CORBEL_OK)
        return status;
    return verify_results(p, index, derived, err);
}

/* Each result is made once; each cache belongs to at most one attention. */
static corbel_status verify_ownership(const struct program *p, corbel_error *err)
{
    corbel_status status = CORBEL_OK;
    unsigned char *made = calloc((size_t)p->n_values + 1 + p->n_caches, 1);
    if (!made)
        return error_memory(err, p->n_values, "verifying a program");
    unsigned char *used = made + p->n_values + 1;
    for (uint32_t i = 0; i < p->n_ops && status == CORBEL_OK; i++) {
        const struct program_op *op = &p->ops[i];
        const bool attention = op->kind == OP_ATTENTION || op->kind == OP_ATTENTION_ROPE;
        const int64_t slot = attention ? program_op_int(op, ATTR_CACHE, -1) : -1;
        if (slot >= 0 && used[slot]++)
            status = error_set(err, CORBEL_E_PROGRAM, "operation %u: cache %lld is used twice", i,
                               (long long)slot);
        for (uint32_t j = 0; j < op->n_out; j++)
            made[op->out[j]]++;
    }
    for (uint32_t id = 1; id <= p->n_values && status == CORBEL_OK; id++)
        if (made[id] != (p->values[id].kind == VALUE_RESULT))
            status =
                error_set(err, CORBEL_E_PROGRAM, "value %u is made by %u operations", id, made[id]);
    free(made);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static corbel_status verify_unique(const char **names, size_t n, const char *what,
                                   corbel_error *err)
{
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return error_set(err, CORBEL_E_PROGRAM, "two %s are called %s", what, names[i]);
    return CORBEL_OK;
}

/* Inputs, weights, states and outputs are found by name. */
static corbel_status verify_names(const struct program *p, corbel_error *err)
{
    static const char *const plural[] = {"weights", "constants", "inputs", "states"};
    corbel_status status = CORBEL_OK;
    const char **names = malloc(((size_t)p->n_values + p->n_outputs + 1) * sizeof(*names));
    if (!names)
        return error_memory(err, p->n_values, "verifying a program");
    for (int kind = VALUE_WEIGHT; kind < VALUE_RESULT && status == CORBEL_OK; kind++) {
        size_t n = 0;
        for (uint32_t id = 1; id <= p->n_values && kind != VALUE_CONSTANT; id++)
            if (p->values[id].kind == (enum value_kind)kind)
                names[n++] = p->values[id].name;
        status = verify_unique(names, n, plural[kind], err);
    }
    for (uint32_t i = 0; i < p->n_outputs; i++)
        names[i] = p->outputs[i].name;
    if (status == CORBEL_OK)
        status = verify_unique(names, p->n_outputs, "outputs", err);
    free(names);
    return status;
}

corbel_status program_verify(const struct program *p, bool fused, corbel_error *err)
{
    corbel_status status;
    for (uint32_t i = 0; i < p->n_ops; i++)
        if ((status = verify_op(p, i, fused, err)) != CORBEL_OK)
            return status;
    if (p->n_outputs == 0)
        return error_set(err, CORBEL_E_PROGRAM, "the program has no output");
    for (uint32_t i = 0; i < p->n_outputs; i++)
        if (p->outputs[i].value == 0 || p->outputs[i].value > p->n_values)
            return error_set(err, CORBEL_E_PROGRAM, "output %s is no value", p->outputs[i].name);
    if ((status = verify_ownership(p, err)) != CORBEL_OK)
        return status;
    if ((status = verify_names(p, err)) != CORBEL_OK)
        return status;
    return regions_verify(p, err);
}
