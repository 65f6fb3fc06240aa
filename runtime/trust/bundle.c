/* bundle.c: see bundle.h. */
#include "trust/bundle.h"

#include "base/error.h"
#include "base/file.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)1 << 30)

/* ---- the verdict ---------------------------------------------------------------------------- */

const struct trust_key bundle_nobody = {.label = "nobody"};

/* What is being judged, and what is known so far. */
struct judge {
    struct bundle *bundle;
    const struct trust_policy *policy;
    struct minisign_signature signature;
    struct trust_verdict *verdict;
    corbel_error *err;
};

/* Puts the step before the sentence and the way out behind it. A bundle that is malformed is
 * refused like one that was tampered with: nobody can tell the two apart. */
static corbel_status refuse(struct judge *j, corbel_status status, const char *step,
                            const char *way_out, ...) __attribute__((format(printf, 4, 5)));
static corbel_status refuse(struct judge *j, corbel_status status, const char *step,
                            const char *way_out, ...)
{
    struct trust_verdict *v = j->verdict;
    va_list args;

    v->step = step;
    if (status == CORBEL_E_FORMAT)
        status = CORBEL_E_UNTRUSTED;
    va_start(args, way_out);
    vsnprintf(v->allow, sizeof v->allow, way_out, args);
    va_end(args);
    if (j->err) {
        size_t size;

        error_prefix(j->err, status, "%s", step);
        size = strlen(j->err->text);
        snprintf(j->err->text + size, sizeof j->err->text - size, "%s%s%s",
                 v->allow[0] ? "; `" : "; get the bundle again from its publisher", v->allow,
                 v->allow[0] ? "` would allow it" : "");
    }
    return status;
}

/* ---- who signed ----------------------------------------------------------------------------- */

/* The trusted comment repeats what was signed, for people; what it says must be so. */
static corbel_status check_comment(struct judge *j)
{
    struct text expected = {0};
    corbel_status status = CORBEL_OK;

    manifest_comment(&j->bundle->manifest, &expected);
    if (strcmp(j->signature.trusted_comment, text_cstr(&expected)) != 0)
        status = error_set(j->err, CORBEL_E_UNTRUSTED,
                           "%s: the trusted comment is \"%.160s\", expected \"%s\"",
                           j->verdict->file, j->signature.trusted_comment, text_cstr(&expected));
    text_finish(&expected);
    return status ? refuse(j, status, "signature", "%s", "") : CORBEL_OK;
}

/* For the message only: an id proves nothing. */
static bool id_is_revoked(const struct judge *j)
{
    const struct keyring *k = j->policy->keyring;

    for (size_t i = 0; k && i < k->revoked_keys.n; i++) {
        const char *text = k->revoked_keys.items[i];
        struct minisign_key key;

        if (!minisign_key_parse(&key, text, strlen(text), "revoked", NULL) &&
            memcmp(key.id, j->signature.key_id, sizeof key.id) == 0)
            return true;
    }
    return false;
}

/* Whom the signature claims to be from, for the command that would believe it. */
static void claimed_publisher(const struct judge *j, char out[65])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
    const char *name = j->signature.trusted_comment + 5;
    size_t n = strncmp(j->signature.trusted_comment, "name:", 5) == 0 ? strspn(name, letters) : 0;

    if (n > 0 && n <= 64 && name[n] == '/')
        snprintf(out, 65, "%.*s", (int)n, name);
    else
        snprintf(out, 65, "PUBLISHER");
}

/* The key that made the signature, by trying those whose id fits. */
static corbel_status find_signer(struct judge *j)
{
    const struct bundle *b = j->bundle;
    corbel_status status = CORBEL_OK;
    char publisher[65];

    for (size_t i = 0; i < j->policy->n_keys; i++) {
        const struct trust_key *key = &j->policy->keys[i];

        if (memcmp(key->key.id, j->signature.key_id, sizeof key->key.id) != 0)
            continue;
        status = minisign_verify(&key->key, &j->signature, b->manifest_text, b->manifest_size,
                                 j->verdict->file, j->err);
        if (!status) {
            j->bundle->signer = key;
            return CORBEL_OK;
        }
    }
    if (status)
        return refuse(j, status, "signature", "%s", "");
    if (id_is_revoked(j)) {
        status = error_set(j->err, CORBEL_E_UNTRUSTED, "%s: signed by key %s, which is revoked",
                           j->verdict->file, j->verdict->key);
        return refuse(j, status, "revocation", "%s", "");
    }
    status = error_set(j->err, CORBEL_E_UNTRUSTED, "%s: signed by key %s, which is not trusted",
                       j->verdict->file, j->verdict->key);
    claimed_publisher(j, publisher);
    return refuse(j, status, "signature", "corbel key trust %s.pub --for '%s/*'", publisher,
                  publisher);
}

/* ---- what is allowed ------------------------------------------------------------------------ */

static corbel_status check_revocation(struct judge *j)
{
    const struct bundle *b = j->bundle;
    const struct keyring *k = j->policy->keyring;
    corbel_status status;

    if (!k)
        return CORBEL_OK;
    if (keyring_key_revoked(k, &b->signer->key))
        status =
            error_set(j->err, CORBEL_E_UNTRUSTED, "%s: signed by key %s (%s), which is revoked",
                      j->verdict->file, j->verdict->key, b->signer->label);
    else if (keyring_pin_revoked(k, b->manifest.pin))
        status =
            error_set(j->err, CORBEL_E_UNTRUSTED, "%s: %s %s, pin %s, is revoked", j->verdict->file,
                      b->manifest.name, b->manifest.version, b->manifest.pin);
    else
        return CORBEL_OK;
    return refuse(j, status, "revocation", "%s", "");
}

static bool is_locked(const struct judge *j)
{
    const char *const *pin = j->policy->locked;

    for (; pin && *pin; pin++)
        if (strcmp(*pin, j->bundle->manifest.pin) == 0)
            return true;
    return false;
}

static corbel_status check_release(struct judge *j)
{
    const struct manifest *m = &j->bundle->manifest;
    const struct release *seen =
        j->policy->releases ? releases_find(j->policy->releases, m->name) : NULL;
    corbel_status status;

    if (!seen || seen->release < m->release)
        return CORBEL_OK;
    if (seen->release == m->release && strcmp(seen->pin, m->pin) == 0)
        return CORBEL_OK;
    if (seen->release == m->release) {
        status = error_set(j->err, CORBEL_E_UNTRUSTED,
                           "%s: release %lld of %s was seen with the pin %s, this one has %s: "
                           "key %s signed two different bundles as one release",
                           j->verdict->file, (long long)m->release, m->name, seen->pin, m->pin,
                           j->verdict->key);
        return refuse(j, status, "release", "%s", "");
    }
    if (is_locked(j)) {
        j->bundle->is_old = true;
        return CORBEL_OK;
    }
    status = error_set(j->err, CORBEL_E_UNTRUSTED,
                       "%s: release %lld of %s, signed by key %s, is older than release %lld, "
                       "which was seen",
                       j->verdict->file, (long long)m->release, m->name, j->verdict->key,
                       (long long)seen->release);
    return refuse(j, status, "release", "--lock FILE, with a lock that names the pin %s", m->pin);
}

static bool matches(const char *const *globs, const char *name)
{
    for (; *globs; globs++)
        if (fnmatch(*globs, name, FNM_PATHNAME) == 0)
            return true;
    return false;
}

static corbel_status check_scope(struct judge *j)
{
    const struct trust_key *signer = j->bundle->signer;
    const struct manifest *m = &j->bundle->manifest;
    const char *outside = NULL;
    corbel_status status;

    if (signer->plugins && !matches(signer->plugins, m->name))
        outside = m->name;
    for (size_t i = 0; !outside && signer->architectures && i < m->n_archs; i++)
        if (!matches(signer->architectures, m->archs[i].name))
            outside = m->archs[i].name;
    if (!outside)
        return CORBEL_OK;
    status =
        error_set(j->err, CORBEL_E_UNTRUSTED, "%s: key \"%s\" (%s) is not trusted for the %s %s",
                  j->verdict->file, signer->label, j->verdict->key,
                  outside == m->name ? "plugin" : "architecture", outside);
    return refuse(j, status, "scope", "corbel key trust %.64s --for '%.200s'", signer->label,
                  outside);
}

/* ---- outside -------------------------------------------------------------------------------- */

static corbel_status read_manifest_file(struct judge *j)
{
    struct bundle *b = j->bundle;
    corbel_status status = bundle_read_file(b->folder, MANIFEST_NAME, MANIFEST_MAX_SIZE,
                                            &b->manifest_text, &b->manifest_size, j->err);

    return status == CORBEL_E_UNTRUSTED || status == CORBEL_E_FORMAT
               ? refuse(j, status, "manifest", "%s", "")
               : status;
}

static corbel_status read_signature(struct judge *j)
{
    struct bundle *b = j->bundle;
    corbel_status status = bundle_read_file(b->folder, MANIFEST_SIGNATURE_NAME, MINISIGN_MAX_FILE,
                                            &b->signature_text, &b->signature_size, j->err);

    if (status == CORBEL_E_NOT_FOUND)
        status = error_set(j->err, CORBEL_E_UNTRUSTED, "%s: it has no signature (%s)",
                           j->verdict->file, MANIFEST_SIGNATURE_NAME);
    if (!status)
        status = minisign_signature_parse(&j->signature, b->signature_text, b->signature_size,
                                          j->verdict->file, j->err);
    if (status)
        return refuse(j, status, "signature", "%s", "");
    minisign_key_id(j->signature.key_id, j->verdict->key);
    return CORBEL_OK;
}

static corbel_status read_manifest(struct judge *j)
{
    struct bundle *b = j->bundle;
    corbel_status status =
        manifest_read(&b->manifest, b->manifest_text, b->manifest_size, j->verdict->file, j->err);

    return status ? refuse(j, status, "manifest", "%s", "") : CORBEL_OK;
}

static corbel_status begin(struct judge *j, const char *folder)
{
    *j->bundle = (struct bundle){.folder = strdup(folder)};
    if (!j->bundle->folder)
        return error_memory(j->err, strlen(folder), "a bundle");
    if (!path_join(j->verdict->file, sizeof j->verdict->file, folder, MANIFEST_NAME))
        return error_set(j->err, CORBEL_E_ARGUMENT, "%.200s...: the path is too long", folder);
    return CORBEL_OK;
}

corbel_status bundle_judge(struct bundle *bundle, const char *folder,
                           const struct trust_policy *policy, struct trust_verdict *verdict,
                           corbel_error *err)
{
    static corbel_status (*const steps[])(struct judge *) = {
        read_manifest_file, read_signature,   find_signer,   read_manifest,
        check_comment,      check_revocation, check_release, check_scope,
    };
    struct judge j = {.bundle = bundle, .policy = policy, .verdict = verdict, .err = err};
    corbel_status status;

    *verdict = (struct trust_verdict){0};
    status = begin(&j, folder);
    for (size_t i = 0; !status && i < sizeof(steps) / sizeof(steps[0]); i++)
        status = steps[i](&j);
    if (status)
        bundle_close(bundle);
    return status;
}

corbel_status bundle_open(struct bundle *bundle, const char *folder,
                          const struct trust_policy *policy, corbel_error *err)
{
    struct trust_verdict verdict;

    return bundle_judge(bundle, folder, policy, &verdict, err);
}

corbel_status bundle_open_unsigned(struct bundle *bundle, const char *folder, corbel_error *err)
{
    struct trust_verdict verdict = {0};
    struct judge j = {.bundle = bundle, .verdict = &verdict, .err = err};
    corbel_status status = begin(&j, folder);

    if (!status)
        status = read_manifest_file(&j);
    if (!status)
        status = read_manifest(&j);
    bundle->signer = &bundle_nobody;
    if (status)
        bundle_close(bundle);
    return status;
}

void bundle_close(struct bundle *bundle)
{
    free(bundle->folder);
    free(bundle->manifest_text);
    free(bundle->signature_text);
    manifest_finish(&bundle->manifest);
    *bundle = (struct bundle){0};
}

corbel_status bundle_check_files(const struct bundle *bundle, corbel_error *err)
{
    const struct manifest *m = &bundle->manifest;
    struct arena arena = {0};
    const char **paths = NULL;
    corbel_status status = CORBEL_OK;
    size_t n = 0;

    if (!bundle_is_snapshot(bundle->folder))
        status = bundle_list(bundle->folder, &arena, &paths, &n, err);
    for (size_t i = 0; !status && i < n; i++)
        if (!manifest_file(m, paths[i]))
            status =
                error_set(err, CORBEL_E_UNTRUSTED, "%s/%s: a file that the manifest does not list",
                          bundle->folder, paths[i]);
    for (size_t i = 0; !status && i < m->n_files; i++) {
        size_t size;
        void *data;

        status = bundle_read(bundle, m->files[i].path, &data, &size, err);
        free(data);
    }
    arena_finish(&arena);
    return status;
}

corbel_status bundle_read(const struct bundle *bundle, const char *path, void **data, size_t *size,
                          corbel_error *err)
{
    const struct manifest_file *file = manifest_file(&bundle->manifest, path);
    char sha256[DIGEST_HEX_SIZE];
    corbel_status status;
    char *bytes = NULL;

    *data = NULL;
    if (!file)
        return error_set(err, CORBEL_E_UNTRUSTED, "%s/%s: the manifest does not list it",
                         bundle->folder, path);
    status = bundle_read_file(bundle->folder, path, MAX_FILE, &bytes, size, err);
    if (status == CORBEL_E_NOT_FOUND || status == CORBEL_E_FORMAT)
        return error_set(err, CORBEL_E_UNTRUSTED, "%s/%s: the manifest lists it, but it is %s",
                         bundle->folder, path,
                         status == CORBEL_E_FORMAT ? "larger than any file may be" : "not there");
    if (status)
        return status;
    digest_sha256_hex(bytes, *size, sha256);
    if (*size != file->size)
        status = error_set(err, CORBEL_E_UNTRUSTED, "%s/%s: %zu bytes, the manifest says %llu",
                           bundle->folder, path, *size, (unsigned long long)file->size);
    else if (strcmp(sha256, file->sha256) != 0)
        status = error_set(err, CORBEL_E_UNTRUSTED, "%s/%s: sha256 %s, the manifest says %s",
                           bundle->folder, path, sha256, file->sha256);
    if (status)
        free(bytes);
    else
        *data = bytes;
    return status;
}
