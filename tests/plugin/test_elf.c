/* plugin/elf.c: every rule, broken one at a time in a library that was sound. */
#include <elf.h>
#include <stdio.h>

#include "base/digest.h"
#include "base/file.h"
#include "helpers.h"
#include "plugin/elf.h"
#include "plugin/loader.h"

/* The sound library, and a copy of it to break. */
static uint8_t *sound, *bytes;
static size_t size;

static int open_library(void **state)
{
    corbel_error err;

    (void)state;
    assert_ok(file_read(TEST_BUILD_DIR "/tests/plugin/fixture_today.so", 1 << 20, (char **)&sound,
                        &size, &err),
              err);
    bytes = malloc(size);
    return bytes ? 0 : 1;
}

static int close_library(void **state)
{
    (void)state;
    free(sound);
    free(bytes);
    return 0;
}

/* ---- finding things in the copy
 * ---------------------------------------------------------- */

static Elf64_Ehdr *header(void)
{
    return (Elf64_Ehdr *)(void *)bytes;
}

static Elf64_Phdr *segment(uint32_t type, uint32_t flags)
{
    Elf64_Phdr *p = (Elf64_Phdr *)(void *)(bytes + header()->e_phoff);

    for (int i = 0; i < header()->e_phnum; i++)
        if (p[i].p_type == type && (p[i].p_flags & flags) == flags)
            return &p[i];
    fail_msg("no segment of type %u", type);
    return NULL;
}

static Elf64_Dyn *dynamic(int64_t tag)
{
    Elf64_Dyn *d = (Elf64_Dyn *)(void *)(bytes + segment(PT_DYNAMIC, 0)->p_offset);

    while (d->d_tag != tag && d->d_tag != DT_NULL)
        d++;
    if (d->d_tag != tag)
        fail_msg("no entry %lld", (long long)tag);
    return d;
}

/* Tables before the first writable segment lie at their addresses. */
static void *table(int64_t tag)
{
    return bytes + dynamic(tag)->d_un.d_ptr;
}

static Elf64_Rela *rela(void)
{
    return table(DT_RELA);
}

/* The one export, and the first import. */
static Elf64_Sym *symbol(bool is_import)
{
    Elf64_Sym *s = (Elf64_Sym *)table(DT_SYMTAB) + 1;

    while ((s->st_shndx == SHN_UNDEF) != is_import)
        s++;
    return s;
}

/* ---- the attacks
 * ------------------------------------------------------------------------- */

static void not_elf(void)
{
    bytes[0] = 0;
}
static void elf32(void)
{
    bytes[EI_CLASS] = ELFCLASS32;
}
static void big_endian(void)
{
    bytes[EI_DATA] = ELFDATA2MSB;
}
static void executable(void)
{
    header()->e_type = ET_EXEC;
}
static void other_machine(void)
{
    header()->e_machine = EM_RISCV;
}
static void many_segments(void)
{
    header()->e_phnum = 65535;
}
static void no_segments(void)
{
    header()->e_phnum = 0;
}
static void headers_outside(void)
{
    header()->e_phoff = UINT64_MAX - 7;
}
static void segment_outside(void)
{
    segment(PT_LOAD, PF_X)->p_offset = UINT64_MAX - 4095;
}
static void segment_huge(void)
{
    segment(PT_LOAD, PF_W)->p_memsz = UINT64_MAX;
}
static void segment_overlap(void)
{
    segment(PT_LOAD, PF_X)->p_vaddr = 0;
    segment(PT_LOAD, PF_X)->p_offset = 0;
}
static void segment_wx(void)
{
    segment(PT_LOAD, PF_W)->p_flags |= PF_X;
}
static void stack_x(void)
{
    segment(PT_GNU_STACK, 0)->p_flags |= PF_X;
}
static void no_stack(void)
{
    segment(PT_GNU_STACK, 0)->p_type = PT_NULL;
}
static void interp(void)
{
    segment(PT_NOTE, 0)->p_type = PT_INTERP;
}
static void tls(void)
{
    segment(PT_NOTE, 0)->p_type = PT_TLS;
}
static void unknown_segment(void)
{
    segment(PT_NOTE, 0)->p_type = 0x6abc;
}
static void note_too_long(void)
{
    uint32_t long_name = 0xfffffff0;

    memcpy(bytes + segment(PT_NOTE, 0)->p_offset, &long_name, sizeof long_name);
}
static void no_relro(void)
{
    segment(PT_GNU_RELRO, 0)->p_type = PT_NULL;
}
static void short_relro(void)
{
    segment(PT_GNU_RELRO, 0)->p_memsz = 64;
}
static void wide_relro(void)
{
    segment(PT_GNU_RELRO, 0)->p_memsz += 1 << 20;
}
static void no_dynamic(void)
{
    segment(PT_DYNAMIC, 0)->p_type = PT_NULL;
}
static void dynamic_elsewhere(void)
{
    segment(PT_DYNAMIC, 0)->p_vaddr = 1 << 30;
}
static void dynamic_read_only(void)
{
    segment(PT_DYNAMIC, 0)->p_vaddr = 0;
}
static void dynamic_endless(void)
{
    segment(PT_DYNAMIC, 0)->p_memsz = 16;
    segment(PT_DYNAMIC, 0)->p_filesz = 16;
}
static void no_now(void)
{
    dynamic(DT_FLAGS)->d_un.d_val = 0;
    dynamic(DT_FLAGS_1)->d_un.d_val = 0;
}
static void textrel_flag(void)
{
    dynamic(DT_FLAGS)->d_un.d_val |= DF_TEXTREL;
}
static void static_tls(void)
{
    dynamic(DT_FLAGS)->d_un.d_val |= DF_STATIC_TLS;
}
static void flags_global(void)
{
    dynamic(DT_FLAGS_1)->d_un.d_val |= DF_1_GLOBAL;
}
/* DT_RELACOUNT can be missed, so its place is used for what must not be there. */
static void put(int64_t tag)
{
    dynamic(DT_RELACOUNT)->d_tag = tag;
}
static void init(void)
{
    put(DT_INIT);
}
static void fini(void)
{
    put(DT_FINI);
}
static void init_array(void)
{
    put(DT_INIT_ARRAY);
}
static void fini_array(void)
{
    put(DT_FINI_ARRAY);
}
static void rpath(void)
{
    put(DT_RPATH);
}
static void runpath(void)
{
    put(DT_RUNPATH);
}
static void audit(void)
{
    put(DT_AUDIT);
}
static void depaudit(void)
{
    put(DT_DEPAUDIT);
}
static void filter(void)
{
    put(DT_FILTER);
}
static void auxiliary(void)
{
    put(DT_AUXILIARY);
}
static void textrel(void)
{
    put(DT_TEXTREL);
}
static void soname(void)
{
    put(DT_SONAME);
}
static void relr(void)
{
    put(DT_RELR);
}
static void unknown_tag(void)
{
    put(0x6ffffabc);
}
static void twice_symtab(void)
{
    put(DT_SYMTAB);
}
static void needed_other(void)
{
    char *strings = table(DT_STRTAB);

    memcpy(strings + dynamic(DT_NEEDED)->d_un.d_val, "libx", 4);
}
static void needed_outside(void)
{
    dynamic(DT_NEEDED)->d_un.d_val = 1 << 20;
}
static void strtab_outside(void)
{
    dynamic(DT_STRTAB)->d_un.d_ptr = (uint64_t)1 << 40;
}
static void strtab_long(void)
{
    dynamic(DT_STRSZ)->d_un.d_val = UINT64_MAX;
}
static void strtab_open(void)
{
    dynamic(DT_STRSZ)->d_un.d_val -= 1;
}
static void symtab_outside(void)
{
    dynamic(DT_SYMTAB)->d_un.d_ptr = UINT64_MAX - 7;
}
static void symbol_size(void)
{
    dynamic(DT_SYMENT)->d_un.d_val = 8;
}
static void hash_outside(void)
{
    dynamic(DT_GNU_HASH)->d_un.d_ptr = (uint64_t)1 << 33;
}
static void hash_buckets(void)
{
    *(uint32_t *)table(DT_GNU_HASH) = 0;
}
static void hash_endless(void)
{
    ((uint32_t *)table(DT_GNU_HASH))[1] = 0x10001;
}
static void no_hash(void)
{
    dynamic(DT_GNU_HASH)->d_tag = DT_HASH;
}
static void ifunc(void)
{
    symbol(false)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
}
static void import_ifunc(void)
{
    symbol(true)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
}
static void unique(void)
{
    symbol(false)->st_info = ELF64_ST_INFO(STB_GNU_UNIQUE, STT_OBJECT);
}
static void tls_symbol(void)
{
    symbol(false)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_TLS);
}
static void second_export(void)
{
    symbol(true)->st_shndx = 1;
}
static void no_export(void)
{
    symbol(false)->st_info = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT);
}
static void export_function(void)
{
    symbol(false)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
}
static void export_odd(void)
{
    symbol(false)->st_value += 1;
}
static void export_outside(void)
{
    symbol(false)->st_value = (uint64_t)1 << 30;
}
static void export_short(void)
{
    symbol(false)->st_size = 4;
}
static void bad_import(void)
{
    char *strings = table(DT_STRTAB);

    memcpy(strings + symbol(true)->st_name, "system", 7);
}
static void reloc_type(uint32_t type)
{
    rela()->r_info = ELF64_R_INFO(ELF64_R_SYM(rela()->r_info), type);
}
static void irelative(void)
{
    reloc_type(R_X86_64_IRELATIVE);
}
static void copy(void)
{
    reloc_type(R_X86_64_COPY);
}
static void tls_reloc(void)
{
    reloc_type(R_X86_64_DTPMOD64);
}
static void reloc_text(void)
{
    rela()->r_offset = segment(PT_LOAD, PF_X)->p_vaddr;
}
static void reloc_outside(void)
{
    rela()->r_offset = UINT64_MAX - 7;
}
static void reloc_edge(void)
{
    const Elf64_Phdr *p = segment(PT_LOAD, PF_W);

    rela()->r_offset = p->p_vaddr + p->p_memsz;
}
static void reloc_dynamic(void)
{
    rela()->r_offset = segment(PT_DYNAMIC, 0)->p_vaddr;
}
static void reloc_symbol(void)
{
    rela()->r_info = ELF64_R_INFO(99999, R_X86_64_64);
}
static void reloc_table(void)
{
    dynamic(DT_RELA)->d_un.d_ptr = (uint64_t)1 << 40;
}
static void reloc_size(void)
{
    dynamic(DT_RELASZ)->d_un.d_val = UINT64_MAX - 15;
}
static void relacount(void)
{
    rela()->r_info = ELF64_R_INFO(1, R_X86_64_64);
}
static void pltrel(void)
{
    dynamic(DT_PLTREL)->d_un.d_val = DT_REL;
}
static void pltgot(void)
{
    dynamic(DT_PLTGOT)->d_un.d_ptr = 0x1000;
}
static void verneed(void)
{
    dynamic(DT_VERNEED)->d_un.d_ptr = (uint64_t)1 << 40;
}
static void verneed_count(void)
{
    dynamic(DT_VERNEEDNUM)->d_un.d_val = 2;
}
static void verneed_next(void)
{
    ((Elf64_Verneed *)table(DT_VERNEED))->vn_aux = 0x7fffffff;
}
static void versym(void)
{
    ((uint16_t *)table(DT_VERSYM))[1] = 0x7000;
}

static const struct {
    void (*attack)(void);
    const char *says;
} rows[] = {
    {not_elf, "not an ELF file"},
    {elf32, "64-bit"},
    {big_endian, "little-endian"},
    {executable, "ET_DYN"},
    {other_machine, "another machine"},
    {many_segments, "65535 segments"},
    {no_segments, "0 segments"},
    {headers_outside, "program headers"},
    {segment_outside, "outside the file"},
    {segment_huge, "4 GiB"},
    {segment_overlap, "overlap"},
    {segment_wx, "writable and executable"},
    {stack_x, "PT_GNU_STACK"},
    {no_stack, "no PT_GNU_STACK"},
    {interp, "PT_INTERP"},
    {tls, "PT_TLS"},
    {unknown_segment, "unknown type"},
    {note_too_long, "a note"},
    {no_relro, "RELRO"},
    {short_relro, "writable data"},
    {wide_relro, "PT_GNU_RELRO"},
    {no_dynamic, "no PT_DYNAMIC"},
    {dynamic_elsewhere, "PT_DYNAMIC"},
    {dynamic_read_only, "PT_DYNAMIC"},
    {dynamic_endless, "no end"},
    {no_now, "BIND_NOW"},
    {textrel_flag, "DF_TEXTREL"},
    {static_tls, "DT_FLAGS"},
    {flags_global, "DT_FLAGS_1"},
    {init, "DT_INIT "},
    {fini, "DT_FINI "},
    {init_array, "DT_INIT_ARRAY"},
    {fini_array, "DT_FINI_ARRAY"},
    {rpath, "DT_RPATH"},
    {runpath, "DT_RUNPATH"},
    {audit, "DT_AUDIT"},
    {depaudit, "DT_DEPAUDIT"},
    {filter, "DT_FILTER"},
    {auxiliary, "DT_AUXILIARY"},
    {textrel, "DT_TEXTREL"},
    {soname, "DT_SONAME"},
    {relr, "DT_RELR"},
    {unknown_tag, "unknown entry"},
    {twice_symtab, "twice"},
    {needed_other, "only libc and libm"},
    {needed_outside, "string table"},
    {strtab_outside, "string table"},
    {strtab_long, "string table"},
    {strtab_open, "string table"},
    {symtab_outside, "symbol table"},
    {symbol_size, "symbol table"},
    {hash_outside, "DT_GNU_HASH"},
    {hash_buckets, "DT_GNU_HASH"},
    {hash_endless, "DT_GNU_HASH"},
    {no_hash, "DT_GNU_HASH"},
    {ifunc, "IFUNC"},
    {import_ifunc, "IFUNC"},
    {unique, "GNU_UNIQUE"},
    {tls_symbol, "thread-local"},
    {second_export, "only export"},
    {no_export, "does not export"},
    {export_function, "corbel_plugin_v1"},
    {export_odd, "corbel_plugin_v1"},
    {export_outside, "corbel_plugin_v1"},
    {export_short, "corbel_plugin_v1"},
    {bad_import, "imports system"},
    {irelative, "IRELATIVE"},
    {copy, "COPY"},
    {tls_reloc, "relocation of type"},
    {reloc_text, "outside the writable segment"},
    {reloc_outside, "outside the writable segment"},
    {reloc_edge, "outside the writable segment"},
    {reloc_dynamic, "dynamic section"},
    {reloc_symbol, "symbol"},
    {reloc_table, "DT_RELA"},
    {reloc_size, "DT_RELA"},
    {relacount, "DT_RELACOUNT"},
    {pltrel, "DT_PLTREL"},
    {pltgot, "DT_PLTGOT"},
    {verneed, "DT_VERNEED"},
    {verneed_count, "DT_VERNEED"},
    {verneed_next, "DT_VERNEED"},
    {versym, "DT_VERSYM"},
};

/* The loader, too, must refuse it: with the right hash it still is not mapped. */
static void test_each_rule_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sha256[DIGEST_HEX_SIZE];
        struct library library = {.name = "attack.so", .data = bytes, .size = size};
        const struct plugin *plugin;
        struct elf_facts facts;
        corbel_error err = {0};

        memcpy(bytes, sound, size);
        rows[i].attack();
        if (elf_check(bytes, size, "attack.so", ELF_STRICT, &facts, &err) != CORBEL_E_UNTRUSTED)
            fail_msg("row %zu (%s) was not refused", i, rows[i].says);
        assert_says(err, rows[i].says);
        digest_sha256_hex(bytes, size, sha256);
        library.sha256 = sha256;
        assert_int_equal(plugin_load(&library, &plugin, &err), CORBEL_E_UNTRUSTED);
        assert_null(plugin);
    }
}

static void test_a_sound_library_passes_with_its_facts(void **state)
{
    struct elf_facts facts;
    corbel_error err;

    (void)state;
    assert_ok(elf_check(sound, size, "today.so", ELF_STRICT, &facts, &err), err);
    assert_int_equal(facts.symbol_size, 48);
    assert_int_equal(facts.n_needed, 1);
    assert_string_equal(facts.needed[0], "libc.so.6");
    assert_true(facts.n_imports >= 1);
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n + 1 < size; n += n < 1024 ? 1 : 61) {
        struct elf_facts facts;
        uint8_t *cut = malloc(n ? n : 1); /* exactly as large, for the sanitizer */

        memcpy(cut, sound, n);
        /* Section headers come last and are not looked at. */
        if (n < header()->e_shoff)
            (void)elf_check(cut, n, "cut.so", ELF_STRICT, &facts, NULL);
        if (n < 4096)
            assert_int_equal(elf_check(cut, n, "cut.so", ELF_STRICT, &facts, NULL),
                             CORBEL_E_UNTRUSTED);
        free(cut);
    }
}

static void test_another_hash_is_refused(void **state)
{
    struct library library = {.name = "other.so", .data = sound, .size = size};
    const struct plugin *plugin;
    char sha256[DIGEST_HEX_SIZE];
    corbel_error err;

    (void)state;
    digest_sha256_hex("", 0, sha256);
    library.sha256 = sha256;
    assert_int_equal(plugin_load(&library, &plugin, &err), CORBEL_E_UNTRUSTED);
    assert_says(err, "sha256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_library_passes_with_its_facts),
        cmocka_unit_test(test_each_rule_refuses),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_another_hash_is_refused),
    };
    return cmocka_run_group_tests(tests, open_library, close_library);
}
