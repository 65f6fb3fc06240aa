/* fuzz_elf.c: any bytes are refused with a reason, or have one descriptor inside a segment. */
#include "plugin/elf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *copy, size_t size, enum elf_rules rules)
{
    struct elf_facts facts;
    corbel_error err;

    if (elf_check(copy, size, "fuzz", rules, &facts, &err) == CORBEL_OK) {
        if (facts.symbol_size < 8 || facts.n_loads == 0)
            abort();
        for (size_t i = 0; i < facts.n_imports; i++)
            if (strlen(facts.imports[i]) > size)
                abort();
    } else if (err.text[0] == 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* exactly as large, for the sanitizer */

    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    check(copy, size, ELF_STRICT);
    check(copy, size, ELF_RELAXED);
    free(copy);
    return 0;
}
