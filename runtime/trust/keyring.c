/* keyring.c: see keyring.h. */
#include "trust/keyring.h"

#include "base/error.h"
#include "trust/canonical.h"
#include "trust/reader.h"

#include <stdlib.h>
#include <string.h>

/* What this version of Corbel knows to be bad. The first entry is the key of
 * tests/fixtures/keys/revoked.key, whose secret half everybody has: it shows that the list works.
 */
static const char *const bundled_keys[] = {
    "RWR4V3o2o/HDBq+fsgQ3RG3+0tqMWgUrxsrxtgAO3xl6j90nlFwReORf",
    NULL,
};
static const char *const bundled_pins[] = {NULL};

/* ---- reading -------------------------------------------------------------------------------- */

/* NULL-terminated; an empty list means all, which a keyring never says by chance: --for is asked
 * for. */
static const char *const *read_globs(struct reader *r, struct json_object *o, const char *key)
{
    struct strings list = reader_strings(r, o, key);
    const char **globs = arena_array(r->arena, list.n + 1, sizeof(*globs));

    if (!globs && !r->status)
        r->status = error_memory(r->err, list.n * sizeof(*globs), r->name);
    if (!globs || list.n == 0)
        return NULL;
    memcpy(globs, list.items, list.n * sizeof(*globs));
    return globs;
}

static void read_key(struct reader *r, struct json_object *o, struct trust_key *key)
{
    static const char *const keys[] = {"architectures", "key", "label", "plugins", NULL};
    const char *text = reader_string(r, o, "key");

    if (r->status)
        return;
    reader_keys(r, o, keys);
    key->label = reader_string(r, o, "label");
    key->plugins = read_globs(r, o, "plugins");
    key->architectures = read_globs(r, o, "architectures");
    if (!r->status && !key->plugins && !key->architectures)
        reader_fail(r, "keys: %s is trusted for nothing", text);
    if (!r->status)
        r->status = minisign_key_parse(&key->key, text, strlen(text), r->name, r->err);
}

static void read_keyring(struct reader *r, struct keyring *k, struct json_object *root)
{
    static const char *const keys[] = {"keys", "schema", NULL};
    const char *schema = reader_string(r, root, "schema");
    struct json_object *array;
    void *items;

    if (!r->status && strcmp(schema, KEYRING_SCHEMA) != 0)
        reader_fail(r, "schema: expected %s, found %.64s", KEYRING_SCHEMA, schema);
    reader_keys(r, root, keys);
    k->n_keys = reader_array(r, root, "keys", &array, &items, sizeof(*k->keys));
    k->keys = items;
    for (size_t i = 0; i < k->n_keys && !r->status; i++)
        read_key(r, reader_entry(r, array, i, "keys"), &k->keys[i]);
}

/* What is written here by hand and names no key and no pin would revoke nothing, unseen. */
static void check_revoked(struct reader *r, const struct keyring *k)
{
    const struct strings *keys = &k->revoked_keys, *pins = &k->revoked_pins;

    for (size_t i = 0; i < keys->n && !r->status; i++) {
        struct minisign_key key;

        r->status =
            minisign_key_parse(&key, keys->items[i], strlen(keys->items[i]), r->name, r->err);
    }
    for (size_t i = 0; i < pins->n && !r->status; i++)
        if (!reader_is_sha256(pins->items[i]))
            reader_fail(r, "pins: %.80s: expected 64 lowercase hex digits", pins->items[i]);
}

static void read_revoked(struct reader *r, struct keyring *k, struct json_object *root)
{
    static const char *const keys[] = {"keys", "pins", "schema", NULL};
    const char *schema = reader_string(r, root, "schema");

    if (!r->status && strcmp(schema, REVOKED_SCHEMA) != 0)
        reader_fail(r, "schema: expected %s, found %.64s", REVOKED_SCHEMA, schema);
    reader_keys(r, root, keys);
    k->revoked_keys = reader_strings(r, root, "keys");
    k->revoked_pins = reader_strings(r, root, "pins");
    check_revoked(r, k);
}

corbel_status keyring_parse(struct keyring *k, enum keyring_file file, const char *data,
                            size_t size, const char *path, corbel_error *err)
{
    struct reader r = {.arena = &k->arena, .name = path, .err = err};
    struct json_object *root = NULL;

    r.status = canonical_parse(data, size, path, &root, err);
    if (!r.status)
        (file == KEYRING_TRUSTED ? read_keyring : read_revoked)(&r, k, root);
    json_object_put(root);
    return r.status;
}

static corbel_status load(struct keyring *k, const struct home *home, enum keyring_file file,
                          corbel_error *err)
{
    const char *name = file == KEYRING_TRUSTED ? HOME_KEYRING : HOME_REVOKED;
    char path[PATH_MAX], *data;
    corbel_status status;
    size_t size;

    if (!home_path(home, name, path))
        return error_set(err, CORBEL_E_ARGUMENT, "%s/%s: too long", home->path, name);
    status = home_read(home, name, &data, &size, err);
    if (status || !data)
        return status;
    status = keyring_parse(k, file, data, size, path, err);
    free(data);
    return status;
}

corbel_status keyring_load(struct keyring *k, const struct home *home, corbel_error *err)
{
    corbel_status status;

    *k = (struct keyring){0};
    status = load(k, home, KEYRING_TRUSTED, err);
    if (!status)
        status = load(k, home, KEYRING_REVOKED, err);
    if (status)
        keyring_finish(k);
    return status;
}

void keyring_finish(struct keyring *k)
{
    arena_finish(&k->arena);
    *k = (struct keyring){0};
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool listed(const char *s, const struct strings *own, const char *const *bundled)
{
    for (size_t i = 0; i < own->n; i++)
        if (strcmp(own->items[i], s) == 0)
            return true;
    for (; *bundled; bundled++)
        if (strcmp(*bundled, s) == 0)
            return true;
    return false;
}

/* Whatever id it has: that is only a hint, and anybody may write another one into a key's file. */
static bool is_text_of(const char *text, const struct minisign_key *key)
{
    struct minisign_key other;

    return minisign_key_parse(&other, text, strlen(text), "revoked", NULL) == CORBEL_OK &&
           memcmp(other.key, key->key, sizeof key->key) == 0;
}

bool keyring_key_revoked(const struct keyring *k, const struct minisign_key *key)
{
    for (size_t i = 0; i < k->revoked_keys.n; i++)
        if (is_text_of(k->revoked_keys.items[i], key))
            return true;
    for (const char *const *text = bundled_keys; *text; text++)
        if (is_text_of(*text, key))
            return true;
    return false;
}

bool keyring_pin_revoked(const struct keyring *k, const char *pin)
{
    return listed(pin, &k->revoked_pins, bundled_pins);
}

/* ---- writing -------------------------------------------------------------------------------- */

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The list with `s`, sorted, once each; it may be in it already. False: no memory. */
static bool with_string(struct arena *arena, struct strings *list, const char *s)
{
    const char **items = arena_array(arena, list->n + 1, sizeof(*items));

    if (!items)
        return false;
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i], s) == 0)
            return true;
    if (list->n)
        memcpy(items, list->items, list->n * sizeof(*items));
    items[list->n] = s;
    list->items = items;
    list->n++;
    qsort(items, list->n, sizeof(*items), compare_strings);
    return true;
}

static struct strings globs_list(const char *const *globs)
{
    struct strings list = {.items = (const char **)(uintptr_t)globs};

    while (globs && globs[list.n])
        list.n++;
    return list;
}

static corbel_status write_root(const struct home *home, const char *name, struct json_object *root,
                                corbel_error *err)
{
    struct text text = {0};
    corbel_status status;

    canonical_print(root, &text);
    status = text.failed ? error_memory(err, text.size, name)
                         : home_write(home, name, text.data, text.size, err);
    text_finish(&text);
    json_object_put(root);
    return status;
}

static int compare_keys(const void *a, const void *b)
{
    const struct trust_key *x = a, *y = b;
    char x_text[MINISIGN_KEY_TEXT], y_text[MINISIGN_KEY_TEXT];

    minisign_key_print(&x->key, x_text);
    minisign_key_print(&y->key, y_text);
    return strcmp(x_text, y_text);
}

/* All keys but `without`, which may be NULL. */
static corbel_status write_keyring(const struct home *home, const struct keyring *k,
                                   const struct minisign_key *without, corbel_error *err)
{
    struct json_object *root = json_object_new_object(), *array;

    canonical_put_string(root, "schema", KEYRING_SCHEMA);
    array = canonical_put_array(root, "keys");
    if (k->n_keys)
        qsort(k->keys, k->n_keys, sizeof(*k->keys), compare_keys);
    for (size_t i = 0; i < k->n_keys; i++) {
        const struct trust_key *key = &k->keys[i];
        struct strings plugins = globs_list(key->plugins), archs = globs_list(key->architectures);
        char text[MINISIGN_KEY_TEXT];
        struct json_object *o;

        if (without && minisign_key_equal(&key->key, without))
            continue;
        minisign_key_print(&key->key, text);
        o = canonical_append(array);
        canonical_put_string(o, "key", text);
        canonical_put_string(o, "label", key->label);
        canonical_put_strings(o, "plugins", &plugins);
        canonical_put_strings(o, "architectures", &archs);
    }
    return write_root(home, HOME_KEYRING, root, err);
}

static corbel_status write_revoked(const struct home *home, const struct keyring *k,
                                   corbel_error *err)
{
    struct json_object *root = json_object_new_object();

    canonical_put_string(root, "schema", REVOKED_SCHEMA);
    canonical_put_strings(root, "keys", &k->revoked_keys);
    canonical_put_strings(root, "pins", &k->revoked_pins);
    return write_root(home, HOME_REVOKED, root, err);
}

/* The key's entry, made if it is missing. NULL: no memory. */
static struct trust_key *find_or_add(struct keyring *k, const struct minisign_key *key)
{
    struct trust_key *keys;

    for (size_t i = 0; i < k->n_keys; i++)
        if (minisign_key_equal(&k->keys[i].key, key))
            return &k->keys[i];
    keys = arena_array(&k->arena, k->n_keys + 1, sizeof(*keys));
    if (!keys)
        return NULL;
    if (k->n_keys)
        memcpy(keys, k->keys, k->n_keys * sizeof(*keys));
    keys[k->n_keys] = (struct trust_key){.key = *key};
    k->keys = keys;
    return &keys[k->n_keys++];
}

static corbel_status check_scope(const char *scope, corbel_error *err)
{
    static const char allowed[] = READER_LETTERS READER_CAPITALS READER_DIGITS "_-./*?[]";
    const char *slash = strchr(scope, '/');

    if (!*scope || strlen(scope) > 128 || strspn(scope, allowed) != strlen(scope) ||
        (slash && (slash == scope || !slash[1] || strchr(slash + 1, '/'))))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%.64s: expected a plugin's name or architecture, or a glob: acme/*, "
                         "Probe*",
                         scope);
    return CORBEL_OK;
}

static corbel_status add_scopes(struct keyring *k, struct trust_key *key, const char *const *scopes,
                                size_t n_scopes, corbel_error *err)
{
    struct strings plugins = globs_list(key->plugins), archs = globs_list(key->architectures);
    struct strings *lists[] = {&archs, &plugins};

    for (size_t i = 0; i < n_scopes; i++) {
        corbel_status status = check_scope(scopes[i], err);

        if (status)
            return status;
        if (!with_string(&k->arena, lists[strchr(scopes[i], '/') != NULL], scopes[i]))
            return error_memory(err, 0, "a keyring");
    }
    for (size_t i = 0; i < 2; i++) {
        const char **globs = arena_array(&k->arena, lists[i]->n + 1, sizeof(*globs));

        if (!globs)
            return error_memory(err, 0, "a keyring");
        if (lists[i]->n)
            memcpy(globs, lists[i]->items, lists[i]->n * sizeof(*globs));
        *(i ? &key->plugins : &key->architectures) = lists[i]->n ? globs : NULL;
    }
    return CORBEL_OK;
}

corbel_status keyring_trust(const struct home *home, const struct minisign_key *key,
                            const char *label, const char *const *scopes, size_t n_scopes,
                            corbel_error *err)
{
    struct trust_key *entry;
    struct keyring k;
    corbel_status status;
    int lock = home_lock(home);

    status = keyring_load(&k, home, err);
    if (status)
        goto done;
    if (keyring_key_revoked(&k, key)) {
        status = error_set(err, CORBEL_E_UNTRUSTED, "%s: this key is revoked", label);
        goto done;
    }
    for (size_t i = 0; i < k.n_keys && !status; i++)
        if (strcmp(k.keys[i].label, label) == 0 && !minisign_key_equal(&k.keys[i].key, key))
            status = error_set(err, CORBEL_E_ARGUMENT,
                               "another key that is trusted is called %s: rename the file", label);
    if (status)
        goto done;
    entry = find_or_add(&k, key);
    if (!entry) {
        status = error_memory(err, sizeof(*entry), "a keyring");
        goto done;
    }
    entry->label = label;
    status = add_scopes(&k, entry, scopes, n_scopes, err);
    if (!status)
        status = write_keyring(home, &k, NULL, err);
done:
    home_unlock(lock);
    keyring_finish(&k);
    return status;
}

corbel_status keyring_revoke(const struct home *home, const struct minisign_key *key,
                             const char *pin, corbel_error *err)
{
    char text[MINISIGN_KEY_TEXT];
    struct keyring k;
    corbel_status status;
    int lock = home_lock(home);

    status = keyring_load(&k, home, err);
    if (status)
        goto done;
    if (key)
        minisign_key_print(key, text);
    if ((key && !with_string(&k.arena, &k.revoked_keys, text)) ||
        (pin && !with_string(&k.arena, &k.revoked_pins, pin))) {
        status = error_memory(err, sizeof text, "a list of what is revoked");
        goto done;
    }
    status = write_revoked(home, &k, err);
    if (!status && key)
        status = write_keyring(home, &k, key, err);
done:
    home_unlock(lock);
    keyring_finish(&k);
    return status;
}
