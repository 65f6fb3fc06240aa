/* program/binary_write.c: a program as bytes (the form is in program/binary.h). */
#include "program/binary.h"

#include "base/dtype.h"
#include "base/error.h"
#include "program/program.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a of all names with their terminating 0. */
static void checksum(uint32_t *sum, const char *name)
{
    for (;; name++) {
        *sum = (*sum ^ (unsigned char)*name) * 16777619u;
        if (!*name)
            return;
    }
}

uint32_t binary_vocabulary(void)
{
    uint32_t sum = 2166136261u;
    for (int i = 0; i < OP_COUNT; i++)
        checksum(&sum, program_op_name((enum program_op_kind)i));
    for (int i = 0; i < ATTR_COUNT; i++)
        checksum(&sum, program_attr_name((enum program_attr_key)i));
    for (int i = 0; i < FUNCTION_COUNT; i++)
        checksum(&sum, program_function_name((enum program_function)i));
    return sum;
}

static void put(struct text *t, uint64_t value, size_t size)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    text_append_bytes(t, bytes, size);
}

static void put_string(struct text *t, const char *s)
{
    const size_t size = s ? strlen(s) : 0; /* below PROGRAM_MAX_NAME */
    put(t, size, 2);
    text_append_bytes(t, s ? s : "", size);
}

/* The elements of a constant: four bytes each, F32 and I32 alike. */
static void put_elements(struct text *t, const struct program_value *v)
{
    const unsigned char *data = v->data;
    for (int64_t i = 0; i < value_count(v); i++) {
        uint32_t element;
        memcpy(&element, data + i * 4, sizeof(element));
        put(t, element, 4);
    }
}

static void put_value(struct text *t, const struct program_value *v)
{
    put(t, STEP_VALUE, 1);
    put(t, (uint64_t)v->kind, 1);
    put(t, (uint64_t)v->dtype, 1);
    put(t, v->rank, 1);
    for (uint32_t i = 0; i < v->rank; i++)
        put(t, (uint64_t)v->shape[i], 8);
    put_string(t, v->name);
    if (v->kind == VALUE_CONSTANT)
        put_elements(t, v);
}

static void put_op(struct text *t, const struct program_op *op)
{
    put(t, STEP_OP, 1);
    put(t, (uint64_t)op->kind, 2);
    put(t, op->n_in, 1);
    put(t, op->n_attrs, 1);
    for (uint32_t i = 0; i < op->n_in; i++)
        put(t, op->in[i], 4);
    for (uint32_t i = 0; i < op->n_attrs; i++) {
        const struct program_attr *a = &op->attrs[i];
        uint64_t payload = (uint64_t)a->i;
        if (program_attr_is_float(a->key))
            memcpy(&payload, &a->f, sizeof(payload));
        put(t, (uint64_t)a->key, 2);
        put(t, payload, 8);
    }
    put_string(t, op->module);
    put_string(t, op->custom);
}

static void put_region(struct text *t, const struct program_region *r)
{
    put_string(t, r->kernel);
    put(t, r->begin, 4);
    put(t, r->end, 4);
    put(t, r->n_in, 1);
    for (uint32_t i = 0; i < r->n_in; i++)
        put(t, r->in[i], 4);
    put(t, r->out, 4);
    for (int i = 0; i < 3; i++)
        put(t, r->launch.grid[i], 4);
    put(t, r->launch.n_push, 1);
    for (uint32_t i = 0; i < r->launch.n_push; i++) {
        put(t, r->launch.push[i].is_float, 1);
        put(t, r->launch.push[i].word, 4);
    }
}

static uint32_t count_steps(const struct program *p)
{
    uint32_t n = p->n_ops;
    for (uint32_t id = 1; id <= p->n_values; id++)
        n += p->values[id].kind != VALUE_RESULT;
    return n;
}

/* Values in the order of their numbers, and each operation where its first result is due. */
static bool put_steps(struct text *t, const struct program *p)
{
    uint32_t written = 0;
    for (uint32_t id = 1; id <= p->n_values; id++) {
        const struct program_value *v = &p->values[id];
        if (v->kind != VALUE_RESULT) {
            put_value(t, v);
            continue;
        }
        if (v->producer < written && p->values[id - 1].producer != v->producer)
            return false;
        while (written <= v->producer)
            put_op(t, &p->ops[written++]);
    }
    while (written < p->n_ops)
        put_op(t, &p->ops[written++]);
    return true;
}

corbel_status program_write(const struct program *p, char **data, size_t *size, corbel_error *err)
{
    struct text t = {0};
    *data = NULL;
    *size = 0;
    text_append_bytes(&t, BINARY_MAGIC, sizeof(BINARY_MAGIC));
    put(&t, BINARY_VERSION, 4);
    put(&t, binary_vocabulary(), 4);
    put(&t, p->n_caches, 4);
    put(&t, count_steps(p), 4);
    put(&t, p->n_outputs, 4);
    put(&t, p->n_regions, 4);
    for (uint32_t i = 0; i < p->n_caches; i++) {
        const struct program_cache *c = &p->caches[i];
        const int64_t sizes[] = {c->batch, c->n_heads, c->capacity, c->head_dim, c->value_dim};
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
            put(&t, (uint64_t)sizes[j], 8);
    }
    if (!put_steps(&t, p)) {
        text_finish(&t);
        return error_set(err, CORBEL_E_INTERNAL, "a program whose values are not in order");
    }
    for (uint32_t i = 0; i < p->n_outputs; i++) {
        put_string(&t, p->outputs[i].name);
        put(&t, p->outputs[i].value, 4);
    }
    for (uint32_t i = 0; i < p->n_regions; i++)
        put_region(&t, &p->regions[i]);
    const size_t written = t.size;
    *data = text_take(&t);
    if (!*data)
        return error_memory(err, written, "a program's bytes");
    *size = written;
    return CORBEL_OK;
}
