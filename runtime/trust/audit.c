/* audit.c: see audit.h. */
#include "trust/audit.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <dirent.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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
    static const char *const relevant[] = {"CORBEL_HOME",   "HF_HOME",           "HF_HUB_CACHE",
                                           "HF_ENDPOINT",   "HF_HUB_OFFLINE",    "VK_ICD_FILENAMES",
                                           "VK_LAYER_PATH", "VK_INSTANCE_LAYERS"};

    for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++)
        if (getenv(dangerous[i]) && *getenv(dangerous[i]))
            audit_find(a, "environment", dangerous[i], "brings code into this process: %.200s",
                       getenv(dangerous[i]));
    for (size_t i = 0; i < sizeof(relevant) / sizeof(relevant[0]); i++)
        if (getenv(relevant[i]))
            audit_note(a, "environment", relevant[i], "%.200s", getenv(relevant[i]));
    check_sandbox(a);
}

/* ---- CORBEL_HOME ---------------------------------------------------------------------------- */

static void check_key(struct audit *a, const struct trust *t, const struct trust_key *key)
{
    char id[17];

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
    arena_finish(&arena);
}

/* ---- models --------------------------------------------------------------------------------- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcasecmp(s + n - m, end) == 0;
}

/* Corbel runs none of these; something else that is pointed at the folder may. */
static void check_file(struct audit *a, const char *folder, const char *name)
{
    static const char *const code[] = {".py", ".so", ".dll", ".dylib", ".sh", ".exe", ".pyc"};
    static const char *const pickles[] = {".bin", ".pt", ".pth", ".pkl", ".ckpt", ".joblib"};
    char path[PATH_MAX];
    struct stat st;

    if (!path_join(path, sizeof path, folder, name) || stat(path, &st) != 0)
        return;
    for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++)
        if (ends_with(name, code[i]))
            audit_find(a, "model", path, "code in a model; Corbel does not run it");
    for (size_t i = 0; i < sizeof(pickles) / sizeof(pickles[0]); i++)
        if (ends_with(name, pickles[i]))
            audit_find(a, "model", path, "a pickle; Corbel reads it as data, others execute it");
    if (st.st_mode & 022)
        audit_find(a, "model", path, "others may write to it (mode %04o)",
                   (unsigned)(st.st_mode & 07777));
}

/* specs: keys by which a config has named code elsewhere. */
static bool names_code(const char *key, struct json_object *value)
{
    static const char *const keys[] = {"auto_map", "custom_pipelines", "trust_remote_code",
                                       "use_kernels"};

    if (!value ||
        (json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value)))
        return false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return strstr(key, "_implementation") && json_object_is_type(value, json_type_string) &&
           strchr(json_object_get_string(value), '/');
}

static void check_config(struct audit *a, const char *folder)
{
    struct json_object *root = NULL;
    struct json_object_iter member;
    char path[PATH_MAX];
    corbel_error err;

    if (!path_join(path, sizeof path, folder, "config.json"))
        return;
    if (json_load(path, 4 << 20, JSON_DATA, &root, &err)) {
        audit_find(a, "model", path, "%s", err.text);
        return;
    }
    if (json_object_is_type(root, json_type_object)) {
        json_object_object_foreachC(root, member)
        {
            if (names_code(member.key, member.val))
                audit_find(a, "config", path,
                           "%s names code elsewhere; Corbel does not follow it: %.200s", member.key,
                           json_object_to_json_string(member.val));
        }
    }
    json_object_put(root);
}

void audit_model(struct audit *a, const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *e;
    struct stat st;

    if (!dir) {
        audit_find(a, "model", folder, "no such folder");
        return;
    }
    if (fstat(dirfd(dir), &st) == 0 && (st.st_mode & 022))
        audit_find(a, "model", folder, "others may write to it (mode %04o)",
                   (unsigned)(st.st_mode & 07777));
    while ((e = readdir(dir)))
        if (e->d_name[0] != '.')
            check_file(a, folder, e->d_name);
    closedir(dir);
    check_config(a, folder);
}
