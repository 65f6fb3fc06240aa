/* fuzz_lock.c: any bytes as a corbel.lock; and a lock that is accepted can be asked. */
#include "trust/lockfile.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockfile lock;

    if (lockfile_parse(&lock, (const char *)data, size, "fuzz", NULL) == CORBEL_OK) {
        const struct lock_model *model;

        if (lockfile_find_folder(&lock, "model", "/nonexistent", &model, NULL) == CORBEL_OK)
            (void)lockfile_check_file(&lock, model, "config.json", 3, "", NULL);
        (void)lockfile_find_repo(&lock, "org/model", "main", &model, NULL);
        lockfile_finish(&lock);
    }
    return 0;
}
