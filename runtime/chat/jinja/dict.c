/* chat/jinja/dict.c: dicts that remember their order, with whatever keys have a hash. */
#include "chat/jinja/machine.h"

#include <math.h>
#include <string.h>

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    return h;
}

static uint64_t hash_bytes(const char *data, size_t size)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)data[i]) * 0x100000001b3u;
    return mix(h);
}

/* 1, 1.0 and true are one key. */
static uint64_t hash_number(struct value v)
{
    if (v.kind != KIND_FLOAT)
        return mix((uint64_t)as_int(v));
    if (v.f >= -9.2e18 && v.f <= 9.2e18 && floor(v.f) == v.f)
        return mix((uint64_t)(int64_t)v.f);
    uint64_t bits;
    memcpy(&bits, &v.f, sizeof(bits));
    return mix(bits);
}

static bool hash_tuple(struct machine *m, const struct list *list, uint64_t *hash)
{
    uint64_t h = 0x9e3779b97f4a7c15u + list->n;
    bool ok = enter(m);
    const bool entered = ok;
    for (size_t i = 0; ok && i < list->n; i++) {
        uint64_t item;
        ok = spend(m, 1) && value_hash(m, list->items[i], &item);
        if (ok)
            h = mix(h ^ item) + i;
    }
    if (entered)
        leave(m);
    *hash = h;
    return ok;
}

bool value_hash(struct machine *m, struct value v, uint64_t *hash)
{
    *hash = 0;
    switch (v.kind) {
    case KIND_STRING: *hash = hash_bytes(v.string->data, v.string->size); break;
    case KIND_BOOL:
    case KIND_INT:
    case KIND_FLOAT: *hash = hash_number(v); break;
    case KIND_TUPLE: return hash_tuple(m, v.list, hash);
    case KIND_LIST:
    case KIND_DICT:
    case KIND_VIEW:
        if (v.kind == KIND_VIEW && v.view->of == VIEW_VALUES)
            break;
        fail_type(m, "unhashable type: '%s'", value_type(v));
        return false;
    case KIND_RANGE: *hash = mix((uint64_t)v.range->n); break;
    default: *hash = mix((uint64_t)v.kind); break;
    }
    return !m->failed;
}

/* ---- slots ----------------------------------------------------------------------------------- */

struct dict *dict_create(struct machine *m)
{
    return take_memory(m, 1, sizeof(struct dict));
}

static void place(struct dict *dict, uint64_t hash, size_t index)
{
    size_t slot = hash & (dict->n_slots - 1);
    while (dict->slots[slot] != 0)
        slot = (slot + 1) & (dict->n_slots - 1);
    dict->slots[slot] = (uint32_t)index + 1;
}

static bool grow(struct machine *m, struct dict *dict)
{
    const size_t capacity = dict->capacity ? 2 * dict->capacity : 4;
    const size_t n_slots = 2 * capacity;
    struct entry *entries = take_memory(m, capacity, sizeof(*entries));
    uint32_t *slots = take_memory(m, n_slots, sizeof(*slots));
    if (!entries || !slots)
        return false;
    if (dict->n > 0)
        memcpy(entries, dict->entries, dict->n * sizeof(*entries));
    dict->entries = entries;
    dict->capacity = capacity;
    dict->slots = slots;
    dict->n_slots = n_slots;
    for (size_t i = 0; i < dict->n; i++)
        place(dict, entries[i].hash, i);
    return true;
}

static struct entry *find(struct machine *m, const struct dict *dict, struct value key,
                          uint64_t hash)
{
    if (dict->n_slots == 0)
        return NULL;
    for (size_t slot = hash & (dict->n_slots - 1); dict->slots[slot] != 0;
         slot = (slot + 1) & (dict->n_slots - 1)) {
        struct entry *e = &dict->entries[dict->slots[slot] - 1];
        if (e->hash == hash && value_equal(m, e->key, key))
            return e;
        if (!spend(m, 1))
            return NULL;
    }
    return NULL;
}

/* ---- what others call ------------------------------------------------------------------------ */

void dict_set(struct machine *m, struct dict *dict, struct value key, struct value value)
{
    uint64_t hash;
    if (!dict || !spend(m, 1) || !value_hash(m, key, &hash))
        return;
    struct entry *e = find(m, dict, key, hash);
    if (e) {
        e->value = value;
        return;
    }
    if (dict->n >= JINJA_MAX_ITEMS) {
        fail(m, CORBEL_E_FORMAT, "the template makes a dict of more than %d items",
             JINJA_MAX_ITEMS);
        return;
    }
    if (m->failed || (dict->n == dict->capacity && !grow(m, dict)))
        return;
    dict->entries[dict->n] = (struct entry){key, value, hash};
    place(dict, hash, dict->n++);
}

void dict_set_name(struct machine *m, struct dict *dict, const char *key, struct value value)
{
    dict_set(m, dict, string_constant(m, key), value);
}

struct value dict_get(struct machine *m, const struct dict *dict, struct value key)
{
    uint64_t hash;
    if (!spend(m, 1) || !value_hash(m, key, &hash))
        return missing();
    const struct entry *e = find(m, dict, key, hash);
    return e ? e->value : missing();
}

struct value dict_find(const struct dict *dict, const char *key, size_t size)
{
    if (dict->n_slots == 0)
        return missing();
    const uint64_t hash = hash_bytes(key, size);
    for (size_t slot = hash & (dict->n_slots - 1); dict->slots[slot] != 0;
         slot = (slot + 1) & (dict->n_slots - 1)) {
        const struct entry *e = &dict->entries[dict->slots[slot] - 1];
        if (e->hash == hash && is_string(e->key) && e->key.string->size == size &&
            memcmp(e->key.string->data, key, size) == 0)
            return e->value;
    }
    return missing();
}
