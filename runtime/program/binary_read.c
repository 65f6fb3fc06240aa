/* program/binary_read.c: a program from bytes that may be hostile (the form is in
 * program/binary.h).
 *
 * Nothing is believed: a count is bounded by the bytes that are left before anything is allocated
 * for it, every step goes through program_add_value or program_emit as if a plugin had called
 * them, and the whole is verified at the end. */
#include "program/binary.h"

#include "base/dtype.h"
#include "base/error.h"
#include "program/program.h"
#include "program/shapes.h"

#include <stdlib.h>
#include <string.h>

/* Sticky: after the first failure every read gives 0. */
struct reader {
    const unsigned char *data;
    size_t size, at;
    bool failed;
    corbel_error *err;
};

static corbel_status refuse(struct reader *r, const char *what)
{
    if (!r->failed)
        error_set(r->err, CORBEL_E_FORMAT, "program, byte %zu: %s", r->at, what);
    r->failed = true;
    return CORBEL_E_FORMAT;
}

static uint64_t get(struct reader *r, size_t size)
{
    uint64_t value = 0;
    if (r->failed || r->size - r->at < size) {
        refuse(r, "it ends early");
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)r->data[r->at + i] << 8 * i;
    r->at += size;
    return value;
}

/* A number of things of which each takes at least `least` bytes. */
static uint32_t get_count(struct reader *r, size_t least, const char *what)
{
    const uint64_t count = get(r, 4);
    if (count <= (r->size - r->at) / least)
        return (uint32_t)count;
    refuse(r, what);
    return 0;
}

/* Into `name`, terminated; NULL for an empty one. What it may contain is checked where it is
 * copied into the program; a 0 inside would hide the rest from that. */
static const char *get_string(struct reader *r, char name[PROGRAM_MAX_NAME])
{
    const size_t size = get(r, 2);
    if (r->failed || size == 0)
        return NULL;
    if (size >= PROGRAM_MAX_NAME || size > r->size - r->at ||
        memchr(r->data + r->at, 0, size) != NULL) {
        refuse(r, "a name that is too long or holds a 0");
        return NULL;
    }
    memcpy(name, r->data + r->at, size);
    name[size] = 0;
    r->at += size;
    return name;
}

/* The elements of a constant in this machine's byte order; freed by the caller. */
static void *get_elements(struct reader *r, const struct program_value *v)
{
    if (!shape_in_bounds(v->rank, v->shape) || (v->dtype != CORBEL_F32 && v->dtype != CORBEL_I32) ||
        (uint64_t)value_count(v) > (r->size - r->at) / 4) {
        refuse(r, "a constant of another type than f32 or i32, or larger than what is left");
        return NULL;
    }
    const size_t count = (size_t)value_count(v);
    uint32_t *elements = malloc(count * sizeof(*elements));
    if (!elements) {
        refuse(r, "no memory for a constant");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        elements[i] = (uint32_t)get(r, 4);
    return elements;
}

static corbel_status read_value(struct reader *r, struct program *p)
{
    char name[PROGRAM_MAX_NAME];
    struct program_value v = {.kind = (enum value_kind)get(r, 1)};
    void *elements = NULL;
    uint32_t id;
    v.dtype = (int32_t)get(r, 1);
    v.rank = (uint32_t)get(r, 1);
    if (v.rank > PROGRAM_MAX_RANK)
        return refuse(r, "a value of more than 8 axes");
    for (uint32_t i = 0; i < v.rank; i++)
        v.shape[i] = (int64_t)get(r, 8);
    v.name = get_string(r, name);
    if (!r->failed && v.kind == VALUE_CONSTANT)
        v.data = elements = get_elements(r, &v);
    const corbel_status status =
        r->failed ? CORBEL_E_FORMAT : program_add_value(p, &v, &id, r->err);
    free(elements);
    return status;
}

static corbel_status read_op(struct reader *r, struct program *p)
{
    char module[PROGRAM_MAX_NAME], custom[PROGRAM_MAX_NAME];
    struct program_attr attrs[ATTR_COUNT] = {0};
    struct program_op op = {.kind = (enum program_op_kind)get(r, 2), .attrs = attrs};
    op.n_in = (uint32_t)get(r, 1);
    op.n_attrs = (uint32_t)get(r, 1);
    if (op.n_in > PROGRAM_MAX_INPUTS || op.n_attrs > ATTR_COUNT)
        return refuse(r, "an operation with too many inputs or attributes");
    for (uint32_t i = 0; i < op.n_in; i++)
        op.in[i] = (uint32_t)get(r, 4);
    for (uint32_t i = 0; i < op.n_attrs; i++) {
        const uint64_t key = get(r, 2), payload = get(r, 8);
        if (key >= ATTR_COUNT || (i > 0 && key <= (uint64_t)attrs[i - 1].key))
            return refuse(r, "attributes that do not exist or are not in order");
        attrs[i].key = (enum program_attr_key)key;
        if (program_attr_is_float(attrs[i].key))
            memcpy(&attrs[i].f, &payload, sizeof(payload));
        else
            attrs[i].i = (int64_t)payload;
    }
    op.module = get_string(r, module);
    op.custom = get_string(r, custom);
    return r->failed ? CORBEL_E_FORMAT : program_emit(p, &op, NULL, r->err);
}

static corbel_status read_step(struct reader *r, struct program *p)
{
    const uint32_t before = p->n_ops;
    switch (get(r, 1)) {
    case STEP_VALUE: return read_value(r, p);
    case STEP_OP: {
        const corbel_status status = read_op(r, p);
        /* A weight that had to be cast would shift the numbers of all that follows. */
        if (status == CORBEL_OK && p->n_ops != before + 1)
            return refuse(r, "an operation on a weight that must be cast first");
        return status;
    }
    default: return refuse(r, "a step that is neither a value nor an operation");
    }
}

static corbel_status read_cache(struct reader *r, struct program *p)
{
    struct program_cache c = {0};
    uint32_t slot;
    c.batch = (int64_t)get(r, 8);
    c.n_heads = (int64_t)get(r, 8);
    c.capacity = (int64_t)get(r, 8);
    c.head_dim = (int64_t)get(r, 8);
    c.value_dim = (int64_t)get(r, 8);
    return r->failed ? CORBEL_E_FORMAT : program_add_cache(p, &c, &slot, r->err);
}

static corbel_status read_output(struct reader *r, struct program *p)
{
    char name[PROGRAM_MAX_NAME];
    const char *given = get_string(r, name);
    const uint32_t value = (uint32_t)get(r, 4);
    return r->failed ? CORBEL_E_FORMAT : program_add_output(p, given, value, r->err);
}

static corbel_status read_region(struct reader *r, struct program *p)
{
    char name[PROGRAM_MAX_NAME];
    struct program_region region = {.kernel = get_string(r, name)};
    region.begin = (uint32_t)get(r, 4);
    region.end = (uint32_t)get(r, 4);
    region.n_in = (uint32_t)get(r, 1);
    if (region.n_in > PROGRAM_MAX_INPUTS)
        return refuse(r, "a kernel with too many inputs");
    for (uint32_t i = 0; i < region.n_in; i++)
        region.in[i] = (uint32_t)get(r, 4);
    region.out = (uint32_t)get(r, 4);
    for (int i = 0; i < 3; i++)
        region.launch.grid[i] = (uint32_t)get(r, 4);
    region.launch.n_push = (uint32_t)get(r, 1);
    if (region.launch.n_push > PROGRAM_MAX_PUSH)
        return refuse(r, "a kernel with too many push constants");
    for (uint32_t i = 0; i < region.launch.n_push; i++) {
        region.launch.push[i].is_float = get(r, 1) != 0;
        region.launch.push[i].word = (uint32_t)get(r, 4);
    }
    return r->failed ? CORBEL_E_FORMAT : program_add_region(p, &region, r->err);
}

static corbel_status read_header(struct reader *r)
{
    if (r->size < sizeof(BINARY_MAGIC) || memcmp(r->data, BINARY_MAGIC, sizeof(BINARY_MAGIC)) != 0)
        return refuse(r, "these bytes are no program");
    r->at = sizeof(BINARY_MAGIC);
    if (get(r, 4) != BINARY_VERSION || get(r, 4) != binary_vocabulary())
        return refuse(r, "a program of another version of Corbel");
    return CORBEL_OK;
}

static corbel_status read_all(struct reader *r, struct program *p)
{
    corbel_status status = read_header(r);
    if (status != CORBEL_OK)
        return status;
    const uint32_t n_caches = get_count(r, 40, "more caches than fit");
    const uint32_t n_steps = get_count(r, 6, "more steps than fit");
    const uint32_t n_outputs = get_count(r, 6, "more outputs than fit");
    const uint32_t n_regions = get_count(r, 32, "more kernels than fit");
    for (uint32_t i = 0; i < n_caches && status == CORBEL_OK; i++)
        status = read_cache(r, p);
    for (uint32_t i = 0; i < n_steps && status == CORBEL_OK; i++)
        status = read_step(r, p);
    for (uint32_t i = 0; i < n_outputs && status == CORBEL_OK; i++)
        status = read_output(r, p);
    for (uint32_t i = 0; i < n_regions && status == CORBEL_OK; i++)
        status = read_region(r, p);
    if (status == CORBEL_OK && r->failed)
        return CORBEL_E_FORMAT;
    if (status == CORBEL_OK && r->at != r->size)
        return refuse(r, "bytes after the end");
    return status;
}

corbel_status program_read(struct program *p, const void *data, size_t size, corbel_error *err)
{
    struct reader r = {.data = data, .size = size, .err = err};
    program_init(p);
    corbel_status status = read_all(&r, p);
    if (status == CORBEL_OK)
        status = program_verify(p, false, err);
    if (status != CORBEL_OK)
        program_finish(p);
    return status;
}
