/* fuzz_elf.c: any bytes are refused with a reason, or have one descriptor inside a segment. */
#include "plugin/elf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_facts facts;
    corbel_error err;
    uint8_t *copy = malloc(size ? size : 1); /* exactly as large, for the sanitizer */

    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    if (elf_check(copy, size, "fuzz", &facts, &err) == CORBEL_OK) {
        if (facts.symbol_size < 8 || facts.n_loads == 0)
            abort();
        for (size_t i = 0; i < facts.n_imports; i++)
            if (strlen(facts.imports[i]) > size)
                abort();
    } else if (err.text[0] == 0) {
        abort();
    }
    free(copy);
    return 0;
}
