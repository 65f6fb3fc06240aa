/* model/tensors.c: corbel_tensors, the list of named arrays that calls return. */
#include "base/dtype.h"
#include "base/error.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

struct corbel_tensors {
    struct arena arena;
    corbel_tensor *items;
    size_t n, capacity;
};

corbel_status tensors_create(struct corbel_tensors **tensors, corbel_error *err)
{
    *tensors = calloc(1, sizeof(**tensors));
    if (!*tensors)
        return error_memory(err, sizeof(**tensors), "a list of tensors");
    return CORBEL_OK;
}

static bool byte_size(int32_t dtype, uint32_t rank, const int64_t *shape, size_t *size)
{
    *size = dtype_size(dtype);
    for (uint32_t i = 0; i < rank; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(*size, (size_t)shape[i], size))
            return false;
    return dtype_size(dtype) != 0;
}

corbel_status tensors_add(struct corbel_tensors *tensors, const char *name, int32_t dtype,
                          uint32_t rank, const int64_t *shape, void **data, corbel_error *err)
{
    size_t size;
    if (rank > CORBEL_MAX_RANK || !byte_size(dtype, rank, shape, &size))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: a tensor of an impossible shape", name);
    if (tensors->n == tensors->capacity) {
        size_t capacity = tensors->capacity ? tensors->capacity * 2 : 8;
        corbel_tensor *items = realloc(tensors->items, capacity * sizeof(*items));
        if (!items)
            return error_memory(err, capacity * sizeof(*items), "a list of tensors");
        tensors->items = items;
        tensors->capacity = capacity;
    }
    corbel_tensor *t = &tensors->items[tensors->n];
    *t = (corbel_tensor){.dtype = dtype, .rank = rank};
    t->name = arena_string(&tensors->arena, name);
    t->data = *data = arena_alloc(&tensors->arena, size ? size : 1);
    if (!t->name || !t->data)
        return error_memory(err, size, name);
    memcpy(t->shape, shape, rank * sizeof(*shape));
    tensors->n++;
    return CORBEL_OK;
}

void tensors_set_shape(struct corbel_tensors *tensors, size_t i, int64_t axis, int64_t size)
{
    tensors->items[i].shape[axis] = size;
}

size_t corbel_tensors_count(const corbel_tensors *tensors)
{
    return tensors ? tensors->n : 0;
}

const corbel_tensor *corbel_tensors_at(const corbel_tensors *tensors, size_t i)
{
    return tensors && i < tensors->n ? &tensors->items[i] : NULL;
}

const corbel_tensor *corbel_tensors_find(const corbel_tensors *tensors, const char *name)
{
    for (size_t i = 0; tensors && i < tensors->n; i++)
        if (strcmp(tensors->items[i].name, name) == 0)
            return &tensors->items[i];
    return NULL;
}

void corbel_tensors_destroy(corbel_tensors **tensors)
{
    if (!tensors || !*tensors)
        return;
    arena_finish(&(*tensors)->arena);
    free((*tensors)->items);
    free(*tensors);
    *tensors = NULL;
}

/* Copies the views of a mapped file into a list of its own. */
static corbel_status copy_views(struct corbel_tensors *out, const struct checkpoint_tensor *views,
                                uint32_t n, const char *path, corbel_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct checkpoint_tensor *v = &views[i];
        void *data;
        if (v->rank > CORBEL_MAX_RANK)
            return error_set(err, CORBEL_E_UNSUPPORTED, "%s: %s: rank %u, at most %d here", path,
                             v->name, v->rank, CORBEL_MAX_RANK);
        if (dtype_size(v->dtype) == 0)
            return error_set(err, CORBEL_E_UNSUPPORTED, "%s: %s: elements of %s are not readable",
                             path, v->name, dtype_safetensors(v->dtype));
        corbel_status status = tensors_add(out, v->name, v->dtype, v->rank, v->shape, &data, err);
        if (status)
            return status;
        if (v->size)
            memcpy(data, v->data, v->size);
    }
    return CORBEL_OK;
}

corbel_status corbel_tensors_load(const char *path, corbel_tensors **tensors, corbel_error *err)
{
    struct file_map map = {0};
    struct arena arena = {0};
    struct checkpoint_tensor *views = NULL;
    uint32_t n = 0;
    *tensors = NULL;
    corbel_status status = file_map_open(&map, path, err);
    if (!status)
        status = safetensors_read(&map, path, &arena, &views, &n, err);
    if (!status)
        status = tensors_create(tensors, err);
    if (!status)
        status = copy_views(*tensors, views, n, path, err);
    if (status)
        corbel_tensors_destroy(tensors);
    arena_finish(&arena);
    file_map_close(&map);
    return status;
}

corbel_status corbel_tensors_save(const char *path, const corbel_tensor *tensors, size_t n_tensors,
                                  corbel_error *err)
{
    return safetensors_write(path, tensors, n_tensors, err);
}
