/* fuzz_index.c: no index, however made, names a file outside of its folder, or one file twice. */
#include "checkpoint/folder.h"
#include "checkpoint/shard_index.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct shard_index index;
    struct checkpoint empty = {0};
    corbel_error err;
    if (shard_index_parse(&index, (const char *)data, size, "fuzz", &arena, &err) == CORBEL_OK) {
        for (uint32_t i = 0; i < index.n_files; i++)
            if (!folder_name_is_bare(index.files[i]) ||
                (i > 0 && strcmp(index.files[i - 1], index.files[i]) >= 0))
                abort();
        if (shard_index_check(&index, &empty, &err) == CORBEL_OK)
            abort(); /* it names tensors that nobody has */
        shard_index_finish(&index);
    }
    arena_finish(&arena);
    return 0;
}
