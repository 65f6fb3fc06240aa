/* trust/keys.c: corbel/trust.h's functions for keys. */
#include "corbel/trust.h"

#include "base/error.h"
#include "base/file.h"
#include "trust/canonical.h"
#include "trust/keys.h"
#include "trust/reader.h"
#include "trust/sign.h"
#include "trust/trust.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one's own keys ------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    static const char allowed[] = READER_LETTERS READER_CAPITALS READER_DIGITS "_-";

    return *name && strlen(name) <= 64 && strspn(name, allowed) == strlen(name);
}

/* CORBEL_HOME/keys/NAME.SUFFIX */
static bool key_path(const struct home *home, const char *name, const char *suffix,
                     char path[PATH_MAX])
{
    char file[128];

    snprintf(file, sizeof file, HOME_KEYS "/%.64s.%s", name, suffix);
    return home_path(home, file, path);
}

static corbel_status write_key_files(const struct home *home, const char *name,
                                     const struct sign_key *key, const char *passphrase,
                                     corbel_error *err)
{
    struct text secret = {0}, public = {0};
    char file[128];
    corbel_status status = sign_key_print(key, passphrase, 0, 0, &secret, err);

    sign_public_print(&key->public, &public);
    snprintf(file, sizeof file, HOME_KEYS "/%.64s.key", name);
    if (!status)
        status = home_write(home, file, secret.data, secret.size, err);
    snprintf(file, sizeof file, HOME_KEYS "/%.64s.pub", name);
    if (!status)
        status = public.failed ? error_memory(err, public.size, "a key")
                               : home_write(home, file, public.data, public.size, err);
    if (secret.data)
        explicit_bzero(secret.data, secret.size);
    text_finish(&secret);
    text_finish(&public);
    return status;
}

corbel_status corbel_key_create(const char *name, const char *passphrase, char **json,
                                corbel_error *err)
{
    char secret[PATH_MAX], public[PATH_MAX], id[17], text[MINISIGN_KEY_TEXT];
    struct json_object *o;
    struct sign_key key = {0};
    struct home home;
    corbel_status status;

    *json = NULL;
    if (!is_name(name))
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%.64s: a key's name is of letters, digits, _ and -", name);
    status = home_create(&home, err);
    if (status)
        return status;
    if (!key_path(&home, name, "key", secret) || !key_path(&home, name, "pub", public))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: the path is too long", home.path);
    if (file_exists(secret) || file_exists(public))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: a key of that name is there already", secret);
    status = sign_key_create(&key, err);
    if (!status)
        status = write_key_files(&home, name, &key, passphrase, err);
    minisign_key_id(key.public.id, id);
    minisign_key_print(&key.public, text);
    sign_key_finish(&key);
    if (status)
        return status;
    o = json_object_new_object();
    canonical_put_string(o, "name", name);
    canonical_put_string(o, "id", id);
    canonical_put_string(o, "public_key", text);
    canonical_put_string(o, "secret_file", secret);
    canonical_put_string(o, "public_file", public);
    return keys_take_json(o, json, err);
}

corbel_status keys_read_secret(const struct home *home, const char *key, char **text, size_t *size,
                               char path[PATH_MAX], corbel_error *err)
{
    bool own = is_name(key) && key_path(home, key, "key", path) && file_exists(path);
    corbel_status status;

    if (!own && snprintf(path, PATH_MAX, "%s", key) >= PATH_MAX)
        return error_set(err, CORBEL_E_ARGUMENT, "%.200s...: the path is too long", key);
    if (!own && !file_exists(path))
        return error_set(err, CORBEL_E_NOT_FOUND,
                         "%s: neither one of your keys nor a secret key file; `corbel key new %s` "
                         "makes one",
                         key, is_name(key) ? key : "NAME");
    status = own ? home_check(path, 077, err) : CORBEL_OK;
    return status ? status : file_read(path, MINISIGN_MAX_FILE, text, size, err);
}

corbel_status corbel_key_is_encrypted(const char *key, bool *encrypted, corbel_error *err)
{
    char path[PATH_MAX], *text = NULL;
    struct sign_key parsed = {0};
    struct home home;
    corbel_status status = home_open(&home, err);
    size_t size;

    *encrypted = false;
    if (!status)
        status = keys_read_secret(&home, key, &text, &size, path, err);
    if (status)
        return status;
    status = sign_key_parse(&parsed, text, size, NULL, path, err);
    if (status == CORBEL_E_ARGUMENT) {
        *encrypted = true;
        status = CORBEL_OK;
    }
    sign_key_finish(&parsed);
    explicit_bzero(text, size);
    free(text);
    return status;
}

/* ---- naming a public key -------------------------------------------------------------------- */

/* What a user calls a key, in all the ways of corbel_key_trust. *label lives in `arena`. */
struct named_key {
    struct minisign_key key;
    const char *label;
};

static corbel_status from_file(const char *path, const char *label, struct named_key *named,
                               corbel_error *err)
{
    char *text;
    size_t size;
    corbel_status status = file_read(path, MINISIGN_MAX_FILE, &text, &size, err);

    if (status)
        return status;
    status = minisign_key_parse(&named->key, text, size, path, err);
    named->label = label;
    free(text);
    return status;
}

/* "acme" of some/where/acme.pub; the id where that is no plain name. */
static const char *file_label(struct arena *arena, const char *path, const struct minisign_key *key)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char label[65], id[17];

    snprintf(label, sizeof label, "%.*s", (int)(strcspn(name, ".") % sizeof label), name);
    minisign_key_id(key->id, id);
    return arena_string(arena, is_name(label) ? label : id);
}

static bool from_keyring(const struct keyring *k, const char *word, struct named_key *named)
{
    for (size_t i = 0; i < k->n_keys; i++) {
        char id[17];

        minisign_key_id(k->keys[i].key.id, id);
        if (strcmp(id, word) == 0 || strcmp(k->keys[i].label, word) == 0) {
            *named = (struct named_key){k->keys[i].key, k->keys[i].label};
            return true;
        }
    }
    return false;
}

static corbel_status from_labelled_file(struct arena *arena, const char *path,
                                        struct named_key *named, corbel_error *err)
{
    corbel_status status = from_file(path, "", named, err);

    if (!status && !(named->label = file_label(arena, path, &named->key)))
        status = error_memory(err, PATH_MAX, "a key");
    return status;
}

/* The file of one's own key, by "acme" or, wherever one is, by "acme.pub". */
static bool own_key(const struct home *home, const char *word, char path[PATH_MAX])
{
    const size_t size = strlen(word), ending = strlen(".pub");
    char name[PATH_MAX];

    snprintf(name, sizeof name, "%s", word);
    if (size > ending && size < sizeof name && strcmp(word + size - ending, ".pub") == 0)
        name[size - ending] = '\0';
    return is_name(name) && key_path(home, name, "pub", path) && file_exists(path);
}

static corbel_status find_key(const struct home *home, const struct keyring *k, const char *word,
                              struct arena *arena, struct named_key *named, corbel_error *err)
{
    char path[PATH_MAX];

    if (file_exists(word) && !file_is_folder(word))
        return from_labelled_file(arena, word, named, err);
    if (from_keyring(k, word, named))
        return CORBEL_OK;
    if (own_key(home, word, path))
        return from_labelled_file(arena, path, named, err);
    if (strlen(word) == MINISIGN_KEY_TEXT - 1 &&
        !minisign_key_parse(&named->key, word, strlen(word), "the key", err)) {
        char id[17];

        minisign_key_id(named->key.id, id);
        named->label = arena_string(arena, id);
        return named->label ? CORBEL_OK : error_memory(err, sizeof id, "a key");
    }
    return error_set(err, CORBEL_E_NOT_FOUND,
                     "%.200s: neither a .pub file nor a public key nor the name of a key", word);
}

/* ---- trusting and revoking ------------------------------------------------------------------ */

static void put_globs(struct json_object *o, const char *key, const char *const *globs)
{
    struct json_object *array = canonical_put_array(o, key);

    for (; globs && *globs; globs++)
        json_object_array_add(array, json_object_new_string(*globs));
}

static void put_key(struct json_object *o, const struct trust_key *key)
{
    char id[17], text[MINISIGN_KEY_TEXT];

    minisign_key_id(key->key.id, id);
    minisign_key_print(&key->key, text);
    canonical_put_string(o, "id", id);
    canonical_put_string(o, "label", key->label);
    canonical_put_string(o, "public_key", text);
    put_globs(o, "plugins", key->plugins);
    put_globs(o, "architectures", key->architectures);
}

static corbel_status describe_key(const struct home *home, const struct minisign_key *key,
                                  char **json, corbel_error *err)
{
    struct json_object *o = json_object_new_object();
    struct keyring k;
    corbel_status status = keyring_load(&k, home, err);

    for (size_t i = 0; !status && i < k.n_keys; i++)
        if (minisign_key_equal(&k.keys[i].key, key))
            put_key(o, &k.keys[i]);
    if (!status)
        keyring_finish(&k);
    if (!status)
        return keys_take_json(o, json, err);
    json_object_put(o);
    return status;
}

corbel_status corbel_key_trust(const char *key, const char *const *scopes, size_t n_scopes,
                               char **json, corbel_error *err)
{
    struct arena arena = {0};
    struct named_key named;
    struct keyring k = {0};
    struct home home;
    corbel_status status;

    *json = NULL;
    if (n_scopes == 0)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "a key is trusted for something: --for 'PUBLISHER/*', or an architecture");
    status = home_create(&home, err);
    if (!status)
        status = keyring_load(&k, &home, err);
    if (!status)
        status = find_key(&home, &k, key, &arena, &named, err);
    if (!status)
        status = keyring_trust(&home, &named.key, named.label, scopes, n_scopes, err);
    if (!status)
        status = describe_key(&home, &named.key, json, err);
    keyring_finish(&k);
    arena_finish(&arena);
    return status;
}

corbel_status corbel_key_revoke(const char *key_or_pin, corbel_error *err)
{
    const char *mark = strstr(key_or_pin, "sha256:"), *pin = mark ? mark + 7 : key_or_pin;
    struct arena arena = {0};
    struct named_key named;
    struct keyring k = {0};
    struct home home;
    corbel_status status = home_create(&home, err);

    if (status)
        return status;
    if (reader_is_sha256(pin))
        return keyring_revoke(&home, NULL, pin, err);
    if (mark)
        return error_set(err, CORBEL_E_ARGUMENT, "%.200s: a pin has 64 lowercase hex digits",
                         key_or_pin);
    status = keyring_load(&k, &home, err);
    if (!status)
        status = find_key(&home, &k, key_or_pin, &arena, &named, err);
    if (!status)
        status = keyring_revoke(&home, &named.key, NULL, err);
    keyring_finish(&k);
    arena_finish(&arena);
    return status;
}

/* ---- listing -------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of keys/NAME.pub. */
static void list_own(const struct home *home, struct json_object *array)
{
    char path[PATH_MAX];
    const char *names[256];
    struct arena arena = {0};
    struct dirent *e;
    size_t n = 0;
    DIR *dir = home->exists && home_path(home, HOME_KEYS, path) ? opendir(path) : NULL;

    while (dir && n < 256 && (e = readdir(dir))) {
        size_t size = strlen(e->d_name);

        if (size > 4 && size < 69 && strcmp(e->d_name + size - 4, ".pub") == 0 &&
            (names[n] = arena_format(&arena, "%.*s", (int)size - 4, e->d_name)))
            n++;
    }
    if (dir)
        closedir(dir);
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 0; i < n; i++) {
        struct named_key named;
        struct json_object *o;
        char id[17];

        if (!key_path(home, names[i], "pub", path) || from_file(path, names[i], &named, NULL))
            continue;
        minisign_key_id(named.key.id, id);
        o = canonical_append(array);
        canonical_put_string(o, "name", names[i]);
        canonical_put_string(o, "id", id);
    }
    arena_finish(&arena);
}

corbel_status corbel_keys_json(char **json, corbel_error *err)
{
    struct json_object *root, *array, *revoked;
    struct home home;
    struct keyring k;
    corbel_status status = home_open(&home, err);

    *json = NULL;
    if (!status)
        status = keyring_load(&k, &home, err);
    if (status)
        return status;
    root = json_object_new_object();
    list_own(&home, canonical_put_array(root, "own"));
    array = canonical_put_array(root, "trusted");
    for (size_t i = 0; i < k.n_keys; i++) {
        struct json_object *o = canonical_append(array);

        put_key(o, &k.keys[i]);
        json_object_object_add(o, "revoked",
                               json_object_new_boolean(keyring_key_revoked(&k, &k.keys[i].key)));
    }
    revoked = canonical_put_object(root, "revoked");
    canonical_put_strings(revoked, "keys", &k.revoked_keys);
    canonical_put_strings(revoked, "pins", &k.revoked_pins);
    keyring_finish(&k);
    return keys_take_json(root, json, err);
}

corbel_status keys_take_json(struct json_object *object, char **json, corbel_error *err)
{
    const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                  JSON_C_TO_STRING_NOSLASHESCAPE);

    *json = text ? strdup(text) : NULL;
    json_object_put(object);
    return *json ? CORBEL_OK : error_memory(err, 0, "JSON");
}
