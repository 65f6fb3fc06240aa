/* elf_symbols.c: what a library exports and imports, and what its relocations would change. */
#include "plugin/elf_file.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT "corbel_plugin_v1"

#if defined(__x86_64__)
enum {
    RELOC_RELATIVE = R_X86_64_RELATIVE,
    RELOC_ABSOLUTE = R_X86_64_64,
    RELOC_GLOB_DAT = R_X86_64_GLOB_DAT,
    RELOC_JUMP_SLOT = R_X86_64_JUMP_SLOT,
    RELOC_COPY = R_X86_64_COPY,
    RELOC_IRELATIVE = R_X86_64_IRELATIVE,
    RELOC_TLS_MODULE = R_X86_64_DTPMOD64,
    RELOC_TLS_OFFSET = R_X86_64_DTPOFF64,
    RELOC_TLS_STATIC = R_X86_64_TPOFF64
};
#elif defined(__aarch64__)
enum {
    RELOC_RELATIVE = R_AARCH64_RELATIVE,
    RELOC_ABSOLUTE = R_AARCH64_ABS64,
    RELOC_GLOB_DAT = R_AARCH64_GLOB_DAT,
    RELOC_JUMP_SLOT = R_AARCH64_JUMP_SLOT,
    RELOC_COPY = R_AARCH64_COPY,
    RELOC_IRELATIVE = R_AARCH64_IRELATIVE,
    RELOC_TLS_MODULE = R_AARCH64_TLS_DTPMOD,
    RELOC_TLS_OFFSET = R_AARCH64_TLS_DTPREL,
    RELOC_TLS_STATIC = R_AARCH64_TLS_TPREL
};
#else
#error "this machine's relocations are not known"
#endif

/* ---- symbols -------------------------------------------------------------------------------- */

/* What a plugin may import: memory, strings, mathematics, and what the compiler inserts. */
static const char *const allowed_imports[] = {
    "__memcpy_chk", "__memmove_chk", "__memset_chk", "__stack_chk_fail",
    "__strcpy_chk", "abs",           "acos",         "acosf",
    "asin",         "asinf",         "atan",         "atan2",
    "atan2f",       "atanf",         "bcmp",         "cbrt",
    "cbrtf",        "ceil",          "ceilf",        "copysign",
    "copysignf",    "cos",           "cosf",         "cosh",
    "coshf",        "erf",           "erfc",         "erfcf",
    "erff",         "exp",           "exp2",         "exp2f",
    "expf",         "expm1",         "expm1f",       "fabs",
    "fabsf",        "floor",         "floorf",       "fma",
    "fmaf",         "fmax",          "fmaxf",        "fmin",
    "fminf",        "fmod",          "fmodf",        "frexp",
    "frexpf",       "hypot",         "hypotf",       "labs",
    "ldexp",        "ldexpf",        "llabs",        "llrint",
    "llrintf",      "llround",       "llroundf",     "log",
    "log10",        "log10f",        "log1p",        "log1pf",
    "log2",         "log2f",         "logf",         "lrint",
    "lrintf",       "lround",        "lroundf",      "memchr",
    "memcmp",       "memcpy",        "memmove",      "memrchr",
    "memset",       "modf",          "modff",        "nearbyint",
    "nearbyintf",   "pow",           "powf",         "remainder",
    "remainderf",   "rint",          "rintf",        "round",
    "roundf",       "scalbn",        "scalbnf",      "sin",
    "sincos",       "sincosf",       "sinf",         "sinh",
    "sinhf",        "sqrt",          "sqrtf",        "stpcpy",
    "stpncpy",      "strcat",        "strchr",       "strchrnul",
    "strcmp",       "strcpy",        "strcspn",      "strlen",
    "strncat",      "strncmp",       "strncpy",      "strnlen",
    "strpbrk",      "strrchr",       "strspn",       "strstr",
    "tan",          "tanf",          "tanh",         "tanhf",
    "tgamma",       "trunc",         "truncf",
};

static bool import_is_allowed(const char *name)
{
    return bsearch(&name, allowed_imports, sizeof(allowed_imports) / sizeof(allowed_imports[0]),
                   sizeof(allowed_imports[0]), elf_compare_strings) != NULL;
}

static uint32_t read_word(struct elf *e, uint64_t address, const char *what)
{
    uint64_t offset;
    uint32_t word = 0;

    if (elf_find_address(e, address, sizeof word, &offset, what))
        elf_read_at(e, offset, &word, sizeof word, what);
    return word;
}

/* The number of symbols that the loader can reach through DT_GNU_HASH. Each bucket starts a chain
 * of symbols; the last word of a chain is odd. */
static void count_gnu_hash(struct elf *e)
{
    static const char what[] = "DT_GNU_HASH";
    uint64_t table = e->gnu_hash, buckets, chains;
    uint32_t n_buckets = read_word(e, table, what), first = read_word(e, table + 4, what);
    uint32_t bloom = read_word(e, table + 8, what), last = 0,
             shift = read_word(e, table + 12, what);
    uint64_t offset;

    if (n_buckets == 0 || n_buckets > 4096 || bloom == 0 || bloom > 4096 ||
        (bloom & (bloom - 1)) != 0 || shift > 31 || first > 1 << 16 || table % 8 != 0)
        elf_fail(e, "%s is malformed", what);
    if (e->status)
        return;
    buckets = table + 16 + 8 * (uint64_t)bloom;
    chains = buckets + 4 * (uint64_t)n_buckets;
    elf_find_address(e, table, chains - table, &offset, what);
    for (uint32_t i = 0; i < n_buckets && !e->status; i++) {
        uint32_t start = read_word(e, buckets + 4 * (uint64_t)i, what);

        if (start != 0 && (start < first || start > 1 << 16))
            elf_fail(e, "%s is malformed", what);
        if (start > last)
            last = start;
    }
    e->n_symbols = last ? last : first;
    while (last && !e->status) {
        e->n_symbols = last + 1;
        if (read_word(e, chains + 4 * (uint64_t)(last - first), what) & 1)
            break;
        last++;
    }
}

static void check_import(struct elf *e, const char *name)
{
    struct elf_facts *f = e->facts;

    if (!e->relaxed && !import_is_allowed(name))
        elf_fail(e, "imports %.64s, which is not among what a plugin may use", name);
    else if (f->n_imports == ELF_MAX_IMPORTS)
        elf_fail(e, "more than %d imports", ELF_MAX_IMPORTS);
    else
        f->imports[f->n_imports++] = name;
}

static void check_export(struct elf *e, const Elf64_Sym *s, const char *name)
{
    struct elf_facts *f = e->facts;
    uint64_t offset;

    if (strcmp(name, EXPORT) != 0) {
        elf_fail(e, "exports %.64s; the only export of a plugin is %s", name, EXPORT);
        return;
    }
    if (f->symbol_size != 0)
        elf_fail(e, "exports %s twice", EXPORT);
    if (ELF64_ST_TYPE(s->st_info) != STT_OBJECT || s->st_size < 8 || s->st_size > 4096 ||
        s->st_value % 8 != 0 || s->st_shndx == SHN_ABS ||
        ELF64_ST_VISIBILITY(s->st_other) != STV_DEFAULT)
        elf_fail(e, "%s is not an aligned constant of 8 to 4096 bytes", EXPORT);
    elf_find_address(e, s->st_value, s->st_size, &offset, EXPORT);
    f->symbol_address = s->st_value;
    f->symbol_size = s->st_size;
}

static void check_symbol(struct elf *e, const Elf64_Sym *s)
{
    unsigned type = ELF64_ST_TYPE(s->st_info), bind = ELF64_ST_BIND(s->st_info);
    const char *name = elf_string_at(e, s->st_name, "a symbol");

    if (type == STT_GNU_IFUNC)
        elf_fail(e, "%.64s is an IFUNC: its resolver would run while loading", name);
    if (type == STT_TLS && !e->relaxed)
        elf_fail(e, "%.64s is thread-local", name);
    if (bind == STB_GNU_UNIQUE)
        elf_fail(e, "%.64s is GNU_UNIQUE", name);
    if (type > STT_FILE || (bind != STB_LOCAL && bind != STB_GLOBAL && bind != STB_WEAK))
        elf_fail(e, "%.64s is a symbol of an unknown kind", name);
    if (e->status || bind == STB_LOCAL)
        return;
    if (s->st_shndx == SHN_UNDEF)
        check_import(e, name);
    else
        check_export(e, s, name);
}

void elf_check_symbols(struct elf *e)
{
    struct elf_facts *f = e->facts;
    uint64_t offset = 0;
    Elf64_Sym s;

    if (e->symtab == 0 || e->symtab % 8 != 0 || e->sym_entry != sizeof(Elf64_Sym))
        elf_fail(e, "no symbol table, or one of another form");
    if (e->gnu_hash == 0)
        elf_fail(e, "no DT_GNU_HASH: link with --hash-style=gnu");
    if (!e->status)
        count_gnu_hash(e);
    if (!e->status)
        elf_find_address(e, e->symtab, e->n_symbols * sizeof s, &offset, "the symbol table");
    for (uint64_t i = 1; i < e->n_symbols && !e->status; i++)
        if (elf_read_at(e, offset + i * sizeof s, &s, sizeof s, "the symbol table"))
            check_symbol(e, &s);
    if (f->symbol_size == 0)
        elf_fail(e, "does not export %s", EXPORT);
    qsort(f->imports, f->n_imports, sizeof(f->imports[0]), elf_compare_strings);
}

/* ---- symbol versions ------------------------------------------------------------------------ */

/* The loader walks these records without looking at bounds: chains stay inside, go forward, and
 * name strings that are there. */
static void check_version_names(struct elf *e, uint64_t record, const Elf64_Verneed *need,
                                uint16_t *greatest)
{
    uint64_t at = record + need->vn_aux;
    Elf64_Vernaux aux = {.vna_next = 1};

    for (uint32_t i = 0; i < need->vn_cnt && !e->status; i++) {
        uint64_t offset;

        if (aux.vna_next == 0)
            elf_fail(e, "DT_VERNEED is malformed");
        if (!elf_find_address(e, at, sizeof aux, &offset, "DT_VERNEED") ||
            !elf_read_at(e, offset, &aux, sizeof aux, "DT_VERNEED"))
            return;
        elf_string_at(e, aux.vna_name, "a symbol version");
        if ((aux.vna_other & 0x7fff) > *greatest)
            *greatest = aux.vna_other & 0x7fff;
        at += aux.vna_next;
    }
    if (need->vn_cnt == 0 || need->vn_cnt > 64 || aux.vna_next != 0)
        elf_fail(e, "DT_VERNEED is malformed");
}

/* One index a symbol, into a table as large as the versions need. */
static void check_version_indices(struct elf *e, uint16_t greatest)
{
    uint64_t offset;
    uint16_t index;

    if ((e->versym == 0) != (e->verneed == 0))
        elf_fail(e, "one of DT_VERSYM and DT_VERNEED without the other");
    if (e->versym == 0 ||
        !elf_find_address(e, e->versym, 2 * (uint64_t)e->n_symbols, &offset, "DT_VERSYM"))
        return;
    for (uint64_t i = 0; i < e->n_symbols && !e->status; i++)
        if (elf_read_at(e, offset + 2 * i, &index, sizeof index, "DT_VERSYM") &&
            (index & 0x7fff) > greatest)
            elf_fail(e, "DT_VERSYM: a version that DT_VERNEED does not have");
}

void elf_check_versions(struct elf *e)
{
    Elf64_Verneed need = {.vn_next = 1};
    uint64_t at = e->verneed, offset;
    uint16_t greatest = 1; /* 0 and 1: no version */

    if ((e->verneed == 0) != (e->verneed_count == 0) || e->verneed_count > ELF_MAX_NEEDED)
        elf_fail(e, "DT_VERNEED is malformed");
    for (uint64_t i = 0; i < e->verneed_count && !e->status; i++) {
        const char *file;
        bool is_needed = false;

        if (need.vn_next == 0)
            elf_fail(e, "DT_VERNEED is malformed");
        if (!elf_find_address(e, at, sizeof need, &offset, "DT_VERNEED") ||
            !elf_read_at(e, offset, &need, sizeof need, "DT_VERNEED"))
            return;
        file = elf_string_at(e, need.vn_file, "DT_VERNEED");
        for (size_t j = 0; j < e->facts->n_needed; j++)
            is_needed |= strcmp(e->facts->needed[j], file) == 0;
        if (!is_needed || need.vn_version != VER_NEED_CURRENT)
            elf_fail(e, "DT_VERNEED is malformed");
        check_version_names(e, at, &need, &greatest);
        at += need.vn_next;
    }
    if (e->verneed_count && need.vn_next != 0)
        elf_fail(e, "DT_VERNEED is malformed");
    check_version_indices(e, greatest);
}

/* ---- relocations ---------------------------------------------------------------------------- */

/* Their symbol 0 is the library's own thread-local storage. */
static bool is_tls(uint32_t type)
{
    return type == RELOC_TLS_MODULE || type == RELOC_TLS_OFFSET || type == RELOC_TLS_STATIC;
}

static void check_relocation(struct elf *e, const Elf64_Rela *r)
{
    uint32_t type = (uint32_t)ELF64_R_TYPE(r->r_info);
    uint64_t symbol = ELF64_R_SYM(r->r_info);

    switch (type) {
    case RELOC_RELATIVE:
    case RELOC_ABSOLUTE:
    case RELOC_GLOB_DAT:
    case RELOC_JUMP_SLOT: break;
    case RELOC_IRELATIVE:
        elf_fail(e, "a relocation of type IRELATIVE: its resolver would run while loading");
        break;
    case RELOC_COPY: elf_fail(e, "a relocation of type COPY"); break;
    default:
        if (!e->relaxed || !is_tls(type))
            elf_fail(e, "a relocation of type %u, which a plugin does not need", type);
    }
    if (is_tls(type)             ? symbol >= e->n_symbols && symbol != 0
        : type == RELOC_RELATIVE ? symbol != 0
                                 : (symbol == 0 || symbol >= e->n_symbols))
        elf_fail(e, "a relocation with symbol %llu of %u", (unsigned long long)symbol,
                 e->n_symbols);
    if (!elf_is_writable(e, r->r_offset, 8) || r->r_offset % 8 != 0)
        elf_fail(e, "a relocation at %#llx, outside the writable segment",
                 (unsigned long long)r->r_offset);
}

/* The dynamic section itself is no place for a relocation: the loader reads it afterwards. */
static void check_not_dynamic(struct elf *e, const Elf64_Rela *r)
{
    uint64_t start = e->dynamic.p_vaddr, end = start + e->dynamic.p_memsz;

    if (r->r_offset + 8 > start && r->r_offset < end)
        elf_fail(e, "a relocation inside the dynamic section");
}

static void check_table(struct elf *e, uint64_t address, uint64_t size, const char *what)
{
    uint64_t offset;
    Elf64_Rela r;

    if (e->status || size == 0)
        return;
    if (size % sizeof r != 0 || address % 8 != 0)
        elf_fail(e, "%s has an odd size", what);
    if (!elf_find_address(e, address, size, &offset, what))
        return;
    for (uint64_t i = 0; i < size / sizeof r && !e->status; i++)
        if (elf_read_at(e, offset + i * sizeof r, &r, sizeof r, what)) {
            check_relocation(e, &r);
            check_not_dynamic(e, &r);
            if (address == e->rela && i < e->relative_count &&
                ELF64_R_TYPE(r.r_info) != RELOC_RELATIVE)
                elf_fail(e, "DT_RELACOUNT counts other relocations too");
        }
}

void elf_check_relocations(struct elf *e)
{
    if (e->rela_entry != 0 && e->rela_entry != sizeof(Elf64_Rela))
        elf_fail(e, "DT_RELAENT %llu", (unsigned long long)e->rela_entry);
    if (e->rela_size != 0 && e->rela_entry == 0)
        elf_fail(e, "DT_RELA without DT_RELAENT");
    if ((e->jmprel_size != 0 || e->plt_kind != 0) && e->plt_kind != DT_RELA)
        elf_fail(e, "DT_PLTREL is not DT_RELA");
    if (e->plt_got != 0 && !elf_is_writable(e, e->plt_got, 24))
        elf_fail(e, "DT_PLTGOT lies outside the writable segment");
    check_table(e, e->rela, e->rela_size, "DT_RELA");
    check_table(e, e->jmprel, e->jmprel_size, "DT_JMPREL");
}
