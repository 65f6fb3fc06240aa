/* fuzz_torch.c: whatever a pytorch_model.bin holds, what comes of it lies in the file or in a copy,
 * and memory stays in proportion.
 *
 * Byte 0 chooses: even, the whole file; odd, the part of a legacy file behind its head, so that the
 * fuzzer need not find the head by itself. */
#include "base/dtype.h"
#include "checkpoint/torch_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char legacy_head[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
                                  "\x80\x02M\xe9\x03."
                                  "\x80\x02}X\x0d\0\0\0little_endian\x88s.";

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_tensor(const struct checkpoint_tensor *t)
{
    static volatile uint8_t sink;
    uint64_t bytes = dtype_size(t->dtype);
    check(bytes != 0 && t->rank <= 16);
    for (uint32_t i = 0; i < t->rank; i++)
        bytes *= (uint64_t)t->shape[i];
    check(bytes == t->size && (t->data == NULL) == (t->size == 0));
    for (uint64_t i = 0; i < t->size; i += 7)
        sink = ((const uint8_t *)t->data)[i];
    if (t->size)
        sink = ((const uint8_t *)t->data)[t->size - 1];
    (void)sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const size_t head = data[0] & 1 ? sizeof legacy_head - 1 : 0;
    uint8_t *file = malloc(head + size);
    if (!file)
        return 0;
    memcpy(file, legacy_head, head);
    memcpy(file + head, data + 1, size - 1);

    const struct file_map map = {.data = file, .size = head + size - 1, .fd = -1};
    struct arena arena = {0};
    struct checkpoint_tensor *tensors = NULL;
    uint32_t n = 0;
    corbel_error err;
    if (torch_file_read(&map, "fuzz", &arena, &tensors, &n, &err) == CORBEL_OK)
        for (uint32_t i = 0; i < n; i++) {
            check_tensor(&tensors[i]);
            check(i == 0 || strcmp(tensors[i - 1].name, tensors[i].name) < 0);
        }
    check(arena.used <= 4096 + 200 * map.size);
    arena_finish(&arena);
    free(file);
    return 0;
}
