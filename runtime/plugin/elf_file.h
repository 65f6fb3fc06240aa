/* plugin/elf_file.h: for elf.c and elf_symbols.c: a library while it is checked. */
#ifndef PLUGIN_ELF_FILE_H
#define PLUGIN_ELF_FILE_H

#include "plugin/elf.h"

#include <stdbool.h>

/* The file, and what has been found in it so far. Sticky: after a failure nothing is read. */
struct elf {
    const uint8_t *data;
    size_t size;
    const char *name;
    corbel_error *err;
    corbel_status status;
    struct elf_facts *facts;
    bool relaxed;
    Elf64_Ehdr header;
    Elf64_Phdr dynamic, relro;
    bool has_dynamic, has_relro, has_stack;
    /* The dynamic section, by tag. */
    uint64_t strtab, strtab_size, symtab, gnu_hash, plt_got, relative_count, rela, rela_size,
        jmprel, jmprel_size;
    uint64_t versym, verneed, verneed_count, flags, flags_1, rela_entry, sym_entry, plt_kind;
    uint64_t needed[ELF_MAX_NEEDED];
    size_t n_needed;
    bool bind_now;
    const char *strings; /* strtab, ending with 0 */
    uint32_t n_symbols;
};

/* Records the first failure, with the library's name in front. */
void elf_fail(struct elf *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether [start, start + size) lies in [0, limit). */
bool elf_inside(uint64_t start, uint64_t size, uint64_t limit);
/* Copies a record that may lie anywhere in the file, aligned or not. */
bool elf_read_at(struct elf *e, uint64_t offset, void *out, size_t size, const char *what);
/* The file offset of an address range that a segment brings from the file; false, and a failure, if
 * there is none. Tables are thus where the loader will find them. */
bool elf_find_address(struct elf *e, uint64_t address, uint64_t size, uint64_t *offset,
                      const char *what);
bool elf_is_writable(const struct elf *e, uint64_t address, uint64_t size);
/* A string of the string table; "" after a failure. */
const char *elf_string_at(struct elf *e, uint64_t offset, const char *what);
int elf_compare_strings(const void *a, const void *b); /* for qsort and bsearch of char pointers */

/* The steps of elf_symbols.c, in this order, after the dynamic section and the strings. */
void elf_check_symbols(struct elf *e);
void elf_check_versions(struct elf *e);
void elf_check_relocations(struct elf *e);

#endif
