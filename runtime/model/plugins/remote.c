/* model/plugins/remote.c: see remote.h. */
#include "model/plugins/remote.h"

#include "base/error.h"
#include "hub/names.h"
#include "hub/pull.h"
#include "hub/settings.h"
#include "model/plugins/policy.h"
#include "trust/origins.h"
#include "trust/reader.h"

#include <stdio.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

corbel_status remote_plugin_parse(struct remote_plugin *p, const char *text, corbel_error *err)
{
    static const char mark[] = "sha256:";
    struct hub_name name;
    const char *pin = strstr(text, mark);
    size_t n = strlen(text);
    *p = (struct remote_plugin){.pin = ""};
    if (pin && pin > text && (pin[-1] == '#' || pin[-1] == '@')) {
        n = (size_t)(pin - text) - 1;
        pin += sizeof(mark) - 1;
        if (!reader_is_sha256(pin))
            return error_set(err, CORBEL_E_ARGUMENT,
                             "%.200s: expected 64 lowercase hex digits behind sha256:", text);
        memcpy(p->pin, pin, DIGEST_HEX_SIZE);
    }
    if (n >= sizeof(p->name))
        return error_set(err, CORBEL_E_ARGUMENT, "a plugin's name of %zu bytes", n);
    memcpy(p->name, text, n);
    p->name[n] = '\0';
    corbel_status status = hub_name_parse(&name, p->name, NULL, err);
    if (status == CORBEL_OK && !strchr(name.repo, '/'))
        status =
            error_set(err, CORBEL_E_NOT_FOUND, "%s: a plugin's repo is called org/name", p->name);
    return status;
}

bool remote_plugin_suggested(const struct config *config, struct remote_plugin *p)
{
    struct json_object *corbel, *plugin;
    return json_object_is_type(config->root, json_type_object) &&
           json_object_object_get_ex(config->root, "corbel", &corbel) &&
           json_object_is_type(corbel, json_type_object) &&
           json_object_object_get_ex(corbel, "plugin", &plugin) &&
           json_object_is_type(plugin, json_type_string) &&
           remote_plugin_parse(p, json_object_get_string(plugin), NULL) == CORBEL_OK;
}

void remote_plugin_advise(const struct remote_plugin *p, struct text *out)
{
    const int publisher = (int)strcspn(p->name, "/");
    text_format(
        out,
        "the model suggests the plugin %s%s%s; if you trust who makes it: `corbel key trust "
        "%.*s.pub --for '%.*s/*'` with the publisher's key, then `corbel plugin install "
        "%s%s%s`",
        p->name, p->pin[0] ? "#sha256:" : "", p->pin, publisher, p->name, publisher, p->name,
        p->name, p->pin[0] ? "#sha256:" : "", p->pin);
}

/* ---- fetching -------------------------------------------------------------------------------- */

/* One fetch after the other, of the same commit. */
static corbel_status fetch(const struct remote_plugin *p, const corbel_pull_params *params,
                           const char *commit, const char *const *files, uint32_t n_files,
                           const struct hub_lock *limits, corbel_pulled *pulled, corbel_error *err)
{
    corbel_pull_params some = *params;
    char name[sizeof(p->name) + HUB_COMMIT_SIZE + 1];
    some.include = files;
    some.n_include = n_files;
    some.exclude = NULL;
    some.n_exclude = 0;
    snprintf(name, sizeof(name), "%s", p->name);
    if (commit) {
        snprintf(name, sizeof(name), "%.*s@%s", (int)strcspn(p->name, "@"), p->name, commit);
        some.revision = NULL;
    }
    *pulled = (corbel_pulled){.n_files = 0};
    return hub_pull(name, &some, limits, pulled, err);
}

/* What the manifest says that there is. */
static corbel_status is_listed(void *user, const char *path, uint64_t size, const char *sha256,
                               corbel_error *err)
{
    const struct bundle *b = user;
    const struct manifest_file *f = manifest_file(&b->manifest, path);
    if (f && f->size == size && (!sha256[0] || strcmp(f->sha256, sha256) == 0))
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNTRUSTED,
                     "files: %s: %s: the hub's is not what the manifest says", b->manifest.name,
                     path);
}

static corbel_status fetch_files(const struct remote_plugin *p, const corbel_pull_params *params,
                                 const struct bundle *b, corbel_pulled *pulled, corbel_error *err)
{
    struct arena arena = {0};
    struct hub_settings settings;
    const corbel_pulled first = *pulled;
    const char **files = arena_array(&arena, b->manifest.n_files + 1, sizeof(*files));
    corbel_status status = hub_settings_read(&settings, params->offline != 0, err);
    const struct hub_lock limits = {.endpoint = settings.endpoint,
                                    .commit = first.commit,
                                    .allows = is_listed,
                                    .user = (void *)(uintptr_t)b};
    if (status == CORBEL_OK && !files)
        status = error_memory(err, b->manifest.n_files * sizeof(*files), "the list of files");
    for (size_t i = 0; status == CORBEL_OK && i < b->manifest.n_files; i++)
        files[i] = b->manifest.files[i].path;
    if (status == CORBEL_OK && b->manifest.n_files > 0)
        status = fetch(p, params, first.commit, files, (uint32_t)b->manifest.n_files, &limits,
                       pulled, err);
    arena_finish(&arena);
    return status;
}

/* ---- judging --------------------------------------------------------------------------------- */

static corbel_status check_pin(const struct remote_plugin *p, const struct bundle *b,
                               corbel_error *err)
{
    if (!p->pin[0] || strcmp(p->pin, b->manifest.pin) == 0)
        return CORBEL_OK;
    return error_set(err, CORBEL_E_UNTRUSTED, "manifest: %s: its pin is %s, asked for was %s",
                     p->name, b->manifest.pin, p->pin);
}

static void note_origin(struct trust *t, const struct bundle *b, const corbel_pulled *pulled)
{
    struct hub_settings settings;
    if (hub_settings_read(&settings, true, NULL) == CORBEL_OK)
        origins_note(&t->home,
                     &(struct origin){.pin = b->manifest.pin,
                                      .endpoint = settings.endpoint,
                                      .repo = pulled->repo,
                                      .commit = pulled->commit},
                     NULL);
}

static corbel_status install(struct trust *t, const struct bundle *fetched,
                             const corbel_pulled *pulled, struct bundle *bundle, corbel_error *err)
{
    struct trust_verdict verdict;
    corbel_status status = plugin_policy_install(t, fetched, err);
    if (status == CORBEL_OK)
        status = store_open(&t->home, fetched->manifest.pin, &t->policy, bundle, &verdict, err);
    if (status == CORBEL_OK)
        note_origin(t, bundle, pulled);
    return status;
}

corbel_status remote_plugin_install(struct trust *t, const struct remote_plugin *p,
                                    const corbel_pull_params *params, struct bundle *bundle,
                                    corbel_error *err)
{
    static const char *const first[] = {MANIFEST_NAME, MANIFEST_SIGNATURE_NAME};
    corbel_pulled pulled;
    struct bundle fetched = {.folder = NULL};
    *bundle = (struct bundle){.folder = NULL};
    corbel_status status = fetch(p, params, NULL, first, 2, NULL, &pulled, err);
    if (status == CORBEL_OK)
        status = bundle_open(&fetched, pulled.folder, &t->policy, err);
    if (status == CORBEL_OK)
        status = check_pin(p, &fetched, err);
    if (status == CORBEL_OK)
        status = fetch_files(p, params, &fetched, &pulled, err);
    if (status == CORBEL_OK)
        status = install(t, &fetched, &pulled, bundle, err);
    bundle_close(&fetched);
    return status;
}
