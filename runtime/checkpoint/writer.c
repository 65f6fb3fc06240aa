/* checkpoint/writer.c: a safetensors file, byte for byte as the reference library writes it. */
#include "checkpoint/checkpoint.h"

#include "base/dtype.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A tensor and what its place in the file depends on. */
struct item {
    const corbel_tensor *tensor;
    uint64_t bytes;
    int rank; /* of its dtype: greater ones come first */
};

/* The reference orders by its enumeration of element types, from the last to the first: wide ones
 * before narrow ones, so that each tensor is aligned. */
static int dtype_rank(int32_t dtype)
{
    static const int32_t order[] = {
        CORBEL_BOOL,        CORBEL_F4,      CORBEL_F6_E2M3, CORBEL_F6_E3M2, CORBEL_U8,
        CORBEL_I8,          CORBEL_F8_E5M2, CORBEL_F8_E4M3, CORBEL_F8_E8M0, CORBEL_F8_E4M3FNUZ,
        CORBEL_F8_E5M2FNUZ, CORBEL_I16,     CORBEL_U16,     CORBEL_F16,     CORBEL_BF16,
        CORBEL_I32,         CORBEL_U32,     CORBEL_F32,     CORBEL_C64,     CORBEL_F64,
        CORBEL_I64,         CORBEL_U64,
    };
    for (int i = 0; i < (int)(sizeof order / sizeof order[0]); i++)
        if (order[i] == dtype)
            return i;
    return -1;
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return strcmp(x->tensor->name, y->tensor->name);
}

static corbel_status refuse(const corbel_tensor *t, const char *path, const char *fault,
                            corbel_error *err)
{
    return error_set(err, CORBEL_E_ARGUMENT, "%s: tensor \"%.200s\": %s", path,
                     t->name ? t->name : "", fault);
}

static corbel_status measure(struct item *item, const corbel_tensor *t, const char *path,
                             corbel_error *err)
{
    item->rank = dtype_rank(t->dtype);
    item->tensor = t;
    if (!t->name || strcmp(t->name, "__metadata__") == 0)
        return refuse(t, path, "expected a name", err);
    if (item->rank < 0)
        return refuse(t, path, "expected an element type of safetensors", err);
    if (t->rank > CORBEL_MAX_RANK)
        return refuse(t, path, "more than 8 dimensions", err);

    uint64_t bits = dtype_bits(t->dtype);
    for (uint32_t i = 0; i < t->rank; i++) {
        if (t->shape[i] < 0)
            return refuse(t, path, "a negative dimension", err);
        if (__builtin_mul_overflow(bits, (uint64_t)t->shape[i], &bits))
            return refuse(t, path, "too large", err);
    }
    if (bits % 8 != 0)
        return refuse(t, path, "not a whole number of bytes", err);
    item->bytes = bits / 8;
    return item->bytes > SIZE_MAX ? refuse(t, path, "too large", err) : CORBEL_OK;
}

static corbel_status make_header(struct text *header, const struct item *items, size_t n,
                                 const char *path, corbel_error *err)
{
    uint64_t offset = 0;
    text_append(header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < n; i++) {
        const corbel_tensor *t = items[i].tensor;
        uint64_t end;
        if (__builtin_add_overflow(offset, items[i].bytes, &end) || end > INT64_MAX)
            return refuse(t, path, "all tensors together are too large", err);
        text_append_char(header, ',');
        text_append_json_string(header, t->name, strlen(t->name));
        text_format(header, ":{\"dtype\":\"%s\",\"shape\":[", dtype_safetensors(t->dtype));
        for (uint32_t k = 0; k < t->rank; k++)
            text_format(header, "%s%" PRId64, k ? "," : "", t->shape[k]);
        text_format(header, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", offset, end);
        offset = end;
    }
    text_append_char(header, '}');
    while (header->size % 8 != 0 && !header->failed)
        text_append_char(header, ' ');
    if (header->failed)
        return error_memory(err, header->size, path);
    /* Names that are not UTF-8 or stand twice show here. */
    return json_check(header->data, header->size, JSON_SECURITY, path, err);
}

/* ---- data ------------------------------------------------------------------------------------ */

/* Where the bytes come from: the tensors' own memory, or a source. */
struct data {
    const corbel_tensor *tensors;
    safetensors_source source; /* NULL: tensors[i].data */
    void *user;
    unsigned char *piece; /* SAFETENSORS_PIECE bytes, for the source */
};

static corbel_status write_tensor(struct file_out *out, const struct item *item,
                                  const struct data *data, corbel_error *err)
{
    size_t i = (size_t)(item->tensor - data->tensors);
    corbel_status status = CORBEL_OK;
    if (!data->source)
        return file_out_append(out, item->tensor->data, (size_t)item->bytes, err);
    for (uint64_t at = 0; at < item->bytes && status == CORBEL_OK; at += SAFETENSORS_PIECE) {
        uint64_t left = item->bytes - at;
        size_t size = left < SAFETENSORS_PIECE ? (size_t)left : SAFETENSORS_PIECE;
        status = data->source(data->user, i, at, data->piece, size, err);
        if (status == CORBEL_OK)
            status = file_out_append(out, data->piece, size, err);
    }
    return status;
}

static corbel_status write_file(const char *path, const struct text *header,
                                const struct item *items, size_t n, const struct data *data,
                                corbel_error *err)
{
    unsigned char length[8];
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (unsigned char)((uint64_t)header->size >> 8 * i);

    struct file_out out;
    corbel_status status = file_out_open(&out, path, err);
    if (status == CORBEL_OK)
        status = file_out_append(&out, length, sizeof length, err);
    if (status == CORBEL_OK)
        status = file_out_append(&out, header->data, header->size, err);
    for (size_t i = 0; i < n && status == CORBEL_OK; i++)
        status = write_tensor(&out, &items[i], data, err);
    if (status == CORBEL_OK)
        status = file_out_commit(&out, err);
    file_out_discard(&out);
    return status;
}

static corbel_status write_all(const char *path, const struct data *data, size_t n_tensors,
                               corbel_error *err)
{
    const corbel_tensor *tensors = data->tensors;
    struct text header = {0};
    struct item *items = calloc(n_tensors ? n_tensors : 1, sizeof(*items));
    if (!items)
        return error_memory(err, n_tensors * sizeof(*items), path);

    corbel_status status = CORBEL_OK;
    for (size_t i = 0; i < n_tensors && status == CORBEL_OK; i++)
        status = measure(&items[i], &tensors[i], path, err);
    for (size_t i = 0; i < n_tensors && status == CORBEL_OK && !data->source; i++)
        if (items[i].bytes != 0 && !tensors[i].data)
            status = refuse(&tensors[i], path, "no data", err);
    if (status == CORBEL_OK) {
        qsort(items, n_tensors, sizeof(*items), compare_items);
        status = make_header(&header, items, n_tensors, path, err);
    }
    if (status == CORBEL_OK)
        status = write_file(path, &header, items, n_tensors, data, err);
    text_finish(&header);
    free(items);
    return status;
}

corbel_status safetensors_write(const char *path, const corbel_tensor *tensors, size_t n_tensors,
                                corbel_error *err)
{
    return write_all(path, &(struct data){.tensors = tensors}, n_tensors, err);
}

corbel_status safetensors_write_pieces(const char *path, const corbel_tensor *tensors,
                                       size_t n_tensors, safetensors_source source, void *user,
                                       corbel_error *err)
{
    struct data data = {.tensors = tensors, .source = source, .user = user};
    data.piece = malloc(SAFETENSORS_PIECE);
    if (!data.piece)
        return error_memory(err, SAFETENSORS_PIECE, path);
    corbel_status status = write_all(path, &data, n_tensors, err);
    free(data.piece);
    return status;
}
