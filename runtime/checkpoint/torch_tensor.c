/* checkpoint/torch_tensor.c: bounds of a tensor in its storage, and copies in C order. */
#include "checkpoint/torch_tensor.h"

#include "base/dtype.h"
#include "base/error.h"

#include <string.h>

enum { COMPARED_COPIES = 64 }; /* tied weights stand near each other, or are copied twice */

struct torch_copy {
    struct torch_copy *previous;
    const struct pickle_tensor *tensor;
    const void *data;
};

/* Bytes of the tensor; false: too many to count. */
static bool count_bytes(const struct pickle_tensor *t, uint64_t *bytes)
{
    *bytes = dtype_size(t->dtype);
    for (uint32_t i = 0; i < t->rank; i++)
        if (__builtin_mul_overflow(*bytes, (uint64_t)t->size[i], bytes))
            return false;
    return true;
}

/* Whether the element farthest away lies in the storage, which has `numel` of them. */
static bool is_inside(const struct pickle_tensor *t, uint64_t numel)
{
    uint64_t last = (uint64_t)t->offset;
    for (uint32_t i = 0; i < t->rank; i++) {
        uint64_t step;
        if (__builtin_mul_overflow((uint64_t)t->size[i] - 1, (uint64_t)t->stride[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return false;
    }
    return last < numel;
}

static bool is_in_c_order(const struct pickle_tensor *t)
{
    uint64_t stride = 1;
    for (uint32_t i = t->rank; i-- > 0;) {
        if (t->size[i] != 1 && (uint64_t)t->stride[i] != stride)
            return false;
        stride *= (uint64_t)t->size[i]; /* count_bytes has seen that the product fits */
    }
    return true;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static bool is_same(const struct pickle_tensor *a, const struct pickle_tensor *b)
{
    return a->storage->data == b->storage->data && a->storage->begin == b->storage->begin &&
           a->dtype == b->dtype && a->rank == b->rank && a->offset == b->offset &&
           memcmp(a->size, b->size, sizeof a->size) == 0 &&
           memcmp(a->stride, b->stride, sizeof a->stride) == 0;
}

static const void *find_copy(const struct torch_copies *copies, const struct pickle_tensor *t)
{
    const struct torch_copy *c = copies->last;
    for (int i = 0; c && i < COMPARED_COPIES; i++, c = c->previous)
        if (is_same(c->tensor, t))
            return c->data;
    return NULL;
}

static void copy_elements(uint8_t *out, const struct pickle_tensor *t, const uint8_t *first,
                          uint64_t n)
{
    const size_t size = dtype_size(t->dtype);
    int64_t index[PICKLE_MAX_RANK] = {0};
    uint64_t at = 0; /* wraps where the stride of a single element is huge, and back */
    for (uint64_t i = 0; i < n; i++, out += size) {
        memcpy(out, first + at * size, size);
        for (uint32_t k = t->rank; k-- > 0;) {
            at += (uint64_t)t->stride[k];
            if (++index[k] < t->size[k])
                break;
            at -= (uint64_t)t->stride[k] * (uint64_t)t->size[k];
            index[k] = 0;
        }
    }
}

static corbel_status make_copy(struct checkpoint_tensor *out, const struct pickle_tensor *t,
                               const uint8_t *first, struct torch_copies *copies, const char *file,
                               corbel_error *err)
{
    out->data = find_copy(copies, t);
    if (out->data)
        return CORBEL_OK;
    const uint64_t storage_bytes =
        (uint64_t)t->storage->numel * (t->storage->dtype ? dtype_size(t->storage->dtype) : 1);
    if (out->size / 4 > storage_bytes || out->size > copies->budget)
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: tensor \"%.200s\": strides that repeat elements too often", file,
                         out->name);
    copies->budget -= out->size;

    uint8_t *data = arena_alloc(copies->arena, (size_t)out->size);
    struct torch_copy *copy = arena_alloc(copies->arena, sizeof(*copy));
    if (!data || !copy)
        return error_memory(err, (size_t)out->size, out->name);
    copy_elements(data, t, first, out->size / dtype_size(t->dtype));
    *copy = (struct torch_copy){.previous = copies->last, .tensor = t, .data = data};
    copies->last = copy;
    out->data = data;
    return CORBEL_OK;
}

corbel_status torch_tensor_place(struct checkpoint_tensor *out, const struct pickle_tensor *t,
                                 struct torch_copies *copies, const char *file, corbel_error *err)
{
    const struct pickle_storage *s = t->storage;
    const uint64_t size = dtype_size(t->dtype), unit = s->dtype ? dtype_size(s->dtype) : 1;
    out->dtype = t->dtype;
    out->rank = t->rank;
    memcpy(out->shape, t->size, t->rank * sizeof(*t->size));
    if (!count_bytes(t, &out->size))
        return error_set(err, CORBEL_E_FORMAT, "%s: tensor \"%.200s\": too large", file, out->name);
    if (out->size == 0)
        return CORBEL_OK;
    if (!is_inside(t, (uint64_t)s->length * unit / size))
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: tensor \"%.200s\": offset, size and stride leave its storage", file,
                         out->name);

    const uint8_t *first = s->data + (uint64_t)s->begin * unit + (uint64_t)t->offset * size;
    if (!is_in_c_order(t))
        return make_copy(out, t, first, copies, file, err);
    out->data = first;
    return CORBEL_OK;
}
