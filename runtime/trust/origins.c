/* origins.c: see origins.h. */
#include "trust/origins.h"

#include "base/error.h"
#include "trust/canonical.h"
#include "trust/reader.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading -------------------------------------------------------------------------------- */

static void read_entry(struct reader *r, struct json_object *entry, struct origin *item)
{
    static const char *const keys[] = {"commit", "endpoint", "pin", "repo", NULL};

    reader_keys(r, entry, keys);
    item->commit = reader_string(r, entry, "commit");
    item->endpoint = reader_string(r, entry, "endpoint");
    item->pin = reader_string(r, entry, "pin");
    item->repo = reader_string(r, entry, "repo");
    if (!r->status && !reader_is_sha256(item->pin))
        reader_fail(r, "plugins: pin: expected 64 lowercase hex digits");
}

static void read_root(struct reader *r, struct origins *o, struct json_object *root)
{
    static const char *const keys[] = {"dev", "plugins", "schema", NULL};
    const char *schema = reader_string(r, root, "schema");
    struct json_object *array;
    void *items;

    if (!r->status && strcmp(schema, ORIGINS_SCHEMA) != 0)
        reader_fail(r, "schema: expected %s, found %.64s", ORIGINS_SCHEMA, schema);
    reader_keys(r, root, keys);
    o->n = reader_array(r, root, "plugins", &array, &items, sizeof(*o->items));
    o->items = items;
    for (size_t i = 0; i < o->n && !r->status; i++) {
        read_entry(r, reader_entry(r, array, i, "plugins"), &o->items[i]);
        if (!r->status && i > 0 && strcmp(o->items[i - 1].pin, o->items[i].pin) >= 0)
            reader_fail(r, "plugins: not sorted by pin, or one twice");
    }
    o->dev = reader_strings(r, root, "dev");
}

corbel_status origins_parse(struct origins *o, const char *data, size_t size, const char *path,
                            corbel_error *err)
{
    struct reader r = {.arena = &o->arena, .name = path, .err = err};
    struct json_object *root = NULL;

    *o = (struct origins){0};
    r.status = canonical_parse(data, size, path, &root, err);
    if (!r.status)
        read_root(&r, o, root);
    json_object_put(root);
    if (r.status)
        origins_finish(o);
    return r.status;
}

corbel_status origins_load(struct origins *o, const struct home *home, corbel_error *err)
{
    corbel_status status;
    char *data;
    size_t size;

    *o = (struct origins){0};
    status = home_read(home, HOME_ORIGINS, &data, &size, err);
    if (!status && data)
        status = origins_parse(o, data, size, HOME_ORIGINS, err);
    free(data);
    return status;
}

void origins_finish(struct origins *o)
{
    arena_finish(&o->arena);
    *o = (struct origins){0};
}

const struct origin *origins_find(const struct origins *o, const char *pin)
{
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->items[i].pin, pin) == 0)
            return &o->items[i];
    return NULL;
}

/* ---- writing -------------------------------------------------------------------------------- */

static corbel_status write(const struct origins *o, const struct home *home, corbel_error *err)
{
    struct json_object *root = json_object_new_object(), *array;
    struct text text = {0};
    corbel_status status;

    canonical_put_string(root, "schema", ORIGINS_SCHEMA);
    canonical_put_strings(root, "dev", &o->dev);
    array = canonical_put_array(root, "plugins");
    for (size_t i = 0; i < o->n; i++) {
        struct json_object *entry = canonical_append(array);

        canonical_put_string(entry, "commit", o->items[i].commit);
        canonical_put_string(entry, "endpoint", o->items[i].endpoint);
        canonical_put_string(entry, "pin", o->items[i].pin);
        canonical_put_string(entry, "repo", o->items[i].repo);
    }
    canonical_print(root, &text);
    status = text.failed ? error_memory(err, text.size, HOME_ORIGINS)
                         : home_write(home, HOME_ORIGINS, text.data, text.size, err);
    text_finish(&text);
    json_object_put(root);
    return status;
}

static int compare_origins(const void *a, const void *b)
{
    return strcmp(((const struct origin *)a)->pin, ((const struct origin *)b)->pin);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One more entry, in place of an older one of the same pin. */
static bool put_origin(struct origins *o, const struct origin *origin)
{
    struct origin *items = arena_array(&o->arena, o->n + 1, sizeof(*items));
    size_t n = 0;

    if (!items || o->n == READER_MAX_ITEMS)
        return false;
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->items[i].pin, origin->pin) != 0)
            items[n++] = o->items[i];
    items[n++] = *origin;
    qsort(items, n, sizeof(*items), compare_origins);
    o->items = items;
    o->n = n;
    return true;
}

/* The list without `folder`, and with it again if `keep`. */
static bool put_dev(struct origins *o, const char *folder, bool keep, bool *found)
{
    const char **items = arena_array(&o->arena, o->dev.n + 1, sizeof(*items));
    size_t n = 0;

    *found = false;
    if (!items || o->dev.n == READER_MAX_ITEMS)
        return false;
    for (size_t i = 0; i < o->dev.n; i++) {
        if (strcmp(o->dev.items[i], folder) == 0)
            *found = true;
        else
            items[n++] = o->dev.items[i];
    }
    if (keep)
        items[n++] = folder;
    if (n > 0)
        qsort(items, n, sizeof(*items), compare_strings);
    o->dev = (struct strings){items, n};
    return true;
}

corbel_status origins_note(const struct home *home, const struct origin *origin, corbel_error *err)
{
    int lock = home_lock(home);
    struct origins o;
    corbel_status status = origins_load(&o, home, err);

    if (!status && put_origin(&o, origin))
        status = write(&o, home, err);
    origins_finish(&o);
    home_unlock(lock);
    return status;
}

static corbel_status change_dev(const struct home *home, const char *folder, bool keep, bool *found,
                                corbel_error *err)
{
    int lock = home_lock(home);
    struct origins o;
    corbel_status status = origins_load(&o, home, err);

    *found = false;
    if (!status && put_dev(&o, folder, keep, found) && *found != keep)
        status = write(&o, home, err);
    origins_finish(&o);
    home_unlock(lock);
    return status;
}

/* What could not be read back is not written. */
static bool is_plain(const char *folder)
{
    size_t n = strlen(folder);

    for (size_t i = 0; i < n; i++)
        if (folder[i] < 0x20 || folder[i] > 0x7e)
            return false;
    return n > 0 && n < 256;
}

corbel_status origins_note_dev(const struct home *home, const char *folder, corbel_error *err)
{
    bool found;

    return is_plain(folder) ? change_dev(home, folder, true, &found, err) : CORBEL_OK;
}

corbel_status origins_forget_dev(const struct home *home, const char *folder, bool *found,
                                 corbel_error *err)
{
    return change_dev(home, folder, false, found, err);
}
