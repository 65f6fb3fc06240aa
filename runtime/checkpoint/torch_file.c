/* checkpoint/torch_file.c: from a zip or a legacy stream to storages, and from these to tensors.
 *
 * The first bytes alone choose the reader, and there is no second try with another one: handing a
 * refused file on to a weaker reader is how CVE-2025-32434 came about. */
#include "checkpoint/torch_file.h"

#include "base/dtype.h"
#include "base/error.h"
#include "base/log.h"
#include "checkpoint/pickle.h"
#include "checkpoint/torch_tensor.h"
#include "checkpoint/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_PICKLE = 256 << 20 };

struct reader {
    const struct file_map *map;
    const char *file;
    struct arena *arena;
    struct pickle pickle;
    struct pickle_value root;
    corbel_error *err;
};

static corbel_status refuse(const struct reader *r, const char *fault)
{
    return error_set(r->err, CORBEL_E_FORMAT, "%s: %s", r->file, fault);
}

/* ---- storages -------------------------------------------------------------------------------- */

static int compare_storages(const void *a, const void *b)
{
    const struct pickle_storage *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static uint64_t element_size(const struct pickle_storage *s)
{
    return s->dtype ? dtype_size(s->dtype) : 1;
}

/* Sorted by key; who speaks of the same storage must say the same of it. */
static corbel_status sort_storages(struct reader *r)
{
    struct pickle *p = &r->pickle;
    if (p->n_storages > 1)
        qsort(p->storages, p->n_storages, sizeof(*p->storages), compare_storages);
    for (size_t i = 0; i < p->n_storages; i++) {
        const struct pickle_storage *s = p->storages[i], *before = i ? p->storages[i - 1] : s;
        uint64_t bytes;
        if (strcmp(s->key, before->key) == 0 &&
            (s->dtype != before->dtype || s->numel != before->numel))
            return error_set(r->err, CORBEL_E_FORMAT, "%s: storage \"%s\" is described in two ways",
                             r->file, s->key);
        if (__builtin_mul_overflow((uint64_t)s->numel, element_size(s), &bytes))
            return error_set(r->err, CORBEL_E_FORMAT, "%s: storage \"%s\" is too large", r->file,
                             s->key);
    }
    return CORBEL_OK;
}

static corbel_status refuse_storage(const struct reader *r, const struct pickle_storage *s,
                                    uint64_t bytes)
{
    return error_set(r->err, CORBEL_E_FORMAT,
                     "%s: storage \"%s\": expected %" PRIu64 " bytes, found %" PRIu64, r->file,
                     s->key, (uint64_t)s->numel * element_size(s), bytes);
}

/* ---- zip ------------------------------------------------------------------------------------- */

/* The one folder that everything lies in, "archive/" or another. */
static corbel_status find_folder(struct reader *r, const struct zip *z, const char **folder)
{
    const char *first = z->members[0].name, *slash = strchr(first, '/');
    const size_t length = slash ? (size_t)(slash - first) + 1 : 0;
    for (uint32_t i = 0; i < z->n_members; i++) {
        const char *name = z->members[i].name;
        if (length == 0 || strncmp(name, first, length) != 0)
            return refuse(r, "zip: expected one folder with everything in it");
        if (strcmp(name + length, "constants.pkl") == 0 || strncmp(name + length, "code/", 5) == 0)
            return refuse(r, "a TorchScript program, not a checkpoint");
    }
    *folder = arena_format(r->arena, "%.*s", (int)length, first);
    return *folder ? CORBEL_OK : error_memory(r->err, length, r->file);
}

static const struct zip_member *find_member(struct reader *r, const struct zip *z,
                                            const char *folder, const char *part, const char *name)
{
    const char *path = arena_format(r->arena, "%s%s%s", folder, part, name);
    return path ? zip_find(z, path) : NULL;
}

static corbel_status check_byte_order(struct reader *r, const struct zip *z, const char *folder)
{
    const struct zip_member *m = find_member(r, z, folder, "", "byteorder");
    if (!m || (m->size == 6 && memcmp(m->data, "little", 6) == 0))
        return CORBEL_OK;
    return error_set(r->err, CORBEL_E_UNSUPPORTED,
                     "%s: byteorder: expected little; convert the file to safetensors", r->file);
}

static corbel_status find_storages(struct reader *r, const struct zip *z, const char *folder)
{
    for (size_t i = 0; i < r->pickle.n_storages; i++) {
        struct pickle_storage *s = r->pickle.storages[i];
        const struct zip_member *m = find_member(r, z, folder, "data/", s->key);
        if (!m)
            return error_set(r->err, CORBEL_E_FORMAT, "%s: storage \"%s\" is not in the file",
                             r->file, s->key);
        if (m->size != (uint64_t)s->numel * element_size(s))
            return refuse_storage(r, s, m->size);
        s->data = m->data;
    }
    return CORBEL_OK;
}

static corbel_status read_zip(struct reader *r)
{
    struct zip z;
    const char *folder;
    corbel_status status = zip_read(&z, r->map, r->file, r->arena, r->err);
    if (status == CORBEL_OK)
        status = find_folder(r, &z, &folder);
    if (status == CORBEL_OK)
        status = check_byte_order(r, &z, folder);
    if (status != CORBEL_OK)
        return status;

    const struct zip_member *m = find_member(r, &z, folder, "", "data.pkl");
    if (!m || m->size > LARGEST_PICKLE)
        return refuse(r, m ? "data.pkl: more than 256 MiB" : "data.pkl is not in the file");
    r->pickle.data = m->data;
    r->pickle.size = (size_t)m->size;
    status = pickle_run(&r->pickle, &r->root);
    if (status == CORBEL_OK && r->pickle.at != r->pickle.size)
        return refuse(r, "data.pkl: bytes behind the end of the pickle");
    if (status == CORBEL_OK)
        status = sort_storages(r);
    return status == CORBEL_OK ? find_storages(r, &z, folder) : status;
}

/* ---- legacy ---------------------------------------------------------------------------------- */

static const struct pickle_value *dict_find(const struct pickle_value *dict, const char *key)
{
    for (uint32_t i = 0; i + 1 < dict->as.box->n; i += 2)
        if (strcmp(dict->as.box->items[i].as.text, key) == 0)
            return &dict->as.box->items[i + 1];
    return NULL;
}

/* The integer 0x1950a86a20f9469cfc6c and the version 1001, as torch has always written them. */
static corbel_status read_legacy_head(struct reader *r)
{
    static const uint8_t head[] = {0x80, 2,    0x8a, 10,  0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a,
                                   0xa8, 0x50, 0x19, '.', 0x80, 2,    'M',  0xe9, 3,    '.'};
    struct pickle *p = &r->pickle;
    struct pickle_value system;
    if (r->map->size < sizeof head || memcmp(r->map->data, head, sizeof head) != 0)
        return refuse(r, "neither a zip file nor a legacy file of torch.save");
    p->at = sizeof head;
    const corbel_status status = pickle_run(p, &system);
    if (status != CORBEL_OK)
        return status;

    const struct pickle_value *little =
        system.kind == PICKLE_DICT ? dict_find(&system, "little_endian") : NULL;
    if (!little || little->kind != PICKLE_BOOL)
        return refuse(r, "expected a description of the system it was written on");
    if (!little->as.integer)
        return error_set(r->err, CORBEL_E_UNSUPPORTED,
                         "%s: written on a big-endian machine; convert it to safetensors", r->file);
    return CORBEL_OK;
}

/* All that speak of the storage get its data. */
static corbel_status give_data(struct reader *r, const char *key, const uint8_t *count,
                               uint64_t left, uint64_t *bytes)
{
    struct pickle *p = &r->pickle;
    const struct pickle_storage wanted = {.key = key}, *pointer = &wanted;
    struct pickle_storage **found = NULL;
    if (p->n_storages > 0)
        found = bsearch(&pointer, p->storages, p->n_storages, sizeof(pointer), compare_storages);
    if (!found || (*found)->data)
        return error_set(r->err, CORBEL_E_FORMAT,
                         "%s: storage \"%.40s\" belongs to no tensor, or comes twice", r->file,
                         key);
    uint64_t numel = 0;
    for (int i = 8; i-- > 0;)
        numel = numel << 8 | count[i];
    *bytes = (uint64_t)(*found)->numel * element_size(*found);
    if (numel != (uint64_t)(*found)->numel || *bytes > left)
        return refuse_storage(r, *found, left);

    while (found > p->storages && strcmp(found[-1]->key, key) == 0)
        found--;
    for (; found < p->storages + p->n_storages && strcmp((*found)->key, key) == 0; found++)
        (*found)->data = count + 8;
    return CORBEL_OK;
}

static corbel_status read_legacy_data(struct reader *r, const struct pickle_value *keys)
{
    struct pickle *p = &r->pickle;
    if (keys->kind != PICKLE_LIST)
        return refuse(r, "expected a list of storages");
    for (uint32_t i = 0; i < keys->as.box->n; i++) {
        const struct pickle_value *key = &keys->as.box->items[i];
        uint64_t bytes = 0;
        if (key->kind != PICKLE_TEXT || p->size - p->at < 8)
            return refuse(r, "the storages are cut off");
        const corbel_status status =
            give_data(r, key->as.text, p->data + p->at, p->size - p->at - 8, &bytes);
        if (status != CORBEL_OK)
            return status;
        p->at += 8 + (size_t)bytes;
    }
    for (size_t i = 0; i < p->n_storages; i++)
        if (!p->storages[i]->data)
            return error_set(r->err, CORBEL_E_FORMAT, "%s: storage \"%s\" is not in the file",
                             r->file, p->storages[i]->key);
    return p->at == p->size ? CORBEL_OK : refuse(r, "bytes behind the last storage");
}

static corbel_status read_legacy(struct reader *r)
{
    struct pickle_value keys;
    r->pickle.data = r->map->data;
    r->pickle.size = r->map->size;
    r->pickle.legacy = true;
    corbel_status status = read_legacy_head(r);
    if (status == CORBEL_OK)
        status = pickle_run(&r->pickle, &r->root);
    if (status == CORBEL_OK)
        status = sort_storages(r);
    if (status == CORBEL_OK)
        status = pickle_run(&r->pickle, &keys);
    if (status == CORBEL_OK)
        status = read_legacy_data(r, &keys);
    return status;
}

/* ---- the state dict ---------------------------------------------------------------------------
 */

static bool is_dict(const struct pickle_value *v)
{
    return v->kind == PICKLE_DICT || v->kind == PICKLE_ORDERED_DICT;
}

static uint32_t count_tensors(const struct pickle_value *dict)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i < dict->as.box->n; i += 2)
        n += dict->as.box->items[i].kind == PICKLE_TENSOR;
    return n;
}

/* A training script may have put the state dict into another one. */
static void unwrap(struct reader *r)
{
    static const char *const wrappers[] = {"state_dict", "model", "module"};
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
        const struct pickle_value *inner = dict_find(&r->root, wrappers[i]);
        if (inner && is_dict(inner) && count_tensors(&r->root) == 0) {
            log_line(CORBEL_LOG_INFO, "%s: the weights are those of its entry \"%s\"", r->file,
                     wrappers[i]);
            r->root = *inner;
            return;
        }
    }
}

static int compare_names(const void *a, const void *b)
{
    const struct checkpoint_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static corbel_status hand_out(struct reader *r, struct checkpoint_tensor **tensors,
                              uint32_t *n_tensors)
{
    if (!is_dict(&r->root))
        return refuse(r, "expected a dict of tensors");
    unwrap(r);
    const struct pickle_box *box = r->root.as.box;
    const uint32_t n = count_tensors(&r->root), others = box->n / 2 - n;
    struct checkpoint_tensor *out = arena_array(r->arena, (size_t)*n_tensors + n, sizeof(*out));
    if (!out)
        return error_memory(r->err, n * sizeof(*out), r->file);
    if (others != 0)
        log_line(CORBEL_LOG_WARN, "%s: %u entries that are no tensors are ignored", r->file,
                 others);
    if (*n_tensors != 0)
        memcpy(out, *tensors, *n_tensors * sizeof(*out));

    struct torch_copies copies = {.arena = r->arena, .budget = 4 * (uint64_t)r->map->size};
    uint32_t made = 0;
    corbel_status status = CORBEL_OK;
    for (uint32_t i = 0; i + 1 < box->n && status == CORBEL_OK; i += 2) {
        if (box->items[i + 1].kind != PICKLE_TENSOR)
            continue;
        struct checkpoint_tensor *t = &out[*n_tensors + made++];
        t->name = box->items[i].as.text;
        status = torch_tensor_place(t, box->items[i + 1].as.tensor, &copies, r->file, r->err);
    }
    qsort(out + *n_tensors, made, sizeof(*out), compare_names);
    for (uint32_t i = 1; i < made && status == CORBEL_OK; i++)
        if (compare_names(&out[*n_tensors + i - 1], &out[*n_tensors + i]) == 0)
            status = error_set(r->err, CORBEL_E_FORMAT, "%s: tensor \"%.200s\" appears twice",
                               r->file, out[*n_tensors + i].name);
    if (status == CORBEL_OK) {
        *tensors = out;
        *n_tensors += made;
    }
    return status;
}

corbel_status torch_file_read(const struct file_map *map, const char *name, struct arena *arena,
                              struct checkpoint_tensor **tensors, uint32_t *n_tensors,
                              corbel_error *err)
{
    struct reader r = {.map = map, .file = name, .arena = arena, .err = err};
    r.pickle.file = name;
    r.pickle.arena = arena;
    r.pickle.err = err;
    corbel_status status;
    if (map->size >= 4 && memcmp(map->data, "PK\3\4", 4) == 0)
        status = read_zip(&r);
    else if (map->size >= 1 && map->data[0] == 0x80)
        status = read_legacy(&r);
    else
        status = refuse(&r, "neither a zip file nor a legacy file of torch.save");
    if (status == CORBEL_OK)
        status = hand_out(&r, tensors, n_tensors);
    pickle_finish(&r.pickle);
    return status;
}
