/* random_weights.c: a checkpoint whose weights are not stored but made, by the formula of
 * make_fixtures.py.
 *
 *     random_weights WEIGHTS.json MODEL.safetensors
 *
 * WEIGHTS.json lists {"name", "shape", "seed", "scale", "shift"}: uniform in shift +- scale. */
#include "base/arena.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"

#include <json-c/json.h>
#include <stdio.h>

static uint32_t mix(uint32_t u)
{
    u = (u ^ u >> 16) * 0x21f0aaadu;
    u = (u ^ u >> 15) * 0x735a2d97u;
    return u ^ u >> 15;
}

/* scale is a power of two, so that this is exact. */
static float value(uint32_t seed, uint32_t i, double scale, double shift)
{
    const double unit = (double)(mix(i * 0x9e3779b9u + seed) >> 8) * 0x1p-23 - 1.0;

    return (float)(unit * scale + shift);
}

static double number(struct json_object *o, const char *key)
{
    return json_object_get_double(json_object_object_get(o, key));
}

/* False: out of memory. */
static bool make(struct json_object *o, struct arena *arena, corbel_tensor *t)
{
    struct json_object *shape = json_object_object_get(o, "shape");
    uint32_t count = 1;

    *t = (corbel_tensor){.name = json_object_get_string(json_object_object_get(o, "name")),
                         .dtype = CORBEL_F32};
    for (; t->rank < json_object_array_length(shape) && t->rank < CORBEL_MAX_RANK; t->rank++) {
        t->shape[t->rank] = json_object_get_int64(json_object_array_get_idx(shape, t->rank));
        count *= (uint32_t)t->shape[t->rank];
    }
    float *data = arena_array(arena, count, sizeof(*data));
    for (uint32_t i = 0; data && i < count; i++)
        data[i] = value((uint32_t)number(o, "seed"), i, number(o, "scale"), number(o, "shift"));
    t->data = data;
    return data != NULL;
}

int main(int argc, char **argv)
{
    struct json_object *list = argc == 3 ? json_object_from_file(argv[1]) : NULL;
    const size_t n = list ? json_object_array_length(list) : 0;
    struct arena arena;
    corbel_error err = {0};
    bool made = n > 0;

    arena_init(&arena, 0);
    corbel_tensor *tensors = arena_array(&arena, n, sizeof(*tensors));
    for (size_t i = 0; made && i < n; i++)
        made = tensors && make(json_object_array_get_idx(list, i), &arena, &tensors[i]);
    if (made)
        made = safetensors_write(argv[2], tensors, n, &err) == CORBEL_OK;
    if (!made)
        fprintf(stderr, "random_weights: nothing was written %s\n", err.text);
    arena_finish(&arena);
    json_object_put(list);
    return made ? 0 : 1;
}
