/* corbel-bundle: makes the bundle folder of a plugin: manifest, files, and signature.
 *
 *   corbel-bundle key SECRET HEADER
 *       makes SECRET, a minisign key for this build (mode 0600), unless it is there, and HEADER,
 *       which defines CORBEL_BUILD_KEY as its public half.
 *   corbel-bundle make FOLDER --library FILE [--key SECRET] [--file FILE]... [--license ID]
 *                 [--release N] [--repo URL] [--commit HEX] [--dirty] [--builder TEXT] [--isolated]
 *       replaces FOLDER. The library passes every check of the runtime first; name, version and
 *       architectures are those of its descriptor. Without --key the bundle is not signed.
 *       --isolated: the library needs isolation (plugin/elf.h: the relaxed rules). */
#include "trust/bundle.h"
#include "base/error.h"
#include "base/file.h"
#include "plugin/elf.h"
#include "plugin/loader.h"
#include "plugin/spirv.h"
#include "trust/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 64 };
#define MAX_LIBRARY ((size_t)64 << 20)

struct options {
    const char *folder, *library, *key, *license, *repo, *commit, *builder;
    const char *files[MAX_FILES];
    int64_t release;
    size_t n_files;
    bool dirty;
    enum elf_rules rules;
};

/* ---- key ------------------------------------------------------------------------------------ */

/* The secret half never is readable by others, not even for a moment. */
static corbel_status write_secret(const char *path, const struct text *text, corbel_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = fd < 0 ? -1 : write(fd, text->data, text->size);

    if (fd >= 0)
        close(fd);
    if (n < 0 || (size_t)n != text->size)
        return error_set(err, CORBEL_E_IO, "%s: %s", path, strerror(errno));
    return CORBEL_OK;
}

static corbel_status read_secret(const char *path, struct sign_key *key, corbel_error *err)
{
    char *data = NULL;
    size_t size;
    corbel_status status = file_read(path, MINISIGN_MAX_FILE, &data, &size, err);

    if (!status)
        status = sign_key_parse(key, data, size, NULL, path, err);
    free(data);
    return status;
}

static corbel_status make_key(const char *secret, const char *header, corbel_error *err)
{
    struct text text = {0};
    struct sign_key key;
    char public[MINISIGN_KEY_TEXT];
    corbel_status status;

    if (file_exists(secret)) {
        status = read_secret(secret, &key, err);
    } else {
        status = sign_key_create(&key, err);
        if (!status)
            status = sign_key_print(&key, NULL, 0, 0, &text, err);
        if (!status)
            status = write_secret(secret, &text, err);
    }
    if (!status) {
        minisign_key_print(&key.public, public);
        text_clear(&text);
        text_format(&text,
                    "/* Made by corbel-bundle: the public half of the key that signs this build's "
                    "plugins. */\n#define CORBEL_BUILD_KEY \"%s\"\n",
                    public);
        status = file_write(header, text.data, text.size, err);
    }
    sign_key_finish(&key);
    text_finish(&text);
    return status;
}

/* ---- files of the bundle -------------------------------------------------------------------- */

static corbel_status make_folder(const char *path, corbel_error *err)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return error_set(err, CORBEL_E_IO, "%s: %s", path, strerror(errno));
    return CORBEL_OK;
}

/* Copies FILE to FOLDER/PATH. */
static corbel_status copy_file(const char *file, const char *folder, const char *path,
                               corbel_error *err)
{
    char out[4096], *data = NULL;
    corbel_status status;
    size_t size;

    if (!path_join(out, sizeof out, folder, path))
        return error_set(err, CORBEL_E_ARGUMENT, "%s: too long", folder);
    status = file_read(file, MAX_LIBRARY, &data, &size, err);
    if (!status)
        status = file_write(out, data, size, err);
    free(data);
    return status;
}

static corbel_status remove_files(const char *folder, const char *const *paths, size_t n,
                                  corbel_error *err)
{
    char path[4096];

    for (size_t i = 0; i < n; i++)
        if (!path_join(path, sizeof path, folder, paths[i]) || unlink(path) != 0)
            return error_set(err, CORBEL_E_IO, "%s/%s: %s", folder, paths[i], strerror(errno));
    if (path_join(path, sizeof path, folder, MANIFEST_SIGNATURE_NAME))
        unlink(path); /* a bundle is never left with the signature of another */
    return CORBEL_OK;
}

/* Another bundle that was there goes, since the manifest will not list its files. Any other folder
 * is not touched. */
static corbel_status empty_folder(const char *folder, corbel_error *err)
{
    struct arena arena = {0};
    const char **paths;
    corbel_status status;
    char path[4096];
    size_t n;

    status = make_folder(folder, err);
    if (!status)
        status = bundle_list(folder, &arena, &paths, &n, err);
    if (!status && n > 0 &&
        (!path_join(path, sizeof path, folder, MANIFEST_NAME) || !file_exists(path)))
        status = error_set(err, CORBEL_E_ARGUMENT, "%s: neither empty nor a bundle", folder);
    if (!status)
        status = remove_files(folder, paths, n, err);
    arena_finish(&arena);
    return status;
}

/* What a failure leaves behind would be no bundle, and in the way of the next try. */
static void clear_folder(const char *folder)
{
    struct arena arena = {0};
    const char **paths;
    corbel_error ignored;
    size_t n;

    if (!bundle_list(folder, &arena, &paths, &n, &ignored))
        (void)remove_files(folder, paths, n, &ignored);
    arena_finish(&arena);
}

/* lib/<tag>/NAME.so; *path lives in the manifest's arena. */
static corbel_status place_files(const struct options *o, struct manifest *m, const char **path,
                                 corbel_error *err)
{
    const char *name = strrchr(o->library, '/') ? strrchr(o->library, '/') + 1 : o->library;
    char *folder = arena_format(&m->arena, "%s/lib/%s", o->folder, manifest_native_tag());
    char *lib = arena_format(&m->arena, "%s/lib", o->folder);
    corbel_status status;

    *path = arena_format(&m->arena, "lib/%s/%s", manifest_native_tag(), name);
    if (!folder || !lib || !*path)
        return error_memory(err, 0, "paths");
    status = empty_folder(o->folder, err);
    if (!status)
        status = make_folder(lib, err);
    if (!status)
        status = make_folder(folder, err);
    if (!status)
        status = copy_file(o->library, o->folder, *path, err);
    for (size_t i = 0; !status && i < o->n_files; i++) {
        const char *slash = strrchr(o->files[i], '/');

        status = copy_file(o->files[i], o->folder, slash ? slash + 1 : o->files[i], err);
    }
    return status;
}

static corbel_status list_files(const struct options *o, struct manifest *m, corbel_error *err)
{
    const char **paths;
    corbel_status status = bundle_list(o->folder, &m->arena, &paths, &m->n_files, err);

    if (status)
        return status;
    m->files = arena_array(&m->arena, m->n_files, sizeof(*m->files));
    if (!m->files)
        return error_memory(err, 0, "files");
    for (size_t i = 0; i < m->n_files; i++) {
        char path[4096], *data = NULL;
        size_t size;

        if (!path_join(path, sizeof path, o->folder, paths[i]))
            return error_set(err, CORBEL_E_ARGUMENT, "%s: too long", o->folder);
        status = file_read(path, MAX_LIBRARY, &data, &size, err);
        if (status)
            return status;
        m->files[i].path = paths[i];
        m->files[i].size = size;
        digest_sha256_hex(data, size, m->files[i].sha256);
        free(data);
    }
    return CORBEL_OK;
}

/* ---- what the library says ------------------------------------------------------------------ */

static const char **copy_strings(struct manifest *m, const char *const *strings, size_t n)
{
    const char **copies = arena_array(&m->arena, n ? n : 1, sizeof(*copies));

    for (size_t i = 0; copies && i < n; i++)
        copies[i] = arena_string(&m->arena, strings[i]);
    return copies;
}

static corbel_status describe_target(struct manifest *m, const struct library *library,
                                     const char *path, corbel_error *err)
{
    struct manifest_target *t = arena_alloc(&m->arena, sizeof(*t));
    struct elf_facts facts;
    corbel_status status =
        elf_check(library->data, library->size, library->name, library->rules, &facts, err);

    if (status)
        return status;
    if (!t)
        return error_memory(err, sizeof(*t), "a target");
    t->tag = manifest_native_tag();
    t->library = path;
    t->needed = (struct strings){copy_strings(m, facts.needed, facts.n_needed), facts.n_needed};
    t->imports = (struct strings){copy_strings(m, facts.imports, facts.n_imports), facts.n_imports};
    t->needs_isolation = library->rules == ELF_RELAXED;
    m->targets = t;
    m->n_targets = 1;
    return CORBEL_OK;
}

/* What shaders need of a device beyond the least, as SPIR-V calls it. */
static struct strings capabilities(struct manifest *m, uint32_t features)
{
    const char *names[FEATURE_COUNT];
    size_t n = spirv_capabilities(features, names);

    return (struct strings){copy_strings(m, names, n), n};
}

static corbel_status describe_plugin(struct manifest *m, const struct library *library,
                                     corbel_error *err)
{
    const struct descriptor *d;
    const struct plugin *plugin;
    uint32_t features = 0;
    corbel_status status = plugin_load(library, &plugin, err);

    if (status)
        return status;
    d = plugin_descriptor(plugin);
    m->name = d->plugin.id;
    m->version = d->plugin.version;
    m->abi_major = CORBEL_ABI_MAJOR;
    m->abi_minor = d->plugin.minor_needed;
    m->n_archs = d->plugin.n_archs;
    m->archs = arena_array(&m->arena, m->n_archs, sizeof(*m->archs));
    m->n_shaders = d->plugin.n_kernels;
    m->shaders = arena_array(&m->arena, m->n_shaders ? m->n_shaders : 1, sizeof(*m->shaders));
    if (!m->archs || !m->shaders)
        return error_memory(err, 0, "architectures");
    for (size_t i = 0; i < m->n_archs; i++)
        m->archs[i] = (struct manifest_arch){
            .name = d->archs[i].name,
            .model_type = d->archs[i].model_type,
            .task = d->archs[i].task,
        };
    for (size_t i = 0; i < m->n_shaders; i++) {
        features |= d->shaders[i].features;
        m->shaders[i] = (struct manifest_shader){
            .name = d->kernels[i].name,
            .entry = d->kernels[i].entry,
            .bindings = d->kernels[i].n_buffers,
            .push_size = d->kernels[i].push_size,
            .capabilities = capabilities(m, d->shaders[i].features),
        };
    }
    m->vulkan_features = capabilities(m, features);
    return CORBEL_OK;
}

static corbel_status describe(const struct options *o, struct manifest *m, const char *path,
                              corbel_error *err)
{
    struct library library = {.name = o->library, .rules = o->rules};
    char sha256[DIGEST_HEX_SIZE], *data = NULL;
    corbel_status status = file_read(o->library, MAX_LIBRARY, &data, &library.size, err);

    if (status)
        return status;
    digest_sha256_hex(data, library.size, sha256);
    library.data = data;
    library.sha256 = sha256;
    status = describe_target(m, &library, path, err);
    if (!status)
        status = describe_plugin(m, &library, err);
    free(data);
    return status;
}

/* ---- manifest and signature
 * -------------------------------------------------------------- */

static corbel_status write_beside(const char *folder, const char *name, const struct text *text,
                                  corbel_error *err)
{
    char path[4096];

    if (text->failed || !path_join(path, sizeof path, folder, name))
        return error_memory(err, text->size, name);
    return file_write(path, text->data, text->size, err);
}

static corbel_status sign(const struct options *o, const struct text *manifest, corbel_error *err)
{
    struct text signature = {0};
    struct sign_key key = {0};
    corbel_status status = read_secret(o->key, &key, err);

    if (!status)
        status =
            sign_manifest(&key, manifest->data, manifest->size, MANIFEST_NAME, &signature, err);
    if (!status)
        status = write_beside(o->folder, MANIFEST_SIGNATURE_NAME, &signature, err);
    sign_key_finish(&key);
    text_finish(&signature);
    return status;
}

static corbel_status make_bundle(const struct options *o, corbel_error *err)
{
    struct manifest m = {
        .license = o->license,
        .release = o->release,
        .vulkan_api = "1.1",
        .repo = o->repo,
        .commit = o->commit,
        .builder = o->builder,
        .dirty = o->dirty,
    };
    struct text text = {0};
    const char *path = NULL;
    struct manifest check;
    corbel_status status = place_files(o, &m, &path, err);
    const bool is_ours = !status; /* the folder, from here on */

    if (!status)
        status = describe(o, &m, path, err);
    if (!status)
        status = list_files(o, &m, err);
    if (!status) {
        manifest_write(&m, &text);
        status = text.failed ? error_memory(err, 0, "a manifest")
                             : manifest_read(&check, text.data, text.size, MANIFEST_NAME, err);
    }
    if (!status) {
        manifest_finish(&check);
        status = write_beside(o->folder, MANIFEST_NAME, &text, err);
    }
    if (!status && o->key)
        status = sign(o, &text, err);
    if (status && is_ours)
        clear_folder(o->folder);
    text_finish(&text);
    arena_finish(&m.arena);
    return status;
}

/* ---- command line
 * ------------------------------------------------------------------------ */

static int usage(void)
{
    fprintf(stderr,
            "usage: corbel-bundle key SECRET HEADER\n"
            "       corbel-bundle make FOLDER --library FILE [--key SECRET] [--file FILE]...\n"
            "                     [--license ID] [--release N] [--repo URL] [--commit HEX]\n"
            "                     [--dirty] [--builder TEXT] [--isolated]\n");
    return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        {"library", required_argument, NULL, 'l'},
        {"key", required_argument, NULL, 'k'},
        {"file", required_argument, NULL, 'f'},
        {"license", required_argument, NULL, 'i'},
        {"release", required_argument, NULL, 'r'},
        {"repo", required_argument, NULL, 'u'},
        {"commit", required_argument, NULL, 'c'},
        {"builder", required_argument, NULL, 'b'},
        {"dirty", no_argument, NULL, 'd'},
        {"isolated", no_argument, NULL, 's'},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'l': o->library = optarg; break;
        case 'k': o->key = optarg; break;
        case 'i': o->license = optarg; break;
        case 'r': o->release = strtoll(optarg, NULL, 10); break;
        case 'u': o->repo = optarg; break;
        case 'c': o->commit = optarg; break;
        case 'b': o->builder = optarg; break;
        case 'd': o->dirty = true; break;
        case 's': o->rules = ELF_RELAXED; break;
        case 'f':
            if (o->n_files == MAX_FILES)
                return false;
            o->files[o->n_files++] = optarg;
            break;
        default: return false;
        }
    }
    if (argc - optind != 1 || !o->library)
        return false;
    o->folder = argv[optind];
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {.license = "NOASSERTION",
                        .repo = "",
                        .commit = "",
                        .builder = "corbel-bundle",
                        .release = 1};
    corbel_error err;
    corbel_status status;

    if (argc == 4 && strcmp(argv[1], "key") == 0)
        status = make_key(argv[2], argv[3], &err);
    else if (argc > 2 && strcmp(argv[1], "make") == 0 && parse(argc - 1, argv + 1, &o))
        status = make_bundle(&o, &err);
    else
        return usage();
    if (status)
        fprintf(stderr, "corbel-bundle: %s\n", err.text);
    return status ? 1 : 0;
}
