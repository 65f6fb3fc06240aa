/* releases.c: see releases.h. */
#include "trust/releases.h"

#include "base/error.h"
#include "trust/canonical.h"
#include "trust/reader.h"

#include <stdlib.h>
#include <string.h>

static void read_root(struct reader *r, struct releases *releases, struct json_object *root)
{
    static const char *const keys[] = {"plugins", "schema", NULL};
    static const char *const entry_keys[] = {"name", "pin", "release", NULL};
    const char *schema = reader_string(r, root, "schema");
    struct json_object *array;
    void *items;

    if (!r->status && strcmp(schema, RELEASES_SCHEMA) != 0)
        reader_fail(r, "schema: expected %s, found %.64s", RELEASES_SCHEMA, schema);
    reader_keys(r, root, keys);
    releases->n = reader_array(r, root, "plugins", &array, &items, sizeof(*releases->items));
    releases->items = items;
    for (size_t i = 0; i < releases->n && !r->status; i++) {
        struct json_object *o = reader_entry(r, array, i, "plugins");
        struct release *item = &releases->items[i];

        item->name = reader_string(r, o, "name");
        item->pin = reader_string(r, o, "pin");
        item->release = reader_int(r, o, "release", 1, INT64_MAX);
        reader_keys(r, o, entry_keys);
        if (!r->status && !reader_is_sha256(item->pin))
            reader_fail(r, "plugins: %.64s: pin: expected 64 lowercase hex digits", item->name);
        if (!r->status && i > 0 && strcmp(releases->items[i - 1].name, item->name) >= 0)
            reader_fail(r, "plugins: not sorted by name, or %.64s twice", item->name);
    }
}

corbel_status releases_parse(struct releases *releases, const char *data, size_t size,
                             const char *path, corbel_error *err)
{
    struct reader r = {.arena = &releases->arena, .name = path, .err = err};
    struct json_object *root = NULL;

    *releases = (struct releases){0};
    r.status = canonical_parse(data, size, path, &root, err);
    if (!r.status)
        read_root(&r, releases, root);
    json_object_put(root);
    if (r.status)
        releases_finish(releases);
    return r.status;
}

corbel_status releases_load(struct releases *releases, const struct home *home, corbel_error *err)
{
    char path[PATH_MAX], *data;
    corbel_status status;
    size_t size;

    *releases = (struct releases){0};
    if (!home_path(home, HOME_RELEASES, path))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: too long", home->path);
    status = home_read(home, HOME_RELEASES, &data, &size, err);
    if (!status && data)
        status = releases_parse(releases, data, size, path, err);
    free(data);
    return status;
}

void releases_finish(struct releases *r)
{
    arena_finish(&r->arena);
    *r = (struct releases){0};
}

const struct release *releases_find(const struct releases *r, const char *plugin)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->items[i].name, plugin) == 0)
            return &r->items[i];
    return NULL;
}

static void put(struct json_object *array, const char *name, const char *pin, int64_t release)
{
    struct json_object *o = canonical_append(array);

    canonical_put_string(o, "name", name);
    canonical_put_string(o, "pin", pin);
    canonical_put_int(o, "release", release);
}

static corbel_status write(const struct releases *r, const struct home *home,
                           const struct manifest *m, corbel_error *err)
{
    struct json_object *root = json_object_new_object(), *array;
    struct text text = {0};
    corbel_status status;
    size_t i = 0;

    canonical_put_string(root, "schema", RELEASES_SCHEMA);
    array = canonical_put_array(root, "plugins");
    for (; i < r->n && strcmp(r->items[i].name, m->name) < 0; i++)
        put(array, r->items[i].name, r->items[i].pin, r->items[i].release);
    put(array, m->name, m->pin, m->release);
    for (; i < r->n; i++)
        if (strcmp(r->items[i].name, m->name) != 0)
            put(array, r->items[i].name, r->items[i].pin, r->items[i].release);
    canonical_print(root, &text);
    status = text.failed ? error_memory(err, text.size, HOME_RELEASES)
                         : home_write(home, HOME_RELEASES, text.data, text.size, err);
    text_finish(&text);
    json_object_put(root);
    return status;
}

corbel_status releases_note(const struct releases *r, const struct home *home,
                            const struct manifest *m, corbel_error *err)
{
    const struct release *seen = releases_find(r, m->name);
    struct releases fresh;
    corbel_status status;
    int lock;

    if (seen && seen->release >= m->release)
        return CORBEL_OK;
    lock = home_lock(home);
    status = releases_load(&fresh, home, err); /* another process may have been here */
    if (!status) {
        seen = releases_find(&fresh, m->name);
        if (!seen || seen->release < m->release)
            status = write(&fresh, home, m, err);
        releases_finish(&fresh);
    }
    home_unlock(lock);
    return status;
}
