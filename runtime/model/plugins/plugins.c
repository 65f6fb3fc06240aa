/* model/plugins/plugins.c: corbel/trust.h's functions for bundles: sign, verify, install, list,
 * remove. */
#include "base/error.h"
#include "base/file.h"
#include "base/struct_copy.h"
#include "corbel/trust.h"
#include "model/plugins/policy.h"
#include "model/plugins/remote.h"
#include "plugin/loader.h"
#include "trust/canonical.h"
#include "trust/keys.h"
#include "trust/origins.h"
#include "trust/reader.h"
#include "trust/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- descriptions --------------------------------------------------------------------------- */

static void put_bundle(struct json_object *o, const struct bundle *b)
{
    const struct manifest *m = &b->manifest;
    struct json_object *archs;

    canonical_put_string(o, "name", m->name);
    canonical_put_string(o, "version", m->version);
    canonical_put_int(o, "release", m->release);
    canonical_put_string(o, "pin", m->pin);
    if (b->signer)
        canonical_put_string(o, "signer", b->signer->label);
    archs = canonical_put_array(o, "architectures");
    for (size_t i = 0; i < m->n_archs; i++)
        json_object_array_add(archs, json_object_new_string(m->archs[i].name));
    canonical_put_string(o, "folder", b->folder);
}

static void put_refusal(struct json_object *o, const struct trust_verdict *v,
                        const corbel_error *err)
{
    canonical_put_string(o, "verdict", "refused");
    canonical_put_string(o, "step", v->step);
    canonical_put_string(o, "file", v->file);
    canonical_put_string(o, "key", v->key);
    canonical_put_string(o, "reason", err->text);
    canonical_put_string(o, "allow", v->allow);
}

/* Where an installed one came from, if that was the hub. */
static void put_origin(struct json_object *o, const struct trust *t, const char *pin)
{
    const struct origin *origin;
    struct origins origins;

    if (origins_load(&origins, &t->home, NULL))
        return;
    origin = origins_find(&origins, pin);
    if (origin) {
        canonical_put_string(o, "endpoint", origin->endpoint);
        canonical_put_string(o, "repo", origin->repo);
        canonical_put_string(o, "commit", origin->commit);
    }
    origins_finish(&origins);
}

static corbel_status open_trust(struct trust *t, corbel_error *err)
{
    struct trust_key build_key;
    corbel_status status = plugin_build_key(&build_key, err);

    *t = (struct trust){0};
    return status ? status : trust_open(t, &build_key, err);
}

static corbel_status bundle_folder(const char *folder, char path[PATH_MAX], corbel_error *err)
{
    if (plugin_policy_folder(folder, path))
        return CORBEL_OK;
    return error_set(
        err, CORBEL_E_NOT_FOUND,
        "%s: no folder with a " MANIFEST_NAME ", nor a plugin's project that was built", folder);
}

/* All files are what the manifest says; the library for this machine, if there is one, is of the
 * kind that may be loaded. Nothing is loaded. */
static corbel_status check_contents(const struct bundle *b, struct trust_verdict *v,
                                    corbel_error *err)
{
    const struct manifest_target *target = manifest_target(&b->manifest, manifest_native_tag());
    struct library library = {.manifest = &b->manifest, .target = target};
    corbel_status status = bundle_check_files(b, err);
    void *data = NULL;
    int memory = -1;

    v->step = "files";
    if (status)
        return error_prefix(err, status, "files");
    if (!target)
        return CORBEL_OK;
    status = bundle_read(b, target->library, &data, &library.size, err);
    if (status)
        return error_prefix(err, status, "files");
    v->step = "library";
    library.name = target->library;
    library.data = data;
    library.sha256 = manifest_file(&b->manifest, target->library)->sha256;
    status = plugin_seal(&library, &memory, err);
    if (memory >= 0)
        close(memory);
    free(data);
    return status ? error_prefix(err, status, "library") : CORBEL_OK;
}

/* ---- sign ----------------------------------------------------------------------------------- */

static corbel_status sign_bundle(const struct bundle *b, const char *key, const char *passphrase,
                                 char id[17], corbel_error *err)
{
    char path[PATH_MAX], signature_path[PATH_MAX], *secret = NULL;
    struct sign_key parsed = {0};
    struct text signature = {0};
    struct home home;
    size_t size = 0;
    corbel_status status = home_open(&home, err);

    if (!status)
        status = keys_read_secret(&home, key, &secret, &size, path, err);
    if (!status)
        status = sign_key_parse(&parsed, secret, size, passphrase, path, err);
    if (!status)
        status = sign_manifest(&parsed, b->manifest_text, b->manifest_size, MANIFEST_NAME,
                               &signature, err);
    if (!status &&
        !path_join(signature_path, sizeof signature_path, b->folder, MANIFEST_SIGNATURE_NAME))
        status = error_set(err, CORBEL_E_ARGUMENT, "%.200s...: the path is too long", b->folder);
    if (!status)
        status = file_write(signature_path, signature.data, signature.size, err);
    minisign_key_id(parsed.public.id, id);
    sign_key_finish(&parsed);
    if (secret)
        explicit_bzero(secret, size);
    free(secret);
    text_finish(&signature);
    return status;
}

corbel_status corbel_plugin_sign(const char *folder, const char *key, const char *passphrase,
                                 char **json, corbel_error *err)
{
    struct trust_verdict verdict;
    struct json_object *o;
    struct bundle bundle;
    char path[PATH_MAX], id[17];
    corbel_status status;

    *json = NULL;
    status = bundle_folder(folder, path, err);
    if (!status)
        status = bundle_open_unsigned(&bundle, path, err);
    if (status)
        return status;
    status = check_contents(&bundle, &verdict, err);
    if (!status)
        status = sign_bundle(&bundle, key, passphrase, id, err);
    if (!status) {
        o = json_object_new_object();
        put_bundle(o, &bundle);
        json_object_object_del(o, "signer");
        canonical_put_string(o, "key", id);
        status = keys_take_json(o, json, err);
    }
    bundle_close(&bundle);
    return status;
}

/* ---- verify, install ------------------------------------------------------------------------ */

corbel_status corbel_plugin_verify(const char *named, char **json, corbel_error *err)
{
    struct json_object *o = json_object_new_object();
    struct trust_verdict verdict = {0};
    struct bundle bundle = {0};
    corbel_error why;
    struct trust t;
    corbel_status status = open_trust(&t, &why);

    *json = NULL;
    if (!status)
        status = plugin_policy_named(&t, named, &bundle, &verdict, &why);
    if (!status) {
        put_bundle(o, &bundle);
        status = check_contents(&bundle, &verdict, &why);
    }
    if (status) {
        put_refusal(o, &verdict, &why);
    } else {
        char id[17];

        minisign_key_id(bundle.signer->key.id, id);
        canonical_put_string(o, "verdict", "trusted");
        canonical_put_string(o, "key", id);
    }
    bundle_close(&bundle);
    trust_close(&t);
    if (keys_take_json(o, json, err))
        return CORBEL_E_MEMORY;
    return status ? error_set(err, status, "%s", why.text) : CORBEL_OK;
}

corbel_status plugin_policy_install(struct trust *t, const struct bundle *bundle, corbel_error *err)
{
    struct trust_verdict verdict;
    corbel_status status = check_contents(bundle, &verdict, err);

    if (!status)
        status = store_install(&t->home, bundle, err);
    if (!status)
        trust_note(t, bundle);
    return status;
}

static corbel_status install_folder(struct trust *t, const char *path, struct bundle *bundle,
                                    corbel_error *err)
{
    char pin[DIGEST_HEX_SIZE + sizeof HOME_PLUGINS], stored[PATH_MAX];
    corbel_status status = bundle_open(bundle, path, &t->policy, err);

    if (!status)
        status = plugin_policy_install(t, bundle, err);
    if (status)
        return status;
    snprintf(pin, sizeof pin, HOME_PLUGINS "/%s", bundle->manifest.pin);
    if (home_path(&t->home, pin, stored)) {
        free(bundle->folder);
        bundle->folder = strdup(stored);
    }
    return bundle->folder ? CORBEL_OK : error_memory(err, sizeof stored, "a path");
}

/* A folder of this machine, or else a repo of the hub. */
static corbel_status install(struct trust *t, const char *named, const corbel_pull_params *params,
                             struct bundle *bundle, corbel_error *err)
{
    struct remote_plugin remote;
    char path[PATH_MAX];

    if (plugin_policy_folder(named, path))
        return install_folder(t, path, bundle, err);
    if (file_is_folder(named) || named[0] == '/' || named[0] == '.' ||
        remote_plugin_parse(&remote, named, NULL) == CORBEL_E_NOT_FOUND)
        return bundle_folder(named, path, err);
    return remote_plugin_parse(&remote, named, err)
               ? CORBEL_E_ARGUMENT
               : remote_plugin_install(t, &remote, params, bundle, err);
}

corbel_status corbel_plugin_install(const char *named, const corbel_pull_params *params,
                                    char **json, corbel_error *err)
{
    corbel_pull_params p = CORBEL_PULL_PARAMS(.offline = 0);
    struct json_object *o = json_object_new_object();
    struct bundle bundle = {0};
    struct trust t = {0};
    struct home home;
    corbel_status status = home_create(&home, err);

    *json = NULL;
    STRUCT_COPY(&p, params);
    if (!status)
        status = trust_open(&t, NULL, err); /* the build's own are there without that */
    if (!status)
        status = install(&t, named, &p, &bundle, err);
    if (!status) {
        put_bundle(o, &bundle);
        put_origin(o, &t, bundle.manifest.pin);
    }
    bundle_close(&bundle);
    trust_close(&t);
    if (!status)
        return keys_take_json(o, json, err);
    json_object_put(o);
    return status;
}

/* ---- list, show, remove --------------------------------------------------------------------- */

static void put_stored(const struct trust *t, const char *pin, struct json_object *o)
{
    struct trust_verdict verdict;
    struct bundle bundle;
    corbel_error why;
    corbel_status status = store_open(&t->home, pin, &t->policy, &bundle, &verdict, &why);

    if (!status) {
        put_bundle(o, &bundle);
        status = check_contents(&bundle, &verdict, &why);
        bundle_close(&bundle);
    } else {
        canonical_put_string(o, "pin", pin);
    }
    put_origin(o, t, pin);
    if (status)
        put_refusal(o, &verdict, &why);
    else
        canonical_put_string(o, "verdict", "trusted");
}

corbel_status corbel_plugins_json(char **json, corbel_error *err)
{
    struct json_object *array = json_object_new_array();
    struct arena arena = {0};
    struct trust t;
    const char **pins;
    size_t n = 0;
    corbel_status status = open_trust(&t, err);

    *json = NULL;
    if (!status)
        status = store_list(&t.home, &arena, &pins, &n, err);
    for (size_t i = 0; !status && i < n; i++)
        put_stored(&t, pins[i], canonical_append(array));
    arena_finish(&arena);
    trust_close(&t);
    if (!status)
        return keys_take_json(array, json, err);
    json_object_put(array);
    return status;
}

/* The pin of the only installed plugin of that name; "" if `plugin` is no plain name. */
static corbel_status pin_of_name(const struct trust *t, const char *plugin,
                                 char pin[DIGEST_HEX_SIZE], corbel_error *err)
{
    struct arena arena = {0};
    const char **pins;
    size_t n, found = 0;
    corbel_status status = store_list(&t->home, &arena, &pins, &n, err);

    pin[0] = 0;
    for (size_t i = 0; !status && i < n; i++) {
        char path[PATH_MAX], name[DIGEST_HEX_SIZE + sizeof HOME_PLUGINS];
        struct bundle bundle;

        snprintf(name, sizeof name, HOME_PLUGINS "/%.64s", pins[i]);
        if (!home_path(&t->home, name, path) || bundle_open_unsigned(&bundle, path, NULL))
            continue;
        if (strcmp(bundle.manifest.name, plugin) == 0) {
            memcpy(pin, bundle.manifest.pin, DIGEST_HEX_SIZE);
            found++;
        }
        bundle_close(&bundle);
    }
    arena_finish(&arena);
    if (!status && found > 1)
        return error_set(err, CORBEL_E_ARGUMENT,
                         "%s is installed %zu times: say which by %s@sha256:PIN", plugin, found,
                         plugin);
    return status;
}

corbel_status corbel_plugin_json(const char *plugin, char **json, corbel_error *err)
{
    struct json_object *o = json_object_new_object(), *manifest = NULL;
    struct trust_verdict verdict;
    struct bundle bundle = {0};
    char pin[DIGEST_HEX_SIZE] = "";
    struct trust t;
    corbel_status status = open_trust(&t, err);

    *json = NULL;
    if (!status)
        status = pin_of_name(&t, plugin, pin, err);
    if (!status)
        status = plugin_policy_named(&t, pin[0] ? pin : plugin, &bundle, &verdict, err);
    if (!status) {
        corbel_error why;

        put_bundle(o, &bundle);
        put_origin(o, &t, bundle.manifest.pin);
        if (check_contents(&bundle, &verdict, &why))
            put_refusal(o, &verdict, &why);
        else
            canonical_put_string(o, "verdict", "trusted");
        status = canonical_parse(bundle.manifest_text, bundle.manifest_size, MANIFEST_NAME,
                                 &manifest, err);
        json_object_object_add(o, "manifest", manifest);
    }
    bundle_close(&bundle);
    trust_close(&t);
    if (!status)
        return keys_take_json(o, json, err);
    json_object_put(o);
    return status;
}

corbel_status corbel_plugin_remove(const char *plugin, corbel_error *err)
{
    const char *mark = strstr(plugin, "sha256:"), *word = mark ? mark + 7 : plugin;
    char pin[DIGEST_HEX_SIZE] = "", path[PATH_MAX];
    struct trust t;
    corbel_status status = open_trust(&t, err);
    bool forgotten = false;

    if (!status && t.home.exists && realpath(plugin, path))
        status = origins_forget_dev(&t.home, path, &forgotten, err);
    if (forgotten || status) {
        trust_close(&t);
        return status;
    }
    if (!status && !reader_is_sha256(word)) {
        status = pin_of_name(&t, plugin, pin, err);
        word = pin;
    }
    if (!status && !*word)
        status = error_set(err, CORBEL_E_NOT_FOUND, "%s: not installed", plugin);
    if (!status && !t.home.exists)
        status = error_set(err, CORBEL_E_NOT_FOUND, "%s: not installed: there is no store", plugin);
    if (!status)
        status = store_remove(&t.home, word, err);
    trust_close(&t);
    return status;
}
