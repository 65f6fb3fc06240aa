/* checkpoint/zip.c: end record, central directory, local headers, in this order. */
#include "checkpoint/zip.h"

#include "base/error.h"
#include "checkpoint/crc32.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END_SIZE = 22,
    LOCATOR_SIZE = 20,
    END64_SIZE = 56,
    LONGEST_COMMENT = 65535,
    LONGEST_DESCRIPTOR = 24, /* what may stand behind a member's data */
    MOST_MEMBERS = 200000,
    ALLOWED_FLAGS = 0x0808, /* data descriptor, names in UTF-8 */
    EXTRA_ZIP64 = 0x0001,
};

#define LOCAL_MAGIC   0x04034b50u
#define CENTRAL_MAGIC 0x02014b50u
#define END_MAGIC     0x06054b50u
#define LOCATOR_MAGIC 0x07064b50u
#define END64_MAGIC   0x06064b50u

struct reader {
    const uint8_t *data;
    uint64_t size;
    const char *file;
    struct arena *arena;
    struct crc32_table crc;
    uint64_t directory, directory_end, n_members;
    corbel_error *err;
};

static uint64_t little(const uint8_t *p, int bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

static uint32_t u16(const uint8_t *p)
{
    return (uint32_t)little(p, 2);
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)little(p, 4);
}

static uint64_t u64(const uint8_t *p)
{
    return little(p, 8);
}

static corbel_status refuse(const struct reader *r, const char *fault)
{
    return error_set(r->err, CORBEL_E_FORMAT, "%s: zip: %s", r->file, fault);
}

static corbel_status refuse_member(const struct reader *r, const char *name, const char *fault)
{
    return error_set(r->err, CORBEL_E_FORMAT, "%s: zip: member \"%.200s\": %s", r->file, name,
                     fault);
}

/* ---- the end record -------------------------------------------------------------------------- */

/* Of what looks like an end record, exactly one has a comment that ends with the file. */
static corbel_status find_end(struct reader *r, uint64_t *end)
{
    int found = 0;
    const uint64_t last = r->size < END_SIZE ? 0 : r->size - END_SIZE;
    const uint64_t first = last > LONGEST_COMMENT ? last - LONGEST_COMMENT : 0;
    for (uint64_t at = first; r->size >= END_SIZE && at <= last; at++) {
        const uint8_t *p = r->data + at;
        if (u32(p) == END_MAGIC && at + END_SIZE + u16(p + 20) == r->size) {
            *end = at;
            found++;
        }
    }
    if (found == 1)
        return CORBEL_OK;
    return refuse(r, found ? "more than one end record" : "no end record: truncated?");
}

/* The 64-bit record and its locator stand between directory and end record, if at all. Returns
 * where they begin, or `end`. */
static corbel_status read_end64(struct reader *r, uint64_t end, uint64_t *begin)
{
    *begin = end;
    if (end < LOCATOR_SIZE || u32(r->data + end - LOCATOR_SIZE) != LOCATOR_MAGIC)
        return CORBEL_OK;
    const uint8_t *locator = r->data + end - LOCATOR_SIZE;
    if (end < LOCATOR_SIZE + END64_SIZE || u64(locator + 8) != end - LOCATOR_SIZE - END64_SIZE ||
        u32(locator + 4) != 0 || u32(locator + 16) != 1)
        return refuse(r, "the 64-bit end record is not where its locator is");
    *begin = end - LOCATOR_SIZE - END64_SIZE;
    const uint8_t *p = r->data + *begin;
    if (u32(p) != END64_MAGIC || u64(p + 4) != END64_SIZE - 12 || u32(p + 16) != 0 ||
        u32(p + 20) != 0 || u64(p + 24) != u64(p + 32))
        return refuse(r, "a 64-bit end record that is malformed");
    r->n_members = u64(p + 32);
    r->directory_end = u64(p + 40);
    r->directory = u64(p + 48);
    return CORBEL_OK;
}

/* A field of the end record: the 64-bit record's value, unless it says otherwise. */
static bool agrees(uint64_t value, uint64_t unknown, uint64_t value64, bool has64)
{
    return has64 ? value == value64 || value == unknown : value != unknown;
}

static corbel_status read_end(struct reader *r)
{
    uint64_t end = 0, begin;
    corbel_status status = find_end(r, &end);
    if (status == CORBEL_OK)
        status = read_end64(r, end, &begin);
    if (status != CORBEL_OK)
        return status;

    const uint8_t *p = r->data + end;
    const bool has64 = begin != end;
    const uint64_t n = u16(p + 10), size = u32(p + 12), offset = u32(p + 16);
    if (u16(p + 4) != 0 || u16(p + 6) != 0 || u16(p + 8) != n)
        return refuse(r, "spread over several files");
    if (!agrees(n, 0xffff, r->n_members, has64) ||
        !agrees(size, 0xffffffff, r->directory_end, has64) ||
        !agrees(offset, 0xffffffff, r->directory, has64))
        return refuse(r, "the two end records disagree");
    if (!has64) {
        r->n_members = n;
        r->directory_end = size;
        r->directory = offset;
    }
    if (__builtin_add_overflow(r->directory_end, r->directory, &r->directory_end) ||
        r->directory_end != begin)
        return refuse(r, "the central directory does not end at the end record");
    if (r->n_members == 0 || r->n_members > MOST_MEMBERS ||
        r->n_members > (r->directory_end - r->directory) / CENTRAL_SIZE)
        return refuse(r, "a number of members that does not fit the directory");
    return CORBEL_OK;
}

/* ---- members --------------------------------------------------------------------------------- */

static bool name_is_sound(const char *name, size_t size)
{
    if (size == 0 || name[0] == '/')
        return false;
    for (size_t i = 0; i < size; i++) {
        if (name[i] < 0x20 || name[i] > 0x7e || name[i] == '\\')
            return false;
        if (i > 0 && name[i] == '.' && name[i - 1] == '.')
            return false;
    }
    return true;
}

/* Replaces fields that say 0xffffffff by those of the 64-bit extra field, in its fixed order. */
static bool apply_extra(const uint8_t *extra, size_t size, uint64_t *const fields[], int n_fields)
{
    while (size >= 4) {
        const uint32_t id = u16(extra), length = u16(extra + 2);
        if (length > size - 4)
            return false;
        if (id == EXTRA_ZIP64) {
            const uint8_t *p = extra + 4, *end = p + length;
            for (int i = 0; i < n_fields; i++) {
                if (*fields[i] != 0xffffffff)
                    continue;
                if (end - p < 8)
                    return false;
                *fields[i] = u64(p);
                p += 8;
            }
            return true;
        }
        extra += 4 + length;
        size -= 4 + length;
    }
    for (int i = 0; i < n_fields; i++)
        if (*fields[i] == 0xffffffff)
            return false;
    return true;
}

/* What the local header says besides must be the same or, where a data descriptor follows, 0. */
static corbel_status read_local(struct reader *r, struct zip_member *m, uint32_t flags,
                                uint32_t crc)
{
    const size_t name_size = strlen(m->name);
    if (m->header > r->directory || r->directory - m->header < LOCAL_SIZE + name_size)
        return refuse_member(r, m->name, "its local header is outside of the file");
    const uint8_t *p = r->data + m->header;
    if (u32(p) != LOCAL_MAGIC || u16(p + 6) != flags || u16(p + 8) != 0 ||
        u16(p + 26) != name_size || memcmp(p + LOCAL_SIZE, m->name, name_size) != 0)
        return refuse_member(r, m->name, "local header and central directory disagree");

    const uint64_t extra_size = u16(p + 28), before = LOCAL_SIZE + name_size + extra_size;
    const uint64_t left = r->directory - m->header;
    if (before > left || m->size > left - before)
        return refuse_member(r, m->name, "its data lie outside of the file");
    uint64_t packed = u32(p + 18), size = u32(p + 22);
    uint64_t *const fields[] = {&size, &packed};
    const bool later = flags & 8 && u32(p + 14) == 0 && packed == 0 && size == 0;
    if (!later && (!apply_extra(p + LOCAL_SIZE + name_size, extra_size, fields, 2) ||
                   packed != m->size || size != m->size || u32(p + 14) != crc))
        return refuse_member(r, m->name, "local header and central directory disagree");

    m->data = p + before;
    if (crc32_of(&r->crc, m->data, (size_t)m->size) != crc)
        return refuse_member(r, m->name, "its checksum is wrong");
    return CORBEL_OK;
}

static corbel_status read_central(struct reader *r, uint64_t *at, struct zip_member *m)
{
    const uint8_t *p = r->data + *at;
    if (r->directory_end - *at < CENTRAL_SIZE || u32(p) != CENTRAL_MAGIC)
        return refuse(r, "a central directory that is malformed");
    const uint32_t flags = u16(p + 8), name_size = u16(p + 28), extra_size = u16(p + 30);
    const uint64_t whole = (uint64_t)CENTRAL_SIZE + name_size + extra_size + u16(p + 32);
    if (whole > r->directory_end - *at)
        return refuse(r, "a central directory that is malformed");

    const char *name = (const char *)p + CENTRAL_SIZE;
    if (!name_is_sound(name, name_size))
        return refuse(r, "a member's name that is not plain");
    m->name = arena_format(r->arena, "%.*s", (int)name_size, name);
    if (!m->name)
        return error_memory(r->err, name_size, r->file);
    if (flags & ~(uint32_t)ALLOWED_FLAGS)
        return refuse_member(r, m->name, "flags other than those of torch.save");
    if (u16(p + 10) != 0)
        return refuse_member(r, m->name, "compressed; torch.save stores");

    uint64_t packed = u32(p + 20);
    m->size = u32(p + 24);
    m->header = u32(p + 42);
    uint64_t *const fields[] = {&m->size, &packed, &m->header};
    if (!apply_extra(p + CENTRAL_SIZE + name_size, extra_size, fields, 3) || packed != m->size ||
        u16(p + 34) != 0)
        return refuse_member(r, m->name, "sizes that disagree");
    *at += whole;
    return read_local(r, m, flags, u32(p + 16));
}

static int compare_headers(const void *a, const void *b)
{
    const struct zip_member *x = a, *y = b;
    return x->header < y->header ? -1 : x->header > y->header;
}

static int compare_names(const void *a, const void *b)
{
    const struct zip_member *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int compare_names_without_case(const void *a, const void *b)
{
    const struct zip_member *x = a, *y = b;
    return strcasecmp(x->name, y->name);
}

static corbel_status check_members(struct reader *r, struct zip *z)
{
    uint64_t end = 0;
    qsort(z->members, z->n_members, sizeof(*z->members), compare_headers);
    for (uint32_t i = 0; i < z->n_members; i++) {
        const struct zip_member *m = &z->members[i];
        if (i == 0 && m->header != 0)
            return refuse(r, "something stands before the first member");
        if (m->header < end || m->header - end > LONGEST_DESCRIPTOR)
            return refuse_member(r, m->name, "does not follow the one before it");
        end = (uint64_t)(m->data - r->data) + m->size;
    }
    if (r->directory < end || r->directory - end > LONGEST_DESCRIPTOR)
        return refuse(r, "the central directory does not follow the last member");
    qsort(z->members, z->n_members, sizeof(*z->members), compare_names_without_case);
    for (uint32_t i = 1; i < z->n_members; i++)
        if (compare_names_without_case(&z->members[i - 1], &z->members[i]) == 0)
            return refuse_member(r, z->members[i].name, "the name appears twice");
    qsort(z->members, z->n_members, sizeof(*z->members), compare_names);
    return CORBEL_OK;
}

static corbel_status read_directory(struct reader *r, struct zip *z)
{
    uint64_t at = r->directory;
    z->members = arena_array(r->arena, (size_t)r->n_members, sizeof(*z->members));
    if (!z->members)
        return error_memory(r->err, (size_t)r->n_members * sizeof(*z->members), r->file);
    for (; z->n_members < r->n_members; z->n_members++) {
        const corbel_status status = read_central(r, &at, &z->members[z->n_members]);
        if (status != CORBEL_OK)
            return status;
    }
    if (at != r->directory_end)
        return refuse(r, "the central directory holds more than its members");
    return check_members(r, z);
}

corbel_status zip_read(struct zip *z, const struct file_map *map, const char *file,
                       struct arena *arena, corbel_error *err)
{
    struct reader r = {
        .data = map->data,
        .size = map->size,
        .file = file,
        .arena = arena,
        .err = err,
    };
    *z = (struct zip){0};
    crc32_table_make(&r.crc);
    corbel_status status = read_end(&r);
    if (status == CORBEL_OK)
        status = read_directory(&r, z);
    return status;
}

const struct zip_member *zip_find(const struct zip *z, const char *name)
{
    const struct zip_member key = {.name = name};
    if (z->n_members == 0)
        return NULL;
    return bsearch(&key, z->members, z->n_members, sizeof(*z->members), compare_names);
}
