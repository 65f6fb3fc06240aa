/* audit.c: see audit.h. */
#include "trust/audit.h"

#include "base/error.h"
#include "base/file.h"
#include "trust/origins.h"

#include <dirent.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void add(struct json_object *array, const char *kind, const char *where, const char *format,
                va_list args)
{
    struct json_object *o = json_object_new_object();
    struct text what = {0};

    text_format_v(&what, format, args);
    json_object_object_add(o, "kind", json_object_new_string(kind));
    json_object_object_add(o, "where", json_object_new_string(where));
    json_object_object_add(o, "what", json_object_new_string(text_cstr(&what)));
    json_object_array_add(array, o);
    text_finish(&what);
}

void audit_find(struct audit *a, const char *kind, const char *where, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(a->findings, kind, where, format, args);
    va_end(args);
    a->n_findings++;
}

void audit_note(struct audit *a, const char *kind, const char *where, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(a->notes, kind, where, format, args);
    va_end(args);
}

/* ---- environment ---------------------------------------------------------------------------- */

static void check_sandbox(struct audit *a)
{
    long landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    int seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);

    if (landlock < 1)
        audit_find(a, "sandbox", "kernel", "no Landlock: third parties' plugins are refused");
    else
        audit_note(a, "sandbox", "kernel", "Landlock, version %ld", landlock);
    if (seccomp < 0)
        audit_find(a, "sandbox", "kernel", "no seccomp: third parties' plugins are refused");
    else
        audit_note(a, "sandbox", "kernel", "seccomp");
}

void audit_environment(struct audit *a)
{
    static const char *const dangerous[] = {"LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"};
    static const char *const relevant[] = {"CORBEL_HOME",
                                           "HF_HOME",
                                           "HF_HUB_CACHE",
                                           "HF_ENDPOINT",
                                           "HF_HUB_OFFLINE",
                                           "TRANSFORMERS_OFFLINE",
                                           "SSL_CERT_FILE",
                                           "http_proxy",
                                           "https_proxy",
                                           "HTTPS_PROXY",
                                           "all_proxy",
                                           "ALL_PROXY",
                                           "VK_ICD_FILENAMES",
                                           "VK_DRIVER_FILES",
                                           "VK_ADD_DRIVER_FILES",
                                           "VK_LAYER_PATH",
                                           "VK_ADD_LAYER_PATH",
                                           "VK_INSTANCE_LAYERS",
                                           "VK_LOADER_LAYERS_ENABLE"};
    static const char *const secret[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};

    for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++)
        if (getenv(dangerous[i]) && *getenv(dangerous[i]))
            audit_find(a, "environment", dangerous[i], "brings code into this process: %.200s",
                       getenv(dangerous[i]));
    for (size_t i = 0; i < sizeof(relevant) / sizeof(relevant[0]); i++)
        if (getenv(relevant[i]))
            audit_note(a, "environment", relevant[i], "%.200s", getenv(relevant[i]));
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        if (getenv(secret[i]))
            audit_note(a, "environment", secret[i],
                       "is set; it is sent to the hub's own host only");
    check_sandbox(a);
}

/* ---- CORBEL_HOME ---------------------------------------------------------------------------- */

static void check_key(struct audit *a, const struct trust *t, const struct trust_key *key)
{
    char id[17];

    a->n_keys++;
    minisign_key_id(key->key.id, id);
    if (keyring_key_revoked(&t->keyring, &key->key))
        audit_find(a, "key", id, "%s is in the keyring, and revoked", key->label);
    for (size_t i = 0; key->plugins && key->plugins[i]; i++)
        if (key->plugins[i][0] == '*')
            audit_find(a, "key", id, "%s is trusted for the plugins of every publisher (%s)",
                       key->label, key->plugins[i]);
    if (!key->plugins)
        audit_find(a, "key", id, "%s is trusted for plugins of any name", key->label);
    audit_note(a, "key", id, "%s is trusted for %s%s", key->label,
               key->plugins ? key->plugins[0] : key->architectures[0],
               key->plugins && key->plugins[1] ? " and more" : "");
}

static void check_stored(struct audit *a, const struct trust *t, const char *pin)
{
    struct trust_verdict verdict;
    struct bundle bundle;
    corbel_error err;

    a->n_plugins++;
    if (store_open(&t->home, pin, &t->policy, &bundle, &verdict, &err)) {
        audit_find(a, "plugin", pin, "%s", err.text);
        return;
    }
    if (bundle_check_files(&bundle, &err))
        audit_find(a, "plugin", pin, "%s", err.text);
    else
        audit_note(a, "plugin", pin, "%s %s, release %lld, signed by %s", bundle.manifest.name,
                   bundle.manifest.version, (long long)bundle.manifest.release,
                   bundle.signer->label);
    if (bundle.manifest.dirty)
        audit_find(a, "plugin", pin, "%s was built from sources that were not committed",
                   bundle.manifest.name);
    bundle_close(&bundle);
}

/* One that is gone can't be loaded any more. */
static void check_dev(struct audit *a, const struct trust *t)
{
    struct origins origins;
    corbel_error err;

    if (origins_load(&origins, &t->home, &err)) {
        audit_find(a, "home", t->home.path, "%s", err.text);
        return;
    }
    for (size_t i = 0; i < origins.dev.n; i++)
        if (file_is_folder(origins.dev.items[i]))
            audit_find(a, "dev", origins.dev.items[i],
                       "an unsigned plugin was loaded from here with --dev; `corbel plugin remove "
                       "%s` forgets that",
                       origins.dev.items[i]);
    origins_finish(&origins);
}

/* Who may rename a folder on the way there can put another one in its place, or none. */
static void check_parents(struct audit *a, const struct home *home)
{
    char path[sizeof home->path], *slash;
    struct stat st;

    memcpy(path, home->path, sizeof path);
    while ((slash = strrchr(path, '/')) && slash > path) {
        *slash = 0;
        if (stat(path, &st) == 0 && (st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
            audit_find(a, "home", path,
                       "anybody may write to it (mode %04o), and so take away CORBEL_HOME",
                       (unsigned)(st.st_mode & 07777));
    }
}

void audit_home(struct audit *a, const struct trust *t)
{
    struct arena arena = {0};
    const char **pins;
    corbel_error err;
    size_t n;

    for (size_t i = 0; i < t->keyring.n_keys; i++)
        check_key(a, t, &t->keyring.keys[i]);
    if (store_list(&t->home, &arena, &pins, &n, &err))
        audit_find(a, "store", t->home.path, "%s", err.text);
    else
        for (size_t i = 0; i < n; i++)
            check_stored(a, t, pins[i]);
    check_dev(a, t);
    if (t->home.exists)
        check_parents(a, &t->home);
    arena_finish(&arena);
}
