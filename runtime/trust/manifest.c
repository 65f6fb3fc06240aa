/* manifest.c: see manifest.h. */
#include "trust/manifest.h"

#include "base/error.h"
#include "trust/canonical.h"
#include "trust/reader.h"

#include <string.h>
#include <strings.h>

/* ---- what the strings may be ---------------------------------------------------------------- */

#define LETTERS  READER_LETTERS
#define CAPITALS READER_CAPITALS
#define DIGITS   READER_DIGITS

bool manifest_path_ok(const char *path)
{
    static const char allowed[] = LETTERS CAPITALS DIGITS "_-.+";

    if (strlen(path) > 200)
        return false;
    for (const char *at = path;; at++) {
        size_t n = strspn(at, allowed);

        if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += n;
        if (*at == 0)
            return true;
        if (*at != '/')
            return false;
    }
}

/* publisher/name */
static void check_plugin_name(struct reader *r, const char *name)
{
    const char *slash = strchr(name, '/');

    reader_expect(r, "name", name, LETTERS DIGITS "_-./");
    if (!r->status && (!slash || slash == name || !slash[1] || strchr(slash + 1, '/')))
        reader_fail(r, "name: expected publisher/name, found %.64s", name);
}

/* ---- the parts ------------------------------------------------------------------------------ */

static void read_archs(struct reader *r, struct manifest *m, struct json_object *root)
{
    static const char *const keys[] = {"model_type", "name", "task", NULL};
    struct json_object *array;
    void *items;

    m->n_archs = reader_array(r, root, "architectures", &array, &items, sizeof(*m->archs));
    m->archs = items;
    for (size_t i = 0; i < m->n_archs && !r->status; i++) {
        struct json_object *o = reader_entry(r, array, i, "architectures");
        struct manifest_arch *a = &m->archs[i];

        reader_keys(r, o, keys);
        a->name = reader_string(r, o, "name");
        a->model_type = reader_string(r, o, "model_type");
        a->task = reader_string(r, o, "task");
        reader_expect(r, "architectures: name", a->name, LETTERS CAPITALS DIGITS "_");
        for (size_t j = 0; j < i; j++)
            if (strcmp(m->archs[j].name, a->name) == 0)
                reader_fail(r, "architectures: %s is there twice", a->name);
    }
    if (m->n_archs == 0)
        reader_fail(r, "architectures: none");
}

/* Said only where it is so: one meaning, one text. */
static bool read_needs_isolation(struct reader *r, struct json_object *o)
{
    static const char key[] = "needs_isolation";

    if (r->status || !json_object_object_get_ex(o, key, NULL))
        return false;
    if (!json_object_get_boolean(reader_get(r, o, key, json_type_boolean)))
        reader_fail(r, "targets: %s: expected true, or nothing", key);
    return true;
}

static void read_targets(struct reader *r, struct manifest *m, struct json_object *root)
{
    static const char *const keys[] = {"imports",         "library", "needed",
                                       "needs_isolation", "tag",     NULL};
    struct json_object *array;
    void *items;

    m->n_targets = reader_array(r, root, "targets", &array, &items, sizeof(*m->targets));
    m->targets = items;
    for (size_t i = 0; i < m->n_targets && !r->status; i++) {
        struct json_object *o = reader_entry(r, array, i, "targets");
        struct manifest_target *t = &m->targets[i];

        reader_keys(r, o, keys);
        t->tag = reader_string(r, o, "tag");
        t->library = reader_string(r, o, "library");
        t->needed = reader_strings(r, o, "needed");
        t->imports = reader_strings(r, o, "imports");
        t->needs_isolation = read_needs_isolation(r, o);
        reader_expect(r, "targets: tag", t->tag, LETTERS DIGITS "_-");
        for (size_t j = 0; j < i; j++)
            if (strcmp(m->targets[j].tag, t->tag) == 0)
                reader_fail(r, "targets: %s is there twice", t->tag);
        if (!r->status && !manifest_file(m, t->library))
            reader_fail(r, "targets: library: %s is not among the files", t->library);
    }
}

static void read_shaders(struct reader *r, struct manifest *m, struct json_object *root)
{
    static const char *const keys[] = {"bindings", "capabilities", "entry",
                                       "name",     "push_size",    NULL};
    struct json_object *array;
    void *items;

    m->n_shaders = reader_array(r, root, "shaders", &array, &items, sizeof(*m->shaders));
    m->shaders = items;
    for (size_t i = 0; i < m->n_shaders && !r->status; i++) {
        struct json_object *o = reader_entry(r, array, i, "shaders");
        struct manifest_shader *s = &m->shaders[i];

        reader_keys(r, o, keys);
        s->name = reader_string(r, o, "name");
        s->entry = reader_string(r, o, "entry");
        s->bindings = reader_int(r, o, "bindings", 1, 32);
        s->push_size = reader_int(r, o, "push_size", 0, 256);
        s->capabilities = reader_strings(r, o, "capabilities");
    }
}

/* Complete, sorted, and no two that a file system without case would take for one. */
static void read_files(struct reader *r, struct manifest *m, struct json_object *root)
{
    static const char *const keys[] = {"path", "sha256", "size", NULL};
    struct json_object *array;
    void *items;

    m->n_files = reader_array(r, root, "files", &array, &items, sizeof(*m->files));
    m->files = items;
    for (size_t i = 0; i < m->n_files && !r->status; i++) {
        struct json_object *o = reader_entry(r, array, i, "files");
        struct manifest_file *f = &m->files[i];
        const char *sha256;

        reader_keys(r, o, keys);
        f->path = reader_string(r, o, "path");
        f->size = (uint64_t)reader_int(r, o, "size", 0, INT64_C(1) << 40);
        sha256 = reader_string(r, o, "sha256");
        if (!r->status && !manifest_path_ok(f->path))
            reader_fail(r, "files: %.64s: not a plain relative path", f->path);
        if (strlen(sha256) != 64 || strspn(sha256, DIGITS "abcdef") != 64)
            reader_fail(r, "files: sha256 of %.64s: expected 64 lowercase hex digits", f->path);
        else
            memcpy(f->sha256, sha256, sizeof f->sha256);
        if (i > 0 && strcmp(m->files[i - 1].path, f->path) >= 0)
            reader_fail(r, "files: not sorted by path, or %s twice", f->path);
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(m->files[j].path, f->path) == 0)
                reader_fail(r, "files: %s and %s differ only in case", m->files[j].path, f->path);
        if (strcasecmp(f->path, MANIFEST_NAME) == 0 ||
            strcasecmp(f->path, MANIFEST_SIGNATURE_NAME) == 0)
            reader_fail(r, "files: %s can't list itself", f->path);
    }
}

static void read_provenance(struct reader *r, struct manifest *m, struct json_object *root)
{
    static const char *const keys[] = {"builder", "commit", "dirty", "repo", NULL};
    struct json_object *o = reader_get(r, root, "provenance", json_type_object);

    if (!o)
        return;
    reader_keys(r, o, keys);
    m->builder = reader_string(r, o, "builder");
    m->commit = reader_string(r, o, "commit");
    m->repo = reader_string(r, o, "repo");
    m->dirty = json_object_get_boolean(reader_get(r, o, "dirty", json_type_boolean));
}

static void read_versions(struct reader *r, struct manifest *m, struct json_object *root)
{
    static const char *const abi_keys[] = {"major", "minor", NULL};
    static const char *const vulkan_keys[] = {"api", "features", NULL};
    struct json_object *abi = reader_get(r, root, "abi", json_type_object);
    struct json_object *vulkan = reader_get(r, root, "vulkan", json_type_object);

    if (!abi || !vulkan)
        return;
    reader_keys(r, abi, abi_keys);
    m->abi_major = reader_int(r, abi, "major", 0, UINT16_MAX);
    m->abi_minor = reader_int(r, abi, "minor", 0, UINT16_MAX);
    reader_keys(r, vulkan, vulkan_keys);
    m->vulkan_api = reader_string(r, vulkan, "api");
    m->vulkan_features = reader_strings(r, vulkan, "features");
}

static void read_root(struct reader *r, struct manifest *m, struct json_object *root)
{
    static const char *const keys[] = {
        "abi",    "architectures", "files",   "license", "name",   "provenance", "release",
        "schema", "shaders",       "targets", "version", "vulkan", NULL};
    const char *schema = reader_string(r, root, "schema");

    if (!r->status && strcmp(schema, MANIFEST_SCHEMA) != 0)
        reader_fail(r, "schema: expected %s, found %.64s", MANIFEST_SCHEMA, schema);
    reader_keys(r, root, keys);
    m->name = reader_string(r, root, "name");
    check_plugin_name(r, m->name);
    m->version = reader_string(r, root, "version");
    reader_expect(r, "version", m->version, LETTERS CAPITALS DIGITS "-.+");
    m->release = reader_int(r, root, "release", 1, INT64_MAX - 1);
    m->license = reader_string(r, root, "license");
    read_versions(r, m, root);
    read_files(r, m, root);
    read_archs(r, m, root);
    read_targets(r, m, root);
    read_shaders(r, m, root);
    read_provenance(r, m, root);
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_lists(const struct manifest *m, struct json_object *root)
{
    struct json_object *array = canonical_put_array(root, "architectures"), *o;

    for (size_t i = 0; i < m->n_archs; i++) {
        o = canonical_append(array);
        canonical_put_string(o, "name", m->archs[i].name);
        canonical_put_string(o, "model_type", m->archs[i].model_type);
        canonical_put_string(o, "task", m->archs[i].task);
    }
    array = canonical_put_array(root, "targets");
    for (size_t i = 0; i < m->n_targets; i++) {
        o = canonical_append(array);
        canonical_put_string(o, "tag", m->targets[i].tag);
        canonical_put_string(o, "library", m->targets[i].library);
        canonical_put_strings(o, "needed", &m->targets[i].needed);
        canonical_put_strings(o, "imports", &m->targets[i].imports);
        if (m->targets[i].needs_isolation)
            json_object_object_add(o, "needs_isolation", json_object_new_boolean(true));
    }
    array = canonical_put_array(root, "files");
    for (size_t i = 0; i < m->n_files; i++) {
        o = canonical_append(array);
        canonical_put_string(o, "path", m->files[i].path);
        canonical_put_int(o, "size", (int64_t)m->files[i].size);
        canonical_put_string(o, "sha256", m->files[i].sha256);
    }
    array = canonical_put_array(root, "shaders");
    for (size_t i = 0; i < m->n_shaders; i++) {
        o = canonical_append(array);
        canonical_put_string(o, "name", m->shaders[i].name);
        canonical_put_string(o, "entry", m->shaders[i].entry);
        canonical_put_int(o, "bindings", m->shaders[i].bindings);
        canonical_put_int(o, "push_size", m->shaders[i].push_size);
        canonical_put_strings(o, "capabilities", &m->shaders[i].capabilities);
    }
}

void manifest_write(const struct manifest *m, struct text *out)
{
    struct json_object *root = json_object_new_object(), *o;

    canonical_put_string(root, "schema", MANIFEST_SCHEMA);
    canonical_put_string(root, "name", m->name);
    canonical_put_string(root, "version", m->version);
    canonical_put_int(root, "release", m->release);
    canonical_put_string(root, "license", m->license);
    o = canonical_put_object(root, "abi");
    canonical_put_int(o, "major", m->abi_major);
    canonical_put_int(o, "minor", m->abi_minor);
    o = canonical_put_object(root, "vulkan");
    canonical_put_string(o, "api", m->vulkan_api);
    canonical_put_strings(o, "features", &m->vulkan_features);
    o = canonical_put_object(root, "provenance");
    canonical_put_string(o, "repo", m->repo);
    canonical_put_string(o, "commit", m->commit);
    canonical_put_string(o, "builder", m->builder);
    json_object_object_add(o, "dirty", json_object_new_boolean(m->dirty));
    put_lists(m, root);
    canonical_print(root, out);
    json_object_put(root);
}

void manifest_comment(const struct manifest *m, struct text *out)
{
    text_format(out, "name:%s release:%lld pin:%s", m->name, (long long)m->release, m->pin);
}

/* ---- outside -------------------------------------------------------------------------------- */

corbel_status manifest_read(struct manifest *m, const char *data, size_t size, const char *name,
                            corbel_error *err)
{
    struct reader r = {.arena = &m->arena, .name = name, .err = err};
    struct json_object *root = NULL;

    *m = (struct manifest){0};
    if (size > MANIFEST_MAX_SIZE)
        return error_set(err, CORBEL_E_FORMAT, "%s: larger than 1 MiB", name);
    digest_sha256_hex(data, size, m->pin);
    r.status = canonical_parse(data, size, name, &root, err);
    if (!r.status)
        read_root(&r, m, root);
    json_object_put(root);
    if (r.status)
        manifest_finish(m);
    return r.status;
}

void manifest_finish(struct manifest *m)
{
    arena_finish(&m->arena);
    *m = (struct manifest){0};
}

const struct manifest_target *manifest_target(const struct manifest *m, const char *tag)
{
    for (size_t i = 0; i < m->n_targets; i++)
        if (strcmp(m->targets[i].tag, tag) == 0)
            return &m->targets[i];
    return NULL;
}

const struct manifest_file *manifest_file(const struct manifest *m, const char *path)
{
    for (size_t i = 0; i < m->n_files; i++)
        if (strcmp(m->files[i].path, path) == 0)
            return &m->files[i];
    return NULL;
}

const char *manifest_native_tag(void)
{
#if defined(__x86_64__)
    return "x86_64-linux-gnu";
#elif defined(__aarch64__)
    return "aarch64-linux-gnu";
#else
#error "plugin/elf.c knows no relocations of this machine"
#endif
}
