/* plugin/elf.h: what a plugin's library may be, checked on its bytes before anything maps them.
 *
 * The rule: loading it runs none of its code, brings in no other library than libc and libm,
 * changes nothing outside of it, and leaves no page of it both writable and executable, none
 * writable at all after relocation. All tables lie inside the file. Section headers are not looked
 * at: the loader does not use them.
 *
 * What C++ and Rust make can't keep all of that. The relaxed rules allow it to run code while it is
 * loaded, to have variables, thread-local ones too, to import anything, and to need the libraries
 * of those languages. They are for libraries that are mapped in a shut-in process only. */
#ifndef PLUGIN_ELF_H
#define PLUGIN_ELF_H

#include "corbel/corbel.h"

#include <elf.h>

enum { ELF_MAX_SEGMENTS = 16, ELF_MAX_IMPORTS = 1024, ELF_MAX_NEEDED = 8 };
enum elf_rules { ELF_STRICT, ELF_RELAXED };

/* What the manifest and the loader want to know. Strings point into the checked bytes. */
struct elf_facts {
    const char *needed[ELF_MAX_NEEDED], *imports[ELF_MAX_IMPORTS]; /* sorted */
    size_t n_needed, n_imports;
    uint64_t symbol_address, symbol_size; /* of corbel_plugin_v1 */
    Elf64_Phdr loads[ELF_MAX_SEGMENTS];   /* PT_LOAD */
    size_t n_loads;
};

/* `name` is for messages. CORBEL_E_UNTRUSTED names the rule that is broken. Any bytes will do. */
corbel_status elf_check(const void *data, size_t size, const char *name, enum elf_rules rules,
                        struct elf_facts *facts, corbel_error *err);

#endif
