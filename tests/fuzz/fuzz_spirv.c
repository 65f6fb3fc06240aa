/* fuzz_spirv.c: bytes either are refused as a kernel, with a reason, or are sound: then so is the
 * module that has been made of them. The first two bytes are the buffers and words of push
 * constants that its descriptor claims. */
#include "plugin/spirv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct program_kernel found, again;
    corbel_kernel kernel = {.struct_size = sizeof(kernel), .name = "fuzz", .entry = "main"};
    struct arena arena = {0};
    corbel_error err = {0};
    if (size < 2)
        return 0;
    kernel.n_buffers = 1 + data[0] % CORBEL_MAX_BUFFERS;
    kernel.push_size = data[1] % (CORBEL_MAX_PUSH + 1) * 4u;
    kernel.spirv_size = (uint32_t)((size - 2) / 4 * 4);
    uint32_t *words = malloc(kernel.spirv_size ? kernel.spirv_size : 1); /* exactly as large */
    if (!words)
        return 0;
    memcpy(words, data + 2, kernel.spirv_size);
    kernel.spirv = words;
    if (spirv_check(&kernel, &arena, &found, &err) == CORBEL_OK) {
        kernel.spirv = found.spirv;
        kernel.spirv_size = found.spirv_size;
        if (spirv_check(&kernel, &arena, &again, &err) != CORBEL_OK)
            abort();
    } else if (err.text[0] == 0) {
        abort();
    }
    free(words);
    arena_finish(&arena);
    return 0;
}
