/* plugin/elf.h: what a plugin's library may be, checked on its bytes before anything maps them.
 *
 * The rule: loading it runs none of its code, brings in no other library than libc and libm,
 * changes nothing outside of it, and leaves no page of it both writable and executable, none
 * writable at all after relocation. All tables lie inside the file. Section headers are not looked
 * at: the loader does not use them. */
#ifndef PLUGIN_ELF_H
#define PLUGIN_ELF_H

#include "corbel/corbel.h"

#include <elf.h>

enum { ELF_MAX_SEGMENTS = 16, ELF_MAX_IMPORTS = 128, ELF_MAX_NEEDED = 4 };

/* What the manifest and the loader want to know. Strings point into the checked bytes. */
struct elf_facts {
    const char *needed[ELF_MAX_NEEDED], *imports[ELF_MAX_IMPORTS]; /* sorted */
    size_t n_needed, n_imports;
    uint64_t symbol_address, symbol_size; /* of corbel_plugin_v1 */
    Elf64_Phdr loads[ELF_MAX_SEGMENTS];   /* PT_LOAD */
    size_t n_loads;
};

/* `name` is for messages. CORBEL_E_UNTRUSTED names the rule that is broken. Any bytes will do. */
corbel_status elf_check(const void *data, size_t size, const char *name, struct elf_facts *facts,
                        corbel_error *err);

#endif
