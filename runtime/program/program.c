/* program/program.c: building a program: values, operations, outputs and caches.
 *
 * What goes in is copied into the program's arena; every operation passes the shape rules first
 * (program/shapes.c). A program only grows: to take something out, a new one is made from it
 * (program/rewrite.h). */
#include "program/program.h"

#include "base/dtype.h"
#include "base/error.h"
#include "program/names.h"
#include "program/shapes.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CACHES (1u << 16)

/* ---- values and attributes, read ----------------------------------------------------------------
 */

static const struct program_attr *find_attr(const struct program_op *op, enum program_attr_key key)
{
    for (uint32_t i = 0; i < op->n_attrs; i++)
        if (op->attrs[i].key == key)
            return &op->attrs[i];
    return NULL;
}

int64_t program_op_int(const struct program_op *op, enum program_attr_key key, int64_t fallback)
{
    const struct program_attr *a = find_attr(op, key);
    return a ? a->i : fallback;
}

double program_op_float(const struct program_op *op, enum program_attr_key key, double fallback)
{
    const struct program_attr *a = find_attr(op, key);
    return a ? a->f : fallback;
}

int64_t value_count(const struct program_value *v)
{
    int64_t count = 1;
    for (uint32_t i = 0; i < v->rank; i++)
        count *= v->shape[i];
    return count;
}

uint64_t value_bytes(const struct program_value *v)
{
    return (uint64_t)value_count(v) * dtype_size(v->dtype);
}

/* ---- growing ------------------------------------------------------------------------------------
 */

/* The old array stays behind in the arena: at most as much again as is used. */
bool program_grow(struct program *p, void **items, uint32_t *capacity, uint32_t count, size_t size)
{
    if (count < *capacity)
        return true;
    const uint32_t more = *capacity ? *capacity * 2 : 64;
    void *copy = arena_array(&p->arena, more, size);
    if (!copy)
        return false;
    if (count > 0)
        memcpy(copy, *items, count * size);
    *items = copy;
    *capacity = more;
    return true;
}

static struct program_value *append_value(struct program *p, const struct program_value *value)
{
    void *items = p->values;
    const uint32_t in_use = items ? p->n_values + 1 : 0; /* values[0] is unused, but there */
    if (p->n_values >= PROGRAM_MAX_VALUES ||
        !program_grow(p, &items, &p->values_capacity, in_use, sizeof(*p->values)))
        return NULL;
    p->values = items;
    struct program_value *added = &p->values[++p->n_values];
    *added = *value;
    return added;
}

static corbel_status no_room(const struct program *p, corbel_error *err)
{
    if (p->n_values >= PROGRAM_MAX_VALUES)
        return error_set(err, CORBEL_E_PROGRAM, "a program of more than %u values",
                         PROGRAM_MAX_VALUES);
    return error_memory(err, p->arena.used, "a program");
}

/* ---- values that are no results -----------------------------------------------------------------
 */

static const char *const kind_names[] = {"weight", "constant", "input", "state", "result"};

static bool dtype_fits(enum value_kind kind, int32_t dtype)
{
    if (dtype == CORBEL_F32)
        return true;
    if (kind == VALUE_WEIGHT)
        return dtype == CORBEL_F16 || dtype == CORBEL_BF16;
    return dtype == CORBEL_I32;
}

static corbel_status check_value(const struct program_value *v, corbel_error *err)
{
    if ((unsigned)v->kind >= VALUE_RESULT)
        return error_set(err, CORBEL_E_PROGRAM,
                         "a value of kind %u is not declared but computed, or does not exist",
                         (unsigned)v->kind);
    const char *kind = kind_names[v->kind];
    const bool named = v->name && name_is_sound(v->name, strnlen(v->name, PROGRAM_MAX_NAME));
    if (!named && (v->name || v->kind != VALUE_CONSTANT))
        return error_set(err, CORBEL_E_PROGRAM,
                         "a %s without a sound name (UTF-8, no control characters, below %d bytes)",
                         kind, PROGRAM_MAX_NAME);
    const char *name = named ? v->name : "";
    if (!dtype_fits(v->kind, v->dtype))
        return error_set(err, CORBEL_E_PROGRAM, "%s %s: type %d (expected %s)", kind, name,
                         (int)v->dtype,
                         v->kind == VALUE_WEIGHT ? "f32, f16 or bf16" : "f32 or i32");
    if (v->rank > PROGRAM_MAX_RANK)
        return error_set(err, CORBEL_E_PROGRAM, "%s %s: %u axes (at most %d)", kind, name, v->rank,
                         PROGRAM_MAX_RANK);
    if (!shape_in_bounds(v->rank, v->shape))
        return error_set(err, CORBEL_E_PROGRAM,
                         "%s %s: shape %s (sizes are at least 1, elements below 2^40)", kind, name,
                         shape_text(v).s);
    if ((v->kind == VALUE_CONSTANT) != (v->data != NULL))
        return error_set(err, CORBEL_E_PROGRAM, "%s %s: %s", kind, name,
                         v->data ? "data, which only a constant has" : "without data");
    return CORBEL_OK;
}

corbel_status program_add_value(struct program *p, const struct program_value *value, uint32_t *id,
                                corbel_error *err)
{
    corbel_status status = check_value(value, err);
    if (status != CORBEL_OK)
        return status;
    struct program_value copy = {.kind = value->kind, .dtype = value->dtype, .rank = value->rank};
    memcpy(copy.shape, value->shape, value->rank * sizeof(*copy.shape));
    if (value->name)
        copy.name = arena_string(&p->arena, value->name);
    if (value->data)
        copy.data = arena_copy(&p->arena, value->data, (size_t)value_bytes(value));
    if (!copy.name != !value->name || !copy.data != !value->data || !append_value(p, &copy))
        return no_room(p, err);
    *id = p->n_values;
    return CORBEL_OK;
}

/* ---- operations ---------------------------------------------------------------------------------
 */

static int compare_attrs(const void *a, const void *b)
{
    const struct program_attr *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* The arena's copy of op's attributes, sorted. */
static corbel_status copy_attrs(struct program *p, struct program_op *op,
                                struct program_attr **attrs, corbel_error *err)
{
    *attrs = NULL;
    if (op->n_attrs > ATTR_COUNT)
        return error_set(err, CORBEL_E_PROGRAM, "op %s: %u attributes", program_op_name(op->kind),
                         op->n_attrs);
    if (op->n_attrs == 0)
        return CORBEL_OK;
    *attrs = arena_copy(&p->arena, op->attrs, op->n_attrs * sizeof(**attrs));
    if (!*attrs)
        return no_room(p, err);
    qsort(*attrs, op->n_attrs, sizeof(**attrs), compare_attrs);
    op->attrs = *attrs;
    return CORBEL_OK;
}

static corbel_status copy_string(struct program *p, const struct program_op *op, const char **s,
                                 corbel_error *err)
{
    if (!*s || !(*s)[0]) {
        *s = NULL;
        return CORBEL_OK;
    }
    if (!name_is_sound(*s, strnlen(*s, PROGRAM_MAX_NAME)))
        return error_set(err, CORBEL_E_PROGRAM,
                         "op %s: a name or module path that is no sound one (UTF-8, no control "
                         "characters, below %d bytes)",
                         program_op_name(op->kind), PROGRAM_MAX_NAME);
    /* Most operations share the module of the one before. */
    const char *last = p->n_ops ? p->ops[p->n_ops - 1].module : NULL;
    *s = last && strcmp(last, *s) == 0 ? last : arena_string(&p->arena, *s);
    return *s ? CORBEL_OK : no_room(p, err);
}

static corbel_status copy_launch(struct program *p, struct program_op *op, corbel_error *err)
{
    if (op->kind != OP_CUSTOM)
        op->launch = NULL;
    if (!op->launch)
        return CORBEL_OK;
    op->launch = arena_copy(&p->arena, op->launch, sizeof(*op->launch));
    return op->launch ? CORBEL_OK : no_room(p, err);
}

/* Replaces weights in reduced precision by their F32 casts where op takes only F32. */
static corbel_status widen_weights(struct program *p, struct program_op *op, corbel_error *err)
{
    if ((unsigned)op->kind >= OP_COUNT || op->kind == OP_CAST)
        return CORBEL_OK;
    for (uint32_t i = 0; i < op->n_in && i < signature_counts_of(op->kind)->n_in_max; i++) {
        if (op->in[i] == 0 || op->in[i] > p->n_values)
            continue;
        const struct program_value *v = &p->values[op->in[i]];
        if (v->kind != VALUE_WEIGHT || v->dtype == CORBEL_F32 ||
            signature_argument(op->kind, i)->type == ARGUMENT_WEIGHT)
            continue;
        const struct program_attr dtype = {.key = ATTR_DTYPE, .i = CORBEL_F32};
        const struct program_op cast = {.kind = OP_CAST,
                                        .n_in = 1,
                                        .in = {op->in[i]},
                                        .n_attrs = 1,
                                        .attrs = &dtype,
                                        .module = op->module};
        uint32_t out[PROGRAM_MAX_OUTPUTS];
        const corbel_status status = program_emit(p, &cast, out, err);
        if (status != CORBEL_OK)
            return status;
        op->in[i] = out[0];
    }
    return CORBEL_OK;
}

/* Every attention keeps its own keys: two in one cache would overwrite each other's. */
static corbel_status claim_cache(struct program *p, const struct program_op *op, corbel_error *err)
{
    const int64_t slot = program_op_int(op, ATTR_CACHE, -1);
    if ((op->kind != OP_ATTENTION && op->kind != OP_ATTENTION_ROPE) || slot < 0)
        return CORBEL_OK;
    struct program_cache *c = &p->caches[slot];
    if (c->used_by != 0)
        return error_set(err, CORBEL_E_PROGRAM, "op %s%s%s: cache %lld is in use by operation %u",
                         program_op_name(op->kind), op->module ? " in " : "",
                         op->module ? op->module : "", (long long)slot, c->used_by - 1);
    c->used_by = p->n_ops + 1;
    return CORBEL_OK;
}

/* The results become values; nothing before this has changed what the program says. */
static corbel_status append_op(struct program *p, struct program_op *op,
                               const struct program_value *results, corbel_error *err)
{
    void *items = p->ops;
    if (p->n_ops >= PROGRAM_MAX_OPS)
        return error_set(err, CORBEL_E_PROGRAM, "a program of more than %u operations",
                         PROGRAM_MAX_OPS);
    if (!program_grow(p, &items, &p->ops_capacity, p->n_ops, sizeof(*p->ops)))
        return no_room(p, err);
    p->ops = items;
    for (uint32_t i = 0; i < op->n_out; i++) {
        struct program_value *v = append_value(p, &results[i]);
        if (!v)
            return no_room(p, err);
        v->producer = p->n_ops;
        op->out[i] = p->n_values;
    }
    p->ops[p->n_ops++] = *op;
    return CORBEL_OK;
}

corbel_status program_emit(struct program *p, const struct program_op *op, uint32_t out[],
                           corbel_error *err)
{
    struct program_value results[PROGRAM_MAX_OUTPUTS] = {0};
    struct program_op copy = *op;
    struct program_attr *attrs;
    corbel_status status;

    if (copy.n_in > PROGRAM_MAX_INPUTS)
        return error_set(err, CORBEL_E_PROGRAM, "op %s: %u inputs (at most %d)",
                         program_op_name(op->kind), copy.n_in, PROGRAM_MAX_INPUTS);
    memset(copy.in + copy.n_in, 0, (PROGRAM_MAX_INPUTS - copy.n_in) * sizeof(*copy.in));
    memset(copy.out, 0, sizeof(copy.out));
    if ((status = copy_string(p, op, &copy.module, err)) != CORBEL_OK ||
        (status = copy_string(p, op, &copy.custom, err)) != CORBEL_OK ||
        (status = copy_launch(p, &copy, err)) != CORBEL_OK ||
        (status = copy_attrs(p, &copy, &attrs, err)) != CORBEL_OK ||
        (status = widen_weights(p, &copy, err)) != CORBEL_OK ||
        (status = shapes_infer(p, &copy, attrs, results, err)) != CORBEL_OK ||
        (status = claim_cache(p, &copy, err)) != CORBEL_OK)
        return status;
    copy.n_out = shapes_n_out(&copy);
    status = append_op(p, &copy, results, err);
    if (status == CORBEL_OK && out)
        memcpy(out, copy.out, copy.n_out * sizeof(*out));
    return status;
}

/* ---- outputs and caches -------------------------------------------------------------------------
 */

corbel_status program_add_output(struct program *p, const char *name, uint32_t value,
                                 corbel_error *err)
{
    if (!name || !name_is_sound(name, strnlen(name, PROGRAM_MAX_NAME)))
        return error_set(err, CORBEL_E_PROGRAM, "an output without a sound name");
    if (value == 0 || value > p->n_values)
        return error_set(err, CORBEL_E_PROGRAM, "output %s is value %u, which does not exist", name,
                         value);
    void *items = p->outputs;
    const struct program_output output = {arena_string(&p->arena, name), value};
    if (!output.name ||
        !program_grow(p, &items, &p->outputs_capacity, p->n_outputs, sizeof(output)))
        return no_room(p, err);
    p->outputs = items;
    p->outputs[p->n_outputs++] = output;
    return CORBEL_OK;
}

corbel_status program_add_cache(struct program *p, const struct program_cache *cache,
                                uint32_t *slot, corbel_error *err)
{
    const int64_t keys[] = {cache->batch, cache->n_heads, cache->capacity, cache->head_dim};
    const int64_t values[] = {cache->batch, cache->n_heads, cache->capacity, cache->value_dim};
    if (!shape_in_bounds(4, keys) || !shape_in_bounds(4, values))
        return error_set(err, CORBEL_E_PROGRAM,
                         "a cache for keys %s and values %s (sizes are at least 1, elements below "
                         "2^40)",
                         shape_text_of(4, keys).s, shape_text_of(4, values).s);
    if (p->n_caches >= MAX_CACHES)
        return error_set(err, CORBEL_E_PROGRAM, "more than %u caches", MAX_CACHES);
    void *items = p->caches;
    if (!program_grow(p, &items, &p->caches_capacity, p->n_caches, sizeof(*cache)))
        return no_room(p, err);
    p->caches = items;
    p->caches[p->n_caches] = *cache;
    p->caches[p->n_caches].used_by = 0;
    *slot = p->n_caches++;
    return CORBEL_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

void program_init(struct program *p)
{
    *p = (struct program){0};
    arena_init(&p->arena, 0);
}

void program_finish(struct program *p)
{
    arena_finish(&p->arena);
    *p = (struct program){0};
}
