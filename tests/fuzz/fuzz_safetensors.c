/* fuzz_safetensors.c: whatever the file, the tensors that are handed out lie within it, and a
 * header that is accepted is JSON by the judgement of the other checker, too. */
#include "base/dtype.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_tensor(const struct checkpoint_tensor *t, const uint8_t *data, size_t size)
{
    uint64_t bits = dtype_bits(t->dtype);
    for (uint32_t i = 0; i < t->rank; i++)
        bits *= (uint64_t)t->shape[i];
    check(t->size == bits / 8);
    if (t->size == 0) {
        check(t->data == NULL);
        return;
    }
    const uint8_t *begin = t->data;
    check(begin >= data + 8 && begin <= data + size && t->size <= (size_t)(data + size - begin));
    static volatile uint8_t sink;
    for (uint64_t i = 0; i < t->size; i++)
        sink = begin[i];
    (void)sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct file_map map = {.data = data, .size = size, .fd = -1};
    struct arena arena = {0};
    struct checkpoint_tensor *tensors = NULL;
    uint32_t n_tensors = 0;
    corbel_error err;
    if (safetensors_read(&map, "fuzz", &arena, &tensors, &n_tensors, &err) == CORBEL_OK) {
        uint64_t length = 0;
        memcpy(&length, data, 8);
        check(json_check((const char *)data + 8, (size_t)length, JSON_SECURITY, "fuzz", NULL) ==
              CORBEL_OK);
        for (uint32_t i = 0; i < n_tensors; i++) {
            check_tensor(&tensors[i], data, size);
            check(i == 0 || strcmp(tensors[i - 1].name, tensors[i].name) < 0);
        }
    }
    arena_finish(&arena);
    return 0;
}
