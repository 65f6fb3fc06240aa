/* checkpoint/pickle_torch.c: the names that a state dict may use, and what becomes of them.
 *
 * A name is an entry of a table, compared whole; nothing is imported and nothing is called. That
 * closes the ways around deny-lists (CVE-2025-10157) and the type confusions of readers that did
 * not look at arguments (CVE-2026-24747). */
#include "base/dtype.h"
#include "checkpoint/pickle.h"

#include <string.h>

enum meaning {
    ORDERED_DICT,
    SIZE,
    TENSOR_V1,
    TENSOR_V2,
    TENSOR_V3,
    PARAMETER,
    STORAGE, /* of `dtype`, or untyped */
    DTYPE,
};

struct pickle_global {
    const char *module, *name;
    enum meaning meaning;
    int32_t dtype;
};

static const struct pickle_global globals[] = {
    /* clang-format off */
    {"collections",   "OrderedDict",         ORDERED_DICT, 0},
    {"torch",         "Size",                SIZE,         0},
    {"torch._utils",  "_rebuild_tensor",     TENSOR_V1,    0},
    {"torch._utils",  "_rebuild_tensor_v2",  TENSOR_V2,    0},
    {"torch._utils",  "_rebuild_tensor_v3",  TENSOR_V3,    0},
    {"torch._utils",  "_rebuild_parameter",  PARAMETER,    0},
    {"torch",         "FloatStorage",        STORAGE,      CORBEL_F32},
    {"torch",         "DoubleStorage",       STORAGE,      CORBEL_F64},
    {"torch",         "HalfStorage",         STORAGE,      CORBEL_F16},
    {"torch",         "BFloat16Storage",     STORAGE,      CORBEL_BF16},
    {"torch",         "LongStorage",         STORAGE,      CORBEL_I64},
    {"torch",         "IntStorage",          STORAGE,      CORBEL_I32},
    {"torch",         "ShortStorage",        STORAGE,      CORBEL_I16},
    {"torch",         "CharStorage",         STORAGE,      CORBEL_I8},
    {"torch",         "ByteStorage",         STORAGE,      CORBEL_U8},
    {"torch",         "BoolStorage",         STORAGE,      CORBEL_BOOL},
    {"torch.storage", "UntypedStorage",      STORAGE,      CORBEL_DTYPE_NONE},
    {"torch.storage", "TypedStorage",        STORAGE,      CORBEL_DTYPE_NONE},
    {"torch",         "float32",             DTYPE,        CORBEL_F32},
    {"torch",         "float64",             DTYPE,        CORBEL_F64},
    {"torch",         "float16",             DTYPE,        CORBEL_F16},
    {"torch",         "bfloat16",            DTYPE,        CORBEL_BF16},
    {"torch",         "int64",               DTYPE,        CORBEL_I64},
    {"torch",         "int32",               DTYPE,        CORBEL_I32},
    {"torch",         "int16",               DTYPE,        CORBEL_I16},
    {"torch",         "int8",                DTYPE,        CORBEL_I8},
    {"torch",         "uint8",               DTYPE,        CORBEL_U8},
    {"torch",         "uint16",              DTYPE,        CORBEL_U16},
    {"torch",         "uint32",              DTYPE,        CORBEL_U32},
    {"torch",         "uint64",              DTYPE,        CORBEL_U64},
    {"torch",         "bool",                DTYPE,        CORBEL_BOOL},
    {"torch",         "float8_e4m3fn",       DTYPE,        CORBEL_F8_E4M3},
    {"torch",         "float8_e5m2",         DTYPE,        CORBEL_F8_E5M2},
    {"torch",         "float8_e4m3fnuz",     DTYPE,        CORBEL_F8_E4M3FNUZ},
    {"torch",         "float8_e5m2fnuz",     DTYPE,        CORBEL_F8_E5M2FNUZ},
    {"torch",         "float8_e8m0fnu",      DTYPE,        CORBEL_F8_E8M0},
    /* clang-format on */
};

corbel_status pickle_find_global(struct pickle *p, const char *module, const char *name,
                                 const struct pickle_global **global)
{
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
        if (strcmp(module, globals[i].module) == 0 && strcmp(name, globals[i].name) == 0) {
            *global = &globals[i];
            return CORBEL_OK;
        }
    }
    return pickle_refuse(p, "\"%s.%s\" has no place in a checkpoint; nothing was run", module,
                         name);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static corbel_status refuse_arguments(struct pickle *p, const struct pickle_global *global)
{
    return pickle_refuse(p, "%s.%s: arguments that it does not take", global->module, global->name);
}

/* A tuple of at most 16 integers that are not negative. */
static bool read_sizes(const struct pickle_value *v, int64_t out[PICKLE_MAX_RANK], uint32_t *n)
{
    if (v->kind != PICKLE_TUPLE || v->as.box->n > PICKLE_MAX_RANK)
        return false;
    *n = v->as.box->n;
    for (uint32_t i = 0; i < *n; i++) {
        const struct pickle_value *item = &v->as.box->items[i];
        if (item->kind != PICKLE_INT || item->as.integer < 0)
            return false;
        out[i] = item->as.integer;
    }
    return true;
}

static bool is_empty_or_none(const struct pickle_value *v, enum pickle_kind kind)
{
    return v->kind == PICKLE_NONE || (v->kind == kind && v->as.box->n == 0);
}

/* storage, offset, size, stride[, requires_grad, hooks[, dtype][, metadata]] */
static corbel_status rebuild_tensor(struct pickle *p, const struct pickle_global *global,
                                    const struct pickle_box *args, struct pickle_value *out)
{
    const struct pickle_value *a = args->items;
    const enum meaning m = global->meaning;
    const uint32_t least = m == TENSOR_V1 ? 4 : m == TENSOR_V2 ? 6 : 7;
    const uint32_t most = m == TENSOR_V1 ? 4 : least + 1;
    uint32_t n_strides;
    struct pickle_tensor *t = arena_alloc(p->arena, sizeof(*t));
    if (!t)
        return pickle_out_of_memory(p);
    if (args->n < least || args->n > most || a[0].kind != PICKLE_STORAGE ||
        a[1].kind != PICKLE_INT || a[1].as.integer < 0 || !read_sizes(&a[2], t->size, &t->rank) ||
        !read_sizes(&a[3], t->stride, &n_strides) || n_strides != t->rank)
        return refuse_arguments(p, global);
    if (m != TENSOR_V1 &&
        (a[4].kind != PICKLE_BOOL || !is_empty_or_none(&a[5], PICKLE_ORDERED_DICT) ||
         (args->n == most && !is_empty_or_none(&a[most - 1], PICKLE_DICT))))
        return refuse_arguments(p, global);

    t->storage = a[0].as.storage;
    t->offset = a[1].as.integer;
    t->dtype = t->storage->dtype;
    if (m == TENSOR_V3) {
        if (a[6].kind != PICKLE_GLOBAL || a[6].as.global->meaning != DTYPE || t->dtype)
            return refuse_arguments(p, global);
        t->dtype = a[6].as.global->dtype;
    } else if (!t->dtype) {
        return refuse_arguments(p, global);
    }
    *out = (struct pickle_value){.kind = PICKLE_TENSOR, .as.tensor = t};
    return CORBEL_OK;
}

corbel_status pickle_reduce(struct pickle *p, const struct pickle_global *global,
                            const struct pickle_box *args, struct pickle_value *out)
{
    int64_t sizes[PICKLE_MAX_RANK];
    uint32_t rank;
    switch (global->meaning) {
    case ORDERED_DICT:
        if (args->n != 0)
            return refuse_arguments(p, global);
        *out = (struct pickle_value){.kind = PICKLE_ORDERED_DICT,
                                     .as.box = arena_alloc(p->arena, sizeof(struct pickle_box))};
        return out->as.box ? CORBEL_OK : pickle_out_of_memory(p);
    case SIZE:
        if (args->n != 1 || !read_sizes(&args->items[0], sizes, &rank))
            return refuse_arguments(p, global);
        *out = args->items[0];
        return CORBEL_OK;
    case PARAMETER:
        if (args->n != 3 || args->items[0].kind != PICKLE_TENSOR ||
            args->items[1].kind != PICKLE_BOOL ||
            !is_empty_or_none(&args->items[2], PICKLE_ORDERED_DICT))
            return refuse_arguments(p, global);
        *out = args->items[0];
        return CORBEL_OK;
    case TENSOR_V1:
    case TENSOR_V2:
    case TENSOR_V3: return rebuild_tensor(p, global, args, out);
    default: return refuse_arguments(p, global);
    }
}

/* ---- persistent ids ---------------------------------------------------------------------------
 */

static bool key_is_sound(const char *key)
{
    const size_t length = strlen(key);
    return length >= 1 && length <= 20 &&
           strspn(key, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == length;
}

/* None, or (key, offset, size): a part of the storage. */
static bool read_view(const struct pickle_value *view, struct pickle_storage *s)
{
    if (view->kind == PICKLE_NONE)
        return true;
    if (view->kind != PICKLE_TUPLE || view->as.box->n != 3)
        return false;
    const struct pickle_value *v = view->as.box->items;
    if (v[0].kind != PICKLE_TEXT || v[1].kind != PICKLE_INT || v[2].kind != PICKLE_INT ||
        v[1].as.integer < 0 || v[2].as.integer < 0 || v[1].as.integer > s->numel ||
        v[2].as.integer > s->numel - v[1].as.integer)
        return false;
    s->begin = v[1].as.integer;
    s->length = v[2].as.integer;
    return true;
}

/* ("storage", class, key, location, numel[, view in legacy files]) */
corbel_status pickle_persistent(struct pickle *p, const struct pickle_box *id,
                                struct pickle_value *out)
{
    const struct pickle_value *v = id->items;
    if (id->n != (p->legacy ? 6 : 5) || v[0].kind != PICKLE_TEXT ||
        strcmp(v[0].as.text, "storage") != 0 || v[1].kind != PICKLE_GLOBAL ||
        v[1].as.global->meaning != STORAGE || v[2].kind != PICKLE_TEXT ||
        !key_is_sound(v[2].as.text) || v[3].kind != PICKLE_TEXT || v[4].kind != PICKLE_INT ||
        v[4].as.integer < 0)
        return pickle_refuse(p, "a persistent id that names no storage");
    if (strncmp(v[3].as.text, "meta", 4) == 0)
        return pickle_refuse(p, "a storage on the meta device has no data");

    struct pickle_storage *s = arena_alloc(p->arena, sizeof(*s));
    if (!s || !pickle_grow((void **)&p->storages, p->n_storages, &p->storages_capacity,
                           sizeof(*p->storages)))
        return pickle_out_of_memory(p);
    *s = (struct pickle_storage){.key = v[2].as.text,
                                 .dtype = v[1].as.global->dtype,
                                 .numel = v[4].as.integer,
                                 .length = v[4].as.integer};
    if (p->legacy && !read_view(&v[5], s))
        return pickle_refuse(p, "a view that leaves its storage");
    p->storages[p->n_storages++] = s;
    *out = (struct pickle_value){.kind = PICKLE_STORAGE, .as.storage = s};
    return CORBEL_OK;
}
