/* checkpoint/safetensors.c: the header of a safetensors file, read in one pass without a tree.
 *
 * A header may have 100 MB; a tree of that would cost gigabytes. So each tensor's entry is parsed
 * into its place, and what the format says about all of them together (no name twice, bytes that
 * touch, nothing left over) is checked after sorting. Stricter than the reference reader where the
 * format's text is: see safetensors_read's refusals. */
#include "checkpoint/checkpoint.h"

#include "base/dtype.h"
#include "base/error.h"
#include "base/json_scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_HEADER = 100000000, MOST_TENSORS = 2000000, MAX_RANK = 16, LENGTH_SIZE = 8 };

#define LARGEST_DIMENSION ((uint64_t)1 << 53)

struct entry {
    struct checkpoint_tensor tensor;
    uint64_t begin, end; /* data_offsets */
};

struct reader {
    struct json_scan scan;
    const char *file;
    struct arena *arena;
    struct text string;    /* the last string that was read */
    const char *tensor;    /* whose entry is being read, or NULL */
    struct entry *entries; /* malloc: it grows */
    size_t n_entries, capacity;
    const char **metadata; /* its keys, to find those that are there twice */
    size_t n_metadata, metadata_capacity;
    bool has_metadata;
    corbel_error *err;
};

/* ---- faults ---------------------------------------------------------------------------------- */

static corbel_status refuse_at(const struct reader *r, size_t at, const char *fault)
{
    if (r->tensor)
        return error_set(r->err, CORBEL_E_FORMAT, "%s: tensor \"%.200s\": %s (header byte %zu)",
                         r->file, r->tensor, fault, at);
    return error_set(r->err, CORBEL_E_FORMAT, "%s: %s (header byte %zu)", r->file, fault, at);
}

static corbel_status refuse(const struct reader *r, const char *fault)
{
    return refuse_at(r, r->scan.at, fault);
}

static corbel_status out_of_memory(const struct reader *r)
{
    return error_set(r->err, CORBEL_E_MEMORY, "%s: out of memory for a header of %zu bytes",
                     r->file, r->scan.size);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static corbel_status expect(struct reader *r, char c, const char *fault)
{
    return json_scan_take(&r->scan, c) ? CORBEL_OK : refuse(r, fault);
}

/* Into r->string. */
static corbel_status read_string(struct reader *r, const char *fault)
{
    json_scan_space(&r->scan);
    if (json_scan_peek(&r->scan) != '"')
        return refuse(r, fault);
    text_clear(&r->string);
    if (!json_scan_string(&r->scan, &r->string))
        return refuse_at(r, r->scan.fault_at, r->scan.fault);
    return r->string.failed ? out_of_memory(r) : CORBEL_OK;
}

static corbel_status read_key(struct reader *r)
{
    const corbel_status status = read_string(r, "expected a key in double quotes");
    return status == CORBEL_OK ? expect(r, ':', "expected \":\" behind a key") : status;
}

/* Plain digits: no sign, no exponent, no leading zero. */
static corbel_status read_number(struct reader *r, uint64_t *out)
{
    struct json_scan *s = &r->scan;
    json_scan_space(s);
    const size_t begin = s->at;
    uint64_t value = 0;
    for (int b = json_scan_peek(s); b >= '0' && b <= '9'; b = json_scan_peek(s)) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(b - '0'), &value))
            return refuse_at(r, begin, "a number that does not fit 64 bits");
        s->at++;
    }
    if (s->at == begin || (s->data[begin] == '0' && s->at - begin > 1))
        return refuse_at(r, begin, "expected a whole number in plain digits");
    *out = value;
    return CORBEL_OK;
}

/* After an item: the next one, or the end at `close`. */
static corbel_status next_or_end(struct reader *r, char close, bool *end)
{
    if (json_scan_take(&r->scan, ','))
        return CORBEL_OK;
    *end = true;
    return expect(r, close, close == '}' ? "expected \",\" or \"}\"" : "expected \",\" or \"]\"");
}

/* ---- one tensor -------------------------------------------------------------------------------
 */

static corbel_status read_dtype(struct reader *r, struct entry *e)
{
    const corbel_status status = read_string(r, "dtype: expected a string");
    if (status != CORBEL_OK)
        return status;
    e->tensor.dtype = dtype_from_safetensors(r->string.data);
    if (e->tensor.dtype != CORBEL_DTYPE_NONE)
        return CORBEL_OK;
    return error_set(r->err, CORBEL_E_FORMAT,
                     "%s: tensor \"%.200s\": dtype \"%.40s\" is not one of safetensors'", r->file,
                     r->tensor, r->string.data);
}

static corbel_status read_shape(struct reader *r, struct entry *e)
{
    corbel_status status = expect(r, '[', "shape: expected a list");
    bool end = status == CORBEL_OK && json_scan_take(&r->scan, ']');
    while (status == CORBEL_OK && !end) {
        uint64_t size = 0;
        if (e->tensor.rank == MAX_RANK)
            return refuse(r, "shape: more than 16 dimensions");
        status = read_number(r, &size);
        if (status != CORBEL_OK)
            break;
        if (size > LARGEST_DIMENSION)
            return refuse(r, "shape: a dimension of more than 2^53");
        e->tensor.shape[e->tensor.rank++] = (int64_t)size;
        status = next_or_end(r, ']', &end);
    }
    return status;
}

static corbel_status read_offsets(struct reader *r, struct entry *e)
{
    corbel_status status = expect(r, '[', "data_offsets: expected a list");
    if (status == CORBEL_OK)
        status = read_number(r, &e->begin);
    if (status == CORBEL_OK)
        status = expect(r, ',', "data_offsets: expected two numbers");
    if (status == CORBEL_OK)
        status = read_number(r, &e->end);
    if (status == CORBEL_OK)
        status = expect(r, ']', "data_offsets: expected two numbers");
    return status;
}

/* Bytes that dtype and shape ask for; false: more than 2^64, or not whole bytes. */
static bool tensor_bytes(const struct checkpoint_tensor *t, uint64_t *bytes)
{
    uint64_t bits = dtype_bits(t->dtype);
    for (uint32_t i = 0; i < t->rank; i++)
        if (__builtin_mul_overflow(bits, (uint64_t)t->shape[i], &bits))
            return false;
    *bytes = bits / 8;
    return bits % 8 == 0;
}

static corbel_status check_entry(struct reader *r, struct entry *e)
{
    uint64_t bytes;
    if (e->begin > e->end)
        return refuse(r, "data_offsets: the end lies before the begin");
    if (!tensor_bytes(&e->tensor, &bytes))
        return refuse(r, "dtype and shape do not make a number of bytes");
    if (e->end - e->begin != bytes)
        return error_set(r->err, CORBEL_E_FORMAT,
                         "%s: tensor \"%.200s\": data_offsets span %" PRIu64
                         " bytes, dtype and shape need %" PRIu64,
                         r->file, r->tensor, e->end - e->begin, bytes);
    e->tensor.size = bytes;
    return CORBEL_OK;
}

/* {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}, each once, in any order. */
static corbel_status read_entry(struct reader *r, struct entry *e)
{
    static const struct {
        const char *key;
        corbel_status (*read)(struct reader *r, struct entry *e);
    } members[] = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    enum { N_MEMBERS = 3 };
    unsigned seen = 0;
    bool end = false;

    corbel_status status = expect(r, '{', "expected an object");
    while (status == CORBEL_OK && !end) {
        status = read_key(r);
        if (status != CORBEL_OK)
            break;
        unsigned i = 0;
        while (i < N_MEMBERS && strcmp(r->string.data, members[i].key) != 0)
            i++;
        if (i == N_MEMBERS)
            return refuse(r, "expected only dtype, shape and data_offsets");
        if (seen & 1u << i)
            return refuse(r, "a key appears twice");
        seen |= 1u << i;
        status = members[i].read(r, e);
        if (status == CORBEL_OK)
            status = next_or_end(r, '}', &end);
    }
    if (status == CORBEL_OK && seen != (1u << N_MEMBERS) - 1)
        return refuse(r, "expected dtype, shape and data_offsets");
    return status == CORBEL_OK ? check_entry(r, e) : status;
}

/* ---- the header ------------------------------------------------------------------------------ */

/* Room for one more of `n` items of `size` bytes; false if memory has run out. */
static bool grow(void **items, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return true;
    const size_t larger = *capacity ? *capacity * 2 : 256;
    void *memory = reallocarray(*items, larger, size);
    if (!memory)
        return false;
    *items = memory;
    *capacity = larger;
    return true;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static corbel_status read_metadata_member(struct reader *r)
{
    corbel_status status = read_key(r);
    if (status != CORBEL_OK)
        return status;
    const char *key = arena_copy(r->arena, r->string.data, r->string.size + 1);
    if (!key || !grow((void **)&r->metadata, r->n_metadata, &r->metadata_capacity, sizeof(key)))
        return out_of_memory(r);
    r->metadata[r->n_metadata++] = key;
    return read_string(r, "__metadata__: expected strings only");
}

static corbel_status read_metadata(struct reader *r)
{
    if (r->has_metadata)
        return refuse(r, "__metadata__ appears twice");
    r->has_metadata = true;

    corbel_status status = expect(r, '{', "__metadata__: expected an object");
    bool end = status == CORBEL_OK && json_scan_take(&r->scan, '}');
    while (status == CORBEL_OK && !end) {
        status = read_metadata_member(r);
        if (status == CORBEL_OK)
            status = next_or_end(r, '}', &end);
    }
    if (status != CORBEL_OK || r->n_metadata < 2)
        return status;
    qsort(r->metadata, r->n_metadata, sizeof(*r->metadata), compare_strings);
    for (size_t i = 1; i < r->n_metadata; i++)
        if (strcmp(r->metadata[i - 1], r->metadata[i]) == 0)
            return refuse(r, "__metadata__: a key appears twice");
    return CORBEL_OK;
}

static corbel_status read_member(struct reader *r)
{
    r->tensor = NULL;
    corbel_status status = read_key(r);
    if (status != CORBEL_OK)
        return status;
    if (strcmp(r->string.data, "__metadata__") == 0)
        return read_metadata(r);

    if (r->n_entries == MOST_TENSORS)
        return refuse(r, "more than 2,000,000 tensors");
    r->tensor = arena_copy(r->arena, r->string.data, r->string.size + 1);
    if (!r->tensor || !grow((void **)&r->entries, r->n_entries, &r->capacity, sizeof(*r->entries)))
        return out_of_memory(r);
    struct entry *e = &r->entries[r->n_entries];
    *e = (struct entry){.tensor.name = r->tensor};
    status = read_entry(r, e);
    r->n_entries += status == CORBEL_OK;
    r->tensor = NULL;
    return status;
}

static corbel_status read_header(struct reader *r)
{
    if (json_scan_peek(&r->scan) != '{')
        return refuse(r, "the header does not begin with \"{\"");
    r->scan.at++;
    corbel_status status = CORBEL_OK;
    bool end = json_scan_take(&r->scan, '}');
    while (status == CORBEL_OK && !end) {
        status = read_member(r);
        if (status == CORBEL_OK)
            status = next_or_end(r, '}', &end);
    }
    if (status != CORBEL_OK)
        return status;
    for (; r->scan.at < r->scan.size; r->scan.at++)
        if (r->scan.data[r->scan.at] != ' ')
            return refuse(r, "expected only spaces behind the header");
    return CORBEL_OK;
}

/* ---- all tensors together ----------------------------------------------------------------------
 */

static int compare_offsets(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int compare_names(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return strcmp(x->tensor.name, y->tensor.name);
}

static void sort_entries(struct reader *r, int (*compare)(const void *, const void *))
{
    if (r->n_entries > 1)
        qsort(r->entries, r->n_entries, sizeof(*r->entries), compare);
}

/* Every byte of the buffer belongs to exactly one tensor. */
static corbel_status check_coverage(struct reader *r, uint64_t buffer_size)
{
    uint64_t end = 0;
    sort_entries(r, compare_offsets);
    for (size_t i = 0; i < r->n_entries; i++) {
        const struct entry *e = &r->entries[i];
        if (e->begin != end)
            return error_set(r->err, CORBEL_E_FORMAT,
                             "%s: tensor \"%.200s\": data_offsets begin at %" PRIu64
                             ", the bytes before end at %" PRIu64,
                             r->file, e->tensor.name, e->begin, end);
        if (e->end > buffer_size)
            return error_set(r->err, CORBEL_E_FORMAT,
                             "%s: tensor \"%.200s\": data_offsets end at %" PRIu64
                             ", the file holds %" PRIu64 " bytes of data",
                             r->file, e->tensor.name, e->end, buffer_size);
        end = e->end;
    }
    if (end != buffer_size)
        return error_set(r->err, CORBEL_E_FORMAT,
                         "%s: %" PRIu64 " bytes of data, of which tensors cover %" PRIu64, r->file,
                         buffer_size, end);
    return CORBEL_OK;
}

static corbel_status check_names(struct reader *r)
{
    sort_entries(r, compare_names);
    for (size_t i = 1; i < r->n_entries; i++)
        if (compare_names(&r->entries[i - 1], &r->entries[i]) == 0)
            return error_set(r->err, CORBEL_E_FORMAT,
                             "%s: tensor \"%.200s\" appears twice in the header", r->file,
                             r->entries[i].tensor.name);
    return CORBEL_OK;
}

/* Sorted by name, behind those that *tensors has. */
static corbel_status hand_out(struct reader *r, const uint8_t *buffer,
                              struct checkpoint_tensor **tensors, uint32_t *n_tensors)
{
    const size_t before = *n_tensors, n = before + r->n_entries;
    struct checkpoint_tensor *all = NULL;
    if (n <= UINT32_MAX)
        all = arena_array(r->arena, n, sizeof(*all));
    if (!all)
        return out_of_memory(r);
    sort_entries(r, compare_names);
    if (before != 0)
        memcpy(all, *tensors, before * sizeof(*all));
    for (size_t i = 0; i < r->n_entries; i++) {
        const struct entry *e = &r->entries[i];
        all[before + i] = e->tensor;
        all[before + i].data = e->tensor.size ? buffer + e->begin : NULL;
    }
    *tensors = all;
    *n_tensors = (uint32_t)n;
    return CORBEL_OK;
}

static corbel_status read_all(struct reader *r, const uint8_t *buffer, uint64_t buffer_size,
                              struct checkpoint_tensor **tensors, uint32_t *n_tensors)
{
    corbel_status status = read_header(r);
    if (status == CORBEL_OK)
        status = check_names(r);
    if (status == CORBEL_OK)
        status = check_coverage(r, buffer_size);
    if (status == CORBEL_OK)
        status = hand_out(r, buffer, tensors, n_tensors);
    return status;
}

corbel_status safetensors_read(const struct file_map *map, const char *name, struct arena *arena,
                               struct checkpoint_tensor **tensors, uint32_t *n_tensors,
                               corbel_error *err)
{
    if (map->size < LENGTH_SIZE)
        return error_set(err, CORBEL_E_FORMAT, "%s: %zu bytes, too short for a safetensors file",
                         name, map->size);
    uint64_t length = 0;
    for (int i = LENGTH_SIZE; i-- > 0;)
        length = length << 8 | map->data[i];
    if (length > LARGEST_HEADER || length > map->size - LENGTH_SIZE)
        return error_set(err, CORBEL_E_FORMAT,
                         "%s: a header of %" PRIu64 " bytes in a file of %zu (at most %d)", name,
                         length, map->size, LARGEST_HEADER);

    const uint8_t *header = map->data + LENGTH_SIZE;
    struct reader r = {
        .scan = {.data = header, .size = (size_t)length},
        .file = name,
        .arena = arena,
        .err = err,
    };
    const corbel_status status =
        read_all(&r, header + length, map->size - LENGTH_SIZE - length, tensors, n_tensors);
    text_finish(&r.string);
    free(r.entries);
    free(r.metadata);
    return status;
}
