/* elf.c: see elf.h. Order: header, segments, dynamic section, strings; then elf_symbols.c. */
#include "base/error.h"
#include "plugin/elf_file.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "this machine's relocations are not known"
#endif

void elf_fail(struct elf *e, const char *format, ...)
{
    va_list args;

    if (e->status)
        return;
    va_start(args, format);
    e->status = error_set_v(e->err, CORBEL_E_UNTRUSTED, format, args);
    va_end(args);
    error_prefix(e->err, e->status, "%s", e->name);
}

/* ---- reading inside the file ---------------------------------------------------------------- */

bool elf_inside(uint64_t start, uint64_t size, uint64_t limit)
{
    return start <= limit && size <= limit - start;
}

bool elf_read_at(struct elf *e, uint64_t offset, void *out, size_t size, const char *what)
{
    if (!e->status && !elf_inside(offset, size, e->size))
        elf_fail(e, "%s lies outside the file", what);
    if (e->status)
        return false;
    memcpy(out, e->data + offset, size);
    return true;
}

bool elf_find_address(struct elf *e, uint64_t address, uint64_t size, uint64_t *offset,
                      const char *what)
{
    for (size_t i = 0; i < e->facts->n_loads && !e->status; i++) {
        const Elf64_Phdr *p = &e->facts->loads[i];

        if (address >= p->p_vaddr && elf_inside(address - p->p_vaddr, size, p->p_filesz)) {
            *offset = p->p_offset + (address - p->p_vaddr);
            return true;
        }
    }
    elf_fail(e, "%s lies outside the segments of the file", what);
    return false;
}

bool elf_is_writable(const struct elf *e, uint64_t address, uint64_t size)
{
    for (size_t i = 0; i < e->facts->n_loads; i++) {
        const Elf64_Phdr *p = &e->facts->loads[i];

        if ((p->p_flags & PF_W) && address >= p->p_vaddr &&
            elf_inside(address - p->p_vaddr, size, p->p_memsz))
            return true;
    }
    return false;
}

const char *elf_string_at(struct elf *e, uint64_t offset, const char *what)
{
    if (!e->status && offset < e->strtab_size)
        return e->strings + offset;
    elf_fail(e, "%s: its name lies outside the string table", what);
    return "";
}

/* ---- header and segments -------------------------------------------------------------------- */

static void check_header(struct elf *e)
{
    const Elf64_Ehdr *h = &e->header;

    if (!elf_read_at(e, 0, &e->header, sizeof e->header, "the ELF header"))
        return;
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
        elf_fail(e, "not an ELF file");
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
        elf_fail(e, "not a 64-bit little-endian ELF file");
    if (h->e_ident[EI_VERSION] != EV_CURRENT || h->e_version != EV_CURRENT ||
        (h->e_ident[EI_OSABI] != ELFOSABI_NONE && h->e_ident[EI_OSABI] != ELFOSABI_LINUX) ||
        h->e_ident[EI_ABIVERSION] != 0)
        elf_fail(e, "an ELF version or system ABI other than this one");
    if (h->e_type != ET_DYN)
        elf_fail(e, "not a shared library (ET_DYN)");
    if (h->e_machine != MACHINE)
        elf_fail(e, "made for another machine (e_machine %u, here %d)", h->e_machine, MACHINE);
    if (h->e_ehsize != sizeof(Elf64_Ehdr) || h->e_phentsize != sizeof(Elf64_Phdr))
        elf_fail(e, "headers of an unexpected size");
    if (h->e_phnum == 0 || h->e_phnum > ELF_MAX_SEGMENTS)
        elf_fail(e, "%u segments; expected 1 to %d", h->e_phnum, ELF_MAX_SEGMENTS);
    if (h->e_phoff % 8 != 0 || !elf_inside(h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr), e->size))
        elf_fail(e, "the program headers lie outside the file");
}

static void check_load(struct elf *e, const Elf64_Phdr *p)
{
    struct elf_facts *f = e->facts;
    uint64_t end;

    if (!elf_inside(p->p_offset, p->p_filesz, e->size) || p->p_filesz > p->p_memsz)
        elf_fail(e, "a segment lies outside the file");
    if (__builtin_add_overflow(p->p_vaddr, p->p_memsz, &end) || end > (uint64_t)1 << 32)
        elf_fail(e, "a segment beyond 4 GiB");
    if (p->p_align < 4096 || (p->p_align & (p->p_align - 1)) != 0 || p->p_align > 1 << 21 ||
        (p->p_vaddr - p->p_offset) % p->p_align != 0)
        elf_fail(e, "a segment with an alignment of %llu", (unsigned long long)p->p_align);
    if ((p->p_flags & PF_W) && (p->p_flags & PF_X))
        elf_fail(e, "a segment is writable and executable");
    if (!(p->p_flags & PF_R) || (p->p_flags & ~(Elf64_Word)(PF_R | PF_W | PF_X)))
        elf_fail(e, "a segment with flags %#x", p->p_flags);
    if (p->p_memsz == 0 || (p->p_memsz != p->p_filesz && !(p->p_flags & PF_W)))
        elf_fail(e, "a segment that is empty, or larger than in the file");
    /* Pages, not bytes: what the loader maps for one must not reach into the next. */
    if (f->n_loads > 0) {
        const Elf64_Phdr *before = &f->loads[f->n_loads - 1];

        if (p->p_vaddr / 4096 <= (before->p_vaddr + before->p_memsz - 1) / 4096)
            elf_fail(e, "segments overlap or are not in ascending order");
    }
    if (!e->status)
        f->loads[f->n_loads++] = *p;
}

static void check_segment(struct elf *e, const Elf64_Phdr *p)
{
    if (p->p_type != PT_LOAD && !elf_inside(p->p_offset, p->p_filesz, e->size))
        elf_fail(e, "a segment lies outside the file");
    switch (p->p_type) {
    case PT_LOAD: check_load(e, p); break;
    case PT_DYNAMIC:
        if (e->has_dynamic)
            elf_fail(e, "two PT_DYNAMIC");
        e->has_dynamic = true;
        e->dynamic = *p;
        break;
    case PT_GNU_RELRO:
        if (e->has_relro)
            elf_fail(e, "two PT_GNU_RELRO");
        e->has_relro = true;
        e->relro = *p;
        break;
    case PT_GNU_STACK:
        if (p->p_flags & PF_X)
            elf_fail(e, "PT_GNU_STACK makes the stack executable");
        if (e->has_stack)
            elf_fail(e, "two PT_GNU_STACK");
        e->has_stack = true;
        break;
    case PT_INTERP: elf_fail(e, "PT_INTERP: a program, not a plugin"); break;
    case PT_TLS:
        if (!e->relaxed)
            elf_fail(e, "PT_TLS: thread-local storage");
        break;
    case PT_NULL:
    case PT_NOTE:
    case PT_GNU_EH_FRAME:
    case PT_GNU_PROPERTY: break;
    default: elf_fail(e, "a segment of unknown type %#x", p->p_type);
    }
}

/* The one writable segment, if any, is made read-only after relocation, to its end. */
static void check_relro(struct elf *e)
{
    bool covered = false;

    if (e->relaxed) {
        if (e->has_relro && !elf_is_writable(e, e->relro.p_vaddr, e->relro.p_filesz))
            elf_fail(e, "PT_GNU_RELRO lies outside the writable segments");
        return;
    }
    for (size_t i = 0; i < e->facts->n_loads; i++) {
        const Elf64_Phdr *p = &e->facts->loads[i];

        if (!(p->p_flags & PF_W))
            continue;
        if (!e->has_relro)
            elf_fail(e, "no RELRO (PT_GNU_RELRO): link with -z relro");
        else if (e->relro.p_vaddr != p->p_vaddr || e->relro.p_memsz < p->p_memsz)
            elf_fail(e, "writable data: a plugin has none (no variables that are not const)");
        else if ((p->p_vaddr + e->relro.p_memsz) % 4096 != 0 ||
                 e->relro.p_memsz - p->p_memsz >= 4096)
            elf_fail(e, "PT_GNU_RELRO does not end with the segment's last page");
        else
            covered = true;
    }
    if (e->has_relro && !covered)
        elf_fail(e, "PT_GNU_RELRO lies outside the writable segment");
}

/* Some loaders read notes where they are mapped: { name size, description size, type }, both
 * padded. */
static void check_note(struct elf *e, const Elf64_Phdr *p)
{
    uint64_t offset, at = 0, align = p->p_align == 8 ? 8 : 4;
    Elf64_Nhdr note;

    if (p->p_memsz != p->p_filesz)
        elf_fail(e, "a note of two sizes");
    if (!elf_find_address(e, p->p_vaddr, p->p_memsz, &offset, "a note"))
        return;
    while (at < p->p_memsz && !e->status) {
        if (p->p_memsz - at < sizeof note) {
            elf_fail(e, "a note lies outside its segment");
            return;
        }
        elf_read_at(e, offset + at, &note, sizeof note, "a note");
        at += sizeof note + (((uint64_t)note.n_namesz + align - 1) & ~(align - 1));
        at += ((uint64_t)note.n_descsz + align - 1) & ~(align - 1);
        if (at > p->p_memsz)
            elf_fail(e, "a note lies outside its segment");
    }
}

static void check_segments(struct elf *e)
{
    Elf64_Phdr p;

    for (uint32_t i = 0; i < e->header.e_phnum && !e->status; i++)
        if (elf_read_at(e, e->header.e_phoff + i * sizeof p, &p, sizeof p, "a program header"))
            check_segment(e, &p);
    if (e->facts->n_loads == 0)
        elf_fail(e, "no PT_LOAD");
    if (!e->has_stack)
        elf_fail(e, "no PT_GNU_STACK: the stack would become executable");
    if (!e->has_dynamic)
        elf_fail(e, "no PT_DYNAMIC");
    check_relro(e);
    for (uint32_t i = 0; i < e->header.e_phnum && !e->status; i++)
        if (elf_read_at(e, e->header.e_phoff + i * sizeof p, &p, sizeof p, "a program header") &&
            (p.p_type == PT_NOTE || p.p_type == PT_GNU_PROPERTY))
            check_note(e, &p);
}

/* ---- dynamic section ------------------------------------------------------------------------ */

/* Entries that run code, bring in code, or widen what is visible. */
static const struct {
    int64_t tag;
    const char *name;
} refused[] = {
    {DT_INIT, "DT_INIT"},
    {DT_FINI, "DT_FINI"},
    {DT_INIT_ARRAY, "DT_INIT_ARRAY"},
    {DT_INIT_ARRAYSZ, "DT_INIT_ARRAYSZ"},
    {DT_FINI_ARRAY, "DT_FINI_ARRAY"},
    {DT_FINI_ARRAYSZ, "DT_FINI_ARRAYSZ"},
    {DT_PREINIT_ARRAY, "DT_PREINIT_ARRAY"},
    {DT_PREINIT_ARRAYSZ, "DT_PREINIT_ARRAYSZ"},
    {DT_RPATH, "DT_RPATH"},
    {DT_RUNPATH, "DT_RUNPATH"},
    {DT_AUDIT, "DT_AUDIT"},
    {DT_DEPAUDIT, "DT_DEPAUDIT"},
    {DT_FILTER, "DT_FILTER"},
    {DT_AUXILIARY, "DT_AUXILIARY"},
    {DT_TEXTREL, "DT_TEXTREL"},
    {DT_SONAME, "DT_SONAME"},
    {DT_SYMBOLIC, "DT_SYMBOLIC"},
    {DT_REL, "DT_REL"},
    {DT_RELR, "DT_RELR"},
    {DT_VERDEF, "DT_VERDEF"},
};

/* How C++ and Rust have their constructors run. */
static bool runs_code(int64_t tag)
{
    return tag == DT_INIT || tag == DT_FINI || tag == DT_INIT_ARRAY || tag == DT_INIT_ARRAYSZ ||
           tag == DT_FINI_ARRAY || tag == DT_FINI_ARRAYSZ;
}

static void refuse_tag(struct elf *e, int64_t tag)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (refused[i].tag == tag)
            elf_fail(e, "%s is not allowed in a plugin%s", refused[i].name,
                     runs_code(tag) ? " (but in one that says that it needs isolation)" : "");
    elf_fail(e, "an unknown entry %#llx in the dynamic section", (unsigned long long)tag);
}

/* Where an entry's value goes; NULL: the entry is refused. */
static uint64_t *tag_field(struct elf *e, int64_t tag, uint64_t *ignored)
{
    if (e->relaxed && runs_code(tag))
        return ignored;
    switch (tag) {
    case DT_STRTAB: return &e->strtab;
    case DT_STRSZ: return &e->strtab_size;
    case DT_SYMTAB: return &e->symtab;
    case DT_SYMENT: return &e->sym_entry;
    case DT_GNU_HASH: return &e->gnu_hash;
    case DT_RELA: return &e->rela;
    case DT_RELASZ: return &e->rela_size;
    case DT_RELAENT: return &e->rela_entry;
    case DT_JMPREL: return &e->jmprel;
    case DT_PLTRELSZ: return &e->jmprel_size;
    case DT_PLTREL: return &e->plt_kind;
    case DT_VERSYM: return &e->versym;
    case DT_VERNEED: return &e->verneed;
    case DT_VERNEEDNUM: return &e->verneed_count;
    case DT_FLAGS: return &e->flags;
    case DT_FLAGS_1: return &e->flags_1;
    case DT_PLTGOT: return &e->plt_got;
    case DT_RELACOUNT: return &e->relative_count;
    case DT_HASH: return ignored; /* glibc prefers DT_GNU_HASH, which must be there */
    default: return NULL;
    }
}

static void read_dynamic_entry(struct elf *e, const Elf64_Dyn *d)
{
    uint64_t ignored = 0, *field = tag_field(e, d->d_tag, &ignored);

    if (d->d_tag == DT_NEEDED) {
        if (e->n_needed == ELF_MAX_NEEDED)
            elf_fail(e, "DT_NEEDED: more than %d libraries", ELF_MAX_NEEDED);
        else
            e->needed[e->n_needed++] = d->d_un.d_val;
    } else if (d->d_tag == DT_BIND_NOW) {
        e->bind_now = true;
    } else if (!field) {
        refuse_tag(e, d->d_tag);
    } else {
        if (*field != 0)
            elf_fail(e, "entry %#llx of the dynamic section is there twice",
                     (unsigned long long)d->d_tag);
        *field = d->d_un.d_val;
    }
}

static void check_flags(struct elf *e)
{
    if (e->flags & DF_TEXTREL)
        elf_fail(e, "DF_TEXTREL is not allowed in a plugin");
    if (e->flags & ~(uint64_t)(DF_BIND_NOW | (e->relaxed ? DF_STATIC_TLS : 0)))
        elf_fail(e, "DT_FLAGS %#llx: only BIND_NOW is allowed", (unsigned long long)e->flags);
    if (e->flags_1 & ~(uint64_t)(DF_1_NOW | DF_1_NODELETE))
        elf_fail(e, "DT_FLAGS_1 %#llx: only NOW is allowed", (unsigned long long)e->flags_1);
    if (!e->bind_now && !(e->flags & DF_BIND_NOW) && !(e->flags_1 & DF_1_NOW))
        elf_fail(e, "no BIND_NOW: link with -z now");
}

static void check_dynamic(struct elf *e)
{
    uint64_t offset, n = e->dynamic.p_memsz / sizeof(Elf64_Dyn);
    Elf64_Dyn d = {.d_tag = DT_NULL};

    /* The loader reads it where it is mapped, to DT_NULL, and changes addresses in it. */
    if (e->dynamic.p_vaddr % 8 != 0 || !elf_is_writable(e, e->dynamic.p_vaddr, e->dynamic.p_memsz))
        elf_fail(e, "PT_DYNAMIC is not aligned, or not in the writable segment");
    if (!elf_find_address(e, e->dynamic.p_vaddr, e->dynamic.p_memsz, &offset, "PT_DYNAMIC"))
        return;
    for (uint64_t i = 0; i < n && !e->status; i++) {
        if (!elf_read_at(e, offset + i * sizeof d, &d, sizeof d, "the dynamic section") ||
            d.d_tag == DT_NULL)
            break;
        read_dynamic_entry(e, &d);
        if (i + 1 == n)
            elf_fail(e, "the dynamic section has no end");
    }
    if (n == 0)
        elf_fail(e, "the dynamic section has no end");
    check_flags(e);
}

static void check_strings(struct elf *e)
{
    uint64_t offset;

    if (e->strtab_size == 0)
        elf_fail(e, "no string table");
    if (!elf_find_address(e, e->strtab, e->strtab_size, &offset, "the string table"))
        return;
    e->strings = (const char *)e->data + offset;
    if (e->strings[e->strtab_size - 1] != 0)
        elf_fail(e, "the string table does not end with a 0");
}

int elf_compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The host links libc and libm, and the program for isolated plugins has loaded the others before
 * it is shut in, so the loader has all of them and searches nowhere. */
static bool may_be_needed(const struct elf *e, const char *library)
{
    static const char *const names[] = {
        "libc.so.6",       "libm.so.6",  "libstdc++.so.6",       "libgcc_s.so.1",
        "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"};
    size_t n = e->relaxed ? sizeof(names) / sizeof(names[0]) : 2;

    for (size_t i = 0; i < n; i++)
        if (strcmp(library, names[i]) == 0)
            return true;
    return false;
}

static void check_needed(struct elf *e)
{
    struct elf_facts *f = e->facts;

    for (size_t i = 0; i < e->n_needed && !e->status; i++) {
        const char *library = elf_string_at(e, e->needed[i], "DT_NEEDED");

        if (!e->status && !may_be_needed(e, library))
            elf_fail(e, "DT_NEEDED %.64s: only libc and libm are allowed%s", library,
                     e->relaxed ? ", and the libraries of C++ and Rust" : "");
        f->needed[f->n_needed++] = library;
    }
    qsort(f->needed, f->n_needed, sizeof(f->needed[0]), elf_compare_strings);
}

corbel_status elf_check(const void *data, size_t size, const char *name, enum elf_rules rules,
                        struct elf_facts *facts, corbel_error *err)
{
    struct elf e = {.data = data,
                    .size = size,
                    .name = name,
                    .err = err,
                    .facts = facts,
                    .relaxed = rules == ELF_RELAXED};
    static void (*const steps[])(struct elf *) = {
        check_header, check_segments,    check_dynamic,      check_strings,
        check_needed, elf_check_symbols, elf_check_versions, elf_check_relocations,
    };

    *facts = (struct elf_facts){0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !e.status; i++)
        steps[i](&e);
    return e.status;
}
