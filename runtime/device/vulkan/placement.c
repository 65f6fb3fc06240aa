/* device/vulkan/placement.c: where the values of an executable lie.
 *
 * Inputs, constants and what the host computes lie in one mapped region that shaders read; the
 * step's parameters lie in front of them. Where memory is not unified, outputs are copied to a
 * mapped region at the end of a step. */
#include "device/vulkan/executable.h"

#include <stdlib.h>
#include <string.h>

static uint64_t align_up(uint64_t n, uint64_t alignment)
{
    return (n + alignment - 1) & ~(alignment - 1);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Does the value lie in the region of inputs? */
static bool is_input(const struct plan *plan, uint32_t id)
{
    const struct program_value *v = &plan->program.values[id];
    return v->kind == VALUE_CONSTANT || v->kind == VALUE_INPUT ||
           plan->storage[id].kind == STORAGE_HOST;
}

static struct operand region_operand(const struct vulkan_region *region, uint64_t offset,
                                     uint64_t size, int32_t dtype)
{
    return (struct operand){
        .buffer = region->buffer, .offset = region->offset + offset, .size = size, .dtype = dtype};
}

static uint64_t size_inputs(const struct vulkan_executable *e)
{
    uint64_t size = align_up(STEP_SIZE, e->device->alignment);
    for (uint32_t id = 1; id <= e->plan->program.n_values; id++)
        if (is_input(e->plan, id))
            size += align_up(e->plan->storage[id].size + 4, e->device->alignment);
    return size;
}

static void place_inputs(struct vulkan_executable *e)
{
    uint64_t offset = align_up(STEP_SIZE, e->device->alignment);
    for (uint32_t id = 1; id <= e->plan->program.n_values; id++) {
        if (!is_input(e->plan, id))
            continue;
        const struct program_value *v = &e->plan->program.values[id];
        const uint64_t size = e->plan->storage[id].size;
        e->operands[id] = region_operand(&e->inputs, offset, size, v->dtype);
        e->operands[id].constant = true;
        e->host[id] = e->inputs.mapped + offset;
        if (v->kind == VALUE_CONSTANT)
            memcpy(e->host[id], v->data, (size_t)size);
        offset += align_up(size + 4, e->device->alignment);
    }
}

static corbel_status bind_buffer(const struct vulkan_executable *e, struct buffer *buffer,
                                 uint64_t size, int32_t dtype, const char *name,
                                 struct operand *operand, corbel_error *err)
{
    struct vulkan_buffer *b = (struct vulkan_buffer *)buffer;
    if (!b || b->base.device != &e->device->base || b->base.size < size ||
        (b->base.dtype != 0 && b->base.dtype != dtype))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: no buffer of %llu bytes is bound to %s",
                         e->device->base.name, (unsigned long long)size, name);
    *operand = region_operand(&b->region, 0, size, dtype);
    return CORBEL_OK;
}

static corbel_status bind_values(struct vulkan_executable *e,
                                 const struct executable_bindings *bindings, corbel_error *err)
{
    const struct program *p = &e->plan->program;
    corbel_status status = CORBEL_OK;
    for (uint32_t id = 1; id <= p->n_values && status == CORBEL_OK; id++) {
        const struct program_value *v = &p->values[id];
        if ((v->kind != VALUE_WEIGHT && v->kind != VALUE_STATE) ||
            e->plan->storage[id].kind == STORAGE_NONE)
            continue;
        status = bind_buffer(e, bindings->values[id], value_bytes(v), v->dtype,
                             v->name ? v->name : "a state", &e->operands[id], err);
        e->operands[id].constant = v->kind == VALUE_WEIGHT;
    }
    for (uint32_t i = 0; i < p->n_caches && status == CORBEL_OK; i++) {
        const struct program_cache *c = &p->caches[i];
        const uint64_t rows = (uint64_t)(c->batch * c->n_heads * c->capacity);
        status = bind_buffer(e, bindings->key_caches[i], rows * (uint64_t)c->head_dim * 4,
                             CORBEL_F32, "a key cache", &e->key_caches[i], err);
        if (status == CORBEL_OK)
            status = bind_buffer(e, bindings->value_caches[i], rows * (uint64_t)c->value_dim * 4,
                                 CORBEL_F32, "a value cache", &e->value_caches[i], err);
    }
    return status;
}

static void place_results(struct vulkan_executable *e)
{
    const struct program *p = &e->plan->program;
    for (uint32_t id = 1; id <= p->n_values; id++) {
        const struct plan_storage *s = &e->plan->storage[id];
        const int32_t dtype = p->values[id].dtype;
        if (s->kind == STORAGE_ARENA)
            e->operands[id] = region_operand(&e->arena, s->offset, s->size, dtype);
    }
    for (uint32_t id = 1; id <= p->n_values; id++) {
        const struct plan_storage *s = &e->plan->storage[id];
        if (s->kind != STORAGE_VIEW)
            continue;
        e->operands[id] = e->operands[s->of];
        e->operands[id].offset += s->offset;
        e->operands[id].size = s->size;
        e->operands[id].dtype = p->values[id].dtype;
        if (e->host[s->of])
            e->host[id] = (uint8_t *)e->host[s->of] + s->offset;
    }
}

static bool allocate_tables(struct vulkan_executable *e)
{
    const struct program *p = &e->plan->program;
    const size_t n_values = (size_t)p->n_values + 1;
    e->operands = calloc(n_values, sizeof(*e->operands));
    e->host = calloc(n_values, sizeof(*e->host));
    e->key_caches = calloc((size_t)p->n_caches + 1, sizeof(*e->key_caches));
    e->value_caches = calloc((size_t)p->n_caches + 1, sizeof(*e->value_caches));
    e->readback_offsets = calloc((size_t)p->n_outputs + 1, sizeof(*e->readback_offsets));
    e->profile = calloc((size_t)p->n_ops + 1, sizeof(*e->profile));
    return e->operands && e->host && e->key_caches && e->value_caches && e->readback_offsets &&
           e->profile;
}

/* The region stays the buffer's: without a block it is not freed with the executable. */
static corbel_status borrow_arena(struct vulkan_executable *e, struct buffer *scratch,
                                  corbel_error *err)
{
    if (scratch->device != &e->device->base || scratch->size < e->plan->arena_size)
        return error_set(err, CORBEL_E_ARGUMENT, "%s: no memory of %llu bytes for results",
                         e->device->base.name, (unsigned long long)e->plan->arena_size);
    e->arena = ((struct vulkan_buffer *)scratch)->region;
    e->arena.block = NULL;
    return CORBEL_OK;
}

static corbel_status place_values(struct vulkan_executable *e,
                                  const struct executable_bindings *bindings, corbel_error *err)
{
    if (!allocate_tables(e))
        return error_memory(err, e->plan->program.n_values * sizeof(*e->operands), "an executable");
    corbel_status status = region_create(e->device, MEMORY_UPLOAD, size_inputs(e), &e->inputs, err);
    if (status == CORBEL_OK && bindings && bindings->scratch)
        status = borrow_arena(e, bindings->scratch, err);
    else if (status == CORBEL_OK)
        status = region_create(e->device, MEMORY_DEVICE, e->plan->arena_size, &e->arena, err);
    if (status != CORBEL_OK)
        return status;
    memset(e->inputs.mapped, 0, (size_t)e->inputs.size);
    place_inputs(e);
    status = bind_values(e, bindings, err);
    place_results(e);
    return status;
}

/* ---- outputs --------------------------------------------------------------------------------- */

bool placement_reads_back(const struct vulkan_executable *e)
{
    return e->readback.block != NULL;
}

static corbel_status place_outputs(struct vulkan_executable *e, corbel_error *err)
{
    const struct program *p = &e->plan->program;
    uint64_t size = 0;
    for (uint32_t i = 0; i < p->n_outputs; i++) {
        e->readback_offsets[i] = size;
        size += align_up(e->operands[p->outputs[i].value].size, 16);
    }
    if (e->device->unified || size == 0)
        return CORBEL_OK;
    return region_create(e->device, MEMORY_READBACK, size, &e->readback, err);
}

corbel_status placement_create(struct vulkan_executable *e,
                               const struct executable_bindings *bindings, corbel_error *err)
{
    const corbel_status status = place_values(e, bindings, err);
    return status == CORBEL_OK ? place_outputs(e, err) : status;
}

const void *vulkan_executable_output(struct executable *base, uint32_t i)
{
    const struct vulkan_executable *e = (const struct vulkan_executable *)base;
    if (i >= e->plan->program.n_outputs)
        return NULL;
    const uint32_t id = e->plan->program.outputs[i].value;
    if (e->host[id])
        return e->host[id];
    if (placement_reads_back(e))
        return e->readback.mapped + e->readback_offsets[i];
    const struct operand *o = &e->operands[id];
    if (e->arena.mapped && o->buffer == e->arena.buffer && o->offset >= e->arena.offset &&
        o->offset < e->arena.offset + e->arena.size)
        return e->arena.mapped + (o->offset - e->arena.offset);
    return NULL;
}
