/* audit_model.c: what is in a model's folder that a program other than Corbel might execute. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "trust/audit.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 8, MAX_CONFIG = 4 << 20 };

void audit_writable(struct audit *a, const char *kind, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & 022))
        audit_find(a, kind, path, "others may write to it (mode %04o)",
                   (unsigned)(st.st_mode & 07777));
}

/* ---- files ---------------------------------------------------------------------------------- */

static bool ends_with(const char *s, const char *const *ends)
{
    size_t n = strlen(s);

    for (; *ends; ends++)
        if (n >= strlen(*ends) && strcasecmp(s + n - strlen(*ends), *ends) == 0)
            return true;
    return false;
}

/* Corbel runs none of these; something else that is pointed at the folder may. */
static void check_file(struct audit *a, const char *path)
{
    static const char *const code[] = {".py",  ".pyc", ".so",  ".dll", ".dylib", ".sh",
                                       ".exe", ".js",  ".jar", ".bat", ".whl",   NULL};
    static const char *const pickles[] = {".bin",    ".pt",   ".pth",    ".pkl",
                                          ".pickle", ".ckpt", ".joblib", NULL};
    unsigned char start[4] = {0};
    FILE *file;

    if (ends_with(path, code))
        audit_find(a, "model", path, "code in a model; Corbel does not run it");
    if (ends_with(path, pickles))
        audit_find(a, "model", path, "a pickle; Corbel reads it as data, others execute it");
    audit_writable(a, "model", path);
    file = fopen(path, "rb"); /* whatever it is called */
    if (file && fread(start, 1, sizeof start, file) == sizeof start &&
        memcmp(start, "\177ELF", 4) == 0 && !ends_with(path, code))
        audit_find(a, "model", path, "native code in a model; Corbel does not run it");
    if (file)
        fclose(file);
}

/* ---- config files --------------------------------------------------------------------------- */

/* Ways to compute attention that are part of transformers itself. */
static bool is_own_attention(const char *value)
{
    static const char *const own[] = {
        "eager",           "sdpa",       "flash_attention_2", "flash_attention_3", "flex_attention",
        "paged_attention", "sdpa_paged", "eager_paged"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strcmp(value, own[i]) == 0)
            return true;
    return false;
}

/* Keys by which a config has named code elsewhere. */
static bool names_code(const char *key, struct json_object *value)
{
    static const char *const keys[] = {"auto_map", "custom_pipelines", "trust_remote_code",
                                       "use_kernels", "custom_generate"};

    if (!value ||
        (json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value)))
        return false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return strstr(key, "attn_implementation") && json_object_is_type(value, json_type_string) &&
           !is_own_attention(json_object_get_string(value));
}

static void check_object(struct audit *a, const char *path, struct json_object *o, int depth)
{
    struct json_object_iter member;

    if (!json_object_is_type(o, json_type_object) || depth == MAX_DEPTH)
        return;
    json_object_object_foreachC(o, member)
    {
        if (names_code(member.key, member.val))
            audit_find(a, "config", path,
                       "%s names code elsewhere; Corbel does not follow it: %.200s", member.key,
                       json_object_to_json_string(member.val));
        else
            check_object(a, path, member.val, depth + 1);
    }
}

static void check_suggestion(struct audit *a, const char *path, struct json_object *root)
{
    struct json_object *corbel = NULL, *plugin = NULL;

    if (json_object_is_type(root, json_type_object) &&
        json_object_object_get_ex(root, "corbel", &corbel) &&
        json_object_is_type(corbel, json_type_object) &&
        json_object_object_get_ex(corbel, "plugin", &plugin))
        audit_note(a, "config", path, "suggests the plugin %.200s; it is not followed by itself",
                   json_object_to_json_string(plugin));
}

static void check_configs(struct audit *a, const char *folder)
{
    static const char *const names[] = {"config.json", "generation_config.json",
                                        "tokenizer_config.json", "preprocessor_config.json",
                                        "processor_config.json"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct json_object *root = NULL;
        char path[PATH_MAX];
        corbel_error err;

        if (!path_join(path, sizeof path, folder, names[i]) || !file_exists(path))
            continue;
        if (json_load(path, MAX_CONFIG, JSON_DATA, &root, &err))
            audit_find(a, "model", path, "%s", err.text);
        check_object(a, path, root, 0);
        check_suggestion(a, path, root);
        json_object_put(root);
    }
}

/* ---- outside -------------------------------------------------------------------------------- */

static void check_folder(struct audit *a, const char *folder, int depth)
{
    DIR *dir = opendir(folder);
    struct dirent *e;

    if (!dir) {
        audit_find(a, "model", folder, "no such folder, or one that can't be read");
        return;
    }
    audit_writable(a, "model", folder);
    while ((e = readdir(dir))) {
        char path[PATH_MAX];
        struct stat st;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            !path_join(path, sizeof path, folder, e->d_name) || stat(path, &st) != 0)
            continue;
        if (S_ISREG(st.st_mode))
            check_file(a, path);
        else if (S_ISDIR(st.st_mode) && e->d_type != DT_LNK && depth < MAX_DEPTH)
            check_folder(a, path, depth + 1);
    }
    closedir(dir);
}

void audit_model(struct audit *a, const char *folder)
{
    a->n_models++;
    check_folder(a, folder, 0);
    check_configs(a, folder);
}
